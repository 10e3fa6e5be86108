/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * number: telephone numbers in URIs, brought to one spelling, and a tree of prefixes in which the longest that fits is found digit by digit. What
 * belongs to a prefix is its owner's. Called by rules.
 */
#ifndef MG_ROUTE_NUMBER_H
#define MG_ROUTE_NUMBER_H

#include "chain/mg_module.h"

#define NUMBER_MAX 64 /* digits; a longer one is none */

/* The number that a URI calls: the user of a sip or sips URI, or a tel URI, without escapes, visual separators (RFC 3966 §5.1.1) and
 * parameters: "+", digits, "*" and "#". So that no rule is beaten by another spelling.
 *
 * Returns    digits written to `out`, 0 when it calls no number.
 */
size_t number_of(const struct sip_uri *uri, char out[NUMBER_MAX]);

/* The same text as a prefix of the configuration would have to be written; for checks. */
bool number_is_plain(struct sv text);

struct number_tree; /* immutable once it is filled: any thread may search it */

MG_MUST_CHECK struct number_tree *number_tree_new(void);
void number_tree_free(struct number_tree *tree); /* NULL is fine */

/* Where what belongs to a prefix is kept: *slot is NULL at first. Valid until the next call. NULL without memory. `prefix` is plain; "" is the prefix of all. */
MG_MUST_CHECK void **number_tree_slot(struct number_tree *tree, struct sv prefix);

/* What belongs to the prefixes of `number`, the longest first, at most `max`. Returns how many. */
size_t number_tree_find(const struct number_tree *tree, struct sv number, void **found, size_t max);

#endif
