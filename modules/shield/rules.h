/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rules: what the options of shield come to: the limits of each zone, the cost of each method. Written once, then only read, by all workers. Nothing is
 * counted here. Called by shield.
 */
#ifndef MG_SHIELD_RULES_H
#define MG_SHIELD_RULES_H

#include "chain/mg_module.h"
#include "shield_conf.h"
#include "source_table.h"

#define SHIELD_COSTS_MAX 32

/* Limits of a zone. */
struct shield_limits {
	bool on;
	struct source_rule requests, answers;
	uint32_t pending; /* 0: no limit */
};

struct shield_rules {
	struct source_rule all; /* strangers together */
	uint32_t known_s, offence_tokens;
	bool kernel;
	uint32_t pending_known; /* 0: no limit */
	struct shield_limits everywhere, zone[MG_ZONES_MAX];
	uint16_t cost[SIP_METHOD_END];
	struct {
		struct sv method;
		uint16_t tokens;
	} other[SHIELD_COSTS_MAX];
	unsigned others;
};

/* Fill `rules`, which are zeros; texts stay those of `conf`. Returns 0, or MG_ENOENT: a zone that there is not, which is said. */
MG_MUST_CHECK int shield_rules_read(struct mg_setup *setup, struct shield_rules *rules,
				    const struct shield_conf *conf);

/* The limits of who comes from `zone`; NULL: from none that is known. For each packet of a flood. */
static inline const struct shield_limits *shield_limits_of(const struct shield_rules *rules,
							   const struct mg_zone *zone)
{
	return zone && zone->index < MG_ZONES_MAX ? &rules->zone[zone->index] : &rules->everywhere;
}

/* Tokens that a request takes. */
uint32_t shield_cost(const struct shield_rules *rules, const struct sip_msg *msg);

#endif
