/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What strangers may send, what they are answered, who is no stranger any more, and what is told of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module shield_module;

/* Another module that knows one address; behind shield in the order. */
static struct addr its_friend;

static bool friend_known(void *self, const struct addr *addr, const struct mg_zone *zone)
{
	return zone == &test_zones[CARRIER] && addr_host_eq(addr, self);
}

static int friend_load(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before)
{
	static const struct mg_sources_role role = {.known = friend_known};

	(void)self;
	(void)before;
	its_friend = test_addr("198.51.100.9");
	return mg_role_provide(setup, MG_SOURCES_ROLE, 1, &role, &its_friend);
}

static const struct mg_module friend_module = {
	.abi = MG_ABI_VERSION, .name = "friend", .help = "knows one", .load = friend_load};
const struct mg_module *const chain_builtin[] = {&shield_module, &friend_module, NULL};

enum { SOURCE, ALL, METHOD, OWED, SOURCES, EVICTED, LEARNED, OFFENCES };

#define SHIELD(options) "modules = ( { name = \"shield\"; " options " }, { name = \"friend\"; } );"
#define PLAIN           SHIELD("")

/* How many of `n` datagrams pass at once. */
static unsigned arrive(const char *addr, unsigned zone, unsigned n)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		struct mg_source s = test_source(addr, zone);
		passed += chain_arrival(&f.worker, &s, 400).kind == MG_NEXT;
	}
	return passed;
}

static void a_stranger(void **state)
{
	(void)state;
	test_begin(PLAIN);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 1000), 60);
	assert_int_equal(arrive("192.0.2.7:9999", INTERNET, 10), 0); /* from another port */
	assert_int_equal(arrive("192.0.2.8:5060", INTERNET, 10), 10);
	fake_pass(&f, 1000);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 1000), 20);
	assert_int_equal(test_counter(0, SOURCE), 940 + 10 + 980);
	assert_int_equal(test_counter(0, ALL), 0);
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=192.0.2.7:5060 tr=udp m= "
					     "why=rate act=throttle proof=0 n=1\n");
	fake_pass(&f, LOG_SUMMARY_MS);
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=192.0.2.7:5060 tr=udp m= "
					     "why=rate act=throttle proof=0 n=1929\n");
	assert_int_equal(test_counter(0, SOURCES), 2);
	test_end();
}

static void who_authenticates_is_no_stranger(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 60);
	assert_false(chain_known(now.chain, &s.addr));
	fake_request(&q, &f, &s, FAKE_INVITE, false);
	mg_set_known(&q.r);
	fake_request_done(&q);
	assert_true(chain_known(now.chain, &s.addr));
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 1000), 1000);
	assert_int_equal(arrive("192.0.2.7:6000", HOME, 1000), 1000);
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, LEARNED), 1);
	assert_null(test_reload(SHIELD("requests_burst = 10;"))); /* it is remembered */
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 1000), 1000);
	assert_int_equal(arrive("192.0.2.9:5060", INTERNET, 1000), 10);
	f.now_ms += 24 * 3600000ULL;
	chain_tick(&f.worker, f.now_ms);
	assert_false(chain_known(now.chain, &s.addr));
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 1000), 10);
	test_end();
}

static void others_know_it(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	s.known = true; /* a module before this one said so */
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(chain_arrival(&f.worker, &s, 400).kind, MG_NEXT);
	assert_int_equal(arrive("198.51.100.9:5060", CARRIER, 500), 500); /* one behind it */
	assert_int_equal(arrive("198.51.100.9:5060", INTERNET, 500), 0);  /* but not there */
	test_end();
}

static void all_strangers_together(void **state)
{
	char addr[32];
	unsigned passed = 0;

	(void)state;
	test_begin(SHIELD("unknown_per_s = 100; unknown_burst = 300;"));
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(addr, sizeof(addr), "10.0.%u.%u:5060", i / 250, i % 250);
		passed += arrive(addr, INTERNET, 1);
	}
	assert_int_equal(passed, 300);
	assert_int_equal(test_counter(0, ALL), 700);
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=10.0.1.50:5060 tr=udp m= "
					     "why=rate_of_all act=throttle proof=0 n=1\n");
	assert_int_equal(arrive("198.51.100.9:5060", CARRIER, 100), 100); /* known ones pass */
	test_end();
}

static void sends(const char *peer, const char *bytes)
{
	struct mg_sending s = {
		.bytes = sv_str(bytes), .peer = test_addr(peer), .zone = &test_zones[INTERNET]};

	assert_int_equal(chain_send(&f.worker, &s).kind, MG_NEXT);
}

static void who_is_called_may_answer(void **state)
{
	(void)state;
	test_begin(PLAIN);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 60);
	sends("192.0.2.7:5060", "INVITE sip:b@c SIP/2.0\r\n");
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 8);
	sends("192.0.2.7:5060", "SIP/2.0 200 OK\r\n");
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 0);
	assert_int_equal(test_counter(0, OWED), 8);
	test_end();
}

static void who_has_a_call_may_end_it(void **state)
{
	static const struct {
		const char *start;
		unsigned status;
		bool in_dialog;
		unsigned owed;
	} rows[] = {
		{"INVITE", 200, false, 4},  {"INVITE", 486, false, 0}, {"INVITE", 0, false, 0},
		{"OPTIONS", 200, false, 0}, {"INVITE", 200, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source s = test_source("192.0.2.7:5060", INTERNET);
		char text[1000];
		test_begin(PLAIN);
		assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 60);
		snprintf(text, sizeof(text),
			 "%s sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 %s\r\n",
			 rows[i].start, rows[i].start);
		fake_request(&q, &f, &s, text, false);
		q.r.in_dialog = rows[i].in_dialog;
		chain_final(&q.r, rows[i].status);
		fake_request_done(&q);
		assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), rows[i].owed);
		test_end();
	}
}

static const char *message(uint8_t transport, const char *method)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);
	const char *got;
	char text[1000];

	s.transport = transport;
	s.proven = transport != SIP_TRANSPORT_UDP;
	snprintf(text, sizeof(text),
		 "%s sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 %s\r\n", method,
		 method);
	fake_request(&q, &f, &s, text, true);
	got = verdict_text(chain_message(&q.r));
	fake_request_done(&q);
	return got;
}

static unsigned messages(uint8_t transport, const char *method, unsigned n)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += strcmp(message(transport, method), "next") == 0;
	return passed;
}

static void requests_on_a_stream(void **state)
{
	(void)state;
	test_begin(PLAIN);
	assert_int_equal(messages(SIP_TRANSPORT_UDP, "INVITE", 200), 200); /* has paid on arrival */
	assert_int_equal(messages(SIP_TRANSPORT_TCP, "INVITE", 200), 60);
	assert_string_equal(message(SIP_TRANSPORT_TLS, "INVITE"), "drop flood");
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=192.0.2.7:5060 tr=tcp m=INVITE "
					     "why=rate act=throttle proof=1 n=1\n");
	test_end();
}

static void a_response_costs_nothing_more(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	s.transport = SIP_TRANSPORT_TCP;
	for (unsigned i = 0; i < 200; i++) {
		fake_request(&q, &f, &s, M_STATUS M_ALL, true);
		assert_int_equal(chain_message(&q.r).kind, MG_NEXT);
		fake_request_done(&q);
	}
	test_end();
}

static void methods_that_cost_more(void **state)
{
	static const char config[] =
		SHIELD("costs = ( { methods = ( \"SUBSCRIBE\", \"FROB\" ); tokens = 6; } );");

	(void)state;
	test_begin(config);
	assert_int_equal(messages(SIP_TRANSPORT_TCP, "SUBSCRIBE", 100), 10);
	fake_pass(&f, 10000);
	assert_int_equal(messages(SIP_TRANSPORT_TCP, "FROB", 100), 10);
	fake_pass(&f, 10000);
	assert_int_equal(messages(SIP_TRANSPORT_TCP, "frob", 100), 60);
	fake_pass(&f, 10000);
	assert_int_equal(messages(SIP_TRANSPORT_UDP, "SUBSCRIBE", 100),
			 12); /* five beside the one on arrival */
	assert_int_equal(test_counter(0, METHOD), 90 + 90 + 88);
	test_end();
}

/* ---- offences ---- */

/* How many of `n` packets that turn out to be junk get as far as that. */
static unsigned junk(const char *addr, unsigned zone, enum mg_offence offence, unsigned n)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		struct mg_source s = test_source(addr, zone);
		if (chain_arrival(&f.worker, &s, 400).kind != MG_NEXT)
			continue;
		chain_offence(&f.worker, &s, offence);
		passed++;
	}
	return passed;
}

static void junk_costs_more(void **state)
{
	(void)state;
	test_begin(PLAIN);
	assert_int_equal(junk("192.0.2.7:5060", INTERNET, MG_OFFENCE_NOT_SIP, 1000), 10);
	assert_int_equal(arrive("192.0.2.7:9999", INTERNET, 10), 0); /* nor anything else of it */
	assert_int_equal(junk("192.0.2.8:5060", INTERNET, MG_OFFENCE_MALFORMED, 1000), 10);
	assert_int_equal(junk("192.0.2.9:5060", INTERNET, MG_OFFENCE_TOKEN, 1000), 10);
	assert_int_equal(arrive("192.0.2.10:5060", INTERNET, 60), 60); /* its neighbour */
	fake_pass(&f, 1000);
	assert_int_equal(junk("192.0.2.7:5060", INTERNET, MG_OFFENCE_NOT_SIP, 1000), 4);
	assert_int_equal(junk("192.0.2.11:5060", INTERNET, MG_OFFENCE_NOT_SIP, 1), 1);
	assert_int_equal(arrive("192.0.2.11:5060", INTERNET, 100), 54); /* one slip is forgiven */
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, OFFENCES), 10 + 10 + 10 + 4 + 1);
	test_end();
}

static void junk_of_who_is_not_limited(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(SHIELD("offence_tokens = 59; zones = ( { zone = \"home\"; limit = false; } );"));
	assert_int_equal(junk("192.0.2.6:5060", HOME, MG_OFFENCE_NOT_SIP, 100), 100);
	assert_int_equal(junk("192.0.2.8:5060", INTERNET, MG_OFFENCE_NOT_SIP, 100), 1);
	fake_request(&q, &f, &s, FAKE_INVITE, false);
	mg_set_known(&q.r);
	fake_request_done(&q);
	assert_int_equal(junk("192.0.2.7:5060", INTERNET, MG_OFFENCE_NOT_SIP, 100), 100);
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, OFFENCES), 1);
	test_end();
}

/* A connection has paid for itself alone; what comes on it pays. */
static void junk_on_connections(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	s.transport = SIP_TRANSPORT_TCP;
	s.proven = true;
	for (unsigned i = 0; i < 100; i++)
		chain_offence(&f.worker, &s, MG_OFFENCE_MALFORMED);
	assert_string_equal(message(SIP_TRANSPORT_TCP, "INVITE"), "drop flood");
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 10), 0);
	fake_pass(&f, 1000); /* a debt has an end */
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 20);
	test_end();
}

/* ---- answers ---- */

static unsigned answers(const char *addr, unsigned zone, unsigned n)
{
	struct mg_source s = test_source(addr, zone);
	unsigned yes = 0;
	size_t max;

	for (unsigned i = 0; i < n; i++)
		yes += chain_may_answer(&f.worker, &s, 400, &max);
	return yes;
}

static void answers_to_a_stranger(void **state)
{
	struct mg_source s = test_source("192.0.2.7:5060", INTERNET);

	(void)state;
	test_begin(PLAIN);
	assert_int_equal(answers("192.0.2.7:5060", INTERNET, 100), 20);
	assert_int_equal(answers("192.0.2.8:5060", INTERNET, 10), 10);
	fake_pass(&f, 1000);
	assert_int_equal(answers("192.0.2.7:5061", INTERNET, 100), 5);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 60); /* a bucket of its own */
	fake_request(&q, &f, &s, FAKE_INVITE, false);
	mg_set_known(&q.r);
	fake_request_done(&q);
	assert_int_equal(answers("192.0.2.7:5060", INTERNET, 100), 100);
	test_end();
}

static void answers_where_there_is_no_place(void **state)
{
	(void)state;
	test_begin(SHIELD("sources_max = 1024; unknown_per_s = 10; unknown_burst = 30;"));
	for (unsigned i = 0; i < 20000; i++) { /* more known ones than there are places */
		struct mg_source s = test_source("10.0.0.1:5060", INTERNET);
		s.addr.ip[2] = (uint8_t)(i >> 8);
		s.addr.ip[3] = (uint8_t)i;
		fake_request(&q, &f, &s, FAKE_INVITE, false);
		mg_set_known(&q.r);
		fake_request_done(&q);
	}
	assert_int_equal(answers("192.0.2.7:5060", INTERNET, 100), 30);
	assert_int_equal(arrive("192.0.2.7:5060", INTERNET, 100), 30);
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(0, SOURCES), 1024);
	assert_non_null(strstr(fake_logged(&f),
			       "warning shield ev=table_full table=sources max=1024 act=evict n="));
	test_end();
}

/* ---- zones ---- */

static void limits_of_zones(void **state)
{
	static const char config[] =
		SHIELD("zones = ( { zone = \"home\"; limit = false; }, { zone = \"carrier\"; "
		       "requests_burst = 5; answers_burst = 3; } );");

	(void)state;
	test_begin(config);
	assert_int_equal(arrive("192.0.2.7:5060", HOME, 1000), 1000);
	assert_int_equal(answers("192.0.2.7:5060", HOME, 1000), 1000);
	assert_int_equal(arrive("192.0.2.8:5060", CARRIER, 1000), 5);
	assert_int_equal(answers("192.0.2.8:5060", CARRIER, 1000), 3);
	assert_int_equal(arrive("192.0.2.9:5060", INTERNET, 1000), 60);
	struct mg_source nowhere = test_source("192.0.2.10:5060", HOME);
	nowhere.zone = NULL;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(chain_arrival(&f.worker, &nowhere, 1).kind,
				 i < 60 ? MG_NEXT : MG_DROP);
	test_end();
}

static void refused_configurations(void **state)
{
	static const struct {
		const char *config, *fault;
	} rows[] = {
		{SHIELD("zones = ( { zone = \"dmz\"; } );"), "there is no zone \"dmz\""},
		{SHIELD("zones = ( { zone = \"home\"; }, { zone = \"home\"; } );"),
		 "each zone once"},
		{SHIELD("requests_per_s = 0;"), "1 to 100000"},
		{SHIELD("costs = ( { methods = ( \"SUBSCRIBE\" ); tokens = 61; } );"),
		 "no more tokens than"},
		{SHIELD("costs = ( { methods = ( \"SUBSCRIBE\" ); tokens = 9; } ); zones = ( { "
			"zone = \"home\"; requests_burst = 8; } );"),
		 "no more tokens than"},
		{SHIELD("costs = ( { methods = ( \"SUB SCRIBE\" ); tokens = 2; } );"),
		 "names of methods"},
		{SHIELD("sources_max = 100;"), "1024"},
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
		cmocka_unit_test(a_stranger),
		cmocka_unit_test(who_authenticates_is_no_stranger),
		cmocka_unit_test(others_know_it),
		cmocka_unit_test(all_strangers_together),
		cmocka_unit_test(who_is_called_may_answer),
		cmocka_unit_test(who_has_a_call_may_end_it),
		cmocka_unit_test(requests_on_a_stream),
		cmocka_unit_test(a_response_costs_nothing_more),
		cmocka_unit_test(methods_that_cost_more),
		cmocka_unit_test(junk_costs_more),
		cmocka_unit_test(junk_of_who_is_not_limited),
		cmocka_unit_test(junk_on_connections),
		cmocka_unit_test(answers_to_a_stranger),
		cmocka_unit_test(answers_where_there_is_no_place),
		cmocka_unit_test(limits_of_zones),
		cmocka_unit_test(refused_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
