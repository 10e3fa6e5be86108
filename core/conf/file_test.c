/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files that a configuration names: opened, closed, refused; secrets are their owners' alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "conf/test_files.h"
#include "conf/test_world.h"

static struct arena arena;

static char *load_files(const char *text, mode_t mode, struct world *w, int *err)
{
	struct conf_faults faults;
	struct conf_text *t;

	arena_done(&arena);
	arena_init(&arena, 4096, 64 << 20);
	files_put_sv("main", sv_str(text), mode);
	conf_faults_init(&faults);
	*err = conf_text_read(&t, files_path("main"), &faults);
	if (*err == 0) {
		*err = conf_load(t, &world_conf, w, &arena, NULL, NULL, &faults);
		conf_text_free(t);
	}
	char *said = test_conf_lines(&faults);
	char *plain = files_without_dir(said);
	conf_faults_done(&faults);
	free(said);
	return plain;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void files_are_opened_and_closed(void **state)
{
	struct world w;
	char c;
	int err;

	(void)state;
	files_put("cert", "C");
	files_put("key", "K");
	char *said = load_files(WORLD_LEAST "tls = { cert = \"cert\"; key = \"key\"; };", 0644, &w,
				&err);
	assert_string_equal(said, "");
	assert_int_equal(err, 0);
	assert_string_equal(w.tls.key.path, files_path("key"));
	assert_int_equal(pread(w.tls.key.fd, &c, 1, 0), 1);
	assert_int_equal(c, 'K');
	assert_true(fcntl(w.tls.key.fd, F_GETFD) & FD_CLOEXEC);
	int cert = w.tls.cert.fd, key = w.tls.key.fd;
	conf_close_files(&world_conf, &w);
	assert_false(is_open(cert));
	assert_false(is_open(key));
	assert_int_equal(w.tls.cert.fd, -1);
	conf_close_files(&world_conf, &w);
	free(said);
}

/* Descriptors of a configuration that did not load would be lost. */
static void a_failed_load_keeps_no_file_open(void **state)
{
	struct world w;
	int err;
	int next = open("/dev/null", O_RDONLY);

	(void)state;
	close(next);
	files_put("cert", "C");
	char *said =
		load_files(WORLD_LEAST "tls = { cert = \"cert\"; };\nquick = 1;", 0600, &w, &err);
	assert_string_equal(said, "main:3: quick: found 1, allowed: true or false\n");
	assert_int_equal(err, MG_EPARSE);
	assert_false(is_open(next));
	free(said);
}

static void refused_files(void **state)
{
	struct world w;
	int err;

	(void)state;
	mkdir(files_path("folder"), 0700);
	mkfifo(files_path("fifo"), 0600);
	char *said =
		load_files(WORLD_LEAST "log = \"none\";\n"
				       "modules = ( { name = \"sanity\"; file = \"folder\"; },\n"
				       "{ name = \"sanity\"; file = \"fifo\"; } );",
			   0600, &w, &err);
	char plain[4096];
	snprintf(plain, sizeof(plain),
		 "main:2: log: found \"none\" (No such file or directory), allowed: a file that "
		 "can be "
		 "read\n"
		 "main:3: modules[0].file: found \"folder\" (no regular file), allowed: a file "
		 "that can "
		 "be read\n"
		 "main:4: modules[1].file: found \"fifo\" (no regular file), allowed: a file that "
		 "can be "
		 "read\n");
	assert_string_equal(said, plain);
	assert_int_equal(err, MG_EPARSE);
	free(said);
}

/* Where it was mistyped may be anywhere in it. */
static void a_long_path_is_shown_whole(void **state)
{
	static const char path[] =
		"srv/customers/example-telephony-of-the-north/sites/first-floor-of-the-main-"
		"building/margrave/certificates/intermediate-authorities-and-chains/2026/"
		"sip.telephony.example.org/renewed/fullchain-and-leaf.pemm";
	struct world w;
	char text[512], plain[1024];
	int err;

	(void)state;
	assert_true(sizeof(path) > 200);
	snprintf(text, sizeof(text), WORLD_LEAST "log = \"%s\";\n", path);
	char *said = load_files(text, 0600, &w, &err);
	snprintf(plain, sizeof(plain),
		 "main:2: log: found \"%s\" (No such file or directory), allowed: a file that can "
		 "be read\n",
		 path);
	assert_string_equal(said, plain);
	assert_int_equal(err, MG_EPARSE);
	free(said);
}

/* G-3 */
static void secrets_are_their_owners_alone(void **state)
{
	static const struct {
		mode_t mode;
		bool fine;
	} rows[] = {{0600, true},  {0400, true},  {0700, true},  {0640, false}, {0604, false},
		    {0644, false}, {0620, false}, {0610, false}, {0777, false}};
	struct world w;
	int err;

	(void)state;
	files_put("cert", "C");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		files_put_sv("key", SV("K"), rows[i].mode);
		char *said = load_files(WORLD_LEAST "tls = { cert = \"cert\"; key = \"key\"; };",
					0644, &w, &err);
		if (rows[i].fine)
			assert_string_equal(said, "");
		else
			assert_string_equal(said,
					    "main:2: tls.key: found \"key\" (open to others than "
					    "its owner), allowed: a file that its owner alone can "
					    "read, mode 0600\n");
		if (err == 0)
			conf_close_files(&world_conf, &w);
		free(said);
		/* A text that is a secret: the file it stands in. */
		said = load_files(WORLD_LEAST "secret = \"geheim\";", rows[i].mode, &w, &err);
		if (rows[i].fine)
			assert_string_equal(said, "");
		else
			assert_string_equal(
				said,
				"main:2: secret: found a secret in a file that others than its "
				"owner can read, allowed: a file of mode 0600, which may be "
				"an included one\n");
		free(said);
	}
	files_put("sub", "secret = \"geheim\";");
	char *said = load_files(WORLD_LEAST "@include \"sub\"\n", 0644, &w, &err);
	assert_string_equal(said, "");
	assert_string_equal(w.secret, "geheim");
	free(said);
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, files_begin, files_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(files_are_opened_and_closed),
		IN_FOLDER(a_failed_load_keeps_no_file_open),
		IN_FOLDER(refused_files),
		IN_FOLDER(a_long_path_is_shown_whole),
		IN_FOLDER(secrets_are_their_owners_alone),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
