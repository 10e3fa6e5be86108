/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the tables tell people, word for word; and that the sample is a configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_world.h"

/* Enough to see each column and mark; everything is in the table of test_world.h. */
struct small {
	int64_t a_s, workers;
	const char *key;
	struct world_tls tls;
	struct conf_list zones, modules;
};

static const struct conf_option inner_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .max = 9,
	 .example = "a",
	 .help = "a name"},
	{.name = "trust",
	 .type = CONF_ENUM,
	 .offset = 8,
	 .choices = world_trusts,
	 .help = "who | is * there"},
};
static const struct conf_table inner_conf = {
	.name = "inner", .help = "One of several", .size = 16, CONF_OPTIONS(inner_options)};

static const struct conf_table *one_module(void *arg, const char *name, const char **known)
{
	(void)arg;
	*known = "shield\0";
	return strcmp(name, "shield") == 0 ? &world_shield_conf : NULL;
}

/* clang-format off */
static const struct conf_option small_options[] = {
	{.name = "a_s", .type = CONF_INT, .offset = offsetof(struct small, a_s), .unit = "seconds", .min = 1, .max = 9, .def = "5", .help = "a time"},
	{.name = "workers", .type = CONF_AUTO, .flags = CONF_RESTART, .offset = offsetof(struct small, workers), .min = 1, .max = 64, .def = "auto", .help = "threads"},
	{.name = "key", .type = CONF_STRING, .flags = CONF_SECRET, .offset = offsetof(struct small, key), .def = "geheim", .example = "secret", .help = "a key"},
	{.name = "zones", .type = CONF_GROUP, .flags = CONF_LIST | CONF_REQUIRED, .offset = offsetof(struct small, zones), .max_items = 9, .group = &inner_conf, .help = "several"},
	{.name = "modules", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct small, modules), .variant = one_module, .help = "modules"},
};
/* clang-format on */
static const struct conf_table small_conf = {.name = "small",
					     .help = "A small table",
					     .size = sizeof(struct small),
					     CONF_OPTIONS(small_options)};

static void prints(void (*print)(const struct conf_table *, FILE *), const char *expected)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	print(&small_conf, to);
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
}

static void options(void **state)
{
	(void)state;
	/* clang-format off */
	prints(conf_print_options,
	       "OPTION                TYPE              UNIT     RANGE                            DEFAULT     CHANGE   HELP\n"
	       "a_s                   number            seconds  1 to 9                           5           reload   a time\n"
	       "workers               number or \"auto\"  -        1 to 64                          \"auto\"      restart  threads\n"
	       "key                   text              -        1 to 1023 bytes                  a secret    reload   a key\n"
	       "zones                 list of groups    -        1 to 9 items                     required    reload   several\n"
	       "zones[].name          text              -        1 to 9 bytes                     required    reload   a name\n"
	       "zones[].trust         choice            -        \"internet\", \"phones\", \"carrier\"  \"internet\"  reload   who | is * there\n"
	       "modules               list of groups    -        up to 1024 items                 -           reload   modules\n"
	       "modules[].name        text              -        1 to 1023 bytes                  required    reload   which one it is; the other members depend on it\n"
	       "modules[shield].rate  number            -        1 to 1000                        20          reload   requests of an unknown source\n"
	       "modules[shield].mode  text              -        1 to 1023 bytes                  \"drop\"      restart  what is done with more\n");
	/* clang-format on */
}

static void reference(void **state)
{
	(void)state;
	/* clang-format off */
	prints(conf_print_reference,
	       "<!-- Generated from the tables of the source; do not edit. -->\n"
	       "\n# small\n\nA small table.\n\n"
	       "| option | type | unit | range | default | change | help |\n"
	       "|---|---|---|---|---|---|---|\n"
	       "| a\\_s | number | seconds | 1 to 9 | 5 | reload | a time |\n"
	       "| workers | number or \"auto\" | - | 1 to 64 | \"auto\" | restart | threads |\n"
	       "| key | text | - | 1 to 1023 bytes | a secret | reload | a key |\n"
	       "| zones | list of groups | - | 1 to 9 items | required | reload | several |\n"
	       "| modules | list of groups | - | up to 1024 items | - | reload | modules |\n"
	       "\n## zones[]\n\nOne of several.\n\n"
	       "| option | type | unit | range | default | change | help |\n"
	       "|---|---|---|---|---|---|---|\n"
	       "| name | text | - | 1 to 9 bytes | required | reload | a name |\n"
	       "| trust | choice | - | \"internet\", \"phones\", \"carrier\" | \"internet\" | reload | who \\| is \\* there |\n"
	       "\n## modules[shield]\n\nLimits of strangers.\n"
	       "\nThese members go with `name = \"shield\"`.\n\n"
	       "| option | type | unit | range | default | change | help |\n"
	       "|---|---|---|---|---|---|---|\n"
	       "| rate | number | - | 1 to 1000 | 20 | reload | requests of an unknown source |\n"
	       "| mode | text | - | 1 to 1023 bytes | \"drop\" | restart | what is done with more |\n"
	       "\n\"restart\" in the column of changes: a reload does not apply it, a restart does.\n");
	/* clang-format on */
}

static void sample(void **state)
{
	(void)state;
	prints(conf_print_sample, "# A small table\n"
				  "\n"
				  "# a time\n"
				  "# 1 to 9 (seconds)\n"
				  "a_s = 5;\n"
				  "\n"
				  "# threads\n"
				  "# \"auto\" or 1 to 64; a change needs a restart\n"
				  "workers = \"auto\";\n"
				  "\n"
				  "# a key\n"
				  "# a text of 1 to 1023 bytes\n"
				  "#key = \"secret\";\n"
				  "\n"
				  "# several\n"
				  "# a group { ... }, in a list ( ... ) of 1 to 9; required\n"
				  "zones = (\n"
				  "\t{\n"
				  "\t\t# a name\n"
				  "\t\t# a text of 1 to 9 bytes; required\n"
				  "\t\tname = \"a\";\n"
				  "\n"
				  "\t\t# who | is * there\n"
				  "\t\t# \"internet\", \"phones\" or \"carrier\"\n"
				  "\t\ttrust = \"internet\";\n"
				  "\t}\n"
				  ");\n"
				  "\n"
				  "# modules\n"
				  "# a group { ... }, in a list ( ... ) of up to 1024\n"
				  "#modules = (\n"
				  "\t#{\n"
				  "\t\t#name = \"shield\";\n"
				  "\n"
				  "\t\t# requests of an unknown source\n"
				  "\t\t# 1 to 1000\n"
				  "\t\t#rate = 20;\n"
				  "\n"
				  "\t\t# what is done with more\n"
				  "\t\t# a text of 1 to 1023 bytes; a change needs a restart\n"
				  "\t\t#mode = \"drop\";\n"
				  "\t#}\n"
				  "#);\n");
}

/* The same of each type: without words that nobody can check, and each option of each table once. */
static void every_type(void **state)
{
	/* clang-format off */
	static const char *const rows[] = {
		"big  number  -  -9223372036854775808 to 9223372036854775807  0  reload  any number",
		"quick  true/false  -  -  true  reload  whether to hurry",
		"bind  address  -  without port  \"127.0.0.1\"  reload  address to bind to",
		"metrics  address  -  with port  -  reload  address of metrics",
		"peer  address  -  with or without port  -  reload  address of the peer",
		"lan  prefix  -  -  \"fd00::/8\"  reload  what is inside",
		"log  file  -  -  -  reload  a file to read",
		"acl  list of prefixes  -  up to 4 items  ( \"10.0.0.0/8\", \"192.168.0.0/16\" )  reload  addresses that are known",
		"ports  list of numbers  -  1 to 65535, up to 1024 items  -  reload  a list of ports",
		"zones[].nat.latch  true/false  -  -  false  reload  send media to where it comes from",
		"zones[].nat.keep_s  number or \"auto\"  seconds  5 to 600  \"auto\"  reload  keep bindings of NATs open",
		"modules[].file  file  -  -  -  restart  shared object of a third-party module",
		"store.name  text  -  1 to 1023 bytes  required  reload  which one it is; the other members depend on it",
		"store[acl].allow  list of prefixes  -  1 to 1024 items  required  reload  who may call",
	};
	/* clang-format on */
	char *text = NULL, *out;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	conf_print_options(&world_conf, to);
	fclose(to);
	/* Columns without their padding. */
	out = text;
	for (size_t i = 0; i < n; i++) {
		if (i < 2 || text[i] != ' ' || text[i - 1] != ' ' || out[-1] != ' ' ||
		    out[-2] != ' ')
			*out++ = text[i];
	}
	*out = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *row = strstr(text, rows[i]);

		if (!row || row[-1] != '\n')
			fail_msg("no row %s in\n%s", rows[i], text);
	}
	free(text);
}

static char *world_sample(void)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	conf_print_sample(&world_conf, to);
	fclose(to);
	return text;
}

static void the_sample_says_what_silence_says(void **state)
{
	char *text = world_sample();
	struct arena arena;
	struct world a, b;

	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	test_conf_load(&world_conf, text, &a, &arena);
	test_conf_load(&world_conf,
		       "zones = ( { name = \"inside\"; listen = ( \"udp:*:5060\" ); } );", &b,
		       &arena);
	assert_true(conf_same(&world_conf, &a, &b));
	arena_done(&arena);
	free(text);
}

/* One mark of comment taken away: groups that were commented out, with what they need. */
static void the_commented_parts_load_too(void **state)
{
	char *text = world_sample(), *out = text;
	struct conf_faults faults;
	struct arena arena;
	struct world w;
	static const struct conf_env env = {.open = test_conf_open};

	(void)state;
	for (char *p = text; *p; p++) {
		bool first = p == text || p[-1] == '\n' || p[-1] == '\t';

		if (*p == '#' && first && p[1] != ' ')
			continue;
		*out++ = *p;
	}
	*out = '\0';
	arena_init(&arena, 4096, 1 << 20);
	conf_faults_init(&faults);
	int err = test_conf_try(&world_conf, text, &w, &arena, &env, NULL, &faults);
	/* The risk in the example is one that nothing here takes. */
	assert_int_equal(err, MG_EPARSE);
	char *said = test_conf_lines(&faults);
	assert_non_null(strstr(said, "accept_risk[0]: found \"x\""));
	assert_int_equal(faults.n, 1);
	free(said);
	conf_faults_done(&faults);
	size_t at = 0;
	while (text[at] && strncmp(text + at, "accept_risk = ", 14) != 0)
		at++;
	text[at] = '#';
	test_conf_load(&world_conf, text, &w, &arena);
	assert_int_equal(w.modules.n, 3);
	assert_string_equal(w.tls.cert.path, "/etc/margrave/cert.pem");
	assert_string_equal(w.note, "line 1");
	arena_done(&arena);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(every_type),
		cmocka_unit_test(reference),
		cmocka_unit_test(sample),
		cmocka_unit_test(the_sample_says_what_silence_says),
		cmocka_unit_test(the_commented_parts_load_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
