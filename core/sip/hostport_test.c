/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * hostport: what sip_hostport_parse of uri.c takes for a host with or without a port, alone, as in settings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip/uri.h"

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define LABELS_251                             \
	LABEL_63 "." LABEL_63 "." LABEL_63 "." \
		 "a234567890123456789012345678901234567890123456789012345678b"

static void hosts_with_ports(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: refused */
		uint16_t port;
	} places[] = {
		{"sip.example.com", "sip.example.com", 0},
		{"Sip.Example.COM.:5080", "Sip.Example.COM.", 5080},
		{"a", "a", 0},
		{"a_b-c.x1", "a_b-c.x1", 0},
		{"xn--mnchen-3ya.example", "xn--mnchen-3ya.example", 0},
		{"192.0.2.1", "192.0.2.1", 0},
		{"192.0.2.1:1", "192.0.2.1", 1},
		{"127.0.0.1:65535", "127.0.0.1", 65535},
		{"[2001:db8::1]", "[2001:db8::1]", 0},
		{"[2001:db8::1]:5061", "[2001:db8::1]", 5061},
		{LABEL_63, LABEL_63, 0},
		{LABELS_251, LABELS_251, 0},
		{LABELS_251 ".b", LABELS_251 ".b", 0},
		{LABELS_251 ".bc", NULL, 0},
		{"x" LABEL_63, NULL, 0},
		{"", NULL, 0},
		{".", NULL, 0},
		{"a..b", NULL, 0},
		{".a", NULL, 0},
		{"a..", NULL, 0},
		{"-a.b", NULL, 0},
		{"a.b-", NULL, 0},
		{"a-.b", NULL, 0},
		{"sip:x", NULL, 0},
		{"sip:x:5060", NULL, 0},
		{"a b", NULL, 0},
		{" a", NULL, 0},
		{"a ", NULL, 0},
		{"x;y=z", NULL, 0},
		{"u@h", NULL, 0},
		{"h?x", NULL, 0},
		{"h/x", NULL, 0},
		{"<h>", NULL, 0},
		{"m\xc3\xbcnchen.example", NULL, 0},
		{"a:", NULL, 0},
		{":5060", NULL, 0},
		{"a:0", NULL, 0},
		{"a:65536", NULL, 0},
		{"a:5060x", NULL, 0},
		{"a:5060:5061", NULL, 0},
		{"a:-1", NULL, 0},
		{"a:+1", NULL, 0},
		{"1.2.3.4:99999", NULL, 0},
		{"1.2.3.400", NULL, 0},
		{"1.2.3", NULL, 0},
		{"2001:db8::1", NULL, 0}, /* where would its port begin? */
		{"[2001:db8::1", NULL, 0},
		{"[2001:db8::1]5060", NULL, 0},
		{"[2001:db8:::192.0.2.1]", NULL, 0},
		{"[fe80::1%2]", NULL, 0},
		{"[192.0.2.1]", NULL, 0},
		{"0.0.0.0", NULL, 0},
		{"[::]:5060", NULL, 0},
		{"224.0.0.1", NULL, 0},
		{"255.255.255.255", NULL, 0},
		{"[ff02::1]", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sv host = SV("untouched");
		uint16_t port = 7;
		char *text = strdup(places[i].text); /* of just that size, for ASan */
		assert_non_null(text);
		struct sv all = sv_of(text, strlen(text));
		int err = sip_hostport_parse(all, &host, &port);
		if (err != (places[i].host ? 0 : MG_EPARSE) ||
		    !sv_eq(host, sv_str(places[i].host ? places[i].host : "untouched")) ||
		    port != (places[i].host ? places[i].port : 7))
			fail_msg("%s: %d, %u", places[i].text, err, port);
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_with_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
