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
	uint32_t t1, t2, t4; /* 500, 4 000, 5 000 */
	uint32_t timer_d;    /* 32 000 */
	uint32_t servers_max,
		clients_max; /* transactions of this worker, each kind; a tenth of the servers, at least one, is for dialogs */
};

struct txn_events {
	/* A further 2xx of an INVITE that is to be forwarded by `server`: its To tag was not seen before and the TU has let go of the client transaction; or it
	 * was, and the ACK has passed: that was lost behind us, and the caller has to be asked for it again. `server` is the one of txn_client_keep_2xx; NULL when
	 * there was none; then nothing can be done. */
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

MG_MUST_CHECK struct txn_table *txn_table_new(const struct txn_env *env,
					      const struct txn_conf *conf);
/* Free everything, silently. The TU must have let go. */
void txn_table_free(struct txn_table *table);
/* Take other durations and limits for what begins from now on. */
void txn_configure(struct txn_table *table, const struct txn_conf *conf);
unsigned txn_servers(const struct txn_table *table), txn_clients(const struct txn_table *table);
/* Share that is used of what new requests may use, in percent, the larger of both kinds; above 100 when dialogs use what is theirs. */
unsigned txn_load(const struct txn_table *table);

/* ---- requests (§17.2) ---- */

enum txn_found {
	TXN_NEW, /* no transaction: a new request (also an ACK for a 2xx, which never has one, and a CANCEL without an INVITE) */
	TXN_ABSORBED, /* a retransmission, or the ACK of a final response: dealt with */
	TXN_CANCEL, /* a CANCEL that is new: *server is the INVITE's transaction, borrowed for the moment: the TU answers the CANCEL and acts (§9.2; nothing is to
		       * be done when txn_server_status is final). *server is NULL when the CANCEL comes from another address than the INVITE: 481. */
};

/* Match a request by §17.2.3: branch, sent-by and method; without the magic cookie by Request-URI, tags, Call-ID, CSeq and top Via (RFC 2543). The
 * message has passed sip_check. An ACK in Accepted is new: it goes where the 2xx came from (RFC 6026 §7.1). */
enum txn_found txn_request(struct txn_table *table, struct tp_rx *rx, struct txn_server **server);

/* Begin a server transaction for a request that txn_request called new, not an ACK.
 *
 * kept       The request, which the caller goes on owning; it must stay until the last txn_server_unref or the final response, whichever is first.
 * in_dialog  It is proven to belong to a dialog, so it may have what is kept for those: a table that others have filled still ends calls.
 * Returns    the caller's reference; NULL at the limit (counted), without memory, or when the request has a transaction already: txn_request must
 *            have said TXN_NEW, and nothing may come between.
 */
MG_MUST_CHECK struct txn_server *txn_server_new(struct txn_table *table, const struct tp_kept *kept,
						bool in_dialog);
void txn_server_ref(struct txn_server *server);
/* The last reference of the TU must not go before its final response: it is a fault (counted as abandoned). An INVITE's transaction is then removed at once; that of
 * another request answers nothing any more but goes on absorbing for Timer J, as behind a 408 (RFC 4320). The user pointer is cleared. */
void txn_server_unref(struct txn_server *server);

/* Send a response of the TU. 100 is sent by itself: see txn_server_100.
 *
 * What RFC 4320 forbids for other requests than INVITE is not sent, only counted: provisional responses but 100, a 100 over datagrams before a client's
 * Timer E has reached T2, and 408, which ends the transaction without an answer.
 *
 * bytes      The response, complete; copied as far as it is needed later.
 * Returns    0; MG_EINVAL when the machine takes no such response any more (a second final response: counted, not sent); what tp_send says
 *            otherwise: the machine goes on (RFC 6026 §7.1), so a retransmission will be answered.
 */
MG_MUST_CHECK int txn_server_reply(struct txn_server *server, unsigned status, struct sv bytes);

/* Have a 100 sent when nothing was sent by the time: 200 ms from now for an INVITE (§17.2.1), for any other request when a client's Timer E has reached T2 (3.5 s
 * with default durations), when RFC 4320 §4.1 demands it. `build` is asked for it then; it writes and does nothing else. */
void txn_server_100(struct txn_server *server,
		    void (*build)(void *arg, struct txn_server *server, struct sip_out *out),
		    void *arg);

/* Send bytes by the server transaction's way back, outside of the machine: retransmitted 2xx. */
MG_MUST_CHECK int txn_server_send(struct txn_server *server, struct sv bytes);

const struct tp_flow *txn_server_flow(const struct txn_server *server);
bool txn_server_is_invite(const struct txn_server *server);
unsigned txn_server_status(const struct txn_server *server); /* last response sent, 0: none */
/* For the TU's use: one pointer. */
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
	/* A response: provisional, 100 too; final; or a further 2xx with a To tag that was not kept. Final responses that come again are dealt with. */
	void (*response)(struct txn_client *client, struct tp_rx *rx);
	/* No answer (Timer B, F), or it cannot be sent: -ETIMEDOUT, or an errno, MG_EAUTH for a name that is not in the certificate. The transaction is
	 * over; the reference stays the TU's. Never from within txn_client_new. */
	void (*failed)(struct txn_client *client, int err);
};

/* Begin a client transaction and send its request.
 *
 * via        The request's top one: its branch, made by txn_branch, and its sent-by, which responses have to bring back (§18.1.2).
 * method     Of the request; an ACK is no transaction: tp_send it.
 * bytes      The request; copied for retransmission, ACK and CANCEL.
 * ops        Must outlive the transaction. Its functions may do anything to this and other transactions, but not free the table.
 * Returns    the caller's reference; NULL at the limit (counted), without memory, or when the branch is in use. A failure to send comes through
 *            ops->failed.
 */
MG_MUST_CHECK struct txn_client *txn_client_new(struct txn_table *table, const struct sip_via *via,
						enum sip_method method, const struct tp_target *to,
						struct sv bytes, const struct txn_client_ops *ops,
						void *user);
void *txn_client_user(const struct txn_client *client);
/* Where it was sent; NULL once the callback of its final response, or of its failure, has returned. */
const struct tp_target *txn_client_target(const struct txn_client *client);

/* The TU lets go: no callbacks any more (but late_2xx), its reference is gone. The machine goes on absorbing as long as it must. An INVITE without a final
 * response is cancelled first, unless it was: nobody would end it otherwise. */
void txn_client_release(struct txn_client *client);

/* CANCEL an INVITE (§9.1): at once when a provisional response came, with the first one otherwise; nothing after a final response. The CANCEL is a
 * transaction of its own that nobody hears of. `reason` goes into a Reason header when not empty (RFC 3326). If no final response follows within
 * 64*T1, the INVITE ends as failed with -ETIMEDOUT. */
void txn_client_cancel(struct txn_client *client, struct sv reason);
bool txn_client_cancelled(const struct txn_client *client);

/* Keep the 2xx that was forwarded for this INVITE by `server`, to answer its retransmissions from (RFC 6026): `bytes` as forwarded, copied. At most
 * 8 To tags: 2xx with further ones are dropped and counted. Holds a reference to `server` until the client transaction ends. Without memory the
 * retransmissions come up as new 2xx.
 *
 * response   The 2xx as received; its Call-ID, CSeq number and To tag are what the ACK will carry. NULL, at any time before: only `server` is remembered, for what may
 *            come after the TU has let go: a 2xx that crosses a CANCEL.
 */
void txn_client_keep_2xx(struct txn_client *client, struct txn_server *server,
			 struct sip_msg *response, struct sv bytes);

/* An ACK for a 2xx passes: what was kept for its Call-ID, CSeq number and To tag goes; that the tag was seen is remembered (struct txn_events). */
void txn_ack_passes(struct txn_table *table, struct sip_msg *ack);

/* Match a response by §17.1.3 (top branch and CSeq method) and run its machine. Returns false when there is none (to be dropped: RFC 6026 §7.3). */
bool txn_response(struct txn_table *table, struct tp_rx *rx);

/* ICMP, or a letter between workers, says that this message of ours did not arrive: fails its transaction over. Nothing is done for responses, for errors that
 * sending again may overcome, and for messages whose branch is not ours.
 *
 * bytes      As sent, or their begin: up to the end of the top Via's branch suffices.
 * err        A negated errno value.
 */
void txn_lost(struct txn_table *table, struct sv bytes, int err);
/* Which worker to tell: the kernel gives an error to any of the sockets that share a port. False when the bytes are no request of ours. */
bool txn_lost_worker(struct sv bytes, unsigned *worker);

#endif
