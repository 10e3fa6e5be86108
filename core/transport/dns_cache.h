/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_cache: answers by name and type, shared by all workers: fresh ones, and behind their time as long as they may help out when
 * the servers fail (RFC 8767). Asks nobody. Called by dns_query.
 */
#ifndef MG_TRANSPORT_DNS_CACHE_H
#define MG_TRANSPORT_DNS_CACHE_H

#include "transport/dns_lru.h"
#include "transport/dns_set.h"

/* Name and type as bytes. */
struct dns_key {
	size_t n;
	char b[1 + DNS_NAME_MAX];
};

/* The key of a name in the form of dns_name_clean. */
struct dns_key dns_key_of(struct sv name, enum dns_type type);

static inline struct sv dns_key_sv(const struct dns_key *key)
{
	return sv_of(key->b, key->n);
}

/* Embedded in its owner. */
struct dns_cache {
	struct dns_lru lru;
};

/* Make an empty one of at most `max` answers. Returns 0, MG_ENOMEM, or what rand_system says. */
MG_MUST_CHECK int dns_cache_init(struct dns_cache *cache, size_t max);
void dns_cache_done(struct dns_cache *cache);

/* What was found. */
struct dns_cached {
	struct dns_set *set; /* a reference of the caller's; NULL: nothing of use */
	bool fresh;          /* else it is for when the servers fail */
	bool stale; /* its time is over (fresh and stale: the servers failed a moment ago) */
};

/* Look up. Any thread. */
struct dns_cached dns_cache_get(struct dns_cache *cache, struct sv key, uint64_t now_ms);

/* Keep an answer for `ttl_ms`, and `stale_ms` more in need. The set stays the caller's. Without memory nothing is kept. */
void dns_cache_put(struct dns_cache *cache, struct sv key, struct dns_set *set, uint64_t now_ms,
		   uint64_t ttl_ms, uint64_t stale_ms);

/* The servers gave no usable answer: what is there, if it may still be used, counts as fresh for `stale_retry_ms`; else that
 * they failed is remembered for `lost_ms`, so that not everybody who asks waits for them (RFC 9520).
 */
void dns_cache_lost(struct dns_cache *cache, struct sv key, uint64_t now_ms,
		    uint64_t stale_retry_ms, uint64_t lost_ms);

#endif
