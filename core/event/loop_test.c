/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The loop's turns: timers, hooks, stopping, gathering, figures, and what it does without
 * descriptors. Times are bounded from the side that cannot be late: something lasts at least that
 * long, or far less than what would show the fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/loop.h"
#include "event/test_loop.h"

/* A pair of sockets; bytes written to `far` make `watch` fire. */
struct feed {
	struct loop_watch watch;
	int near, far;
	unsigned fired;
	unsigned again; /* callbacks that write the byte for another */
	struct loop *stop;
};

static void feed_byte(struct feed *feed)
{
	assert_int_equal(write(feed->far, "x", 1), 1);
}

static void feed_fires(struct loop_watch *watch, unsigned events)
{
	struct feed *feed = container_of(watch, struct feed, watch);
	char byte;

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(feed->near, &byte, 1), 1);
	feed->fired++;
	if (feed->again && feed->again--)
		feed_byte(feed);
	else if (feed->stop)
		loop_stop(feed->stop);
}

static void feed_open(struct feed *feed, struct loop *loop)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*feed = (struct feed){.near = fds[0], .far = fds[1]};
	assert_int_equal(loop_watch(loop, &feed->watch, feed->near, LOOP_READ, feed_fires, "feed"),
			 0);
}

static void feed_close(struct feed *feed)
{
	loop_unwatch(&feed->watch);
	close(feed->near);
	close(feed->far);
}

/* ---- timers ---- */

struct alarm_at {
	struct wheel_timer timer;
	uint64_t fired_ms;
	struct loop *stop;
};

static void alarm_fires(struct wheel_timer *timer, uint64_t now_ms)
{
	struct alarm_at *alarm = container_of(timer, struct alarm_at, timer);

	alarm->fired_ms = now_ms;
	if (alarm->stop)
		loop_stop(alarm->stop);
}

static void timers_fire_when_due(void **state)
{
	struct loop *loop = loop_plain();
	struct wheel *wheel = loop_wheel(loop);
	uint64_t start = loop_now_ms(loop);
	struct alarm_at first = {0}, second = {0}, never = {0};

	(void)state;
	wheel_timer_init(&first.timer, alarm_fires);
	wheel_timer_init(&second.timer, alarm_fires);
	wheel_timer_init(&never.timer, alarm_fires);
	second.stop = loop;
	wheel_add(wheel, &second.timer, start + 60); /* armed for this, then for an earlier one */
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(second.fired_ms, 0);
	wheel_add(wheel, &first.timer, start + 20);
	wheel_add(wheel, &never.timer, start + 40);
	wheel_del(wheel, &never.timer);

	assert_int_equal(loop_run(loop), 0);
	assert_in_range(first.fired_ms, start + 20, second.fired_ms - 1);
	assert_true(second.fired_ms >= start + 60);
	assert_int_equal(never.fired_ms, 0);
	assert_true(loop_now_ms(loop) >= second.fired_ms);
	assert_int_equal(loop_now_ms(loop), loop_now_us(loop) / 1000);
	loop_free(loop);
}

static void timers_fire_late_where_nothing_waits(void **state)
{
	struct loop *loop = loop_plain();
	struct alarm_at past = {0};

	(void)state;
	wheel_timer_init(&past.timer, alarm_fires);
	wheel_add(loop_wheel(loop), &past.timer, loop_now_ms(loop) + 1);
	usleep(25000);
	assert_int_equal(loop_turn(loop, 0), 0); /* does not wait, yet sees that it is due */
	assert_true(past.fired_ms > 0);
	assert_true(loop_turns(loop) > 0);
	loop_free(loop);
}

/* ---- hooks ---- */

struct noted_hook {
	struct loop_hook hook;
	char name;
	struct loop_hook *remove, *add;
	struct loop *loop;
};

static char noted[32];

static void note(struct loop_hook *hook)
{
	struct noted_hook *h = container_of(hook, struct noted_hook, hook);

	noted[strlen(noted)] = h->name;
	if (h->remove)
		loop_hook_remove(h->remove);
	if (h->add)
		loop_at_turn(h->loop, h->add);
	h->add = NULL;
}

static void hooks_end_a_turn_in_order(void **state)
{
	struct loop *loop = loop_plain();
	struct noted_hook h[5];
	struct feed feed;

	(void)state;
	feed_open(&feed, loop);
	for (unsigned i = 0; i < 5; i++) {
		h[i] = (struct noted_hook){{.fn = note}, (char)('a' + i), NULL, NULL, loop};
		if (i < 4)
			loop_at_turn(loop, &h[i].hook);
	}
	memset(noted, 0, sizeof(noted));
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_string_equal(noted, ""); /* nothing was done */

	feed_byte(&feed);
	assert_int_equal(loop_turn(loop, 1000), 0);
	assert_string_equal(noted, "abcd");

	h[0].remove = &h[0].hook; /* itself */
	h[1].remove = &h[2].hook; /* the next */
	h[3].remove = &h[1].hook; /* one that ran */
	h[3].add = &h[4].hook;
	memset(noted, 0, sizeof(noted));
	feed_byte(&feed);
	assert_int_equal(loop_turn(loop, 1000), 0);
	assert_string_equal(noted, "abde");

	memset(noted, 0, sizeof(noted));
	feed_byte(&feed);
	assert_int_equal(loop_turn(loop, 1000), 0);
	assert_string_equal(noted, "de");

	for (unsigned i = 0; i < 5; i++)
		loop_hook_remove(&h[i].hook);
	feed_close(&feed);
	loop_free(loop);
}

/* ---- stopping ---- */

static struct loop *to_stop;

static void stop_from_handler(int signo)
{
	int saved = errno;

	(void)signo;
	errno = EDOM;
	loop_stop(to_stop);
	if (errno != EDOM)
		abort();
	errno = saved;
}

static void stops_from_anywhere(void **state)
{
	struct loop *loop = loop_plain();
	struct sigaction action = {.sa_handler = stop_from_handler}, old;
	struct feed feed;

	(void)state;
	loop_stop(loop); /* before it runs */
	loop_stop(loop);
	assert_int_equal(loop_run(loop), 0);

	feed_open(&feed, loop); /* from a callback, once its turn is over */
	feed.stop = loop;
	feed_byte(&feed);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(feed.fired, 1);
	feed_close(&feed);

	to_stop = loop; /* from a signal handler, while it waits */
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(ualarm(20000, 0), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	loop_free(loop);
}

/* ---- figures ---- */

struct slow_world {
	struct loop *loop;
	char told[32];
	uint64_t told_us;
	uint64_t seen_since; /* by another thread, while the callback runs */
	const char *seen_where;
	unsigned naps;
};

static void told(void *arg, const char *where, uint64_t took_us)
{
	struct slow_world *w = arg;

	strncpy(w->told, where, sizeof(w->told) - 1);
	w->told_us = took_us;
}

static void *look(void *arg)
{
	struct slow_world *w = arg;

	w->seen_since = loop_busy_since_us(w->loop, &w->seen_where);
	return NULL;
}

static struct slow_world *napping;

static void nap(struct loop_watch *watch, unsigned events)
{
	pthread_t thread;
	char byte;

	(void)events;
	assert_int_equal(read(watch->fd, &byte, 1), 1);
	if (byte != 's')
		return;
	assert_int_equal(pthread_create(&thread, NULL, look, napping), 0);
	usleep(30000);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void slow_callbacks_are_told(void **state)
{
	struct slow_world w = {0};
	struct loop_options o = {.name = "slow one", .slow_ms = 20, .slow = told, .arg = &w};
	struct feed feed;
	const char *where;

	(void)state;
	assert_non_null(w.loop = loop_new(&o));
	assert_string_equal(loop_name(w.loop), "slow one");
	napping = &w;
	feed_open(&feed, w.loop);
	loop_unwatch(&feed.watch);
	assert_int_equal(loop_watch(w.loop, &feed.watch, feed.near, LOOP_READ, nap, "nap"), 0);

	assert_int_equal(write(feed.far, "q", 1), 1);
	assert_int_equal(loop_turn(w.loop, 1000), 0);
	assert_int_equal(loop_turns(w.loop), 1);
	(void)loop_longest_us(w.loop);

	assert_int_equal(write(feed.far, "s", 1), 1);
	assert_int_equal(loop_turn(w.loop, 1000), 0);
	assert_int_equal(loop_turns(w.loop), 2);
	assert_string_equal(w.told, "nap");
	assert_true(w.told_us >= 30000);
	assert_int_equal(loop_longest_us(w.loop), w.told_us);
	assert_int_equal(loop_longest_us(w.loop), 0);
	assert_true(loop_busy_us(w.loop) >= 30000);
	assert_true(w.seen_since > 0 && w.seen_since <= loop_now_us(w.loop) - 30000);
	assert_string_equal(w.seen_where, "nap");
	assert_int_equal(loop_busy_since_us(w.loop, &where), 0); /* not now */
	assert_string_equal(where, "");

	feed_close(&feed);
	loop_free(w.loop);
}

/* ---- gathering and waiting ---- */

/* How long `n` events take that follow each other at once. */
static uint64_t run_dense(struct loop *loop, unsigned n)
{
	uint64_t start = loop_clock_us();
	struct feed feed;

	feed_open(&feed, loop);
	feed.again = n - 1;
	feed.stop = loop;
	feed_byte(&feed);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(feed.fired, n);
	feed_close(&feed);
	return loop_clock_us() - start;
}

/* Behind the first some sixty each turn lasts as long as is gathered. */
static void gathers_where_events_are_dense(void **state)
{
	struct loop *loop = loop_new(&(struct loop_options){.name = "dense", .gather_us = 2000});

	(void)state;
	assert_non_null(loop);
	assert_true(run_dense(loop, 200) >= (uint64_t)(200 - 100) * 2000);
	loop_set_gather(loop, 0);
	(void)run_dense(loop, 100); /* forgets what it knew */
	usleep(5000);
	loop_set_gather(loop, 2000);
	assert_true(run_dense(loop, 200) >= (uint64_t)(200 - 100) * 2000);
	loop_free(loop);
}

static void gathering_leaves_timers_alone(void **state)
{
	struct loop *loop = loop_new(&(struct loop_options){.name = "t", .gather_us = 5000000});
	struct alarm_at alarm = {.stop = loop};
	uint64_t due = loop_now_ms(loop) + 50;
	struct feed feed;

	(void)state;
	assert_non_null(loop);
	feed_open(&feed, loop);
	wheel_timer_init(&alarm.timer, alarm_fires);
	wheel_add(loop_wheel(loop), &alarm.timer, due);
	feed.again = 1000; /* dense long before 50 ms are over, then it would sleep for 5 s */
	feed_byte(&feed);
	assert_int_equal(loop_run(loop), 0);
	assert_in_range(alarm.fired_ms, due, due + 2000);
	assert_true(loop_clock_us() / 1000 < due + 2000);
	assert_true(feed.fired >= 50 && feed.fired < 1000);
	feed_close(&feed);
	loop_free(loop);
}

/* A loop in a thread of its own, and how often that waited. */
struct idle {
	struct loop *loop;
	long switches;
};

static void *run_idle(void *arg)
{
	struct idle *idle = arg;
	struct rusage before, after;

	assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
	assert_int_equal(loop_run(idle->loop), 0);
	assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
	idle->switches = after.ru_nvcsw - before.ru_nvcsw;
	return NULL;
}

static void idle_means_asleep(void **state)
{
	struct idle idle = {
		.loop = loop_new(&(struct loop_options){.name = "idle", .gather_us = 200})};
	struct alarm_at far_off = {0};
	pthread_t thread;

	(void)state;
	assert_non_null(idle.loop);
	wheel_timer_init(&far_off.timer, alarm_fires);
	wheel_add(loop_wheel(idle.loop), &far_off.timer, loop_now_ms(idle.loop) + 2000);
	assert_int_equal(pthread_create(&thread, NULL, run_idle, &idle), 0);
	usleep(150000);
	loop_stop(idle.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_in_range(idle.switches, 0, 10);
	assert_in_range(loop_turns(idle.loop), 0, 1);
	wheel_del(loop_wheel(idle.loop), &far_off.timer);
	loop_free(idle.loop);
}

/* Events further apart than the time to gather are waited for once each, not slept behind. */
static void rare_events_are_not_slept_for(void **state)
{
	struct idle idle = {
		.loop = loop_new(&(struct loop_options){.name = "rare", .gather_us = 300})};
	struct feed feed;
	pthread_t thread;

	(void)state;
	assert_non_null(idle.loop);
	(void)run_dense(idle.loop, 100); /* it has to find out that they are no more */
	feed_open(&feed, idle.loop);
	assert_int_equal(pthread_create(&thread, NULL, run_idle, &idle), 0);
	for (unsigned i = 0; i < 200; i++) {
		usleep(1000);
		feed_byte(&feed);
	}
	usleep(1000);
	loop_stop(idle.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_in_range(feed.fired, 150, 200); /* the last may have met the stop */
	assert_in_range(idle.switches, 0, 230);
	feed_close(&feed);
	loop_free(idle.loop);
}

/* ---- making one ---- */

static void without_descriptors_there_is_none(void **state)
{
	unsigned before = descriptors_open(), refused = 0;
	struct loop *loop = NULL;
	struct rlimit all, few;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	for (few.rlim_cur = 3; !loop; few.rlim_cur++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		loop = loop_new(&(struct loop_options){.name = "few"});
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
		refused += !loop;
		assert_true(loop || descriptors_open() == before);
	}
	assert_true(refused >= 5);
	loop_free(loop);
	assert_int_equal(descriptors_open(), before);
	loop_free(NULL);
}

static void the_environment_has_no_say(void **state)
{
	struct loop *loop;

	(void)state;
	assert_int_equal(setenv("EVENT_NOEPOLL", "1", 1), 0);
	loop = loop_plain();
	assert_int_equal(unsetenv("EVENT_NOEPOLL"), 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_when_due),
		cmocka_unit_test(timers_fire_late_where_nothing_waits),
		cmocka_unit_test(hooks_end_a_turn_in_order),
		cmocka_unit_test(stops_from_anywhere),
		cmocka_unit_test(slow_callbacks_are_told),
		cmocka_unit_test(gathers_where_events_are_dense),
		cmocka_unit_test(gathering_leaves_timers_alone),
		cmocka_unit_test(idle_means_asleep),
		cmocka_unit_test(rare_events_are_not_slept_for),
		cmocka_unit_test(without_descriptors_there_is_none),
		cmocka_unit_test(the_environment_has_no_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
