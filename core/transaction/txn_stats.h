/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * txn_stats: what the transactions count.
 */
#ifndef MG_TRANSACTION_TXN_STATS_H
#define MG_TRANSACTION_TXN_STATS_H

#include "base/stats.h"

/* clang-format off */
#define TXN_STATS_TABLE(X)                                                                                        \
	X(SERVERS,         "txn_servers",                     GAUGE,   "server transactions")                       \
	X(CLIENTS,         "txn_clients",                     GAUGE,   "client transactions")                       \
	X(LIVE,            "txn_live",                        GAUGE,   "transactions without a final response")     \
	X(SERVERS_NEW,     "txn_servers_total",               COUNTER, "server transactions begun")                 \
	X(CLIENTS_NEW,     "txn_clients_total",               COUNTER, "client transactions begun")                 \
	X(SERVERS_REFUSED, "txn_servers_refused_total",       COUNTER, "requests refused: too many server transactions") \
	X(CLIENTS_REFUSED, "txn_clients_refused_total",       COUNTER, "branches refused: too many client transactions") \
	X(ABSORBED,        "txn_absorbed_total",              COUNTER, "retransmitted requests and ACKs absorbed")  \
	X(REPLAYED,        "txn_replayed_total",              COUNTER, "responses sent again to a retransmission")  \
	X(RESENT,          "txn_resent_total",                COUNTER, "requests and final responses sent again by a timer") \
	X(RESPONSES_AGAIN, "txn_responses_again_total",       COUNTER, "retransmitted responses absorbed")          \
	X(REPLAYED_2XX,    "txn_replayed_2xx_total",          COUNTER, "retransmitted 2xx answered from what was kept") \
	X(STRAY,           "txn_stray_responses_total",       COUNTER, "responses that match no transaction")       \
	X(TIMEOUTS,        "txn_timeouts_total",              COUNTER, "client transactions without an answer")     \
	X(FAILED,          "txn_failed_total",                COUNTER, "client transactions that could not be sent") \
	X(NO_ACK,          "txn_no_ack_total",                COUNTER, "INVITE server transactions whose final response got no ACK") \
	X(REPLY_LATE,      "txn_replies_late_total",          COUNTER, "responses that came after the final one")   \
	X(CANCELS,         "txn_cancels_total",               COUNTER, "CANCELs sent")                             \
	X(CANCELS_FOREIGN, "txn_cancels_foreign_total",       COUNTER, "CANCELs from another address than the INVITE's") \
	X(WITHHELD,        "txn_withheld_total",              COUNTER, "responses that RFC 4320 forbids, not sent")  \
	X(UNSENT,          "txn_unsent_total",                COUNTER, "responses, ACKs and CANCELs that could not be sent") \
	X(FORKS_OVER,      "txn_dropped_forks_total",         COUNTER, "2xx dropped: too many To tags for one INVITE") \
	X(ABANDONED,       "txn_abandoned_total",             COUNTER, "server transactions let go without a final response")
/* clang-format on */

enum txn_stat {
#define TXN_STAT_ID(sym, name, kind, help) TXN_STAT_##sym,
	TXN_STATS_TABLE(TXN_STAT_ID)
#undef TXN_STAT_ID
		TXN_STATS
};

extern const struct stats_desc txn_stats_desc[TXN_STATS];

#endif
