/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain_stats: what the chain itself counts, one row each. What single modules count stands in their own tables. The daemon makes
 * the table and gives it in struct mg_worker.
 */
#ifndef MG_CHAIN_CHAIN_STATS_H
#define MG_CHAIN_CHAIN_STATS_H

#include "base/stats.h"

/* clang-format off */
#define CHAIN_STATS_TABLE(X)                                                                                          \
	X(DROP_ARRIVAL,   "chain_dropped_arrival_total",   COUNTER, "datagrams and connections dropped by their source")  \
	X(DROP_MESSAGE,   "chain_dropped_message_total",   COUNTER, "messages dropped by their form")                     \
	X(DROP_REQUEST,   "chain_dropped_request_total",   COUNTER, "requests dropped")                                   \
	X(DROP_TARGET,    "chain_dropped_target_total",    COUNTER, "requests dropped while looking for targets")         \
	X(DROP_BRANCH,    "chain_dropped_branch_total",    COUNTER, "targets dropped")                                    \
	X(DROP_REPLY,     "chain_dropped_reply_total",     COUNTER, "responses dropped")                                  \
	X(DROP_SEND,      "chain_dropped_send_total",      COUNTER, "messages stopped on their way out")                  \
	X(REJECTED,       "chain_rejected_total",          COUNTER, "requests that a module refused")                     \
	X(ANSWERED,       "chain_answered_total",          COUNTER, "responses that modules made")                        \
	X(UNANSWERED,     "chain_unanswered_total",        COUNTER, "answers that an unknown source did not get: over its limit") \
	X(WAITING,        "chain_waiting",                 GAUGE,   "requests and branches that wait for a module")       \
	X(WAITS,          "chain_waits_total",             COUNTER, "times that one was put aside")                       \
	X(WAITS_REFUSED,  "chain_waits_refused_total",     COUNTER, "times that there was no room to put one aside")      \
	X(WAITS_TIMEOUT,  "chain_waits_forgotten_total",   COUNTER, "waits that nobody ended in time")                    \
	X(WAITS_ENDED,    "chain_waits_cancelled_total",   COUNTER, "waits that ended with their request or branch")      \
	X(RESUMED_STALE,  "chain_resumed_stale_total",     COUNTER, "resumptions of what had ended")                      \
	X(BAD_VERDICT,    "chain_bad_verdicts_total",      COUNTER, "verdicts that are none in their phase")
/* clang-format on */

enum chain_stat {
#define CHAIN_STAT_ID(sym, name, kind, help) CHAIN_STAT_##sym,
	CHAIN_STATS_TABLE(CHAIN_STAT_ID)
#undef CHAIN_STAT_ID
		CHAIN_STATS
};

extern const struct stats_desc chain_stats_desc[CHAIN_STATS];

#endif
