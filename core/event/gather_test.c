/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Trials of gathering, with clocks that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "event/gather.h"

/* Steps whenever one is due, `us` microseconds long; a microsecond costs these nanoseconds of CPU. */
static void let_pass(struct gather *g, uint64_t *now, uint64_t *cpu, uint64_t us, unsigned without,
		     unsigned with)
{
	for (uint64_t end = *now + us; *now < end; *now += 100) {
		if (gather_due(g, *now))
			gather_step(g, *now, *cpu);
		*cpu += 100 * (uint64_t)(g->on ? with : without);
	}
}

static void what_costs_less_is_done(void **state)
{
	static const struct {
		const char *name;
		unsigned without, with;
		bool on;
	} rows[] = {
		{"timers are dear", 300, 400, false},
		{"timers are cheap", 300, 200, true},
		{"no difference", 300, 300, false},
		{"hardly any", 300, 295, false},
		{"some", 300, 280, true},
		{"nothing to do", 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t now = 5000000, cpu = 777;
		struct gather g;

		gather_init(&g, now);
		assert_true(g.on);
		let_pass(&g, &now, &cpu, 1500000, rows[i].without, rows[i].with);
		if (g.on != rows[i].on || g.phase)
			fail_msg("%s: %d, phase %u", rows[i].name, g.on, g.phase);
	}
}

static void another_load_another_answer(void **state)
{
	uint64_t now = 0, cpu = 0;
	struct gather g;

	(void)state;
	gather_init(&g, now);
	let_pass(&g, &now, &cpu, 3000000, 300, 400);
	assert_false(g.on);
	let_pass(&g, &now, &cpu, 2 * GATHER_SETTLED_US + 300000, 900, 500);
	assert_true(g.on);
	let_pass(&g, &now, &cpu, 2 * GATHER_SETTLED_US + 300000, 300, 400);
	assert_false(g.on);
}

/* A twentieth of the time at most goes into trying what isn't the better one. */
static void trials_are_short(void **state)
{
	uint64_t now = 0, cpu = 0, on = 0, n = 0;
	struct gather g;

	(void)state;
	gather_init(&g, now);
	let_pass(&g, &now, &cpu, 3000000, 300, 400);
	for (; n < 1000; n++) {
		let_pass(&g, &now, &cpu, 10000, 300, 400);
		on += g.on;
	}
	assert_in_range(on, 1, n / 20);
}

/* Who is not asked for long, because events are rare, has not measured anything. */
static void a_trial_that_is_left_changes_nothing(void **state)
{
	(void)state;
	for (unsigned phase = 1; phase <= GATHER_PHASES; phase++) {
		for (unsigned before = 0; before < 2; before++) {
			uint64_t now = 0, cpu = 0;
			struct gather g;

			gather_init(&g, now);
			g.on = before;
			now = g.next_us;
			while (g.phase < phase) {
				assert_true(gather_due(&g, now));
				gather_step(&g, now, cpu);
				now = g.next_us;
				cpu += g.on ? 9000000 : 1000000;
			}
			gather_step(&g, now + GATHER_PHASE_US + 1, cpu + 5);
			assert_int_equal(g.phase, 0);
			assert_int_equal(g.on, before);
			assert_false(gather_due(&g, now + GATHER_SETTLED_US));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_costs_less_is_done),
		cmocka_unit_test(another_load_another_answer),
		cmocka_unit_test(trials_are_short),
		cmocka_unit_test(a_trial_that_is_left_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
