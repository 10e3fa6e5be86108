/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * full: what has no more room says so in the log, once and then one line in ten seconds with the number of what was refused. Reads counters only; refusing
 * is done where the tables are. Called by the first worker once a second, for all of them.
 */
#ifndef MG_DAEMON_FULL_H
#define MG_DAEMON_FULL_H

#include "base/log.h"
#include "base/stats.h"

/* One kind of refusal: the first three are the owner's, the rest begins as zeros. */
struct full {
	const char *event; /* "table_full" */
	const char *table; /* its name; NULL: the event says it all */
	uint64_t max;      /* what it holds; 0: not told */
	uint64_t told;     /* refusals that lines have told of */
	struct log_limit limit;
};

/* Say it if there are more than were told. `refused` is the counter's sum; `why` may be NULL. Returns whether a line was written. */
bool full_say(struct full *full, uint64_t refused, const char *why, uint64_t now_ms);

#endif
