/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * generation: immutable configurations that follow one another. A worker takes the newest at the begin of a turn and everything it begins then
 * keeps that one until it ends; a generation that nobody uses any more is freed. Counting is per worker and without atomics: only
 * the moment a worker has left a generation for good is told to the others.
 */
#ifndef MG_CONF_GENERATION_H
#define MG_CONF_GENERATION_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

#define GENERATION_THREADS_MAX 65

/* Embedded at the begin of what is configured. Fields are this file's own, but for `number`. */
struct generation {
	uint64_t number;
	void (*free)(struct generation *g);
	atomic_uint threads; /* that still use it */
	struct {
		_Alignas(64) uint64_t uses; /* by what this thread has begun; one more while it is the thread's current one */
	} use[GENERATION_THREADS_MAX];
};

/* Begin: `threads` threads are about to take it as their current one. `free` runs in the thread that is the last to leave it. */
void generation_init(struct generation *g, uint64_t number, unsigned threads,
		     void (*free)(struct generation *g));

/* Thread `me` goes from its current generation (NULL at first) to `next`. */
void generation_enter(struct generation *next, struct generation *current, unsigned me);

/* Something begun by thread `me` keeps `g`, and ends. */
static inline void generation_ref(struct generation *g, unsigned me)
{
	g->use[me].uses++;
}
void generation_unref(struct generation *g, unsigned me);

#endif
