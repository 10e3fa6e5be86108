/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stream: what connections deliver, cut into messages by sip_parse_stream and handed up. Bytes are read into the worker's one large buffer; only what is left
 * of an unfinished message is kept with the connection, in as much memory as that needs (T-1). Called by conn_life.c and conn.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "transport/conn.h"

/* Unfinished messages of all connections of a worker together: so much and 4 KiB a connection; twice that for those that are let in. */
#define IN_BYTES_MIN  ((uint64_t)4 << 20)
#define IN_BYTES_EACH 4096
#define IN_ROUND      256

/* ---- what is kept of a message ---- */

void stream_drop_input(struct conn *conn)
{
	conn->conns->in_bytes -= conn->in_cap;
	free(conn->in);
	conn->in = NULL;
	conn->in_n = conn->in_cap = 0;
	conn->message_ms = 0;
}

static bool may_hold(const struct conn *conn, uint32_t cap)
{
	const struct conns *conns = conn->conns;
	uint64_t max = IN_BYTES_MIN + (uint64_t)conns->config->conns_max * IN_BYTES_EACH;

	return conns->in_bytes + cap - conn->in_cap <= (conn->let_in ? 2 * max : max);
}

/* Room for n bytes: some to spare, so that a message that comes in many pieces is not moved for each. */
static bool reserve(struct conn *conn, size_t n)
{
	size_t cap = (n + n / 4 + IN_ROUND - 1) / IN_ROUND * IN_ROUND;
	char *in;

	if (n <= conn->in_cap && cap >= conn->in_cap / 4)
		return true;
	if (!may_hold(conn, (uint32_t)cap) || !(in = realloc(conn->in, cap)))
		return false;
	conn->conns->in_bytes += cap - conn->in_cap;
	conn->in = in;
	conn->in_cap = (uint32_t)cap;
	return true;
}

/* Keep what is left of `buf`, of which the first `same` bytes are kept already. Without such bytes, a message begins with it. */
static void keep(struct conn *conn, const char *buf, size_t n, size_t same)
{
	if (n == 0) {
		stream_drop_input(conn);
		return;
	}
	if (n > SIP_STREAM_MESSAGE_MAX ||
	    !reserve(conn, n)) { /* the parser takes no more than that for unfinished */
		tp_count(conn_tp(conn), TP_STAT_CLOSED_MEMORY);
		conn_kill(conn, MG_ENOMEM);
		return;
	}
	memcpy(conn->in + same, buf + same, n - same);
	conn->in_n = (uint32_t)n;
	if (!same || !conn->message_ms)
		conn->message_ms = conns_now(conn->conns);
	conn_set_deadline(conn);
}

/* ---- messages ---- */

/* T-12: answered at a rate; no proof of anything, and no reason to keep a stranger's connection. */
static void keepalive(struct conn *conn, bool ping)
{
	struct tp *tp = conn_tp(conn);
	const struct tp_zone *zone = conns_zone(conn->conns, conn->zone);

	tp_count(tp, TP_STAT_KEEPALIVES);
	if (conn->let_in)
		conn->used_ms = conns_now(conn->conns);
	if (!ping || conn->blocked || !tp_keepalive_ok(tp, &conn->entry.peer, zone))
		return; /* who does not read gets no more of them */
	if (out_put(conn, SV("\r\n")) == 0 && list_empty(&conn->flush)) {
		list_append(&conn->conns->flush, &conn->flush);
		conns_at_turn(conn->conns);
	}
}

static void hand_up(struct conn *conn, const struct sip_where *at, int err)
{
	struct tp *tp = conn_tp(conn);
	struct tp_rx rx = {
		.msg = tp->msg, .at_us = loop_now_us(tp->env.loop), .at = *at, .err = err};

	tp_count(tp, TP_STAT_RX_STREAM);
	conn->used_ms = conns_now(conn->conns);
	conn_flow(conn, &rx.flow);
	tp->env.on->message(tp->env.arg, &rx);
}

/* Where the next message begins is unknown: what was answered still leaves. */
static void framing_lost(struct conn *conn)
{
	tp_count(conn_tp(conn), TP_STAT_CLOSED_FRAMING);
	conn_close(conn, -EPROTO);
}

static void message(struct conn *conn)
{
	const struct sip_msg *msg = conn_tp(conn)->msg;
	struct sip_where fault = msg->fault;

	if (msg->kind != SIP_KIND_REQUEST && msg->kind != SIP_KIND_RESPONSE) {
		keepalive(conn, msg->kind == SIP_KIND_PING);
		return;
	}
	hand_up(conn, &fault, 0);
	if (sip_fault_framing((enum sip_fault)fault.fault))
		framing_lost(conn);
}

/* B-12: what is not SIP gets no answer, no message is made of it. */
static void broken(struct conn *conn, const struct sip_where *at, int err)
{
	const struct tp *tp = conn_tp(conn);
	struct tp_flow flow;

	if (at->fault == SIP_FAULT_NOT_SIP) {
		tp_count(conn_tp(conn), TP_STAT_CLOSED_NOT_SIP);
		conn_say(conn, "not_sip", "first_line");
		if (tp->env.on->not_sip) {
			conn_flow(conn, &flow);
			tp->env.on->not_sip(tp->env.arg, &flow);
		}
		conn_kill(conn, -EPROTO);
		return;
	}
	hand_up(conn, at, err);
	framing_lost(conn);
}

/* All that is complete in the buffer, of which the first `old` bytes were there before. */
static void messages(struct conn *conn, const char *buf, size_t n, size_t old)
{
	struct tp *tp = conn_tp(conn);
	struct tp_flow flow;
	size_t at = 0;

	conn_flow(conn, &flow);
	while (at < n && conn->state == CONN_OPEN && !conn->conns->stopped) {
		struct sip_where where;

		if (!tp_look(tp, &flow, sv_of(buf + at, n - at))) {
			conn_kill(conn, -EPROTO);
			return;
		}
		int used = sip_parse_stream(tp->msg, &conn->stream, buf + at, n - at, &where);
		if (used > 0)
			message(conn);
		else if (used != MG_EPARTIAL)
			broken(conn, &where, used);
		tp_looked(tp);
		if (used == MG_EPARTIAL)
			break;
		if (used < 0)
			return;
		at += (size_t)used;
	}
	if (conn->state == CONN_OPEN)
		keep(conn, buf + at, n - at, at ? 0 : old);
}

/* ---- bytes ---- */

static int read_some(struct conn *conn, char *buf, size_t n)
{
	ssize_t got;

	if (conn->tls)
		return tls_read(conn->tls, buf, n);
	got = recv(conn->watch.fd, buf, n, 0);
	return got >= 0 ? (int)got : errno == EINTR ? -EAGAIN : -errno;
}

/* The socket would not tell of bytes that lie inside of TLS. */
static void come_again(struct conn *conn)
{
	if (!conn->tls || !list_empty(&conn->turn) || !tls_holds_bytes(conn->tls))
		return;
	list_append(&conn->conns->again, &conn->turn);
	loop_wake(conn->conns->waker);
}

/* A record that has begun is a message that has begun: its deadline counts from here, and it takes 16 kB. */
static void nothing_more(struct conn *conn)
{
	if (!conn->tls)
		return;
	if (!tls_holds_part(conn->tls)) {
		if (!conn->in_n)
			conn->message_ms = 0;
	} else if (!conn->message_ms) {
		conn->message_ms = conns_now(conn->conns);
		conn_set_deadline(conn);
	}
	if (tls_wants(conn->tls) == LOOP_WRITE) {
		conn->blocked = true;
		conn_watch(conn);
	}
}

static void cannot_read(struct conn *conn, int err)
{
	if (err == -EAGAIN) {
		nothing_more(conn);
		return;
	}
	conn->eof = true;
	if (err == 0 && conn->out_n)
		conn_close(conn, -ECONNRESET);
	else
		conn_kill(conn, err ? err : -ECONNRESET);
}

void stream_read(struct conn *conn)
{
	char *buf = conn->conns->scratch;
	size_t old = conn->in_n;
	int got;

	list_remove(&conn->turn);
	if (old)
		memcpy(buf, conn->in, old);
	got = read_some(conn, buf + old, CONN_READ_MAX);
	if (got <= 0) {
		cannot_read(conn, got);
		return;
	}
	messages(conn, buf, old + (size_t)got, old);
	if (conn->state == CONN_OPEN)
		come_again(conn);
}

void stream_discard(struct conn *conn)
{
	ssize_t got = recv(conn->watch.fd, conn->conns->scratch, CONN_SCRATCH, 0);

	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	conn->eof = true;
	if (got < 0 || !conn->out_n)
		conn_kill(conn, conn->err);
	else
		conn_watch(conn);
}
