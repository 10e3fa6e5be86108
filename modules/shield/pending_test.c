/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of pending.c.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pending.h"

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_IP, &a), 0);
	return a;
}

static void exactly_so_many(void **state)
{
	struct pending_table *t = pending_new(64);
	struct addr a = address("192.0.2.1"), b = address("192.0.2.2"),
		    v6 = address("2001:db8:1::1"), near = address("2001:db8:1::2"),
		    far = address("2001:db8:1:1::2");
	int h[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_true((h[i] = pending_enter(t, &a, 4)) > 0);
	assert_int_equal(pending_enter(t, &a, 4), MG_ELIMIT);
	a.port = 5099; /* another port is the same source */
	assert_int_equal(pending_enter(t, &a, 4), MG_ELIMIT);
	assert_true(pending_enter(t, &b, 4) > 0);
	assert_true(pending_enter(t, &v6, 1) > 0);
	assert_int_equal(pending_enter(t, &near, 1), MG_ELIMIT);
	assert_true(pending_enter(t, &far, 1) > 0);
	assert_int_equal(pending_now(t), 7);
	pending_leave(t, h[2]);
	assert_true((h[2] = pending_enter(t, &a, 4)) > 0);
	assert_int_equal(pending_enter(t, &a, 4), MG_ELIMIT);
	for (unsigned i = 0; i < 4; i++)
		pending_leave(t, h[i]);
	assert_int_equal(pending_now(t), 3);
	for (unsigned i = 0; i < 4; i++)
		assert_true((h[i] = pending_enter(t, &a, 4)) > 0);
	pending_unref(pending_ref(t));
	assert_int_equal(pending_now(t), 7);
	pending_unref(t);
}

/* More sources than there is room for: the others keep what they have, and there is room again when they leave. */
static void full(void **state)
{
	struct pending_table *t = pending_new(8);
	struct addr a = address("192.0.2.1");
	int h[8];

	(void)state;
	assert_int_equal(pending_max(t), 8);
	for (uint8_t i = 0; i < 8; i++) {
		a.ip[3] = i;
		assert_true((h[i] = pending_enter(t, &a, 1)) > 0);
	}
	a.ip[3] = 99;
	assert_int_equal(pending_enter(t, &a, 1), MG_ENOSPC);
	a.ip[3] = 3;
	assert_int_equal(pending_enter(t, &a, 1), MG_ELIMIT);
	pending_leave(t, h[5]);
	a.ip[3] = 99;
	assert_true(pending_enter(t, &a, PENDING_MAX) > 0);
	for (unsigned i = 1; i < PENDING_MAX; i++)
		assert_true(pending_enter(t, &a, PENDING_MAX) > 0);
	assert_int_equal(pending_enter(t, &a, PENDING_MAX), MG_ELIMIT);
	pending_unref(t);
}

#define THREADS 4
#define ROUNDS  20000
#define LIMIT   3

static struct pending_table *shared;
static atomic_int most, inside[4];

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned who = (seed = seed * 1103515245 + 12345) >> 16 & 3;
		struct addr a = {.family = ADDR_V4, .ip = {10, 0, 0, (uint8_t)who}};
		int handle = pending_enter(shared, &a, LIMIT);
		if (handle <= 0)
			continue;
		int n = atomic_fetch_add(&inside[who], 1) + 1;
		if (n > atomic_load(&most))
			atomic_store(&most, n);
		atomic_fetch_sub(&inside[who], 1);
		pending_leave(shared, handle);
	}
	return NULL;
}

/* Workers share it: never more than the limit, and nothing is left. */
static void threads(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	shared = pending_new(8);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, worker, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_true(most >= 1 && most <= LIMIT);
	assert_int_equal(pending_now(shared), 0);
	struct addr a = {.family = ADDR_V4, .ip = {10, 0, 0, 1}};
	for (unsigned i = 0; i < LIMIT; i++)
		assert_true(pending_enter(shared, &a, LIMIT) > 0);
	assert_int_equal(pending_enter(shared, &a, LIMIT), MG_ELIMIT);
	pending_unref(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_so_many),
		cmocka_unit_test(full),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
