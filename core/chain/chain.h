/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain: the modules of one configuration in their order, and the run of a request through their phases. What a verdict leads to
 * is done by the callbacks of struct chain_events: the daemon's flow connects them with the router and the transactions.
 */
#ifndef MG_CHAIN_CHAIN_H
#define MG_CHAIN_CHAIN_H

#include "base/siphash.h"
#include "chain/chain_conf.h"
#include "chain/mg_module.h"
#include "conf/load.h"

/* ---- modules of a configuration (registry.c; how they get into the configuration: chain_conf.h) ---- */

struct chain; /* the modules of one configuration, shared by all workers */

struct chain_setup {
	const struct mg_zone *zones;
	unsigned n_zones;
	unsigned workers;
	const struct chain_module_conf *modules;    /* in order */
	const struct mg_module *const *descriptors; /* beside them */
	unsigned n;
	struct chain *before; /* of the running configuration, NULL at first */
	struct conf_faults *faults;
};
/* Load all: NULL, and faults added, when one fails; those loaded before are unloaded again. Zones and options must stay as long as
 * the chain. One thread at a time. */
MG_MUST_CHECK struct chain *chain_new(const struct chain_setup *setup);
/* Unload; after the last worker has left it. */
void chain_free(struct chain *chain);
/* Whether any module that tells says that this source is known (role "sources"), in any zone or in `zone`. Any thread. */
bool chain_known(const struct chain *chain, const struct addr *addr);
/* Whether any module has a hook of that phase. */
bool chain_asks(const struct chain *chain, enum mg_phase phase);
bool chain_known_in(const struct chain *chain, const struct addr *addr, const struct mg_zone *zone);
/* Whether any module knows who shows this certificate (role "certificates") from there. Any thread. */
bool chain_certified(const struct chain *chain, const struct mg_certificate *certificate,
		     const struct addr *addr, const struct mg_zone *zone);
/* Counters of module i for metrics; false beyond the last. */
bool chain_counters(const struct chain *chain, unsigned i, const char **name,
		    const struct stats **counters);

/* ---- one worker ---- */

struct chain_events {
	/* Send a response of our own: statelessly when no server transaction was begun (`stateful` false). Headers are those given by
	 * modules. A hook is running: the request must not end in here, the verdict DONE follows. */
	void (*answer)(void *arg, struct mg_request *r, const struct sip_response *response,
		       bool stateful);
	/* Something waits now, or answers 1xx or 2xx: from here on a server transaction is owed. Returns 0, or MG_ELIMIT when there is
	 * no room. Not for an ACK's sake: for one, do nothing and return 0. */
	int (*begin)(void *arg, struct mg_request *r);
	/* A phase that had to wait is over: `verdict` is that of the whole phase (NEXT: all said NEXT). `b` in BRANCH only. The
	 * request may be ended in here. */
	void (*resumed)(void *arg, struct mg_request *r, enum mg_phase phase, struct mg_branch *b,
			struct mg_verdict verdict);
	/* Bring fn(arg2) to that worker's thread; any thread. Returns 0 or MG_ELIMIT. */
	int (*post)(void *arg, unsigned worker, void (*fn)(void *arg2, uint64_t n), void *arg2,
		    uint64_t n);
};

struct mg_worker {
	struct loop *loop; /* opaque here: the daemon's callbacks give time and timers */
	unsigned index;
	struct chain *chain; /* current */
	struct wheel *wheel;
	struct rnd *rnd;
	const struct siphash_key *
		draw_key; /* of mg_draw: the same in all workers, and after a restart. NULL: zeros, of tests */
	uint64_t (*now_ms)(const struct loop *loop);
	const struct chain_events *on;
	void *arg;
	uint32_t waiting_max;      /* suspended requests of this worker: 1 000 */
	struct chain_waits *waits; /* wait.c's own */
	struct stats *stats;       /* rows of chain_stats.h */
	struct gate *gate;         /* NULL: there is none */
};
/* Ready a worker whose other fields are filled, `chain` and `waits` being NULL. Its index is its own in the whole process. Any
 * thread; it stays where it is until chain_worker_done. Returns 0, MG_ENOMEM, MG_EEXIST for an index that is taken, MG_EINVAL
 * beyond CHAIN_WORKERS_MAX. */
#define CHAIN_WORKERS_MAX 64
MG_MUST_CHECK int chain_worker_init(struct mg_worker *worker);
/* All requests have ended, and chains were left. */
void chain_worker_done(struct mg_worker *worker);
/* Take `chain` as the current one, in the worker's own thread: its modules' `worker` hooks run. Returns 0, or the hook's error
 * (nothing changed), or MG_ENOMEM. */
MG_MUST_CHECK int chain_worker_enter(struct mg_worker *worker, struct chain *chain);
/* This worker is done with a chain it has left: `worker_end` hooks run. */
void chain_worker_leave(struct mg_worker *worker, struct chain *chain);
/* Once a second: modules' `tick` hooks of the current chain; late resumptions; summaries of the log. */
void chain_tick(struct mg_worker *worker, uint64_t now_ms);
unsigned chain_waiting(const struct mg_worker *worker);

/* Whether a stateless answer may go to that source now (T-10, role "answers"); asked once an answer, for it takes a token.
 *
 * request    Bytes of the request.
 * size_max   Bytes the answer may have, 0: any. An unproven source gets at most one and a half times what it sent.
 */
bool chain_may_answer(struct mg_worker *worker, const struct mg_source *source, size_t request,
		      size_t *size_max);

/* Tell who keeps account of it (role "offences") what a source did. */
void chain_offence(struct mg_worker *worker, const struct mg_source *source,
		   enum mg_offence offence);

/* ---- a request through it ----
 *
 * The daemon embeds struct mg_request, mg_branch and mg_reply in its own. Fields are filled by chain_request_init and by the
 * functions of mg_module.h; those above the first blank line the daemon may set. */
struct mg_request {
	struct mg_worker *worker;
	struct chain *chain; /* the one it began with */
	struct sip_msg *msg;
	struct sip_view *view; /* NULL in MESSAGE */
	struct arena *arena;   /* NULL in MESSAGE */
	struct mg_source source;
	const struct mg_zone *dialog_zone;
	bool in_dialog, from_caller, stray;
	bool to_us; /* the Request-URI names ourselves */
	void *user; /* the daemon's */

	bool stateful; /* begin() was called */
	bool answered; /* a final response was given to `answer` */
	uint8_t n_targets;
	struct mg_target target[10];
	struct sip_extra extra[8]; /* of mg_answer_header */
	uint8_t n_extra;
	uint16_t redirect; /* status of mg_redirect, 0: none */
	struct chain_attr *attrs;
	struct list waits; /* of this request */
};
struct mg_branch {
	struct mg_request *request;
	struct sip_view *view;
	const struct mg_target *target;
	struct addr peer;
	uint8_t transport;
	const struct mg_zone *zone;
	void *user;
};
struct mg_reply {
	struct sip_view *view;
	struct mg_branch *branch;
};

/* Prepare; `view` and `arena` may be NULL for MESSAGE. */
void chain_request_init(struct mg_request *r, struct mg_worker *worker, struct sip_msg *msg,
			struct sip_view *view, struct arena *arena, const struct mg_source *source);
/* It is over: what waits for it resumes as a no-op. */
void chain_request_done(struct mg_request *r);

/* Run a phase. The verdict of the first module that does not say NEXT, or NEXT. WAIT: `resumed` follows, unless the request or
 * branch is done before. What comes for the same branch meanwhile waits behind it. */
struct mg_verdict chain_arrival(struct mg_worker *worker, struct mg_source *source, size_t len);
struct mg_verdict chain_message(struct mg_request *r);
struct mg_verdict chain_request(struct mg_request *r);
struct mg_verdict chain_target(struct mg_request *r);
struct mg_verdict chain_branch(struct mg_request *r, struct mg_branch *b);
struct mg_verdict chain_reply(struct mg_request *r, struct mg_reply *p);
struct mg_verdict chain_failure(struct mg_request *r, unsigned status);
struct mg_verdict chain_send(struct mg_worker *worker, const struct mg_sending *sending);
/* Its waits end before the hooks run. */
void chain_final(struct mg_request *r, unsigned status);
/* A CANCEL came while it waits: ends all its waits. */
void chain_cancel(struct mg_request *r);
/* A branch is given up while it may be waiting: ends its waits. */
void chain_branch_done(struct mg_branch *b);

/* The response that a REJECT stands for, with the header lines that modules gave and Retry-After. */
struct chain_refusal {
	struct sip_response
		response; /* its texts lie here, in the request and in what the verdict names */
	struct sip_extra extra[9];
	char retry_after[12];
};
void chain_refuse(struct chain_refusal *out, const struct mg_request *r, struct mg_verdict verdict);

#endif
