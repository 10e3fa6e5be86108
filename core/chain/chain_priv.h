/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain_priv: what the files of this room share: the modules of a configuration, the running of one hook, the table of what
 * waits. Nobody outside includes it.
 */
#ifndef MG_CHAIN_CHAIN_PRIV_H
#define MG_CHAIN_CHAIN_PRIV_H

#include <stdatomic.h>

#include "base/arena.h"
#include "chain/chain.h"
#include "chain/chain_stats.h"

#define CHAIN_ATTRS_MAX 64
#define CHAIN_ROLES_MAX 64

/* ---- the modules of a configuration (registry.c) ---- */

/* Counters go on from one configuration to the next, so they are counted objects, let go by any thread. */
struct chain_counts {
	atomic_uint refs;
	struct stats *stats;
};

struct chain_member {
	const struct mg_module *module;
	struct mg_self self; /* as `load` saw it */
	struct chain_counts *counts;
	const char *at;
	bool loaded;
};

/* A worker's part: one mg_self for each member, made when the worker enters. Its own memory, so that workers share no cache line. */
struct chain_slot {
	struct mg_self *self;
	unsigned begun; /* members whose `worker` hook ran */
};

struct chain_attr_decl {
	const char *name;
	enum mg_attr_type type;
};

struct chain_role {
	const char *name;
	unsigned version;
	const void *functions;
	void *self;
	const struct mg_module *owner;
};

struct chain {
	unsigned n, workers, n_zones;
	const struct mg_zone *zones;
	struct chain_member member[CHAIN_MODULES_MAX];
	/* Members with a hook of that phase, in the order in which they are asked. */
	uint8_t hooks[MG_PHASES][CHAIN_MODULES_MAX];
	uint8_t n_hooks[MG_PHASES];
	uint8_t ticking[CHAIN_MODULES_MAX];
	uint8_t n_ticking;
	struct chain_attr_decl attr[CHAIN_ATTRS_MAX];
	unsigned n_attrs;
	struct chain_role role[CHAIN_ROLES_MAX]; /* in the order of the modules */
	unsigned n_roles;
	/* Those that the chain asks itself, by their place in `role`. */
	uint8_t sources[CHAIN_ROLES_MAX], answers[CHAIN_ROLES_MAX], offences[CHAIN_ROLES_MAX];
	uint8_t n_sources, n_answers, n_offences;
	struct chain_slot slot[CHAIN_WORKERS_MAX];
};

struct mg_setup {
	struct chain *chain;
	const struct chain_setup *conf;
	unsigned at;  /* the member whose hook runs */
	bool faulted; /* it said why it fails */
};

/* All roles are there: note those that the chain asks. */
void chain_roles_done(struct chain *chain);

/* ---- opening shared objects (open.c, elf.c) ---- */

/* The ABI version that a shared object says it has, read from the file alone.
 *
 * Returns    0, or MG_EINVAL with `why` set to a constant text.
 */
MG_MUST_CHECK int chain_elf_abi(int fd, uint32_t *abi, const char **why);

/* What is wrong with a descriptor, NULL when nothing is. Text in `why`, or constant. */
const char *chain_descriptor_fault(const struct mg_module *module, char *why, size_t why_n);

/* The module of that name that is linked in or was opened, NULL when there is none. */
const struct mg_module *chain_find(const char *name);

/* What is wrong with `path` (NULL: none given) as the file of a module, constant text; NULL when nothing is. */
const char *chain_file_fault(const struct mg_module *module, const char *path);

/* ---- running hooks (chain.c) ---- */

/* One hook while it runs, on the stack. */
struct chain_run {
	struct mg_request *r;
	struct mg_branch *b;
	struct mg_reply *reply;
	const struct mg_module *module; /* whose hook */
	struct chain_wait *wait;        /* made by mg_suspend in this hook */
	struct chain_run *outer; /* a hook may resume another request, whose hooks run inside */
	unsigned status;         /* FAILURE, FINAL */
	uint8_t phase;           /* enum mg_phase */
};

/* Go on with a phase from its hook `from` (an index into hooks[phase]) on. */
struct mg_verdict chain_go(struct chain_run *run, unsigned from);

/* What a verdict of `module` comes to: itself if the phase knows it. Counts it. */
struct mg_verdict chain_judge(const struct chain_run *run, const struct mg_module *module,
			      struct mg_verdict v);

/* A verdict that the phase does not know: counted and logged. Returns what it is taken for. */
struct mg_verdict chain_bad_verdict(struct mg_worker *worker, const struct mg_module *module,
				    enum mg_phase phase, struct mg_verdict v);

const char *chain_phase_name(enum mg_phase phase);

/* ---- waiting (wait.c) ---- */

struct chain_wait {
	struct list link;         /* in its request's list */
	struct wheel_timer timer; /* set while it waits for a module */
	struct chain_wait *free;  /* the next free one */
	struct mg_request *r;     /* NULL: this one is free */
	struct mg_branch *b;
	uint32_t slot, generation;
	uint16_t status;
	uint8_t phase, next; /* where to go on */
	bool queued; /* a run that waits for another of the same branch to end, not for a module */
	bool armed;  /* its hook has returned */
	bool early;  /* resumed before that, with `verdict` */
	struct mg_verdict verdict;
};

#define CHAIN_SCRATCH 2048

struct chain_resumption;

struct chain_waits {
	struct chain_run *run; /* the innermost hook that runs */
	struct chain_wait *slots, *free;
	uint32_t n, used, fresh;                 /* slots, those in use, those used at least once */
	_Atomic(struct chain_resumption *) mail; /* from other threads, newest first */
	struct log_limit full, forgotten, bad;
	struct arena scratch; /* of answers in MESSAGE */
	char scratch_room[CHAIN_SCRATCH];
};

MG_MUST_CHECK int chain_waits_init(struct mg_worker *worker);
void chain_waits_done(struct mg_worker *worker);
void chain_waits_tick(struct mg_worker *worker, uint64_t now_ms);
/* This thread is the worker's. */
void chain_waits_here(struct mg_worker *worker);

/* Whether something of that branch (NULL: of the request itself) waits already: then the run waits behind it. Returns what the phase is to
 * return, MG_NEXT when nothing waits and the run may begin. */
struct mg_verdict chain_wait_behind(const struct chain_run *run);
/* A hook returned WAIT: from here on `wait` may be resumed. Returns whether it was already, with `v` set. */
bool chain_wait_arm(struct chain_wait *wait, unsigned next, struct mg_verdict *v);
/* End one without a word. */
void chain_wait_end(struct chain_wait *wait);
/* End those of a request, or of one of its branches. */
void chain_wait_end_all(struct mg_request *r, const struct mg_branch *b, bool all);

static inline void chain_count(const struct mg_worker *worker, enum chain_stat stat)
{
	stats_add(worker->stats, worker->index, stat, 1);
}

/* Where texts of an answer lie: with the request, or in MESSAGE with the worker until the next message. */
static inline struct arena *chain_text_arena(struct mg_request *r)
{
	return r->arena ? r->arena : &r->worker->waits->scratch;
}

#endif
