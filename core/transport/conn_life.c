/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_life: what happens to a connection when its socket is ready, when its time is over, and when it ends. One timer each, set to the nearest deadline
 * and only looked at again when it fires: a deadline that moves away costs nothing.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/conn.h"

#define CONNECT_MS    4000 /* before the first configuration */
#define STREAM_TRY_MS 500

/* One that we opened to whoever is kept while an INVITE may still be answered by it: longer than Timer C (RFC 3261 §18, §16.6). */
#define OPENED_MS 200000

/* ---- deadlines ---- */

static uint64_t connect_ms(const struct conn *conn)
{
	const struct tp_config *config = conn->conns->config;

	if (conn->quick)
		return config ? config->stream_try_ms : STREAM_TRY_MS;
	return config ? config->connect_ms : CONNECT_MS;
}

static uint64_t idle_due(const struct conn *conn)
{
	const struct tp_zone *zone = conns_zone(conn->conns, conn->zone);
	uint32_t idle = conn->let_in ? zone->idle_known_ms : zone->idle_ms;

	if (conn->outgoing && !conn->let_in && idle < OPENED_MS)
		idle = OPENED_MS;
	return conn->used_ms + idle;
}

/* T-1: from the first byte of a message on, whatever comes behind it. */
static uint64_t message_due(const struct conn *conn)
{
	return conn->message_ms
		       ? conn->message_ms + conns_zone(conn->conns, conn->zone)->complete_ms
		       : WHEEL_NEVER;
}

static uint64_t due(const struct conn *conn)
{
	uint64_t idle, message;

	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING: return conn->since_ms + connect_ms(conn);
	case CONN_HANDSHAKE:
		return conn->since_ms + conns_zone(conn->conns, conn->zone)->handshake_ms;
	case CONN_OPEN:
		idle = idle_due(conn);
		message = message_due(conn);
		return idle < message ? idle : message;
	case CONN_CLOSING: return conn->since_ms + CONN_LINGER_MS;
	case CONN_DEAD: break;
	}
	return WHEEL_NEVER;
}

void conn_set_deadline(struct conn *conn)
{
	uint64_t at = due(conn);

	if (at == WHEEL_NEVER || (wheel_is_set(&conn->timer) && conn->due_ms <= at))
		return;
	conn->due_ms = at;
	wheel_add(loop_wheel(conn_tp(conn)->env.loop), &conn->timer, at);
}

static void expire(struct conn *conn, uint64_t now_ms)
{
	struct tp *tp = conn_tp(conn);

	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING: break;
	case CONN_HANDSHAKE: conn_handshake_late(conn); break;
	case CONN_OPEN:
		if (message_due(conn) <= now_ms) {
			tp_count(tp, TP_STAT_CLOSED_SLOW);
			conn_say(conn, "slow_stream", "message_time");
		} else {
			tp_count(tp, TP_STAT_CLOSED_IDLE);
		}
		break;
	case CONN_CLOSING:
	case CONN_DEAD: break;
	}
	conn_kill(conn, -ETIMEDOUT);
}

void conn_timer(struct wheel_timer *t, uint64_t now_ms)
{
	struct conn *conn = container_of(t, struct conn, timer);

	if (due(conn) <= now_ms)
		expire(conn, now_ms);
	else
		conn_set_deadline(conn);
}

/* ---- states ---- */

void conn_enter(struct conn *conn, enum conn_state state)
{
	conn->state = (uint8_t)state;
	conn->since_ms = conns_now(conn->conns);
	conn_set_deadline(conn);
}

/* A watch of 0 events would not tell of the connection's end either, but those who wait so wait for us. */
static unsigned wanted(const struct conn *conn)
{
	unsigned blocked = conn->blocked ? LOOP_WRITE : 0;

	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING: return LOOP_WRITE;
	case CONN_HANDSHAKE:
		if (!list_empty(&conn->turn)) /* it waits for the private key */
			return 0;
		return conn->tls ? tls_wants(conn->tls) : LOOP_READ;
	case CONN_OPEN: return (conn->conns->stopped ? 0 : LOOP_READ) | blocked;
	case CONN_CLOSING: return (conn->eof ? 0 : LOOP_READ) | blocked;
	case CONN_DEAD: break;
	}
	return 0;
}

void conn_watch(struct conn *conn)
{
	if (conn->state != CONN_DEAD && loop_watch_set(&conn->watch, wanted(conn)))
		conn_kill(conn, MG_ENOMEM);
}

/* It counts no more among the handshakes under way. */
static void end_pending(struct conn *conn)
{
	struct tp *tp = conn_tp(conn);

	if (!conn->pending)
		return;
	conn->pending = false;
	stats_add(tp->env.stats, tp->env.worker, TP_STAT_TLS_PENDING, -(uint64_t)1);
	if (conn->outgoing)
		return;
	tls_meter_end(&conn->conns->meter, conn->let_in);
	if (!conn->let_in)
		tp_source_less(tp->env.shared, &conn->entry.peer, TP_SOURCE_HANDSHAKES);
}

void conn_opened(struct conn *conn)
{
	struct conns *conns = conn->conns;

	end_pending(conn);
	conn->used_ms = conns_now(conns);
	conn_enter(conn, CONN_OPEN);
	if (conn->outgoing) {
		tp_count(conns->tp, TP_STAT_CONNS_OUT);
		refusals_drop(conns->refusals, &conn->entry.peer);
	}
	conn_watch(conn);
	if (conn->state == CONN_OPEN && conn->out_n) {
		list_append(&conns->flush, &conn->flush);
		conns_at_turn(conns);
	}
	if (conn->state == CONN_OPEN && conn->tls && !conns->stopped)
		stream_read(
			conn); /* the first message may have come with the end of the handshake */
}

void conn_let_in(struct conn *conn)
{
	if (conn->let_in)
		return;
	end_pending(conn); /* as a stranger's */
	conn->let_in = true;
	conn->conns->strangers--;
	if (conn->counted)
		tp_source_less(conn_tp(conn)->env.shared, &conn->entry.peer, TP_SOURCE_CONNS);
	conn->counted = false;
	conn_set_deadline(conn);
}

/* ---- sockets ---- */

static void connected(struct conn *conn)
{
	int err = tcp_connected(conn->watch.fd);

	if (err) {
		conn_kill(conn, err);
		return;
	}
	conn->local = tcp_local(conn->watch.fd);
	if (addr_eq(&conn->local,
		    &conn->entry.peer)) { /* nobody listens: it has met itself (RFC 9293 §3.5) */
		conn_kill(conn, -ECONNREFUSED);
		return;
	}
	if (conn->entry.transport != SIP_TRANSPORT_TLS) {
		conn_opened(conn);
		return;
	}
	conn->pending = true;
	tp_count(conn_tp(conn), TP_STAT_TLS_PENDING);
	conn_enter(conn, CONN_HANDSHAKE);
	conn_handshake(conn);
}

/* TLS may have to write in order to read, and the other way round. */
static void transfer(struct conn *conn, unsigned events)
{
	if (events & LOOP_WRITE || (conn->tls && conn->out_n))
		out_flush(conn);
	if (conn->state == CONN_OPEN && !conn->conns->stopped && (events & LOOP_READ || conn->tls))
		stream_read(conn);
	else if (conn->state == CONN_CLOSING && events & LOOP_READ)
		stream_discard(conn);
}

void conn_event(struct loop_watch *watch, unsigned events)
{
	struct conn *conn = container_of(watch, struct conn, watch);

	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING: connected(conn); break;
	case CONN_HANDSHAKE: conn_handshake(conn); break;
	case CONN_OPEN:
	case CONN_CLOSING: transfer(conn, events); break;
	case CONN_DEAD: break;
	}
}

/* ---- the end ---- */

static void forget(struct conn *conn)
{
	struct tp *tp = conn_tp(conn);

	tp_directory_remove(tp_shared_directory(tp->env.shared), &conn->entry);
	if (conn->counted)
		tp_source_less(tp->env.shared, &conn->entry.peer, TP_SOURCE_CONNS);
	conn->counted = false;
}

static void count_failure(struct conn *conn)
{
	struct conns *conns = conn->conns;

	if (!conn->outgoing || conn->state > CONN_HANDSHAKE)
		return;
	tp_count(conns->tp, TP_STAT_CONNS_FAILED);
	if (conn->state == CONN_CONNECTING)
		refusals_add(conns->refusals, &conn->entry.peer, conns_now(conns));
}

void conn_kill(struct conn *conn, int err)
{
	struct conns *conns = conn->conns;
	int fd = conn->watch.fd;

	if (conn->state == CONN_DEAD)
		return;
	count_failure(conn);
	end_pending(conn);
	forget(conn);
	conn->state = CONN_DEAD;
	conn->err = conn->err ? conn->err : err;
	loop_unwatch(&conn->watch);
	wheel_del(loop_wheel(conns->tp->env.loop), &conn->timer);
	tls_free(conn->tls);
	conn->tls = NULL;
	(void)close(fd);
	list_remove(&conn->flush);
	list_remove(&conn->turn);
	stream_drop_input(conn);
	out_drop(conn);
	list_append(&conns->dead, &conn->link);
	conns_at_turn(conns);
}

void conn_finish(struct conn *conn)
{
	if (conn->eof) {
		conn_kill(conn, conn->err);
		return;
	}
	if (conn->tls)
		tls_say_close(conn->tls);
	if (shutdown(conn->watch.fd, SHUT_WR) != 0)
		conn_kill(conn, conn->err);
}

/* A close with bytes unread would be a reset, and the peer might lose our last answer by it: so the FIN first, then what it still says is thrown away until
 * it closes too. */
void conn_close(struct conn *conn, int err)
{
	struct conns *conns = conn->conns;

	if (conn->state == CONN_CONNECTING || conn->state == CONN_HANDSHAKE) {
		conn_kill(conn, err);
		return;
	}
	if (conn->state != CONN_OPEN)
		return;
	conn->err = err;
	forget(conn);
	stream_drop_input(conn);
	conn_enter(conn, CONN_CLOSING);
	conn_watch(conn);
	if (conn->state != CONN_CLOSING)
		return;
	if (list_empty(&conn->flush))
		list_append(&conns->flush, &conn->flush);
	conns_at_turn(conns);
}

/* ---- the end of a turn ---- */

void conns_at_turn(struct conns *conns)
{
	if (list_empty(&conns->hook.link))
		loop_at_turn(conns->tp->env.loop, &conns->hook);
}

static void bury(struct conn *conn)
{
	struct tp *tp = conn_tp(conn);
	struct list *link;

	while ((link = list_shift(&conn->tickets))) {
		struct tp_ticket *ticket = container_of(link, struct tp_ticket, link);
		ticket->failed(ticket, conn->err);
	}
	letter_gone(conn);
	if (tp->env.on->closed)
		tp->env.on->closed(tp->env.arg, conn->number);
	conn_free(conn);
}

/* What happens meanwhile may queue bytes and end connections: until nothing is left. */
void conns_turn_end(struct loop_hook *hook)
{
	struct conns *conns = container_of(hook, struct conns, hook);
	struct list *link;

	for (;;) {
		if ((link = list_shift(&conns->flush)))
			out_flush(container_of(link, struct conn, flush));
		else if ((link = list_shift(&conns->dead)))
			bury(container_of(link, struct conn, link));
		else
			break;
	}
	loop_hook_remove(hook);
}
