/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * timer: each schedule to the millisecond: what is sent again when, when the TU hears of it, when the transaction is gone. RFC 3261 Table 4, with T1 500 ms, T2 4 s, T4 5 s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct arrived first;
static struct asked question;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000000) ? 0 : -1;
}

/* After each test: nobody is left once 64*T1 has passed twice, and no timer runs. */
static int end(void **unused)
{
	(void)unused;
	pass(2 * HALF_MINUTE);
	int left = txn_servers(world.table) || txn_clients(world.table) || stat(TXN_STAT_LIVE) ||
		   stat(TXN_STAT_SERVERS) || stat(TXN_STAT_CLIENTS) ||
		   wheel_count(&world.loop.wheel);
	world_end();
	return left;
}

/* Milliseconds until the table holds that many of a kind; at most two minutes. */
static uint64_t until(unsigned (*count)(const struct txn_table *), unsigned n)
{
	uint64_t from = world.loop.now_ms;

	while (count(world.table) != n && world.loop.now_ms - from < 120000)
		pass(WHEEL_TICK_MS);
	return world.loop.now_ms - from;
}

static void invite_unanswered(void **unused)
{
	(void)unused;
	assert_non_null(ask(&question, "INVITE", SIP_TRANSPORT_UDP));
	pass(HALF_MINUTE - 10);
	assert_string_equal(sent_times(0),
			    "INVITE@0 INVITE@500 INVITE@1500 INVITE@3500 INVITE@7500 "
			    "INVITE@15500 INVITE@31500");
	assert_string_equal(notes(), "");
	pass(10);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	assert_int_equal(txn_clients(world.table), 0);
	assert_int_equal(stat(TXN_STAT_RESENT), 6);
	assert_int_equal(stat(TXN_STAT_TIMEOUTS), 1);
	txn_client_release(question.client);
}

static void other_unanswered(void **unused)
{
	(void)unused;
	assert_non_null(ask(&question, "OPTIONS", SIP_TRANSPORT_UDP));
	pass(HALF_MINUTE - 10);
	assert_string_equal(sent_times(0),
			    "OPTIONS@0 OPTIONS@500 OPTIONS@1500 OPTIONS@3500 OPTIONS@7500 "
			    "OPTIONS@11500 OPTIONS@15500 OPTIONS@19500 OPTIONS@23500 OPTIONS@27500 "
			    "OPTIONS@31500");
	pass(10);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	assert_int_equal(txn_clients(world.table), 0);
	txn_client_release(question.client);
}

/* §17.1.2.2: a provisional response stretches Timer E to T2, from its next firing on. */
static void other_provisional(void **unused)
{
	(void)unused;
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	pass(600);
	answer(&question, "OPTIONS", 100, NULL);
	pass(HALF_MINUTE - 600);
	assert_string_equal(sent_times(0),
			    "OPTIONS@0 OPTIONS@500 OPTIONS@1500 OPTIONS@5500 OPTIONS@9500 "
			    "OPTIONS@13500 OPTIONS@17500 OPTIONS@21500 OPTIONS@25500 "
			    "OPTIONS@29500");
	assert_string_equal(notes(), "up:100 fail:ETIMEDOUT");
	txn_client_release(question.client);
}

/* A provisional response ends sending again, and Timer B too: how long it may ring the TU decides. */
static void invite_provisional(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	pass(600);
	answer(&question, "INVITE", 100, NULL);
	pass(10 * HALF_MINUTE);
	assert_string_equal(sent_times(0), "INVITE@0 INVITE@500");
	assert_string_equal(notes(), "up:100");
	assert_int_equal(txn_clients(world.table), 1);
	answer(&question, "INVITE", 486, NULL);
	txn_client_release(question.client);
}

static void refused_without_ack(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	reply(server, 486);
	txn_server_unref(server);
	pass(HALF_MINUTE - 10);
	assert_string_equal(sent_times(0),
			    "486@0 486@500 486@1500 486@3500 486@7500 486@11500 486@15500 "
			    "486@19500 486@23500 486@27500 486@31500");
	assert_int_equal(txn_servers(world.table), 1);
	pass(10);
	assert_int_equal(txn_servers(world.table), 0);
	assert_int_equal(stat(TXN_STAT_NO_ACK), 1);
}

static void refused_on_a_stream(void **unused)
{
	const struct say s = {.transport = SIP_TRANSPORT_TCP, .conn = 5};
	struct txn_server *server = serve_new(&s, &first);

	(void)unused;
	reply(server, 486);
	txn_server_unref(server);
	assert_int_equal(until(txn_servers, 0), HALF_MINUTE);
	assert_string_equal(sent_times(0), "486@0");
	assert_int_equal(stat(TXN_STAT_NO_ACK), 1);
}

static void clients_on_a_stream(void **unused)
{
	struct asked other;

	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_TCP);
	ask(&other, "OPTIONS", SIP_TRANSPORT_TLS);
	pass(HALF_MINUTE - 10);
	assert_string_equal(sent_times(0), "INVITE@0 OPTIONS@0");
	assert_string_equal(notes(), "");
	pass(10);
	assert_string_equal(notes(), "fail:ETIMEDOUT fail:ETIMEDOUT");
	txn_client_release(question.client);
	txn_client_release(other.client);
}

/* How long a transaction stays behind its final response. */
struct stay {
	const char *name;
	uint8_t transport;
	const char *method;
	unsigned status;
	uint64_t ms;
};

static void clients_stay(void **unused)
{
	static const struct stay rows[] = {
		{"M", SIP_TRANSPORT_UDP, "INVITE", 200, HALF_MINUTE},
		{"M, stream", SIP_TRANSPORT_TCP, "INVITE", 200, HALF_MINUTE},
		{"D", SIP_TRANSPORT_UDP, "INVITE", 600, 32000},
		{"D, stream", SIP_TRANSPORT_TLS, "INVITE", 600, 0},
		{"K", SIP_TRANSPORT_UDP, "BYE", 200, 5000},
		{"K, stream", SIP_TRANSPORT_TCP, "BYE", 481, 0},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(&question, rows[i].method, rows[i].transport);
		answer(&question, rows[i].method, rows[i].status, NULL);
		txn_client_release(question.client);
		if (until(txn_clients, 0) != rows[i].ms)
			fail_msg("%s", rows[i].name);
	}
}

static void servers_stay(void **unused)
{
	static const struct stay rows[] = {
		{"L", SIP_TRANSPORT_UDP, "INVITE", 200, HALF_MINUTE},
		{"L, stream", SIP_TRANSPORT_TLS, "INVITE", 200, HALF_MINUTE},
		{"J", SIP_TRANSPORT_UDP, "BYE", 200, HALF_MINUTE},
		{"J, without an answer", SIP_TRANSPORT_UDP, "BYE", 408, HALF_MINUTE},
		{"J, stream", SIP_TRANSPORT_TCP, "BYE", 481, 0},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct say s = {.method = rows[i].method, .transport = rows[i].transport};
		struct txn_server *server = serve_new(&s, &first);
		reply(server, rows[i].status);
		txn_server_unref(server);
		if (until(txn_servers, 0) != rows[i].ms)
			fail_msg("%s", rows[i].name);
	}
}

/* Those that ended within a few milliseconds are freed by one wake-up, none of them early. */
static void who_lingers_leaves_with_others(void **unused)
{
	static const char *const branches[] = {"z9hG4bKa", "z9hG4bKb", "z9hG4bKc", "z9hG4bKd",
					       "z9hG4bKe"};
	uint64_t last = 0;

	(void)unused;
	pass(3); /* not at a step */
	for (unsigned i = 0; i < 5; i++) {
		const struct say s = {.method = "BYE", .branch = branches[i]};
		struct txn_server *server = serve_new(&s, &first);

		reply(server, 200);
		txn_server_unref(server);
		last = world.loop.now_ms;
		pass(1);
	}
	while (txn_servers(world.table) == 5)
		pass(1);
	assert_int_equal(txn_servers(world.table), 0);
	assert_in_range(world.loop.now_ms, last + HALF_MINUTE, last + HALF_MINUTE + 8);
}

static void confirmed_stays(void **unused)
{
	static const struct stay rows[] = {
		{"I", SIP_TRANSPORT_UDP, "INVITE", 404, 5000},
		{"I, stream", SIP_TRANSPORT_TCP, "INVITE", 404, 0},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct say s = {.transport = rows[i].transport};
		struct txn_server *server = serve_new(&s, &first);
		reply(server, rows[i].status);
		txn_server_unref(server);
		s.method = "ACK";
		assert_int_equal(request(&s, NULL), TXN_ABSORBED);
		if (until(txn_servers, 0) != rows[i].ms)
			fail_msg("%s", rows[i].name);
	}
}

static void write_100(void *arg, struct txn_server *server, struct sip_out *out)
{
	struct say s = {.status = 100};
	char bytes[1024];

	(void)server;
	note(" %s", (const char *)arg);
	sip_out_copy(out, sv_of(bytes, say_write(&s, bytes, sizeof(bytes))));
}

static char who[] = "write-100";

/* §17.2.1: after 200 ms, unless something was sent by then; it is replayed then like any other response. */
static void hundred(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	txn_server_100(server, write_100, who);
	pass(190);
	assert_int_equal(world.tp.n, 0);
	assert_int_equal(request(&(struct say){0}, NULL), TXN_ABSORBED); /* nothing to replay yet */
	assert_int_equal(world.tp.n, 0);
	pass(10);
	assert_string_equal(sent_times(0), "100@200");
	assert_string_equal(notes(), "write-100");
	assert_int_equal(txn_server_status(server), 100);
	assert_int_equal(request(&(struct say){0}, NULL), TXN_ABSORBED);
	assert_string_equal(sent_times(1), "100@200");
	pass(1000);
	assert_int_equal(world.tp.n, 2);
	reply(server, 200);
	txn_server_unref(server);
}

static void hundred_not_needed(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	txn_server_100(server, write_100, who);
	txn_server_100(server, write_100, who); /* twice is once */
	pass(100);
	reply(server, 180);
	txn_server_100(server, write_100, who); /* something was sent */
	pass(1000);
	assert_string_equal(sent_times(0), "180@100");
	reply(server, 404);
	txn_server_100(server, write_100, who); /* and it is over */
	pass(300);
	assert_string_equal(sent_times(0), "180@100 404@1100");
	assert_string_equal(notes(), "");
	txn_server_unref(server);
}

static void write_nothing(void *arg, struct txn_server *server, struct sip_out *out)
{
	(void)arg;
	(void)server;
	(void)out;
}

static void write_broken(void *arg, struct txn_server *server, struct sip_out *out)
{
	(void)arg;
	(void)server;
	out->err = MG_ENOMEM;
}

static void hundred_not_written(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);
	struct txn_server *other = serve_new(&(struct say){.branch = "z9hG4bKpeer2"}, &first);

	(void)unused;
	txn_server_100(server, write_nothing, NULL);
	txn_server_100(other, write_broken, NULL);
	pass(1000);
	assert_int_equal(world.tp.n, 0);
	assert_int_equal(request(&(struct say){0}, NULL), TXN_ABSORBED);
	assert_int_equal(world.tp.n, 0);
	reply(server, 404);
	reply(other, 404);
	txn_server_unref(server);
	txn_server_unref(other);
}

static void hundred_not_sent(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	txn_server_100(server, write_100, who);
	world.tp.err = -ENOBUFS;
	pass(200);
	assert_int_equal(stat(TXN_STAT_UNSENT), 1);
	assert_int_equal(request(&(struct say){0}, NULL), TXN_ABSORBED);
	assert_int_equal(stat(TXN_STAT_REPLAYED), 0);
	world.tp.err = 0;
	assert_int_equal(request(&(struct say){0}, NULL), TXN_ABSORBED);
	assert_string_equal(sent_what(0), "100");
	reply(server, 404);
	txn_server_unref(server);
}

/* RFC 4320 §4.1: to other requests 100 is forbidden before a client's Timer E is T2, and owed then. */
static void hundred_for_others(void **unused)
{
	const struct say s = {.method = "OPTIONS"};
	struct txn_server *server = serve_new(&s, &first);

	(void)unused;
	txn_server_100(server, write_100, who);
	pass(3490);
	assert_int_equal(world.tp.n, 0);
	assert_int_equal(request(&s, NULL), TXN_ABSORBED);
	assert_int_equal(world.tp.n, 0);
	pass(10);
	assert_string_equal(sent_times(0), "100@3500");
	assert_int_equal(request(&s, NULL), TXN_ABSORBED);
	assert_string_equal(sent_times(0), "100@3500 100@3500");
	reply(server, 200);
	txn_server_unref(server);
}

static void forbidden_to_others(void **unused)
{
	const struct say s = {.method = "OPTIONS"};
	const struct say t = {
		.method = "OPTIONS", .branch = "z9hG4bKt", .transport = SIP_TRANSPORT_TCP};
	struct txn_server *server = serve_new(&s, &first);
	struct txn_server *stream = serve_new(&t, &first);

	(void)unused;
	assert_int_equal(reply(server, 180), 0);
	assert_int_equal(reply(server, 100), 0);
	assert_int_equal(reply(stream, 183), 0);
	assert_int_equal(stat(TXN_STAT_WITHHELD), 3);
	assert_string_equal(sent_times(0), "");
	assert_int_equal(txn_server_status(server), 0);
	assert_int_equal(reply(stream, 100), 0);
	pass(3500);
	assert_int_equal(reply(server, 100), 0);
	assert_int_equal(reply(server, 180), 0);
	assert_string_equal(sent_times(0), "100@0 100@3500");
	assert_int_equal(reply(server, 408), 0);
	assert_int_equal(reply(stream, 408), 0);
	assert_int_equal(stat(TXN_STAT_WITHHELD), 6);
	assert_int_equal(txn_servers(world.table),
			 1); /* on the stream nothing has to be absorbed */
	assert_int_equal(request(&s, NULL), TXN_ABSORBED);
	assert_int_equal(reply(server, 200), MG_EINVAL);
	assert_int_equal(world.tp.n, 2);
	txn_server_unref(server);
	txn_server_unref(stream);
}

/* What was missed while the machine stood still is not made up for. */
static void machine_stood_still(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	reply(server, 486);
	txn_server_unref(server);
	jump(20000);
	assert_string_equal(sent_times(2), "OPTIONS@20000 486@20000");
	pass(990);
	assert_int_equal(world.tp.n, 4);
	pass(10); /* the interval that was running, doubled, from now */
	assert_string_equal(sent_times(4), "OPTIONS@21000 486@21000");
	jump(HALF_MINUTE);
	assert_int_equal(world.tp.n, 6);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	txn_client_release(question.client);
}

/* A slow loop does not stretch the schedule. */
static void slow_loop(void **unused)
{
	(void)unused;
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	for (unsigned i = 0; i < 20; i++)
		jump(170);
	pass(200);
	assert_string_equal(sent_times(0), "OPTIONS@0 OPTIONS@510 OPTIONS@1530 OPTIONS@3500");
	answer(&question, "OPTIONS", 200, NULL);
	txn_client_release(question.client);
}

/* The clock is 64 bits, a transaction keeps 32 of them. */
static void clock_wraps(void **unused)
{
	(void)unused;
	world_end(); /* beginning at whole ticks */
	assert_true(world_begin((((uint64_t)3 << 32) - 1000) / 10 * 10));
	invite_unanswered(NULL);
	world_end();
	assert_true(world_begin((((uint64_t)1 << 31) - 1000) / 10 * 10));
	other_unanswered(NULL);
}

static void other_durations(void **unused)
{
	struct txn_conf conf = world_conf;

	(void)unused;
	conf.t1 = 100;
	conf.t2 = 300;
	conf.t4 = 0;
	txn_configure(world.table, &conf);
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	pass(1200);
	assert_string_equal(
		sent_times(0),
		"OPTIONS@0 OPTIONS@100 OPTIONS@300 OPTIONS@600 OPTIONS@900 OPTIONS@1200");
	answer(&question, "OPTIONS", 200, NULL);
	assert_int_equal(txn_clients(world.table), 0); /* Timer K is 0 now */
	txn_client_release(question.client);
	assert_int_equal(txn_slow_ms(&conf), 300);
	assert_int_equal(txn_slow_ms(&world_conf), 3500);
	conf.t1 = 0;
	conf.t2 = 0;
	assert_int_equal(txn_slow_ms(&conf), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(invite_unanswered, begin, end),
		cmocka_unit_test_setup_teardown(other_unanswered, begin, end),
		cmocka_unit_test_setup_teardown(other_provisional, begin, end),
		cmocka_unit_test_setup_teardown(invite_provisional, begin, end),
		cmocka_unit_test_setup_teardown(refused_without_ack, begin, end),
		cmocka_unit_test_setup_teardown(refused_on_a_stream, begin, end),
		cmocka_unit_test_setup_teardown(clients_on_a_stream, begin, end),
		cmocka_unit_test_setup_teardown(clients_stay, begin, end),
		cmocka_unit_test_setup_teardown(servers_stay, begin, end),
		cmocka_unit_test_setup_teardown(who_lingers_leaves_with_others, begin, end),
		cmocka_unit_test_setup_teardown(confirmed_stays, begin, end),
		cmocka_unit_test_setup_teardown(hundred, begin, end),
		cmocka_unit_test_setup_teardown(hundred_not_needed, begin, end),
		cmocka_unit_test_setup_teardown(hundred_not_written, begin, end),
		cmocka_unit_test_setup_teardown(hundred_not_sent, begin, end),
		cmocka_unit_test_setup_teardown(hundred_for_others, begin, end),
		cmocka_unit_test_setup_teardown(forbidden_to_others, begin, end),
		cmocka_unit_test_setup_teardown(machine_stood_still, begin, end),
		cmocka_unit_test_setup_teardown(slow_loop, begin, end),
		cmocka_unit_test_setup_teardown(clock_wraps, begin, end),
		cmocka_unit_test_setup_teardown(other_durations, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
