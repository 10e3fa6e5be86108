/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What checks of tables report: combinations, single items, risks and their acceptance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "conf/test_world.h"

static void combinations(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *lines;
	} rows[] = {
		/* the value that the file has, or the default, is what was found */
		{WORLD_LEAST "limits = { cps = 50;\n burst = 20; };", "test.cfg:3: limits.burst: found 20, allowed: at least cps (50)\n"},
		{WORLD_LEAST "limits = {\n cps = 500; };", "test.cfg:2: limits.burst: found 200 (the default), allowed: at least cps (500)\n"},
		{"zones = ( { name = \"a\"; listen = ( \"udp:*\",\n\"upd:*\", \"tcp:*\" ); } );", "test.cfg:2: zones[0].listen[1]: found \"upd:*\", allowed: \"udp:...\" or \"tcp:...\"\n"},
		{"zones = ( { name = \"a\"; listen = ( \"udp:*\" ); } );\ntimer_c_s = 200; note = \"n\"; workers = 3;", "test.cfg:1: secret: found nothing, allowed: a secret, when there is a note and 3 workers\n"},
		/* the whole */
		{WORLD_LEAST "workers = 9; timer_c_s = 2000;", "test.cfg:1: found this combination, allowed: workers of up to 8, or a timer_c_s of up to 1000\n"},
		/* checks wait until single values are right */
		{WORLD_LEAST "limits = { cps = 50;\n burst = 20; x = 1; };\nworkers = 9; timer_c_s = 2000;", "test.cfg:3: limits.x: found an unknown key, allowed: cps, burst\n"},
		/* but those of other groups do not */
		{WORLD_LEAST "quick = 5;\nlimits = { burst = 20; };", "test.cfg:2: quick: found 5, allowed: true or false\ntest.cfg:3: limits.burst: found 20, allowed: at least cps (100)\n"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		test_conf_refused(&world_conf, rows[i].text, rows[i].lines);
}

#define LATCH "zones = ( { name = \"a\"; listen = ( \"udp:*\" );\n  nat = { latch = true; }; } );\n"

static void risks_are_refused(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{LATCH, "test.cfg:2: zones[0].nat.latch: found true, allowed: this only with accept_risk = (\"latch-any\"): whoever sends first gets the media\n"},
		{LATCH "accept_risk = ( );", "test.cfg:2: zones[0].nat.latch: found true, allowed: this only with accept_risk = (\"latch-any\"): whoever sends first gets the media\n"},
		{LATCH "accept_risk = ( \"latch_any\" );", "test.cfg:2: zones[0].nat.latch: found true, allowed: this only with accept_risk = (\"latch-any\"): whoever sends first gets the media\n"},
		/* a default can be a risk too */
		{WORLD_LEAST "lan = \"127.0.0.0/8\";", "test.cfg:1: bind: found 127.0.0.1 (the default), allowed: this only with accept_risk = (\"bind-inside\"): it is inside\n"},
		/* in the table of a variant */
		{WORLD_LEAST "modules = ( { name = \"shield\"; rate = 501; } );", "test.cfg:2: modules[0].rate: found 501, allowed: this only with accept_risk = (\"fast-strangers\"): strangers can fill the line\n"},
		/* what nobody needs */
		{WORLD_LEAST "accept_risk = (\n\"latch-any\" );", "test.cfg:3: accept_risk[0]: found \"latch-any\", allowed: ids of risks that a setting here takes\n"},
		{LATCH "accept_risk = ( \"latch-any\", \"latch_any\" );", "test.cfg:3: accept_risk[1]: found \"latch_any\", allowed: ids of risks that a setting here takes; did you mean \"latch-any\"?\n"},
		/* what is wrong with the list itself is said once */
		{WORLD_LEAST "accept_risk = \"latch-any\";", "test.cfg:2: accept_risk: found \"latch-any\", allowed: a list ( ... ) of up to 32\n"},
		{WORLD_LEAST "accept_risk = ( 5 );", "test.cfg:2: accept_risk[0]: found 5, allowed: a text of 1 to 1023 bytes\n"},
		/* idle ids are not told while there is something else to mend */
		{WORLD_LEAST "quick = 5; accept_risk = ( \"latch-any\" );", "test.cfg:2: quick: found 5, allowed: true or false\n"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		test_conf_refused(&world_conf, rows[i].text, rows[i].lines);
}

static void risks_are_accepted(void **state)
{
	struct conf_faults faults;
	struct conf_list risks;
	struct arena arena;
	struct world w;

	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	conf_faults_init(&faults);
	int err = test_conf_try(&world_conf,
				LATCH "lan = \"127.0.0.0/8\";\n"
				      "accept_risk = [ \"bind-inside\", \"latch-any\" ];\n",
				&w, &arena, NULL, &risks, &faults);
	conf_faults_print(&faults, stderr);
	assert_int_equal(err, 0);
	const char **texts = risks.items;
	assert_int_equal(risks.n, 2);
	assert_string_equal(texts[0], "latch-any: whoever sends first gets the media (test.cfg:2)");
	assert_string_equal(texts[1], "bind-inside: it is inside (test.cfg:1)");
	assert_true(((struct world_zone *)w.zones.items)->nat.latch);
	/* None at all. */
	assert_int_equal(test_conf_try(&world_conf, WORLD_LEAST, &w, &arena, NULL, &risks, &faults),
			 0);
	assert_int_equal(risks.n, 0);
	conf_faults_done(&faults);
	arena_done(&arena);
}

/* ---- places ---- */

struct places {
	int64_t a, b;
	struct world_limits limits;
	struct conf_list list;
	const char *at[12];
	bool set[12];
};

static const char *const names[] = {
	"",     "a",       "b",       "limits",  "limits.cps", "limits.burst",
	"list", "list[0]", "list[1]", "list[2]", "list[x]",    "none"};

static void note_places(struct conf_check *check, const void *value)
{
	struct places *p = (struct places *)value; /* the test's own struct */

	for (size_t i = 0; i < 12; i++) {
		p->at[i] = conf_at(check, names[i]);
		p->set[i] = conf_is_set(check, names[i]);
	}
}

static const struct conf_option places_options[] = {
	{.name = "a", .type = CONF_INT, .offset = offsetof(struct places, a), .min = 0, .max = 9},
	{.name = "b",
	 .type = CONF_INT,
	 .offset = offsetof(struct places, b),
	 .min = 0,
	 .max = 9,
	 .def = "3"},
	{.name = "limits",
	 .type = CONF_GROUP,
	 .offset = offsetof(struct places, limits),
	 .group = &world_limits_conf},
	{.name = "list",
	 .type = CONF_INT,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct places, list),
	 .max = 9},
};
static const struct conf_table places_conf = {.name = "places",
					      .size = sizeof(struct places),
					      CONF_OPTIONS(places_options),
					      .check = note_places};

static void places(void **state)
{
	static const struct {
		const char *at;
		bool set;
	} expected[] = {{"test.cfg:1", true},  {"test.cfg:2", true},  {"test.cfg:1", false},
			{"test.cfg:3", true},  {"test.cfg:4", true},  {"test.cfg:3", false},
			{"test.cfg:5", true},  {"test.cfg:6", true},  {"test.cfg:7", true},
			{"test.cfg:5", false}, {"test.cfg:5", false}, {"test.cfg:1", false}};
	struct arena arena;
	struct places p;

	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	test_conf_load(&places_conf, "\na = 1;\nlimits = {\n cps = 3; };\nlist = (\n5,\n6 );", &p,
		       &arena);
	for (size_t i = 0; i < 12; i++) {
		assert_string_equal(p.at[i], expected[i].at);
		assert_int_equal(p.set[i], expected[i].set);
	}
	arena_done(&arena);
}

/* ---- later steps ---- */

static void blame_later(struct conf_check *check, const void *arg)
{
	assert_string_equal(arg, "arg");
	conf_fault(check, "list[1]", "less than %s", conf_said(check, "a"));
	conf_fault_why(check, "b", "in use", "more than %s and %s", conf_said(check, "limits.cps"),
		       conf_said(check, "limits.burst"));
}

static void say_nothing(struct conf_check *check, const void *arg)
{
	(void)check;
	(void)arg;
}

static void later_steps(void **state)
{
	static const char config[] = "a = 1;\nlimits = { cps = 3; };\nlist = ( 5,\n6 );";
	struct conf_faults faults;
	struct conf_text *text;

	(void)state;
	conf_faults_init(&faults);
	assert_int_equal(conf_text_from(&text, "test.cfg", sv_str(config), &faults), 0);
	assert_int_equal(conf_recheck(text, &places_conf, say_nothing, NULL, &faults), 0);
	assert_int_equal(faults.n, 0);
	assert_int_equal(conf_recheck(text, &places_conf, blame_later, "arg", &faults), MG_EPARSE);
	assert_int_equal(faults.n, 2);
	assert_string_equal(faults.text[1],
			    "test.cfg:4: list[1]: found 6, allowed: less than a (1, test.cfg:1)");
	assert_string_equal(faults.text[0],
			    "test.cfg:1: b: found 3 (the default) (in use), allowed: more than "
			    "limits.cps (3, test.cfg:2) and limits.burst (200, the default)");
	conf_text_free(text);
	conf_faults_done(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(combinations),       cmocka_unit_test(risks_are_refused),
		cmocka_unit_test(risks_are_accepted), cmocka_unit_test(places),
		cmocka_unit_test(later_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
