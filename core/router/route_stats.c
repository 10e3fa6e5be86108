/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route_stats: the names of the proxy core's counters.
 */
#include "router/route_stats.h"

const struct stats_desc route_stats_desc[ROUTE_STATS] = {
#define ROUTE_STAT_ROW(sym, name_, kind_, help_) \
	[ROUTE_STAT_##sym] = {.name = (name_), .help = (help_), .kind = STATS_##kind_},
	ROUTE_STATS_TABLE(ROUTE_STAT_ROW)};
