/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lex: the class table, and the scanners that are too long to be inline.
 *
 *   token        = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
 *   escaped      = "%" HEXDIG HEXDIG
 *   quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE
 *   host         = hostname / IPv4address / IPv6reference
 */
#include "sip/lex.h"

#include "base/addr.h"
#include "sip/scan.h"

/* alphanum and mark are in all of these */
#define ALNUM                                                                          \
	(LEX_TOKEN | LEX_DISPLAY | LEX_HOST | LEX_USER | LEX_BAREUSER | LEX_PASSWORD | \
	 LEX_URIPARAM | LEX_URIHEADER | LEX_VALUE | LEX_WORD | LEX_SCHEME | LEX_OPAQUE)
#define MARK                                                                                 \
	(LEX_USER | LEX_BAREUSER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER | LEX_VALUE | \
	 LEX_WORD | LEX_OPAQUE)
#define VISIBLE (LEX_VALUE | LEX_WORD | LEX_OPAQUE)
#define DIGIT   (ALNUM | LEX_DIGIT | LEX_HEX)
#define HEXA    (ALNUM | LEX_ALPHA | LEX_HEX)
#define ALPHA   (ALNUM | LEX_ALPHA)
#define UTF8    (LEX_DISPLAY | LEX_VALUE | LEX_WORD)

/* designators of neighbouring bytes (ISO C has no ranges) */
#define TWO(c, v)     [c] = (v), [(c) + 1] = (v)
#define FIVE(c, v)    TWO(c, v), TWO((c) + 2, v), [(c) + 4] = (v)
#define SIX(c, v)     TWO(c, v), TWO((c) + 2, v), TWO((c) + 4, v)
#define TEN(c, v)     FIVE(c, v), FIVE((c) + 5, v)
#define TWENTY(c, v)  TEN(c, v), TEN((c) + 10, v)
#define SIXTEEN(c, v) TEN(c, v), SIX((c) + 10, v)

const uint16_t lex_class[256] = {
	['\t'] = LEX_SPACE | LEX_DISPLAY,
	['\n'] = LEX_SPACE | LEX_DISPLAY,
	['\r'] = LEX_SPACE | LEX_DISPLAY,
	[' '] = LEX_SPACE | LEX_DISPLAY,
	['!'] = MARK | LEX_TOKEN | LEX_DISPLAY,
	['"'] = LEX_WORD,
	['#'] = VISIBLE | LEX_USER | LEX_BAREUSER,
	['$'] = VISIBLE | LEX_USER | LEX_BAREUSER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER,
	['%'] = VISIBLE | LEX_TOKEN | LEX_DISPLAY,
	['&'] = VISIBLE | LEX_USER | LEX_BAREUSER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER,
	['\''] = MARK | LEX_TOKEN | LEX_DISPLAY,
	['('] = MARK,
	[')'] = MARK,
	['*'] = MARK | LEX_TOKEN | LEX_DISPLAY,
	['+'] = VISIBLE | LEX_TOKEN | LEX_DISPLAY | LEX_USER | LEX_BAREUSER | LEX_PASSWORD |
		LEX_URIPARAM | LEX_URIHEADER | LEX_SCHEME,
	[','] = LEX_USER | LEX_PASSWORD | LEX_OPAQUE,
	['-'] = MARK | LEX_TOKEN | LEX_DISPLAY | LEX_HOST | LEX_SCHEME,
	['.'] = MARK | LEX_TOKEN | LEX_DISPLAY | LEX_HOST | LEX_SCHEME,
	['/'] = VISIBLE | LEX_USER | LEX_BAREUSER | LEX_URIPARAM | LEX_URIHEADER,
	TEN('0', DIGIT),
	[':'] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	[';'] = LEX_USER | LEX_OPAQUE,
	['<'] = LEX_WORD,
	['='] = VISIBLE | LEX_USER | LEX_BAREUSER | LEX_PASSWORD | LEX_URIHEADER,
	['>'] = LEX_WORD,
	['?'] = VISIBLE | LEX_USER | LEX_URIHEADER,
	['@'] = VISIBLE,
	SIX('A', HEXA),
	TWENTY('G', ALPHA),
	['['] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	['\\'] = LEX_WORD | LEX_OPAQUE,
	[']'] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	['^'] = VISIBLE,
	['_'] = MARK | LEX_TOKEN | LEX_DISPLAY | LEX_HOST,
	['`'] = VISIBLE | LEX_TOKEN | LEX_DISPLAY,
	SIX('a', HEXA),
	TWENTY('g', ALPHA),
	['{'] = VISIBLE,
	['|'] = VISIBLE,
	['}'] = VISIBLE,
	['~'] = MARK | LEX_TOKEN | LEX_DISPLAY,
	SIXTEEN(0x80, UTF8),
	SIXTEEN(0x90, UTF8),
	SIXTEEN(0xa0, UTF8),
	SIXTEEN(0xb0, UTF8),
	SIXTEEN(0xc0, UTF8),
	SIXTEEN(0xd0, UTF8),
	SIXTEEN(0xe0, UTF8),
	SIXTEEN(0xf0, UTF8),
};

const char *lex_escaped_on(const char *p, const char *end, unsigned classes, bool *escaped,
			   const struct lex_ctx *e)
{
	while (end - p >= 3 && *p == '%' && lex_is(p[1], LEX_HEX) && lex_is(p[2], LEX_HEX)) {
		*escaped = true;
		p = lex_wide(p + 3, end, classes, e);
	}
	return p;
}

const char *lex_quoted(const char *p, const char *end, const struct lex_ctx *e)
{
	for (p++; p < end; p++) {
		while (e->room >= p + SCAN_STEP && p < end) {
			unsigned m = scan_mask_byte(p, '"') | scan_mask_byte(p, '\\');
			p += m ? (unsigned)__builtin_ctz(m) : SCAN_STEP;
			if (m)
				break;
		}
		if (p >= end)
			break;
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && ++p < end && (*p == '\r' || *p == '\n'))
			break;
	}
	return NULL;
}

/* IPv6reference = "[" IPv6address "]" */
static MG_COLD const char *ipv6_reference(const char *p, const char *end, enum lex_host *kind)
{
	struct sv left = sv_span(p, end);
	size_t n = sv_find(left.n > ADDR_TEXT_MAX ? sv_of(p, ADDR_TEXT_MAX) : left, ']') + 1;
	struct addr a;

	if (n > left.n || addr_parse(sv_of(p, n), ADDR_THREE_COLONS, &a) != 0)
		return p;
	*kind = LEX_HOST_V6;
	return p + n;
}

/* One decimal byte without superfluous zeros, made of digits. */
static bool decimal_byte(const char *p, size_t n)
{
	if (n == 1)
		return true;
	if (n == 2)
		return p[0] != '0';
	return n == 3 &&
	       (p[0] == '1' || (p[0] == '2' && (p[1] < '5' || (p[1] == '5' && p[2] <= '5'))));
}

/* Four numbers between three dots. */
static MG_COLD bool decimal_bytes(const char *p, size_t n, unsigned dots)
{
	size_t from = 0;

	for (; dots; dots &= dots - 1) {
		size_t dot = (size_t)__builtin_ctz(dots);
		if (!decimal_byte(p + from, dot - from))
			return false;
		from = dot + 1;
	}
	return decimal_byte(p + from, n - from);
}

/* What lies where in 16 bytes. */
struct host_map {
	unsigned dots, digits, zeros, ones;
};

static inline struct host_map host_map(const char *p)
{
	return (struct host_map){scan_mask_byte(p, '.'), scan_mask_digit(p), scan_mask_byte(p, '0'),
				 scan_mask_byte(p, '1')};
}

/* What the host of `n` bytes, at most 16, at `p` is. */
static inline enum lex_host short_host(const char *p, size_t n, struct host_map map)
{
	unsigned all = (1u << n) - 1, dots = map.dots & all, digits = map.digits & all;
	unsigned starts = dots << 1 | 1; /* where labels begin */

	if (n == 0 || (dots & starts))
		return LEX_HOST_NONE; /* an empty label */
	unsigned label = 31u - (unsigned)__builtin_clz(starts & all);
	if (!(digits >> label & 1))
		return LEX_HOST_NAME; /* the last label is no number */
	unsigned second = dots & (dots - 1), third = second & (second - 1);
	if ((digits | dots) != all || !third || (third & (third - 1)) || third >> (n - 1))
		return LEX_HOST_NONE; /* a dot may end a name, not an address */
	/* labels of three digits that do not begin with 1, or of more, or of several that begin with 0 */
	unsigned two = starts & digits >> 1, three = two & digits >> 2;
	unsigned odd = (three & ~map.ones) | (three & digits >> 3) | (two & map.zeros);
	return !odd || decimal_bytes(p, n, dots) ? LEX_HOST_V4 : LEX_HOST_NONE;
}

/* A host of more than 16 bytes: a name, or nothing. */
static MG_COLD enum lex_host long_host(const char *p, const char *q)
{
	const char *label = p, *last = p;

	for (const char *dot = p; (dot = memchr(dot, '.', (size_t)(q - dot))); label = ++dot) {
		if (dot == label)
			return LEX_HOST_NONE; /* an empty label */
		last = label;
	}
	if (label < q) /* a dot may end a name */
		last = label;
	return lex_is(*last, LEX_DIGIT) ? LEX_HOST_NONE : LEX_HOST_NAME;
}

/* The host that no sixteen bytes can be read for, or that is longer, or a reference. */
static MG_COLD const char *any_host(const char *p, const char *end, enum lex_host *kind,
				    const struct lex_ctx *e)
{
	char copy[SCAN_STEP] = {0};
	size_t left = (size_t)(end - p);

	if (left == 0)
		return p;
	if (*p == '[')
		return ipv6_reference(p, end, kind);
	memcpy(copy, p, left < SCAN_STEP ? left : SCAN_STEP);
	size_t n = (size_t)__builtin_ctz(~scan_mask_plain(copy));
	const char *q = p + n;
	if (n == SCAN_STEP)
		q = lex_wide(q, end, LEX_HOST, e);
	*kind = q - p <= SCAN_STEP ? short_host(copy, n, host_map(copy)) : long_host(p, q);
	return *kind == LEX_HOST_NONE ? p : q;
}

const char *lex_hostname(const char *p, const char *end, enum lex_host *kind,
			 const struct lex_ctx *e)
{
	*kind = LEX_HOST_NONE;
	if (e->room < p + SCAN_STEP)
		return any_host(p, end, kind, e);
	size_t n = (size_t)__builtin_ctz(~scan_mask_plain(p)), left = (size_t)(end - p);
	if (n > left)
		n = left;
	if (n == 0 || n >= SCAN_STEP)
		return any_host(p, end, kind, e);
	*kind = short_host(p, n, host_map(p));
	return *kind == LEX_HOST_NONE ? p : p + n;
}

bool lex_clean(struct sv text)
{
	if (!text.n)
		return true; /* the view of nothing may be NULL */
	const char *end = text.p + text.n, *p = scan_control(text.p, end);

	while (p < end && *p == '\t')
		p = scan_control(p + 1, end);
	return p == end;
}

bool lex_visible(struct sv text)
{
	return text.n && lex_run(text.p, text.p + text.n, LEX_OPAQUE | LEX_WORD) == text.p + text.n;
}
