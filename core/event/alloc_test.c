/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each allocation fails in turn, ours and libevent's: errors are returned, nothing is lost, and what
 * failed works afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test_alloc.h"
#include "event/http.h"
#include "event/mailbox.h"
#include "event/test_loop.h"

static void *failing_realloc(void *p, size_t n)
{
	return alloc_fails_now() ? NULL : realloc(p, n);
}

/* ---- loops and mailboxes ---- */

static unsigned calls;

static void count(struct loop_watch *watch, unsigned events)
{
	(void)watch;
	(void)events;
	calls++;
}

static void count_wake(void *arg)
{
	(void)arg;
	calls++;
}

static void count_letter(void *arg, void *letter)
{
	(void)arg;
	(void)letter;
	calls++;
}

static void count_signal(void *arg, int signo)
{
	(void)arg;
	(void)signo;
	calls++;
}

/* The number of things done, of 6 and the signal: each that fails leaves the rest working. */
static unsigned use_loop(struct loop *loop, int fd, bool signal)
{
	struct loop_waker *waker = loop_waker_new(loop, count_wake, NULL, "waker");
	struct mailbox *box = mailbox_new(2, 8, 1);
	struct loop_watch watch;
	unsigned done = (waker ? 1u : 0u) + (box ? 1u : 0u);

	calls = 0;
	if (loop_watch(loop, &watch, fd, LOOP_READ, count, "watch") == 0) {
		done++;
		done += loop_watch_set(&watch, LOOP_READ | LOOP_WRITE) == 0;
		done += loop_watch_set(&watch, LOOP_WRITE) == 0;
	}
	done += box && mailbox_open(box, 1, loop, count_letter, NULL) == 0;
	done += signal && loop_signal(loop, SIGUSR1, count_signal, NULL) == 0;
	if (waker)
		loop_wake(waker);
	if (box)
		assert_int_equal(mailbox_send(box, 0, 1, 0, &calls), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	loop_unwatch(&watch);
	loop_waker_free(waker);
	if (box)
		mailbox_close(box, 1);
	mailbox_free(box, NULL);
	return done;
}

static void loops_fail_cleanly(void **state)
{
	unsigned before = descriptors_open(), no_loop = 0, partly = 0;
	bool failed = true;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	for (long k = 0; failed; k++) {
		struct loop *loop;
		unsigned done = 0;

		alloc_until_failure = k;
		loop = loop_new(&(struct loop_options){.name = "alloc"});
		if (loop)
			done = use_loop(loop, fds[0], true);
		failed = alloc_until_failure < 0;
		alloc_until_failure = -1;
		no_loop += !loop;
		partly += loop && done < 7;
		assert_true(failed || done == 7);
		if (loop) {
			/* Not the signal: libevent forgets what it had allocated for it. */
			assert_int_equal(use_loop(loop, fds[0], false), 6);
			assert_int_equal(calls, 3);
		}
		loop_free(loop);
		assert_int_equal(descriptors_open(), before + 2);
	}
	assert_true(no_loop > 5 && partly > 5);
	close(fds[0]);
	close(fds[1]);
}

struct busy {
	struct loop_hook hook;
	struct wheel_timer timer;
	unsigned hooks, timers;
};

static void count_hook(struct loop_hook *hook)
{
	container_of(hook, struct busy, hook)->hooks++;
}

static void count_timer(struct wheel_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	container_of(timer, struct busy, timer)->timers++;
}

/* Once everything is there, turns and what is done in them take no memory. */
static void turns_allocate_nothing(void **state)
{
	struct loop *loop = loop_plain();
	struct loop_waker *waker = loop_waker_new(loop, count_wake, NULL, "waker");
	struct mailbox *box = mailbox_new(2, 8, 1);
	struct busy busy = {.hook.fn = count_hook};
	struct loop_watch watch;
	size_t before = 0;
	int fds[2];

	(void)state;
	assert_true(waker && box);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(loop_watch(loop, &watch, fds[0], LOOP_WRITE, count, "watch"), 0);
	assert_int_equal(mailbox_open(box, 1, loop, count_letter, NULL), 0);
	loop_at_turn(loop, &busy.hook);
	wheel_timer_init(&busy.timer, count_timer);
	for (unsigned i = 0; i < 100; i++) {
		if (i == 2)
			before = alloc_count;
		calls = 0;
		loop_wake(waker);
		assert_int_equal(mailbox_send(box, 0, 1, 0, &calls), 0);
		wheel_add(loop_wheel(loop), &busy.timer, loop_now_ms(loop) - 1);
		assert_int_equal(loop_turn(loop, 0), 0);
		assert_int_equal(calls, 3);
		assert_int_equal(loop_watch_set(&watch, LOOP_READ), 0);
		assert_int_equal(loop_watch_set(&watch, LOOP_READ | LOOP_WRITE), 0);
		usleep(1000);
	}
	assert_int_equal(alloc_count, before);
	assert_int_equal(busy.hooks, 100);
	assert_true(busy.timers >= 5);
	loop_hook_remove(&busy.hook);
	wheel_del(loop_wheel(loop), &busy.timer);
	loop_unwatch(&watch);
	mailbox_close(box, 1);
	mailbox_free(box, NULL);
	loop_waker_free(waker);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

/* ---- HTTP ---- */

struct web {
	struct loop *loop;
	struct sockaddr_in at;
	char got[4096];
};

static void serve(void *arg, struct sv path, struct http_reply *reply)
{
	(void)arg;
	http_reply_printf(reply, "you asked for %.*s", (int)path.n, path.p);
	http_reply_add(reply, SV(", and it is here"));
}

static int listener(struct web *web)
{
	socklen_t n = sizeof(web->at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	web->at = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&web->at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&web->at, &n), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void turns(const struct web *web)
{
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(loop_turn(web->loop, 0), 0);
}

static int call(const struct web *web)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&web->at, sizeof(web->at)), 0);
	return fd;
}

static void say(int fd)
{
	static const char request[] =
		"GET /a HTTP/1.1\r\nHost: b\r\nConnection: keep-alive\r\n\r\n";

	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
}

/* Ask, and let the k-th allocation of the request fail. Returns whether it did. */
static bool ask(struct web *web, long k)
{
	int fd = call(web);
	size_t n = 0;
	ssize_t got;
	bool failed;

	turns(web);
	say(fd);
	alloc_until_failure = k;
	turns(web);
	failed = k >= 0 && alloc_until_failure < 0;
	alloc_until_failure = -1;
	while ((got = recv(fd, web->got + n, sizeof(web->got) - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	web->got[n] = '\0';
	close(fd);
	turns(web);
	return failed;
}

static bool served(const struct web *web)
{
	return strstr(web->got, "you asked for /a, and it is here") != NULL;
}

static void http_fails_cleanly(void **state)
{
	unsigned before = descriptors_open(), idle, refused = 0, unserved = 0, excused = 0;
	struct web web = {.loop = loop_plain()};
	struct http *http = NULL;
	int fd = listener(&web);

	(void)state;
	for (long k = 0; !http; k++) {
		alloc_until_failure = k;
		http = http_new(web.loop, fd, serve, NULL);
		alloc_until_failure = -1;
		refused += !http;
	}
	assert_true(refused >= 4);
	assert_false(ask(&web, -1));
	assert_true(served(&web));
	idle = descriptors_open();
	for (long k = 0; ask(&web, k); k++) {
		unserved += !served(&web);
		excused += strstr(web.got, " 503 ") != NULL;
		assert_int_equal(descriptors_open(), idle);
		assert_false(ask(&web, -1));
		assert_true(served(&web));
	}
	assert_true(unserved > 5 && excused > 3);
	http_free(http);
	loop_free(web.loop);
	assert_int_equal(descriptors_open(), before);
}

/* The last thing in the turn that accepts a connection is the reserve for the next. */
static void http_accepts_with_a_reserve_only(void **state)
{
	struct web web = {.loop = loop_plain()};
	int fds[4], fd = listener(&web);
	struct http *http = http_new(web.loop, fd, serve, NULL);
	size_t count = 0;

	(void)state;
	assert_non_null(http);
	for (unsigned i = 0; i < 3; i++) {
		fds[i] = call(&web);
		alloc_until_failure = i == 2 ? (long)count - 1 : -1;
		count = alloc_count;
		assert_int_equal(loop_turn(web.loop, 1000), 0);
		count = alloc_count - count;
		assert_int_equal(alloc_until_failure, -1);
	}
	fds[3] = call(&web);
	say(fds[3]);
	turns(&web);
	assert_true(recv(fds[3], web.got, 1, MSG_DONTWAIT) < 0); /* it is not taken */
	assert_int_equal(loop_turn(web.loop, 5000), 0);          /* until it tries again */
	turns(&web);
	assert_true(recv(fds[3], web.got, sizeof(web.got) - 1, MSG_DONTWAIT) > 0);
	assert_true(served(&web));
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	turns(&web);
	http_free(http);
	loop_free(web.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_fail_cleanly),
		cmocka_unit_test(turns_allocate_nothing),
		cmocka_unit_test(http_fails_cleanly),
		cmocka_unit_test(http_accepts_with_a_reserve_only),
	};

	event_set_mem_functions(malloc, failing_realloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
