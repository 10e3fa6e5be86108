/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp_stats: the names of the transport's counters. Counting is done where things happen.
 */
#include "transport/tp_stats.h"

const struct stats_desc tp_stats_desc[TP_STATS] = {
#define TP_STAT_ROW(sym, name_, kind_, help_) \
	[TP_STAT_##sym] = {.name = (name_), .help = (help_), .kind = STATS_##kind_},
	TP_STATS_TABLE(TP_STAT_ROW)};
