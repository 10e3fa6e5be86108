/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * generation: who still uses which configuration. See generation.h; the order in memory is made by
 * `threads` alone: what a thread did with a generation happens before its last decrement, and all of
 * these before the free.
 */
#include "conf/generation.h"

#include <assert.h>

void generation_init(struct generation *g, uint64_t number, unsigned threads,
		     void (*free)(struct generation *g))
{
	assert(threads > 0 && threads <= GENERATION_THREADS_MAX);
	*g = (struct generation){.number = number, .free = free};
	atomic_init(&g->threads, threads);
	atomic_init(&g->next, NULL);
}

void generation_unref(struct generation *g, unsigned me)
{
	assert(g->use[me].uses > 0);
	if (--g->use[me].uses > 0)
		return;
	if (g->left)
		g->left(g, me);
	if (atomic_fetch_sub_explicit(&g->threads, 1, memory_order_acq_rel) == 1)
		g->free(g);
}

void generation_enter(struct generation *next, struct generation *current, unsigned me)
{
	assert(me < GENERATION_THREADS_MAX);
	if (next)
		generation_ref(next, me);
	if (current)
		generation_unref(current, me);
}
