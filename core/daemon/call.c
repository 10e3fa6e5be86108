/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * call: making and freeing of calls. What happens to them is flow_request.c's.
 */
#include "daemon/flow.h"

#include <stdlib.h>

struct call *call_new(struct worker *w, struct tp_kept *kept)
{
	struct call *call = w->spare;

	if (call) {
		w->spare = call->next_spare;
		w->spares--;
	} else {
		call = malloc(sizeof(*call));
	}
	if (!call) {
		tp_kept_free(kept);
		return NULL;
	}
	struct mg_source source = flow_source(w, &kept->flow);
	call->worker = w;
	call->running = w->running;
	call->kept = kept;
	call->in = (struct route_in){.zone = TP_ANY_ZONE};
	call->loop_hash = 0;
	call->server = NULL;
	call->ctx = NULL;
	call->cancelled = false;
	call->crowded = false;
	arena_init_buf(&call->arena, call->room, sizeof(call->room), CALL_CHUNK, CALL_MAX);
	sip_view_init(&call->view, kept->msg, &call->arena);
	chain_request_init(&call->request, &w->mg, kept->msg, &call->view, &call->arena, &source);
	call->request.user = call;
	generation_ref(&call->running->generation, w->index);
	list_append(&w->calls, &call->link);
	w->n_calls++;
	stats_add(w->node->flow_stats, w->index, FLOW_CALLS, 1);
	return call;
}

void call_free(struct call *call)
{
	struct worker *w = call->worker;

	chain_request_done(&call->request);
	if (call->server)
		txn_server_unref(call->server);
	arena_done(&call->arena);
	tp_kept_free(call->kept);
	list_remove(&call->link);
	w->n_calls--;
	stats_add(w->node->flow_stats, w->index, FLOW_CALLS, -(uint64_t)1);
	generation_unref(&call->running->generation, w->index);
	if (w->spares >= CALL_SPARES) {
		free(call);
		return;
	}
	call->next_spare = w->spare;
	w->spare = call;
	w->spares++;
}

void call_spares_free(struct worker *w)
{
	while (w->spare) {
		struct call *call = w->spare;

		w->spare = call->next_spare;
		free(call);
	}
	w->spares = 0;
}
