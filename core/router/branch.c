/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * branch: one target of a request: looking up its next hop, sending to one address after the other, its client transaction, Timer C (RFC 3261 §16.6 steps 7
 * to 11, §16.8, §16.9). Called by context.c; what it comes to is told to context_branch_done.
 */
#include "router/route_priv.h"

#define GAVE_UP SV("SIP;cause=408;text=\"Request Timeout\"")

static void branch_try(struct route_branch *b);
static void look_up(struct route_branch *b);

static void unlook(struct route_branch *b)
{
	if (b->lookup_open)
		dns_cancel(b->ctx->route->env.dns, b->lookup);
	b->lookup_open = false;
}

static void given_up(struct route_branch *b)
{
	const struct route_env *env = &b->ctx->route->env;

	if (env->on->given_up)
		env->on->given_up(env->arg, b);
}

void branch_drop(struct route_branch *b)
{
	unlook(b);
	wheel_del(loop_wheel(b->ctx->route->env.loop), &b->timer_c);
	if (b->state == BRANCH_WAITING) {
		b->state = BRANCH_LOOKUP; /* route_branch_go has nothing to go on with */
		given_up(b);
	}
	if (b->client) {
		txn_client_release(b->client);
		b->client = NULL;
	}
}

static void branch_end(struct route_branch *b, unsigned status, struct tp_rx *rx)
{
	if (b->state == BRANCH_DONE)
		return;
	branch_drop(b);
	context_branch_done(b, status, rx);
}

void branch_cancel(struct route_branch *b, struct sv reason)
{
	if (b->state == BRANCH_SENT) {
		/* From here on the transaction's own time counts (§9.1). */
		wheel_del(loop_wheel(b->ctx->route->env.loop), &b->timer_c);
		txn_client_cancel(b->client, reason);
	} else if (b->state != BRANCH_DONE) {
		branch_end(b, 487, NULL);
	}
}

/* ---- answers ---- */

/* Timer C begins anew with each provisional response (§16.7 step 2); how long a target may ring is counted from when it was first sent to. */
static void arm_timer_c(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	uint64_t due = route_now(route) + route->conf.timer_c_ms;

	if (!b->ctx->invite)
		return;
	if (b->target->ring_ms) {
		if (!b->ring_until_ms)
			b->ring_until_ms = route_now(route) + b->target->ring_ms;
		due = b->ring_until_ms;
	}
	wheel_add(loop_wheel(route->env.loop), &b->timer_c, due);
}

/* It counts as done, its CANCEL goes on by itself. The client transaction stays its own: should it answer all the same while others ring, that is an answer as any. */
static void leave(struct route_branch *b)
{
	txn_client_keep_2xx(b->client, b->ctx->server, NULL, SV(""));
	txn_client_cancel(b->client, GAVE_UP);
	context_branch_done(b, 408, NULL);
}

/* §16.8: a branch that was silent has timed out. One that rang is cancelled, and counts as timed out: at once where others are to be tried, else with its 487, so that
 * a 2xx which crosses the CANCEL is not preceded by a refusal. */
static void on_timer_c(struct wheel_timer *t, uint64_t now_ms)
{
	struct route_branch *b = container_of(t, struct route_branch, timer_c);

	(void)now_ms;
	route_count(b->ctx->route, ROUTE_STAT_TIMER_C);
	b->timed_out = true;
	route_say_failed(b, ROUTE_WHY_RANG);
	if (b->rang && b->ctx->started == b->ctx->n_targets)
		txn_client_cancel(b->client, GAVE_UP);
	else
		leave(b);
}

/* What is tried behind the present hop. `answered`: it was there, and said no. */
static void step_hop(struct route_branch *b, bool answered)
{
	if (b->via_flow) {
		b->via_flow = false;
	} else if (b->large_tcp && !answered) {
		b->large_tcp = false; /* the same address again, by a datagram */
	} else {
		b->large_tcp = b->tried_stream = false;
		b->hop++;
	}
}

/* The present hop did not do: try the next. `rx` is its answer, NULL when it gave none. */
static void next_hop(struct route_branch *b, unsigned status, struct tp_rx *rx)
{
	struct route *route = b->ctx->route;

	if (b->client) {
		txn_client_release(b->client);
		b->client = NULL;
	}
	wheel_del(loop_wheel(route->env.loop), &b->timer_c);
	step_hop(b, rx != NULL);
	b->state = BRANCH_LOOKUP;
	b->rang = b->timed_out = false;
	bool stop = b->ctx->final || b->ctx->cancelled || b->ctx->no_more;
	if (stop || (b->lookup && b->hop >= b->lookup->n)) {
		branch_end(b, status, rx);
		return;
	}
	route_count(route, ROUTE_STAT_FAILOVERS);
	if (b->lookup)
		branch_try(b);
	else
		look_up(b);
}

static uint32_t retry_after_ms(struct sip_msg *msg)
{
	struct sip_where at;
	const struct sip_number *n = sip_typed(msg, SIP_H_RETRY_AFTER, &at);

	return !n ? 0 : n->value > 60 ? 60000 : n->value * 1000;
}

/* What an answer says of who gave it: X-8. */
static void note_health(const struct route_branch *b, struct sip_msg *msg)
{
	struct route *route = b->ctx->route;

	if (msg->status == 503)
		dns_target_failed(route->env.dns_shared, &b->to.addr, b->to.transport,
				  route_now(route), retry_after_ms(msg));
	else
		dns_target_good(route->env.dns_shared, &b->to.addr, b->to.transport);
}

static void on_final(struct route_branch *b, unsigned status, struct tp_rx *rx)
{
	note_health(b, rx->msg);
	if (status == 503) {
		route_say_failed(b, ROUTE_WHY_503);
		next_hop(b, 503, rx);
		return;
	}
	if (b->timed_out && status == 487)
		branch_end(b, 408, NULL);
	else
		branch_end(b, status, rx);
}

/* Of a branch that was left only a 2xx counts. */
static void on_late_response(struct route_branch *b, struct tp_rx *rx)
{
	unsigned status = rx->msg->status;

	if (status < 200)
		return;
	note_health(b, rx->msg);
	if (status >= 300 || !context_forward(b->ctx, b, rx->msg, status))
		branch_drop(b);
}

static void on_response(struct txn_client *client, struct tp_rx *rx)
{
	struct route_branch *b = txn_client_user(client);
	unsigned status = rx->msg->status;

	if (status == 100)
		return;
	if (b->state == BRANCH_DONE) {
		on_late_response(b, rx);
		return;
	}
	if (status >= 300) {
		on_final(b, status, rx);
		return;
	}
	if (status < 200) {
		b->rang = true;
		if (!txn_client_cancelled(client))
			arm_timer_c(b);
	} else {
		note_health(b, rx->msg);
	}
	/* A 2xx ends the whole context, which lets go of this branch too; unless there is nobody to pass it on to. */
	if (!context_forward(b->ctx, b, rx->msg, status) && status >= 200)
		branch_end(b, 502, NULL);
}

/* RFC 3263 §4.3: another address is tried when none of its kind gave any answer. A flow says nothing of addresses, nor does a try by stream. */
static void on_failed(struct txn_client *client, int err)
{
	struct route_branch *b = txn_client_user(client);
	struct route *route = b->ctx->route;
	/* §16.9: what cannot be sent counts as 503 */
	unsigned status = err == -ETIMEDOUT ? 408 : 503;

	route_say_failed(b, route_why_of(err));
	if (!b->large_tcp && !b->via_flow)
		dns_target_failed(route->env.dns_shared, &b->to.addr, b->to.transport,
				  route_now(route), 0);
	if (b->state == BRANCH_DONE)
		branch_drop(b);
	else if (txn_client_cancelled(client))
		branch_end(b, b->timed_out ? 408 : 487, NULL);
	else if (b->rang)
		branch_end(b, status, NULL);
	else
		next_hop(b, status, NULL);
}

static const struct txn_client_ops client_ops = {.response = on_response, .failed = on_failed};

/* ---- sending ---- */

/* A request without a transaction: an ACK, or in stateless mode. */
static void send_stateless(struct route_branch *b, struct sv bytes)
{
	struct route *route = b->ctx->route;
	int err = tp_send(route->env.tp, &b->to, bytes, NULL);

	if (err < 0) {
		route_say_failed(b, route_why_of(err));
		next_hop(b, 503, NULL);
		return;
	}
	route_say_forwarded(b);
	route_count(route, b->ctx->ack ? ROUTE_STAT_ACKS : ROUTE_STAT_FORWARDED);
	branch_end(b, 0, NULL);
}

static void send_stateful(struct route_branch *b, struct sv bytes)
{
	struct route *route = b->ctx->route;
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(&b->view, SIP_H_VIA, &at);

	if (via)
		b->client = txn_client_new(route->env.txn, via, b->view.msg->method, &b->to, bytes,
					   &client_ops, b);
	if (!b->client) {
		route_say_failed(b, ROUTE_WHY_LIMIT);
		branch_end(b, 503, NULL);
		return;
	}
	b->state = BRANCH_SENT;
	route_say_forwarded(b);
	arm_timer_c(b);
	route_count(route, ROUTE_STAT_FORWARDED);
}

/* T-14: whether `n` bytes should go by a stream; then everything is built again, because Via and Record-Route name the way out. */
static bool stream_first(struct route_branch *b, size_t n)
{
	if (b->to.transport != SIP_TRANSPORT_UDP || b->to.fixed || b->to.conn || b->tried_stream ||
	    !tp_try_stream(b->ctx->route->env.tp, &b->to, n))
		return false;
	b->large_tcp = b->tried_stream = true;
	return true;
}

static void branch_send(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	struct sv bytes;

	if (route_flatten(route, &b->view, &bytes) < 0) {
		route_count(route, ROUTE_STAT_NO_MEMORY);
		branch_end(b, 500, NULL);
	} else if (stream_first(b, bytes.n)) { /* the hooks made it large */
		branch_try(b);
	} else if (b->ctx->server) {
		send_stateful(b, bytes);
	} else {
		send_stateless(b, bytes);
	}
}

void route_branch_go(struct route_branch *b, enum route_go go)
{
	if (b->state != BRANCH_WAITING || go == ROUTE_WAIT)
		return;
	b->state = BRANCH_LOOKUP;
	if (go == ROUTE_SKIP)
		branch_end(b, 480, NULL);
	else
		branch_send(b);
}

/* The name that a certificate has to hold: that of the URI which was looked up, before any SRV (RFC 5922 §4, T-7); a maddr says where, not who. */
static void ask_for_domain(struct route_branch *b)
{
	struct sv host = b->next_hop.host;

	if (host.n > 2 && host.p[0] == '[')
		host = sv_of(host.p + 1, host.n - 2);
	if (host.n < sizeof(b->to.domain))
		memcpy(b->to.domain, host.p, host.n);
}

/* The address and transport of the hop to try now. Returns false when it is no place to send to. */
static bool choose_hop(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	const struct route_target *t = b->target;
	const struct tp_flow *in = &b->ctx->kept->flow;

	b->to = (struct tp_target){.listener = in->listener};
	if (b->via_flow)
		return tp_conn_target(route->env.tp, t->flow, &b->to) == 0 &&
		       (!b->sips || b->to.transport == SIP_TRANSPORT_TLS);
	const struct dns_hop *hop = &b->lookup->hop[b->hop];

	b->to.addr = hop->addr;
	b->to.transport = b->large_tcp ? SIP_TRANSPORT_TCP : hop->transport;
	b->to.quick = b->large_tcp;
	b->to.fixed = b->next_hop.transport != SIP_TRANSPORT_NONE;
	ask_for_domain(b);
	int err = tp_pick(route->env.tp, t->zone, in->zone, &b->to);
	if (err < 0) {
		route_say_failed(b, route_why_of(err));
		return false;
	}
	if (tp_forbidden(route->env.tp, &b->to) ||
	    tp_is_own(route->env.tp, &b->to.addr, b->to.transport)) {
		route_count(route, ROUTE_STAT_FORBIDDEN);
		route_say_failed(b, ROUTE_WHY_FORBIDDEN);
		return false;
	}
	return true;
}

static int build(struct route_branch *b)
{
	int err = branch_build(b);

	return err || b->ctx->server || b->ctx->ack ? err : stateless_note_way(b);
}

/* Build the message for the present hop: by a stream when it turns out large. */
static int build_for_hop(struct route_branch *b)
{
	struct sip_out *out = &b->ctx->route->out;
	int err = build(b);

	if (err || b->to.transport != SIP_TRANSPORT_UDP)
		return err;
	sip_out_init(out, b->view.arena);
	sip_view_write(&b->view, out);
	if (!stream_first(b, out->len))
		return 0;
	if (choose_hop(b))
		return build(b);
	b->large_tcp = false; /* no way out by it: as it was */
	return choose_hop(b) ? build(b) : MG_ENOENT;
}

/* Build the message for the present hop, ask the hooks, and send it; on failure go to the next. */
static void branch_try(struct route_branch *b)
{
	struct route_context *ctx = b->ctx;
	struct route *route = ctx->route;

	if (!choose_hop(b)) {
		next_hop(b, 503, NULL);
		return;
	}
	if (build_for_hop(b) < 0) {
		route_count(route, ROUTE_STAT_NO_MEMORY);
		branch_end(b, 500, NULL);
		return;
	}
	route_count(route, ROUTE_STAT_BRANCHES);
	/* A hook may end the request: it and the branch stay until it has returned. */
	context_enter(ctx);
	enum route_go go = route->env.on->branch(route->env.arg, ctx, b);
	if (!ctx->final && b->state == BRANCH_LOOKUP) {
		b->state = BRANCH_WAITING;
		route_branch_go(b, go);
	} else if (
		go ==
		ROUTE_WAIT) { /* the hook ended it, or another that ran inside, and waits all the same */
		given_up(b);
	}
	context_leave(ctx);
}

/* ---- looking up ---- */

static void looked_up(struct route_branch *b)
{
	if (b->lookup->n == 0) {
		route_count(b->ctx->route, ROUTE_STAT_NO_ROUTE);
		route_say_failed(b, route_why_lookup(b));
		branch_end(b, 503, NULL);
		return;
	}
	branch_try(b);
}

static void on_lookup(struct dns_lookup *lookup)
{
	struct route_branch *b = lookup->user;

	b->lookup_open = false;
	looked_up(b);
}

static void look_up(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	const struct sip_uri *uri = &b->next_hop;
	struct dns_want want = {
		.host = uri->maddr.n ? uri->maddr : uri->host,
		.port = uri->port,
		.transport = uri->transport,
		.sips = b->sips,
		.seed = b->ctx->server ? 0 : stateless_seed(b->ctx->route, b->ctx->view),
		/* The ACK of a 2xx belongs to no transaction of ours, and goes where somebody is. */
		.unsorted = !b->ctx->server && !(b->ctx->ack && b->ctx->in.in_dialog),
	};

	want.can = tp_can(route->env.tp, &want.v4, &want.v6);
	b->lookup = arena_zalloc(b->ctx->arena, sizeof(*b->lookup));
	if (!b->lookup) {
		branch_end(b, 503, NULL);
		return;
	}
	b->lookup->done = on_lookup;
	b->lookup->user = b;
	switch (dns_resolve(route->env.dns, b->lookup, &want)) {
	case 1: looked_up(b); return;
	case 0: b->lookup_open = true; return;
	default: route_say_failed(b, ROUTE_WHY_LIMIT); branch_end(b, 503, NULL);
	}
}

bool branch_start(struct route_context *ctx, struct route_target *target, unsigned breadth)
{
	struct route_branch *b = arena_zalloc(ctx->arena, sizeof(*b));

	if (!b)
		return false;
	b->ctx = ctx;
	b->target = target;
	b->breadth = breadth;
	b->via_flow = target->flow != 0;
	wheel_timer_init(&b->timer_c, on_timer_c);
	list_append(&ctx->branches, &b->link);
	ctx->pending++;
	int status = branch_next_hop(b);
	if (status)
		branch_end(b, (unsigned)status, NULL);
	else if (b->via_flow)
		branch_try(b);
	else
		look_up(b);
	return true;
}

struct sip_view *route_branch_view(struct route_branch *b)
{
	return &b->view;
}

const struct route_target *route_branch_target(const struct route_branch *b)
{
	return b->target;
}

const struct tp_target *route_branch_hop(const struct route_branch *b)
{
	return &b->to;
}

void route_branch_set_user(struct route_branch *b, void *user)
{
	b->user = user;
}

void *route_branch_user(const struct route_branch *b)
{
	return b->user;
}
