/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shared_source: what is counted and metered per source, an IPv4 address or an IPv6 /64, or one port of it, for all workers
 * together: connections, handshakes, keepalives, log lines. 56 bytes an entry, all taken at the start; who was not seen
 * for longest makes room, but for those that hold a count. A lock a shard, held for one source.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "transport/shared_priv.h"

#define SHARDS    64
#define SHARD_MAX (1u << 24)
#define NONE      UINT32_MAX

/* A struct limit and a struct log_limit in 8 bytes: levels end at 2^32-1, times are the low 32 bits of milliseconds. A source
 * that comes back after 49 days may find its bucket less full than it ought to be. */
struct meter {
	uint32_t level, ms;
};

struct source {
	uint64_t net;
	uint16_t port;
	uint8_t family;
	uint16_t counts[TP_SOURCE_COUNTS];
	uint32_t chain;      /* the next in the same slot */
	uint32_t next, prev; /* towards those seen longer ago, and back; counts are 0 */
	struct meter handshakes, keepalives;
	struct meter said;
};
_Static_assert(sizeof(struct source) <= 56, "64 bytes with its slots");

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct source *entry; /* max of them */
	uint32_t *slot;       /* mask + 1 */
	uint32_t max, mask;
	uint32_t used;        /* entries that ever were */
	uint32_t first, last; /* seen last, and longest ago, of those without counts */
};

struct source_table {
	struct siphash_key secret;
	struct shard shard[SHARDS];
};

/* ---- one shard, locked ---- */

static void unlink_seen(struct shard *s, uint32_t i)
{
	struct source *e = &s->entry[i];

	if (e->prev == NONE)
		s->first = e->next;
	else
		s->entry[e->prev].next = e->next;
	if (e->next == NONE)
		s->last = e->prev;
	else
		s->entry[e->next].prev = e->prev;
}

static void link_seen(struct shard *s, uint32_t i)
{
	struct source *e = &s->entry[i];

	e->prev = NONE;
	e->next = s->first;
	if (s->first == NONE)
		s->last = i;
	else
		s->entry[s->first].prev = i;
	s->first = i;
}

static bool counted(const struct source *e)
{
	for (unsigned i = 0; i < TP_SOURCE_COUNTS; i++)
		if (e->counts[i])
			return true;
	return false;
}

struct key {
	uint64_t net;
	uint16_t port;
	uint8_t family;
};

static uint32_t slot_of(const struct source_table *table, const struct shard *s,
			const struct key *k, unsigned *shard)
{
	char bytes[sizeof(k->net) + sizeof(k->port) + 1];

	memcpy(bytes, &k->net, sizeof(k->net));
	memcpy(bytes + sizeof(k->net), &k->port, sizeof(k->port));
	bytes[sizeof(bytes) - 1] = (char)k->family;
	uint64_t h = siphash_13(&table->secret, bytes, sizeof(bytes));
	*shard = (unsigned)(h >> 58);
	return (uint32_t)h & s->mask; /* the same mask in all shards */
}

static uint32_t find(const struct shard *s, uint32_t slot, const struct key *k)
{
	uint32_t i = s->slot[slot];

	while (i != NONE && (s->entry[i].net != k->net || s->entry[i].port != k->port ||
			     s->entry[i].family != k->family))
		i = s->entry[i].chain;
	return i;
}

static void unchain(struct shard *s, uint32_t slot, uint32_t i)
{
	uint32_t *at = &s->slot[slot];

	while (*at != i)
		at = &s->entry[*at].chain;
	*at = s->entry[i].chain;
}

/* Room for one more: a fresh entry, else the one not seen for longest. NONE when all hold counts. */
static uint32_t make_room(struct source_table *table, struct shard *s)
{
	uint32_t i = s->last;
	unsigned shard;

	if (s->used < s->max)
		return s->used++;
	if (i == NONE)
		return NONE;
	const struct source *e = &s->entry[i];
	struct key old = {e->net, e->port, e->family};
	unchain(s, slot_of(table, s, &old, &shard), i);
	unlink_seen(s, i);
	return i;
}

static struct source *add(struct source_table *table, struct shard *s, uint32_t slot,
			  const struct key *k)
{
	uint32_t i = make_room(table, s);

	if (i == NONE)
		return NULL;
	struct source *e = &s->entry[i];
	*e = (struct source){.net = k->net,
			     .port = k->port,
			     .family = k->family,
			     .chain = s->slot[slot],
			     .handshakes = {.level = UINT32_MAX},
			     .keepalives = {.level = UINT32_MAX},
			     .said = {.level = UINT32_MAX}};
	s->slot[slot] = i;
	link_seen(s, i);
	return e;
}

/* ---- a source by its address ---- */

static struct key key_of(const struct addr *peer, bool port)
{
	struct key k = {.port = port ? peer->port : 0, .family = peer->family};

	memcpy(&k.net, peer->ip, peer->family == ADDR_V6 ? 8 : 4);
	return k;
}

/* Lock its shard and find a source, seen now; with `make`, add it. NULL when there is none. Unlock in any case. */
static struct source *enter(struct source_table *table, const struct key *k, bool make,
			    struct shard **locked)
{
	unsigned n;
	uint32_t slot = slot_of(table, &table->shard[0], k, &n);
	struct shard *s = *locked = &table->shard[n];

	pthread_mutex_lock(&s->lock);
	uint32_t i = find(s, slot, k);
	if (i == NONE)
		return make ? add(table, s, slot, k) : NULL;
	if (!counted(&s->entry[i]) && s->first != i) {
		unlink_seen(s, i);
		link_seen(s, i);
	}
	return &s->entry[i];
}

bool tp_source_more(struct tp_shared *shared, const struct addr *peer, enum tp_source_count what,
		    uint32_t max)
{
	struct key k = key_of(peer, false);
	struct shard *s;
	struct source *e = enter(tp_shared_sources(shared), &k, true, &s);
	bool ok = e && e->counts[what] < max && e->counts[what] < UINT16_MAX;

	if (ok) {
		if (!counted(e))
			unlink_seen(s, (uint32_t)(e - s->entry));
		e->counts[what]++;
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void tp_source_less(struct tp_shared *shared, const struct addr *peer, enum tp_source_count what)
{
	struct key k = key_of(peer, false);
	struct shard *s;
	struct source *e = enter(tp_shared_sources(shared), &k, false, &s);

	if (e && e->counts[what]) {
		e->counts[what]--;
		if (!counted(e))
			link_seen(s, (uint32_t)(e - s->entry));
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- buckets ---- */

static uint64_t ms_behind(uint32_t ms, uint64_t now_ms)
{
	uint64_t ago = (uint32_t)now_ms - ms;

	return ago < now_ms ? now_ms - ago : 0;
}

static bool meter_take(struct meter *m, const struct limit_rule *rule, uint64_t now_ms)
{
	struct limit l = {.level = m->level, .last_ms = ms_behind(m->ms, now_ms)};
	bool ok = limit_take(&l, rule, now_ms, 1);

	m->level = l.level < UINT32_MAX ? (uint32_t)l.level : UINT32_MAX;
	m->ms = (uint32_t)l.last_ms;
	return ok;
}

bool tp_source_handshake(struct tp_shared *shared, const struct addr *peer,
			 const struct limit_rule *rule, uint64_t now_ms)
{
	struct key k = key_of(peer, false);
	struct shard *s;
	struct source *e = enter(tp_shared_sources(shared), &k, true, &s);
	bool ok = e && meter_take(&e->handshakes, rule, now_ms);

	pthread_mutex_unlock(&s->lock);
	return ok;
}

bool tp_source_keepalive(struct tp_shared *shared, const struct addr *peer, bool by_port,
			 const struct limit_rule *rule, uint64_t now_ms)
{
	struct key k = key_of(peer, by_port);
	struct shard *s;
	struct source *e = enter(tp_shared_sources(shared), &k, true, &s);
	bool ok = e && meter_take(&e->keepalives, rule, now_ms);

	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* Of a log_limit the end of its window is kept; what is not near by now is long over. */
static bool meter_say(struct meter *m, uint64_t now_ms, uint64_t *n)
{
	uint32_t left = m->ms - (uint32_t)now_ms;
	struct log_limit l = {0};

	if (m->level != UINT32_MAX) { /* UINT32_MAX: never said */
		l.until_ms = left <= LOG_SUMMARY_MS ? now_ms + left : 0;
		l.held = m->level;
	}
	bool say = log_limit_pass(&l, now_ms, n);
	m->level = l.held < UINT32_MAX ? (uint32_t)l.held : UINT32_MAX - 1;
	m->ms = (uint32_t)l.until_ms;
	return say;
}

bool tp_source_say(struct tp_shared *shared, const struct addr *peer, uint64_t now_ms, uint64_t *n)
{
	struct key k = key_of(peer, false);
	struct shard *s;
	struct source *e = enter(tp_shared_sources(shared), &k, true, &s);
	bool say = e && meter_say(&e->said, now_ms, n);

	pthread_mutex_unlock(&s->lock);
	return say;
}

/* ---- the table ---- */

static bool shard_init(struct shard *s, uint32_t max)
{
	uint32_t slots = 16;

	while (slots < max)
		slots *= 2;
	s->max = max;
	s->mask = slots - 1;
	s->first = s->last = NONE;
	s->entry = malloc(max * sizeof(*s->entry)); /* touched as it is used */
	s->slot = malloc(slots * sizeof(*s->slot));
	if (!s->entry || !s->slot || pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s->entry);
		free(s->slot);
		return false;
	}
	memset(s->slot, 0xff, slots * sizeof(*s->slot));
	return true;
}

static void table_free(struct source_table *table, unsigned shards)
{
	for (unsigned i = 0; i < shards; i++) {
		pthread_mutex_destroy(&table->shard[i].lock);
		free(table->shard[i].entry);
		free(table->shard[i].slot);
	}
	free(table);
}

struct source_table *source_table_new(unsigned max)
{
	struct source_table *table = aligned_alloc(64, sizeof(*table));
	uint32_t each = max / SHARDS + 1;
	unsigned n = 0;

	if (!table)
		return NULL;
	memset(table, 0, sizeof(*table));
	while (n < SHARDS && shard_init(&table->shard[n], each < SHARD_MAX ? each : SHARD_MAX))
		n++;
	if (n == SHARDS && rand_system(&table->secret, sizeof(table->secret)) == 0)
		return table;
	table_free(table, n);
	return NULL;
}

void source_table_free(struct source_table *table)
{
	if (table)
		table_free(table, SHARDS);
}
