/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Blocks go round within bounds, of every size and between threads; without memory there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/block.h"
#include "base/test_alloc.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
	__has_feature(memory_sanitizer)
#define GOES_ROUND 0
#else
#define GOES_ROUND 1
#endif

enum { MANY = 2000 };

static const size_t SIZES[] = {0, 1, BLOCK_FROM, BLOCK_FROM + 1, BLOCK_SIZE, BLOCK_SIZE + 1, 20000};

/* All of it may be written, whatever it was before. */
static void of_all_sizes(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		void *p[sizeof(SIZES) / sizeof(SIZES[0])];

		for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
			p[i] = block_new(SIZES[i]);
			assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
			memset(p[i], 0xa5, SIZES[i]);
		}
		for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
			block_free(p[i], SIZES[i]);
	}
	block_free(NULL, BLOCK_SIZE);
}

static size_t allocations_of(size_t n, unsigned blocks)
{
	static void *p[MANY];
	size_t before = alloc_count;

	for (unsigned i = 0; i < blocks; i++)
		assert_non_null(p[i] = block_new(n));
	for (unsigned i = 0; i < blocks; i++)
		block_free(p[i], n);
	return alloc_count - before;
}

static void go_round_within_bounds(void **state)
{
	(void)state;
	(void)allocations_of(BLOCK_SIZE, MANY);
	size_t again = allocations_of(BLOCK_FROM + 1, MANY);
	if (GOES_ROUND) {
		assert_in_range(again, 1, MANY - 1); /* some were kept, not all */
		assert_int_equal(allocations_of(1500, 100), 0);
	} else {
		assert_int_equal(again, MANY);
	}
	assert_int_equal(allocations_of(BLOCK_FROM, 100), 100);
	assert_int_equal(allocations_of(BLOCK_SIZE + 1, 100), 100);
}

/* What another thread took is freed here, and what this one leaves is freed with it (LeakSanitizer sees it where nothing goes
 * round; valgrind elsewhere). */
static void *take_and_leave(void *mine)
{
	block_free(mine, 1500);
	assert_true(allocations_of(1500, 100) >= 99);
	return block_new(1500);
}

static void between_threads(void **state)
{
	pthread_t thread;
	void *theirs = NULL;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, take_and_leave, block_new(1500)), 0);
	assert_int_equal(pthread_join(thread, &theirs), 0);
	assert_non_null(theirs);
	block_free(theirs, 1500);
}

static void without_memory(void **state)
{
	static void *hold[MANY]; /* no thread keeps so many */
	unsigned n = 0;

	(void)state;
	while (n < MANY)
		assert_non_null(hold[n++] = block_new(BLOCK_SIZE));
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
		alloc_until_failure = 0;
		assert_null(block_new(SIZES[i]));
		assert_int_equal(alloc_until_failure, -1);
	}
	while (n > 0)
		block_free(hold[--n], BLOCK_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_all_sizes),
		cmocka_unit_test(go_round_within_bounds),
		cmocka_unit_test(between_threads),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
