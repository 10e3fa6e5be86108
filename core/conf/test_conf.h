/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_conf: for tests of rooms and modules that have settings: are their tables sound, what does a
 * text load to, with what words is one refused. No test itself. Needs cmocka.h before it, and the
 * room conf to link with.
 */
#ifndef MG_CONF_TEST_CONF_H
#define MG_CONF_TEST_CONF_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"

#define TEST_CONF_NAME "test.cfg"

/* For conf_env.open: any path is an empty file, the same descriptor each time. */
static inline int test_conf_open(void *arg, const char *path)
{
	static int fd = -1;

	(void)arg;
	(void)path;
	if (fd < 0) {
		fd = memfd_create("test", MFD_CLOEXEC);
		assert_int_equal(fchmod(fd, 0600), 0); /* it may stand for a key */
	}
	return fd;
}

static inline int test_conf_try(const struct conf_table *root, const char *text, void *out,
				struct arena *arena, const struct conf_env *env,
				struct conf_list *risks, struct conf_faults *faults)
{
	struct conf_text *t;
	int err = conf_text_from(&t, TEST_CONF_NAME, sv_str(text), faults);

	if (err == 0) {
		err = conf_load(t, root, out, arena, env, risks, faults);
		conf_text_free(t);
	}
	return err;
}

/* Load `text`, which stands in "test.cfg"; files it names are empty ones. The test fails, and says
 * why, when it is refused. The caller gives `arena` back.
 */
static inline void test_conf_load(const struct conf_table *root, const char *text, void *out,
				  struct arena *arena)
{
	static const struct conf_env env = {.open = test_conf_open};
	struct conf_faults faults;

	conf_faults_init(&faults);
	int err = test_conf_try(root, text, out, arena, &env, NULL, &faults);
	conf_faults_print(&faults, stderr);
	conf_faults_done(&faults);
	assert_int_equal(err, 0);
}

/* All faults, each ended by LF; the caller frees. */
static inline char *test_conf_lines(const struct conf_faults *faults)
{
	char *lines = NULL;
	size_t n;
	FILE *to = open_memstream(&lines, &n);

	conf_faults_print(faults, to);
	fclose(to);
	return lines;
}

/* `text` must be refused with exactly these lines, each ended by LF. */
static inline void test_conf_refused(const struct conf_table *root, const char *text,
				     const char *lines)
{
	static const struct conf_env env = {.open = test_conf_open};
	struct conf_faults faults;
	struct arena arena;
	void *out = malloc(root->size);

	conf_faults_init(&faults);
	arena_init(&arena, 4096, 64 << 20);
	int err = test_conf_try(root, text, out, &arena, &env, NULL, &faults);
	char *said = test_conf_lines(&faults);
	conf_faults_done(&faults);
	arena_done(&arena);
	free(out);
	assert_string_equal(said, lines);
	assert_int_equal(err, MG_EPARSE);
	free(said);
}

/* The tables are sound, and their sample loads. */
static inline void test_conf_sound(const struct conf_table *root)
{
	struct conf_faults faults;
	struct arena arena;
	char *sample = NULL;
	size_t n;
	void *out = malloc(root->size);
	FILE *to = open_memstream(&sample, &n);

	conf_faults_init(&faults);
	int err = conf_table_check(root, &faults);
	conf_faults_print(&faults, stderr);
	conf_faults_done(&faults);
	assert_int_equal(err, 0);
	conf_print_sample(root, to);
	fclose(to);
	arena_init(&arena, 4096, 64 << 20);
	test_conf_load(root, sample, out, &arena);
	arena_done(&arena);
	free(sample);
	free(out);
}

#endif
