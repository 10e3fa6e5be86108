/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain_stats: the names of the chain's counters. Counting is done where things happen.
 */
#include "chain/chain_stats.h"

const struct stats_desc chain_stats_desc[CHAIN_STATS] = {
#define CHAIN_STAT_ROW(sym, name_, kind_, help_) \
	[CHAIN_STAT_##sym] = {.name = (name_), .help = (help_), .kind = STATS_##kind_},
	CHAIN_STATS_TABLE(CHAIN_STAT_ROW)
#undef CHAIN_STAT_ROW
};
