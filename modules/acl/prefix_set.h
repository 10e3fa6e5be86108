/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * prefix_set: a list of prefixes of which the first that holds an address counts, compiled into ranges that a search by halves finds. No rule
 * of its own about what a prefix means. Called by acl.
 */
#ifndef MG_ACL_PREFIX_SET_H
#define MG_ACL_PREFIX_SET_H

#include "chain/mg_module.h"

/* No prefix of the list holds the address. */
#define PREFIX_SET_NONE UINT32_MAX

__extension__ typedef unsigned __int128 prefix_key;

/* From here up to the next range, the prefix `index` of the list counts. */
struct prefix_range {
	prefix_key from;
	uint32_t index;
};

/* Embedded in its owner, fields are the set's own. Immutable once it is made: any thread may search it. */
struct prefix_set {
	struct prefix_range *range[2]; /* IPv4, IPv6: each begins at 0 */
	uint32_t n[2];
};

/* Compile `n` prefixes, the first the most important. Returns 0 or MG_ENOMEM; then the set is empty. */
MG_MUST_CHECK int prefix_set_init(struct prefix_set *set, const struct prefix *list, uint32_t n);
void prefix_set_done(struct prefix_set *set);

/* The index of the first prefix of the list that holds `addr`, or PREFIX_SET_NONE. */
uint32_t prefix_set_find(const struct prefix_set *set, const struct addr *addr);

#endif
