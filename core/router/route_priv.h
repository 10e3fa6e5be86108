/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route_priv: what the files of this room share: the worker's proxy core, a request's context, its branches.
 */
#ifndef MG_ROUTER_ROUTE_PRIV_H
#define MG_ROUTER_ROUTE_PRIV_H

#include "base/list.h"
#include "base/log.h"
#include "base/wheel.h"
#include "router/route.h"
#include "router/route_stats.h"

#define ROUTE_SCRATCH_CHUNK 16384
#define ROUTE_SCRATCH_MAX   262144
/* A message of ours may be larger than what we take in: lines are added. */
#define ROUTE_FLAT_MAX       (SIP_STREAM_MESSAGE_MAX + 16384)
#define ROUTE_CHALLENGES_MAX 16

/* Why a branch came to nothing. */
enum route_why {
	ROUTE_WHY_NONE,
	ROUTE_WHY_TIMEOUT,      /* no answer, or no connection, in time */
	ROUTE_WHY_REFUSED,      /* nobody listens there: ICMP, or a reset */
	ROUTE_WHY_UNREACHABLE,  /* no way there */
	ROUTE_WHY_UNTRUSTED,    /* its certificate does not do, or a module held it back */
	ROUTE_WHY_BROKEN,       /* its connection broke, or sending failed in another way */
	ROUTE_WHY_503,          /* it answered 503 */
	ROUTE_WHY_RANG,         /* it rang too long: Timer C, or its ring time */
	ROUTE_WHY_UNKNOWN_HOST, /* no such name, or no service of that name */
	ROUTE_WHY_DNS_TIMEOUT,  /* the name servers say nothing */
	ROUTE_WHY_NO_TRANSPORT, /* no listener of that transport and address family */
	ROUTE_WHY_FORBIDDEN,    /* nothing is sent there (T-13), or it is ourselves */
	ROUTE_WHY_LIMIT,        /* no room for another look-up, transaction or connection */
	ROUTE_WHYS
};

struct route {
	struct route_env env;
	struct route_conf conf;
	struct arena scratch; /* of one response or answer: reset before each */
	struct sip_out out;   /* of the message being written */
	unsigned contexts;
	struct log_limit say[ROUTE_WHYS]; /* lines of targets that failed */
	char flat[ROUTE_FLAT_MAX];
};

enum branch_state {
	BRANCH_LOOKUP,  /* its next hop is being looked up */
	BRANCH_WAITING, /* a BRANCH hook waits */
	BRANCH_SENT,    /* it has a client transaction */
	BRANCH_DONE,
};

struct route_branch {
	struct route_context *ctx;
	struct list link; /* of the context */
	struct route_target *target;
	enum branch_state state;
	struct sip_view view;      /* as it is sent to the present hop */
	struct sip_uri next_hop;   /* what was looked up */
	struct dns_lookup *lookup; /* its hops are tried in order */
	unsigned hop;              /* the one tried now */
	struct tp_target to;
	struct txn_client *client;
	struct wheel_timer timer_c;
	unsigned breadth;       /* its share of Max-Breadth */
	uint64_t ring_until_ms; /* end of target->ring_ms, 0: not sent yet */
	bool lookup_open;
	bool via_flow;     /* by the target's flow now */
	bool large_tcp;    /* by TCP now, because it is large; the address says UDP */
	bool tried_stream; /* that was tried at this address */
	bool rang;         /* a provisional response came from the present hop */
	bool timed_out;    /* Timer C */
	bool strict;       /* the next hop is a strict router */
	bool sips;         /* nothing but TLS will do */
	void *user;
};

/* A WWW-Authenticate or Proxy-Authenticate of a branch that lost (§16.7 step 7). */
struct route_challenge {
	const struct route_branch *branch;
	enum sip_hid id;
	struct sv value;
};

struct route_context {
	struct route *route;
	struct tp_kept *kept;
	struct sip_view *view;
	struct arena *arena;
	struct txn_server *server;
	struct route_in in;
	uint64_t loop_hash;
	struct list branches;
	struct route_target target[ROUTE_TARGETS_MAX];
	unsigned n_targets, started; /* those before `started` have had their turn */
	unsigned pending; /* branches that are not done, and a group that is being started */
	unsigned breadth; /* Max-Breadth left for this request */
	struct {
		unsigned status;      /* 0: no response yet */
		struct tp_kept *kept; /* NULL: of our own, or in `rx` */
		struct tp_rx *rx;     /* during the call that brought it */
		struct route_branch *branch;
		bool local; /* it was never a response: of our own */
	} best;
	enum route_why why; /* of the branch that failed last */
	struct route_challenge challenge[ROUTE_CHALLENGES_MAX];
	unsigned n_challenges;
	unsigned busy; /* calls from here that are on the stack: it must not end meanwhile */
	bool invite, ack, cancelled, no_more, final;
	void *user;
};

/* What a token is bound to: the dialog of the request or response it is in. */
struct route_ids {
	struct sv call_id, from_tag, to_tag; /* to_tag empty: not in a dialog yet */
};

static inline void route_count(struct route *route, enum route_stat id)
{
	stats_add(route->env.stats, route->env.worker, id, 1);
}

/* A peer's text may be folded, a line that we write may not be: the ends of lines in it become spaces (RFC 3261 §7.3.1). */
static inline void route_unfold(char *p, size_t n)
{
	if (!memchr(p, '\n', n) && !memchr(p, '\r', n))
		return;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' || p[i] == '\n')
			p[i] = ' ';
	}
}

static inline uint64_t route_now(const struct route *route)
{
	return loop_now_ms(route->env.loop);
}

/* Write a view into route->flat. Returns its bytes, or MG_ENOMEM, MG_ENOSPC. */
int route_flatten(struct route *route, struct sip_view *view, struct sv *bytes);

/* Write the response of our own into route->flat, edited by reply() unless `user` is NULL. Returns its bytes or a negative error, MG_EAUTH when reply() said no. */
int route_write_answer(struct route *route, struct sip_view *view, const struct sip_response *r,
		       void *user);

/* Append a text with its length before it, cut at `max`, to what is hashed. Returns bytes: text.n + 2 at most. */
size_t route_put_field(uint8_t *p, struct sv text, size_t max);

/* Whether a URI's scheme is sips. */
bool route_is_sips(struct sv uri);

/* ---- branch.c ---- */

/* Begin a branch: looks its next hop up. Its end is told to context_branch_done, perhaps before this returns. False without memory. */
MG_MUST_CHECK bool branch_start(struct route_context *ctx, struct route_target *target,
				unsigned breadth);
/* Cancel it: with a CANCEL when it was sent, else at once. */
void branch_cancel(struct route_branch *b, struct sv reason);
/* Let go of whatever it holds, without a word. */
void branch_drop(struct route_branch *b);

/* ---- build.c ---- */

/* Make b->view for the hop b->to: steps 2 to 9 of §16.6. Returns 0 or a negative error. */
MG_MUST_CHECK int branch_build(struct route_branch *b);
/* The URI that decides where the branch goes (§16.6 step 7). */
MG_MUST_CHECK int branch_next_hop(struct route_branch *b);
/* Branch parameter of a request that is sent without state (§16.11), in a Via with that sent-by and transport. */
size_t stateless_branch(struct route *route, struct sip_view *view, struct sv sent_by,
			uint8_t transport, char out[TXN_BRANCH_MAX]);
/* Note on our Via of a request that is sent without state by which connection it came. Returns 0 or a negative error. */
MG_MUST_CHECK int stateless_note_way(struct route_branch *b);
/* What chance is replaced with where a retransmission has to go the same way (RFC 3263 §4.4). Not 0. */
uint64_t stateless_seed(struct route *route, struct sip_view *view);

/* ---- preprocess.c ---- */

/* Whether a URI names ourselves. */
bool route_is_us(struct route *route, const struct sip_uri *uri);

/* ---- remote.c ---- */

/* Note in a token that is minted into the branch's request whose Contact and Record-Routes lead to the caller. */
void remote_of_caller(struct route_branch *b, struct token *token);
/* Note in our tokens of a response which way leads to the one who answers. Returns 0 or a negative error: then some say nothing. */
MG_MUST_CHECK int remote_of_callee(struct route *route, struct sip_view *response);

/* ---- context.c ---- */

/* A branch came to its end: with a response (rx), or with a status of our own (rx NULL). The branch must not be touched afterwards. */
void context_branch_done(struct route_branch *b, unsigned status, struct tp_rx *rx);
/* What may end a context runs between these two; behind the second it, and its branches, may be gone. */
void context_enter(struct route_context *ctx);
void context_leave(struct route_context *ctx);
/* A provisional response, or a 2xx, goes back at once; behind a 2xx the context may be gone. False when it is for nobody, or not to be read: then all is as before. */
bool context_forward(struct route_context *ctx, struct route_branch *b, struct sip_msg *msg,
		     unsigned status);

/* ---- say.c ---- */

/* What an error of sending means. */
enum route_why route_why_of(int err);
/* What a look-up says that found nothing. */
enum route_why route_why_lookup(const struct route_branch *b);
/* The branch was sent to b->to. */
void route_say_forwarded(struct route_branch *b);
/* The hop it was at, or the look-up of one, came to nothing. */
void route_say_failed(struct route_branch *b, enum route_why why);
/* A response went back that `b` brought. Of provisional ones nothing is said. */
void route_say_relayed(struct route_context *ctx, const struct route_branch *b, unsigned status);
/* A response of our own went back. `why` NONE: its phrase says why. */
void route_say_answered(struct sip_msg *request, const struct sip_response *response,
			enum route_why why);

/* ---- answer.c ---- */

/* route_reply, of which nothing is said yet. */
MG_MUST_CHECK int answer_reply(struct route *route, struct txn_server *server,
			       struct sip_view *view, const struct sip_response *response,
			       void *user);

/* ---- redirect.c ---- */

/* Make targets of the Contacts of a 3xx, if they may be followed. Returns whether there were any: then the response itself counts no more. */
bool redirect_follow(struct route_branch *b, struct sip_msg *msg);

/* ---- best.c ---- */

/* Whether a response of status `a` is better to send back than one of status `b` (§16.7 step 6), to an INVITE or another request; b 0: any is. */
bool best_better(unsigned a, unsigned b, bool invite);

#endif
