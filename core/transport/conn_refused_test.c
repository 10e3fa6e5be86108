/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_refused: what is remembered of addresses that could not be connected to, for how long, and how many (THREATS T-14). Time is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/conn.h"

static struct addr address(unsigned i)
{
	return addr_v4((const uint8_t[]){192, 0, (uint8_t)(i >> 8), (uint8_t)i}, 5060);
}

static void test_time(void **state)
{
	struct refusals *r = refusals_new();
	struct addr a = address(1), other_port = a, b = address(2);

	(void)state;
	other_port.port++;
	assert_false(refusals_has(r, &a, 1000));
	refusals_add(r, &a, 1000);
	assert_true(refusals_has(r, &a, 1000));
	assert_true(refusals_has(r, &a, 1000 + 299999));
	assert_false(refusals_has(r, &other_port, 1000));
	assert_false(refusals_has(r, &b, 1000));
	refusals_add(r, &a, 200000); /* again, from then on */
	assert_true(refusals_has(r, &a, 499999));
	assert_false(refusals_has(r, &a, 500000));
	assert_false(refusals_has(r, &a, 1000)); /* it was forgotten */
	refusals_add(r, &b, 1000);
	refusals_drop(r, &b);
	refusals_drop(r, &b);
	assert_false(refusals_has(r, &b, 1000));
	refusals_free(r);
	refusals_free(NULL);
}

static void test_bound(void **state)
{
	enum { MANY = 1500, KEPT = 1024 };
	struct refusals *r = refusals_new();
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct addr a = address(i);
		refusals_add(r, &a, i);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct addr a = address(i);
		bool has = refusals_has(r, &a, MANY);
		assert_int_equal(has, i >= MANY - KEPT); /* the latest ones */
		kept += has;
	}
	assert_int_equal(kept, KEPT);
	refusals_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
