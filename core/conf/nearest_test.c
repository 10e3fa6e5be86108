/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which known word is meant by a wrong one, and when none is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_priv.h"

static const char *const known[] = {"listen", "name",        "trust",  "timer_c_s", "advertise",
				    "cps",    "accept_risk", "limits", "limit",     NULL};

static void the_nearest_word(void **state)
{
	static const struct {
		const char *word, *meant;
	} rows[] = {
		{"lisen", "listen"},      /* one left out */
		{"listten", "listen"},    /* one too much */
		{"lsiten", "listen"},     /* two swapped */
		{"Listen", "listen"},     /* case */
		{"timer_c", "timer_c_s"}, /* two left out of a long one */
		{"timer_c_ms", "timer_c_s"},
		{"advertisse", "advertise"},
		{"acceptrisks", "accept_risk"},
		{"limit", "limit"},
		{"limtis", "limits"},
		{"cp", "cps"},
		{"cpx", "cps"},
		{"cqx", NULL}, /* two of three */
		{"listener", "listen"},
		{"listening_at", NULL},
		{"x", NULL},
		{"", NULL},
		{"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_nearest n;

		conf_nearest_init(&n, sv_str(rows[i].word));
		for (size_t k = 0; known[k]; k++)
			conf_nearest_try(&n, known[k]);
		if (rows[i].meant)
			assert_string_equal(n.best ? n.best : "nothing", rows[i].meant);
		else
			assert_null(n.best);
	}
}

/* As many mistakes as letters is another word. */
static void a_short_word_is_not_any_other(void **state)
{
	struct conf_nearest n;

	(void)state;
	conf_nearest_init(&n, SV("a"));
	conf_nearest_try(&n, "b");
	assert_null(n.best);
	conf_nearest_try(&n, "ab");
	assert_string_equal(n.best, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word),
		cmocka_unit_test(a_short_word_is_not_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
