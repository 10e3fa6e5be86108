/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: one worker's connections as the files of the stream part share them: conn.c the table and what tp.c calls, conn_life.c states and deadlines,
 * conn_send.c finding or opening one to send by, conn_tls.c handshakes, tcp.c sockets, accept.c listeners, stream.c bytes to messages, stream_out.c the
 * output queue, letter.c connections of other workers.
 *
 * A connection is freed at the end of a turn only, in one place (conn_life.c): until then a pointer to it stays good, and who called something that may
 * have ended it looks at its state.
 */
#ifndef MG_TRANSPORT_CONN_H
#define MG_TRANSPORT_CONN_H

#include "base/container_of.h"
#include "base/limit.h"
#include "base/log.h"
#include "transport/tls.h"
#include "transport/tls_meter.h"
#include "transport/tp_priv.h"

enum conn_state {
	CONN_CONNECTING, /* the TCP handshake of one that we open */
	CONN_HANDSHAKE,  /* TLS */
	CONN_OPEN,
	CONN_CLOSING, /* nothing new goes in; what is queued leaves, then a FIN, then the peer's is waited for */
	CONN_DEAD, /* the descriptor is closed; buried at the end of the turn */
};

#define CONN_LINGER_MS 2000
#define CONN_READ_MAX \
	32768 /* bytes read at a time, so that one connection cannot keep the others waiting */
#define CONN_KEY_MAX (sizeof(struct addr) + 1 + 256 + 1 + 256)

struct out_chunk; /* stream_out.c */

struct conn {
	struct conns *conns;
	struct loop_watch watch;
	struct wheel_timer timer;
	struct list link;      /* in conns->dead */
	struct list flush;     /* in conns->flush: something is queued since the last write */
	struct list turn;      /* in conns->again, or waiting for the private key (tls_meter.h) */
	struct tp_entry entry; /* number, peer, transport, listener */
	struct list tickets;
	struct addr local;
	struct tls *tls;
	char *in; /* what has come of an unfinished message */
	uint32_t in_n, in_cap;
	struct sip_stream stream;
	struct out_chunk *out_first, *out_last;
	uint32_t out_n;
	uint32_t slot;
	uint64_t born_ms;
	uint64_t since_ms;   /* when the present state was entered */
	uint64_t used_ms;    /* last message */
	uint64_t message_ms; /* first byte of the unfinished message, 0: there is none */
	uint64_t due_ms;     /* what the timer is set to; the deadline may be later */
	uint64_t senders;    /* bits of other workers that sent letters for it */
	tp_conn number;      /* stays when the directory has forgotten it */
	int err;             /* why it closes */
	uint16_t zone;
	uint16_t key_n, domain_n; /* the domain is the key's end */
	uint16_t
		awaits; /* HANDSHAKE: bytes that the kernel waits for before it wakes us, 0: not told */
	uint8_t state; /* enum conn_state */
	bool outgoing; /* opened by us */
	bool let_in; /* known by its address or certificate, or let in above: idle_known_ms counts, the shares for strangers do not */
	bool counted;   /* among its source's connections */
	bool pending;   /* among the handshakes under way, and its source's */
	bool quick;     /* CONNECTING: within stream_try_ms */
	bool trusted;   /* TLS: showed a certificate that verified */
	bool certified; /* and that a rule names */
	bool blocked;   /* the socket takes nothing now */
	bool eof;       /* the peer will not say anything more */
	char *alias; /* the key that took the place of `key` in the directory (T-8), NULL: none */
	char key[];  /* of the directory: conn_send.c */
};

struct conn_slot {
	struct conn *conn;
	uint32_t generation; /* of its last use; before the first one by chance */
	uint32_t next_free;
};

struct refusals; /* conn_refused.c */

struct conns {
	struct tp *tp;
	const struct tp_config *config; /* limits */
	struct conn_slot *slot;
	uint32_t slots, used; /* slots allocated; of these ever used */
	uint32_t free_first, free_last, free_n;
	uint32_t count, strangers;
	uint64_t in_bytes; /* held in unfinished messages */
	struct list dead, flush, again;
	struct loop_hook hook;    /* in the loop when dead or flush is not empty */
	struct loop_waker *waker; /* for again and the private key: in the next turn */
	struct list acceptors;
	struct wheel_timer pause; /* listeners wait for descriptors */
	int spare_fd;
	struct limit says; /* lines of log */
	struct log_limit no_fds;
	struct tls_meter meter;
	struct tls_sessions *sessions;
	struct refusals *refusals;
	struct map remotes; /* letter.c */
	struct wheel_timer sweep;
	struct wheel_timer key_timer; /* the time for the private key is used up until then */
	char *scratch;                /* CONN_SCRATCH bytes to read into */
	char *record;                 /* TLS_RECORD bytes to gather into */
	struct out_chunk *spare_chunks;
	unsigned spare_chunks_n;
	bool stopped;
};

#define CONN_SCRATCH (SIP_STREAM_MESSAGE_MAX + CONN_READ_MAX)
#define TLS_RECORD   16384

static inline uint64_t conns_now(const struct conns *conns)
{
	return loop_now_ms(conns->tp->env.loop);
}

static inline struct tp *conn_tp(const struct conn *conn)
{
	return conn->conns->tp;
}

static inline bool conn_is_up(const struct conn *conn)
{
	return conn->state < CONN_CLOSING;
}

/* The domain that was asked for when it was opened; empty when it was accepted, and for TCP. */
static inline struct sv conn_domain(const struct conn *conn)
{
	return sv_of(conn->key + conn->key_n - conn->domain_n, conn->domain_n);
}

/* ---- conn.c ---- */

/* What a new connection is about. */
struct conn_birth {
	struct addr peer, local;
	struct sv key; /* its last domain_n bytes are the domain */
	size_t domain_n;
	int fd; /* becomes the connection's on success */
	uint16_t listener, zone;
	uint8_t transport;
	bool outgoing, let_in;
};

/* Make one, in the table and in the directory, watched for `events`; its state is CONN_OPEN until conn_enter says otherwise. NULL without memory or at the
 * limit; nothing is counted then. */
MG_MUST_CHECK struct conn *conn_new(struct conns *conns, const struct conn_birth *birth,
				    unsigned events);
struct conn *conn_find(const struct conns *conns, tp_conn number); /* NULL: gone */
/* Give the slot back and free; the descriptor is closed and nothing refers to it any more. */
void conn_free(struct conn *conn);
void conn_flow(const struct conn *conn, struct tp_flow *out);
const struct tp_zone *conns_zone(const struct conns *conns, uint16_t zone); /* never NULL */
/* Ask the configuration whether a rule names the client's certificate. */
void conn_certify(struct conn *conn, const struct tp_config *config);

/* Whether the peer is trusted or has authenticated lately. */
bool conns_knows(const struct conns *conns, const struct addr *peer);
/* Whether there is room for one more; strangers leave the share that is reserved, whoever opened the connection. */
bool conns_has_room(const struct conns *conns, bool let_in);

/* ---- conn_life.c ---- */

void conn_enter(struct conn *conn, enum conn_state state); /* sets the new state's deadline */
wheel_fn conn_timer;
void conn_event(struct loop_watch *watch, unsigned events);
/* It is open: what was queued may leave, messages may come. */
void conn_opened(struct conn *conn);
/* Watch for what its state waits for. */
void conn_watch(struct conn *conn);
/* The deadline may have come nearer. */
void conn_set_deadline(struct conn *conn);
/* The peer is no stranger any more. */
void conn_let_in(struct conn *conn);
/* End it at once: nothing more is sent. Its tickets fail with `err` at the end of the turn. Fine when it is dead. */
void conn_kill(struct conn *conn, int err);
/* End it when what is queued is out. */
void conn_close(struct conn *conn, int err);
/* Nothing is queued any more on one that is CLOSING. */
void conn_finish(struct conn *conn);
void conns_at_turn(struct conns *conns); /* dead or flush have got something */
void conns_turn_end(struct loop_hook *hook);

/* ---- conn_say.c ---- */

/* One line of log; fields that are NULL are left out. */
struct conn_news {
	const char *event; /* constant */
	const struct addr *peer;
	const char *why;
	const char *domain, *found;
	uint8_t transport;
};
/* Say it, at most one line per source in 10 s, and some dozens a second in all. */
void conns_say(struct conns *conns, const struct conn_news *news);
void conn_say(struct conn *conn, const char *event, const char *why);

/* ---- conn_send.c ---- */

/* Write the directory's key: peer, transport, zone, domain. Returns its length. */
size_t conn_key(char out[CONN_KEY_MAX], const struct addr *peer, uint8_t transport,
		const char *zone, struct sv domain, size_t *domain_n);
/* Queue bytes on a connection that is up. Returns 0, -ENOBUFS or MG_ENOMEM. */
MG_MUST_CHECK int conn_send(struct conn *conn, struct sv bytes, struct tp_ticket *ticket);

/* ---- conn_tls.c ---- */

void conn_handshake(struct conn *conn);      /* its socket is ready */
void conn_handshake_late(struct conn *conn); /* its time is over: counted and said, nothing else */
void conns_handshake_next(
	struct conns *conns); /* a turn has begun: the next that waits for the private key */

/* ---- conn_refused.c ---- */
MG_MUST_CHECK struct refusals *refusals_new(void);
void refusals_free(struct refusals *refusals);
void refusals_add(struct refusals *refusals, const struct addr *addr, uint64_t now_ms);
void refusals_drop(struct refusals *refusals, const struct addr *addr);
bool refusals_has(struct refusals *refusals, const struct addr *addr, uint64_t now_ms);

/* ---- tcp.c ---- */

/* No delay, keepalives, an end to what is not acknowledged. */
void tcp_options(int fd);
/* Begin to connect. `from`: ADDR_NONE, or the address to leave by. Returns a descriptor, or a negated errno value. */
MG_MUST_CHECK int tcp_connect(const struct addr *from, const struct addr *to);
/* What became of it: 0 or a negated errno value. */
MG_MUST_CHECK int tcp_connected(int fd);
struct addr tcp_local(int fd);
/* Close without FIN and TIME-WAIT: for who is not let in. */
void tcp_refuse(int fd);

/* ---- accept.c ---- */
MG_MUST_CHECK int acceptors_apply(struct conns *conns, const struct tp_config *config);
void acceptors_free(struct conns *conns);
void acceptors_resume(struct wheel_timer *t, uint64_t now_ms);
int spare_fd_open(void); /* a descriptor to give up when there is no other; -1 without */

/* ---- stream.c ---- */
void stream_read(struct conn *conn);    /* the socket is readable */
void stream_discard(struct conn *conn); /* the same while CLOSING */
void stream_drop_input(struct conn *conn);

/* ---- stream_out.c ---- */
MG_MUST_CHECK int out_put(struct conn *conn, struct sv bytes); /* 0 or MG_ENOMEM */
void out_flush(struct conn *conn);                             /* write what the socket takes */
void out_drop(struct conn *conn);
void out_spares_free(struct conns *conns);

/* ---- letter.c ---- */
/* Send by a connection of another worker. */
MG_MUST_CHECK int letter_send(struct conns *conns, tp_conn number, struct sv bytes,
			      struct tp_ticket *ticket);
/* Ask its worker for something else. */
void letter_ask(struct conns *conns, tp_conn number, enum tp_letter_kind kind);
/* Tell the workers that sent by it that it is gone. */
void letter_gone(struct conn *conn);
void remotes_sweep(struct wheel_timer *t, uint64_t now_ms);
void remotes_free(struct conns *conns);

#endif
