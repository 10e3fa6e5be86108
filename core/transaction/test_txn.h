/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_txn: a world for tests of this room: a loop whose time the test sets, a transport that notes what it is told to send, a TU that notes what it is told, and
 * messages. It defines the functions of core/event and core/transport that this room calls, so nothing of these rooms is linked. Included once, in a program's one
 * source file.
 */
#ifndef MG_TRANSACTION_TEST_TXN_H
#define MG_TRANSACTION_TEST_TXN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip/check.h"
#include "transaction/txn_priv.h"

/* ---- time ---- */

struct loop {
	uint64_t now_ms;
	struct wheel wheel;
};

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

struct wheel *loop_wheel(struct loop *loop)
{
	return &loop->wheel;
}

/* ---- transport ---- */

#define SENT_MAX   256
#define SENT_BYTES 2048

struct sent {
	uint64_t at_ms; /* since the begin of the world */
	struct addr addr;
	tp_conn conn;
	size_t n;
	char bytes[SENT_BYTES]; /* as many as fit, and a NUL */
	char what[24];          /* "INVITE", "ACK", "200" */
};

struct tp {
	struct loop *loop;
	uint64_t began_ms;
	int err;      /* what tp_send says */
	tp_conn dead; /* connection of which it says ENOTCONN */
	unsigned n;   /* messages since; only the last SENT_MAX are kept */
	struct list tickets;
	struct sent sent[SENT_MAX];
};

static inline struct sent *sent_at(struct tp *tp, unsigned i)
{
	return &tp->sent[i % SENT_MAX];
}

int tp_send(struct tp *tp, const struct tp_target *to, struct sv bytes, struct tp_ticket *ticket)
{
	struct sent *s = sent_at(tp, tp->n);
	struct sv what = bytes;

	if (tp->err)
		return tp->err;
	if (to->conn && to->conn == tp->dead)
		return -ENOTCONN;
	tp->n++;
	s->at_ms = tp->loop->now_ms - tp->began_ms;
	s->addr = to->addr;
	s->conn = to->conn;
	s->n = bytes.n < SENT_BYTES ? bytes.n : SENT_BYTES - 1;
	memcpy(s->bytes, bytes.p, s->n);
	s->bytes[s->n] = 0;
	if (sv_starts(what, SV("SIP/2.0 ")))
		what = sv_of(what.p + 8, what.n - 8);
	snprintf(s->what, sizeof(s->what), "%.*s", (int)sv_find(what, ' '), what.p);
	if (ticket && to->transport != SIP_TRANSPORT_UDP) {
		list_remove(&ticket->link);
		list_append(&tp->tickets, &ticket->link);
	}
	return 0;
}

void tp_ticket_init(struct tp_ticket *ticket, void (*failed)(struct tp_ticket *, int))
{
	list_init(&ticket->link);
	ticket->failed = failed;
}

void tp_ticket_drop(struct tp_ticket *ticket)
{
	list_remove(&ticket->link);
}

/* The connection breaks: everybody who waits for it is told. */
static inline void tp_break(struct tp *tp, int err)
{
	struct list waiting, *link;

	list_init(&waiting);
	list_take_all(&waiting, &tp->tickets);
	while ((link = list_shift(&waiting))) {
		struct tp_ticket *ticket = container_of(link, struct tp_ticket, link);
		ticket->failed(ticket, err);
	}
}

void tp_reply_target(struct tp *tp, const struct tp_flow *flow, const struct sip_via *via,
		     struct tp_target *out)
{
	bool gone = flow->conn && flow->conn == tp->dead;

	*out = (struct tp_target){.addr = flow->peer,
				  .local = flow->local,
				  .conn = gone ? 0 : flow->conn,
				  .listener = flow->listener,
				  .transport = flow->transport};
	if (flow->conn ? gone : !via->has_rport)
		out->addr.port = via->port ? via->port : 5060;
}

/* ---- the world ---- */

#define NOTES_MAX 2048

struct world {
	struct loop loop;
	struct tp tp;
	struct rnd rnd;
	struct stats *stats;
	struct txn_table *table;
	char notes
		[NOTES_MAX]; /* what the TU was told, and what else a test notes: " up:180 fail:ETIMEDOUT" */
	size_t notes_n;
	struct txn_server *late_server; /* of the last late_2xx */
	/* Called from within callbacks, when set. */
	void (*during)(struct world *w, struct txn_client *client);
};

static struct world world; /* the one of the program */

static const struct txn_conf world_conf = {.t1 = 500,
					   .t2 = 4000,
					   .t4 = 5000,
					   .timer_d = 32000,
					   .servers_max = 1000,
					   .clients_max = 1000};

__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(world.notes + world.notes_n, NOTES_MAX - world.notes_n, format, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < NOTES_MAX - world.notes_n)
		world.notes_n += (size_t)n;
}

/* What was noted since the last call. Valid until the next note. */
static inline const char *notes(void)
{
	static char out[NOTES_MAX];
	size_t skip = world.notes[0] == ' ';

	memcpy(out, world.notes + skip, NOTES_MAX - skip);
	world.notes_n = 0;
	world.notes[0] = 0;
	return out;
}

static inline void on_response(struct txn_client *client, struct tp_rx *rx)
{
	note(" up:%u", rx->msg->status);
	if (world.during)
		world.during(&world, client);
}

static inline void on_failed(struct txn_client *client, int err)
{
	note(" fail:%s", mg_err_name(err));
	if (world.during)
		world.during(&world, client);
}

static const struct txn_client_ops world_ops = {.response = on_response, .failed = on_failed};

static inline void on_late_2xx(void *arg, struct txn_client *client, struct txn_server *server,
			       struct tp_rx *rx)
{
	struct world *w = arg;

	note(" late:%u", rx->msg->status);
	w->late_server = server;
	if (w->during)
		w->during(w, client);
}

static inline struct txn_table *world_table(struct world *w, const struct txn_conf *conf)
{
	static const struct txn_events on = {.late_2xx = on_late_2xx};
	const struct txn_env env = {.loop = &w->loop,
				    .tp = &w->tp,
				    .worker = 0,
				    .rnd = &w->rnd,
				    .stats = w->stats,
				    .on = &on,
				    .arg = w};

	return txn_table_new(&env, conf);
}

/* Begin at `now_ms` of the loop's clock. False without memory. */
static inline bool world_begin(uint64_t now_ms)
{
	struct world *w = &world;

	memset(w, 0, offsetof(struct world, tp));
	w->loop.now_ms = now_ms;
	wheel_init(&w->loop.wheel, now_ms);
	w->tp.loop = &w->loop;
	w->tp.began_ms = now_ms;
	w->tp.err = 0;
	w->tp.dead = 0;
	w->tp.n = 0;
	list_init(&w->tp.tickets);
	rand_init(&w->rnd);
	w->notes_n = 0;
	w->notes[0] = 0;
	w->during = NULL;
	w->late_server = NULL;
	w->stats = stats_new(txn_stats_desc, TXN_STATS, 1);
	w->table = w->stats ? world_table(w, &world_conf) : NULL;
	return w->table != NULL;
}

static inline void world_end(void)
{
	txn_table_free(world.table);
	stats_free(world.stats);
	rand_done(&world.rnd);
	world.table = NULL;
	world.stats = NULL;
}

#define HALF_MINUTE UINT64_C(32000) /* 64*T1 */

/* Let time pass, stopping wherever a timer is due. */
static inline void pass(uint64_t ms)
{
	uint64_t end = world.loop.now_ms + ms;

	while (world.loop.now_ms < end) {
		uint64_t next = wheel_next_ms(&world.loop.wheel);
		world.loop.now_ms = next > end ? end : next > world.loop.now_ms ? next : end;
		wheel_run(&world.loop.wheel, world.loop.now_ms);
	}
}

/* Let it pass at once, as on a machine that stood still. */
static inline void jump(uint64_t ms)
{
	world.loop.now_ms += ms;
	wheel_run(&world.loop.wheel, world.loop.now_ms);
}

static inline uint64_t stat(enum txn_stat id)
{
	return stats_sum(world.stats, id);
}

/* What was sent from number `from` on, as "INVITE@0 INVITE@500". */
static inline const char *sent_times(unsigned from)
{
	static char text[4096];
	size_t n = 0;

	text[0] = 0;
	for (unsigned i = from; i < world.tp.n && n < sizeof(text); i++) {
		struct sent *s = sent_at(&world.tp, i);
		int k = snprintf(text + n, sizeof(text) - n, "%s%s@%llu", n ? " " : "", s->what,
				 (unsigned long long)s->at_ms);
		n += k > 0 ? (size_t)k : 0;
	}
	return text;
}

/* The same without times. */
static inline const char *sent_what(unsigned from)
{
	static char text[4096];
	size_t n = 0;

	text[0] = 0;
	for (unsigned i = from; i < world.tp.n && n < sizeof(text); i++) {
		int k = snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
				 sent_at(&world.tp, i)->what);
		n += k > 0 ? (size_t)k : 0;
	}
	return text;
}

static inline struct sent *sent_last(void)
{
	return sent_at(&world.tp, world.tp.n - 1);
}

/* ---- messages ---- */

/* What a message says where a test does not. */
struct say {
	const char *method;     /* "INVITE" */
	const char *branch;     /* "z9hG4bKpeer1"; "" for none */
	const char *sent_by;    /* "192.0.2.1:5060" */
	const char *via_params; /* ";rport" */
	const char *uri, *call_id, *from_tag, *to_tag, *via_transport;
	const char *more;  /* further lines */
	unsigned cseq;     /* 1 */
	unsigned status;   /* 0: a request */
	uint8_t transport; /* of the flow; 0: UDP */
	const char *peer;  /* "192.0.2.1:5060" */
	tp_conn conn;
};

static inline const char * or (const char *s, const char *other)
{
	return s ? s : other;
}

/* Write a message into buf. Returns its length. */
static inline size_t say_write(const struct say *s, char *buf, size_t cap)
{
	const char *method = or (s->method, "INVITE"), *branch = or (s->branch, "z9hG4bKpeer1");
	char start[2100];
	const char *to_tag = or (s->to_tag, s->status > 100 ? "b" : "");
	const char *from_tag = or (s->from_tag, "a");

	if (s->status)
		snprintf(start, sizeof(start), "SIP/2.0 %u X", s->status);
	else
		snprintf(start, sizeof(start), "%s %s SIP/2.0", method,
			 or (s->uri, "sip:bob@biloxi.example"));
	int n = snprintf(
		buf, cap,
		"%s\r\nVia: SIP/2.0/%s %s%s%s%s\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@atlanta.example>%s%s\r\nTo: <sip:bob@biloxi.example>%s%s\r\n"
		"Call-ID: %s\r\nCSeq: %u %s\r\n%sContent-Length: 0\r\n\r\n",
		start, or (s->via_transport, "UDP"), or (s->sent_by, "192.0.2.1:5060"),
		*branch ? ";branch=" : "", branch, or (s->via_params, ""), *from_tag ? ";tag=" : "",
		from_tag, *to_tag ? ";tag=" : "", to_tag, or (s->call_id, "c1"),
		s->cseq ? s->cseq : 1, method, or (s->more, ""));
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* A message that arrived. */
struct arrived {
	char bytes[4096];
	struct sip_msg msg;
	struct tp_rx rx;
	struct tp_kept kept;
};

/* Parse what a->bytes holds. False when it is no message. */
static inline bool arrived_parse(struct arrived *a, size_t n, const struct say *s)
{
	struct sip_where at;

	memset(&a->msg, 0, sizeof(a->msg));
	if (sip_parse_datagram(&a->msg, a->bytes, n, &at) <= 0 || sip_check(&a->msg, &at) != 0)
		return false;
	a->rx = (struct tp_rx){.msg = &a->msg};
	a->rx.flow.transport = s->transport ? s->transport : SIP_TRANSPORT_UDP;
	a->rx.flow.conn = s->conn;
	if (addr_parse(sv_str(or (s->peer, "192.0.2.1:5060")), ADDR_PORT, &a->rx.flow.peer) != 0)
		return false;
	a->kept = (struct tp_kept){.msg = &a->msg, .flow = a->rx.flow};
	return true;
}

static inline void arrive_at(struct arrived *a, const struct say *s)
{
	size_t n = say_write(s, a->bytes, sizeof(a->bytes));

	if (!n || !arrived_parse(a, n, s)) {
		fprintf(stderr, "not a message: %s\n", a->bytes);
		abort();
	}
}

/* One of a few places for what arrives, used in turn. */
static inline struct arrived *arrive(const struct say *s)
{
	static struct arrived place[4];
	static unsigned next;
	struct arrived *a = &place[next++ % 4];

	arrive_at(a, s);
	return a;
}

/* Let a request arrive. */
static inline enum txn_found request(const struct say *s, struct txn_server **server)
{
	struct txn_server *unused;

	return txn_request(world.table, &arrive(s)->rx, server ? server : &unused);
}

/* Let a request arrive and begin its transaction. */
static inline struct txn_server *serve_new(const struct say *s, struct arrived *a)
{
	struct txn_server *server;

	arrive_at(a, s);
	if (txn_request(world.table, &a->rx, &server) != TXN_NEW) {
		fprintf(stderr, "not new: %s\n", a->bytes);
		abort();
	}
	return txn_server_new(world.table, &a->kept, false);
}

static inline int reply(struct txn_server *server, unsigned status)
{
	char bytes[2048];
	struct say s = {.status = status};

	return txn_server_reply(server, status, sv_of(bytes, say_write(&s, bytes, sizeof(bytes))));
}

/* A request of ours. */
struct asked {
	char branch[TXN_BRANCH_MAX + 1];
	const char *method;
	struct txn_client *client;
};

/* The top Via of such a request. */
static inline struct sip_via asked_via(const char *branch)
{
	return (struct sip_via){.branch = sv_str(branch),
				.host = SV("198.51.100.1"),
				.port = 5060,
				.transport = SIP_TRANSPORT_UDP};
}

static inline struct txn_client *ask(struct asked *q, const char *method, uint8_t transport)
{
	char bytes[2048];
	struct tp_target to = {.transport = transport};

	q->method = method;
	int n = txn_branch(world.table, 0x0123456789abcdef, q->branch);
	if (n <= 0)
		abort();
	q->branch[n] = 0;
	struct say s = {.method = method, .branch = q->branch, .sent_by = "198.51.100.1:5060"};
	if (addr_parse(SV("203.0.113.7:5060"), ADDR_PORT, &to.addr) != 0)
		abort();
	size_t len = say_write(&s, bytes, sizeof(bytes));
	struct sip_via via = asked_via(q->branch);
	q->client = txn_client_new(world.table, &via, sip_method_find(sv_str(method)), &to,
				   sv_of(bytes, len), &world_ops, NULL);
	return q->client;
}

/* A response to it arrives. */
static inline bool answer(const struct asked *q, const char *method, unsigned status,
			  const char *to_tag)
{
	struct say s = {.method = method,
			.branch = q->branch,
			.status = status,
			.to_tag = to_tag,
			.sent_by = "198.51.100.1:5060",
			.peer = "203.0.113.7:5060"};

	return txn_response(world.table, &arrive(&s)->rx);
}

#endif
