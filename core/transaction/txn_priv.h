/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * txn_priv: what the files of this room share: the table of a worker, the two kinds of transaction, and the words that the machines are written in:
 * states, events and what is to be done.
 */
#ifndef MG_TRANSACTION_TXN_PRIV_H
#define MG_TRANSACTION_TXN_PRIV_H

#include <stdlib.h>

#include "base/map.h"
#include "sip/edit.h"
#include "transaction/txn.h"
#include "transaction/txn_stats.h"

#define TXN_KEY_LEN   SIPHASH_MAC_LEN
#define TXN_TAGS_MAX  8    /* To tags of 2xx remembered for one INVITE */
#define TXN_BLOCK     8192 /* scratch for messages built here, before malloc is asked */
#define TXN_BLOCK_MAX 262144

/* ---- the words of the machines ---- */

enum txn_machine { TXN_IST, TXN_NIST, TXN_ICT, TXN_NICT, TXN_MACHINES };

enum txn_state {
	IN_ABSENT, /* in a cell: ignore */
	IN_CALLING,
	IN_TRYING,
	IN_PROCEEDING,
	IN_COMPLETED,
	IN_CONFIRMED,
	IN_ACCEPTED,
	IN_OVER, /* "Terminated": not in the table any more */
	TXN_STATES
};

enum txn_event {
	NO_EVENT,
	RX_REQUEST, /* the request again */
	RX_ACK,
	RX_1XX,
	RX_2XX,
	RX_300_699,
	TU_1XX,
	TU_2XX,
	TU_300_699,
	TU_FORBIDDEN, /* a provisional response that RFC 4320 forbids now */
	TU_408,       /* to another request than INVITE: forbidden by RFC 4320 */
	TU_CANCEL,    /* the TU wants the INVITE cancelled */
	TU_GONE,      /* the TU let go before it gave a final response */
	T_A,
	T_B,
	T_D,
	T_E,
	T_F,
	T_G,
	T_H,
	T_I,
	T_J,
	T_K,
	T_L,
	T_M,
	T_100,    /* time for a 100 */
	T_CANCEL, /* 64*T1 after a CANCEL (§9.1) */
	ERROR,    /* what was sent did not arrive, or could not be sent */
	TXN_EVENTS
};

/* RFC 3261 Table 4 in timer.c. */
enum txn_timer {
	TIMER_A,
	TIMER_B,
	TIMER_D,
	TIMER_E,
	TIMER_E_SLOW, /* E once a provisional response came */
	TIMER_F,
	TIMER_G,
	TIMER_H,
	TIMER_I,
	TIMER_J,
	TIMER_K,
	TIMER_L,
	TIMER_M,
	TIMER_CANCEL,
	TXN_TIMERS
};

#define DO_ARM(timer) ((uint32_t)1 << (16 + (timer)))

enum txn_do {
	DO_STOP = 1 << 0,         /* stop all timers */
	DO_SEND = 1 << 1,         /* send what the TU gave */
	DO_KEEP = 1 << 2,         /* and keep it */
	DO_REPLAY = 1 << 3,       /* send what was kept: the request came again */
	DO_RESEND = 1 << 4,       /* send request or response again: a timer */
	DO_100 = 1 << 5,          /* send a 100 of our own, and keep it */
	DO_FORGET = 1 << 6,       /* what was kept goes */
	DO_PASS = 1 << 7,         /* the request is the TU's */
	DO_ACK = 1 << 8,          /* send the ACK (again) */
	DO_UP = 1 << 9,           /* the response goes to the TU */
	DO_2XX = 1 << 10,         /* a further 2xx: kept_2xx.c */
	DO_FAIL = 1 << 11,        /* the TU is told that it failed */
	DO_WANT_CANCEL = 1 << 12, /* remember that it is to be cancelled */
	DO_CANCEL = 1 << 13,      /* send CANCEL */
	DO_WITHHOLD = 1 << 14,    /* count what is not sent */
	DO_FINAL = 1 << 15,       /* the live phase ends */
};

static_assert(16 + TXN_TIMERS <= 32, "an action is 32 bits");

/* What an event does in a state. Zeros: it is ignored. */
struct txn_cell {
	uint32_t act;
	uint8_t next; /* enum txn_state */
};

typedef struct txn_cell txn_figure[TXN_STATES][TXN_EVENTS];

extern const txn_figure txn_server_invite, txn_server_other, txn_client_invite, txn_client_other;

/* ---- transactions ---- */

enum txn_flag {
	TXN_LINKED = 1,    /* in the table, which has a reference */
	TXN_LIVE = 2,      /* without a final response */
	TXN_RELIABLE = 4,  /* on a stream */
	TXN_CANCELLED = 8, /* the TU wanted it cancelled */
	TXN_CANCEL_SENT = 16,
	TXN_LATER_100 = 32, /* of a server: `later` is the one that counts, not `last` */
	TXN_MARKED = 32,    /* of a client: `marks` is the one that counts, not `ack` */
	TXN_RARE = 64,      /* of a server: rare[0] is there */
	TXN_OLD_ACK = 128,  /* of a server: rare[0].ack is in table->old_acks */
};

/* What both kinds begin with. A server or client is live until its final response; what is left afterwards should be small: it stays for 64*T1. */
struct txn {
	struct map_node node;
	uint8_t key[TXN_KEY_LEN];
	struct wheel_timer timer; /* for whichever of the two below comes first */
	struct txn_table *table;
	uint16_t tu_refs,
		own_refs; /* of the TU; of the table, of calls on the stack, of clients whose 2xx went through a server */
	uint8_t machine, state, flags;
	uint8_t end_event, resend_event; /* that the timers bring; NO_EVENT: not set */
	union {
		uint16_t status;  /* of a server: last response sent */
		uint16_t sent_by; /* of a client: match_sent_by of our Via */
	};
	uint32_t end_at;    /* milliseconds of the loop's clock modulo 2^32 */
	uint32_t resend_at; /* the same; of a server other than INVITE: when it began */
	uint32_t resend_ms; /* the interval that resend_at ends */
};

struct txn_bytes {
	uint32_t n;
	char p[];
};

/* Who builds the 100. */
struct txn_later {
	void (*build)(void *arg, struct txn_server *server, struct sip_out *out);
	void *arg;
};

/* What most servers do not need. */
struct txn_rare {
	struct txn_server *server;
	struct addr back;           /* where responses go, if not to flow.peer */
	const struct tp_kept *kept; /* of an INVITE of RFC 2543, while it lives */
	struct map_node ack;        /* what its ACK is found by */
	uint8_t ack_key[TXN_KEY_LEN];
};

struct txn_server {
	struct txn txn;
	struct tp_flow flow;
	void *user;
	union {
		struct txn_bytes *last;  /* the response to replay */
		struct txn_later *later; /* before there was one: TXN_LATER_100 */
	};
	struct txn_rare rare[]; /* none or one */
};

struct txn_client_live {
	struct tp_ticket ticket;
	struct txn_client *client;
	int err; /* of the first sending, told later */
	struct tp_target to;
	struct txn_bytes *reason; /* of a CANCEL that waits */
	struct sv bytes;          /* the request, behind this struct */
	char room[];
};

/* The ACK of Completed, which there is on datagrams only. */
struct txn_ack {
	struct addr addr, local;
	uint16_t listener;
	uint8_t transport;
	uint32_t n;
	char p[];
};

/* A To tag whose 2xx was forwarded, and that 2xx as long as no ACK has passed. */
struct txn_mark {
	struct txn_mark *next;
	uint64_t tag;
	struct txn_kept *kept;
};

struct txn_kept {
	struct map_node node; /* in table->kept */
	uint8_t key[TXN_KEY_LEN];
	struct txn_mark *mark;
	uint32_t n;
	char p[];
};

struct txn_client {
	struct txn txn;
	const struct txn_client_ops *ops; /* NULL: nobody listens */
	void *user;
	struct txn_client_live *live;
	struct txn_server *server; /* that 2xx go back by; one of its own_refs */
	union {
		struct txn_ack *ack;    /* in Completed */
		struct txn_mark *marks; /* in Accepted */
	};
};

struct txn_table {
	struct txn_env env;
	struct txn_conf conf;
	struct siphash_key secret;
	struct map servers, clients;
	struct map old_acks; /* of RFC 2543 peers: txn_rare.ack */
	struct map kept;     /* struct txn_kept, by what their ACK says */
	/* Scratch for one message that is built here. */
	struct sip_msg msg;
	struct sip_out out;
	struct arena arena;
	_Alignas(16) char block[TXN_BLOCK];
};

static inline void txn_count(struct txn_table *table, enum txn_stat id)
{
	stats_add(table->env.stats, table->env.worker, id, 1);
}

static inline void txn_uncount(struct txn_table *table, enum txn_stat id)
{
	stats_add(table->env.stats, table->env.worker, id, -(uint64_t)1);
}

static inline uint64_t txn_now(const struct txn_table *table)
{
	return loop_now_ms(table->env.loop);
}

static inline bool txn_is_server(const struct txn *t)
{
	return t->machine == TXN_IST || t->machine == TXN_NIST;
}

static inline struct txn_server *txn_to_server(struct txn *t)
{
	return container_of(t, struct txn_server, txn);
}

static inline struct txn_client *txn_to_client(struct txn *t)
{
	return container_of(t, struct txn_client, txn);
}

/* ---- table.c ---- */

/* Server transactions there may be when one begins for a request in a dialog, or for another. */
uint32_t txn_servers_room(const struct txn_conf *conf, bool in_dialog);

/* Fill in what both kinds share and put it into its map: the table has a reference then.
 *
 * t->key     Set by the caller, as are all fields of the kind itself.
 * Returns    0, or MG_EEXIST.
 */
MG_MUST_CHECK int txn_link(struct txn_table *table, struct txn *t, enum txn_machine machine,
			   bool reliable);
/* Take it out: stops the timers, drops the table's reference. Does nothing when it is out. */
void txn_unlink(struct txn *t);
/* The live phase is over. */
void txn_not_live(struct txn *t);
void txn_hold(struct txn *t);
void txn_drop(struct txn *t);
struct txn *txn_find(const struct map *map, const uint8_t key[TXN_KEY_LEN]);
/* Copy into an allocation of the right size. Returns NULL without memory. */
MG_MUST_CHECK struct txn_bytes *txn_copy(struct sv bytes);
/* Begin a message in the table's scratch. */
struct sip_out *txn_scratch(struct txn_table *table);

/* ---- timer.c ---- */

/* Arm a timer; `by` is the event that does it: a timer that arms itself doubles.
 *
 * Returns    NO_EVENT, or the timer's event when its duration is zero: that is due at once.
 */
enum txn_event txn_arm(struct txn *t, enum txn_timer timer, enum txn_event by);
/* Have `event` come with the next run of the wheel, instead of whatever would end the transaction. */
void txn_arm_now(struct txn *t, enum txn_event event);
/* Have T_100 come in `ms`. */
void txn_arm_100(struct txn *t, uint32_t ms);
void txn_stop(struct txn *t);
void txn_timer_init(struct txn *t);
/* How long it takes a client until Timer E is T2 (RFC 4320 §4.1). */
uint32_t txn_slow_ms(const struct txn_conf *conf);

/* ---- run.c ---- */

/* What comes with an event, and what came of it. */
struct txn_in {
	struct tp_rx *rx; /* RX_ responses */
	struct sv bytes;  /* TU_ responses; of TU_CANCEL the reason */
	unsigned status;  /* of a TU_ response */
	int err;          /* of ERROR */
	int sent;         /* set: what tp_send said to DO_SEND */
	uint32_t did;     /* set: what was done */
};

/* Bring an event to a transaction. Returns false when its state ignores it. The transaction may be gone afterwards unless the caller holds it. */
bool txn_run(struct txn *t, enum txn_event event, struct txn_in *in);
/* Arm the timers that a machine begins with. */
void txn_start(struct txn *t);

/* ---- match.c ---- */

/* The key of the server transaction that a request belongs to, with `method` in the place of its own. False when it has none. */
bool match_request(const struct txn_table *table, struct sip_msg *msg, struct sv method,
		   uint8_t key[TXN_KEY_LEN]);
/* What the ACK of an RFC 2543 INVITE says when the response had this To tag. */
bool match_old_ack(const struct txn_table *table, struct sip_msg *msg, struct sv to_tag,
		   uint8_t key[TXN_KEY_LEN]);
/* Whether the request comes from an element of RFC 2543. */
bool match_is_old(struct sip_msg *msg);
void match_client(const struct txn_table *table, struct sv branch, struct sv method,
		  uint8_t key[TXN_KEY_LEN]);
/* What tells the sent-by of Vias apart, but for one pair in 2^16: host, its case ignored, and port, 5060 or 5061 if not said. No secret: the branch is the proof. */
uint16_t match_sent_by(const struct sip_via *via);
/* Call-ID, CSeq number and To tag, as a 2xx and its ACK have them. */
bool match_2xx(const struct txn_table *table, struct sip_msg *msg, uint8_t key[TXN_KEY_LEN]);

/* ---- branch.c ---- */

/* A key out of a branch of ours, its case ignored: the chance in it is as good as a MAC, and who can answer knows it anyway. False when it has not our form. */
bool branch_key(struct sv branch, uint8_t key[TXN_KEY_LEN]);

/* ---- server.c ---- */

/* Send by the way back. */
MG_MUST_CHECK int server_send(struct txn_server *server, struct sv bytes);
/* Replace what is kept; empty: nothing is. */
void server_keep(struct txn_server *server, struct sv bytes);
/* Ask the TU for the 100, send and keep it. */
void server_send_100(struct txn_server *server);
/* The final response was given. */
void server_settle(struct txn_server *server);
/* It is out of the table: what was kept goes. */
void server_over(struct txn_server *server);
void server_free(struct txn_server *server);

/* ---- client.c ---- */

/* Begin one without a TU: a CANCEL. Returns 0, MG_ENOMEM or MG_EEXIST. */
MG_MUST_CHECK int client_begin(struct txn_table *table, const struct sip_via *via,
			       enum txn_machine machine, const struct tp_target *to,
			       struct sv bytes, struct txn_client **out);
/* Whether a request that was not sent for this reason is as good as lost on its way: Timer A or E sends it again. */
bool client_is_loss(const struct txn_client *client, int err);
/* Send the request again. Returns 0 also when it is as good as lost. */
MG_MUST_CHECK int client_resend(struct txn_client *client);
/* What the live phase needed goes, except what Completed still lacks an ACK from; when the transaction is over, everything. */
void client_settle(struct txn_client *client);
void client_free(struct txn_client *client);

/* ---- ack.c, cancel.c, kept_2xx.c ---- */

/* Index the INVITE of a live client in the table's scratch and begin a view of it. Returns 0 or a negative error. */
MG_MUST_CHECK int client_own_invite(struct txn_client *client, struct sip_view *view);
/* Build the ACK of a final response unless there is one, and send it. */
void client_ack(struct txn_client *client, struct tp_rx *rx);
void client_send_cancel(struct txn_client *client, struct sv reason);
/* A 2xx that nobody listens for. */
void kept_late(struct txn_client *client, struct tp_rx *rx);
/* A 2xx behind the first. */
void kept_again(struct txn_client *client, struct tp_rx *rx);
/* Forget all 2xx of a client. */
void kept_drop(struct txn_client *client);

#endif
