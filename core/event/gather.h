/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gather: whether letting events gather pays, found out by trying. What a wake-up costs differs between machines by
 * more than a factor of ten (a virtual one may leave its guest for each timer that is set), so that it is measured:
 * while events are dense, some short phases with and without gathering now and then, and what took less of the CPU is
 * done until the next trial. Pure: the caller brings the clocks. Called by loop.c.
 */
#ifndef MG_EVENT_GATHER_H
#define MG_EVENT_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#define GATHER_PHASE_US   10000U   /* long for the noise of arrivals, short for changes of load */
#define GATHER_PHASES     12       /* of a trial, half of them with gathering */
#define GATHER_SETTLED_US 2000000U /* from trial to trial */

struct gather {
	bool on;          /* gather now */
	uint8_t phase;    /* 1 to GATHER_PHASES in a trial, 0: settled */
	bool before;      /* what held before the trial */
	uint64_t next_us; /* when gather_step is due */
	uint64_t from_us, from_ns;
	uint64_t span_us[2], cpu_ns[2]; /* of the trial so far, without and with */
};

/* Settled on gathering, with the first trial a settled time later. */
static inline void gather_init(struct gather *g, uint64_t now_us)
{
	*g = (struct gather){.on = true, .next_us = now_us + GATHER_SETTLED_US / 2};
}

static inline bool gather_due(const struct gather *g, uint64_t now_us)
{
	return now_us >= g->next_us;
}

/* The next phase, when it is due.
 *
 * cpu_ns     CPU time of the thread so far.
 */
void gather_step(struct gather *g, uint64_t now_us, uint64_t cpu_ns);

#endif
