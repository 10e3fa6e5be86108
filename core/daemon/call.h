/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * call: a request being handled in its owner's worker, from its first REQUEST hook to its final response: the message, its edits, what modules know of it, and the
 * router's context. One piece of memory, used again for the next.
 */
#ifndef MG_DAEMON_CALL_H
#define MG_DAEMON_CALL_H

#include "daemon/node.h"

/* Enough for the views and texts of a usual call with one branch; more is taken from malloc. */
#define CALL_ROOM   6144
#define CALL_CHUNK  8192
#define CALL_MAX    1048576 /* bytes that one request may take in all */
#define CALL_SPARES 256     /* freed ones that a worker keeps */

struct call {
	struct mg_request request; /* first */
	struct worker *worker;
	struct running *running; /* the configuration it began with */
	struct list link;
	struct tp_kept *kept;
	struct arena arena;
	struct sip_view view;
	struct route_in in;
	uint64_t loop_hash;
	struct txn_server *server; /* ours until the router's context takes it */
	struct route_context *ctx;
	struct call *next_spare;
	bool cancelled;
	bool crowded; /* there is no room for its transaction */
	_Alignas(16) char room[CALL_ROOM];
};

/* Begin one with a message, which becomes its own. NULL without memory (the message is freed). */
MG_MUST_CHECK struct call *call_new(struct worker *w, struct tp_kept *kept);
/* End it: FINAL hooks have run. */
void call_free(struct call *call);
/* Free what a worker keeps for reuse. */
void call_spares_free(struct worker *w);

#endif
