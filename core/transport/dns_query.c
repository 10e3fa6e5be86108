/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_query: one question to the servers for all look-ups of this worker that want to know the same, and what becomes of its
 * answer: into the cache, to those who wait. What they do with it is dns_steps' matter.
 */
#include <stdlib.h>

#include "transport/dns_priv.h"

struct dns_query {
	struct map_node node;
	struct dns_ask ask;
	struct dns *dns;
	struct list waiters; /* struct dns_question */
	uint64_t since_ms;
	bool under_way;
	struct dns_key key;
};

/* ---- answers ---- */

static uint64_t clamped_ttl_ms(const struct dns_conf *conf, const struct dns_answer *a)
{
	uint32_t ttl_s = a->kind == DNS_NONE ? conf->negative_s : a->ttl_s;

	if (a->kind == DNS_FOUND && ttl_s < conf->ttl_min_s)
		ttl_s = conf->ttl_min_s;
	if (a->kind == DNS_FOUND && ttl_s > conf->ttl_max_s)
		ttl_s = conf->ttl_max_s;
	return (uint64_t)ttl_s * 1000;
}

/* Read an answer and keep it.
 *
 * Returns    the set, the caller's reference; NULL when it was of no use (or without memory), which is remembered too.
 */
static struct dns_set *take_answer(struct dns_query *query, struct sv packet)
{
	struct dns *dns = query->dns;
	struct sv key = dns_key_sv(&query->key);
	uint64_t now_ms = loop_now_ms(dns->loop);
	struct dns_set *set = NULL;
	struct dns_answer a;
	int err = packet.n ? dns_answer_read(&a, packet, query->ask.name, query->ask.type)
			   : -ETIMEDOUT;

	if (err == MG_EPARSE || err == MG_ELIMIT || (!err && a.over))
		dns_count(dns, TP_STAT_DNS_BAD);
	if (!err && a.kind != DNS_LOST)
		set = dns_set_new(&a);
	if (set)
		dns_cache_put(&dns->shared->cache, key, set, now_ms, clamped_ttl_ms(&dns->conf, &a),
			      (uint64_t)dns->conf.stale_s * 1000);
	else
		dns_cache_lost(&dns->shared->cache, key, now_ms,
			       (uint64_t)dns->conf.negative_s * 1000,
			       (uint64_t)dns->conf.ttl_min_s * 1000);
	return set;
}

static void make_dirty(struct dns_job *job)
{
	if (list_empty(&job->dirty))
		list_append(&job->dns->dirty, &job->dirty);
}

/* The question waits no more. Takes no reference of `set`. */
static void settle(struct dns_question *q, struct dns_set *set)
{
	list_remove(&q->link);
	q->settled = true;
	q->stale = !set && q->old;
	q->set = set ? dns_set_ref(set) : q->old;
	if (set)
		dns_set_unref(q->old);
	q->old = NULL;
}

static void end_query(struct dns_query *query, struct dns_set *set)
{
	while (!list_empty(&query->waiters)) {
		struct dns_question *q =
			container_of(query->waiters.next, struct dns_question, link);

		settle(q, set);
		make_dirty(q->job);
	}
	map_remove(&query->dns->queries, &query->node);
	free(query);
}

static void on_answered(struct dns_ask *ask, int err, struct sv packet)
{
	struct dns_query *query = container_of(ask, struct dns_query, ask);

	query->under_way = false;
	if (err == -ECANCELED) /* asked again by another channel, or freed with all */
		return;
	struct dns_set *set = take_answer(query, packet);
	end_query(query, set);
	dns_set_unref(set);
}

/* ---- questions ---- */

static struct dns_query *query_new(struct dns *dns, const struct dns_key *key, enum dns_type type)
{
	struct dns_query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	query->dns = dns;
	query->key = *key;
	query->since_ms = loop_now_ms(dns->loop);
	query->ask.answered = on_answered;
	query->ask.name = sv_of(query->key.b + 1, query->key.n - 1);
	query->ask.type = type;
	list_init(&query->waiters);
	if (map_insert(&dns->queries, &query->node, dns_key_sv(&query->key))) {
		free(query);
		return NULL;
	}
	return query;
}

/* Send it; the query may be over when this returns. */
static void send_query(struct dns_query *query)
{
	struct dns *dns = query->dns;

	dns_count(dns, TP_STAT_DNS_QUERIES);
	query->under_way = true;
	if (dns_channel_ask(dns->channel, &query->ask)) {
		query->under_way = false;
		end_query(query, NULL);
	}
}

static void join_or_send(struct dns *dns, struct dns_question *q, const struct dns_key *key)
{
	struct map_node *node = map_find(&dns->queries, dns_key_sv(key));
	struct dns_query *query =
		node ? container_of(node, struct dns_query, node) : query_new(dns, key, q->type);

	if (!query) {
		q->over_limit = true;
		settle(q, NULL);
		return;
	}
	q->since_ms = query->since_ms;
	q->job->sent = true;
	list_append(&query->waiters, &q->link);
	if (!node)
		send_query(query);
}

void dns_question_ask(struct dns *dns, struct dns_question *q)
{
	struct dns_key key = dns_key_of(q->name, q->type);
	struct dns_cached found =
		dns_cache_get(&dns->shared->cache, dns_key_sv(&key), loop_now_ms(dns->loop));

	list_init(&q->link);
	if (found.fresh) {
		q->settled = true;
		q->stale = found.stale;
		q->set = found.set;
		return;
	}
	q->old = found.set;
	join_or_send(dns, q, &key);
}

void dns_question_give_up(struct dns_question *q)
{
	if (!q->settled)
		settle(q, NULL);
}

void dns_question_done(struct dns_question *q)
{
	list_remove(&q->link);
	dns_set_unref(q->set);
	dns_set_unref(q->old);
	q->set = q->old = NULL;
}

/* ---- all of them ---- */

void dns_queries_renew(struct dns *dns)
{
	struct dns_query *again[16];
	unsigned n;

	do { /* the map must not change while one goes through it, and sending may end a query at once */
		struct map_iter it;
		struct map_node *node;

		n = 0;
		map_iter_init(&it, &dns->queries);
		while (n < sizeof(again) / sizeof(again[0]) && (node = map_next(&it))) {
			struct dns_query *query = container_of(node, struct dns_query, node);
			if (!query->under_way)
				again[n++] = query;
		}
		for (unsigned i = 0; i < n; i++)
			send_query(again[i]);
	} while (n);
}

void dns_queries_free(struct dns *dns)
{
	struct map_iter it;
	struct map_node *node;

	map_iter_init(&it, &dns->queries);
	while ((node = map_next(&it))) {
		struct dns_query *query = container_of(node, struct dns_query, node);

		map_remove(&dns->queries, node);
		free(query);
	}
}
