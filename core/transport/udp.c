/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp: a worker's datagram sockets: those of the configuration, each with its options, watched as long as they are in it.
 * Descriptors are the configuration's: they are neither opened nor closed here. Called by tp.c.
 */
#include "transport/udp_priv.h"

#include <netinet/ip.h>
#include <stdlib.h>

struct udp *udp_new(struct tp *tp)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return NULL;
	udp->tp = tp;
	list_init(&udp->leaving);
	udp->in = udp_in_new();
	udp->out = udp_out_new(udp);
	udp->failures = udp_failures_new();
	if (udp->in && udp->out && udp->failures)
		return udp;
	udp_free(udp);
	return NULL;
}

static void socket_free(struct udp_socket *s)
{
	list_remove(&s->leaving);
	loop_unwatch(&s->watch);
	udp_waiting_drop(s);
	free(s);
}

void udp_free(struct udp *udp)
{
	if (!udp)
		return;
	if (udp->out)
		udp_flush(udp);
	for (unsigned i = 0; i < udp->n; i++)
		socket_free(udp->socket[i]);
	while (!list_empty(&udp->leaving))
		socket_free(container_of(udp->leaving.next, struct udp_socket, leaving));
	free(udp->socket);
	udp_in_free(udp->in);
	udp_out_free(udp->out);
	free(udp->failures);
	free(udp);
}

/* ---- sockets ---- */

static void on(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value)); /* none is vital */
}

/* Large answers may be fragmented (T-14), errors of the network are told (IP_RECVERR), and where the socket has many addresses
 * each datagram says which one it came to. */
static void set_options(const struct udp_socket *s)
{
	on(s->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	on(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (s->bound.family == ADDR_V6) {
		on(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
		on(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		on(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, s->wildcard);
	}
	/* those of IPv4 also for one of IPv6 that takes both */
	on(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	on(s->fd, IPPROTO_IP, IP_RECVERR, 1);
	on(s->fd, IPPROTO_IP, IP_PKTINFO, s->wildcard);
}

static void ready(struct loop_watch *watch, unsigned events)
{
	struct udp_socket *s = container_of(watch, struct udp_socket, watch);

	if (events & LOOP_WRITE)
		udp_writable(s);
	if (events & LOOP_READ)
		udp_readable(s);
}

static struct udp_socket *socket_new(struct udp *udp, const struct tp_listener *l)
{
	struct udp_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->udp = udp;
	s->bound = l->bound;
	s->fd = l->fd[udp->tp->env.worker];
	s->listener = l->id;
	s->zone = l->zone;
	s->wildcard = l->wildcard;
	s->first = s->last = UDP_NONE;
	list_init(&s->waiting);
	list_init(&s->leaving);
	set_options(s);
	if (loop_watch(udp->tp->env.loop, &s->watch, s->fd, udp->tp->stopped ? 0 : LOOP_READ, ready,
		       "transport udp") != 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* ---- configurations ---- */

static struct udp_socket *socket_with(const struct udp *udp, const struct tp_listener *l)
{
	int fd = l->fd[udp->tp->env.worker];

	for (unsigned i = 0; i < udp->n; i++)
		if (udp->socket[i]->listener == l->id && udp->socket[i]->fd == fd)
			return udp->socket[i];
	return NULL;
}

static bool ours(const struct udp *udp, const struct tp_listener *l)
{
	return l->transport == SIP_TRANSPORT_UDP && l->fd[udp->tp->env.worker] >= 0;
}

int udp_prepare(struct udp *udp, const struct tp_config *config)
{
	udp->n_coming = 0;
	udp->coming = calloc(config->n_listeners + 1, sizeof(void *));
	if (!udp->coming)
		return MG_ENOMEM;
	for (unsigned i = 0; i < config->n_listeners; i++) {
		const struct tp_listener *l = config->listeners[i];
		if (!ours(udp, l))
			continue;
		struct udp_socket *s = socket_with(udp, l);
		if (s)
			s->stays = true;
		else
			s = socket_new(udp, l);
		if (!s) {
			udp_abort(udp);
			return MG_ENOMEM;
		}
		udp->coming[udp->n_coming++] = s;
	}
	return 0;
}

void udp_abort(struct udp *udp)
{
	for (unsigned i = 0; i < udp->n_coming; i++)
		if (!udp->coming[i]->stays)
			socket_free(udp->coming[i]);
	for (unsigned i = 0; i < udp->n; i++)
		udp->socket[i]->stays = false;
	free(udp->coming);
	udp->coming = NULL;
	udp->n_coming = 0;
}

static const struct gone *gone_of(const struct gone *gone, unsigned n, uint16_t listener)
{
	for (unsigned i = 0; i < n; i++)
		if (gone[i].listener.id == listener)
			return &gone[i];
	return NULL;
}

/* Responses to what was sent by a listener that is gone, and what belongs to transactions and dialogs of it, still come there; the socket is closed when they have
 * ended. One that leaves already may have come back under the same number: the new socket takes its place. */
static void leave(struct udp *udp, const struct gone *gone, unsigned n_gone)
{
	struct list *it, *after;

	for (unsigned i = 0; i < udp->n; i++) {
		struct udp_socket *s = udp->socket[i];
		if (s->stays)
			continue;
		if (gone_of(gone, n_gone, s->listener))
			list_append(&udp->leaving, &s->leaving);
		else
			socket_free(s);
	}
	list_for_each_safe (it, after, &udp->leaving) {
		struct udp_socket *s = container_of(it, struct udp_socket, leaving);
		if (!gone_of(gone, n_gone, s->listener))
			socket_free(s);
	}
}

void udp_commit(struct udp *udp, const struct tp_config *config, const struct gone *gone,
		unsigned n_gone)
{
	udp_flush(udp); /* what is to leave by sockets that go */
	leave(udp, gone, n_gone);
	free(udp->socket);
	udp->socket = udp->coming;
	udp->n = udp->n_coming;
	udp->coming = NULL;
	udp->n_coming = 0;
	for (unsigned i = 0, k = 0; i < config->n_listeners; i++)
		if (ours(udp, config->listeners[i])) {
			udp->socket[k]->zone =
				config->listeners[i]->zone; /* may be another one now */
			udp->socket[k++]->stays = false;
		}
}

static void deafen(struct udp_socket *s)
{
	/* failing keeps what was watched: the callback looks at `stopped` */
	(void)!loop_watch_set(&s->watch, list_empty(&s->waiting) ? 0 : LOOP_WRITE);
}

void udp_stop(struct udp *udp)
{
	struct list *it;

	for (unsigned i = 0; i < udp->n; i++)
		deafen(udp->socket[i]);
	list_for_each (it, &udp->leaving)
		deafen(container_of(it, struct udp_socket, leaving));
}

/* ---- sending ---- */

static struct udp_socket *leaving_of(const struct udp *udp, uint16_t listener)
{
	struct list *it;

	list_for_each (it, &udp->leaving) {
		struct udp_socket *s = container_of(it, struct udp_socket, leaving);
		if (s->listener == listener)
			return s;
	}
	return NULL;
}

static struct udp_socket *present_of(const struct udp *udp, uint16_t listener)
{
	for (unsigned i = 0; i < udp->n; i++)
		if (udp->socket[i]->listener == listener)
			return udp->socket[i];
	return NULL;
}

/* The socket of the present listener at the address that a message of one that is gone leaves from, else of that itself. */
static struct udp_socket *instead_of(struct udp_socket *gone, const struct addr *from)
{
	struct addr at = from->family == ADDR_NONE ? gone->bound : *from;

	at.port = gone->bound.port;
	const struct tp_listener *l = tp_listener_at(gone->udp->tp, SIP_TRANSPORT_UDP, &at);
	struct udp_socket *present = l ? present_of(gone->udp, l->id) : NULL;
	return present ? present : gone;
}

/* By which socket, and from which address of it; NULL: there is none of that listener. */
static struct udp_socket *socket_of(const struct udp *udp, const struct tp_target *to,
				    struct addr *from)
{
	struct udp_socket *s = present_of(udp, to->listener);

	*from = to->local;
	if (!s && (s = leaving_of(udp, to->listener))) {
		if (!s->wildcard)
			*from = s->bound;
		s = instead_of(s, from);
	}
	if (s && !s->wildcard)
		*from = s->bound;
	return s;
}

/* Receive from oneself alone: what others send goes to the next socket that fits, and nothing is lost between the last look and the end. */
static void mute(const struct udp_socket *s)
{
	struct addr self = s->bound;
	struct sockaddr_storage ss;

	if (s->wildcard && s->bound.family == ADDR_V6) {
		self.ip[15] = 1; /* ::1 */
	} else if (s->wildcard) {
		self.ip[0] = 127;
		self.ip[3] = 1;
	}
	socklen_t n = addr_to_sockaddr(&self, &ss);
	(void)!connect(s->fd, (struct sockaddr *)&ss, n); /* fails: little is lost */
}

void udp_forget(struct udp *udp, uint16_t listener)
{
	struct udp_socket *s = leaving_of(udp, listener);

	if (!s)
		return;
	udp_flush(udp);
	mute(s);
	udp_readable(s); /* what came before */
	udp_flush(udp);
	socket_free(s);
}

int udp_send(struct udp *udp, const struct tp_target *to, struct sv bytes)
{
	struct tp_flow flow;
	struct addr from;
	struct udp_socket *s = socket_of(udp, to, &from);

	if (!s)
		return -ENOTCONN;
	if (to->addr.port == 0)
		return -EINVAL;
	flow = (struct tp_flow){.peer = to->addr,
				.local = from,
				.listener = s->listener,
				.zone = s->zone,
				.transport = SIP_TRANSPORT_UDP};
	if (!tp_may_send(udp->tp, &flow, bytes))
		return MG_EAUTH;
	return udp_queue(s, &to->addr, &flow.local, bytes);
}
