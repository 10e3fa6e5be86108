/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kept_2xx: a proxy's INVITE and its 2xx: forwarded, retransmitted before and after its ACK, by one and by several forks, with and without a TU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct arrived first;
static struct txn_server *server;
static struct asked call;

/* What the TU does with each 2xx: forward it, keep it. */
static void forward(struct txn_server *by, struct txn_client *client, struct tp_rx *rx, bool late)
{
	char bytes[2048];
	int n = snprintf(bytes, sizeof(bytes), "SIP/2.0 200 forwarded %.*s\r\n\r\n",
			 (int)sip_value(rx->msg, SIP_H_TO).n, sip_value(rx->msg, SIP_H_TO).p);
	struct sv text = sv_of(bytes, (size_t)n);

	assert_int_equal(late ? txn_server_send(by, text) : txn_server_reply(by, 200, text), 0);
	txn_client_keep_2xx(client, by, rx->msg, text);
}

static struct tp_rx *now;

static void tu(struct world *w, struct txn_client *client)
{
	if (!now || now->msg->status / 100 != 2)
		return;
	if (w->late_server)
		forward(w->late_server, client, now, true);
	else
		forward(server, client, now, false);
	w->late_server = NULL;
}

/* The callee with this tag says 200. */
static void says_200(const char *tag)
{
	struct say s = {.branch = call.branch,
			.status = 200,
			.to_tag = tag,
			.sent_by = "198.51.100.1:5060",
			.peer = "203.0.113.7:5060"};

	now = &arrive(&s)->rx;
	assert_true(txn_response(world.table, now));
	now = NULL;
}

static void ack_for(const char *tag)
{
	struct say s = {.method = "ACK", .branch = "z9hG4bKack", .to_tag = tag};
	struct txn_server *none;
	struct arrived *a = arrive(&s);

	assert_int_equal(txn_request(world.table, &a->rx, &none), TXN_NEW);
	txn_ack_passes(world.table, &a->msg);
}

static int begin(void **unused)
{
	(void)unused;
	if (!world_begin(1000))
		return -1;
	server = serve_new(&(struct say){0}, &first);
	world.during = tu;
	return server && ask(&call, "INVITE", SIP_TRANSPORT_UDP) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	pass(2 * HALF_MINUTE);
	int left = txn_clients(world.table) || txn_servers(world.table) || world.table->kept.count;
	world_end();
	return left;
}

static void let_go(void)
{
	txn_client_release(call.client);
	txn_server_unref(server);
}

static void before_the_ack(void **unused)
{
	(void)unused;
	says_200("b1");
	let_go();
	assert_string_equal(notes(), "up:200");
	assert_int_equal(world.table->kept.count, 1);
	for (unsigned i = 0; i < 3; i++) {
		pass(500);
		says_200("b1");
	}
	assert_string_equal(sent_what(1), "200 200 200 200");
	assert_non_null(
		strstr(sent_last()->bytes, "200 forwarded <sip:bob@biloxi.example>;tag=b1"));
	assert_string_equal(notes(), ""); /* nobody is asked */
	assert_int_equal(stat(TXN_STAT_REPLAYED_2XX), 3);
	ack_for("b1");
	assert_int_equal(world.table->kept.count, 0);
}

/* The ACK was lost behind us: the caller gets the 2xx once more, so that it sends the ACK again. */
static void after_the_ack(void **unused)
{
	(void)unused;
	says_200("b1");
	let_go();
	ack_for("b1");
	notes();
	says_200("b1");
	assert_string_equal(notes(), "late:200");
	assert_int_equal(world.tp.n, 3);
	assert_int_equal(world.table->kept.count, 1); /* and keeps it once more */
	says_200("b1");
	assert_string_equal(notes(), "");
	assert_int_equal(world.tp.n, 4);
	ack_for("b1");
	assert_int_equal(world.table->kept.count, 0);
}

static void other_acks(void **unused)
{
	struct say s = {.method = "ACK", .branch = "z9hG4bKack", .to_tag = "b1", .cseq = 2};

	(void)unused;
	says_200("b1");
	let_go();
	ack_for("b2");
	ack_for("");
	txn_ack_passes(world.table, &arrive(&s)->msg);
	s.cseq = 1;
	s.call_id = "c2";
	txn_ack_passes(world.table, &arrive(&s)->msg);
	assert_int_equal(world.table->kept.count, 1);
	says_200("b1");
	assert_int_equal(stat(TXN_STAT_REPLAYED_2XX), 1);
}

static void forks(void **unused)
{
	(void)unused;
	says_200("b1");
	says_200("b2"); /* while the TU is there */
	assert_string_equal(notes(), "up:200 up:200");
	let_go();
	says_200("b3");
	assert_string_equal(notes(), "late:200");
	assert_int_equal(world.table->kept.count, 3);
	assert_string_equal(sent_what(1), "200 200 200");
	ack_for("b2");
	assert_int_equal(world.table->kept.count, 2);
	says_200("b1");
	says_200("b3");
	assert_string_equal(notes(), "");
	assert_int_equal(stat(TXN_STAT_REPLAYED_2XX), 2);
	/* Timer M takes the rest. */
	pass(HALF_MINUTE);
	assert_int_equal(world.table->kept.count, 0);
}

static void too_many_forks(void **unused)
{
	char tag[8];

	(void)unused;
	says_200("b0");
	let_go();
	for (unsigned i = 1; i < 12; i++) {
		snprintf(tag, sizeof(tag), "b%u", i);
		says_200(tag);
	}
	assert_int_equal(stat(TXN_STAT_FORKS_OVER), 4);
	assert_int_equal(world.table->kept.count, TXN_TAGS_MAX);
	assert_int_equal(world.tp.n, 1 + TXN_TAGS_MAX);
	ack_for("b3");
	says_200("b11"); /* room does not come back: the tag was seen */
	assert_int_equal(stat(TXN_STAT_FORKS_OVER), 5);
	says_200("b3");
	assert_int_equal(world.table->kept.count, TXN_TAGS_MAX);
}

/* A TU that keeps nothing hears of each. */
static void not_kept(void **unused)
{
	(void)unused;
	world.during = NULL;
	says_200("b1");
	says_200("b1");
	assert_string_equal(notes(), "up:200 up:200");
	txn_client_release(call.client);
	says_200("b1");
	assert_string_equal(notes(), "late:200");
	assert_null(world.late_server);
	reply(server, 500);
	txn_server_unref(server);
}

/* A 2xx crosses the CANCEL when the TU has let go: it must still go back (§16.7 step 5), by the server that was named. */
static void crosses_cancel(void **unused)
{
	(void)unused;
	txn_client_keep_2xx(call.client, server, NULL, SV(""));
	answer(&call, "INVITE", 180, NULL);
	txn_client_cancel(call.client, SV(""));
	assert_int_equal(reply(server, 200), 0); /* another branch's */
	let_go();
	notes();
	says_200("b1");
	assert_string_equal(notes(), "late:200");
	assert_string_equal(sent_what(1), "CANCEL 200 200");
	says_200("b1");
	assert_int_equal(stat(TXN_STAT_REPLAYED_2XX), 1);
}

/* The server's reference lasts as long as the client, though its own time is over. */
static void server_over_first(void **unused)
{
	struct txn_conf conf = world_conf;

	(void)unused;
	txn_client_keep_2xx(call.client, server, NULL, SV(""));
	answer(&call, "INVITE", 180, NULL);
	assert_int_equal(reply(server, 200), 0);
	txn_server_unref(server);
	txn_client_release(call.client);
	answer(&call, "CANCEL", 200, NULL);
	pass(31000);
	answer(&call, "INVITE", 180, NULL);
	conf.t1 = 5000; /* the client stays longer */
	txn_configure(world.table, &conf);
	says_200("b1");
	pass(1000);
	assert_int_equal(txn_servers(world.table), 0);
	says_200("b2");
	assert_string_equal(sent_what(world.tp.n - 2), "200 200");
	says_200("b2");
	assert_int_equal(stat(TXN_STAT_REPLAYED_2XX), 1);
	pass(320000);
}

/* A request that comes by twice: both have the same ACK. */
static void spiral(void **unused)
{
	static struct arrived again;
	struct asked inner = call, outer;
	struct txn_server *server2 = serve_new(&(struct say){.branch = "z9hG4bKspiral"}, &again);

	(void)unused;
	ask(&outer, "INVITE", SIP_TRANSPORT_UDP);
	says_200("b1");
	call = outer;
	says_200("b1");
	assert_int_equal(world.table->kept.count, 1);
	call = inner;
	let_go();
	txn_client_release(outer.client);
	ack_for("b1");
	ack_for("b1");
	assert_int_equal(world.table->kept.count, 0);
	reply(server2, 500);
	txn_server_unref(server2);
}

/* Another server takes over: the first one's reference goes. */
static void other_server(void **unused)
{
	static struct arrived again;
	struct txn_server *server2 = serve_new(&(struct say){.branch = "z9hG4bKother"}, &again);

	(void)unused;
	txn_client_keep_2xx(call.client, server, NULL, SV(""));
	txn_client_keep_2xx(call.client, server2, NULL, SV(""));
	txn_client_keep_2xx(call.client, server2, NULL, SV(""));
	assert_int_equal(server->txn.own_refs, 1);
	assert_int_equal(server2->txn.own_refs, 2);
	world.during = NULL;
	says_200("b1");
	reply(server, 500);
	reply(server2, 500);
	let_go();
	txn_server_unref(server2);
}

/* What it may be called for at the wrong time changes nothing. */
static void wrong_time(void **unused)
{
	struct say s = {.status = 200, .to_tag = "b1"};
	struct arrived *a = arrive(&s);
	struct asked other;

	(void)unused;
	txn_client_keep_2xx(call.client, server, &a->msg, SV("x")); /* in Calling */
	assert_int_equal(world.table->kept.count, 0);
	ask(&other, "OPTIONS", SIP_TRANSPORT_UDP);
	txn_client_keep_2xx(other.client, server, &a->msg, SV("x"));
	assert_null(other.client->server);
	txn_client_release(other.client);
	answer(&call, "INVITE", 404, NULL);
	txn_client_keep_2xx(call.client, server, &a->msg, SV("x"));
	assert_int_equal(world.table->kept.count, 0);
	pass(32000);
	txn_client_keep_2xx(call.client, server, &a->msg, SV("x")); /* over */
	assert_null(call.client->server);
	reply(server, 404);
	let_go();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_the_ack, begin, end),
		cmocka_unit_test_setup_teardown(after_the_ack, begin, end),
		cmocka_unit_test_setup_teardown(other_acks, begin, end),
		cmocka_unit_test_setup_teardown(forks, begin, end),
		cmocka_unit_test_setup_teardown(too_many_forks, begin, end),
		cmocka_unit_test_setup_teardown(not_kept, begin, end),
		cmocka_unit_test_setup_teardown(crosses_cancel, begin, end),
		cmocka_unit_test_setup_teardown(server_over_first, begin, end),
		cmocka_unit_test_setup_teardown(spiral, begin, end),
		cmocka_unit_test_setup_teardown(other_server, begin, end),
		cmocka_unit_test_setup_teardown(wrong_time, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
