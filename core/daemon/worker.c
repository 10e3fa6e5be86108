/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * worker: one thread that carries traffic: its loop and what hangs on it, the configuration it runs by, its end. What it does with messages is flow.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/flow.h"
#include "daemon/letter.h"

#define SCRATCH_CHUNK      16384
#define SCRATCH_MAX        262144
#define TICK_MS            1000
#define CONN_IDLE_CHECK_MS 200

/* The number of the calling thread's worker; none in other threads. */
static _Thread_local int me = -1;

int worker_post(struct node *node, unsigned to, void *letter)
{
	if (me >= 0)
		return mailbox_send(node->mailbox, (unsigned)me, to, 0, letter);
	pthread_mutex_lock(&node->posting);
	int err = mailbox_send(node->mailbox, node->workers, to, 0, letter);
	pthread_mutex_unlock(&node->posting);
	return err;
}

/* ---- configurations ---- */

/* Each worker takes its share of limits that are the process's. */
static struct txn_conf share(const struct txn_conf *conf, unsigned workers)
{
	struct txn_conf mine = *conf;

	mine.servers_max = conf->servers_max / workers + 1;
	mine.clients_max = conf->clients_max / workers + 1;
	return mine;
}

/* ---- listeners that are gone ---- */

/* Nobody is accepted by them any more, and the port is free for others: only this worker had this descriptor. */
static void close_streams(struct worker *w, struct running *before)
{
	for (unsigned i = 0; i < before->tp.n_listeners; i++) {
		struct tp_listener *l = &before->listeners[i];

		if (l->transport == SIP_TRANSPORT_UDP || l->fd[w->index] < 0 ||
		    !tp_listener_gone(w->tp, l->id))
			continue;
		close(l->fd[w->index]);
		l->fd[w->index] = -1;
	}
}

/* Nobody reads the sockets of `gone` here any more: not to be given what others would read. Those of listeners that go on are doubles. */
static void close_all(const struct worker *w, struct running *gone)
{
	for (unsigned i = 0; i < gone->tp.n_listeners; i++) {
		struct tp_listener *l = &gone->listeners[i];

		if (l->fd[w->index] >= 0)
			close(l->fd[w->index]);
		l->fd[w->index] = -1;
	}
}

/* `before` is still this worker's, `w->tp` has the next one already. */
static void leave(struct worker *w, struct running *before)
{
	bool keeps = tp_keeps(w->tp, &before->tp);
	struct leaving *l = keeps ? malloc(sizeof(*l)) : NULL;

	if (!l) {
		if (keeps)
			tp_forget(w->tp, &before->tp);
		atomic_fetch_sub(&before->needed, 1);
		return;
	}
	close_streams(w, before);
	*l = (struct leaving){.running = before, .since_ms = loop_now_ms(w->loop)};
	l->needed_ms = l->since_ms;
	generation_ref(&before->generation, w->index);
	list_append(&w->leaving, &l->link);
}

static void leaving_free(struct worker *w, struct leaving *l)
{
	list_remove(&l->link);
	generation_unref(&l->running->generation, w->index);
	free(l);
}

/* Calls are in the order of their configurations. Behind the last one that began by it, or by one before, its transactions absorb and replay for 64*T1. */
static bool still_needed(const struct worker *w, struct leaving *l, uint64_t now_ms)
{
	const struct running *r = l->running;
	const struct call *oldest =
		list_empty(&w->calls) ? NULL : container_of(w->calls.next, struct call, link);

	if (oldest && oldest->running->generation.number <= r->generation.number) {
		l->needed_ms = now_ms;
		return true;
	}
	return txn_servers(w->txn) + txn_clients(w->txn) > 0 &&
	       now_ms - l->needed_ms < 64ULL * r->txn.t1;
}

/* A datagram for any worker may come to any worker's socket: all close them when none needs them. In any case the longest that a call may ring, and what lingers behind
 * it, is enough. */
static void check_leaving(struct worker *w, uint64_t now_ms)
{
	struct list *it, *after;

	list_for_each_safe (it, after, &w->leaving) {
		struct leaving *l = container_of(it, struct leaving, link);
		struct running *r = l->running;
		bool late = now_ms - l->since_ms >= 64ULL * r->txn.t1 + r->route.timer_c_ms;

		if (!l->done && (late || !still_needed(w, l, now_ms))) {
			l->done = true;
			atomic_fetch_sub(&r->needed, 1);
		}
		if (!l->done || (!late && atomic_load(&r->needed) > 0))
			continue;
		tp_forget(w->tp, &r->tp);
		close_all(w, r);
		leaving_free(w, l);
	}
}

/* ---- entering ---- */

/* Begin to run by `next`. On failure the one before stays, and says so. */
static int enter(struct worker *w, struct running *next)
{
	struct running *before = w->running;
	struct txn_conf txn = share(&next->txn, w->node->workers);
	int err = chain_worker_enter(&w->mg, next->chain);

	if (err == 0)
		err = tp_apply(w->tp, &next->tp);
	if (err)
		return err;
	w->running = next;
	if (before)
		leave(w, before);
	generation_enter(&next->generation, before ? &before->generation : NULL, w->index);
	txn_configure(w->txn, &txn);
	route_configure(w->route, &next->route);
	loop_set_gather(w->loop, next->gather_us);
	return 0;
}

static void on_wake(void *arg)
{
	struct worker *w = arg;
	struct running *next = atomic_load_explicit(&w->next, memory_order_acquire);

	if (atomic_load(&w->stop_now)) {
		loop_stop(w->loop);
		return;
	}
	if (!next)
		return;
	int err = enter(w, next);
	if (err) {
		struct log_line l;

		log_begin(&l, LOG_ERROR, "worker", "configuration_not_entered");
		log_u64(&l, "worker", w->index);
		log_err(&l, err);
		log_end(&l);
		abort(); /* a node whose workers run by different configurations is worse than one that starts again */
	}
	atomic_store_explicit(&w->next, NULL, memory_order_release);
}

void worker_enter(struct worker *w, struct running *running)
{
	atomic_store_explicit(&w->next, running, memory_order_release);
	loop_wake(w->waker);
}

/* ---- once a second ---- */

static const char *why_refused(const struct worker *w)
{
	if (w->overload.memory_full)
		return "memory";
	if (txn_load(w->txn) >= w->running->overload.transactions_percent)
		return "transactions";
	return w->overload.level >= OVERLOAD_CLASSES && !list_empty(&w->leaving) ? "listener_gone"
										 : "delay";
}

/* Tables with no more room name themselves, and so does the node when it refuses work. */
static void say_full(struct worker *w, uint64_t now_ms)
{
	const struct node *n = w->node;
	const struct settings *s = &w->running->loaded->settings;
	uint64_t work = stats_sum(n->flow_stats, FLOW_OVERLOAD) +
			stats_sum(n->flow_stats, FLOW_OVERLOAD_DROP) +
			stats_sum(n->flow_stats, FLOW_REFUSED_MEMORY);

	w->full[FULL_SERVERS].max = (uint64_t)s->transactions.servers_max;
	w->full[FULL_CLIENTS].max = (uint64_t)s->transactions.clients_max;
	full_say(&w->full[FULL_SERVERS], stats_sum(n->txn_stats, TXN_STAT_SERVERS_REFUSED), NULL,
		 now_ms);
	full_say(&w->full[FULL_CLIENTS], stats_sum(n->txn_stats, TXN_STAT_CLIENTS_REFUSED), NULL,
		 now_ms);
	full_say(&w->full[FULL_MAILBOX], mailbox_refused(n->mailbox), NULL, now_ms);
	full_say(&w->full[FULL_WORK], work, why_refused(w), now_ms);
	full_say(&w->full[FULL_DRAINING], stats_sum(n->flow_stats, FLOW_REFUSED_DRAINING),
		 "draining", now_ms);
}

static void on_tick(struct wheel_timer *t, uint64_t now_ms)
{
	struct worker *w = container_of(t, struct worker, tick);
	bool done = atomic_load(&w->stop) && w->n_calls == 0 && route_contexts(w->route) == 0;

	chain_tick(&w->mg, now_ms);
	check_leaving(w, now_ms);
	overload_memory(&w->overload, &w->running->overload,
			atomic_load_explicit(&w->node->resident, memory_order_relaxed));
	stats_set(w->node->flow_stats, w->index, FLOW_QUEUE_US, w->overload.delay_us);
	if (w->index == 0)
		say_full(w, now_ms);
	route_tick(w->route);
	if (done)
		atomic_store(&w->idle, true);
	wheel_add(loop_wheel(w->loop), t,
		  now_ms + (atomic_load(&w->stop) ? CONN_IDLE_CHECK_MS : TICK_MS));
}

static void on_slow(void *arg, const char *where, uint64_t took_us)
{
	struct worker *w = arg;
	struct log_line l;

	flow_count(w, FLOW_SLOW);
	log_begin(&l, LOG_WARNING, "worker", "slow_callback");
	log_u64(&l, "worker", w->index);
	log_str(&l, "where", where);
	log_u64(&l, "ms", took_us / 1000);
	log_end(&l);
}

/* ---- making and ending ---- */

static uint64_t now_ms(const struct loop *loop)
{
	return loop_now_ms(loop);
}

static int make_transport(struct worker *w)
{
	struct node *n = w->node;
	struct tp_env tp = {.loop = w->loop,
			    .worker = w->index,
			    .workers = n->workers,
			    .shared = n->tp_shared,
			    .rnd = &w->rnd,
			    .stats = n->tp_stats,
			    .gate = n->gate,
			    .on = &flow_tp_events,
			    .arg = w};

	w->tp = tp_new(&tp);
	w->dns = dns_new(w->loop, n->dns_shared, &w->rnd, n->tp_stats, w->index);
	return w->tp && w->dns ? 0 : MG_ENOMEM;
}

static int make_core(struct worker *w)
{
	struct node *n = w->node;
	struct txn_conf conf = share(&n->running->txn, n->workers);
	struct txn_env txn = {.loop = w->loop,
			      .tp = w->tp,
			      .worker = w->index,
			      .rnd = &w->rnd,
			      .stats = n->txn_stats,
			      .on = &flow_txn_events,
			      .arg = w};

	w->txn = txn_table_new(&txn, &conf);
	struct route_env route = {.loop = w->loop,
				  .tp = w->tp,
				  .txn = w->txn,
				  .dns = w->dns,
				  .dns_shared = n->dns_shared,
				  .rnd = &w->rnd,
				  .keys = &n->tokens,
				  .tag_key = &n->tag_key,
				  .stats = n->route_stats,
				  .worker = w->index,
				  .on = &flow_route_events,
				  .arg = w};
	w->route = w->txn ? route_new(&route, &n->running->route) : NULL;
	w->mg = (struct mg_worker){
		.loop = w->loop,
		.index = w->index,
		.wheel = loop_wheel(w->loop),
		.rnd = &w->rnd,
		.draw_key = &n->tag_key,
		.now_ms = now_ms,
		.on = &flow_chain_events,
		.arg = w,
		.stats = n->chain_stats,
		.gate = n->gate,
		.waiting_max = (uint32_t)(n->running->loaded->settings.transactions.suspended_max /
						  n->workers +
					  1)};
	return w->route ? chain_worker_init(&w->mg) : MG_ENOMEM;
}

static const struct full full_kinds[FULL_KINDS] = {
	[FULL_SERVERS] = {.event = "table_full", .table = "server_transactions"},
	[FULL_CLIENTS] = {.event = "table_full", .table = "client_transactions"},
	[FULL_MAILBOX] = {.event = "table_full", .table = "mailbox", .max = LETTERS_ROOM},
	[FULL_WORK] = {.event = "overload"},
	[FULL_DRAINING] = {.event = "refused"},
};

static int make(struct worker *w)
{
	struct node *n = w->node;
	char name[16];
	struct loop_options o = {.name = "worker",
				 .gather_us = n->running->gather_us,
				 .slow_ms = SLOW_MS,
				 .slow = on_slow,
				 .arg = w};

	rand_init(&w->rnd);
	list_init(&w->calls);
	list_init(&w->leaving);
	arena_init(&w->scratch, SCRATCH_CHUNK, SCRATCH_MAX);
	flow_overload_init(w);
	w->lately = calloc(FLOW_LATELY, sizeof(*w->lately));
	memcpy(w->full, full_kinds, sizeof(full_kinds));
	w->poison = &n->ring->worker[w->index];
	w->loop = loop_new(&o);
	w->waker = w->loop ? loop_waker_new(w->loop, on_wake, w, "worker wake") : NULL;
	snprintf(name, sizeof(name), "sip %u", w->index);
	pthread_setname_np(pthread_self(), name);
	if (!w->waker || !w->lately)
		return MG_ENOMEM;
	int err = make_transport(w);
	if (!err)
		err = make_core(w);
	if (!err)
		err = mailbox_open(n->mailbox, w->index, w->loop, flow_letter, w);
	if (!err)
		err = enter(w, n->running);
	wheel_timer_init(&w->tick, on_tick);
	if (!err)
		wheel_add(loop_wheel(w->loop), &w->tick, loop_now_ms(w->loop) + TICK_MS);
	return err;
}

static void end_calls(struct worker *w)
{
	struct list *it, *after;

	list_for_each_safe (it, after, &w->calls) {
		struct call *call = container_of(it, struct call, link);

		if (call->ctx) {
			route_abandon(call->ctx); /* its done() frees the call */
		} else {
			chain_final(&call->request, 0);
			call_free(call);
		}
	}
}

static void unmake(struct worker *w)
{
	if (w->loop) {
		wheel_del(loop_wheel(w->loop), &w->tick);
		wheel_del(loop_wheel(w->loop), &w->relax);
	}
	if (w->route)
		end_calls(w);
	call_spares_free(w);
	free(w->lately);
	mailbox_close(w->node->mailbox, w->index);
	txn_table_free(w->txn);
	route_free(w->route);
	dns_free(w->dns);
	tp_free(w->tp);
	while (!list_empty(&w->leaving))
		leaving_free(w, container_of(w->leaving.next, struct leaving, link));
	if (w->running)
		generation_enter(NULL, &w->running->generation, w->index);
	if (w->mg.waits)
		chain_worker_done(&w->mg);
	arena_done(&w->scratch);
	rand_done(&w->rnd);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	me = (int)w->index;
	int err = make(w);
	w->since_us = loop_clock_us();
	atomic_store(&w->started, err ? err : 1);
	if (err == 0)
		err = loop_run(w->loop);
	if (err) {
		struct log_line l;

		log_begin(&l, LOG_ERROR, "worker", "ended");
		log_u64(&l, "worker", w->index);
		log_err(&l, err);
		log_end(&l);
	}
	unmake(w);
	atomic_store(&w->idle, true);
	return NULL;
}

int worker_start(struct node *node, unsigned index)
{
	struct worker *w = &node->worker[index];

	w->node = node;
	w->index = index;
	int err = pthread_create(&w->thread, NULL, run, w);

	if (err)
		return -err;
	while (atomic_load(&w->started) == 0)
		usleep(200);
	return atomic_load(&w->started) < 0 ? atomic_load(&w->started) : 0;
}

void worker_stop(struct worker *w, bool now)
{
	atomic_store(&w->stop, true);
	if (now)
		atomic_store(&w->stop_now, true);
	if (w->waker)
		loop_wake(w->waker);
}

void worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
	/* not by the thread itself: whoever stops a worker wakes it, though it may have ended already */
	loop_waker_free(w->waker);
	loop_free(w->loop);
}
