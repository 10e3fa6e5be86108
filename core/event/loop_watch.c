/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * loop_watch: descriptors of a loop, each an event of libevent's. Not when they are waited for
 * (loop.c). Called by the owners of descriptors.
 */
#include "event/loop_priv.h"

static void fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;
	struct loop *loop = watch->loop; /* fn may free the watch */
	const char *where = watch->where;
	unsigned events = 0;

	(void)fd;
	if (what & EV_READ)
		events |= LOOP_READ;
	if (what & EV_WRITE)
		events |= LOOP_WRITE;
	loop_enter(loop, where);
	watch->fn(watch, events);
	loop_leave(loop, where);
}

static short mask_of(unsigned events)
{
	return (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) |
		       (events & LOOP_WRITE ? EV_WRITE : 0));
}

static int begin(struct loop_watch *watch, short mask)
{
	watch->ev = event_new(watch->loop->base, watch->fd, mask, fired, watch);
	if (!watch->ev)
		return MG_ENOMEM;
	if (watch->events && event_add(watch->ev, NULL) < 0) {
		event_free(watch->ev);
		watch->ev = NULL;
		return MG_ENOMEM;
	}
	return 0;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, unsigned events, loop_fn *fn,
	       const char *where)
{
	*watch = (struct loop_watch){
		.loop = loop, .fn = fn, .where = where, .fd = fd, .events = events};
	return begin(watch, mask_of(events));
}

int loop_watch_edge(struct loop *loop, struct loop_watch *watch, int fd, loop_fn *fn,
		    const char *where)
{
	*watch = (struct loop_watch){
		.loop = loop, .fn = fn, .where = where, .fd = fd, .events = LOOP_READ};
	return begin(watch, EV_PERSIST | EV_READ | EV_ET);
}

/* The new state is added in the loop's spare event before the old one is taken away: a failure
 * leaves the old one, and between the two the descriptor stays in the epoll set, which mostly makes
 * one system call of it. The old event is the next spare.
 */
int loop_watch_set(struct loop_watch *watch, unsigned events)
{
	struct loop *loop = watch->loop;
	struct event *next = loop->spare;

	if (events == watch->events)
		return 0;
	if (events) {
		if (event_assign(next, loop->base, watch->fd, mask_of(events), fired, watch) < 0 ||
		    event_add(next, NULL) < 0)
			return MG_ENOMEM;
		loop->spare = watch->ev;
		watch->ev = next;
		next = loop->spare;
	} else {
		next = watch->ev;
	}
	event_del(next);
	watch->events = events;
	return 0;
}

void loop_unwatch(struct loop_watch *watch)
{
	if (!watch->ev)
		return;
	event_free(watch->ev);
	watch->ev = NULL;
	watch->events = 0;
}
