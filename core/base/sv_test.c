/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows for sv and for the names of err; numbers are read at a page's end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/sv.h"
#include "base/test_guard.h"

static const struct {
	struct sv in;
	uint64_t max;
	int err;
	uint64_t value;
	const char *name;
} numbers[] = {
	{SV_INIT("0"), 10, 0, 0, "zero"},
	{SV_INIT("0"), 0, 0, 0, "zero, nothing else allowed"},
	{SV_INIT("1"), 0, MG_ERANGE, 0, "one above a maximum of zero"},
	{SV_INIT("10"), 10, 0, 10, "the maximum"},
	{SV_INIT("11"), 10, MG_ERANGE, 0, "one above"},
	{SV_INIT("100"), 10, MG_ERANGE, 0, "a digit more"},
	{SV_INIT("00000000000000000000000000000000000007"), 10, 0, 7, "leading zeros"},
	{SV_INIT("00000000000000000000000000000000000000"), 0, 0, 0, "zeros only"},
	{SV_INIT("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX, "the largest"},
	{SV_INIT("000018446744073709551615"), UINT64_MAX, 0, UINT64_MAX,
	 "the largest, zeros before it"},
	{SV_INIT("18446744073709551616"), UINT64_MAX, MG_ERANGE, 0, "2^64"},
	{SV_INIT("18446744073709551625"), UINT64_MAX, MG_ERANGE, 0, "2^64 + 9 must not wrap"},
	{SV_INIT("184467440737095516150"), UINT64_MAX, MG_ERANGE, 0, "21 digits"},
	{SV_INIT("99999999999999999999999999"), UINT64_MAX, MG_ERANGE, 0, "26 digits"},
	{SV_INIT("99999999999999999999999999x"), UINT64_MAX, MG_EPARSE, 0,
	 "too large and then no number"},
	{SV_INIT("4294967296"), UINT32_MAX, MG_ERANGE, 0, "2^32 within 32 bits"},
	{SV_INIT(""), 10, MG_EPARSE, 0, "empty"},
	{SV_INIT("+1"), 10, MG_EPARSE, 0, "plus"},
	{SV_INIT("-1"), 10, MG_EPARSE, 0, "minus"},
	{SV_INIT(" 1"), 10, MG_EPARSE, 0, "space before"},
	{SV_INIT("1 "), 10, MG_EPARSE, 0, "space behind"},
	{SV_INIT("1\0"), 10, MG_EPARSE, 0, "NUL behind"},
	{SV_INIT("0x1"), 10, MG_EPARSE, 0, "hexadecimal"},
	{SV_INIT("1/"), 10, MG_EPARSE, 0, "the byte below '0'"},
	{SV_INIT("1:"), 10, MG_EPARSE, 0, "the byte above '9'"},
	{SV_INIT("\xb2"), 10, MG_EPARSE, 0, "superscript two of Latin-1"},
};

static void number_rows(void **state)
{
	struct guard g = guard_init(64);

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t v = 4711;
		struct sv in = guard_put(&g, numbers[i].in);

		if (sv_u64(in, numbers[i].max, &v) != numbers[i].err)
			fail_msg("%s: result", numbers[i].name);
		if (v != (numbers[i].err ? 4711 : numbers[i].value))
			fail_msg("%s: value", numbers[i].name);
	}
	guard_done(&g);
}

static void numbers_of_32_bits(void **state)
{
	uint32_t v = 4711;

	(void)state;
	assert_int_equal(sv_u32(SV("4294967296"), UINT32_MAX, &v), MG_ERANGE);
	assert_int_equal(sv_u32(SV("65536"), 65535, &v), MG_ERANGE);
	assert_int_equal(sv_u32(SV("a"), 65535, &v), MG_EPARSE);
	assert_int_equal(v, 4711);
	assert_int_equal(sv_u32(SV("4294967295"), UINT32_MAX, &v), 0);
	assert_int_equal(v, UINT32_MAX);
}

static const struct {
	struct sv a, b;
	int order; /* sign of sv_icmp */
	bool eq, starts;
} pairs[] = {
	{SV_INIT("abc"), SV_INIT("abc"), 0, true, true},
	{SV_INIT("aBc"), SV_INIT("AbC"), 0, false, false},
	{SV_INIT("abc"), SV_INIT("ab"), 1, false, true},
	{SV_INIT("ab"), SV_INIT("abc"), -1, false, false},
	{SV_INIT("abd"), SV_INIT("ABC"), 1, false, false},
	{SV_INIT("ABC"), SV_INIT("abd"), -1, false, false},
	{SV_INIT(""), SV_INIT(""), 0, true, true},
	{SV_INIT("a"), SV_INIT(""), 1, false, true},
	{SV_INIT("[\\]"), SV_INIT("{|}"), -1, false,
	 false}, /* not letters, though they differ by 0x20 */
	{SV_INIT("\xe4"), SV_INIT("\xc4"), 1, false, false}, /* no locale */
	{SV_INIT("a\0b"), SV_INIT("a\0c"), -1, false, false},
};

static void comparison_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int d = sv_icmp(pairs[i].a, pairs[i].b);

		assert_int_equal((d > 0) - (d < 0), pairs[i].order);
		assert_int_equal(sv_ieq(pairs[i].a, pairs[i].b), pairs[i].order == 0);
		assert_int_equal(sv_eq(pairs[i].a, pairs[i].b), pairs[i].eq);
		assert_int_equal(sv_starts(pairs[i].a, pairs[i].b), pairs[i].starts);
	}
	assert_true(sv_eq(sv_str(NULL), SV("")));
	assert_true(sv_eq(sv_str("x"), SV("x")));
	assert_true(sv_eq((struct sv){NULL, 0}, SV("")));
}

static void trimming_and_finding(void **state)
{
	static const struct sv in[] = {SV_INIT(" \t\r\n"), SV_INIT("a"), SV_INIT("\r\n a b\t"),
				       SV_INIT("a\v"), SV_INIT("")};
	static const struct sv out[] = {SV_INIT(""), SV_INIT("a"), SV_INIT("a b"), SV_INIT("a\v"),
					SV_INIT("")};
	struct sv s = SV("a;b;c");

	(void)state;
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_true(sv_eq(sv_trim(in[i]), out[i]));
	assert_int_equal(sv_find(s, ';'), 1);
	assert_int_equal(sv_find(s, 'x'), 5);
	assert_int_equal(sv_find((struct sv){NULL, 0}, 'x'), 0);
	assert_true(sv_eq(sv_span(s.p + 2, s.p + 3), SV("b")));
}

static void error_names(void **state)
{
	static const struct {
		int err;
		const char *name;
	} rows[] = {
		{MG_OK, "OK"},
		{MG_ENOMEM, "ENOMEM"},
		{MG_EINVAL, "EINVAL"},
		{MG_ERANGE, "ERANGE"},
		{MG_ENOSPC, "ENOSPC"},
		{MG_ENOENT, "ENOENT"},
		{MG_EEXIST, "EEXIST"},
		{MG_EPARTIAL, "EPARTIAL"},
		{MG_EPARSE, "EPARSE"},
		{MG_ELIMIT, "ELIMIT"},
		{MG_EFROZEN, "EFROZEN"},
		{MG_EAUTH, "EAUTH"},
		{MG_ESTALE, "ESTALE"},
		{-EAGAIN, "EAGAIN"},
		{1, "E?"},
		{-999, "E?"},
		{-1999, "E?"},
		{-2147483647 - 1, "E?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(mg_err_name(rows[i].err), rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_rows),     cmocka_unit_test(numbers_of_32_bits),
		cmocka_unit_test(comparison_rows), cmocka_unit_test(trimming_and_finding),
		cmocka_unit_test(error_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
