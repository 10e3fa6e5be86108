/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uac: the caller: INVITE, ACK, hold, BYE, with RFC 3261's retransmissions over UDP (Timers A, B, E and
 * F). It knows the proxy only. Called by the loop; ends calls through call.c.
 */
#include "load/load.h"

#define T2_MS 4000u

static uint64_t now_ms(const struct load *l)
{
	return l->now_ns / 1000000;
}

/* Room for a request of the call; a call that cannot send any more has failed. */
static char *slot(struct load *l, struct call *c)
{
	char *to = l->uac ? udp_slot(l->uac) : conn_slot(&l->conns, c->conn);

	if (!to)
		call_fail(l, c, COUNT_blocked);
	return to;
}

static void post(struct load *l, struct conn *conn, size_t n, const struct addr *source)
{
	if (l->uac)
		udp_send(l->uac, n, &l->next_hop_peer, source);
	else
		conn_send(&l->conns, conn, n);
}

static bool send_invite(struct load *l, struct call *c)
{
	char *to = slot(l, c);
	struct addr source;

	if (to)
		post(l, c->conn, message_invite(to, call_caller(l, c->id, &source), c->id),
		     &source);
	return to;
}

static struct sv routes(struct load *l, const struct call *c)
{
	return sv_of(call_text(l, c)->routes, c->routes_n);
}

static bool send_ack(struct load *l, struct call *c)
{
	char *to = slot(l, c);
	struct addr source;
	const struct caller *from = call_caller(l, c->id, &source);

	if (to)
		post(l, c->conn, message_ack(to, from, c->id, routes(l, c)), &source);
	return to;
}

static bool send_bye(struct load *l, struct call *c)
{
	char *to = slot(l, c);
	struct addr source;
	const struct caller *from = call_caller(l, c->id, &source);

	if (to)
		post(l, c->conn, message_bye(to, from, c->id, routes(l, c)), &source);
	return to;
}

/* The ACK of a refusal; `conn` NULL over UDP, where the call may be over already. */
static void send_ack_refused(struct load *l, struct conn *conn, uint64_t id, const struct text *t)
{
	char *to = l->uac ? udp_slot(l->uac) : conn ? conn_slot(&l->conns, conn) : NULL;
	struct addr source;
	const struct caller *from = call_caller(l, id, &source);
	size_t n = to ? message_ack_refused(to, from, id, t->to) : 0;

	if (n)
		post(l, conn, n, &source);
}

/* The next retransmission or the end of all patience, whichever comes first. */
static void arm(struct load *l, struct call *c)
{
	uint64_t due = now_ms(l) + c->wait_ms;
	bool again = l->uac && (c->state == CALL_CALLING || c->state == CALL_ENDING);

	wheel_add(&l->wheel, &c->timer, again && due < c->deadline_ms ? due : c->deadline_ms);
}

static void hang_up(struct load *l, struct call *c)
{
	c->state = CALL_ENDING;
	c->bye_ns = l->now_ns;
	c->wait_ms = l->opt.t1_ms;
	c->deadline_ms = now_ms(l) + l->opt.timeout_ms;
	if (send_bye(l, c))
		arm(l, c);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct call *c = container_of(t, struct call, timer);
	struct load *l = c->load;
	bool invite = c->state == CALL_CALLING;

	if (c->state == CALL_HELD) {
		hang_up(l, c);
	} else if (c->state == CALL_UNACKED) {
		call_fail(l, c, COUNT_ack_lost);
	} else if (now >= c->deadline_ms) {
		call_fail(l, c, c->state == CALL_ENDING ? COUNT_no_bye_answer : COUNT_no_answer);
	} else if (invite ? send_invite(l, c) : send_bye(l, c)) {
		l->tally.resent++;
		c->wait_ms *= 2;
		if (!invite && c->wait_ms > T2_MS)
			c->wait_ms = T2_MS;
		arm(l, c);
	}
}

static struct conn *connection(struct load *l, uint64_t id)
{
	struct addr from;
	struct conn **at = &l->shared[id % l->opt.connections];

	(void)call_caller(l, id, &from);
	from.port = 0;
	if (l->opt.conn == CONN_PER_CALL)
		return conn_open(&l->conns, &from, &l->next_hop);
	if (!*at)
		*at = conn_open(&l->conns, &from, &l->next_hop);
	return *at;
}

void uac_start(struct load *l, uint64_t due_ns)
{
	struct call *c = call_new(l, due_ns);

	if (l->now_ns - due_ns > l->tally.behind_ns)
		l->tally.behind_ns = l->now_ns - due_ns;
	if (!c)
		return;
	if (c->counted)
		hist_add(&l->begun, l->now_ns - due_ns);
	wheel_timer_init(&c->timer, on_timer);
	wheel_timer_init(&c->callee_timer, NULL);
	c->state = CALL_CALLING;
	c->wait_ms = l->opt.t1_ms;
	c->deadline_ms = now_ms(l) + l->opt.timeout_ms;
	if (!l->uac) {
		c->conn = connection(l, c->id);
		if (!c->conn) {
			call_fail(l, c, COUNT_connect);
			return;
		}
		list_append(&c->conn->calls, &c->on_conn);
	}
	if (send_invite(l, c))
		arm(l, c);
}

void uac_lost(struct load *l, struct conn *conn)
{
	struct list *it, *after;

	for (unsigned i = 0; i < l->opt.connections; i++)
		if (l->shared && l->shared[i] == conn)
			l->shared[i] = NULL;
	list_for_each_safe (it, after, &conn->calls)
		call_fail(l, container_of(it, struct call, on_conn),
			  conn->was_open ? COUNT_connection_lost : COUNT_connect);
}

static void answered(struct load *l, struct call *c, const struct text *t)
{
	uint64_t took = l->now_ns - c->due_ns;
	bool in_time = took <= (uint64_t)l->opt.goodput_ms * 1000000;
	struct sums *sums[] = {&l->tally.all, &l->tally.slice, &l->tally.steady};

	for (int i = 0; i < (c->counted ? 3 : 2); i++) {
		sums[i]->answered++;
		sums[i]->in_time += in_time;
	}
	if (c->counted)
		hist_add(&l->answer, took);
	if (took > l->tally.slice_max_ns)
		l->tally.slice_max_ns = took;
	c->routes_n = (uint16_t)message_routes(call_text(l, c)->routes, t);
	c->state = CALL_HELD;
	if (!send_ack(l, c))
		return;
	if (l->opt.hold_ms == 0)
		hang_up(l, c);
	else
		wheel_add(&l->wheel, &c->timer, now_ms(l) + l->opt.hold_ms);
}

static void refused(struct load *l, struct call *c, const struct text *t)
{
	send_ack_refused(l, c->conn, c->id, t);
	if (t->status == 503 || t->status == 480)
		call_refuse(l, c);
	else
		call_fail(l, c, COUNT_status);
}

static void on_invite_response(struct load *l, struct call *c, const struct text *t)
{
	if (c->state != CALL_CALLING && c->state != CALL_PROCEEDING) {
		l->tally.absorbed += t->status >= 200;
		if (t->status / 100 == 2)
			(void)send_ack(l, c);
	} else if (t->status >= 300) {
		refused(l, c, t);
	} else if (t->status >= 200) {
		answered(l, c, t);
	} else if (c->state == CALL_CALLING) {
		c->state = CALL_PROCEEDING;
		arm(l, c);
	}
}

static void on_bye_response(struct load *l, struct call *c, const struct text *t)
{
	if (c->state != CALL_ENDING || t->status < 200)
		return;
	if (t->status >= 300) {
		call_fail(l, c, COUNT_bye_status);
		return;
	}
	if (c->counted)
		hist_add(&l->bye, l->now_ns - c->bye_ns);
	call_complete(l, c);
}

void uac_take(struct load *l, struct sv message)
{
	struct text t;
	struct call *c;
	uint64_t id;

	if (text_scan(&t, message.p, message.n)) {
		rule_broken(l, RULE_malformed, message);
		return;
	}
	if (!t.status) {
		rule_broken(l, RULE_wrong_side, message);
		return;
	}
	l->tally.status[t.status]++;
	c = call_find(l, &t, message, &id);
	if (!c) { /* a refusal is repeated until its ACK comes through */
		if (id && t.method == TEXT_INVITE && t.status >= 300)
			send_ack_refused(l, NULL, id, &t);
		return;
	}
	rule_response(l, c, &t, message);
	if (t.method == TEXT_INVITE)
		on_invite_response(l, c, &t);
	else if (t.method == TEXT_BYE)
		on_bye_response(l, c, &t);
	else
		rule_broken(l, RULE_cseq, message);
}
