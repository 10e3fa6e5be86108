/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp_send: batches, and what the kernel refuses: its errors are made up by a sendmmsg of this test's own (the linker puts it
 * in front of the real one), because loopback knows few of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <limits.h>

#include "transport/tp_test_world.h"

/* ---- the kernel, as this test wants it ---- */

int __real_sendmmsg(int fd, struct mmsghdr *header, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *header, unsigned n, int flags);

static struct {
	unsigned calls;
	uint16_t bad_port; /* what goes there meets `err` */
	int err;
	unsigned errors; /* that are left, UINT_MAX: always */
	unsigned room;   /* messages until the socket is full */
} kernel;

static uint16_t port_of(const struct mmsghdr *m)
{
	struct addr a;

	assert_int_equal(addr_from_sockaddr(m->msg_hdr.msg_name, m->msg_hdr.msg_namelen, &a), 0);
	return a.port;
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *header, unsigned n, int flags)
{
	unsigned good = 0;

	kernel.calls++;
	assert_true(n > 0);
	while (good < n && port_of(&header[good]) != kernel.bad_port && good < kernel.room)
		good++;
	if (good < n && good < kernel.room && kernel.errors == 0)
		good++; /* the bad one passes now */
	if (good == 0 && kernel.room == 0)
		return refuse(EAGAIN);
	if (good == 0) {
		kernel.errors -= kernel.errors != UINT_MAX;
		return refuse(kernel.err);
	}
	kernel.room -= kernel.room == UINT_MAX ? 0 : good;
	return __real_sendmmsg(fd, header, good, flags);
}

static int reset(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.room = UINT_MAX;
	return 0;
}

/* ---- the peers ---- */

enum { PEERS = 3 };

static struct addr peer[PEERS];
static int peer_fd[PEERS];

static int open_peers(void **state)
{
	int room = 4 << 20;

	(void)state;
	for (unsigned i = 0; i < PEERS; i++) {
		peer[i] = address("127.0.0.1:0");
		peer_fd[i] = world_socket(&peer[i]);
		(void)setsockopt(peer_fd[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	}
	return 0;
}

static int close_peers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEERS; i++)
		close(peer_fd[i]);
	return 0;
}

static struct world *start(void)
{
	struct world *w = world_new();

	world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.2:0", 1);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	return w;
}

static int give(struct world *w, unsigned listener, unsigned to, struct sv bytes)
{
	struct tp_target target = {.addr = peer[to],
				   .listener = (uint16_t)(10 + listener),
				   .transport = SIP_TRANSPORT_UDP};

	return tp_send(w->tp, &target, bytes, NULL);
}

static int give_number(struct world *w, unsigned listener, unsigned to, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return give(w, listener, to, sv_str(text));
}

/* The next message of a peer is that number; -1: there is none. */
static void expect(unsigned at, int number)
{
	char got[65536];
	int n = world_recv(peer_fd[at], got, sizeof(got), NULL, 0);

	if (number < 0)
		assert_int_equal(n, -1);
	else
		assert_int_equal(n < 0 ? -1 : strtol(got, NULL, 10), number);
}

/* ---- batches ---- */

static void two_by_turns(struct world *w)
{
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(give_number(w, i % 2, i % 2, i), 0);
	expect(0, -1); /* nothing has left */
}

static void a_turn_is_a_call_a_socket(void **state)
{
	struct world *w = start();
	struct addr from;
	char got[16];

	(void)state;
	world_do(w, two_by_turns);
	assert_int_equal(kernel.calls, 2);
	for (int i = 0; i < 28; i++)
		expect((unsigned)i % 2, i);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(world_recv(peer_fd[i], got, sizeof(got), &from, 0) > 0);
		assert_true(addr_eq(&from, &w->listener[i].bound));
		expect(i, -1);
	}
	assert_int_equal(world_count(w, TP_STAT_TX_UDP), 30);
	world_do(w, two_by_turns);
	assert_int_equal(kernel.calls, 4);
	for (int i = 0; i < 30; i++)
		expect((unsigned)i % 2, i);
	world_free(w);
}

static void many(struct world *w)
{
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(give_number(w, 0, i % 3, i), 0);
}

static void large(struct world *w)
{
	static char bytes[60000];

	for (unsigned i = 0; i < 20; i++) {
		memset(bytes, 'x', sizeof(bytes));
		snprintf(bytes, 16, "%u ", i);
		assert_int_equal(give(w, 0, i % 3, sv_of(bytes, sizeof(bytes) - i)), 0);
	}
}

static void full_batches_leave_before(void **state)
{
	struct world *w = start();

	(void)state;
	world_do(w, many);
	assert_int_equal(kernel.calls, 5); /* 64 each */
	for (int i = 0; i < 300; i++)
		expect((unsigned)i % 3, i);
	kernel.calls = 0;
	world_do(w, large);
	assert_int_equal(kernel.calls, 5); /* 4 fit */
	for (int i = 0; i < 20; i++)
		expect((unsigned)i % 3, i);
	world_free(w);
}

static void what_cannot_be_sent_is_said_at_once(void **state)
{
	static char bytes[65508];
	struct world *w = start();
	struct tp_target to = {.addr = peer[0], .listener = 10, .transport = SIP_TRANSPORT_UDP};

	(void)state;
	assert_int_equal(tp_send(w->tp, &to, sv_of(bytes, sizeof(bytes)), NULL), -EMSGSIZE);
	to.listener = 99;
	assert_int_equal(tp_send(w->tp, &to, SV("x"), NULL), -ENOTCONN);
	to.listener = 10;
	to.addr = address("[2001:db8::1]:5060");
	assert_int_equal(tp_send(w->tp, &to, SV("x"), NULL), -EAFNOSUPPORT);
	to.addr = address("127.0.0.1:0");
	assert_int_equal(tp_send(w->tp, &to, SV("x"), NULL), -EINVAL);
	w->veto = true;
	assert_int_equal(give(w, 0, 0, SV("x")), MG_EAUTH);
	assert_int_equal(world_count(w, TP_STAT_DROP_SENDING), 1);
	to.transport = SIP_TRANSPORT_TCP;
	assert_int_equal(tp_send(w->tp, &to, SV("x"), NULL), 0);
	assert_int_equal(w->tp->conns->sent, 1);
	world_free(w);
}

/* ---- errors ---- */

static void five(struct world *w)
{
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(give_number(w, 0, i == 2 ? 1 : 0, i), 0);
}

/* The third of five meets an error: the others arrive, it is counted, and told if the target is to blame (O-7). */
static void one_that_is_refused_does_not_hold_up_others(void **state)
{
	static const struct {
		int err;
		enum tp_stat stat;
		bool told;
	} rows[] = {
		{EMSGSIZE, TP_STAT_SEND_TOO_LARGE, true},  {ENOBUFS, TP_STAT_SEND_FULL, false},
		{ENOMEM, TP_STAT_SEND_FULL, false},        {EPERM, TP_STAT_SEND_ERRORS, false},
		{EACCES, TP_STAT_SEND_ERRORS, true},       {ENETUNREACH, TP_STAT_SEND_ERRORS, true},
		{EHOSTUNREACH, TP_STAT_SEND_ERRORS, true}, {EINVAL, TP_STAT_SEND_ERRORS, true},
		{EIO, TP_STAT_SEND_ERRORS, false},
	};

	(void)state;
	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct world *w = start();
		reset(NULL);
		kernel.bad_port = peer[1].port;
		kernel.err = rows[r].err;
		kernel.errors = UINT_MAX;
		world_do(w, five);
		for (int i = 0; i < 5; i++)
			if (i != 2)
				expect(0, i);
		expect(1, -1);
		assert_true(kernel.calls <= 7);
		assert_int_equal(world_count(w, rows[r].stat), 1);
		assert_int_equal(world_count(w, TP_STAT_TX_UDP), 4);
		assert_int_equal(w->unreachable, rows[r].told);
		if (rows[r].told) {
			assert_int_equal(w->lost[0].err, -rows[r].err);
			assert_true(addr_eq(&w->lost[0].peer, &peer[1]));
			assert_string_equal(w->lost[0].text, "2");
		}
		world_free(w);
	}
}

/* An error that ICMP brought about is given to whoever sends next, once: that message is sent all the same. */
static void errors_of_others_are_passed_over(void **state)
{
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, EPROTO};

	(void)state;
	for (unsigned r = 0; r < 3; r++) {
		struct world *w = start();
		reset(NULL);
		kernel.bad_port = peer[1].port;
		kernel.err = errors[r];
		kernel.errors = 3;
		world_do(w, five);
		expect(1, 2);
		for (int i = 0; i < 5; i++)
			if (i != 2)
				expect(0, i);
		assert_int_equal(world_count(w, TP_STAT_SEND_ERRORS), 0);
		assert_int_equal(w->unreachable, 0);
		world_free(w);
	}
}

static void to_the_bad_one(struct world *w)
{
	assert_int_equal(give_number(w, 0, 1, 7), 0);
}

static void go_on_to_the_next(struct world *w, const struct addr *at)
{
	assert_true(addr_eq(at, &peer[1]));
	assert_int_equal(give_number(w, 1, 2, 8), 0);
}

static void try_again(struct world *w, const struct addr *at)
{
	assert_true(addr_eq(at, &peer[1]));
	for (unsigned i = 0; i < 100; i++) /* fills the batch, so that it leaves meanwhile */
		assert_int_equal(give_number(w, 0, 1, 9), 0);
}

/* Who hears of a failure may send elsewhere, which leaves in the same turn; or to the same target, which ends all the same. */
static void failing_over_is_at_once_and_ends(void **state)
{
	struct world *w = start();

	(void)state;
	reset(NULL);
	kernel.bad_port = peer[1].port;
	kernel.err = ENETUNREACH;
	kernel.errors = UINT_MAX;
	w->on_unreachable = go_on_to_the_next;
	world_do(w, to_the_bad_one);
	assert_int_equal(w->unreachable, 1);
	expect(2, 8);
	w->on_unreachable = try_again;
	world_do(w, to_the_bad_one);
	assert_true(w->unreachable > 2 && w->unreachable < 600);
	uint64_t sent = kernel.calls;
	world_turn(w, 0);
	assert_int_equal(kernel.calls, sent); /* it is over */
	world_free(w);
}

/* ---- a full socket ---- */

static void ten(struct world *w)
{
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(give_number(w, 0, 0, i), 0);
}

static void one_more(struct world *w)
{
	assert_int_equal(give_number(w, 0, 0, 10), 0);
}

static void a_full_socket_is_waited_for(void **state)
{
	struct world *w = start();

	(void)state;
	reset(NULL);
	kernel.room = 4;
	world_do(w, ten);
	for (int i = 0; i < 4; i++)
		expect(0, i);
	expect(0, -1);
	world_turn(w, 20); /* writable, says the real kernel; still full, says this one */
	world_do(w, one_more);
	expect(0, -1);
	kernel.room = UINT_MAX;
	for (unsigned i = 0; i < 3; i++)
		world_turn(w, 20);
	for (int i = 4; i < 11; i++) /* in order */
		expect(0, i);
	assert_int_equal(world_count(w, TP_STAT_SEND_FULL), 0);
	assert_int_equal(world_count(w, TP_STAT_TX_UDP), 11);
	/* and it is at rest */
	uint64_t turns = loop_turns(w->loop);
	for (unsigned k = 0; k < 3; k++)
		world_turn(w, 1);
	assert_int_equal(loop_turns(w->loop), turns);
	world_free(w);
}

static unsigned refused;

static void a_thousand(struct world *w)
{
	refused = 0;
	for (unsigned i = 0; i < 1000; i++)
		refused += give_number(w, 0, 0, i) == -ENOBUFS;
}

static void waiting_is_bounded(void **state)
{
	struct world *w = start();

	(void)state;
	reset(NULL);
	kernel.room = 0;
	world_do(w, a_thousand);
	assert_int_equal(refused + 512, 1000);
	assert_int_equal(world_count(w, TP_STAT_SEND_FULL), refused);
	kernel.room = UINT_MAX;
	for (unsigned i = 0; i < 3; i++)
		world_turn(w, 20);
	for (int i = 0; i < 512; i++)
		expect(0, i);
	expect(0, -1);
	/* what waits when the listener goes is given up, and counted */
	kernel.room = 0;
	world_do(w, ten);
	w->config.listeners++;
	w->config.n_listeners--;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	assert_int_equal(world_count(w, TP_STAT_SEND_FULL), refused + 10);
	world_free(w);
}

static void bytes_that_wait_are_bounded(void **state)
{
	static char bytes[60000];
	struct world *w = start();
	unsigned n = 0;

	(void)state;
	reset(NULL);
	kernel.room = 0;
	while (give(w, 0, 0, sv_of(bytes, sizeof(bytes))) == 0 && n < 100)
		n++;
	assert_int_equal(n, (1 << 20) / sizeof(bytes));
	kernel.room = UINT_MAX;
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_turn_is_a_call_a_socket, reset),
		cmocka_unit_test_setup(full_batches_leave_before, reset),
		cmocka_unit_test_setup(what_cannot_be_sent_is_said_at_once, reset),
		cmocka_unit_test_setup(one_that_is_refused_does_not_hold_up_others, reset),
		cmocka_unit_test_setup(errors_of_others_are_passed_over, reset),
		cmocka_unit_test_setup(failing_over_is_at_once_and_ends, reset),
		cmocka_unit_test_setup(a_full_socket_is_waited_for, reset),
		cmocka_unit_test_setup(waiting_is_bounded, reset),
		cmocka_unit_test_setup(bytes_that_wait_are_bounded, reset),
	};

	return cmocka_run_group_tests(tests, open_peers, close_peers);
}
