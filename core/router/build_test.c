/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of build.c: requests as they leave, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

/* What changes from request to request, by other names: our branch, and the token of a Record-Route. */
static const char *plain(void)
{
	static char out[8192];
	const char *p = world.tp.last;
	size_t n = 0;

	while (*p && n < sizeof(out) - 32) {
		if (strncmp(p, "z9hG4bKw", 8) == 0) {
			n += (size_t)sprintf(out + n, "BRANCH");
			p += strcspn(p, ";\r,");
		} else if (strncmp(p, "z9hG4bKs", 8) == 0) {
			n += (size_t)sprintf(out + n, "STATELESS");
			p += strcspn(p, ";\r,");
		} else if (p > world.tp.last && p[-1] == ':' && *p == 'm' &&
			   strcspn(p, "@") >= 17 && strcspn(p, "@") < TOKEN_MAX &&
			   token_like(sv_of(p, strcspn(p, "@")))) {
			n += (size_t)sprintf(out + n, "TOKEN");
			p += strcspn(p, "@");
		} else {
			out[n++] = *p++;
		}
	}
	out[n] = 0;
	return out;
}

struct row {
	const char *name, *request, *told, *sent;
	uint16_t listener; /* that it came by; 0: the first */
	tp_conn conn;
};

static void arrive_by(uint16_t listener, tp_conn conn)
{
	if (!listener)
		return;
	story.flow.listener = listener;
	story.flow.local = address(listeners[listener - 1].bound);
	story.flow.transport = listeners[listener - 1].transport;
	story.flow.zone = listeners[listener - 1].zone;
	story.flow.conn = conn;
	if (story.flow.local.family == ADDR_V6)
		story.flow.peer = address("[2001:db8::1]:5060");
}

static void run(const struct row *row)
{
	world_begin();
	world.tp.conn[1] = (struct tp_target){
		.addr = address("10.9.9.9:40000"), .listener = 2, .transport = SIP_TRANSPORT_TCP};
	arrive_by(row->listener, row->conn);
	assert_int_equal(tell_begin(row->request), 0);
	tell(row->told);
	if (strcmp(plain(), row->sent) != 0)
		fail_msg("%s:\n%s--- wanted\n%s", row->name, plain(), row->sent);
	if (story.call)
		tell("abandon");
	check_over();
	world_end();
}

#define TAIL(method) HEAD_1 "CSeq: 7 " method "\r\n"
#define VIA_OURS     "Via: SIP/2.0/UDP 192.0.2.10;branch=BRANCH\r\n"
#define RR           "Record-Route: <sip:TOKEN@192.0.2.10;lr>\r\n"
#define END_1        "Max-Forwards: 69\r\nContent-Length: 0\r\n"
#define BREADTH      "Max-Breadth: 60\r\n"

static const struct row rows[] = {
	{"to an address", INVITE, "+sip:b@10.0.0.1 go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n" RR VIA_OURS VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 0, 0},
	{"no Record-Route where there is no dialog", REQUEST("MESSAGE", "sip:b@10.0.0.1", ""),
	 "+ go",
	 "MESSAGE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL("MESSAGE") END_1 BREADTH "\r\n",
	 0, 0},
	{"SUBSCRIBE makes one", REQUEST("SUBSCRIBE", "sip:b@10.0.0.1", ""), "+ go",
	 "SUBSCRIBE sip:b@10.0.0.1 SIP/2.0\r\n" RR VIA_OURS VIA_1 TAIL("SUBSCRIBE") END_1 BREADTH
	 "\r\n",
	 0, 0},
	{"methods nobody knows", REQUEST("NEWS", "sip:b@10.0.0.1", ""), "+ go",
	 "NEWS sip:b@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL("NEWS") END_1 BREADTH "\r\n", 0, 0},
	{"no Max-Forwards",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_1 TAIL("INVITE") "Content-Length: 0\r\n\r\n",
	 "+ go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n" RR VIA_OURS VIA_1 TAIL(
		 "INVITE") "Content-Length: 0\r\nMax-Forwards: 70\r\n" BREADTH "\r\n",
	 0, 0},
	{"a breadth of its own", REQUEST("MESSAGE", "sip:b@10.0.0.1", "Max-Breadth: 7\r\n"), "+ go",
	 "MESSAGE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") "Max-Breadth: 7\r\n" END_1 "\r\n",
	 0, 0},
	{"the breadth is shared", REQUEST("MESSAGE", "sip:b@10.0.0.1", "Max-Breadth: 7\r\n"),
	 "+sip:a@10.0.0.1 +sip:b@10.0.0.1 +sip:c@10.0.0.1 go",
	 "MESSAGE sip:c@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") "Max-Breadth: 2\r\n" END_1 "\r\n",
	 0, 0},
	{"others' Record-Routes and Vias stay below",
	 REQUEST("INVITE", "sip:b@10.0.0.1",
		 "Record-Route: <sip:p1;lr>, <sip:p0;lr>\r\nVia: SIP/2.0/TCP [2001:db8::7]:5\r\n"),
	 "+ go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL("INVITE") RR
	 "Record-Route: <sip:p1;lr>, <sip:p0;lr>\r\nVia: SIP/2.0/TCP [2001:db8::7]:5\r\n" END_1
		 BREADTH "\r\n",
	 0, 0},
	{"from UDP to TCP: both sides", INVITE, "+sip:b@10.0.0.1;transport=tcp go",
	 "INVITE sip:b@10.0.0.1;transport=tcp SIP/2.0\r\n"
	 "Record-Route: <sip:TOKEN@192.0.2.10;transport=tcp;lr>\r\n" RR
	 "Via: SIP/2.0/TCP 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 0, 0},
	{"from IPv4 to IPv6", INVITE, "+sip:b@[2001:db8::5]:5062 go",
	 "INVITE sip:b@[2001:db8::5]:5062 SIP/2.0\r\n"
	 "Record-Route: <sip:TOKEN@[2001:db8::10];lr>\r\n" RR
	 "Via: SIP/2.0/UDP [2001:db8::10];branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH
	 "\r\n",
	 0, 0},
	{"from IPv6 to a zone on another port", INVITE, "+sip:b@10.0.0.1,z1 go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n"
	 "Record-Route: <sip:TOKEN@198.51.100.10:5070;lr>\r\n"
	 "Record-Route: <sip:TOKEN@[2001:db8::10];lr>\r\n"
	 "Via: SIP/2.0/UDP 198.51.100.10:5070;branch=BRANCH\r\n"
	 "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKc1;received=2001:db8::1\r\n" TAIL("INVITE")
		 END_1 BREADTH "\r\n",
	 4, 0},
	{"to a zone with a name", INVITE, "+sip:b@10.0.0.1;transport=tcp,z2 go",
	 "INVITE sip:b@10.0.0.1;transport=tcp SIP/2.0\r\n"
	 "Record-Route: <sip:TOKEN@edge.example.net;transport=tcp;lr>\r\n" RR
	 "Via: SIP/2.0/TCP edge.example.net;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH
	 "\r\n",
	 0, 0},
	{"sips to sips", REQUEST("INVITE", "sips:b@10.0.0.1", ""), "+ go",
	 "INVITE sips:b@10.0.0.1 SIP/2.0\r\nRecord-Route: <sips:TOKEN@192.0.2.10;lr>\r\n"
	 "Via: SIP/2.0/TLS 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 3, 9},
	{"from UDP to sips: who came by UDP cannot follow sips", INVITE, "+sips:b@10.0.0.1 go",
	 "INVITE sips:b@10.0.0.1 SIP/2.0\r\nRecord-Route: <sips:TOKEN@192.0.2.10;lr>\r\n" RR
	 "Via: SIP/2.0/TLS 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 0, 0},
	{"sips in the Route alone",
	 REQUEST("INVITE", "sip:b@y.example", "Route: <sips:10.0.0.4;lr>\r\n"), "+ go",
	 "INVITE sip:b@y.example SIP/2.0\r\nRecord-Route: <sips:TOKEN@192.0.2.10;lr>\r\n" RR
	 "Via: SIP/2.0/TLS 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL(
		 "INVITE") "Route: <sips:10.0.0.4;lr>\r\n" END_1 BREADTH "\r\n",
	 0, 0},
	{"sips in a Route of the target's, on both sides", INVITE,
	 "+sip:b@y.example,asips:10.0.0.4;lr go",
	 "INVITE sip:b@y.example SIP/2.0\r\nRoute: <sips:10.0.0.4;lr>\r\n"
	 "Record-Route: <sips:TOKEN@192.0.2.10;lr>\r\n"
	 "Via: SIP/2.0/TLS 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 3, 9},
	{"sips of a next hop that stands nowhere", INVITE, "+sip:b@y.example,nsips:10.0.0.4 go",
	 "INVITE sip:b@y.example SIP/2.0\r\n"
	 "Record-Route: <sip:TOKEN@192.0.2.10;transport=tls;lr>\r\n"
	 "Via: SIP/2.0/TLS 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 3, 9},
	{"from TLS to UDP", INVITE, "+sip:b@10.0.0.1 go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\n" RR
	 "Record-Route: <sip:TOKEN@192.0.2.10;transport=tls;lr>\r\n" VIA_OURS VIA_1 TAIL("INVITE")
		 END_1 BREADTH "\r\n",
	 3, 9},
	{"by a flow of the same listener", INVITE, "+sip:b@10.0.0.1,f1 go",
	 "INVITE sip:b@10.0.0.1 SIP/2.0\r\nRecord-Route: "
	 "<sip:TOKEN@192.0.2.10;transport=tcp;lr>\r\n"
	 "Via: SIP/2.0/TCP 192.0.2.10;branch=BRANCH\r\n" VIA_1 TAIL("INVITE") END_1 BREADTH "\r\n",
	 2, 2},
	{"by a loose Route", REQUEST("MESSAGE", "sip:b@y.example", "Route: <sip:10.0.0.4;lr>\r\n"),
	 "+ go",
	 "MESSAGE sip:b@y.example SIP/2.0\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") "Route: <sip:10.0.0.4;lr>\r\n" END_1 BREADTH "\r\n",
	 0, 0},
	{"by a strict one",
	 REQUEST("MESSAGE", "sip:b@y.example", "Route: <sip:s@10.0.0.4?x=1>,<sip:10.0.0.5;lr>\r\n"),
	 "+ go",
	 "MESSAGE sip:s@10.0.0.4 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") "Route: <sip:10.0.0.5;lr>\r\nRoute: <sip:b@y.example>\r\n" END_1 BREADTH
			    "\r\n",
	 0, 0},
	{"by a strict one alone",
	 REQUEST("MESSAGE", "sip:b@y.example", "Route: <sip:10.0.0.4>\r\n"), "+ go",
	 "MESSAGE sip:10.0.0.4 SIP/2.0\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") "Route: <sip:b@y.example>\r\n" END_1 BREADTH "\r\n",
	 0, 0},
	{"a next hop changes nothing", REQUEST("MESSAGE", "sip:b@y.example", ""),
	 "+sip:b@y.example,nsip:10.0.0.6 go",
	 "MESSAGE sip:b@y.example SIP/2.0\r\n" VIA_OURS VIA_1 TAIL("MESSAGE") END_1 BREADTH "\r\n",
	 0, 0},
	{"a Route of the target's", REQUEST("MESSAGE", "sip:b@y.example", ""),
	 "+sip:c@z.example,asip:10.0.0.6;lr go",
	 "MESSAGE sip:c@z.example SIP/2.0\r\nRoute: <sip:10.0.0.6;lr>\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") END_1 BREADTH "\r\n",
	 0, 0},
	{"a strict one", REQUEST("MESSAGE", "sip:b@y.example", ""),
	 "+sip:b@y.example,asip:10.0.0.6 go",
	 "MESSAGE sip:10.0.0.6 SIP/2.0\r\nRoute: <sip:b@y.example>\r\n" VIA_OURS VIA_1 TAIL(
		 "MESSAGE") END_1 BREADTH "\r\n",
	 0, 0},
	{"an ACK", REQUEST("ACK", "sip:b@10.0.0.1", ""), "+ go",
	 "ACK sip:b@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=STATELESS\r\n" VIA_1
		 TAIL("ACK") END_1 "\r\n",
	 0, 0},
};

static void test_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i]);
}

/* The name that a certificate must hold: of the URI looked up, whoever named it. */
static void test_domain(void **state)
{
	static const struct test_name names[] = {
		{"p.example", "10.0.1.1:5061/tls", false, 0},
		{"10.0.7.7", "10.0.7.7:5061/tls", false, 0},
	};
	static const struct {
		const char *request, *told, *domain;
	} cases[] = {
		{REQUEST("INVITE", "sips:b@p.example", ""), "+ go", "p.example"},
		{REQUEST("INVITE", "sips:b@y.example", "Route: <sips:p.example;lr>\r\n"), "+ go",
		 "p.example"},
		{REQUEST("INVITE", "sip:b@y.example;maddr=10.0.7.7;transport=tls", ""), "+ go",
		 "y.example"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_begin();
		world.name = names;
		world.n_names = 2;
		assert_int_equal(tell_begin(cases[i].request), 0);
		tell(cases[i].told);
		assert_int_equal(world.n_clients, 1);
		assert_string_equal(world.client[0]->to.domain, cases[i].domain);
		tell("abandon");
		check_over();
		world_end();
	}
}

/* A hop after the other gets Via and Record-Route of its own way out, and nothing of the one before. */
static void test_anew(void **state)
{
	static const struct test_name names[] = {
		{"p.example", "10.0.1.1:5060/tcp 10.0.1.2:5060/udp [2001:db8::2]:5060/udp", false,
		 0}};

	(void)state;
	world_begin();
	world.name = names;
	world.n_names = 1;
	tell_begin(REQUEST("INVITE", "sip:b@p.example", ""));
	tell("+ go 0:E");
	assert_string_equal(plain(), "INVITE sip:b@p.example SIP/2.0\r\n" RR VIA_OURS VIA_1 TAIL(
					     "INVITE") END_1 BREADTH "\r\n");
	tell("1:E");
	assert_string_equal(plain(),
			    "INVITE sip:b@p.example SIP/2.0\r\n"
			    "Record-Route: <sip:TOKEN@[2001:db8::10];lr>\r\n" RR
			    "Via: SIP/2.0/UDP [2001:db8::10];branch=BRANCH\r\n" VIA_1 TAIL("INVITE")
				    END_1 BREADTH "\r\n");
	tell("2:200");
	check_over();
	world_end();
}

/* In a dialog neither Record-Route nor breadth, and the other side's way. */
static void test_dialog(void **state)
{
	struct token token = {.zone = 101, .callee_flow = 1};
	char user[TOKEN_MAX], text[1024];
	size_t n = token_mint(&world_keys, &token, SV("c1@x"), SV("f1"), user);

	(void)state;
	snprintf(text, sizeof(text),
		 "BYE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_1
		 "From: <sip:a@x.example>;tag=f1\r\nTo: <sip:b@y.example>;tag=t1\r\n"
		 "Call-ID: c1@x\r\nCSeq: 8 BYE\r\nRoute: <sip:%.*s@192.0.2.10;lr>\r\n"
		 "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		 (int)n, user);
	world_begin();
	assert_int_equal(tell_begin(text), 0);
	assert_true(story.call->in.in_dialog && story.call->in.from_caller);
	assert_int_equal(story.call->in.flow, 1);
	assert_int_equal(story.call->in.zone, 1);
	tell("+ go");
	assert_string_equal(plain(),
			    "BYE sip:b@10.0.0.1 SIP/2.0\r\n" VIA_OURS VIA_1
			    "From: <sip:a@x.example>;tag=f1\r\nTo: <sip:b@y.example>;tag=t1\r\n"
			    "Call-ID: c1@x\r\nCSeq: 8 BYE\r\n" END_1 "\r\n");
	tell("0:200");
	check_over();
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_anew),
		cmocka_unit_test(test_dialog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
