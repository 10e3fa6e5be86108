/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_lru: a table that all workers share, in shards with a mutex each, of bounded size: what was used longest ago goes first.
 * Knows nothing of its entries but their keys. Called by dns_cache and health.
 */
#ifndef MG_TRANSPORT_DNS_LRU_H
#define MG_TRANSPORT_DNS_LRU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/list.h"
#include "base/map.h"
#include "base/siphash.h"

#define DNS_LRU_SHARDS 32

/* Embedded in the entry, whose key stays unchanged while it is in the table. */
struct dns_lru_node {
	struct map_node map;
	struct list order;
};

struct dns_lru_shard {
	_Alignas(64) pthread_mutex_t lock;
	struct map map;
	struct list order; /* the most recently used first */
};

/* Embedded in its owner. Fields are the table's own. */
struct dns_lru {
	struct siphash_key secret; /* of the choice of shards */
	_Atomic size_t max;        /* entries in each shard */
	_Atomic size_t count;      /* entries in all */
	void (*free)(struct dns_lru_node *node);
	struct dns_lru_shard shard[DNS_LRU_SHARDS];
};

/* Make an empty table.
 *
 * max        Most entries; held to within the shards, so that an uneven spread takes a few less.
 * free       Frees an entry that was pushed out, or is left at the end; called with its shard locked.
 * Returns    0, MG_ENOMEM, or what rand_system says.
 */
MG_MUST_CHECK int dns_lru_init(struct dns_lru *lru, size_t max,
			       void (*free)(struct dns_lru_node *node));

/* Free all entries. Nobody else uses the table any more. */
void dns_lru_done(struct dns_lru *lru);

/* Let another maximum count from now on; a table that is larger shrinks as entries come. */
void dns_lru_set_max(struct dns_lru *lru, size_t max);

/* Lock the shard of a key; short work only until dns_lru_unlock. */
struct dns_lru_shard *dns_lru_lock(struct dns_lru *lru, struct sv key);
void dns_lru_unlock(struct dns_lru_shard *shard);

/* The entry of that key, NULL when there is none. It counts as used now. */
struct dns_lru_node *dns_lru_find(struct dns_lru_shard *shard, struct sv key);

/* Put in an entry whose key is not there; others may go for it. */
void dns_lru_add(struct dns_lru *lru, struct dns_lru_shard *shard, struct dns_lru_node *node,
		 struct sv key);

/* Take out and free an entry. */
void dns_lru_drop(struct dns_lru *lru, struct dns_lru_shard *shard, struct dns_lru_node *node);

/* Call fn for all entries, each shard locked in its turn. */
void dns_lru_each(struct dns_lru *lru, void (*fn)(void *arg, struct dns_lru_node *node), void *arg);

#endif
