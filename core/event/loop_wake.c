/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop_wake: what reaches a loop from outside its thread: wake-ups by eventfd, the order to stop,
 * signals. Messages between threads are the mailbox's. Called by other threads, signal handlers, and
 * the owners of wakers.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "event/loop_priv.h"

int wake_init(struct wake *w)
{
	atomic_init(&w->pending, false);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd < 0 ? MG_ENOMEM : 0;
}

void wake_done(struct wake *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* Exchanges on one flag read each other in order. One that finds it set comes before the exchange of
 * wake_take that will clear it, and that one acquires what this one released: nothing is lost though
 * nothing is written. Merely to look at the flag first would not do: it might be read before the
 * caller's writes are out, and be cleared meanwhile.
 */
void wake_post(struct wake *w)
{
	static const uint64_t one = 1;
	int saved = errno; /* of what a signal handler interrupts */

	if (atomic_exchange_explicit(&w->pending, true, memory_order_acq_rel))
		return;
	while (write(w->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

void wake_take(struct wake *w)
{
	atomic_exchange_explicit(&w->pending, false, memory_order_acq_rel);
}

/* ---- wakers ---- */

struct loop_waker {
	struct wake wake;
	struct loop_watch watch;
	void (*fn)(void *arg);
	void *arg;
};

static void woken(struct loop_watch *watch, unsigned events)
{
	struct loop_waker *waker = container_of(watch, struct loop_waker, watch);

	(void)events;
	wake_take(&waker->wake);
	waker->fn(waker->arg);
}

struct loop_waker *loop_waker_new(struct loop *loop, void (*fn)(void *arg), void *arg,
				  const char *where)
{
	struct loop_waker *waker = calloc(1, sizeof(*waker));

	if (!waker)
		return NULL;
	waker->fn = fn;
	waker->arg = arg;
	if (wake_init(&waker->wake) == 0 &&
	    loop_watch_edge(loop, &waker->watch, waker->wake.fd, woken, where) == 0)
		return waker;
	wake_done(&waker->wake);
	free(waker);
	return NULL;
}

void loop_waker_free(struct loop_waker *waker)
{
	if (!waker)
		return;
	loop_unwatch(&waker->watch);
	wake_done(&waker->wake);
	free(waker);
}

void loop_wake(struct loop_waker *waker)
{
	wake_post(&waker->wake);
}

void loop_stop(struct loop *loop)
{
	atomic_store_explicit(&loop->stopping, true, memory_order_release);
	wake_post(&loop->stop_wake);
}

/* ---- signals ---- */

struct loop_signal {
	struct list link;
	struct loop *loop;
	struct event *ev;
	void (*fn)(void *arg, int signo);
	void *arg;
};

static void signalled(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)what;
	loop_enter(s->loop, "signal");
	s->fn(s->arg, (int)signo);
	loop_leave(s->loop, "signal");
}

int loop_signal(struct loop *loop, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));

	if (!s)
		return MG_ENOMEM;
	*s = (struct loop_signal){.loop = loop, .fn = fn, .arg = arg};
	s->ev = evsignal_new(loop->base, signo, signalled, s);
	if (!s->ev || event_add(s->ev, NULL) < 0) {
		if (s->ev)
			event_free(s->ev);
		free(s);
		return MG_ENOMEM;
	}
	list_append(&loop->signals, &s->link);
	return 0;
}

void loop_signals_free(struct loop *loop)
{
	struct list *link;

	while ((link = list_shift(&loop->signals))) {
		struct loop_signal *s = container_of(link, struct loop_signal, link);

		event_free(s->ev);
		free(s);
	}
}
