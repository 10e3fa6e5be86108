/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uas: the callee: 180 and 200 at once, the 200 again until the ACK comes (RFC 3261 §13.3.1.4), and a 200
 * to each BYE. It knows whoever sent the request only. Called by the loop.
 */
#include "load/load.h"

#define T2_MS 4000u

/* Where a response goes: the way that the request came. */
struct way {
	struct conn *conn;
	const union udp_peer *peer;
};

static char *slot(struct load *l, const struct way *w)
{
	return w->conn ? conn_slot(&l->conns, w->conn) : udp_slot(l->uas);
}

static void post(struct load *l, const struct way *w, size_t n)
{
	if (w->conn)
		conn_send(&l->conns, w->conn, n);
	else
		udp_send(l->uas, n, w->peer, NULL);
}

static void respond(struct load *l, const struct way *w, const struct text *t, uint64_t id,
		    struct sv status, struct sv body)
{
	char *to = slot(l, w);
	size_t n = to ? message_response(to, &l->msg, t, id, status, body) : 0;

	if (n)
		post(l, w, n);
}

static void repeat(struct load *l, const struct call *c)
{
	struct way way = {c->callee_conn, &c->callee_peer};
	char *to = c->saved_n ? slot(l, &way) : NULL;

	if (!to)
		return;
	memcpy(to, call_text(l, c)->saved, c->saved_n);
	post(l, &way, c->saved_n);
	l->tally.callee_resent++;
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct call *c = container_of(t, struct call, callee_timer);
	struct load *l = c->load;

	if (now >= c->callee_deadline_ms) {
		c->callee = CALLEE_GAVE_UP;
		return;
	}
	repeat(l, c);
	c->callee_wait_ms = c->callee_wait_ms * 2 < T2_MS ? c->callee_wait_ms * 2 : T2_MS;
	wheel_add(&l->wheel, &c->callee_timer, now + c->callee_wait_ms);
}

/* Send the 200 and keep it for as long as the ACK may be missing. */
static void answer(struct load *l, struct call *c, const struct way *w, const struct text *t)
{
	char *to = slot(l, w);
	size_t n = to ? message_response(to, &l->msg, t, c->id, SV("200 OK"), l->msg.answer) : 0;
	struct call_text *text = call_text(l, c);

	if (!n)
		return;
	c->saved_n = n <= sizeof(text->saved) ? (uint16_t)n : 0;
	memcpy(text->saved, to, c->saved_n);
	post(l, w, n);
}

static void on_invite(struct load *l, struct call *c, const struct way *w, const struct text *t,
		      struct sv message)
{
	uint64_t branch = rule_branch_hash(l, t), now_ms = l->now_ns / 1000000;

	if (c->callee != CALLEE_IDLE) {
		if (branch != c->invite_branch)
			rule_broken(l, RULE_invite_twice, message);
		l->tally.absorbed++;
		repeat(l, c);
		return;
	}
	rule_request(l, c, t, message);
	c->invite_branch = rule_branch(l, t, message);
	c->routes_hash = rule_routes_hash(l, t);
	c->callee = CALLEE_ANSWERED;
	c->callee_conn = w->conn;
	if (w->peer)
		c->callee_peer = *w->peer;
	respond(l, w, t, c->id, SV("180 Ringing"), sv_of("", 0));
	answer(l, c, w, t);
	c->callee_wait_ms = l->opt.t1_ms;
	c->callee_deadline_ms = now_ms + l->opt.timeout_ms;
	wheel_timer_init(&c->callee_timer, on_timer);
	wheel_add(&l->wheel, &c->callee_timer, now_ms + c->callee_wait_ms);
}

static void on_ack(struct load *l, struct call *c, const struct text *t, struct sv message)
{
	if (c->callee == CALLEE_ACKED) {
		l->tally.absorbed++;
		return;
	}
	rule_request(l, c, t, message);
	rule_branch(l, t, message);
	c->callee = CALLEE_ACKED;
	c->saved_n = 0;
	wheel_del(&l->wheel, &c->callee_timer);
	if (c->state == CALL_UNACKED)
		call_complete(l, c);
}

static void on_bye(struct load *l, struct call *c, const struct text *t, struct sv message)
{
	uint64_t branch = rule_branch_hash(l, t);

	if (branch == c->bye_branch) {
		l->tally.absorbed++;
		return;
	}
	rule_request(l, c, t, message);
	c->bye_branch = rule_branch(l, t, message);
}

void uas_take(struct load *l, struct sv message, struct conn *conn, const union udp_peer *from)
{
	struct way way = {conn, from};
	struct call *c;
	struct text t;
	uint64_t id;

	if (text_scan(&t, message.p, message.n)) {
		rule_broken(l, RULE_malformed, message);
		return;
	}
	if (t.status) {
		rule_broken(l, RULE_wrong_side, message);
		return;
	}
	if (t.method == TEXT_OTHER) { /* a proxy may ask whether we are there */
		l->tally.options++;
		respond(l, &way, &t, 0, SV("200 OK"), sv_of("", 0));
		return;
	}
	c = call_find(l, &t, message, &id);
	if (id && t.method == TEXT_BYE)
		respond(l, &way, &t, id, SV("200 OK"), sv_of("", 0));
	if (!c)
		return;
	if (t.method == TEXT_INVITE)
		on_invite(l, c, &way, &t, message);
	else if (t.method == TEXT_ACK)
		on_ack(l, c, &t, message);
	else
		on_bye(l, c, &t, message);
}
