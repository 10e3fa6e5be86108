/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ceilings, reuse, alignment and each failing malloc of the arena.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <wchar.h>

#include "base/arena.h"
#include "base/test_alloc.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif

static void pieces_are_aligned_and_apart(void **state)
{
	struct arena a;
	unsigned char *p[300];

	(void)state;
	arena_init(&a, 512, 1 << 20);
	for (size_t i = 0; i < 300; i++) {
		p[i] = i % 3 ? arena_alloc(&a, i) : (unsigned char *)arena_text(&a, i);
		assert_non_null(p[i]);
		if (i % 3)
			assert_int_equal((uintptr_t)p[i] % ARENA_ALIGN, 0);
		memset(p[i], (int)(i & 0xff), i);
	}
	for (size_t i = 0; i < 300; i++) {
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], i & 0xff);
	}
	assert_true(arena_used(&a) >= 300 * 299 / 2);
	assert_true(arena_held(&a) >= arena_used(&a));
	arena_done(&a);
	assert_int_equal(arena_held(&a), 0);
}

#if !UNDER_ASAN /* which keeps texts apart */
static void texts_lie_without_gaps(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 64, 1000);
	char *p = arena_text(&a, 3), *q = arena_text(&a, 5);
	assert_ptr_equal(p + 3, q);
	assert_int_equal(arena_used(&a), 8);
	assert_non_null(arena_alloc(&a, 1));
	assert_int_equal(arena_used(&a), 17);
	arena_done(&a);
}
#endif

static void the_ceiling_holds(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100, 1000);
	assert_null(arena_alloc(&a, 1001));
	assert_null(arena_alloc(&a, 1000)); /* the chunk's head does not fit */
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_zalloc(&a, SIZE_MAX - 8));
	assert_int_equal(arena_held(&a), 0);

	size_t got = 0;
	while (arena_alloc(&a, 48))
		got++;
	assert_in_range(got, 5, 20); /* fewer where gaps are kept */
	assert_true(arena_held(&a) <= 1000);
	arena_done(&a);

	arena_init(&a, 100, 10);
	assert_null(arena_alloc(&a, 1));
	arena_done(&a);

	arena_init(&a, 4096, 100); /* a chunk is cut to what the ceiling leaves */
	assert_non_null(arena_alloc(&a, 50));
	assert_true(arena_held(&a) <= 100);
	assert_null(arena_alloc(&a, 50));
	assert_non_null(arena_text(&a, 1)); /* a refusal changes nothing */
	arena_done(&a);
}

static void large_pieces_leave_the_current_chunk_open(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1024, 1 << 20);
	assert_non_null(arena_alloc(&a, 5000)); /* before there is any chunk */
	assert_non_null(arena_alloc(&a, 16));
	size_t held = arena_held(&a);
	assert_non_null(arena_alloc(&a, 3000));
	assert_int_equal(arena_held(&a), held + 3000 + 16);
	assert_non_null(arena_alloc(&a, 16));
	assert_int_equal(arena_held(&a), held + 3000 + 16);

	arena_reset(&a); /* the first chunk was a large one: nothing is kept */
	assert_int_equal(arena_held(&a), 0);
	assert_int_equal(arena_used(&a), 0);
	assert_non_null(arena_alloc(&a, 16));
	arena_done(&a);
}

static void reset_keeps_the_first_chunk(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 256, 1 << 20);
	char *first = arena_alloc(&a, 10);
	for (int i = 0; i < 50; i++)
		assert_non_null(arena_alloc(&a, 100));
	arena_reset(&a);
	assert_int_equal(arena_held(&a), 256 + 16);
	size_t before = alloc_count;
	assert_ptr_equal(arena_alloc(&a, 10), first);
	assert_int_equal(alloc_count, before);
	arena_reset(&a);
	arena_reset(&a);
	arena_done(&a);
	arena_done(&a);
}

static void a_given_block_spares_malloc(void **state)
{
	_Alignas(16) char block[512];
	struct arena a;
	size_t before = alloc_count;

	(void)state;
	arena_init_buf(&a, block + 1, sizeof(block) - 1, 256, 2000);
	char *p = arena_alloc(&a, 100);
	assert_int_equal((uintptr_t)p % ARENA_ALIGN, 0);
	assert_true(p > block && p + 100 <= block + sizeof(block));
	assert_non_null(arena_text(&a, 300));
	assert_int_equal(alloc_count, before);
	assert_non_null(arena_text(&a, 200));
	assert_int_equal(alloc_count, before + 1);
	assert_int_equal(arena_held(&a), 511 + 256 + 16);
	arena_reset(&a);
	assert_int_equal(arena_held(&a), 511);
	assert_ptr_equal(arena_alloc(&a, 100), p);
	arena_done(&a);
	memset(block, 0, sizeof(block)); /* it is the caller's again */

	arena_init_buf(&a, block, sizeof(block), 256, 100); /* a block beyond the ceiling */
	assert_null(arena_alloc(&a, 200));
	assert_non_null(arena_alloc(&a, 100));
	arena_done(&a);
}

static void dup_and_printf(void **state)
{
	char big[1000];
	struct arena a;
	struct sv s = SV("untouched"), z;

	(void)state;
	memset(big, 'x', sizeof(big));
	arena_init(&a, 512, 4096);
	assert_int_equal(arena_dup(&a, SV("a\0b"), &z), 0);
	assert_int_equal(z.n, 3);
	assert_memory_equal(z.p, "a\0b", 4);
	assert_int_equal(arena_dup(&a, (struct sv){NULL, 0}, &z), 0);
	assert_int_equal(z.n, 0);
	assert_string_equal(z.p, "");
	assert_int_equal(arena_printf(&a, &z, "%.*s;rport=%u", SV_ARG(SV("Via: x")), 5060u), 0);
	assert_true(sv_eq(z, SV("Via: x;rport=5060")));
	for (int n = 250; n <= 260; n++) {
		assert_int_equal(arena_printf(&a, &z, "%.*s", n, big), 0);
		assert_int_equal(z.n, n);
		assert_int_equal(z.p[n], 0);
		assert_memory_equal(z.p, big, (size_t)n);
		arena_reset(&a);
	}
	arena_done(&a);

	arena_init(&a, 64, 400);
	assert_int_equal(arena_printf(&a, &s, "%.*s", 1000, big), MG_ENOMEM);
	assert_int_equal(arena_dup(&a, sv_of(big, sizeof(big)), &s), MG_ENOMEM);
	assert_int_equal(arena_dup(&a, sv_of(big, SIZE_MAX), &s), MG_ENOMEM);
	assert_int_equal(arena_printf(&a, &s, "%lc", (wint_t)0x20ac), MG_EINVAL); /* C locale */
	assert_true(sv_eq(s, SV("untouched")));
	arena_done(&a);
}

static void zalloc_clears_reused_memory(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 256, 4096);
	memset(arena_alloc(&a, 200), 0xff, 200);
	arena_reset(&a);
	unsigned char *p = arena_zalloc(&a, 200);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(p[i], 0);
	arena_done(&a);
}

/* A request as a transaction would make it; returns whether all went well. */
static int some_request(struct arena *a)
{
	char big[400];
	struct sv s;

	memset(big, 'y', sizeof(big));
	return arena_alloc(a, 100) && arena_zalloc(a, 2000) && arena_text(a, 300) &&
	       arena_dup(a, SV("abc"), &s) == 0 && arena_printf(a, &s, "%.*s", 400, big) == 0 &&
	       arena_printf(a, &s, "%.*s", 200, big) == 0;
}

static void each_malloc_failing_in_turn(void **state)
{
	struct arena a;
	long failed = 0;

	(void)state;
	for (long i = 0; i < 100; i++) {
		arena_init(&a, 400, 1 << 16);
		alloc_until_failure = i;
		int ok = some_request(&a);
		alloc_until_failure = -1;
		assert_int_equal(some_request(&a), 1); /* usable after a failure */
		arena_done(&a);
		if (ok)
			break;
		failed++;
	}
	assert_true(failed >= 4);
}

#if UNDER_ASAN
#include <sanitizer/asan_interface.h>

static void overruns_are_seen(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 512, 4096);
	char *p = arena_text(&a, 5), *q = arena_alloc(&a, 32);
	assert_false(__asan_address_is_poisoned(p + 4));
	assert_true(__asan_address_is_poisoned(p + 5));
	assert_false(__asan_address_is_poisoned(q + 31));
	assert_true(__asan_address_is_poisoned(q + 32));
	assert_true(__asan_address_is_poisoned(q - 1));
	arena_reset(&a);
	assert_true(__asan_address_is_poisoned(p));
	arena_done(&a);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_apart),
#if !UNDER_ASAN
		cmocka_unit_test(texts_lie_without_gaps),
#endif
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(large_pieces_leave_the_current_chunk_open),
		cmocka_unit_test(reset_keeps_the_first_chunk),
		cmocka_unit_test(a_given_block_spares_malloc),
		cmocka_unit_test(dup_and_printf),
		cmocka_unit_test(zalloc_clears_reused_memory),
		cmocka_unit_test(each_malloc_failing_in_turn),
#if UNDER_ASAN
		cmocka_unit_test(overruns_are_seen),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
