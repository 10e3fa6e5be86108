/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_send: which connection a message leaves by: the flow that is named, one that is known for the same address, zone and domain, whichever worker owns it,
 * or a new one. Called by tp.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport/conn.h"

/* ---- the directory's key ---- */

static size_t put(char *out, size_t at, const void *p, size_t n)
{
	memcpy(out + at, p, n);
	return at + n;
}

/* In lower case, without its last dot, so that a domain has one spelling. */
static size_t put_domain(char *out, size_t at, struct sv domain)
{
	if (domain.n > 1 && domain.p[domain.n - 1] == '.')
		domain.n--;
	for (size_t i = 0; i < domain.n; i++)
		out[at + i] = sv_lower(domain.p[i]);
	return at + domain.n;
}

/* The zone by its name: its number may be another one's in the next configuration. A connection of one zone is never used for another; one over TLS only for
 * the domain that its certificate was checked for (T-7). */
size_t conn_key(char out[CONN_KEY_MAX], const struct addr *peer, uint8_t transport,
		const char *zone, struct sv domain, size_t *domain_n)
{
	struct sv name = sv_str(zone);
	size_t n = put(out, 0, peer, sizeof(*peer)), before;

	n = put(out, n, &transport, 1);
	n = put(out, n, name.p, name.n < 256 ? name.n : 256);
	out[n++] = '\0';
	before = n;
	if (transport == SIP_TRANSPORT_TLS && domain.n <= 255)
		n = put_domain(out, n, domain);
	*domain_n = n - before;
	return n;
}

/* ---- aliases (RFC 5923, T-8) ---- */

static struct sv bare_host(struct sv host)
{
	return host.n > 2 && host.p[0] == '[' ? sv_of(host.p + 1, host.n - 2) : host;
}

static bool may_have_alias(const struct conn *conn, struct sv host)
{
	return conn->state == CONN_OPEN && !conn->outgoing && !conn->alias && conn->tls &&
	       conn->trusted && conns_zone(conn->conns, conn->zone)->trusted && host.n <= 255 &&
	       tls_peer_names(conn->tls, host);
}

/* Nothing else finds it by the key that it had: of a port that nobody listens on, and of no domain. That of another connection is left to it. */
static void take_alias(struct conn *conn, struct sv host, uint16_t port)
{
	struct tp_directory *directory = tp_shared_directory(conn_tp(conn)->env.shared);
	struct addr listens = conn->entry.peer;
	char key[CONN_KEY_MAX];
	size_t domain_n, n;

	listens.port = port;
	n = conn_key(key, &listens, SIP_TRANSPORT_TLS, conns_zone(conn->conns, conn->zone)->name,
		     host, &domain_n);
	if (tp_directory_find(directory, sv_of(key, n)) || !(conn->alias = malloc(n)))
		return;
	memcpy(conn->alias, key, n);
	tp_directory_remove(directory, &conn->entry);
	if (tp_directory_add(directory, &conn->entry, sv_of(conn->alias, n), conn->number))
		conn_kill(conn, MG_ENOMEM); /* nobody could find it any more */
}

void tp_conn_alias(struct tp *tp, tp_conn number, const struct sip_via *via)
{
	struct conn *conn = conn_find(tp->conns, number);
	struct sv host = bare_host(via->host);

	if (conn && via->has_alias && may_have_alias(conn, host))
		take_alias(conn, host, via->port ? via->port : tp_default_port(SIP_TRANSPORT_TLS));
}

/* ---- by a connection ---- */

/* T-11: what the peer does not take is not kept without end. */
static int make_room(struct conn *conn, size_t n)
{
	struct tp *tp = conn_tp(conn);
	uint32_t max = conn->conns->config->queue_bytes;

	if (conn->out_n + n > max && conn->state == CONN_OPEN)
		out_flush(conn);
	if (conn->state == CONN_DEAD)
		return -ENOTCONN;
	if (conn->out_n + n <= max)
		return 0;
	tp_count(tp, TP_STAT_SEND_FULL);
	if (conn->state == CONN_OPEN && conn->out_n) {
		tp_count(tp, TP_STAT_CLOSED_STUCK);
		conn_say(conn, "stuck_reader", "queue_full");
		conn_kill(conn, -ENOBUFS);
	}
	return -ENOBUFS;
}

int conn_send(struct conn *conn, struct sv bytes, struct tp_ticket *ticket)
{
	struct conns *conns = conn->conns;
	int err = make_room(conn, bytes.n);

	if (err || (err = out_put(conn, bytes)))
		return err;
	tp_count(conns->tp, TP_STAT_TX_STREAM);
	conn->used_ms = conns_now(conns);
	if (ticket) {
		tp_ticket_drop(ticket);
		list_append(&conn->tickets, &ticket->link);
	}
	if (conn->state == CONN_OPEN && !conn->blocked && list_empty(&conn->flush)) {
		list_append(&conns->flush, &conn->flush);
		conns_at_turn(conns);
	}
	return 0;
}

/* A try for a large request joins no connection that may take longer; another message that joins a try gives it its own time (T-14). */
static int join(struct conn *conn, bool quick)
{
	if (conn->state != CONN_CONNECTING || conn->quick == quick)
		return 0;
	if (quick)
		return -ETIMEDOUT;
	conn->quick = false;
	return 0;
}

static int send_by(struct conn *conn, const struct tp_target *to, struct sv bytes,
		   struct tp_ticket *ticket)
{
	struct tp_flow flow;
	int err;

	if (!conn || !conn_is_up(conn))
		return -ENOTCONN;
	conn_flow(conn, &flow);
	if (!tp_may_send(conn_tp(conn), &flow, bytes))
		return MG_EAUTH;
	err = join(conn, to->quick);
	return err ? err : conn_send(conn, bytes, ticket);
}

/* By a connection of any worker. */
static int send_by_number(struct conns *conns, tp_conn number, const struct tp_target *to,
			  struct sv bytes, struct tp_ticket *ticket)
{
	struct tp_target known = {.conn = number};
	struct tp_flow flow;

	if (tp_conn_worker(number) == conns->tp->env.worker)
		return send_by(conn_find(conns, number), to, bytes, ticket);
	if (tp_directory_target(tp_shared_directory(conns->tp->env.shared), number, &known))
		return -ENOTCONN;
	flow = (struct tp_flow){.peer = known.addr,
				.conn = number,
				.listener = known.listener,
				.zone = tp_listener_zone(conns->tp, known.listener),
				.transport = known.transport,
				.proven = true};
	if (!tp_may_send(conns->tp, &flow, bytes))
		return MG_EAUTH;
	return letter_send(conns, number, bytes, ticket);
}

/* ---- a new one ---- */

static struct conn *open_socket(struct conns *conns, struct conn_birth *birth,
				const struct tp_listener *listener, int *err)
{
	struct addr from = {0};
	struct conn *conn;

	if (listener && !listener->wildcard && listener->bound.family == birth->peer.family)
		from = listener->bound;
	birth->fd = tcp_connect(&from, &birth->peer);
	if (birth->fd < 0) {
		*err = birth->fd;
		return NULL;
	}
	conn = conn_new(conns, birth, LOOP_WRITE);
	if (!conn) {
		tp_count(conns->tp, TP_STAT_REFUSED_FULL);
		(void)close(birth->fd);
		*err = -ENOBUFS;
	}
	return conn;
}

/* Failures that are known at once. */
static int cannot_open(struct conns *conns, const struct tp_target *to, int err)
{
	tp_count(conns->tp, TP_STAT_CONNS_FAILED);
	if (err != -ENOBUFS && err != -EMFILE && err != -ENFILE)
		refusals_add(conns->refusals, &to->addr, conns_now(conns));
	return err;
}

static int send_by_new(struct conns *conns, const struct tp_target *to, struct conn_birth *birth,
		       const struct tp_listener *listener, struct sv bytes,
		       struct tp_ticket *ticket)
{
	struct tp_flow flow = {.peer = to->addr,
			       .listener = to->listener,
			       .zone = birth->zone,
			       .transport = to->transport};
	struct conn *conn;
	int err = 0;

	if (to->transport == SIP_TRANSPORT_TLS && !conns->config->tls_client)
		return -EPROTONOSUPPORT;
	if (!tp_may_send(conns->tp, &flow, bytes))
		return MG_EAUTH;
	conn = open_socket(conns, birth, listener, &err);
	if (!conn)
		return cannot_open(conns, to, err);
	conn->quick = to->quick;
	conn_enter(conn, CONN_CONNECTING);
	err = conn_send(conn, bytes, ticket);
	if (err)
		conn_kill(conn, err);
	return err;
}

static bool can_be_sent(const struct conns *conns, const struct tp_target *to, struct sv bytes)
{
	return conns->config && bytes.n <= conns->config->queue_bytes &&
	       (to->conn ||
		((to->transport == SIP_TRANSPORT_TCP || to->transport == SIP_TRANSPORT_TLS) &&
		 to->addr.family != ADDR_NONE && to->addr.port));
}

int conns_send(struct conns *conns, const struct tp_target *to, struct sv bytes,
	       struct tp_ticket *ticket)
{
	const struct tp_listener *listener = tp_listener_of(conns->tp, to->listener);
	char key[CONN_KEY_MAX];
	tp_conn known;

	if (!can_be_sent(conns, to, bytes))
		return MG_EINVAL;
	if (to->conn)
		return send_by_number(conns, to->conn, to, bytes, ticket);
	struct conn_birth birth = {.peer = to->addr,
				   .listener = to->listener,
				   .zone = listener ? listener->zone : TP_ANY_ZONE,
				   .transport = to->transport,
				   .outgoing = true,
				   .let_in = conns_knows(conns, &to->addr)};
	birth.key = sv_of(key, conn_key(key, &to->addr, to->transport,
					conns_zone(conns, birth.zone)->name, sv_str(to->domain),
					&birth.domain_n));
	known = tp_directory_find(tp_shared_directory(conns->tp->env.shared), birth.key);
	if (known) {
		int err = send_by_number(conns, known, to, bytes, ticket);
		if (err != -ENOTCONN) /* else it went just now */
			return err;
	}
	return send_by_new(conns, to, &birth, listener, bytes, ticket);
}
