/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of show.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"

static const struct {
	const char *json, *text;
} rows[] = {
	{"{\"a\": 1, \"b\": \"x\"}",
	 "a                                1\nb                                x\n"},
	{"[]", "none\n"},
	{"[\"one\", \"two\"]", "one\ntwo\n"},
	{"{\"rows\": [{\"peer\": \"192.0.2.1:5060\", \"n\": 7}, {\"peer\": \"x\", \"n\": null}]}",
	 "peer            n  \n192.0.2.1:5060  7  \nx               -  \n"},
	{"{\"rows\": [], \"silent\": 0}", "silent                           0\nnone\n"},
	{"{\"up\": true, \"list\": [1.5, 2]}",
	 "up                               yes\n\nlist\n1.5\n2\n"},
	{"{\"requests\": 2, \"requests_total\": 900}",
	 "requests under way               2\nrequests so far                  900\n"},
	{"{\"rows\": [{\"requests\": 7}]}", "requests under way  \n7                   \n"},
	{"{\"rows\": [{\"n\": 7}], \"workers_silent\": 0}", "n  \n7  \n"},
	{"{\"rows\": [], \"workers_silent\": 0}", "none\n"},
	{"{\"workers_silent\": 2, \"rows\": [{\"n\": 7}]}",
	 "n  \n7  \n2 of the workers did not answer in time: their rows are missing\n"},
	{"\"\\u001b[2J\\n\\u00e9\"", "\\x1b[2J\\x0a\\xc3\\xa9\n"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = NULL;
		size_t n = 0;
		json_error_t e;
		json_t *value = json_loads(rows[i].json, JSON_DECODE_ANY, &e);
		FILE *f = open_memstream(&text, &n);

		assert_non_null(value);
		ctl_show(value, f);
		fclose(f);
		assert_string_equal(text, rows[i].text);
		free(text);
		json_decref(value);
	}
}

/* A cell that a peer filled stays in its line and its length. */
static void test_long(void **state)
{
	(void)state;
	char *text = NULL, peer[5000];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	memset(peer, '\x07', sizeof(peer));
	json_t *value = json_pack("{s:s#}", "ua", peer, (int)sizeof(peer));
	assert_non_null(value);
	ctl_show(value, f);
	fclose(f);
	assert_in_range(n, 200, 400);
	free(text);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
					   cmocka_unit_test(test_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
