/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * wait: requests and branches that were put aside, one table a worker. A handle names worker, slot and the slot's generation, so that one that
 * has ended never means another. Going on happens in the worker's thread; other threads leave their verdict in its mail.
 */
#include <assert.h>
#include <stdlib.h>

#include "chain/chain_priv.h"

/* A verdict that came from another thread. */
struct chain_resumption {
	struct chain_resumption *next;
	mg_wait wait;
	struct mg_verdict verdict;
};

/* The workers of the process, so that a handle is enough to find one. */
static _Atomic(struct mg_worker *) directory[CHAIN_WORKERS_MAX];
static _Thread_local struct mg_worker *here;

#define SLOT_BITS       24
#define GENERATION_BITS 32

/* ---- handles and slots ---- */

static mg_wait handle_of(const struct mg_worker *worker, const struct chain_wait *wait)
{
	return (mg_wait)worker->index << (SLOT_BITS + GENERATION_BITS) |
	       (mg_wait)wait->slot << GENERATION_BITS | wait->generation;
}

static struct mg_worker *worker_of(mg_wait wait)
{
	uint64_t index = wait >> (SLOT_BITS + GENERATION_BITS);

	return index < CHAIN_WORKERS_MAX
		       ? atomic_load_explicit(&directory[index], memory_order_acquire)
		       : NULL;
}

static struct chain_wait *find(const struct mg_worker *worker, mg_wait handle)
{
	uint32_t slot = handle >> GENERATION_BITS & ((1U << SLOT_BITS) - 1);
	struct chain_wait *wait = slot < worker->waits->fresh ? &worker->waits->slots[slot] : NULL;

	return wait && wait->r && wait->generation == (uint32_t)handle ? wait : NULL;
}

static void MG_COLD refused(struct mg_worker *worker)
{
	uint64_t n;

	chain_count(worker, CHAIN_STAT_WAITS_REFUSED);
	if (!log_limit_pass(&worker->waits->full, mg_now_ms(worker), &n))
		return;
	struct log_line l;
	log_begin(&l, LOG_WARNING, "chain", "table_full");
	log_str(&l, "table", "waiting");
	log_u64(&l, "max", worker->waits->n);
	log_u64(&l, "n", n);
	log_end(&l);
}

/* A slot for something of `run`, in its request's list; NULL when there is none (counted). */
static struct chain_wait *take(const struct chain_run *run)
{
	struct chain_waits *w = run->r->worker->waits;
	struct chain_wait *wait = w->free;

	if (wait) {
		w->free = wait->free;
	} else if (w->fresh < w->n) {
		wait = &w->slots[w->fresh];
		wait->slot = w->fresh++;
		wait->generation = 1;
	} else {
		refused(run->r->worker);
		return NULL;
	}
	w->used++;
	wait->r = run->r;
	wait->b = run->b;
	wait->phase = run->phase;
	wait->next = 0;
	wait->queued = wait->armed = wait->early = false;
	list_append(&run->r->waits, &wait->link);
	stats_set(run->r->worker->stats, run->r->worker->index, CHAIN_STAT_WAITING, w->used);
	return wait;
}

void chain_wait_end(struct chain_wait *wait)
{
	struct mg_worker *worker = wait->r->worker;
	struct chain_waits *w = worker->waits;

	for (struct chain_run *run = w->run; run; run = run->outer)
		if (run->wait == wait)
			run->wait = NULL;
	if (!wait->queued)
		wheel_del(worker->wheel, &wait->timer);
	list_remove(&wait->link);
	wait->r = NULL;
	if (++wait->generation == 0)
		wait->generation = 1;
	wait->free = w->free;
	w->free = wait;
	w->used--;
	stats_set(worker->stats, worker->index, CHAIN_STAT_WAITING, w->used);
}

void chain_wait_end_all(struct mg_request *r, const struct mg_branch *b, bool all)
{
	struct list *at, *after;

	list_for_each_safe (at, after, &r->waits) {
		struct chain_wait *wait = container_of(at, struct chain_wait, link);
		if (!all && wait->b != b)
			continue;
		chain_count(r->worker, CHAIN_STAT_WAITS_ENDED);
		chain_wait_end(wait);
	}
}

/* ---- putting aside ---- */

/* The first in a request's list that concerns the same branch: of those queued, or of those that wait for a module. */
static struct chain_wait *first_of(const struct mg_request *r, const struct mg_branch *b,
				   bool queued)
{
	struct list *at;

	list_for_each (at, &r->waits) {
		struct chain_wait *wait = container_of(at, struct chain_wait, link);
		if (wait->b == b && wait->queued == queued)
			return wait;
	}
	return NULL;
}

struct mg_verdict chain_wait_behind(const struct chain_run *run)
{
	struct chain_wait *wait;

	if (list_empty(&run->r->waits) ||
	    (!first_of(run->r, run->b, false) && !first_of(run->r, run->b, true)))
		return mg_next();
	wait = take(run);
	if (!wait && run->phase == MG_BRANCH)
		return mg_drop("waiting_full");
	if (!wait)
		return mg_reject(503, NULL);
	wait->queued = true;
	return mg_waiting();
}

static void timed_out(struct wheel_timer *timer, uint64_t now_ms);

mg_wait mg_suspend(struct mg_request *r, uint32_t timeout_ms, uint16_t status)
{
	struct mg_worker *worker = r->worker;
	struct chain_run *run = worker->waits->run;
	struct chain_wait *wait;

	if (!run || run->r != r || run->wait)
		return 0;
	if (run->phase != MG_REQUEST && run->phase != MG_TARGET && run->phase != MG_BRANCH) {
		(void)chain_bad_verdict(worker, run->module, run->phase, mg_waiting());
		return 0;
	}
	wait = take(run);
	if (!wait)
		return 0;
	if (!r->stateful && worker->on->begin(worker->arg, r) != 0) {
		wait->queued = true; /* no timer yet */
		chain_wait_end(wait);
		chain_count(worker, CHAIN_STAT_WAITS_REFUSED);
		return 0;
	}
	r->stateful = true;
	wait->status = status >= 400 && status <= 699 ? status : 500;
	wheel_timer_init(&wait->timer, timed_out);
	wheel_add(worker->wheel, &wait->timer,
		  mg_now_ms(worker) + (timeout_ms < MG_WAIT_MAX_MS ? timeout_ms : MG_WAIT_MAX_MS));
	run->wait = wait;
	chain_count(worker, CHAIN_STAT_WAITS);
	return handle_of(worker, wait);
}

bool chain_wait_arm(struct chain_wait *wait, unsigned next, struct mg_verdict *v)
{
	if (wait->early) {
		*v = wait->verdict;
		chain_wait_end(wait);
		return true;
	}
	wait->armed = true;
	wait->next = (uint8_t)next;
	return false;
}

struct mg_request *mg_waiting_request(struct mg_worker *worker, mg_wait wait)
{
	struct chain_wait *w = find(worker, wait);

	return w && !w->queued ? w->r : NULL;
}

/* ---- going on ---- */

/* Tell that a phase is over, then run what waited behind it, as long as the request is there and nothing of the branch waits again. */
static void over(struct mg_worker *worker, struct chain_run run, struct mg_verdict v)
{
	for (;;) {
		struct chain_wait *behind = first_of(run.r, run.b, true);
		mg_wait handle = behind ? handle_of(worker, behind) : 0;

		worker->on->resumed(worker->arg, run.r, run.phase, run.b, v);
		behind = handle ? find(worker, handle) : NULL;
		if (!behind || first_of(run.r, run.b, false))
			return;
		run.phase = behind->phase;
		chain_wait_end(behind);
		v = chain_go(&run, 0);
		if (v.kind == MG_WAIT)
			return;
	}
}

/* Go on behind the hook that waited, with its verdict. */
static void go_on(struct chain_wait *wait, struct mg_verdict v)
{
	struct chain_run run = {.r = wait->r, .b = wait->b, .phase = wait->phase};
	struct mg_worker *worker = run.r->worker;
	const struct chain *chain = run.r->chain;
	unsigned next = wait->next;

	chain_wait_end(wait);
	v = chain_judge(&run, chain->member[chain->hooks[run.phase][next - 1]].module, v);
	if (v.kind == MG_NEXT)
		v = chain_go(&run, next);
	if (v.kind != MG_WAIT)
		over(worker, run, v);
}

static void resume(struct mg_worker *worker, mg_wait handle, struct mg_verdict v)
{
	struct chain_wait *wait = find(worker, handle);

	if (!wait || wait->queued || wait->early) {
		chain_count(worker, CHAIN_STAT_RESUMED_STALE);
	} else if (wait->armed) {
		go_on(wait, v);
	} else {
		wait->early = true;
		wait->verdict = v;
	}
}

/* Its owner forgot it. */
static void timed_out(struct wheel_timer *timer, uint64_t now_ms)
{
	struct chain_wait *wait = container_of(timer, struct chain_wait, timer);
	struct mg_worker *worker = wait->r->worker;
	const struct chain *chain = wait->r->chain;
	uint64_t n;

	assert(wait->armed); /* no timer fires while a hook runs */
	chain_count(worker, CHAIN_STAT_WAITS_TIMEOUT);
	if (log_limit_pass(&worker->waits->forgotten, now_ms, &n)) {
		unsigned at = chain->hooks[wait->phase][wait->next - 1];
		struct log_line l;
		log_begin(&l, LOG_WARNING, "chain", "wait_forgotten");
		log_str(&l, "module", chain->member[at].module->name);
		log_str(&l, "phase", chain_phase_name(wait->phase));
		log_u64(&l, "status", wait->status);
		log_u64(&l, "n", n);
		log_end(&l);
	}
	struct mg_verdict v = mg_reject(wait->status, NULL);
	if (wait->phase == MG_BRANCH) {
		v = mg_drop("wait_forgotten");
		v.status = wait->status;
	}
	go_on(wait, v);
}

/* ---- other threads ---- */

/* Everything in the mail, oldest first. */
static void take_mail(void *arg, uint64_t n)
{
	struct mg_worker *worker = arg;
	struct chain_resumption *m =
		atomic_exchange_explicit(&worker->waits->mail, NULL, memory_order_acquire);
	struct chain_resumption *oldest = NULL, *next;

	(void)n;
	for (; m; m = next) {
		next = m->next;
		m->next = oldest;
		oldest = m;
	}
	for (; oldest; oldest = next) {
		next = oldest->next;
		resume(worker, oldest->wait, oldest->verdict);
		free(oldest);
	}
}

/* Without memory nothing is sent: the wait then ends by its timeout. The first letter in an empty box calls the worker; should that not be
 * possible, the worker looks once a second. */
static void resume_there(struct mg_worker *worker, mg_wait wait, struct mg_verdict v)
{
	struct chain_waits *w = worker->waits;
	struct chain_resumption *before, *m = malloc(sizeof(*m));

	if (!m)
		return;
	m->wait = wait;
	m->verdict = v;
	before = atomic_load_explicit(&w->mail, memory_order_relaxed);
	do
		m->next = before;
	while (!atomic_compare_exchange_weak_explicit(&w->mail, &before, m, memory_order_release,
						      memory_order_relaxed));
	if (!before) /* from here on `m` is the worker's */
		(void)worker->on->post(worker->arg, worker->index, take_mail, worker, 0);
}

void mg_resume(mg_wait wait, struct mg_verdict v)
{
	struct mg_worker *worker = worker_of(wait);

	if (!worker)
		return;
	if (worker == here)
		resume(worker, wait, v);
	else
		resume_there(worker, wait, v);
}

/* ---- a worker's table ---- */

void chain_waits_here(struct mg_worker *worker)
{
	here = worker;
}

int chain_waits_init(struct mg_worker *worker)
{
	struct mg_worker *nobody = NULL;
	struct chain_waits *w;

	if (worker->index >= CHAIN_WORKERS_MAX || worker->waiting_max >= 1U << SLOT_BITS)
		return MG_EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return MG_ENOMEM;
	w->n = worker->waiting_max;
	w->slots = calloc(w->n ? w->n : 1, sizeof(*w->slots));
	arena_init_buf(&w->scratch, w->scratch_room, sizeof(w->scratch_room), CHAIN_SCRATCH,
		       sizeof(w->scratch_room));
	if (!w->slots) {
		free(w);
		return MG_ENOMEM;
	}
	worker->waits = w;
	if (!atomic_compare_exchange_strong(&directory[worker->index], &nobody, worker)) {
		free(w->slots);
		free(w);
		worker->waits = NULL;
		return MG_EEXIST;
	}
	return 0;
}

void chain_waits_done(struct mg_worker *worker)
{
	struct chain_waits *w = worker->waits;
	struct mg_worker *self = worker;

	if (!w)
		return;
	atomic_compare_exchange_strong(&directory[worker->index], &self, NULL);
	if (here == worker)
		here = NULL;
	for (struct chain_resumption *m = atomic_exchange(&w->mail, NULL), *next; m; m = next) {
		next = m->next;
		free(m);
	}
	arena_done(&w->scratch);
	free(w->slots);
	free(w);
	worker->waits = NULL;
}

int chain_worker_init(struct mg_worker *worker)
{
	return chain_waits_init(worker);
}

void chain_worker_done(struct mg_worker *worker)
{
	chain_waits_done(worker);
}

unsigned chain_waiting(const struct mg_worker *worker)
{
	return worker->waits->used;
}

static void summary(struct log_limit *limit, uint64_t now_ms, enum log_level level,
		    const char *event)
{
	struct log_line l;
	uint64_t n;

	if (!log_limit_flush(limit, now_ms, &n))
		return;
	log_begin(&l, level, "chain", event);
	log_u64(&l, "n", n);
	log_end(&l);
}

void chain_waits_tick(struct mg_worker *worker, uint64_t now_ms)
{
	summary(&worker->waits->full, now_ms, LOG_WARNING, "table_full");
	summary(&worker->waits->forgotten, now_ms, LOG_WARNING, "wait_forgotten");
	summary(&worker->waits->bad, now_ms, LOG_ERROR, "bad_verdict");
	if (atomic_load_explicit(&worker->waits->mail, memory_order_relaxed))
		take_mail(worker, 0);
}
