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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
