/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pending: how many INVITEs of a source wait for their final response. A table of fixed size that all workers share, without a lock: a slot is one atomic word. Who
 * is counted, and what is done to who has too many, is not decided here. Called by shield.
 */
#ifndef MG_SHIELD_PENDING_H
#define MG_SHIELD_PENDING_H

#include "chain/mg_module.h"

struct pending_table;

/* Make a table of at least `max` sources, rounded up to a power of two. Counted: one reference, the caller's. NULL without memory or chance. */
MG_MUST_CHECK struct pending_table *pending_new(uint32_t max);
struct pending_table *pending_ref(struct pending_table *t);
void pending_unref(struct pending_table *t); /* any thread; NULL is fine */

/* Count one more of a source (an IPv4 address or an IPv6 /64), unless it has `limit` (at most PENDING_MAX) already. Any thread.
 *
 * Returns    a handle above 0 for pending_leave; MG_ELIMIT when it has as many; MG_ENOSPC when too many other sources have some.
 */
#define PENDING_MAX 65535
MG_MUST_CHECK int pending_enter(struct pending_table *t, const struct addr *addr, uint32_t limit);
/* One less; the handle is dead. */
void pending_leave(struct pending_table *t, int handle);

/* All that are counted now. */
uint32_t pending_now(const struct pending_table *t);
/* Sources that there is room for, if chance spreads them well. */
uint32_t pending_max(const struct pending_table *t);

#endif
