/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each allocation of this room fails in turn: nothing is lost, nothing is half loaded. Those inside
 * libconfig do not fail here: version 1.5 does not look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_files.h"
#include "conf/test_world.h"

#define TRIES 400 /* more than any run here allocates */

static const char text[] = "@include \"sub\"\n"
			   "modules = ( { name = \"shield\"; rate = 900; }, { name = \"acl\"; "
			   "allow = ( \"10.0.0.0/8\" ); } );\n"
			   "accept_risk = ( \"fast-strangers\" );\n"
			   "tls = { cert = \"cert\"; };\n";

/* Everything between a file and a struct, through a memfd. */
static int run(const char *path)
{
	struct conf_text *read = NULL, *handed = NULL;
	struct conf_faults faults;
	struct conf_list risks, paths;
	struct arena arena;
	struct world w;
	int fd = -1;

	conf_faults_init(&faults);
	arena_init(&arena, 256, 1 << 20);
	int err = conf_text_read(&read, path, &faults);
	if (err == 0)
		err = conf_text_seal(read, &fd);
	if (err == 0)
		err = conf_text_unseal(&handed, fd, &faults);
	if (err == 0)
		err = conf_load(handed, &world_conf, &w, &arena, NULL, &risks, &faults);
	if (err == 0) {
		assert_int_equal(risks.n, 1);
		assert_int_equal(((struct world_zone *)w.zones.items)->listen.n, 1);
		(void)conf_restart_needed(&world_conf, &w, &w, &paths, &arena);
		conf_close_files(&world_conf, &w);
	}
	/* What was wrong in the file is said; what was wrong with us is not called its mistake. */
	if (err == MG_EPARSE)
		assert_true(faults.n + faults.more > 0);
	if (fd >= 0)
		close(fd);
	conf_text_free(read);
	conf_text_free(handed);
	arena_done(&arena);
	conf_faults_done(&faults);
	return err;
}

static void each_fails(int (*what)(const char *), const char *path, int expected)
{
	int failed = 0, err = -1;

	for (long i = 0; i < TRIES; i++) {
		alloc_until_failure = i;
		err = what(path);
		bool all = alloc_until_failure >= 0; /* nothing was left to fail */
		alloc_until_failure = -1;
		if (all)
			break;
		assert_true(err == MG_ENOMEM || err == MG_EPARSE || err == expected);
		failed++;
	}
	assert_int_equal(err, expected);
	assert_true(failed > 5 && failed < TRIES);
}

static void loading(void **state)
{
	char path[512];

	(void)state;
	files_put("main", text);
	files_put("sub", WORLD_LEAST);
	files_put("cert", "C");
	snprintf(path, sizeof(path), "%s", files_path("main"));
	int next = open("/dev/null", O_RDONLY);
	close(next);
	each_fails(run, path, 0);
	/* No descriptor was lost on the way. */
	int again = open("/dev/null", O_RDONLY);
	assert_int_equal(again, next);
	close(again);
}

static void refusing(void **state)
{
	char path[512];

	(void)state;
	files_put("main", "quick = 5; what = 1; quick = 6;\nmodules = ( { name = \"x\"; } );\n");
	snprintf(path, sizeof(path), "%s", files_path("main"));
	each_fails(run, path, MG_EPARSE);
}

static int check_tables(const char *path)
{
	struct conf_faults faults;

	(void)path;
	conf_faults_init(&faults);
	int err = conf_table_check(&world_conf, &faults);
	conf_faults_done(&faults);
	return err;
}

static void tables(void **state)
{
	(void)state;
	each_fails(check_tables, NULL, 0);
}

/* An arena that is full is as good as no memory. */
static void small_arenas(void **state)
{
	struct conf_faults faults;
	bool loaded = false;

	(void)state;
	conf_faults_init(&faults);
	for (size_t max = 0; max < 8192 && !loaded; max += 64) {
		struct arena arena;
		struct world w;

		arena_init(&arena, 64, max);
		int err = test_conf_try(
			&world_conf, WORLD_LEAST "note = \"abc\"; store = { name = \"shield\"; };",
			&w, &arena, NULL, NULL, &faults);
		assert_true(err == 0 || err == MG_ENOMEM);
		loaded = err == 0;
		arena_done(&arena);
	}
	assert_true(loaded);
	assert_int_equal(faults.n, 0);
	conf_faults_done(&faults);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, files_begin, files_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(loading),
		IN_FOLDER(refusing),
		cmocka_unit_test(tables),
		cmocka_unit_test(small_arenas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
