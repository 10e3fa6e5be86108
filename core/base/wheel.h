/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * wheel: the timers of one worker, a hierarchical wheel of 10 ms ticks. It is told the time and
 * never asks for it, so a test runs 64*T1 in a microsecond. Timers are fields of objects: setting
 * and stopping them allocates nothing and takes constant time. Called by the event loop and by
 * whatever waits.
 */
#ifndef MG_BASE_WHEEL_H
#define MG_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container_of.h"
#include "base/list.h"

#define WHEEL_TICK_MS 10
#define WHEEL_LEVELS  3
#define WHEEL_SLOTS   256 /* per level: 10 ms, 2.56 s and 655 s wide; 46 h in all */

/* No timer is set. */
#define WHEEL_NEVER UINT64_MAX

struct wheel_timer;

/* What a timer does when due. It is no longer set then, and may be set again, or freed. */
typedef void wheel_fn(struct wheel_timer *t, uint64_t now_ms);

/* Embedded in the object. It holds no reference: the owner stops it before the object goes. */
struct wheel_timer {
	struct list link;
	uint64_t due_tick;
	wheel_fn *fire;
	uint32_t slot; /* the one it is, or was last, linked in */
};

/* Embedded in its owner, some 12 KiB; one owner thread. Fields are the wheel's own. */
struct wheel {
	uint64_t tick;   /* everything due up to here has fired */
	uint64_t target; /* the tick that the running wheel_run goes to, else `tick` */
	size_t count;
	struct list slots[WHEEL_LEVELS * WHEEL_SLOTS];
	uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per slot that is not empty */
};

/* Begin without timers at `now_ms`, milliseconds of a clock that does not go back. */
void wheel_init(struct wheel *w, uint64_t now_ms);

/* Prepare a timer, not set. */
void wheel_timer_init(struct wheel_timer *t, wheel_fn *fire);

/* Set the timer, or set it anew, to fire at `due_ms` of the same clock: never before, at most a
 * tick and the loop's own delay after. What is due already fires with the next wheel_run; what a
 * callback sets never fires within the wheel_run that called it.
 */
void wheel_add(struct wheel *w, struct wheel_timer *t, uint64_t due_ms);

/* Stop the timer; does nothing when it is not set. Any timer, from any callback. */
void wheel_del(struct wheel *w, struct wheel_timer *t);

/* The timer is set and has not fired. */
static inline bool wheel_is_set(const struct wheel_timer *t)
{
	return !list_empty(&t->link);
}

/* Timers that are set. */
static inline size_t wheel_count(const struct wheel *w)
{
	return w->count;
}

/* Fire everything due at `now_ms`, in order of their ticks. The cost depends on the timers that fire
 * or change level, not on the time passed. A clock that has gone back does nothing. Not to be
 * called from a callback.
 *
 * Timers beyond 2.56 s change level when their slot comes up: all those of 2.56 s at once, and
 * beyond 655 s all those of 655 s, at some tens of nanoseconds each.
 */
void wheel_run(struct wheel *w, uint64_t now_ms);

/* When wheel_run next has something to do: a timer is due, or a slot of a higher level comes up, so
 * a loop that sleeps until then may find nothing to fire but is never late.
 *
 * Returns    milliseconds of the same clock, WHEEL_NEVER when no timer is set.
 */
uint64_t wheel_next_ms(const struct wheel *w);

#endif
