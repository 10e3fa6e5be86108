/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp_test_world: one worker's transport on loopback sockets, with connections that are pretended, and what it told. For tests
 * only; included once, in a test's one source file.
 */
#ifndef MG_TRANSPORT_TP_TEST_WORLD_H
#define MG_TRANSPORT_TP_TEST_WORLD_H

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport/tp_priv.h"

/* ---- connections that are pretended ---- */

struct conns {
	int apply_err; /* what conns_apply returns */
	unsigned applied, sent;
	bool stopped, refused;
	tp_conn alive; /* the only one */
};

struct conns *conns_new(struct tp *tp)
{
	(void)tp;
	return calloc(1, sizeof(struct conns));
}

void conns_free(struct conns *conns)
{
	free(conns);
}

int conns_apply(struct conns *conns, const struct tp_config *config)
{
	(void)config;
	conns->applied += conns->apply_err == 0;
	return conns->apply_err;
}

void conns_stop(struct conns *conns)
{
	conns->stopped = true;
}

int conns_send(struct conns *conns, const struct tp_target *to, struct sv bytes,
	       struct tp_ticket *ticket)
{
	(void)to;
	(void)bytes;
	(void)ticket;
	conns->sent++;
	return 0;
}

void conns_letter(struct conns *conns, struct tp_letter *letter)
{
	(void)conns;
	tp_letter_free(letter);
}

bool conns_alive(struct conns *conns, tp_conn conn)
{
	return conns->alive == conn;
}

bool conns_refused(struct conns *conns, const struct addr *addr)
{
	(void)addr;
	return conns->refused;
}

/* ---- the world ---- */

enum { WORLD_SEEN = 512, WORLD_LISTENERS = 8 };

struct seen {
	struct tp_flow flow;
	struct sip_where at;
	uint64_t at_us;
	int err;
	uint32_t len;
	char text[64]; /* its begin */
};

struct lost {
	struct addr peer;
	int err;
	size_t n;
	char text[64];
};

struct world {
	struct loop *loop;
	struct tp_shared *shared;
	struct stats *stats;
	struct rnd rnd;
	struct tp *tp;
	struct tp_listener listener[WORLD_LISTENERS];
	const struct tp_listener *list[WORLD_LISTENERS];
	struct tp_zone zone[2];
	struct tp_config config;

	struct seen seen[WORLD_SEEN]; /* messages */
	unsigned messages;
	struct lost lost[WORLD_SEEN];
	unsigned unreachable;
	unsigned arrivals;
	unsigned looks, looked;
	uint16_t sent_by;     /* listener whose socket the last message leaves by */
	struct sv look_begin; /* of the last one, as long as it is looked at */
	bool drop_arrivals, drop_looks, veto;
	void (*on_message)(struct world *w, struct tp_rx *rx);
	void (*on_unreachable)(struct world *w, const struct addr *peer);

	struct wheel_timer timer; /* to do something within a turn */
	void (*act)(struct world *w);
};

static enum tp_verdict world_arrival(void *arg, const struct tp_flow *flow, size_t len)
{
	struct world *w = arg;

	(void)flow;
	(void)len;
	w->arrivals++;
	return w->drop_arrivals ? TP_DROP : TP_PASS;
}

static enum tp_verdict world_look(void *arg, const struct tp_flow *flow, struct sv bytes)
{
	struct world *w = arg;

	(void)flow;
	w->looks++;
	w->look_begin = bytes;
	return w->drop_looks ? TP_DROP : TP_PASS;
}

static void world_looked(void *arg)
{
	struct world *w = arg;

	w->looked++;
}

static void world_message(void *arg, struct tp_rx *rx)
{
	struct world *w = arg;
	struct seen *s = &w->seen[w->messages++ % WORLD_SEEN];

	*s = (struct seen){.flow = rx->flow,
			   .at = rx->at,
			   .at_us = rx->at_us,
			   .err = rx->err,
			   .len = rx->msg->len};
	snprintf(s->text, sizeof(s->text), "%.*s",
		 (int)(rx->msg->headers > 2 ? rx->msg->headers - 2 : 0), rx->msg->buf);
	if (w->on_message)
		w->on_message(w, rx);
}

static void world_unreachable(void *arg, const struct addr *peer, int err, struct sv quoted)
{
	struct world *w = arg;
	struct lost *l = &w->lost[w->unreachable++ % WORLD_SEEN];

	*l = (struct lost){.peer = *peer, .err = err, .n = quoted.n};
	snprintf(l->text, sizeof(l->text), "%.*s", SV_ARG(quoted));
	if (w->on_unreachable)
		w->on_unreachable(w, peer);
}

static enum tp_verdict world_sending(void *arg, const struct tp_flow *to, struct sv bytes)
{
	struct world *w = arg;

	(void)bytes;
	w->sent_by = to->listener;
	return w->veto ? TP_DROP : TP_PASS;
}

static const struct tp_events world_events = {
	.arrival = world_arrival,
	.look = world_look,
	.looked = world_looked,
	.message = world_message,
	.unreachable = world_unreachable,
	.sending = world_sending,
};

static void world_timer(struct wheel_timer *timer, uint64_t now_ms)
{
	struct world *w = container_of(timer, struct world, timer);

	(void)now_ms;
	w->act(w);
}

static inline struct addr address(const char *text)
{
	struct addr a;

	if (addr_parse(sv_str(text), ADDR_PORT | ADDR_SCOPE, &a) != 0)
		abort();
	return a;
}

/* A datagram socket on that address; its port is filled in. -1: there is no such address here. */
static inline int world_socket(struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(a, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	if (ss.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&ss, n) != 0) {
		close(fd);
		return -1;
	}
	n = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, n, a) != 0)
		abort();
	return fd;
}

/* Put a listener into the configuration, which is to be applied afterwards. */
static inline struct tp_listener *world_listener(struct world *w, enum sip_transport transport,
						 const char *bound, uint16_t zone)
{
	unsigned i = w->config.n_listeners++;
	struct tp_listener *l = &w->listener[i];

	*l = (struct tp_listener){.id = (uint16_t)(10 + i),
				  .zone = zone,
				  .transport = (uint8_t)transport,
				  .bound = address(bound)};
	l->wildcard = addr_class(&l->bound) == ADDR_CLASS_UNSPECIFIED;
	for (unsigned k = 0; k < TP_WORKERS_MAX; k++)
		l->fd[k] = -1;
	if (transport == SIP_TRANSPORT_UDP && l->bound.port == 0)
		l->fd[0] = world_socket(&l->bound);
	w->list[i] = l;
	return l;
}

static inline struct world *world_new(void)
{
	const struct loop_options o = {.name = "test"};
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->loop = loop_new(&o);
	w->shared = tp_shared_new(1000);
	w->stats = stats_new(tp_stats_desc, TP_STATS, 1);
	rand_init(&w->rnd);
	const struct tp_env env = {.loop = w->loop,
				   .workers = 1,
				   .shared = w->shared,
				   .rnd = &w->rnd,
				   .stats = w->stats,
				   .on = &world_events,
				   .arg = w};
	w->tp = tp_new(&env);
	if (!w->loop || !w->shared || !w->stats || !w->tp)
		abort();
	for (unsigned i = 0; i < 2; i++)
		w->zone[i] = (struct tp_zone){.name = i ? "carrier" : "phones",
					      .trusted = i,
					      .keepalives = LIMIT_PER_S(1, 2)};
	w->config = (struct tp_config){
		.listeners = w->list, .zones = w->zone, .n_zones = 2, .large_request = 1300};
	wheel_timer_init(&w->timer, world_timer);
	return w;
}

static inline void world_free(struct world *w)
{
	tp_free(w->tp);
	stats_free(w->stats);
	tp_shared_free(w->shared);
	loop_free(w->loop);
	rand_done(&w->rnd);
	for (unsigned i = 0; i < WORLD_LISTENERS; i++)
		if (w->list[i] && w->listener[i].fd[0] >= 0)
			close(w->listener[i].fd[0]);
	free(w);
}

static inline uint64_t world_count(struct world *w, enum tp_stat stat)
{
	return stats_sum(w->stats, stat);
}

static inline void world_turn(struct world *w, uint32_t wait_ms)
{
	if (loop_turn(w->loop, wait_ms) != 0)
		abort();
}

/* A turn in which something is done. */
static inline void world_do(struct world *w, void (*act)(struct world *w))
{
	w->act = act;
	wheel_add(loop_wheel(w->loop), &w->timer, loop_now_ms(w->loop));
	while (wheel_is_set(&w->timer))
		world_turn(w, 50);
}

/* Turns until `*count` is at least `n`, or nothing has come for a while. */
static inline void world_wait(struct world *w, const unsigned *count, unsigned n)
{
	for (unsigned i = 0; i < 100 && *count < n; i++)
		world_turn(w, 20);
}

static inline void world_send_raw(int fd, const struct addr *to, const void *p, size_t n)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, &ss);

	if (sendto(fd, p, n, 0, (struct sockaddr *)&ss, len) != (ssize_t)n)
		abort();
}

/* What a peer got, NUL behind it; -1 when there is nothing within `wait_ms`. */
static inline int world_recv(int fd, char *out, size_t cap, struct addr *from, int wait_ms)
{
	struct timeval t = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000L};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (wait_ms)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	ssize_t n = recvfrom(fd, out, cap - 1, wait_ms ? 0 : MSG_DONTWAIT, (struct sockaddr *)&ss,
			     &len);
	if (n < 0)
		return -1;
	out[n] = '\0';
	if (from && addr_from_sockaddr((struct sockaddr *)&ss, len, from) != 0)
		abort();
	return (int)n;
}

#endif
