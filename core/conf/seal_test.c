/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A text goes through a sealed memfd unchanged; what is not sealed, cut, or made by somebody else is
 * refused or harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_files.h"

static struct conf_text *sample(void)
{
	struct conf_faults faults;
	struct conf_text *t = NULL;

	files_put("main", "a = 1;\n@include \"sub\"\nb = ( 1, 2 );\n");
	files_put_sv("sub", SV("c = \"x\";\n"), 0644);
	conf_faults_init(&faults);
	assert_int_equal(conf_text_read(&t, files_path("main"), &faults), 0);
	conf_faults_done(&faults);
	return t;
}

static void unchanged(void **state)
{
	struct conf_text *a = sample(), *b = NULL;
	struct conf_faults faults;
	int fd = -1;

	(void)state;
	conf_faults_init(&faults);
	assert_int_equal(conf_text_seal(a, &fd), 0);
	assert_int_equal(conf_text_unseal(&b, fd, &faults), 0);
	assert_int_equal(faults.n, 0);
	assert_int_equal(a->n, b->n);
	assert_string_equal(a->p, b->p);
	assert_string_equal(conf_text_hash(a), conf_text_hash(b));
	assert_int_equal(a->n_places, b->n_places);
	assert_memory_equal(a->places, b->places, a->n_places * sizeof(a->places[0]));
	for (uint32_t line = 0; line < 8; line++) {
		struct conf_line x, y;

		conf_line_init(&x);
		conf_line_init(&y);
		conf_text_where(a, line, &x);
		conf_text_where(b, line, &y);
		assert_string_equal(x.s, y.s);
	}
	assert_false(b->sources[0].exposed);
	assert_true(b->sources[1].exposed);
	/* Twice, wherever the descriptor stands. */
	conf_text_free(b);
	assert_int_equal(conf_text_unseal(&b, fd, &faults), 0);
	conf_text_free(a);
	conf_text_free(b);
	conf_faults_done(&faults);
	close(fd);
}

static void nobody_can_change_it(void **state)
{
	struct conf_text *t = sample();
	int fd = -1;

	(void)state;
	assert_int_equal(conf_text_seal(t, &fd), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	conf_text_free(t);
}

static int sealed(const char *p, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
		0);
	return fd;
}

/* Whatever it comes to, it can be used or it was said why not. */
static int try(int fd)
{
	struct conf_text *t = NULL;
	struct conf_faults faults;
	struct conf_line where;

	conf_faults_init(&faults);
	int err = conf_text_unseal(&t, fd, &faults);
	if (err == 0) {
		conf_line_init(&where);
		for (uint32_t line = 0; line < 8; line++)
			conf_text_where(t, line, &where);
		conf_text_free(t);
	} else {
		assert_int_equal(err, MG_EPARSE);
		assert_true(faults.n > 0);
	}
	conf_faults_done(&faults);
	close(fd);
	return err;
}

static size_t image_of(char *image, size_t room)
{
	struct conf_text *t = sample();
	int fd = -1;

	assert_int_equal(conf_text_seal(t, &fd), 0);
	ssize_t n = pread(fd, image, room, 0);
	assert_true(n > 0 && (size_t)n < room);
	close(fd);
	conf_text_free(t);
	return (size_t)n;
}

static void cut(void **state)
{
	char image[2048];
	size_t n = image_of(image, sizeof(image));

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(try(sealed(image, i)), MG_EPARSE);
	assert_int_equal(try(sealed(image, n)), 0);
	assert_int_equal(try(sealed(image, n + 1)), MG_EPARSE);
}

static void each_byte_changed(void **state)
{
	static const char values[] = {0, 1, 2, 0x7f, (char)0x80, (char)0xff};
	char image[2048];
	size_t n = image_of(image, sizeof(image));

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char was = image[i];

		for (size_t k = 0; k < sizeof(values); k++) {
			image[i] = values[k];
			(void)try(sealed(image, n));
		}
		image[i] = was;
	}
}

static void what_is_no_such_thing(void **state)
{
	char image[2048];
	size_t n = image_of(image, sizeof(image));

	(void)state;
	/* not sealed */
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, image, n), n);
	assert_int_equal(try(fd), MG_EPARSE);
	/* not enough */
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, image, n), n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(try(fd), MG_EPARSE);
	/* a file, a pipe, nothing */
	files_put_sv("image", sv_of(image, n), 0600);
	assert_int_equal(try(open(files_path("image"), O_RDONLY)), MG_EPARSE);
	int pair[2];
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(try(pair[0]), MG_EPARSE);
	close(pair[1]);
	assert_int_equal(try(-1), MG_EPARSE);
	/* as large as memory */
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 1LL << 40), 0);
	assert_int_equal(
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
		0);
	assert_int_equal(try(fd), MG_EPARSE);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, files_begin, files_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(unchanged),         IN_FOLDER(nobody_can_change_it),  IN_FOLDER(cut),
		IN_FOLDER(each_byte_changed), IN_FOLDER(what_is_no_such_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
