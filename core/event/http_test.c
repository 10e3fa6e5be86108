/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The HTTP server as a client on loopback sees it, in one thread: what is answered, and what happens
 * to those that are many, slow, or never read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/http.h"
#include "event/test_loop.h"

#define CONNS_MAX 32
#define LIFE_MS   5000

struct web {
	struct loop *loop;
	struct http *http;
	struct sockaddr_in at;
	unsigned asked;
	unsigned fds; /* before */
};

static char big[4 << 20];

static void serve(void *arg, struct sv path, struct http_reply *reply)
{
	struct web *web = arg;

	web->asked++;
	if (sv_eq(path, SV("/metrics"))) {
		http_reply_type(reply, "text/plain; version=0.0.4");
		http_reply_add(reply, SV("up "));
		http_reply_printf(reply, "%d\n", 1);
	} else if (sv_eq(path, SV("/big"))) {
		http_reply_add(reply, sv_of(big, sizeof(big)));
	} else if (sv_eq(path, SV("/empty"))) {
		http_reply_status(reply, 204);
	} else {
		http_reply_status(reply, 404);
		http_reply_printf(reply, "no %.*s\n", (int)path.n, path.p);
	}
}

static void web_open(struct web *web)
{
	socklen_t n = sizeof(web->at);
	int fd;

	*web = (struct web){.fds = descriptors_open()};
	web->loop = loop_plain();
	web->at = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&web->at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&web->at, &n), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_non_null(web->http = http_new(web->loop, fd, serve, web));
}

static void web_close(struct web *web)
{
	http_free(web->http);
	loop_free(web->loop);
	assert_int_equal(descriptors_open(), web->fds);
}

static int call(const struct web *web)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&web->at, sizeof(web->at)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything the server says until it closes, as text. */
static const char *hear(const struct web *web, int fd)
{
	static char text[16384];
	size_t n = 0;

	for (unsigned turns = 0; turns < 1000; turns++) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);

		if (got == 0 || (got < 0 && errno == ECONNRESET)) {
			text[n] = '\0';
			close(fd);
			return text;
		}
		n += got > 0 ? (size_t)got : 0;
		assert_int_equal(loop_turn(web->loop, got < 0), 0);
	}
	fail_msg("the connection stays open");
	return NULL;
}

static const char *ask(const struct web *web, const char *request)
{
	int fd = call(web);

	say(fd, request);
	return hear(web, fd);
}

static unsigned times_in(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* ---- what is answered ---- */

/* clang-format off */
static const struct {
	const char *name, *request, *status;
	const char *part, *without; /* in the answer, not in it */
	unsigned asked;
} rows[] = {
	{"GET", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n",
	 "\r\nContent-Length: 5\r\n", "chunked", 1},
	{"its type", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200",
	 "\r\nContent-Type: text/plain; version=0.0.4\r\n", "html", 1},
	{"its content", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", "\r\n\r\nup 1\n", NULL, 1},
	{"HEAD", "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n",
	 "\r\nContent-Length: 5\r\n", "up 1", 1},
	{"query", "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", "up 1", NULL, 1},
	{"absolute", "GET http://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", "up 1", NULL, 1},
	{"absolute, no path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404", "no /\n", NULL, 1},
	{"nothing there", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
	 "\r\nContent-Type: text/plain; charset=utf-8\r\n", NULL, 1},
	{"not decoded", "GET /%6detrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404", "no /%6detrics\n", NULL, 1},
	{"no content", "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204", NULL, NULL, 1},
	{"1.0", "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200", "up 1", NULL, 1},
	{"1.0 keep-alive", "GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200",
	 "up 1", "keep-alive", 1},
	{"1.1 keep-alive", "GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 200",
	 "up 1", "keep-alive", 1},
	{"two at once", "GET /x HTTP/1.1\r\n\r\nGET /y HTTP/1.1\r\n\r\n", "HTTP/1.1 404", "no /x", "no /y", 1},
	{"100-continue", "GET /metrics HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 200", "up 1", NULL, 1},
	{"POST", "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", "\r\nAllow: GET, HEAD\r\n", "up", 0},
	{"PUT", "PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"DELETE", "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"PATCH", "PATCH /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"unknown", "BREW /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"get", "get /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405", NULL, NULL, 0},
	{"CONNECT", "CONNECT a:1 HTTP/1.0\r\nHost: a\r\n\r\n", "HTTP/1.0 405", NULL, NULL, 0},
	{"a body", "GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413", NULL, "up", 0},
	{"a body to come", "POST /metrics HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", "HTTP/1.1 413", NULL, NULL, 0},
	{"a chunk", "POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "HTTP/1.1 413",
	 NULL, NULL, 0},
	{"body asked about", "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 413",
	 NULL, "100 Continue", 0},
	{"other expectation", "GET / HTTP/1.1\r\nExpect: 9\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 417", NULL, NULL, 0},
	{"length below 0", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
	{"no version", "GET /metrics\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
	{"2.0", "GET /metrics HTTP/2.0\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
	{"noise", "\x16\x03\x01\x02\x05\x01 x y\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
	{"SIP", "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
	{"no colon", "GET /metrics HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400", NULL, NULL, 0},
};
/* clang-format on */

/* To an absolute target evhttp does not say that it closes, which is no fault, since it says how long
 * the content is.
 */
static void answers(void **state)
{
	struct web web;

	(void)state;
	web_open(&web);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got;

		web.asked = 0;
		got = ask(&web, rows[i].request);
		if (strncmp(got, rows[i].status, strlen(rows[i].status)) != 0)
			fail_msg("%s: %s", rows[i].name, got);
		if (rows[i].part && !strstr(got, rows[i].part))
			fail_msg("%s lacks %s: %s", rows[i].name, rows[i].part, got);
		if (rows[i].without && strstr(got, rows[i].without))
			fail_msg("%s has %s: %s", rows[i].name, rows[i].without, got);
		if (times_in(got, "\r\nConnection: close\r\n") != !strstr(rows[i].name, "absolute"))
			fail_msg("%s does not say once that it closes: %s", rows[i].name, got);
		assert_int_equal(web.asked, rows[i].asked);
	}
	web_close(&web);
}

static void heads_are_bounded(void **state)
{
	static const struct {
		size_t n;
		const char *status;
	} sizes[] = {{8000, "HTTP/1.1 200"}, {8300, "HTTP/1.1 400"}, {200000, "HTTP/1.1 400"}};
	static char request[300000];
	struct web web;

	(void)state;
	web_open(&web);
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		bool line = i & 1; /* in the first line or in a field */
		int n = snprintf(request, sizeof(request), "GET /metrics%s",
				 line ? "?" : " HTTP/1.1\r\nX: ");
		int fd = call(&web);
		size_t sent = 0, all;

		memset(request + n, 'a', sizes[i / 2].n);
		all = (size_t)n + sizes[i / 2].n;
		all += (size_t)snprintf(request + all, 64, "%s\r\n\r\n", line ? " HTTP/1.1" : "");
		for (unsigned turns = 0; turns < 100 && sent < all; turns++) {
			ssize_t put = send(fd, request + sent, all - sent, MSG_NOSIGNAL);

			if (put < 0 && errno != EAGAIN)
				break; /* refused before all was sent */
			sent += put > 0 ? (size_t)put : 0;
			assert_int_equal(loop_turn(web.loop, 0), 0);
		}
		if (sizes[i / 2].n < 100000) /* else a reset may overtake the answer */
			assert_memory_equal(hear(&web, fd), sizes[i / 2].status, 12);
		else
			(void)hear(&web, fd);
	}
	assert_int_equal(web.asked, 2);
	web_close(&web);
}

static void may_come_in_pieces(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
	struct web web;
	int fd;

	(void)state;
	web_open(&web);
	fd = call(&web);
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(fd, request + i, 1, 0), 1);
		assert_int_equal(loop_turn(web.loop, 0), 0);
	}
	assert_non_null(strstr(hear(&web, fd), "up 1"));
	web_close(&web);
}

/* ---- those that are many, slow, or never read ---- */

static void turns(struct web *web, unsigned n)
{
	while (n-- > 0)
		assert_int_equal(loop_turn(web->loop, 0), 0);
}

/* Let `ms` pass for the timers. */
static void pass(struct web *web, uint64_t ms)
{
	wheel_run(loop_wheel(web->loop), loop_clock_us() / 1000 + ms);
	turns(web, 5);
}

static unsigned connections(const struct web *web, unsigned clients)
{
	const unsigned own = 5 + 1; /* the loop's epoll, pipe, timer and eventfd; the listener */

	return descriptors_open() - web->fds - own - clients;
}

static void more_than_fit_wait(void **state)
{
	enum { CLIENTS = CONNS_MAX + 8 };
	struct web web;
	int fds[CLIENTS];

	(void)state;
	web_open(&web);
	for (unsigned i = 0; i < CLIENTS; i++)
		fds[i] = call(&web);
	turns(&web, CLIENTS + 5);
	assert_int_equal(connections(&web, CLIENTS), CONNS_MAX);
	for (unsigned i = CONNS_MAX; i < CLIENTS; i++)
		say(fds[i], "GET /metrics HTTP/1.1\r\n\r\n");
	turns(&web, 10);
	assert_int_equal(web.asked, 0);
	for (unsigned i = 0; i < 4; i++) /* four leave, all eight can be served in turn */
		close(fds[i]);
	for (unsigned i = CONNS_MAX; i < CLIENTS; i++)
		assert_non_null(strstr(hear(&web, fds[i]), "up 1"));
	for (unsigned i = 4; i < CONNS_MAX; i++)
		close(fds[i]);
	turns(&web, 5);
	assert_int_equal(connections(&web, 0), 0);
	for (unsigned i = 0; i < 2 * CONNS_MAX; i++) /* and no place is lost */
		assert_non_null(strstr(ask(&web, "GET /metrics HTTP/1.1\r\n\r\n"), "up 1"));
	web_close(&web);
}

/* What silent connections hold is given to those who wait, and who waits is none of them. */
static void the_silent_make_room(void **state)
{
	struct web web;
	int fds[CONNS_MAX + 1];
	uint64_t start;
	char byte;

	(void)state;
	web_open(&web);
	for (unsigned i = 0; i < CONNS_MAX; i++)
		fds[i] = call(&web);
	turns(&web, CONNS_MAX + 5);
	start = loop_clock_us();
	while (loop_clock_us() - start < 250000)
		assert_int_equal(loop_turn(web.loop, 10), 0);
	assert_int_equal(connections(&web, CONNS_MAX), CONNS_MAX); /* nobody waits: all stay */
	start = loop_clock_us();
	fds[CONNS_MAX] = call(&web);
	say(fds[CONNS_MAX], "GET /metrics HTTP/1.1\r\n\r\n");
	while (web.asked == 0 && loop_clock_us() - start < 4000000)
		assert_int_equal(loop_turn(web.loop, 10), 0);
	assert_int_equal(web.asked, 1);
	assert_true(loop_clock_us() - start < 2000000);
	assert_non_null(strstr(hear(&web, fds[CONNS_MAX]), "up 1"));
	assert_int_equal(recv(fds[0], &byte, 1, 0), 0);              /* the oldest */
	assert_int_equal(recv(fds[CONNS_MAX - 1], &byte, 1, 0), -1); /* not the youngest */
	for (unsigned i = 0; i < CONNS_MAX; i++)
		close(fds[i]);
	turns(&web, 5);
	assert_int_equal(connections(&web, 0), 0);
	web_close(&web);
}

static void slow_ones_are_cut_off(void **state)
{
	struct web web;
	int silent, slow, stuck, late;
	char byte;

	(void)state;
	web_open(&web);
	silent = call(&web);
	slow = call(&web);
	stuck = call(&web);
	say(slow, "GET /metrics HTTP/1.1\r\nX: ");
	say(stuck, "GET /big HTTP/1.1\r\n\r\n"); /* and does not read */
	turns(&web, 10);
	assert_int_equal(web.asked, 1);
	assert_int_equal(connections(&web, 3), 3);
	pass(&web, LIFE_MS / 2);
	assert_int_equal(connections(&web, 3), 3);
	usleep(30000);
	late = call(&web);
	turns(&web, 5);
	pass(&web, LIFE_MS - 10); /* over for those of before, not for the late one */
	assert_int_equal(connections(&web, 4), 1);
	assert_int_equal(recv(silent, &byte, 1, 0), 0);
	assert_string_equal(hear(&web, slow), "");
	say(late, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(hear(&web, late), "up 1"));
	close(silent);
	close(stuck);
	turns(&web, 5);
	web_close(&web);
}

/* What is sent while an answer is on its way is taken up to a bound and left in the socket then. */
static void sending_ahead_is_bounded(void **state)
{
	size_t sent = 0;
	struct web web;
	int fd;

	(void)state;
	web_open(&web);
	fd = call(&web);
	say(fd, "GET /big HTTP/1.1\r\n\r\n");
	for (unsigned stuck = 0; stuck < 50 && sent < (size_t)256 << 20; stuck++) {
		ssize_t put;

		while ((put = send(fd, big, 65536, MSG_NOSIGNAL)) > 0) {
			sent += (size_t)put;
			stuck = 0;
		}
		assert_int_equal(errno, EAGAIN);
		turns(&web, 1);
	}
	assert_true(sent < (size_t)32 << 20); /* what the sockets hold */
	close(fd);
	turns(&web, 5);
	assert_int_equal(connections(&web, 0), 0);
	web_close(&web);
}

static void no_descriptor_is_no_reason_to_spin(void **state)
{
	struct rlimit all, none;
	struct web web;
	uint64_t start;
	int fd;

	(void)state;
	web_open(&web);
	fd = call(&web);
	say(fd, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns(&web, 3);
	start = loop_clock_us();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(loop_turn(web.loop, 10), 0);
	assert_true(loop_clock_us() - start > 50000); /* it was waited, each time */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	turns(&web, 3);
	assert_int_equal(web.asked, 0); /* it waits for a while */
	start = loop_clock_us();
	assert_int_equal(loop_turn(web.loop, 5000), 0); /* then its timer tries again */
	assert_true(loop_clock_us() - start < 4000000);
	assert_non_null(strstr(hear(&web, fd), "up 1"));
	web_close(&web);
}

static void may_end_with_connections(void **state)
{
	struct web web;
	int fds[3];
	char byte;

	(void)state;
	web_open(&web);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = call(&web);
	say(fds[0], "GET /metr");
	say(fds[1], "GET /big HTTP/1.1\r\n\r\n");
	turns(&web, 5);
	http_free(web.http);
	web.http = NULL;
	assert_true(recv(fds[2], &byte, 1, 0) <= 0);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	web_close(&web);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(heads_are_bounded),
		cmocka_unit_test(may_come_in_pieces),
		cmocka_unit_test(more_than_fit_wait),
		cmocka_unit_test(the_silent_make_room),
		cmocka_unit_test(slow_ones_are_cut_off),
		cmocka_unit_test(sending_ahead_is_bounded),
		cmocka_unit_test(no_descriptor_is_no_reason_to_spin),
		cmocka_unit_test(may_end_with_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
