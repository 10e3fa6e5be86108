/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tokens of the syntax; numbers and their limits; UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_guard.h"
#include "conf/conf_priv.h"

/* "kind:text" of each token with a space between, @line before where the line changes. */
static void write_tokens(struct sv text, struct conf_line *out)
{
	static const char *const kinds[] = {
		[CONF_TOK_END] = "end",        [CONF_TOK_NAME] = "name",
		[CONF_TOK_BOOL] = "bool",      [CONF_TOK_INT] = "int",
		[CONF_TOK_FLOAT] = "float",    [CONF_TOK_TEXT] = "text",
		[CONF_TOK_OPEN] = "open",      [CONF_TOK_CLOSE] = "close",
		[CONF_TOK_EQUALS] = "eq",      [CONF_TOK_COMMA] = "comma",
		[CONF_TOK_SEMICOLON] = "semi", [CONF_TOK_INCLUDE] = "include",
		[CONF_TOK_BAD] = "bad"};
	struct conf_token t;
	struct conf_lex lex;
	uint32_t line = 1;

	conf_line_init(out);
	conf_lex_init(&lex, text);
	do {
		t = conf_lex_next(&lex);
		if (t.line != line)
			conf_line_add(out, "@%u ", t.line);
		line = t.line;
		conf_line_add(out, "%s", kinds[t.kind]);
		if (t.kind != CONF_TOK_END) {
			conf_line_add(out, ":");
			conf_line_bare(out, t.text);
			conf_line_add(out, " ");
		}
		if (t.kind == CONF_TOK_BAD)
			assert_non_null(t.allowed);
	} while (t.kind != CONF_TOK_END);
}

static void tokens(void **state)
{
	static const struct {
		const char *text, *tokens;
	} rows[] = {
		{"", "end"},
		{" \t\r\n\f", "@2 end"},
		{"a = 1;", "name:a eq:= int:1 semi:; end"},
		{"a:1,b", "name:a eq:: int:1 comma:, name:b end"},
		{"*a-b_9*", "name:*a-b_9* end"},
		{"true TRUE False trueish", "bool:true bool:TRUE bool:False name:trueish end"},
		{"_a", "bad:_ name:a end"},
		{"( { [ ] } )", "open:( open:{ open:[ close:] close:} close:) end"},
		/* numbers */
		{"0 -1 +1 007", "int:0 int:-1 int:+1 int:007 end"},
		{"1L 1LL 1LLL", "int:1L int:1LL int:1LL name:L end"},
		{"0x1F 0X1fL 0xfLL", "int:0x1F int:0X1fL int:0xfLL end"},
		{"0x 0xg", "int:0 name:x int:0 name:xg end"},
		{"-0x10 00x1", "int:-0 name:x10 int:00 name:x1 end"},
		{"1.5 . 1. .5 -.5e-3 1e5 1e+5 1e",
		 "float:1.5 float:. float:1. float:.5 float:-.5e-3 float:1e5 float:1e+5 int:1 "
		 "name:e end"},
		{"1.5.5", "float:1.5 float:.5 end"},
		{"1e-", "int:1 name:e- end"},
		{"- + -a", "bad:- bad:+ bad:- name:a end"},
		{"1a", "int:1 name:a end"},
		/* texts */
		{"\"\" \"a\" \"a\\\"b\" \"\\\\\"",
		 "text:\"\" text:\"a\" text:\"a\\\"b\" text:\"\\\\\" end"},
		{"\"a\\x0\" \"a\\x41\"", "text:\"a\\x0\" text:\"a\\x41\" end"},
		{"\"a\\x00b\"", "bad:\"a\\x00b\" end"},
		{"\"a\\\\x00b\"", "text:\"a\\\\x00b\" end"},
		{"\"a\\X00\" b", "bad:\"a\\X00\" name:b end"},
		{"\"abc\nx\"", "bad:\"abc @2 name:x bad:\" end"},
		{"\"abc", "bad:\"abc end"},
		{"\"abc\\", "bad:\"abc\\ end"},
		{"\"abc\\\"", "bad:\"abc\\\" end"},
		{"\"# no // comment /* \" a", "text:\"# no // comment /* \" name:a end"},
		/* comments */
		{"a # b\nc // d\ne", "name:a @2 name:c @3 name:e end"},
		{"# b", "end"},
		{"a /* b \" ' \n * / \n*/ c", "name:a @3 name:c end"},
		{"/**/a/***/b/*/*/c", "name:a name:b name:c end"},
		{"\n/* a", "@2 bad:/* end"},
		{"/*/", "bad:/* end"},
		{"/", "bad:/ end"},
		/* includes */
		{"@include \"a b.cfg\"", "include:a b.cfg end"},
		{"\t @include\t\"a\" # why\nb", "include:a @2 name:b end"},
		{"@include \"a\"\r\nb", "include:a @2 name:b end"},
		{"@include \"a\" // why", "include:a end"},
		{"b @include \"a\"", "name:b bad:@include \"a\" end"},
		{"/* */ @include \"a\"", "bad:@include \"a\" end"},
		{"\r@include \"a\"", "bad:@include \"a\" end"},
		{"@include \"a\" b", "bad:@include \"a\" b end"},
		{"@include \"a\" /* */", "bad:@include \"a\" /* */ end"},
		{"@include a", "bad:@include a end"},
		{"@include\"a\"", "bad:@include\"a\" end"},
		{"@include \"\"", "bad:@include \"\" end"},
		{"@include \"a", "bad:@include \"a end"},
		{"@include \"a\\\"b\"", "bad:@include \"a\\\"b\" end"},
		{"@includes \"a\"", "bad:@includes \"a\" end"},
		{"@inc\nb", "bad:@inc @2 name:b end"},
		{"# @include \"a\"\n\"@include \\\"a\\\"\"", "@2 text:\"@include \\\"a\\\"\" end"},
		{"/*\n@include \"a\"\n*/", "@3 end"},
		{"@", "bad:@ end"},
		/* others */
		{"%&'\x01", "bad:% bad:& bad:' bad:\\x01 end"},
		{"\xef\xbb\xbf"
		 "a",
		 "bad:\\xef\\xbb\\xbf name:a end"},
	};
	struct guard g = guard_init(4096);
	struct conf_line said;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_tokens(guard_put(&g, sv_str(rows[i].text)), &said);
		assert_string_equal(said.s, rows[i].tokens);
	}
	guard_done(&g);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
		int err;
	} rows[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"+7", 7, 0},
		{"010", 10, 0},
		{"0x10", 16, 0},
		{"0xFfL", 255, 0},
		{"5000000000", 5000000000, 0}, /* libconfig 1.5 makes 705032704 of it */
		{"0x1ffffffff", 0x1ffffffff, 0},
		{"9223372036854775807", INT64_MAX, 0},
		{"9223372036854775807LL", INT64_MAX, 0},
		{"9223372036854775808", 0, MG_ERANGE},
		{"-9223372036854775808", INT64_MIN, 0},
		{"-9223372036854775809", 0, MG_ERANGE},
		{"0x7fffffffffffffff", INT64_MAX, 0},
		{"0x8000000000000000", 0, MG_ERANGE},
		{"18446744073709551616", 0, MG_ERANGE},
		{"99999999999999999999999999999999999999999999999999", 0, MG_ERANGE},
		{"00000000000000000000000000000000000000000000000001", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t n = 0;

		assert_int_equal(conf_lex_int(sv_str(rows[i].text), &n), rows[i].err);
		assert_true(n == rows[i].n);
	}
}

static void utf8(void **state)
{
	static const struct {
		struct sv text;
		size_t bad;
	} rows[] = {
		{SV_INIT(""), 0},
		{SV_INIT("abc\n\x01\x7f"), 6},
		{SV_INIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 9},
		{SV_INIT("ab\0c"), 2},
		{SV_INIT("a\xff"), 1},
		{SV_INIT("a\x80"), 1},
		{SV_INIT("\xc0\x80"), 0}, /* NUL in two bytes */
		{SV_INIT("\xc1\xbf"), 0},
		{SV_INIT("a\xc3"), 1}, /* cut */
		{SV_INIT("a\xe2\x82"), 1},
		{SV_INIT("\xe0\x9f\xbf"), 0}, /* longer than needed */
		{SV_INIT("\xf0\x8f\xbf\xbf"), 0},
		{SV_INIT("\xed\xa0\x80"), 0},     /* surrogate */
		{SV_INIT("\xf4\x90\x80\x80"), 0}, /* beyond U+10FFFF */
		{SV_INIT("\xf5\x80\x80\x80"), 0},
		{SV_INIT("\xf4\x8f\xbf\xbf"), 4},
		{SV_INIT("\xe2\x28\xa1"), 0},
	};
	struct guard g = guard_init(64);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(conf_utf8_bad(guard_put(&g, rows[i].text)), rows[i].bad);
	guard_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(numbers),
		cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
