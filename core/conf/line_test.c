/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines for people: what is escaped, what is cut; the list of mistakes and its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"

static void escapes(void **state)
{
	static const struct {
		struct sv text;
		const char *quoted, *bare;
	} rows[] = {
		{SV_INIT(""), "\"\"", ""},
		{SV_INIT("a b"), "\"a b\"", "a b"},
		{SV_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"", "a\"b\\c"},
		{SV_INIT("\n\0\x7f\xff"), "\"\\x0a\\x00\\x7f\\xff\"", "\\x0a\\x00\\x7f\\xff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_line l;

		conf_line_init(&l);
		conf_line_quote(&l, rows[i].text);
		assert_string_equal(l.s, rows[i].quoted);
		conf_line_init(&l);
		conf_line_bare(&l, rows[i].text);
		assert_string_equal(l.s, rows[i].bare);
		assert_int_equal(l.n, strlen(l.s));
	}
}

/* What is written of a text: `n` bytes of it, each `as`, and dots if there are more. */
static const char *wanted(const char *quote, const char *as, size_t n, bool more)
{
	static struct conf_line l;

	conf_line_init(&l);
	conf_line_add(&l, "%s", quote);
	for (size_t i = 0; i < n; i++)
		conf_line_add(&l, "%s", as);
	conf_line_add(&l, "%s%s", more ? "..." : "", quote);
	return l.s;
}

/* A path is shown whole; nothing takes more of a line because it is escaped. */
static void long_ones(void **state)
{
	static const struct {
		char c;
		const char *quoted, *bare;  /* one of it */
		size_t in_quotes, in_words; /* so many are written */
	} rows[] = {{'/', "/", "/", 256, 60},
		    {'"', "\\\"", "\"", 128, 60},
		    {'\n', "\\x0a", "\\x0a", 64, 15}};
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(text, rows[i].c, sizeof(text));
		for (size_t n = 1; n < sizeof(text); n++) {
			bool more = n > rows[i].in_quotes;
			struct conf_line l;

			conf_line_init(&l);
			conf_line_quote(&l, sv_of(text, n));
			assert_string_equal(l.s, wanted("\"", rows[i].quoted,
							more ? rows[i].in_quotes : n, more));
			more = n > rows[i].in_words;
			conf_line_init(&l);
			conf_line_bare(&l, sv_of(text, n));
			assert_string_equal(
				l.s, wanted("", rows[i].bare, more ? rows[i].in_words : n, more));
		}
	}
}

/* However it is filled, it ends, and shows that it was cut. */
static void full(void **state)
{
	(void)state;
	for (size_t n = CONF_LINE_MAX - 8; n < CONF_LINE_MAX + 8; n++) {
		struct conf_line a, b;

		conf_line_init(&a);
		conf_line_add(&a, "%*s", (int)n, "");
		conf_line_init(&b);
		for (size_t i = 0; i < n; i++)
			conf_line_bare(&b, SV(" "));
		assert_int_equal(a.n, n < CONF_LINE_MAX ? n : CONF_LINE_MAX - 1);
		assert_int_equal(a.n, b.n);
		assert_string_equal(a.s, b.s);
		assert_int_equal(strcmp(a.s + a.n - 3, "...") == 0, n >= CONF_LINE_MAX);
		conf_line_add(&a, "more");
		conf_line_quote(&a, SV("more"));
		assert_true(a.n < CONF_LINE_MAX && strlen(a.s) == a.n);
	}
}

static void faults(void **state)
{
	char big[2 * CONF_LINE_MAX];
	struct conf_faults f;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	conf_faults_init(&f);
	conf_faults_add(&f, "a\nb\x1b[2J%s", "\x7f");
	conf_faults_add(&f, "%s", big);
	assert_string_equal(f.text[0], "a?b?[2J?");
	assert_int_equal(strlen(f.text[1]), CONF_LINE_MAX - 1);
	assert_string_equal(f.text[1] + CONF_LINE_MAX - 5, "x...");
	for (int i = 0; i < CONF_FAULTS_MAX; i++)
		conf_faults_add(&f, "%s", big);
	assert_int_equal(f.n, CONF_FAULTS_MAX);
	assert_int_equal(f.more, 2);
	char *said = test_conf_lines(&f);
	assert_string_equal(said + strlen(said) - 11, "and 2 more\n");
	free(said);
	conf_faults_done(&f);
	conf_faults_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(full),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
