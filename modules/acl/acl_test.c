/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lists of zones: who is denied and how, who is known where, and which lists are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module acl_module;
const struct mg_module *const chain_builtin[] = {&acl_module, NULL};

#define ACL(zones) "modules = ( { name = \"acl\"; zones = ( " zones " ); } );"
#define LISTS                                                                             \
	ACL("{ zone = \"internet\"; rules = ("                                            \
	    "  { prefixes = ( \"198.18.0.5/32\" ); action = \"deny\"; },"                 \
	    "  { prefixes = ( \"198.18.0.0/16\", \"2001:db8:7::/48\" ); known = true; }," \
	    "  { prefixes = ( \"198.19.0.0/16\" ); action = \"deny\"; },"                 \
	    "  { prefixes = ( \"198.19.1.0/24\" ); known = true; } ); },"                 \
	    "{ zone = \"home\"; otherwise = \"deny\"; refuse = \"403\"; rules = ("        \
	    "  { prefixes = ( \"10.0.0.0/8\" ); } ); }")

static const char *yes(bool b)
{
	return b ? "yes" : "no";
}

static void sources(void **state)
{
	static const struct {
		const char *addr;
		unsigned zone;
		const char *arrival, *known, *request;
	} rows[] = {
		{"198.18.0.5:5060", INTERNET, "drop acl", "no", "403"},
		{"198.18.0.6:5060", INTERNET, "next", "yes", "next"},
		{"198.18.0.6:9", INTERNET, "next", "yes", "next"},
		{"[2001:db8:7::9]:5060", INTERNET, "next", "yes", "next"},
		{"[2001:db8:8::9]:5060", INTERNET, "next", "no", "next"},
		{"198.19.1.1:5060", INTERNET, "drop acl", "no", "403"}, /* the first counts */
		{"192.0.2.1:5060", INTERNET, "next", "no", "next"},
		{"10.1.2.3:5060", INTERNET, "next", "no", "next"},
		{"10.1.2.3:5060", HOME, "next", "no", "next"},
		{"198.18.0.6:5060", HOME, "next", "no", "403"}, /* known elsewhere */
		{"198.18.0.6:5060", CARRIER, "next", "no", "next"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source s = test_source(rows[i].addr, rows[i].zone);
		const char *got;

		test_begin(LISTS);
		got = verdict_text(chain_arrival(&f.worker, &s, 300));
		if (strcmp(got, rows[i].arrival) != 0)
			row_differs(&bad, rows[i].addr, got, rows[i].arrival);
		if (strcmp(yes(s.known), rows[i].known) != 0)
			row_differs(&bad, rows[i].addr, yes(s.known), rows[i].known);
		if (chain_known_in(now.chain, &s.addr, s.zone) != s.known)
			row_differs(&bad, rows[i].addr, "the role says otherwise", "");
		fake_request(&q, &f, &s, FAKE_INVITE, false);
		got = refusal_text(&q.r, chain_request(&q.r));
		if (strcmp(got, rows[i].request) != 0)
			row_differs(&bad, rows[i].addr, got, rows[i].request);
		fake_request_done(&q);
		test_end();
	}
	assert_int_equal(bad, 0);
}

static void known_in_any_zone(void **state)
{
	struct addr a = test_addr("198.18.0.6"), b = test_addr("10.1.2.3");

	(void)state;
	test_begin(LISTS);
	assert_true(chain_known(now.chain, &a));
	assert_false(chain_known(now.chain, &b));
	test_end();
}

static void nobody_is_known_without_a_list(void **state)
{
	struct mg_source s = test_source("192.0.2.1:5060", INTERNET);

	(void)state;
	test_begin("modules = ( { name = \"acl\"; } );");
	assert_string_equal(verdict_text(chain_arrival(&f.worker, &s, 300)), "next");
	s.zone = NULL; /* its listener is gone */
	assert_string_equal(verdict_text(chain_arrival(&f.worker, &s, 300)), "next");
	assert_false(s.known);
	assert_false(chain_known(now.chain, &s.addr));
	test_end();
}

static void an_ack_is_dropped(void **state)
{
	struct mg_source s = test_source("192.0.2.1:5060", HOME);

	(void)state;
	test_begin(LISTS);
	fake_request(&q, &f, &s,
		     "ACK sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 ACK\r\n",
		     false);
	assert_string_equal(verdict_text(chain_request(&q.r)), "drop acl");
	fake_request_done(&q);
	test_end();
}

static void told(void **state)
{
	struct mg_source s = test_source("198.18.0.5:5060", INTERNET);

	(void)state;
	test_begin(LISTS);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(chain_arrival(&f.worker, &s, 300).kind, MG_DROP);
	assert_string_equal(
		fake_logged(&f),
		"info sec ev=acl src=198.18.0.5:5060 tr=udp m= why=denied act=drop proof=0 n=1\n");
	assert_int_equal(test_counter(0, 0), 1000);
	assert_null(test_reload(LISTS));
	f.now_ms += LOG_SUMMARY_MS;
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "info sec ev=acl src=198.18.0.5:5060 tr=udp m= "
					     "why=denied act=drop proof=0 n=999\n");
	assert_null(test_reload(ACL("")));
	assert_int_equal(chain_arrival(&f.worker, &s, 300).kind, MG_NEXT);
	assert_int_equal(test_counter(0, 0), 1000);
	test_end();
}

#define KNOWN(prefixes) \
	ACL("{ zone = \"home\"; rules = ( { prefixes = ( " prefixes " ); known = true; } ); }")
#define RISK "accept_risk = ( \"acl-any\" );\n"

/* A certificate for the domain that `of` is. */
static bool its_name(const void *of, struct sv domain)
{
	return sv_ieq(domain, sv_str(of));
}

static void certificates(void **state)
{
	static const struct {
		const char *name, *addr;
		unsigned zone;
		bool known;
	} rows[] = {
		{"carrier.example", "192.0.2.1:5061", INTERNET, true},
		{"CARRIER.example", "[2001:db8::1]:5061", INTERNET, true},
		{"carrier.example", "192.0.2.1:5061", CARRIER, false}, /* of another zone */
		{"carrier.example", "192.0.2.1:5061", HOME, false},
		{"stranger.example", "192.0.2.1:5061", INTERNET, false},
		{"", "192.0.2.1:5061", INTERNET, false},
		{"second.example", "198.18.3.4:5061", INTERNET, true},
		{"third.example", "198.18.3.4:5061", INTERNET, true},
		{"third.example", "198.19.3.4:5061", INTERNET, false}, /* not from there */
	};

	(void)state;
	test_begin(ACL("{ zone = \"internet\"; rules = ("
		       "  { certificates = ( \"carrier.example\" ); known = true; },"
		       "  { prefixes = ( \"198.18.0.0/16\" ); certificates = ( \"second.example\", "
		       "\"third.example\" ); known = true; } ); }, { zone = \"home\"; }"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mg_certificate c = {.names = its_name, .of = rows[i].name};
		struct mg_source s = test_source(rows[i].addr, rows[i].zone);

		assert_int_equal(chain_certified(now.chain, &c, &s.addr, s.zone), rows[i].known);
		/* The address alone makes nobody known. */
		assert_int_equal(chain_arrival(&f.worker, &s, 300).kind, MG_NEXT);
		assert_false(s.known || chain_known(now.chain, &s.addr));
	}
	test_end();
}

static void refused_configurations(void **state)
{
	static const struct {
		const char *config, *fault;
	} rows[] = {
		{ACL("{ zone = \"dmz\"; }"), "there is no zone \"dmz\""},
		{ACL("{ zone = \"home\"; }, { zone = \"home\"; }"), "each zone once"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"10.0.0.1/8\" ); } ); }"),
		 "prefixes"},
		{ACL("{ zone = \"home\"; rules = ( { action = \"deny\"; } ); }"), "prefixes"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"10.0.0.0/8\" ); action = "
		     "\"deny\"; known = true; } ); }"),
		 "false for what is denied"},
		{KNOWN("\"0.0.0.0/0\""), "acl-any"},
		{KNOWN("\"::/0\""), "acl-any"},
		{KNOWN("\"0.0.0.0/1\""), "acl-any"},
		{KNOWN("\"128.0.0.0/1\""), "acl-any"},
		{KNOWN("\"10.0.0.0/8\", \"192.0.2.0/23\""), "acl-any"},
		{KNOWN("\"192.0.0.0/8\""), "acl-any"},
		{KNOWN("\"2001::/16\""), "acl-any"},
		{KNOWN("\"2000::/3\""), "acl-any"},
		{KNOWN("\"10.0.0.0/8\", \"192.0.2.0/24\", \"192.0.2.1/32\", \"2001:db8::/32\", "
		       "\"fd00::/12\""),
		 "fine"},
		{RISK KNOWN("\"0.0.0.0/0\", \"::/0\""), "fine"},
		{KNOWN("\"2600::/12\""), "acl-any"},
		{KNOWN("\"2a00::/23\""), "acl-any"},
		{KNOWN("\"2a00::/24\", \"2a01::/32\""), "fine"},
		{KNOWN("\"11.0.0.0/8\""), "fine"},
		{KNOWN("\"11.0.0.0/8\", \"11.1.0.0/16\", \"11.0.0.0/8\""), "fine"},
		{KNOWN("\"11.0.0.0/8\", \"12.0.0.1/32\""), "acl-any"},
		{KNOWN("\"12.0.0.1/32\", \"11.0.0.0/8\""), "rules"},
		{KNOWN("\"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\", "
		       "\"100.64.0.0/10\", \"127.0.0.0/8\", \"203.0.113.0/24\""),
		 "fine"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"11.0.0.0/8\" ); known = true; "
		     "}, { prefixes = ( \"12.0.0.0/8\" ); known = true; } ); }"),
		 "acl-any"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"11.0.0.0/8\" ); known = true; "
		     "}, { prefixes = ( \"12.0.0.0/8\" ); } ); }, { zone = \"internet\"; rules = "
		     "( { prefixes = ( \"12.0.0.0/8\" ); known = true; } ); }"),
		 "fine"},
		{RISK ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"11.0.0.0/8\" ); known = "
			  "true; }, { prefixes = ( \"12.0.0.0/8\" ); known = true; } ); }"),
		 "fine"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"0.0.0.0/0\" ); } ); }"),
		 "fine"},
		{ACL("{ zone = \"home\"; rules = ( { prefixes = ( \"0.0.0.0/0\" ); certificates = "
		     "( "
		     "\"a.example\" ); known = true; } ); }"),
		 "fine"},
		{ACL("{ zone = \"home\"; rules = ( { certificates = ( \"a.example\" ); } ); }"),
		 "true where certificates are named"},
		{ACL("{ zone = \"home\"; rules = ( { certificates = ( \"*.example\" ); known = "
		     "true; } "
		     "); }"),
		 "names of SIP domains"},
	};
	unsigned bad = 0;

	(void)state;
	test_tables();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = test_refused(rows[i].config);
		if (!strstr(got, rows[i].fault))
			row_differs(&bad, rows[i].config, got, rows[i].fault);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources),
		cmocka_unit_test(known_in_any_zone),
		cmocka_unit_test(nobody_is_known_without_a_list),
		cmocka_unit_test(an_ack_is_dropped),
		cmocka_unit_test(told),
		cmocka_unit_test(certificates),
		cmocka_unit_test(refused_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
