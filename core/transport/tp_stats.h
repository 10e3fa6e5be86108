/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp_stats: what the transport counts, one row each. Everything that is thrown away has a reason here.
 */
#ifndef MG_TRANSPORT_TP_STATS_H
#define MG_TRANSPORT_TP_STATS_H

#include "base/stats.h"

/* clang-format off */
#define TP_STATS_TABLE(X)                                                                                         \
	X(RX_UDP,          "tp_received_udp_total",           COUNTER, "datagrams received")                       \
	X(RX_STREAM,       "tp_received_stream_total",        COUNTER, "messages received on TCP and TLS")          \
	X(TX_UDP,          "tp_sent_udp_total",               COUNTER, "datagrams sent")                            \
	X(TX_STREAM,       "tp_sent_stream_total",            COUNTER, "messages sent on TCP and TLS")              \
	X(KEEPALIVES,      "tp_keepalives_total",             COUNTER, "CRLF, short datagrams and STUN requests received") \
	X(KEEPALIVES_OVER, "tp_dropped_keepalives_total",     COUNTER, "keepalives not answered: over the limit")    \
	X(DROP_ARRIVAL,    "tp_dropped_arrival_total",        COUNTER, "dropped by source before parsing")          \
	X(DROP_SENDING,    "tp_dropped_sending_total",        COUNTER, "messages stopped on their way out")         \
	X(DROP_MEMORY,     "tp_dropped_memory_total",         COUNTER, "dropped for lack of memory")                \
	X(DROP_STUN,       "tp_dropped_stun_total",           COUNTER, "STUN that is malformed or no binding request") \
	X(SEND_ERRORS,     "tp_send_errors_total",            COUNTER, "datagrams the kernel refused")              \
	X(SEND_TOO_LARGE,  "tp_send_too_large_total",         COUNTER, "datagrams larger than the path takes")      \
	X(SEND_FULL,       "tp_send_full_total",              COUNTER, "messages lost in a full socket or queue")    \
	X(UNREACHABLE,     "tp_unreachable_total",            COUNTER, "ICMP errors for what was sent")             \
	X(KERNEL_DROPS,    "tp_kernel_drops_total",           COUNTER, "datagrams the kernel had no room for")      \
	X(CONNS,           "tp_connections",                  GAUGE,   "connections open")                          \
	X(CONNS_IN,        "tp_accepted_total",               COUNTER, "connections accepted")                      \
	X(CONNS_OUT,       "tp_connected_total",              COUNTER, "connections opened")                        \
	X(CONNS_FAILED,    "tp_connect_failed_total",         COUNTER, "connections that could not be opened")      \
	X(REFUSED_FULL,    "tp_refused_full_total",           COUNTER, "connections refused: table full")           \
	X(REFUSED_SOURCE,  "tp_refused_source_total",         COUNTER, "connections refused: too many of one source") \
	X(REFUSED_FDS,     "tp_refused_descriptors_total",    COUNTER, "connections refused: no descriptors left")  \
	X(CLOSED_SLOW,     "tp_closed_slow_total",            COUNTER, "closed: a message took too long")           \
	X(CLOSED_IDLE,     "tp_closed_idle_total",            COUNTER, "closed: idle")                              \
	X(CLOSED_STUCK,    "tp_closed_stuck_total",           COUNTER, "closed: the peer does not read")            \
	X(CLOSED_FRAMING,  "tp_closed_framing_total",         COUNTER, "closed: where messages end is unknown")     \
	X(CLOSED_MEMORY,   "tp_closed_memory_total",          COUNTER, "closed: no room for unfinished messages")   \
	X(CLOSED_NOT_SIP,  "tp_closed_not_sip_total",         COUNTER, "closed: not SIP")                           \
	X(TLS_PENDING,     "tp_tls_pending",                  GAUGE,   "TLS handshakes under way")                  \
	X(TLS_DONE,        "tp_tls_handshakes_total",         COUNTER, "TLS handshakes done")                       \
	X(TLS_RESUMED,     "tp_tls_resumed_total",            COUNTER, "of these by a session ticket")              \
	X(TLS_FAILED,      "tp_tls_failed_total",             COUNTER, "TLS handshakes failed")                     \
	X(TLS_NAME,        "tp_tls_name_total",               COUNTER, "servers whose certificate names another domain") \
	X(TLS_METERED,     "tp_tls_metered_total",            COUNTER, "TLS handshakes refused: over the limit")    \
	X(LETTERS_LOST,    "tp_letters_lost_total",           COUNTER, "messages lost between workers")             \
	X(DNS_QUERIES,     "dns_queries_total",               COUNTER, "questions sent to name servers")            \
	X(DNS_HITS,        "dns_cache_hits_total",            COUNTER, "look-ups answered by the cache")            \
	X(DNS_STALE,       "dns_stale_total",                 COUNTER, "look-ups answered by what had expired")     \
	X(DNS_FAILED,      "dns_failed_total",                COUNTER, "look-ups without an answer")                \
	X(DNS_BAD,         "dns_bad_answers_total",           COUNTER, "answers that were malformed or beyond limits") \
	X(DNS_REFUSED,     "dns_refused_total",               COUNTER, "look-ups refused: too many under way")
/* clang-format on */

enum tp_stat {
#define TP_STAT_ID(sym, name, kind, help) TP_STAT_##sym,
	TP_STATS_TABLE(TP_STAT_ID)
#undef TP_STAT_ID
		TP_STATS
};

extern const struct stats_desc tp_stats_desc[TP_STATS];

#endif
