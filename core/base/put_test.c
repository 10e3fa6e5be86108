/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text put together in room that is enough, just enough, and not enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/put.h"

static void pieces_follow_each_other(void **state)
{
	char room[32];
	struct put t = PUT_IN(room);

	(void)state;
	put(&t, SV(";rport="));
	put_u32(&t, 5060);
	put(&t, SV(""));
	put(&t, sv_of(NULL, 0));
	put(&t, SV(";lr"));
	assert_false(t.full);
	assert_true(sv_eq(put_text(&t), SV(";rport=5060;lr")));
}

static void numbers_are_decimal(void **state)
{
	static const struct {
		uint32_t number;
		struct sv text;
	} rows[] = {{0, SV_INIT("0")},
		    {9, SV_INIT("9")},
		    {10, SV_INIT("10")},
		    {65535, SV_INIT("65535")},
		    {UINT32_MAX, SV_INIT("4294967295")}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char room[10];
		struct put t = PUT_IN(room);

		put_u32(&t, rows[i].number);
		assert_false(t.full);
		assert_true(sv_eq(put_text(&t), rows[i].text));
	}
}

static void what_does_not_fit_is_told(void **state)
{
	char room[6] = "#####";
	struct put t = {.p = room, .cap = 5};

	(void)state;
	put(&t, SV("abcde"));
	assert_false(t.full);
	put(&t, SV(""));
	assert_false(t.full);
	put_u32(&t, 7);
	assert_true(t.full);
	put(&t, SV(""));
	assert_true(t.full);
	assert_true(sv_eq(put_text(&t), SV("abcde")));
	assert_int_equal(room[5], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_follow_each_other),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
