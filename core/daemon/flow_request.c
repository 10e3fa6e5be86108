/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow_request: a request on the worker that owns its call, from the transaction match to the router (RFC 3261 §16.2 to §16.5): retransmissions and CANCEL, validation,
 * routes and tokens, REQUEST and TARGET hooks, what is answered here. Called by flow.c, and by flow_events.c when a module has waited.
 */
#include <string.h>

#include "base/put.h"
#include "daemon/flow.h"

/* What our own URI takes: nobody is called here. What goes through to others is theirs to say. */
#define ALLOW           SV_INIT("OPTIONS, ACK, CANCEL")
#define UNSUPPORTED_MAX 1024

/* ---- the end of a call ---- */

static void end(struct call *call, unsigned status)
{
	chain_final(&call->request, status);
	call_free(call);
}

/* Refuse: without a transaction when none was begun and none is owed. Ends the call. */
static void refuse(struct call *call, const struct sip_response *response)
{
	struct worker *w = call->worker;
	struct mg_request *r = &call->request;
	size_t size_max = 0;

	if (call->kept->msg->method == SIP_METHOD_ACK) {
		flow_count(w, FLOW_DROP_ACK);
		end(call, 0);
		return;
	}
	flow_count(w, FLOW_ANSWERED);
	if (call->server) {
		if (route_reply(w->route, call->server, &call->view, response, call) < 0)
			flow_count(w, FLOW_DROP_ANSWER);
	} else if (!chain_may_answer(&w->mg, &r->source, call->kept->msg->len, &size_max) ||
		   route_answer(w->route, &call->view, &call->kept->flow, response, call,
				size_max) < 0) {
		flow_count(w, FLOW_DROP_ANSWER);
	}
	end(call, response->status);
}

static void refuse_with(struct call *call, unsigned status, struct sv reason)
{
	struct sip_response r = {.status = status, .reason = reason};

	refuse(call, &r);
}

static void refuse_allow(struct call *call, unsigned status)
{
	static const struct sip_extra allow = {.id = SIP_H_ALLOW, .value = ALLOW};
	struct sip_response r = {.status = status, .extra = &allow, .extras = 1};

	refuse(call, &r);
}

/* There is no room for it: as overload refuses, whether the controller says so or the table of transactions, which counts for itself. */
static void refuse_room(struct call *call)
{
	struct flow_refusal refusal;

	if (!flow_refusal(call->worker, call->kept->msg, &call->request.source, &refusal)) {
		end(call, 0);
		return;
	}
	if (!call->crowded)
		flow_count_refused(call->worker);
	refuse(call, &refusal.response);
}

/* What a verdict other than NEXT leads to. Returns whether it was one. */
static bool settled(struct call *call, struct mg_verdict v)
{
	struct chain_refusal refusal;

	switch ((enum mg_kind)v.kind) {
	case MG_NEXT: return false;
	case MG_WAIT: return true;
	case MG_REJECT:
		if (call->crowded && v.status == 503) { /* a module could not let it wait */
			refuse_room(call);
			return true;
		}
		chain_refuse(&refusal, &call->request, v);
		refuse(call, &refusal.response);
		return true;
	case MG_DROP:
		flow_count(call->worker, FLOW_DROP_REQUEST);
		end(call, 0);
		return true;
	case MG_DONE:
		if (!call->request.answered)
			return false;
		flow_count(call->worker, FLOW_ANSWERED);
		end(call, 0);
		return true;
	}
	return true;
}

/* ---- on to the router ---- */

static void build_100(void *arg, struct txn_server *server, struct sip_out *out)
{
	struct call *call = arg;
	struct sip_response r = {.status = 100};

	(void)server;
	if (sip_build_response(out, &call->view, &r) < 0)
		out->err = MG_ENOMEM;
}

int flow_begin_server(struct call *call)
{
	if (call->server || call->ctx)
		return 0;
	call->server = txn_server_new(call->worker->txn, call->kept, call->in.in_dialog);
	if (!call->server) {
		call->crowded = true;
		return MG_ELIMIT;
	}
	txn_server_set_user(call->server, call);
	txn_server_100(call->server, build_100, call);
	return 0;
}

unsigned flow_add_targets(struct call *call, unsigned from)
{
	struct mg_request *r = &call->request;
	unsigned added = 0;

	for (; from + added < r->n_targets; added++) {
		struct mg_target *m = &r->target[from + added];
		const struct route_target t = {.uri = m->uri,
					       .next_hop = m->next_hop,
					       .as_route = m->as_route,
					       .q = m->q,
					       .zone = m->zone ? m->zone->index : TP_ANY_ZONE,
					       .ring_ms = m->ring_s * 1000,
					       .user = m};

		if (route_add(call->ctx, &t) < 0)
			break;
	}
	return added;
}

static bool add_targets(struct call *call)
{
	const struct route_target t = {.zone = call->in.zone, .flow = call->in.flow, .q = 1000};

	if (call->in.in_dialog || call->in.routed)
		return route_add(call->ctx, &t) == 0;
	return flow_add_targets(call, 0) == call->request.n_targets;
}

/* Who sends something that goes on is no stranger to its connection's deadlines any more (T-2). */
static void let_in(struct call *call)
{
	const struct tp_flow *flow = &call->kept->flow;

	if (flow->conn && !flow->known)
		tp_conn_known(call->worker->tp, flow->conn);
}

static void forward(struct call *call)
{
	struct worker *w = call->worker;
	enum sip_method method = call->kept->msg->method;
	bool ack = method == SIP_METHOD_ACK;
	bool stateless =
		ack || (!call->server && (call->running->stateless || method == SIP_METHOD_CANCEL));

	if (!stateless && flow_begin_server(call) < 0) {
		refuse_room(call);
		return;
	}
	struct route_start start = {.kept = call->kept,
				    .view = &call->view,
				    .arena = &call->arena,
				    .server = call->server,
				    .in = &call->in,
				    .loop_hash = call->loop_hash,
				    .user = call};
	call->ctx = route_begin(w->route, &start);
	if (!call->ctx) {
		flow_count(w, FLOW_NO_MEMORY);
		refuse_with(call, 500, SV(""));
		return;
	}
	call->server = NULL; /* the context's now */
	let_in(call);
	if (!add_targets(call)) {
		struct sip_response r = {.status = 500};
		route_refuse(call->ctx, &r);
		return;
	}
	route_go(call->ctx);
}

/* ---- requests for ourselves ---- */

/* OPTIONS (§11.2): what we can do; small, because anybody may ask. As a user agent we serve no extension. */
static void answer_options(struct call *call)
{
	static const struct sip_extra extra[] = {
		{.id = SIP_H_ALLOW, .value = ALLOW},
		{.id = SIP_H_ACCEPT, .value = SV_INIT("application/sdp")},
		{.id = SIP_H_SUPPORTED, .value = SV_INIT("")},
	};
	struct sip_response r = {
		.status = 200, .extra = extra, .extras = sizeof(extra) / sizeof(extra[0])};
	struct sip_where at;
	const struct sip_token *type = sip_content_type(call->kept->msg, &at);
	struct sv encoding = sip_value(call->kept->msg, SIP_H_CONTENT_ENCODING);
	struct sip_extra accept = {.id = SIP_H_ACCEPT, .value = SV("application/sdp")};
	struct sip_extra identity = {.id = SIP_H_ACCEPT_ENCODING, .value = SV("identity")};

	if (type && !sv_ieq(type->value, SV("application/sdp")))
		r = (struct sip_response){.status = 415, .extra = &accept, .extras = 1};
	else if (encoding.n && !sv_ieq(encoding, SV("identity")))
		r = (struct sip_response){.status = 415, .extra = &identity, .extras = 1};
	refuse(call, &r);
}

/* All option tags of all lines, as far as they fit. False when one of them is none. */
static bool put_required(struct put *t, struct sip_msg *msg)
{
	struct sip_each each;
	struct sip_token tag;

	sip_each_start(&each, msg, SIP_H_REQUIRE);
	while (sip_each_token(&each, &tag)) {
		if (!lex_is_token(tag.value))
			return false;
		if (t->n + 2 + tag.value.n > t->cap)
			continue;
		put(t, t->n ? SV(", ") : SV(""));
		put(t, tag.value);
	}
	return !each.at.fault && t->n > 0;
}

/* Require of a request that ends here (§8.2.2.3): we serve no extension as a user agent. */
static bool unsupported(struct call *call)
{
	struct sip_msg *msg = call->kept->msg;
	char tags[UNSUPPORTED_MAX];
	struct put t = PUT_IN(tags);

	if (!sip_has(msg, SIP_H_REQUIRE) || msg->method == SIP_METHOD_CANCEL)
		return false;
	if (!put_required(&t, msg)) {
		refuse_with(call, 400, SV("Bad Require"));
		return true;
	}
	struct sip_extra extra = {.id = SIP_H_UNSUPPORTED, .value = put_text(&t)};
	struct sip_response r = {.status = 420, .extra = &extra, .extras = 1};
	refuse(call, &r);
	return true;
}

/* What is asked of ourselves: the method is looked at first, Require next (§8.2.1, §8.2.2). */
static void serve(struct call *call)
{
	const struct sip_msg *msg = call->kept->msg;

	if (msg->method != SIP_METHOD_OPTIONS)
		refuse_allow(call, msg->method == SIP_METHOD_OTHER ? 501 : 405);
	else if (!unsupported(call))
		answer_options(call);
}

/* Nobody took it. */
static void unserved(struct call *call)
{
	struct sip_msg *msg = call->kept->msg;
	struct sip_where at;
	const struct sip_uri *uri = sip_view_uri(&call->view, &at);

	if (call->in.elsewhere) { /* F-1: its token opened, but leads to somebody else */
		refuse_with(call, 403, SV("Not The Remote Target"));
		return;
	}
	if (msg->method == SIP_METHOD_CANCEL) { /* of nothing here, and nobody wants it */
		refuse_with(call, 481, SV(""));
		return;
	}
	if (call->request
		    .stray) { /* F-4: what says it is in a dialog and is not was taken for new, and nobody wants it */
		refuse_with(call, 481, SV(""));
		return;
	}
	if (!call->request.to_us || (uri && uri->has_user && msg->method != SIP_METHOD_REGISTER)) {
		refuse_with(call, 404, SV(""));
		return;
	}
	serve(call);
}

/* ---- phases ---- */

void flow_targeted(struct call *call, struct mg_verdict verdict)
{
	if (settled(call, verdict))
		return;
	if (call->request.n_targets == 0)
		unserved(call);
	else
		forward(call);
}

void flow_requested(struct call *call, struct mg_verdict verdict)
{
	struct mg_request *r = &call->request;
	struct sip_where at;

	if (settled(call, verdict))
		return;
	if (call->in.elsewhere && r->source.known) /* a hook believed it */
		call->in.in_dialog = r->in_dialog = true;
	if (call->in.in_dialog) {
		forward(call);
		return;
	}
	if (call->in.preloaded && !r->source.known) { /* F-3 */
		refuse_with(call, 403, SV("Preloaded Route"));
		return;
	}
	const struct sip_uri *uri = sip_view_uri(&call->view, &at);
	if (call->in.routed)
		forward(call);
	else if (r->to_us && uri && !uri->has_user) /* there is no target in ourselves */
		unserved(call);
	else
		flow_targeted(call, chain_target(r));
}

/* §16.3: what is answered before anybody is asked. Returns whether the call goes on. */
static bool validate(struct call *call)
{
	struct sip_msg *msg = call->kept->msg;
	struct sip_where at;
	const struct sip_number *hops = sip_max_forwards(msg, &at);

	if (hops && hops->value == 0 && msg->method != SIP_METHOD_ACK) {
		if (msg->method == SIP_METHOD_OPTIONS)
			serve(call); /* as if it were for us (§11) */
		else
			refuse_with(call, 483, SV(""));
		return false;
	}
	if (route_looped(call->worker->route, msg, &call->loop_hash)) {
		refuse_with(call, 482, SV(""));
		return false;
	}
	return true;
}

static void note_dialog(struct call *call)
{
	struct mg_request *r = &call->request;
	const struct running *running = call->running;
	struct sip_where at;
	const struct sip_nameaddr *to = sip_to(call->kept->msg, &at);

	/* A token proves that there is a dialog, not that a stranger may send something anywhere in it: F-1, F-3. */
	call->in.stranger = !r->source.known;
	call->in.elsewhere = call->in.in_dialog && call->in.stranger &&
			     !route_to_remote(call->worker->route, &call->view, &call->in);
	if (call->in.elsewhere) {
		flow_count(call->worker, FLOW_ELSEWHERE);
		call->in.in_dialog = false;
		call->in.preloaded = call->in.routed;
	}
	r->in_dialog = call->in.in_dialog;
	r->from_caller = call->in.from_caller;
	r->to_us = call->in.to_us;
	r->stray = !call->in.in_dialog && to && to->tag.n > 0;
	r->dialog_zone = call->in.in_dialog ? running_zone(running, call->in.zone) : NULL;
}

static void begin(struct worker *w, struct tp_rx *rx)
{
	struct tp_kept *kept = tp_rx_keep(rx);
	struct call *call = kept ? call_new(w, kept) : NULL;

	if (!call) {
		flow_count(w, FLOW_NO_MEMORY);
		return;
	}
	int marked = route_mark_via(&call->view, &kept->flow);
	if (marked < 0) {
		if (marked == MG_ENOSPC)
			refuse_with(call, 400, SV("Via Too Long"));
		else
			refuse_with(call, 500, SV(""));
		return;
	}
	if (!validate(call))
		return;
	int status = route_preprocess(w->route, &call->view, &call->in);
	if (call->in.bad_token)
		chain_offence(&w->mg, &call->request.source, MG_OFFENCE_TOKEN);
	if (status) {
		refuse_with(call, (unsigned)status, SV(""));
		return;
	}
	note_dialog(call);
	if (!call->in.in_dialog &&
	    !flow_admit_unproven(w, kept->msg, &kept->flow, &call->request.source)) {
		refuse_room(call);
		return;
	}
	flow_requested(call, chain_request(&call->request));
}

/* ---- ACK and CANCEL ---- */

static void ack(struct worker *w, struct tp_rx *rx)
{
	if (route_own_ack(w->route, rx->msg))
		return; /* of a refusal that nothing is kept of */
	txn_ack_passes(w->txn, rx->msg);
	begin(w, rx);
}

/* Of an INVITE that is not known here (§16.10): who may send requests on may have that sent on too, as it comes; strangers are told so, within T-10. In stateless mode the
 * INVITE went on without state, so does this (§16.11). */
static void cancel_of_none(struct worker *w, struct tp_rx *rx)
{
	static const struct sip_response none = {.status = 481};

	if (w->running->stateless || flow_source(w, &rx->flow).known)
		begin(w, rx);
	else
		flow_answer(w, rx->msg, &rx->flow, &none, false);
}

/* `server`: the INVITE's; NULL when it is somebody else's. */
static void cancel(struct worker *w, struct tp_rx *rx, struct txn_server *server)
{
	struct sip_response r = {.status = server ? 200 : 481};
	struct call *call = server ? txn_server_user(server) : NULL;
	struct sv reason = sip_value(rx->msg, SIP_H_REASON);

	flow_answer(w, rx->msg, &rx->flow, &r, server != NULL);
	if (!call || call->cancelled || call->kept->msg->method != SIP_METHOD_INVITE)
		return;
	call->cancelled = true;
	if (call->ctx) {
		route_cancel(call->ctx, reason);
		return;
	}
	chain_cancel(&call->request);
	refuse_with(call, 487, SV(""));
}

/* Refused only now: a retransmission is its transaction's business, however much there is to do, and an ACK or CANCEL belongs to one that was let in. */
static void no_room(struct worker *w, struct tp_rx *rx)
{
	struct mg_source source = flow_source(w, &rx->flow);

	flow_refuse_overload(w, rx, &source);
}

void flow_dispatch(struct worker *w, struct tp_rx *rx, bool admitted)
{
	struct txn_server *server = NULL;

	switch (txn_request(w->txn, rx, &server)) {
	case TXN_ABSORBED: return;
	case TXN_CANCEL: cancel(w, rx, server); return;
	case TXN_NEW:
		if (rx->msg->method == SIP_METHOD_ACK)
			ack(w, rx);
		else if (rx->msg->method == SIP_METHOD_CANCEL)
			cancel_of_none(w, rx);
		else if (admitted)
			begin(w, rx);
		else
			no_room(w, rx);
	}
}
