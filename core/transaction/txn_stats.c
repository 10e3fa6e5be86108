/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * txn_stats: the names of the transactions' counters. Counting is done where things happen.
 */
#include "transaction/txn_stats.h"

const struct stats_desc txn_stats_desc[TXN_STATS] = {
#define TXN_STAT_ROW(sym, name_, kind_, help_) \
	[TXN_STAT_##sym] = {.name = (name_), .help = (help_), .kind = STATS_##kind_},
	TXN_STATS_TABLE(TXN_STAT_ROW)
#undef TXN_STAT_ROW
};
