/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * map: slots of singly linked chains, and their growth and shrinking in small steps.
 */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/rand.h"

#define SLOTS_MIN 16
#define STEP      4 /* old slots emptied by one insertion: a move ends long before the next begins */

int map_init(struct map *m, size_t max)
{
	struct map fresh = {.mask = SLOTS_MIN - 1, .max = max};
	int err = rand_system(&fresh.secret, sizeof(fresh.secret));

	if (err)
		return err;
	fresh.slots = calloc(SLOTS_MIN, sizeof(struct map_node *));
	if (!fresh.slots)
		return MG_ENOMEM;
	*m = fresh;
	return 0;
}

void map_done(struct map *m)
{
	free(m->slots);
	free(m->old);
	*m = (struct map){0};
}

/* The head of the one chain that an entry of this hash can be in. */
static struct map_node **chain(const struct map *m, uint64_t hash)
{
	if (m->old && (hash & m->old_mask) >= m->moved)
		return &m->old[hash & m->old_mask];
	return &m->slots[hash & m->mask];
}

static struct map_node *find(const struct map *m, uint64_t hash, struct sv key)
{
	struct map_node *node = *chain(m, hash);

	while (node && !(node->hash == hash && sv_eq(node->key, key)))
		node = node->next;
	return node;
}

struct map_node *map_find(const struct map *m, struct sv key)
{
	return find(m, siphash_13(&m->secret, key.p, key.n), key);
}

static void link_node(struct map *m, struct map_node *node)
{
	struct map_node **head = chain(m, node->hash);

	node->next = *head;
	*head = node;
}

static void move_one_slot(struct map *m)
{
	struct map_node *node = m->old[m->moved];

	m->old[m->moved++] = NULL;
	while (node) {
		struct map_node *next = node->next;

		link_node(m, node);
		node = next;
	}
}

static void move_some(struct map *m)
{
	for (int i = 0; i < STEP && m->old; i++) {
		move_one_slot(m);
		if (m->moved > m->old_mask) {
			free(m->old);
			m->old = NULL;
		}
	}
}

/* Begin to move to `n` slots, a power of two. Without memory for them all stays as it is. */
static void begin_move(struct map *m, size_t n)
{
	struct map_node **slots = calloc(n, sizeof(struct map_node *));

	if (!slots)
		return;
	m->old = m->slots;
	m->old_mask = m->mask;
	m->moved = 0;
	m->slots = slots;
	m->mask = n - 1;
}

static void adapt(struct map *m)
{
	size_t n = m->mask + 1;

	if (m->old)
		move_some(m);
	else if (m->count >=
		 n / 2) /* mostly what is not there is found not to be by its slot alone */
		begin_move(m, 2 * n);
	else if (n > SLOTS_MIN && m->count < n / 16)
		begin_move(m, n / 2);
}

int map_insert(struct map *m, struct map_node *node, struct sv key)
{
	uint64_t hash = siphash_13(&m->secret, key.p, key.n);

	if (find(m, hash, key))
		return MG_EEXIST;
	if (m->count >= m->max) {
		m->refused++;
		return MG_ELIMIT;
	}
	adapt(m);
	node->hash = hash;
	node->key = key;
	link_node(m, node);
	m->count++;
	return 0;
}

void map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at = chain(m, node->hash);

	while (*at != node) {
		assert(*at); /* else it is not in this map */
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	m->count--;
}

void map_iter_init(struct map_iter *it, const struct map *m)
{
	*it = (struct map_iter){.map = m};
}

struct map_node *map_next(struct map_iter *it)
{
	const struct map *m = it->map;
	size_t n = m->mask + 1, all = n + (m->old ? m->old_mask + 1 : 0);

	while (!it->next && it->slot < all) {
		it->next = it->slot < n ? m->slots[it->slot] : m->old[it->slot - n];
		it->slot++;
	}
	struct map_node *node = it->next;
	if (node)
		it->next = node->next;
	return node;
}
