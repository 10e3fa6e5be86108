/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route: the proxy core of one worker (RFC 3261 §16, RFC 5393, RFC 5658): what is done to a request before it is sent on, the targets it is tried at, serially and
 * in parallel, and which answer goes back. Modules are not known here: whoever connects the rooms gets called at each step that is theirs.
 */
#ifndef MG_ROUTER_ROUTE_H
#define MG_ROUTER_ROUTE_H

#include "base/arena.h"
#include "router/token.h"
#include "sip/build.h"
#include "transaction/txn.h"
#include "transport/resolve.h"

#define ROUTE_TARGETS_MAX 10
#define ROUTE_BREADTH     60 /* Max-Breadth where the request says nothing (RFC 5393 §5.3.3) */

struct route; /* a worker's */

struct route_conf {
	uint32_t timer_c_ms; /* 185 000; more than 180 000 */
	bool record_route;   /* stay in dialogs: true */
	bool recurse;        /* try the Contacts of a 3xx: false */
	uint64_t no_recurse_zones[TP_ZONE_NUMBERS /
				  64]; /* bit i: not of those that come from zone i (F-7) */
	/* By number: token_zone of each zone, 0: of none. */
	uint16_t zone_token[TP_ZONE_NUMBERS];
	unsigned n_zones;
};

struct route_context; /* a request on its way, and its branches */
struct route_branch;

struct route_target {
	struct sv uri;      /* Request-URI to send; empty: the present one */
	struct sv next_hop; /* URI to look up instead of Route or Request-URI; empty: none */
	bool as_route;      /* next_hop goes on top of Route */
	uint16_t q;
	uint16_t zone;    /* to leave by, TP_ANY_ZONE */
	tp_conn flow;     /* a connection to try first, 0: none */
	uint32_t ring_ms; /* from when it is first sent to; 0: timer C */
	void *user;
};

enum route_go { ROUTE_GO, ROUTE_SKIP, ROUTE_WAIT };

struct route_events {
	/* A branch is about to be sent: its view may be edited. WAIT: route_branch_go follows. */
	enum route_go (*branch)(void *arg, struct route_context *ctx, struct route_branch *b);
	/* A branch for which branch() said WAIT is given up before it went on: cancelled, refused, abandoned. route_branch_go does nothing any more. May be
	 * NULL. */
	void (*given_up)(void *arg, struct route_branch *b);
	/* A response is about to go back, of a branch or (b NULL) our own: its view may be edited. `user` is that of the context or answer, NULL for a
	 * response whose request is forgotten. False: it does not go. */
	bool (*reply)(void *arg, void *user, struct route_branch *b, struct sip_view *view);
	/* Whether reply() would look at a response of our own now; NULL: always. When not, it is not parsed for it, and refusals stay cheap. */
	bool (*replies)(void *arg);
	/* All failed with `status`: true when route_add gave more. */
	bool (*failure)(void *arg, struct route_context *ctx, unsigned status);
	/* The final response was sent (or none is owed): whoever made the context frees what belongs to it, arena included, in this call. */
	void (*done)(void *arg, struct route_context *ctx, unsigned status);
};

struct route_env {
	struct loop *loop;
	struct tp *tp;
	struct txn_table *txn;
	struct dns *dns;
	struct dns_shared *dns_shared;
	struct rnd *rnd;
	const struct token_keys *keys; /* of tokens */
	const struct siphash_key
		*tag_key;    /* of To tags and loop hashes; the same after a restart */
	struct stats *stats; /* rows of route_stats.h */
	unsigned worker;
	const struct route_events *on;
	void *arg;
};

MG_MUST_CHECK struct route *route_new(const struct route_env *env, const struct route_conf *conf);
void route_free(struct route *route);
void route_configure(struct route *route, const struct route_conf *conf);

/* ---- before anything (§16.3, §16.4) ---- */

struct route_in {
	bool in_dialog; /* it has a To tag, and a token of ours opened (F-4) */
	bool from_caller;
	bool preloaded; /* it has Routes to others, and is not in a dialog (F-3) */
	bool bad_token; /* something like a token of ours did not open: to be held against the source */
	bool routed; /* Routes are left: the first of them is where it goes */
	bool to_us;  /* the Request-URI names ourselves */
	uint16_t
		zone; /* in a dialog: zone index of the side it goes to, TP_ANY_ZONE when unknown */
	tp_conn flow; /* in a dialog: connection of that side, 0 */
	/* In a dialog: the remote target that the token names for that side; for route_to_remote. */
	struct {
		bool named;
		uint8_t key;
		uint64_t place;
	} remote;
	/* Set by whoever asks: nobody knows the source, so its answers shall say which target it may send to; and a token opened, but leads to another one. */
	bool stranger, elsewhere;
};

/* Undo strict routing, take our own Routes off, open their tokens, strip a maddr that is ours. Edits `view`.
 *
 * Returns    0, or a status to refuse with (400, 416, 500; 481 for a To tag with tokens of which none opens: F-4).
 */
int route_preprocess(struct route *route, struct sip_view *view, struct route_in *in);

/* Whether a request in a dialog goes to the remote target that the other side named, by the way that it named (Contact, Record-Routes): what is not known may go
 * nowhere else without being asked (F-1, F-3). */
bool route_to_remote(struct route *route, struct sip_view *view, const struct route_in *in);

/* Whether the request has been here in this form before (§16.3 step 4, RFC 5393 §4.2). `hash` is what our branches shall carry. */
bool route_looped(struct route *route, struct sip_msg *msg, uint64_t *hash);

/* ---- responses of our own ---- */

/* Put received and rport on the top Via (§18.2.1, RFC 3581), as a copy of the value to be set on views: "" when nothing is to be added. */
int route_mark_via(struct sip_view *view, const struct tp_flow *flow);

/* A To tag that is the same for each retransmission of the request. Returns characters. */
#define ROUTE_TAG_MAX 16
size_t route_to_tag(struct route *route, struct sip_msg *msg, char out[ROUTE_TAG_MAX]);

/* Whether the ACK answers a refusal that was sent statelessly: its To tag is ours. It proves the return path; and goes no further. */
bool route_own_ack(struct route *route, struct sip_msg *ack);

/* Send a response without a transaction: by the rules of §18.2.2. `view` has marked Vias. The To tag is added.
 *
 * user       Given to reply(), which is not called when it is NULL.
 * size_max   Bytes it may have (T-10), 0: any. The body, header lines of `response` from the last on but those that its status demands (Allow of 405), the phrase
 *            are left out as far as it takes; what is still larger is not sent.
 * Returns    0, MG_ELIMIT when it is too large, MG_EINVAL for more than 32 header lines, or what tp_send says.
 */
int route_answer(struct route *route, struct sip_view *view, const struct tp_flow *flow,
		 const struct sip_response *response, void *user, size_t size_max);

/* Send a response of our own by a server transaction that has no context. `user` as above. Returns 0 or a negative error. */
int route_reply(struct route *route, struct txn_server *server, struct sip_view *view,
		const struct sip_response *response, void *user);

/* ---- forwarding ---- */

struct route_start {
	struct tp_kept *kept;      /* stays the caller's until done() */
	struct sip_view *view;     /* of the request, preprocessed; frozen from here on */
	struct arena *arena;       /* of the request */
	struct txn_server *server; /* reference moves; NULL: ACK, or stateless mode */
	const struct route_in *in;
	uint64_t loop_hash;
	void *user;
};

/* Make the context of a request. Returns NULL without memory (the server reference stays the caller's then). */
MG_MUST_CHECK struct route_context *route_begin(struct route *route,
						const struct route_start *start);

/* Add a target. Texts must live in the request's arena. Returns 0 or MG_ELIMIT. */
MG_MUST_CHECK int route_add(struct route_context *ctx, const struct route_target *target);

/* Send to the targets, highest q first. Exactly one done() follows, perhaps before this returns. */
void route_go(struct route_context *ctx);

/* End a request with a response of our own; done() follows. Also before route_go. Its reply() runs; what it keeps back is replaced by a bare 500. */
void route_refuse(struct route_context *ctx, const struct sip_response *response);

/* The INVITE was cancelled (§16.10): branches are cancelled; those that were not sent end with 487. `reason` is the value of the CANCEL's Reason header,
 * empty when it had none. */
void route_cancel(struct route_context *ctx, struct sv reason);

/* A branch that said ROUTE_WAIT goes on. */
void route_branch_go(struct route_branch *b, enum route_go go);

/* The process ends: branches are let go (INVITEs that rang are cancelled), done() follows. */
void route_abandon(struct route_context *ctx);

void *route_user(const struct route_context *ctx);
struct sip_view *route_branch_view(struct route_branch *b);
const struct route_target *route_branch_target(const struct route_branch *b);
const struct tp_target *route_branch_hop(const struct route_branch *b);
uint16_t route_branch_zone(const struct route_branch *b);
void route_branch_set_user(struct route_branch *b, void *user);
void *route_branch_user(const struct route_branch *b);

/* A response to a request that was forwarded without state (§16.11): to be sent on by its next Via. False: it is none of those. */
bool route_stateless_response(struct route *route, struct tp_rx *rx);

/* To be called once a second or so: lines of log that were held back are said. */
void route_tick(struct route *route);

/* Contexts now. */
unsigned route_contexts(const struct route *route);

/* A further 2xx for an INVITE whose context is gone (txn_events.late_2xx). */
void route_late_2xx(struct route *route, struct txn_client *client, struct txn_server *server,
		    struct tp_rx *rx);

#endif
