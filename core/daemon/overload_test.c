/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of overload.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/overload.h"

static const struct overload_conf conf = {.queue_delay_us = 50000,
					  .transactions_percent = 90,
					  .memory_max = 1000,
					  .retry_min_s = 1,
					  .retry_max_s = 10};

/* `n` intervals in which every message waited `delay_us`. */
static void intervals(struct overload *o, uint64_t *now, unsigned n, uint64_t delay_us,
		      unsigned load)
{
	for (unsigned i = 0; i < n; i++) {
		*now += OVERLOAD_INTERVAL_US;
		overload_seen(o, &conf, *now, delay_us, load);
	}
}

static unsigned admitted(struct overload *o, enum overload_class c, unsigned of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < of; i++)
		n += overload_admit(o, c);
	return n;
}

static void test_all_when_idle(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	intervals(&o, &now, 100, 1000, 10);
	for (enum overload_class c = 0; c < OVERLOAD_CLASSES; c++)
		assert_int_equal(admitted(&o, c, 100), 100);
}

/* The less important goes first, and what is in a dialog never. */
static void test_order(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	for (unsigned i = 0; i < 200; i++) {
		intervals(&o, &now, 1, 60000, 10);
		bool refused = false;
		for (enum overload_class c = 0; c < OVERLOAD_CLASSES; c++) {
			unsigned n = admitted(&o, c, 50);

			assert_true(!refused || n == 0);
			refused = refused || n == 0;
		}
		assert_int_equal(admitted(&o, OVERLOAD_DIALOG, 50), 50);
	}
	assert_int_equal(admitted(&o, OVERLOAD_EMERGENCY, 50), 50);
	intervals(&o, &now, 1000, 0, 10);
	assert_int_equal(admitted(&o, OVERLOAD_REST, 50), 50);
}

/* X-9 in full: all classes offer alike, and less and less of it can be done. Whatever that is, it goes to the first ones of the order whole, the rest gets nothing,
 * and only where the line is drawn a class gets a part. */
static void test_order_under_full_overload(void **state)
{
	static const struct {
		const char *name;
		enum overload_class class_;
	} order[] = {
		{"in a dialog", OVERLOAD_DIALOG},
		{"emergency", OVERLOAD_EMERGENCY},
		{"INVITE of a trunk or known peer", OVERLOAD_TRUNK},
		{"INVITE of a user", OVERLOAD_USER},
		{"REGISTER of a known source", OVERLOAD_REFRESH},
		{"REGISTER of a stranger", OVERLOAD_REGISTER},
		{"the rest", OVERLOAD_REST},
	};
	enum { OFFER = 100, ROUNDS = 4000, SETTLED = 2000 };

	(void)state;
	for (unsigned room = 2; room < OVERLOAD_CLASSES; room++) {
		double queue = 0; /* of work, in intervals */
		unsigned done[OVERLOAD_CLASSES] = {0};
		uint64_t now = 1000000;
		struct overload o;

		overload_init(&o);
		for (unsigned i = 0; i < ROUNDS; i++) {
			unsigned n = 0;

			for (unsigned k = 0; k < OVERLOAD_CLASSES; k++) {
				unsigned of = admitted(&o, order[k].class_, OFFER);

				n += of;
				done[k] += i < SETTLED ? 0 : of;
			}
			queue += n / (room * OFFER + OFFER / 2.0) - 1.0;
			queue = queue < 0 ? 0 : queue;
			intervals(&o, &now, 1, (uint64_t)(queue * OVERLOAD_INTERVAL_US), 10);
		}
		for (unsigned k = 0; k < OVERLOAD_CLASSES; k++) {
			double share = (double)done[k] / ((ROUNDS - SETTLED) * OFFER);
			bool right = k < room   ? share == 1.0
				     : k > room ? share == 0.0
						: share > 0.2 && share < 0.8;

			if (!right)
				fail_msg("room for %u classes and a half: %.3f of %s", room, share,
					 order[k].name);
		}
	}
}

/* Another worker's level counts like the own one: the lower of both. */
static void test_two_workers(void **state)
{
	(void)state;
	struct overload o;

	overload_init(&o);
	for (enum overload_class c = 0; c < OVERLOAD_CLASSES; c++) {
		assert_true(overload_admit_to(&o, c, OVERLOAD_CLASSES));
		assert_int_equal(overload_admit_to(&o, c, OVERLOAD_USER), c < OVERLOAD_USER);
		assert_int_equal(overload_admit_to(&o, c, 0), c == OVERLOAD_DIALOG);
	}
	o.level = OVERLOAD_TRUNK;
	assert_false(overload_admit_to(&o, OVERLOAD_TRUNK, OVERLOAD_CLASSES));
	assert_true(overload_admit_to(&o, OVERLOAD_EMERGENCY, OVERLOAD_CLASSES));
}

/* A queue that is served at a fixed rate: what is admitted settles at what can be done, without going off and on. */
static void test_settles(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;
	double queue = 0; /* of work, in intervals */
	unsigned low = UINT32_MAX, high = 0;

	overload_init(&o);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned n =
			admitted(&o, OVERLOAD_USER, 300); /* offered three times what can be done */

		queue += n / 100.0 - 1.0;
		queue = queue < 0 ? 0 : queue;
		intervals(&o, &now, 1, (uint64_t)(queue * OVERLOAD_INTERVAL_US), 10);
		if (i < 1000)
			continue;
		unsigned delay = o.delay_us;
		low = delay < low ? delay : low;
		high = delay > high ? delay : high;
	}
	if (high > 2 * conf.queue_delay_us || low == 0)
		fail_msg("waits from %u to %u us", low, high);
}

/* A machine that stood still for a moment: what waited meanwhile is handled, not refused. */
static void test_a_pause_is_no_overload(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	for (unsigned round = 0; round < 50; round++) {
		intervals(&o, &now, 20, 100, 10);
		for (unsigned i = 0; i < 8; i++) {
			intervals(&o, &now, 1, 200000 - i * 20000, 10);
			assert_int_equal(admitted(&o, OVERLOAD_REST, 50), 50);
		}
	}
}

/* Nor are many, each met by a single message, with nothing between them that would have told of an empty queue. */
static void test_pauses_apart_are_no_overload(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	for (unsigned i = 0; i < 100; i++) {
		now += 500ULL * OVERLOAD_INTERVAL_US;
		overload_seen(&o, &conf, now, 200000, 10);
		assert_int_equal(admitted(&o, OVERLOAD_REST, 50), 50);
	}
}

/* Waits that come and go below the aim are what a busy machine looks like: one request in a thousand refused for them is one too many. */
static void test_below_the_aim_nothing_is_refused(void **state)
{
	static const uint64_t waits_us[] = {0,   12000, 4000,  20000, 24000,
					    100, 24900, 24900, 0,     8000};

	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	for (unsigned i = 0; i < 1000; i++) {
		intervals(&o, &now, 1, waits_us[i % 10], 10);
		assert_int_equal(admitted(&o, OVERLOAD_REST, 50), 50);
	}
}

static void test_memory(void **state)
{
	(void)state;
	struct overload o;

	overload_init(&o);
	overload_memory(&o, &conf, 899);
	assert_int_equal(admitted(&o, OVERLOAD_USER, 10), 10);
	overload_memory(&o, &conf, 900);
	assert_int_equal(admitted(&o, OVERLOAD_USER, 10), 0);
	assert_int_equal(admitted(&o, OVERLOAD_DIALOG, 10), 10);
	assert_int_equal(admitted(&o, OVERLOAD_EMERGENCY, 10), 10);
	overload_memory(&o, &conf, 860);
	assert_int_equal(admitted(&o, OVERLOAD_USER, 10), 0);
	overload_memory(&o, &conf, 840);
	assert_int_equal(admitted(&o, OVERLOAD_USER, 10), 10);
}

static void test_transactions(void **state)
{
	(void)state;
	struct overload o;
	uint64_t now = 1000000;

	overload_init(&o);
	intervals(&o, &now, 200, 0, 95);
	assert_int_equal(admitted(&o, OVERLOAD_USER, 10), 0);
	assert_int_equal(admitted(&o, OVERLOAD_DIALOG, 10), 10);
}

static void test_retry_after(void **state)
{
	(void)state;
	struct overload o;
	unsigned seen = 0;

	overload_init(&o);
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t s = overload_retry_after(&o, &conf);

		assert_in_range(s, 1, 10);
		seen |= 1U << s;
	}
	assert_int_equal(seen, 0x7fe);
}

/* On a slow processor a turn is long and counts as one measurement: it must weigh as much as the intervals it took. */
static void test_long_turns(void **state)
{
	struct overload o;
	uint64_t now = 1000000;

	(void)state;
	overload_init(&o);
	for (unsigned i = 0; i < 50; i++) {
		now += 20ULL * OVERLOAD_INTERVAL_US;
		overload_seen(&o, &conf, now, 400000, 0);
	}
	assert_int_equal(admitted(&o, OVERLOAD_USER, 100), 0);
	assert_int_equal(admitted(&o, OVERLOAD_EMERGENCY, 100), 100);
	now += 200ULL * OVERLOAD_INTERVAL_US;
	overload_seen(&o, &conf, now, 0, 0); /* idle for two seconds */
	assert_int_equal(admitted(&o, OVERLOAD_REST, 100), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_under_full_overload),
		cmocka_unit_test(test_two_workers),
		cmocka_unit_test(test_below_the_aim_nothing_is_refused),
		cmocka_unit_test(test_long_turns),
		cmocka_unit_test(test_all_when_idle),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_settles),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_a_pause_is_no_overload),
		cmocka_unit_test(test_pauses_apart_are_no_overload),
		cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
