/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * reply: where answers go: rows of source, Via and target; and all the ways a Via may point at somebody else (T-9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/tp_test_world.h"

#define SOURCE "192.0.2.7:40000"
#define VICTIM "198.51.100.9"

static struct sip_via read_via(const char *text)
{
	struct lex_ctx e = {.room = text + strlen(text)};
	struct sip_via via;

	if (sip_via_scan(&via, text, text + strlen(text), &e) != text + strlen(text))
		fail_msg("bad Via in the test: %s", text);
	return via;
}

static struct tp_flow flow_from(const char *source, uint8_t transport, uint16_t zone)
{
	return (struct tp_flow){
		.peer = address(source),
		.local = address(source[0] == '[' ? "[2001:db8::1]:5060" : "203.0.113.1:5060"),
		.listener = 10,
		.zone = zone,
		.transport = transport};
}

static void assert_goes_to(const struct tp_target *to, const char *want, const char *name)
{
	char text[ADDR_TEXT_MAX];

	addr_write(&to->addr, ADDR_HOSTPORT, text);
	if (strcmp(text, want) != 0)
		fail_msg("%s: goes to %s, not to %s", name, text, want);
}

static struct world *start(void)
{
	struct world *w = world_new();

	world_listener(w, SIP_TRANSPORT_UDP, "203.0.113.1:5060", 0);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	return w;
}

static void datagrams(void **state)
{
	static const struct {
		const char *name, *source, *via, *to;
	} rows[] = {
		{"rport: the source port", SOURCE,
		 "SIP/2.0/UDP 192.0.2.7:5070;rport;branch=z9hG4bK1", "192.0.2.7:40000"},
		{"rport with a value: still the source port", SOURCE,
		 "SIP/2.0/UDP 192.0.2.7:5070;rport=1234;branch=z9hG4bK1", "192.0.2.7:40000"},
		{"sent-by is the source: its port", SOURCE,
		 "SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1", "192.0.2.7:5070"},
		{"and 5060 without one", SOURCE, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1",
		 "192.0.2.7:5060"},
		{"behind a NAT: the source port", SOURCE,
		 "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1", "192.0.2.7:40000"},
		{"behind a NAT, without a port", SOURCE, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
		 "192.0.2.7:40000"},
		{"a name says nothing of a NAT", SOURCE,
		 "SIP/2.0/UDP pbx.example:5070;branch=z9hG4bK1", "192.0.2.7:5070"},
		{"a name without port", SOURCE, "SIP/2.0/UDP pbx.example;branch=z9hG4bK1",
		 "192.0.2.7:5060"},
		{"another transport in the Via", SOURCE, "SIP/2.0/TLS 192.0.2.7;branch=z9hG4bK1",
		 "192.0.2.7:5060"},
		{"IPv6", "[2001:db8::7]:40000", "SIP/2.0/UDP [2001:db8::7]:5070;branch=z9hG4bK1",
		 "[2001:db8::7]:5070"},
		{"IPv6 in another spelling is the same", "[2001:db8::7]:40000",
		 "SIP/2.0/UDP [2001:DB8:0:0::7];branch=z9hG4bK1", "[2001:db8::7]:5060"},
		{"IPv6 behind another", "[2001:db8::7]:40000",
		 "SIP/2.0/UDP [2001:db8::8];branch=z9hG4bK1", "[2001:db8::7]:40000"},
		{"link-local: the text has no scope", "[fe80::7%1]:40000",
		 "SIP/2.0/UDP [fe80::7]:5070;branch=z9hG4bK1", "[fe80::7]:5070"},
		{"IPv4 mapped is IPv4", SOURCE,
		 "SIP/2.0/UDP [::ffff:192.0.2.7]:5070;branch=z9hG4bK1", "192.0.2.7:5070"},
		{"no branch, RFC 2543", SOURCE, "SIP/2.0/UDP 192.0.2.7", "192.0.2.7:5060"},
	};
	struct world *w = start();

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tp_flow flow = flow_from(rows[i].source, SIP_TRANSPORT_UDP, 0);
		struct sip_via via = read_via(rows[i].via);
		struct tp_target to;
		memset(&to, 0xa5, sizeof(to));
		tp_reply_target(w->tp, &flow, &via, &to);
		assert_goes_to(&to, rows[i].to, rows[i].name);
		assert_true(addr_eq(&to.local, &flow.local));
		assert_int_equal(to.addr.scope, flow.peer.scope);
		assert_int_equal(to.conn, 0);
		assert_int_equal(to.listener, 10);
		assert_int_equal(to.transport, SIP_TRANSPORT_UDP);
		assert_true(to.fixed && !to.quick && !to.domain[0]);
	}
	world_free(w);
}

/* Nothing in a Via makes us send to a third party. */
static const char *const pointing[] = {
	"SIP/2.0/UDP 198.51.100.9",
	"SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK1",
	"SIP/2.0/UDP 198.51.100.9:53;branch=z9hG4bK1",
	"SIP/2.0/UDP 198.51.100.9:5060;rport;branch=z9hG4bK1",
	"SIP/2.0/UDP 198.51.100.9:5060;rport=5060;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;received=198.51.100.9;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;received=198.51.100.9;rport=5060;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;rport;received=198.51.100.9;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=198.51.100.9;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=198.51.100.9;ttl=16;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=198.51.100.9;rport;branch=z9hG4bK1",
	"SIP/2.0/UDP 198.51.100.9;maddr=198.51.100.9;received=198.51.100.9;rport=53;branch=z9",
	"SIP/2.0/UDP [::ffff:198.51.100.9]:5060;branch=z9hG4bK1",
	"SIP/2.0/UDP [::ffff:c633:6409];branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;received=[::ffff:198.51.100.9];branch=z9hG4bK1",
	"SIP/2.0/UDP victim.example:5060;branch=z9hG4bK1",
	"SIP/2.0/UDP victim.example;maddr=victim.example;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;alias;maddr=198.51.100.9;branch=z9hG4bK1",
	"SIP/2.0/TCP 198.51.100.9:5060;alias;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=239.1.1.1;ttl=1;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=255.255.255.255;branch=z9hG4bK1",
	"SIP/2.0/UDP 192.0.2.7:5060;maddr=127.0.0.1;branch=z9hG4bK1",
	"SIP / 2.0 / UDP 198.51.100.9 : 5060 ; MADDR = 198.51.100.9 ; Received=198.51.100.9",
};

static void nobody_is_pointed_at(void **state)
{
	static const uint8_t transports[] = {SIP_TRANSPORT_UDP, SIP_TRANSPORT_TCP,
					     SIP_TRANSPORT_TLS};
	struct world *w = start();

	(void)state;
	for (unsigned i = 0; i < sizeof(pointing) / sizeof(pointing[0]); i++)
		for (unsigned k = 0; k < 3; k++) {
			struct tp_flow flow = flow_from(SOURCE, transports[k], 0);
			struct sip_via via = read_via(pointing[i]);
			struct tp_target to;
			tp_reply_target(w->tp, &flow, &via, &to);
			if (!addr_host_eq(&to.addr, &flow.peer))
				fail_msg("%s", pointing[i]);
		}
	world_free(w);
}

static void carriers_may_have_a_maddr(void **state)
{
	static const struct {
		const char *via, *to;
	} rows[] = {
		{"SIP/2.0/UDP 192.0.2.7:5070;maddr=" VICTIM ";branch=z9hG4bK1", VICTIM ":5070"},
		{"SIP/2.0/UDP 192.0.2.7;maddr=" VICTIM ";rport;branch=z9hG4bK1", VICTIM ":5060"},
		/* names are not looked up, and where nobody may send nobody sends */
		{"SIP/2.0/UDP 192.0.2.7;maddr=pbx.example;branch=z9hG4bK1", "192.0.2.7:5060"},
		{"SIP/2.0/UDP 192.0.2.7;maddr=239.1.1.1;ttl=1;branch=z9hG4bK1", "192.0.2.7:5060"},
		{"SIP/2.0/UDP 192.0.2.7;maddr=127.0.0.1;branch=z9hG4bK1", "192.0.2.7:5060"},
		{"SIP/2.0/UDP 192.0.2.7;maddr=169.254.169.254;branch=z9hG4bK1", "192.0.2.7:5060"},
		{"SIP/2.0/UDP 192.0.2.7;maddr=[2001:db8::9];branch=z9hG4bK1", "192.0.2.7:5060"},
		{"SIP/2.0/UDP 192.0.2.7;received=" VICTIM ";branch=z9hG4bK1", "192.0.2.7:5060"},
	};
	struct world *w = start();

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tp_flow flow = flow_from(SOURCE, SIP_TRANSPORT_UDP, 1);
		struct sip_via via = read_via(rows[i].via);
		struct tp_target to;
		tp_reply_target(w->tp, &flow, &via, &to);
		assert_goes_to(&to, rows[i].to, rows[i].via);
	}
	/* a zone that is gone is not trusted */
	struct tp_flow flow = flow_from(SOURCE, SIP_TRANSPORT_UDP, 7);
	struct sip_via via = read_via(rows[0].via);
	struct tp_target to;
	tp_reply_target(w->tp, &flow, &via, &to);
	assert_true(addr_host_eq(&to.addr, &flow.peer));
	world_free(w);
}

static void streams(void **state)
{
	struct world *w = start();
	struct sip_via via = read_via("SIP/2.0/TLS Sip.Phone.Example:5071;maddr=" VICTIM ";alias");
	struct tp_target to;

	(void)state;
	for (unsigned transport = SIP_TRANSPORT_TCP; transport <= SIP_TRANSPORT_TLS; transport++) {
		struct tp_flow flow = flow_from(SOURCE, (uint8_t)transport, 1);
		flow.conn = tp_conn_make(0, 3, 1);
		w->tp->conns->alive = flow.conn;
		tp_reply_target(w->tp, &flow, &via, &to);
		assert_int_equal(to.conn, flow.conn);
		assert_int_equal(to.transport, transport);
		assert_true(addr_eq(&to.addr, &flow.peer));
		/* gone: anew, where it says that it listens, at its own address */
		w->tp->conns->alive = 0;
		tp_reply_target(w->tp, &flow, &via, &to);
		assert_int_equal(to.conn, 0);
		assert_goes_to(&to, "192.0.2.7:5071", "reconnecting");
		assert_string_equal(to.domain,
				    transport == SIP_TRANSPORT_TLS ? "Sip.Phone.Example" : "");
	}
	via = read_via("SIP/2.0/TLS [2001:db8::7];branch=z9hG4bK1");
	struct tp_flow flow = flow_from("[2001:db8::7]:40000", SIP_TRANSPORT_TLS, 0);
	tp_reply_target(w->tp, &flow, &via, &to);
	assert_goes_to(&to, "[2001:db8::7]:5061", "the port of TLS");
	assert_string_equal(to.domain, "2001:db8::7");
	flow = flow_from(SOURCE, SIP_TRANSPORT_TCP, 0);
	via = read_via("SIP/2.0/TCP 192.0.2.7;branch=z9hG4bK1");
	tp_reply_target(w->tp, &flow, &via, &to);
	assert_goes_to(&to, "192.0.2.7:5060", "the port of TCP");
	world_free(w);
}

/* A host as long as no name is does not run over. */
static void the_longest_name(void **state)
{
	static char text[1200];
	struct world *w = start();

	(void)state;
	for (unsigned n = 250; n < 1000; n += 5) {
		int at = snprintf(text, sizeof(text), "SIP/2.0/TLS ");
		memset(text + at, 'a', n);
		snprintf(text + at + n, sizeof(text) - (size_t)at - n, ";branch=z9hG4bK1");
		struct lex_ctx e = {.room = text + strlen(text)};
		struct sip_via via;
		if (!sip_via_scan(&via, text, text + strlen(text), &e))
			continue;
		struct tp_flow flow = flow_from(SOURCE, SIP_TRANSPORT_TLS, 0);
		struct tp_target to;
		tp_reply_target(w->tp, &flow, &via, &to);
		assert_int_equal(strlen(to.domain), n < 256 ? n : 0);
	}
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams),
		cmocka_unit_test(nobody_is_pointed_at),
		cmocka_unit_test(carriers_may_have_a_maddr),
		cmocka_unit_test(streams),
		cmocka_unit_test(the_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
