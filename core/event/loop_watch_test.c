/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Watches: what is told, changed and stopped, also from within callbacks and with copies of the
 * descriptor open elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/loop.h"
#include "event/test_loop.h"

static unsigned calls, last_events;

static void count(struct loop_watch *watch, unsigned events)
{
	(void)watch;
	calls++;
	last_events = events;
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

/* What one turn tells, 0 when nothing. */
static unsigned told(struct loop *loop)
{
	calls = last_events = 0;
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_true(calls <= 1);
	return last_events;
}

static void tells_what_is_watched(void **state)
{
	/* clang-format off */
	static const struct { unsigned watched; bool byte; unsigned told; const char *name; } rows[] = {
		{0,                       true,  0,                       "nothing"},
		{LOOP_READ,               false, 0,                       "read, nothing there"},
		{LOOP_READ,               true,  LOOP_READ,               "read"},
		{LOOP_WRITE,              true,  LOOP_WRITE,              "write"},
		{LOOP_READ | LOOP_WRITE,  false, LOOP_WRITE,              "both, nothing there"},
		{LOOP_READ | LOOP_WRITE,  true,  LOOP_READ | LOOP_WRITE,  "both in one call"},
	};
	/* clang-format on */
	const size_t n = sizeof(rows) / sizeof(*rows);
	struct loop *loop = loop_plain();

	(void)state;
	for (size_t i = 0; i < n * n; i++) { /* each, changed to each */
		size_t from = i / n, to = i % n;
		struct loop_watch watch;
		int fds[2];

		print_message("%s, then %s\n", rows[from].name, rows[to].name);
		pair(fds);
		assert_int_equal(loop_watch(loop, &watch, fds[0], rows[from].watched, count, "row"),
				 0);
		if (rows[from].byte)
			assert_int_equal(write(fds[1], "x", 1), 1);
		assert_int_equal(told(loop), rows[from].told);
		assert_int_equal(told(loop), rows[from].told); /* level triggered */
		if (rows[to].byte && !rows[from].byte)
			assert_int_equal(write(fds[1], "x", 1), 1);
		if (!rows[to].byte && rows[from].byte)
			assert_int_equal(read(fds[0], (char[1]){0}, 1), 1);
		assert_int_equal(loop_watch_set(&watch, rows[to].watched), 0);
		assert_int_equal(loop_watch_set(&watch, rows[to].watched), 0);
		assert_int_equal(told(loop), rows[to].told);
		loop_unwatch(&watch);
		assert_int_equal(told(loop), 0);
		close(fds[0]);
		close(fds[1]);
	}
	loop_free(loop);
}

static void hang_up_is_told_as_readable(void **state)
{
	struct loop *loop = loop_plain();
	struct loop_watch watch;
	int fds[2];

	(void)state;
	pair(fds);
	assert_int_equal(loop_watch(loop, &watch, fds[0], LOOP_READ, count, "hang-up"), 0);
	close(fds[1]);
	assert_int_equal(told(loop), LOOP_READ);
	assert_int_equal(loop_watch_set(&watch, 0),
			 0); /* no spinning on what nobody wants to know */
	assert_int_equal(told(loop), 0);
	loop_unwatch(&watch);
	close(fds[0]);
	loop_free(loop);
}

static void stop_and_free(struct loop_watch *watch, unsigned events)
{
	(void)events;
	calls++;
	close(watch->fd);
	loop_unwatch(watch);
	free(watch);
}

static struct loop_watch two[2];

static void stop_both(struct loop_watch *watch, unsigned events)
{
	(void)watch;
	(void)events;
	calls++;
	loop_unwatch(&two[0]);
	loop_unwatch(&two[1]);
}

static void may_be_stopped_from_callbacks(void **state)
{
	struct loop *loop = loop_plain();
	struct loop_watch *watch = malloc(sizeof(*watch)), zeroed;
	int a[2], b[2];

	(void)state;
	pair(a);
	assert_non_null(watch);
	assert_int_equal(loop_watch(loop, watch, a[0], LOOP_WRITE, stop_and_free, "freed"), 0);
	assert_int_equal(told(loop), 0);
	assert_int_equal(calls, 1);
	close(a[1]);

	pair(a);
	pair(b);
	assert_int_equal(loop_watch(loop, &two[0], a[0], LOOP_WRITE, stop_both, "first"), 0);
	assert_int_equal(loop_watch(loop, &two[1], b[0], LOOP_WRITE, stop_both, "second"), 0);
	assert_int_equal(told(loop), 0);
	assert_int_equal(calls, 1); /* the other was ready too, and is not called any more */
	loop_unwatch(&two[0]);
	memset(&zeroed, 0, sizeof(zeroed));
	loop_unwatch(&zeroed);
	for (unsigned i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	loop_free(loop);
}

static void pause_then_resume(struct loop_watch *watch, unsigned events)
{
	calls++;
	last_events = events;
	assert_int_equal(loop_watch_set(watch, 0), 0);
	assert_int_equal(loop_watch_set(watch, LOOP_READ | LOOP_WRITE), 0);
	assert_int_equal(loop_watch_set(watch, LOOP_WRITE), 0);
}

static void may_be_changed_from_its_callback(void **state)
{
	struct loop *loop = loop_plain();
	struct loop_watch watch;
	int fds[2];

	(void)state;
	pair(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(loop_watch(loop, &watch, fds[0], LOOP_READ, pause_then_resume, "c"), 0);
	assert_int_equal(told(loop), LOOP_READ);
	assert_int_equal(told(loop), LOOP_WRITE);
	loop_unwatch(&watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

/* Another process holds the same listener: the kernel forgets it only when told to. */
static void copies_of_a_descriptor_do_not_haunt(void **state)
{
	struct loop *loop = loop_plain();
	struct loop_watch watch;
	int fds[2], copy;
	uint64_t turns;

	(void)state;
	pair(fds);
	copy = dup(fds[0]);
	assert_int_equal(loop_watch(loop, &watch, fds[0], LOOP_READ, count, "copied"), 0);
	assert_int_equal(told(loop), 0);
	loop_unwatch(&watch);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), 1); /* readable, through the copy */
	turns = loop_turns(loop);
	assert_int_equal(told(loop), 0);
	assert_int_equal(loop_turns(loop), turns);
	assert_int_equal(loop_watch(loop, &watch, copy, LOOP_READ, count, "copy"), 0);
	assert_int_equal(told(loop), LOOP_READ);
	loop_unwatch(&watch);
	close(copy);
	close(fds[1]);
	loop_free(loop);
}

static void what_the_kernel_does_not_watch_is_refused(void **state)
{
	struct loop *loop = loop_plain();
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct loop_watch watch;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(loop_watch(loop, &watch, fd, LOOP_READ, count, "file"), MG_ENOMEM);
	loop_unwatch(&watch);
	assert_int_equal(loop_watch(loop, &watch, fd, 0, count, "file"), 0);
	assert_int_equal(loop_watch_set(&watch, LOOP_READ), MG_ENOMEM);
	assert_int_equal(watch.events, 0);
	loop_unwatch(&watch);
	close(fd);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_watched),
		cmocka_unit_test(hang_up_is_told_as_readable),
		cmocka_unit_test(may_be_stopped_from_callbacks),
		cmocka_unit_test(may_be_changed_from_its_callback),
		cmocka_unit_test(copies_of_a_descriptor_do_not_haunt),
		cmocka_unit_test(what_the_kernel_does_not_watch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
