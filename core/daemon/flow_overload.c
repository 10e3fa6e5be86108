/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow_overload: overload control in the way of a message: how long it waited, which class it is of, whether there is room, and the refusal. The controller itself is
 * overload.c's. Called by flow.c and flow_request.c.
 */
#include "daemon/flow.h"

#include <string.h>

/* ---- how long messages wait ---- */

static void publish(struct worker *w)
{
	atomic_store_explicit(&w->node->level[w->index].level,
			      (unsigned)(w->overload.level * OVERLOAD_LEVEL_ONE),
			      memory_order_relaxed);
}

/* As long as it refuses: a worker that gets nothing any more, because others know that it has too much, would stay at that. */
static void on_relax(struct wheel_timer *t, uint64_t now_ms)
{
	struct worker *w = container_of(t, struct worker, relax);
	uint64_t now = loop_now_us(w->loop);

	if (w->overload.n == 0 && now - w->overload.interval_us >= OVERLOAD_INTERVAL_US)
		overload_seen(&w->overload, &w->running->overload, now, 0, txn_load(w->txn));
	publish(w);
	if (w->overload.level < OVERLOAD_CLASSES)
		wheel_add(loop_wheel(w->loop), t, now_ms + OVERLOAD_INTERVAL_US / 1000);
}

void flow_overload_init(struct worker *w)
{
	overload_init(&w->overload);
	wheel_timer_init(&w->relax, on_relax);
	publish(w);
}

void flow_measure(struct worker *w, uint64_t at_us)
{
	uint64_t now = loop_now_us(w->loop);
	/* what waited in the sockets while there was no process is no queue of ours */
	uint64_t since = at_us > w->since_us ? at_us : w->since_us;

	overload_seen(&w->overload, &w->running->overload, now, now > since ? now - since : 0,
		      txn_load(w->txn));
	if (w->overload.interval_us != now)
		return;
	publish(w);
	if (w->overload.level < OVERLOAD_CLASSES)
		wheel_add(loop_wheel(w->loop), &w->relax,
			  loop_now_ms(w->loop) + OVERLOAD_INTERVAL_US / 1000);
}

/* ---- what is refused, and how ---- */

static bool is_emergency(const struct worker *w, struct sip_msg *msg)
{
	const struct settings *s = &w->running->loaded->settings;
	const char *const *what = s->overload.emergency.items;
	struct sip_where at;
	const struct sip_uri *uri = sip_request_uri(msg, &at);

	for (size_t i = 0; uri && i < s->overload.emergency.n; i++) {
		struct sv text = sv_str(what[i]);

		if (uri->scheme == SIP_SCHEME_URN ? sv_starts(uri->text, text)
						  : sv_eq(uri->user, text))
			return true;
	}
	return false;
}

static bool claims_dialog(struct sip_msg *msg)
{
	struct sip_where at;
	const struct sip_nameaddr *to;

	switch (msg->method) {
	case SIP_METHOD_ACK:
	case SIP_METHOD_BYE:
	case SIP_METHOD_CANCEL:
	case SIP_METHOD_PRACK: return true;
	default: to = sip_to(msg, &at); return to && to->tag.n;
	}
}

/* Of a request that is in no dialog. */
static enum overload_class class_of_new(const struct worker *w, struct sip_msg *msg,
					const struct mg_source *source)
{
	if (msg->method == SIP_METHOD_INVITE) {
		if (is_emergency(w, msg))
			return OVERLOAD_EMERGENCY;
		return source->known || (source->zone && source->zone->trust == MG_CARRIER)
			       ? OVERLOAD_TRUNK
			       : OVERLOAD_USER;
	}
	if (msg->method == SIP_METHOD_REGISTER)
		return source->known ? OVERLOAD_REFRESH : OVERLOAD_REGISTER;
	return OVERLOAD_REST;
}

enum overload_class flow_class(const struct worker *w, struct sip_msg *msg,
			       const struct mg_source *source)
{
	return claims_dialog(msg) ? OVERLOAD_DIALOG : class_of_new(w, msg, source);
}

/* Phones take a 503 for a dead server and stop; a 480 is an answer to this call. */
bool flow_refusal(struct worker *w, const struct sip_msg *msg, const struct mg_source *source,
		  struct flow_refusal *refusal)
{
	bool phone = source->zone && source->zone->trust == MG_PHONES &&
		     msg->method == SIP_METHOD_INVITE;
	size_t n = 0, room = sizeof(refusal->seconds);

	if (!source->known && !source->proven && w->overload.level < OVERLOAD_USER) {
		flow_count(w, FLOW_OVERLOAD_DROP);
		return false;
	}
	for (uint32_t v = overload_retry_after(&w->overload, &w->running->overload);
	     v > 0 || n == 0; v /= 10)
		refusal->seconds[room - ++n] = (char)('0' + v % 10);
	refusal->extra = (struct sip_extra){.id = SIP_H_RETRY_AFTER,
					    .value = sv_of(refusal->seconds + room - n, n)};
	refusal->response = (struct sip_response){
		.status = phone ? 480 : 503, .extra = &refusal->extra, .extras = 1};
	return true;
}

void flow_count_refused(struct worker *w)
{
	bool draining = atomic_load_explicit(&w->stop, memory_order_relaxed);

	flow_count(w, draining                  ? FLOW_REFUSED_DRAINING
		      : w->overload.memory_full ? FLOW_REFUSED_MEMORY
						: FLOW_OVERLOAD);
}

void flow_refuse_overload(struct worker *w, struct tp_rx *rx, const struct mg_source *source)
{
	struct flow_refusal refusal;

	if (!flow_refusal(w, rx->msg, source, &refusal))
		return;
	flow_count_refused(w);
	flow_answer(w, rx->msg, &rx->flow, &refusal.response, false);
}

bool flow_admit(struct worker *w, enum overload_class class_, unsigned owner)
{
	/* Draining: calls that are there go on, new ones are told to go elsewhere (C-13). */
	if (class_ != OVERLOAD_DIALOG && atomic_load_explicit(&w->stop, memory_order_relaxed))
		return false;
	unsigned level = atomic_load_explicit(&w->node->level[owner].level, memory_order_relaxed);
	return overload_admit_to(&w->overload, class_, (double)level / OVERLOAD_LEVEL_ONE);
}

bool flow_admit_unproven(struct worker *w, struct sip_msg *msg, const struct tp_flow *flow,
			 const struct mg_source *source)
{
	/* anything else was judged as what it is when it came (flow.c) */
	if (msg->method == SIP_METHOD_ACK || msg->method == SIP_METHOD_CANCEL ||
	    !claims_dialog(msg))
		return true;
	if (!flow->proven && tp_listener_gone(w->tp, flow->listener))
		return false;
	return flow_admit(w, class_of_new(w, msg, source), w->index);
}

/* ---- calls lately handed to their owners ---- */

void flow_lately_add(struct worker *w, uint64_t call_hash)
{
	uint64_t *set = w->lately[call_hash / TP_WORKERS_MAX % FLOW_LATELY];

	for (unsigned i = 0; i < FLOW_LATELY_WAYS; i++)
		if (set[i] == call_hash)
			return;
	memmove(set + 1, set, (FLOW_LATELY_WAYS - 1) * sizeof(*set));
	set[0] = call_hash;
}

bool flow_lately(const struct worker *w, uint64_t call_hash)
{
	const uint64_t *set = w->lately[call_hash / TP_WORKERS_MAX % FLOW_LATELY];
	bool found = false;

	for (unsigned i = 0; i < FLOW_LATELY_WAYS; i++)
		found = found || set[i] == call_hash;
	return found;
}
