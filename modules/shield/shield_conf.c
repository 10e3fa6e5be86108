/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shield_conf: the options of shield, and which of them cannot work together.
 */
#include "shield_conf.h"

#define RATE(field, top, def_, what)                                                             \
	{                                                                                        \
		.name = #field, .type = CONF_INT, .offset = offsetof(struct shield_conf, field), \
		.min = 1, .max = (top), .def = (def_), .help = (what)                            \
	}
#define ZONE_RATE(field, top, what)                                                         \
	{                                                                                   \
		.name = #field, .type = CONF_AUTO,                                          \
		.offset = offsetof(struct shield_zone_conf, field), .min = 1, .max = (top), \
		.def = "auto", .help = (what)                                               \
	}

static void check_costs(struct conf_check *check, const void *value)
{
	const struct shield_cost_conf *c = value;
	const char *const *method = c->methods.items;

	for (size_t i = 0; i < c->methods.n; i++)
		if (!lex_is_token(sv_str(method[i])))
			conf_fault(check, "methods", "names of methods");
}

static int64_t lowest_burst(const struct shield_conf *c)
{
	const struct shield_zone_conf *z = c->zones.items;
	int64_t lowest = c->requests_burst;

	for (size_t i = 0; i < c->zones.n; i++)
		if (z[i].requests_burst != SHIELD_AUTO && z[i].requests_burst < lowest)
			lowest = z[i].requests_burst;
	return lowest;
}

static void check_conf(struct conf_check *check, const void *value)
{
	const struct shield_conf *c = value;
	const struct shield_cost_conf *cost = c->costs.items;
	const struct shield_zone_conf *z = c->zones.items;
	int64_t burst = lowest_burst(c);

	for (size_t i = 0; i < c->costs.n; i++)
		if (cost[i].tokens > burst)
			conf_fault(check, "costs",
				   "no more tokens than the smallest requests_burst, %lld",
				   (long long)burst);
	for (size_t i = 0; i < c->zones.n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(z[i].zone, z[j].zone) == 0)
				conf_fault(check, "zones", "each zone once");
}

static const struct conf_option cost_options[] = {
	{.name = "methods",
	 .type = CONF_STRING,
	 .flags = CONF_LIST | CONF_REQUIRED,
	 .offset = offsetof(struct shield_cost_conf, methods),
	 .max = 32,
	 .max_items = 32,
	 .example = "( \"SUBSCRIBE\", \"PUBLISH\" )",
	 .help = "methods"},
	{.name = "tokens",
	 .type = CONF_INT,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct shield_cost_conf, tokens),
	 .min = 1,
	 .max = 1000,
	 .example = "4",
	 .help = "tokens that a request of these takes; of all others it is one"},
};
static const struct conf_table cost_table = {.name = "cost",
					     .help = "what requests of some methods cost",
					     .size = sizeof(struct shield_cost_conf),
					     CONF_OPTIONS(cost_options),
					     .check = check_costs};

static const struct conf_option zone_options[] = {
	{.name = "zone",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct shield_zone_conf, zone),
	 .example = "\"home\"",
	 .help = "name of a zone"},
	{.name = "limit",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct shield_zone_conf, limit),
	 .def = "true",
	 .help = "limit strangers in this zone"},
	ZONE_RATE(requests_per_s, 100000, "as for all zones"),
	ZONE_RATE(requests_burst, 1000000, "as for all zones"),
	ZONE_RATE(answers_per_s, 1000, "as for all zones"),
	ZONE_RATE(answers_burst, 100000, "as for all zones"),
	ZONE_RATE(pending_invites, 65535, "as for all zones"),
};
static const struct conf_table zone_table = {.name = "zone",
					     .help = "limits of a zone",
					     .size = sizeof(struct shield_zone_conf),
					     CONF_OPTIONS(zone_options)};

static const struct conf_option options[] = {
	RATE(requests_per_s, 100000, "20",
	     "messages and connections a second that a stranger may send"),
	RATE(requests_burst, 1000000, "60", "and at once"),
	RATE(answers_per_s, 1000, "5", "stateless answers a second that a stranger gets"),
	RATE(answers_burst, 100000, "20", "and at once"),
	RATE(unknown_per_s, 1000000, "2000", "messages a second of all strangers together"),
	RATE(unknown_burst, 10000000, "4000", "and at once"),
	RATE(offence_tokens, 1000, "5",
	     "tokens that a stranger's packet takes besides its own when it is no SIP, is "
	     "malformed "
	     "or carries a forged token of ours"),
	RATE(pending_invites, 65535, "4",
	     "INVITEs without a final response that a stranger may have at a time; what is more is "
	     "answered 486, or 503 in a zone of carriers"),
	{.name = "pending_invites_known",
	 .type = CONF_INT,
	 .offset = offsetof(struct shield_conf, pending_invites_known),
	 .min = 0,
	 .max = 65535,
	 .def = "0",
	 .help = "the same of a known source, as a trunk, answered 503; 0: any number"},
	{.name = "sources_max",
	 .type = CONF_INT,
	 .flags = CONF_RESTART,
	 .offset = offsetof(struct shield_conf, sources_max),
	 .min = 1024,
	 .max = 16777216,
	 .def = "131072",
	 .help = "sources that are remembered, 32 bytes each, up to the next power of two"},
	{.name = "known_h",
	 .type = CONF_INT,
	 .offset = offsetof(struct shield_conf, known_h),
	 .unit = "hours",
	 .min = 1,
	 .max = 720,
	 .def = "24",
	 .help = "how long a source stays known after it has authenticated"},
	{.name = "kernel",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct shield_conf, kernel),
	 .def = "true",
	 .help = "have the kernel drop, where it can, the datagrams of a stranger that is over its "
		 "limit"},
	{.name = "costs",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct shield_conf, costs),
	 .max_items = 32,
	 .group = &cost_table,
	 .help = "methods of which a stranger may send fewer"},
	{.name = "zones",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct shield_conf, zones),
	 .max_items = MG_ZONES_MAX,
	 .group = &zone_table,
	 .help = "zones with other limits"},
};
const struct conf_table shield_table = {.name = "shield",
					.help = "limits for sources that nobody knows",
					.size = sizeof(struct shield_conf),
					CONF_OPTIONS(options),
					.check = check_conf};
