/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which rule a Request-URI finds, told by the status that it rejects with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_module.h"

extern const struct mg_module route_module;
const struct mg_module *const chain_builtin[] = {&route_module, NULL};

#define TO(match, status) "{ " match "; action = \"reject\"; status = " #status "; }"
#define DOMAIN(d)         "domain = \"" d "\""
#define PREFIX(p)         "prefix = \"" p "\""

static const char config[] = "modules = ( { name = \"route\"; rules = ( " /**/
	TO(DOMAIN("example.com"), 401) "," TO(
		DOMAIN(".example.com"),
		402) "," TO(DOMAIN(".b.example.com"),
			    403) "," TO(DOMAIN("192.0.2.1"), 405) "," TO(DOMAIN("[2001:DB8:0::1]"),
									 406) "," TO(DOMAIN("Mixed."
											    "Exampl"
											    "e."),
										     407) "," TO(DOMAIN("zone.example") "; from = ( \"home\" )", 408) "," TO(DOMAIN("zone.example") "; from = ( \"internet\", \"carrier\" )", 410) "," TO(DOMAIN("zone2.example") "; from = ( \"home\" )", 411) "," TO(PREFIX("+49"),
																																				       420) "," TO(PREFIX("+4930"),
																																						   421) "," TO(PREFIX("0"), 422) "," TO(PREFIX("00"), 423) "," TO(PREFIX("*21"),
																																														  424) "," TO(PREFIX("+1") "; from = ( \"home\" )", 425) "," TO(PREFIX("+"),
																																																						426) "," TO(DOMAIN("*"),
																																																							    430) "," TO(DOMAIN("open.example") "; sources = \"any\"",
																																																									431) " ); } );";

static void found(void **state)
{
	static const struct {
		const char *uri;
		unsigned zone, status;
	} rows[] = {
		{"sip:a@example.com", HOME, 401},
		{"sip:example.com", HOME, 401},
		{"sips:a@EXAMPLE.com:5070;transport=tcp", HOME, 401},
		{"sip:a@example.com.", HOME, 401},
		{"sip:a@x.example.com", HOME, 402},
		{"sip:a@y.x.example.com", HOME, 402},
		{"sip:a@b.example.com", HOME, 402}, /* .b.example.com is what lies below */
		{"sip:a@c.b.example.com", HOME, 403},
		{"sip:a@badexample.com", HOME, 430},
		{"sip:a@192.0.2.1", HOME, 405},
		{"sip:a@192.0.2.10", HOME, 430},
		{"sip:a@[2001:db8::1]:5060", HOME, 406},
		{"sip:a@[2001:db8:0:0::1]", HOME, 406},
		{"sip:a@mixed.example", HOME, 407},
		{"sip:a@zone.example", HOME, 408},
		{"sip:a@zone.example", INTERNET, 410},
		{"sip:a@zone.example", CARRIER, 410},
		{"sip:a@zone2.example", HOME, 411},
		{"sip:a@zone2.example", CARRIER, 430},
		{"sip:+4989123@gw", HOME, 420},
		{"sip:+493012@gw", HOME, 421},
		{"sip:+49-(30)-12@gw", HOME, 421},
		{"sip:%2b4930@gw", HOME, 421},
		{"sip:+493012@example.com", HOME, 401}, /* its domain is told where it goes */
		{"sip:0891@gw", HOME, 422},
		{"sip:00491@gw", HOME, 423},
		{"sip:*21*1@gw", HOME, 424},
		{"sip:+1555@gw", HOME, 425},
		{"sip:+1555@gw", CARRIER, 426}, /* a shorter one that takes the zone */
		{"sip:1555@gw", HOME, 430},
		{"sip:alice@gw", HOME, 430},
		{"tel:+49-30-12", HOME, 421},
		{"tel:1234;phone-context=+49", HOME, 404}, /* no host for "*" */
		{"urn:service:sos", HOME, 404},
		{"sip:a@open.example", HOME, 431},
	};
	unsigned bad = 0;

	(void)state;
	test_begin(config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source s = test_source("192.0.2.7:5060", rows[i].zone);
		char text[1000];
		s.known = true;
		snprintf(text, sizeof(text), "INVITE %s SIP/2.0\r\n" M_ALL, rows[i].uri);
		fake_request(&q, &f, &s, text, false);
		unsigned got = chain_target(&q.r).status;
		if (got != rows[i].status) {
			fprintf(stderr, "%s: %u, not %u\n", rows[i].uri, got, rows[i].status);
			bad++;
		}
		fake_request_done(&q);
	}
	assert_int_equal(bad, 0);
	test_end();
}

static void a_stranger_finds_what_is_for_any(void **state)
{
	static const struct {
		const char *uri;
		unsigned status;
	} rows[] = {
		{"sip:a@open.example", 431},    {"sip:a@example.com", 403}, {"sip:+4930@gw", 403},
		{"sip:a@nowhere.example", 403}, {"tel:+4930", 403},
	};

	(void)state;
	test_begin(config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mg_source s = test_source("192.0.2.7:5060", INTERNET);
		char text[1000];
		snprintf(text, sizeof(text), "INVITE %s SIP/2.0\r\n" M_ALL, rows[i].uri);
		fake_request(&q, &f, &s, text, false);
		assert_int_equal(chain_target(&q.r).status, rows[i].status);
		assert_int_equal(mg_targets(&q.r), 0);
		fake_request_done(&q);
	}
	test_end();
}

static void many_rules(void **state)
{
	static char text[2000000];
	size_t n =
		(size_t)snprintf(text, sizeof(text), "modules = ( { name = \"route\"; rules = ( ");

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{ %s = \"%s%u%s\"; action = \"reject\"; status = %u; }",
				      i ? ", " : "", i % 2 ? "domain" : "prefix", i % 2 ? "d" : "9",
				      i, i % 2 ? ".example" : "", 400 + i % 300);
	snprintf(text + n, sizeof(text) - n, " ); } );");
	test_begin(text);
	for (unsigned i = 0; i < 10000; i += 97) {
		struct mg_source s = test_source("192.0.2.7:5060", HOME);
		char message[1000];
		s.known = true;
		snprintf(message, sizeof(message),
			 i % 2 ? "INVITE sip:x@d%u.example SIP/2.0\r\n" M_ALL
			       : "INVITE sip:9%u@gw SIP/2.0\r\n" M_ALL,
			 i);
		fake_request(&q, &f, &s, message, false);
		assert_int_equal(chain_target(&q.r).status, 400 + i % 300);
		fake_request_done(&q);
	}
	test_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found),
		cmocka_unit_test(a_stranger_finds_what_is_for_any),
		cmocka_unit_test(many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
