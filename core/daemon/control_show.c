/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * control_show: the commands of the control socket. What workers count is read from here; what only they know they are asked for by letter, and what they don't answer
 * in time is left out and said to be.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "daemon/control_priv.h"
#include "daemon/letter.h"
#include "daemon/sandbox.h"

/* ---- asking a worker ---- */

/* Shared by who asks and the worker; the last of them frees it. */
struct ask {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	void (*fn)(struct worker *w, json_t *out);
	struct worker *worker;
	json_t *out;
	bool done, given_up;
};

static void ask_free(struct ask *ask)
{
	json_decref(ask->out);
	pthread_cond_destroy(&ask->done_cond);
	pthread_mutex_destroy(&ask->lock);
	free(ask);
}

static void on_ask(void *arg, uint64_t n)
{
	struct ask *ask = arg;

	(void)n;
	ask->fn(ask->worker, ask->out); /* `out` is this thread's until `done` */
	pthread_mutex_lock(&ask->lock);
	bool given_up = ask->given_up;
	ask->done = true;
	pthread_cond_signal(&ask->done_cond);
	pthread_mutex_unlock(&ask->lock);
	if (given_up)
		ask_free(ask);
}

static struct ask *ask_new(struct control *c, unsigned worker,
			   void (*fn)(struct worker *w, json_t *out))
{
	struct ask *ask = calloc(1, sizeof(*ask));
	struct letter_call *call = calloc(1, sizeof(*call));
	pthread_condattr_t attr;

	if (!ask || !call) {
		free(ask);
		free(call);
		return NULL;
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ask->done_cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&ask->lock, NULL);
	ask->fn = fn;
	ask->worker = &c->node->worker[worker];
	ask->out = json_array();
	*call = (struct letter_call){.fn = on_ask, .arg = ask};
	if (!ask->out || worker_post(c->node, worker, letter_seal(call, LETTER_CALL)) < 0) {
		free(call);
		ask_free(ask);
		return NULL;
	}
	return ask;
}

bool control_ask_worker(struct control *c, unsigned worker,
			void (*fn)(struct worker *w, json_t *out), json_t *out)
{
	struct ask *ask = ask_new(c, worker, fn);
	struct timespec until;

	if (!ask)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CONTROL_ASK_MS / 1000;
	pthread_mutex_lock(&ask->lock);
	while (!ask->done && pthread_cond_timedwait(&ask->done_cond, &ask->lock, &until) == 0)
		;
	bool done = ask->done;
	ask->given_up = !done;
	pthread_mutex_unlock(&ask->lock);
	if (done) {
		json_array_extend(out, ask->out);
		ask_free(ask);
	}
	return done;
}

/* Ask all; *silent is set to how many did not answer. */
static json_t *ask_all(struct control *c, void (*fn)(struct worker *w, json_t *out))
{
	json_t *rows = json_array();
	unsigned silent = 0;

	for (unsigned i = 0; i < c->node->workers; i++)
		silent += !control_ask_worker(c, i, fn, rows);
	return json_pack("{s:o, s:i}", "rows", rows, "workers_silent", (int)silent);
}

/* ---- status ---- */

static json_int_t sum(const struct stats *s, size_t id)
{
	return (json_int_t)stats_sum(s, id);
}

static void status_worker(struct worker *w, json_t *out)
{
	json_array_append_new(
		out, json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:I, s:I, s:I}", "worker",
			       (int)w->index, "requests", (int)w->n_calls, "servers",
			       (int)txn_servers(w->txn), "clients", (int)txn_clients(w->txn),
			       "waiting", (int)chain_waiting(&w->mg), "admission",
			       w->overload.level, "queue_us", (json_int_t)w->overload.delay_us,
			       "longest_us", (json_int_t)loop_longest_us(w->loop), "busy_us",
			       (json_int_t)loop_busy_us(w->loop)));
}

static json_t *risks_of(const struct running *r)
{
	json_t *list = json_array();
	const char *const *risk = r->loaded->risks.items;

	for (size_t i = 0; i < r->loaded->risks.n; i++)
		json_array_append_new(list, json_string(risk[i]));
	return list;
}

static json_t *status(struct control *c, struct control_call *call)
{
	const struct node *n = c->node;
	long last;
	json_t *workers = ask_all(c, status_worker);

	(void)call;
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "version",
			 MARGRAVE_VERSION, "generation", (json_int_t)atomic_load(&n->generation),
			 "config", conf_text_hash(c->running->loaded->text), "uptime_s",
			 (json_int_t)((loop_clock_us() - n->started_us) / 1000000),
			 "resident_bytes", (json_int_t)atomic_load(&n->resident), "requests",
			 sum(n->flow_stats, FLOW_CALLS), "requests_total",
			 sum(n->flow_stats, FLOW_REQUESTS), "connections",
			 sum(n->tp_stats, TP_STAT_CONNS), "calls_refused_by_kernel_filter",
			 (json_int_t)sandbox_refused(&last), "letters_refused",
			 (json_int_t)mailbox_refused(n->mailbox), "risks", risks_of(c->running),
			 "workers", workers);
}

/* ---- tables ---- */

static json_t *transactions(struct control *c, struct control_call *call)
{
	const struct stats *s = c->node->txn_stats;
	json_t *out = json_object();

	(void)call;
	for (size_t i = 0; i < TXN_STATS; i++)
		json_object_set_new(out, txn_stats_desc[i].name, json_integer(sum(s, i)));
	return out;
}

static void add_connection(void *arg, const struct tp_conn_info *info)
{
	char peer[ADDR_TEXT_MAX];

	addr_write(&info->flow.peer, ADDR_HOSTPORT, peer);
	json_array_append_new(
		arg, json_pack("{s:s, s:s, s:s, s:s%, s:I, s:I, s:i, s:b, s:b}", "peer", peer,
			       "transport", sip_transport_name(info->flow.transport), "state",
			       info->state, "domain", info->domain.p ? info->domain.p : "",
			       info->domain.n, "age_ms", (json_int_t)info->age_ms, "idle_ms",
			       (json_int_t)info->idle_ms, "queued", (int)info->queued, "outgoing",
			       info->outgoing, "known", info->known));
}

static void connections_of(struct worker *w, json_t *out)
{
	tp_conns_each(w->tp, add_connection, out);
}

static json_t *connections(struct control *c, struct control_call *call)
{
	(void)call;
	return ask_all(c, connections_of);
}

static void add_target(void *arg, const struct addr *addr, uint8_t transport, unsigned failures,
		       uint64_t avoided_ms)
{
	char text[ADDR_TEXT_MAX];

	addr_write(addr, ADDR_HOSTPORT, text);
	json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:i, s:I}", "target", text,
					     "transport", sip_transport_name(transport), "state",
					     avoided_ms ? "avoided" : "ok", "failures",
					     (int)failures, "avoided_ms", (json_int_t)avoided_ms));
}

static json_t *targets(struct control *c, struct control_call *call)
{
	json_t *rows = json_array();

	(void)call;
	dns_targets_each(c->node->dns_shared, loop_now_ms(c->loop), add_target, rows);
	return json_pack("{s:o}", "rows", rows);
}

/* ---- doing ---- */

static json_t *loglevel(struct control *c, struct control_call *call)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	const char *name = json_string_value(json_object_get(call->params, "level"));

	(void)c;
	for (unsigned i = 0; name && i < 4; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		log_set_level((enum log_level)i);
		return json_pack("{s:s}", "level", name);
	}
	call->error = "level: error, warning, info or debug";
	return NULL;
}

static json_t *reload(struct control *c, struct control_call *call)
{
	if (sip_process_ask(c->node, IPC_RELOAD, 0) < 0) {
		call->error = "the warden does not answer";
		return NULL;
	}
	wheel_add(loop_wheel(c->loop), &c->reload_timeout,
		  loop_now_ms(c->loop) + CONTROL_RELOAD_MS);
	call->wait = true;
	return NULL;
}

static json_t *stop(struct control *c, struct control_call *call)
{
	bool graceful = !json_is_false(json_object_get(call->params, "graceful"));

	if (sip_process_ask(c->node, IPC_STOPPING, graceful) < 0) {
		call->error = "the warden does not answer";
		return NULL;
	}
	return json_pack("{s:b}", "graceful", graceful);
}

static const struct {
	const char *name;
	json_t *(*fn)(struct control *c, struct control_call *call);
} commands[] = {
	{"status", status},   {"transactions", transactions}, {"connections", connections},
	{"targets", targets}, {"loglevel", loglevel},         {"reload", reload},
	{"stop", stop},
};

json_t *control_command(struct control *c, const char *method, struct control_call *call)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, method) == 0) {
			json_t *result = commands[i].fn(c, call);

			if (!result && !call->error && !call->wait)
				call->error = "out of memory";
			return result;
		}
	}
	call->error = "no such command: status, transactions, connections, targets, loglevel, "
		      "reload or stop";
	return NULL;
}
