/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every example of RFC 3261 §19.1.4, rows for what it leaves open, telephone numbers, and canonical addresses. Each
 * pair is compared both ways, and every text is read at the end of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/test_guard.h"
#include "sip/limits.h"
#include "sip/uri.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* a;p0=0;p1=1;... and the same backwards: as many parameters as a URI may have */
static char many_up[SIP_URI_MAX + 1], many_down[SIP_URI_MAX + 1];

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	/* RFC 3261 §19.1.4, equivalent */
	{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
	{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
	{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
	 "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
	{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
	 "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
	/* and not */
	{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
	{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
	{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
	/* equality is not transitive */
	{"sip:carol@chicago.com", "sip:carol@chicago.com;security=off", true},
	{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
	/* scheme */
	{"sip:bob@biloxi.com", "sips:bob@biloxi.com", false},
	{"SIPS:bob@biloxi.com", "sips:bob@BILOXI.com", true},
	{"sip:911@example.com", "tel:911;phone-context=example.com", false},
	/* user and password */
	{"sip:biloxi.com", "sip:bob@biloxi.com", false},
	{"sip:bob@biloxi.com", "sip:Bob@biloxi.com", false},
	{"sip:bob@biloxi.com", "sip:bobb@biloxi.com", false},
	{"sip:bob:a@biloxi.com", "sip:bob@biloxi.com", false},
	{"sip:bob:@biloxi.com", "sip:bob@biloxi.com", false},
	{"sip:bob:a@biloxi.com", "sip:bob:A@biloxi.com", false},
	{"sip:bob:%61@biloxi.com", "sip:bob:a@biloxi.com", true},
	/* escapes: only those of reserved characters differ from the character */
	{"sip:a%3Bb@biloxi.com", "sip:a;b@biloxi.com", false},
	{"sip:a%3Bb@biloxi.com", "sip:a%3bb@biloxi.com", true},
	{"sip:a%2Fb@biloxi.com", "sip:a/b@biloxi.com", false},
	{"sip:a%24b@biloxi.com", "sip:a$b@biloxi.com", false},
	{"sip:%7Ebob@biloxi.com", "sip:~bob@biloxi.com", true},
	{"sip:%23bob@biloxi.com", "sip:#bob@biloxi.com", true},
	{"sip:%C3%a9@biloxi.com", "sip:%c3%A9@biloxi.com", true},
	{"sip:a%00b@biloxi.com", "sip:a%00b@biloxi.com;x", true},
	{"sip:a%00b@biloxi.com", "sip:a%00c@biloxi.com", false},
	{"sip:a%00@biloxi.com", "sip:a@biloxi.com", false},
	{"sip:%2561@biloxi.com", "sip:%61@biloxi.com", false}, /* decoded once */
	{"sip:%2561@biloxi.com", "sip:a@biloxi.com", false},
	/* hosts */
	{"sip:a@192.0.2.1", "sip:a@192.0.2.2", false},
	{"sip:a@[::1]", "sip:a@[0:0:0:0:0:0:0:1]", true},
	{"sip:a@[2001:db8::a]:5060", "sip:a@[2001:DB8:0::A]:5060", true},
	{"sip:a@[2001:db8::a]", "sip:a@[2001:db8::b]", false},
	{"sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1", true},
	{"sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::192.0.2.1]", true},
	{"sip:a@[::1]", "sip:a@localhost", false},
	{"sip:a@example.com", "sip:a@Example.com.", true},
	/* parameters that count although only one has them */
	{"sip:a@b;user=phone", "sip:a@b", false},
	{"sip:a@b;user=phone", "sip:a@b;USER=Phone", true},
	{"sip:a@b;user=phone", "sip:a@b;user=ip", false},
	{"sip:a@b;user=ip", "sip:a@b", false},
	{"sip:a@b;ttl=1", "sip:a@b", false},
	{"sip:a@b;ttl=1", "sip:a@b;ttl=1", true},
	{"sip:a@b;ttl=1", "sip:a@b;ttl=2", false},
	{"sip:a@b;method=INVITE", "sip:a@b", false},
	{"sip:a@b;maddr=239.255.255.1", "sip:a@b", false},
	{"sip:a@b;maddr=239.255.255.1", "sip:a@b;maddr=239.255.255.1;ttl=15", false},
	{"sip:a@b;maddr=239.255.255.1;ttl=15", "sip:a@b;ttl=15;maddr=239.255.255.1", true},
	{"sip:a@b;maddr=[::1]", "sip:a@b;maddr=[0::1]", true},
	{"sip:a@b;maddr=[::1]", "sip:a@b;maddr=[::2]", false},
	{"sip:a@b;transport=tcp", "sip:a@b;transport=udp", false},
	{"sip:a@b;gr=urn:uuid:f81d4fae", "sip:a@b", false},
	{"sip:a@b;gr", "sip:a@b", false},
	{"sip:a@b;gr=x", "sip:a@b;gr=y", false},
	{"sip:a@b;gr=x", "sip:a@b;gr=x;lr", true},
	{"sip:a@b;%75ser=phone", "sip:a@b", false},
	{"sip:a@b;%75ser=phone", "sip:a@b;user=phone", true},
	/* and others */
	{"sip:a@b;lr", "sip:a@b", true},
	{"sip:a@b;lr", "sip:a@b;lr=on", false},
	{"sip:a@b;x=A%3Bb", "sip:a@b;x=a%3bB", true},
	{"sip:a@b;x=1;y=2", "sip:a@b;y=2;x=1", true},
	{"sip:a@b;x=1;y=2", "sip:a@b;y=1;x=2", false},
	{"sip:a@b;x=1;z=3", "sip:a@b;y=2;x=1", true},
	{"sip:a@b;x=1;x=2", "sip:a@b;x=2;x=1", true},
	{"sip:a@b;x=1;x=2", "sip:a@b;x=1", false},
	{"sip:a@b;x=1;x=1", "sip:a@b;x=1", true},
	{many_up, many_down, true},
	/* headers */
	{"sip:a@b?X=1", "sip:a@b?x=1", true},
	{"sip:a@b?x=a", "sip:a@b?x=A", false},
	{"sip:a@b?x=%41", "sip:a@b?x=A", true},
	{"sip:a@b?x=1", "sip:a@b?x=1&y=2", false},
	{"sip:a@b?x=1&y=2", "sip:a@b?y=2&x=1", true},
	{"sip:a@b?x=1&x=1&y=2", "sip:a@b?y=2&x=1&y=2", true}, /* as sets, of the same size */
	{"sip:a@b?x=1&y=2", "sip:a@b?y=2&z=1", false},
	{"sip:a@b?x=1&y=2", "sip:a@b?y=2&y=2", false},
	{"sip:a@b?y=2&y=2", "sip:a@b?x=1&y=2", false},
	{"sip:a@b?x", "sip:a@b?x=", true},
	{"sip:a@b?&", "sip:a@b?&", true},
	{"sip:a@b?0&1&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w",
	 "sip:a@b?0&1&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w", true},
	{"sip:a@b?0&1&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w",
	 "sip:a@b?1&0&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w", false},
	/* tel: RFC 3966 §4 */
	{"tel:+1-201-555-0123", "TEL:+12015550123", true},
	{"tel:+1.201.555.0123", "tel:+(1)201(555)0123", true},
	{"tel:+12015550123", "tel:+12015550124", false},
	{"tel:+12015550123", "tel:+120155501234", false},
	{"tel:7042;phone-context=example.com", "tel:70-42;Phone-Context=EXAMPLE.com", true},
	{"tel:7042;phone-context=example.com", "tel:7042;phone-context=example.org", false},
	{"tel:7042;phone-context=+1-201", "tel:7042;phone-context=+1201", true},
	{"tel:7042;phone-context=a-b.com", "tel:7042;phone-context=ab.com", false},
	{"tel:+7042", "tel:7042;phone-context=+1", false},
	{"tel:ABC*#;phone-context=+1", "tel:abc*#;phone-context=+1", true},
	{"tel:+1201;ext=12-34;isub=5", "tel:+1201;isub=5;ext=1234", true},
	{"tel:+1201;isub=1-2", "tel:+1201;isub=12", false},
	{"tel:+1201;ext=1234", "tel:+1201", false},
	{"tel:+1201;x=1", "tel:+1201", false},
	{"tel:+1201;x=a", "tel:+1201;x=A", true},
	/* others, byte for byte behind the scheme */
	{"urn:service:sos", "URN:service:sos", true},
	{"urn:service:sos", "urn:service:SOS", false},
	{"http://example.com/", "HTTP://example.com/", true},
	{"http://example.com/", "httpx://example.com/", false},
	{"http://example.com/", "https://example.com/", false},
	{"mailto:a@b", "urn:a:b", false},
};

static struct sip_uri parsed(const struct guard *g, const char *text)
{
	struct sip_where at = {0};
	struct sip_uri uri;

	if (sip_uri_parse(&uri, guard_put(g, sv_str(text)), &at))
		fail_msg("%s: refused at %u", text, at.off);
	return uri;
}

static void test_equal(void **state)
{
	struct guard g = guard_init(SIP_URI_MAX), h = guard_init(SIP_URI_MAX);
	size_t up = (size_t)sprintf(many_up, "sip:a@b"),
	       down = (size_t)sprintf(many_down, "sip:a@b");

	(void)state;
	for (unsigned i = 0; i < SIP_PARAMS_MAX; i++) {
		up += (size_t)sprintf(many_up + up, ";p%u=%u", i, i);
		unsigned k = SIP_PARAMS_MAX - 1 - i;
		down += (size_t)sprintf(many_down + down, ";p%u=%u", k, k);
	}
	for (size_t i = 0; i < ROWS(pairs); i++) {
		struct sip_uri a = parsed(&g, pairs[i].a), b = parsed(&h, pairs[i].b);
		if (sip_uri_equal(&a, &b) != pairs[i].equal ||
		    sip_uri_equal(&b, &a) != pairs[i].equal)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
		assert_true(sip_uri_equal(&a, &a));
		a = parsed(&g, pairs[i].b);
		assert_true(sip_uri_equal(&a, &b));
	}
	guard_done(&g);
	guard_done(&h);
}

static const struct {
	const char *uri, *aor; /* NULL: no address-of-record */
} aors[] = {
	{"sip:alice@Atlanta.COM", "sip:alice@atlanta.com"},
	{"SIP:Alice@atlanta.com", "sip:Alice@atlanta.com"},
	{"sips:alice:secret@atlanta.com:5061;transport=tcp?x=y", "sips:alice@atlanta.com:5061"},
	{"sip:%61lice@atlanta.com", "sip:alice@atlanta.com"},
	{"sip:a%3bb@atlanta.com", "sip:a;b@atlanta.com"},
	{"sip:a%40b@atlanta.com", "sip:a%40b@atlanta.com"},
	{"sip:%c3%a9%00%25@atlanta.com", "sip:%C3%A9%00%25@atlanta.com"},
	{"sip:*21#@atlanta.com", "sip:*21%23@atlanta.com"},
	{"sip:+1-201-555@gw;user=phone", "sip:+1-201-555@gw"},
	{"sip:atlanta.com:1", "sip:atlanta.com:1"},
	{"sip:atlanta.com:65535", "sip:atlanta.com:65535"},
	{"sip:a@192.0.2.1:05060", "sip:a@192.0.2.1:5060"},
	{"sip:a@[2001:DB8:0:0::1]:5060", "sip:a@[2001:db8::1]:5060"},
	{"sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1"},
	{"sip:a@Atlanta.com.", "sip:a@atlanta.com"},
	{"tel:+1-(201).555", "tel:+1201555"},
	{"TEL:+1201;ext=3;phone-context=example.com", "tel:+1201"},
	{"tel:70-4A*#;ext=3;Phone-Context=Example.COM", "tel:704a*#;phone-context=example.com"},
	{"tel:7042;phone-context=+1-201", "tel:7042;phone-context=+1201"},
	{"tel:7042;phone-context=%2B1%2D201", "tel:7042;phone-context=+1201"},
	{"tel:7042;phone-context=a-b%40c", "tel:7042;phone-context=a-b%40c"},
	{"tel:7042;phone-context=", "tel:7042;phone-context="},
	{"tel:7042;phone-context", "tel:7042;phone-context="},
	{"urn:service:sos", NULL},
	{"http://example.com/", NULL},
};

/* The text is written in a buffer that is exactly long enough, and refused by one that is a byte shorter. */
static void test_aor(void **state)
{
	struct guard g = guard_init(SIP_URI_MAX), room = guard_init(SIP_AOR_MAX);

	(void)state;
	for (size_t i = 0; i < ROWS(aors); i++) {
		struct sip_uri uri = parsed(&g, aors[i].uri);
		char buf[SIP_AOR_MAX];
		int n = sip_aor_write(buf, sizeof(buf), &uri);
		if (!aors[i].aor) {
			assert_int_equal(n, MG_EINVAL);
			continue;
		}
		if (n < 0 || !sv_eq(sv_of(buf, (size_t)n), sv_str(aors[i].aor)))
			fail_msg("%s gives %.*s", aors[i].uri, n, buf);
		char *tight = room.page + room.size - n;
		assert_int_equal(sip_aor_write(tight, (size_t)n, &uri), n);
		assert_memory_equal(tight, buf, (size_t)n);
		assert_int_equal(sip_aor_write(tight + 1, (size_t)n - 1, &uri), MG_ENOSPC);
		assert_int_equal(sip_aor_write(NULL, 0, &uri), MG_ENOSPC);
		uri = parsed(&g, aors[i].aor);
		assert_int_equal(sip_aor_write(buf, sizeof(buf), &uri), n);
		assert_true(sv_eq(sv_of(buf, (size_t)n), sv_str(aors[i].aor)));
	}
	guard_done(&g);
	guard_done(&room);
}

/* The longest there can be: every byte of the user needs an escape. */
static void test_aor_longest(void **state)
{
	char text[SIP_URI_MAX + 1], out[SIP_AOR_MAX];
	struct guard g = guard_init(SIP_URI_MAX);

	(void)state;
	memset(text, '#', SIP_URI_MAX);
	memcpy(text, "sips:", 5);
	memcpy(text + SIP_URI_MAX - 2, "@b", 3);
	struct sip_uri uri = parsed(&g, text);
	assert_int_equal(sip_aor_write(out, sizeof(out), &uri), 5 + 3 * (SIP_URI_MAX - 7) + 2);
	guard_done(&g);
}

static const struct {
	struct sv in, out;
} escapes[] = {
	{SV_INIT(""), SV_INIT("")},         {SV_INIT("bob"), SV_INIT("bob")},
	{SV_INIT("%62ob"), SV_INIT("bob")}, {SV_INIT("%2562"), SV_INIT("%62")},
	{SV_INIT("%00"), SV_INIT("\0")},    {SV_INIT("%Ff%fF"), SV_INIT("\xff\xff")},
	{SV_INIT("%"), SV_INIT("%")},       {SV_INIT("a%4"), SV_INIT("a%4")},
	{SV_INIT("%4g"), SV_INIT("%4g")},   {SV_INIT("%g4"), SV_INIT("%g4")},
	{SV_INIT("%%41"), SV_INIT("%A")},
};

static void test_unescape(void **state)
{
	struct guard g = guard_init(64);
	char out[64];

	(void)state;
	for (size_t i = 0; i < ROWS(escapes); i++) {
		size_t n = sip_uri_unescape(out, guard_put(&g, escapes[i].in));
		if (!sv_eq(sv_of(out, n), escapes[i].out))
			fail_msg("%s", escapes[i].in.p);
	}
	guard_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_aor),
		cmocka_unit_test(test_aor_longest),
		cmocka_unit_test(test_unescape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
