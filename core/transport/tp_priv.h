/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp_priv: what the files of this room share: one worker's transport with its sockets (udp.c), connections (conn.c, tls.c) and rules.
 */
#ifndef MG_TRANSPORT_TP_PRIV_H
#define MG_TRANSPORT_TP_PRIV_H

#include "base/map.h"
#include "transport/tp.h"
#include "transport/tp_stats.h"

struct conns; /* this worker's connections: conn.c */
struct udp;   /* this worker's datagram sockets: udp.c */
struct names; /* who we are by the present configuration: local.c */
struct asker; /* what the kernel says of source addresses: pick.c */

/* A listener that the present configuration has no more; its descriptors are not in it. */
struct gone {
	const struct tp_config *of; /* had it last */
	struct tp_listener listener;
};

struct tp {
	struct tp_env env;
	struct gone *gone; /* n_gone of them; NULL when there are none */
	unsigned n_gone;
	const struct tp_config *config; /* NULL before the first tp_apply */
	struct udp *udp;
	struct conns *conns;
	struct names *names; /* NULL before the first tp_apply */
	struct asker *asker;
	struct sip_msg *msg; /* scratch for whatever is being parsed */
	bool stopped;
};

static inline void tp_count(struct tp *tp, enum tp_stat id)
{
	stats_add(tp->env.stats, tp->env.worker, id, 1);
}

/* The listener of an id, also one that is gone but kept; NULL when there is none. */
const struct tp_listener *tp_listener_of(const struct tp *tp, uint16_t id);
const struct tp_zone *tp_zone_of(const struct tp *tp, uint16_t zone);
/* The present listener at an address: bound to it, else to all of its family; NULL: none. */
const struct tp_listener *tp_listener_at(const struct tp *tp, uint8_t transport,
					 const struct addr *at);
/* The zone of that number, NULL when a configuration has none. */
static inline const struct tp_zone *tp_zone_in(const struct tp_config *config, uint16_t zone)
{
	return config && zone < config->n_zones && config->zones[zone].name ? &config->zones[zone]
									    : NULL;
}

/* Whether arrival lets a datagram or new connection in. Counts drops. */
bool tp_arrives(struct tp *tp, const struct tp_flow *flow, size_t len);

/* Show bytes before they are parsed, and tell when they were dealt with. */
static inline bool tp_look(struct tp *tp, const struct tp_flow *flow, struct sv bytes)
{
	return !tp->env.on->look || tp->env.on->look(tp->env.arg, flow, bytes) == TP_PASS;
}
static inline void tp_looked(struct tp *tp)
{
	if (tp->env.on->looked)
		tp->env.on->looked(tp->env.arg);
}

/* Ask SEND; false: counted, not to be sent. Asked by udp_send and conns_send, which know the flow, not by tp_send. */
bool tp_may_send(struct tp *tp, const struct tp_flow *to, struct sv bytes);

/* Whether `peer` may get another answer to a keepalive now (T-12): per source, shared by UDP and streams. */
bool tp_keepalive_ok(struct tp *tp, const struct addr *peer, const struct tp_zone *zone);

/* The buffers of usual messages are of this size, and go round (buf.c). */
#define TP_BUF_USUAL 2048

/* 5060, TLS 5061 and so on (RFC 3261 §19.1.2, RFC 7118 §5). */
uint16_t tp_default_port(uint8_t transport);

/* ---- local.c, pick.c ---- */

MG_MUST_CHECK struct names *names_new(const struct tp_config *config, const struct gone *gone,
				      unsigned n_gone);
void names_free(struct names *names); /* NULL is fine */

MG_MUST_CHECK struct asker *asker_new(void);
void asker_free(struct asker *asker); /* NULL is fine */
void asker_forget(struct asker *asker);

/* The address that the kernel would send from to `to`, without port. Returns 0, or the negative errno that sending would meet. */
MG_MUST_CHECK int tp_source_address(struct tp *tp, const struct addr *to, struct addr *from);

/* ---- udp.c, called by tp.c ---- */
MG_MUST_CHECK struct udp *udp_new(struct tp *tp);
void udp_free(struct udp *udp);
/* Take over the listeners in two steps: what can fail, then what cannot. Returns 0 or MG_ENOMEM, then nothing has changed. */
MG_MUST_CHECK int udp_prepare(struct udp *udp, const struct tp_config *config);
/* Sockets of `gone` listeners stay. */
void udp_commit(struct udp *udp, const struct tp_config *config, const struct gone *gone,
		unsigned n_gone);
void udp_forget(struct udp *udp, uint16_t listener); /* one that is gone */
void udp_abort(struct udp *udp);
void udp_stop(struct udp *udp);
MG_MUST_CHECK int udp_send(struct udp *udp, const struct tp_target *to, struct sv bytes);

/* ---- conn.c, called by tp.c ---- */
MG_MUST_CHECK struct conns *conns_new(struct tp *tp);
void conns_free(struct conns *conns);
/* Take over listeners and limits; connections live on, also those of listeners that are gone. */
MG_MUST_CHECK int conns_apply(struct conns *conns, const struct tp_config *config);
void conns_stop(struct conns *conns);
MG_MUST_CHECK int conns_send(struct conns *conns, const struct tp_target *to, struct sv bytes,
			     struct tp_ticket *ticket);
void conns_letter(struct conns *conns, struct tp_letter *letter); /* takes it */
bool conns_alive(struct conns *conns,
		 tp_conn conn); /* of this worker; tp_directory_has tells of others */
/* Whether a TCP connection to that address failed within the last minutes (T-14): for tp_try_stream. */
bool conns_refused(struct conns *conns, const struct addr *addr);

/* ---- a connection's number: worker 8 bits, slot 24, generation 32; tp_conn_worker is in shared.c ---- */

#define TP_SLOTS_MAX (1u << 24)

/* `generation` counts the uses of a slot, from a number by chance on and without 0 (behind 2^32-1 comes 1), so that no connection is 0, and a number that was made by
 * another process, before a restart or on another node, names none of this one's. */
static inline tp_conn tp_conn_make(unsigned worker, uint32_t slot, uint32_t generation)
{
	return (tp_conn)worker << 56 | (tp_conn)slot << 32 | generation;
}

static inline uint32_t tp_conn_slot(tp_conn conn)
{
	return (uint32_t)(conn >> 32) & (TP_SLOTS_MAX - 1);
}

static inline uint32_t tp_conn_generation(tp_conn conn)
{
	return (uint32_t)conn;
}

/* ---- shared.c: what all workers share; every function from any thread ---- */

struct tp_directory; /* who owns which connection; a mutex a shard */
struct tp_directory *tp_shared_directory(struct tp_shared *shared);

/* One connection in the directory; embedded in it, zeroed at first. `peer`, `listener` and `transport` are filled before it is added and stay; the rest is
 * the directory's own. */
struct tp_entry {
	struct map_node by_key, by_conn;
	tp_conn conn; /* 0: not in the directory */
	struct addr peer;
	uint16_t listener;
	uint8_t transport;
	bool keyed; /* in it by key too */
};

/* Tell that `conn` exists, under its number and under `key` (transport, address, domain: conn.c makes it; the bytes stay valid until it is
 * removed). When another connection has that key already, this one is known by its number only.
 *
 * Returns    0, MG_ENOMEM or MG_ELIMIT; then it is not in the directory.
 */
MG_MUST_CHECK int tp_directory_add(struct tp_directory *directory, struct tp_entry *entry,
				   struct sv key, tp_conn conn);
void tp_directory_remove(struct tp_directory *directory,
			 struct tp_entry *entry); /* fine when it is not in it */
/* The connection of that key, whichever worker owns it; 0 when there is none. It may be gone by the time it is used. */
tp_conn tp_directory_find(struct tp_directory *directory, struct sv key);
bool tp_directory_has(struct tp_directory *directory, tp_conn conn);
/* Fill `conn`, `addr`, `listener` and `transport` of a target, nothing else, with what the directory knows of a connection: for tp_conn_target. */
MG_MUST_CHECK int tp_directory_target(struct tp_directory *directory, tp_conn conn,
				      struct tp_target *out); /* 0 or MG_ENOENT */

/* Counts and rates per source: the IPv4 address or IPv6 /64 of `peer`. A source with a count above 0 is not forgotten while any other can be. */
enum tp_source_count { TP_SOURCE_CONNS, TP_SOURCE_HANDSHAKES, TP_SOURCE_COUNTS };
/* One more; false, and nothing counted, when `max` are there already or the table has no room. */
bool tp_source_more(struct tp_shared *shared, const struct addr *peer, enum tp_source_count what,
		    uint32_t max);
void tp_source_less(struct tp_shared *shared, const struct addr *peer, enum tp_source_count what);
/* Take a token from the source's bucket of new TLS handshakes. */
bool tp_source_handshake(struct tp_shared *shared, const struct addr *peer,
			 const struct limit_rule *rule, uint64_t now_ms);
/* The same of answers to keepalives; `by_port`: each port of the source has a bucket of its own. */
bool tp_source_keepalive(struct tp_shared *shared, const struct addr *peer, bool by_port,
			 const struct limit_rule *rule, uint64_t now_ms);
/* Whether an event of this source (any kind) is to be logged now: one line per source and 10 s. `n` is set as log_limit_pass does. */
bool tp_source_say(struct tp_shared *shared, const struct addr *peer, uint64_t now_ms, uint64_t *n);

#endif
