/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The modules that are built in, in one chain: what they make of a request together, and how they come up when memory fails them, allocation
 * by allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "chain/test_module.h"

extern const struct mg_module acl_module, route_module, sanity_module, shield_module;
const struct mg_module *const chain_builtin[] = {&acl_module, &route_module, &sanity_module,
						 &shield_module, NULL};

static const char config[] =
	"modules = ("
	"  { name = \"sanity\"; zones = ( { zone = \"internet\"; methods = ( \"INVITE\", \"BYE\", "
	"\"OPTIONS\" ); } ); },"
	"  { name = \"acl\"; zones = ( { zone = \"internet\"; rules = ("
	"      { prefixes = ( \"198.51.100.0/24\", \"2001:db8:7::/48\" ); known = true; },"
	"      { prefixes = ( \"203.0.113.0/24\" ); action = \"deny\"; } ); } ); },"
	"  { name = \"shield\"; sources_max = 1024; costs = ( { methods = ( \"OPTIONS\" ); tokens "
	"= 2; } ); },"
	"  { name = \"route\"; rules = ("
	"      { domain = \"biloxi.example\"; hops = ( { uri = \"sip:gw.biloxi.example\"; }, { uri "
	"= \"sip:b.biloxi.example\"; } ); },"
	"      { prefix = \"+49\"; action = \"reject\"; } ); } );";
enum { SANITY, ACL, SHIELD, ROUTE };

/* The whole way of a request: arrival, form, who, where. */
static const char *way(const char *addr, const char *start)
{
	struct mg_source source = test_source(addr, INTERNET);
	struct mg_verdict v = chain_arrival(&f.worker, &source, 400);
	static struct fake_request m;
	static struct text t;
	char text[2000];
	const char *method = strchr(start, ' ');

	if (v.kind != MG_NEXT)
		return verdict_text(v);
	snprintf(text, sizeof(text),
		 "%s SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 %.*s\r\n", start,
		 (int)(method - start), start);
	fake_request(&m, &f, &source, text, true);
	v = chain_message(&m.r);
	text_start(&t);
	text_add(&t, "%s", refusal_text(&m.r, v));
	fake_request_done(&m);
	if (v.kind != MG_NEXT)
		return t.p;
	fake_request(&q, &f, &source, text, false);
	v = chain_request(&q.r);
	if (v.kind == MG_NEXT)
		v = chain_target(&q.r);
	text_start(&t);
	text_add(&t, "%s, %u targets", refusal_text(&q.r, v), mg_targets(&q.r));
	fake_request_done(&q);
	return t.p;
}

static void a_request_passes_them(void **state)
{
	static const struct {
		const char *addr, *start, *got;
	} rows[] = {
		{"198.51.100.7:5060", "INVITE sip:bob@biloxi.example", "next, 2 targets"},
		{"198.51.100.7:5060", "INVITE sip:+4930@gw", "403, 0 targets"},
		{"198.51.100.7:5060", "INVITE sip:bob@elsewhere.example", "404, 0 targets"},
		{"198.51.100.7:5060", "SUBSCRIBE sip:bob@biloxi.example",
		 "405 Allow=INVITE, BYE, OPTIONS, ACK, CANCEL"},
		{"203.0.113.9:5060", "INVITE sip:bob@biloxi.example", "drop acl"},
		{"192.0.2.7:5060", "INVITE sip:bob@biloxi.example", "403, 0 targets"},
	};

	(void)state;
	test_begin(config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(way(rows[i].addr, rows[i].start), rows[i].got);
	for (unsigned i = 0; i < 100; i++)
		assert_string_equal(way("198.51.100.7:5060", "OPTIONS sip:bob@biloxi.example"),
				    "next, 2 targets");
	for (unsigned i = 0; i < 100; i++)
		assert_string_equal(way("192.0.2.8:5060", "OPTIONS sip:bob@biloxi.example"),
				    i < 30 ? "403, 0 targets" : "drop flood");
	test_end();
}

/* A source that is dropped by an earlier module costs a later one nothing, and limits don't count for whom an earlier one knows. */
static void each_counts_its_own(void **state)
{
	(void)state;
	test_begin(config);
	for (unsigned i = 0; i < 200; i++) {
		way("203.0.113.9:5060", "INVITE sip:bob@biloxi.example");
		way("198.51.100.7:5060", "INVITE sip:bob@biloxi.example");
	}
	chain_tick(&f.worker, f.now_ms);
	assert_int_equal(test_counter(ACL, 0), 200);
	assert_int_equal(test_counter(SHIELD, 0) + test_counter(SHIELD, 1), 0);
	assert_int_equal(test_counter(SHIELD, 4), 0); /* nobody is remembered */
	assert_int_equal(test_counter(ROUTE, 0), 200);
	test_end();
}

/* Each allocation of a start fails in turn: it says so, or goes on; nothing is lost (the sanitizers tell). */
static void memory_fails(void **state)
{
	unsigned failed = 0;

	(void)state;
	fake_init(&f, 0, 1, 16);
	for (long i = 0; i < 100000; i++) {
		struct test_conf c;
		size_t before = alloc_count;

		alloc_until_failure = i;
		const char *fault = test_conf_load(&c, config);
		int err = fault ? 0 : chain_worker_enter(&f.worker, c.chain);
		bool spent = alloc_until_failure < 0;

		alloc_until_failure = -1;
		if (!fault && !err)
			chain_worker_leave(&f.worker, c.chain);
		if (!fault)
			test_conf_free(&c);
		failed += fault || err;
		if (!spent) {
			assert_true(alloc_count - before > 20);
			assert_null(fault);
			break;
		}
	}
	assert_true(failed > 20);
	fake_done(&f);
}

static void a_worker_without_memory(void **state)
{
	struct mg_worker worker;

	(void)state;
	fake_init(&f, 0, 2, 16);
	worker = f.worker;
	worker.index = 1;
	worker.waits = NULL;
	for (long i = 0; i < 2; i++) {
		alloc_until_failure = i;
		assert_int_equal(chain_worker_init(&worker), MG_ENOMEM);
	}
	alloc_until_failure = -1;
	assert_int_equal(chain_worker_init(&worker), 0);
	chain_worker_done(&worker);
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_passes_them),
		cmocka_unit_test(each_counts_its_own),
		cmocka_unit_test(memory_fails),
		cmocka_unit_test(a_worker_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
