/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pending: sets of eight slots found by a keyed hash. A slot is 48 bits of the hash and a count of 16; it is free when that is 0.
 */
#include "pending.h"

#include <stdlib.h>

#define WAYS       8
#define COUNT_BITS 16
#define COUNT_MASK ((uint64_t)PENDING_MAX)
#define CACHE_LINE 64
#define TRIES      16 /* another worker was faster */

struct pending_table {
	atomic_uint refs;
	struct siphash_key key;
	uint32_t mask; /* sets - 1 */
	_Atomic uint32_t now;
	_Atomic uint64_t *slots;
};

struct pending_table *pending_new(uint32_t max)
{
	size_t sets = 1, bytes;
	struct pending_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	while (sets * WAYS < max)
		sets *= 2;
	bytes = sets * WAYS * sizeof(*t->slots);
	atomic_init(&t->refs, 1);
	t->mask = (uint32_t)(sets - 1);
	t->slots = aligned_alloc(CACHE_LINE, bytes);
	if (!t->slots || rand_system(&t->key, sizeof(t->key))) {
		free((void *)t->slots);
		free(t);
		return NULL;
	}
	memset((void *)t->slots, 0, bytes);
	return t;
}

struct pending_table *pending_ref(struct pending_table *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void pending_unref(struct pending_table *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
		return;
	free((void *)t->slots);
	free(t);
}

/* Where the slots of a source begin, and its tag in their upper bits: not 0. */
static uint32_t set_of(const struct pending_table *t, const struct addr *addr, uint64_t *tag)
{
	struct addr net = addr_net(addr, 32, 64);
	struct sv key = addr_host_key(&net);
	uint64_t h = siphash_13(&t->key, key.p, key.n);

	*tag = (h | (uint64_t)1 << COUNT_BITS) & ~COUNT_MASK;
	return ((uint32_t)(h * 0x9e3779b97f4a7c15ULL >> 32) & t->mask) * WAYS;
}

static uint64_t slot(const struct pending_table *t, uint32_t i)
{
	return atomic_load_explicit(&t->slots[i], memory_order_relaxed);
}

static bool swap(struct pending_table *t, uint32_t i, uint64_t was, uint64_t is)
{
	return atomic_compare_exchange_strong_explicit(&t->slots[i], &was, is, memory_order_relaxed,
						       memory_order_relaxed);
}

/* The slot that has the tag, `but` that one; WAYS: none. */
static uint32_t find(const struct pending_table *t, uint32_t set, uint64_t tag, uint32_t but)
{
	uint32_t i = 0;

	while (i < WAYS && (i == but || (slot(t, set + i) & ~COUNT_MASK) != tag))
		i++;
	return i;
}

static uint32_t find_free(const struct pending_table *t, uint32_t set)
{
	uint32_t i = 0;

	while (i < WAYS && slot(t, set + i) != 0)
		i++;
	return i;
}

void pending_leave(struct pending_table *t, int handle)
{
	uint32_t i = (uint32_t)handle - 1;
	uint64_t was = slot(t, i), is;

	do
		is = (was & COUNT_MASK) > 1 ? was - 1 : 0;
	while (!atomic_compare_exchange_weak_explicit(&t->slots[i], &was, is, memory_order_relaxed,
						      memory_order_relaxed));
	atomic_fetch_sub_explicit(&t->now, 1, memory_order_relaxed);
}

/* One more in the source's slot, or a first one in a free slot. 0: another worker was faster. */
static int try_enter(struct pending_table *t, uint32_t set, uint64_t tag, uint32_t limit)
{
	uint32_t i = find(t, set, tag, WAYS);
	uint64_t was = i < WAYS ? slot(t, set + i) : 0;

	if (i == WAYS)
		i = find_free(t, set);
	else if ((was & ~COUNT_MASK) != tag)
		return 0;
	if (i == WAYS)
		return MG_ENOSPC;
	if ((was & COUNT_MASK) >= limit)
		return MG_ELIMIT;
	if (!swap(t, set + i, was, was ? was + 1 : tag | 1))
		return 0;
	atomic_fetch_add_explicit(&t->now, 1, memory_order_relaxed);
	if (was || find(t, set, tag, i) == WAYS)
		return (int)(set + i + 1);
	/* Another worker began with the same source in another slot. */
	pending_leave(t, (int)(set + i + 1));
	return 0;
}

int pending_enter(struct pending_table *t, const struct addr *addr, uint32_t limit)
{
	uint64_t tag;
	uint32_t set = set_of(t, addr, &tag);
	int got = 0;

	for (unsigned i = 0; i < TRIES && got == 0; i++)
		got = try_enter(t, set, tag, limit);
	return got ? got : MG_ENOSPC;
}

uint32_t pending_now(const struct pending_table *t)
{
	return atomic_load_explicit(&t->now, memory_order_relaxed);
}

uint32_t pending_max(const struct pending_table *t)
{
	return (t->mask + 1) * WAYS;
}
