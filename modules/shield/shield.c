/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shield, first look: how much a source that nobody knows may send, before anything of it is parsed, how many answers it gets, and how much all
 * such sources may send together. A source that authenticates is known and no longer limited. What is remembered of sources is
 * source_table.c; nobody is banned here.
 */
#include <stdlib.h>

#include "chain/mg_module.h"
#include "pending.h"
#include "rules.h"
#include "source_table.h"

#define OWED_FOR_REQUEST 8 /* provisional, final and repeated responses */
#define OWED_FOR_CALL    4 /* ACK and BYE, and again */
#define TELL_MS          2000 /* two ticks: what the kernel drops is counted at one, by another worker */
#define PENDING_SOURCES \
	65536 /* that may have INVITEs pending at a time; known ones beyond are not counted */

enum counter {
	SOURCE,
	ALL,
	METHOD,
	OWED,
	SOURCES,
	EVICTED,
	LEARNED,
	OFFENCES,
	BUSY,
	PENDING,
	NO_PLACE,
	KERNEL,
	COUNTERS
};

static const struct stats_desc counters[COUNTERS] = {
	[SOURCE] = {"shield_throttled_source_total",
		    "messages and connections dropped: too many of their source", STATS_COUNTER},
	[ALL] = {"shield_throttled_all_total",
		 "messages and connections dropped: too many of all strangers", STATS_COUNTER},
	[METHOD] = {"shield_throttled_method_total",
		    "requests dropped: their method costs more than their source had left",
		    STATS_COUNTER},
	[OWED] = {"shield_owed_total", "messages over a limit that passed: they were owed",
		  STATS_COUNTER},
	[SOURCES] = {"shield_sources", "sources that are remembered", STATS_GAUGE},
	[EVICTED] = {"shield_evicted_total",
		     "sources forgotten within a minute: the table is too small", STATS_COUNTER},
	[LEARNED] = {"shield_learned_total", "times that a source authenticated", STATS_COUNTER},
	[OFFENCES] = {"shield_offences_total",
		      "packets that cost their source more: no SIP, malformed, a forged token",
		      STATS_COUNTER},
	[BUSY] = {"shield_refused_pending_total",
		  "INVITEs refused: their source has too many without a final response",
		  STATS_COUNTER},
	[PENDING] = {"shield_pending_invites",
		     "INVITEs of sources with a limit that have no final response yet",
		     STATS_GAUGE},
	[NO_PLACE] = {"shield_refused_pending_full_total",
		      "INVITEs refused: too many sources have one without a final response",
		      STATS_COUNTER},
	[KERNEL] = {"shield_throttled_kernel_total",
		    "messages of shield_throttled_source_total that the kernel dropped for us",
		    STATS_COUNTER},
};

struct shield {
	struct source_table *table;    /* counted: the next configuration goes on with it */
	struct pending_table *pending; /* likewise */
	int attr_pending;              /* handle of an INVITE that is counted */
	_Atomic uint32_t now_s;        /* of the last tick, for who is asked without a time */
	_Atomic uint64_t untold;       /* dropped by the kernel, not in the log yet */
	struct shield_rules rules;
};

enum said { SAID_SOURCE, SAID_ALL, SAID_METHOD, SAID_PENDING, SAID_KINDS };

/* A table that is full, and how much of what came of it was told. */
struct full {
	struct log_limit limit;
	uint64_t told;
};

struct local {
	uint64_t dropped; /* by the kernel, as far as it is counted here: worker 0's */
	uint64_t shut_ms; /* when this worker last shut somebody out */
	struct mg_sec said[SAID_KINDS];
	struct full sources, pending;
};

static const struct {
	enum counter counter;
	const char *why;
} kinds[SAID_KINDS] = {
	[SAID_SOURCE] = {SOURCE, "rate"},
	[SAID_ALL] = {ALL, "rate_of_all"},
	[SAID_METHOD] = {METHOD, "method"},
	[SAID_PENDING] = {BUSY, "pending"},
};

/* ---- roles ---- */

static bool known(void *self, const struct addr *addr, const struct mg_zone *zone)
{
	const struct shield *s = self;
	struct source source = source_find(s->table, addr, 0, false);

	(void)zone; /* an address is the same everywhere */
	return source.set &&
	       source_known(source, atomic_load_explicit(&s->now_s, memory_order_relaxed));
}

static void learn(void *self, const struct addr *addr, uint64_t now_ms)
{
	const struct shield *s = self;

	source_learn(s->table, addr, now_ms, (uint32_t)(now_ms / 1000) + s->rules.known_s);
}

static bool may_answer(void *self, const struct mg_source *source, uint64_t now_ms)
{
	const struct shield *s = self;
	const struct shield_limits *limits = shield_limits_of(&s->rules, source->zone);
	struct source place;

	if (!limits->on)
		return true;
	place = source_find(s->table, &source->addr, now_ms, true);
	if (!place.set)
		return source_take_homeless(s->table, &s->rules.all, now_ms);
	return source_known(place, (uint32_t)(now_ms / 1000)) ||
	       source_take_answer(place, &limits->answers, now_ms);
}

/* What is no request, or no honest one, has paid for itself on arrival at most, as any packet; it takes more of what its source has left. */
static void offends(void *self, const struct mg_source *source, enum mg_offence offence,
		    uint64_t now_ms)
{
	const struct shield *s = self;
	const struct shield_limits *limits = shield_limits_of(&s->rules, source->zone);
	struct source place;

	(void)offence; /* they cost the same */
	if (source->known || !limits->on)
		return;
	place = source_find(s->table, &source->addr, now_ms, true);
	if (!place.set || source_known(place, (uint32_t)(now_ms / 1000)))
		return;
	source_charge(place, &limits->requests, now_ms, s->rules.offence_tokens);
	shield_table_offended(s->table);
}

/* ---- a configuration ---- */

static void unload(struct mg_self *self)
{
	struct shield *s = self->state;

	shield_table_unref(s->table);
	pending_unref(s->pending);
	free(s);
}

static int load(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before)
{
	static const struct mg_sources_role sources = {.known = known, .learn = learn};
	static const struct mg_answers_role answers = {.may = may_answer};
	static const struct mg_offences_role offences = {.seen = offends};
	const struct shield_conf *conf = self->conf;
	struct shield *s = self->state = calloc(1, sizeof(*s)),
		      *old = before ? before->state : NULL;
	int err;

	if (!s)
		return MG_ENOMEM;
	s->table =
		old ? shield_table_ref(old->table) : shield_table_new((uint32_t)conf->sources_max);
	s->pending = old ? pending_ref(old->pending) : pending_new(PENDING_SOURCES);
	s->attr_pending = mg_attr(setup, "shield.pending", MG_ATTR_INT);
	if (old)
		atomic_init(&s->untold, atomic_exchange(&old->untold, 0));
	if (old)
		atomic_init(&s->now_s, atomic_load_explicit(&old->now_s, memory_order_relaxed));
	err = s->table && s->pending ? shield_rules_read(setup, &s->rules, conf) : MG_ENOMEM;
	if (!err && s->attr_pending < 0)
		err = s->attr_pending;
	if (!err)
		err = mg_role_provide(setup, MG_SOURCES_ROLE, 1, &sources, s);
	if (!err)
		err = mg_role_provide(setup, MG_ANSWERS_ROLE, 1, &answers, s);
	if (!err)
		err = mg_role_provide(setup, MG_OFFENCES_ROLE, 1, &offences, s);
	if (err)
		unload(self);
	return err;
}

static int worker(struct mg_self *self, const struct mg_self *before)
{
	struct shield *s = self->state;

	atomic_store_explicit(&s->now_s, (uint32_t)(mg_now_ms(self->worker) / 1000),
			      memory_order_relaxed);
	int err = mg_local_begin(self, before, sizeof(struct local));
	if (!err && !before)
		((struct local *)self->local)->dropped =
			mg_shut_dropped(self->worker, MG_SHUT_RATE);
	return err;
}

/* ---- once a second ---- */

static void say_full(struct full *full, uint64_t n, const char *table, uint64_t max,
		     const char *act, uint64_t now_ms)
{
	struct log_line line;
	uint64_t ticks;

	if (n == full->told || !log_limit_pass(&full->limit, now_ms, &ticks))
		return;
	log_begin(&line, LOG_WARNING, "shield", "table_full");
	log_str(&line, "table", table);
	log_u64(&line, "max", max);
	log_str(&line, "act", act);
	log_u64(&line, "n", n - full->told);
	log_end(&line);
	full->told = n;
}

/* What the tables count by themselves is shown in worker 0's part of the counters. */
static void show_tables(struct mg_self *self, uint64_t now_ms)
{
	const struct shield *s = self->state;
	const struct source_table *t = s->table;
	struct local *l = self->local;
	uint64_t evicted = shield_table_evicted(t);

	stats_set(self->counters, 0, SOURCES, shield_table_used(t));
	stats_set(self->counters, 0, EVICTED, evicted);
	stats_set(self->counters, 0, LEARNED, shield_table_learned(t));
	stats_set(self->counters, 0, OFFENCES, shield_table_offences(t));
	stats_set(self->counters, 0, PENDING, pending_now(s->pending));
	say_full(&l->sources, evicted, "sources", shield_table_max(t), "evict", now_ms);
	say_full(&l->pending, stats_sum(self->counters, NO_PLACE), "pending_invites",
		 pending_max(s->pending), "refuse", now_ms);
}

/* What the kernel dropped is counted here, and told by a worker that has just shut somebody out: with that source. */
static void count_kernel(struct mg_self *self)
{
	struct shield *s = self->state;
	struct local *l = self->local;
	uint64_t dropped = mg_shut_dropped(self->worker, MG_SHUT_RATE), more = dropped - l->dropped;

	l->dropped = dropped;
	if (!more)
		return;
	stats_add(self->counters, 0, SOURCE, more);
	stats_add(self->counters, 0, KERNEL, more);
	atomic_fetch_add_explicit(&s->untold, more, memory_order_relaxed);
}

static void tell_kernel(struct mg_self *self, uint64_t now_ms)
{
	struct shield *s = self->state;
	struct local *l = self->local;
	struct mg_sec *kind = &l->said[SAID_SOURCE];

	if (kind->ev && now_ms - l->shut_ms <= TELL_MS &&
	    atomic_load_explicit(&s->untold, memory_order_relaxed))
		mg_sec_more(kind, atomic_exchange_explicit(&s->untold, 0, memory_order_relaxed));
}

static void tick(struct mg_self *self, uint64_t now_ms)
{
	struct shield *s = self->state;
	struct local *l = self->local;

	atomic_store_explicit(&s->now_s, (uint32_t)(now_ms / 1000), memory_order_relaxed);
	if (mg_worker_index(self->worker) == 0)
		count_kernel(self);
	tell_kernel(self, now_ms);
	for (unsigned i = 0; i < SAID_KINDS; i++)
		mg_sec_flush(self->worker, &l->said[i]);
	if (mg_worker_index(self->worker) == 0)
		show_tables(self, now_ms);
}

/* ---- what arrives ---- */

static void tell(struct mg_self *self, const struct mg_source *source, struct sv method,
		 enum said kind, const char *act)
{
	struct local *l = self->local;

	mg_count(self, kinds[kind].counter);
	mg_sec(self->worker, &l->said[kind],
	       &(struct mg_sec_event){.ev = "flood",
				      .why = kinds[kind].why,
				      .act = act,
				      .source = source,
				      .method = method});
}

static struct mg_verdict throttle(struct mg_self *self, const struct mg_source *source,
				  struct sv method, enum said kind)
{
	tell(self, source, method, kind, "throttle");
	return mg_drop("flood");
}

/* Over a limit; but it may be owed, or another module may know it. */
static bool passes_all_the_same(struct mg_self *self, struct source place,
				const struct mg_source *source)
{
	if (place.set && source_spend(place)) {
		mg_count(self, OWED);
		return true;
	}
	return mg_known(self, &source->addr, source->zone);
}

/* Nothing of it will be let in before its next token comes, and nothing is owed to it: that is known without looking. When something is sent to it, or it becomes known,
 * that changes, and its place is opened. Who does so between our two looks at what it is owed has either been seen by the second or opens what we have shut. */
static void shut(struct mg_self *self, struct source place, const struct mg_source *source,
		 const struct source_rule *rule, uint64_t now_ms)
{
	const struct shield *s = self->state;
	struct local *l = self->local;
	/* a bucket is the source's in all zones: by another zone's rule it may be empty for much longer */
	uint64_t ready_us = source_ready_us(place, rule), most_us = now_ms * 1000 + rule->gap_us;

	if (!s->rules.kernel || ready_us <= now_ms * 1000)
		return;
	mg_shut(self->worker, source, MG_SHUT_RATE, ready_us < most_us ? ready_us : most_us);
	l->shut_ms = now_ms;
	if (source_owed(place))
		mg_unshut(self->worker, &source->addr);
}

static struct mg_verdict arrival(struct mg_self *self, struct mg_source *source, size_t len)
{
	struct shield *s = self->state;
	const struct shield_limits *limits = shield_limits_of(&s->rules, source->zone);
	uint64_t now_ms = mg_now_ms(self->worker);
	struct source place;
	enum said kind;

	(void)len;
	if (source->known || !limits->on)
		return mg_next();
	place = source_find(s->table, &source->addr, now_ms, true);
	if (place.set && source_known(place, (uint32_t)(now_ms / 1000))) {
		source_seen(place, now_ms);
		source->known = true;
		return mg_next();
	}
	if (place.set && !source_take(place, &limits->requests, now_ms, 1))
		kind = SAID_SOURCE;
	else if (!source_take_shared(s->table, &s->rules.all, now_ms))
		kind = SAID_ALL;
	else
		return mg_next();
	if (passes_all_the_same(self, place, source))
		return mg_next();
	if (kind == SAID_SOURCE)
		shut(self, place, source, &limits->requests, now_ms);
	return throttle(self, source, SV(""), kind);
}

/* A datagram has paid one token when it arrived; a request on a stream pays here, where its connection has paid for itself alone. */
static struct mg_verdict message(struct mg_self *self, struct mg_request *r)
{
	struct shield *s = self->state;
	const struct mg_source *source = mg_source(r);
	const struct shield_limits *limits = shield_limits_of(&s->rules, source->zone);
	const struct sip_msg *msg = mg_msg(r);
	bool datagram = source->transport == SIP_TRANSPORT_UDP;
	uint64_t now_ms;
	uint32_t cost;
	struct source place;
	enum said kind;

	if (msg->kind != SIP_KIND_REQUEST || source->known || !limits->on)
		return mg_next();
	cost = shield_cost(&s->rules, msg) - datagram;
	if (cost == 0)
		return mg_next();
	now_ms = mg_now_ms(self->worker);
	place = source_find(s->table, &source->addr, now_ms, true);
	if (place.set && !source_take(place, &limits->requests, now_ms, cost))
		kind = datagram || cost > 1 ? SAID_METHOD : SAID_SOURCE;
	else if (!datagram && !source_take_shared(s->table, &s->rules.all, now_ms))
		kind = SAID_ALL;
	else
		return mg_next();
	if (passes_all_the_same(self, place, source))
		return mg_next();
	return throttle(self, source, sip_method_text(msg), kind);
}

/* ---- INVITEs that wait for an answer (X-3) ---- */

/* By role: a phone is busy, a trunk has no room and is to try elsewhere. */
static struct mg_verdict busy(struct mg_self *self, struct mg_request *r, bool trunk)
{
	tell(self, mg_source(r), sip_method_text(mg_msg(r)), SAID_PENDING, trunk ? "503" : "486");
	return mg_reject(trunk ? 503 : 486, "Too Many Calls Without An Answer");
}

/* That others have so many is nothing that this source did: it is we who have no room. */
static struct mg_verdict no_place(struct mg_self *self)
{
	mg_count(self, NO_PLACE);
	return mg_reject(503, "Too Many Calls Without An Answer");
}

static struct mg_verdict request(struct mg_self *self, struct mg_request *r)
{
	const struct shield *s = self->state;
	const struct mg_source *source = mg_source(r);
	const struct shield_limits *limits = shield_limits_of(&s->rules, source->zone);
	uint32_t max = source->known ? s->rules.pending_known : limits->on ? limits->pending : 0;
	int handle;

	if (max == 0 || mg_msg(r)->method != SIP_METHOD_INVITE)
		return mg_next();
	handle = pending_enter(s->pending, &source->addr, max);
	if (handle == MG_ENOSPC)
		return source->known ? mg_next() : no_place(self);
	if (handle < 0)
		return busy(self, r,
			    source->known || (source->zone && source->zone->trust == MG_CARRIER));
	if (mg_attr_set_int(r, s->attr_pending, handle) < 0) {
		pending_leave(s->pending, handle);
		return mg_reject(500, NULL);
	}
	return mg_next();
}

static void no_more_pending(struct mg_self *self, struct mg_request *r)
{
	const struct shield *s = self->state;
	int64_t handle;

	if (mg_attr_int(r, s->attr_pending, &handle))
		pending_leave(s->pending, (int)handle);
}

/* ---- what is owed ---- */

static void owe(struct mg_self *self, const struct addr *addr, const struct mg_zone *zone,
		uint32_t n)
{
	struct shield *s = self->state;
	uint64_t now_ms = mg_now_ms(self->worker);
	struct source place;

	if (shield_limits_of(&s->rules, zone)->on) {
		place = source_find(s->table, addr, now_ms, true);
		if (place.set && !source_known(place, (uint32_t)(now_ms / 1000)))
			source_owe(place, n);
	}
	mg_unshut(self->worker, addr); /* behind what is owed: see shut() */
}

/* Whoever is sent a request may answer it. */
static struct mg_verdict on_send(struct mg_self *self, const struct mg_sending *sending)
{
	if (!sv_starts(sending->bytes, SV("SIP/2.0 ")))
		owe(self, &sending->peer, sending->zone, OWED_FOR_REQUEST);
	return mg_next();
}

/* Whoever has set up a call may acknowledge and end it. */
static void final(struct mg_self *self, struct mg_request *r, unsigned status)
{
	const struct mg_source *source = mg_source(r);

	if (mg_msg(r)->method != SIP_METHOD_INVITE)
		return;
	no_more_pending(self, r);
	if (status / 100 == 2 && !source->known && !mg_in_dialog(r))
		owe(self, &source->addr, source->zone, OWED_FOR_CALL);
}

extern const struct mg_module shield_module;
const struct mg_module shield_module = {
	.abi = MG_ABI_VERSION,
	.name = "shield",
	.help = "limits for sources that nobody knows",
	.options = &shield_table,
	.counters = counters,
	.n_counters = COUNTERS,
	.load = load,
	.unload = unload,
	.worker = worker,
	.worker_end = mg_local_end,
	.tick = tick,
	.arrival = arrival,
	.message = message,
	.request = request,
	.send = on_send,
	.final = final,
};
