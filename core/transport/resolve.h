/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * resolve: from a URI's host to addresses to try, in order (RFC 3263, RFC 7984 for dual stack): NAPTR, SRV with priorities and weights, A and AAAA,
 * numeric hosts, explicit ports and transports; asynchronous with c-ares, one channel a worker, a cache that all share. Targets that failed lately come
 * last. Hostile answers are bounded (C-15).
 */
#ifndef MG_TRANSPORT_RESOLVE_H
#define MG_TRANSPORT_RESOLVE_H

#include "base/addr.h"
#include "base/rand.h"
#include "base/stats.h"
#include "event/loop.h"
#include "sip/uri.h"

#define DNS_HOPS_MAX 32

/* ---- what all workers share ---- */

struct dns_conf {
	struct addr nameservers[8]; /* none: those of the system */
	unsigned n_nameservers;
	uint32_t timeout_ms;                                /* of one try: 500 */
	uint32_t tries;                                     /* 2 */
	uint32_t budget_ms;                                 /* of a whole look-up: 2 000 (C-14) */
	uint32_t ttl_min_s, ttl_max_s, negative_s, stale_s; /* 5, 3 600, 30, 86 400 */
	uint32_t cache_max;                                 /* names: 10 000 */
	uint32_t
		avoid_ms; /* how long a target that failed is tried last: 30 000, doubling to 5 min */
	uint32_t targets_max; /* targets remembered: 10 000 */
};

struct dns_shared;

/* Make what the workers share. The main thread, before the process gives up its files: the system's name servers are read
 * here once, for settings that name none; nothing else ever opens a file but c-ares its /dev/urandom, which may fail.
 *
 * Returns    NULL without memory or random bytes.
 */
MG_MUST_CHECK struct dns_shared *dns_shared_new(const struct dns_conf *conf);

/* Free it after all workers' resolvers; NULL is fine. */
void dns_shared_free(struct dns_shared *shared);

/* Take other settings from now on; any thread. What is cached and what is known of targets stays. */
void dns_shared_conf(struct dns_shared *shared, const struct dns_conf *conf);

/* ---- one worker ---- */

struct dns;

/* Make a worker's resolver. All that is given must outlive it.
 *
 * stats      A table of tp_stats.h; `worker` is the number that this thread counts under.
 * Returns    NULL without memory.
 */
MG_MUST_CHECK struct dns *dns_new(struct loop *loop, struct dns_shared *shared, struct rnd *rnd,
				  struct stats *stats, unsigned worker);

/* Free it; NULL is fine. Look-ups under way end without `done`. Not from within a `done`. */
void dns_free(struct dns *dns);

/* What is looked for (RFC 3263 §4). */
struct dns_want {
	struct sv host;    /* as in the URI, IPv6 with brackets; copied */
	uint16_t port;     /* 0: not said */
	uint8_t transport; /* enum sip_transport that was asked for, NONE: not said */
	bool sips;
	uint8_t can; /* bits 1 << enum sip_transport that we have listeners for */
	bool v4, v6; /* families we have listeners of */
	uint64_t
		seed; /* 0: weights are drawn by chance; else the order depends on it and the answers alone (stateless proxies, §4.4) */
	bool unsorted; /* hops that failed lately stay where they are: with a seed, the same order from one message to the next */
};

struct dns_hop {
	struct addr addr;
	uint8_t transport;
	bool avoided; /* failed lately; there only because nothing better is, or behind what is better */
};

/* A look-up under way. Embedded in its owner. Zeroed it is none. */
struct dns_lookup {
	void (*done)(struct dns_lookup *lookup); /* never called from within dns_resolve */
	struct dns_hop hop[DNS_HOPS_MAX];
	unsigned n;
	int err; /* 0; MG_ENOENT: no such name, or no service there; MG_EINVAL: not a name, or no transport or address family in common;
			       * -ETIMEDOUT: the servers gave no usable answer in time; MG_ELIMIT: too many questions under way */
	void *work; /* the resolver's own */
	void *user; /* its owner's */
};

/* Look up, in the loop's thread.
 *
 * lookup     Not under way; stays until `done` was called or dns_cancel. `done` and `user` are the caller's to fill.
 * Returns    1 when hop[], n and err are filled already (numeric, or all in the cache), 0 when `done` will be called, or MG_ENOMEM / MG_ELIMIT
 *            (too many look-ups under way).
 */
MG_MUST_CHECK int dns_resolve(struct dns *dns, struct dns_lookup *lookup,
			      const struct dns_want *want);

/* `done` is not called any more; fine when it is not under way. What was asked goes on, for the cache. */
void dns_cancel(struct dns *dns, struct dns_lookup *lookup);

/* ---- health of targets, shared; any thread ---- */

/* A target failed (timeout, refused, unreachable, name not verified, 503): it is avoided for a while, longer each time. `retry_ms` > 0: what a 503's
 * Retry-After says (capped at 60 s, X-8). */
void dns_target_failed(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
		       uint64_t now_ms, uint32_t retry_ms);
/* It answered. */
void dns_target_good(struct dns_shared *shared, const struct addr *addr, uint8_t transport);
/* Whether it is to be avoided now. After its time one look-up gets it as good again (the probe); others follow when that went well. */
bool dns_target_avoided(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
			uint64_t now_ms);

/* For status: walk over what is remembered as failed. Any thread; `fn` must be quick. */
void dns_targets_each(struct dns_shared *shared, uint64_t now_ms,
		      void (*fn)(void *arg, const struct addr *addr, uint8_t transport,
				 unsigned failures, uint64_t avoided_ms),
		      void *arg);

#endif
