/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns: one worker's resolver: look-ups from their begin to their `done`. The steps are dns_steps.c's, questions dns_query.c's.
 */
#include <stdlib.h>

#include "transport/dns_priv.h"

/* ---- jobs ---- */

static void on_job_timer(struct wheel_timer *timer, uint64_t now_ms);

static struct dns_job *job_new(struct dns *dns, struct dns_lookup *lookup)
{
	struct dns_job *job = dns->spare ? dns->spare : malloc(sizeof(*job));

	dns->spare = NULL;
	if (!job)
		return NULL;
	memset(job, 0,
	       offsetof(struct dns_job,
			host_text)); /* what is behind is filled before it is read */
	list_init(&job->link);
	list_init(&job->dirty);
	wheel_timer_init(&job->timer, on_job_timer);
	job->dns = dns;
	job->lookup = lookup;
	return job;
}

static void job_free(struct dns_job *job)
{
	struct dns *dns = job->dns;

	if (!list_empty(&job->link)) {
		list_remove(&job->link);
		dns->n_jobs--;
	}
	list_remove(&job->dirty);
	wheel_del(loop_wheel(dns->loop), &job->timer);
	for (unsigned i = 0; i < job->n_questions; i++)
		dns_question_done(&job->question[i]);
	job->lookup->work = NULL;
	free(dns->spare);
	dns->spare = job;
}

static void count_end(struct dns_job *job)
{
	struct dns *dns = job->dns;
	bool stale = false;

	for (unsigned i = 0; i < job->n_questions; i++)
		stale |= job->question[i].stale;
	if (stale)
		dns_count(dns, TP_STAT_DNS_STALE);
	else if (job->n_questions && !job->sent)
		dns_count(dns, TP_STAT_DNS_HITS);
	if (job->lookup->err && job->lookup->err != MG_EINVAL)
		dns_count(dns, TP_STAT_DNS_FAILED);
}

/* Go on with a job. Returns whether it is done; else it waits for news, or its time. */
static bool job_run(struct dns_job *job, uint64_t now_ms)
{
	list_remove(&job->dirty);
	if (dns_steps(job, now_ms)) {
		count_end(job);
		return true;
	}
	wheel_add(loop_wheel(job->dns->loop), &job->timer, job->wake_ms);
	return false;
}

/* Look at all jobs that have news; `done` may begin and cancel others. */
static void flush(struct dns *dns)
{
	uint64_t now_ms = loop_now_ms(dns->loop);
	struct list *it;

	wheel_del(loop_wheel(dns->loop), &dns->kick);
	while ((it = list_shift(&dns->dirty))) {
		struct dns_job *job = container_of(it, struct dns_job, dirty);
		struct dns_lookup *lookup = job->lookup;

		if (!job_run(job, now_ms))
			continue;
		job_free(job);
		lookup->done(lookup);
	}
}

static void on_job_timer(struct wheel_timer *timer, uint64_t now_ms)
{
	struct dns_job *job = container_of(timer, struct dns_job, timer);

	(void)now_ms;
	if (list_empty(&job->dirty))
		list_append(&job->dns->dirty, &job->dirty);
	flush(job->dns);
}

static void on_kick(struct wheel_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	flush(container_of(timer, struct dns, kick));
}

static void on_settled(void *arg)
{
	flush(arg);
}

/* ---- settings ---- */

/* Take new settings over. Without memory for another channel the old one serves on. */
static void follow_conf(struct dns *dns)
{
	struct dns_channel *fresh;

	if (!dns_shared_conf_get(dns->shared, &dns->conf, &dns->generation))
		return;
	fresh = dns_channel_new(dns->loop, &dns->conf, dns->rnd, on_settled, dns);
	if (!fresh) {
		dns->generation = 0; /* none: tried again by the next look-up */
		return;
	}
	dns_channel_free(dns->channel);
	dns->channel = fresh;
	dns_queries_renew(dns);
}

/* ---- look-ups ---- */

static uint64_t seed_of(struct dns *dns, const struct dns_want *want)
{
	uint64_t seed = want->seed;

	if (!seed && rand_bytes(dns->rnd, &seed, sizeof(seed)))
		seed = loop_now_us(dns->loop); /* it spreads load, it is no secret */
	return seed;
}

/* Jobs that something else settled while this one was tried: not to be called back from within dns_resolve. */
static void kick_others(struct dns *dns)
{
	if (!list_empty(&dns->dirty) && !wheel_is_set(&dns->kick))
		wheel_add(loop_wheel(dns->loop), &dns->kick, loop_now_ms(dns->loop));
}

static bool begin(struct dns_job *job, const struct dns_want *want)
{
	struct dns *dns = job->dns;
	uint64_t now_ms = loop_now_ms(dns->loop);

	job->unsorted = want->unsorted;
	if (dns_host(job, want)) {
		dns_job_sort(job, now_ms);
		return true;
	}
	job->seed = seed_of(dns, want);
	job->deadline_ms = now_ms + dns->conf.budget_ms;
	return job_run(job, now_ms);
}

/* Numeric hosts and what is cached need no place. */
static int wait_for_answers(struct dns *dns, struct dns_job *job)
{
	if (dns->n_jobs >= DNS_JOBS_MAX) {
		dns_count(dns, TP_STAT_DNS_REFUSED);
		job_free(job);
		return MG_ELIMIT;
	}
	job->lookup->work = job;
	list_append(&dns->jobs, &job->link);
	dns->n_jobs++;
	return 0;
}

int dns_resolve(struct dns *dns, struct dns_lookup *lookup, const struct dns_want *want)
{
	struct dns_job *job;
	int ret = 1;

	lookup->n = 0;
	lookup->err = 0;
	lookup->work = NULL;
	job = job_new(dns, lookup);
	if (!job)
		return MG_ENOMEM;
	follow_conf(dns);
	if (begin(job, want))
		job_free(job);
	else
		ret = wait_for_answers(dns, job);
	kick_others(dns);
	return ret;
}

void dns_cancel(struct dns *dns, struct dns_lookup *lookup)
{
	(void)dns;
	if (lookup->work)
		job_free(lookup->work);
}

/* ---- the whole ---- */

struct dns *dns_new(struct loop *loop, struct dns_shared *shared, struct rnd *rnd,
		    struct stats *stats, unsigned worker)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns)
		return NULL;
	*dns = (struct dns){
		.loop = loop, .shared = shared, .rnd = rnd, .stats = stats, .worker = worker};
	list_init(&dns->jobs);
	list_init(&dns->dirty);
	wheel_timer_init(&dns->kick, on_kick);
	dns_shared_conf_get(shared, &dns->conf, &dns->generation);
	dns->channel = dns_channel_new(loop, &dns->conf, rnd, on_settled, dns);
	if (!dns->channel || map_init(&dns->queries, DNS_QUERIES_MAX)) {
		dns_channel_free(dns->channel);
		free(dns);
		return NULL;
	}
	return dns;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	while (!list_empty(&dns->jobs))
		job_free(container_of(dns->jobs.next, struct dns_job, link));
	wheel_del(loop_wheel(dns->loop), &dns->kick);
	dns_channel_free(dns->channel);
	dns_queries_free(dns);
	map_done(&dns->queries);
	free(dns->spare);
	free(dns);
}
