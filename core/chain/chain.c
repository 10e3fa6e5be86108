/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain: the run of a request through the phases: which hooks are asked in which order, and what a verdict of theirs comes to. What waits is
 * wait.c; what the verdicts lead to is the daemon's.
 */
#include "chain/chain_priv.h"

const char *chain_phase_name(enum mg_phase phase)
{
	static const char *const names[MG_PHASES] = {"arrival", "message", "request",
						     "target",  "branch",  "reply",
						     "failure", "send",    "final"};
	return names[phase];
}

/* ---- verdicts ---- */

#define KIND(k) (1U << MG_##k)

/* The verdicts that a phase knows, and what another one is taken for. */
static const struct {
	unsigned kinds;
	uint8_t other;
} phases[MG_PHASES] = {
	[MG_ARRIVAL] = {KIND(NEXT) | KIND(DROP), MG_DROP},
	[MG_MESSAGE] = {KIND(NEXT) | KIND(REJECT) | KIND(DROP), MG_DROP},
	[MG_REQUEST] = {KIND(NEXT) | KIND(DONE) | KIND(REJECT) | KIND(DROP), MG_REJECT},
	[MG_TARGET] = {KIND(NEXT) | KIND(DONE) | KIND(REJECT) | KIND(DROP), MG_REJECT},
	[MG_BRANCH] = {KIND(NEXT) | KIND(DROP), MG_DROP},
	[MG_REPLY] = {KIND(NEXT) | KIND(DROP), MG_NEXT},
	[MG_FAILURE] = {KIND(NEXT) | KIND(DONE), MG_NEXT},
	[MG_SEND] = {KIND(NEXT) | KIND(DROP), MG_DROP},
	[MG_FINAL] = {KIND(NEXT), MG_NEXT},
};

static const enum chain_stat drops[MG_PHASES] = {
	[MG_ARRIVAL] = CHAIN_STAT_DROP_ARRIVAL, [MG_MESSAGE] = CHAIN_STAT_DROP_MESSAGE,
	[MG_REQUEST] = CHAIN_STAT_DROP_REQUEST, [MG_TARGET] = CHAIN_STAT_DROP_TARGET,
	[MG_BRANCH] = CHAIN_STAT_DROP_BRANCH,   [MG_REPLY] = CHAIN_STAT_DROP_REPLY,
	[MG_SEND] = CHAIN_STAT_DROP_SEND,
};

struct mg_verdict MG_COLD chain_bad_verdict(struct mg_worker *worker,
					    const struct mg_module *module, enum mg_phase phase,
					    struct mg_verdict v)
{
	static const char *const kinds[] = {"next", "done", "reject", "drop", "wait"};
	uint64_t n;

	chain_count(worker, CHAIN_STAT_BAD_VERDICT);
	if (log_limit_pass(&worker->waits->bad, mg_now_ms(worker), &n)) {
		struct log_line l;
		log_begin(&l, LOG_ERROR, "chain", "bad_verdict");
		log_str(&l, "module", module->name);
		log_str(&l, "phase", chain_phase_name(phase));
		log_str(&l, "verdict", v.kind <= MG_WAIT ? kinds[v.kind] : "unknown");
		log_u64(&l, "status", v.status);
		log_u64(&l, "n", n);
		log_end(&l);
	}
	switch (phases[phase].other) {
	case MG_DROP: return mg_drop("bad_verdict");
	case MG_REJECT: return mg_reject(500, NULL);
	default: return mg_next();
	}
}

static struct mg_verdict judge(struct mg_worker *worker, const struct mg_module *module,
			       enum mg_phase phase, struct mg_verdict v)
{
	if (v.kind == MG_NEXT)
		return v;
	if (v.kind > MG_WAIT || !(phases[phase].kinds & 1U << v.kind) ||
	    (v.kind == MG_REJECT && (v.status < 300 || v.status > 699)))
		v = chain_bad_verdict(worker, module, phase, v);
	if (v.kind == MG_DROP && !v.reason)
		v.reason = module->name;
	if (v.kind == MG_DROP)
		chain_count(worker, drops[phase]);
	if (v.kind == MG_REJECT)
		chain_count(worker, CHAIN_STAT_REJECTED);
	return v;
}

/* Whoever answers says DONE, and who says DONE has answered (but for an ACK, which nobody answers): a request that nobody ends would stay for
 * good. */
struct mg_verdict chain_judge(const struct chain_run *run, const struct mg_module *module,
			      struct mg_verdict v)
{
	const struct mg_request *r = run->r;
	bool may_answer = run->phase == MG_REQUEST || run->phase == MG_TARGET;

	if (may_answer && r->answered && v.kind != MG_DONE) {
		(void)chain_bad_verdict(r->worker, module, run->phase, v);
		return mg_done();
	}
	if (may_answer && v.kind == MG_DONE && !r->answered && r->msg->method != SIP_METHOD_ACK)
		return chain_bad_verdict(r->worker, module, run->phase, v);
	return judge(r->worker, module, run->phase, v);
}

/* ---- hooks of a request ---- */

static struct mg_verdict call(const struct mg_module *m, struct mg_self *self,
			      const struct chain_run *run)
{
	switch ((enum mg_phase)run->phase) {
	case MG_MESSAGE: return m->message(self, run->r);
	case MG_REQUEST: return m->request(self, run->r);
	case MG_TARGET: return m->target(self, run->r);
	case MG_BRANCH: return m->branch(self, run->r, run->b);
	case MG_REPLY: return m->reply(self, run->r, run->reply);
	case MG_FAILURE: return m->failure(self, run->r, run->status);
	case MG_FINAL: m->final(self, run->r, run->status); break;
	case MG_ARRIVAL:
	case MG_SEND:
	case MG_PHASES: break;
	}
	return mg_next();
}

struct mg_verdict chain_go(struct chain_run *run, unsigned from)
{
	struct mg_worker *worker = run->r->worker;
	const struct chain *chain = run->r->chain;
	struct mg_self *self = chain->slot[worker->index].self;

	for (unsigned i = from; i < chain->n_hooks[run->phase]; i++) {
		unsigned at = chain->hooks[run->phase][i];
		const struct mg_module *module = chain->member[at].module;
		struct mg_verdict v;

		run->wait = NULL;
		run->module = module;
		run->outer = worker->waits->run;
		worker->waits->run = run;
		v = call(module, &self[at], run);
		worker->waits->run = run->outer;
		if (run->wait && v.kind == MG_WAIT) {
			if (!chain_wait_arm(run->wait, i + 1, &v))
				return mg_waiting();
		} else if (run->wait) {
			chain_wait_end(run->wait);
		}
		v = chain_judge(run, module, v);
		if (v.kind != MG_NEXT)
			return v;
	}
	return mg_next();
}

/* A phase in which hooks may wait. */
static struct mg_verdict begin(struct chain_run *run)
{
	struct mg_verdict v;

	if (run->r->chain->n_hooks[run->phase] == 0)
		return mg_next();
	v = chain_wait_behind(run);
	return v.kind == MG_NEXT ? chain_go(run, 0) : v;
}

struct mg_verdict chain_message(struct mg_request *r)
{
	struct chain_run run = {.r = r, .phase = MG_MESSAGE};

	arena_reset(&r->worker->waits->scratch);
	return chain_go(&run, 0);
}

struct mg_verdict chain_request(struct mg_request *r)
{
	struct chain_run run = {.r = r, .phase = MG_REQUEST};

	return begin(&run);
}

struct mg_verdict chain_target(struct mg_request *r)
{
	struct chain_run run = {.r = r, .phase = MG_TARGET};

	return begin(&run);
}

struct mg_verdict chain_branch(struct mg_request *r, struct mg_branch *b)
{
	struct chain_run run = {.r = r, .b = b, .phase = MG_BRANCH};

	return begin(&run);
}

struct mg_verdict chain_reply(struct mg_request *r, struct mg_reply *p)
{
	struct chain_run run = {.r = r, .b = p->branch, .reply = p, .phase = MG_REPLY};

	return chain_go(&run, 0);
}

struct mg_verdict chain_failure(struct mg_request *r, unsigned status)
{
	struct chain_run run = {.r = r, .status = status, .phase = MG_FAILURE};

	return chain_go(&run, 0);
}

void chain_final(struct mg_request *r, unsigned status)
{
	struct chain_run run = {.r = r, .status = status, .phase = MG_FINAL};

	chain_wait_end_all(r, NULL, true); /* or a hook could make it go on once more */
	(void)chain_go(&run, 0);
}

/* ---- hooks without a request ---- */

bool chain_asks(const struct chain *chain, enum mg_phase phase)
{
	return chain->n_hooks[phase] > 0;
}

struct mg_verdict chain_arrival(struct mg_worker *worker, struct mg_source *source, size_t len)
{
	const struct chain *chain = worker->chain;
	struct mg_self *self = chain->slot[worker->index].self;

	for (unsigned i = 0; i < chain->n_hooks[MG_ARRIVAL]; i++) {
		unsigned at = chain->hooks[MG_ARRIVAL][i];
		const struct mg_module *module = chain->member[at].module;
		struct mg_verdict v = module->arrival(&self[at], source, len);

		if (v.kind != MG_NEXT)
			return judge(worker, module, MG_ARRIVAL, v);
	}
	return mg_next();
}

struct mg_verdict chain_send(struct mg_worker *worker, const struct mg_sending *sending)
{
	const struct chain *chain = worker->chain;
	struct mg_self *self = chain->slot[worker->index].self;

	for (unsigned i = 0; i < chain->n_hooks[MG_SEND]; i++) {
		unsigned at = chain->hooks[MG_SEND][i];
		const struct mg_module *module = chain->member[at].module;
		struct mg_verdict v = module->send(&self[at], sending);

		if (v.kind != MG_NEXT)
			return judge(worker, module, MG_SEND, v);
	}
	return mg_next();
}
