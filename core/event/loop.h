/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop: one thread's event loop: descriptors to watch, a wheel of timers, things to do at the end of a turn, signals. The only
 * room that sees libevent. Nothing here blocks but loop_run; nothing is shared between threads but loop_wake and loop_stop.
 *
 * A turn: wait (epoll), callbacks of descriptors, timers that are due, then the `turn` hooks (batched sending). After a turn that
 * did something, the loop lets up to `gather_us` pass since it woke before it waits again, so that one wake-up serves the
 * messages that came meanwhile: a wake-up costs more than the I/O of a message.
 */
#ifndef MG_EVENT_LOOP_H
#define MG_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/wheel.h"

struct loop;

struct loop_options {
	const char *name;     /* for logs: "worker 0" */
	uint32_t gather_us;   /* 0: wake for each event */
	uint32_t slow_ms;     /* a callback longer than this is told to `slow`; 0: none is */
	void (*slow)(void *arg, const char *where, uint64_t took_us);
	void *arg;
};

/* Make a loop for the calling thread's use. Returns NULL without memory or descriptors. */
MG_MUST_CHECK struct loop *loop_new(const struct loop_options *o);

/* Free it; NULL is fine. Watches and timers must have been stopped. */
void loop_free(struct loop *loop);

/* Run turns until loop_stop. Returns 0, or a negative error when the kernel refuses to wait. */
MG_MUST_CHECK int loop_run(struct loop *loop);

/* Run what is ready now and return: for tests. Waits at most `wait_ms`. */
MG_MUST_CHECK int loop_turn(struct loop *loop, uint32_t wait_ms);

/* End loop_run after the current turn. Any thread, also a signal handler's. */
void loop_stop(struct loop *loop);

/* The time of this turn: read once when the loop wakes and once after its callbacks. Milliseconds and microseconds of
 * CLOCK_BOOTTIME, which goes on while the machine sleeps and never back. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop);

/* The time right now, in the same clock, for measuring. */
uint64_t loop_clock_us(void);

/* The loop's timers; add and delete with wheel_add and wheel_del. */
struct wheel *loop_wheel(struct loop *loop);

/* Let a new gathering time count from the next turn on. */
void loop_set_gather(struct loop *loop, uint32_t gather_us);

/* ---- descriptors ---- */

enum loop_event { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_watch;
typedef void loop_fn(struct loop_watch *watch, unsigned events);

/* Embedded in its owner, who stops it before the object and the descriptor go. Fields are the loop's own. */
struct loop_watch {
	struct loop *loop;
	struct event *ev;
	loop_fn *fn;
	const char *where; /* constant text for the report of slow callbacks: "transport udp" */
	int fd;
	unsigned events;
};

/* Watch `fd` (level triggered) for `events`, which may be 0 for now. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events,
			     loop_fn *fn, const char *where);

/* Change what is waited for. Returns 0 or MG_ENOMEM; asking for what is watched already costs nothing. */
MG_MUST_CHECK int loop_watch_set(struct loop_watch *watch, unsigned events);

/* Stop; may be called twice, and from within the callback. The descriptor stays open. A zeroed watch counts as stopped. */
void loop_unwatch(struct loop_watch *watch);

/* ---- the end of a turn ---- */

struct loop_hook {
	struct list link;
	void (*fn)(struct loop_hook *hook);
};

/* Call `hook->fn` at the end of every turn that did something, in the order of adding. The owner removes it. */
void loop_at_turn(struct loop *loop, struct loop_hook *hook);
void loop_hook_remove(struct loop_hook *hook);

/* ---- wake-ups from other threads ---- */

struct loop_waker;

/* Make something other threads can wake this loop by: `fn(arg)` then runs in the loop's thread. Wakes that come before it ran
 * are one. Returns NULL without memory or descriptors. */
MG_MUST_CHECK struct loop_waker *loop_waker_new(struct loop *loop, void (*fn)(void *arg), void *arg,
						const char *where);
void loop_waker_free(struct loop_waker *waker);

/* Wake it: one write to an eventfd, none when a wake is on its way already. Any thread. */
void loop_wake(struct loop_waker *waker);

/* ---- signals ---- */

/* Call `fn(arg, signo)` in this loop when the process gets a signal; for the main thread's loop. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int loop_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo),
			      void *arg);

/* ---- what a watchdog reads ---- */

/* Since when (microseconds of the same clock) a callback has been running, 0 when the loop waits; `where` says which. Any thread. */
uint64_t loop_busy_since_us(const struct loop *loop, const char **where);

/* The longest callback so far, in microseconds, and start again from 0. Any thread. */
uint64_t loop_longest_us(struct loop *loop);

/* Turns and microseconds spent outside of waiting, since the begin. Any thread. */
uint64_t loop_turns(const struct loop *loop);
uint64_t loop_busy_us(const struct loop *loop);

#endif
