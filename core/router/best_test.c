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
		if (best_better(rows[i].a, rows[i].b) != rows[i].better)
			fail_msg("%u against %u", rows[i].a, rows[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
