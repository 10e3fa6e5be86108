/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/sv.h"

static void numbers(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(sv_u64(SV("0"), 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(sv_u64(SV("11"), 10, &v), MG_ERANGE);
	assert_int_equal(sv_u64(SV("+1"), 10, &v), MG_EPARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
