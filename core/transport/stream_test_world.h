/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stream_test_world: one worker's transport with real listeners on loopback, what it told, and peers that are plain sockets. For tests only; included once,
 * in a test's one source file, behind cmocka.h.
 */
#ifndef MG_TRANSPORT_STREAM_TEST_WORLD_H
#define MG_TRANSPORT_STREAM_TEST_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/conn.h"

enum { WORLD_SEEN = 1024, WORLD_LISTENERS = 4, WORLD_WAIT_MS = 10000 };

struct seen {
	struct tp_flow flow;
	struct sip_where at;
	int err;
	uint32_t len, kept_n;
	char text[96]; /* its begin */
};

struct world {
	struct loop *loop;
	struct loop_waker *kick;
	struct tp_shared *shared;
	bool own_shared;
	struct stats *stats;
	struct rnd rnd;
	struct tp *tp;
	unsigned worker;
	struct tp_listener listener[WORLD_LISTENERS];
	const struct tp_listener *list[WORLD_LISTENERS];
	struct tp_zone zone[2];
	struct tp_config config;

	struct seen seen[WORLD_SEEN];
	unsigned messages, arrivals, not_sip, closed, lost, sending;
	tp_conn last_closed;
	int last_lost;
	bool drop_arrivals, veto;
	bool known; /* what config.known says of every peer */
	void (*on_message)(struct world *w, struct tp_rx *rx);
	int (*on_letter)(struct world *w, unsigned worker, struct tp_letter *letter);
};

/* A ticket and what became of it. */
struct wait {
	struct tp_ticket ticket;
	struct world *w;
	unsigned failed;
	int err;
	bool inside; /* failed was called from within tp_send */
};

/* ---- what the transport calls ---- */

static enum tp_verdict world_arrival(void *arg, const struct tp_flow *flow, size_t len)
{
	struct world *w = arg;

	(void)flow;
	(void)len;
	w->arrivals++;
	return w->drop_arrivals ? TP_DROP : TP_PASS;
}

static void world_message(void *arg, struct tp_rx *rx)
{
	struct world *w = arg;
	struct seen *s = &w->seen[w->messages++ % WORLD_SEEN];
	size_t n = rx->msg->headers > 2 ? rx->msg->headers - 2u : 0;

	*s = (struct seen){.flow = rx->flow, .at = rx->at, .err = rx->err, .len = rx->msg->len};
	(void)snprintf(s->text, sizeof(s->text), "%.*s", (int)n, rx->msg->buf);
	if (w->on_message)
		w->on_message(w, rx);
}

static void world_not_sip(void *arg, const struct tp_flow *flow)
{
	struct world *w = arg;

	assert_true(flow->conn && flow->peer.family != ADDR_NONE);
	w->not_sip++;
}

static int world_letter(void *arg, unsigned worker, struct tp_letter *letter)
{
	struct world *w = arg;

	return w->on_letter ? w->on_letter(w, worker, letter) : MG_ELIMIT;
}

static void world_lost(void *arg, struct sv bytes, int err)
{
	struct world *w = arg;

	(void)bytes;
	w->lost++;
	w->last_lost = err;
}

static void world_closed(void *arg, tp_conn conn)
{
	struct world *w = arg;

	w->closed++;
	w->last_closed = conn;
}

static enum tp_verdict world_sending(void *arg, const struct tp_flow *to, struct sv bytes)
{
	struct world *w = arg;

	(void)to;
	(void)bytes;
	w->sending++;
	return w->veto ? TP_DROP : TP_PASS;
}

static const struct tp_events world_events = {.arrival = world_arrival,
					      .message = world_message,
					      .not_sip = world_not_sip,
					      .letter = world_letter,
					      .lost = world_lost,
					      .closed = world_closed,
					      .sending = world_sending};

static bool world_known(void *arg, const struct addr *peer)
{
	const struct world *w = arg;

	(void)peer;
	return w->known;
}

/* ---- making one ---- */

static void no_kick(void *arg)
{
	(void)arg;
}

static void world_limits(struct world *w)
{
	w->zone[0] = (struct tp_zone){.name = "zone",
				      .conns_per_source = 32,
				      .handshake_ms = 10000,
				      .idle_ms = 30000,
				      .idle_known_ms = 60000,
				      .complete_ms = 10000,
				      .handshakes = {1000, 1000, 1000},
				      .handshakes_per_source = 64,
				      .keepalives = {1, 60000, 1}};
	w->zone[1] = w->zone[0];
	w->zone[1].name = "other";
	w->config = (struct tp_config){.listeners = w->list,
				       .zones = w->zone,
				       .n_zones = 2,
				       .conns_max = 200,
				       .conns_reserved = 25,
				       .handshakes_max = 64,
				       .queue_bytes = 1 << 20,
				       .connect_ms = 4000,
				       .stream_try_ms = 500,
				       .large_request = 1300,
				       .known = world_known,
				       .known_arg = w};
}

/* `shared` NULL: one of its own. */
static inline void world_begin_as(struct world *w, unsigned worker, unsigned workers,
				  struct tp_shared *shared)
{
	const struct loop_options options = {.name = "test"};

	memset(w, 0, sizeof(*w));
	w->worker = worker;
	w->own_shared = !shared;
	w->loop = loop_new(&options);
	w->shared = shared ? shared : tp_shared_new(1000);
	w->stats = stats_new(tp_stats_desc, TP_STATS, workers);
	rand_init(&w->rnd);
	assert_non_null(w->loop);
	assert_non_null(w->shared);
	assert_non_null(w->stats);
	w->kick = loop_waker_new(w->loop, no_kick, NULL, "kick");
	assert_non_null(w->kick);
	world_limits(w);
	const struct tp_env env = {.loop = w->loop,
				   .worker = worker,
				   .workers = workers,
				   .shared = w->shared,
				   .rnd = &w->rnd,
				   .stats = w->stats,
				   .on = &world_events,
				   .arg = w};
	w->tp = tp_new(&env);
	assert_non_null(w->tp);
}

static inline void world_begin(struct world *w)
{
	world_begin_as(w, 0, 1, NULL);
}

static inline void world_end(struct world *w)
{
	tp_free(w->tp);
	for (unsigned i = 0; i < w->config.n_listeners; i++)
		if (w->listener[i].fd[w->worker] >= 0)
			(void)close(w->listener[i].fd[w->worker]);
	loop_waker_free(w->kick);
	loop_free(w->loop);
	stats_free(w->stats);
	if (w->own_shared)
		tp_shared_free(w->shared);
	rand_done(&w->rnd);
}

static inline void world_apply(struct world *w)
{
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
}

/* A listening socket on 127.0.0.1 or ::1, any port. */
static inline int listening(int family, int backlog, struct addr *bound)
{
	struct sockaddr_storage ss;
	struct addr any = {0};
	socklen_t n = sizeof(ss);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(addr_parse(family == AF_INET ? SV("127.0.0.1") : SV("::1"), ADDR_IP, &any),
			 0);
	n = addr_to_sockaddr(&any, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(listen(fd, backlog), 0);
	n = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &n), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, n, bound), 0);
	return fd;
}

/* One more listener, to be applied. */
static inline struct tp_listener *world_listen(struct world *w, uint8_t transport,
					       const struct tls_context *const *tls)
{
	unsigned i = w->config.n_listeners++;
	struct tp_listener *l = &w->listener[i];

	*l = (struct tp_listener){.id = (uint16_t)(10 + i), .transport = transport, .tls = tls};
	for (unsigned k = 0; k < TP_WORKERS_MAX; k++)
		l->fd[k] = -1;
	l->fd[w->worker] = listening(AF_INET, 512, &l->bound);
	w->list[i] = l;
	return l;
}

/* ---- running ---- */

/* What is ready now. What tests do outside of a turn gets its end of turn too. */
static inline void world_turn(struct world *w)
{
	loop_wake(w->kick);
	assert_int_equal(loop_turn(w->loop, 0), 0);
}

static inline uint64_t now_ms(void)
{
	return loop_clock_us() / 1000;
}

/* Turns until `done`, or fails. */
#define world_until(w, done)                                                  \
	do {                                                                  \
		uint64_t end_ = now_ms() + WORLD_WAIT_MS;                     \
		for (unsigned turns_ = 0; !(done); turns_++) {                \
			if (now_ms() > end_)                                  \
				fail_msg("waited in vain for: %s", #done);    \
			world_turn(w);                                        \
			if (turns_ > 2)                                       \
				assert_int_equal(loop_turn((w)->loop, 1), 0); \
		}                                                             \
	} while (0)

static inline void world_for(struct world *w, uint64_t ms)
{
	uint64_t end = now_ms() + ms;

	while (now_ms() < end) {
		world_turn(w);
		assert_int_equal(loop_turn(w->loop, 1), 0);
	}
}

static inline uint64_t counted(const struct world *w, enum tp_stat id)
{
	return stats_sum(w->stats, id);
}

/* ---- peers ---- */

static inline int peer_connect(const struct addr *to)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(to, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, n), 0);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static inline void peer_say(int fd, struct sv text)
{
	assert_int_equal(send(fd, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
}

/* What the peer got: -1 nothing yet, 0 the end, else bytes; a reset is the end too. */
static inline ssize_t peer_hear(int fd, char *buf, size_t n)
{
	ssize_t got = recv(fd, buf, n, MSG_DONTWAIT);

	return got >= 0 ? got : errno == EAGAIN ? -1 : 0;
}

static inline bool peer_closed(int fd)
{
	char buf[4096];

	return peer_hear(fd, buf, sizeof(buf)) == 0;
}

/* Turns until the peer has n bytes, or everything up to the end; returns how many. */
static inline size_t peer_await(struct world *w, int fd, char *buf, size_t n)
{
	size_t have = 0;
	ssize_t got = -1;

	world_until(w, (got = peer_hear(fd, buf + have, n - have)) == 0 ||
			       (got > 0 && (have += (size_t)got) == n));
	return have;
}

/* A new connection that was accepted by a listener of the world. */
static inline int world_peer(struct world *w, const struct tp_listener *l)
{
	uint64_t before = counted(w, TP_STAT_CONNS_IN);
	int fd = peer_connect(&l->bound);

	world_until(w, counted(w, TP_STAT_CONNS_IN) == before + 1);
	return fd;
}

#define OPTIONS_HEAD(n)                                                  \
	"OPTIONS sip:x@example.com SIP/2.0\r\n"                          \
	"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK" n "\r\n"             \
	"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n" \
	"Call-ID: " n "\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
#define OPTIONS_NR(n) OPTIONS_HEAD(n) "Content-Length: 0\r\n\r\n"
#define OPTIONS       OPTIONS_NR("a")

/* ---- tickets ---- */

static void wait_failed(struct tp_ticket *ticket, int err)
{
	struct wait *wait = container_of(ticket, struct wait, ticket);

	wait->failed++;
	wait->err = err;
}

static inline void wait_init(struct wait *wait, struct world *w)
{
	*wait = (struct wait){.w = w};
	tp_ticket_init(&wait->ticket, wait_failed);
}

static inline struct tp_target tcp_target(const struct addr *to, const struct tp_listener *l)
{
	return (struct tp_target){
		.addr = *to, .transport = SIP_TRANSPORT_TCP, .listener = l ? l->id : 0};
}

#endif
