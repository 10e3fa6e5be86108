/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of stateless.c: requests that are sent on without state, and the way back of their responses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

#define STATELESS(method, via, more)                                                              \
	method " sip:b@10.0.0.1 SIP/2.0\r\nVia: " via "\r\n" HEAD_1 "CSeq: 7 " method "\r\n" more \
	       "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

#define VIA_A "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa"

/* Send one on. Returns the branch that it got, "" when it was not sent. */
static const char *pass_on(const char *text, const char *words)
{
	static char branch[4][64];
	static unsigned turn;
	char *out = branch[turn++ % 4];
	struct tp_kept *kept = arrive(sv_str(text));

	assert_non_null(kept);
	world.tp.last[0] = 0;
	assert_int_equal(story_begin(kept, true), 0);
	tell(words);
	if (story.call)
		return "";
	check_over();
	story.done = 0;
	char *p = strstr(world.tp.last, "z9hG4bKs");
	snprintf(out, sizeof(branch[0]), "%.*s", p ? (int)strcspn(p, ";\r,") : 0, p ? p : "");
	return out;
}

static void test_branches(void **state)
{
	(void)state;
	world_begin();
	char first[64];

	snprintf(first, sizeof(first), "%s", pass_on(STATELESS("INVITE", VIA_A, ""), "+ go"));
	assert_int_equal(strlen(first), 8 + 24);
	assert_string_equal(notes(), "INVITE>10.0.0.1:5060/udp done:0");
	/* A retransmission, a CANCEL, the ACK of a refusal; from another port behind a NAT too. */
	assert_string_equal(pass_on(STATELESS("INVITE", VIA_A, ""), "+ go"), first);
	assert_string_equal(pass_on(STATELESS("CANCEL", VIA_A, ""), "+ go"), first);
	assert_string_equal(pass_on(STATELESS("ACK", VIA_A, ""), "+ go"), first);
	const char *nat = pass_on(STATELESS("INVITE", VIA_A ";rport", ""), "+ go");
	story.flow.peer.port = 40000;
	assert_string_equal(pass_on(STATELESS("CANCEL", VIA_A ";rport", ""), "+ go"), nat);
	/* What it should not share. */
	static const char *const others[] = {
		STATELESS("INVITE", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb", ""),
		STATELESS("INVITE", "SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKa", ""),
		STATELESS("INVITE", "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKa", ""),
		STATELESS("INVITE", "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKa", ""),
		"INVITE sip:b@10.0.0.1 SIP/2.0\r\nVia: " VIA_A "\r\n" HEAD_1
		"CSeq: 8 INVITE\r\nContent-Length: 0\r\n\r\n",
		"INVITE sip:b@10.0.0.1 SIP/2.0\r\nVia: " VIA_A
		"\r\nFrom: <sip:a@x>;tag=f1\r\nTo: <sip:b@y>\r\nCall-ID: c2@x\r\n"
		"CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_string_not_equal(pass_on(others[i], "+ go"), first);
	world_end();
}

static void test_targets(void **state)
{
	static const struct test_name names[] = {
		{"two.example", "10.0.1.1:5060/udp 10.0.1.2:5060/udp", false, 0},
		{"late.example", "10.0.2.1:5060/tcp", true, 0},
	};

	(void)state;
	world_begin();
	world.name = names;
	world.n_names = 2;
	/* §16.11: one target, not chosen by chance. */
	pass_on(STATELESS("INVITE", VIA_A, ""), "+sip:b@10.0.0.1 +sip:b@10.0.0.2 "
						"+sip:b@10.0.0.3,q500 go");
	assert_string_equal(notes(), "INVITE>10.0.0.1:5060/udp done:0");
	pass_on(STATELESS("INVITE", VIA_A, ""), "+sip:b@two.example go");
	uint64_t seed = world.want.seed;
	assert_true(seed != 0 && world.want.unsorted);
	pass_on(STATELESS("CANCEL", VIA_A, ""), "+sip:b@two.example go");
	assert_true(world.want.seed == seed);
	pass_on(STATELESS("INVITE", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKz", ""),
		"+sip:b@two.example go");
	assert_true(world.want.seed != seed);
	(void)notes();
	/* Another address when it is known at once that one cannot be sent to. */
	world.tp.deaf = "10.0.1.1:5060/udp";
	pass_on(STATELESS("ACK", VIA_A, ""), "+sip:b@two.example go");
	assert_string_equal(notes(), "deaf:10.0.1.1:5060/udp ACK>10.0.1.2:5060/udp done:0");
	world.tp.deaf = "10.0.0.1:5060/udp";
	pass_on(STATELESS("ACK", VIA_A, ""), "+ go");
	pass_on(STATELESS("BYE", VIA_A, ""), "+ go");
	assert_string_equal(notes(), "deaf:10.0.0.1:5060/udp done:0 deaf:10.0.0.1:5060/udp done:0");
	assert_int_equal(stat(ROUTE_STAT_DROP_ACK), 1);
	assert_int_equal(stat(ROUTE_STAT_DROP_REQUEST), 1);
	world.tp.deaf = NULL;
	/* An ACK waits for a name, and goes by a connection. */
	pass_on(STATELESS("ACK", VIA_A, ""), "+sip:b@late.example go dns");
	assert_string_equal(notes(), "ACK>10.0.2.1:5060/tcp done:0");
	/* What has gone far enough goes nowhere. */
	pass_on("ACK sip:b@10.0.0.1 SIP/2.0\r\nVia: " VIA_A "\r\n" HEAD_1
		"CSeq: 7 ACK\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n",
		"+ go");
	assert_string_equal(notes(), "done:0");
	assert_int_equal(stat(ROUTE_STAT_DROP_ACK), 2);
	pass_on(STATELESS("ACK", VIA_A, ""), "abandon");
	assert_string_equal(notes(), "done:0");
	world_end();
}

/* ---- responses ---- */

/* By which name our Via comes back. */
static const char *named = "192.0.2.10";

static bool come_back(const char *branch, const char *next, const char *more)
{
	static struct sip_msg msg;
	struct sip_stream stream = {0};
	struct sip_where at;
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n%s%s%s" HEAD_1
			 "CSeq: 7 INVITE\r\n%sContent-Length: 0\r\n\r\n",
			 named, branch, next ? "Via: " : "", next ? next : "", next ? "\r\n" : "",
			 more);
	struct tp_rx rx = {.msg = &msg, .flow = {.listener = 1, .transport = SIP_TRANSPORT_UDP}};

	assert_true(sip_parse_stream(&msg, &stream, text, (size_t)n, &at) > 0);
	assert_int_equal(sip_check(&msg, &at), 0);
	return route_stateless_response(world.route, &rx);
}

static void test_way_back(void **state)
{
	static const struct {
		const char *name, *via, *seen;
	} rows[] = {
		{"as it came", VIA_A, "SIP/2.0>192.0.2.1:5060/udp"},
		{"behind a NAT", "SIP/2.0/UDP 10.7.7.7;branch=z9hG4bKa;rport",
		 "SIP/2.0>192.0.2.1:5060/udp"},
		{"behind another", "SIP/2.0/UDP a.example:5088;branch=z9hG4bKa",
		 "SIP/2.0>192.0.2.1:5088/udp"},
		{"TLS", "SIP/2.0/TLS a.example;branch=z9hG4bKa", "SIP/2.0>192.0.2.1:5061/tls"},
		{"what we have no listener for", "SIP/2.0/SCTP a.example;branch=z9hG4bKa", ""},
	};
	char marked[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];

		world_begin();
		snprintf(text, sizeof(text),
			 "INVITE sip:b@10.0.0.1 SIP/2.0\r\nVia: %s\r\n" HEAD_1
			 "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
			 rows[i].via);
		const char *branch = pass_on(text, "+ go");
		const char *via = strstr(strstr(world.tp.last, "Via: ") + 5, "Via: ") + 5;
		snprintf(marked, sizeof(marked), "%.*s", (int)strcspn(via, "\r"), via);
		(void)notes();
		assert_true(come_back(branch, marked, ""));
		if (strcmp(notes(), rows[i].seen) != 0)
			fail_msg("%s", rows[i].name);
		if (rows[i].seen[0]) {
			assert_null(strstr(world.tp.last, branch));
			assert_non_null(strstr(world.tp.last, marked));
		}
		world_end();
	}
}

/* §18.1.2: what does not name us as our request did is none of ours. */
static void test_another_sent_by(void **state)
{
	static const struct {
		const char *named, *told;
		bool ours;
	} rows[] = {
		{"192.0.2.10", "+ go", true},
		{"192.0.2.10:5060", "+ go", true},
		{"192.0.2.10:5062", "+ go", false},
		{"192.0.2.11", "+ go", false},
		{"9.9.9.9:9", "+ go", false},
		{"edge.example.net", "+sip:b@10.0.0.1;transport=tcp,z2 go", true},
		{"EDGE.example.net", "+sip:b@10.0.0.1;transport=tcp,z2 go", true},
		{"192.0.2.10", "+sip:b@10.0.0.1;transport=tcp,z2 go", false},
		{"[2001:db8::10]", "+sip:b@[2001:db8::5]:5062 go", true},
		{"[2001:db8::11]", "+sip:b@[2001:db8::5]:5062 go", false},
		{"198.51.100.10:5070", "+sip:b@10.0.0.1,z1 go", true},
		{"198.51.100.10", "+sip:b@10.0.0.1,z1 go", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char branch[64];

		world_begin();
		snprintf(branch, sizeof(branch), "%s",
			 pass_on(STATELESS("INVITE", VIA_A, ""), rows[i].told));
		named = rows[i].named;
		if (come_back(branch, VIA_A, "") != rows[i].ours)
			fail_msg("%s behind %s", rows[i].named, rows[i].told);
		named = "192.0.2.10";
		world_end();
	}
}

/* ---- the connection that the request came by ---- */

#define VIA_STREAM "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKa"

/* Our Via of what was sent last, from its branch on. */
static const char *own_via(void)
{
	static char via[256];
	const char *p = strstr(world.tp.last, "z9hG4bKs");

	assert_non_null(p);
	snprintf(via, sizeof(via), "%.*s", (int)strcspn(p, "\r"), p);
	return via;
}

static void begin_on_connection(const char *transport_via)
{
	char text[512];

	world_begin();
	story.flow.peer = address("192.0.2.1:40000");
	story.flow.transport = SIP_TRANSPORT_TCP;
	story.flow.listener = 2;
	story.flow.conn = 3;
	world.tp.conn[3] = (struct tp_target){
		.addr = story.flow.peer, .transport = SIP_TRANSPORT_TCP, .listener = 2};
	snprintf(text, sizeof(text),
		 "INVITE sip:b@10.0.0.1 SIP/2.0\r\nVia: %s\r\n" HEAD_1
		 "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
		 transport_via);
	(void)pass_on(text, "+ go");
	(void)notes();
}

/* §18.2.2: by the same connection as long as it is there, then to sent-by. */
static void test_by_the_connection(void **state)
{
	char via[256];

	(void)state;
	begin_on_connection(VIA_STREAM);
	snprintf(via, sizeof(via), "%s", own_via());
	assert_true(come_back(via, VIA_STREAM, ""));
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:40000/tcp");
	assert_int_equal(world.tp.last_to.conn, 3);
	world.tp.deaf = "192.0.2.1:40000/tcp"; /* it goes just now */
	assert_true(come_back(via, VIA_STREAM, ""));
	assert_string_equal(notes(), "deaf:192.0.2.1:40000/tcp SIP/2.0>192.0.2.1:5070/tcp");
	world.tp.deaf = NULL;
	world.tp.conn[3].transport = 0; /* it is gone */
	assert_true(come_back(via, VIA_STREAM, ""));
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:5070/tcp");
	world.tp.conn[3] = (struct tp_target){/* the number is another one's by now */
					      .addr = address("192.0.2.77:40000"),
					      .transport = SIP_TRANSPORT_TCP};
	assert_true(come_back(via, VIA_STREAM, ""));
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:5070/tcp");
	world_end();
	/* Behind a NAT the address that we noted decides whose it is. */
	begin_on_connection("SIP/2.0/TLS 10.7.7.7;branch=z9hG4bKa;rport");
	snprintf(via, sizeof(via), "%s", own_via());
	assert_true(come_back(
		via, "SIP/2.0/TLS 10.7.7.7;branch=z9hG4bKa;received=192.0.2.1;rport=40000", ""));
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:40000/tcp");
	world_end();
}

/* The branch is the same by any connection, or a CANCEL by another one would find nothing. */
static void test_connection_and_branch(void **state)
{
	char one[64], two[64];

	(void)state;
	begin_on_connection(VIA_STREAM);
	snprintf(one, sizeof(one), "%s", pass_on(STATELESS("INVITE", VIA_STREAM, ""), "+ go"));
	story.flow.conn = 2;
	snprintf(two, sizeof(two), "%s", pass_on(STATELESS("CANCEL", VIA_STREAM, ""), "+ go"));
	assert_string_equal(one, two);
	(void)pass_on(STATELESS("ACK", VIA_STREAM, ""), "+ go");
	assert_null(strstr(world.tp.last, ";conn=")); /* nothing comes back for it */
	story.flow.conn = 0;
	(void)pass_on(STATELESS("INVITE", VIA_STREAM, ""), "+ go");
	assert_null(strstr(world.tp.last, ";conn="));
	world_end();
}

/* Who got the request cannot have its response sent by somebody else's connection. */
static void test_forged_connection(void **state)
{
	char via[256], other[256];

	(void)state;
	begin_on_connection(VIA_STREAM);
	world.tp.conn[2] = world.tp.conn[3];
	snprintf(via, sizeof(via), "%s", own_via());
	char *conn = strstr(via, ";conn=");
	assert_non_null(conn);
	assert_int_equal(strlen(conn), 6 + 32);
	for (size_t i = 6; i < 6 + 32; i++) {
		snprintf(other, sizeof(other), "%s", via);
		other[conn - via + (ptrdiff_t)i] ^= i == 6 + 15 ? '3' ^ '2' : 1;
		assert_true(come_back(other, VIA_STREAM, ""));
		assert_string_equal(notes(), "SIP/2.0>192.0.2.1:5070/tcp");
	}
	static const char *const wrong[] = {"", ";conn", ";conn=3",
					    ";conn=00000000000000030000000000000000",
					    ";conn=0000000000000003000000000000000000"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(other, sizeof(other), "%.*s%s", (int)(conn - via), via, wrong[i]);
		(void)come_back(other, VIA_STREAM, "");
		assert_string_equal(notes(), "SIP/2.0>192.0.2.1:5070/tcp");
	}
	world_end();
}

/* Nobody has responses sent to whom he likes. */
static void test_forged(void **state)
{
	(void)state;
	world_begin();
	const char *branch = pass_on(STATELESS("INVITE", VIA_A, ""), "+ go");
	char other[64];

	(void)notes();
	assert_false(come_back(branch, "SIP/2.0/UDP 10.6.6.6:5060;branch=z9hG4bKa", ""));
	assert_false(come_back(branch, VIA_A ";received=10.6.6.6", ""));
	assert_false(come_back(branch, NULL, ""));
	assert_false(come_back("z9hG4bKx", VIA_A, ""));
	assert_false(come_back("z9hG4bKs00", VIA_A, ""));
	snprintf(other, sizeof(other), "%s", branch);
	other[20] = other[20] == '0' ? '1' : '0';
	assert_false(come_back(other, VIA_A, ""));
	/* A port of the same host is all that he can choose. */
	assert_true(come_back(branch, VIA_A ";rport=99", ""));
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:99/udp");
	story.habits.mute = 200;
	assert_true(come_back(branch, VIA_A, ""));
	assert_string_equal(notes(), "");
	assert_int_equal(stat(ROUTE_STAT_DROP_RESPONSE), 1);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_another_sent_by),
		cmocka_unit_test(test_by_the_connection),
		cmocka_unit_test(test_connection_and_branch),
		cmocka_unit_test(test_forged_connection),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
