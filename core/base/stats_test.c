/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sums over workers, one of them a thread of its own; each allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/stats.h"
#include "base/test_alloc.h"

enum { RECEIVED, DROPPED, CALLS, STATS };

static const struct stats_desc desc[STATS] = {
	[RECEIVED] = {"received_total", "messages received", STATS_COUNTER},
	[DROPPED] = {"dropped_total", "messages dropped", STATS_COUNTER},
	[CALLS] = {"calls", "calls now", STATS_GAUGE},
};

static void sums_over_workers(void **state)
{
	struct stats *s = stats_new(desc, STATS, 3);

	(void)state;
	assert_non_null(s);
	assert_int_equal((uintptr_t)s->cells % 64, 0);
	assert_int_equal(s->stride * sizeof(uint64_t) % 64, 0);
	for (size_t w = 0; w < 3; w++)
		stats_add(s, w, RECEIVED, w + 1);
	stats_add(s, 2, CALLS, 5);
	stats_add(s, 0, CALLS, -(uint64_t)2); /* begun on one worker, ended on another */
	assert_int_equal(stats_sum(s, RECEIVED), 6);
	assert_int_equal(stats_sum(s, DROPPED), 0);
	assert_int_equal(stats_sum(s, CALLS), 3);
	stats_set(s, 2, CALLS, 1);
	assert_int_equal((int64_t)stats_sum(s, CALLS), -1);
	assert_string_equal(s->desc[DROPPED].name, "dropped_total");
	stats_free(s);
	stats_free(NULL);
}

static void *count_up(void *arg)
{
	for (int i = 0; i < 100000; i++)
		stats_add(arg, 1, RECEIVED, 1);
	return NULL;
}

static void read_from_another_thread(void **state)
{
	struct stats *s = stats_new(desc, STATS, 2);
	uint64_t before = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, count_up, s), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t sum = stats_sum(s, RECEIVED);
		assert_true(sum >= before);
		before = sum;
	}
	pthread_join(thread, NULL);
	assert_int_equal(stats_sum(s, RECEIVED), 100000);
	stats_free(s);
}

static void no_memory(void **state)
{
	(void)state;
	for (long i = 0; i < 2; i++) {
		alloc_until_failure = i;
		assert_null(stats_new(desc, STATS, 4));
		alloc_until_failure = -1;
	}
	assert_null(stats_new(desc, STATS, SIZE_MAX / 8));
	assert_null(stats_new(desc, SIZE_MAX - 64, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_over_workers),
		cmocka_unit_test(read_from_another_thread),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
