/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_tls: how many TLS handshakes there may be and how they take turns (T-5), over loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/tls_test_peers.h"

/* ---- how many handshakes (T-5) ---- */

static void test_pending_of_a_source(void **state)
{
	int fd[3];

	(void)state;
	w.zone[0].handshakes_per_source = 2;
	fd[0] = world_peer(&w, tls);
	fd[1] = world_peer(&w, tls);
	refused_then(peer_connect(&tls->bound));
	assert_int_equal(counted(&w, TP_STAT_TLS_METERED), 1);
	assert_int_equal(counted(&w, TP_STAT_TLS_PENDING), 2);
	w.known = true;
	fd[2] = world_peer(&w, tls);
	w.known = false;
	(void)close(fd[0]);
	world_until(&w, w.closed == 1);
	fd[0] = world_peer(&w, tls);
	for (unsigned i = 0; i < 3; i++)
		(void)close(fd[i]);
	world_until(&w, w.closed == 4);
	assert_int_equal(counted(&w, TP_STAT_TLS_PENDING), 0);
	assert_int_equal(w.tp->conns->meter.pending, 0);
}

static void test_pending_in_all(void **state)
{
	int fd[4];

	(void)state;
	w.config.handshakes_max = 4; /* of these one for known peers */
	for (unsigned i = 0; i < 3; i++)
		fd[i] = world_peer(&w, tls);
	refused_then(peer_connect(&tls->bound));
	w.known = true;
	fd[3] = world_peer(&w, tls);
	refused_then(peer_connect(&tls->bound));
	assert_int_equal(counted(&w, TP_STAT_TLS_METERED), 2);
	for (unsigned i = 0; i < 4; i++)
		(void)close(fd[i]);
	world_until(&w, w.closed == 4);
	assert_int_equal(w.tp->conns->meter.pending, 0);
}

static void test_rate_of_a_source(void **state)
{
	(void)state;
	w.zone[0].handshakes = (struct limit_rule){1, 60000, 3};
	for (unsigned i = 0; i < 3; i++) {
		int fd = world_peer(&w, tls);
		(void)close(fd);
		world_until(&w, w.closed == i + 1);
	}
	refused_then(peer_connect(&tls->bound));
	assert_int_equal(counted(&w, TP_STAT_TLS_METERED), 1);
	w.known = true;
	int fd = world_peer(&w, tls);
	(void)close(fd);
}

static void test_too_slow(void **state)
{
	int silent, half;

	(void)state;
	w.zone[0].handshake_ms = 100;
	silent = world_peer(&w, tls);
	half = world_peer(&w, tls);
	peer_say(half, SV("\x16\x03\x01\x02"));
	world_until(&w, w.closed == 2);
	assert_int_equal(counted(&w, TP_STAT_TLS_FAILED), 2);
	assert_int_equal(counted(&w, TP_STAT_TLS_PENDING), 0);
	refused_then(silent);
	refused_then(half);
}

/* One use of the private key in a turn, though many ask at once. Counted where it is used: no turn moves more than one handshake on. */
static void test_one_key_a_turn(void **state)
{
	enum { MANY = 12 };
	struct peer p[MANY];
	unsigned answered = 0, most = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		p[i] = peer_begin(client);
	world_until(&w, counted(&w, TP_STAT_CONNS_IN) == MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(peer_step(&p[i]), -EAGAIN); /* the hello is out */
	for (uint64_t end_ms = now_ms() + WORLD_WAIT_MS; answered < MANY && now_ms() < end_ms;) {
		unsigned now = 0;
		assert_int_equal(loop_turn(w.loop, 5), 0);
		for (unsigned i = 0; i < MANY; i++) {
			char c;
			now += recv(p[i].fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
		}
		if (now - answered > most)
			most = now - answered;
		answered = now;
	}
	assert_int_equal(answered, MANY);
	assert_int_equal(most, 1);
	for (unsigned i = 0; i < MANY; i++)
		world_until(&w, peer_step(&p[i]) == 0);
	world_until(&w, counted(&w, TP_STAT_TLS_DONE) == MANY);
	for (unsigned i = 0; i < MANY; i++)
		peer_end(&p[i]);
}

/* Whoever waits for the key and leaves, or goes on talking, disturbs nobody. */
static void test_leave_while_waiting(void **state)
{
	enum { MANY = 4 };
	struct peer p[MANY];

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		p[i] = peer_begin(client);
	world_until(&w, counted(&w, TP_STAT_CONNS_IN) == MANY);
	w.tp->conns->meter.level_us = -60000; /* no time left */
	w.tp->conns->meter.at_us = loop_clock_us();
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(peer_step(&p[i]), -EAGAIN);
	world_for(&w, 10);
	assert_true(tls_meter_waits(&w.tp->conns->meter));
	assert_int_equal(counted(&w, TP_STAT_TLS_DONE), 0);
	peer_say(p[1].fd, SV("more"));
	(void)close(p[0].fd);
	conn_kill(w.tp->conns->slot[2].conn, -ECANCELED);
	uint64_t turns = loop_turns(w.loop), begun = now_ms();
	while (now_ms() < begun + 40) /* and nothing spins */
		assert_int_equal(loop_turn(w.loop, 20), 0);
	assert_true(loop_turns(w.loop) - turns < 30);
	world_until(&w, peer_step(&p[3]) == 0);
	world_until(&w, counted(&w, TP_STAT_TLS_DONE) == 1);
	p[0].fd = -1;
	for (unsigned i = 0; i < MANY; i++)
		peer_end(&p[i]);
	world_until(&w, w.closed == MANY);
	assert_int_equal(w.tp->conns->meter.pending, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_pending_of_a_source), T(test_pending_in_all),
		T(test_rate_of_a_source),    T(test_too_slow),
		T(test_one_key_a_turn),      T(test_leave_while_waiting),
#undef T
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
