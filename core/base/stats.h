/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stats: named counters, a table of them per worker, added up when somebody asks. Writing is a plain
 * addition to memory that no other thread writes: no lock, no locked instruction. Drop reasons are
 * such a table too. Names are constants of ours, never anything a peer sent (P-14).
 */
#ifndef MG_BASE_STATS_H
#define MG_BASE_STATS_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum stats_kind {
	STATS_COUNTER, /* only grows */
	STATS_GAUGE,   /* what is there now */
};

/* One row of a room's table, indexed by that room's enum. */
struct stats_desc {
	const char *name; /* [a-z0-9_], with its unit: "sip_dropped_total" */
	const char *help; /* one line */
	enum stats_kind kind;
};

struct stats {
	const struct stats_desc *desc; /* n of them, the caller's, constant */
	size_t n;
	size_t workers;
	size_t stride; /* cells from one worker to the next: whole cache lines */
	_Atomic uint64_t *cells;
};

/* Make a table of `n` counters, all 0, for workers 0 to workers - 1.
 *
 * desc       Stays the caller's and must outlive the table.
 * Returns    NULL without memory.
 */
MG_MUST_CHECK struct stats *stats_new(const struct stats_desc *desc, size_t n, size_t workers);

/* Free the table; NULL is fine. */
void stats_free(struct stats *s);

/* Add to a counter or gauge; only the thread that is `worker` may. A gauge goes down by adding a
 * negated number, as in stats_add(s, w, id, -(uint64_t)1).
 */
static inline void stats_add(struct stats *s, size_t worker, size_t id, uint64_t n)
{
	assert(worker < s->workers && id < s->n);
	_Atomic uint64_t *cell = &s->cells[worker * s->stride + id];
	uint64_t v = atomic_load_explicit(cell, memory_order_relaxed);

	atomic_store_explicit(cell, v + n, memory_order_relaxed);
}

/* Set this worker's part of a gauge. */
static inline void stats_set(struct stats *s, size_t worker, size_t id, uint64_t v)
{
	assert(worker < s->workers && id < s->n);
	atomic_store_explicit(&s->cells[worker * s->stride + id], v, memory_order_relaxed);
}

/* The sum over all workers, from any thread. Not a snapshot: two counters read one after the other
 * may be a moment apart. A gauge is meant as an int64_t, since one worker's part may be negative.
 */
uint64_t stats_sum(const struct stats *s, size_t id);

#endif
