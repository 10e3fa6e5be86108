/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gather: trials. Called by loop.c, with the clocks.
 */
#include "event/gather.h"

/* A wake-up less is worth something beyond its CPU time here: whoever sends to us pays for it too. But what
 * gathering doesn't save it costs in delay. */
#define WORTH_PERCENT 97

static void settle(struct gather *g, uint64_t now_us, bool on)
{
	g->on = on;
	g->phase = 0;
	g->next_us = now_us + GATHER_SETTLED_US;
}

static void begin_phase(struct gather *g, uint64_t now_us, uint64_t cpu_ns)
{
	g->phase++;
	g->on = g->phase % 2 == 0;
	g->from_us = now_us;
	g->from_ns = cpu_ns;
	g->next_us = now_us + GATHER_PHASE_US;
}

/* Less CPU in the same time, for what are the same events on average. */
static bool pays(const struct gather *g)
{
	double without = (double)g->cpu_ns[0] / (double)g->span_us[0];
	double with = (double)g->cpu_ns[1] / (double)g->span_us[1];

	return with * 100 < without * WORTH_PERCENT;
}

void gather_step(struct gather *g, uint64_t now_us, uint64_t cpu_ns)
{
	if (g->phase == 0) {
		g->before = g->on;
		g->span_us[0] = g->span_us[1] = g->cpu_ns[0] = g->cpu_ns[1] = 0;
		begin_phase(g, now_us, cpu_ns);
		return;
	}
	if (now_us - g->from_us > (uint64_t)2 * GATHER_PHASE_US) { /* no dense events any more */
		settle(g, now_us, g->before);
		return;
	}
	g->span_us[g->on] += now_us - g->from_us;
	g->cpu_ns[g->on] += cpu_ns - g->from_ns;
	if (g->phase < GATHER_PHASES)
		begin_phase(g, now_us, cpu_ns);
	else
		settle(g, now_us, pays(g));
}
