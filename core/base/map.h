/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * map: a hash table whose entries are fields of the objects in it. Keys are bytes that strangers
 * may have chosen, hence SipHash under a random key of each table. Owns neither objects nor keys.
 * Called by everything that is found by a name: transactions, connections, sources, bindings.
 */
#ifndef MG_BASE_MAP_H
#define MG_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container_of.h"
#include "base/err.h"
#include "base/siphash.h"
#include "base/sv.h"

/* Embedded in the object. The key's bytes belong to the object and must not change while it is in
 * a map. Fields are the map's own.
 */
struct map_node {
	struct map_node *next;
	uint64_t hash;
	struct sv key;
};

/* Embedded in its owner; one owner thread. Fields are the map's own.
 *
 * It grows when there is an entry for two slots, and shrinks when there is one for sixteen, to half or
 * double. The entries move to the new slots a few with each insertion, not all at once: a table of
 * a million would otherwise stop its worker for tens of milliseconds (what is left is the kernel's
 * work for the array of slots, under 1 ms for millions). Each entry has one place at
 * any time, so looking up costs the same while they move.
 */
struct map {
	struct siphash_key secret;
	struct map_node **slots; /* mask + 1 of them */
	size_t mask;
	struct map_node **old; /* the former slots while entries move, else NULL */
	size_t old_mask;
	size_t moved; /* old slots below this are empty */
	size_t count;
	size_t max;
	uint64_t refused;
};

/* Make an empty map.
 *
 * max        Most entries it takes.
 * Returns    0, MG_ENOMEM, or what rand_system says when there is no random key.
 */
MG_MUST_CHECK int map_init(struct map *m, size_t max);

/* Give back the slots. The objects stay their owner's, who may free them before. */
void map_done(struct map *m);

/* The entry of that key, or NULL. */
struct map_node *map_find(const struct map *m, struct sv key);

/* Put in an object that is in no map, under a key that stays valid as long as it is in this one.
 *
 * Returns    0, MG_EEXIST when the key is taken, MG_ELIMIT when the map is full (counted). Lack of
 *            memory is no failure: the slots stay as they are and their chains grow.
 */
MG_MUST_CHECK int map_insert(struct map *m, struct map_node *node, struct sv key);

/* Take out an entry of this map. */
void map_remove(struct map *m, struct map_node *node);

/* Entries now. */
static inline size_t map_count(const struct map *m)
{
	return m->count;
}

/* Insertions refused with MG_ELIMIT since map_init. */
static inline uint64_t map_refused(const struct map *m)
{
	return m->refused;
}

/* A way through all entries in no order. Fields are the map's own. */
struct map_iter {
	const struct map *map;
	struct map_node *next;
	size_t slot; /* the next one to look at; those of `old` follow those of `slots` */
};

/* Begin a way through `m`. */
void map_iter_init(struct map_iter *it, const struct map *m);

/* The next entry, or NULL at the end. The entry returned last may be removed and freed; any other
 * change to the map ends the way.
 */
struct map_node *map_next(struct map_iter *it);

#endif
