/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The kernel is played by __wrap_getrandom: interruptions, short reads, refusal, a known sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/random.h>

#include "base/rand.h"

static enum { KERNEL_REAL, KERNEL_SHORT, KERNEL_COUNTS, KERNEL_REFUSES } kernel;
static unsigned calls;
static uint32_t script[8]; /* what KERNEL_COUNTS answers, over and over */

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	calls++;
	if (kernel == KERNEL_REFUSES) {
		errno = ENOSYS;
		return -1;
	}
	if (kernel == KERNEL_SHORT && calls % 2) {
		errno = EINTR;
		return -1;
	}
	if (kernel == KERNEL_COUNTS) {
		for (size_t i = 0; i < n; i++)
			((uint8_t *)p)[i] = ((uint8_t *)script)[i % sizeof(script)];
		return (ssize_t)n;
	}
	return __real_getrandom(p, kernel == KERNEL_SHORT && n > 7 ? 7 : n, flags);
}

static void one_call_serves_many(void **state)
{
	struct rnd r;
	char a[16], b[16];

	(void)state;
	kernel = KERNEL_REAL;
	calls = 0;
	rand_init(&r);
	for (int i = 0; i < RAND_POOL / 16; i++) {
		assert_int_equal(rand_token(&r, a, sizeof(a)), 0);
		if (i)
			assert_memory_not_equal(a, b, sizeof(b));
		memcpy(b, a, sizeof(b));
	}
	assert_int_equal(calls, 1);
	assert_int_equal(rand_token(&r, a, 1), 0);
	assert_int_equal(calls, 2);
	rand_done(&r);
}

static void used_bytes_are_wiped(void **state)
{
	struct rnd r;
	uint8_t out[RAND_POOL];

	(void)state;
	kernel = KERNEL_COUNTS;
	memset(script, 0xa5, sizeof(script));
	rand_init(&r);
	assert_int_equal(rand_bytes(&r, out, 100), 0);
	for (size_t i = 0; i < RAND_POOL; i++)
		assert_int_equal(r.pool[i], i < 100 ? 0 : 0xa5);
	assert_int_equal(rand_bytes(&r, out, RAND_POOL), 0); /* across the end of the pool */
	assert_int_equal(r.left, RAND_POOL - 100);
	rand_done(&r);
	for (size_t i = 0; i < RAND_POOL; i++)
		assert_int_equal(r.pool[i], 0);
}

static void interruptions_and_short_reads(void **state)
{
	uint8_t out[2000];
	struct rnd r;
	size_t zeros = 0;

	(void)state;
	kernel = KERNEL_SHORT;
	rand_init(&r);
	memset(out, 0, sizeof(out));
	assert_int_equal(rand_bytes(&r, out, sizeof(out)), 0); /* larger than the pool */
	for (size_t i = 0; i < sizeof(out); i++)
		zeros += out[i] == 0;
	assert_true(zeros < 60); /* about 8 of 2000 are expected */
	assert_int_equal(rand_bytes(&r, out, 10), 0);
	assert_int_equal(rand_bytes(&r, out, 0), 0);
	rand_done(&r);
}

static void refusal_is_reported(void **state)
{
	struct rnd r;
	char out[16];
	uint32_t v = 4711;

	(void)state;
	kernel = KERNEL_REFUSES;
	rand_init(&r);
	memset(out, 'x', sizeof(out));
	assert_int_equal(rand_token(&r, out, sizeof(out)), -ENOSYS);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
	assert_int_equal(rand_below(&r, 10, &v), -ENOSYS);
	assert_int_equal(v, 4711);
	assert_int_equal(rand_bytes(&r, out, 4), -ENOSYS);
	assert_int_equal(rand_system(out, 4), -ENOSYS);
	rand_done(&r);
}

static void the_alphabet_is_whole_and_safe(void **state)
{
	static const char safe[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned seen[256] = {0};
	struct rnd r;
	char out[4096];

	(void)state;
	kernel = KERNEL_REAL;
	rand_init(&r);
	assert_int_equal(rand_token(&r, out, sizeof(out)), 0);
	for (size_t i = 0; i < sizeof(out); i++)
		seen[(unsigned char)out[i]]++;
	size_t sum = 0;
	for (const char *c = safe; *c; c++) {
		assert_in_range(seen[(unsigned char)*c], 20, 120); /* 64 expected, 5 deviations */
		sum += seen[(unsigned char)*c];
	}
	assert_int_equal(sum, sizeof(out));
	rand_done(&r);
}

static void bounds_without_skew(void **state)
{
	unsigned seen[3] = {0};
	struct rnd r;
	uint32_t v;

	(void)state;
	kernel = KERNEL_COUNTS;
	memset(script, 0, sizeof(script));
	script[1] = 7; /* 0 is below the skew of a bound of 3 (2^32 mod 3 = 1) and drawn again */
	rand_init(&r);
	assert_int_equal(rand_below(&r, 3, &v), 0);
	assert_int_equal(v, 1);
	kernel = KERNEL_REAL;
	rand_init(&r);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(rand_below(&r, 3, &v), 0);
		assert_true(v < 3);
		seen[v]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(rand_below(&r, 1, &v), 0);
	assert_int_equal(v, 0);
	rand_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_call_serves_many),
		cmocka_unit_test(used_bytes_are_wiped),
		cmocka_unit_test(interruptions_and_short_reads),
		cmocka_unit_test(refusal_is_reported),
		cmocka_unit_test(the_alphabet_is_whole_and_safe),
		cmocka_unit_test(bounds_without_skew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
