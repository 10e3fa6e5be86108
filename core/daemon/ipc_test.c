/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of ipc.c: each type one way with its descriptor, and what a process that was taken over might send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ipc.h"

struct world {
	int a, b, lowest;
};

static int lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static int setup(void **state)
{
	static struct world w;
	int pair[2];

	w.lowest = lowest();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	w.a = pair[0];
	w.b = pair[1];
	*state = &w;
	return 0;
}

/* Nothing that came along is left open. */
static int teardown(void **state)
{
	struct world *w = *state;

	close(w->a);
	close(w->b);
	return lowest() == w->lowest ? 0 : -1;
}

static struct ipc_msg of_type(unsigned type)
{
	return (struct ipc_msg){.magic = IPC_MAGIC, .type = type, .number = type * 7ULL};
}

/* Send `n` bytes with descriptors past ipc_send. */
static void raw(int fd, const void *bytes, size_t n, unsigned descriptors)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (descriptors) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		memset(CMSG_DATA(c), 0,
		       descriptors * sizeof(int)); /* standard input, again and again */
	}
	assert_int_equal(sendmsg(fd, &m, 0), n);
}

/* clang-format off */
static const struct {
	unsigned type;
	bool down, carries;
} rows[] = {
	{IPC_BEGIN, true, true}, {IPC_FILE, true, true}, {IPC_LISTENER, true, true}, {IPC_CONTROL, true, true},
	{IPC_LOCAL, true, false}, {IPC_METRICS, true, true}, {IPC_COMMIT, true, false}, {IPC_KEYS, true, true},
	{IPC_RING, true, true}, {IPC_GATE, true, true}, {IPC_QUARANTINE, true, false}, {IPC_FAULTS, true, true}, {IPC_STOP, true, false},
	{IPC_READY, false, false}, {IPC_REFUSED, false, true}, {IPC_HEARTBEAT, false, false},
	{IPC_RELOAD, false, false}, {IPC_STOPPING, false, false},
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void test_each_type(void **state)
{
	struct world *w = *state;

	assert_int_equal(ROWS, IPC_TYPES - 1);
	for (size_t i = 0; i < ROWS; i++) {
		struct ipc_msg msg = of_type(rows[i].type), got;
		int fd = -2;

		assert_int_equal(ipc_send(w->a, &msg, rows[i].carries ? 0 : -1), 0);
		assert_int_equal(ipc_receive(w->b, rows[i].down, &got, &fd), 0);
		assert_memory_equal(&msg, &got, sizeof(msg));
		assert_int_equal(fd >= 0, rows[i].carries);
		if (fd >= 0)
			close(fd);
	}
}

static void test_wrong_way(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ROWS; i++) {
		struct ipc_msg msg = of_type(rows[i].type), got;
		int fd = -2;

		assert_int_equal(ipc_send(w->a, &msg, rows[i].carries ? 0 : -1), 0);
		assert_int_equal(ipc_receive(w->b, !rows[i].down, &got, &fd), MG_EPARSE);
		assert_int_equal(fd, -2);
	}
}

static void test_wrong_descriptors(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ROWS; i++) {
		struct ipc_msg msg = of_type(rows[i].type), got;
		int fd = -2;

		for (unsigned n = 0; n <= 12; n++) {
			bool good = n == rows[i].carries || (n == 0 && rows[i].type == IPC_REFUSED);

			if (good)
				continue;
			raw(w->a, &msg, sizeof(msg), n);
			assert_int_equal(ipc_receive(w->b, rows[i].down, &got, &fd), MG_EPARSE);
			assert_int_equal(fd, -2);
		}
	}
}

static void test_wrong_form(void **state)
{
	struct world *w = *state;
	struct ipc_msg msg = of_type(IPC_HEARTBEAT), got;
	char long_one[sizeof(msg) + 1] = {0};
	int fd;

	raw(w->a, &msg, sizeof(msg) - 1, 0);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), MG_EPARSE);
	memcpy(long_one, &msg, sizeof(msg));
	raw(w->a, long_one, sizeof(long_one), 0);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), MG_EPARSE);
	raw(w->a, "x", 1, 1);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), MG_EPARSE);
	msg.magic++;
	raw(w->a, &msg, sizeof(msg), 0);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), MG_EPARSE);
	msg = of_type(IPC_HEARTBEAT);
	memset(msg.path, 'x', sizeof(msg.path));
	raw(w->a, &msg, sizeof(msg), 0);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), MG_EPARSE);
	const unsigned types[] = {IPC_NONE, IPC_TYPES, UINT32_MAX};
	for (size_t i = 0; i < 3; i++) {
		msg = of_type(types[i]);
		raw(w->a, &msg, sizeof(msg), 0);
		assert_int_equal(ipc_receive(w->b, i % 2 == 0, &got, &fd), MG_EPARSE);
	}
}

static void test_nothing_there_and_gone(void **state)
{
	struct world *w = *state;
	struct ipc_msg msg = of_type(IPC_HEARTBEAT), got;
	int fd, sent = 0, err;

	assert_int_equal(ipc_receive(w->b, false, &got, &fd), -EAGAIN);
	while ((err = ipc_send(w->a, &msg, -1)) == 0)
		sent++;
	assert_int_equal(err, -EAGAIN);
	assert_true(sent > 10);
	close(w->a);
	for (; sent > 0; sent--)
		assert_int_equal(ipc_receive(w->b, false, &got, &fd), 0);
	assert_int_equal(ipc_receive(w->b, false, &got, &fd), -EPIPE);
	assert_int_equal(ipc_send(w->b, &msg, -1), -EPIPE);
	w->a = dup(w->b); /* for teardown */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_there_and_gone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
