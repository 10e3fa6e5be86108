/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_priv: what the files of the resolver share: the part of all workers (dns_shared.c, health.c) and that of one worker
 * (dns.c, dns_query.c, dns_steps.c).
 */
#ifndef MG_TRANSPORT_DNS_PRIV_H
#define MG_TRANSPORT_DNS_PRIV_H

#include "base/map.h"
#include "transport/dns_cache.h"
#include "transport/dns_channel.h"
#include "transport/resolve.h"
#include "transport/tp_stats.h"

#define DNS_SERVERS_MAX (sizeof(((struct dns_conf *)0)->nameservers) / sizeof(struct addr))

/* ---- what all workers share ---- */

struct dns_shared {
	pthread_mutex_t lock; /* of conf */
	struct dns_conf conf; /* made sane, with the system's name servers when it names none */
	_Atomic unsigned generation; /* of conf */
	_Atomic uint32_t avoid_ms;   /* of conf, for who does not want the lock */
	struct addr system[DNS_SERVERS_MAX];
	unsigned n_system;
	struct dns_cache cache;
	struct dns_lru targets;
};

/* Copy the settings when they are of another generation than `*generation`, which follows. Returns whether they were. */
bool dns_shared_conf_get(struct dns_shared *shared, struct dns_conf *conf, unsigned *generation);

/* ---- health.c ---- */

/* Prepare the table of targets. Returns 0 or an error as dns_lru_init. */
MG_MUST_CHECK int dns_targets_init(struct dns_shared *shared, size_t max);
void dns_targets_done(struct dns_shared *shared);

/* Mark the hops to be avoided and bring them behind the others; what is tried first may be a probe. */
void dns_targets_sort(struct dns_shared *shared, struct dns_hop *hop, unsigned n, uint64_t now_ms);

/* ---- one worker ---- */

#define DNS_JOBS_MAX      2048 /* look-ups under way */
#define DNS_QUERIES_MAX   1024 /* questions under way */
#define DNS_QUESTIONS_MAX 32   /* questions of one look-up */
#define DNS_GRACE_MS      100  /* what the first target's address waits for those of the others */

struct dns {
	struct loop *loop;
	struct dns_shared *shared;
	struct rnd *rnd;
	struct stats *stats;
	unsigned worker;
	struct dns_conf conf; /* of that generation */
	unsigned generation;
	struct dns_channel *channel;
	struct map queries; /* struct dns_query, by name and type */
	struct list jobs;   /* look-ups under way */
	unsigned n_jobs;
	struct list dirty;     /* of these, those that have news to look at */
	struct dns_job *spare; /* a look-up's memory for the next one, which mostly ends at once */
	struct wheel_timer kick; /* set when something is dirty and nobody is about to look at it */
};

static inline void dns_count(struct dns *dns, enum tp_stat id)
{
	stats_add(dns->stats, dns->worker, id, 1);
}

/* What one look-up wants to know. Embedded in its job; `name` and `type` are set when it is asked. */
struct dns_question {
	struct list link; /* in its query, while it waits */
	struct dns_job *job;
	struct sv name; /* lies in the job, or in a set that the job holds */
	enum dns_type type;
	bool settled;
	bool over_limit;     /* there were too many under way */
	bool stale;          /* the answer's time is over */
	uint64_t since_ms;   /* when it was sent to the servers, by whomever */
	struct dns_set *set; /* the answer once settled; NULL is LOST */
	struct dns_set *old; /* while it waits: what there is if servers fail */
};

/* A look-up under way: what is wanted and what has been answered so far. dns_steps goes through it from the begin each time. */
struct dns_job {
	struct list link;  /* in dns->jobs; alone while dns_resolve still tries without waiting */
	struct list dirty; /* in dns->dirty, or alone */
	struct dns *dns;
	struct dns_lookup *lookup;
	struct wheel_timer timer; /* when to go through it again at the latest */
	uint64_t deadline_ms;
	uint64_t found_ms; /* when the first target had an address, 0: not yet */
	uint64_t wake_ms;  /* for the timer; found by the steps */
	uint64_t seed;     /* of all draws */
	uint16_t port;     /* 0: not said */
	uint8_t transport; /* enum sip_transport; NONE: to be found */
	uint8_t can;
	bool sips, v4, v6, unsorted;
	bool sent; /* it had to ask servers */
	unsigned n_questions;
	struct sv host;
	char host_text[DNS_NAME_MAX];
	char service_text[3][DNS_NAME_MAX]; /* names of SRV that were put together */
	struct dns_question question[DNS_QUESTIONS_MAX];
};

/* Hops that failed lately go behind the others, unless the look-up wants none of that. */
static inline void dns_job_sort(struct dns_job *job, uint64_t now_ms)
{
	if (!job->unsorted)
		dns_targets_sort(job->dns->shared, job->lookup->hop, job->lookup->n, now_ms);
}

/* ---- dns_query.c ---- */

/* Ask: from the cache it is settled at once; else it joins who asks the same, or the servers are asked. */
void dns_question_ask(struct dns *dns, struct dns_question *q);

/* Settle a question that waits with what is there: the old answer, else LOST. */
void dns_question_give_up(struct dns_question *q);

/* No longer interested: leave the query, drop the answer. */
void dns_question_done(struct dns_question *q);

/* Ask again what ended with its channel. */
void dns_queries_renew(struct dns *dns);

/* Forget all; the channel is gone. */
void dns_queries_free(struct dns *dns);

/* ---- dns_steps.c ---- */

/* Go through the steps of RFC 3263 as far as answers are there, asking for what is missing.
 *
 * Returns    whether it is done: lookup->hop, n and err are filled. Else job->wake_ms says when it must go on without news.
 */
bool dns_steps(struct dns_job *job, uint64_t now_ms);

/* ---- dns_host.c ---- */

/* What needs no name server: whether the wish makes sense, numeric hosts, "localhost". Fills the job's wish otherwise.
 *
 * Returns    true when the look-up is done.
 */
bool dns_host(struct dns_job *job, const struct dns_want *want);

/* The transport when neither the URI nor DNS says one (RFC 3263 §4.1), NONE when there is none in common. */
enum sip_transport dns_default_transport(unsigned can, bool sips);

/* The port of a transport when none is said (RFC 3261 §19.1.2). */
uint16_t dns_default_port(enum sip_transport transport);

#endif
