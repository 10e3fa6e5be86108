/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow: the way of a message into the process, top to bottom: source, form, MESSAGE hooks, overload, and the worker it belongs to. Requests go on in
 * flow_request.c, responses in the transactions and the router. What is dropped here is counted here.
 */
#include "daemon/flow.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/letter.h"

const struct stats_desc flow_stats_desc[FLOW_STATS] = {
#define FLOW_STAT_ROW(sym, name_, kind_, help_) \
	[FLOW_##sym] = {.name = (name_), .help = (help_), .kind = STATS_##kind_},
	FLOW_STATS_TABLE(FLOW_STAT_ROW)};

struct mg_source flow_source(const struct worker *w, const struct tp_flow *flow)
{
	const struct running *r = w->running;
	struct mg_source source = {.addr = flow->peer,
				   .transport = flow->transport,
				   .proven = flow->proven,
				   .listener = flow->listener};

	source.zone = running_zone(r, flow->zone);
	source.known = flow->certified || chain_known_in(r->chain, &flow->peer, source.zone);
	return source;
}

/* ---- before the parser ---- */

/* What may have killed a process before (O-2): by its first bytes if that was in the parser (`bytes` is not empty), else by its Call-ID. */
static bool quarantined(const struct worker *w, const struct addr *peer, struct sv bytes,
			uint64_t call_hash)
{
	unsigned n = atomic_load_explicit(&w->node->quarantined, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		const struct quarantine *q = &w->node->quarantine[i];

		if ((q->head > 0) != (bytes.n > 0) || !addr_host_eq(&q->source, peer) ||
		    loop_now_ms(w->loop) >= q->until_ms)
			continue;
		if (q->head ? poison_is(bytes, q->head, q->hash) : q->hash == call_hash)
			return true;
	}
	return false;
}

static enum tp_verdict on_look(void *arg, const struct tp_flow *flow, struct sv bytes)
{
	struct worker *w = arg;

	poison_begin(w->poison, &flow->peer, bytes);
	if (!quarantined(w, &flow->peer, bytes, 0))
		return TP_PASS;
	poison_end(w->poison);
	flow_count(w, FLOW_DROP_QUARANTINE);
	return TP_DROP;
}

static void on_looked(void *arg)
{
	const struct worker *w = arg;

	poison_end(w->poison);
}

static enum tp_verdict on_arrival(void *arg, const struct tp_flow *flow, size_t len)
{
	struct worker *w = arg;
	struct mg_source source = {.addr = flow->peer,
				   .zone = running_zone(w->running, flow->zone),
				   .transport = flow->transport,
				   .proven = flow->proven,
				   .listener = flow->listener};

	return chain_arrival(&w->mg, &source, len).kind == MG_NEXT ? TP_PASS : TP_DROP;
}

/* ---- answers without a call ---- */

void flow_answer(struct worker *w, struct sip_msg *msg, const struct tp_flow *flow,
		 const struct sip_response *response, bool owed)
{
	struct mg_source source = flow_source(w, flow);
	struct sip_view view;
	size_t size_max = 0;

	if (!owed && !chain_may_answer(&w->mg, &source, msg->len, &size_max)) {
		flow_count(w, FLOW_DROP_ANSWER);
		return;
	}
	arena_reset(&w->scratch);
	sip_view_init(&view, msg, &w->scratch);
	if (route_mark_via(&view, flow) < 0 ||
	    route_answer(w->route, &view, flow, response, NULL, size_max) < 0)
		flow_count(w, FLOW_DROP_ANSWER);
	else
		flow_count(w, FLOW_ANSWERED);
}

static void log_malformed(struct worker *w, const struct tp_rx *rx, const struct sip_where *at,
			  unsigned status)
{
	struct log_line l;
	uint64_t n;

	if (!log_limit_pass(&w->log_malformed, loop_now_ms(w->loop), &n))
		return;
	log_begin(&l, LOG_INFO, "sec", "malformed");
	log_addr(&l, "src", &rx->flow.peer);
	log_str(&l, "tr", sip_transport_name(rx->flow.transport));
	log_sv(&l, "m", rx->msg->kind == SIP_KIND_REQUEST ? sip_method_text(rx->msg) : SV("-"));
	log_str(&l, "why", sip_fault_token(at->fault));
	log_u64(&l, "off", at->off);
	if (status)
		log_u64(&l, "act", status);
	else
		log_str(&l, "act", "drop");
	log_u64(&l, "proof", rx->flow.proven);
	log_u64(&l, "n", n);
	log_end(&l);
}

/* The answer rule: a malformed request is answered when what an answer is made of is well formed, a response never. */
static void malformed(struct worker *w, struct tp_rx *rx, const struct sip_where *at)
{
	bool answer = rx->msg->kind == SIP_KIND_REQUEST && sip_answerable(rx->msg);
	unsigned status = answer ? sip_fault_status(at->fault) : 0;
	struct mg_source source = flow_source(w, &rx->flow);

	flow_count(w, FLOW_MALFORMED);
	log_malformed(w, rx, at, status);
	chain_offence(&w->mg, &source,
		      at->fault == SIP_FAULT_NOT_SIP ? MG_OFFENCE_NOT_SIP : MG_OFFENCE_MALFORMED);
	if (!answer) {
		flow_count(w, FLOW_MALFORMED_DROP);
		return;
	}
	struct sip_response r = {.status = status, .reason = sv_str(sip_fault_text(at))};
	flow_answer(w, rx->msg, &rx->flow, &r, false);
}

static void on_not_sip(void *arg, const struct tp_flow *flow)
{
	struct worker *w = arg;
	struct mg_source source = flow_source(w, flow);

	chain_offence(&w->mg, &source, MG_OFFENCE_NOT_SIP);
}

/* ---- which worker ---- */

static uint64_t call_hash(const struct worker *w, const struct sip_msg *msg)
{
	struct sv id = sip_call_id(msg);

	return siphash_13(&w->node->owner_key, id.p, id.n);
}

/* Datagrams of a dialog come again by themselves, later; a stream would wait 32 s for an answer. */
static void refuse_moving(struct worker *w, struct tp_rx *rx)
{
	struct mg_source source = flow_source(w, &rx->flow);

	if (rx->msg->kind != SIP_KIND_REQUEST || rx->msg->method == SIP_METHOD_ACK)
		return;
	/* nor is a retransmission of what was let in answered by anybody but its transaction */
	if (!rx->flow.proven && (flow_class(w, rx->msg, &source) == OVERLOAD_DIALOG ||
				 flow_lately(w, call_hash(w, rx->msg))))
		return;
	flow_refuse_overload(w, rx, &source);
}

/* Hand a message over. Returns whether it is on its way. */
static bool move(struct worker *w, struct tp_rx *rx, unsigned to, enum overload_class class_,
		 enum letter_kind kind)
{
	struct tp_kept *kept = tp_rx_keep(rx);

	if (!kept) {
		flow_count(w, FLOW_NO_MEMORY);
		return false;
	}
	/* How long it waited in the socket is measured here; what it waits in the mailbox the owner measures. */
	kept->at_us = loop_now_us(w->loop);
	if (mailbox_send(w->node->mailbox, w->index, to, class_, letter_seal(kept, kind)) < 0) {
		flow_count(w, FLOW_MOVED_LOST);
		refuse_moving(w, rx);
		tp_kept_free(kept);
		return false;
	}
	flow_count(w, FLOW_MOVED);
	return true;
}

/* To the owner of the call. Overload is judged here, so that what is refused costs its owner nothing; but whether something is a retransmission of what was let in only
 * the transactions know, and these the owner has: what may be one goes there in any case. */
static void to_owner(struct worker *w, struct tp_rx *rx, const struct mg_source *source,
		     uint64_t hash, unsigned owner)
{
	enum overload_class class_ = flow_class(w, rx->msg, source);
	bool datagram = !rx->flow.proven, admitted = flow_admit(w, class_, owner);

	/* A datagram listener that a reload took away, and whose address no other one has, goes on for what is under way on it (worker.c). A new request is refused as
	 * while draining: its sender goes elsewhere before nobody answers here any more. Connections of a stream listener that is gone are served as before. */
	if (datagram && class_ != OVERLOAD_DIALOG && tp_listener_gone(w->tp, rx->flow.listener))
		admitted = false;

	if (owner == w->index) {
		flow_dispatch(w, rx, admitted);
	} else if (admitted) {
		if (move(w, rx, owner, class_, LETTER_MESSAGE) && datagram &&
		    class_ != OVERLOAD_DIALOG)
			flow_lately_add(w, hash);
	} else if (datagram && flow_lately(w, hash)) {
		(void)move(w, rx, owner, class_, LETTER_AGAIN);
	} else {
		flow_refuse_overload(w, rx, source);
	}
}

/* ---- requests ---- */

/* MESSAGE hooks. Returns whether the request goes on. */
static bool message_hooks(struct worker *w, struct tp_rx *rx, const struct mg_source *source)
{
	struct mg_request r;

	chain_request_init(&r, &w->mg, rx->msg, NULL, NULL, source);
	struct mg_verdict v = chain_message(&r);
	if (v.kind == MG_REJECT && rx->msg->kind == SIP_KIND_REQUEST &&
	    rx->msg->method != SIP_METHOD_ACK) {
		struct chain_refusal refusal;

		chain_refuse(&refusal, &r, v);
		flow_answer(w, rx->msg, &rx->flow, &refusal.response, false);
	} else if (v.kind != MG_NEXT) {
		flow_count(w, FLOW_DROP_MESSAGE);
	}
	chain_request_done(&r);
	return v.kind == MG_NEXT;
}

/* On the worker that has the connection. */
static void hear_alias(struct worker *w, struct tp_rx *rx)
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(rx->msg, &at);

	if (via && via->has_alias)
		tp_conn_alias(w->tp, rx->flow.conn, via);
}

static void on_request(struct worker *w, struct tp_rx *rx)
{
	struct mg_source source = flow_source(w, &rx->flow);
	uint64_t hash = call_hash(w, rx->msg);
	unsigned owner = (unsigned)(hash % w->node->workers);

	flow_count(w, FLOW_REQUESTS);
	poison_call(w->poison, hash);
	if (quarantined(w, &rx->flow.peer, SV(""), hash)) {
		flow_count(w, FLOW_DROP_QUARANTINE);
		return;
	}
	if (!message_hooks(w, rx, &source))
		return;
	if (rx->flow.trusted_tls)
		hear_alias(w, rx);
	to_owner(w, rx, &source, hash, owner);
}

/* ---- responses ---- */

static void deliver_response(struct worker *w, struct tp_rx *rx)
{
	if (!txn_response(w->txn, rx) && !route_stateless_response(w->route, rx))
		flow_count(w, FLOW_DROP_RESPONSE);
}

static void on_response(struct worker *w, struct tp_rx *rx)
{
	struct sip_where at;
	const struct sip_via *via = sip_top_via(rx->msg, &at);
	unsigned owner;
	uint64_t loop;

	flow_count(w, FLOW_RESPONSES);
	poison_call(w->poison, call_hash(w, rx->msg));
	if (via && txn_branch_read(via->branch, &owner, &loop) && owner != w->index &&
	    owner < w->node->workers)
		(void)move(w, rx, owner, OVERLOAD_DIALOG, LETTER_MESSAGE);
	else
		deliver_response(w, rx);
}

static void on_message(void *arg, struct tp_rx *rx)
{
	struct worker *w = arg;
	struct sip_where at = rx->at;

	flow_measure(w, rx->at_us);
	if (rx->err < 0 || sip_check(rx->msg, &at) < 0)
		malformed(w, rx, &at);
	else if (rx->msg->kind == SIP_KIND_RESPONSE)
		on_response(w, rx);
	else
		on_request(w, rx);
}

/* ---- between workers ---- */

/* `admitted`: whether something new may begin with it. */
static void on_letter_message(struct worker *w, struct tp_kept *kept, bool admitted)
{
	struct tp_rx rx = {.msg = kept->msg,
			   .buf = kept->buf,
			   .flow = kept->flow,
			   .at_us = kept->at_us,
			   .kept = kept};

	poison_begin(w->poison, &kept->flow.peer, SV(""));
	poison_call(w->poison, call_hash(w, kept->msg));
	flow_measure(w, kept->at_us);
	if (kept->msg->kind == SIP_KIND_RESPONSE)
		deliver_response(w, &rx);
	else
		flow_dispatch(w, &rx, admitted);
	tp_kept_free(rx.kept); /* NULL when somebody keeps it */
	poison_end(w->poison);
}

static void free_call(struct letter_call *call)
{
	free(call);
}

void flow_letter(void *arg, void *letter)
{
	struct worker *w = arg;
	struct letter_call *call;
	struct letter_lost *lost;

	switch (letter_kind(letter)) {
	case LETTER_MESSAGE: on_letter_message(w, letter_open(letter), true); return;
	case LETTER_AGAIN: on_letter_message(w, letter_open(letter), false); return;
	case LETTER_BYTES: tp_receive_letter(w->tp, letter_open(letter)); return;
	case LETTER_CALL:
		call = letter_open(letter);
		call->fn(call->arg, call->n);
		free_call(call);
		return;
	case LETTER_LOST:
		lost = letter_open(letter);
		txn_lost(w->txn, sv_of(lost->bytes, lost->n), lost->err);
		free(lost);
	}
}

void flow_letter_drop(void *letter)
{
	switch (letter_kind(letter)) {
	case LETTER_MESSAGE:
	case LETTER_AGAIN: tp_kept_free(letter_open(letter)); return;
	case LETTER_BYTES: tp_letter_free(letter_open(letter)); return;
	case LETTER_CALL: free_call(letter_open(letter)); return;
	case LETTER_LOST: free(letter_open(letter));
	}
}

static int on_tp_letter(void *arg, unsigned to, struct tp_letter *letter)
{
	struct worker *w = arg;

	if (to >= w->node->workers)
		return MG_ENOENT;
	return mailbox_send(w->node->mailbox, w->index, to, 0, letter_seal(letter, LETTER_BYTES));
}

/* ---- what became of what was sent ---- */

/* Workers' sockets share a port, and the kernel gives an error to any of them. */
static void on_unreachable(void *arg, const struct addr *peer, int err, struct sv quoted)
{
	struct worker *w = arg;
	unsigned owner;

	(void)peer;
	if (!txn_lost_worker(quoted, &owner) || owner >= w->node->workers)
		return;
	if (owner == w->index) {
		txn_lost(w->txn, quoted, err);
		return;
	}
	struct letter_lost *lost = malloc(sizeof(*lost) + quoted.n);
	if (!lost)
		return; /* its timers tell the same, later */
	lost->err = err;
	lost->n = (uint32_t)quoted.n;
	memcpy(lost->bytes, quoted.p, quoted.n);
	if (mailbox_send(w->node->mailbox, w->index, owner, LETTER_KINDS - 1,
			 letter_seal(lost, LETTER_LOST)) < 0)
		free(lost);
}

static void on_lost(void *arg, struct sv bytes, int err)
{
	struct worker *w = arg;

	txn_lost(w->txn, bytes, err);
}

/* Flows that name it are asked for when they are used: nothing is kept by connection here. */
static void on_closed(void *arg, tp_conn conn)
{
	(void)arg;
	(void)conn;
}

static enum tp_verdict on_sending(void *arg, const struct tp_flow *to, struct sv bytes)
{
	struct worker *w = arg;
	const struct mg_sending sending = {.bytes = bytes,
					   .peer = to->peer,
					   .local = to->local,
					   .zone = running_zone(w->running, to->zone),
					   .transport = to->transport};

	return chain_send(&w->mg, &sending).kind == MG_NEXT ? TP_PASS : TP_DROP;
}

const struct tp_events flow_tp_events = {
	.arrival = on_arrival,
	.look = on_look,
	.looked = on_looked,
	.message = on_message,
	.not_sip = on_not_sip,
	.unreachable = on_unreachable,
	.letter = on_tp_letter,
	.lost = on_lost,
	.closed = on_closed,
	.sending = on_sending,
};
