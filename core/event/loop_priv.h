/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop_priv: what the files of this room share: the loop itself, wake-ups by eventfd, and the marks
 * around callbacks.
 */
#ifndef MG_EVENT_LOOP_PRIV_H
#define MG_EVENT_LOOP_PRIV_H

#include <event2/event.h>
#include <stdatomic.h>

#include "event/gather.h"
#include "event/loop.h"

/* A flag and an eventfd that make a thread leave its wait. The descriptor is watched edge triggered
 * and never read: each write is an edge of its own, and the counter would take 2^64 of them.
 */
struct wake {
	int fd;
	atomic_bool pending; /* posted, and not taken yet */
};

/* Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int wake_init(struct wake *w);
void wake_done(struct wake *w);

/* From any thread or signal handler: writes unless a wake is pending. */
void wake_post(struct wake *w);

/* In the receiver's thread, when its callback begins and before it looks at anything: what was
 * written before a wake_post that found the flag set is seen from here on, what comes later writes
 * to the eventfd anew.
 */
void wake_take(struct wake *w);

struct loop {
	struct event_base *base;
	struct event *spare; /* what loop_watch_set makes the next state of a watch in */
	struct event *limit; /* of how long loop_turn waits */
	struct loop_options o;
	struct wheel wheel;
	struct list hooks;
	struct list place;      /* in either, while its hooks run: behind the one that runs */
	struct list last_hooks; /* this room's own, called when all others were */
	struct list signals;

	uint64_t at_us;    /* the clock as last read */
	uint64_t woke_us;  /* when this turn, or the last one, began */
	uint64_t slept_us; /* when gathering ended, 0: there was none since the last turn */
	uint32_t crowd;    /* of CROWD_FULL: how often more came soon, lately */
	struct gather gather;
	unsigned foreign;  /* users of libevent's own events: turns may be theirs */
	bool in_turn;      /* callbacks run: hooks will follow */
	int timer_fd;      /* CLOCK_BOOTTIME, expires when the wheel next has something */
	uint64_t armed_ms; /* for when it is set, WHEEL_NEVER: it is not */
	struct loop_watch timer;
	struct wake stop_wake;
	struct loop_watch stop;

	atomic_bool stopping;
	_Atomic uint32_t gather_us;
	_Atomic uint64_t busy_since_us;
	_Atomic(const char *) busy_where;
	_Atomic uint64_t longest_us;
	_Atomic uint64_t turns;
	_Atomic uint64_t busy_us;
};

/* Around everything that runs code of others: reads the clock, checks how long it took. */
void loop_enter(struct loop *loop, const char *where);
void loop_leave(struct loop *loop, const char *where);

/* As loop_watch for reading, edge triggered: for descriptors that are never read. */
MG_MUST_CHECK int loop_watch_edge(struct loop *loop, struct loop_watch *watch, int fd, loop_fn *fn,
				  const char *where);

/* As loop_at_turn, behind all hooks of that. */
void loop_at_turn_last(struct loop *loop, struct loop_hook *hook);

/* Part of loop_free. */
void loop_signals_free(struct loop *loop);

#endif
