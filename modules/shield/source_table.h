/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * source_table: what is remembered of sources: how fast they send, whether they are known, how much they are owed. A table of fixed size
 * that all workers share, for a source's packets reach all of them: SO_REUSEPORT spreads its ports. No lock: each number is one atomic word.
 * What is done to a source that sends too fast is not decided here. Called by shield.
 *
 * A source is an IPv4 address or an IPv6 /64. It has its place in one set of four, by a keyed hash that is its name too; in a full set the one
 * that was longest not seen makes room, known ones last of all and never for a stranger. Races cost exactness, never memory: two first packets of
 * one source may each make an entry; a token may be taken from who took over an entry in that moment.
 */
#ifndef MG_SHIELD_SOURCE_TABLE_H
#define MG_SHIELD_SOURCE_TABLE_H

#include <stdatomic.h>

#include "chain/mg_module.h"

#define SOURCE_WAYS       4
#define SOURCE_CREDIT_MAX 4096

/* Four sources in two cache lines; the first is all that a refusal reads. */
struct source_set {
	_Alignas(128) _Atomic uint64_t tag[SOURCE_WAYS]; /* 0: free, 1: being made */
	_Atomic uint64_t
		requests_us[SOURCE_WAYS]; /* when the bucket is full again; the past: it is */
	_Atomic uint32_t answers_ms[SOURCE_WAYS];
	_Atomic uint32_t known_until_s[SOURCE_WAYS]; /* 0: not known */
	_Atomic uint32_t credit[SOURCE_WAYS];
	_Atomic uint32_t seen[SOURCE_WAYS]; /* in 64 ms */
};
static_assert(sizeof(struct source_set) == (size_t)32 * SOURCE_WAYS, "32 bytes a source");

/* A token comes back every `gap_us`; at most `reach_us` worth of them may be used ahead of that. */
struct source_rule {
	uint64_t gap_us, reach_us;
};

/* `per_s` a second, `burst` at once; both at least 1, per_s at most a million. */
static inline struct source_rule source_rule(uint32_t per_s, uint32_t burst)
{
	uint64_t gap_us = 1000000 / per_s;

	return (struct source_rule){gap_us, gap_us * (burst - 1)};
}

struct source_table;

/* Make a table of at least `max` sources, rounded up to a power of two. Counted: one reference, the caller's. NULL without memory or chance. */
MG_MUST_CHECK struct source_table *shield_table_new(uint32_t max);
struct source_table *shield_table_ref(struct source_table *t);
void shield_table_unref(struct source_table *t); /* any thread; NULL is fine */

/* The place of a source, for the moment. */
struct source {
	struct source_set *set; /* NULL: it has none */
	unsigned way;
};

/* Find a source; `make`: or give it a place, which may fail when the set is full of known ones. Any thread. */
struct source source_find(struct source_table *t, const struct addr *addr, uint64_t now_ms,
			  bool make);

/* Take `cost` tokens, all or none, for requests. */
bool source_take(struct source s, const struct source_rule *rule, uint64_t now_ms, uint32_t cost);
/* When there will be a token again, in microseconds; the past: now. */
uint64_t source_ready_us(struct source s, const struct source_rule *rule);
/* Take `cost` tokens, or as many as there are: what was done is done. */
void source_charge(struct source s, const struct source_rule *rule, uint64_t now_ms, uint32_t cost);
/* Take one for an answer. Rules of up to 1 000 a second, whose reach is at most a week. */
bool source_take_answer(struct source s, const struct source_rule *rule, uint64_t now_ms);
/* Take one from the bucket that all strangers share. */
bool source_take_shared(struct source_table *t, const struct source_rule *rule, uint64_t now_ms);
/* And one for an answer out of the bucket of those that found no place: they must be able to authenticate all the same. */
bool source_take_homeless(struct source_table *t, const struct source_rule *rule, uint64_t now_ms);

/* Packets that are owed: answers to what was sent there. */
void source_owe(struct source s, uint32_t n);
bool source_spend(struct source s);
bool source_owed(struct source s);

/* Known until then, in seconds of the same clock, at least 1; counted. */
void source_learn(struct source_table *t, const struct addr *addr, uint64_t now_ms,
		  uint32_t until_s);
bool source_known(struct source s, uint32_t now_s);
/* It was seen: others make room first. source_take says so too. */
void source_seen(struct source s, uint64_t now_ms);

/* An offence was charged to some source; counted. */
void shield_table_offended(struct source_table *t);

/* Places taken, and how often one was taken from a source that had been seen within a minute: the table is too small. */
uint32_t shield_table_used(const struct source_table *t);
uint64_t shield_table_evicted(const struct source_table *t);
uint64_t shield_table_learned(const struct source_table *t);
uint64_t shield_table_offences(const struct source_table *t);
uint32_t shield_table_max(const struct source_table *t);

#endif
