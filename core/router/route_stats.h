/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route_stats: what the proxy core counts.
 */
#ifndef MG_ROUTER_ROUTE_STATS_H
#define MG_ROUTER_ROUTE_STATS_H

#include "base/stats.h"

/* clang-format off */
#define ROUTE_STATS_TABLE(X)                                                                                      \
	X(CONTEXTS,        "route_requests",                  GAUGE,   "requests on their way")                     \
	X(FORWARDED,       "route_forwarded_total",           COUNTER, "requests sent on")                          \
	X(BRANCHES,        "route_branches_total",            COUNTER, "branches made")                             \
	X(FAILOVERS,       "route_failovers_total",           COUNTER, "branches sent to another address of their target") \
	X(ACKS,            "route_acks_total",                COUNTER, "ACKs for 2xx sent on")                      \
	X(RESPONSES,       "route_responses_total",           COUNTER, "responses sent back")                       \
	X(ANSWERS,         "route_answers_total",             COUNTER, "requests answered without state")           \
	X(ANSWERS_LARGE,   "route_dropped_answers_total",     COUNTER, "answers not sent: larger than the source may get") \
	X(NO_ROUTE,        "route_unresolved_total",          COUNTER, "targets whose name gave no address")        \
	X(FORBIDDEN,       "route_forbidden_total",           COUNTER, "targets at addresses where nothing is sent") \
	X(TIMER_C,         "route_timer_c_total",             COUNTER, "branches that rang too long")               \
	X(LOOPS,           "route_loops_total",               COUNTER, "requests that came back unchanged")         \
	X(TOKENS_BAD,      "route_bad_tokens_total",          COUNTER, "routes of ours that did not open")          \
	X(DROP_RESPONSE,   "route_dropped_responses_total",   COUNTER, "responses that could not be sent back")     \
	X(DROP_REQUEST,    "route_dropped_requests_total",    COUNTER, "requests that could not be sent on without state") \
	X(DROP_ACK,        "route_dropped_acks_total",        COUNTER, "ACKs that could not be sent on")            \
	X(LATE_2XX,        "route_late_2xx_total",            COUNTER, "further 2xx sent back after the first")     \
	X(NO_MEMORY,       "route_no_memory_total",           COUNTER, "requests ended for lack of memory")
/* clang-format on */

enum route_stat {
#define ROUTE_STAT_ID(sym, name, kind, help) ROUTE_STAT_##sym,
	ROUTE_STATS_TABLE(ROUTE_STAT_ID)
#undef ROUTE_STAT_ID
		ROUTE_STATS
};

extern const struct stats_desc route_stats_desc[ROUTE_STATS];

#endif
