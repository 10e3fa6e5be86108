/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * zones: numbers of zones by name. One that a configuration has is never another's; one that none has any more is left to its name for a while. Called by the main
 * thread, which makes configurations, and given back by whichever thread ends the last one.
 */
#include "daemon/zones.h"

#include <stdbool.h>
#include <string.h>

static bool is_free(struct zone_numbers *zones, unsigned i, uint64_t now_ms)
{
	return atomic_load_explicit(&zones->at[i].users, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&zones->at[i].kept_ms, memory_order_relaxed) <= now_ms;
}

int zone_number_take(struct zone_numbers *zones, const char *name, uint64_t now_ms)
{
	int number = MG_ELIMIT;

	for (unsigned i = TP_ZONE_NUMBERS; i-- > 0;) {
		if (strncmp(zones->at[i].name, name, ZONE_NAME_MAX) == 0) {
			number = (int)i;
			break;
		}
		if (is_free(zones, i, now_ms))
			number = (int)i;
	}
	if (number < 0 || strlen(name) >= ZONE_NAME_MAX)
		return MG_ELIMIT;
	memcpy(zones->at[number].name, name, strlen(name) + 1);
	atomic_fetch_add_explicit(&zones->at[number].users, 1, memory_order_relaxed);
	return number;
}

void zone_number_give(struct zone_numbers *zones, uint16_t number, uint64_t until_ms)
{
	uint64_t kept = atomic_load_explicit(&zones->at[number].kept_ms, memory_order_relaxed);

	while (kept < until_ms &&
	       !atomic_compare_exchange_weak_explicit(&zones->at[number].kept_ms, &kept, until_ms,
						      memory_order_relaxed, memory_order_relaxed))
		;
	atomic_fetch_sub_explicit(&zones->at[number].users, 1, memory_order_release);
}
