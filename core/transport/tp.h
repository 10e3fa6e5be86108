/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp: sockets to messages and back, for one worker: what arrives is handed up parsed, with the flow it came on; what is sent goes to a
 * target: an address and a transport, or a flow that exists. Which target, and what to do when it fails, is decided above. One `struct tp`
 * belongs to one worker's loop; what workers share lies in `struct tp_shared`.
 */
#ifndef MG_TRANSPORT_TP_H
#define MG_TRANSPORT_TP_H

#include "base/addr.h"
#include "base/list.h"
#include "base/rand.h"
#include "base/stats.h"
#include "event/loop.h"
#include "sip/message.h"
#include "sip/out.h"
#include "sip/parse.h"
#include "transport/listener.h"

struct tp;
struct tp_shared;
struct tp_letter;

/* What all workers share: the directory of connections and the counts per source.
 *
 * sources_max  Sources counted at a time (the least recently seen goes first).
 */
MG_MUST_CHECK struct tp_shared *tp_shared_new(unsigned sources_max);
void tp_shared_free(struct tp_shared *shared);

/* ---- what arrives ---- */

/* A connection: worker, slot and generation in one number. 0 is none. The worker that owns it can be read off (tp_conn_worker). */
typedef uint64_t tp_conn;
unsigned tp_conn_worker(tp_conn conn);

/* Where a message came from, and the way back. Plain data: may be copied, kept, and go to other workers. */
struct tp_flow {
	struct addr peer;
	struct addr
		local; /* our own address that was asked; answers leave from there (IP_PKTINFO) */
	tp_conn conn;  /* 0 for UDP */
	uint16_t
		listener; /* id, see listener.h; of an outgoing connection the one it was opened for */
	uint16_t zone;    /* of that listener */
	uint8_t transport; /* enum sip_transport: UDP, TCP, TLS */
	/* bits, because every transaction keeps two of these */
	bool proven : 1; /* the peer has shown that it receives at its address: a connection */
	bool trusted_tls : 1; /* TLS with a client certificate that verified: whoever its authority gave it to */
	bool certified : 1; /* and that a rule of the configuration names */
	bool known : 1; /* a connection of no stranger (T-2): tp_conn_known would change nothing */
};

/* The bytes of a message, counted; one owner thread at a time (ownership may move with a message to another worker). */
struct tp_buf {
	uint32_t refs;
	uint32_t cap;
	char data[];
};
struct tp_buf *tp_buf_new(uint32_t cap); /* NULL without memory; one reference */
void tp_buf_unref(struct tp_buf *buf);   /* NULL is fine */

/* One message during the callback. `msg` and `buf` are the transport's: who needs them longer calls tp_rx_keep. */
struct tp_kept;
struct tp_rx {
	struct sip_msg *msg;
	struct tp_kept *kept; /* it is kept already: tp_rx_keep hands this one over, once */
	struct tp_buf *buf; /* NULL: the bytes lie in a stream's buffer and are copied when kept */
	bool taken;         /* set by tp_rx_keep: `buf` belongs to what was kept */
	struct tp_flow flow;
	uint64_t
		at_us; /* when it arrived as far as we know: the kernel's time stamp if asked for, else the wake-up */
	struct sip_where at; /* what the index or the framer found wrong, fault SIP_OK if nothing */
	int err; /* 0, MG_EPARSE, MG_ELIMIT: the parser's verdict; msg is filled as far as it came */
};

/* A message that is kept: bytes and a packed index, independent of the transport; to be freed once, in any thread that owns it. */
struct tp_kept {
	struct sip_msg *msg;
	struct tp_buf *buf;
	size_t size; /* of this, with what is packed behind it */
	struct tp_flow flow;
	uint64_t at_us;
};
/* Keep a message. Returns NULL without memory. Typed values that were read stay remembered when the bytes did not move: of a datagram that is kept for the
 * first time. `rx` goes on showing the message, until what was kept is freed or given to another thread. */
MG_MUST_CHECK struct tp_kept *tp_rx_keep(struct tp_rx *rx);
void tp_kept_free(struct tp_kept *kept); /* NULL is fine */

enum tp_verdict { TP_PASS, TP_DROP };

struct tp_events {
	/* A datagram or a new connection (len 0), by its source alone, before anything is looked at: ARRIVAL. */
	enum tp_verdict (*arrival)(void *arg, const struct tp_flow *flow, size_t len);
	/* Bytes that nobody has looked at yet, before they are parsed: a datagram (of a long one its first 2048 bytes), or what is there of a stream from where a
	 * message begins. TP_DROP: they are thrown away, with the stream they came by. After TP_PASS follows `looked` once, when all that was to be done with
	 * them is done. Both or none; NULL passes everything. */
	enum tp_verdict (*look)(void *arg, const struct tp_flow *flow, struct sv bytes);
	void (*looked)(void *arg);
	/* A message, well formed or not (rx->err). Keepalives and STUN have been dealt with. On a stream whose framing is lost the connection closes
	 * after this, once what was sent in answer is out. */
	void (*message)(void *arg, struct tp_rx *rx);
	/* A stream brought what is no SIP at all: no message is made of it, and its connection ends. NULL: nobody wants to know. */
	void (*not_sip)(void *arg, const struct tp_flow *flow);
	/* ICMP said that a datagram of ours did not arrive. `quoted` is its begin, as far as the kernel kept it. */
	void (*unreachable)(void *arg, const struct addr *peer, int err, struct sv quoted);
	/* Something for a connection that another worker owns: hand it to tp_receive_letter there, in the order it came. Takes `letter` on success.
	 * Returns 0 or a negative error. */
	int (*letter)(void *arg, unsigned worker, struct tp_letter *letter);
	/* Bytes that another worker should have sent came back: its connection is gone or takes no more. If a ticket came with them, and the
	 * connection is gone, that fails too, right after this. */
	void (*lost)(void *arg, struct sv bytes, int err);
	/* A connection is gone; flows that name it are dead. */
	void (*closed)(void *arg, tp_conn conn);
	/* Bytes are about to leave (SEND): observe or veto. Called for every message, not for keepalives. */
	enum tp_verdict (*sending)(void *arg, const struct tp_flow *to, struct sv bytes);
};

enum tp_letter_kind {
	TP_LETTER_SEND,  /* send `bytes` on `conn` */
	TP_LETTER_BACK,  /* they could not be sent: `failed` says why */
	TP_LETTER_GONE,  /* `conn`, by which bytes were sent, is gone */
	TP_LETTER_KNOWN, /* tp_conn_known */
	TP_LETTER_CLOSE, /* tp_conn_close */
};

/* Between workers: bytes for a connection, or news of one. Fields are the transport's own. */
struct tp_letter {
	tp_conn conn;
	unsigned from; /* worker to be told of a failure */
	uint8_t kind;  /* enum tp_letter_kind */
	int failed;
	uint32_t n;
	char bytes[];
};
void tp_letter_free(struct tp_letter *letter);
/* A letter that another worker sent through `letter`. Takes it. */
void tp_receive_letter(struct tp *tp, struct tp_letter *letter);

/* ---- making one ---- */

struct tp_env {
	struct loop *loop;
	unsigned worker, workers;
	struct tp_shared *shared;
	struct rnd *rnd;
	struct stats *stats; /* rows of tp_stats.h */
	struct gate *gate;   /* NULL: none; what it drops is no lack of room */
	const struct tp_events *on;
	void *arg;
};

MG_MUST_CHECK struct tp *tp_new(const struct tp_env *env);
void tp_free(struct tp *tp);

/* Take over a configuration: begin to listen on what is new, use its limits and TLS contexts for what is new from now on. Of listeners that are gone streams are no longer
 * accepted, but connections stay; datagram sockets go on to receive and send, for what is under way, until tp_forget. `config` and its descriptors must stay until the
 * next one has been applied, and where that took listeners away (tp_keeps) until tp_forget; they are nobody's here to close. Returns 0 or MG_ENOMEM, then nothing has
 * changed. */
MG_MUST_CHECK int tp_apply(struct tp *tp, const struct tp_config *config);

/* Whether listeners of a former configuration, gone since, are still kept. */
bool tp_keeps(const struct tp *tp, const struct tp_config *config);
/* Close them: nothing is under way on them any more. */
void tp_forget(struct tp *tp, const struct tp_config *config);
/* Whether a listener is one of these. Datagrams that come by it to an address that another one has by now come as that one's. */
bool tp_listener_gone(const struct tp *tp, uint16_t listener);

/* Stop listening and reading, keep what is being sent: for a graceful end. */
void tp_stop(struct tp *tp);

/* ---- sending ---- */

/* Where a message goes. Either `conn` (a flow that must exist), or an address and transport, for which a connection is found or opened. */
struct tp_target {
	struct addr addr;
	struct addr
		local; /* UDP: source address to use when the listener is a wildcard; ADDR_NONE: the kernel's choice */
	tp_conn conn;
	uint16_t listener; /* id of the one it leaves by (tp_pick) */
	uint8_t transport;
	bool fixed; /* the transport was asked for: no trying of a stream for large requests (T-14) */
	bool quick; /* TCP because of tp_try_stream: a connection that has to be opened gets stream_try_ms, not connect_ms */
	char domain
		[256]; /* TLS: the name asked for before any SRV, that the certificate must hold (RFC 5922); "" on a flow */
};

/* The flow back to who sent a message, as a target: RFC 3261 §18.2.2, RFC 3581 and T-9. `via` is the request's top Via. */
void tp_reply_target(struct tp *tp, const struct tp_flow *flow, const struct sip_via *via,
		     struct tp_target *out);

/* Embedded in whoever wants to know that what it sent on a stream is lost: connect failed or timed out, name not in the certificate (MG_EAUTH), connection
 * broken or closed before the ticket was taken back, queue full. Never called from within tp_send. The same for a connection of another worker, unless the
 * news is lost between the two. */
struct tp_ticket {
	struct list link;
	void (*failed)(struct tp_ticket *ticket, int err);
};
void tp_ticket_init(struct tp_ticket *ticket, void (*failed)(struct tp_ticket *, int));
void tp_ticket_drop(struct tp_ticket *ticket); /* no longer interested; may be called twice */

/* Send a message. The bytes are copied before it returns (datagrams leave in one sendmmsg, streams in one writev, at the end of the turn).
 *
 * ticket     May be NULL. Used for streams only.
 * Returns    0 (on its way), or a negative errno when it is known at once that it cannot be sent (EMSGSIZE, ECONNREFUSED, EHOSTUNREACH, ENOBUFS,
 *            ETIMEDOUT for a quick target whose connection takes its time already, ENOTCONN for a flow that is gone, EPROTONOSUPPORT without a
 *            TLS context for it), MG_EAUTH when a veto stopped it. The ticket is not used then.
 */
MG_MUST_CHECK int tp_send(struct tp *tp, const struct tp_target *to, struct sv bytes,
			  struct tp_ticket *ticket);

/* The peer at the other end authenticated or was let in some other way: its connection may be idle for idle_known_ms from now on, and no longer counts among
 * the strangers of its source (T-2). Any worker's connection; nothing happens when it is gone. */
void tp_conn_known(struct tp *tp, tp_conn conn);

/* The peer asks by `alias` in its top Via that requests to its sent-by leave by this connection (RFC 5923). Done for a carrier's connection over TLS that it
 * opened, with a certificate that verified and names that host, at the address it came from; ignored otherwise (T-8). A connection of this worker. */
void tp_conn_alias(struct tp *tp, tp_conn number, const struct sip_via *via);

/* Close a connection, once what was sent is out. Any worker's. */
void tp_conn_close(struct tp *tp, tp_conn conn);

/* For status: this worker's connections. `fn` must not send nor close. */
struct tp_conn_info {
	struct tp_flow flow;
	const char *state; /* constant text: "open" */
	struct sv
		domain; /* TLS that we opened: the name that the certificate holds; valid during the call */
	uint64_t age_ms, idle_ms;
	uint32_t queued; /* bytes to be sent */
	uint32_t unread; /* bytes of an unfinished message */
	bool outgoing, known;
};
void tp_conns_each(struct tp *tp, void (*fn)(void *arg, const struct tp_conn_info *info),
		   void *arg);

/* A connection as a target: its address, transport and listener, whichever worker owns it (the directory knows). Returns 0, or MG_ENOENT when it is gone. */
MG_MUST_CHECK int tp_conn_target(struct tp *tp, tp_conn conn, struct tp_target *out);

/* T-14: whether a request of `n` bytes that would leave by UDP to `to` should be built for TCP first: it is large, the transport was not asked for, there is a
 * TCP listener of that family to pick, and the same address has not refused a connection lately. When the stream fails, who sends builds it for UDP again. */
bool tp_try_stream(struct tp *tp, const struct tp_target *to, size_t n);

/* Whether a flow's connection is still there; true for UDP. For connections of other workers what the directory says. */
bool tp_flow_alive(struct tp *tp, const struct tp_flow *flow);

/* ---- which way out ---- */

/* Choose the listener by which a request leaves towards `to` (transport and addr filled): of `zone` if that is not TP_ANY_ZONE, else preferring
 * zone `from` among those that can reach it, and in a zone the listener whose address the kernel would use as source. Fills to->listener and
 * to->local.
 *
 * Returns 0, MG_ENOENT when no listener of that transport and address family is there, or what the kernel says (ENETUNREACH) when there is no way from
 * a wildcard listener. */
#define TP_ANY_ZONE 0xffff
MG_MUST_CHECK int tp_pick(struct tp *tp, uint16_t zone, uint16_t from, struct tp_target *to);

/* host[:port] that a listener is known by to its peers, for Via sent-by, Record-Route and Contact: the advertised address, else the bound one, else
 * (wildcard) `local`. Port left out when it is the transport's default. Returns bytes written (at most TP_SENTBY_MAX), no NUL. */
#define TP_SENTBY_MAX 272
size_t tp_sentby(struct tp *tp, uint16_t listener, const struct addr *local,
		 char out[TP_SENTBY_MAX]);

/* What there are listeners for: bits 1 << enum sip_transport, and the address families. */
uint8_t tp_can(const struct tp *tp, bool *v4, bool *v6);

/* The zone of a listener, TP_ANY_ZONE when there is none of that id. */
uint16_t tp_listener_zone(const struct tp *tp, uint16_t listener);

/* Whether host and port (0: the default of that transport; transport NONE: any) name ourselves: a bound, advertised or local address of a listener. */
bool tp_is_us(struct tp *tp, struct sv host, uint16_t port, enum sip_transport transport);

/* T-13: whether a message must not be sent there (loopback, link-local and so on unless the listener is bound there itself). By a wildcard listener what came in over loopback is answered there (to->local says so), but
 * no request goes there of itself: tp_pick leaves to->local empty then. */
bool tp_forbidden(struct tp *tp, const struct tp_target *to);

/* T-13: whether a request would come back to ourselves: to a listener, under whatever name it was reached, or to a socket of ours that speaks no SIP. */
bool tp_is_own(struct tp *tp, const struct addr *to, uint8_t transport);

#endif
