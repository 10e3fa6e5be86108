/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow_events: what the router, the transactions and the modules call back: branches and responses through the hooks, answers that modules give, phases that had to wait.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/flow.h"
#include "daemon/letter.h"

/* ---- router ---- */

static void fill_branch(const struct call *call, struct mg_branch *m, struct route_branch *b)
{
	const struct tp_target *hop = route_branch_hop(b);
	const struct route_target *t = route_branch_target(b);

	*m = (struct mg_branch){
		.request = (struct mg_request *)&call->request,
		.view = route_branch_view(b),
		.target = t->user,
		.peer = hop->addr,
		.transport = hop->transport,
		.zone = running_zone(call->running, route_branch_zone(b)),
		.user = b,
	};
}

static enum route_go go_of(struct mg_verdict v)
{
	return v.kind == MG_NEXT || v.kind == MG_DONE ? ROUTE_GO
	       : v.kind == MG_WAIT                    ? ROUTE_WAIT
						      : ROUTE_SKIP;
}

static enum route_go on_branch(void *arg, struct route_context *ctx, struct route_branch *b)
{
	struct call *call = route_user(ctx);
	struct mg_branch *m = route_branch_user(b);

	(void)arg;
	if (!m)
		m = arena_alloc(&call->arena, sizeof(*m));
	if (!m)
		return ROUTE_SKIP;
	fill_branch(call, m, b);
	route_branch_set_user(b, m);
	return go_of(chain_branch(&call->request, m));
}

static void on_given_up(void *arg, struct route_branch *b)
{
	(void)arg;
	chain_branch_done(route_branch_user(b));
}

static bool on_reply(void *arg, void *user, struct route_branch *b, struct sip_view *view)
{
	struct worker *w = arg;
	struct call *call = user;
	struct mg_reply p = {.view = view, .branch = b ? route_branch_user(b) : NULL};
	struct mg_request late;

	if (call)
		return chain_reply(&call->request, &p).kind == MG_NEXT;
	/* The request is forgotten: hooks see the response alone. */
	struct mg_source none = {0};
	chain_request_init(&late, &w->mg, view->msg, view, view->arena, &none);
	bool go = chain_reply(&late, &p).kind == MG_NEXT;
	chain_request_done(&late);
	return go;
}

static bool on_replies(void *arg)
{
	const struct worker *w = arg;

	return chain_asks(w->mg.chain, MG_REPLY);
}

static bool on_failure(void *arg, struct route_context *ctx, unsigned status)
{
	struct call *call = route_user(ctx);
	struct mg_request *r = &call->request;
	unsigned before = r->n_targets;

	(void)arg;
	if (call->in.in_dialog || chain_failure(r, status).kind != MG_DONE)
		return false;
	return flow_add_targets(call, before) > 0;
}

static void on_done(void *arg, struct route_context *ctx, unsigned status)
{
	struct call *call = route_user(ctx);

	(void)arg;
	chain_final(&call->request, status);
	call_free(call);
}

const struct route_events flow_route_events = {
	.branch = on_branch,
	.given_up = on_given_up,
	.reply = on_reply,
	.replies = on_replies,
	.failure = on_failure,
	.done = on_done,
};

/* ---- transactions ---- */

static void on_late_2xx(void *arg, struct txn_client *client, struct txn_server *server,
			struct tp_rx *rx)
{
	struct worker *w = arg;

	route_late_2xx(w->route, client, server, rx);
}

const struct txn_events flow_txn_events = {.late_2xx = on_late_2xx};

/* ---- modules ---- */

static void on_answer(void *arg, struct mg_request *r, const struct sip_response *response,
		      bool stateful)
{
	struct worker *w = arg;
	struct call *call = r->user;
	size_t size_max;
	int err;

	if (stateful && call->server)
		err = route_reply(w->route, call->server, &call->view, response, call);
	else if (!chain_may_answer(&w->mg, &r->source, r->msg->len, &size_max))
		err = MG_ELIMIT;
	else
		err = route_answer(w->route, &call->view, &call->kept->flow, response, call,
				   size_max);
	if (err < 0)
		flow_count(w, FLOW_DROP_ANSWER);
}

static int on_begin(void *arg, struct mg_request *r)
{
	(void)arg;
	return flow_begin_server(r->user);
}

static void on_resumed(void *arg, struct mg_request *r, enum mg_phase phase, struct mg_branch *b,
		       struct mg_verdict verdict)
{
	(void)arg;
	if (phase == MG_BRANCH)
		route_branch_go(b->user, go_of(verdict));
	else if (phase == MG_REQUEST)
		flow_requested(r->user, verdict);
	else
		flow_targeted(r->user, verdict);
}

/* To a worker, from any thread: those that are no worker share the last mailbox number, under the main thread's eye. */
static int on_post(void *arg, unsigned worker, void (*fn)(void *arg2, uint64_t n), void *arg2,
		   uint64_t n)
{
	struct worker *w = arg;
	struct letter_call *call = malloc(sizeof(*call));

	if (!call)
		return MG_ENOMEM;
	*call = (struct letter_call){.fn = fn, .arg = arg2, .n = n};
	int err = worker_post(w->node, worker, letter_seal(call, LETTER_CALL));
	if (err)
		free(call);
	return err;
}

const struct chain_events flow_chain_events = {
	.answer = on_answer,
	.begin = on_begin,
	.resumed = on_resumed,
	.post = on_post,
};
