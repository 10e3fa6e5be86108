/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What breaks the grammar is refused with its line and words that help; what does not is what
 * libconfig takes too, with a place for each of its settings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"

static void broken(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{"a = ;", "t:1: a: found \";\", allowed: a value\n"},
		{"a\n= 1;\nb 2;", "t:3: found a number, allowed: = and a value\n"},
		{"a = 1 = 2;", "t:1: found \"=\", allowed: name = value;\n"},
		{"a = 1;;", "t:1: found \";\", allowed: name = value;\n"},
		{"1;", "t:1: found a number, allowed: name = value;\n"},
		{"true = 1;", "t:1: found true or false, allowed: name = value;\n"},
		{"a = phones;", "t:1: a: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{"a = udp:*:5060;", "t:1: a: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{"a = 10.0.0.0;", "t:1: found a number, allowed: name = value;\n"},
		{"a = $5;", "t:1: a: found \"$\", allowed: name = value;\nt:1: found a number, allowed: name = value;\n"},
		{"a = { b = 1;\n c = ( 1, { d = ] } ) };", "t:2: a.c[1].d: found \"]\", allowed: a value\n"},
		{"a = ( 1 2 );", "t:1: a: found a number, allowed: , or )\n"},
		{"a = ( 1, );", "t:1: a[1]: found \")\", allowed: a value\n"},
		{"a = ( , 1 );", "t:1: a[0]: found \",\", allowed: a value or )\n"},
		{"a = ( b );", "t:1: a[0]: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{"a = ( 1; 2 );", "t:1: a: found \";\", allowed: , or )\n"},
		{"a = ( b = 1 );", "t:1: a[0]: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{"a = ( \"b\" \"c\" );", "t:1: a: found a text, allowed: , or )\n"}, /* libconfig makes "bc" of it */
		{"a = [ 1, ( 2 ) ];", "t:1: a: found \"(\", allowed: numbers, texts, true and false in [ ]; lists are ( )\n"},
		{"a = [ { } ];", "t:1: a: found \"{\", allowed: numbers, texts, true and false in [ ]; lists are ( )\n"},
		/* brackets */
		{"a = {\n b = 1;\n", "t:3: a: found the end of the file, allowed: } for the { of t:1\n"},
		{"a = (\n { b = 1; )\n", "t:2: a[0]: found \")\", allowed: } for the { of t:2\n"},
		{"a = 1; }", "t:1: found \"}\", allowed: name = value;\n"},
		{"a = ( 1 ];", "t:1: a: found \"]\", allowed: ) for the ( of t:1\n"},
		{"a = { b };", "t:1: a: found \"}\", allowed: = and a value\n"},
		{"a = { b = };", "t:1: a.b: found \"}\", allowed: a value\n"},
		{"a", "t:2: found the end of the file, allowed: = and a value\n"},
		{"a =", "t:2: a: found the end of the file, allowed: a value\n"},
		/* tokens that are none: all of them */
		{"a = \"x;\nb = 1;\nc = \"\\x00\";\n% d = 1;", "t:1: a: found a text, allowed: a text that ends with \" on its line\n"
		  "t:3: c: found a text, allowed: a text without NUL\nt:4: found \"%\", allowed: name = value;\n"},
		{"a = 1;\n/* b = 2;\n", "t:2: found \"/*\", allowed: a comment that ends with */\n"},
		{"a = ( \"x, 1 );\nb = 1", "t:1: a[0]: found a text, allowed: a text that ends with \" on its line\nt:2: a: found a name, allowed: , or )\n"},
		/* of a password nothing is shown, wherever it falls apart */
		{"pw = hunter2;", "t:1: pw: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{"pw \"hunter2\";", "t:1: found a text, allowed: = and a value\n"},
		{"pw = \"hunter2;", "t:1: pw: found a text, allowed: a text that ends with \" on its line\n"},
		{"pw = \"hun\"ter2\";", "t:1: found a text, allowed: a text that ends with \" on its line\nt:2: found the end of the file, allowed: = and a value\n"},
		{"pw = @hunter2;", "t:1: pw: found \"@\", allowed: @include \"file\" alone on its line\n"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_faults faults;
		struct conf_text *t;

		conf_faults_init(&faults);
		int err = conf_text_from(&t, "t", sv_str(rows[i].text), &faults);
		char *said = test_conf_lines(&faults);
		conf_faults_done(&faults);
		assert_string_equal(said, rows[i].lines);
		assert_int_equal(err, MG_EPARSE);
		free(said);
	}
}

/* "key@line" of each setting, libconfig's tree in its own order. */
static void write_tree(const config_setting_t *s, struct conf_line *out)
{
	if (!config_setting_is_root(s)) {
		conf_line_bare(out, config_setting_name(s) ? conf_tree_key(s) : SV("-"));
		conf_line_add(out, "@%u ", conf_tree_line(s));
	}
	for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s); i++)
		write_tree(config_setting_get_elem(s, (unsigned)i), out);
}

static void sound(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *places;
	} rows[] = {
		{"", ""},
		{"# nothing", ""},
		{"a = 1", "a@1 "},
		{"a\n=\n1\n;\nb : 2,\nc = 3 d = 4;", "a@1 b@5 c@6 d@6 "},
		{"a = (\n\"x\"\n,\n\"y\"\n\n);", "a@1 -@2 -@4 "}, /* libconfig itself says 3 and 6 */
		{"a = { };\nb = ( );\nc = [ ];\n", "a@1 b@2 c@3 "},
		{"a = (\n{ b = 1;\nc = [ 1,\n2 ]; },\n( ),\ntrue, 1.5, 0x1 );", "a@1 -@2 b@2 c@3 -@3 -@4 -@5 -@6 -@6 -@6 "},
		{"a = \"x\"\n\"y\" /* */ \"z\";\nb = 1;", "a@1 b@3 "},
		{"a = 5000000000; b = 99999999999999999999;", "a@1 b@1 "},
		/* what is there twice is found later, with the rest */
		{"a = 1;\na = 2;\na = 3;\nb = { a = 1; a = 1 };", "a@1 a@2 a@3 b@4 a@4 a@4 "},
		{"listen = 1;\nlisten = 2;\nA = 1;\n", "listen@1 listen@2 A@3 "},
		{"a=1a=1a=0x1g=0xfg=1a=1a=1a=1a=1a=1a=1a=1a=1a=1a=1", "a@1 a@1 a@1 g@1 g@1 a@1 a@1 a@1 a@1 a@1 a@1 a@1 a@1 a@1 a@1 "},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_faults faults;
		struct conf_tree tree;
		struct conf_text *t;
		struct conf_line said;

		conf_faults_init(&faults);
		conf_line_init(&said);
		assert_int_equal(conf_text_from(&t, "t", sv_str(rows[i].text), &faults), 0);
		assert_int_equal(conf_tree_init(&tree, t, &faults), 0);
		write_tree(config_root_setting(&tree.cfg), &said);
		assert_string_equal(said.s, rows[i].places);
		conf_tree_done(&tree);
		conf_text_free(t);
		conf_faults_done(&faults);
	}
}

/* Two things are left to libconfig: kinds in an array, and more twins than it can be told. */
static void what_libconfig_refuses(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *line;
	} rows[] = {
		{"a = [ 1,\ntrue ];", "t:2: found mismatched element type in array, allowed: the grammar of libconfig"},
		{"a=1;G=1;\na=2;", "t:2: found duplicate setting name, allowed: the grammar of libconfig"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_faults faults;
		struct conf_tree tree;
		struct conf_text *t;

		conf_faults_init(&faults);
		assert_int_equal(conf_text_from(&t, "t", sv_str(rows[i].text), &faults), 0);
		assert_int_equal(conf_tree_init(&tree, t, &faults), MG_EPARSE);
		assert_string_equal(faults.text[0], rows[i].line);
		conf_text_free(t);
		conf_faults_done(&faults);
	}
}

/* ---- what is too much ---- */

static void add(struct sv *text, size_t room, const char *more, size_t times)
{
	size_t n = strlen(more);

	for (size_t i = 0; i < times && text->n + n <= room; i++) {
		memcpy((char *)text->p + text->n, more, n);
		text->n += n;
	}
}

static void is_refused(struct sv text, const char *line)
{
	struct conf_faults faults;
	struct conf_text *t;

	conf_faults_init(&faults);
	int err = conf_text_from(&t, "t", text, &faults);
	assert_int_equal(err, line ? MG_EPARSE : 0);
	if (line)
		assert_string_equal(faults.text[0], line);
	else
		conf_text_free(t);
	conf_faults_done(&faults);
}

static void too_much(void **state)
{
	size_t room = CONF_TEXT_MAX;
	char *p = malloc(room), key[32];
	struct sv text = {p, 0};

	(void)state;
	/* brackets: 16, 17, and as many as fit */
	add(&text, room, "a = ", 1);
	add(&text, room, "(", 16);
	add(&text, room, ")", 16);
	is_refused(text, NULL);
	text.n = 4;
	add(&text, room, "(", room);
	is_refused(text, "t:1: a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: found \"(\", "
			 "allowed: at most 16 brackets within each other");
	text.n = 0;
	add(&text, room, "a={", room / 3);
	is_refused(text, "t:1: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: found \"{\", "
			 "allowed: at most 16 brackets within each other");
	/* items */
	text.n = 0;
	add(&text, room, "a=(1", 1);
	add(&text, room, ",1", CONF_SETTINGS_MAX - 2);
	add(&text, room, ")", 1);
	is_refused(text, NULL);
	text.n--;
	add(&text, room, ",1)", 1);
	is_refused(text,
		   "t:1: a: found a number, allowed: at most 262144 settings and items together");
	/* keys */
	text.n = 0;
	for (int i = 0; i < CONF_KEYS_MAX; i++) {
		snprintf(key, sizeof(key), "a%d=1;\n", i);
		add(&text, room, key, 1);
	}
	is_refused(text, NULL);
	add(&text, room, "b=1;", 1);
	is_refused(text, "t:257: found a name, allowed: at most 256 keys in one group");
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken),
		cmocka_unit_test(sound),
		cmocka_unit_test(what_libconfig_refuses),
		cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
