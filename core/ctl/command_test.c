/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of command.c: words that are no command. No daemon is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"

static const struct {
	const char *word, *nearest;
} rows[] = {
	{"relod", "reload"}, {"reload", "reload"}, {"stats", "status"},
	{"st", "status"},    {"sotp", "stop"},     {"foo", NULL},
	{"", NULL},          {"x", NULL},          {"completely-different", NULL},
};

static void test_nearest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = ctl_nearest(rows[i].word);

		if (!got != !rows[i].nearest || (got && strcmp(got, rows[i].nearest) != 0))
			fail_msg("%s: %s", rows[i].word, got ? got : "none");
	}
}

/* Longer than any table of ours. */
static void test_long(void **state)
{
	char word[5000];

	(void)state;
	memset(word, 'r', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_null(ctl_nearest(word));
}

static void test_unknown_is_usage(void **state)
{
	char word[] = "relod\x1b[2J", *argv[] = {word, NULL};

	(void)state;
	assert_int_equal(ctl_command("/nowhere", false, 1, argv), CTL_USAGE);
	assert_int_equal(ctl_command("/nowhere", false, 0, argv), CTL_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nearest),
					   cmocka_unit_test(test_long),
					   cmocka_unit_test(test_unknown_is_usage)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
