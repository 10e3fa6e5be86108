/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lex: every byte of every class against the ABNF written out, and rows for the scanners, each at both edges of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/lex.h"
#include "sip/test_guard.h"

#define ALPHANUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define MARK     "-_.!~*'()"
#define UNRES    ALPHANUM MARK

/* Members below 0x80; from there on all or none. */
static const struct {
	unsigned class;
	const char *members;
	bool utf8;
	const char *name;
} classes[] = {
	{LEX_TOKEN, ALPHANUM "-.!%*_+`'~", false, "token"},
	{LEX_HOST, ALPHANUM "-._", false, "host"},
	{LEX_USER, UNRES "&=+$,;?/#", false, "user"},
	{LEX_BAREUSER, UNRES "&=+$/#", false, "user outside brackets"},
	{LEX_PASSWORD, UNRES "&=+$,", false, "password"},
	{LEX_URIPARAM, UNRES "[]/:&+$", false, "paramchar"},
	{LEX_URIHEADER, UNRES "[]/?:+$=&", false, "hname and hvalue"},
	{LEX_VALUE, UNRES "#$%&+/:=?@[]^`{|}", true, "value of a header parameter"},
	{LEX_WORD, UNRES "\"#$%&+/:<=>?@[\\]^`{|}", true, "word"},
	{LEX_SPACE, " \t\r\n", false, "white space"},
	{LEX_HEX, "0123456789abcdefABCDEF", false, "HEXDIG"},
	{LEX_DIGIT, "0123456789", false, "DIGIT"},
	{LEX_ALPHA, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", false, "ALPHA"},
	{LEX_SCHEME, ALPHANUM "+-.", false, "scheme"},
	{LEX_OPAQUE, UNRES "#$%&+,/:;=?@[\\]^`{|}", false, "opaque"},
};

static void every_byte_of_every_class(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		for (int c = 0; c < 256; c++) {
			bool member = c >= 0x80 ? classes[i].utf8
						: c && strchr(classes[i].members, c) != NULL;
			/* "^`{|}" are no part of a URI, but nobody reads them differently in an unknown scheme */
			char got[32];
			snprintf(got, sizeof(got), "byte 0x%02x %s", (unsigned)c,
				 member ? "missing" : "taken");
			if (lex_is((char)c, classes[i].class) != member)
				row_differs(&bad, classes[i].name, got, "");
		}
	assert_int_equal(bad, 0);
}

struct row {
	struct sv in;
	int stop; /* bytes taken, -1 for NULL */
	int extra;
	const char *name;
};

static const struct row quoted[] = {
	{SV_INIT("\"\""), 2, 0, "empty"},
	{SV_INIT("\"abc\""), 5, 0, "plain"},
	{SV_INIT("\"abc\"def"), 5, 0, "more behind it"},
	{SV_INIT("\"a\\\"b\""), 6, 0, "escaped quote"},
	{SV_INIT("\"a\\\\\""), 5, 0, "escaped backslash ends nothing"},
	{SV_INIT("\"\\\0\""), 4, 0, "escaped NUL"},
	{SV_INIT("\"\r\n x\""), 6, 0, "a fold inside"},
	{SV_INIT("\"\xff\xfe\""), 4, 0, "bytes that are no UTF-8"},
	{SV_INIT("\""), -1, 0, "alone"},
	{SV_INIT("\"abc"), -1, 0, "never closed"},
	{SV_INIT("\"abc\\"), -1, 0, "ends in a backslash"},
	{SV_INIT("\"abc\\\""), -1, 0, "its only end is escaped"},
	{SV_INIT("\"a\\\r\n b\""), -1, 0, "CR cannot be escaped"},
	{SV_INIT("\"a\\\nb\""), -1, 0, "LF cannot be escaped"},
};

static const struct row hosts[] = {
	{SV_INIT("example.com"), 11, LEX_HOST_NAME, "name"},
	{SV_INIT("example.com:5060"), 11, LEX_HOST_NAME, "name and port"},
	{SV_INIT("a"), 1, LEX_HOST_NAME, "one letter"},
	{SV_INIT("a."), 2, LEX_HOST_NAME, "trailing dot"},
	{SV_INIT("example.com."), 12, LEX_HOST_NAME, "trailing dot of a name"},
	{SV_INIT("1host.example"), 13, LEX_HOST_NAME, "first label begins with a digit"},
	{SV_INIT("my_host"), 7, LEX_HOST_NAME, "underscore"},
	{SV_INIT("a-b.c-d"), 7, LEX_HOST_NAME, "hyphens"},
	{SV_INIT("xn--bcher-kva.example"), 21, LEX_HOST_NAME, "punycode"},
	{SV_INIT(""), 0, LEX_HOST_NONE, "nothing"},
	{SV_INIT("."), 0, LEX_HOST_NONE, "a dot"},
	{SV_INIT(".a"), 0, LEX_HOST_NONE, "leading dot"},
	{SV_INIT("a..b"), 0, LEX_HOST_NONE, "two dots"},
	{SV_INIT("a.."), 0, LEX_HOST_NONE, "two trailing dots"},
	{SV_INIT("/"), 0, LEX_HOST_NONE, "a slash"},
	{SV_INIT("\xc3\xbc.example"), 0, LEX_HOST_NONE, "UTF-8"},
	{SV_INIT("192.0.2.1"), 9, LEX_HOST_V4, "IPv4"},
	{SV_INIT("0.0.0.0"), 7, LEX_HOST_V4, "any"},
	{SV_INIT("255.255.255.255"), 15, LEX_HOST_V4, "broadcast"},
	{SV_INIT("256.1.1.1"), 0, LEX_HOST_NONE, "byte above 255"},
	{SV_INIT("1.2.3"), 0, LEX_HOST_NONE, "three numbers"},
	{SV_INIT("1.2.3.4.5"), 0, LEX_HOST_NONE, "five numbers"},
	{SV_INIT("1.2.3.4."), 0, LEX_HOST_NONE,
	 "IPv4 with a trailing dot is an address in disguise"},
	{SV_INIT("1.2.3."), 0, LEX_HOST_NONE, "three numbers and a trailing dot"},
	{SV_INIT("2130706433."), 0, LEX_HOST_NONE, "one number with a trailing dot"},
	{SV_INIT("01.2.3.4"), 0, LEX_HOST_NONE, "octal in disguise"},
	{SV_INIT("127.0.0.010"), 0, LEX_HOST_NONE, "octal at the end"},
	{SV_INIT("0x7f.1"), 0, LEX_HOST_NONE, "hexadecimal in disguise"},
	{SV_INIT("0x7f000001"), 0, LEX_HOST_NONE, "hexadecimal number"},
	{SV_INIT("2130706433"), 0, LEX_HOST_NONE, "one number"},
	{SV_INIT("1.2.3.4000"), 0, LEX_HOST_NONE, "four digits"},
	{SV_INIT("1.2.3.x"), 7, LEX_HOST_NAME, "last label is a name"},
	{SV_INIT("1.2.3.x."), 8, LEX_HOST_NAME, "last label is a name, trailing dot"},
	{SV_INIT("aaaaaaaaaaaaaaaa"), 16, LEX_HOST_NAME, "a name of sixteen bytes"},
	{SV_INIT("aaaaaaaaaaaaaa.1"), 0, LEX_HOST_NONE, "sixteen bytes, last label a number"},
	{SV_INIT("aaaaaaaaaaaaaaa.1"), 0, LEX_HOST_NONE, "seventeen bytes, last label a number"},
	{SV_INIT("aaaaaaaaaaaaaa.1."), 0, LEX_HOST_NONE, "seventeen bytes, number and dot"},
	{SV_INIT("aaaaaaaaaaaaaaaaaaaaaaa.b."), 26, LEX_HOST_NAME, "long name, trailing dot"},
	{SV_INIT("aaaaaaaaaaaaaaaaaaaaaaa."), 24, LEX_HOST_NAME, "long label, trailing dot"},
	{SV_INIT("1aaaaaaaaaaaaaaaaaaaaaa."), 0, LEX_HOST_NONE,
	 "long label with a digit in front, trailing dot"},
	{SV_INIT("aaaaaaaaaaaaaaaaaaaaaaa.."), 0, LEX_HOST_NONE, "long label, two dots"},
	{SV_INIT(".aaaaaaaaaaaaaaaaaaaaaaa"), 0, LEX_HOST_NONE, "leading dot, long label"},
	{SV_INIT("1."), 0, LEX_HOST_NONE, "a number and a dot"},
	{SV_INIT("[::1]"), 5, LEX_HOST_V6, "loopback"},
	{SV_INIT("[::]"), 4, LEX_HOST_V6, "any IPv6"},
	{SV_INIT("[2001:db8::10]:5070"), 14, LEX_HOST_V6, "address and port"},
	{SV_INIT("[2001:db8::10:5070]"), 19, LEX_HOST_V6, "no port inside"},
	{SV_INIT("[2001:db8:::192.0.2.1]"), 22, LEX_HOST_V6, "three colons of RFC 5118"},
	{SV_INIT("[2001:db8::::192.0.2.1]"), 0, LEX_HOST_NONE, "four colons"},
	{SV_INIT("[::ffff:192.0.2.1]"), 18, LEX_HOST_V6, "mapped"},
	{SV_INIT("[FE80::1]"), 9, LEX_HOST_V6, "upper case"},
	{SV_INIT("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]"), 47, LEX_HOST_V6,
	 "the longest"},
	{SV_INIT("[fe80::1%eth0]"), 0, LEX_HOST_NONE, "zone"},
	{SV_INIT("[fe80::1"), 0, LEX_HOST_NONE, "never closed"},
	{SV_INIT("[]"), 0, LEX_HOST_NONE, "empty brackets"},
	{SV_INIT("["), 0, LEX_HOST_NONE, "a bracket"},
	{SV_INIT("[1]"), 0, LEX_HOST_NONE, "a number in brackets"},
	{SV_INIT("[192.0.2.1]"), 0, LEX_HOST_NONE, "IPv4 in brackets"},
	{SV_INIT("[1:2:3:4:5:6:7:8:9]"), 0, LEX_HOST_NONE, "nine groups"},
	{SV_INIT("[11111::]"), 0, LEX_HOST_NONE, "five digits"},
	{SV_INIT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"), 0, LEX_HOST_NONE,
	 "too long"},
	{SV_INIT("[::1\0]"), 0, LEX_HOST_NONE, "NUL inside"},
};

static const struct row ports[] = {
	{SV_INIT(""), -1, 0, "nothing"},
	{SV_INIT("1"), 1, 1, "one"},
	{SV_INIT("5060;"), 4, 5060, "and more"},
	{SV_INIT("65535"), 5, 65535, "the largest"},
	{SV_INIT("00080"), 5, 80, "leading zeros"},
	{SV_INIT("65536"), -1, 0, "one beyond"},
	{SV_INIT("99999"), -1, 0, "99999"},
	{SV_INIT("000080"), -1, 0, "six digits"},
	{SV_INIT("4294967297"), -1, 0, "2^32 + 1"},
	{SV_INIT("18446744073709551617"), -1, 0, "2^64 + 1"},
	{SV_INIT("0"), -1, 0, "zero"},
	{SV_INIT("00000"), -1, 0, "zeros"},
	{SV_INIT("a"), -1, 0, "letter"},
	{SV_INIT("-1"), -1, 0, "sign"},
	{SV_INIT(" 5060"), -1, 0, "white space"},
	{SV_INIT("\xb2"), -1, 0, "superscript two of Latin-1"},
};

static const struct row escaped[] = {
	{SV_INIT(""), 0, 0, "nothing"},
	{SV_INIT("abc"), 3, 0, "plain"},
	{SV_INIT("a%20b"), 5, 1, "one escape"},
	{SV_INIT("%00"), 3, 1, "NUL escaped"},
	{SV_INIT("%aF%Fa"), 6, 1, "either case"},
	{SV_INIT("a%"), 1, 0, "alone at the end"},
	{SV_INIT("a%2"), 1, 0, "cut short"},
	{SV_INIT("a%2g"), 1, 0, "second digit"},
	{SV_INIT("a%g2"), 1, 0, "first digit"},
	{SV_INIT("%20%"), 3, 1, "good, then alone"},
	{SV_INIT("%%20"), 0, 0, "two"},
	{SV_INIT("a%40b@"), 5, 1, "stops at another class"},
};

static const struct row wide[] = {
	{SV_INIT(""), 0, 0, "nothing"},
	{SV_INIT("abcdefghijklmnop"), 16, 0, "sixteen letters"},
	{SV_INIT("abcdefghijklmnopq"), 17, 0, "seventeen"},
	{SV_INIT("abcdefghijklmno;"), 15, 0, "fifteen and another"},
	{SV_INIT("abcdefghijklmnop;"), 16, 0, "sixteen and another"},
	{SV_INIT("!!!!!!!!!!!!!!!!!!!!!;"), 21, 0, "the rest of the class"},
	{SV_INIT("a!b!c!d!e!f!g!h!i!j!k!l!m!n!o!;"), 30, 0, "in turns"},
	{SV_INIT("aaaaaaaaaaaaaaa\0aaaaaaaaaaaaaaaa"), 15, 0, "NUL"},
	{SV_INIT("aaaaaaaaaaaaaaaa\xe1"), 16, 0, "a byte above 0x7f"},
	{SV_INIT("azAZ09-._{"), 9, 0, "the ends of all ranges"},
	{SV_INIT("@"), 0, 0, "the byte below A"},
	{SV_INIT("["), 0, 0, "the byte above Z"},
	{SV_INIT("/"), 0, 0, "the byte below 0"},
	{SV_INIT(":"), 0, 0, "the byte above 9"},
};

enum scanner { QUOTED, HOST, PORT, ESCAPED, WIDE };

static const char *scan(enum scanner which, struct sv text, const struct lex_ctx *e, int *extra)
{
	const char *end = text.p + text.n, *q = NULL;
	enum lex_host kind = LEX_HOST_V6;
	uint16_t port = 4711;
	bool seen = false;

	*extra = 0;
	switch (which) {
	case QUOTED: return lex_quoted(text.p, end, e);
	case HOST:
		q = lex_hostname(text.p, end, &kind, e);
		*extra = (int)kind;
		break;
	case PORT:
		q = lex_port(text.p, end, &port, e);
		*extra = q ? port : 0;
		break;
	case ESCAPED:
		q = lex_escaped(text.p, end, LEX_USER, &seen, e);
		*extra = seen;
		break;
	case WIDE: q = lex_wide(text.p, end, LEX_TOKEN, e); break;
	}
	return q;
}

/* Each row with no room to read behind it, with room up to its own end, and with room that is full of more of the same. */
static void run(enum scanner which, const struct row *rows, size_t n)
{
	struct fence f = fence_init(256);
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++)
		for (unsigned how = 0; how < 6; how++) {
			struct lex_ctx e = {0};
			struct sv text =
				fence_put(&f, rows[i].in, how < 2 ? FENCE_END : FENCE_BEGIN);
			const char *all = f.room + f.size;
			if (how >= 3)
				memset(f.room + text.n, "   a\"1"[how], f.size - text.n);
			e.room = how == 0 ? NULL : how == 1 || how >= 3 ? all : text.p + text.n;
			int extra;
			const char *q = scan(which, text, &e, &extra);
			char got[64], want[64];
			snprintf(got, sizeof(got), "%d, %d", q ? (int)(q - text.p) : -1, extra);
			snprintf(want, sizeof(want), "%d, %d", rows[i].stop, rows[i].extra);
			if (strcmp(got, want) != 0)
				row_differs(&bad, rows[i].name, got, want);
		}
	fence_done(&f);
	assert_int_equal(bad, 0);
}

#define ROWS(test, which, table)                                       \
	static void test(void **state)                                 \
	{                                                              \
		(void)state;                                           \
		run(which, table, sizeof(table) / sizeof((table)[0])); \
	}

ROWS(quoted_strings, QUOTED, quoted)
ROWS(host_names_and_addresses, HOST, hosts)
ROWS(port_numbers, PORT, ports)
ROWS(escapes, ESCAPED, escaped)
ROWS(sixteen_at_a_time, WIDE, wide)

/* The rule for hosts without brackets, said slowly. */
static enum lex_host plain_host(const char *p, size_t n)
{
	unsigned labels = 0;
	bool numbers = true;
	size_t from = 0, last = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && p[i] != '.')
			continue;
		if (i == from && (i < n || labels == 0))
			return LEX_HOST_NONE;
		if (i == from) /* a trailing dot */
			return lex_is(p[last], LEX_DIGIT) ? LEX_HOST_NONE : LEX_HOST_NAME;
		unsigned v = 0;
		bool number = i - from <= 3 && (p[from] != '0' || i - from == 1);
		for (size_t k = from; k < i; k++) {
			number = number && lex_is(p[k], LEX_DIGIT);
			v = v * 10 + (unsigned)(p[k] - '0');
		}
		numbers = numbers && number && v <= 255;
		labels++;
		last = from;
		from = i + 1;
	}
	if (!lex_is(p[last], LEX_DIGIT))
		return LEX_HOST_NAME;
	return numbers && labels == 4 ? LEX_HOST_V4 : LEX_HOST_NONE;
}

static void try_host(const struct fence *f, const char *text, size_t n)
{
	enum lex_host want = plain_host(text, n), kind;

	for (unsigned how = 0; how < 2; how++) {
		struct sv t = fence_put(f, sv_of(text, n), how ? FENCE_BEGIN : FENCE_END);
		struct lex_ctx e = {.room = how ? f->room + f->size : NULL};
		const char *q = lex_hostname(t.p, t.p + n, &kind, &e);
		if (kind != want || q != (want == LEX_HOST_NONE ? t.p : t.p + n))
			fail_msg("%.*s is %d, not %d", (int)n, text, (int)kind, (int)want);
	}
}

/* All hosts of up to six bytes of an alphabet that tells all cases, and longer ones by chance. */
static void hosts_as_said_slowly(void **state)
{
	static const char alphabet[] = "0256.a1-";
	struct fence f = fence_init(64);
	uint32_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < 1u << 18; i++) {
		char text[6];
		for (unsigned k = 0; k < 6; k++)
			text[k] = alphabet[i >> 3 * k & 7];
		for (size_t n = i == 0 ? 0 : 6; n <= 6; n++)
			try_host(&f, text, n);
	}
	for (uint32_t i = 0; i < 300000; i++) {
		char text[24];
		size_t n = 0;
		seed = seed * 1664525u + 1013904223u;
		/* numbers and dots mostly: what may be an address */
		for (uint32_t r = seed; n < 18 && (n < 5 || r >> 9 & 31);
		     r = r * 1664525u + 1013904223u)
			text[n++] = (r >> 16 & 3) == 0
					    ? '.'
					    : alphabet[(r >> 20 & 7) % (r >> 28 ? 4 : 8)];
		try_host(&f, text, n);
	}
	for (unsigned a = 0; a < 260; a++)
		for (unsigned b = 0; b < 4; b++) {
			unsigned v[4] = {7, 70, 255, 0};
			char text[24];
			v[b] = a;
			int n = snprintf(text, sizeof(text), "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
			try_host(&f, text, (size_t)n);
		}
	fence_done(&f);
}

static void every_port(void **state)
{
	struct fence f = fence_init(64);

	(void)state;
	for (unsigned v = 0; v <= 100000; v++)
		for (unsigned how = 0; how < 2; how++) {
			char text[16];
			int n = snprintf(text, sizeof(text), "%u", v);
			struct sv t = fence_put(&f, sv_of(text, (size_t)n),
						how ? FENCE_BEGIN : FENCE_END);
			struct lex_ctx e = {.room = how ? f.room + f.size : NULL};
			uint16_t port = 0;
			const char *q = lex_port(t.p, t.p + t.n, &port, &e);
			assert_int_equal(q != NULL, v >= 1 && v <= 65535);
			assert_true(!q || (port == v && q == t.p + t.n));
		}
	fence_done(&f);
}

static void clean_text_and_tokens(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[3] = {'a', (char)c, 'b'};
		assert_int_equal(lex_clean(sv_of(text, 3)), c == '\t' || (c >= ' ' && c != 0x7f));
		assert_int_equal(lex_is_token(sv_of(text, 3)), lex_is((char)c, LEX_TOKEN));
	}
	assert_true(lex_clean(SV("")));
	assert_true(lex_clean((struct sv){0}));
	for (int c = 0; c < 256; c++) {
		char text[2] = {'a', (char)c};
		assert_int_equal(lex_visible(sv_of(text, 2)), (unsigned char)c > ' ' && c != 0x7f);
	}
	assert_false(lex_visible((struct sv){0}));
	assert_false(lex_is_token(SV("")));
}

static void spaces(void **state)
{
	static const char text[] = " \t\r\n x";
	struct lex_ctx e = {0};

	(void)state;
	assert_ptr_equal(lex_space(text, text + 6), text + 5);
	assert_ptr_equal(lex_space(text, text + 3), text + 3);
	assert_ptr_equal(lex_run(text, text + 6, LEX_SPACE | LEX_ALPHA), text + 6);
	assert_null(lex_fail(&e, text + 2, SIP_FAULT_TOO_LONG));
	assert_ptr_equal(e.pos, text + 2);
	assert_int_equal(e.fault, SIP_FAULT_TOO_LONG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_every_class),
		cmocka_unit_test(quoted_strings),
		cmocka_unit_test(host_names_and_addresses),
		cmocka_unit_test(port_numbers),
		cmocka_unit_test(escapes),
		cmocka_unit_test(sixteen_at_a_time),
		cmocka_unit_test(hosts_as_said_slowly),
		cmocka_unit_test(every_port),
		cmocka_unit_test(clean_text_and_tokens),
		cmocka_unit_test(spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
