/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * context: the response context of RFC 3261 §16.7: targets in groups of the same q, tried one group after the other; which responses go back at once, which
 * wait, which is the best; CANCEL. Called by the daemon's flow and by branch.c. Its end is done(): nothing of it may be touched after that, so
 * everything that may lead there runs between context_enter and context_leave.
 */
#include <string.h>

#include "router/route_priv.h"

static void finish(struct route_context *ctx, unsigned status);
static void next_step(struct route_context *ctx);

struct route_context *route_begin(struct route *route, const struct route_start *start)
{
	struct route_context *ctx = arena_zalloc(start->arena, sizeof(*ctx));

	if (!ctx)
		return NULL;
	ctx->route = route;
	ctx->kept = start->kept;
	ctx->view = start->view;
	ctx->arena = start->arena;
	ctx->server = start->server;
	ctx->in = *start->in;
	ctx->loop_hash = start->loop_hash;
	ctx->stateless = start->stateless;
	ctx->user = start->user;
	ctx->invite = start->view->msg->method == SIP_METHOD_INVITE;
	ctx->ack = start->view->msg->method == SIP_METHOD_ACK;
	ctx->breadth = ROUTE_BREADTH;
	list_init(&ctx->branches);
	route->contexts++;
	stats_add(route->env.stats, route->env.worker, ROUTE_STAT_CONTEXTS, 1);
	return ctx;
}

static void context_enter(struct route_context *ctx)
{
	ctx->busy++;
}

/* The last thing a function does with a context. */
static void context_leave(struct route_context *ctx)
{
	struct route *route = ctx->route;

	if (--ctx->busy > 0 || !ctx->final)
		return;
	struct list *it, *after;
	list_for_each_safe (it, after, &ctx->branches)
		branch_drop(container_of(it, struct route_branch, link));
	tp_kept_free(ctx->best.kept);
	if (ctx->server) {
		txn_server_set_user(ctx->server, NULL);
		txn_server_unref(ctx->server);
	}
	route->contexts--;
	stats_add(route->env.stats, route->env.worker, ROUTE_STAT_CONTEXTS, -(uint64_t)1);
	route->env.on->done(route->env.arg, ctx, ctx->best.status);
}

int route_add(struct route_context *ctx, const struct route_target *target)
{
	if (ctx->n_targets == ROUTE_TARGETS_MAX)
		return MG_ELIMIT;
	/* Behind all of the same or a higher q that have not had their turn. */
	unsigned at = ctx->n_targets;
	while (at > ctx->started && ctx->target[at - 1].q < target->q)
		at--;
	memmove(&ctx->target[at + 1], &ctx->target[at],
		(ctx->n_targets - at) * sizeof(ctx->target[0]));
	ctx->target[at] = *target;
	ctx->n_targets++;
	return 0;
}

/* Begin the next group: all targets of the highest q left, as far as Max-Breadth allows; the others of it follow when these are through (RFC 5393 §5.3.3.1).
 * The breadth is shared evenly: what a branch got, it cannot pass on to the next one. */
static void start_group(struct route_context *ctx)
{
	unsigned first = ctx->started, end = first;

	while (end < ctx->n_targets && ctx->target[end].q == ctx->target[first].q &&
	       end - first < ctx->breadth)
		end++;
	unsigned n = end - first, share = ctx->breadth / n, more = ctx->breadth % n;

	/* Targets may be moved by route_add behind `started` only: these stay where they are. */
	ctx->started = end;
	for (unsigned i = 0; i < n && !ctx->final && !ctx->no_more; i++)
		branch_start(ctx, &ctx->target[first + i], share + (i < more));
}

void route_go(struct route_context *ctx)
{
	struct sip_where at = {0};
	const struct sip_number *breadth = sip_view_typed(ctx->view, SIP_H_MAX_BREADTH, &at);

	context_enter(ctx);
	if (breadth && breadth->value < ctx->breadth)
		ctx->breadth = breadth->value;
	if (breadth && breadth->value == 0) {
		struct sip_response r = {.status = 440, .reason = SV("Max-Breadth Exceeded")};
		route_refuse(ctx, &r);
	} else {
		next_step(ctx);
	}
	context_leave(ctx);
}

/* ---- responses that go back ---- */

static bool send_view(struct route_context *ctx, struct route_branch *b, struct sip_view *view,
		      unsigned status)
{
	struct route *route = ctx->route;
	struct sv bytes;

	if (!route->env.on->reply(route->env.arg, ctx->user, b, view) ||
	    route_flatten(route, view, &bytes) < 0) {
		route_count(route, ROUTE_STAT_DROP_RESPONSE);
		return false;
	}
	int err = txn_server_reply(ctx->server, status, bytes);

	route_count(route, err ? ROUTE_STAT_DROP_RESPONSE : ROUTE_STAT_RESPONSES);
	if (err == MG_EINVAL)
		return false;
	if (ctx->invite && status / 100 == 2 && b && b->client)
		txn_client_keep_2xx(b->client, ctx->server, view->msg, bytes);
	return true;
}

/* Views of responses live in the worker's scratch: one response at a time. */
static bool response_view(struct route_context *ctx, struct sip_msg *msg, struct sip_view *view)
{
	arena_reset(&ctx->route->scratch);
	sip_view_init(view, msg, &ctx->route->scratch);
	/* Without another Via it was for us (§16.7 step 3), and we ask for nothing. */
	return sip_view_pop(view, SIP_H_VIA) == 0 && sip_view_first(view, SIP_H_VIA) != SIP_NO_INST;
}

void context_forward(struct route_context *ctx, struct route_branch *b, struct sip_msg *msg,
		     unsigned status)
{
	struct sip_view view;
	bool last = status >= 200;

	if (!ctx->server)
		return;
	context_enter(ctx);
	if (!response_view(ctx, msg, &view))
		route_count(ctx->route, ROUTE_STAT_DROP_RESPONSE);
	else
		send_view(ctx, b, &view, status);
	if (last)
		finish(ctx, status);
	context_leave(ctx);
}

/* §16.7 step 7: the challenges of the others go with a 401 or 407. */
static void add_challenges(struct route_context *ctx, struct sip_view *view, unsigned status)
{
	for (unsigned i = 0; (status == 401 || status == 407) && i < ctx->n_challenges; i++) {
		const struct route_challenge *c = &ctx->challenge[i];

		if (c->branch != ctx->best.branch &&
		    sip_view_append(view, c->id, SV(""), c->value) < 0)
			route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
	}
}

/* Send what is the best answer by now (§16.7 step 6). */
static void send_best(struct route_context *ctx)
{
	unsigned status = ctx->best.status ? ctx->best.status : 408;
	struct sip_msg *msg = ctx->best.kept ? ctx->best.kept->msg
			      : ctx->best.rx ? ctx->best.rx->msg
					     : NULL;
	struct sip_view view;

	if (!ctx->server) {
		finish(ctx, 0);
		return;
	}
	if (!msg || !response_view(ctx, msg, &view)) {
		/* RFC 4320 §4.2: nobody waits for a 408 to anything but an INVITE any more. */
		struct sip_response r = {.status = status};
		if (status == 408 && !ctx->invite)
			finish(ctx, 408);
		else
			route_refuse(ctx, &r);
		return;
	}
	add_challenges(ctx, &view, status);
	if (status == 503) { /* ours is not the one that is overloaded: X-8 */
		status = 500;
		if (sip_view_set_status(&view, 500, sip_reason(500)) < 0 ||
		    sip_view_remove_all(&view, SIP_H_RETRY_AFTER) < 0)
			route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
	}
	send_view(ctx, ctx->best.branch, &view, status);
	finish(ctx, status);
}

void route_refuse(struct route_context *ctx, const struct sip_response *response)
{
	context_enter(ctx);
	/* Whether it could be sent or not, nothing more will be. */
	int err = ctx->server && !ctx->final
			  ? route_reply(ctx->route, ctx->server, ctx->view, response, ctx->user)
			  : 0;
	finish(ctx, err || !ctx->server ? 0 : response->status);
	context_leave(ctx);
}

/* ---- steps ---- */

/* No branch is of interest any more: the rest is cancelled and goes on by itself. */
static void finish(struct route_context *ctx, unsigned status)
{
	struct list *it, *after;

	ctx->best.status = status;
	ctx->final = true;
	list_for_each_safe (it, after, &ctx->branches) {
		struct route_branch *b = container_of(it, struct route_branch, link);

		if (b->state != BRANCH_SENT)
			continue;
		if (ctx->invite && ctx->server)
			txn_client_keep_2xx(b->client, ctx->server, NULL, SV(""));
		txn_client_cancel(b->client,
				  status / 100 == 2
					  ? SV("SIP;cause=200;text=\"Call completed elsewhere\"")
					  : SV(""));
	}
}

/* What was pointed to during the call that brought it is kept for later. */
static void keep_best(struct route_context *ctx)
{
	if (!ctx->best.rx)
		return;
	ctx->best.kept = tp_rx_keep(ctx->best.rx);
	ctx->best.rx = NULL;
	if (!ctx->best.kept)
		route_count(ctx->route, ROUTE_STAT_NO_MEMORY); /* its status goes back alone */
}

/* Every branch so far is done: the next group, what FAILURE hooks add, or the answer. */
static void next_step(struct route_context *ctx)
{
	while (!ctx->final && ctx->pending == 0) {
		bool more = ctx->started < ctx->n_targets;

		if (!ctx->no_more && !ctx->cancelled && !more && ctx->server) {
			keep_best(ctx);
			more = ctx->route->env.on->failure(ctx->route->env.arg, ctx,
							   ctx->best.status) &&
			       ctx->started < ctx->n_targets;
		}
		if (ctx->no_more || ctx->cancelled || !more || ctx->final) {
			if (!ctx->final)
				send_best(ctx);
			return;
		}
		keep_best(ctx);
		start_group(ctx);
	}
}

static void collect_challenges(struct route_context *ctx, struct route_branch *b,
			       struct sip_msg *msg)
{
	static const enum sip_hid ids[] = {SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE};

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = msg->first[ids[k]]; i != SIP_NO_LINE; i = msg->line[i].next) {
			struct route_challenge *c = &ctx->challenge[ctx->n_challenges];

			if (ctx->n_challenges == ROUTE_CHALLENGES_MAX)
				return;
			c->branch = b;
			c->id = ids[k];
			if (arena_dup(ctx->arena, sip_line_value(msg, &msg->line[i]), &c->value) ==
			    0)
				ctx->n_challenges++;
		}
	}
}

static void consider(struct route_context *ctx, struct route_branch *b, unsigned status,
		     struct tp_rx *rx)
{
	if (rx && (status == 401 || status == 407))
		collect_challenges(ctx, b, rx->msg);
	if (!best_better(status, ctx->best.status))
		return;
	tp_kept_free(ctx->best.kept);
	ctx->best.kept = NULL;
	ctx->best.status = status;
	ctx->best.rx = rx;
	ctx->best.branch = b;
}

/* §16.5: the Contacts of a 3xx become targets, each once. Returns whether any did. */
static bool recurse(struct route_context *ctx, struct sip_msg *msg)
{
	struct sip_each each;
	struct sip_nameaddr contact;
	bool any = false;

	sip_each_start(&each, msg, SIP_H_CONTACT);
	while (sip_each_addr(&each, &contact)) {
		int q = sip_nameaddr_q(&contact);
		struct route_target t = {.q = (uint16_t)(q < 0 ? 1000 : q), .zone = TP_ANY_ZONE};
		bool again = contact.star;

		for (unsigned i = 0; i < ctx->n_targets; i++)
			again = again || sv_eq(ctx->target[i].uri, contact.uri.text);
		if (!again && arena_dup(ctx->arena, contact.uri.text, &t.uri) == 0 &&
		    route_add(ctx, &t) == 0)
			any = true;
	}
	return any;
}

void context_branch_done(struct route_branch *b, unsigned status, struct tp_rx *rx)
{
	struct route_context *ctx = b->ctx;

	context_enter(ctx);
	b->state = BRANCH_DONE;
	ctx->pending--;
	if (ctx->final) {
		context_leave(ctx);
		return;
	}
	bool followed =
		rx && status / 100 == 3 && ctx->route->conf.recurse && recurse(ctx, rx->msg);
	if (!followed)
		consider(ctx, b, status, rx);
	if (status >= 600 && !ctx->no_more) { /* §16.7 step 5 */
		struct list *it;

		ctx->no_more = true;
		list_for_each (it, &ctx->branches)
			branch_cancel(container_of(it, struct route_branch, link), SV(""));
	}
	if (ctx->pending == 0)
		next_step(ctx);
	else
		keep_best(ctx);
	context_leave(ctx);
}

void route_cancel(struct route_context *ctx, struct sv reason)
{
	struct list *it, *after;

	context_enter(ctx);
	if (!ctx->final && !ctx->cancelled) {
		ctx->cancelled = true;
		list_for_each_safe (it, after, &ctx->branches)
			branch_cancel(container_of(it, struct route_branch, link), reason);
		if (ctx->pending == 0 && !ctx->final) {
			struct sip_response r = {.status = 487};
			route_refuse(ctx, &r);
		}
	}
	context_leave(ctx);
}

void route_abandon(struct route_context *ctx)
{
	context_enter(ctx);
	ctx->best.status = 0;
	ctx->final = true;
	context_leave(ctx);
}

void *route_user(const struct route_context *ctx)
{
	return ctx->user;
}

unsigned route_contexts(const struct route *route)
{
	return route->contexts;
}
