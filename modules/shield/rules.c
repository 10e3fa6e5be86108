/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rules: from the options to what is looked up for each packet. Decides nothing about packets. Called by shield.
 */
#include "rules.h"

static uint32_t or_else(int64_t value, int64_t otherwise)
{
	return (uint32_t)(value == SHIELD_AUTO ? otherwise : value);
}

static int read_zones(struct mg_setup *setup, struct shield_rules *rules,
		      const struct shield_conf *conf)
{
	const struct shield_zone_conf *z = conf->zones.items;

	rules->everywhere = (struct shield_limits){
		.on = true,
		.requests =
			source_rule((uint32_t)conf->requests_per_s, (uint32_t)conf->requests_burst),
		.answers =
			source_rule((uint32_t)conf->answers_per_s, (uint32_t)conf->answers_burst),
		.pending = (uint32_t)conf->pending_invites};
	for (unsigned i = 0; i < MG_ZONES_MAX; i++)
		rules->zone[i] = rules->everywhere;
	for (size_t i = 0; i < conf->zones.n; i++) {
		const struct mg_zone *zone = mg_setup_zone_at(setup, z[i].zone, "zones[%zu]", i);
		if (!zone)
			return MG_ENOENT;
		rules->zone[zone->index] = (struct shield_limits){
			.on = z[i].limit,
			.requests = source_rule(or_else(z[i].requests_per_s, conf->requests_per_s),
						or_else(z[i].requests_burst, conf->requests_burst)),
			.pending = or_else(z[i].pending_invites, conf->pending_invites),
			.answers = source_rule(or_else(z[i].answers_per_s, conf->answers_per_s),
					       or_else(z[i].answers_burst, conf->answers_burst))};
	}
	return 0;
}

static void read_cost(struct shield_rules *rules, struct sv method, uint16_t tokens)
{
	enum sip_method known_method = sip_method_find(method);

	if (known_method != SIP_METHOD_OTHER) {
		rules->cost[known_method] = tokens;
	} else if (rules->others < SHIELD_COSTS_MAX) {
		rules->other[rules->others].method = method;
		rules->other[rules->others++].tokens = tokens;
	}
}

static void read_costs(struct shield_rules *rules, const struct shield_conf *conf)
{
	const struct shield_cost_conf *c = conf->costs.items;

	for (unsigned i = 0; i < SIP_METHOD_END; i++)
		rules->cost[i] = 1;
	for (size_t i = 0; i < conf->costs.n; i++) {
		const char *const *method = c[i].methods.items;
		for (size_t j = 0; j < c[i].methods.n; j++)
			read_cost(rules, sv_str(method[j]), (uint16_t)c[i].tokens);
	}
}

int shield_rules_read(struct mg_setup *setup, struct shield_rules *rules,
		      const struct shield_conf *conf)
{
	rules->all = source_rule((uint32_t)conf->unknown_per_s, (uint32_t)conf->unknown_burst);
	rules->known_s = (uint32_t)conf->known_h * 3600;
	rules->offence_tokens = (uint32_t)conf->offence_tokens;
	rules->kernel = conf->kernel;
	rules->pending_known = (uint32_t)conf->pending_invites_known;
	read_costs(rules, conf);
	return read_zones(setup, rules, conf);
}

uint32_t shield_cost(const struct shield_rules *rules, const struct sip_msg *msg)
{
	if (msg->method != SIP_METHOD_OTHER)
		return rules->cost[msg->method];
	for (unsigned i = 0; i < rules->others; i++)
		if (sv_eq(rules->other[i].method, sip_method_text(msg)))
			return rules->other[i].tokens;
	return 1;
}
