/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of full.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/full.h"

static char said[512];

static void sink(void *arg, enum log_level level, struct sv line)
{
	(void)level;
	(void)arg;
	memcpy(said, line.p, line.n);
	said[line.n] = '\0';
}

static void test_once_and_then_a_summary(void **state)
{
	struct full f = {.event = "table_full", .table = "things", .max = 10};

	(void)state;
	assert_false(full_say(&f, 0, NULL, 1000));
	assert_true(full_say(&f, 3, NULL, 2000));
	assert_non_null(strstr(said, "sip ev=table_full table=things max=10 act=refuse n=3"));
	assert_false(full_say(&f, 3, NULL, 3000));
	assert_false(full_say(&f, 9, NULL, 4000));
	assert_false(full_say(&f, 12, NULL, 11000));
	assert_true(full_say(&f, 12, NULL, 2000 + LOG_SUMMARY_MS));
	assert_non_null(strstr(said, "n=9"));
	assert_false(full_say(&f, 12, NULL, 60000));
}

static void test_why(void **state)
{
	struct full f = {.event = "overload"};

	(void)state;
	assert_true(full_say(&f, 1, "memory", 1000));
	assert_non_null(strstr(said, "sip ev=overload why=memory act=refuse n=1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_and_then_a_summary),
		cmocka_unit_test(test_why),
	};

	log_to(sink, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
