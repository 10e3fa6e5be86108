/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn, without memory: each allocation of ours fails in turn (O-3) while a transport is made, while peers come, speak and are answered, while we connect and
 * send, over TCP and TLS. What fails, fails whole; afterwards all works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "transport/tls_test_peers.h"

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return alloc_fails_now() ? NULL : __real_realloc(p, n);
}

static bool all_worked; /* no allocation failed in this round */

static void fail_at(long n)
{
	alloc_until_failure = n;
}

static void fail_no_more(void)
{
	all_worked = alloc_until_failure >= 0;
	alloc_until_failure = -1;
}

/* Rounds begin with the first allocation failing, and end with the round in which none does. */
static bool another_round(long n)
{
	return n == 0 || (!all_worked && n < 400);
}

static void test_making(void **state)
{
	const struct tp_env env = w.tp->env;
	unsigned rounds = 0;

	(void)state;
	for (long n = 0; another_round(n); n++) {
		fail_at(n);
		struct tp *tp = tp_new(&env);
		int err = tp ? tp_apply(tp, &w.config) : MG_ENOMEM;
		fail_no_more();
		assert_true(all_worked || err == MG_ENOMEM || err == 0);
		assert_true(!all_worked || err == 0);
		tp_free(tp);
		rounds++;
	}
	assert_in_range(rounds, 5, 399);
}

static void answer(struct world *world, struct tp_rx *rx)
{
	const struct tp_target to = {.conn = rx->flow.conn};
	int err = tp_send(world->tp, &to, SV("SIP/2.0 200 OK\r\nl: 0\r\n\r\n"), NULL);

	assert_true(err == 0 || err == MG_ENOMEM || err == -ENOTCONN);
}

static void run_quietly(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		loop_wake(w.kick);
		assert_int_equal(loop_turn(w.loop, 0), 0);
	}
}

static void all_gone(void)
{
	world_until(&w, counted(&w, TP_STAT_CONNS) == 0);
	assert_int_equal(w.tp->conns->in_bytes, 0);
	assert_int_equal(w.tp->conns->strangers, 0);
	assert_int_equal(w.tp->conns->meter.pending, 0);
}

/* A peer comes, says one message and half of another, and is answered. */
static void test_peers(void **state)
{
	struct tp_listener *tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);
	unsigned rounds = 0;

	(void)state;
	world_apply(&w);
	w.on_message = answer;
	for (long n = 0; another_round(n); n++) {
		int fd = peer_connect(&tcp->bound);
		peer_say(fd, SV(OPTIONS OPTIONS_HEAD("b")));
		fail_at(n);
		run_quietly(6);
		fail_no_more();
		(void)close(fd);
		all_gone();
		rounds++;
	}
	assert_in_range(rounds, 3, 399);
	int fd = world_peer(&w, tcp);
	unsigned before = w.messages;
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == before + 1);
	(void)close(fd);
}

/* We connect to ourselves, and send. */
static void test_sending(void **state)
{
	struct tp_target to = {
		.addr = tls->bound, .transport = SIP_TRANSPORT_TLS, .listener = tls->id};
	static struct wait wait;
	unsigned rounds = 0;

	(void)state;
	memcpy(to.domain, "example.com", 12);
	for (long n = 0; another_round(n); n++) {
		unsigned before = w.messages;
		int err;
		wait_init(&wait, &w);
		fail_at(n);
		err = tp_send(w.tp, &to, SV(OPTIONS), &wait.ticket);
		run_quietly(20);
		fail_no_more();
		world_until(&w, err || wait.failed || w.messages > before);
		assert_true(!all_worked || (!err && !wait.failed));
		tp_ticket_drop(&wait.ticket);
		for (uint32_t i = 0; i < w.tp->conns->used; i++)
			if (w.tp->conns->slot[i].conn)
				conn_kill(w.tp->conns->slot[i].conn, -ECANCELED);
		all_gone();
		rounds++;
	}
	assert_in_range(rounds, 5, 399);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_making),
		T(test_peers),
		T(test_sending),
#undef T
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
