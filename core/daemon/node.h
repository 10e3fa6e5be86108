/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * node: the structs of the SIP process: what all workers share, one worker, and the configuration they run by. Who does what: running.c makes a configuration ready to
 * run, worker.c makes a worker, flow.c is the way of a message through it, overload.c says what is refused, sip_process.c starts and ends it all.
 */
#ifndef MG_DAEMON_NODE_H
#define MG_DAEMON_NODE_H

#include <pthread.h>
#include <stdatomic.h>

#include "chain/chain.h"
#include "chain/chain_stats.h"
#include "conf/generation.h"
#include "daemon/child_receive.h"
#include "daemon/full.h"
#include "daemon/ipc.h"
#include "daemon/overload.h"
#include "daemon/poison.h"
#include "daemon/settings.h"
#include "daemon/zones.h"
#include "event/mailbox.h"
#include "router/route.h"
#include "router/route_stats.h"
#include "transaction/txn_stats.h"
#include "transport/tls_context.h"
#include "transport/tp_stats.h"

#define LETTER_KINDS       OVERLOAD_CLASSES /* a full mailbox takes what matters most */
#define LETTERS_ROOM       4096             /* for each pair of threads */
#define QUARANTINE_MAX     16
#define OVERLOAD_LEVEL_ONE 1024
#define FLOW_LATELY        8192 /* sets */
#define FLOW_LATELY_WAYS   4
#define SLOW_MS            100 /* a callback that takes longer is told */

/* Numbers of the threads that go through the generations: the workers, then these. */
#define THREAD_MAIN(node)    ((node)->workers)
#define THREAD_CONTROL(node) ((node)->workers + 1)
#define THREADS(node)        ((node)->workers + 2)

struct node;
struct call;
struct control;

/* A configuration that workers run by: immutable from the moment the first one enters it. */
struct running {
	struct generation generation; /* first */
	struct node *node;
	struct loaded *loaded;
	struct tp_config tp;
	struct tp_listener *listeners;
	const struct tp_listener **listener_list;
	struct tp_zone *tp_zones;
	struct addr *locals;
	struct mg_zone *zones; /* in the order of the settings */
	unsigned n_zones;
	const struct mg_zone *zone_at[TP_ZONE_NUMBERS]; /* by number; NULL: not in this one */
	struct tls_context **tls;                       /* beside settings.tls */
	const struct tls_context **tls_lists;           /* NULL-ended ones, of zones */
	struct tls_context *tls_client;                 /* NULL: no outgoing TLS */
	int system_ca; /* the system's authorities while it is made, -1: none */
	struct chain *chain;
	struct route_conf route;
	struct txn_conf txn;
	struct dns_conf dns;
	struct overload_conf overload;
	bool stateless;
	uint32_t gather_us;
	atomic_uint
		needed; /* workers that have not said yet that nothing is under way on listeners that only it had */
};

/* What is dropped because it may have killed a process before (O-2). */
struct quarantine {
	struct addr source;
	uint64_t hash, until_ms; /* of the Call-ID, or of the first bytes */
	uint32_t head;           /* how many of these; 0: it is the Call-ID's */
};

/* A configuration of before that had listeners which are gone, in one worker: its sockets stay until what began by it has ended. */
struct leaving {
	struct list link;
	struct running *running;
	uint64_t since_ms, needed_ms; /* last seen that something began by it */
	bool done;                    /* this worker needs it no more: told in running->needed */
};

/* What says in the log that it is full. */
enum { FULL_SERVERS, FULL_CLIENTS, FULL_MAILBOX, FULL_WORK, FULL_DRAINING, FULL_KINDS };

struct worker {
	struct node *node;
	unsigned index;
	pthread_t thread;
	struct loop *loop;
	struct rnd rnd;
	struct running *running; /* the one new work begins with */
	struct tp *tp;
	struct dns *dns;
	struct txn_table *txn;
	struct route *route;
	struct mg_worker mg;
	struct overload overload;
	struct wheel_timer relax; /* while it refuses */
	uint64_t (*lately)
		[FLOW_LATELY_WAYS]; /* Call-IDs handed to their owners, FLOW_LATELY sets: flow_overload.c */
	struct poison_slot *poison;
	struct arena scratch; /* of one message before it is anybody's */
	struct wheel_timer tick;
	struct list calls;  /* struct call: requests being handled */
	struct call *spare; /* freed ones, to be used again */
	unsigned spares, n_calls;
	struct log_limit log_malformed, log_drop;
	struct full full[FULL_KINDS]; /* of the first worker, for all */
	atomic_bool stop, stop_now;   /* said by the main thread */
	atomic_bool
		idle; /* nothing is under way any more: told to the main thread while stopping */
	struct list leaving; /* struct leaving: configurations with listeners that are gone */
	_Atomic(struct running *)
		next; /* said by the main thread: the configuration to enter; NULL when entered */
	uint64_t since_us; /* it reads its sockets since then */
	struct loop_waker *waker;
	atomic_int started; /* 0: not yet, 1: yes, negative: the error that ended it */
};

struct node {
	unsigned workers;
	/* What the workers' overload.level is, in 1/OVERLOAD_LEVEL_ONE, for the others; a cache line each. */
	struct {
		atomic_uint level;
		char apart[60];
	} level[TP_WORKERS_MAX];
	struct worker worker[TP_WORKERS_MAX];
	struct mailbox *
		mailbox; /* threads: the workers, then one for all others, who take `posting` first */
	pthread_mutex_t posting;
	struct tp_shared *tp_shared;
	struct dns_shared *dns_shared;
	struct stats *tp_stats, *txn_stats, *route_stats, *chain_stats, *flow_stats;
	struct token_keys tokens;
	struct siphash_key tag_key, owner_key;
	struct keys keys;
	struct zone_numbers zones;
	struct poison_ring *ring; /* NULL: none was given */
	struct gate *gate;        /* likewise */
	struct quarantine quarantine
		[QUARANTINE_MAX]; /* written before workers start and by the main thread; read by workers */
	atomic_uint quarantined;
	int statm;                       /* /proc/self/statm, opened before the sandbox; -1 */
	atomic_uint_fast64_t resident;   /* bytes, as last read */
	struct loop *loop;               /* the main thread's */
	int ipc;                         /* to the warden */
	struct control *control;         /* NULL before it runs */
	struct running *running;         /* current, the main thread's view */
	atomic_uint_fast64_t generation; /* its number */
	uint64_t started_us;
	uint64_t memory_auto; /* what overload_memory_auto said before the sandbox */
	bool stopping;
};

/* ---- running.c ---- */

/* Make a configuration ready from what the warden sent. Takes `got`'s contents. `before` is the one that runs, NULL at first.
 * Returns NULL with faults added; nothing has changed then. */
MG_MUST_CHECK struct running *running_new(struct node *node, struct received *got,
					  struct running *before, struct conf_faults *faults);
/* Make its TLS contexts and modules without running them: for --check. Returns 0 or MG_EPARSE. */
MG_MUST_CHECK int running_check(struct loaded *loaded, struct conf_faults *faults);

/* The zone of a number, as messages, listeners and tokens have it; NULL: none in this configuration. */
static inline const struct mg_zone *running_zone(const struct running *r, uint16_t number)
{
	return number < TP_ZONE_NUMBERS ? r->zone_at[number] : NULL;
}

/* ---- sip_process.c ---- */

/* The SIP process from its begin to its end, `ipc` being its socket to the warden. Returns the exit status. */
int sip_process(int ipc);
/* Ask the warden for a reload, or an end. Any thread. Returns 0 or a negative error. */
MG_MUST_CHECK int sip_process_ask(struct node *node, enum ipc_type what, uint64_t number);

/* ---- worker.c ---- */

/* Start worker `index` with node->running. Returns 0 or a negative error. */
MG_MUST_CHECK int worker_start(struct node *node, unsigned index);
/* Have it enter node->running. Any thread; it has when worker->next is NULL. */
void worker_enter(struct worker *worker, struct running *running);
/* End it, once nothing is under way in it any more (`now` false) or at once. */
void worker_stop(struct worker *worker, bool now);
/* Wait until its thread has ended and free what it had. */
void worker_join(struct worker *worker);
/* Put a letter into a worker's mailbox from any thread. Returns 0 or MG_ELIMIT. */
MG_MUST_CHECK int worker_post(struct node *node, unsigned to, void *letter);

/* ---- flow.c ---- */

/* The callbacks of the rooms below, of one worker. */
extern const struct tp_events flow_tp_events;
extern const struct txn_events flow_txn_events;
extern const struct route_events flow_route_events;
extern const struct chain_events flow_chain_events;
/* A letter from another thread (see letter.h). */
void flow_letter(void *arg, void *letter);
/* Free letters that nobody will read. */
void flow_letter_drop(void *letter);

/* What the flow counts, one row a reason. */
/* clang-format off */
#define FLOW_STATS_TABLE(X)                                                                                       \
	X(REQUESTS,        "sip_requests_total",              COUNTER, "requests parsed")                           \
	X(RESPONSES,       "sip_responses_total",             COUNTER, "responses parsed")                          \
	X(CALLS,           "sip_requests",                    GAUGE,   "requests being handled")                    \
	X(MOVED,           "sip_moved_total",                 COUNTER, "messages handed to the worker that owns the call") \
	X(MOVED_LOST,      "sip_dropped_mailbox_total",       COUNTER, "messages dropped: the owner's mailbox is full") \
	X(MALFORMED,       "sip_malformed_total",             COUNTER, "malformed messages")                        \
	X(MALFORMED_DROP,  "sip_dropped_malformed_total",     COUNTER, "of these dropped without an answer")        \
	X(DROP_MESSAGE,    "sip_dropped_message_total",       COUNTER, "dropped by a module before a transaction")  \
	X(DROP_REQUEST,    "sip_dropped_request_total",       COUNTER, "dropped by a module")                       \
	X(DROP_ACK,        "sip_dropped_ack_total",           COUNTER, "ACKs that belong to nothing")               \
	X(DROP_RESPONSE,   "sip_dropped_response_total",      COUNTER, "responses that belong to nothing")          \
	X(DROP_QUARANTINE, "sip_dropped_quarantine_total",    COUNTER, "dropped: the same may have killed a process") \
	X(DROP_ANSWER,     "sip_dropped_answer_total",        COUNTER, "answers not given: the source has had enough") \
	X(NO_MEMORY,       "sip_no_memory_total",             COUNTER, "requests refused for lack of memory")       \
	X(ANSWERED,        "sip_answered_total",              COUNTER, "requests answered here")                    \
	X(OVERLOAD,        "sip_refused_overload_total",      COUNTER, "requests refused: overload")                \
	X(REFUSED_DRAINING, "sip_refused_draining_total",     COUNTER, "requests refused: the process is ending")   \
	X(OVERLOAD_DROP,   "sip_dropped_overload_total",      COUNTER, "requests dropped: overload")                \
	X(ELSEWHERE,       "sip_dialog_elsewhere_total",      COUNTER, "strangers' requests in a dialog that lead to somebody who is not in it") \
	X(REFUSED_MEMORY,  "sip_refused_memory_total",        COUNTER, "requests refused: memory ceiling")          \
	X(QUEUE_US,        "sip_queue_delay_us",              GAUGE,   "microseconds that messages wait before they are handled, sum of workers") \
	X(SLOW,            "sip_slow_callbacks_total",        COUNTER, "callbacks of more than 100 ms")
/* clang-format on */

enum flow_stat {
#define FLOW_STAT_ID(sym, name, kind, help) FLOW_##sym,
	FLOW_STATS_TABLE(FLOW_STAT_ID)
#undef FLOW_STAT_ID
		FLOW_STATS
};
extern const struct stats_desc flow_stats_desc[FLOW_STATS];

static inline void flow_count(struct worker *w, enum flow_stat id)
{
	stats_add(w->node->flow_stats, w->index, id, 1);
}

#endif
