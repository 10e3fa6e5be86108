/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * hist: a histogram of durations, 64 steps an octave (values are right to 1.6 %), from 1 ns to 18
 * minutes. Fixed size; no clock, no text. Called by whatever takes a time of a call.
 */
#ifndef LOAD_HIST_H
#define LOAD_HIST_H

#include <stdint.h>

#define HIST_STEPS   64
#define HIST_OCTAVES 35
#define HIST_SLOTS   (HIST_STEPS * (HIST_OCTAVES + 1))

/* Zeroed is empty. */
struct hist {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t slots[HIST_SLOTS];
};

/* Note one duration; what is longer than the range counts in the last slot, and exactly in max. */
void hist_add(struct hist *h, uint64_t ns);

/* The duration that a share `q` (0 to 1) of those noted does not exceed: the upper end of its slot,
 * at most the maximum. 0 when nothing was noted.
 */
uint64_t hist_quantile(const struct hist *h, double q);

/* The average; 0 when nothing was noted. */
uint64_t hist_mean(const struct hist *h);

#endif
