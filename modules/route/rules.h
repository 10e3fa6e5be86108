/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rules: the rules of a configuration, compiled so that one is found by host and number of a Request-URI in a time that does not depend on their
 * number. What a rule then does is route.c.
 */
#ifndef MG_ROUTE_RULES_H
#define MG_ROUTE_RULES_H

#include "route_conf.h"

#define RULES_HOST_MAX 256

struct hop {
	const struct route_hop_conf *conf;
	const struct mg_zone *zone; /* NULL: what fits best */
	struct sip_uri uri;
};

struct rule {
	const struct route_rule_conf *conf;
	struct rule *next; /* of the same domain or prefix */
	uint8_t from[MG_ZONES_MAX / 8];
	unsigned hops;
	struct hop hop[]; /* by falling q */
};

/* Who asks. */
struct rules_query {
	const struct mg_zone *zone;
	bool known;
	const struct sip_uri *uri; /* of the request */
	struct sv number;          /* number_of(uri) */
};

struct rules; /* immutable: any thread may search it */

/* The one spelling of a host by which rules are found: lower case, without the dot of the root, an address as addr_write has it. Returns
 * bytes, 0 for one that is too long. */
size_t rules_host(struct sv host, char out[RULES_HOST_MAX]);

/* Compile. Returns 0, MG_ENOMEM, or MG_ENOENT with the fault reported to `setup`. */
MG_MUST_CHECK int rules_new(struct rules **out, const struct route_conf *conf,
			    struct mg_setup *setup);
void rules_free(struct rules *rules); /* NULL is fine */

/* The rule for a request: of its host, of the nearest domain above, of the longest prefix of its number, of "*"; of several the first that
 * takes its zone and source. NULL: none.
 *
 * by_number  Set when it was found by the number.
 */
const struct rule *rules_find(const struct rules *rules, const struct rules_query *query,
			      bool *by_number);

#endif
