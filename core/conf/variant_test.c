/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups whose members depend on their name: known, unknown, passed over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "conf/test_world.h"

static struct arena arena;

static struct world load(const char *text)
{
	struct world w;

	arena_done(&arena);
	arena_init(&arena, 4096, 64 << 20);
	test_conf_load(&world_conf, text, &w, &arena);
	return w;
}

static void variants(void **state)
{
	struct world w =
		load(WORLD_LEAST "modules = ( { name = \"shield\"; rate = 5; on = false; },\n"
				 "  { allow = (\"10.0.0.0/8\"); name = \"acl\"; },\n"
				 "  { name = \"sanity\" } );\n"
				 "store = { name = \"shield\"; mode = \"x\" };");
	const struct conf_variant *m = w.modules.items;

	(void)state;
	assert_int_equal(w.modules.n, 3);
	assert_string_equal(m[0].name, "shield");
	assert_string_equal(m[0].at, "test.cfg:2");
	assert_ptr_equal(m[0].table, &world_shield_conf);
	assert_int_equal(((struct world_shield *)m[0].value)->rate, 5);
	assert_string_equal(((struct world_shield *)m[0].value)->mode, "drop");
	assert_false(((struct world_common *)m[0].common)->on);
	assert_int_equal(((struct world_common *)m[0].common)->file.fd, -1);
	assert_ptr_equal(m[1].table, &world_acl_conf);
	assert_int_equal(((struct world_acl *)m[1].value)->allow.n, 1);
	assert_true(((struct world_common *)m[1].common)->on);
	assert_string_equal(m[1].at, "test.cfg:3");
	assert_ptr_equal(m[2].table, &world_empty_conf);
	assert_string_equal(w.store.name, "shield");
	assert_null(w.store.common);
	assert_string_equal(((struct world_shield *)w.store.value)->mode, "x");
}

static void refused_variants(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{"modules = ( { name = \"shild\"; rate = 5; what = 1 } );", "test.cfg:1: modules[0].name: found \"shild\", allowed: \"acl\", \"shield\", \"sanity\"; did you mean \"shield\"?\n"},
		{"modules = ( { rate = 5; } );", "test.cfg:1: modules[0].name: found nothing, allowed: a text of 1 to 1023 bytes\n"},
		{"modules = ( { name = 5;\n rate = 5; on = 5; } );", "test.cfg:1: modules[0].name: found 5, allowed: a text of 1 to 1023 bytes\ntest.cfg:2: modules[0].on: found 5, allowed: true or false\n"},
		{"modules = ( { name = \"shield\"; rte = 5; on = 1 } );",
		 "test.cfg:1: modules[0].rte: found an unknown key, allowed: name, file, on, rate, mode; did you mean \"rate\"?\n"
		 "test.cfg:1: modules[0].on: found 1, allowed: true or false\n"},
		{"modules = ( { name = \"acl\" } );", "test.cfg:1: modules[0].allow: found nothing, allowed: a list ( ... ) of 1 to 1024\n"},
		{"modules = ( { name = \"sanity\"; name = \"acl\" } );", "test.cfg:1: modules[0].name: found it a second time, after test.cfg:1, allowed: once\n"},
		{"modules = ( \"acl\" );", "test.cfg:1: modules[0]: found \"acl\", allowed: a group { ... }\n"},
		{"store = 5;", "test.cfg:1: store: found 5, allowed: a group { ... }\n"},
	};
	/* clang-format on */
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s\n%s", rows[i].text, WORLD_LEAST);
		test_conf_refused(&world_conf, text, rows[i].lines);
	}
}

/* A process that does not load other people's modules reads the rest, and opens their files. */
static void variants_passed_over(void **state)
{
	static const struct conf_env env = {.open = test_conf_open, .pass_unknown_variants = true};
	struct conf_faults faults;
	struct world w;

	(void)state;
	arena_done(&arena);
	arena_init(&arena, 4096, 64 << 20);
	conf_faults_init(&faults);
	/* The risk may be that module's, so it is not called idle. */
	int err = test_conf_try(&world_conf,
				WORLD_LEAST "accept_risk = ( \"theirs\" );\n"
					    "modules = ( { name = \"theirs\"; file = \"/x/t.so\"; "
					    "what = { is = 5; }; } );",
				&w, &arena, &env, NULL, &faults);
	conf_faults_print(&faults, stderr);
	assert_int_equal(err, 0);
	const struct conf_variant *m = w.modules.items;
	assert_string_equal(m->name, "theirs");
	assert_null(m->table);
	assert_null(m->value);
	assert_string_equal(((struct world_common *)m->common)->file.path, "/x/t.so");
	assert_true(((struct world_common *)m->common)->on);
	/* What all have is held to its type all the same. */
	assert_int_equal(test_conf_try(&world_conf,
				       WORLD_LEAST "modules = ( { name = \"theirs\"; on = 5; } );",
				       &w, &arena, &env, NULL, &faults),
			 MG_EPARSE);
	assert_string_equal(faults.text[0],
			    "test.cfg:2: modules[0].on: found 5, allowed: true or false");
	conf_faults_done(&faults);
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variants),
		cmocka_unit_test(refused_variants),
		cmocka_unit_test(variants_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
