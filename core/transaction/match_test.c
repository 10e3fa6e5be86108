/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * match: which requests belong to which server transaction, and which responses to which client transaction: by the fields that RFC 3261 §17.2.3 and §17.1.3 name, by no
 * others; RFC 2543 peers; CANCEL from elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct arrived first;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	pass(HALF_MINUTE + 100);
	int left = txn_servers(world.table) || txn_clients(world.table);
	world_end();
	return left;
}

struct row {
	const char *name;
	struct say first, then;
	enum txn_found found;
};

#define OLD "" /* no branch: an element of RFC 2543 */

static const struct row cases[] = {
	{"the same again", {0}, {0}, TXN_ABSORBED},
	{"another branch", {0}, {.branch = "z9hG4bKpeer2"}, TXN_NEW},
	{"branch in another case", {0}, {.branch = "Z9hg4bKPEER1"}, TXN_ABSORBED},
	{"another sent-by", {0}, {.sent_by = "192.0.2.2:5060"}, TXN_NEW},
	{"another port in sent-by", {0}, {.sent_by = "192.0.2.1:5062"}, TXN_NEW},
	{"the default port not said", {0}, {.sent_by = "192.0.2.1"}, TXN_ABSORBED},
	{"the default port of TLS",
	 {.sent_by = "a.example", .via_transport = "TLS"},
	 {.sent_by = "A.Example:5061", .via_transport = "TLS"},
	 TXN_ABSORBED},
	{"another method", {.method = "OPTIONS"}, {.method = "INFO"}, TXN_NEW},
	{"a method nobody knows, again", {.method = "NEWS"}, {.method = "NEWS"}, TXN_ABSORBED},
	{"methods are case-sensitive", {.method = "NEWS"}, {.method = "news"}, TXN_NEW},
	{"other fields do not count",
	 {0},
	 {.call_id = "c2", .from_tag = "x", .uri = "sip:x@y", .cseq = 7},
	 TXN_ABSORBED},
	{"from another address", {0}, {.peer = "192.0.2.99:5060"}, TXN_ABSORBED},
	{"lengths are fields of their own",
	 {.branch = "z9hG4bKab", .sent_by = "c"},
	 {.branch = "z9hG4bKa", .sent_by = "bc"},
	 TXN_NEW},
	{"old: the same again", {.branch = OLD}, {.branch = OLD}, TXN_ABSORBED},
	{"old: a branch without the cookie", {.branch = "1"}, {.branch = "1"}, TXN_ABSORBED},
	{"old: another branch", {.branch = "1"}, {.branch = "2"}, TXN_NEW},
	{"old: another Request-URI", {.branch = OLD}, {.branch = OLD, .uri = "sip:b@c"}, TXN_NEW},
	{"old: another To tag", {.branch = OLD}, {.branch = OLD, .to_tag = "x"}, TXN_NEW},
	{"old: another From tag", {.branch = OLD}, {.branch = OLD, .from_tag = "x"}, TXN_NEW},
	{"old: no From tag", {.branch = OLD}, {.branch = OLD, .from_tag = ""}, TXN_NEW},
	{"old: another Call-ID", {.branch = OLD}, {.branch = OLD, .call_id = "x"}, TXN_NEW},
	{"old: another CSeq", {.branch = OLD}, {.branch = OLD, .cseq = 2}, TXN_NEW},
	{"old: another Via", {.branch = OLD}, {.branch = OLD, .via_params = ";ttl=1"}, TXN_NEW},
	{"old: another method",
	 {.branch = OLD, .method = "OPTIONS"},
	 {.branch = OLD, .method = "INFO"},
	 TXN_NEW},
	{"old and new do not mix", {.branch = OLD}, {0}, TXN_NEW},
};

static void requests(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct txn_server *server = serve_new(&cases[i].first, &first), *none = server;
		assert_non_null(server);
		reply(server, 404);
		if (request(&cases[i].then, &none) != cases[i].found)
			fail_msg("%s", cases[i].name);
		assert_null(none);
		txn_server_unref(server);
		pass(HALF_MINUTE + 100);
		assert_int_equal(txn_servers(world.table), 0);
	}
}

/* Long fields go into the key as their MAC: they count to the last byte. */
static void long_fields(void **unused)
{
	static char branch[300] = "z9hG4bK", uri[1100] = "sip:", call[257], tag[257], via[3000];
	struct say s = {.branch = branch};
	struct say old = {
		.branch = OLD, .uri = uri, .call_id = call, .from_tag = tag, .via_params = via};

	(void)unused;
	memset(branch + 7, 'b', 240);
	memset(uri + 4, 'u', 1000);
	memset(call, 'c', 256);
	memset(tag, 't', 256);
	snprintf(via, sizeof(via), ";x=");
	memset(via + 3, 'v', 1500);
	struct txn_server *server = serve_new(&s, &first);
	assert_int_equal(request(&s, NULL), TXN_ABSORBED);
	branch[200] = 'x';
	assert_int_equal(request(&s, NULL), TXN_NEW);
	reply(server, 500);
	txn_server_unref(server);
	server = serve_new(&old, &first);
	assert_int_equal(request(&old, NULL), TXN_ABSORBED);
	static char *const last[] = {uri + 1003, call + 255, tag + 255, via + 1502};
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		*last[i] ^= 1;
		assert_int_equal(request(&old, NULL), TXN_NEW);
		*last[i] ^= 1;
	}
	assert_int_equal(request(&old, NULL), TXN_ABSORBED);
	reply(server, 500);
	txn_server_unref(server);
	/* Fields that do not fit together are compressed on the way. */
	uri[700] = 0;
	server = serve_new(&old, &first);
	static char *const ends[] = {uri + 699, call + 255, tag + 255, via + 1502};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		*ends[i] ^= 1;
		assert_int_equal(request(&old, NULL), TXN_NEW);
		*ends[i] ^= 1;
	}
	assert_int_equal(request(&old, NULL), TXN_ABSORBED);
	reply(server, 500);
	txn_server_unref(server);
}

/* Hosts are folded as long as they are hosts. */
static void long_host(void **unused)
{
	static char host[900];
	struct say s = {.sent_by = host};

	(void)unused;
	memset(host, 'h', 253);
	for (size_t i = 60; i < 253; i += 61)
		host[i] = '.';
	struct txn_server *server = serve_new(&s, &first);
	host[252] = 'H';
	assert_int_equal(request(&s, NULL), TXN_ABSORBED);
	host[252] = 'g';
	assert_int_equal(request(&s, NULL), TXN_NEW);
	reply(server, 500);
	txn_server_unref(server);
}

/* What sip_check would have refused finds nothing and begins nothing. */
static void lacking(void **unused)
{
	static const char *const rows[] = {
		"\r\n",
		"Via: nonsense\r\n\r\n",
		"Via: SIP/2.0/UDP a\r\n\r\n",
		"Via: SIP/2.0/UDP a\r\nTo: <sip:b>\r\n\r\n",
		"Via: SIP/2.0/UDP a\r\nTo: <sip:b>\r\nFrom: <sip:a>\r\n\r\n",
	};
	static const char *const starts[] = {"INVITE sip:b SIP/2.0", "ACK sip:b SIP/2.0",
					     "CANCEL sip:b SIP/2.0", "OPTIONS sip:b SIP/2.0",
					     "SIP/2.0 200 OK"};
	struct txn_server *server;
	struct sip_where at;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
			int n = snprintf(first.bytes, sizeof(first.bytes), "%s\r\n%s", starts[k],
					 rows[i]);
			struct sip_msg *msg = &first.msg;
			assert_true(sip_parse_datagram(msg, first.bytes, (size_t)n, &at) > 0);
			first.rx = (struct tp_rx){.msg = msg};
			first.kept = (struct tp_kept){.msg = msg};
			if (k == 4) {
				assert_false(txn_response(world.table, &first.rx));
				continue;
			}
			assert_int_equal(txn_request(world.table, &first.rx, &server), TXN_NEW);
			assert_null(server);
			assert_null(txn_server_new(world.table, &first.kept, false));
			txn_ack_passes(world.table, msg);
		}
}

/* ---- ACK ---- */

static void ack(void **unused)
{
	struct say a = {.method = "ACK", .to_tag = "b"};
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	assert_int_equal(request(&a, NULL), TXN_ABSORBED); /* before any response: nonsense */
	reply(server, 200);
	assert_int_equal(request(&a, NULL), TXN_NEW); /* RFC 6026: to the TU */
	a.branch = "z9hG4bKpeer2";
	assert_int_equal(request(&a, NULL), TXN_NEW);
	txn_server_unref(server);
	server = serve_new(&(struct say){.branch = "z9hG4bKpeer2"}, &first);
	reply(server, 404);
	txn_server_unref(server);
	assert_int_equal(request(&a, NULL), TXN_ABSORBED);
	assert_int_equal(request(&a, NULL), TXN_ABSORBED);
	assert_int_equal(request(&(struct say){.branch = "z9hG4bKpeer2"}, NULL), TXN_ABSORBED);
	unsigned n = world.tp.n;
	pass(HALF_MINUTE);
	assert_int_equal(world.tp.n, n); /* no Timer G */
	assert_int_equal(stat(TXN_STAT_NO_ACK), 0);
}

/* §17.2.3: the ACK of an old element has the To tag of the response sent. */
static void old_ack(void **unused)
{
	struct say a = {.method = "ACK", .branch = OLD, .to_tag = "b"};
	struct txn_server *server = serve_new(&(struct say){.branch = OLD}, &first);

	(void)unused;
	reply(server, 180);
	assert_int_equal(request(&a, NULL), TXN_NEW);
	reply(server, 404);
	assert_int_equal(world.table->old_acks.count, 1);
	a.to_tag = "";
	assert_int_equal(request(&a, NULL), TXN_NEW);
	a.to_tag = "b";
	a.cseq = 2;
	assert_int_equal(request(&a, NULL), TXN_NEW);
	a.cseq = 1;
	assert_int_equal(stat(TXN_STAT_ABSORBED), 0);
	assert_int_equal(request(&a, NULL), TXN_ABSORBED);
	assert_int_equal(request(&a, NULL), TXN_ABSORBED);
	txn_server_unref(server);
	pass(5000);
	assert_int_equal(txn_servers(world.table), 0);
	assert_int_equal(world.table->old_acks.count, 0);
	assert_int_equal(request(&a, NULL), TXN_NEW);
	/* The ACK of a 2xx has no transaction. */
	server = serve_new(&(struct say){.branch = OLD}, &first);
	reply(server, 200);
	assert_int_equal(request(&a, NULL), TXN_NEW);
	assert_int_equal(request(&(struct say){.branch = OLD}, NULL), TXN_ABSORBED);
	txn_server_unref(server);
	/* Two that expect the same ACK: the first has it. */
	server = serve_new(&(struct say){.branch = OLD, .cseq = 3}, &first);
	reply(server, 404);
	txn_server_unref(server);
	struct txn_server *two =
		serve_new(&(struct say){.branch = OLD, .cseq = 3, .to_tag = "x"}, &first);
	reply(two, 404);
	txn_server_unref(two);
	assert_int_equal(world.table->old_acks.count, 1);
}

/* ---- CANCEL ---- */

static void cancel(void **unused)
{
	struct say c = {.method = "CANCEL"};
	struct txn_server *server = serve_new(&(struct say){0}, &first), *found;
	static struct arrived second;

	(void)unused;
	txn_server_set_user(server, &c);
	assert_int_equal(request(&c, &found), TXN_CANCEL);
	assert_ptr_equal(found, server);
	assert_ptr_equal(txn_server_user(found), &c);
	assert_true(txn_server_is_invite(found));
	c.peer = "192.0.2.1:1024"; /* any port will do */
	assert_int_equal(request(&c, &found), TXN_CANCEL);
	assert_ptr_equal(found, server);
	c.peer = "192.0.2.2:5060";
	assert_int_equal(request(&c, &found), TXN_CANCEL);
	assert_null(found);
	assert_int_equal(stat(TXN_STAT_CANCELS_FOREIGN), 1);
	c.peer = NULL;
	c.branch = "z9hG4bKother";
	assert_int_equal(request(&c, &found), TXN_NEW);
	assert_null(found);
	/* The CANCEL is a transaction too: its retransmission gets its answer again. */
	c.branch = NULL;
	arrive_at(&second, &c);
	struct txn_server *own = txn_server_new(world.table, &second.kept, false);
	assert_non_null(own);
	assert_false(txn_server_is_invite(own));
	reply(own, 200);
	assert_int_equal(request(&c, &found), TXN_ABSORBED);
	assert_null(found);
	assert_string_equal(sent_what(0), "200 200");
	reply(server, 487);
	txn_server_unref(own);
	txn_server_unref(server);
}

static void old_cancel(void **unused)
{
	struct say c = {.method = "CANCEL", .branch = OLD};
	struct txn_server *server = serve_new(&(struct say){.branch = OLD}, &first), *found;

	(void)unused;
	assert_int_equal(request(&c, &found), TXN_CANCEL);
	assert_ptr_equal(found, server);
	c.to_tag = "x";
	assert_int_equal(request(&c, &found), TXN_NEW);
	assert_null(found);
	reply(server, 487);
	txn_server_unref(server);
}

/* ---- where responses go ---- */

static void way_back(void **unused)
{
	struct say s = {.peer = "192.0.2.1:1024"};
	struct addr want;

	(void)unused;
	assert_int_equal(addr_parse(SV("192.0.2.1:5060"), ADDR_PORT, &want), 0);
	struct txn_server *server = serve_new(&s, &first);
	reply(server, 404);
	assert_true(addr_eq(&sent_last()->addr, &want)); /* sent-by's port, §18.2.2 */
	request(&s, NULL);
	assert_int_equal(world.tp.n, 2);
	assert_true(addr_eq(&sent_last()->addr, &want));
	assert_int_equal(txn_server_flow(server)->peer.port, 1024);
	txn_server_unref(server);
	s.branch = "z9hG4bKpeer2";
	s.via_params = ";rport";
	server = serve_new(&s, &first);
	want.port = 1024;
	reply(server, 200);
	assert_true(addr_eq(&sent_last()->addr, &want)); /* RFC 3581 */
	txn_server_unref(server);
}

/* T-3: the connection is gone: by another one to sent-by, or not at all; the machine goes on. */
static void way_back_gone(void **unused)
{
	struct say s = {.transport = SIP_TRANSPORT_TCP, .conn = 77, .peer = "192.0.2.1:1024"};
	struct txn_server *server = serve_new(&s, &first);

	(void)unused;
	reply(server, 180);
	assert_int_equal(sent_last()->conn, 77);
	assert_int_equal(sent_last()->addr.port, 1024);
	world.tp.dead = 77;
	assert_int_equal(reply(server, 404), 0);
	assert_int_equal(sent_last()->conn, 0);
	assert_int_equal(sent_last()->addr.port, 5060);
	request(&s, NULL);
	assert_string_equal(sent_what(1), "404 404");
	txn_server_unref(server);
	s.branch = "z9hG4bKpeer2";
	s.transport = SIP_TRANSPORT_TLS;
	server = serve_new(&s, &first);
	assert_int_equal(txn_server_reply(server, 180, SV("SIP/2.0 180 X\r\n\r\n")), -ENOTCONN);
	assert_int_equal(txn_server_reply(server, 180, SV("SIP/2.0 180 X")), -ENOTCONN);
	world.tp.err = -ECONNREFUSED;
	assert_int_equal(reply(server, 404), -ECONNREFUSED);
	assert_int_equal(stat(TXN_STAT_UNSENT), 3);
	assert_int_equal(txn_server_status(server), 404);
	assert_int_equal(reply(server, 200), MG_EINVAL);
	assert_int_equal(stat(TXN_STAT_REPLY_LATE), 1);
	world.tp.err = 0;
	txn_server_unref(server);
}

/* ---- responses ---- */

static void responses(void **unused)
{
	struct asked q, r;

	(void)unused;
	ask(&q, "OPTIONS", SIP_TRANSPORT_UDP);
	ask(&r, "OPTIONS", SIP_TRANSPORT_UDP);
	assert_false(answer(&q, "INFO", 200, NULL)); /* CSeq has another method */
	struct asked wrong = q;
	wrong.branch[30] = wrong.branch[30] == 'x' ? 'y' : 'x';
	assert_false(answer(&wrong, "OPTIONS", 200, NULL));
	assert_int_equal(stat(TXN_STAT_STRAY), 2);
	for (char *p = q.branch; *p; p++) /* a peer that writes parameters in upper case */
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	assert_true(answer(&q, "OPTIONS", 200, NULL));
	assert_string_equal(notes(), "up:200");
	assert_true(answer(&q, "OPTIONS", 200, NULL));
	assert_true(answer(&q, "OPTIONS", 100, NULL));
	assert_string_equal(notes(), "");
	assert_int_equal(stat(TXN_STAT_RESPONSES_AGAIN), 2);
	txn_client_release(q.client);
	txn_client_release(r.client);
}

static void unknown_method(void **unused)
{
	struct asked q;

	(void)unused;
	assert_non_null(ask(&q, "NEWS", SIP_TRANSPORT_UDP));
	assert_false(answer(&q, "news", 200, NULL));
	assert_true(answer(&q, "NEWS", 200, NULL));
	assert_string_equal(notes(), "up:200");
	txn_client_release(q.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests, begin, end),
		cmocka_unit_test_setup_teardown(long_fields, begin, end),
		cmocka_unit_test_setup_teardown(long_host, begin, end),
		cmocka_unit_test_setup_teardown(lacking, begin, end),
		cmocka_unit_test_setup_teardown(ack, begin, end),
		cmocka_unit_test_setup_teardown(old_ack, begin, end),
		cmocka_unit_test_setup_teardown(cancel, begin, end),
		cmocka_unit_test_setup_teardown(old_cancel, begin, end),
		cmocka_unit_test_setup_teardown(way_back, begin, end),
		cmocka_unit_test_setup_teardown(way_back_gone, begin, end),
		cmocka_unit_test_setup_teardown(responses, begin, end),
		cmocka_unit_test_setup_teardown(unknown_method, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
