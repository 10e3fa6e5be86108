/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow: what the files of the path share: flow.c (a message comes in), flow_request.c (a request on its owner), flow_events.c (what router and modules call back).
 */
#ifndef MG_DAEMON_FLOW_H
#define MG_DAEMON_FLOW_H

#include "daemon/call.h"

/* A request that passed form and MESSAGE hooks, on the worker that owns its call. Not `admitted`: for something new there is no room, and it is refused; what belongs
 * to a transaction goes there. */
void flow_dispatch(struct worker *w, struct tp_rx *rx, bool admitted);

/* ---- flow_overload.c ---- */

void flow_overload_init(struct worker *w);
/* A message that came, or was handed over by another worker, at `at_us` is being handled. */
void flow_measure(struct worker *w, uint64_t at_us);
/* Where a request stands in X-9's order by what it says of itself: a To tag, or a method that only calls have, counts as a dialog. */
enum overload_class flow_class(const struct worker *w, struct sip_msg *msg,
			       const struct mg_source *source);
/* Whether this worker, and the one that owns the call, have room for something new of that class. */
bool flow_admit(struct worker *w, enum overload_class class_, unsigned owner);
/* The same, on its owner, for a request that no token has proved to be in a dialog (F-4): what was let in because it said so counts as what it is without. What makes no
 * transaction, ACK and CANCEL, always has room. */
bool flow_admit_unproven(struct worker *w, struct sip_msg *msg, const struct tp_flow *flow,
			 const struct mg_source *source);

/* A refusal for lack of room. */
struct flow_refusal {
	struct sip_response response;
	struct sip_extra extra; /* Retry-After */
	char seconds[12];
};
/* Fill one in. Returns false when strangers get silence, because there is much too much (counted). */
bool flow_refusal(struct worker *w, const struct sip_msg *msg, const struct mg_source *source,
		  struct flow_refusal *refusal);
/* Count what is refused by the controller; tables that are full count for themselves. */
void flow_count_refused(struct worker *w);
/* Refuse statelessly, or say nothing to strangers when there is much too much. */
void flow_refuse_overload(struct worker *w, struct tp_rx *rx, const struct mg_source *source);
/* Note that something new of a call went to its owner, and ask: what comes of that call over datagrams while new work is refused may be a retransmission, which only
 * the owner knows. Forgets the oldest; who is taken for one wrongly is refused by the owner. */
void flow_lately_add(struct worker *w, uint64_t call_hash);
bool flow_lately(const struct worker *w, uint64_t call_hash);

/* Go on with a request after a phase. */
void flow_requested(struct call *call, struct mg_verdict verdict);
void flow_targeted(struct call *call, struct mg_verdict verdict);

/* Answer statelessly what has no call yet, if the source may be answered now (T-10), or in any case when the answer is `owed`: to what belongs to a
 * transaction that was let in. */
void flow_answer(struct worker *w, struct sip_msg *msg, const struct tp_flow *flow,
		 const struct sip_response *response, bool owed);

/* Give the router what modules have added to the call's targets, from number `from` on. Returns how many it took. */
unsigned flow_add_targets(struct call *call, unsigned from);

/* Make the server transaction that is owed from now on. Returns 0, MG_ELIMIT (the call is `crowded` then), or 0 when there is one. */
MG_MUST_CHECK int flow_begin_server(struct call *call);

/* The source of a message as modules see it. */
struct mg_source flow_source(const struct worker *w, const struct tp_flow *flow);

#endif
