/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * accept: listeners of streams, and who is let in to the table: first by ARRIVAL, then by what his source, the table and the handshakes under way have room
 * for. Refusing is a reset, so that nothing of it stays. Called by the loop and by conn.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/conn.h"

#define ACCEPT_MAX            16 /* in one turn, of one listener */
#define PAUSE_MS              100
#define HANDSHAKES_PER_SOURCE 16

struct acceptor {
	struct list link;
	struct conns *conns;
	struct loop_watch watch;
	uint16_t listener;
	bool wanted, fresh; /* while a configuration is applied: it has it; nobody had it before */
};

/* ---- who is let in ---- */

struct newcomer {
	struct conns *conns;
	const struct tp_listener *listener;
	const struct tp_zone *zone;
	struct tp_flow flow;
	int fd;
	bool known, counted, pending;
};

static bool is_tls(const struct newcomer *n)
{
	return n->flow.transport == SIP_TRANSPORT_TLS;
}

static bool refused(const struct newcomer *n, enum tp_stat count, const char *why)
{
	tp_count(n->conns->tp, count);
	conns_say(n->conns, &(struct conn_news){.event = "conn_cap",
						.peer = &n->flow.peer,
						.transport = n->flow.transport,
						.why = why});
	return false;
}

/* T-2: strangers of one source, over all workers. */
static bool source_has_room(struct newcomer *n)
{
	if (n->known)
		return true;
	if (!tp_source_more(n->conns->tp->env.shared, &n->flow.peer, TP_SOURCE_CONNS,
			    n->zone->conns_per_source))
		return refused(n, TP_STAT_REFUSED_SOURCE, "source");
	n->counted = true;
	return true;
}

static bool handshake_has_room(struct newcomer *n)
{
	const struct tp_config *config = n->conns->config;
	struct tp_shared *shared = n->conns->tp->env.shared;
	uint32_t per_source = n->zone->handshakes_per_source ? n->zone->handshakes_per_source
							     : HANDSHAKES_PER_SOURCE;

	if (!is_tls(n))
		return true;
	if (!n->known &&
	    !tp_source_handshake(shared, &n->flow.peer, &n->zone->handshakes, conns_now(n->conns)))
		return refused(n, TP_STAT_TLS_METERED, "handshake_rate");
	if (!n->known && !tp_source_more(shared, &n->flow.peer, TP_SOURCE_HANDSHAKES, per_source))
		return refused(n, TP_STAT_TLS_METERED, "source_handshakes");
	if (!tls_meter_begin(&n->conns->meter, config->handshakes_max, config->conns_reserved,
			     n->known)) {
		if (!n->known)
			tp_source_less(shared, &n->flow.peer, TP_SOURCE_HANDSHAKES);
		return refused(n, TP_STAT_TLS_METERED, "handshakes");
	}
	n->pending = true;
	return true;
}

static bool table_has_room(const struct newcomer *n)
{
	return conns_has_room(n->conns, n->known) || refused(n, TP_STAT_REFUSED_FULL, "full");
}

static void uncount(const struct newcomer *n)
{
	struct tp_shared *shared = n->conns->tp->env.shared;

	if (n->counted)
		tp_source_less(shared, &n->flow.peer, TP_SOURCE_CONNS);
	if (n->pending) {
		tls_meter_end(&n->conns->meter, n->known);
		if (!n->known)
			tp_source_less(shared, &n->flow.peer, TP_SOURCE_HANDSHAKES);
	}
}

static struct conn *make(struct newcomer *n)
{
	char key[CONN_KEY_MAX];
	struct conn_birth birth = {.peer = n->flow.peer,
				   .local = n->flow.local,
				   .fd = n->fd,
				   .listener = n->flow.listener,
				   .zone = n->flow.zone,
				   .transport = n->flow.transport,
				   .let_in = n->known};
	size_t key_n = conn_key(key, &n->flow.peer, n->flow.transport, n->zone->name, sv_of("", 0),
				&birth.domain_n);

	birth.key = sv_of(key, key_n);
	return conn_new(n->conns, &birth, LOOP_READ);
}

static void let_in(struct newcomer *n)
{
	struct tp *tp = n->conns->tp;
	struct conn *conn = make(n);

	if (!conn) {
		uncount(n);
		(void)refused(n, TP_STAT_REFUSED_FULL, "memory");
		tcp_refuse(n->fd);
		return;
	}
	tcp_options(n->fd);
	tp_count(tp, TP_STAT_CONNS_IN);
	conn->counted = n->counted;
	conn->pending = n->pending;
	if (n->pending)
		tp_count(tp, TP_STAT_TLS_PENDING);
	conn_enter(conn, is_tls(n) ? CONN_HANDSHAKE : CONN_OPEN);
}

static void judge(struct newcomer *n)
{
	if (!tp_arrives(n->conns->tp, &n->flow, 0)) {
		tcp_refuse(n->fd);
		return;
	}
	n->known = conns_knows(n->conns, &n->flow.peer);
	if (table_has_room(n) && source_has_room(n) && handshake_has_room(n)) {
		let_in(n);
		return;
	}
	uncount(n);
	tcp_refuse(n->fd);
}

static void arrived(struct conns *conns, const struct tp_listener *listener, int fd,
		    const struct sockaddr_storage *ss, socklen_t len)
{
	struct newcomer n = {.conns = conns,
			     .listener = listener,
			     .zone = conns_zone(conns, listener->zone),
			     .fd = fd,
			     .flow = {.listener = listener->id,
				      .zone = listener->zone,
				      .transport = listener->transport,
				      .proven = true}};

	if (addr_from_sockaddr((const struct sockaddr *)ss, len, &n.flow.peer)) {
		tcp_refuse(fd);
		return;
	}
	n.flow.local = listener->wildcard ? tcp_local(fd) : listener->bound;
	judge(&n);
}

/* ---- no descriptors left (O-4) ---- */

int spare_fd_open(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Give up the spare descriptor to take one connection off the queue and close it. False when that did not help: another thread was faster. */
static bool accept_and_close(struct conns *conns, int listening)
{
	int fd;

	if (conns->spare_fd < 0)
		return false;
	(void)close(conns->spare_fd);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		tp_count(conns->tp, TP_STAT_REFUSED_FDS);
		tcp_refuse(fd);
	}
	conns->spare_fd = spare_fd_open();
	return fd >= 0;
}

static void say_no_descriptors(struct conns *conns)
{
	struct log_line line;
	uint64_t n;

	if (!log_limit_pass(&conns->no_fds, conns_now(conns), &n))
		return;
	log_begin(&line, LOG_ERROR, "transport", "no_descriptors");
	log_str(&line, "act", "close");
	log_u64(&line, "n", n);
	log_end(&line);
}

/* Watch for newcomers, or not. Returns false when a listener could not be told. */
static bool watch_all(struct conns *conns, unsigned events)
{
	struct list *link;
	bool all = true;

	list_for_each (link, &conns->acceptors) {
		struct acceptor *a = container_of(link, struct acceptor, link);
		if (loop_watch_set(&a->watch, events))
			all = false;
	}
	return all;
}

/* All listeners wait a moment: the kernel keeps what comes, and the loop does not spin. */
static void pause_all(struct conns *conns)
{
	(void)watch_all(conns, 0);
	wheel_add(loop_wheel(conns->tp->env.loop), &conns->pause, conns_now(conns) + PAUSE_MS);
}

void acceptors_resume(struct wheel_timer *t, uint64_t now_ms)
{
	struct conns *conns = container_of(t, struct conns, pause);

	if (conns->spare_fd < 0)
		conns->spare_fd = spare_fd_open();
	if (!watch_all(conns, LOOP_READ))
		wheel_add(loop_wheel(conns->tp->env.loop), t, now_ms + PAUSE_MS);
}

static void out_of_descriptors(struct conns *conns, int listening)
{
	say_no_descriptors(conns);
	for (unsigned i = 0; i < ACCEPT_MAX && accept_and_close(conns, listening); i++)
		;
	pause_all(conns);
}

/* ---- accepting ---- */

enum outcome { GOT_ONE, TRY_AGAIN, NOTHING_LEFT, NO_RESOURCES };

static enum outcome accept_failed(int err)
{
	switch (err) {
	case EAGAIN: return NOTHING_LEFT;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: return NO_RESOURCES;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
		return NOTHING_LEFT; /* not a listening socket: there is nothing to wait for */
	default: return TRY_AGAIN;   /* accept(2): errors of the connection that was to come */
	}
}

static enum outcome accept_one(struct conns *conns, const struct tp_listener *listener,
			       int listening)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(listening, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return accept_failed(errno);
	arrived(conns, listener, fd, &ss, len);
	return GOT_ONE;
}

static void on_listener(struct loop_watch *watch, unsigned events)
{
	struct acceptor *a = container_of(watch, struct acceptor, watch);
	struct conns *conns = a->conns;
	const struct tp_listener *listener = tp_listener_of(conns->tp, a->listener);

	(void)events;
	for (unsigned i = 0; listener && i < ACCEPT_MAX; i++) {
		enum outcome outcome = accept_one(conns, listener, watch->fd);
		if (outcome == NO_RESOURCES)
			out_of_descriptors(conns, watch->fd);
		if (outcome == NO_RESOURCES || outcome == NOTHING_LEFT)
			break;
	}
}

/* ---- listeners ---- */

static struct acceptor *find(struct conns *conns, uint16_t listener, int fd)
{
	struct list *link;

	list_for_each (link, &conns->acceptors) {
		struct acceptor *a = container_of(link, struct acceptor, link);
		if (a->listener == listener && a->watch.fd == fd)
			return a;
	}
	return NULL;
}

static void drop(struct acceptor *a)
{
	loop_unwatch(&a->watch);
	list_remove(&a->link);
	free(a);
}

/* Listen, or go on; the listener counts as wanted. */
static int want(struct conns *conns, const struct tp_listener *listener, int fd)
{
	struct acceptor *a = find(conns, listener->id, fd);

	if (a) {
		a->wanted = true;
		return 0;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return MG_ENOMEM;
	a->conns = conns;
	a->listener = listener->id;
	a->wanted = true;
	if (loop_watch(conns->tp->env.loop, &a->watch, fd, LOOP_READ, on_listener,
		       "transport accept")) {
		free(a);
		return MG_ENOMEM;
	}
	a->fresh = true;
	list_append(&conns->acceptors, &a->link);
	return 0;
}

static bool is_stream(const struct tp_listener *l)
{
	return l->transport == SIP_TRANSPORT_TCP || l->transport == SIP_TRANSPORT_TLS;
}

/* Keep those that are wanted, or, when applying failed, those that were there before. */
static void settle(struct conns *conns, bool failed)
{
	struct list *link, *after;

	list_for_each_safe (link, after, &conns->acceptors) {
		struct acceptor *a = container_of(link, struct acceptor, link);
		if (failed ? a->fresh : !a->wanted)
			drop(a);
		else
			a->fresh = a->wanted = false;
	}
}

int acceptors_apply(struct conns *conns, const struct tp_config *config)
{
	unsigned worker = conns->tp->env.worker;
	int err = 0;

	for (unsigned i = 0; !err && !conns->stopped && i < config->n_listeners; i++) {
		const struct tp_listener *l = config->listeners[i];
		if (is_stream(l) && l->fd[worker] >= 0)
			err = want(conns, l, l->fd[worker]);
	}
	settle(conns, err != 0);
	return err;
}

void acceptors_free(struct conns *conns)
{
	while (!list_empty(&conns->acceptors))
		drop(container_of(conns->acceptors.next, struct acceptor, link));
	wheel_del(loop_wheel(conns->tp->env.loop), &conns->pause);
}
