/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tables with one mistake each, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "conf/test_world.h"

#define HELP      .help = "an option"
#define AN_OPTION .name = "a", HELP
#define NUMBER    .type = CONF_INT, .min = 1, .max = 9
#define A_NUMBER  AN_OPTION, NUMBER

static const char *const twice[] = {"a", "b", "a", NULL};
static const char *const nothing[] = {NULL};

static const struct conf_table *unsound_variant(void *arg, const char *name, const char **known)
{
	(void)arg;
	(void)name;
	*known = "acl\0gone\0";
	return strcmp(name, "acl") == 0 ? &world_acl_conf : NULL;
}

static void unsound(void **state)
{
	/* clang-format off */
	static const struct {
		struct conf_option o;
		const char *lines;
	} rows[] = {
		{{A_NUMBER}, ""},
		{{A_NUMBER, .def = "0x9"}, ""},
		{{HELP, NUMBER, .name = "A"}, "table t: A: a name is [a-z][a-z0-9_]*, of up to 40 bytes\n"},
		{{HELP, NUMBER, .name = "2a"}, "table t: 2a: a name is [a-z][a-z0-9_]*, of up to 40 bytes\n"},
		{{HELP, NUMBER, .name = "a-b"}, "table t: a-b: a name is [a-z][a-z0-9_]*, of up to 40 bytes\n"},
		{{HELP, NUMBER, .name = "a2345678901234567890123456789012345678901"}, "table t: a2345678901234567890123456789012345678901: a name is [a-z][a-z0-9_]*, of up to 40 bytes\n"},
		{{.name = "a", NUMBER, .help = NULL}, "table t: a: help is one line without full stop\n"},
		{{.name = "a", NUMBER, .help = "Well."}, "table t: a: help is one line without full stop\n"},
		{{.name = "a", NUMBER, .help = "a\nb"}, "table t: a: help is one line without full stop\n"},
		{{AN_OPTION, .type = (enum conf_type)99}, "table t: a: no such type\n"},
		{{AN_OPTION, .type = CONF_INT, .min = 1, .max = 1}, "table t: a: a number needs min below max\n"},
		{{AN_OPTION, .type = CONF_INT}, "table t: a: a number needs min below max\n"},
		{{AN_OPTION, .type = CONF_AUTO, .min = -1, .max = 5}, "table t: a: -1 is \"auto\", so min is 0 at least\n"},
		{{AN_OPTION, .type = CONF_STRING, .min = 1}, "table t: a: a text has max bytes only\n"},
		{{AN_OPTION, .type = CONF_ENUM}, "table t: a: a choice needs choices\n"},
		{{AN_OPTION, .type = CONF_ENUM, .choices = nothing}, "table t: a: a choice needs choices\n"},
		{{AN_OPTION, .type = CONF_ENUM, .choices = twice}, "table t: a: a choice stands there twice\n"},
		{{A_NUMBER, .flags = CONF_SECRET}, "table t: a: only texts and files are secrets\n"},
		{{A_NUMBER, .offset = 57}, "table t: a: it lies outside of its struct\n"},
		{{A_NUMBER, .offset = SIZE_MAX}, "table t: a: it lies outside of its struct\n"},
		{{A_NUMBER, .flags = CONF_LIST, .offset = 56}, "table t: a: it lies outside of its struct\n"},
		/* groups */
		{{AN_OPTION, .type = CONF_GROUP}, "table t: a: a group needs a table\n"},
		{{AN_OPTION, .type = CONF_GROUP, .group = &world_nat_conf, .def = "{ }"}, "table t: a: a group has no default and no example of its own\n"},
		{{AN_OPTION, .type = CONF_GROUP, .variant = unsound_variant}, "table t: a: a name that it knows leads to no table\n"},
		{{AN_OPTION, .type = CONF_GROUP, .variant = world_module, .group = &world_zone_conf}, "table t: a: two of its tables have an option of the same name\n"},
		{{AN_OPTION, .type = CONF_GROUP, .variant = world_module, .group = &world_acl_conf}, "table t: a: two of its tables have an option of the same name\n"},
		/* defaults and examples */
		{{A_NUMBER, .def = "10"}, "defaults of t: a: found 10, allowed: 1 to 9\n"},
		{{A_NUMBER, .def = "x"}, "defaults of t:1: a: found a name, allowed: a value; texts stand in \"quotes\"\n"},
		{{A_NUMBER, .def = "1; b = 2"}, ""}, /* harmless: nobody asks for b */
		{{A_NUMBER, .example = "0"}, "defaults of t: a: found 0, allowed: 1 to 9\n"},
		{{A_NUMBER, .def = "1", .flags = CONF_REQUIRED}, "table t: a: what is required has no default\n"},
		{{AN_OPTION, .type = CONF_STRING, .flags = CONF_REQUIRED}, "table t: a: what is required needs an example\n"},
		{{AN_OPTION, .type = CONF_FILE, .flags = CONF_REQUIRED, .example = "/does/not/exist"}, ""},
		{{AN_OPTION, .type = CONF_FILE, .def = "/does/not/exist"}, ""},
		{{AN_OPTION, .type = CONF_STRING, .max = 3, .def = "abcd"}, "defaults of t: a: found \"abcd\" (too long), allowed: a text of 1 to 3 bytes\n"},
		{{AN_OPTION, .type = CONF_PREFIX, .flags = CONF_LIST, .def = "( \"10.0.0.0/8\", \"10.0.0.1/8\" )"},
		 "defaults of t: a[1]: found \"10.0.0.1/8\" (bits behind the prefix are set, or it is too long), allowed: a prefix: \"192.0.2.0/24\", \"2001:db8::/32\"\n"},
		{{AN_OPTION, .type = CONF_PREFIX, .flags = CONF_LIST, .def = "10.0.0.0/8"}, "defaults of t:1: found a number, allowed: name = value;\n"},
		{{AN_OPTION, .type = CONF_ENUM, .choices = world_trusts, .def = "nobody"}, "defaults of t: a: found \"nobody\", allowed: \"internet\", \"phones\" or \"carrier\"\n"},
		{{AN_OPTION, .type = CONF_AUTO, .min = 1, .max = 9, .def = "0"}, "defaults of t: a: found 0, allowed: \"auto\" or 1 to 9\n"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_table t = {
			.name = "t", .help = "A table", .size = 64, .options = &rows[i].o, .n = 1};
		struct conf_faults faults;

		conf_faults_init(&faults);
		int err = conf_table_check(&t, &faults);
		char *said = test_conf_lines(&faults);
		conf_faults_done(&faults);
		assert_string_equal(said, rows[i].lines);
		assert_int_equal(err, *rows[i].lines ? MG_EPARSE : 0);
		free(said);
	}
}

static void two_options(void **state)
{
	static const struct {
		struct conf_option o[2];
		const char *lines;
	} rows[] = {
		{{{A_NUMBER}, {HELP, NUMBER, .name = "b", .offset = 8}}, ""},
		{{{A_NUMBER}, {A_NUMBER, .offset = 8}},
		 "table t: a: its name stands there twice\n"},
		{{{A_NUMBER}, {HELP, NUMBER, .name = "b", .offset = 7}},
		 "table t: b: it lies where another option lies\n"},
		{{{A_NUMBER, .offset = 8}, {HELP, NUMBER, .name = "b", .flags = CONF_LIST}},
		 "table t: b: it lies where another option lies\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_table t = {
			.name = "t", .help = "A table", .size = 64, .options = rows[i].o, .n = 2};
		struct conf_faults faults;

		conf_faults_init(&faults);
		(void)!conf_table_check(&t, &faults);
		char *said = test_conf_lines(&faults);
		conf_faults_done(&faults);
		assert_string_equal(said, rows[i].lines);
		free(said);
	}
}

/* A table that holds itself, without a list between, would never end. */
static const struct conf_table endless;
static const struct conf_option endless_options[] = {
	{.name = "a", .type = CONF_GROUP, .help = "itself", .group = &endless}};
static const struct conf_table endless = {
	.name = "t", .help = "Endless", .size = 8, CONF_OPTIONS(endless_options)};

static void tables(void **state)
{
	static const struct conf_table nameless = {.help = "A table"}, helpless = {.name = "t"};
	struct conf_faults faults;

	(void)state;
	test_conf_sound(&world_conf);
	conf_faults_init(&faults);
	assert_int_equal(conf_table_check(&nameless, &faults), MG_EPARSE);
	assert_string_equal(faults.text[0],
			    "table ?: itself: a table needs a name, and help of one "
			    "line without full stop");
	assert_int_equal(conf_table_check(&helpless, &faults), MG_EPARSE);
	assert_int_equal(conf_table_check(&endless, &faults), MG_EPARSE);
	assert_string_equal(faults.text[2], "table t: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: too many "
					    "groups within each other");
	conf_faults_done(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsound),
		cmocka_unit_test(two_options),
		cmocka_unit_test(tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
