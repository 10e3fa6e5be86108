/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * letter: two workers, one of which sends by the other's connections: what arrives, what comes back, what is told when the connection goes, and the same with
 * threads and mailboxes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "event/mailbox.h"
#include "transport/stream_test_world.h"

/* Worker 0 owns connections, worker 1 sends by them. */
static struct world owner, sender;
static struct tp_shared *shared;
static struct tp_listener *tcp;
static struct tp_letter *post[64]; /* under way, with the worker it is for */
static unsigned post_to[64], posted;
static bool post_full;

static int into_post(struct world *w, unsigned worker, struct tp_letter *letter)
{
	(void)w;
	if (post_full || posted == 64)
		return MG_ELIMIT;
	post[posted] = letter;
	post_to[posted++] = worker;
	return 0;
}

/* Deliver what is under way, and what that causes. */
static void deliver(void)
{
	for (unsigned i = 0; i < posted; i++)
		tp_receive_letter(post_to[i] == 0 ? owner.tp : sender.tp, post[i]);
	posted = 0;
}

static int begin(void **state)
{
	(void)state;
	shared = tp_shared_new(100);
	assert_non_null(shared);
	world_begin_as(&owner, 0, 2, shared);
	world_begin_as(&sender, 1, 2, shared);
	owner.on_letter = sender.on_letter = into_post;
	post_full = false;
	posted = 0;
	tcp = world_listen(&owner, SIP_TRANSPORT_TCP, NULL);
	world_apply(&owner);
	sender.config.listeners =
		owner.config.listeners; /* the same configuration; it has no socket for worker 1 */
	sender.config.n_listeners = 1;
	world_apply(&sender);
	return 0;
}

static int end(void **state)
{
	(void)state;
	sender.config.n_listeners = 0;
	world_end(&sender);
	world_end(&owner);
	tp_shared_free(shared);
	return 0;
}

/* A peer of the owner's, which has said something. */
static int peer_of_owner(struct tp_flow *flow)
{
	int fd = world_peer(&owner, tcp);
	unsigned before = owner.messages;

	peer_say(fd, SV(OPTIONS));
	world_until(&owner, owner.messages == before + 1);
	*flow = owner.seen[before].flow;
	return fd;
}

static void hear_one(int fd)
{
	char buf[sizeof(OPTIONS) - 1];

	assert_int_equal(peer_await(&owner, fd, buf, sizeof(buf)), sizeof(buf));
	assert_memory_equal(buf, OPTIONS, sizeof(buf));
}

static int send_by(const struct tp_target *to, struct wait *wait)
{
	if (wait)
		wait_init(wait, &sender);
	return tp_send(sender.tp, to, SV(OPTIONS), wait ? &wait->ticket : NULL);
}

static void test_by_number_and_by_address(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct tp_target by_number = {.conn = flow.conn}, by_address = tcp_target(&flow.peer, tcp);
	struct tp_target found = {.quick = true};

	(void)state;
	assert_true(tp_flow_alive(sender.tp, &flow));
	assert_int_equal(tp_conn_target(sender.tp, flow.conn, &found), 0);
	assert_true(addr_eq(&found.addr, &flow.peer));
	assert_int_equal(found.transport, SIP_TRANSPORT_TCP);
	assert_int_equal(found.listener, tcp->id);
	assert_int_equal(send_by(&by_number, NULL), 0);
	assert_int_equal(posted, 1);
	assert_int_equal(post_to[0], 0);
	deliver();
	hear_one(fd);
	assert_int_equal(send_by(&by_address, NULL), 0);
	deliver();
	hear_one(fd);
	assert_int_equal(sender.sending, 2); /* asked where it was sent */
	assert_int_equal(owner.sending, 0);
	assert_int_equal(counted(&sender, TP_STAT_CONNS_OUT), 0);
	sender.veto = true;
	assert_int_equal(send_by(&by_number, NULL), MG_EAUTH);
	(void)close(fd);
	world_until(&owner, owner.closed == 1);
	deliver();
	assert_false(tp_flow_alive(sender.tp, &flow));
	assert_int_equal(tp_conn_target(sender.tp, flow.conn, &found), MG_ENOENT);
}

/* The connection goes after the bytes have left. */
static void test_tickets_fail(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct tp_target to = {.conn = flow.conn};
	static struct wait kept, dropped;

	(void)state;
	assert_int_equal(send_by(&to, &kept), 0);
	assert_int_equal(send_by(&to, &dropped), 0);
	deliver();
	hear_one(fd);
	hear_one(fd);
	tp_ticket_drop(&dropped.ticket);
	(void)close(fd);
	world_until(&owner, owner.closed == 1);
	assert_int_equal(posted, 1);
	assert_int_equal(kept.failed, 0);
	deliver();
	assert_int_equal(kept.failed, 1);
	assert_int_equal(kept.err, -ECONNRESET);
	assert_int_equal(dropped.failed, 0);
	assert_int_equal(sender.lost, 0);
	assert_int_equal(map_count(&sender.tp->conns->remotes), 0);
}

/* The connection goes while the letter is under way. */
static void test_too_late(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct tp_target to = {.conn = flow.conn};
	static struct wait waits[2];

	(void)state;
	assert_int_equal(send_by(&to, &waits[0]), 0);
	assert_int_equal(send_by(&to, &waits[1]), 0);
	(void)close(fd);
	world_until(&owner, owner.closed == 1);
	deliver(); /* and both come back */
	assert_int_equal(sender.lost, 2);
	assert_int_equal(sender.last_lost, -ENOTCONN);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(waits[i].failed, 1);
		assert_int_equal(waits[i].err, -ENOTCONN);
	}
	assert_int_equal(send_by(&to, &waits[0]), -ENOTCONN); /* now it is known here as well */
}

static void test_no_room_in_the_mailbox(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct tp_target to = {.conn = flow.conn};
	static struct wait wait;

	(void)state;
	post_full = true;
	assert_int_equal(send_by(&to, &wait), -ENOBUFS);
	assert_int_equal(counted(&sender, TP_STAT_LETTERS_LOST), 1);
	post_full = false;
	assert_int_equal(send_by(&to, &wait), 0);
	deliver();
	hear_one(fd);
	post_full = true; /* the news is lost: then time tells */
	(void)close(fd);
	world_until(&owner, owner.closed == 1);
	assert_int_equal(counted(&owner, TP_STAT_LETTERS_LOST), 1);
	assert_int_equal(wait.failed, 0);
	tp_ticket_drop(&wait.ticket);
}

/* A queue that is full on the other side. */
static void test_no_room_in_the_queue(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct tp_target to = {.conn = flow.conn};
	static struct wait wait;

	(void)state;
	owner.config.queue_bytes = 400;
	assert_int_equal(send_by(&to, &wait), 0);
	deliver();
	hear_one(fd);
	struct conn *conn = conn_find(owner.tp->conns, flow.conn);
	conn->blocked = true; /* as if nothing could leave */
	conn->state = CONN_HANDSHAKE;
	assert_int_equal(send_by(&to, NULL), 0);
	assert_int_equal(send_by(&to, NULL), 0);
	deliver();
	assert_int_equal(sender.lost, 1);
	assert_int_equal(sender.last_lost, -ENOBUFS);
	assert_int_equal(wait.failed, 0); /* the connection lives */
	conn->state = CONN_OPEN;
	tp_ticket_drop(&wait.ticket);
	(void)close(fd);
}

static void test_known_and_close(void **state)
{
	struct tp_flow flow;
	int fd = peer_of_owner(&flow);
	struct conn *conn = conn_find(owner.tp->conns, flow.conn);

	(void)state;
	assert_false(conn->let_in);
	tp_conn_known(sender.tp, flow.conn);
	deliver();
	assert_true(conn->let_in);
	tp_conn_close(sender.tp, flow.conn);
	deliver();
	world_until(&owner, peer_closed(fd));
	(void)close(fd);
	world_until(&owner, owner.closed == 1);
	tp_conn_known(sender.tp, flow.conn); /* too late: nothing */
	tp_conn_close(sender.tp, flow.conn);
	deliver();
}

/* What is known of others' connections goes when no ticket waits any more. */
static void test_sweep(void **state)
{
	struct tp_flow flow, other;
	int fd = peer_of_owner(&flow), fd2 = peer_of_owner(&other);
	struct tp_target to = {.conn = flow.conn}, to2 = {.conn = other.conn};
	static struct wait first, second;

	(void)state;
	assert_int_equal(send_by(&to, &first), 0);
	assert_int_equal(send_by(&to2, &second), 0);
	assert_int_equal(map_count(&sender.tp->conns->remotes), 2);
	tp_ticket_drop(&first.ticket);
	remotes_sweep(&sender.tp->conns->sweep, loop_now_ms(sender.loop));
	assert_int_equal(map_count(&sender.tp->conns->remotes), 1);
	assert_true(wheel_is_set(&sender.tp->conns->sweep));
	deliver();
	(void)close(fd);
	(void)close(fd2); /* freed with a ticket waiting, in the end */
}

/* ---- threads ---- */

enum { THREADS = 2, ROUNDS = 400 };

static struct mailbox *box;
static atomic_uint finished;
static atomic_bool broken;

/* One worker: its peer says something, the message goes to the other worker's peer by that one's connection, and is heard there. Connections come and go. */
struct crew {
	struct world w;
	pthread_t thread;
	_Atomic tp_conn conn; /* that the other one sends by */
	unsigned failed, heard;
	struct wait waits[8];
	unsigned sent;
};

static struct crew crew[THREADS];

static int mail(struct world *w, unsigned worker, struct tp_letter *letter)
{
	return mailbox_send(box, w->worker, worker, 0, letter);
}

static void mailed(void *arg, void *letter)
{
	struct crew *c = arg;

	tp_receive_letter(c->w.tp, letter);
}

static void crew_message(struct world *w, struct tp_rx *rx)
{
	struct crew *c = container_of(w, struct crew, w), *other = &crew[!w->worker];
	struct wait *wait = &c->waits[c->sent % 8];
	struct tp_target to = {.conn = atomic_load(&other->conn)};

	atomic_store(&c->conn, rx->flow.conn);
	tp_conn_known(w->tp, to.conn ? to.conn : rx->flow.conn);
	if (c->sent >= 8) {
		tp_ticket_drop(&wait->ticket);
		c->failed += wait->failed;
	}
	wait_init(wait, w);
	c->sent++;
	if (to.conn && tp_send(w->tp, &to, SV(OPTIONS), &wait->ticket) != 0)
		c->failed++;
}

/* One more round of a crew. Returns the peer's descriptor, which changes now and then. */
static int crew_round(struct crew *c, int fd, unsigned i)
{
	struct addr to = c->w.listener[0].bound;
	char buf[4096];
	ssize_t got;

	if (i % 16 == 0) {
		if (fd >= 0)
			(void)close(fd);
		struct sockaddr_storage ss;
		socklen_t n = addr_to_sockaddr(&to, &ss);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&ss, n) != 0)
			atomic_store(&broken, true);
	}
	(void)send(fd, OPTIONS, sizeof(OPTIONS) - 1, MSG_NOSIGNAL);
	for (unsigned k = 0; k < 3; k++)
		if (loop_turn(c->w.loop, 1) != 0)
			atomic_store(&broken, true);
	while ((got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		c->heard += (unsigned)got;
	return fd;
}

static void *crew_run(void *arg)
{
	struct crew *c = arg;
	int fd = -1;

	for (unsigned i = 0; i < ROUNDS; i++)
		fd = crew_round(c, fd, i);
	atomic_fetch_add(&finished, 1);
	while (atomic_load(&finished) < THREADS) /* letters still come */
		if (loop_turn(c->w.loop, 1) != 0)
			atomic_store(&broken, true);
	(void)close(fd);
	return NULL;
}

static void drop_letter(void *letter)
{
	tp_letter_free(letter);
}

static void test_threads(void **state)
{
	struct tp_shared *all = tp_shared_new(100);

	(void)state;
	box = mailbox_new(THREADS, 64, 1);
	assert_non_null(box);
	for (unsigned i = 0; i < THREADS; i++) {
		struct crew *c = &crew[i];
		world_begin_as(&c->w, i, THREADS, all);
		c->w.on_letter = mail;
		c->w.on_message = crew_message;
		(void)world_listen(&c->w, SIP_TRANSPORT_TCP, NULL);
		world_apply(&c->w);
		assert_int_equal(mailbox_open(box, i, c->w.loop, mailed, c), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&crew[i].thread, NULL, crew_run, &crew[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(crew[i].thread, NULL), 0);
	assert_false(atomic_load(&broken));
	for (unsigned i = 0; i < THREADS; i++) {
		assert_true(crew[i].w.messages >
			    ROUNDS / 2); /* a peer that closes may cut off its last ones */
		assert_true(crew[i].heard > sizeof(OPTIONS) * ROUNDS / 4);
		mailbox_close(box, i);
	}
	for (unsigned i = 0; i < THREADS; i++)
		world_end(&crew[i].w);
	mailbox_free(box, drop_letter);
	tp_shared_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_by_number_and_by_address),
		T(test_tickets_fail),
		T(test_too_late),
		T(test_no_room_in_the_mailbox),
		T(test_no_room_in_the_queue),
		T(test_known_and_close),
		T(test_sweep),
#undef T
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
