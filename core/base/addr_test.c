/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows for every form an address can come in, each read at the end of a page; classes with the
 * forms that have carried loopback past filters elsewhere (CVE-2020-26262, CVE-2026-27624).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "base/addr.h"
#include "base/test_guard.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	struct sv in;
	unsigned forms;
	const char *out; /* as ADDR_HOSTPORT writes it, NULL when refused */
} texts[] = {
	{SV_INIT("192.0.2.1"), ADDR_IP, "192.0.2.1:0"},
	{SV_INIT("255.255.255.255"), ADDR_IP, "255.255.255.255:0"},
	{SV_INIT("0.0.0.0"), ADDR_IP, "0.0.0.0:0"},
	{SV_INIT("192.0.2.1:5060"), ADDR_PORT, "192.0.2.1:5060"},
	{SV_INIT("192.0.2.1:0"), ADDR_PORT, "192.0.2.1:0"},
	{SV_INIT("192.0.2.1:65535"), ADDR_PORT, "192.0.2.1:65535"},
	{SV_INIT("192.0.2.1:05060"), ADDR_PORT, "192.0.2.1:5060"},
	{SV_INIT("192.0.2.1"), ADDR_PORT, "192.0.2.1:0"},
	{SV_INIT("2001:db8::1"), ADDR_IP, "[2001:db8::1]:0"},
	{SV_INIT("[2001:db8::1]"), ADDR_IP, "[2001:db8::1]:0"},
	{SV_INIT("[2001:DB8::1]:5061"), ADDR_PORT, "[2001:db8::1]:5061"},
	{SV_INIT("2001:db8::1:5060"), ADDR_PORT, "[2001:db8::1:5060]:0"}, /* never a port */
	{SV_INIT("::"), ADDR_IP, "[::]:0"},
	{SV_INIT("::1"), ADDR_IP, "[::1]:0"},
	{SV_INIT("1::"), ADDR_IP, "[1::]:0"},
	{SV_INIT("0001:0:0:0:0:0:0:0"), ADDR_IP, "[1::]:0"},
	/* RFC 5952 §4.2.2 and 4.2.3, §4.1 */
	{SV_INIT("2001:db8:0:1:1:1:1:1"), ADDR_IP, "[2001:db8:0:1:1:1:1:1]:0"},
	{SV_INIT("2001:0:0:1:0:0:0:1"), ADDR_IP, "[2001:0:0:1::1]:0"},
	{SV_INIT("2001:db8:0:0:1:0:0:1"), ADDR_IP, "[2001:db8::1:0:0:1]:0"},
	{SV_INIT("2001:0db8::0001"), ADDR_IP, "[2001:db8::1]:0"},
	{SV_INIT("1:2:3:4:5:6:0:0"), ADDR_IP, "[1:2:3:4:5:6::]:0"},
	{SV_INIT("ABCD:EF01:2345:6789:abcd:ef01:2345:6789"), ADDR_IP,
	 "[abcd:ef01:2345:6789:abcd:ef01:2345:6789]:0"},
	{SV_INIT("64:ff9b::192.0.2.33"), ADDR_IP, "[64:ff9b::c000:221]:0"},
	/* v4-mapped, in each of its clothes */
	{SV_INIT("::ffff:127.0.0.1"), ADDR_IP, "127.0.0.1:0"},
	{SV_INIT("::FFFF:7f00:1"), ADDR_IP, "127.0.0.1:0"},
	{SV_INIT("[::ffff:192.0.2.1]:5060"), ADDR_PORT, "192.0.2.1:5060"},
	{SV_INIT("0:0:0:0:0:ffff:c000:0201"), ADDR_IP, "192.0.2.1:0"},
	{SV_INIT("0000:0000:0000:0000:0000:ffff:255.255.255.255"), ADDR_IP, "255.255.255.255:0"},
	/* RFC 5118 §4.10 */
	{SV_INIT("2001:db8:::192.0.2.1"), ADDR_THREE_COLONS, "[2001:db8::c000:201]:0"},
	{SV_INIT("[2001:db8:::192.0.2.1]:5060"), ADDR_THREE_COLONS | ADDR_PORT,
	 "[2001:db8::c000:201]:5060"},
	{SV_INIT(":::192.0.2.1"), ADDR_THREE_COLONS, "[::c000:201]:0"},
	{SV_INIT("2001:db8::192.0.2.1"), ADDR_THREE_COLONS, "[2001:db8::c000:201]:0"},
	{SV_INIT("2001:db8:::192.0.2.1"), ADDR_IP, NULL},
	{SV_INIT("2001:db8:::1"), ADDR_THREE_COLONS, NULL},
	{SV_INIT("2001::::192.0.2.1"), ADDR_THREE_COLONS, NULL},
	{SV_INIT("2001:::1::192.0.2.1"), ADDR_THREE_COLONS, NULL},
	{SV_INIT("2001:db8:::192.0.2.1x"), ADDR_THREE_COLONS, NULL},
	/* scope */
	{SV_INIT("fe80::1%2"), ADDR_SCOPE, "[fe80::1]:0"},
	{SV_INIT("[fe80::1%4294967295]:5060"), ADDR_SCOPE | ADDR_PORT, "[fe80::1]:5060"},
	{SV_INIT("fe80::1%2"), ADDR_IP, NULL},
	{SV_INIT("fe80::1%"), ADDR_SCOPE, NULL},
	{SV_INIT("fe80::1%eth0"), ADDR_SCOPE, NULL},
	{SV_INIT("fe80::1%4294967296"), ADDR_SCOPE, NULL},
	{SV_INIT("fe80::1%00000000002"), ADDR_SCOPE, NULL},
	{SV_INIT("2001:db8::1%2"), ADDR_SCOPE, NULL},
	{SV_INIT("::ffff:127.0.0.1%1"), ADDR_SCOPE, NULL},
	{SV_INIT("192.0.2.1%1"), ADDR_SCOPE, NULL},
	/* no address */
	{SV_INIT(""), ADDR_PORT, NULL},
	{SV_INIT("example.com"), ADDR_PORT, NULL},
	{SV_INIT("1.2.3"), ADDR_IP, NULL},
	{SV_INIT("1.2.3.4.5"), ADDR_IP, NULL},
	{SV_INIT("1.2.3.256"), ADDR_IP, NULL},
	{SV_INIT("01.2.3.4"), ADDR_IP, NULL},  /* octal to some readers */
	{SV_INIT("1.2.3.010"), ADDR_IP, NULL}, /* likewise */
	{SV_INIT("0x7f.0.0.1"), ADDR_IP, NULL},
	{SV_INIT("2130706433"), ADDR_IP, NULL},
	{SV_INIT("127.1"), ADDR_IP, NULL},
	{SV_INIT("1.2.3.4 "), ADDR_IP, NULL},
	{SV_INIT(" 1.2.3.4"), ADDR_IP, NULL},
	{SV_INIT("1.2.3.4\0"), ADDR_IP, NULL},
	{SV_INIT("1.2.3.4\0.5"), ADDR_IP, NULL},
	{SV_INIT("1111111111111111.2.3.4"), ADDR_IP, NULL},
	{SV_INIT("192.0.2.1:5060"), ADDR_IP, NULL},
	{SV_INIT("192.0.2.1:"), ADDR_PORT, NULL},
	{SV_INIT("192.0.2.1:65536"), ADDR_PORT, NULL},
	{SV_INIT("192.0.2.1:005060"), ADDR_PORT, NULL},
	{SV_INIT("192.0.2.1:+1"), ADDR_PORT, NULL},
	{SV_INIT("192.0.2.1:1:2"), ADDR_PORT, NULL},
	{SV_INIT("[192.0.2.1]"), ADDR_IP, NULL},
	{SV_INIT("[192.0.2.1]:5060"), ADDR_PORT, NULL},
	{SV_INIT("["), ADDR_PORT, NULL},
	{SV_INIT("[]"), ADDR_PORT, NULL},
	{SV_INIT("[::1"), ADDR_PORT, NULL},
	{SV_INIT("::1]"), ADDR_PORT, NULL},
	{SV_INIT("[[::1]]"), ADDR_PORT, NULL},
	{SV_INIT("[::1]x"), ADDR_PORT, NULL},
	{SV_INIT("[::1]5060"), ADDR_PORT, NULL},
	{SV_INIT("[::1]:"), ADDR_PORT, NULL},
	{SV_INIT("[::1]:5060"), ADDR_IP, NULL},
	{SV_INIT(":"), ADDR_IP, NULL},
	{SV_INIT(":::"), ADDR_IP, NULL},
	{SV_INIT("1::2::3"), ADDR_IP, NULL},
	{SV_INIT("00001::"), ADDR_IP, NULL},
	{SV_INIT("g::"), ADDR_IP, NULL},
	{SV_INIT("1:2:3:4:5:6:7"), ADDR_IP, NULL},
	{SV_INIT("1:2:3:4:5:6:7:8:9"), ADDR_IP, NULL},
	{SV_INIT("1:2:3:4:5:6:7:1.2.3.4"), ADDR_IP, NULL},
	{SV_INIT("::ffff:127.0.0.01"), ADDR_IP, NULL},
	{SV_INIT("::1\0"), ADDR_IP, NULL},
	{SV_INIT("::0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"), ADDR_IP, NULL},
};

static void text_rows(void **state)
{
	struct guard g = guard_init(128);
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct addr a = {.scope = 4711};
		int err = addr_parse(guard_put(&g, texts[i].in), texts[i].forms, &a);

		if (err != (texts[i].out ? 0 : MG_EPARSE))
			fail_msg("%.*s: %s", SV_ARG(texts[i].in), mg_err_name(err));
		if (err) {
			assert_int_equal(a.scope, 4711);
			continue;
		}
		assert_int_equal(addr_write(&a, ADDR_HOSTPORT, text), strlen(texts[i].out));
		assert_string_equal(text, texts[i].out);
	}
	guard_done(&g);
}

/* Every shorter beginning of a valid text is read without looking behind its end. */
static void cut_texts(void **state)
{
	static const struct sv whole[] = {SV_INIT("[2001:db8:::192.0.2.1%12]:65535"),
					  SV_INIT("fe80::1234:abcd%77"),
					  SV_INIT("255.255.255.255:65535")};
	struct guard g = guard_init(64);
	struct prefix p;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ROWS(whole); i++) {
		for (size_t n = 0; n <= whole[i].n; n++) {
			struct sv cut = guard_put(&g, sv_of(whole[i].p, n));

			for (unsigned forms = 0; forms < 8; forms++)
				(void)!addr_parse(cut, forms, &a);
			(void)!prefix_parse(cut, &p);
		}
	}
	guard_done(&g);
}

static void styles(void **state)
{
	static const uint8_t longest[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	char text[ADDR_TEXT_MAX];
	struct addr a = addr_v6(longest, 65535), none = {0};

	(void)state;
	assert_true(addr_write(&a, ADDR_HOSTPORT, text) < ADDR_TEXT_MAX);
	assert_string_equal(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	addr_write(&a, ADDR_URI, text);
	assert_string_equal(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]");
	addr_write(&a, ADDR_BARE, text);
	assert_string_equal(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	a = addr_v4((const uint8_t[]){192, 0, 2, 100}, 5060);
	assert_int_equal(addr_write(&a, ADDR_URI, text), 11);
	assert_string_equal(text, "192.0.2.100");
	addr_write(&a, ADDR_BARE, text);
	assert_string_equal(text, "192.0.2.100");
	for (int style = ADDR_BARE; style <= ADDR_HOSTPORT; style++) {
		assert_int_equal(addr_write(&none, (enum addr_style)style, text), 1);
		assert_string_equal(text, "-");
	}
}

/* Random addresses with many zero groups: text and back. */
static void text_round_trip(void **state)
{
	uint32_t seed = 12345;
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t ip[16] = {0};
		struct addr a, b;

		for (int k = 0; k < 16; k++) {
			seed = seed * 1664525 + 1013904223;
			if (seed >> 30 == 0)
				ip[k] = (uint8_t)(seed >> 16);
		}
		a = addr_v6(ip, (uint16_t)seed);
		addr_write(&a, ADDR_HOSTPORT, text);
		assert_int_equal(addr_parse(sv_str(text), ADDR_PORT, &b), 0);
		assert_true(addr_eq(&a, &b));
		addr_write(&a, ADDR_BARE, text);
		assert_int_equal(addr_parse(sv_str(text), ADDR_IP, &b), 0);
		assert_true(addr_host_eq(&a, &b));
	}
}

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_PORT | ADDR_SCOPE, &a), 0);
	return a;
}

static void equality_and_keys(void **state)
{
	struct addr a = parsed("192.0.2.1:5060"), b = parsed("[::ffff:192.0.2.1]:5060"),
		    c = parsed("192.0.2.1:5061"), d = parsed("192.0.2.2:5060"),
		    e = parsed("fe80::1%1"), f = parsed("fe80::1%2");

	(void)state;
	assert_true(addr_eq(&a, &b));
	assert_true(sv_eq(addr_key(&a), addr_key(&b)));
	assert_false(addr_eq(&a, &c));
	assert_false(sv_eq(addr_key(&a), addr_key(&c)));
	assert_true(addr_host_eq(&a, &c));
	assert_true(sv_eq(addr_host_key(&a), addr_host_key(&c)));
	assert_false(addr_host_eq(&a, &d));
	assert_false(addr_host_eq(&e, &f));
}

static void sockaddr_both_ways(void **state)
{
	static const char *const rows[] = {"192.0.2.1:5060", "[2001:db8::1]:65535", "fe80::1%7"};
	struct sockaddr_storage ss;
	struct addr a, b = {.scope = 4711};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(5060)};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		a = parsed(rows[i]);
		socklen_t n = addr_to_sockaddr(&a, &ss);
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, n, &b), 0);
		assert_true(addr_eq(&a, &b));
		b = (struct addr){.scope = 4711};
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, n - 1, &b), MG_EINVAL);
	}
	in6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	in6.sin6_scope_id = 3; /* says nothing but for link-local */
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	assert_int_equal(a.scope, 0);
	memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &a), 0);
	b = parsed("127.0.0.1:5060");
	assert_true(addr_eq(&a, &b));

	a = (struct addr){0};
	b = (struct addr){.scope = 4711};
	socklen_t n = addr_to_sockaddr(&a, &ss);
	assert_int_equal(ss.ss_family, AF_UNSPEC);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, n, &b), MG_EINVAL);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, 0, &b), MG_EINVAL);
	assert_int_equal(b.scope, 4711);
}

static const struct {
	const char *in;
	int err;
	const char *net; /* as written */
	unsigned bits;
} prefixes[] = {
	{"10.0.0.0/8", 0, "10.0.0.0", 8},
	{"192.0.2.1", 0, "192.0.2.1", 32},
	{"192.0.2.1/32", 0, "192.0.2.1", 32},
	{"0.0.0.0/0", 0, "0.0.0.0", 0},
	{"172.16.0.0/12", 0, "172.16.0.0", 12},
	{"2001:db8::/32", 0, "2001:db8::", 32},
	{"2001:db8::1", 0, "2001:db8::1", 128},
	{"fe80::/10", 0, "fe80::", 10},
	{"::/0", 0, "::", 0},
	{"::ffff:10.0.0.0/104", 0, "10.0.0.0", 8},
	{"::ffff:10.0.0.1", 0, "10.0.0.1", 32},
	{"::ffff:0:0/96", 0, "0.0.0.0", 0},
	{"::ffff:0:0/95", MG_ERANGE, NULL, 0},
	{"::ffff:10.0.0.0/8", MG_ERANGE, NULL, 0},
	{"10.0.0.1/8", MG_ERANGE, NULL, 0},
	{"10.0.0.0/33", MG_ERANGE, NULL, 0},
	{"2001:db8::/129", MG_ERANGE, NULL, 0},
	{"2001:db8::1/64", MG_ERANGE, NULL, 0},
	{"10.0.0.0/", MG_EPARSE, NULL, 0},
	{"10.0.0.0/08", MG_EPARSE, NULL, 0},
	{"10.0.0.0/8/8", MG_EPARSE, NULL, 0},
	{"10.0.0.0/255.0.0.0", MG_EPARSE, NULL, 0},
	{"10/8", MG_EPARSE, NULL, 0},
	{"10.0.0.0:5060/8", MG_EPARSE, NULL, 0},
	{"[2001:db8::]/32", MG_EPARSE, NULL, 0},
	{"/8", MG_EPARSE, NULL, 0},
	{"", MG_EPARSE, NULL, 0},
};

static void prefix_rows(void **state)
{
	struct guard g = guard_init(64);
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS(prefixes); i++) {
		struct prefix p = {.bits = 200};
		int err = prefix_parse(guard_put(&g, sv_str(prefixes[i].in)), &p);

		if (err != prefixes[i].err)
			fail_msg("%s: %s", prefixes[i].in, mg_err_name(err));
		assert_int_equal(p.bits, err ? 200 : prefixes[i].bits);
		if (err)
			continue;
		addr_write(&p.net, ADDR_BARE, text);
		assert_string_equal(text, prefixes[i].net);
	}
	guard_done(&g);
}

static const struct {
	const char *prefix, *addr;
	bool has;
} members[] = {
	{"10.0.0.0/8", "10.255.255.255:5060", true},
	{"10.0.0.0/8", "11.0.0.0", false},
	{"10.0.0.0/8", "::ffff:10.1.2.3", true},
	{"172.16.0.0/12", "172.31.255.255", true},
	{"172.16.0.0/12", "172.32.0.0", false},
	{"0.0.0.0/0", "255.255.255.255", true},
	{"0.0.0.0/0", "::", false},
	{"::/0", "0.0.0.0", false},
	{"::/0", "ffff::", true},
	{"fe80::/10", "febf::1%4", true},
	{"fe80::/10", "fec0::1", false},
	{"2001:db8::1", "2001:db8::1", true},
	{"2001:db8::1", "2001:db8::2", false},
	{"192.0.2.1", "192.0.2.1:1", true},
};

static void prefix_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(members); i++) {
		struct addr a = parsed(members[i].addr);
		struct prefix p;

		assert_int_equal(prefix_parse(sv_str(members[i].prefix), &p), 0);
		if (prefix_has(&p, &a) != members[i].has)
			fail_msg("%s in %s", members[i].addr, members[i].prefix);
	}
}

static void networks_of_sources(void **state)
{
	struct addr a = parsed("[2001:db8:1:2:3:4:5:6]:5060"), b = parsed("192.0.2.1:5060"),
		    want = parsed("2001:db8:1:2::"), same = parsed("192.0.2.1");

	(void)state;
	a = addr_net(&a, 32, 64);
	assert_true(addr_eq(&a, &want));
	b = addr_net(&b, 32, 64);
	assert_true(addr_eq(&b, &same));
}

static const struct {
	const char *in;
	enum addr_class class;
} classes[] = {
	{"8.8.8.8", ADDR_CLASS_GLOBAL},
	{"1.0.0.0", ADDR_CLASS_GLOBAL},
	{"0.0.0.0", ADDR_CLASS_UNSPECIFIED},
	{"0.255.255.255", ADDR_CLASS_UNSPECIFIED},
	{"10.0.0.1", ADDR_CLASS_PRIVATE},
	{"172.15.255.255", ADDR_CLASS_GLOBAL},
	{"172.16.0.0", ADDR_CLASS_PRIVATE},
	{"172.32.0.0", ADDR_CLASS_GLOBAL},
	{"192.168.255.255", ADDR_CLASS_PRIVATE},
	{"192.0.0.4", ADDR_CLASS_PRIVATE},
	{"100.63.255.255", ADDR_CLASS_GLOBAL},
	{"100.64.0.0", ADDR_CLASS_CGNAT},
	{"100.127.255.255", ADDR_CLASS_CGNAT},
	{"100.128.0.0", ADDR_CLASS_GLOBAL},
	{"127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"127.255.255.254", ADDR_CLASS_LOOPBACK},
	{"169.254.169.254", ADDR_CLASS_LINKLOCAL},
	{"192.0.2.1", ADDR_CLASS_DOCUMENTATION},
	{"198.51.100.1", ADDR_CLASS_DOCUMENTATION},
	{"203.0.113.1", ADDR_CLASS_DOCUMENTATION},
	{"198.19.255.255", ADDR_CLASS_DOCUMENTATION},
	{"192.88.99.1", ADDR_CLASS_RESERVED},
	{"224.0.1.75", ADDR_CLASS_MULTICAST}, /* sip.mcast.net */
	{"239.255.255.255", ADDR_CLASS_MULTICAST},
	{"240.0.0.1", ADDR_CLASS_RESERVED},
	{"255.255.255.254", ADDR_CLASS_RESERVED},
	{"255.255.255.255", ADDR_CLASS_BROADCAST},
	{"::", ADDR_CLASS_UNSPECIFIED},
	{"::1", ADDR_CLASS_LOOPBACK},
	{"2606:4700::1111", ADDR_CLASS_GLOBAL},
	{"2001:4860::8888", ADDR_CLASS_GLOBAL},
	{"3fff:fff::1", ADDR_CLASS_DOCUMENTATION},
	{"3fff:1000::1", ADDR_CLASS_GLOBAL},
	{"2001:db8::1", ADDR_CLASS_DOCUMENTATION},
	{"2001:2::1", ADDR_CLASS_DOCUMENTATION},
	{"fc00::1", ADDR_CLASS_PRIVATE},
	{"fdff::1", ADDR_CLASS_PRIVATE},
	{"fe80::1", ADDR_CLASS_LINKLOCAL},
	{"febf::1", ADDR_CLASS_LINKLOCAL},
	{"fec0::1", ADDR_CLASS_PRIVATE},
	{"fe00::1", ADDR_CLASS_RESERVED},
	{"ff02::1", ADDR_CLASS_MULTICAST},
	{"100::1", ADDR_CLASS_RESERVED},
	{"4000::1", ADDR_CLASS_RESERVED},
	/* IPv4 in IPv6 clothes */
	{"::ffff:127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"::ffff:0.0.0.0", ADDR_CLASS_UNSPECIFIED},
	{"::ffff:8.8.8.8", ADDR_CLASS_GLOBAL},
	{"::127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"::2", ADDR_CLASS_UNSPECIFIED},
	{"::8.8.8.8", ADDR_CLASS_RESERVED},
	{"::ffff:0:127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"::ffff:0:8.8.8.8", ADDR_CLASS_RESERVED},
	{"64:ff9b::127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"64:ff9b::169.254.169.254", ADDR_CLASS_LINKLOCAL},
	{"64:ff9b::10.0.0.1", ADDR_CLASS_PRIVATE},
	{"64:ff9b::8.8.8.8", ADDR_CLASS_GLOBAL},
	{"64:ff9b:0:1::8.8.8.8", ADDR_CLASS_RESERVED},
	{"64:ff9b:1::127.0.0.1", ADDR_CLASS_LOOPBACK},
	{"64:ff9b:1::8.8.8.8", ADDR_CLASS_PRIVATE},
	{"2002:7f00:1::1", ADDR_CLASS_LOOPBACK},
	{"2002:a9fe:a9fe::1", ADDR_CLASS_LINKLOCAL},
	{"2002:808:808::1", ADDR_CLASS_GLOBAL},
	{"2001:0:808:808:0:0:80ff:fffe", ADDR_CLASS_LOOPBACK}, /* 127.0.0.1 flipped */
	{"2001:0:808:808:0:0:f7f7:f7f7", ADDR_CLASS_GLOBAL},
};

static void class_rows(void **state)
{
	struct addr none = {0};

	(void)state;
	for (size_t i = 0; i < ROWS(classes); i++) {
		struct addr a = parsed(classes[i].in);

		if (addr_class(&a) != classes[i].class)
			fail_msg("%s is %s", classes[i].in, addr_class_name(addr_class(&a)));
		assert_int_equal(addr_forbidden_target(&a, 0),
				 classes[i].class >= ADDR_CLASS_LOOPBACK);
	}
	assert_int_equal(addr_class(&none), ADDR_CLASS_UNSPECIFIED);
	assert_true(addr_forbidden_target(&none, ~0u));
	assert_string_equal(addr_class_name(ADDR_CLASS_RESERVED), "reserved");
	assert_string_equal(addr_class_name((enum addr_class)99), "?");
}

static const struct {
	const char *in;
	unsigned allow;
	bool forbidden;
} targets[] = {
	{"127.0.0.1", ADDR_ALLOW_LOOPBACK, false},
	{"::1", ADDR_ALLOW_LOOPBACK, false},
	{"::ffff:127.0.0.1", ADDR_ALLOW_LOOPBACK, false},
	{"127.0.0.1", ADDR_ALLOW_LINKLOCAL, true},
	{"169.254.1.1", ADDR_ALLOW_LINKLOCAL, false},
	{"fe80::1", ADDR_ALLOW_LINKLOCAL, false},
	{"fe80::1", ADDR_ALLOW_LOOPBACK, true},
	{"64:ff9b::127.0.0.1", ADDR_ALLOW_LOOPBACK, true}, /* the translator's loopback */
	{"2002:a9fe:a9fe::1", ADDR_ALLOW_LINKLOCAL, true},
	{"224.0.0.1", ~0u, true},
	{"0.0.0.0", ~0u, true},
};

static void targets_of_a_zone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(targets); i++) {
		struct addr a = parsed(targets[i].in);

		if (addr_forbidden_target(&a, targets[i].allow) != targets[i].forbidden)
			fail_msg("%s with %u", targets[i].in, targets[i].allow);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_rows),
		cmocka_unit_test(cut_texts),
		cmocka_unit_test(styles),
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(equality_and_keys),
		cmocka_unit_test(sockaddr_both_ways),
		cmocka_unit_test(prefix_rows),
		cmocka_unit_test(prefix_members),
		cmocka_unit_test(networks_of_sources),
		cmocka_unit_test(class_rows),
		cmocka_unit_test(targets_of_a_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
