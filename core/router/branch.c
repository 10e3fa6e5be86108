/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * branch: one target of a request: looking up its next hop, sending to one address after the other, its client transaction, Timer C (RFC 3261 §16.6 steps 7
 * to 11, §16.8, §16.9). Called by context.c; what it comes to is told to context_branch_done.
 */
#include "router/route_priv.h"

static void branch_try(struct route_branch *b);
static void look_up(struct route_branch *b);

static void unlook(struct route_branch *b)
{
	if (b->lookup_open)
		dns_cancel(b->ctx->route->env.dns, b->lookup);
	b->lookup_open = false;
}

void branch_drop(struct route_branch *b)
{
	unlook(b);
	wheel_del(loop_wheel(b->ctx->route->env.loop), &b->timer_c);
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
	if (b->state == BRANCH_SENT)
		txn_client_cancel(b->client, reason);
	else if (b->state != BRANCH_DONE)
		branch_end(b, 487, NULL);
}

/* ---- answers ---- */

static void arm_timer_c(struct route_branch *b)
{
	uint32_t ms = b->target->ring_ms ? b->target->ring_ms : b->ctx->route->conf.timer_c_ms;

	if (b->ctx->invite)
		wheel_add(loop_wheel(b->ctx->route->env.loop), &b->timer_c,
			  route_now(b->ctx->route) + ms);
}

/* §16.8: a branch that rang is cancelled, and its 487 will count as 408; one that was silent has timed out. */
static void on_timer_c(struct wheel_timer *t, uint64_t now_ms)
{
	struct route_branch *b = container_of(t, struct route_branch, timer_c);

	(void)now_ms;
	route_count(b->ctx->route, ROUTE_STAT_TIMER_C);
	b->timed_out = true;
	if (b->rang)
		txn_client_cancel(b->client, SV("SIP;cause=408;text=\"Request Timeout\""));
	else
		branch_end(b, 408, NULL);
}

/* The target of the present hop did not do: remember it, and try the next. */
static void next_hop(struct route_branch *b, unsigned status, struct tp_rx *rx)
{
	struct route *route = b->ctx->route;

	if (b->client) {
		txn_client_release(b->client);
		b->client = NULL;
	}
	wheel_del(loop_wheel(route->env.loop), &b->timer_c);
	if (b->large_tcp) /* the same address again, by a datagram */
		b->large_tcp = false;
	else if (b->via_flow)
		b->via_flow = false;
	else
		b->hop++;
	b->state = BRANCH_LOOKUP;
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

static void on_response(struct txn_client *client, struct tp_rx *rx)
{
	struct route_branch *b = txn_client_user(client);
	struct route_context *ctx = b->ctx;
	struct route *route = ctx->route;
	unsigned status = rx->msg->status;

	if (status > 100 && status < 200) {
		b->rang = true;
		if (!txn_client_cancelled(client))
			arm_timer_c(b); /* §16.7 step 2 */
	}
	if (status == 100)
		return;
	if (status / 100 == 1 && ctx->final)
		return;
	if (status >= 200)
		dns_target_good(route->env.dns_shared, &b->to.addr, b->to.transport);
	if (status < 300) {
		/* A 2xx ends the whole context, which lets go of this branch too. */
		context_forward(ctx, b, rx->msg, status);
		return;
	}
	if (status == 503) {
		dns_target_failed(route->env.dns_shared, &b->to.addr, b->to.transport,
				  route_now(route), retry_after_ms(rx->msg));
		next_hop(b, 503, rx);
		return;
	}
	if (b->timed_out && status == 487)
		branch_end(b, 408, NULL);
	else
		branch_end(b, status, rx);
}

static void on_failed(struct txn_client *client, int err)
{
	struct route_branch *b = txn_client_user(client);
	struct route *route = b->ctx->route;

	if (!b->large_tcp)
		dns_target_failed(route->env.dns_shared, &b->to.addr, b->to.transport,
				  route_now(route), 0);
	if (b->ctx->final)
		branch_end(b, 408, NULL);
	else if (txn_client_cancelled(client))
		branch_end(b, b->timed_out ? 408 : 487, NULL);
	else /* §16.9: what cannot be sent counts as 503 */
		next_hop(b, err == -ETIMEDOUT ? 408 : 503, NULL);
}

static const struct txn_client_ops client_ops = {.response = on_response, .failed = on_failed};

/* ---- sending ---- */

/* A request without a transaction: an ACK, or in stateless mode. */
static void send_stateless(struct route_branch *b, struct sv bytes)
{
	struct route *route = b->ctx->route;
	int err = tp_send(route->env.tp, &b->to, bytes, NULL);
	bool ack = b->ctx->ack;

	if (err)
		route_count(route, ack ? ROUTE_STAT_DROP_ACK : ROUTE_STAT_DROP_RESPONSE);
	else
		route_count(route, ack ? ROUTE_STAT_ACKS : ROUTE_STAT_FORWARDED);
	branch_end(b, 0, NULL);
}

static void branch_send(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	struct sip_where at;
	struct sv bytes;

	if (route_flatten(route, &b->view, &bytes) < 0) {
		route_count(route, ROUTE_STAT_NO_MEMORY);
		branch_end(b, 500, NULL);
		return;
	}
	if (!b->ctx->server) {
		send_stateless(b, bytes);
		return;
	}
	const struct sip_via *via = sip_view_typed(&b->view, SIP_H_VIA, &at);
	b->client = via ? txn_client_new(route->env.txn, via->branch, b->view.msg->method, &b->to,
					 bytes, &client_ops, b)
			: NULL;
	if (!b->client) {
		branch_end(b, 503, NULL);
		return;
	}
	b->state = BRANCH_SENT;
	arm_timer_c(b);
	route_count(route, ROUTE_STAT_FORWARDED);
}

void route_branch_go(struct route_branch *b, enum route_go go)
{
	if (b->state != BRANCH_WAITING)
		return;
	b->state = BRANCH_LOOKUP;
	if (go == ROUTE_SKIP)
		branch_end(b, 480, NULL);
	else
		branch_send(b);
}

/* The address and transport of the hop to try now. Returns false when it is no place to send to. */
static bool choose_hop(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	const struct route_target *t = b->target;
	uint16_t from = b->ctx->kept->flow.zone;

	b->to = (struct tp_target){.listener = b->ctx->kept->flow.listener};
	if (b->via_flow) {
		return tp_conn_target(route->env.tp, t->flow, &b->to) == 0;
	}
	const struct dns_hop *hop = &b->lookup->hop[b->hop];
	struct sv host = b->next_hop.maddr.n ? b->next_hop.maddr : b->next_hop.host;

	b->to.addr = hop->addr;
	b->to.transport = b->large_tcp ? SIP_TRANSPORT_TCP : hop->transport;
	b->to.fixed = b->next_hop.transport != SIP_TRANSPORT_NONE;
	if (host.n < sizeof(b->to.domain))
		memcpy(b->to.domain, host.p, host.n);
	if (tp_pick(route->env.tp, t->zone, from, &b->to) < 0)
		return false;
	if (tp_forbidden(route->env.tp, &b->to)) {
		route_count(route, ROUTE_STAT_FORBIDDEN);
		return false;
	}
	return true;
}

/* T-14: a large request goes by a stream, if there may be one. Returns true when the hop was changed and has to be built again. */
static bool too_large(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	struct sv bytes;

	if (b->to.transport != SIP_TRANSPORT_UDP || b->to.fixed || b->to.conn || b->via_flow)
		return false;
	if (route_flatten(route, &b->view, &bytes) < 0 ||
	    !tp_try_stream(route->env.tp, &b->to, bytes.n))
		return false;
	b->large_tcp = true;
	return true;
}

/* Build the message for the present hop and send it; on failure go to the next. */
static void branch_try(struct route_branch *b)
{
	struct route *route = b->ctx->route;

	for (;;) {
		bool usable = choose_hop(b);
		int err = usable ? branch_build(b) : 0;

		if (err) {
			route_count(route, ROUTE_STAT_NO_MEMORY);
			branch_end(b, 500, NULL);
			return;
		}
		if (!usable) {
			next_hop(b, 503, NULL);
			return;
		}
		if (b->large_tcp || !too_large(b))
			break;
	}
	route_count(route, ROUTE_STAT_BRANCHES);
	switch (route->env.on->branch(route->env.arg, b->ctx, b)) {
	case ROUTE_WAIT: b->state = BRANCH_WAITING; return;
	case ROUTE_SKIP: branch_end(b, 480, NULL); return;
	case ROUTE_GO: branch_send(b);
	}
}

/* ---- looking up ---- */

static void looked_up(struct route_branch *b)
{
	if (b->lookup->n == 0) {
		route_count(b->ctx->route, ROUTE_STAT_NO_ROUTE);
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
		.sips = uri->scheme == SIP_SCHEME_SIPS,
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
	default: branch_end(b, 503, NULL);
	}
}

void branch_start(struct route_context *ctx, struct route_target *target, unsigned breadth)
{
	struct route_branch *b = arena_zalloc(ctx->arena, sizeof(*b));

	if (!b) {
		route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
		return;
	}
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
