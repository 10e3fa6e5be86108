/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * flow: what the files of the path share: flow.c (a message comes in), flow_request.c (a request on its owner), flow_events.c (what router and modules call back).
 */
#ifndef MG_DAEMON_FLOW_H
#define MG_DAEMON_FLOW_H

#include "daemon/call.h"

/* A request that passed form and MESSAGE hooks, on the worker that owns its call. */
void flow_dispatch(struct worker *w, struct tp_rx *rx);

/* Go on with a request after a phase. */
void flow_requested(struct call *call, struct mg_verdict verdict);
void flow_targeted(struct call *call, struct mg_verdict verdict);

/* Answer statelessly what has no call yet, if the source may be answered now (T-10), or in any case when the answer is `owed`: to what belongs to a
 * transaction that was let in. */
void flow_answer(struct worker *w, struct sip_msg *msg, const struct tp_flow *flow,
		 const struct sip_response *response, bool owed);

/* Make the server transaction that is owed from now on. Returns 0, MG_ELIMIT, or 0 when there is one. */
MG_MUST_CHECK int flow_begin_server(struct call *call);

/* The source of a message as modules see it. */
struct mg_source flow_source(const struct worker *w, const struct tp_flow *flow);

#endif
