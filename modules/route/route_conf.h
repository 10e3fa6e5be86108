/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route_conf: the options of route as its table fills them. What they do is rules.c and route.c.
 */
#ifndef MG_ROUTE_ROUTE_CONF_H
#define MG_ROUTE_ROUTE_CONF_H

#include "chain/mg_module.h"

#define ROUTE_HOPS_MAX 10
#define ROUTE_AUTO     (-1)

enum route_action { ROUTE_RELAY, ROUTE_REDIRECT, ROUTE_REJECT };
enum route_sources { ROUTE_KNOWN, ROUTE_ANY };
enum route_relay { ROUTE_RELAY_OFF, ROUTE_RELAY_KNOWN, ROUTE_RELAY_ANY };

struct route_hop_conf {
	const char *uri, *zone;
	int64_t q, weight, ring_s;
	bool as_route, rewrite_host;
};

struct route_rule_conf {
	struct conf_list from; /* const char *: zones */
	const char *domain, *prefix;
	int action, sources;
	struct conf_list hops; /* struct route_hop_conf */
	bool parallel;
	int64_t status; /* ROUTE_AUTO */
};

struct route_conf {
	struct conf_list rules; /* struct route_rule_conf */
	int relay;
	int64_t otherwise, strangers;
};

extern const struct conf_table route_table;

#endif
