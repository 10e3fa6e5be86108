/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_cache: entries in a dns_lru. The sets in them never change; under the lock only a reference is taken.
 */
#include "transport/dns_cache.h"

#include <stdlib.h>

struct entry {
	struct dns_lru_node node;
	struct dns_set *set;
	uint64_t fresh_ms; /* until when it is fresh */
	uint64_t ttl_ms;   /* until when by its own TTL: with failing servers before fresh_ms */
	uint64_t stale_ms; /* until when it may be used in need */
	size_t n;
	char key[];
};

static void entry_free(struct dns_lru_node *node)
{
	struct entry *e = container_of(node, struct entry, node);

	dns_set_unref(e->set);
	free(e);
}

struct dns_key dns_key_of(struct sv name, enum dns_type type)
{
	struct dns_key key = {.n = 1 + name.n};

	key.b[0] = (char)type;
	memcpy(key.b + 1, name.p, name.n);
	return key;
}

int dns_cache_init(struct dns_cache *cache, size_t max)
{
	return dns_lru_init(&cache->lru, max, entry_free);
}

void dns_cache_done(struct dns_cache *cache)
{
	dns_lru_done(&cache->lru);
}

static struct entry *find(struct dns_lru_shard *shard, struct sv key)
{
	struct dns_lru_node *node = dns_lru_find(shard, key);

	return node ? container_of(node, struct entry, node) : NULL;
}

struct dns_cached dns_cache_get(struct dns_cache *cache, struct sv key, uint64_t now_ms)
{
	struct dns_lru_shard *shard = dns_lru_lock(&cache->lru, key);
	struct entry *e = find(shard, key);
	struct dns_cached found = {0};

	if (e && now_ms < e->fresh_ms)
		found = (struct dns_cached){dns_set_ref(e->set), true, now_ms >= e->ttl_ms};
	else if (e && now_ms < e->stale_ms)
		found = (struct dns_cached){dns_set_ref(e->set), false, true};
	dns_lru_unlock(shard);
	return found;
}

/* The entry of that key, made when there is none; NULL without memory. */
static struct entry *entry_for(struct dns_cache *cache, struct dns_lru_shard *shard, struct sv key)
{
	struct entry *e = find(shard, key);

	if (e)
		return e;
	e = calloc(1, sizeof(*e) + key.n);
	if (!e)
		return NULL;
	e->n = key.n;
	memcpy(e->key, key.p, key.n);
	dns_lru_add(&cache->lru, shard, &e->node, sv_of(e->key, e->n));
	return e;
}

static void set_entry(struct entry *e, struct dns_set *set, uint64_t until_ms, uint64_t stale_ms)
{
	dns_set_unref(e->set);
	e->set = dns_set_ref(set);
	e->fresh_ms = e->ttl_ms = until_ms;
	e->stale_ms = until_ms + stale_ms;
}

void dns_cache_put(struct dns_cache *cache, struct sv key, struct dns_set *set, uint64_t now_ms,
		   uint64_t ttl_ms, uint64_t stale_ms)
{
	struct dns_lru_shard *shard = dns_lru_lock(&cache->lru, key);
	struct entry *e = entry_for(cache, shard, key);

	if (e)
		set_entry(e, set, now_ms + ttl_ms, stale_ms);
	dns_lru_unlock(shard);
}

void dns_cache_lost(struct dns_cache *cache, struct sv key, uint64_t now_ms,
		    uint64_t stale_retry_ms, uint64_t lost_ms)
{
	struct dns_set *lost = dns_set_new(NULL);
	struct dns_lru_shard *shard = dns_lru_lock(&cache->lru, key);
	struct entry *e = entry_for(cache, shard, key);

	if (e && e->set && dns_set_kind(e->set) != DNS_LOST && now_ms < e->stale_ms) {
		/* Another worker may have had an answer meanwhile. */
		if (now_ms >= e->fresh_ms)
			e->fresh_ms = now_ms + stale_retry_ms < e->stale_ms
					      ? now_ms + stale_retry_ms
					      : e->stale_ms;
	} else if (e) {
		set_entry(e, lost, now_ms + lost_ms, 0);
	}
	dns_lru_unlock(shard);
	dns_set_unref(lost);
}
