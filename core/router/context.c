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
static void consider(struct route_context *ctx, struct route_branch *b, unsigned status,
		     struct tp_rx *rx);

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
	ctx->user = start->user;
	ctx->invite = start->view->msg->method == SIP_METHOD_INVITE;
	ctx->ack = start->view->msg->method == SIP_METHOD_ACK;
	ctx->breadth = ROUTE_BREADTH;
	list_init(&ctx->branches);
	route->contexts++;
	stats_add(route->env.stats, route->env.worker, ROUTE_STAT_CONTEXTS, 1);
	return ctx;
}

void context_enter(struct route_context *ctx)
{
	ctx->busy++;
}

/* The last thing a function does with a context. */
void context_leave(struct route_context *ctx)
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

	/* Targets may be moved by route_add behind `started` only: these stay where they are. While this runs, branches that end at once are not all
	 * there are: `pending` holds a share for the group. */
	ctx->started = end;
	ctx->pending++;
	for (unsigned i = 0; i < n && !ctx->final && !ctx->no_more && !ctx->cancelled; i++)
		if (!branch_start(ctx, &ctx->target[first + i], share + (i < more))) {
			route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
			consider(ctx, NULL, 500, NULL);
		}
	ctx->pending--;
}

/* §16.3 step 3. Others are refused before there is a context; an ACK has no other place to end, and would go round for ever. */
static bool out_of_hops(struct route_context *ctx)
{
	struct sip_where at;
	const struct sip_number *n = sip_view_typed(ctx->view, SIP_H_MAX_FORWARDS, &at);

	return n && n->value == 0;
}

static void refuse_status(struct route_context *ctx, unsigned status)
{
	struct sip_response r = {.status = status};

	route_refuse(ctx, &r);
}

void route_go(struct route_context *ctx)
{
	struct sip_where at = {0};
	const struct sip_number *breadth = sip_view_typed(ctx->view, SIP_H_MAX_BREADTH, &at);

	context_enter(ctx);
	if (breadth && breadth->value < ctx->breadth)
		ctx->breadth = breadth->value;
	/* §16.11: without state there is one target, each time the same. */
	if (!ctx->server && ctx->n_targets > 1)
		ctx->n_targets = 1;
	if (out_of_hops(ctx))
		refuse_status(ctx, 483);
	else if (ctx->breadth == 0)
		refuse_status(ctx, 440);
	else
		next_step(ctx);
	context_leave(ctx);
}

/* ---- responses that go back ---- */

static bool send_view(struct route_context *ctx, struct route_branch *b, struct sip_view *view,
		      unsigned status)
{
	struct route *route = ctx->route;
	struct sv bytes;

	if (b && ctx->in.stranger && !ctx->in.in_dialog && status < 300 &&
	    remote_of_callee(route, view) < 0)
		route_count(route, ROUTE_STAT_NO_MEMORY);
	if (!route->env.on->reply(route->env.arg, ctx->user, b, view) ||
	    route_flatten(route, view, &bytes) < 0) {
		route_count(route, ROUTE_STAT_DROP_RESPONSE);
		return false;
	}
	int err = txn_server_reply(ctx->server, status, bytes);

	route_count(route, err ? ROUTE_STAT_DROP_RESPONSE : ROUTE_STAT_RESPONSES);
	if (err == MG_EINVAL)
		return false;
	route_say_relayed(ctx, b, status);
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

/* Whether the sender has its final response, as far as we can give it one. RFC 4320 §4.2: of a 408 to anything but an INVITE none is sent. */
static bool answered(const struct route_context *ctx)
{
	return txn_server_status(ctx->server) >= 200;
}

/* Hooks, or the lack of memory, kept the final response back. Nobody may wait for ever: a bare one that no hook sees, made of the request alone. */
static void answer_bare(struct route_context *ctx)
{
	struct sip_response r = {.status = 500};

	if (answered(ctx))
		return;
	ctx->best.status = 500;
	if (route_reply(ctx->route, ctx->server, ctx->view, &r, NULL) < 0)
		route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
}

bool context_forward(struct route_context *ctx, struct route_branch *b, struct sip_msg *msg,
		     unsigned status)
{
	struct sip_view view;

	if (!response_view(ctx, msg, &view)) {
		route_count(ctx->route, ROUTE_STAT_DROP_RESPONSE);
		return false;
	}
	context_enter(ctx);
	send_view(ctx, b, &view, status);
	if (status >= 200) {
		finish(ctx, status);
		answer_bare(ctx);
	}
	context_leave(ctx);
	return true;
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

/* RFC 4320 §4.2: nobody waits for a 408 to anything but an INVITE any more; the transaction knows what that means. */
static void fall_silent(struct route_context *ctx)
{
	if (txn_server_reply(ctx->server, 408, SV("")) < 0)
		route_count(ctx->route, ROUTE_STAT_DROP_RESPONSE);
	finish(ctx, 408);
}

/* §16.7 step 6, X-8: that somebody behind us is overloaded is not said of ourselves. That none of our targets can be reached is. */
static void hide_503(struct route_context *ctx, struct sip_view *view)
{
	if (sip_view_set_status(view, 500, sip_reason(500)) < 0 ||
	    sip_view_remove_all(view, SIP_H_RETRY_AFTER) < 0)
		route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
}

/* No server: an ACK, or in stateless mode. Only a failure has a status. */
static void end_stateless(struct route_context *ctx)
{
	if (ctx->best.status)
		route_count(ctx->route, ctx->ack ? ROUTE_STAT_DROP_ACK : ROUTE_STAT_DROP_REQUEST);
	finish(ctx, 0);
}

static unsigned best_status(const struct route_context *ctx)
{
	if (ctx->best.status == 503 && !ctx->best.local)
		return 500;
	return ctx->best.status ? ctx->best.status : 480; /* §16.5: there was no target */
}

/* Send what is the best answer by now (§16.7 step 6). */
static void send_best(struct route_context *ctx)
{
	unsigned status = best_status(ctx);
	struct sip_msg *msg = ctx->best.kept ? ctx->best.kept->msg
			      : ctx->best.rx ? ctx->best.rx->msg
					     : NULL;
	struct sip_view view;

	if (!ctx->server) {
		end_stateless(ctx);
		return;
	}
	if (status == 408 && !ctx->invite) {
		fall_silent(ctx);
		return;
	}
	if (!msg || !response_view(ctx, msg, &view)) {
		refuse_status(ctx, status);
		return;
	}
	add_challenges(ctx, &view, status);
	if (msg->status == 503)
		hide_503(ctx, &view);
	send_view(ctx, ctx->best.branch, &view, status);
	finish(ctx, status);
	answer_bare(ctx);
}

/* A refusal for want of a target that could be reached is told by what the last of them failed of. */
static enum route_why why_answered(const struct route_context *ctx, const struct sip_response *r)
{
	bool of_branch = r->status == 408 || r->status == 500 || r->status == 503;

	return of_branch && ctx->best.local ? ctx->why : ROUTE_WHY_NONE;
}

void route_refuse(struct route_context *ctx, const struct sip_response *response)
{
	if (ctx->final)
		return;
	context_enter(ctx);
	if (!ctx->server) {
		route_count(ctx->route, ctx->ack ? ROUTE_STAT_DROP_ACK : ROUTE_STAT_DROP_REQUEST);
		finish(ctx, 0);
	} else {
		int err = answer_reply(ctx->route, ctx->server, ctx->view, response, ctx->user);

		if (!err) /* else answer_bare sees to it */
			route_say_answered(ctx->view->msg, response, why_answered(ctx, response));
		finish(ctx, response->status);
		answer_bare(ctx);
	}
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

/* Whether there are targets to try, those that FAILURE hooks add too. */
static bool more_targets(struct route_context *ctx)
{
	struct route *route = ctx->route;

	if (ctx->no_more || ctx->cancelled)
		return false;
	if (ctx->started < ctx->n_targets || !ctx->server)
		return ctx->started < ctx->n_targets;
	keep_best(ctx);
	unsigned status = ctx->best.status ? ctx->best.status : 480;
	return route->env.on->failure(route->env.arg, ctx, status) && !ctx->final &&
	       !ctx->cancelled && ctx->started < ctx->n_targets;
}

/* Every branch so far is done: the next group, or the answer. */
static void next_step(struct route_context *ctx)
{
	while (!ctx->final && ctx->pending == 0) {
		if (more_targets(ctx)) {
			keep_best(ctx);
			start_group(ctx);
		} else if (!ctx->final) {
			send_best(ctx);
		}
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
			struct sv value = sip_line_value(msg, &msg->line[i]);
			char *p = value.n ? arena_text(ctx->arena, value.n) : NULL;
			if (!p)
				continue;
			memcpy(p, value.p, value.n);
			route_unfold(p, value.n);
			c->value = sv_of(p, value.n);
			ctx->n_challenges++;
		}
	}
}

static void consider(struct route_context *ctx, struct route_branch *b, unsigned status,
		     struct tp_rx *rx)
{
	if (rx && (status == 401 || status == 407))
		collect_challenges(ctx, b, rx->msg);
	if (!best_better(status, ctx->best.status, ctx->invite))
		return;
	tp_kept_free(ctx->best.kept);
	ctx->best.kept = NULL;
	ctx->best.status = status;
	ctx->best.rx = rx;
	ctx->best.local = !rx;
	ctx->best.branch = b;
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
	bool followed = rx && status / 100 == 3 && !ctx->no_more && !ctx->cancelled &&
			redirect_follow(b, rx->msg);
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
		if (ctx->pending == 0 && !ctx->final)
			refuse_status(ctx, 487);
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
