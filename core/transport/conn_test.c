/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: connections that we open and share, what becomes of what was sent (T-11, T-14), their numbers and what status shows of them, over loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/stream_test_world.h"

static struct world w;
static struct tp_listener *tcp;
static struct addr peer_addr; /* where a peer listens */
static int peer_listen;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);
	world_apply(&w);
	peer_listen = listening(AF_INET, 64, &peer_addr);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	(void)close(peer_listen);
	return 0;
}

static int peer_accept(void)
{
	int fd = -1;

	world_until(&w, (fd = accept4(peer_listen, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	return fd;
}

static bool peer_nobody_comes(void)
{
	int fd = accept4(peer_listen, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0;
}

/* Send to the peer; `wait` may be NULL. */
static int send_to(const struct tp_target *to, struct wait *wait)
{
	int err;

	if (wait)
		wait_init(wait, &w);
	err = tp_send(w.tp, to, SV(OPTIONS), wait ? &wait->ticket : NULL);
	if (wait)
		assert_int_equal(wait->failed, 0); /* never from within */
	return err;
}

static void hear_options(int fd, unsigned n)
{
	char buf[8192];
	size_t len = sizeof(OPTIONS) - 1;

	assert_int_equal(peer_await(&w, fd, buf, n * len), n * len);
	for (unsigned i = 0; i < n; i++)
		assert_memory_equal(buf + i * len, OPTIONS, len);
}

/* ---- sending ---- */

static void test_open_and_reuse(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait first, second;
	int fd;

	(void)state;
	assert_int_equal(send_to(&to, &first), 0);
	assert_int_equal(send_to(&to, &second), 0); /* while it is being opened */
	fd = peer_accept();
	hear_options(fd, 2);
	assert_int_equal(send_to(&to, NULL), 0);
	hear_options(fd, 1);
	assert_true(peer_nobody_comes());
	assert_int_equal(counted(&w, TP_STAT_CONNS_OUT), 1);
	assert_int_equal(counted(&w, TP_STAT_TX_STREAM), 3);
	assert_int_equal(w.sending, 3);

	peer_say(fd, SV(OPTIONS)); /* and back: the flow is of the listener it was opened for */
	world_until(&w, w.messages == 1);
	assert_true(addr_eq(&w.seen[0].flow.peer, &peer_addr));
	assert_int_equal(w.seen[0].flow.listener, tcp->id);
	assert_true(w.seen[0].flow.local.port != tcp->bound.port);
	assert_int_equal(w.seen[0].flow.local.family, ADDR_V4);
	to = (struct tp_target){.conn = w.seen[0].flow.conn};
	assert_int_equal(send_to(&to, NULL), 0);
	hear_options(fd, 1);

	tp_ticket_drop(&first.ticket);
	(void)close(fd);
	world_until(&w, w.closed == 1);
	assert_int_equal(first.failed, 0);
	assert_int_equal(second.failed, 1);
	assert_int_equal(second.err, -ECONNRESET);
	assert_int_equal(send_to(&to, NULL), -ENOTCONN);
	to = tcp_target(&peer_addr, tcp); /* a new one is opened */
	assert_int_equal(send_to(&to, NULL), 0);
	fd = peer_accept();
	hear_options(fd, 1);
	(void)close(fd);
}

/* A connection that the peer opened is one to that address and port. */
static void test_reuse_of_incoming(void **state)
{
	int fd = world_peer(&w, tcp);
	struct addr me = tcp_local(fd);
	struct tp_target to = tcp_target(&me, tcp);

	(void)state;
	assert_int_equal(send_to(&to, NULL), 0);
	hear_options(fd, 1);
	assert_int_equal(counted(&w, TP_STAT_CONNS_OUT), 0);
	(void)close(fd);
}

static void test_refused(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait wait;
	int err;

	(void)state;
	assert_false(conns_refused(w.tp->conns, &peer_addr));
	(void)close(peer_listen);
	err = send_to(&to, &wait);
	if (err == 0)
		world_until(&w, wait.failed == 1);
	assert_int_equal(err ? err : wait.err, -ECONNREFUSED);
	assert_true(conns_refused(w.tp->conns, &peer_addr));
	assert_int_equal(counted(&w, TP_STAT_CONNS_FAILED), 1);
	assert_int_equal(counted(&w, TP_STAT_CONNS), 0);

	/* it comes back, and that is noted as well */
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&peer_addr, &ss);
	int one = 1, fd;
	peer_listen = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(peer_listen, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(peer_listen, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(listen(peer_listen, 4), 0);
	assert_int_equal(send_to(&to, NULL), 0);
	fd = peer_accept();
	hear_options(fd, 1);
	assert_false(conns_refused(w.tp->conns, &peer_addr));
	(void)close(fd);
}

/* A listening socket whose queue is full: the kernel ignores further SYNs. Returns how many connections fill it. */
static unsigned fill_backlog(int *full, struct addr *addr, int fds[8])
{
	unsigned n = 0;

	*full = listening(AF_INET, 0, addr);
	for (; n < 8; n++) {
		struct sockaddr_storage ss;
		socklen_t len = addr_to_sockaddr(addr, &ss);
		struct pollfd p = {.events = POLLOUT};

		fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fds[n], (struct sockaddr *)&ss, len);
		p.fd = fds[n];
		if (poll(&p, 1, 20) == 0)
			return n + 1;
	}
	return n;
}

static void test_connect_takes_too_long(void **state)
{
	struct tp_target to, quick;
	static struct wait slow, tried, joined;
	struct addr addr;
	int full, fds[8];
	unsigned n = fill_backlog(&full, &addr, fds);
	uint64_t begun = now_ms();

	(void)state;
	w.config.connect_ms = 300;
	w.config.stream_try_ms = 100;
	to = quick = tcp_target(&addr, tcp);
	quick.quick = true;
	assert_int_equal(send_to(&quick, &tried), 0);
	world_until(&w, tried.failed == 1);
	assert_int_equal(tried.err, -ETIMEDOUT);
	assert_in_range(now_ms() - begun, 20, 290); /* the turn's time may be an older one here */
	assert_true(conns_refused(w.tp->conns, &addr));

	/* a try does not join one that has more time */
	begun = now_ms();
	assert_int_equal(send_to(&to, &slow), 0);
	assert_int_equal(send_to(&quick, NULL), -ETIMEDOUT);
	world_until(&w, slow.failed == 1);
	assert_in_range(now_ms() - begun, 260, 3000);

	/* and another message that joins a try gets its own time */
	begun = now_ms();
	assert_int_equal(send_to(&quick, &tried), 0);
	assert_int_equal(send_to(&to, &joined), 0);
	world_until(&w, joined.failed == 1);
	assert_int_equal(tried.failed, 1);
	assert_in_range(now_ms() - begun, 260, 3000);
	assert_int_equal(counted(&w, TP_STAT_CONNS_FAILED), 3);
	while (n)
		(void)close(fds[--n]);
	(void)close(full);
}

/* T-11 */
static void test_stuck_reader(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait waits[4000];
	unsigned n = 0, failed = 0;
	int fd, err = 0;

	(void)state;
	w.config.queue_bytes = 65536;
	assert_int_equal(send_to(&to, NULL), 0);
	fd = peer_accept();
	hear_options(fd, 1);
	for (; n < 4000; n++) {
		char large[8000];
		memset(large, 'x', sizeof(large));
		wait_init(&waits[n], &w);
		err = tp_send(w.tp, &to, sv_of(large, sizeof(large)), &waits[n].ticket);
		if (err)
			break;
		assert_true(conn_find(w.tp->conns, 0) == NULL);
		if (n % 8 == 0)
			world_turn(&w);
	}
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(n, 9, 3999);
	world_until(&w, w.closed == 1);
	for (unsigned i = 0; i < n; i++)
		failed += waits[i].failed == 1 && waits[i].err == -ENOBUFS;
	assert_int_equal(failed, n);
	assert_int_equal(waits[n].failed, 0);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_STUCK), 1);
	assert_int_equal(counted(&w, TP_STAT_SEND_FULL), 1);
	(void)close(fd);
}

/* What does not fit in the socket at once leaves later, in order. */
static void test_slow_reader(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static char out[900000], in[900000];
	size_t have = 0;
	int fd, small = 4096;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 11 + i / 509);
	assert_int_equal(setsockopt(peer_listen, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (size_t at = 0; at < sizeof(out); at += 3000)
		assert_int_equal(tp_send(w.tp, &to, sv_of(out + at, 3000), NULL), 0);
	fd = w.tp->conns->slot[0].conn->watch.fd;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	fd = peer_accept();
	world_until(&w, w.tp->conns->slot[0].conn->blocked);
	while (have < sizeof(in)) {
		size_t room = sizeof(in) - have;
		ssize_t got = peer_hear(fd, in + have, room < 5000 ? room : 5000);
		assert_true(got != 0);
		if (got > 0)
			have += (size_t)got;
		world_turn(&w);
	}
	assert_memory_equal(in, out, sizeof(out));
	world_until(&w, !w.tp->conns->slot[0].conn->blocked);
	(void)close(fd);
}

static void test_what_cannot_be_sent(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static char large[2 << 20];

	(void)state;
	w.veto = true;
	assert_int_equal(send_to(&to, NULL), MG_EAUTH);
	w.veto = false;
	assert_int_equal(tp_send(w.tp, &to, sv_of(large, sizeof(large)), NULL), MG_EINVAL);
	to.addr.port = 0;
	assert_int_equal(send_to(&to, NULL), MG_EINVAL);
	to = tcp_target(&peer_addr, tcp);
	to.transport = SIP_TRANSPORT_TLS;
	assert_int_equal(send_to(&to, NULL), -EPROTONOSUPPORT);
	to.transport = SIP_TRANSPORT_WS;
	assert_int_equal(send_to(&to, NULL), MG_EINVAL);
	to = (struct tp_target){.conn = tp_conn_make(0, 3, 7)};
	assert_int_equal(send_to(&to, NULL), -ENOTCONN);
	to = (struct tp_target){.conn = tp_conn_make(1, 3, 7)}; /* another worker's */
	assert_int_equal(send_to(&to, NULL), -ENOTCONN);
	assert_int_equal(counted(&w, TP_STAT_CONNS), 0);
	assert_true(peer_nobody_comes());
}

/* A connection of one zone is never used for another. */
static void test_zones_apart(void **state)
{
	struct tp_listener *other = world_listen(&w, SIP_TRANSPORT_TCP, NULL);
	struct tp_target to = tcp_target(&peer_addr, tcp);
	int one, two;

	(void)state;
	other->zone = 1;
	world_apply(&w);
	assert_int_equal(send_to(&to, NULL), 0);
	one = peer_accept();
	to.listener = other->id;
	assert_int_equal(send_to(&to, NULL), 0);
	two = peer_accept();
	hear_options(one, 1);
	hear_options(two, 1);
	(void)close(one);
	(void)close(two);
}

static void test_leaves_by_the_listeners_address(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	struct addr from;
	int fd;

	(void)state;
	assert_int_equal(addr_parse(SV("127.0.0.9:1"), ADDR_PORT, &tcp->bound), 0);
	assert_int_equal(send_to(&to, NULL), 0);
	fd = peer_accept();
	assert_int_equal(getpeername(fd, (struct sockaddr *)&ss, &n), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, n, &from), 0);
	assert_true(addr_host_eq(&from, &tcp->bound));
	assert_int_not_equal(from.port, 1);
	(void)close(fd);
}

static void test_ipv6(void **state)
{
	struct addr addr;
	int listen6 = listening(AF_INET6, 4, &addr), fd = -1;
	struct tp_target to = tcp_target(&addr, NULL);

	(void)state;
	to.listener = 99; /* none that there is */
	assert_int_equal(send_to(&to, NULL), 0);
	world_until(&w, (fd = accept4(listen6, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	hear_options(fd, 1);
	(void)close(fd);
	(void)close(listen6);
}

static void send_again(struct tp_ticket *ticket, int err)
{
	struct wait *wait = container_of(ticket, struct wait, ticket);
	struct tp_target to = tcp_target(&peer_addr, tcp);

	(void)err;
	if (++wait->failed < 3)
		assert_int_equal(tp_send(wait->w->tp, &to, SV(OPTIONS), ticket), 0);
}

/* Failing over from within failed(). */
static void test_send_from_within_failed(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait wait = {.w = &w};

	(void)state;
	tp_ticket_init(&wait.ticket, send_again);
	assert_int_equal(tp_send(w.tp, &to, SV(OPTIONS), &wait.ticket), 0);
	for (unsigned i = 1; i <= 3; i++) {
		(void)close(peer_accept());
		world_until(&w, wait.failed == i);
	}
	assert_int_equal(w.closed, 3);
}

static void drop_other(struct tp_ticket *ticket, int err)
{
	struct wait *wait = container_of(ticket, struct wait, ticket);

	wait->err = err;
	wait->failed++;
	tp_ticket_drop(&(wait + 1)->ticket);
}

static void test_drop_from_within_failed(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait waits[2] = {{.w = &w}, {.w = &w}};

	(void)state;
	tp_ticket_init(&waits[0].ticket, drop_other);
	tp_ticket_init(&waits[1].ticket, wait_failed);
	assert_int_equal(tp_send(w.tp, &to, SV(OPTIONS), &waits[0].ticket), 0);
	assert_int_equal(tp_send(w.tp, &to, SV(OPTIONS), &waits[1].ticket), 0);
	(void)close(peer_accept());
	world_until(&w, w.closed == 1);
	assert_int_equal(waits[0].failed, 1);
	assert_int_equal(waits[1].failed, 0);
}

/* Who frees the transport lets go of tickets; they may be dropped later. */
static void test_free_with_tickets(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	static struct wait wait;

	(void)state;
	assert_int_equal(send_to(&to, &wait), 0);
	world_end(&w);
	assert_int_equal(wait.failed, 0);
	tp_ticket_drop(&wait.ticket);
	world_begin(&w);
}

/* ---- numbers, status ---- */

/* The number of a connection that is gone never names another one. */
static void test_numbers(void **state)
{
	enum { MANY = 300 };
	static tp_conn was[MANY];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		int fd = world_peer(&w, tcp);
		peer_say(fd, SV(OPTIONS));
		world_until(&w, w.messages == i + 1);
		was[i] = w.seen[i].flow.conn;
		(void)close(fd);
		world_until(&w, w.closed == i + 1);
	}
	int fd = world_peer(&w, tcp);
	assert_true(w.tp->conns->slots <= 128); /* slots are used again */
	for (unsigned i = 0; i < MANY; i++) {
		assert_null(conn_find(w.tp->conns, was[i]));
		for (unsigned k = 0; k < i; k++)
			assert_true(was[i] != was[k]);
	}
	(void)close(fd);
}

/* Nor does one that was made before a restart: both processes fill the same slots. */
static void test_numbers_of_before(void **state)
{
	enum { FEW = 8 };
	tp_conn was[FEW];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		int fd[FEW];

		for (unsigned i = 0; i < FEW; i++) {
			fd[i] = world_peer(&w, tcp);
			peer_say(fd[i], SV(OPTIONS));
			world_until(&w, w.messages == i + 1);
		}
		for (unsigned i = 0; i < FEW; i++) {
			tp_conn now = w.seen[i].flow.conn;

			assert_non_null(conn_find(w.tp->conns, now));
			if (round == 0)
				was[i] = now;
			else
				assert_null(conn_find(w.tp->conns, was[i]));
			(void)close(fd[i]);
		}
		end(state);
		begin(state);
	}
}

struct listed {
	unsigned n, outgoing, known;
	struct tp_conn_info last;
};

static void note(void *arg, const struct tp_conn_info *info)
{
	struct listed *listed = arg;

	listed->n++;
	listed->outgoing += info->outgoing;
	listed->known += info->known;
	if (!info->outgoing)
		listed->last = *info;
}

static void test_each(void **state)
{
	struct tp_target to = tcp_target(&peer_addr, tcp);
	struct listed listed = {0};
	int fd = world_peer(&w, tcp), out;

	(void)state;
	assert_int_equal(send_to(&to, NULL), 0);
	out = peer_accept();
	peer_say(fd, SV("OPTIONS"));
	world_until(&w, w.tp->conns->in_bytes > 0);
	tp_conns_each(w.tp, note, &listed);
	assert_int_equal(listed.n, 2);
	assert_int_equal(listed.outgoing, 1);
	assert_int_equal(listed.known, 0);
	assert_string_equal(listed.last.state, "open");
	assert_int_equal(listed.last.unread, 7);
	assert_int_equal(listed.last.queued, 0);
	assert_int_equal(listed.last.domain.n, 0);
	assert_true(addr_eq(&listed.last.flow.local, &tcp->bound));
	(void)close(fd);
	(void)close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_open_and_reuse),
		T(test_reuse_of_incoming),
		T(test_refused),
		T(test_connect_takes_too_long),
		T(test_stuck_reader),
		T(test_slow_reader),
		T(test_what_cannot_be_sent),
		T(test_zones_apart),
		T(test_leaves_by_the_listeners_address),
		T(test_ipv6),
		T(test_send_from_within_failed),
		T(test_drop_from_within_failed),
		T(test_free_with_tickets),
		T(test_numbers),
		T(test_numbers_of_before),
		T(test_each),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
