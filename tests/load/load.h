/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * load: what the parts of the generator share: the options, the calls, the counts, and the loop they
 * live in. mgload.c owns it; one thread.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/siphash.h"
#include "base/wheel.h"
#include "load/conn.h"
#include "load/hist.h"
#include "load/message.h"
#include "load/options.h"
#include "load/pace.h"
#include "load/text.h"
#include "load/udp.h"

#define LOAD_BRANCHES (1u << 18)

enum call_state {
	CALL_FREE,
	CALL_CALLING,    /* INVITE sent */
	CALL_PROCEEDING, /* a provisional response came */
	CALL_HELD,       /* answered, ACK sent */
	CALL_ENDING,     /* BYE sent */
	CALL_UNACKED,    /* BYE answered; the ACK did not reach the callee yet */
};

enum callee_state { CALLEE_IDLE, CALLEE_ANSWERED, CALLEE_ACKED, CALLEE_GAVE_UP };

/* One call, both ends. A row of the table: not freed, used again under another number. */
struct call {
	struct load *load;
	uint64_t id;
	uint64_t due_ns, bye_ns; /* when it was to begin; when BYE was sent */
	uint64_t deadline_ms, callee_deadline_ms;
	struct wheel_timer timer, callee_timer;
	struct list on_conn; /* in conn->calls */
	struct conn *conn, *callee_conn;
	union udp_peer callee_peer;
	uint64_t invite_branch, bye_branch, routes_hash;
	uint32_t wait_ms, callee_wait_ms; /* to the next retransmission */
	uint16_t saved_n, routes_n;
	uint8_t state, callee; /* enum call_state, enum callee_state */
	bool counted;          /* began in the steady part */
};

/* What a call needs for a while only. */
struct call_text {
	char saved[MESSAGE_MAX - MESSAGE_ROUTE_MAX]; /* the callee's 200 until the ACK */
	char routes[MESSAGE_ROUTE_MAX];
};

/* Why a call failed. */
#define CAUSES(X)                                                          \
	X(no_answer, "no final response to INVITE in time")                \
	X(no_bye_answer, "no final response to BYE in time")               \
	X(ack_lost, "its ACK never reached the callee, though sent again") \
	X(status, "a final response that is neither 2xx nor a refusal")    \
	X(bye_status, "BYE was refused")                                   \
	X(connect, "no connection")                                        \
	X(connection_lost, "the connection ended under the call")          \
	X(blocked, "more waits on the connection than it may hold")        \
	X(table_full, "the generator's own table of calls was full")       \
	X(cut, "still running when the generator had to stop")

/* What a proxy must not do. */
#define RULES(X)                                                                 \
	X(malformed, "not a SIP message, or with a wrong Content-Length")        \
	X(unknown_call, "names no call of this run")                             \
	X(wrong_side, "a request to the caller, or a response to the callee")    \
	X(via, "number of Via, or the last hop's is not right")                  \
	X(branch_seen, "a branch seen before")                                   \
	X(ack_branch_seen, "a branch of an ACK seen before")                     \
	X(max_forwards, "Max-Forwards not one less per hop")                     \
	X(record_route, "Record-Route missing, not loose or not the proxy's")    \
	X(record_route_changed, "the caller's Record-Route is not the callee's") \
	X(route, "a Route that was not popped")                                  \
	X(uri, "another Request-URI")                                            \
	X(from, "another From tag")                                              \
	X(to, "another To tag")                                                  \
	X(cseq, "another CSeq")                                                  \
	X(contact, "another Contact")                                            \
	X(body, "another body")                                                  \
	X(rport, "rport was not filled in")                                      \
	X(invite_twice, "one INVITE as two transactions")

#define COUNT_AS_ENUM(name, text) COUNT_##name,
enum cause { CAUSES(COUNT_AS_ENUM) CAUSE_COUNT };
#undef COUNT_AS_ENUM
#define COUNT_AS_ENUM(name, text) RULE_##name,
enum rule { RULES(COUNT_AS_ENUM) RULE_COUNT };
#undef COUNT_AS_ENUM

/* Calls of a part of the run. */
struct sums {
	uint64_t started, answered, in_time, completed, refused, failed;
};

struct tally {
	struct sums all, steady, slice;
	uint64_t causes[CAUSE_COUNT], rules[RULE_COUNT], status[700];
	uint64_t resent, callee_resent; /* retransmissions by T1 */
	uint64_t absorbed;              /* retransmissions that came */
	uint64_t late;                  /* belong to a call that is over */
	uint64_t options;               /* other requests to the callee */
	uint64_t missed;                /* moments that came while there was no time to begin */
	uint64_t slice_max_ns;
	uint64_t behind_ns; /* the longest time that a call began after its moment */
};

struct flood {
	struct udp *udp;
	struct pace pace;
	struct addr first;
	uint64_t sent, answered;
	uint32_t seed;
};

struct load {
	struct options opt;
	struct messages msg;
	struct tally tally;
	struct hist answer, bye, begun;
	struct wheel wheel;
	struct pace pace;
	struct flood flood;
	struct call *calls;
	struct call_text *texts;
	uint32_t *unused; /* rows, a stack */
	size_t unused_n, live;
	uint64_t *branches; /* hashes of those seen last, LOAD_BRANCHES of them */
	struct siphash_key key;
	struct udp *uac, *uas; /* NULL: a stream */
	struct conns conns;
	struct conn **shared;
	struct addr next_hop; /* of the caller */
	union udp_peer next_hop_peer;
	char next_hop_text[ADDR_TEXT_MAX];
	FILE *series;
	uint64_t now_ns, steady_ns, stop_ns, end_ns;
	int epoll;
};

/* call.c: the table, and how calls end. */

/* Allocate rows for opt.max_calls calls. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int calls_init(struct load *l);
void calls_done(struct load *l);

/* A row for a call that is due at `due_ns`, or NULL: counted as failed then. */
struct call *call_new(struct load *l, uint64_t due_ns);

/* The call that a message names. NULL when it is over (counted as late) or of nobody (a broken
 * rule). `id`: the number, 0 when there is none.
 */
struct call *call_find(struct load *l, const struct text *t, struct sv message, uint64_t *id);

/* The row's texts. */
struct call_text *call_text(struct load *l, const struct call *c);

/* End a call: all went well, the proxy refused it, or it failed. The row is free then; but a call
 * whose ACK was lost is complete only when the callee's next 200 has brought another one.
 */
void call_complete(struct load *l, struct call *c);
void call_refuse(struct load *l, struct call *c);
void call_fail(struct load *l, struct call *c, enum cause why);

/* The caller of a call. */
const struct caller *call_caller(const struct load *l, uint64_t id, struct addr *address);

/* rule.c: judge a message; every fault is counted. */

/* Count, and show the first such message on standard error. */
void rule_broken(struct load *l, enum rule r, struct sv message);

void rule_request(struct load *l, const struct call *c, const struct text *t, struct sv message);
void rule_response(struct load *l, const struct call *c, const struct text *t, struct sv message);

/* The branch of a request was not seen before; it is noted. Returns its hash. */
uint64_t rule_branch(struct load *l, const struct text *t, struct sv message);

/* The hash of a Via's branch. */
uint64_t rule_branch_hash(const struct load *l, const struct text *t);

/* The hash of all Record-Route entries in order. */
uint64_t rule_routes_hash(const struct load *l, const struct text *t);

/* uac.c: the caller. */

/* Begin a call that was due at `due_ns`. */
void uac_start(struct load *l, uint64_t due_ns);
void uac_take(struct load *l, struct sv message);

/* A connection of callers is gone. */
void uac_lost(struct load *l, struct conn *c);

/* uas.c: the callee. `conn` or `from` says where the request came from. */
void uas_take(struct load *l, struct sv message, struct conn *conn, const union udp_peer *from);

/* flood.c: packets that ask for nothing but trouble. */
MG_MUST_CHECK int flood_init(struct load *l, uint64_t start_ns, uint64_t length_ns);
void flood_done(struct load *l);

/* Send what is due, at most a batch. */
void flood_step(struct load *l);

/* Read what came back. */
void flood_read(struct load *l);

/* report.c */

/* A line of the series over the time since the last one; `at_ms` after the first moment. */
void report_slice(struct load *l, uint64_t at_ms);

/* Write everything as JSON. Returns 0 or a negated errno value. */
MG_MUST_CHECK int report_json(const struct load *l, const char *path);

/* A few lines for people. */
void report_text(const struct load *l);

/* Everything went well: no call failed, no rule was broken. */
bool report_clean(const struct load *l);

#endif
