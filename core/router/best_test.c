/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of best.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/route_priv.h"

static const struct {
	unsigned a, b;
	bool better;
} rows[] = {
	{404, 0, true},    {603, 404, true},  {404, 603, false}, {302, 404, true},
	{404, 302, false}, {486, 503, true},  {503, 486, false}, {401, 404, true},
	{407, 486, true},  {404, 401, false}, {404, 480, false}, {480, 404, false},
	{404, 408, true},  {408, 404, false}, {484, 404, true},  {500, 503, true},
	{503, 500, false}, {408, 500, true},  {600, 603, false}, {415, 401, false},
	{302, 600, false},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (best_better(rows[i].a, rows[i].b, true) != rows[i].better)
			fail_msg("%u against %u", rows[i].a, rows[i].b);
	}
}

/* Of a 408 to another request nothing is sent (RFC 4320): anything else is better. */
static void test_other_requests(void **state)
{
	static const unsigned others[] = {302, 404, 487, 500, 503, 504, 603};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(best_better(others[i], 408, false));
		assert_false(best_better(408, others[i], false));
	}
	assert_true(best_better(408, 0, false));
	assert_true(best_better(404, 500, false));
	assert_true(best_better(500, 503, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
					   cmocka_unit_test(test_other_requests)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
