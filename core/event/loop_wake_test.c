/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What reaches a loop from outside: wakers from other threads, signals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "event/loop.h"
#include "event/test_loop.h"

#define THREADS 3
#define WAKES   20000

struct woken {
	struct loop *loop;
	struct loop_waker *waker;
	unsigned calls;
	unsigned again; /* wakes from within */
	bool free_it;
	_Atomic unsigned
		shared[THREADS]; /* 0: its thread may write, then wake; else: to be taken */
};

static void woken(void *arg)
{
	struct woken *w = arg;

	w->calls++;
	if (w->again && w->again--)
		loop_wake(w->waker);
	if (w->free_it)
		loop_waker_free(w->waker);
}

static void wakes_become_one(void **state)
{
	struct woken w = {.loop = loop_plain()};

	(void)state;
	assert_non_null(w.waker = loop_waker_new(w.loop, woken, &w, "waker"));
	assert_int_equal(loop_turn(w.loop, 0), 0);
	assert_int_equal(w.calls, 0);
	for (unsigned i = 1; i <= 3; i++) {
		loop_wake(w.waker);
		loop_wake(w.waker);
		assert_int_equal(loop_turn(w.loop, 0), 0);
		assert_int_equal(w.calls, i);
		assert_int_equal(loop_turn(w.loop, 0), 0);
		assert_int_equal(w.calls, i);
	}
	w.again = 2;
	loop_wake(w.waker);
	for (unsigned i = 4; i <= 6; i++) {
		assert_int_equal(loop_turn(w.loop, 0), 0);
		assert_int_equal(w.calls, i);
	}
	w.free_it = true;
	loop_wake(w.waker);
	assert_int_equal(loop_turn(w.loop, 0), 0);
	loop_waker_free(NULL);
	loop_free(w.loop);
}

struct from_thread {
	pthread_t thread;
	struct woken *w;
	unsigned me;
};

static struct from_thread threads[THREADS];

static void *wake_often(void *arg)
{
	struct from_thread *t = arg;

	for (unsigned i = 1; i <= WAKES; i++) {
		while (atomic_load_explicit(&t->w->shared[t->me], memory_order_relaxed) != 0)
			sched_yield();
		atomic_store_explicit(&t->w->shared[t->me], i, memory_order_relaxed);
		loop_wake(t->w->waker);
	}
	return NULL;
}

static unsigned done;

/* Takes what each thread has written; a thread writes again only once that was taken, so a wake-up
 * that is lost, or comes before its value can be seen, ends the test in its time limit.
 */
static void take(void *arg)
{
	struct woken *w = arg;

	for (unsigned i = 0; i < THREADS; i++) {
		unsigned value = atomic_exchange_explicit(&w->shared[i], 0, memory_order_relaxed);

		done += value == WAKES;
	}
	if (done == THREADS)
		loop_stop(w->loop);
}

static void no_wake_is_lost(void **state)
{
	struct woken w = {.loop = loop_plain()};

	(void)state;
	assert_non_null(w.waker = loop_waker_new(w.loop, take, &w, "waker"));
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i].w = &w;
		threads[i].me = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL, wake_often, &threads[i]),
				 0);
	}
	assert_int_equal(loop_run(w.loop), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
	loop_waker_free(w.waker);
	loop_free(w.loop);
}

/* ---- signals ---- */

static int got[4];

static void signalled(void *arg, int signo)
{
	int *n = arg;

	assert_int_equal(signo, arg == &got[0] ? SIGUSR1 : SIGUSR2);
	++*n;
}

static void signals_are_callbacks(void **state)
{
	struct loop *loop = loop_plain();

	(void)state;
	assert_int_equal(loop_signal(loop, SIGUSR1, signalled, &got[0]), 0);
	assert_int_equal(loop_signal(loop, SIGUSR2, signalled, &got[1]), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_turn(loop, 1000), 0);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 0);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(loop_turn(loop, 1000), 0);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 1);
	assert_true(loop_turns(loop) >= 2);
	loop_free(loop);
}

static void pipes_do_not_kill(void **state)
{
	struct loop *loop = loop_plain();
	struct sigaction action;

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
	assert_ptr_equal(action.sa_handler, SIG_IGN);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_become_one),
		cmocka_unit_test(no_wake_is_lost),
		cmocka_unit_test(signals_are_callbacks),
		cmocka_unit_test(pipes_do_not_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
