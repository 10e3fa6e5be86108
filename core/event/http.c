/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * http: evhttp with bounds around it. evhttp knows no limit of connections, no limit of a
 * connection's life, and does not tell when one ends; so each connection's bufferevent is made here
 * and kept by a second reference: when evhttp lets go of it (bufferevent_free takes its callbacks
 * away) the end of the turn sees that. Called by whoever has something to show.
 */
#include "event/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/loop_priv.h"

#define HEAD_MAX  8192
#define CONNS_MAX 32
#define LIFE_MS   5000
#define GRACE_MS  100   /* who has not asked by then leaves when others wait */
#define STUCK_MS  1000  /* who does not take the answer by then does */
#define CROWD_MS  50    /* how often others are looked for while it is full */
#define CROWD_OUT 8     /* connections that leave at a time */
#define RETRY_MS  1000  /* without descriptors or memory: until the next connection is tried */
#define RESERVE   16384 /* bytes, several times what evhttp takes for a connection */

struct conn {
	struct bufferevent *bev;
	uint64_t until_ms; /* WHEEL_NEVER: its end was made */
	bool asked;        /* all of its request came */
};

struct http {
	struct loop *loop;
	struct evhttp *evhttp;
	struct evconnlistener *listener;
	int fd;
	http_fn *fn;
	void *arg;
	struct loop_hook hook;
	struct wheel_timer timer;
	uint64_t retry_ms; /* nothing is accepted before */
	uint64_t crowd_ms; /* while it is full: when to look who waits */
	bool accepting;
	void *reserve; /* freed for evhttp to allocate from; there while `accepting` */
	unsigned n;
	struct conn conns[CONNS_MAX];
};

struct http_reply {
	struct evbuffer *body;
	const char *type;
	unsigned status;
	bool failed;
};

/* The listener of some server in this thread had no descriptor. Its error callback is given what
 * evhttp put there, nothing of ours; the end of the same turn picks this up.
 */
static _Thread_local bool accept_failed;

/* ---- one request ---- */

void http_reply_status(struct http_reply *reply, unsigned status)
{
	reply->status = status;
}

void http_reply_type(struct http_reply *reply, const char *content_type)
{
	reply->type = content_type;
}

void http_reply_add(struct http_reply *reply, struct sv text)
{
	reply->failed |= evbuffer_add(reply->body, text.p, text.n) < 0;
}

void http_reply_printf(struct http_reply *reply, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply->failed |= evbuffer_add_vprintf(reply->body, format, args) < 0;
	va_end(args);
}

static void add_header(struct evhttp_request *req, struct http_reply *reply, const char *name,
		       const char *value)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

	reply->failed |= evhttp_add_header(headers, name, value) < 0;
}

/* evhttp would send content in answer to HEAD, and "keep-alive" beside our "close" to those who ask
 * for it.
 */
static void send_reply(struct evhttp_request *req, struct http_reply *reply)
{
	bool head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
	char length[24];

	(void)snprintf(length, sizeof(length), "%zu", evbuffer_get_length(reply->body));
	(void)evhttp_remove_header(evhttp_request_get_input_headers(req), "Connection");
	add_header(req, reply, "Connection", "close");
	add_header(req, reply, "Content-Type", reply->type);
	add_header(req, reply, "Content-Length", length);
	if (reply->failed)
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
	else
		evhttp_send_reply(req, (int)reply->status, NULL, head ? NULL : reply->body);
}

static struct sv path_of(struct evhttp_request *req)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));

	return path && *path ? sv_str(path) : SV("/"); /* RFC 9110 §4.2.3 */
}

static void answer(struct http *http, struct evhttp_request *req)
{
	struct http_reply reply = {
		.body = evbuffer_new(), .type = "text/plain; charset=utf-8", .status = 200};
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (!reply.body) {
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) {
		http->fn(http->arg, path_of(req), &reply);
	} else {
		reply.status = HTTP_BADMETHOD;
		add_header(req, &reply, "Allow", "GET, HEAD");
	}
	send_reply(req, &reply);
	evbuffer_free(reply.body);
}

static void requested(struct evhttp_request *req, void *arg)
{
	struct http *http = arg;
	const struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));

	for (unsigned i = 0; i < http->n; i++)
		http->conns[i].asked |= http->conns[i].bev == bev;
	loop_enter(http->loop, "http");
	answer(http, req);
	loop_leave(http->loop, "http");
}

/* ---- connections ---- */

/* While it takes over a connection evhttp does not survive that memory fails, and it cannot be told
 * to refuse. So there is a reserve that goes back to the allocator just before, and no second
 * connection is accepted before the end of the turn has it again. The watermark bounds what a peer may
 * send ahead while it takes no answer.
 */
static struct bufferevent *conn_new(struct event_base *base, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct http *http = arg;

	(void)evconnlistener_disable(http->listener);
	http->accepting = false;
	free(http->reserve);
	http->reserve = NULL;
	if (!bev)
		return NULL;
	bufferevent_setwatermark(bev, EV_READ, 0, (size_t)2 * HEAD_MAX);
	bufferevent_incref(bev);
	http->conns[http->n++] =
		(struct conn){.bev = bev, .until_ms = loop_clock_us() / 1000 + LIFE_MS};
	return bev;
}

static bool conn_lives(const struct conn *conn)
{
	bufferevent_event_cb on_event;

	bufferevent_getcb(conn->bev, NULL, NULL, &on_event, NULL);
	return on_event != NULL;
}

/* Without memory evhttp may have closed the descriptor itself, or have left us the first reference
 * as well.
 */
static void conn_done(struct conn *conn)
{
	int fd = bufferevent_getfd(conn->bev);

	if (fd >= 0 && fcntl(fd, F_GETFD) < 0)
		(void)bufferevent_setfd(conn->bev, -1);
	if (!bufferevent_decref(conn->bev))
		(void)bufferevent_decref(conn->bev);
}

static void accept_fails(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	(void)evconnlistener_disable(listener); /* else it would be tried without end */
	accept_failed = true;
}

static bool accept_now(struct http *http)
{
	if (!http->reserve)
		http->reserve = malloc(RESERVE);
	return http->reserve && evconnlistener_enable(http->listener) == 0;
}

static void accept_again(struct http *http)
{
	uint64_t now = loop_now_ms(http->loop);

	if (http->n == CONNS_MAX || now < http->retry_ms)
		return;
	http->accepting = accept_now(http);
	if (!http->accepting)
		http->retry_ms = now + RETRY_MS;
}

static void set_timer(struct http *http)
{
	uint64_t now = loop_now_ms(http->loop);
	uint64_t due = http->retry_ms > now ? http->retry_ms : WHEEL_NEVER;

	if (http->n < CONNS_MAX)
		http->crowd_ms = WHEEL_NEVER;
	else if (http->crowd_ms == WHEEL_NEVER)
		http->crowd_ms = now + CROWD_MS;
	if (http->crowd_ms < due)
		due = http->crowd_ms;
	for (unsigned i = 0; i < http->n; i++)
		if (http->conns[i].until_ms < due)
			due = http->conns[i].until_ms;
	if (due == WHEEL_NEVER)
		wheel_del(loop_wheel(http->loop), &http->timer);
	else
		wheel_add(loop_wheel(http->loop), &http->timer, due);
}

static void turn_ends(struct loop_hook *hook)
{
	struct http *http = container_of(hook, struct http, hook);

	for (unsigned i = 0; i < http->n;) {
		if (conn_lives(&http->conns[i])) {
			i++;
		} else {
			conn_done(&http->conns[i]);
			http->conns[i] = http->conns[--http->n];
		}
	}
	if (accept_failed) {
		accept_failed = false;
		http->accepting = false;
		http->retry_ms = loop_now_ms(http->loop) + RETRY_MS;
	}
	if (!http->accepting)
		accept_again(http);
	set_timer(http);
}

/* Hung up; evhttp sees it in the next turn, and lets go of it. */
static void hang_up(struct conn *conn)
{
	conn->until_ms = WHEEL_NEVER;
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}

/* Whether it has had its time, when others wait: that depends on what it did with it. */
static bool is_lazy(const struct conn *conn, uint64_t now_ms)
{
	uint64_t patience = conn->asked ? STUCK_MS : GRACE_MS;

	return conn->until_ms != WHEEL_NEVER && now_ms + LIFE_MS >= conn->until_ms + patience;
}

static struct conn *oldest_lazy(struct http *http, uint64_t now_ms)
{
	struct conn *oldest = NULL;

	for (unsigned i = 0; i < http->n; i++) {
		struct conn *conn = &http->conns[i];

		if (is_lazy(conn, now_ms) && (!oldest || conn->until_ms < oldest->until_ms))
			oldest = conn;
	}
	return oldest;
}

/* All places are taken: silent connections must not keep others out for all of their life. */
static void make_room(struct http *http, uint64_t now_ms)
{
	struct pollfd waiting = {.fd = http->fd, .events = POLLIN};
	struct conn *conn;

	http->crowd_ms = now_ms + CROWD_MS;
	if (poll(&waiting, 1, 0) <= 0)
		return;
	for (unsigned i = 0; i < CROWD_OUT && (conn = oldest_lazy(http, now_ms)); i++)
		hang_up(conn);
}

static void timer_fires(struct wheel_timer *timer, uint64_t now_ms)
{
	struct http *http = container_of(timer, struct http, timer);

	for (unsigned i = 0; i < http->n; i++) {
		if (http->conns[i].until_ms <= now_ms)
			hang_up(&http->conns[i]);
	}
	if (http->n == CONNS_MAX && http->crowd_ms <= now_ms)
		make_room(http, now_ms);
}

/* ---- the server ---- */

static bool listen_on(struct http *http)
{
	http->listener = evconnlistener_new(http->loop->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0,
					    http->fd);
	if (!http->listener)
		return false;
	evconnlistener_set_error_cb(http->listener, accept_fails);
	if (!evhttp_bind_listener(http->evhttp, http->listener)) {
		evconnlistener_free(http->listener);
		return false;
	}
	return accept_now(http); /* binding does not say whether it could enable the listener */
}

static bool set_up(struct http *http)
{
	if (evutil_make_socket_nonblocking(http->fd) < 0 ||
	    !(http->evhttp = evhttp_new(http->loop->base)))
		return false;
	evhttp_set_max_headers_size(http->evhttp, HEAD_MAX);
	evhttp_set_max_body_size(http->evhttp, 0);
	evhttp_set_allowed_methods(http->evhttp, UINT16_MAX); /* evhttp's own refusal is 501 */
	evhttp_set_gencb(http->evhttp, requested, http);
	evhttp_set_bevcb(http->evhttp, conn_new, http);
	return listen_on(http);
}

struct http *http_new(struct loop *loop, int listening_fd, http_fn *fn, void *arg)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	*http = (struct http){.loop = loop,
			      .fd = listening_fd,
			      .fn = fn,
			      .arg = arg,
			      .crowd_ms = WHEEL_NEVER,
			      .accepting = true};
	wheel_timer_init(&http->timer, timer_fires);
	if (!set_up(http)) {
		if (http->evhttp)
			evhttp_free(http->evhttp);
		free(http->reserve);
		free(http);
		return NULL;
	}
	http->hook.fn = turn_ends;
	loop_at_turn(loop, &http->hook);
	loop->foreign++;
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	http->loop->foreign--;
	loop_hook_remove(&http->hook);
	wheel_del(loop_wheel(http->loop), &http->timer);
	evhttp_free(http->evhttp);
	for (unsigned i = 0; i < http->n; i++)
		conn_done(&http->conns[i]);
	close(http->fd);
	free(http->reserve);
	free(http);
}
