/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * alloc: each allocation of a call's way through both kinds of transaction fails in turn: whatever fails, nothing crashes or leaks, the TU hears of each transaction it
 * got exactly one end, and both tables are empty in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "transaction/test_txn.h"

static struct arrived invite, other, old;
static struct asked call, busy, probe;

static void write_100(void *arg, struct txn_server *server, struct sip_out *out)
{
	(void)arg;
	(void)server;
	sip_out_copy(out, SV("SIP/2.0 100 Trying\r\n\r\n"));
}

/* A reply either leaves or the machine says that it takes none; memory is no reason. */
static void reply_now(struct txn_server *server, unsigned status)
{
	if (server)
		assert_int_equal(reply(server, status), 0);
}

static void response(const struct asked *q, unsigned status, const char *tag)
{
	if (!q->client)
		return;
	assert_true(answer(q, q->method, status, tag));
}

/* Servers: a call that is taken, one that is refused by an old element, another request. */
static void serve(void)
{
	struct say from_old = {.branch = "", .peer = "192.0.2.1:9"};
	struct say old_ack = {.branch = "", .method = "ACK", .to_tag = "b", .peer = "192.0.2.1:9"};
	struct txn_server *a = serve_new(&(struct say){0}, &invite);
	struct txn_server *b = serve_new(&(struct say){.method = "OPTIONS"}, &other);
	struct txn_server *c = serve_new(&from_old, &old);

	if (a)
		txn_server_100(a, write_100, NULL);
	pass(300);
	reply_now(a, 180);
	reply_now(a, 200);
	reply_now(b, 200);
	reply_now(c, 404);
	request(&(struct say){0}, NULL);
	request(&(struct say){.method = "OPTIONS"}, NULL);
	request(&from_old, NULL);
	request(&old_ack, NULL);
	ask(&call, "INVITE", SIP_TRANSPORT_UDP);
	response(&call, 180, NULL);
	response(&call, 200, "b1");
	if (call.client && a) {
		struct say s = {.status = 200, .to_tag = "b1"};
		txn_client_keep_2xx(call.client, a, &arrive(&s)->msg,
				    SV("SIP/2.0 200 kept\r\n\r\n"));
	}
	response(&call, 200, "b1");
	if (call.client)
		txn_client_release(call.client);
	if (a)
		txn_server_unref(a);
	if (b)
		txn_server_unref(b);
	if (c)
		txn_server_unref(c);
}

/* Clients: one that is cancelled with a reason before its 100, and refused; another request. */
static void ask_both(void)
{
	ask(&busy, "INVITE", SIP_TRANSPORT_UDP);
	ask(&probe, "OPTIONS", SIP_TRANSPORT_TCP);
	if (busy.client) {
		txn_client_cancel(busy.client, SV("SIP;cause=200"));
		response(&busy, 100, NULL);
		response(&busy, 487, "b1");
		response(&busy, 487, "b1");
		assert_true(strstr(notes(), "up:487") != NULL);
		txn_client_release(busy.client);
	}
	response(&probe, 200, NULL);
	if (probe.client)
		txn_client_release(probe.client);
}

/* One life of a table. False when it could not even be made. */
static bool live(void)
{
	if (!world_begin(1000)) {
		world_end();
		return false;
	}
	serve();
	ask_both();
	pass(2 * HALF_MINUTE);
	assert_int_equal(txn_servers(world.table), 0);
	assert_int_equal(txn_clients(world.table), 0);
	assert_int_equal(stat(TXN_STAT_LIVE), 0);
	assert_int_equal(world.table->kept.count, 0);
	assert_int_equal(world.table->old_acks.count, 0);
	assert_int_equal(wheel_count(&world.loop.wheel), 0);
	world_end();
	return true;
}

static void each_fails(void **unused)
{
	size_t before = alloc_count;

	(void)unused;
	assert_true(live());
	size_t n = alloc_count - before;
	assert_true(n > 20);
	for (size_t i = 0; i < n; i++) {
		alloc_until_failure = (long)i;
		live();
		alloc_until_failure = -1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
