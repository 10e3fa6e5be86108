/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * generation: immutable configurations that follow one another. A worker takes the newest at the
 * begin of a turn and everything it begins then keeps that one until it ends; a generation that
 * nobody uses any more is freed. Counting is per worker and without atomics: only the moment a worker
 * has left a generation for good is told to the others. Holds no settings itself; called by the
 * daemon.
 *
 *	main:    generation_init(next, ...); generation_publish(newest, next); newest = next;
 *	worker:  at the begin of a turn   while ((g = generation_after(current))) {
 *	                                          generation_enter(g, current, me);
 *	                                          current = g;
 *	                                  }
 *	         at the end of its life   generation_enter(NULL, current, me);
 */
#ifndef MG_CONF_GENERATION_H
#define MG_CONF_GENERATION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GENERATION_THREADS_MAX 66

/* Embedded at the begin of what is configured, which must be aligned as it is (64: aligned_alloc).
 * Fields are this file's own, but for `number` and `left`.
 */
struct generation {
	uint64_t number;
	void (*free)(struct generation *g);
	/* Called in thread `me` when it has left for good, before the others hear of it: to undo what
	 * that thread made for this generation. May be NULL. To be set before the first thread enters. */
	void (*left)(struct generation *g, unsigned me);
	atomic_uint threads; /* that still use it, or are about to */
	struct generation *_Atomic next;
	struct {
		/* By what this thread has begun; one more while it is the thread's current one. */
		_Alignas(64) uint64_t uses;
	} use[GENERATION_THREADS_MAX];
};

/* Begin: `threads` threads are about to take it as their current one, each exactly once, be it only
 * to go on to the one after it. `free` runs in the thread that is the last to leave it.
 *
 * threads    1 to GENERATION_THREADS_MAX; their numbers `me` need not be the first ones.
 */
void generation_init(struct generation *g, uint64_t number, unsigned threads,
		     void (*free)(struct generation *g));

/* Make `next` the one after `newest`; by one thread at a time, while `newest` is sure to live: the
 * publisher is one of its threads, or there is one that has not gone on yet because nothing was
 * published.
 */
static inline void generation_publish(struct generation *newest, struct generation *next)
{
	atomic_store_explicit(&newest->next, next, memory_order_release);
}

/* The one after `g`, NULL while there is none. None is passed over: a thread that was slow goes
 * through all of them.
 */
static inline struct generation *generation_after(struct generation *g)
{
	return atomic_load_explicit(&g->next, memory_order_acquire);
}

/* Thread `me` goes from its current generation (NULL at first) to `next` (NULL at last). `current`
 * may be freed in it.
 */
void generation_enter(struct generation *next, struct generation *current, unsigned me);

/* Something begun by thread `me` keeps `g`, and ends. Keeping begins while `g` is the thread's
 * current one, or kept by something else that the thread has begun. `g` may be freed by unref.
 */
static inline void generation_ref(struct generation *g, unsigned me)
{
	g->use[me].uses++;
}
void generation_unref(struct generation *g, unsigned me);

#endif
