/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * out: pieces that merge, numbers, failures that stick, the flat copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/out.h"

static int flat(const struct sip_out *out, char *buf, size_t cap)
{
	int n = sip_out_flat(out, buf, cap);

	if (n >= 0)
		buf[n] = 0;
	return n;
}

static void neighbours_merge(void **state)
{
	static const char text[] = "abcdefgh";
	struct sip_out out;
	struct arena a;
	char buf[32];

	(void)state;
	arena_init(&a, 256, 4096);
	sip_out_init(&out, &a);
	assert_int_equal(flat(&out, buf, 0), 0);
	sip_out_ref(&out, sv_of(text, 2));
	sip_out_ref(&out, sv_of(text + 2, 3));
	sip_out_ref(&out, sv_of(text + 4, 0));
	sip_out_ref(&out, (struct sv){0});
	assert_int_equal(out.n, 1);
	sip_out_ref(&out, sv_of(text + 6, 1)); /* a gap */
	sip_out_ref(&out, sv_of(text + 5, 1)); /* the wrong way round */
	sip_out_ref(&out, sv_of(text + 5, 1)); /* again */
	assert_int_equal(out.n, 4);
	sip_out_copy(&out, sv_of(text, 0));
	sip_out_copy(&out, (struct sv){0});
	assert_int_equal(out.n, 4);
	assert_int_equal(flat(&out, buf, sizeof(buf)), 8);
	assert_string_equal(buf, "abcdegff");
	assert_int_equal(out.len, 8);
	arena_done(&a);
}

static void copies_outlive_their_text(void **state)
{
	char text[] = "gone";
	struct sip_out out;
	struct arena a;
	char buf[32];

	(void)state;
	arena_init(&a, 256, 4096);
	sip_out_init(&out, &a);
	sip_out_copy(&out, sv_str(text));
	memset(text, '#', sizeof(text));
	sip_out_number(&out, 0);
	sip_out_number(&out, 10);
	sip_out_number(&out, UINT64_MAX);
	assert_int_equal(flat(&out, buf, sizeof(buf)), 27);
	assert_string_equal(buf, "gone01018446744073709551615");
	arena_done(&a);
}

static void a_buffer_too_small_is_told(void **state)
{
	struct sip_out out;
	char buf[4] = "xyz";

	(void)state;
	sip_out_init(&out, NULL);
	sip_out_ref(&out, SV("abcd"));
	assert_int_equal(sip_out_flat(&out, buf, 3), MG_ENOSPC);
	assert_memory_equal(buf, "xyz", 4);
	assert_int_equal(sip_out_flat(&out, buf, 4), 4);
	assert_memory_equal(buf, "abcd", 4);
}

static void too_many_pieces_stick(void **state)
{
	static const char text[2 * SIP_OUT_PIECES + 2] = "x";
	struct sip_out out;
	struct arena a;
	const size_t last = 2 * (size_t)SIP_OUT_PIECES;
	char buf[1];

	(void)state;
	arena_init(&a, 256, 4096);
	sip_out_init(&out, &a);
	for (unsigned i = 0; i < SIP_OUT_PIECES; i++)
		sip_out_ref(&out, sv_of(text + 2 * (size_t)i, 1));
	assert_int_equal(out.err, 0);
	sip_out_ref(&out, sv_of(text + last - 1, 1)); /* the last one goes on */
	assert_int_equal(out.err, 0);
	assert_int_equal(out.n, SIP_OUT_PIECES);
	assert_int_equal(out.len, SIP_OUT_PIECES + 1);
	sip_out_ref(&out, sv_of(text, 1));
	assert_int_equal(out.err, MG_ENOSPC);
	size_t used = arena_used(&a);
	sip_out_ref(&out, sv_of(text + last, 1));
	sip_out_copy(&out, sv_of(text, 1));
	sip_out_number(&out, 1);
	assert_int_equal(arena_used(&a), used);
	assert_int_equal(out.n, SIP_OUT_PIECES);
	assert_int_equal(out.len, SIP_OUT_PIECES + 1);
	assert_int_equal(sip_out_flat(&out, buf, sizeof(buf)), MG_ENOSPC);
	arena_done(&a);
}

static void no_memory_sticks(void **state)
{
	static const char big[256] = "";
	struct sip_out out;
	struct arena a;
	char buf[8];

	(void)state;
	arena_init(&a, 64, 128);
	sip_out_init(&out, &a);
	sip_out_ref(&out, SV("a"));
	sip_out_copy(&out, sv_of(big, sizeof(big)));
	assert_int_equal(out.err, MG_ENOMEM);
	sip_out_copy(&out, SV("b")); /* would fit, but would not be the message */
	sip_out_ref(&out, SV("c"));
	assert_int_equal(out.len, 1);
	assert_int_equal(sip_out_flat(&out, buf, sizeof(buf)), MG_ENOMEM);
	sip_out_init(&out, &a);
	sip_out_ref(&out, SV("d"));
	assert_int_equal(sip_out_flat(&out, buf, sizeof(buf)), 1);
	arena_done(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_merge),
		cmocka_unit_test(copies_outlive_their_text),
		cmocka_unit_test(a_buffer_too_small_is_told),
		cmocka_unit_test(too_many_pieces_stick),
		cmocka_unit_test(no_memory_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
