/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of warden_send.c: a child that reads late, or never, or has gone. That the warden ends one that never reads is tested in warden_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/warden_priv.h"

#define LOCALS  IPC_LOCALS_MAX
#define AT_ONCE 1000 /* ms: "does not wait" on a machine that is busy */

static struct warden w;
static int child;
static struct addr locals[LOCALS];
static struct loaded loaded;
static char path[] = "/etc/file";
static struct warden_file file = {.path = path};
static struct holding holding;

static int setup(void **state)
{
	struct loop_options o = {.name = "test"};
	int pair[2];

	(void)state;
	w = (struct warden){.ready = true};
	w.loop = loop_new(&o);
	if (!w.loop || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -1;
	w.ipc = pair[0];
	child = pair[1];
	send_init(&w);
	for (unsigned i = 0; i < LOCALS; i++)
		locals[i] = addr_v4((const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i}, 0);
	loaded.settings.workers = 3;
	file.fd = STDIN_FILENO;
	holding = (struct holding){.generation = 7,
				   .loaded = &loaded,
				   .local = locals,
				   .locals = LOCALS,
				   .file = &file,
				   .files = 1,
				   .text_fd = STDIN_FILENO,
				   .metrics_fd = STDIN_FILENO};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	send_forget(&w);
	close(w.ipc);
	if (child >= 0)
		close(child);
	loop_free(w.loop);
	return 0;
}

/* The next message, as far as there is one; its type, or 0. */
static uint32_t next(struct ipc_msg *msg)
{
	int fd;

	if (ipc_receive(child, true, msg, &fd) < 0)
		return IPC_NONE;
	if (fd >= 0)
		close(fd);
	return msg->type;
}

/* All that comes while the warden's loop turns, until it has nothing left to say. Returns how many. */
static size_t read_all(struct ipc_msg *last)
{
	struct ipc_msg msg;
	size_t n = 0;

	do {
		assert_int_equal(loop_turn(w.loop, 20), 0);
		while (next(&msg)) {
			*last = msg;
			n++;
		}
	} while (w.sending || w.stop_unsaid);
	while (next(&msg)) {
		*last = msg;
		n++;
	}
	return n;
}

static void test_what_fits_is_said_at_once(void **state)
{
	static const uint32_t expected[] = {IPC_BEGIN, IPC_FILE,    IPC_LOCAL,
					    IPC_LOCAL, IPC_METRICS, IPC_COMMIT};
	struct ipc_msg msg;

	(void)state;
	holding.locals = 2;
	assert_int_equal(send_begin(&w, &holding), 0);
	assert_null(w.sending);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(next(&msg), expected[i]);
		assert_int_equal(msg.generation, 7);
		assert_int_equal(msg.workers, 3);
		assert_string_equal(msg.path, expected[i] == IPC_FILE ? path : "");
	}
	assert_int_equal(next(&msg), IPC_NONE);
	assert_false(send_is_late(&w, UINT64_MAX / 2));
}

static void test_the_rest_as_it_reads(void **state)
{
	struct ipc_msg msg;
	uint64_t begin = loop_clock_us();

	(void)state;
	assert_int_equal(send_begin(&w, &holding), 0);
	assert_true(loop_clock_us() - begin < AT_ONCE * 1000ULL);
	assert_ptr_equal(w.sending, &holding);
	assert_int_equal(next(&msg), IPC_BEGIN);
	assert_int_equal(next(&msg), IPC_FILE);
	for (unsigned i = 0; i < LOCALS; i++) {
		while (next(&msg) == IPC_NONE)
			assert_int_equal(loop_turn(w.loop, 20), 0);
		assert_int_equal(msg.type, IPC_LOCAL);
		assert_true(addr_eq(&msg.addr, &locals[i]));
	}
	assert_int_equal(read_all(&msg), 2);
	assert_int_equal(msg.type, IPC_COMMIT);
	assert_false(send_is_late(&w, UINT64_MAX / 2));
}

/* Neither the call nor the loop waits for it; it has as much time as it may be silent, or as a start may take. */
static void test_never_reads(void **state)
{
	uint64_t begin = loop_clock_us(), now_ms = loop_now_ms(w.loop);

	(void)state;
	assert_int_equal(send_begin(&w, &holding), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(loop_turn(w.loop, 20), 0);
	assert_true(loop_clock_us() - begin < AT_ONCE * 1000ULL);
	assert_ptr_equal(w.sending, &holding);
	assert_false(send_is_late(&w, now_ms + 5000));
	assert_true(send_is_late(&w, now_ms + 6500));
	w.ready = false;
	assert_false(send_is_late(&w, now_ms + 29000));
	assert_true(send_is_late(&w, now_ms + 31000));
	send_forget(&w);
	assert_false(send_is_late(&w, now_ms + 31000));
}

/* The end is said in the place of the rest, and waits for room as well. */
static void test_stop(void **state)
{
	struct ipc_msg msg;

	(void)state;
	assert_int_equal(send_begin(&w, &holding), 0);
	assert_int_equal(send_stop(&w, true), 0);
	assert_null(w.sending);
	assert_true(w.stop_unsaid);
	assert_true(send_is_late(&w, loop_now_ms(w.loop) + 6500));
	size_t n = read_all(&msg);
	assert_in_range(n, 3, LOCALS);
	assert_int_equal(msg.type, IPC_STOP);
	assert_int_equal(msg.number, 1);
	assert_int_equal(send_stop(&w, false), 0);
	assert_int_equal(next(&msg), IPC_STOP);
	assert_int_equal(msg.number, 0);
	assert_int_equal(next(&msg), IPC_NONE);
}

static void test_gone(void **state)
{
	(void)state;
	assert_int_equal(send_begin(&w, &holding), 0);
	close(child); /* with a lot unread */
	child = -1;
	for (unsigned i = 0; i < 100 && w.sending; i++)
		assert_int_equal(loop_turn(w.loop, 20), 0);
	assert_null(w.sending);
	assert_int_equal(send_begin(&w, &holding), -EPIPE);
	assert_null(w.sending);
	assert_int_equal(send_stop(&w, true), -EPIPE);
	assert_false(w.stop_unsaid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_fits_is_said_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_rest_as_it_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
