/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * source_table: sets of four found by a keyed hash, and buckets that are one number each: the time at which the bucket is full again (GCRA, as in
 * ATM's I.371). Taking a token moves that time on; it is refused when that would be too far ahead.
 */
#include "source_table.h"

#include <stdlib.h>

#define BUSY       1
#define SEEN_SHIFT 6 /* 64 ms */
#define LIVE_SEEN  (60000U >> SEEN_SHIFT)
#define CACHE_LINE 64

struct source_table {
	atomic_uint refs;
	struct siphash_key key;
	uint32_t mask; /* sets - 1 */
	struct source_set *sets;
	_Alignas(CACHE_LINE) _Atomic uint64_t shared_us; /* the bucket of all */
	_Atomic uint64_t homeless_us;
	_Alignas(CACHE_LINE) _Atomic uint32_t used;
	_Atomic uint64_t evicted, learned, offences;
};

/* ---- life ---- */

struct source_table *shield_table_new(uint32_t max)
{
	size_t sets = 1;
	struct source_table *t = aligned_alloc(CACHE_LINE, sizeof(*t));

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	while (sets * SOURCE_WAYS < max)
		sets *= 2;
	atomic_init(&t->refs, 1);
	t->mask = (uint32_t)(sets - 1);
	t->sets = aligned_alloc(_Alignof(struct source_set), sets * sizeof(*t->sets));
	if (!t->sets || rand_system(&t->key, sizeof(t->key))) {
		free(t->sets);
		free(t);
		return NULL;
	}
	memset(t->sets, 0, sets * sizeof(*t->sets));
	return t;
}

struct source_table *shield_table_ref(struct source_table *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void shield_table_unref(struct source_table *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(t->sets);
	free(t);
}

/* ---- places ---- */

static uint32_t get32(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void set32(_Atomic uint32_t *p, uint32_t v)
{
	if (get32(p) != v) /* a line that nobody writes stays in every cache */
		atomic_store_explicit(p, v, memory_order_relaxed);
}

static struct source find_tag(struct source_set *set, uint64_t tag)
{
	for (unsigned i = 0; i < SOURCE_WAYS; i++)
		if (atomic_load_explicit(&set->tag[i], memory_order_acquire) == tag)
			return (struct source){set, i};
	return (struct source){0};
}

/* Who makes room: nobody, the longest not seen, and of the known ones the same if the newcomer is known. SOURCE_WAYS: none. */
static unsigned victim_of(struct source_set *set, uint64_t now_ms, bool known)
{
	uint32_t now = (uint32_t)(now_ms >> SEEN_SHIFT), now_s = (uint32_t)(now_ms / 1000);
	unsigned victim = SOURCE_WAYS;
	uint64_t oldest = 0;

	for (unsigned i = 0; i < SOURCE_WAYS; i++) {
		uint64_t tag = atomic_load_explicit(&set->tag[i], memory_order_relaxed), age;
		bool is_known = get32(&set->known_until_s[i]) > now_s;

		if (tag == 0)
			return i;
		if (tag == BUSY || (is_known && !known))
			continue;
		age = (uint64_t)(now - get32(&set->seen[i])) + 1;
		if (!is_known)
			age += (uint64_t)1 << 32; /* before any known one */
		if (age > oldest) {
			oldest = age;
			victim = i;
		}
	}
	return victim;
}

static void count_evicted(struct source_table *t, const struct source_set *set, unsigned way,
			  uint64_t now_ms)
{
	uint32_t now = (uint32_t)(now_ms >> SEEN_SHIFT);

	if (now - get32(&set->seen[way]) < LIVE_SEEN)
		atomic_fetch_add_explicit(&t->evicted, 1, memory_order_relaxed);
}

static struct source make_place(struct source_table *t, struct source_set *set, uint64_t tag,
				uint64_t now_ms, bool known)
{
	unsigned i = victim_of(set, now_ms, known);
	uint64_t was;

	if (i == SOURCE_WAYS)
		return (struct source){0};
	was = atomic_load_explicit(&set->tag[i], memory_order_relaxed);
	if (was == BUSY ||
	    !atomic_compare_exchange_strong_explicit(&set->tag[i], &was, BUSY, memory_order_acquire,
						     memory_order_relaxed))
		return (struct source){0}; /* somebody else was quicker: no place this time */
	if (was)
		count_evicted(t, set, i, now_ms);
	else
		atomic_fetch_add_explicit(&t->used, 1, memory_order_relaxed);
	atomic_store_explicit(&set->requests_us[i], 0, memory_order_relaxed);
	set32(&set->answers_ms[i], (uint32_t)now_ms);
	set32(&set->known_until_s[i], 0);
	set32(&set->credit[i], 0);
	set32(&set->seen[i], (uint32_t)(now_ms >> SEEN_SHIFT));
	atomic_store_explicit(&set->tag[i], tag, memory_order_release);
	return (struct source){set, i};
}

static struct source find_or_make(struct source_table *t, const struct addr *addr, uint64_t now_ms,
				  bool make, bool known)
{
	struct addr net = addr_net(addr, 32, 64);
	struct sv key = addr_host_key(&net);
	uint64_t tag = siphash_13(&t->key, key.p, key.n);
	struct source_set *set = &t->sets[tag & t->mask];
	struct source s;

	tag += tag <= BUSY ? 2 : 0;
	s = find_tag(set, tag);
	return s.set || !make ? s : make_place(t, set, tag, now_ms, known);
}

struct source source_find(struct source_table *t, const struct addr *addr, uint64_t now_ms,
			  bool make)
{
	return find_or_make(t, addr, now_ms, make, false);
}

uint32_t shield_table_used(const struct source_table *t)
{
	return get32(&t->used);
}

uint64_t shield_table_evicted(const struct source_table *t)
{
	return atomic_load_explicit(&t->evicted, memory_order_relaxed);
}

uint64_t shield_table_learned(const struct source_table *t)
{
	return atomic_load_explicit(&t->learned, memory_order_relaxed);
}

void shield_table_offended(struct source_table *t)
{
	atomic_fetch_add_explicit(&t->offences, 1, memory_order_relaxed);
}

uint64_t shield_table_offences(const struct source_table *t)
{
	return atomic_load_explicit(&t->offences, memory_order_relaxed);
}

uint32_t shield_table_max(const struct source_table *t)
{
	return (t->mask + 1) * SOURCE_WAYS;
}

/* ---- buckets ---- */

/* What lies further ahead than the rule allows was taken under another rule. */
static bool take(_Atomic uint64_t *full_us, const struct source_rule *rule, uint64_t now_us,
		 uint32_t cost)
{
	uint64_t was = atomic_load_explicit(full_us, memory_order_relaxed), from;

	do {
		from = was > now_us ? was : now_us;
		if (from > now_us + rule->reach_us + rule->gap_us)
			from = now_us + rule->reach_us + rule->gap_us;
		if (from + rule->gap_us * (cost - 1) > now_us + rule->reach_us)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(full_us, &was, from + rule->gap_us * cost,
							memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

bool source_take(struct source s, const struct source_rule *rule, uint64_t now_ms, uint32_t cost)
{
	if (!take(&s.set->requests_us[s.way], rule, now_ms * 1000, cost))
		return false;
	source_seen(s, now_ms);
	return true;
}

uint64_t source_ready_us(struct source s, const struct source_rule *rule)
{
	uint64_t full_us = atomic_load_explicit(&s.set->requests_us[s.way], memory_order_relaxed);

	return full_us > rule->reach_us ? full_us - rule->reach_us : 0;
}

void source_charge(struct source s, const struct source_rule *rule, uint64_t now_ms, uint32_t cost)
{
	_Atomic uint64_t *full_us = &s.set->requests_us[s.way];
	uint64_t was = atomic_load_explicit(full_us, memory_order_relaxed);
	uint64_t now_us = now_ms * 1000, most = now_us + rule->reach_us + rule->gap_us, to;

	do {
		to = (was > now_us ? was : now_us) + rule->gap_us * cost;
		to = to < most ? to : most;
	} while (!atomic_compare_exchange_weak_explicit(full_us, &was, to, memory_order_relaxed,
							memory_order_relaxed));
	source_seen(s, now_ms);
}

bool source_take_shared(struct source_table *t, const struct source_rule *rule, uint64_t now_ms)
{
	return take(&t->shared_us, rule, now_ms * 1000, 1);
}

bool source_take_homeless(struct source_table *t, const struct source_rule *rule, uint64_t now_ms)
{
	return take(&t->homeless_us, rule, now_ms * 1000, 1);
}

/* As take, in 32 bits of milliseconds, which go round in 49 days: what seems too far ahead is of an earlier round. */
bool source_take_answer(struct source s, const struct source_rule *rule, uint64_t now_ms)
{
	_Atomic uint32_t *full_ms = &s.set->answers_ms[s.way];
	uint32_t gap = (uint32_t)(rule->gap_us / 1000), reach = (uint32_t)(rule->reach_us / 1000);
	uint32_t now = (uint32_t)now_ms, was = get32(full_ms), ahead;

	do {
		ahead = was - now;
		if (ahead > reach + gap)
			ahead = 0;
		if (ahead > reach)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		full_ms, &was, now + ahead + gap, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* ---- what is owed, who is known ---- */

void source_owe(struct source s, uint32_t n)
{
	uint32_t was = get32(&s.set->credit[s.way]);

	/* A race loses some: no loop for that. */
	set32(&s.set->credit[s.way], was > SOURCE_CREDIT_MAX - n ? SOURCE_CREDIT_MAX : was + n);
	atomic_thread_fence(memory_order_seq_cst); /* before the caller lets in again */
}

bool source_owed(struct source s)
{
	atomic_thread_fence(memory_order_seq_cst); /* behind the caller's shutting out */
	return get32(&s.set->credit[s.way]) > 0;
}

bool source_spend(struct source s)
{
	_Atomic uint32_t *credit = &s.set->credit[s.way];
	uint32_t was = get32(credit);

	while (was)
		if (atomic_compare_exchange_weak_explicit(
			    credit, &was, was - 1, memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

void source_learn(struct source_table *t, const struct addr *addr, uint64_t now_ms,
		  uint32_t until_s)
{
	struct source s = find_or_make(t, addr, now_ms, true, true);

	if (!s.set)
		return; /* the next success will do */
	set32(&s.set->known_until_s[s.way], until_s);
	source_seen(s, now_ms);
	atomic_fetch_add_explicit(&t->learned, 1, memory_order_relaxed);
}

void source_seen(struct source s, uint64_t now_ms)
{
	set32(&s.set->seen[s.way], (uint32_t)(now_ms >> SEEN_SHIFT));
}

bool source_known(struct source s, uint32_t now_s)
{
	return get32(&s.set->known_until_s[s.way]) > now_s;
}
