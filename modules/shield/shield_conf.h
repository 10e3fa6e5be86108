/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shield_conf: the options of shield as its table fills them. What they do is shield.c.
 */
#ifndef MG_SHIELD_SHIELD_CONF_H
#define MG_SHIELD_SHIELD_CONF_H

#include "chain/mg_module.h"

#define SHIELD_AUTO (-1) /* as for all zones */

struct shield_zone_conf {
	const char *zone;
	bool limit;
	int64_t requests_per_s, requests_burst, answers_per_s, answers_burst; /* SHIELD_AUTO */
	int64_t pending_invites;                                              /* SHIELD_AUTO */
};

struct shield_cost_conf {
	struct conf_list methods; /* const char * */
	int64_t tokens;
};

struct shield_conf {
	int64_t requests_per_s, requests_burst;
	int64_t answers_per_s, answers_burst;
	int64_t unknown_per_s, unknown_burst;
	int64_t sources_max;
	int64_t known_h;
	int64_t offence_tokens;
	bool kernel;
	int64_t pending_invites, pending_invites_known; /* the latter 0: no limit */
	struct conf_list costs;                         /* struct shield_cost_conf */
	struct conf_list zones;                         /* struct shield_zone_conf */
};

extern const struct conf_table shield_table;

#endif
