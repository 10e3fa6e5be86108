/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop: one thread's event loop: descriptors to watch, a wheel of timers, things to do at the end of
 * a turn, signals. The only room that sees libevent. Nothing here blocks but loop_run; nothing is
 * shared between threads but what says "any thread". Called by whatever has a descriptor or a timer.
 *
 * A turn: wait (epoll), callbacks of descriptors, timers that are due, then the hooks (batched
 * sending). Where more than about two wake-ups would come within `gather_us`, the loop lets that time
 * pass since it woke before it waits again, so that one wake-up serves the messages that came
 * meanwhile: a wake-up costs more than the I/O of a message. No timer is made late by it, and where
 * messages are rarer, or trials show that it saves no CPU time here, nothing is delayed.
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
	const char *name;   /* constant text for logs: "worker 0" */
	uint32_t gather_us; /* 0: wake for each event */
	uint32_t slow_ms;   /* a callback that takes longer is told to `slow`; 0: none is */
	void (*slow)(void *arg, const char *where, uint64_t took_us); /* in the loop's thread */
	void *arg;
};

/* Make a loop, for one thread's use. The first one makes the process ignore SIGPIPE: a peer that
 * closes is an error of the write that meets it, nothing else.
 *
 * Returns    NULL without memory or descriptors.
 */
MG_MUST_CHECK struct loop *loop_new(const struct loop_options *o);

/* Free it; NULL is fine. Watches, hooks, wakers and timers must have been stopped before. */
void loop_free(struct loop *loop);

/* What loop_options called it. */
const char *loop_name(const struct loop *loop);

/* Run turns until loop_stop, which also counts when it came before. The calling thread gets a timer
 * slack of a microsecond. Not from within a callback.
 *
 * Returns    0, or a negative errno value when the kernel refuses to wait.
 */
MG_MUST_CHECK int loop_run(struct loop *loop);

/* Run what is ready now and return: for tests. Waits at most `wait_ms` for something; never gathers.
 *
 * Returns    as loop_run, and MG_ENOMEM.
 */
MG_MUST_CHECK int loop_turn(struct loop *loop, uint32_t wait_ms);

/* End loop_run after the current turn. Any thread, and a signal handler. */
void loop_stop(struct loop *loop);

/* The time: read when the loop wakes and again after each callback, so it stands still within one.
 * Milliseconds and microseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps and never
 * back.
 */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop);

/* The time right now, in the same clock, for measuring. */
uint64_t loop_clock_us(void);

/* The loop's timers; add and delete with wheel_add and wheel_del. */
struct wheel *loop_wheel(struct loop *loop);

/* Let a new gathering time count from the next turn on. Any thread. */
void loop_set_gather(struct loop *loop, uint32_t gather_us);

/* ---- descriptors ---- */

enum loop_event { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_watch;

/* What `events` are there. An error or hang-up of the descriptor shows as both of those that are
 * watched: reading or writing tells. The watch may be stopped and freed from within.
 */
typedef void loop_fn(struct loop_watch *watch, unsigned events);

/* Embedded in its owner, who stops it before the object and the descriptor go. Fields are the loop's
 * own.
 */
struct loop_watch {
	struct loop *loop;
	struct event *ev;
	loop_fn *fn;
	const char *where; /* constant text for the report of slow callbacks: "transport udp" */
	int fd;
	unsigned events;
};

/* Watch `fd` (level triggered) for `events`, which may be 0 for now: then an error or hang-up is not
 * told either.
 *
 * Returns    0, or MG_ENOMEM: no memory, or the kernel does not watch this descriptor; the watch
 *            counts as stopped then.
 */
MG_MUST_CHECK int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events,
			     loop_fn *fn, const char *where);

/* Change what is waited for; asking for what is watched already costs nothing.
 *
 * Returns    0, or MG_ENOMEM with what was watched unchanged.
 */
MG_MUST_CHECK int loop_watch_set(struct loop_watch *watch, unsigned events);

/* Stop; may be called twice, and from within any callback of the loop. The descriptor stays open. A
 * zeroed watch counts as stopped.
 */
void loop_unwatch(struct loop_watch *watch);

/* ---- the end of a turn ---- */

struct loop_hook {
	struct list link;
	void (*fn)(struct loop_hook *hook);
};

/* Call `hook->fn` at the end of every turn that did something, in the order of adding; one that is
 * added by a hook is called in the same turn. The owner removes it.
 */
void loop_at_turn(struct loop *loop, struct loop_hook *hook);

/* Any hook, also from within hooks; may be called twice. */
void loop_hook_remove(struct loop_hook *hook);

/* ---- wake-ups from other threads ---- */

struct loop_waker;

/* Make something other threads can wake this loop by: `fn(arg)` then runs in the loop's thread.
 * Wakes that come before it ran are one. What a thread wrote before it woke, `fn` sees.
 *
 * where      Constant text, as in a watch.
 * Returns    NULL without memory or descriptors.
 */
MG_MUST_CHECK struct loop_waker *loop_waker_new(struct loop *loop, void (*fn)(void *arg), void *arg,
						const char *where);

/* Free it, in the loop's thread (also from `fn`) and when no other thread can wake it any more; NULL
 * is fine.
 */
void loop_waker_free(struct loop_waker *waker);

/* Wake it: one write to an eventfd, none when a wake is on its way already. Any thread, and a signal
 * handler.
 */
void loop_wake(struct loop_waker *waker);

/* ---- signals ---- */

/* Call `fn(arg, signo)` in this loop when the process gets a signal, until the loop is freed. For
 * one loop of the process, the main thread's. Returns 0 or MG_ENOMEM.
 */
MG_MUST_CHECK int loop_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo),
			      void *arg);

/* ---- what a watchdog reads ---- */

/* Since when (microseconds of the same clock) a callback has been running, 0 when the loop waits.
 * Any thread.
 *
 * where      Set to which it is, "" when none is. The two are not read at once: while callbacks
 *            change quickly it may be the one after or before.
 */
uint64_t loop_busy_since_us(const struct loop *loop, const char **where);

/* The longest callback so far, in microseconds, and start again from 0. Any thread. */
uint64_t loop_longest_us(struct loop *loop);

/* Turns that did something, and microseconds spent outside of waiting and gathering, since the
 * begin. Any thread.
 */
uint64_t loop_turns(const struct loop *loop);
uint64_t loop_busy_us(const struct loop *loop);

#endif
