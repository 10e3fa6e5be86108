/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp: the sockets of configurations that follow one another: listeners that come, go, and are kept for what is under way on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/tp_test_world.h"

#define MESSAGE                                                \
	"OPTIONS sip:b@b.example SIP/2.0\r\n"                  \
	"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport\r\n" \
	"From: <sip:a@a.example>;tag=1\r\n"                    \
	"To: <sip:b@b.example>\r\n"                            \
	"Call-ID: 1\r\n"                                       \
	"CSeq: 1 OPTIONS\r\n"                                  \
	"Content-Length: 0\r\n\r\n"

static void send_text(int fd, const struct addr *to, const char *text)
{
	world_send_raw(fd, to, text, strlen(text));
}

static struct addr target;

static void send_there(struct world *w)
{
	struct tp_target to = {.addr = target, .listener = 10, .transport = SIP_TRANSPORT_UDP};

	assert_int_equal(tp_send(w->tp, &to, SV("INVITE sip:nobody SIP/2.0\r\n"), NULL), 0);
}

static void listeners_come_and_go(void **state)
{
	struct world *w = world_new();
	struct tp_listener *a = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0),
			   *b = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0),
			   *c = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", 0);
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);

	(void)state;
	const struct tp_listener *first[] = {a, b}, *second[] = {c, b};
	struct tp_config one = w->config, two = w->config;
	one.listeners = first;
	two.listeners = second;
	one.n_listeners = two.n_listeners = 2;
	assert_int_equal(tp_apply(w->tp, &one), 0);
	send_text(fd, &a->bound, MESSAGE);
	send_text(fd, &b->bound, MESSAGE);
	send_text(fd, &c->bound, MESSAGE);
	world_wait(w, &w->messages, 2);
	world_turn(w, 10);
	assert_int_equal(w->messages, 2);
	/* one that fails changes nothing */
	w->tp->conns->apply_err = MG_ENOMEM;
	assert_int_equal(tp_apply(w->tp, &two), MG_ENOMEM);
	send_text(fd, &a->bound, MESSAGE);
	world_wait(w, &w->messages, 3);
	world_turn(w, 10);
	assert_int_equal(w->messages, 3);
	assert_ptr_equal(w->tp->config, &one);
	w->tp->conns->apply_err = 0;
	b->zone = 1;
	assert_int_equal(tp_apply(w->tp, &two), 0);
	world_wait(w, &w->messages, 4); /* what waited at c */
	assert_int_equal(w->messages, 4);
	assert_int_equal(w->seen[3].flow.listener, c->id);
	send_text(fd, &b->bound, MESSAGE);
	world_wait(w, &w->messages, 5);
	assert_int_equal(w->seen[4].flow.listener, b->id);
	assert_int_equal(w->seen[4].flow.zone, 1);
	/* a listener that is gone goes on for what is under way on it, and is still us */
	struct tp_target to = {.addr = peer, .listener = a->id, .transport = SIP_TRANSPORT_UDP};
	char got[64];
	assert_true(tp_keeps(w->tp, &one));
	assert_true(tp_listener_gone(w->tp, a->id));
	assert_false(tp_listener_gone(w->tp, b->id));
	assert_true(tp_is_us(w->tp, SV("127.0.0.1"), a->bound.port, SIP_TRANSPORT_UDP));
	send_text(fd, &a->bound, MESSAGE);
	world_wait(w, &w->messages, 6);
	assert_int_equal(w->messages, 6);
	assert_int_equal(w->seen[5].flow.listener, a->id);
	assert_int_equal(w->seen[5].flow.zone, 0);
	target = peer;
	world_do(w, send_there); /* by `a`, the first one */
	assert_int_equal(world_recv(fd, got, sizeof(got), NULL, 2000), 27);
	/* and over further configurations, in its zone, whether they have that or not */
	struct tp_zone other[] = {{.name = NULL}, w->zone[1]};
	struct tp_config three = two, four = two;
	four.zones = other;
	assert_int_equal(tp_apply(w->tp, &three), 0);
	send_text(fd, &a->bound, MESSAGE);
	world_wait(w, &w->messages, 7);
	assert_int_equal(w->seen[6].flow.zone, 0);
	assert_int_equal(tp_apply(w->tp, &four), 0);
	send_text(fd, &a->bound, MESSAGE);
	world_wait(w, &w->messages, 8);
	assert_int_equal(w->seen[7].flow.zone, 0);
	assert_null(tp_zone_of(w->tp, 0));
	/* until it is forgotten: then nothing comes and nothing leaves */
	tp_forget(w->tp, &two);
	assert_true(tp_listener_gone(w->tp, a->id));
	tp_forget(w->tp, &one);
	assert_false(tp_keeps(w->tp, &one));
	assert_false(tp_is_us(w->tp, SV("127.0.0.1"), a->bound.port, SIP_TRANSPORT_UDP));
	send_text(fd, &a->bound, MESSAGE);
	world_turn(w, 10);
	assert_int_equal(w->messages, 8);
	assert_int_equal(tp_send(w->tp, &to, SV("x"), NULL), -ENOTCONN);
	close(fd);
	world_free(w);
}

/* A socket that shares its port with those of other listeners. */
static struct tp_listener *shared(struct world *w, const char *bound, uint16_t port, uint16_t zone)
{
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "127.0.0.1:0", zone);
	struct sockaddr_storage sa;
	socklen_t n;
	int on = 1;

	close(l->fd[0]);
	l->bound = address(bound);
	l->bound.port = port;
	l->wildcard = addr_class(&l->bound) == ADDR_CLASS_UNSPECIFIED;
	l->fd[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(l->fd[0], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	n = addr_to_sockaddr(&l->bound, &sa);
	assert_int_equal(bind(l->fd[0], (struct sockaddr *)&sa, n), 0);
	n = sizeof(sa);
	assert_int_equal(getsockname(l->fd[0], (struct sockaddr *)&sa, &n), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, n, &l->bound), 0);
	return l;
}

/* The listener that a message to `to` comes as, and its zone. */
static uint16_t comes_as(struct world *w, int fd, const struct addr *to, uint16_t *zone)
{
	unsigned n = w->messages;

	send_text(fd, to, MESSAGE);
	world_wait(w, &w->messages, n + 1);
	assert_int_equal(w->messages, n + 1);
	assert_true(addr_eq(&w->seen[n].flow.local, to));
	*zone = w->seen[n].flow.zone;
	return w->seen[n].flow.listener;
}

static const struct tp_flow *answered;
static struct addr from_us;

static void answer(struct world *w)
{
	struct tp_target to = {.addr = target,
			       .local = answered->local,
			       .listener = answered->listener,
			       .transport = SIP_TRANSPORT_UDP};

	assert_int_equal(tp_send(w->tp, &to, SV("SIP/2.0 200 OK\r\n"), NULL), 0);
}

/* What leaves by a flow comes from the address that it came to, out of the socket of that listener. */
static void answer_leaves(struct world *w, int fd, const struct tp_flow *flow, uint16_t listener)
{
	char got[64];

	answered = flow;
	world_do(w, answer);
	assert_int_equal(world_recv(fd, got, sizeof(got), &from_us, 2000), 16);
	assert_true(addr_eq(&from_us, &flow->local));
	assert_int_equal(w->sent_by, listener);
}

/* One address, then all: the kernel goes on to give datagrams to the socket of the one. */
static void one_address_becomes_all(void **state)
{
	struct world *w = world_new();
	struct tp_listener *one = shared(w, "127.0.0.1", 0, 0),
			   *all = shared(w, "0.0.0.0", one->bound.port, 1);
	struct tp_config before = w->config, after = w->config;
	struct addr peer = address("127.0.0.1:0");
	int fd = world_socket(&peer);
	uint16_t zone;

	(void)state;
	target = peer;
	before.n_listeners = after.n_listeners = 1;
	after.listeners = w->list + 1;
	assert_int_equal(tp_apply(w->tp, &before), 0);
	assert_int_equal(comes_as(w, fd, &one->bound, &zone), one->id);
	assert_int_equal(zone, 0);
	assert_int_equal(tp_apply(w->tp, &after), 0);
	assert_int_equal(comes_as(w, fd, &one->bound, &zone), all->id);
	assert_int_equal(zone, 1);
	assert_true(tp_listener_gone(w->tp, one->id));
	/* what came before, and what came since */
	answer_leaves(w, fd, &w->seen[0].flow, all->id);
	answer_leaves(w, fd, &w->seen[1].flow, all->id);
	/* what came before it is forgotten is read */
	send_text(fd, &one->bound, MESSAGE);
	tp_forget(w->tp, &before);
	assert_int_equal(w->messages, 3);
	assert_int_equal(w->seen[2].flow.listener, all->id);
	close(one->fd[0]);
	one->fd[0] = -1;
	assert_int_equal(comes_as(w, fd, &one->bound, &zone), all->id);
	close(fd);
	world_free(w);
}

/* All addresses, then one: the socket of all has what came before, and what comes to others. */
static void all_addresses_become_one(void **state)
{
	struct world *w = world_new();
	struct tp_listener *all = shared(w, "0.0.0.0", 0, 0), *one;
	struct tp_config before = w->config, after;
	struct addr peer = address("127.0.0.1:0"), here = address("127.0.0.1:0"),
		    there = address("127.0.0.2:0");
	int fd = world_socket(&peer);
	uint16_t zone;

	(void)state;
	target = peer;
	here.port = there.port = all->bound.port;
	assert_int_equal(tp_apply(w->tp, &before), 0);
	assert_int_equal(comes_as(w, fd, &here, &zone), all->id);
	assert_int_equal(comes_as(w, fd, &there, &zone), all->id);
	send_text(fd, &here, MESSAGE); /* to the old socket, read as the new one's */
	one = shared(w, "127.0.0.1", all->bound.port, 1);
	after = w->config;
	after.n_listeners = 1;
	after.listeners = w->list + 1;
	assert_int_equal(tp_apply(w->tp, &after), 0);
	world_wait(w, &w->messages, 3);
	assert_int_equal(w->messages, 3);
	assert_int_equal(w->seen[2].flow.listener, one->id);
	assert_int_equal(w->seen[2].flow.zone, 1);
	assert_int_equal(comes_as(w, fd, &here, &zone), one->id);
	assert_int_equal(comes_as(w, fd, &there, &zone), all->id); /* nobody else's */
	assert_int_equal(zone, 0);
	assert_true(tp_listener_gone(w->tp, all->id));
	for (unsigned i = 0; i < 5; i++)
		answer_leaves(w, fd, &w->seen[i].flow, i == 1 || i == 4 ? all->id : one->id);
	close(fd);
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_come_and_go),
		cmocka_unit_test(one_address_becomes_all),
		cmocka_unit_test(all_addresses_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
