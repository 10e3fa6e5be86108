/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * hist: slots that are linear within an octave: the first 64 hold 0 to 63 ns, one each, and every
 * octave above has 64. Nothing is ever moved or merged.
 */
#include "load/hist.h"

static unsigned slot_of(uint64_t ns)
{
	if (ns < HIST_STEPS)
		return (unsigned)ns;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns) - 5; /* 1 for 64 to 127 */
	if (octave > HIST_OCTAVES)
		return HIST_SLOTS - 1;
	return octave * HIST_STEPS + (unsigned)(ns >> (octave - 1)) - HIST_STEPS;
}

/* The longest duration that counts in a slot. */
static uint64_t top_of(unsigned slot)
{
	unsigned octave = slot / HIST_STEPS;

	if (octave == 0)
		return slot;
	return (((uint64_t)slot % HIST_STEPS + HIST_STEPS + 1) << (octave - 1)) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->slots[slot_of(ns)]++;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	double wanted = q * (double)h->count;
	uint64_t below = 0;

	for (unsigned i = 0; i < HIST_SLOTS; i++) {
		below += h->slots[i];
		if (h->slots[i] && (double)below >= wanted)
			return top_of(i) < h->max_ns ? top_of(i) : h->max_ns;
	}
	return h->max_ns;
}

uint64_t hist_mean(const struct hist *h)
{
	return h->count ? h->sum_ns / h->count : 0;
}
