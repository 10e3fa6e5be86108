/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * txn: the transactions of one worker (RFC 3261 §17, RFC 6026, RFC 4320): matching, the four machines, their timers and retransmissions. What a
 * request or response means is decided above: by the transaction user (TU), the proxy core. Messages are bytes here: they are
 * built before they come and are sent as they are.
 *
 * Both kinds of transaction are counted. The TU holds one reference to what it made; the table holds one until the machine ends. A
 * transaction that only absorbs or replays keeps its key, peer, timer and what is owed, some 200 bytes, and nothing else.
 */
#ifndef MG_TRANSACTION_TXN_H
#define MG_TRANSACTION_TXN_H

#include "base/arena.h"
#include "base/siphash.h"
#include "transport/tp.h"

struct txn_table;
struct txn_server;
struct txn_client;

/* Durations in milliseconds (RFC 3261 Table 4). */
struct txn_conf {
	uint32_t t1, t2, t4;     /* 500, 4 000, 5 000 */
	uint32_t timer_d;        /* 32 000 */
	uint32_t servers_max, clients_max; /* transactions of this worker, each kind */
};

struct txn_events {
	/* A further 2xx of an INVITE, with a To tag that was not seen before, when the TU has let go of the client transaction: to be forwarded by
	 * `server`, which is in Accepted still (NULL: gone; then nothing can be done). */
	void (*late_2xx)(void *arg, struct txn_client *client, struct txn_server *server,
			 struct tp_rx *rx);
};

struct txn_env {
	struct loop *loop;
	struct tp *tp;
	unsigned worker;
	struct rnd *rnd;
	struct stats *stats; /* rows of txn_stats.h */
	const struct txn_events *on;
	void *arg;
};

MG_MUST_CHECK struct txn_table *txn_table_new(const struct txn_env *env, const struct txn_conf *conf);
/* Free everything, silently. The TU must have let go. */
void txn_table_free(struct txn_table *table);
/* Take other durations and limits for what begins from now on. */
void txn_configure(struct txn_table *table, const struct txn_conf *conf);
unsigned txn_servers(const struct txn_table *table), txn_clients(const struct txn_table *table);
/* Share of the limit that is used, in percent, the larger of both kinds. */
unsigned txn_load(const struct txn_table *table);

/* ---- requests (§17.2) ---- */

enum txn_found {
	TXN_NEW,      /* no transaction: a new request (also an ACK for a 2xx, which never has one) */
	TXN_ABSORBED, /* a retransmission, or the ACK of a final response: dealt with */
	TXN_CANCEL,   /* a CANCEL, and *server is the INVITE's transaction: the TU answers the CANCEL and acts (§9.2). NULL with TXN_NEW
		       * semantics (481) when there is none. */
};

/* Match a request by §17.2.3: branch, sent-by and method; without the magic cookie by Request-URI, tags, Call-ID, CSeq and top Via (RFC 2543). The
 * message has passed sip_check. */
enum txn_found txn_request(struct txn_table *table, struct tp_rx *rx, struct txn_server **server);

/* Begin a server transaction for a request that txn_request called new, not an ACK.
 *
 * kept       The request, which the caller goes on owning; it must stay until txn_server_release or the final response, whichever is first.
 * Returns    the caller's reference; NULL at the limit (counted) or without memory.
 */
MG_MUST_CHECK struct txn_server *txn_server_new(struct txn_table *table, const struct tp_kept *kept);
void txn_server_ref(struct txn_server *server);
void txn_server_unref(struct txn_server *server);

/* Send a response of the TU. 100 for an INVITE is sent by itself after 200 ms when nothing was sent by then (§17.2.1): see txn_server_100.
 *
 * bytes      The response, complete; copied as far as it is needed later.
 * Returns    0; MG_EINVAL when the machine takes no such response any more (a second final response: counted, not sent); what tp_send says
 *            otherwise: the machine goes on.
 */
MG_MUST_CHECK int txn_server_reply(struct txn_server *server, unsigned status, struct sv bytes);

/* What to send as 100 by itself, `build` being asked for it when the time comes (200 ms after the INVITE; 0 for non-INVITE: RFC 4320 forbids it there
 * before Timer E would reach T2, and so none is sent). */
void txn_server_100(struct txn_server *server,
		    void (*build)(void *arg, struct txn_server *server, struct sip_out *out), void *arg);

/* Send bytes by the server transaction's way back, outside of the machine: retransmitted 2xx. */
MG_MUST_CHECK int txn_server_send(struct txn_server *server, struct sv bytes);

const struct tp_flow *txn_server_flow(const struct txn_server *server);
bool txn_server_is_invite(const struct txn_server *server);
unsigned txn_server_status(const struct txn_server *server); /* last response sent, 0: none */
/* For TU's use: one pointer. */
void txn_server_set_user(struct txn_server *server, void *user);
void *txn_server_user(const struct txn_server *server);

/* ---- responses and our own requests (§17.1) ---- */

#define TXN_BRANCH_MAX 48

/* Make a branch: the magic cookie, the worker, at least 80 random bits, and `loop` (a hash, §16.6 step 8 and RFC 5393) so that it can be read
 * again. Returns bytes written, or a negative error when there is no chance to be had. */
MG_MUST_CHECK int txn_branch(struct txn_table *table, uint64_t loop, char out[TXN_BRANCH_MAX]);
/* What a branch of ours says: worker and loop hash. False when it has not our form. */
bool txn_branch_read(struct sv branch, unsigned *worker, uint64_t *loop);

struct txn_client_ops {
	/* A response: provisional (not 100), or final, or a further 2xx. 100 comes too. Retransmissions don't. */
	void (*response)(struct txn_client *client, struct tp_rx *rx);
	/* No answer (Timer B, F), or it cannot be sent: -ETIMEDOUT, or an errno, MG_EAUTH for a name that is not in the certificate. The transaction is
	 * over. Never from within txn_client_send. */
	void (*failed)(struct txn_client *client, int err);
};

/* Begin a client transaction and send its request.
 *
 * branch     As in the request's top Via, made by txn_branch.
 * method     Of the request; an ACK is no transaction: tp_send it.
 * bytes      The request; copied for retransmission, ACK and CANCEL.
 * Returns    the caller's reference; NULL at the limit or without memory. A failure to send comes through ops->failed.
 */
MG_MUST_CHECK struct txn_client *txn_client_new(struct txn_table *table, struct sv branch,
						enum sip_method method, const struct tp_target *to,
						struct sv bytes, const struct txn_client_ops *ops,
						void *user);
void *txn_client_user(const struct txn_client *client);
const struct tp_target *txn_client_target(const struct txn_client *client);

/* The TU lets go: no callbacks any more (but late_2xx), its reference is gone. The machine goes on absorbing as long as it must. */
void txn_client_release(struct txn_client *client);

/* CANCEL an INVITE (§9.1): at once when a provisional response came, with the first one otherwise; nothing after a final response. The CANCEL is a
 * transaction of its own that nobody hears of. `reason` goes into a Reason header when not empty (RFC 3326). If no final response follows within
 * 64*T1, the INVITE ends as failed with -ETIMEDOUT. */
void txn_client_cancel(struct txn_client *client, struct sv reason);
bool txn_client_cancelled(const struct txn_client *client);

/* Keep the 2xx that was forwarded for this INVITE by `server`, to answer its retransmissions from (RFC 6026): `bytes` as forwarded, copied. At most
 * 8 To tags. Holds a reference to `server`. With `response` NULL only the server is remembered, for what may come after the TU has let go. */
void txn_client_keep_2xx(struct txn_client *client, struct txn_server *server,
			 const struct sip_msg *response, struct sv bytes);

/* An ACK for a 2xx passes: what was kept for its Call-ID, CSeq number and To tag goes. */
void txn_ack_passes(struct txn_table *table, struct sip_msg *ack);

/* Match a response by §17.1.3 (top branch and CSeq method) and run its machine. Returns false when there is none (to be dropped: RFC 6026 §7.3). */
bool txn_response(struct txn_table *table, struct tp_rx *rx);

/* ICMP, or a letter between workers, says that this message of ours did not arrive (its begin suffices): fails its transaction over. */
void txn_lost(struct txn_table *table, struct sv bytes, int err);

#endif
