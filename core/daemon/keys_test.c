/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of keys.c.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/keys.h"

struct world {
	char folder[64], path[80], why[640];
};

static int setup(void **state)
{
	static struct world w;

	snprintf(w.folder, sizeof(w.folder), "/tmp/margrave-keys-XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	snprintf(w.path, sizeof(w.path), "%s/keys", w.folder);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	(void)unlink(w->path);
	return rmdir(w->folder);
}

/* As a child gets them. */
static struct keys of(const struct key_store *store)
{
	struct keys keys;
	int fd = keys_memfd(store);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &keys, sizeof(keys), 0), sizeof(keys));
	assert_int_equal(pwrite(fd, "x", 1, 0), -1); /* sealed */
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
	return keys;
}

static struct keys open_once(struct world *w)
{
	struct key_store *store = keys_open(w->folder, w->why, sizeof(w->why));

	assert_non_null(store);
	assert_string_equal(w->why, "");
	struct keys keys = of(store);
	keys_close(store);
	return keys;
}

static void test_stay(void **state)
{
	struct world *w = *state;
	struct keys first = open_once(w), second = open_once(w);
	struct stat st;

	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_memory_equal(&first, &second, offsetof(struct keys, ticket));
	assert_memory_not_equal(first.ticket, second.ticket, sizeof(first.ticket));
	assert_int_equal(first.magic, IPC_MAGIC);
	assert_int_not_equal(first.token_id[0], 0);
	assert_memory_not_equal(first.tag, first.owner, sizeof(first.tag));
}

static void test_rotate(void **state)
{
	struct world *w = *state;
	struct key_store *store = keys_open(w->folder, w->why, sizeof(w->why));

	assert_non_null(store);
	struct keys before = of(store);
	assert_int_equal(keys_rotate(store), 0);
	struct keys after = of(store);
	assert_memory_equal(&before, &after, offsetof(struct keys, ticket));
	assert_memory_equal(before.ticket[0], after.ticket[1], sizeof(before.ticket[0]));
	assert_memory_equal(before.ticket[1], after.ticket[2], sizeof(before.ticket[0]));
	assert_memory_not_equal(before.ticket[0], after.ticket[0], sizeof(before.ticket[0]));
	keys_close(store);
}

static void refused(struct world *w)
{
	assert_null(keys_open(w->folder, w->why, sizeof(w->why)));
	assert_non_null(strstr(w->why, w->path));
}

static void test_refused(void **state)
{
	struct world *w = *state;
	int fd;

	(void)open_once(w);
	assert_int_equal(chmod(w->path, 0640), 0);
	refused(w);
	assert_int_equal(chmod(w->path, 0604), 0);
	refused(w);
	assert_int_equal(chmod(w->path, 0600), 0);
	assert_int_equal(truncate(w->path, sizeof(struct keys) - 1), 0);
	refused(w);
	assert_int_equal(truncate(w->path, sizeof(struct keys) + 1), 0);
	refused(w);
	fd = open(w->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0 && ftruncate(fd, sizeof(struct keys)) == 0); /* zeros */
	close(fd);
	refused(w);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(symlink("/dev/zero", w->path), 0);
	refused(w);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(mkfifo(w->path, 0600), 0); /* must not wait for a writer */
	refused(w);
}

static void test_no_folder(void **state)
{
	struct world *w = *state;
	struct key_store *store = keys_open("/nowhere/at/all", w->why, sizeof(w->why));

	assert_non_null(store);
	assert_non_null(strstr(w->why, "end with this process"));
	keys_close(store);
	keys_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
