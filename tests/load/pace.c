/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pace: exponential steps of the expected count, turned into time by the inverse of the rate's
 * integral, so that ramp and plateau are one process. Randomness is splitmix64: fast, repeatable,
 * and nobody's secret.
 */
#include "load/pace.h"

#include <math.h>

static uint64_t random_bits(struct pace *p)
{
	uint64_t z = p->seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Seconds after the start at which `due` are expected to have begun. */
static double time_of(const struct pace *p, double due)
{
	double climbed = p->rate * p->ramp_s / 2;

	if (due < climbed)
		return sqrt(2 * p->ramp_s * due / p->rate);
	return p->ramp_s + (due - climbed) / p->rate;
}

void pace_step(struct pace *p)
{
	double unit = ((double)(random_bits(p) >> 11) + 1) * 0x1p-53; /* (0, 1] */

	p->due -= log(unit);
	p->next_ns = p->start_ns + (uint64_t)(time_of(p, p->due) * 1e9);
	if (p->next_ns >= p->end_ns || p->left == 0)
		p->next_ns = PACE_NEVER;
	else
		p->left--;
}

void pace_init(struct pace *p, uint64_t start_ns, uint64_t length_ns, double rate, uint64_t ramp_ns,
	       uint64_t count, uint64_t seed)
{
	*p = (struct pace){
		.next_ns = PACE_NEVER,
		.start_ns = start_ns,
		.end_ns = start_ns + length_ns,
		.rate = rate,
		.ramp_s = (double)ramp_ns / 1e9,
		.left = count ? count : UINT64_MAX,
		.seed = seed,
	};
	if (rate > 0)
		pace_step(p);
}
