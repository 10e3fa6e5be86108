/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shared: what all workers share, made and freed; and the directory of connections: who owns which one, by its key and by
 * its number. A lock is held for one look-up and never two at a time. Called by tp.c and conn.c.
 */
#include <pthread.h>
#include <stdlib.h>

#include "transport/shared_priv.h"

#define SHARDS 64

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct map map;
};

struct tp_directory {
	struct siphash_key secret; /* of the choice of a shard by key */
	struct shard by_key[SHARDS], by_conn[SHARDS];
};

struct tp_shared {
	struct tp_directory directory;
	struct source_table *sources;
};

unsigned tp_conn_worker(tp_conn conn)
{
	return (unsigned)(conn >> 56);
}

/* ---- the directory ---- */

static struct shard *shard_of_key(struct tp_directory *directory, struct sv key)
{
	return &directory->by_key[siphash_13(&directory->secret, key.p, key.n) % SHARDS];
}

/* Numbers are ours, nobody chose them: no keyed hash. Slots count up, so they spread by themselves. */
static struct shard *shard_of_conn(struct tp_directory *directory, tp_conn conn)
{
	return &directory->by_conn[(tp_conn_slot(conn) + tp_conn_worker(conn) * 7) % SHARDS];
}

static struct sv conn_key(const tp_conn *conn)
{
	return sv_of((const char *)conn, sizeof(*conn));
}

static int insert(struct shard *shard, struct map_node *node, struct sv key)
{
	pthread_mutex_lock(&shard->lock);
	int err = map_insert(&shard->map, node, key);
	pthread_mutex_unlock(&shard->lock);
	return err;
}

static void take_out(struct shard *shard, struct map_node *node)
{
	pthread_mutex_lock(&shard->lock);
	map_remove(&shard->map, node);
	pthread_mutex_unlock(&shard->lock);
}

int tp_directory_add(struct tp_directory *directory, struct tp_entry *entry, struct sv key,
		     tp_conn conn)
{
	entry->conn = conn;
	int err = insert(shard_of_conn(directory, conn), &entry->by_conn, conn_key(&entry->conn));
	if (err) {
		entry->conn = 0;
		return err;
	}
	err = insert(shard_of_key(directory, key), &entry->by_key, key);
	entry->keyed = err == 0;
	if (err && err != MG_EEXIST) {
		tp_directory_remove(directory, entry);
		return err;
	}
	return 0;
}

void tp_directory_remove(struct tp_directory *directory, struct tp_entry *entry)
{
	if (entry->conn == 0)
		return;
	if (entry->keyed)
		take_out(shard_of_key(directory, entry->by_key.key), &entry->by_key);
	take_out(shard_of_conn(directory, entry->conn), &entry->by_conn);
	entry->keyed = false;
	entry->conn = 0;
}

tp_conn tp_directory_find(struct tp_directory *directory, struct sv key)
{
	struct shard *shard = shard_of_key(directory, key);
	tp_conn conn = 0;

	pthread_mutex_lock(&shard->lock);
	struct map_node *node = map_find(&shard->map, key);
	if (node)
		conn = container_of(node, struct tp_entry, by_key)->conn;
	pthread_mutex_unlock(&shard->lock);
	return conn;
}

bool tp_directory_has(struct tp_directory *directory, tp_conn conn)
{
	struct shard *shard = shard_of_conn(directory, conn);

	pthread_mutex_lock(&shard->lock);
	bool has = map_find(&shard->map, conn_key(&conn)) != NULL;
	pthread_mutex_unlock(&shard->lock);
	return has;
}

int tp_directory_target(struct tp_directory *directory, tp_conn conn, struct tp_target *out)
{
	struct shard *shard = shard_of_conn(directory, conn);

	pthread_mutex_lock(&shard->lock);
	struct map_node *node = map_find(&shard->map, conn_key(&conn));
	if (node) {
		const struct tp_entry *entry = container_of(node, struct tp_entry, by_conn);
		out->conn = conn;
		out->addr = entry->peer;
		out->listener = entry->listener;
		out->transport = entry->transport;
	}
	pthread_mutex_unlock(&shard->lock);
	return node ? 0 : MG_ENOENT;
}

/* ---- all of it ---- */

/* Maps bound nothing here: the tables of connections do. Returns how many of `shards` were made. */
static unsigned shards_init(struct shard *shards)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		if (map_init(&shards[i].map, SIZE_MAX) != 0)
			return i;
		if (pthread_mutex_init(&shards[i].lock, NULL) != 0) {
			map_done(&shards[i].map);
			return i;
		}
	}
	return SHARDS;
}

static void shards_done(struct shard *shards, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pthread_mutex_destroy(&shards[i].lock);
		map_done(&shards[i].map);
	}
}

struct tp_shared *tp_shared_new(unsigned sources_max)
{
	struct tp_shared *shared = aligned_alloc(64, sizeof(*shared));

	if (!shared)
		return NULL;
	memset(shared, 0, sizeof(*shared));
	unsigned by_key = shards_init(shared->directory.by_key);
	unsigned by_conn = shards_init(shared->directory.by_conn);
	shared->sources = source_table_new(sources_max);
	if (by_key == SHARDS && by_conn == SHARDS && shared->sources &&
	    rand_system(&shared->directory.secret, sizeof(shared->directory.secret)) == 0)
		return shared;
	shards_done(shared->directory.by_key, by_key);
	shards_done(shared->directory.by_conn, by_conn);
	source_table_free(shared->sources);
	free(shared);
	return NULL;
}

void tp_shared_free(struct tp_shared *shared)
{
	if (!shared)
		return;
	shards_done(shared->directory.by_key, SHARDS);
	shards_done(shared->directory.by_conn, SHARDS);
	source_table_free(shared->sources);
	free(shared);
}

struct tp_directory *tp_shared_directory(struct tp_shared *shared)
{
	return &shared->directory;
}

struct source_table *tp_shared_sources(struct tp_shared *shared)
{
	return shared->sources;
}
