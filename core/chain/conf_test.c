/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The option `modules`: loaded once to learn of files, once more with all modules known, and what a reload may do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>

#include "chain/test_chain.h"

struct plain {
	bool loud;
};
static const struct conf_option plain_options[] = {
	{.name = "loud",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct plain, loud),
	 .help = "say it aloud"},
};
static const struct conf_table plain_table = {.name = "plain",
					      .help = "a test",
					      .size = sizeof(struct plain),
					      CONF_OPTIONS(plain_options)};
static const struct mg_module plain = {
	.abi = MG_ABI_VERSION, .name = "plain", .help = "none", .options = &plain_table};
static const struct mg_module bare = {.abi = MG_ABI_VERSION, .name = "bare", .help = "none"};
const struct mg_module *const chain_builtin[] = {&plain, &bare, NULL};

struct root {
	struct conf_list modules;
};
static const struct conf_option root_options[] = {
	CHAIN_MODULES_OPTION(offsetof(struct root, modules))};
static const struct conf_table root_table = {.name = "margrave",
					     .help = "a test",
					     .size = sizeof(struct root),
					     CONF_OPTIONS(root_options)};

static struct conf_faults faults;
static struct arena arena;
static struct root root;
static const struct chain_module_conf *confs;
static const struct mg_module *const *descriptors;

/* As the daemon does at start; or, without `first`, at a reload. Returns how many modules, or a negative error. */
static int load(const char *config, bool first)
{
	struct conf_env env = {.pass_unknown_variants = first};
	struct conf_text *text;
	int err;

	conf_faults_init(&faults);
	arena_init(&arena, 4096, 1 << 20);
	assert_int_equal(conf_text_from(&text, "t.cfg", sv_str(config), &faults), 0);
	err = conf_load(text, &root_table, &root, &arena, &env, NULL, &faults);
	if (!err && first) {
		err = chain_open_all(&root.modules, &faults);
		env.pass_unknown_variants = false;
		conf_close_files(&root_table, &root);
		if (!err)
			err = conf_load(text, &root_table, &root, &arena, &env, NULL, &faults);
	}
	conf_text_free(text);
	return err ? err : chain_modules_of(&root.modules, &arena, &confs, &descriptors, &faults);
}

static void unload(void)
{
	conf_close_files(&root_table, &root);
	conf_faults_done(&faults);
	arena_done(&arena);
	memset(&root, 0, sizeof(root));
}

#define GOOD  "\"" TEST_OBJECTS "/chain_test_good.so\""
#define TWIN  "\"" TEST_OBJECTS "/chain_test_twin.so\""
#define OLDER "\"" TEST_OBJECTS "/chain_test_older.so\""

static void tables(void **state)
{
	(void)state;
	conf_faults_init(&faults);
	int err = conf_table_check(&root_table, &faults);
	if (err)
		conf_faults_print(&faults, stderr);
	assert_int_equal(err, 0);
	conf_faults_done(&faults);
}

static void nothing_is_fine(void **state)
{
	(void)state;
	assert_int_equal(load("", true), 0);
	unload();
}

/* Before any file was opened. */
static void refused_at_first(void **state)
{
	static const struct {
		const char *config, *fault;
	} rows[] = {
		{"modules = ( { name = \"good\"; } );", "module good: there is no such module; a "
							"module that is not built in needs a file"},
		{"modules = ( { name = \"old\"; file = " OLDER "; } );",
		 "abi version 0, this is 1"},
		{"modules = ( { name = \"bare\"; file = " GOOD "; } );",
		 "module bare: it is built in and has no file"},
		{"modules = ( { name = \"bare\"; }, { name = \"bare\"; } );",
		 "module bare: it stands there twice"},
		{"modules = ( { name = \"plain\"; lout = true; } );", "loud"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = load(rows[i].config, true);
		const char *got = faults.n ? faults.text[0] : "";
		if (err != MG_EPARSE || !strstr(got, rows[i].fault))
			row_differs(&bad, rows[i].config, got, rows[i].fault);
		unload();
	}
	assert_int_equal(bad, 0);
}

static void a_name_that_is_not_the_files(void **state)
{
	(void)state;
	assert_int_equal(load("modules = ( { name = \"better\"; file = " GOOD "; } );", true),
			 MG_EPARSE);
	assert_true(faults.n > 0);
	assert_non_null(strstr(faults.text[0], "better"));
	unload();
}

static void opened_and_loaded(void **state)
{
	static const char config[] = "modules = ( { name = \"plain\"; loud = true; },\n"
				     "  { name = \"good\"; file = " GOOD "; n = 4; },\n"
				     "  { name = \"bare\"; } );";

	(void)state;
	for (unsigned i = 0; i < 2; i++) { /* at start, and at a reload */
		int n = load(config, i == 0);
		if (n != 3)
			conf_faults_print(&faults, stderr);
		assert_int_equal(n, 3);
		assert_ptr_equal(descriptors[0], &plain);
		assert_string_equal(descriptors[1]->name, "good");
		assert_ptr_equal(descriptors[2], &bare);
		assert_true(((const struct plain *)confs[0].options)->loud);
		assert_int_equal(*(const int64_t *)confs[1].options, 4);
		assert_string_equal(confs[1].at, "t.cfg:2");
		assert_string_equal(confs[1].file.path, TEST_OBJECTS "/chain_test_good.so");
		assert_null(confs[0].file.path);
		unload();
	}
}

/* Behind opened_and_loaded: "good" is open. */
static void refused_at_a_reload(void **state)
{
	static const struct {
		const char *config, *fault;
	} rows[] = {
		{"modules = ( { name = \"good\"; file = " TWIN "; } );",
		 "it was opened from another file"},
		{"modules = ( { name = \"good\"; } );", "it was opened from another file"},
		{"modules = ( { name = \"good\"; file = " GOOD "; n = 10; } );", "1 to 9"},
		{"modules = ( { name = \"gone\"; file = " GOOD "; } );", "good"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = load(rows[i].config, false);
		const char *got = faults.n ? faults.text[0] : "";
		if (err != MG_EPARSE || !strstr(got, rows[i].fault))
			row_differs(&bad, rows[i].config, got, rows[i].fault);
		unload();
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(nothing_is_fine),
		cmocka_unit_test(refused_at_first),
		cmocka_unit_test(a_name_that_is_not_the_files),
		cmocka_unit_test(opened_and_loaded),
		cmocka_unit_test(refused_at_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
