/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of child_receive.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/child_receive.h"

static int lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Give it one of type, with a descriptor when it carries one. */
static int give(struct received *got, unsigned type, uint64_t generation, unsigned workers)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC,
			      .type = type,
			      .generation = generation,
			      .workers = workers,
			      .path = "/x"};
	bool carries = type != IPC_LOCAL && type != IPC_COMMIT;

	return received_add(got, &msg, carries ? dup(0) : -1);
}

static void test_whole(void **state)
{
	struct received got;
	int before = lowest();

	(void)state;
	received_init(&got);
	assert_int_equal(give(&got, IPC_BEGIN, 5, 2), 0);
	assert_int_equal(give(&got, IPC_FILE, 5, 0), 0);
	assert_int_equal(give(&got, IPC_LISTENER, 5, 0), 0);
	assert_int_equal(give(&got, IPC_LOCAL, 5, 0), 0);
	assert_int_equal(give(&got, IPC_METRICS, 5, 0), 0);
	assert_false(got.complete);
	assert_int_equal(give(&got, IPC_COMMIT, 5, 0), 0);
	assert_true(got.complete && got.generation == 5 && got.workers == 2 && got.text_fd >= 0 &&
		    got.metrics_fd >= 0 && !got.again);
	assert_true(got.files == 1 && got.listeners == 1 && got.locals == 1 && got.file[0].fd >= 0);
	assert_string_equal(got.file[0].path, "/x");
	received_done(&got);
	assert_int_equal(lowest(), before);
}

static void test_out_of_order(void **state)
{
	static const struct {
		const char *name;
		unsigned type[3];
		uint64_t generation[3];
		unsigned workers;
	} rows[] = {
		{"commit first", {IPC_COMMIT}, {1}, 1},
		{"file first", {IPC_FILE}, {1}, 1},
		{"no workers", {IPC_BEGIN}, {1}, 0},
		{"too many workers", {IPC_BEGIN}, {1}, 65},
		{"begun twice", {IPC_BEGIN, IPC_BEGIN}, {1, 1}, 1},
		{"an older one", {IPC_BEGIN, IPC_BEGIN}, {2, 1}, 1},
		{"of another", {IPC_BEGIN, IPC_FILE}, {1, 2}, 1},
		{"metrics twice", {IPC_BEGIN, IPC_METRICS, IPC_METRICS}, {1, 1, 1}, 1},
		{"after the end", {IPC_BEGIN, IPC_COMMIT, IPC_BEGIN}, {1, 1, 2}, 1},
		{"no such thing", {IPC_BEGIN, IPC_KEYS}, {1, 1}, 1},
	};
	int before = lowest();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct received got;
		int err = 0;

		received_init(&got);
		for (unsigned k = 0; k < 3 && rows[i].type[k]; k++) {
			if (err)
				fail_msg("%s: refused too early", rows[i].name);
			err = give(&got, rows[i].type[k], rows[i].generation[k], rows[i].workers);
		}
		if (err != MG_EPARSE)
			fail_msg("%s: %d", rows[i].name, err);
		received_done(&got);
	}
	assert_int_equal(lowest(), before);
}

static void test_begun_anew(void **state)
{
	struct received got;
	int before = lowest();

	(void)state;
	received_init(&got);
	assert_int_equal(give(&got, IPC_BEGIN, 1, 2), 0);
	assert_int_equal(give(&got, IPC_FILE, 1, 0), 0);
	assert_int_equal(give(&got, IPC_BEGIN, 2, 3), 0);
	assert_int_equal(give(&got, IPC_COMMIT, 2, 0), 0);
	assert_true(got.complete && got.generation == 2 && got.files == 0 && got.workers == 3);
	received_done(&got);
	assert_int_equal(lowest(), before);
}

static void test_bounds(void **state)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_LOCAL, .generation = 1};
	struct received got;
	int err = 0;

	(void)state;
	received_init(&got);
	assert_int_equal(give(&got, IPC_BEGIN, 1, 2), 0);
	while (!err && got.locals < 100000)
		err = received_add(&got, &msg, -1);
	assert_int_equal(err, MG_ELIMIT);
	err = 0;
	msg.type = IPC_LISTENER;
	msg.listener.worker = 2; /* of two */
	assert_int_equal(received_add(&got, &msg, dup(0)), MG_ELIMIT);
	received_done(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_begun_anew),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
