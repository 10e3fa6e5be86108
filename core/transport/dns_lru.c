/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_lru: a map and a list in each shard.
 */
#include "transport/dns_lru.h"

#include "base/rand.h"

static int shard_init(struct dns_lru_shard *shard)
{
	int err = map_init(&shard->map, SIZE_MAX);

	if (err)
		return err;
	list_init(&shard->order);
	pthread_mutex_init(&shard->lock,
			   NULL); /* cannot fail: no attributes, and glibc allocates nothing */
	return 0;
}

static void shard_done(struct dns_lru *lru, struct dns_lru_shard *shard)
{
	while (!list_empty(&shard->order))
		dns_lru_drop(lru, shard,
			     container_of(shard->order.next, struct dns_lru_node, order));
	map_done(&shard->map);
	pthread_mutex_destroy(&shard->lock);
}

void dns_lru_set_max(struct dns_lru *lru, size_t max)
{
	size_t each = max / DNS_LRU_SHARDS + (max % DNS_LRU_SHARDS != 0);

	atomic_store_explicit(&lru->max, each ? each : 1, memory_order_relaxed);
}

int dns_lru_init(struct dns_lru *lru, size_t max, void (*free)(struct dns_lru_node *node))
{
	int err = rand_system(&lru->secret, sizeof(lru->secret));
	unsigned made = 0;

	lru->free = free;
	atomic_init(&lru->count, 0);
	dns_lru_set_max(lru, max);
	while (!err && made < DNS_LRU_SHARDS) {
		err = shard_init(&lru->shard[made]);
		made += !err;
	}
	while (err && made)
		shard_done(lru, &lru->shard[--made]);
	return err;
}

void dns_lru_done(struct dns_lru *lru)
{
	for (unsigned i = 0; i < DNS_LRU_SHARDS; i++)
		shard_done(lru, &lru->shard[i]);
}

struct dns_lru_shard *dns_lru_lock(struct dns_lru *lru, struct sv key)
{
	uint64_t hash = siphash_13(&lru->secret, key.p, key.n);
	struct dns_lru_shard *shard = &lru->shard[hash % DNS_LRU_SHARDS];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

void dns_lru_unlock(struct dns_lru_shard *shard)
{
	pthread_mutex_unlock(&shard->lock);
}

struct dns_lru_node *dns_lru_find(struct dns_lru_shard *shard, struct sv key)
{
	struct map_node *found = map_find(&shard->map, key);

	if (!found)
		return NULL;
	struct dns_lru_node *node = container_of(found, struct dns_lru_node, map);
	list_remove(&node->order);
	list_push(&shard->order, &node->order);
	return node;
}

void dns_lru_drop(struct dns_lru *lru, struct dns_lru_shard *shard, struct dns_lru_node *node)
{
	map_remove(&shard->map, &node->map);
	list_remove(&node->order);
	atomic_fetch_sub_explicit(&lru->count, 1, memory_order_relaxed);
	lru->free(node);
}

void dns_lru_add(struct dns_lru *lru, struct dns_lru_shard *shard, struct dns_lru_node *node,
		 struct sv key)
{
	size_t max = atomic_load_explicit(&lru->max, memory_order_relaxed);

	while (map_count(&shard->map) >= max)
		dns_lru_drop(lru, shard,
			     container_of(shard->order.prev, struct dns_lru_node, order));
	int err = map_insert(&shard->map, &node->map, key);
	if (err) { /* the key is there, which the caller says it is not */
		lru->free(node);
		return;
	}
	list_push(&shard->order, &node->order);
	atomic_fetch_add_explicit(&lru->count, 1, memory_order_relaxed);
}

void dns_lru_each(struct dns_lru *lru, void (*fn)(void *arg, struct dns_lru_node *node), void *arg)
{
	for (unsigned i = 0; i < DNS_LRU_SHARDS; i++) {
		struct dns_lru_shard *shard = &lru->shard[i];
		struct list *it;

		pthread_mutex_lock(&shard->lock);
		list_for_each (it, &shard->order)
			fn(arg, container_of(it, struct dns_lru_node, order));
		pthread_mutex_unlock(&shard->lock);
	}
}
