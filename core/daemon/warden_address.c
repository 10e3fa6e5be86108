/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_address: addresses that come and go (PPPoE, DHCP, a standby that takes over). What the kernel says is not read, only that it says something: the addresses are looked
 * up anew when it has been quiet for a moment.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/warden_priv.h"

#define SETTLE_MS    200
#define AGAIN_MAX_MS 10000
#define READS_A_TURN 64

static void on_settled(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	reload_same(container_of(t, struct warden, settle), false);
}

static void look_in(struct warden *w, uint64_t ms)
{
	wheel_del(loop_wheel(w->loop), &w->settle);
	wheel_add(loop_wheel(w->loop), &w->settle, loop_now_ms(w->loop) + ms);
}

void addresses_look_again(struct warden *w, unsigned failures)
{
	uint64_t ms = SETTLE_MS;

	for (unsigned i = 0; i < failures && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	look_in(w, ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS);
}

static void on_change(struct loop_watch *watch, unsigned events)
{
	struct warden *w = container_of(watch, struct warden, addresses);
	char nothing[1];

	(void)events;
	/* ENOBUFS: it had more to say than there was room, which is a change too */
	for (unsigned i = 0; i < READS_A_TURN; i++) {
		if (recv(w->address_fd, nothing, sizeof(nothing), MSG_DONTWAIT) < 0 &&
		    errno != ENOBUFS)
			break;
	}
	look_in(w, SETTLE_MS);
}

void addresses_follow(struct warden *w)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK,
				 .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

	wheel_timer_init(&w->settle, on_settled);
	w->address_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (w->address_fd >= 0 && bind(w->address_fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    loop_watch(w->loop, &w->addresses, w->address_fd, LOOP_READ, on_change,
		       "warden addresses") == 0)
		return;
	warden_say(LOG_WARNING, "addresses_not_followed", NULL, NULL);
}

void addresses_leave(struct warden *w)
{
	loop_unwatch(&w->addresses);
	wheel_del(loop_wheel(w->loop), &w->settle);
	if (w->address_fd >= 0)
		close(w->address_fd);
	w->address_fd = -1;
}
