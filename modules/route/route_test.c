/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The targets that a request gets, redirections, refusals, and what an open relay takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module route_module;
const struct mg_module *const chain_builtin[] = {&route_module, NULL};

enum { BY_RULE, TO_URI, REDIRECTED, REJECTED, NOWHERE, STRANGER };

#define ROUTE(options) "modules = ( { name = \"route\"; " options " } );"
#define RULES(rules)   ROUTE("rules = ( " rules " );")
#define RISK           "accept_risk = ( \"open-relay\" );\n"

/* What TARGET comes to for a request with these lines, as text: "next [uri via next_hop q zone]..." */
static const char *go_with(const char *method, const char *uri, const char *lines, bool known)
{
	static struct text t;
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);
	char message[2000];

	s.known = known;
	snprintf(message, sizeof(message), "%s %s SIP/2.0\r\n%s", method, uri, lines);
	fake_request(&q, &f, &s, message, false);
	struct mg_verdict v = chain_target(&q.r);
	text_start(&t);
	text_add(&t, "%s", refusal_text(&q.r, v));
	for (unsigned i = 0; i < q.r.n_targets && v.kind == MG_NEXT; i++) {
		const struct mg_target *target = &q.r.target[i];
		text_add(&t, " [%.*s via %.*s%s q %u%s%s%s", SV_ARG(target->uri),
			 SV_ARG(target->next_hop), target->as_route ? " as route" : "", target->q,
			 target->zone ? " by " : "", target->zone ? target->zone->name : "",
			 target->ring_s ? " rings" : "");
		text_add(&t, "]");
	}
	fake_request_done(&q);
	return t.p;
}

static const char *go(const char *uri, bool known)
{
	return go_with("INVITE", uri, M_ALL, known);
}

/* Of the call `n`. */
static const char *go_call(const char *method, unsigned n)
{
	char lines[1000];

	snprintf(lines, sizeof(lines),
		 "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%u\r\n" M_FROM M_TO
		 "Call-ID: %u\r\nCSeq: 1 %s\r\n" M_MF,
		 n, n, method);
	return go_with(method, "sip:1@us", lines, true);
}

static void hops(void **state)
{
	static const struct {
		const char *hop, *uri, *got;
	} rows[] = {
		{"uri = \"sip:gw.example\"", "sip:+4930@us", "next [ via sip:gw.example q 1000]"},
		{"uri = \"sip:gw.example:5070;transport=tcp\"; zone = \"carrier\"", "sip:+4930@us",
		 "next [ via sip:gw.example:5070;transport=tcp q 1000 by carrier]"},
		{"uri = \"sip:gw.example;lr\"; as_route = true; ring_s = 20", "sip:+4930@us",
		 "next [ via sip:gw.example;lr as route q 1000 rings]"},
		{"uri = \"sip:gw.example\"; rewrite_host = true", "sip:+4930@us:5060;x=y",
		 "next [sip:+4930@gw.example via sip:gw.example q 1000]"},
		{"uri = \"sip:gw.example\"; rewrite_host = true", "sip:+4930@us;user=phone",
		 "next [sip:+4930@gw.example;user=phone via sip:gw.example q 1000]"},
		{"uri = \"sip:gw.example;user=phone\"; rewrite_host = true", "tel:+49-30",
		 "next [sip:+4930@gw.example;user=phone via sip:gw.example;user=phone q 1000]"},
		{"uri = \"sip:gw.example:5070\"; rewrite_host = true", "tel:+49-30;x=y",
		 "next [sip:+4930@gw.example:5070;user=phone via sip:gw.example:5070 q 1000]"},
		{"uri = \"sip:desk@gw.example\"; rewrite_host = true", "sip:+4930@us",
		 "next [sip:desk@gw.example via sip:desk@gw.example q 1000]"},
		/* The number leaves in the spelling that was looked up. */
		{"uri = \"sip:gw.example\"", "sip:+49-30@us;a=b",
		 "next [sip:+4930@us;a=b via sip:gw.example q 1000]"},
		{"uri = \"sip:gw.example\"", "sip:%2b4930;npdi:pw@us",
		 "next [sip:+4930:pw@us via sip:gw.example q 1000]"},
		{"uri = \"sip:gw.example\"", "tel:+49.30;ext=1",
		 "next [tel:+4930;ext=1 via sip:gw.example q 1000]"},
		/* sips stays sips. */
		{"uri = \"sip:gw.example\"", "sips:+4930@us", "next [ via sips:gw.example q 1000]"},
		{"uri = \"sip:gw.example\"; rewrite_host = true", "sips:+4930@us",
		 "next [sips:+4930@gw.example via sips:gw.example q 1000]"},
		{"uri = \"sips:gw.example\"; rewrite_host = true", "sip:+4930@us",
		 "next [sips:+4930@gw.example via sips:gw.example q 1000]"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char config[1000];
		snprintf(config, sizeof(config), RULES("{ prefix = \"+49\"; hops = ( { %s; } ); }"),
			 rows[i].hop);
		test_begin(config);
		const char *got = go(rows[i].uri, true);
		if (strcmp(got, rows[i].got) != 0)
			row_differs(&bad, rows[i].uri, got, rows[i].got);
		test_end();
	}
	assert_int_equal(bad, 0);
}

static void by_domain_the_number_stays_as_it_is(void **state)
{
	(void)state;
	test_begin(RULES("{ domain = \"a.example\"; hops = ( { uri = \"sip:gw.example\"; } ); }, { "
			 "domain = \"b.example\"; }"));
	assert_string_equal(go("sip:+49-30@a.example", true), "next [ via sip:gw.example q 1000]");
	assert_string_equal(go("sip:+49-30@b.example", true), "next [ via  q 1000]");
	assert_int_equal(test_counter(0, BY_RULE), 2);
	test_end();
}

/* How often each hop is the first, the second, the third. */
static void lots(void **state)
{
	unsigned first[3] = {0}, last[3] = {0};

	(void)state;
	test_begin(RULES("{ prefix = \"\"; hops = ( { uri = \"sip:a.example\"; weight = 70; q = "
			 "500; }, { uri = \"sip:backup.example\"; q = 100; }, "
			 "{ uri = \"sip:b.example\"; weight = 30; q = 500; } ); }"));
	for (unsigned i = 0; i < 4000; i++) {
		const char *got = go_call("INVITE", i);
		if (strstr(got, "next [ via sip:a.example q 1000] [ via sip:b.example q 999] [ via "
				"sip:backup.example q 998]"))
			first[0]++;
		else if (strstr(got, "next [ via sip:b.example q 1000] [ via sip:a.example q 999] "
				     "[ via sip:backup.example q 998]"))
			first[1]++;
		else
			last[0]++;
	}
	assert_int_equal(last[0], 0);
	assert_in_range(first[0], 2800 - 300,
			2800 + 300); /* ten times the deviation that is to be expected */
	test_end();
}

/* Without state nobody remembers where the INVITE went (RFC 3261 §16.11). */
static void one_order_for_a_transaction(void **state)
{
	unsigned b_first = 0;

	(void)state;
	test_begin(RULES("{ prefix = \"\"; hops = ( { uri = \"sip:a.example\"; }, { uri = "
			 "\"sip:b.example\"; }, { uri = \"sip:c.example\"; } ); }"));
	for (unsigned i = 0; i < 100; i++) {
		char order[200];

		snprintf(order, sizeof(order), "%s", go_call("INVITE", i));
		b_first += strstr(order, "sip:b.example q 1000") != NULL;
		assert_string_equal(go_call("INVITE", i), order);
		assert_string_equal(go_call("CANCEL", i), order);
		assert_string_equal(go_call("ACK", i), order);
	}
	assert_in_range(b_first, 5, 80);
	test_end();
}

/* With one q for several, those are called at once. */
static void all_at_once(void **state)
{
	const char *got;

	(void)state;
	test_begin(RULES(
		"{ prefix = \"\"; parallel = true; hops = ( { uri = \"sip:a.example\"; q = 500; }, "
		"{ uri = \"sip:b.example\"; q = 500; }, { uri = \"sip:backup.example\"; q = 100; } "
		"); }"));
	got = go("sip:1@us", true);
	assert_non_null(strstr(got, "[ via sip:a.example q 500]"));
	assert_non_null(strstr(got, "[ via sip:b.example q 500]"));
	assert_non_null(strstr(got, "[ via sip:backup.example q 100]"));
	test_end();
}

static void redirections(void **state)
{
	(void)state;
	test_begin(RULES("{ domain = \"a.example\"; action = \"redirect\"; hops = ( { uri = "
			 "\"sip:b.example:5070\"; }, { uri = \"sip:c@c.example\"; q = 1; } ); },"
			 "{ domain = \"b.example\"; action = \"redirect\"; status = 301; sources = "
			 "\"any\"; hops = ( { uri = \"sip:b.example:5070\"; } ); }"));
	assert_string_equal(go("sip:bob@a.example", true), "done");
	assert_string_equal(fake_told(&f), "answer 302 Contact=<sip:bob@b.example:5070> "
					   "Contact=<sip:c@c.example>;q=0.999 stateless; ");
	assert_string_equal(go("sip:bob@b.example", false), "done");
	assert_string_equal(fake_told(&f),
			    "answer 301 Contact=<sip:bob@b.example:5070> stateless; ");
	assert_int_equal(test_counter(0, REDIRECTED), 2);
	test_end();
}

static void relay_to_the_request_uri(void **state)
{
	static const struct {
		const char *config, *uri;
		bool known, to_us;
		const char *got;
	} rows[] = {
		{ROUTE(""), "sip:b@c.example", true, false, "404"},
		{ROUTE(""), "sip:b@c.example", false, false, "403"},
		{ROUTE("otherwise = 480; strangers = 480;"), "sip:b@c.example", true, false, "480"},
		{ROUTE("otherwise = 480; strangers = 480;"), "sip:b@c.example", false, false,
		 "480"},
		{ROUTE("relay = \"known\";"), "sip:b@c.example", true, false,
		 "next [ via  q 1000]"},
		{ROUTE("relay = \"known\";"), "sip:b@c.example", false, false, "403"},
		{ROUTE("relay = \"known\";"), "sip:b@c.example", true, true, "404"},
		{ROUTE("relay = \"known\";"), "tel:+4930", true, false, "404"},
		{RISK ROUTE("relay = \"any\";"), "sip:b@c.example", false, false,
		 "next [ via  q 1000]"},
		{RISK ROUTE("relay = \"any\";"), "sip:b@c.example", true, false,
		 "next [ via  q 1000]"},
		{RISK ROUTE("relay = \"any\";"), "sip:b@c.example", false, true, "403"},
		{RISK RULES("{ domain = \"c.example\"; sources = \"any\"; }"), "sip:b@c.example",
		 false, false, "next [ via  q 1000]"},
		{RISK RULES("{ domain = \"c.example\"; sources = \"any\"; }"), "sip:b@d.example",
		 false, false, "403"},
		{RULES("{ domain = \"c.example\"; }"), "sip:b@c.example", true, true, "404"},
		{RULES("{ prefix = \"\"; }"), "tel:+49-30", true, false, "404"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source s = test_source("192.0.2.7:5060", INTERNET);
		char message[2000];
		struct text t;
		test_begin(rows[i].config);
		s.known = rows[i].known;
		snprintf(message, sizeof(message), "INVITE %s SIP/2.0\r\n" M_ALL, rows[i].uri);
		fake_request(&q, &f, &s, message, false);
		q.r.to_us = rows[i].to_us;
		struct mg_verdict v = chain_target(&q.r);
		text_start(&t);
		text_add(&t, "%s%s", refusal_text(&q.r, v), q.r.n_targets ? " [ via  q 1000]" : "");
		if (strcmp(t.p, rows[i].got) != 0)
			row_differs(&bad, rows[i].config, t.p, rows[i].got);
		fake_request_done(&q);
		test_end();
	}
	assert_int_equal(bad, 0);
}

static void who_knows_before(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(ROUTE(""));
	fake_request(&q, &f, &s, FAKE_INVITE, false);
	assert_int_equal(mg_target_add(&q.r, &(struct mg_target){.q = 1}), 0);
	assert_string_equal(verdict_text(chain_target(&q.r)), "next");
	fake_request_done(&q);
	test_end();
}

static void told(void **state)
{
	(void)state;
	test_begin(RULES("{ prefix = \"0900\"; action = \"reject\"; }"));
	for (unsigned i = 0; i < 5; i++) {
		assert_string_equal(go("sip:a@b.example", false), "403");
		assert_string_equal(go("sip:a@b.example", true), "404");
		assert_string_equal(go("sip:0-900-1@b.example", true), "403");
	}
	assert_string_equal(fake_logged(&f), "info sec ev=relay src=192.0.2.7:5060 tr=udp m=INVITE "
					     "why=unknown_source act=403 proof=0 n=1\n"
					     "info sec ev=route src=192.0.2.7:5060 tr=udp m=INVITE "
					     "why=nowhere act=404 proof=0 n=1\n"
					     "info sec ev=route src=192.0.2.7:5060 tr=udp m=INVITE "
					     "why=rule act=403 proof=0 n=1\n");
	assert_null(test_reload(ROUTE("relay = \"known\";")));
	assert_string_equal(go("sip:a@b.example", true), "next [ via  q 1000]");
	f.now_ms += LOG_SUMMARY_MS;
	chain_tick(&f.worker, f.now_ms);
	assert_non_null(strstr(fake_logged(&f), "why=unknown_source act=403 proof=0 n=4\n"));
	assert_int_equal(test_counter(0, STRANGER), 5);
	assert_int_equal(test_counter(0, NOWHERE), 5);
	assert_int_equal(test_counter(0, REJECTED), 5);
	assert_int_equal(test_counter(0, TO_URI), 1);
	test_end();
}

static void refused_configurations(void **state)
{
	static const struct {
		const char *config, *fault;
	} rows[] = {
		{RULES("{ domain = \"a\"; from = ( \"dmz\" ); }"), "there is no zone \"dmz\""},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:b\"; zone = \"dmz\"; } ); }"),
		 "there is no zone \"dmz\""},
		{RULES("{ }"), "either domain or prefix"},
		{RULES("{ domain = \"example.com\"; },\n{ domain = \"EXAMPLE.com\"; }"),
		 ":2: modules[0].rules[1].domain: found \"EXAMPLE.com\", allowed: another domain, "
		 "zones (from) or sources than at t.cfg:1"},
		{RULES("{ domain = \"a.\"; }, { domain = \"a\"; from = ( \"home\" ); }"),
		 "another"},
		{RULES("{ domain = \"[2001:db8::1]\"; }, { domain = \"[2001:DB8:0::1]\"; }"),
		 "another"},
		{RULES("{ prefix = \"+49\"; }, { prefix = \"+49\"; }"), "another prefix"},
		{RULES("{ domain = \"*\"; }, { domain = \"*\"; }"), "another"},
		{RULES("{ domain = \"a\"; from = ( \"home\" ); }, { domain = \"a\"; from = ( "
		       "\"home\", "
		       "\"internet\" ); }, { domain = \"A\"; }, { domain = \"b\"; }, { prefix = "
		       "\"1\"; }"),
		 "fine"},
		{RULES("{ domain = \"a\"; }, { domain = \"a\"; sources = \"any\"; action = "
		       "\"reject\"; }"),
		 "fine"},
		{RULES("{ domain = \"a\"; sources = \"any\"; action = \"reject\"; }, { domain = "
		       "\"a\"; }"),
		 "another"},
		{RULES("{ domain = \"a\"; prefix = \"1\"; }"), "either domain or prefix"},
		{RULES("{ prefix = \"49-30\"; }"), "digits"},
		{RULES("{ prefix = \"4+\"; }"), "digits"},
		{RULES("{ domain = \"bob@a\"; }"), "a host"},
		{RULES("{ domain = \"a b\"; }"), "a host"},
		{RULES("{ domain = \" a\"; }"), "a host"},
		{RULES("{ domain = \"sip:a\"; }"), "a host"},
		{RULES("{ domain = \"a:5060\"; }"), "a host"},
		{RULES("{ domain = \"a;b=c\"; }"), "a host"},
		{RULES("{ domain = \".\"; }"), "a host"},
		{RULES("{ domain = \"..a\"; }"), "a host"},
		{RULES("{ domain = \"*.a\"; }"), "a host"},
		{RULES("{ domain = \"192.0.2.300\"; }"), "a host"},
		{RULES("{ domain = \".a_b.example\"; }, { domain = \"2001:db8::1\"; }, { domain = "
		       "\"192.0.2.1\"; }, { domain = \"c.\"; }"),
		 "fine"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"gw.example\"; } ); }"),
		 "a sip or sips URI"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"tel:+49\"; } ); }"),
		 "a sip or sips URI"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:a.-b\"; } ); }"),
		 "a URI whose host"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:0.0.0.0:5060\"; } ); }"),
		 "a URI whose host"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:b?x=y\"; } ); }"),
		 "a sip or sips URI"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:b\"; as_route = true; } ); }"),
		 ";lr"},
		{RULES("{ domain = \"a\"; hops = ( { uri = \"sip:b;lr\"; as_route = true; "
		       "rewrite_host = true; } ); }"),
		 "false with as_route"},
		{RULES("{ domain = \"a\"; action = \"redirect\"; }"), "at least one"},
		{RULES("{ domain = \"a\"; action = \"redirect\"; status = 404; hops = ( { uri = "
		       "\"sip:b\"; } ); }"),
		 "300, 301"},
		{RULES("{ domain = \"a\"; action = \"reject\"; status = 302; }"), "400 to 699"},
		{RULES("{ domain = \"a\"; action = \"reject\"; hops = ( { uri = \"sip:b\"; } ); }"),
		 "none"},
		{RULES("{ domain = \"a\"; status = 404; }"), "none"},
		{RULES("{ domain = \"a\"; sources = \"any\"; }"), "open-relay"},
		{ROUTE("relay = \"any\";"), "open-relay"},
		{RULES("{ domain = \"a\"; sources = \"any\"; action = \"reject\"; }"), "fine"},
		{RISK ROUTE("relay = \"any\";"), "fine"},
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
		cmocka_unit_test(hops),
		cmocka_unit_test(by_domain_the_number_stays_as_it_is),
		cmocka_unit_test(lots),
		cmocka_unit_test(one_order_for_a_transaction),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(redirections),
		cmocka_unit_test(relay_to_the_request_uri),
		cmocka_unit_test(who_knows_before),
		cmocka_unit_test(told),
		cmocka_unit_test(refused_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
