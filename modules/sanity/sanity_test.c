/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each request that sanity lets pass, refuses or drops, with the response it comes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module sanity_module;
const struct mg_module *const chain_builtin[] = {&sanity_module, NULL};

#define PLAIN  "modules = ( { name = \"sanity\"; } );"
#define STRICT "modules = ( { name = \"sanity\"; rfc2543 = false; large_cseq = false; } );"
#define ZONES                                                                                \
	"modules = ( { name = \"sanity\"; zones = ( "                                        \
	"{ zone = \"internet\"; methods = ( \"INVITE\", \"BYE\", \"FROB\", \"INVITE\" ); }," \
	"{ zone = \"carrier\"; methods = ( \"OPTIONS\" ); } ); } );"
#define TAGS "modules = ( { name = \"sanity\"; proxy_require = ( \"privacy\", \"Path\" ); } );"

#define REQ(method)                                                                                \
	method " sip:bob@biloxi.example SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 " method \
	       "\r\n"
#define MF(n) "Max-Forwards: " n "\r\n"
#define TAGGED(method)                                            \
	method " sip:bob@biloxi.example SIP/2.0\r\n" M_VIA M_FROM \
	       "To: <sip:b@c>;tag=1\r\n" M_CALL_ID "CSeq: 1 " method "\r\n"

static const struct {
	const char *config;
	unsigned zone;
	const char *message, *verdict, *name;
} rows[] = {
	{PLAIN, INTERNET, REQ("INVITE") MF("70"), "next", "an INVITE"},
	{PLAIN, INTERNET, REQ("INVITE"), "next", "no Max-Forwards"},
	{PLAIN, INTERNET, REQ("INVITE") MF("1"), "next", "the last hop"},
	{PLAIN, INTERNET, REQ("INVITE") MF("0"), "483", "no hops left"},
	{PLAIN, INTERNET, REQ("REGISTER") MF("0"), "483", "no hops left for a REGISTER"},
	{PLAIN, INTERNET, REQ("OPTIONS") MF("0"), "next", "zeromf: OPTIONS is answered by others"},
	{PLAIN, INTERNET, REQ("CANCEL") MF("0"), "next", "a CANCEL goes no further by itself"},
	{PLAIN, INTERNET, REQ("ACK") MF("0"), "drop max_forwards", "an ACK is not answered"},
	{PLAIN, INTERNET,
	 "SIP/2.0 200 OK\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 INVITE\r\n" MF("0"), "next",
	 "a response has none"},

	{PLAIN, INTERNET,
	 REQ("OPTIONS") "Require: nothingSupportsThis\r\nProxy-Require: noProxiesSupportThis, "
			"norDoAnyProxiesSupportThis\r\n",
	 "420 Unsupported=noProxiesSupportThis, norDoAnyProxiesSupportThis", "bext01"},
	{PLAIN, INTERNET, REQ("INVITE") "Proxy-Require: a\r\nProxy-Require: b , c\r\n",
	 "420 Unsupported=a, b, c", "several lines"},
	{TAGS, INTERNET, REQ("INVITE") "Proxy-Require: privacy, foo, path\r\n",
	 "420 Unsupported=foo", "exactly those that are not there"},
	{TAGS, INTERNET, REQ("INVITE") "Proxy-Require: PRIVACY,path\r\n", "next",
	 "all of them are there"},
	{PLAIN, INTERNET, REQ("ACK") "Proxy-Require: a\r\n", "next", "not in an ACK"},
	{PLAIN, INTERNET, REQ("CANCEL") "Proxy-Require: a\r\n", "next", "not in a CANCEL"},
	{PLAIN, INTERNET, REQ("INVITE") "Proxy-Require: a b\r\n", "400 \"Bad Proxy-Require\"",
	 "malformed"},
	{PLAIN, INTERNET, REQ("INVITE") "Proxy-Require: @\r\n", "400 \"Bad Proxy-Require\"",
	 "malformed at once"},

	{ZONES, INTERNET, REQ("INVITE"), "next", "served"},
	{ZONES, INTERNET, TAGGED("BYE"), "next", "served"},
	{ZONES, INTERNET, REQ("CANCEL"), "next", "CANCEL comes with INVITE"},
	{ZONES, INTERNET, REQ("ACK"), "next", "ACK too"},
	{ZONES, INTERNET, REQ("FROB"), "next", "a method that nobody knows"},
	{ZONES, INTERNET, REQ("frob"), "405 Allow=INVITE, BYE, FROB, ACK, CANCEL",
	 "which has a case"},
	{ZONES, INTERNET, REQ("SUBSCRIBE"), "405 Allow=INVITE, BYE, FROB, ACK, CANCEL", "excluded"},
	{ZONES, INTERNET, REQ("OPTIONS"), "405 Allow=INVITE, BYE, FROB, ACK, CANCEL",
	 "excluded here"},
	{ZONES, CARRIER, REQ("OPTIONS"), "next", "and not there"},
	{ZONES, CARRIER, REQ("INVITE"), "405 Allow=OPTIONS", "excluded there"},
	{ZONES, CARRIER, REQ("ACK"), "drop method", "an ACK is not answered"},
	{ZONES, HOME, REQ("SUBSCRIBE"), "next", "a zone that is not named takes all"},

	{PLAIN, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 4294967295 INVITE\r\n",
	 "next", "a large CSeq"},
	{STRICT, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 2147483647 INVITE\r\n",
	 "next", "the largest CSeq"},
	{STRICT, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 2147483648 INVITE\r\n",
	 "400 \"CSeq Number Too Large\"", "too large a CSeq"},
	{PLAIN, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n"
	 "Via: SIP/2.0/UDP a\r\n"
	 "From: <sip:a@b>\r\n" M_TO M_CALL_ID M_CSEQ,
	 "next", "inv2543"},
	{STRICT, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n" M_VIA "From: <sip:a@b>\r\n" M_TO M_CALL_ID M_CSEQ,
	 "400 \"Missing From Tag\"", "no From tag"},
	{STRICT, HOME,
	 "INVITE sip:b@c SIP/2.0\r\n"
	 "Via: SIP/2.0/UDP a;branch=1\r\n" M_FROM M_TO M_CALL_ID M_CSEQ,
	 "400 \"Branch Without Cookie\"", "no cookie"},
	{STRICT, HOME, REQ("INVITE"), "next", "strictly right"},
	{STRICT, HOME, REQ("BYE"), "481", "no dialog"},
	{STRICT, HOME, REQ("UPDATE"), "481", "no dialog"},
	{STRICT, HOME, TAGGED("BYE"), "next", "a dialog"},
	{STRICT, HOME, REQ("NOTIFY"), "next", "unsolicited, but legal"},
	{PLAIN, HOME, REQ("BYE"), "next", "a peer may have answered without a tag"},
};

static void verdicts(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source source = test_source("192.0.2.7:5060", rows[i].zone);
		test_begin(rows[i].config);
		fake_request(&q, &f, &source, rows[i].message, true);
		const char *got = refusal_text(&q.r, chain_message(&q.r));
		if (strcmp(got, rows[i].verdict) != 0)
			row_differs(&bad, rows[i].name, got, rows[i].verdict);
		if (!strcmp(got, "next") != !*fake_logged(&f))
			row_differs(&bad, rows[i].name, "one log line for what is refused", "");
		fake_request_done(&q);
		test_end();
	}
	assert_int_equal(bad, 0);
}

static void as_many_tags_as_a_message_holds(void **state)
{
	static char text[8000], want[8000];
	struct mg_source source = test_source("192.0.2.7:5060", HOME);
	size_t n = (size_t)snprintf(text, sizeof(text), "%sProxy-Require: ", REQ("INVITE"));

	(void)state;
	snprintf(want, sizeof(want), "420 Unsupported=");
	for (unsigned i = 0; i < 60; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%040u", i ? "," : "", i);
		if (i < 24) /* of 42 bytes each, in 1 024 */
			snprintf(want + strlen(want), 64, "%s%040u", i ? ", " : "", i);
	}
	snprintf(text + n, sizeof(text) - n, "\r\n");
	test_begin(PLAIN);
	fake_request(&q, &f, &source, text, true);
	assert_string_equal(refusal_text(&q.r, chain_message(&q.r)), want);
	fake_request_done(&q);
	test_end();
}

static void one_line_and_a_summary(void **state)
{
	struct mg_source source = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	for (unsigned i = 0; i < 100; i++) {
		fake_request(&q, &f, &source, REQ("INVITE") MF("0"), true);
		assert_int_equal(chain_message(&q.r).status, 483);
		fake_request_done(&q);
	}
	assert_string_equal(fake_logged(&f), "info sec ev=refused src=192.0.2.7:5060 tr=udp "
					     "m=INVITE why=max_forwards act=483 proof=0 n=1\n");
	assert_null(test_reload(STRICT)); /* what was held back goes on */
	f.now_ms += LOG_SUMMARY_MS;
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "info sec ev=refused src=192.0.2.7:5060 tr=udp "
					     "m=INVITE why=max_forwards act=483 proof=0 n=99\n");
	assert_int_equal(test_counter(0, 1), 100);
	test_end();
}

static void refused_configurations(void **state)
{
	static const struct {
		const char *config, *fault;
	} bad[] = {
		{"modules = ( { name = \"sanity\"; zones = ( { zone = \"dmz\"; methods = "
		 "(\"INVITE\"); } ); } );",
		 "there is no zone \"dmz\""},
		{"modules = ( { name = \"sanity\"; zones = ( { zone = \"home\"; methods = (\"IN "
		 "VITE\"); } ); } );",
		 "names of methods"},
		{"modules = ( { name = \"sanity\"; zones = ( { zone = \"home\"; methods = (\"A\"); "
		 "}, { zone = \"home\"; methods = (\"B\"); } ); } );",
		 "each zone once"},
		{"modules = ( { name = \"sanity\"; zones = ( { zone = \"home\"; methods = (); } ); "
		 "} );",
		 "methods"},
		{"modules = ( { name = \"sanity\"; proxy_require = ( \"a b\" ); } );",
		 "option tags"},
		{"modules = ( { name = \"sanity\"; rfc2544 = false; } );", "rfc2543"},
	};
	unsigned wrong = 0;

	(void)state;
	test_tables();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *got = test_refused(bad[i].config);
		if (!strstr(got, bad[i].fault))
			row_differs(&wrong, bad[i].config, got, bad[i].fault);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(as_many_tags_as_a_message_holds),
		cmocka_unit_test(one_line_and_a_summary),
		cmocka_unit_test(refused_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
