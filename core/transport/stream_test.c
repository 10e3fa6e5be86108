/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stream: bytes to messages over loopback connections: however they are cut (T-4), what is no SIP (B-12), keepalives (T-12), slow and silent peers
 * (T-1, T-2), lost framing, closing from within, memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/stream_test_world.h"

static struct world w;
static struct tp_listener *tcp;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);
	world_apply(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

/* ---- messages ---- */

static void test_one_message(void **state)
{
	int fd = world_peer(&w, tcp);
	struct addr me = tcp_local(fd);

	(void)state;
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	const struct seen *s = &w.seen[0];
	assert_string_equal(s->text, "OPTIONS sip:x@example.com SIP/2.0");
	assert_int_equal(s->err, 0);
	assert_int_equal(s->at.fault, SIP_OK);
	assert_int_equal(s->len, sizeof(OPTIONS) - 1);
	assert_true(addr_eq(&s->flow.peer, &me));
	assert_true(addr_eq(&s->flow.local, &tcp->bound));
	assert_int_equal(s->flow.transport, SIP_TRANSPORT_TCP);
	assert_int_equal(s->flow.listener, tcp->id);
	assert_true(s->flow.proven);
	assert_false(s->flow.trusted_tls);
	assert_int_equal(tp_conn_worker(s->flow.conn), 0);
	assert_true(tp_flow_alive(w.tp, &s->flow));
	assert_int_equal(w.arrivals, 1);
	assert_int_equal(counted(&w, TP_STAT_RX_STREAM), 1);
	(void)close(fd);
	world_until(&w, w.closed == 1);
	assert_int_equal(w.last_closed, s->flow.conn);
	assert_false(tp_flow_alive(w.tp, &s->flow));
	assert_int_equal(counted(&w, TP_STAT_CONNS), 0);
}

/* Seven messages of all shapes, with a ping and loose CRLFs in between. */
#define SEVEN                                                                               \
	OPTIONS_NR("1")                                                                     \
	OPTIONS_HEAD("2")                                                                   \
	"l: 5\r\n\r\nabc\r\n" OPTIONS_NR("3") "\r\n" OPTIONS_NR("4") "\r\n\r\n" OPTIONS_NR( \
		"5") "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP "                                  \
		     "h;branch=z9hG4bKx\r\nContent-Length: 4\r\n"                           \
		     "\r\n\r\n\r\n" OPTIONS_NR("7")

static const char seven[] = SEVEN, options[] = OPTIONS "OPT";

static void expect_seven(unsigned from, size_t cut)
{
	static const char *const ids[] = {"1", "2", "3", "4", "5", "200", "7"};

	for (unsigned i = 0; i < 7; i++) {
		const struct seen *s = &w.seen[(from + i) % WORLD_SEEN];
		bool request = i != 5;
		if (s->err || s->at.fault ||
		    strncmp(s->text, request ? "OPTIONS" : "SIP/2.0", 7) != 0)
			fail_msg("cut at %zu: message %s: %s", cut, ids[i], s->text);
	}
}

static void test_cut_at_every_byte(void **state)
{
	int fd = world_peer(&w, tcp);

	(void)state;
	w.zone[0].keepalives = (struct limit_rule){0, 1, 0};
	for (size_t cut = 1; cut < sizeof(SEVEN) - 1; cut++) {
		unsigned before = w.messages;
		peer_say(fd, sv_of(seven, cut));
		world_turn(&w);
		peer_say(fd, sv_of(&seven[cut], sizeof(seven) - 1 - cut));
		world_until(&w, w.messages >= before + 7);
		assert_int_equal(w.messages, before + 7);
		expect_seven(before, cut);
	}
	(void)close(fd);
}

static void test_byte_by_byte(void **state)
{
	int fd = world_peer(&w, tcp);

	(void)state;
	for (size_t i = 0; i < sizeof(SEVEN) - 1; i++) {
		peer_say(fd, sv_of(&seven[i], 1));
		world_turn(&w);
	}
	world_until(&w, w.messages == 7);
	expect_seven(0, 1);
	(void)close(fd);
}

/* 200 messages in segments of any size, far more than is read at once. */
static void test_random_segments(void **state)
{
	static char all[200 * (sizeof(SEVEN) - 1)];
	int fd = world_peer(&w, tcp);
	size_t n = sizeof(all), at = 0;
	uint32_t size;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		memcpy(all + i * (sizeof(SEVEN) - 1), SEVEN, sizeof(SEVEN) - 1);
	while (at < n) {
		assert_int_equal(rand_below(&w.rnd, 30000, &size), 0);
		size = size % 3 ? size % 700 + 1 : size + 1;
		if (size > n - at)
			size = (uint32_t)(n - at);
		ssize_t put = send(fd, all + at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put > 0)
			at += (size_t)put;
		world_turn(&w);
	}
	world_until(&w, w.messages == 1400);
	for (unsigned i = 1400 - 1022; i < 1400; i++)
		assert_int_equal(w.seen[i % WORLD_SEEN].err, 0);
	(void)close(fd);
}

static void test_largest_message(void **state)
{
	static char text[SIP_STREAM_MESSAGE_MAX + 100];
	int fd = world_peer(&w, tcp);
	size_t body = SIP_STREAM_MESSAGE_MAX -
		      sizeof(OPTIONS_HEAD("big") "Content-Length: 65298\r\n\r\n") + 1;
	int head = snprintf(text, sizeof(text), OPTIONS_HEAD("big") "Content-Length: %zu\r\n\r\n",
			    body);

	(void)state;
	memset(text + head, 'x', body);
	assert_int_equal((size_t)head + body, SIP_STREAM_MESSAGE_MAX);
	for (size_t at = 0; at < SIP_STREAM_MESSAGE_MAX; at += 4096) {
		peer_say(fd, sv_of(text + at, 4096));
		world_turn(&w);
	}
	world_until(&w, w.messages == 1);
	assert_int_equal(w.seen[0].len, SIP_STREAM_MESSAGE_MAX);
	assert_int_equal(w.tp->conns->in_bytes, 0);
	/* one byte more is refused by its head */
	peer_say(fd, SV(OPTIONS_HEAD("big") "Content-Length: 65530\r\n\r\n"));
	world_until(&w, w.messages == 2);
	assert_int_equal(w.seen[1].at.fault, SIP_FAULT_MESSAGE_TOO_LARGE);
	world_until(&w, peer_closed(fd));
	(void)close(fd);
}

/* ---- what is no SIP ---- */

static void test_not_sip(void **state)
{
	static const struct sv rows[] = {
		SV_INIT("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
		SV_INIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),         /* TLS */
		SV_INIT("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00"), /* RDP */
		SV_INIT("\x00\x00\x00\x54\xff\x53\x4d\x42"),                     /* SMB */
		SV_INIT("SSH-2.0-Go\r\n"),
		SV_INIT("\0"),
		SV_INIT("{\"id\":1}\r\n"),
		SV_INIT("HELO x\nMAIL\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = world_peer(&w, tcp);
		peer_say(fd, rows[i]);
		world_until(&w, counted(&w, TP_STAT_CLOSED_NOT_SIP) == i + 1);
		assert_true(peer_closed(fd));
		(void)close(fd);
	}
	assert_int_equal(w.messages, 0);
	assert_int_equal(w.not_sip, sizeof(rows) / sizeof(*rows)); /* each is told of once */
}

/* In the middle of a stream that began well. */
static void test_not_sip_later(void **state)
{
	int fd = world_peer(&w, tcp);

	(void)state;
	peer_say(fd, SV(OPTIONS "GET / HTTP/1.1\r\n\r\n"));
	world_until(&w, peer_closed(fd));
	assert_int_equal(w.messages, 1);
	(void)close(fd);
}

/* ---- keepalives ---- */

static void test_pong(void **state)
{
	int fd = world_peer(&w, tcp);
	char buf[16];

	(void)state;
	peer_say(fd, SV("\r\n\r\n"));
	assert_int_equal(peer_await(&w, fd, buf, 2), 2);
	assert_memory_equal(buf, "\r\n", 2);
	peer_say(fd, SV("\r\n\r\n\r\n\r\n\r\n\r\n")); /* the bucket is empty */
	world_until(&w, counted(&w, TP_STAT_KEEPALIVES_OVER) == 3);
	world_turn(&w);
	assert_int_equal(peer_hear(fd, buf, sizeof(buf)), -1);
	assert_int_equal(w.messages, 0);
	(void)close(fd);
}

/* ---- deadlines ---- */

static void test_slow_message(void **state)
{
	int fd;
	uint64_t begun;

	(void)state;
	w.zone[0].complete_ms = 150;
	fd = world_peer(&w, tcp);
	peer_say(fd, SV("OPT"));
	world_until(&w, w.tp->conns->in_bytes > 0);
	begun = now_ms();
	assert_in_range(w.tp->conns->in_bytes, 1, 4096 - sizeof(struct conn));
	for (unsigned i = 0; !peer_closed(fd); i++) { /* further bytes don't help */
		if (i % 4 == 0)
			(void)send(fd, "I", 1, MSG_NOSIGNAL);
		world_for(&w, 2);
		assert_true(now_ms() < begun + WORLD_WAIT_MS);
	}
	assert_in_range(now_ms() - begun, 140, 5000);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_SLOW), 1);
	assert_int_equal(w.tp->conns->in_bytes, 0);
	(void)close(fd);
}

/* Messages one after the other, each finished in its time, while together they take longer. */
static void test_slow_but_in_time(void **state)
{
	int fd;
	uint64_t begun = now_ms();

	(void)state;
	w.zone[0].complete_ms = 400;
	fd = world_peer(&w, tcp);
	for (unsigned i = 0; now_ms() < begun + 900; i++) {
		peer_say(fd, SV("OPT"));
		world_for(&w, 20);
		peer_say(fd, sv_of(&options[3], sizeof(OPTIONS) - 1)); /* and the next begins */
		world_for(&w, 20);
		peer_say(fd, sv_of(&options[3], sizeof(OPTIONS) - 4));
		world_until(&w, w.messages == 2 * i + 2);
	}
	assert_int_equal(counted(&w, TP_STAT_CLOSED_SLOW), 0);
	(void)close(fd);
}

static void test_idle_strangers(void **state)
{
	uint64_t begun;
	int silent, pinging;

	(void)state;
	w.zone[0].idle_ms = 150;
	silent = world_peer(&w, tcp);
	pinging = world_peer(&w, tcp);
	begun = now_ms();
	for (unsigned i = 0; counted(&w, TP_STAT_CLOSED_IDLE) < 2;
	     i++) { /* keepalives are no requests */
		if (i % 4 == 0)
			(void)send(pinging, "\r\n\r\n", 4, MSG_NOSIGNAL);
		world_for(&w, 2);
		assert_true(now_ms() < begun + WORLD_WAIT_MS);
	}
	assert_true(peer_closed(silent));
	assert_in_range(now_ms() - begun, 120, 5000);
	(void)close(silent);
	(void)close(pinging);
}

static void test_idle_known(void **state)
{
	int fd;

	(void)state;
	w.zone[0].idle_ms = 100;
	w.zone[0].idle_known_ms = 500;
	fd = world_peer(&w, tcp);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	tp_conn_known(w.tp, w.seen[0].flow.conn);
	tp_conn_known(w.tp, w.seen[0].flow.conn);
	world_for(&w, 250);
	assert_int_equal(w.closed, 0);
	assert_false(w.seen[0].flow.known);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 2);
	assert_true(w.seen[1].flow.known);
	world_for(&w, 250);
	peer_say(fd, SV("\r\n\r\n")); /* of a known peer they count */
	world_for(&w, 350);
	assert_int_equal(w.closed, 0);
	world_until(&w, w.closed == 1);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_IDLE), 1);
	(void)close(fd);
}

/* ---- answers, and ends ---- */

static void answer(struct world *world, struct tp_rx *rx)
{
	const struct tp_target to = {.conn = rx->flow.conn, .transport = SIP_TRANSPORT_TCP};

	assert_int_equal(tp_send(world->tp, &to, SV("SIP/2.0 400 Bad\r\n\r\n"), NULL), 0);
}

/* The answer arrives although bytes that nobody reads lie behind the bad message. */
static void test_framing_lost(void **state)
{
	int fd = world_peer(&w, tcp);
	char buf[64];

	(void)state;
	w.on_message = answer;
	peer_say(fd, SV(OPTIONS OPTIONS_HEAD("b") "Content-Length: x\r\n\r\n" OPTIONS));
	world_until(&w, w.messages == 2);
	assert_int_equal(w.seen[1].at.fault, SIP_FAULT_LENGTH_BAD);
	peer_say(fd, SV(OPTIONS));
	assert_int_equal(peer_await(&w, fd, buf, sizeof(buf)), 38);
	assert_int_equal(w.messages, 2);
	assert_int_equal(counted(&w, TP_STAT_CLOSED_FRAMING), 1);
	assert_false(tp_flow_alive(w.tp, &w.seen[1].flow));
	(void)close(fd);
	world_until(&w, w.closed == 1);
}

static void test_header_section_too_long(void **state)
{
	static char text[40000];
	int fd = world_peer(&w, tcp);

	(void)state;
	w.on_message = answer;
	memset(text, 'a', sizeof(text));
	memcpy(text, OPTIONS_HEAD("b") "X: ", sizeof(OPTIONS_HEAD("b") "X: ") - 1);
	peer_say(fd, sv_of(text, sizeof(text)));
	world_until(&w, w.messages == 1);
	assert_int_equal(w.seen[0].err, MG_ELIMIT);
	assert_int_equal(w.seen[0].at.fault, SIP_FAULT_SECTION_TOO_LONG);
	world_until(&w, peer_closed(fd));
	(void)close(fd);
}

/* A peer that does not close after our FIN is not waited for for long. */
static void test_lingering_ends(void **state)
{
	int fd = world_peer(&w, tcp);
	struct conn *conn;

	(void)state;
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	conn = conn_find(w.tp->conns, w.seen[0].flow.conn);
	tp_conn_close(w.tp, w.seen[0].flow.conn);
	assert_false(tp_flow_alive(w.tp, &w.seen[0].flow));
	world_until(&w, peer_closed(fd));
	peer_say(fd, SV(OPTIONS)); /* is thrown away */
	world_for(&w, 20);
	assert_int_equal(w.closed, 0);
	conn->since_ms -= CONN_LINGER_MS;
	conn_set_deadline(conn);
	world_until(&w, w.closed == 1);
	assert_int_equal(w.messages, 1);
	(void)close(fd);
}

static void close_within(struct world *world, struct tp_rx *rx)
{
	tp_conn_close(world->tp, rx->flow.conn);
	tp_conn_close(world->tp, rx->flow.conn);
}

static void kill_within(struct world *world, struct tp_rx *rx)
{
	conn_kill(conn_find(world->tp->conns, rx->flow.conn), -ECONNABORTED);
	assert_false(tp_flow_alive(world->tp, &rx->flow));
}

static void test_ended_within(void **state)
{
	int fd = world_peer(&w, tcp);

	(void)state;
	w.on_message = close_within;
	peer_say(fd, SV(OPTIONS OPTIONS "OPT"));
	world_until(&w, peer_closed(fd));
	assert_int_equal(w.messages, 1);
	(void)close(fd);
	w.on_message = kill_within;
	fd = world_peer(&w, tcp);
	peer_say(fd, SV(OPTIONS OPTIONS "OPT"));
	world_until(&w, peer_closed(fd));
	assert_int_equal(w.messages, 2);
	(void)close(fd);
	world_until(&w, w.closed == 2);
	assert_int_equal(w.tp->conns->in_bytes, 0);
}

/* What was asked before the FIN is answered behind it. */
static void test_half_closed(void **state)
{
	int fd = world_peer(&w, tcp);
	char buf[64];

	(void)state;
	w.on_message = answer;
	peer_say(fd, SV(OPTIONS));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(peer_await(&w, fd, buf, sizeof(buf)), 19);
	world_until(&w, w.closed == 1);
	(void)close(fd);
}

static void test_stop(void **state)
{
	int fd = world_peer(&w, tcp), late;
	char buf[64];

	(void)state;
	w.on_message = answer;
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	tp_stop(w.tp);
	assert_int_equal(peer_await(&w, fd, buf, 19), 19);
	peer_say(fd, SV(OPTIONS));
	late = peer_connect(&tcp->bound);
	world_for(&w, 50);
	assert_int_equal(w.messages, 1);
	assert_int_equal(counted(&w, TP_STAT_CONNS_IN), 1);
	(void)close(fd);
	(void)close(late);
}

/* ---- memory ---- */

/* All that strangers may hold in unfinished messages together is bounded. */
static void test_memory_of_unfinished_messages(void **state)
{
	static char text[60000];
	int fd[120];
	unsigned refused = 0;
	size_t n = (size_t)snprintf(text, sizeof(text),
				    OPTIONS_HEAD("b") "Content-Length: 60000\r\n\r\n");

	(void)state;
	w.zone[0].conns_per_source = 1000;
	memset(text + n, 'x', sizeof(text) - n);
	for (unsigned i = 0; i < 120; i++) {
		fd[i] = world_peer(&w, tcp);
		peer_say(fd[i], sv_of(text, sizeof(text)));
		world_for(&w, 3);
	}
	world_for(&w, 50);
	assert_true(w.tp->conns->in_bytes <= (4 << 20) + 200 * 4096);
	assert_true(counted(&w, TP_STAT_CLOSED_MEMORY) > 20);
	for (unsigned i = 0; i < 120; i++) {
		refused += peer_closed(fd[i]);
		(void)close(fd[i]);
	}
	assert_int_equal(refused, counted(&w, TP_STAT_CLOSED_MEMORY));
	world_until(&w, w.closed == 120);
	assert_int_equal(w.tp->conns->in_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_one_message),
		T(test_cut_at_every_byte),
		T(test_byte_by_byte),
		T(test_random_segments),
		T(test_largest_message),
		T(test_not_sip),
		T(test_not_sip_later),
		T(test_pong),
		T(test_slow_message),
		T(test_slow_but_in_time),
		T(test_idle_strangers),
		T(test_idle_known),
		T(test_framing_lost),
		T(test_header_section_too_long),
		T(test_lingering_ends),
		T(test_ended_within),
		T(test_half_closed),
		T(test_stop),
		T(test_memory_of_unfinished_messages),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
