/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * full: lines of log about tables that are full and work that is refused. Knows nothing of the tables. Called by worker.c.
 */
#include "daemon/full.h"

bool full_say(struct full *full, uint64_t refused, const char *why, uint64_t now_ms)
{
	struct log_line l;
	uint64_t ticks;

	if (refused == full->told || !log_limit_pass(&full->limit, now_ms, &ticks))
		return false;
	log_begin(&l, LOG_WARNING, "sip", full->event);
	if (full->table)
		log_str(&l, "table", full->table);
	if (full->max)
		log_u64(&l, "max", full->max);
	if (why)
		log_str(&l, "why", why);
	log_str(&l, "act", "refuse");
	log_u64(&l, "n", refused - full->told);
	log_end(&l);
	full->told = refused;
	return true;
}
