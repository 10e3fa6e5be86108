/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * health: targets that failed, and how long each is avoided. Only failures are remembered: an answer forgets them, so that in good
 * times the table is empty and costs one load. A target goes from good to avoided to due; due, one look-up gets it as its first
 * choice (the probe), and until that has said how it went, or long has said nothing, all others go on avoiding it.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/dns_priv.h"

enum {
	AVOID_MAX_MS = 300000,      /* however often it failed */
	RETRY_AFTER_MAX_MS = 60000, /* */
	FORGET_MS = 900000,         /* after that long a failure is the first one again */
};

struct target {
	struct dns_lru_node node;
	struct addr addr; /* the key: this and the byte behind it */
	uint8_t transport;
	uint32_t failures;  /* in a row */
	uint64_t until_ms;  /* avoided until then */
	uint64_t probed_ms; /* somebody probes; others avoid it until then */
};

_Static_assert(offsetof(struct target, transport) ==
		       offsetof(struct target, addr) + sizeof(struct addr),
	       "address and transport are one key");

enum state { GOOD, DUE, AVOID };

struct target_key {
	char b[sizeof(struct addr) + 1];
};

static struct target_key key_of(const struct addr *addr, uint8_t transport)
{
	struct target_key key;

	memcpy(key.b, addr, sizeof(*addr));
	key.b[sizeof(*addr)] = (char)transport;
	return key;
}

static struct sv key_sv(const struct target_key *key)
{
	return sv_of(key->b, sizeof(key->b));
}

static void target_free(struct dns_lru_node *node)
{
	free(container_of(node, struct target, node));
}

int dns_targets_init(struct dns_shared *shared, size_t max)
{
	return dns_lru_init(&shared->targets, max, target_free);
}

void dns_targets_done(struct dns_shared *shared)
{
	dns_lru_done(&shared->targets);
}

static struct target *find(struct dns_lru_shard *shard, struct sv key)
{
	struct dns_lru_node *node = dns_lru_find(shard, key);

	return node ? container_of(node, struct target, node) : NULL;
}

static struct target *find_or_make(struct dns_shared *shared, struct dns_lru_shard *shard,
				   const struct addr *addr, uint8_t transport)
{
	struct target_key key = key_of(addr, transport);
	struct target *t = find(shard, key_sv(&key));

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->addr = *addr;
	t->transport = transport;
	dns_lru_add(&shared->targets, shard, &t->node, sv_of((char *)&t->addr, sizeof(key.b)));
	return t;
}

/* From 3/4 to 5/4 of it, so that targets that failed together do not come back together. */
static uint64_t jittered(struct dns_shared *shared, const struct target *t, uint64_t wait_ms,
			 uint64_t now_ms)
{
	uint64_t seed[2] = {now_ms, t->failures ^ t->addr.ip[3] ^ (uint64_t)t->addr.port << 32};
	uint64_t chance = siphash_13(&shared->targets.secret, seed, sizeof(seed));

	return wait_ms - wait_ms / 4 + chance % (wait_ms / 2 + 1);
}

static uint64_t wait_after(struct dns_shared *shared, const struct target *t, uint64_t now_ms)
{
	uint64_t wait = atomic_load_explicit(&shared->avoid_ms, memory_order_relaxed);

	for (uint32_t i = 1; i < t->failures && wait < AVOID_MAX_MS; i++)
		wait *= 2;
	return jittered(shared, t, wait < AVOID_MAX_MS ? wait : AVOID_MAX_MS, now_ms);
}

static uint32_t capped(uint32_t retry_ms)
{
	return retry_ms < RETRY_AFTER_MAX_MS ? retry_ms : RETRY_AFTER_MAX_MS;
}

/* What fails while it is avoided was begun before, or had no better target: it says nothing new. But a server may ask for more
 * time than we had in mind.
 */
static void note_failure(struct dns_shared *shared, struct target *t, uint64_t now_ms,
			 uint32_t retry_ms)
{
	uint64_t asked_ms = now_ms + capped(retry_ms);

	if (now_ms < t->until_ms) {
		if (retry_ms && asked_ms > t->until_ms)
			t->until_ms = asked_ms;
		return;
	}
	if (now_ms - t->until_ms > FORGET_MS)
		t->failures = 0;
	t->failures++;
	t->probed_ms = 0;
	t->until_ms = retry_ms ? asked_ms : now_ms + wait_after(shared, t, now_ms);
}

void dns_target_failed(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
		       uint64_t now_ms, uint32_t retry_ms)
{
	struct target_key key = key_of(addr, transport);
	struct dns_lru_shard *shard = dns_lru_lock(&shared->targets, key_sv(&key));
	struct target *t = find_or_make(shared, shard, addr, transport);

	if (t)
		note_failure(shared, t, now_ms, retry_ms);
	dns_lru_unlock(shard);
}

/* Nothing is remembered of anybody. */
static bool all_good(struct dns_shared *shared)
{
	return atomic_load_explicit(&shared->targets.count, memory_order_relaxed) == 0;
}

void dns_target_good(struct dns_shared *shared, const struct addr *addr, uint8_t transport)
{
	struct target_key key = key_of(addr, transport);

	if (all_good(shared))
		return;
	struct dns_lru_shard *shard = dns_lru_lock(&shared->targets, key_sv(&key));
	struct target *t = find(shard, key_sv(&key));
	if (t)
		dns_lru_drop(&shared->targets, shard, &t->node);
	dns_lru_unlock(shard);
}

/* How a target stands.
 *
 * claim      If it is due, be the one who probes: it is DUE for this caller and AVOID for others then.
 */
static enum state state_of(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
			   uint64_t now_ms, bool claim)
{
	struct target_key key = key_of(addr, transport);
	enum state state = GOOD;

	if (all_good(shared))
		return GOOD;
	struct dns_lru_shard *shard = dns_lru_lock(&shared->targets, key_sv(&key));
	struct target *t = find(shard, key_sv(&key));
	if (t)
		state = now_ms < t->until_ms || now_ms < t->probed_ms ? AVOID : DUE;
	if (t && state == DUE && claim)
		t->probed_ms =
			now_ms + atomic_load_explicit(&shared->avoid_ms, memory_order_relaxed);
	dns_lru_unlock(shard);
	return state;
}

bool dns_target_avoided(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
			uint64_t now_ms)
{
	return state_of(shared, addr, transport, now_ms, true) == AVOID;
}

/* Only what will be tried first is worth a probe; behind a good one a target that is due keeps its place. */
void dns_targets_sort(struct dns_shared *shared, struct dns_hop *hop, unsigned n, uint64_t now_ms)
{
	struct dns_hop avoided[DNS_HOPS_MAX];
	unsigned good = 0, bad = 0;

	if (all_good(shared))
		return;
	for (unsigned i = 0; i < n; i++) {
		if (state_of(shared, &hop[i].addr, hop[i].transport, now_ms, good == 0) != AVOID) {
			hop[good++] = hop[i];
			continue;
		}
		avoided[bad] = hop[i];
		avoided[bad++].avoided = true;
	}
	memcpy(hop + good, avoided, bad * sizeof(hop[0]));
}

struct visit {
	uint64_t now_ms;
	void (*fn)(void *arg, const struct addr *addr, uint8_t transport, unsigned failures,
		   uint64_t avoided_ms);
	void *arg;
};

static void visit(void *arg, struct dns_lru_node *node)
{
	const struct visit *v = arg;
	const struct target *t = container_of(node, struct target, node);

	v->fn(v->arg, &t->addr, t->transport, t->failures,
	      t->until_ms > v->now_ms ? t->until_ms - v->now_ms : 0);
}

void dns_targets_each(struct dns_shared *shared, uint64_t now_ms,
		      void (*fn)(void *arg, const struct addr *addr, uint8_t transport,
				 unsigned failures, uint64_t avoided_ms),
		      void *arg)
{
	struct visit v = {now_ms, fn, arg};

	dns_lru_each(&shared->targets, visit, &v);
}
