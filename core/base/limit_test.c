/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Buckets over long times against what a rule promises exactly, and with odd clocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limit.h"

static const struct {
	struct limit_rule rule;
	uint64_t step_ms, for_ms;
	uint64_t admitted; /* with one attempt per step, first at 0 */
	const char *name;
} rows[] = {
	{{20, 1000, 60}, 1, 60000, 60 + 20 * 60, "unknown sources: 20/s, burst 60"},
	{{5, 1000, 20}, 1, 100000, 20 + 5 * 100, "challenges: 5/s, burst 20"},
	{{1, 60000, 1}, 7, 600000, 1 + 9, "a probe a minute, seen each 7 ms"},
	{{3, 7, 2}, 1, 7000, 2 + 3 * 1000, "3 in 7 ms do not drift"},
	{{1000, 1000, 5}, 1, 5000, 5001, "as many as come"},
	{{10, 1000, 0}, 1, 5000, 0, "no burst, nothing"},
	{{0, 1000, 4}, 1, 5000, 4, "no rate, the burst alone"},
	{{10, 0, 4}, 1, 5000, 0, "no time, nothing"},
};

static void rates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limit l;
		uint64_t got = 0;

		limit_init(&l, &rows[i].rule, 0);
		for (uint64_t t = 0; t <= rows[i].for_ms; t += rows[i].step_ms)
			got += limit_take(&l, &rows[i].rule, t, 1);
		if (got != rows[i].admitted)
			fail_msg("%s: %u", rows[i].name, (unsigned)got);
	}
}

static void odd_clocks(void **state)
{
	struct limit_rule rule = LIMIT_PER_S(10, 3);
	struct limit l;

	(void)state;
	limit_init(&l, &rule, 1000);
	for (int i = 0; i < 10; i++) /* stands still */
		assert_int_equal(limit_take(&l, &rule, 1000, 1), i < 3);
	assert_false(limit_take(&l, &rule, 0, 1)); /* goes back */
	assert_false(limit_take(&l, &rule, 1099, 1));
	assert_true(limit_take(&l, &rule, 1100, 1));
	for (int i = 0; i < 10; i++) /* leaps as far as it can */
		assert_int_equal(limit_take(&l, &rule, UINT64_MAX, 1), i < 3);
}

static void several_at_once(void **state)
{
	struct limit_rule rule = LIMIT_PER_S(1000, 10),
			  widest = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
	struct limit l;

	(void)state;
	limit_init(&l, &rule, 0);
	assert_false(limit_take(&l, &rule, 0, 11));
	assert_true(limit_take(&l, &rule, 0, 10)); /* the refusal took nothing */
	assert_true(limit_take(&l, &rule, 0, 0));
	assert_false(limit_take(&l, &rule, 9, 10));
	assert_true(limit_take(&l, &rule, 10, 10));

	assert_true(limit_take(&l, &rule, 5000, 10)); /* a gap fills it, not more */
	assert_false(limit_take(&l, &rule, 5000, 1));

	limit_init(&l, &widest, 0);
	assert_true(limit_take(&l, &widest, 0, UINT32_MAX));
	assert_false(limit_take(&l, &widest, 0, 1));
	assert_true(limit_take(&l, &widest, 1, 1));
	assert_true(limit_take(&l, &widest, UINT64_MAX, UINT32_MAX));
}

static void a_smaller_rule_applies_at_once(void **state)
{
	struct limit_rule before = LIMIT_PER_S(10, 100), after = LIMIT_PER_S(10, 5);
	struct limit l;

	(void)state;
	limit_init(&l, &before, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(limit_take(&l, &after, 0, 1), i < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),
		cmocka_unit_test(odd_clocks),
		cmocka_unit_test(several_at_once),
		cmocka_unit_test(a_smaller_rule_applies_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
