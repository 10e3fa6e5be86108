/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * client: what a client transaction tells its TU when sending fails, on datagrams and streams, what ACK it sends, and what may be done from within callbacks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct asked question;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	world.tp.err = 0;
	pass(2 * HALF_MINUTE);
	int left = txn_clients(world.table) || stat(TXN_STAT_LIVE) ||
		   wheel_count(&world.loop.wheel) || !list_empty(&world.tp.tickets);
	world_end();
	return left;
}

/* ---- failures ---- */

/* What is known at once is told later, never from within txn_client_new. */
static void cannot_be_sent(void **unused)
{
	(void)unused;
	world.tp.err = -EHOSTUNREACH;
	assert_non_null(ask(&question, "INVITE", SIP_TRANSPORT_UDP));
	assert_string_equal(notes(), "");
	assert_int_equal(txn_clients(world.table), 1);
	pass(10);
	assert_string_equal(notes(), "fail:EHOSTUNREACH");
	assert_int_equal(txn_clients(world.table), 0);
	assert_int_equal(stat(TXN_STAT_FAILED), 1);
	assert_null(txn_client_target(question.client));
	txn_client_release(question.client);
}

/* Errors that say nothing of the target are as good as a lost datagram (O-7). */
static void as_good_as_lost(void **unused)
{
	static const int errs[] = {EAGAIN, EINTR, ENOBUFS, ENOMEM, EPERM, EADDRNOTAVAIL, ENETDOWN};

	(void)unused;
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		unsigned n = world.tp.n;
		world.tp.err = -errs[i];
		ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
		pass(500);
		world.tp.err = 0;
		pass(1000);
		assert_int_equal(world.tp.n, n + 1);
		assert_string_equal(notes(), "");
		answer(&question, "OPTIONS", 200, NULL);
		assert_string_equal(notes(), "up:200");
		txn_client_release(question.client);
		world.tp.err = -errs[i];
		ask(&question, "OPTIONS", SIP_TRANSPORT_TCP); /* nobody sends again on a stream */
		pass(10);
		assert_true(strncmp(notes(), "fail:", 5) == 0);
		txn_client_release(question.client);
	}
}

static void cannot_be_sent_again(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	world.tp.err = -ECONNREFUSED;
	pass(490);
	assert_string_equal(notes(), "");
	pass(10);
	assert_string_equal(notes(), "fail:ECONNREFUSED");
	assert_int_equal(txn_clients(world.table), 0);
	txn_client_release(question.client);
}

static void stream_breaks(void **unused)
{
	struct asked b, c, d, e;

	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_TCP);
	ask(&b, "OPTIONS", SIP_TRANSPORT_TLS);
	ask(&c, "INVITE", SIP_TRANSPORT_TCP);
	ask(&d, "INVITE", SIP_TRANSPORT_TCP);
	ask(&e, "OPTIONS", SIP_TRANSPORT_TCP);
	/* These have arrived: their responses may come on another connection. */
	answer(&c, "INVITE", 100, NULL);
	answer(&d, "INVITE", 200, NULL);
	answer(&e, "OPTIONS", 100, NULL);
	notes();
	tp_break(&world.tp, MG_EAUTH);
	assert_string_equal(notes(), "fail:EAUTH fail:EAUTH");
	assert_int_equal(txn_clients(world.table), 3);
	assert_true(answer(&c, "INVITE", 404, NULL));
	assert_true(answer(&e, "OPTIONS", 200, NULL));
	assert_string_equal(notes(), "up:404 up:200");
	txn_client_release(question.client);
	txn_client_release(b.client);
	txn_client_release(c.client);
	txn_client_release(d.client);
	txn_client_release(e.client);
}

static void stream_breaks_after_release(void **unused)
{
	(void)unused;
	ask(&question, "OPTIONS", SIP_TRANSPORT_TCP);
	txn_client_release(question.client);
	assert_int_equal(txn_clients(world.table), 1);
	tp_break(&world.tp, -EPIPE);
	assert_string_equal(notes(), "");
	assert_int_equal(txn_clients(world.table), 0);
}

/* ---- ACK ---- */

static void ack(void **unused)
{
	char want[1024];

	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	answer(&question, "INVITE", 486, "busy");
	snprintf(want, sizeof(want),
		 "ACK sip:bob@biloxi.example SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "198.51.100.1:5060;branch=%s\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:alice@atlanta.example>;tag=a\r\n"
		 "To: <sip:bob@biloxi.example>;tag=busy\r\nCall-ID: c1\r\nCSeq: 1 ACK\r\n"
		 "Content-Length: 0\r\n\r\n",
		 question.branch);
	assert_string_equal(sent_last()->bytes, want);
	assert_int_equal(sent_last()->addr.port, 5060);
	assert_null(question.client->live);
	txn_client_release(question.client);
	/* Lost: the response comes again, and gets the same. */
	struct addr to = sent_last()->addr;
	unsigned n = world.tp.n;
	pass(1000);
	answer(&question, "INVITE", 486, "busy");
	assert_int_equal(world.tp.n, n + 1);
	assert_string_equal(sent_last()->bytes, want);
	assert_true(addr_eq(&sent_last()->addr, &to));
	assert_string_equal(notes(), "up:486");
	pass(32000);
	assert_false(answer(&question, "INVITE", 486, "busy"));
}

static void ack_on_a_stream(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_TLS);
	answer(&question, "INVITE", 486, "busy");
	assert_string_equal(sent_what(0), "INVITE ACK");
	assert_int_equal(txn_clients(world.table), 0); /* Timer D is 0 */
	txn_client_release(question.client);
}

static void ack_cannot_be_sent(void **unused)
{
	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	world.tp.err = -ENOBUFS;
	answer(&question, "INVITE", 486, NULL);
	assert_string_equal(notes(), "up:486");
	assert_int_equal(stat(TXN_STAT_UNSENT), 1);
	world.tp.err = 0;
	answer(&question, "INVITE", 486, NULL);
	assert_string_equal(sent_what(0), "INVITE ACK");
	txn_client_release(question.client);
}

/* An INVITE that cannot be read again, since it grew beyond what a message may be: no ACK and no CANCEL can be built, and nothing breaks. */
static void unreadable_invite(void **unused)
{
	static char many_lines[2048] = "INVITE sip:x SIP/2.0\r\n";
	static const char *const rows[] = {"INVITE sip:x SIP/2.0\r\nno header\r\n\r\n", many_lines,
					   "INVITE sip:x SIP/2.0\r\nVia: x"};
	struct tp_target to = {.transport = SIP_TRANSPORT_UDP};

	(void)unused;
	for (unsigned i = 0; i <= SIP_HEADER_LINES_MAX; i++)
		strcat(many_lines, "a: b\r\n");
	strcat(many_lines, "\r\n");
	assert_int_equal(addr_parse(SV("203.0.113.7:5060"), ADDR_PORT, &to.addr), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int n = txn_branch(world.table, 1, question.branch);
		question.branch[n] = 0;
		struct sip_via via = asked_via(question.branch);
		question.client = txn_client_new(world.table, &via, SIP_METHOD_INVITE, &to,
						 sv_str(rows[i]), &world_ops, NULL);
		assert_non_null(question.client);
		answer(&question, "INVITE", 180, NULL);
		txn_client_cancel(question.client, SV(""));
		assert_true(txn_client_cancelled(question.client));
		answer(&question, "INVITE", 487, NULL);
		answer(&question, "INVITE", 487, NULL);
		assert_string_equal(notes(), "up:180 up:487");
		assert_string_equal(sent_what(0), "INVITE");
		txn_client_release(question.client);
		world.tp.n = 0;
	}
}

/* ---- from within callbacks ---- */

static void release_within(struct world *w, struct txn_client *client)
{
	(void)w;
	txn_client_release(client);
}

static void released_in_callbacks(void **unused)
{
	static const char *const methods[] = {"INVITE", "OPTIONS"};
	static const uint8_t transports[] = {SIP_TRANSPORT_UDP, SIP_TRANSPORT_TCP};

	(void)unused;
	world.during = release_within;
	for (size_t i = 0; i < 4; i++) {
		for (unsigned status = 100; status < 700; status += 100) {
			ask(&question, methods[i % 2], transports[i / 2]);
			answer(&question, methods[i % 2], status, NULL);
		}
		ask(&question, methods[i % 2], transports[i / 2]);
		pass(HALF_MINUTE);
		notes();
		if (transports[i / 2] == SIP_TRANSPORT_TCP) {
			ask(&question, methods[i % 2], transports[i / 2]);
			tp_break(&world.tp, -EPIPE);
			assert_string_equal(notes(), "fail:EPIPE");
		}
	}
}

static void cancel_within(struct world *w, struct txn_client *client)
{
	(void)w;
	txn_client_cancel(client, SV(""));
}

static void cancelled_in_callbacks(void **unused)
{
	(void)unused;
	world.during = cancel_within;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	answer(&question, "INVITE", 180, NULL);
	assert_string_equal(sent_what(0), "INVITE CANCEL");
	answer(&question, "INVITE", 180, NULL);
	answer(&question, "INVITE", 487, NULL);
	assert_string_equal(sent_what(0), "INVITE CANCEL ACK");
	txn_client_release(question.client);
}

static struct asked follow_up;

static void begin_within(struct world *w, struct txn_client *client)
{
	txn_client_release(client);
	w->during = NULL;
	ask(&follow_up, "INVITE", SIP_TRANSPORT_UDP);
}

static void fails_over(void **unused)
{
	(void)unused;
	world.during = begin_within;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	pass(HALF_MINUTE);
	assert_string_equal(notes(), "fail:ETIMEDOUT");
	assert_int_equal(txn_clients(world.table), 1);
	answer(&follow_up, "INVITE", 404, NULL);
	assert_string_equal(notes(), "up:404");
	txn_client_release(follow_up.client);
}

/* ---- letting go ---- */

/* An INVITE that nobody waits for any more is cancelled; without any answer it ends with Timer B. */
static void released_early(void **unused)
{
	struct asked silent;

	(void)unused;
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	ask(&silent, "INVITE", SIP_TRANSPORT_UDP);
	txn_client_release(question.client);
	txn_client_release(silent.client);
	assert_string_equal(sent_what(0), "INVITE INVITE");
	answer(&question, "INVITE", 180, NULL);
	assert_string_equal(sent_what(2), "CANCEL");
	answer(&question, "CANCEL", 200, NULL);
	answer(&question, "INVITE", 487, NULL);
	assert_string_equal(sent_what(3), "ACK");
	pass(32000);
	assert_int_equal(txn_clients(world.table), 0);
	assert_int_equal(stat(TXN_STAT_TIMEOUTS), 1);
	assert_string_equal(notes(), "");
}

/* §18.1.2: a response whose sent-by is not the one of our request is none of ours, in every state of its transaction. */
static void another_sent_by(void **unused)
{
	static const struct {
		const char *sent_by, *transport;
		bool ours;
	} rows[] = {
		{"198.51.100.1:5060", "UDP", true},   {"198.51.100.1", "UDP", true},
		{"198.51.100.1:5062", "UDP", false},  {"198.51.100.2:5060", "UDP", false},
		{"198.51.100.1", "TLS", false},       {"9.9.9.9:9", "UDP", false},
		{"phone.example:5060", "UDP", false}, {"198.51.100.11:5060", "UDP", false},
	};
	static const unsigned statuses[] = {180, 200, 200, 486, 486};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++) {
			uint64_t stray = stat(TXN_STAT_STRAY);

			ask(&question, "INVITE", SIP_TRANSPORT_UDP);
			if (k == 2 || k == 4) { /* Accepted, Completed */
				assert_true(answer(&question, "INVITE", statuses[k], NULL));
				assert_int_equal(stat(TXN_STAT_STRAY), stray);
			}
			(void)notes();
			struct say s = {.method = "INVITE",
					.branch = question.branch,
					.status = statuses[k],
					.to_tag = "c",
					.sent_by = rows[i].sent_by,
					.via_transport = rows[i].transport,
					.peer = "203.0.113.7:5060"};
			if (txn_response(world.table, &arrive(&s)->rx) != rows[i].ours)
				fail_msg("%s %s, %u", rows[i].sent_by, rows[i].transport,
					 statuses[k]);
			assert_int_equal(stat(TXN_STAT_STRAY), stray + !rows[i].ours);
			if (!rows[i].ours)
				assert_string_equal(notes(), "");
			txn_client_release(question.client);
			pass(2 * HALF_MINUTE);
			(void)notes();
		}
}

/* Its case does not count, nor a default port (§18.1.2 compares what it means). */
static void a_name_as_sent_by(void **unused)
{
	struct tp_target to = {.transport = SIP_TRANSPORT_UDP};
	static const struct {
		const char *sent_by;
		bool ours;
	} rows[] = {{"Edge.Example.NET", true},
		    {"edge.example.net:5060", true},
		    {"edge.example.com", false}};

	(void)unused;
	assert_int_equal(addr_parse(SV("203.0.113.7:5060"), ADDR_PORT, &to.addr), 0);
	int n = txn_branch(world.table, 1, question.branch);
	question.branch[n] = 0;
	struct sip_via via = asked_via(question.branch);
	via.host = SV("edge.example.net");
	via.port = 0;
	question.client = txn_client_new(world.table, &via, SIP_METHOD_OPTIONS, &to,
					 SV("OPTIONS sip:x SIP/2.0\r\n\r\n"), &world_ops, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct say s = {.method = "OPTIONS",
				.branch = question.branch,
				.status = 180,
				.sent_by = rows[i].sent_by,
				.peer = "203.0.113.7:5060"};
		assert_int_equal(txn_response(world.table, &arrive(&s)->rx), rows[i].ours);
	}
	txn_client_release(question.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cannot_be_sent, begin, end),
		cmocka_unit_test_setup_teardown(as_good_as_lost, begin, end),
		cmocka_unit_test_setup_teardown(cannot_be_sent_again, begin, end),
		cmocka_unit_test_setup_teardown(stream_breaks, begin, end),
		cmocka_unit_test_setup_teardown(stream_breaks_after_release, begin, end),
		cmocka_unit_test_setup_teardown(ack, begin, end),
		cmocka_unit_test_setup_teardown(ack_on_a_stream, begin, end),
		cmocka_unit_test_setup_teardown(ack_cannot_be_sent, begin, end),
		cmocka_unit_test_setup_teardown(unreadable_invite, begin, end),
		cmocka_unit_test_setup_teardown(released_in_callbacks, begin, end),
		cmocka_unit_test_setup_teardown(cancelled_in_callbacks, begin, end),
		cmocka_unit_test_setup_teardown(fails_over, begin, end),
		cmocka_unit_test_setup_teardown(released_early, begin, end),
		cmocka_unit_test_setup_teardown(another_sent_by, begin, end),
		cmocka_unit_test_setup_teardown(a_name_as_sent_by, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
