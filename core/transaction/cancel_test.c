/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cancel: cancelling an INVITE we sent (RFC 3261 §9.1): before and after a provisional response, crossing a final one, lost, unanswered, with a Reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct asked call;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000) && ask(&call, "INVITE", SIP_TRANSPORT_UDP) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	txn_client_release(call.client);
	pass(2 * HALF_MINUTE);
	int left =
		txn_clients(world.table) || stat(TXN_STAT_LIVE) || wheel_count(&world.loop.wheel);
	world_end();
	return left;
}

static void after_180(void **unused)
{
	char want[1024];

	(void)unused;
	answer(&call, "INVITE", 180, NULL);
	assert_false(txn_client_cancelled(call.client));
	txn_client_cancel(call.client, SV("SIP;cause=200;text=\"Call completed elsewhere\""));
	assert_true(txn_client_cancelled(call.client));
	snprintf(want, sizeof(want),
		 "CANCEL sip:bob@biloxi.example SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "198.51.100.1:5060;branch=%s\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:alice@atlanta.example>;tag=a\r\n"
		 "To: <sip:bob@biloxi.example>\r\nCall-ID: c1\r\nCSeq: 1 CANCEL\r\n"
		 "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\nContent-Length: "
		 "0\r\n\r\n",
		 call.branch);
	assert_string_equal(sent_last()->bytes, want);
	assert_int_equal(txn_clients(world.table), 2);
	txn_client_cancel(call.client, SV("again"));
	assert_string_equal(sent_what(0), "INVITE CANCEL");
	assert_true(answer(&call, "CANCEL", 200, NULL));
	answer(&call, "INVITE", 487, NULL);
	assert_string_equal(sent_what(0), "INVITE CANCEL ACK");
	assert_string_equal(notes(), "up:180 up:487");
	assert_int_equal(stat(TXN_STAT_CANCELS), 1);
}

/* It waits for the first provisional response, and the INVITE is sent on until that comes. */
static void before_100(void **unused)
{
	(void)unused;
	txn_client_cancel(call.client, SV("SIP;cause=408"));
	assert_true(txn_client_cancelled(call.client));
	txn_client_cancel(call.client, SV("SIP;cause=500")); /* the first reason counts */
	pass(1600);
	assert_string_equal(sent_what(0), "INVITE INVITE INVITE");
	answer(&call, "INVITE", 100, NULL);
	assert_string_equal(sent_what(0), "INVITE INVITE INVITE CANCEL");
	assert_non_null(strstr(sent_last()->bytes, "\r\nReason: SIP;cause=408\r\n"));
	answer(&call, "INVITE", 180, NULL);
	answer(&call, "CANCEL", 200, NULL);
	answer(&call, "INVITE", 487, NULL);
	assert_string_equal(sent_what(4), "ACK");
	assert_string_equal(notes(), "up:100 up:180 up:487");
}

static void before_a_final(void **unused)
{
	(void)unused;
	txn_client_cancel(call.client, SV(""));
	answer(&call, "INVITE", 486, NULL);
	assert_string_equal(sent_what(0), "INVITE ACK");
	assert_string_equal(notes(), "up:486");
	assert_int_equal(stat(TXN_STAT_CANCELS), 0);
}

static void before_nothing(void **unused)
{
	(void)unused;
	txn_client_cancel(call.client, SV(""));
	pass(HALF_MINUTE);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
}

static void crossing_200(void **unused)
{
	(void)unused;
	answer(&call, "INVITE", 180, NULL);
	txn_client_cancel(call.client, SV(""));
	answer(&call, "INVITE", 200, NULL);
	assert_string_equal(notes(), "up:180 up:200");
	answer(&call, "CANCEL", 481, NULL);
	assert_string_equal(sent_what(0), "INVITE CANCEL");
	assert_int_equal(call.client->txn.state, IN_ACCEPTED);
}

static void after_the_final(void **unused)
{
	(void)unused;
	answer(&call, "INVITE", 200, NULL);
	txn_client_cancel(call.client, SV(""));
	assert_false(txn_client_cancelled(call.client));
	assert_string_equal(sent_what(0), "INVITE");
	assert_int_equal(txn_clients(world.table), 1);
}

/* Lost ones are sent again by their own Timer E; the INVITE is given up 64*T1 behind the CANCEL. */
static void never_answered(void **unused)
{
	(void)unused;
	answer(&call, "INVITE", 180, NULL);
	pass(60000);
	txn_client_cancel(call.client, SV(""));
	notes();
	pass(31990);
	assert_string_equal(
		sent_times(0),
		"INVITE@0 CANCEL@60000 CANCEL@60500 CANCEL@61500 CANCEL@63500 CANCEL@67500 "
		"CANCEL@71500 CANCEL@75500 CANCEL@79500 CANCEL@83500 CANCEL@87500 CANCEL@91500");
	assert_string_equal(notes(), "");
	pass(10);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	assert_int_equal(txn_clients(world.table), 0);
}

/* More ringing meanwhile does not put that off. */
static void rings_on(void **unused)
{
	(void)unused;
	answer(&call, "INVITE", 180, NULL);
	txn_client_cancel(call.client, SV(""));
	answer(&call, "CANCEL", 200, NULL);
	for (unsigned i = 0; i < 31; i++) {
		pass(1000);
		answer(&call, "INVITE", 180, NULL);
	}
	notes();
	pass(1000);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
}

static void cannot_be_sent(void **unused)
{
	(void)unused;
	answer(&call, "INVITE", 180, NULL);
	world.tp.err = -EHOSTUNREACH;
	txn_client_cancel(call.client, SV(""));
	assert_int_equal(txn_clients(world.table), 2);
	pass(10);
	assert_int_equal(txn_clients(world.table), 1); /* the CANCEL failed, nobody is told */
	assert_string_equal(notes(), "up:180");
	pass(32000);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	world.tp.err = 0;
}

/* A CANCEL does not count against the limit: it makes room. */
static void at_the_limit(void **unused)
{
	struct txn_conf conf = world_conf;
	struct asked other;

	(void)unused;
	conf.clients_max = 1;
	txn_configure(world.table, &conf);
	assert_null(ask(&other, "OPTIONS", SIP_TRANSPORT_UDP));
	answer(&call, "INVITE", 180, NULL);
	txn_client_cancel(call.client, SV(""));
	assert_string_equal(sent_what(0), "INVITE CANCEL");
	assert_int_equal(txn_clients(world.table), 2);
	answer(&call, "INVITE", 487, NULL);
}

static void other_methods(void **unused)
{
	struct asked other;

	(void)unused;
	ask(&other, "OPTIONS", SIP_TRANSPORT_UDP);
	answer(&other, "OPTIONS", 100, NULL);
	txn_client_cancel(other.client, SV(""));
	assert_false(txn_client_cancelled(other.client));
	assert_string_equal(sent_what(0), "INVITE OPTIONS");
	txn_client_release(other.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(after_180, begin, end),
		cmocka_unit_test_setup_teardown(before_100, begin, end),
		cmocka_unit_test_setup_teardown(before_a_final, begin, end),
		cmocka_unit_test_setup_teardown(before_nothing, begin, end),
		cmocka_unit_test_setup_teardown(crossing_200, begin, end),
		cmocka_unit_test_setup_teardown(after_the_final, begin, end),
		cmocka_unit_test_setup_teardown(never_answered, begin, end),
		cmocka_unit_test_setup_teardown(rings_on, begin, end),
		cmocka_unit_test_setup_teardown(cannot_be_sent, begin, end),
		cmocka_unit_test_setup_teardown(at_the_limit, begin, end),
		cmocka_unit_test_setup_teardown(other_methods, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
