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

#include <arpa/inet.h>

#include "sip/scan.h"

/* alphanum and mark are in all of these */
#define ALNUM                                                                            \
	(LEX_TOKEN | LEX_HOST | LEX_USER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER | \
	 LEX_VALUE | LEX_WORD | LEX_SCHEME | LEX_OPAQUE)
#define MARK \
	(LEX_USER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER | LEX_VALUE | LEX_WORD | LEX_OPAQUE)
#define VISIBLE (LEX_VALUE | LEX_WORD | LEX_OPAQUE)
#define DIGIT   (ALNUM | LEX_DIGIT | LEX_HEX)
#define HEXA    (ALNUM | LEX_ALPHA | LEX_HEX)
#define ALPHA   (ALNUM | LEX_ALPHA)
#define UTF8    (LEX_VALUE | LEX_WORD)

/* designators of neighbouring bytes (ISO C has no ranges) */
#define TWO(c, v)     [c] = (v), [(c) + 1] = (v)
#define FIVE(c, v)    TWO(c, v), TWO((c) + 2, v), [(c) + 4] = (v)
#define SIX(c, v)     TWO(c, v), TWO((c) + 2, v), TWO((c) + 4, v)
#define TEN(c, v)     FIVE(c, v), FIVE((c) + 5, v)
#define TWENTY(c, v)  TEN(c, v), TEN((c) + 10, v)
#define SIXTEEN(c, v) TEN(c, v), SIX((c) + 10, v)

const uint16_t lex_class[256] = {
	['\t'] = LEX_SPACE,
	['\n'] = LEX_SPACE,
	['\r'] = LEX_SPACE,
	[' '] = LEX_SPACE,
	['!'] = MARK | LEX_TOKEN,
	['"'] = LEX_WORD,
	['#'] = VISIBLE | LEX_USER,
	['$'] = VISIBLE | LEX_USER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER,
	['%'] = VISIBLE | LEX_TOKEN,
	['&'] = VISIBLE | LEX_USER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER,
	['\''] = MARK | LEX_TOKEN,
	['('] = MARK,
	[')'] = MARK,
	['*'] = MARK | LEX_TOKEN,
	['+'] = VISIBLE | LEX_TOKEN | LEX_USER | LEX_PASSWORD | LEX_URIPARAM | LEX_URIHEADER |
		LEX_SCHEME,
	[','] = LEX_USER | LEX_PASSWORD | LEX_OPAQUE,
	['-'] = MARK | LEX_TOKEN | LEX_HOST | LEX_SCHEME,
	['.'] = MARK | LEX_TOKEN | LEX_HOST | LEX_SCHEME,
	['/'] = VISIBLE | LEX_USER | LEX_URIPARAM | LEX_URIHEADER,
	TEN('0', DIGIT),
	[':'] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	[';'] = LEX_USER | LEX_OPAQUE,
	['<'] = LEX_WORD,
	['='] = VISIBLE | LEX_USER | LEX_PASSWORD | LEX_URIHEADER,
	['>'] = LEX_WORD,
	['?'] = VISIBLE | LEX_USER | LEX_URIHEADER,
	['@'] = VISIBLE,
	SIX('A', HEXA),
	TWENTY('G', ALPHA),
	['['] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	['\\'] = LEX_WORD | LEX_OPAQUE,
	[']'] = VISIBLE | LEX_URIPARAM | LEX_URIHEADER,
	['^'] = VISIBLE,
	['_'] = MARK | LEX_TOKEN | LEX_HOST,
	['`'] = VISIBLE | LEX_TOKEN,
	SIX('a', HEXA),
	TWENTY('g', ALPHA),
	['{'] = VISIBLE,
	['|'] = VISIBLE,
	['}'] = VISIBLE,
	['~'] = MARK | LEX_TOKEN,
	SIXTEEN(0x80, UTF8),
	SIXTEEN(0x90, UTF8),
	SIXTEEN(0xa0, UTF8),
	SIXTEEN(0xb0, UTF8),
	SIXTEEN(0xc0, UTF8),
	SIXTEEN(0xd0, UTF8),
	SIXTEEN(0xe0, UTF8),
	SIXTEEN(0xf0, UTF8),
};

const char *lex_escaped(const char *p, const char *end, unsigned classes, bool *escaped)
{
	for (;;) {
		p = lex_run(p, end, classes);
		if (end - p < 3 || *p != '%' || !lex_is(p[1], LEX_HEX) || !lex_is(p[2], LEX_HEX))
			return p;
		*escaped = true;
		p += 3;
	}
}

const char *lex_quoted(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && ++p < end && (*p == '\r' || *p == '\n'))
			return NULL;
	}
	return NULL;
}

static const char *ipv6_reference(const char *p, const char *end, enum lex_host *kind)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	const char *q = p + 1;
	size_t n = 0;

	for (; q < end && *q != ']'; q++) {
		if (n == sizeof(text) - 1 || !(lex_is(*q, LEX_HEX) || *q == ':' || *q == '.'))
			return p;
		if (n >= 2 && *q == ':' && text[n - 1] == ':' && text[n - 2] == ':')
			continue; /* ":::" is read as "::" */
		text[n++] = *q;
	}
	text[n] = 0;
	if (q == end || inet_pton(AF_INET6, text, &a) != 1)
		return p;
	*kind = LEX_HOST_V6;
	return q + 1;
}

/* Four decimal bytes without superfluous zeros. */
static bool ipv4(const char *p, const char *end)
{
	for (int i = 0; i < 4; i++) {
		unsigned v = 0;
		const char *from = p;
		while (p < end && p - from < 3 && lex_is(*p, LEX_DIGIT))
			v = v * 10 + (unsigned)(*p++ - '0');
		if (p == from || v > 255 || (*from == '0' && p - from > 1))
			return false;
		if (i < 3 && (p == end || *p++ != '.'))
			return false;
	}
	return p == end;
}

const char *lex_hostname(const char *p, const char *end, enum lex_host *kind)
{
	*kind = LEX_HOST_NONE;
	if (p < end && *p == '[')
		return ipv6_reference(p, end, kind);
	const char *label = p, *q = p;
	for (; q < end && lex_is(*q, LEX_HOST); q++)
		if (*q == '.') {
			if (q == label)
				return p; /* an empty label */
			label = q + 1;
		}
	if (q == p)
		return p;
	if (label == q) { /* one dot may end a name */
		*kind = LEX_HOST_NAME;
		return q;
	}
	if (!lex_is(*label, LEX_DIGIT))
		*kind = LEX_HOST_NAME;
	else if (ipv4(p, q))
		*kind = LEX_HOST_V4;
	else
		return p;
	return q;
}

const char *lex_port(const char *p, const char *end, bool lws, uint16_t *port)
{
	const char *q = lws ? lex_space(p, end) : p;
	unsigned v = 0;

	*port = 0;
	if (q == end || *q != ':')
		return p;
	q++;
	if (lws)
		q = lex_space(q, end);
	const char *from = q;
	while (q < end && q - from < 5 && lex_is(*q, LEX_DIGIT))
		v = v * 10 + (unsigned)(*q++ - '0');
	if (q == from || v == 0 || v > 65535 || (q < end && lex_is(*q, LEX_DIGIT)))
		return NULL;
	*port = (uint16_t)v;
	return q;
}

bool lex_clean(struct sv text)
{
	const char *end = text.p + text.n, *p = scan_control(text.p, end);

	while (p < end && *p == '\t')
		p = scan_control(p + 1, end);
	return p == end;
}
