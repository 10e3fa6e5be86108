/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which changes of a configuration need a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_world.h"

static void restarts(void **state)
{
	/* clang-format off */
	static const struct {
		const char *old, *new_, *paths;
	} rows[] = {
		{"", "", ""},
		{"workers = 4;", "workers = 4;", ""},
		{"", "workers = 4;", "workers "},
		{"workers = \"auto\";", "", ""},
		{"timer_c_s = 181; quick = false; acl = ( );", "", ""}, /* a reload applies them */
		/* modules are the same by their names, wherever they stand */
		{"modules = ( { name = \"acl\"; allow = ( \"10.0.0.0/8\" ); }, { name = \"shield\"; } );",
		 "modules = ( { name = \"shield\"; rate = 5; on = false; }, { name = \"acl\"; allow = ( \"11.0.0.0/8\" ); } );", ""},
		{"modules = ( { name = \"shield\"; } );", "modules = ( { name = \"sanity\"; }, { name = \"shield\"; mode = \"x\"; } );", "modules[1].mode "},
		{"modules = ( { name = \"sanity\"; file = \"/a\"; } );", "modules = ( { name = \"sanity\"; file = \"/b\"; } );", "modules[0].file "},
		{"modules = ( { name = \"sanity\"; file = \"/a\"; } );", "modules = ( { name = \"sanity\"; } );", "modules[0].file "},
		/* one side only: what it holds */
		{"", "modules = ( { name = \"sanity\"; } );", ""},
		{"", "modules = ( { name = \"sanity\"; file = \"/a\"; } );", "modules[0].file "},
		{"modules = ( { name = \"sanity\"; file = \"/a\"; } );", "", "modules[0].file "},
		{"modules = ( { name = \"shield\"; } );", "", "modules[0].mode "},
		/* one module several times */
		{"modules = ( { name = \"sanity\"; file = \"/a\"; }, { name = \"sanity\"; file = \"/b\"; } );",
		 "modules = ( { name = \"sanity\"; file = \"/a\"; }, { name = \"acl\"; allow = ( \"::/0\" ); }, { name = \"sanity\"; file = \"/c\"; } );", "modules[2].file "},
		/* a single variant */
		{"store = { name = \"shield\"; };", "store = { name = \"shield\"; rate = 2; };", ""},
		{"store = { name = \"shield\"; };", "store = { name = \"shield\"; mode = \"x\"; };", "store.mode "},
		{"store = { name = \"shield\"; };", "store = { name = \"sanity\"; };", "store.mode "},
		{"store = { name = \"sanity\"; };", "store = { name = \"shield\"; };", "store.mode "},
	};
	/* clang-format on */
	char a_text[512], b_text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_line said;
		struct conf_list paths;
		struct arena arena;
		struct world a, b;

		arena_init(&arena, 4096, 1 << 20);
		snprintf(a_text, sizeof(a_text), "%s%s", WORLD_LEAST, rows[i].old);
		snprintf(b_text, sizeof(b_text), "%s%s", WORLD_LEAST, rows[i].new_);
		test_conf_load(&world_conf, a_text, &a, &arena);
		test_conf_load(&world_conf, b_text, &b, &arena);
		size_t n = conf_restart_needed(&world_conf, &a, &b, &paths, &arena);
		conf_line_init(&said);
		for (size_t k = 0; k < paths.n; k++)
			conf_line_add(&said, "%s ", ((const char **)paths.items)[k]);
		assert_string_equal(said.s, rows[i].paths);
		assert_int_equal(n, paths.n);
		arena_done(&arena);
	}
}

/* ---- options of each type whose change needs a restart ---- */

struct all {
	bool flag;
	int64_t number;
	int choice;
	const char *text;
	struct addr addr;
	struct prefix prefix;
	struct conf_file file;
	struct world_limits limits;
	struct conf_list list, zones;
	struct conf_variant variant;
};

/* clang-format off */
static const struct conf_option all_options[] = {
	{.name = "flag", .type = CONF_BOOL, .flags = CONF_RESTART, .offset = offsetof(struct all, flag)},
	{.name = "number", .type = CONF_INT, .flags = CONF_RESTART, .offset = offsetof(struct all, number), .max = 9},
	{.name = "choice", .type = CONF_ENUM, .flags = CONF_RESTART, .offset = offsetof(struct all, choice), .choices = world_trusts},
	{.name = "text", .type = CONF_STRING, .flags = CONF_RESTART, .offset = offsetof(struct all, text)},
	{.name = "addr", .type = CONF_ADDR, .flags = CONF_RESTART, .offset = offsetof(struct all, addr), .port = CONF_PORT_OK},
	{.name = "prefix", .type = CONF_PREFIX, .flags = CONF_RESTART, .offset = offsetof(struct all, prefix)},
	{.name = "file", .type = CONF_FILE, .flags = CONF_RESTART, .offset = offsetof(struct all, file)},
	{.name = "limits", .type = CONF_GROUP, .flags = CONF_RESTART, .offset = offsetof(struct all, limits), .group = &world_limits_conf},
	{.name = "list", .type = CONF_STRING, .flags = CONF_RESTART | CONF_LIST, .offset = offsetof(struct all, list)},
	{.name = "zones", .type = CONF_GROUP, .flags = CONF_RESTART | CONF_LIST, .offset = offsetof(struct all, zones), .group = &world_zone_conf},
	{.name = "variant", .type = CONF_GROUP, .flags = CONF_RESTART, .offset = offsetof(struct all, variant), .group = &world_common_conf, .variant = world_module},
};
/* clang-format on */
static const struct conf_table all_conf = {
	.name = "all", .size = sizeof(struct all), CONF_OPTIONS(all_options)};

static void each_type(void **state)
{
	/* clang-format off */
	static const struct {
		const char *old, *new_, *path;
	} rows[] = {
		{"flag = true;", "flag = true;", NULL}, {"flag = true;", "flag = false;", "flag"},
		{"number = 5;", "number = 0x5;", NULL}, {"number = 5;", "number = 6;", "number"},
		{"choice = \"internet\";", "", NULL}, {"choice = \"phones\";", "", "choice"},
		{"text = \"a\";", "text = \"\\x61\";", NULL}, {"text = \"a\";", "text = \"b\";", "text"}, {"text = \"a\";", "", "text"},
		{"addr = \"::ffff:1.2.3.4\";", "addr = \"1.2.3.4\";", NULL}, {"addr = \"1.2.3.4:5\";", "addr = \"1.2.3.4:6\";", "addr"},
		{"prefix = \"10.0.0.0/8\";", "prefix = \"10.0.0.0/8\";", NULL}, {"prefix = \"10.0.0.0/8\";", "prefix = \"10.0.0.0/9\";", "prefix"},
		{"file = \"/a\";", "file = \"/a\";", NULL}, {"file = \"/a\";", "file = \"/b\";", "file"},
		{"limits = { };", "", NULL}, {"limits = { cps = 7; };", "", "limits"},
		{"list = ( );", "", NULL}, {"list = ( \"a\" );", "list = [ \"a\" ];", NULL}, {"list = ( \"a\" );", "list = ( \"b\" );", "list"}, {"list = ( \"a\", \"b\" );", "list = ( \"a\" );", "list"},
		{"zones = ( { name = \"a\"; listen = ( \"udp:\" ); } );", "zones = ( { name = \"a\"; listen = ( \"udp:\" ); } );", NULL},
		{"zones = ( { name = \"a\"; listen = ( \"udp:\" ); } );", "zones = ( { name = \"a\"; listen = ( \"udp:\" ); nat = { keep_s = 5; }; } );", "zones"},
		{"variant = { name = \"shield\"; };", "variant = { name = \"shield\"; };", NULL},
		{"variant = { name = \"shield\"; };", "variant = { name = \"shield\"; rate = 5; };", "variant"},
		{"variant = { name = \"shield\"; };", "variant = { name = \"shield\"; on = false; };", "variant"},
		{"variant = { name = \"shield\"; };", "variant = { name = \"sanity\"; };", "variant"},
		{"variant = { name = \"shield\"; };", "", "variant"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_list paths;
		struct arena arena;
		struct all a, b;

		arena_init(&arena, 4096, 1 << 20);
		test_conf_load(&all_conf, rows[i].old, &a, &arena);
		test_conf_load(&all_conf, rows[i].new_, &b, &arena);
		size_t n = conf_restart_needed(&all_conf, &a, &b, &paths, &arena);
		assert_int_equal(n, rows[i].path != NULL);
		if (n)
			assert_string_equal(((const char **)paths.items)[0], rows[i].path);
		assert_int_equal(conf_same(&all_conf, &a, &b), n == 0);
		arena_done(&arena);
	}
}

/* ---- groups of a list, by name and by position ---- */

struct named {
	const char *name;
	int64_t threads;
	struct conf_list inner;
};
struct numbered {
	int64_t threads;
};
struct lists {
	struct conf_list named, numbered, calm;
};

/* clang-format off */
static const struct conf_option numbered_options[] = {
	{.name = "threads", .type = CONF_INT, .flags = CONF_RESTART, .offset = offsetof(struct numbered, threads), .max = 9},
};
static const struct conf_table numbered_conf = {.name = "numbered", .size = sizeof(struct numbered), CONF_OPTIONS(numbered_options)};

static const struct conf_option named_options[] = {
	{.name = "name", .type = CONF_STRING, .offset = offsetof(struct named, name)},
	{.name = "threads", .type = CONF_INT, .flags = CONF_RESTART, .offset = offsetof(struct named, threads), .max = 9},
	{.name = "inner", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct named, inner), .group = &numbered_conf},
};
static const struct conf_table named_conf = {.name = "named", .size = sizeof(struct named), CONF_OPTIONS(named_options)};

static const struct conf_option lists_options[] = {
	{.name = "named", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct lists, named), .group = &named_conf},
	{.name = "numbered", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct lists, numbered), .group = &numbered_conf},
	{.name = "calm", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct lists, calm), .group = &world_limits_conf},
};
/* clang-format on */
static const struct conf_table lists_conf = {
	.name = "lists", .size = sizeof(struct lists), CONF_OPTIONS(lists_options)};

static void groups_of_lists(void **state)
{
	/* clang-format off */
	static const struct {
		const char *old, *new_, *paths;
	} rows[] = {
		{"named = ( { name = \"a\"; threads = 1 }, { name = \"b\"; threads = 2 } );", "named = ( { name = \"b\"; threads = 2 }, { name = \"a\"; threads = 1 } );", ""},
		{"named = ( { name = \"a\"; threads = 1 }, { name = \"b\"; threads = 2 } );", "named = ( { name = \"b\"; threads = 3 }, { name = \"a\"; threads = 1 } );", "named[0].threads "},
		{"named = ( { name = \"a\"; threads = 1 } );", "named = ( { name = \"b\"; threads = 1 } );", "named[0].threads named[0].threads "},
		{"named = ( { name = \"a\"; inner = ( { }, { threads = 1 } ) } );", "named = ( { name = \"c\" }, { name = \"a\"; inner = ( { }, { threads = 2 } ) } );", "named[1].inner[1].threads "},
		/* nameless ones among them go by position */
		{"named = ( { threads = 1 }, { name = \"a\" } );", "named = ( { threads = 1 }, { name = \"a\" } );", ""},
		{"numbered = ( { threads = 1 }, { threads = 2 } );", "numbered = ( { threads = 2 }, { threads = 2 }, { }, { threads = 4 } );", "numbered[0].threads numbered[3].threads "},
		{"numbered = ( { threads = 1 }, { threads = 2 } );", "numbered = ( { threads = 1 } );", "numbered[1].threads "},
		{"calm = ( { cps = 1 } );", "calm = ( { cps = 2 }, { cps = 3 } );", ""},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_line said;
		struct conf_list paths;
		struct arena arena;
		struct lists a, b;

		arena_init(&arena, 4096, 1 << 20);
		test_conf_load(&lists_conf, rows[i].old, &a, &arena);
		test_conf_load(&lists_conf, rows[i].new_, &b, &arena);
		(void)conf_restart_needed(&lists_conf, &a, &b, &paths, &arena);
		conf_line_init(&said);
		for (size_t k = 0; k < paths.n; k++)
			conf_line_add(&said, "%s ", ((const char **)paths.items)[k]);
		assert_string_equal(said.s, rows[i].paths);
		arena_done(&arena);
	}
}

static void many_paths(void **state)
{
	static char text[1 << 16];
	struct conf_list paths;
	struct arena arena;
	struct world a, b;
	size_t n = (size_t)snprintf(text, sizeof(text), "%smodules = (", WORLD_LEAST);

	(void)state;
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ name = \"shield\"; }",
				      i ? "," : "");
	snprintf(text + n, sizeof(text) - n, ");");
	arena_init(&arena, 4096, 1 << 20);
	test_conf_load(&world_conf, WORLD_LEAST, &a, &arena);
	test_conf_load(&world_conf, text, &b, &arena);
	assert_int_equal(conf_restart_needed(&world_conf, &a, &b, &paths, &arena), 100);
	assert_string_equal(((const char **)paths.items)[99], "modules[99].mode");
	/* Without memory the answer is yes. */
	struct arena none;
	arena_init(&none, 64, 512);
	assert_true(conf_restart_needed(&world_conf, &a, &b, &paths, &none) >= 100);
	assert_true(paths.n < 100);
	arena_done(&none);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restarts),
		cmocka_unit_test(each_type),
		cmocka_unit_test(groups_of_lists),
		cmocka_unit_test(many_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
