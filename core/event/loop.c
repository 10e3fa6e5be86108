/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop: the turns of a loop: waiting, the clock, timers, hooks, gathering, and the figures about
 * them. Not the descriptors (loop_watch.c) nor what comes from outside the thread (loop_wake.c).
 * Called by the thread that owns the loop.
 */
#include "event/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "event/loop_priv.h"

#define SLACK_NS 1000 /* the kernel's 50 us would be a quarter of what a loop gathers */

/* A running mean, in steps of 1/32, of whether more came within the time to gather, and from where
 * on it may be slept for. With events at a rate r, sleeping g behind each turn makes 1 + e^rg wake-ups
 * for 1 + rg e^rg events, most of them by the clock, which cost twice as much as one by an event or
 * more: it can save where rg > 2, and costs where events are rare. At rg = 2 the mean is 1 - e^-2.
 * Whether it does save on this machine is measured (gather.h).
 */
#define CROWD_FULL 4096
#define CROWD_MANY (CROWD_FULL * 86 / 100)

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* libevent says on standard error what its functions return as well. */
static void say_nothing(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static void begin(void)
{
	event_set_log_callback(say_nothing);
	(void)signal(SIGPIPE, SIG_IGN);
}

uint64_t loop_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- making one ---- */

/* Whether `n` more can be had. libevent ends the process when it gets none for its signals. */
static bool descriptors_left(int n)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	bool left = fd >= 0 && (n == 1 || descriptors_left(n - 1));

	if (fd >= 0)
		close(fd);
	return left;
}

/* No locks: other threads reach a loop by eventfd only. Nothing from the environment. Not
 * EPOLL_USE_CHANGELIST: it tells the kernel of a removal when the loop waits next, when the owner has
 * closed the descriptor; the warden's copy of a listener then keeps it in the epoll set for ever.
 */
static struct event_base *base_new(void)
{
	struct event_config *config;
	struct event_base *base = NULL;

	if (!descriptors_left(3) || !(config = event_config_new())) /* epoll, two ends of a pipe */
		return NULL;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
						  EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
	    event_config_require_features(config, EV_FEATURE_ET) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void timer_expired(struct loop_watch *watch, unsigned events)
{
	(void)events;
	watch->loop->armed_ms = WHEEL_NEVER; /* the wheel runs at the end of this turn */
}

static void stop_asked(struct loop_watch *watch, unsigned events)
{
	(void)events;
	wake_take(&watch->loop->stop_wake);
}

static bool set_up(struct loop *loop)
{
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return loop->timer_fd >= 0 && wake_init(&loop->stop_wake) == 0 &&
	       (loop->base = base_new()) &&
	       (loop->spare = event_new(loop->base, -1, 0, nothing, NULL)) &&
	       (loop->limit = evtimer_new(loop->base, nothing, NULL)) &&
	       loop_watch_edge(loop, &loop->timer, loop->timer_fd, timer_expired, "timer") == 0 &&
	       loop_watch_edge(loop, &loop->stop, loop->stop_wake.fd, stop_asked, "stop") == 0;
}

struct loop *loop_new(const struct loop_options *o)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	pthread_once(&once, begin);
	if (!loop)
		return NULL;
	loop->o = *o;
	loop->stop_wake.fd = -1;
	loop->armed_ms = WHEEL_NEVER;
	loop->at_us = loop_clock_us();
	wheel_init(&loop->wheel, loop->at_us / 1000);
	gather_init(&loop->gather, loop->at_us);
	list_init(&loop->hooks);
	list_init(&loop->last_hooks);
	list_init(&loop->signals);
	atomic_init(&loop->gather_us, o->gather_us);
	atomic_init(&loop->busy_where, "");
	if (!set_up(loop)) {
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_signals_free(loop);
	loop_unwatch(&loop->stop);
	loop_unwatch(&loop->timer);
	if (loop->limit)
		event_free(loop->limit);
	if (loop->spare)
		event_free(loop->spare);
	if (loop->base)
		event_base_free(loop->base);
	wake_done(&loop->stop_wake);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	free(loop);
}

const char *loop_name(const struct loop *loop)
{
	return loop->o.name;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->at_us / 1000;
}

uint64_t loop_now_us(const struct loop *loop)
{
	return loop->at_us;
}

struct wheel *loop_wheel(struct loop *loop)
{
	return &loop->wheel;
}

/* ---- around callbacks ---- */

/* Whether what ended this wait came within the time to gather, slept for or not. Behind a sleep it is
 * there at once then; a quarter of the time allows for caches that have gone cold.
 */
static bool came_soon(const struct loop *loop, uint64_t now)
{
	uint32_t gather_us = atomic_load_explicit(&loop->gather_us, memory_order_relaxed);

	if (loop->slept_us)
		return now - loop->slept_us <= gather_us / 4;
	return now - loop->woke_us <= gather_us;
}

/* The loop has left its wait. */
static void wake_up(struct loop *loop)
{
	uint64_t now = loop_clock_us();

	loop->crowd -= loop->crowd / 32;
	if (came_soon(loop, now))
		loop->crowd += CROWD_FULL / 32;
	loop->slept_us = 0;
	loop->at_us = loop->woke_us = now;
	loop->in_turn = true;
}

void loop_enter(struct loop *loop, const char *where)
{
	if (!loop->in_turn)
		wake_up(loop);
	atomic_store_explicit(&loop->busy_where, where, memory_order_relaxed);
	atomic_store_explicit(&loop->busy_since_us, loop->at_us, memory_order_relaxed);
}

void loop_leave(struct loop *loop, const char *where)
{
	uint64_t now = loop_clock_us(), took = now - loop->at_us;

	loop->at_us = now;
	if (took > atomic_load_explicit(&loop->longest_us, memory_order_relaxed))
		atomic_store_explicit(&loop->longest_us, took, memory_order_relaxed);
	if (loop->o.slow_ms && loop->o.slow && took > (uint64_t)loop->o.slow_ms * 1000)
		loop->o.slow(loop->o.arg, where, took);
}

/* ---- the end of a turn ---- */

void loop_at_turn(struct loop *loop, struct loop_hook *hook)
{
	list_append(&loop->hooks, &hook->link);
}

void loop_at_turn_last(struct loop *loop, struct loop_hook *hook)
{
	list_append(&loop->last_hooks, &hook->link);
}

void loop_hook_remove(struct loop_hook *hook)
{
	list_remove(&hook->link);
}

/* `place`, a link of ours in the list, keeps the place, whatever hooks are removed or added meanwhile. */
static void run_hooks(struct list *hooks, struct list *place)
{
	list_push(hooks, place);
	while (place->next != hooks) {
		struct list *link = place->next;
		struct loop_hook *hook = container_of(link, struct loop_hook, link);

		list_remove(place);
		list_insert(link, place);
		hook->fn(hook);
	}
	list_remove(place);
}

static void run_timers(struct loop *loop)
{
	uint64_t now = loop->at_us / 1000;

	if (wheel_next_ms(&loop->wheel) > now) {
		wheel_run(&loop->wheel, now); /* fires nothing, and keeps up with the time */
		return;
	}
	loop_enter(loop, "timers");
	wheel_run(&loop->wheel, now);
	loop_leave(loop, "timers");
}

static void add_relaxed(_Atomic uint64_t *sum, uint64_t n)
{
	uint64_t v = atomic_load_explicit(sum, memory_order_relaxed);

	atomic_store_explicit(sum, v + n, memory_order_relaxed); /* one thread writes */
}

static void finish_turn(struct loop *loop)
{
	run_timers(loop);
	if (!list_empty(&loop->hooks) || !list_empty(&loop->last_hooks)) {
		loop_enter(loop, "end of turn");
		run_hooks(&loop->hooks, &loop->place);
		run_hooks(&loop->last_hooks, &loop->place);
		loop_leave(loop, "end of turn");
	}
	loop->in_turn = false;
	atomic_store_explicit(&loop->busy_since_us, 0, memory_order_relaxed);
	add_relaxed(&loop->busy_us, loop->at_us - loop->woke_us);
	add_relaxed(&loop->turns, 1);
}

/* ---- turns ---- */

/* Have the timer expire no later than the wheel wants to run. Where it is set too early already it
 * stays: its one useless wake-up costs less than setting it anew whenever a timer is stopped.
 */
static void arm(struct loop *loop)
{
	uint64_t next = wheel_next_ms(&loop->wheel);
	struct itimerspec at = {.it_value = {.tv_sec = (time_t)(next / 1000),
					     .tv_nsec = (long)(next % 1000) * 1000000}};

	if (next >= loop->armed_ms)
		return;
	loop->armed_ms = next;
	(void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* libevent runs callbacks that are no watch's, or a timer came due while nothing else did. */
static bool unseen(const struct loop *loop)
{
	return loop->foreign || wheel_next_ms(&loop->wheel) <= loop_clock_us() / 1000;
}

static int turn(struct loop *loop, int flags)
{
	arm(loop);
	errno = 0;
	if (event_base_loop(loop->base, flags | EVLOOP_ONCE) < 0)
		return errno ? -errno : MG_EINVAL;
	if (!loop->in_turn && unseen(loop))
		wake_up(loop);
	if (loop->in_turn)
		finish_turn(loop);
	return 0;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Sleep for what is left of the time to gather, but not past the next timer. The wait that follows
 * returns at once when something has come.
 */
static void gather(struct loop *loop)
{
	uint64_t until, next;
	struct timespec at;

	if (loop->crowd < CROWD_MANY)
		return;
	if (gather_due(&loop->gather, loop->at_us))
		gather_step(&loop->gather, loop->at_us, thread_cpu_ns());
	if (!loop->gather.on)
		return;
	until = loop->woke_us + atomic_load_explicit(&loop->gather_us, memory_order_relaxed);
	next = wheel_next_ms(&loop->wheel);
	if (next < until / 1000)
		until = next * 1000;
	if (until <= loop->at_us)
		return;
	at.tv_sec = (time_t)(until / 1000000);
	at.tv_nsec = (long)(until % 1000000) * 1000;
	(void)clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL); /* or until a signal */
	loop->slept_us = loop_clock_us();
}

int loop_run(struct loop *loop)
{
	int err = 0;

	(void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
	while (!atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
		gather(loop);
		if ((err = turn(loop, 0)))
			break;
	}
	atomic_store_explicit(&loop->stopping, false, memory_order_relaxed);
	return err;
}

int loop_turn(struct loop *loop, uint32_t wait_ms)
{
	const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000L};
	int err;

	if (!wait_ms)
		return turn(loop, EVLOOP_NONBLOCK);
	if (evtimer_add(loop->limit, &wait) < 0)
		return MG_ENOMEM;
	err = turn(loop, 0);
	evtimer_del(loop->limit);
	return err;
}

void loop_set_gather(struct loop *loop, uint32_t gather_us)
{
	atomic_store_explicit(&loop->gather_us, gather_us, memory_order_relaxed);
}

/* ---- what a watchdog reads ---- */

uint64_t loop_busy_since_us(const struct loop *loop, const char **where)
{
	uint64_t since = atomic_load_explicit(&loop->busy_since_us, memory_order_relaxed);

	*where = since ? atomic_load_explicit(&loop->busy_where, memory_order_relaxed) : "";
	return since;
}

uint64_t loop_longest_us(struct loop *loop)
{
	return atomic_exchange_explicit(&loop->longest_us, 0, memory_order_relaxed);
}

uint64_t loop_turns(const struct loop *loop)
{
	return atomic_load_explicit(&loop->turns, memory_order_relaxed);
}

uint64_t loop_busy_us(const struct loop *loop)
{
	return atomic_load_explicit(&loop->busy_us, memory_order_relaxed);
}
