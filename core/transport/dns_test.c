/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The steps of RFC 3263 against a name server on the loopback: rows of what is wanted and the hops that come of it, each asked
 * twice: of the server, then of the cache at once. Faults of servers are in dns_fault_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "transport/dns_test_world.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define UDP         (1u << SIP_TRANSPORT_UDP)
#define TCP         (1u << SIP_TRANSPORT_TCP)
#define TLS         (1u << SIP_TRANSPORT_TLS)
#define L63         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_HOST               \
	L63 "." L63 "." L63 "." \
	    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy.example" /* 240 */

static const char *const zone[] = {
	/* as RFC 3263 section 4.1 */
	"example.com NAPTR 300 50 50 s SIPS+D2T _sips._tcp.example.com",
	"example.com NAPTR 300 90 50 s SIP+D2T _sip._tcp.example.com",
	"example.com NAPTR 300 100 50 s SIP+D2U _sip._udp.example.com",
	"_sips._tcp.example.com SRV 300 0 1 5061 server1.example.com",
	"_sips._tcp.example.com SRV 300 1 1 5061 server2.example.com",
	"_sip._tcp.example.com SRV 300 0 1 5060 server1.example.com",
	"_sip._tcp.example.com SRV 300 1 2 5070 server2.example.com",
	"_sip._udp.example.com SRV 300 0 1 5060 server1.example.com",
	"server1.example.com A 300 192.0.2.1",
	"server2.example.com A 300 192.0.2.2",
	"server2.example.com AAAA 300 2001:db8::2",
	"example.com A 300 192.0.2.99",
	/* addresses only */
	"plain.example A 300 192.0.2.3",
	"dual.example A 300 192.0.2.4",
	"dual.example AAAA 300 2001:db8::4",
	"six.example AAAA 300 2001:db8::6",
	/* SRV without NAPTR */
	"srv.example A 300 192.0.2.99",
	"_sip._udp.srv.example SRV 300 10 0 5080 plain.example",
	"_sips._tcp.srv.example SRV 300 10 0 5081 dual.example",
	"tcponly.example A 300 192.0.2.5",
	"_sip._tcp.tcponly.example SRV 300 10 0 5060 tcponly.example",
	/* no service */
	"none.example A 300 192.0.2.99",
	"_sip._udp.none.example SRV 300 0 0 0 .",
	"_sip._tcp.none.example SRV 300 0 0 0 .",
	"_sips._tcp.none.example SRV 300 0 0 0 .",
	"noudp.example A 300 192.0.2.99",
	"_sip._udp.noudp.example SRV 300 0 0 0 .",
	"_sip._tcp.noudp.example SRV 300 0 0 5062 plain.example",
	/* targets without addresses, with equal ones */
	"dangling.example A 300 192.0.2.99",
	"_sip._udp.dangling.example SRV 300 0 0 5060 nowhere.example",
	"half.example A 300 192.0.2.99",
	"_sip._udp.half.example SRV 300 0 0 5060 nowhere.example",
	"_sip._udp.half.example SRV 300 1 0 5060 plain.example",
	"twice.example A 300 192.0.2.99",
	"_sip._udp.twice.example SRV 300 0 0 5060 plain.example",
	"_sip._udp.twice.example SRV 300 1 0 5060 same.example",
	"same.example A 300 192.0.2.3",
	/* NAPTR for what we do not do; the service that is best leads nowhere; same order */
	"foreign.example NAPTR 300 1 1 u E2U+sip -",
	"foreign.example NAPTR 300 1 1 s SIP+D2S _sip._sctp.foreign.example",
	"_sip._udp.foreign.example SRV 300 0 0 5060 plain.example",
	"second.example NAPTR 300 1 1 s SIP+D2T _sip._tcp.second.example",
	"second.example NAPTR 300 2 1 s SIP+D2U _else._udp.other.example",
	"_sip._tcp.second.example SRV 300 0 0 5060 nowhere.example",
	"_else._udp.other.example SRV 300 0 0 5065 plain.example",
	"equal.example NAPTR 300 1 2 s SIP+D2U _sip._udp.equal.example",
	"equal.example NAPTR 300 1 1 s SIP+D2T _sip._tcp.equal.example",
	"_sip._udp.equal.example SRV 300 0 0 5060 plain.example",
	"_sip._tcp.equal.example SRV 300 0 0 5060 plain.example",
	/* aliases */
	"alias.example CNAME 300 alias2.example",
	"alias2.example CNAME 300 plain.example",
	"circle.example CNAME 300 circle2.example",
	"circle2.example CNAME 300 circle.example",
	/* a host for which one of the services' names is too long */
	LONG_HOST " A 300 192.0.2.7",
	"_sip._tcp." LONG_HOST " SRV 300 0 0 5068 plain.example",
	NULL,
};

static const struct {
	const char *host;
	uint16_t port;
	enum sip_transport transport;
	bool sips;
	unsigned can;
	const char *families; /* "46" */
	const char *hops;
} rows[] = {
	/* numeric */
	{"192.0.2.9", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.9:5060"},
	{"192.0.2.9", 5070, 0, false, CAN_ALL, "46", "udp 192.0.2.9:5070"},
	{"192.0.2.9", 0, SIP_TRANSPORT_TCP, false, CAN_ALL, "46", "tcp 192.0.2.9:5060"},
	{"192.0.2.9", 0, SIP_TRANSPORT_TLS, false, CAN_ALL, "46", "tls 192.0.2.9:5061"},
	{"192.0.2.9", 0, 0, true, CAN_ALL, "46", "tls 192.0.2.9:5061"},
	{"192.0.2.9", 0, SIP_TRANSPORT_TCP, true, CAN_ALL, "46", "tls 192.0.2.9:5061"},
	{"192.0.2.9", 0, 0, false, TCP | TLS, "46", "tcp 192.0.2.9:5060"},
	{"192.0.2.9", 0, 0, false, CAN_ALL, "6", "EINVAL"},
	{"[2001:db8::9]", 0, 0, false, CAN_ALL, "46", "udp [2001:db8::9]:5060"},
	{"[2001:db8::9]", 0, 0, false, CAN_ALL, "4", "EINVAL"},
	{"[::ffff:192.0.2.9]", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.9:5060"},
	{"localhost", 0, 0, false, CAN_ALL, "46", "udp [::1]:5060, udp 127.0.0.1:5060"},
	{"LocalHost.", 5070, 0, false, CAN_ALL, "4", "udp 127.0.0.1:5070"},
	/* what is no wish */
	{"192.0.2.9", 0, SIP_TRANSPORT_UDP, true, CAN_ALL, "46", "EINVAL"},
	{"192.0.2.9", 0, SIP_TRANSPORT_TCP, true, UDP | TCP, "46", "EINVAL"},
	{"192.0.2.9", 0, 0, true, UDP | TCP, "46", "EINVAL"},
	{"192.0.2.9", 0, SIP_TRANSPORT_TLS, false, UDP | TCP, "46", "EINVAL"},
	{"192.0.2.9", 0, SIP_TRANSPORT_SCTP, false, CAN_ALL | 1u << SIP_TRANSPORT_SCTP, "46",
	 "EINVAL"},
	{"192.0.2.9", 0, SIP_TRANSPORT_OTHER, false, CAN_ALL, "46", "EINVAL"},
	{"192.0.2.9", 0, 0, false, 0, "46", "EINVAL"},
	{"192.0.2.9", 0, 0, false, CAN_ALL, "", "EINVAL"},
	{"plain.example", 0, 0, false, CAN_ALL, "", "EINVAL"},
	{"", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	{"256.0.2.9", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	{"10.1", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	{"a..example", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	{"a b.example", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	{"[::1", 0, 0, false, CAN_ALL, "46", "EINVAL"},
	/* a port: addresses only */
	{"example.com", 5070, 0, false, CAN_ALL, "46", "udp 192.0.2.99:5070"},
	{"Example.COM.", 5070, SIP_TRANSPORT_TLS, false, CAN_ALL, "46", "tls 192.0.2.99:5070"},
	{"srv.example", 5060, 0, true, CAN_ALL, "46", "tls 192.0.2.99:5060"},
	{"dual.example", 5060, 0, false, CAN_ALL, "46",
	 "udp [2001:db8::4]:5060, udp 192.0.2.4:5060"},
	{"dual.example", 5060, 0, false, CAN_ALL, "4", "udp 192.0.2.4:5060"},
	{"dual.example", 5060, 0, false, CAN_ALL, "6", "udp [2001:db8::4]:5060"},
	{"six.example", 5060, 0, false, CAN_ALL, "4", "ENOENT"},
	{"nowhere.example", 5060, 0, false, CAN_ALL, "46", "ENOENT"},
	{"alias.example", 5060, 0, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	{"circle.example", 5060, 0, false, CAN_ALL, "46", "ETIMEDOUT"},
	/* a transport: its SRV */
	{"example.com", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "udp 192.0.2.1:5060"},
	{"example.com", 0, SIP_TRANSPORT_TCP, false, CAN_ALL, "46",
	 "tcp 192.0.2.1:5060, tcp [2001:db8::2]:5070, tcp 192.0.2.2:5070"},
	{"example.com", 0, SIP_TRANSPORT_TLS, false, CAN_ALL, "4",
	 "tls 192.0.2.1:5061, tls 192.0.2.2:5061"},
	{"srv.example", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "udp 192.0.2.3:5080"},
	{"srv.example", 0, SIP_TRANSPORT_TCP, true, CAN_ALL, "4", "tls 192.0.2.4:5081"},
	{"srv.example", 0, SIP_TRANSPORT_TCP, false, CAN_ALL, "46", "tcp 192.0.2.99:5060"},
	{"plain.example", 0, SIP_TRANSPORT_TLS, false, CAN_ALL, "46", "tls 192.0.2.3:5061"},
	{"none.example", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "ENOENT"},
	{"dangling.example", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "ENOENT"},
	{"half.example", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	{"twice.example", 0, SIP_TRANSPORT_UDP, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	/* NAPTR: the best that we can do, no other order with it */
	{"example.com", 0, 0, false, CAN_ALL, "4", "tls 192.0.2.1:5061, tls 192.0.2.2:5061"},
	{"example.com", 0, 0, false, UDP | TCP, "4", "tcp 192.0.2.1:5060, tcp 192.0.2.2:5070"},
	{"example.com", 0, 0, false, UDP, "4", "udp 192.0.2.1:5060"},
	{"example.com", 0, 0, true, CAN_ALL, "4", "tls 192.0.2.1:5061, tls 192.0.2.2:5061"},
	{"foreign.example", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	{"second.example", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.3:5065"},
	{"equal.example", 0, 0, false, CAN_ALL, "46", "tcp 192.0.2.3:5060, udp 192.0.2.3:5060"},
	/* no NAPTR: SRV of all that we can do */
	{"srv.example", 0, 0, false, CAN_ALL, "4", "udp 192.0.2.3:5080, tls 192.0.2.4:5081"},
	{"srv.example", 0, 0, false, UDP | TCP, "4", "udp 192.0.2.3:5080"},
	{"srv.example", 0, 0, true, CAN_ALL, "4", "tls 192.0.2.4:5081"},
	{"srv.example", 0, 0, false, TCP, "4", "tcp 192.0.2.99:5060"},
	{"tcponly.example", 0, 0, false, CAN_ALL, "4", "tcp 192.0.2.5:5060"},
	{"none.example", 0, 0, false, CAN_ALL, "46", "ENOENT"},
	{"noudp.example", 0, 0, false, CAN_ALL, "46", "tcp 192.0.2.3:5062"},
	{"dangling.example", 0, 0, false, CAN_ALL, "46", "ENOENT"},
	/* nothing of both: the host itself */
	{"plain.example", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	{"plain.example", 0, 0, false, TCP | TLS, "46", "tcp 192.0.2.3:5060"},
	{"plain.example", 0, 0, true, CAN_ALL, "46", "tls 192.0.2.3:5061"},
	{"tcponly.example", 0, 0, true, CAN_ALL, "46", "tls 192.0.2.5:5061"},
	{"alias.example", 0, 0, false, CAN_ALL, "46", "udp 192.0.2.3:5060"},
	{"nowhere.example", 0, 0, false, CAN_ALL, "46", "ENOENT"},
	{LONG_HOST, 0, 0, false, CAN_ALL, "46", "tcp 192.0.2.3:5068"},
	{LONG_HOST, 0, 0, false, UDP | TLS, "46", "udp 192.0.2.7:5060"},
	{LONG_HOST, 0, SIP_TRANSPORT_TLS, false, CAN_ALL, "46", "tls 192.0.2.7:5061"},
};

static void test_rows(void **state)
{
	struct dns_conf conf = plain_conf();

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dns_want want = {.host = sv_str(rows[i].host),
					.port = rows[i].port,
					.transport = (uint8_t)rows[i].transport,
					.sips = rows[i].sips,
					.can = (uint8_t)rows[i].can,
					.v4 = strchr(rows[i].families, '4') != NULL,
					.v6 = strchr(rows[i].families, '6') != NULL};
		struct world w;
		struct seek again;

		world_begin(&w, &conf, NULL);
		w.server.zone = zone;
		const char *text = seek(&w, &want);
		if (strcmp(text, rows[i].hops) != 0)
			fail_msg("row %zu, %s: %s", i, rows[i].host, text);
		unsigned asked = w.server.questions;
		seek_begin(&w, &again, &want);
		if (again.ret != 1 || strcmp(seek_text(&again), rows[i].hops) != 0)
			fail_msg("row %zu, %s, again: %d %s", i, rows[i].host, again.ret,
				 seek_text(&again));
		assert_int_equal(w.server.questions, asked);
		assert_int_equal(counted(&w, TP_STAT_DNS_QUERIES), asked);
		assert_int_equal(counted(&w, TP_STAT_DNS_HITS), asked != 0);
		world_end(&w);
	}
}

static void test_unknown_names_are_remembered(void **state)
{
	struct dns_conf conf = plain_conf();
	struct world w;

	(void)state;
	world_begin(&w, &conf, NULL);
	w.server.zone = zone;
	assert_string_equal(seek_host(&w, "nowhere.example"), "ENOENT");
	unsigned asked = w.server.questions; /* NAPTR, 3 SRV, A, AAAA */
	assert_int_equal(asked, 6);
	for (int i = 0; i < 100; i++)
		assert_string_equal(seek_host(&w, "NoWhere.Example"), "ENOENT");
	assert_int_equal(w.server.questions, asked);
	assert_int_equal(counted(&w, TP_STAT_DNS_FAILED), 101);
	assert_int_equal(counted(&w, TP_STAT_DNS_HITS), 100);
	world_end(&w);
}

/* Share of first hops by weight, through the cache; and one order for one seed. */
static void test_weights(void **state)
{
	static const char *const weighted[] = {
		"_sip._udp.w.example SRV 300 0 90 5060 a.example",
		"_sip._udp.w.example SRV 300 0 10 5060 b.example",
		"a.example A 300 192.0.2.1",
		"b.example A 300 192.0.2.2",
		NULL,
	};
	struct dns_conf conf = plain_conf();
	struct dns_want want = want_of("w.example");
	unsigned first = 0, changes = 0;
	char last[64] = "";
	struct world w;

	(void)state;
	world_begin(&w, &conf, NULL);
	w.server.zone = weighted;
	want.transport = SIP_TRANSPORT_UDP;
	for (int i = 0; i < 4000; i++) {
		const char *text = seek(&w, &want);

		first += strcmp(text, "udp 192.0.2.1:5060, udp 192.0.2.2:5060") == 0;
	}
	/* 0.89 of 4000 is 3564; drawn by chance, 8 standard deviations are 158: one failure in 10^15 runs */
	assert_in_range(first, 3564 - 158, 3564 + 158);
	for (want.seed = 1; want.seed < 200; want.seed++) {
		char text[64];

		snprintf(text, sizeof(text), "%.63s", seek(&w, &want));
		for (int i = 0; i < 3; i++)
			assert_string_equal(seek(&w, &want), text);
		changes += strcmp(last, text) != 0;
		memcpy(last, text, sizeof(last));
	}
	assert_true(changes > 10);
	world_end(&w);
}

/* C-15: many records lead to few questions and at most 32 hops. */
static void test_many_targets(void **state)
{
	static char lines[600][80];
	static const char *many[601];
	struct dns_conf conf = plain_conf();
	struct dns_want want = want_of("many.example");
	struct world w;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(lines[n], sizeof(lines[n]),
			 "_sip._udp.many.example SRV 300 %u 0 5060 t%u.example", i, i);
		many[n] = lines[n];
		n++;
		for (unsigned k = 0; k < 2; k++, n++) {
			snprintf(lines[n], sizeof(lines[n]), "t%u.example A 300 192.0.%u.%u", i, k,
				 i);
			many[n] = lines[n];
		}
	}
	many[n] = NULL;
	world_begin(&w, &conf, NULL);
	w.server.zone = many;
	want.v6 = false;
	want.transport = SIP_TRANSPORT_UDP;
	assert_memory_equal(seek(&w, &want), "udp 192.0.", 10);
	struct seek again;
	seek_begin(&w, &again, &want);
	assert_int_equal(again.lookup.n, DNS_HOPS_MAX);
	assert_int_equal(w.server.questions - w.server.streams, DNS_QUESTIONS_MAX);
	assert_int_equal(counted(&w, TP_STAT_DNS_BAD), 1);
	world_end(&w);
}

/* All addresses of a target are there, in an order that changes; families by turns. */
static void test_addresses_by_turns(void **state)
{
	static const char *const both[] = {
		"m.example A 300 192.0.2.1",      "m.example A 300 192.0.2.2",
		"m.example A 300 192.0.2.3",      "m.example AAAA 300 2001:db8::1",
		"m.example AAAA 300 2001:db8::2", NULL,
	};
	struct dns_conf conf = plain_conf();
	struct dns_want want = want_of("m.example");
	unsigned first[4] = {0};
	struct world w;
	struct seek s;

	(void)state;
	world_begin(&w, &conf, NULL);
	w.server.zone = both;
	want.port = 5060;
	seek(&w, &want);
	for (int i = 0; i < 300; i++) {
		seek_begin(&w, &s, &want);
		assert_int_equal(s.lookup.n, 5);
		for (unsigned k = 0; k < 5; k++)
			assert_int_equal(s.lookup.hop[k].addr.family,
					 k == 0 || k == 2 ? ADDR_V6 : ADDR_V4);
		first[s.lookup.hop[1].addr.ip[3]]++;
	}
	for (unsigned i = 1; i < 4; i++)
		assert_in_range(first[i], 20, 200);
	world_end(&w);
}

static void test_avoided_hops_come_last(void **state)
{
	struct dns_conf conf = plain_conf();
	struct dns_want want = want_of("example.com");
	struct addr bad;
	struct world w;

	(void)state;
	world_begin(&w, &conf, NULL);
	w.server.zone = zone;
	want.transport = SIP_TRANSPORT_TLS;
	want.v6 = false;
	assert_int_equal(addr_parse(SV("192.0.2.1:5061"), ADDR_PORT, &bad), 0);
	dns_target_failed(w.shared, &bad, SIP_TRANSPORT_TLS, loop_now_ms(w.loop), 0);
	assert_string_equal(seek(&w, &want), "tls 192.0.2.2:5061, tls 192.0.2.1:5061 -");
	want.unsorted = true;
	for (want.seed = 1; want.seed < 20; want.seed++) {
		char before[100];

		dns_target_good(w.shared, &bad, SIP_TRANSPORT_TLS);
		snprintf(before, sizeof(before), "%.99s", seek(&w, &want));
		dns_target_failed(w.shared, &bad, SIP_TRANSPORT_TLS, loop_now_ms(w.loop), 0);
		assert_string_equal(seek(&w, &want), before);
	}
	want = (struct dns_want){.host = SV("192.0.2.1"),
				 .transport = SIP_TRANSPORT_TLS,
				 .can = CAN_ALL,
				 .v4 = true};
	assert_string_equal(seek(&w, &want), "tls 192.0.2.1:5061 -");
	dns_target_good(w.shared, &bad, SIP_TRANSPORT_TLS);
	assert_string_equal(seek(&w, &want), "tls 192.0.2.1:5061");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unknown_names_are_remembered),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_many_targets),
		cmocka_unit_test(test_addresses_by_turns),
		cmocka_unit_test(test_avoided_hops_come_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
