/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pace: the moments at which something is to begin: a Poisson process of a given rate that climbs
 * in a straight line first. Open loop: they are fixed before anything answers. Told the time, never
 * asks. Called for calls and for floods.
 */
#ifndef LOAD_PACE_H
#define LOAD_PACE_H

#include <stdint.h>

#define PACE_NEVER UINT64_MAX

/* Fields are the pace's own, except next_ns. */
struct pace {
	uint64_t next_ns; /* the next moment; PACE_NEVER when there is none any more */
	uint64_t start_ns, end_ns;
	double rate, ramp_s;
	double due; /* how many are expected up to next_ns */
	uint64_t left;
	uint64_t seed;
};

/* Begin. A rate of 0 has no moments at all.
 *
 * rate       Per second, once climbed to.
 * ramp_ns    Time of the climb from 0, which counts within `length_ns`.
 * count      Most moments in all; 0 for no such limit.
 * seed       The same one gives the same moments.
 */
void pace_init(struct pace *p, uint64_t start_ns, uint64_t length_ns, double rate, uint64_t ramp_ns,
	       uint64_t count, uint64_t seed);

/* Go on from next_ns to the moment after it. */
void pace_step(struct pace *p);

#endif
