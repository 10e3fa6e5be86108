/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * listener: what a transport is told to listen on and to obey: listeners with their descriptors, zones' limits, TLS contexts. Plain data that whoever
 * loads configurations fills and keeps unchanged as long as it is used; descriptors are opened elsewhere.
 */
#ifndef MG_TRANSPORT_LISTENER_H
#define MG_TRANSPORT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/limit.h"

#define TP_WORKERS_MAX   64
#define TP_LISTENERS_MAX 256
#define TP_ZONES_MAX     64  /* of a configuration */
#define TP_ZONE_NUMBERS  256 /* of zones: of all configurations that are in use */

struct tls_context; /* tls_context.h */

struct tls;

struct tp_listener {
	uint16_t id;   /* stays the same over reloads for the same transport and bound address */
	uint16_t zone; /* its number: index into tp_config.zones */
	uint8_t transport;       /* enum sip_transport */
	bool wildcard;           /* bound to 0.0.0.0 or :: */
	struct addr bound;       /* with its port */
	char advertise[256];     /* host that peers know us by; "" : the bound address */
	uint16_t advertise_port; /* 0: the bound one */
	const struct tls_context *const *tls; /* NULL-ended, first is the default; TLS only */
	int fd[TP_WORKERS_MAX];               /* one socket a worker (SO_REUSEPORT) */
};

struct tp_zone {
	const char *name;
	bool trusted; /* carrier: `maddr`, `alias` and sources are believed as far as T-8 and T-9 allow */
	uint32_t
		conns_per_source; /* unauthenticated connections per IPv4 address or IPv6 /64: 32 */
	uint32_t handshake_ms;    /* 10 000 */
	uint32_t idle_ms;         /* before the first request that was let in: 30 000 */
	uint32_t idle_known_ms;   /* after it: 3 600 000 */
	uint32_t complete_ms;     /* from the first byte of a message to its last: 10 000 */
	struct limit_rule handshakes;   /* new TLS handshakes per unknown source: 10/s */
	uint32_t handshakes_per_source; /* pending ones per unknown source; 0: 16 */
	struct limit_rule keepalives;   /* answers to CRLF and STUN per connection or source: 1/s */
};

struct tp_config {
	const struct tp_listener *const *listeners;
	unsigned n_listeners;
	const struct addr *
		locals; /* addresses of this machine, for wildcard listeners: this process can't ask for them */
	unsigned n_locals;
	struct addr
		service; /* a TCP socket of ours that speaks no SIP: of the figures; ADDR_NONE: none */
	/* By their numbers, which a zone keeps over configurations; without a name: not in this one. */
	const struct tp_zone *zones;
	unsigned n_zones;
	uint32_t conns_max;      /* connections per worker */
	uint32_t conns_reserved; /* share of it kept for known peers, percent: 25 */
	uint32_t handshakes_max; /* pending, per worker */
	uint32_t queue_bytes;    /* output queue per connection: 1 MiB */
	uint32_t connect_ms;     /* to open a connection: 4 000 */
	uint32_t stream_try_ms;  /* T-14: to open one for a large request: 500 */
	uint32_t large_request;  /* bytes above which a stream is tried: 1 300 */
	bool (*known)(void *arg,
		      const struct addr *
			      peer); /* peer is trusted or has authenticated; any worker's thread */
	/* Whether a rule names the certificate that a client showed and that verified, of a connection in this zone; tls_peer_names tells. NULL: none does. In the
	 * connection's worker, also when a configuration comes. */
	bool (*certified)(void *arg, uint16_t zone, const struct addr *peer, const struct tls *tls);
	void *known_arg;                      /* of both */
	const struct tls_context *tls_client; /* for connections we open */
};

#endif
