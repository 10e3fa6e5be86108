/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_tls: the TLS handshakes of connections: begun with the peer's first byte or our first connect, taking turns with the private key (T-5), ended by a
 * connection that is open or by a line in the log. Called by conn_life.c and once a turn by conn.c.
 */
#include <errno.h>
#include <sys/socket.h>

#include "transport/conn.h"

#define RECORD_HEAD      5 /* RFC 8446 §5.1: type, version, length */
#define RECORD_HANDSHAKE 0x16
#define RECORD_MAX       (16384 + 256)

/* What is open goes on without its listener; a handshake does not begin without one. */
static struct tls *server_side(const struct conn *conn)
{
	const struct tp *tp = conn_tp(conn);
	const struct tp_listener *l = tp_listener_of(tp, conn->entry.listener);

	if (!l || !l->tls || !l->tls[0] || tp_listener_gone(tp, l->id))
		return NULL;
	return tls_server(conn->watch.fd, l->tls);
}

/* Asked for without a domain, the address has to be in the certificate. */
static struct tls *client_side(const struct conn *conn)
{
	struct conns *conns = conn->conns;
	const struct tls_context *context = conns->config->tls_client;
	char text[ADDR_TEXT_MAX];
	struct sv domain = conn_domain(conn);

	if (!domain.n)
		domain = sv_of(text, addr_write(&conn->entry.peer, ADDR_BARE, text));
	return context ? tls_client(conn->watch.fd, context, domain, conns->sessions,
				    sv_of(conn->key, conn->key_n))
		       : NULL;
}

/* ---- how it ends ---- */

static void succeeded(struct conn *conn)
{
	struct tp *tp = conn_tp(conn);

	tp_count(tp, TP_STAT_TLS_DONE);
	if (tls_resumed(conn->tls))
		tp_count(tp, TP_STAT_TLS_RESUMED);
	if (!conn->outgoing && tls_peer_verified(conn->tls)) {
		conn->trusted = true;
		conn_certify(conn, conn->conns->config);
		if (conn->certified)
			conn_let_in(conn);
	}
	conn_opened(conn);
}

static void say_name(struct conn *conn, const char *found)
{
	char domain[256];
	struct sv asked = conn_domain(conn);

	(void)snprintf(domain, sizeof(domain), "%.*s", SV_ARG(asked));
	conns_say(conn->conns, &(struct conn_news){.event = "tls_name",
						   .peer = &conn->entry.peer,
						   .transport = SIP_TRANSPORT_TLS,
						   .why = tls_why_failed(conn->tls),
						   .domain = domain,
						   .found = found});
}

static void not_tls(struct conn *conn)
{
	struct tp *tp = conn_tp(conn);

	tp_count(tp, TP_STAT_TLS_FAILED);
	tp_count(tp, TP_STAT_CLOSED_NOT_SIP);
	conn_say(conn, "not_sip", "not_tls");
	conn_kill(conn, -EPROTO);
}

static void failed(struct conn *conn, int err)
{
	struct tp *tp = conn_tp(conn);
	char found[256];

	tp_count(tp, TP_STAT_TLS_FAILED);
	if (tls_other_name(conn->tls, found, sizeof(found))) {
		tp_count(tp, TP_STAT_TLS_NAME);
		say_name(conn, found);
	} else if (conn->outgoing || err != -ECONNRESET) { /* who connects and leaves is no news */
		conn_say(conn, "tls_failed", tls_why_failed(conn->tls));
	}
	conn_kill(conn, err);
}

void conn_handshake_late(struct conn *conn)
{
	tp_count(conn_tp(conn), TP_STAT_TLS_FAILED);
	conn_say(conn, "tls_failed", "handshake_time");
}

/* ---- taking turns ---- */

/* In another turn, or when there is time for it again. */
static void call_next(struct conns *conns)
{
	uint64_t us = tls_meter_wait_us(&conns->meter, loop_clock_us());

	if (us == 0)
		loop_wake(conns->waker);
	else
		wheel_add(loop_wheel(conns->tp->env.loop), &conns->key_timer,
			  conns_now(conns) + us / 1000 + 1);
}

static void wait_for_key(struct conn *conn)
{
	tls_meter_wait(&conn->conns->meter, &conn->turn, conn->let_in);
	call_next(conn->conns);
	conn_watch(conn); /* for nothing: what is there already must not wake us */
}

/* Returns false when the connection is over. */
static bool has_side(struct conn *conn)
{
	if (!conn->tls)
		conn->tls = conn->outgoing ? client_side(conn) : server_side(conn);
	if (!conn->tls)
		conn_kill(conn, -EPROTONOSUPPORT);
	return conn->tls != NULL;
}

static void step(struct conn *conn, bool may)
{
	struct conns *conns = conn->conns;
	uint64_t begun = loop_clock_us();
	bool key = may;
	int err;

	if (!has_side(conn))
		return;
	err = tls_handshake(conn->tls, &key);
	if (!conn->outgoing)
		tls_meter_took(&conns->meter, loop_turns(conns->tp->env.loop),
			       loop_clock_us() - begun, may && !key);
	if (err == 0)
		succeeded(conn);
	else if (err == -EBUSY)
		wait_for_key(conn);
	else if (err == -EAGAIN)
		conn_watch(conn);
	else
		failed(conn, err);
}

static bool may_use_key(struct conns *conns)
{
	return tls_meter_may(&conns->meter, loop_turns(conns->tp->env.loop), loop_clock_us());
}

/* ---- the client's first record ---- */

enum hello { HELLO_WHOLE, HELLO_PART, HELLO_GONE, HELLO_NOT_TLS };

/* Have the kernel wake us when n bytes are there. Woken with less, the peer has closed. */
static enum hello wait_for_bytes(struct conn *conn, int n)
{
	if (conn->awaits == n)
		return HELLO_GONE;
	conn->awaits = (uint16_t)n;
	return setsockopt(conn->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)) ? HELLO_WHOLE
										  : HELLO_PART;
}

/* An SSL under way takes some 70 kB: it is not made for half a record that may never become whole, nor for one that has to wait for its turn. */
static enum hello look(struct conn *conn)
{
	const uint8_t *p = (const uint8_t *)conn->conns->scratch;
	ssize_t n = recv(conn->watch.fd, conn->conns->scratch, CONN_READ_MAX, MSG_PEEK);
	int need = RECORD_HEAD;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? HELLO_PART : HELLO_GONE;
	if (n == 0)
		return HELLO_GONE;
	if (p[0] != RECORD_HANDSHAKE)
		return HELLO_NOT_TLS;
	if (n >= RECORD_HEAD)
		need += p[3] << 8 | p[4];
	return n >= need || need > RECORD_HEAD + RECORD_MAX ? HELLO_WHOLE
							    : wait_for_bytes(conn, need);
}

static void begin(struct conn *conn)
{
	struct conns *conns = conn->conns;
	int one = 1;

	switch (look(conn)) {
	case HELLO_PART: return;
	case HELLO_NOT_TLS: not_tls(conn); return;
	case HELLO_GONE:
		tp_count(conns->tp, TP_STAT_TLS_FAILED);
		conn_kill(conn, -ECONNRESET);
		return;
	case HELLO_WHOLE: break;
	}
	if (conn->awaits)
		(void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	if (!tls_meter_waits(&conns->meter) && may_use_key(conns))
		step(conn, true);
	else
		wait_for_key(conn);
}

void conn_handshake(struct conn *conn)
{
	struct conns *conns = conn->conns;

	if (!conn->tls && !conn->outgoing)
		begin(conn);
	else
		step(conn,
		     conn->outgoing || (!tls_meter_waits(&conns->meter) && may_use_key(conns)));
}

void conns_handshake_next(struct conns *conns)
{
	struct list *link;

	if (!tls_meter_waits(&conns->meter))
		return;
	if (may_use_key(conns) && (link = tls_meter_next(&conns->meter)))
		step(container_of(link, struct conn, turn), true);
	if (tls_meter_waits(&conns->meter))
		call_next(conns);
}
