/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * zones: the numbers of zones, the same over all configurations of a process: what a message, a listener or a call was given goes on to mean the same zone when a reload
 * puts zones in another order, takes one away or brings one. Not what a zone is. Called by running.c.
 */
#ifndef MG_DAEMON_ZONES_H
#define MG_DAEMON_ZONES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "transport/listener.h"

#define ZONE_NAME_MAX 64 /* with its NUL; settings_tables.c has one less */

/* Zeroed at first. */
struct zone_numbers {
	struct {
		char name[ZONE_NAME_MAX];     /* last one of that number; "": none yet */
		atomic_uint users;            /* configurations that have it */
		atomic_uint_fast64_t kept_ms; /* nobody else's before, though it has no user */
	} at[TP_ZONE_NUMBERS];
};

/* The number of a zone, for one configuration more: that which its name has or last had, else the lowest that is free. One thread, the same at each call.
 *
 * now_ms     Of the clock that zone_number_give has.
 * Returns    The number, below TP_ZONE_NUMBERS, or MG_ELIMIT when none is free.
 */
MG_MUST_CHECK int zone_number_take(struct zone_numbers *zones, const char *name, uint64_t now_ms);

/* A configuration has ended. What began by it may name the zone until `until_ms`. Any thread. */
void zone_number_give(struct zone_numbers *zones, uint16_t number, uint64_t until_ms);

#endif
