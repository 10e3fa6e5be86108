/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: non-blocking sockets under epoll. A connection writes when the turn ends and asks for EPOLLOUT
 * only when the kernel did not take everything.
 */
#include "load/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/container_of.h"
#include "load/text.h"

#define IN_MAX       32768
#define OUT_FIRST    8192
#define OUT_MAX      (16u << 20)
#define ACCEPT_MAX   4096
#define ACCEPT_BATCH 64

void conns_init(struct conns *s, int epoll)
{
	*s = (struct conns){
		.watch = WATCH_LISTENER, .epoll = epoll, .listener = -1, .accepting = ACCEPT_MAX};
	list_init(&s->all);
	list_init(&s->dirty);
	list_init(&s->closed);
}

static int watch(struct conns *s, struct conn *c, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	return epoll_ctl(s->epoll, op, c->fd, &e);
}

static struct conn *conn_new(struct conns *s, int fd, bool accepted)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct conn){
		.watch = WATCH_CONN, .fd = fd, .accepted = accepted, .out_max = OUT_FIRST};
	list_init(&c->dirty);
	list_init(&c->calls);
	c->in = malloc(IN_MAX);
	c->out = malloc(c->out_max);
	c->writing = !accepted;
	if (!c->in || !c->out || ((accepted ? s->server : s->client) && !tls_start(s, c)) ||
	    watch(s, c, EPOLL_CTL_ADD, accepted ? EPOLLIN : EPOLLIN | EPOLLOUT)) {
		SSL_free(c->ssl);
		free(c->in);
		free(c->out);
		free(c);
		return NULL;
	}
	list_append(&s->all, &c->link);
	return c;
}

/* Off the wire; the memory stays until it is reaped. */
static void shut(struct conns *s, struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	if (c->ssl)
		tls_end(c);
	close(c->fd);
	c->state = CONN_CLOSED;
	list_remove(&c->dirty);
	free(c->in);
	free(c->out);
	c->in = c->out = NULL;
	c->in_n = c->out_n = c->out_at = 0;
	if (!c->accepted) {
		list_remove(&c->link);
		list_append(&s->closed, &c->link);
	}
}

static void lose(struct conns *s, struct conn *c)
{
	s->lost++;
	shut(s, c);
	s->on_lost(s->ctx, c);
}

static void free_all(struct list *l)
{
	for (struct list *link; (link = list_shift(l));)
		free(container_of(link, struct conn, link));
}

void conns_reap(struct conns *s)
{
	free_all(&s->closed);
}

void conns_done(struct conns *s)
{
	struct list *it, *after;

	list_for_each_safe (it, after, &s->all)
		shut(s, container_of(it, struct conn, link));
	free_all(&s->all);
	free_all(&s->closed);
	if (s->listener >= 0)
		close(s->listener);
	SSL_CTX_free(s->client);
	SSL_CTX_free(s->server);
}

static int stream_socket(int family)
{
	int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	}
	return fd;
}

int conns_listen(struct conns *s, struct addr *local)
{
	union udp_peer name = udp_peer(local);
	socklen_t len = local->family == ADDR_V6 ? sizeof(name.v6) : sizeof(name.v4);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
	struct sockaddr_storage bound;
	struct addr got;
	int on = 1;

	s->listener = socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0)
		return -errno;
	(void)setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->listener, &name.any, len) || listen(s->listener, 4096) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e))
		return -errno;
	len = sizeof(bound);
	if (getsockname(s->listener, (struct sockaddr *)&bound, &len) ||
	    addr_from_sockaddr((struct sockaddr *)&bound, len, &got))
		return -errno;
	local->port = got.port;
	return 0;
}

void conns_accept(struct conns *s)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int on = 1, fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct conn *c = NULL;

		if (fd < 0)
			return;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (s->accepting > 0)
			c = conn_new(s, fd, true);
		if (!c) {
			s->failed++;
			close(fd);
			continue;
		}
		c->state = c->ssl ? CONN_HANDSHAKE : CONN_OPEN;
		c->was_open = !c->ssl;
		s->accepting--;
		s->accepted++;
	}
}

struct conn *conn_open(struct conns *s, const struct addr *from, const struct addr *to)
{
	union udp_peer local = udp_peer(from), peer = udp_peer(to);
	socklen_t len = to->family == ADDR_V6 ? sizeof(peer.v6) : sizeof(peer.v4);
	int fd = stream_socket(peer.any.sa_family);
	struct conn *c = NULL;

	if (fd >= 0 && bind(fd, &local.any, len) == 0 &&
	    (connect(fd, &peer.any, len) == 0 || errno == EINPROGRESS))
		c = conn_new(s, fd, false);
	if (c) {
		s->opened++;
		return c;
	}
	s->failed++;
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void make_dirty(struct conns *s, struct conn *c)
{
	if (list_empty(&c->dirty))
		list_append(&s->dirty, &c->dirty);
}

char *conn_slot(struct conns *s, struct conn *c)
{
	(void)s;
	if (c->state == CONN_CLOSED)
		return NULL;
	if (c->out_at > c->out_max / 2) {
		memmove(c->out, c->out + c->out_at, c->out_n - c->out_at);
		c->out_n -= c->out_at;
		c->out_at = 0;
	}
	if (c->out_n + MESSAGE_MAX > c->out_max) {
		char *more = c->out_max < OUT_MAX ? realloc(c->out, c->out_max * 2) : NULL;

		if (!more)
			return NULL;
		c->out = more;
		c->out_max *= 2;
	}
	return c->out + c->out_n;
}

void conn_send(struct conns *s, struct conn *c, size_t n)
{
	c->out_n += n;
	s->sent++;
	if (c->state == CONN_OPEN && !c->writing)
		make_dirty(s, c);
}

/* Ask for EPOLLOUT, or no longer. */
static void want_out(struct conns *s, struct conn *c, bool want)
{
	if (c->writing == want)
		return;
	c->writing = want;
	(void)watch(s, c, EPOLL_CTL_MOD, want ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static long put(struct conn *c)
{
	long n;

	if (c->ssl)
		return tls_write(c, c->out + c->out_at, c->out_n - c->out_at);
	n = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void flush(struct conns *s, struct conn *c)
{
	long n = 1;

	while (c->out_at < c->out_n && (n = put(c)) > 0)
		c->out_at += (size_t)n;
	if (n < 0) {
		lose(s, c);
		return;
	}
	if (c->out_at == c->out_n)
		c->out_at = c->out_n = 0;
	want_out(s, c, c->out_n > 0);
}

void conn_close(struct conns *s, struct conn *c)
{
	long n = 1;

	while (c->state == CONN_OPEN && c->out_at < c->out_n && (n = put(c)) > 0)
		c->out_at += (size_t)n;
	shut(s, c);
}

void conns_flush(struct conns *s)
{
	for (struct list *link; (link = list_shift(&s->dirty));)
		flush(s, container_of(link, struct conn, dirty));
}

/* Pass on the whole messages that were read. Returns false when the stream makes no sense. */
static bool deliver(struct conns *s, struct conn *c)
{
	size_t at = 0;

	while (c->state == CONN_OPEN && at < c->in_n) {
		long n = 0;

		while (at < c->in_n && (c->in[at] == '\r' || c->in[at] == '\n'))
			at++;
		n = text_frame(c->in + at, c->in_n - at);
		if (n < 0)
			return false;
		if (n == 0 || (size_t)n > c->in_n - at)
			break;
		s->received++;
		s->on_message(s->ctx, c, sv_of(c->in + at, (size_t)n));
		at += (size_t)n;
	}
	if (c->state != CONN_OPEN)
		return true;
	memmove(c->in, c->in + at, c->in_n - at);
	c->in_n -= at;
	return c->in_n < IN_MAX;
}

static long get(struct conn *c)
{
	long n;

	if (c->ssl)
		return tls_read(c, c->in + c->in_n, IN_MAX - c->in_n);
	n = recv(c->fd, c->in + c->in_n, IN_MAX - c->in_n, 0);
	return n > 0 ? n : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void fill(struct conns *s, struct conn *c)
{
	long n = 0;

	while (c->state == CONN_OPEN && (n = get(c)) > 0) {
		c->in_n += (size_t)n;
		if (!deliver(s, c))
			n = -1;
		if (n < 0 || (!c->ssl && c->in_n == 0 && n < IN_MAX / 2))
			break; /* a short read: the rest of the stream is still to come */
	}
	if (n < 0 && c->state == CONN_OPEN)
		lose(s, c);
}

/* On to the next state of a connection that is not open yet. */
static void begin(struct conns *s, struct conn *c)
{
	int err = 0, done;
	socklen_t len = sizeof(err);

	if (c->state == CONN_CONNECTING) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
			lose(s, c);
			return;
		}
		c->state = c->ssl ? CONN_HANDSHAKE : CONN_OPEN;
		c->was_open = !c->ssl;
	}
	if (c->state != CONN_HANDSHAKE)
		return;
	done = tls_handshake(s, c);
	if (done < 0) {
		lose(s, c);
		return;
	}
	want_out(s, c, SSL_want_write(c->ssl));
	if (done > 0) {
		c->state = CONN_OPEN;
		c->was_open = true;
	}
}

void conn_event(struct conns *s, struct conn *c, uint32_t events)
{
	bool waited = c->state != CONN_OPEN;

	if (c->state == CONN_CLOSED)
		return;
	if (waited)
		begin(s, c);
	if (c->state == CONN_OPEN && (waited || events & EPOLLOUT))
		flush(s, c);
	if (c->state == CONN_OPEN && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		fill(s, c);
}
