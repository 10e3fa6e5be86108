/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lex: character classes of RFC 3261 §25.1 and the scanners that every value parser of this room is made of. They
 * take a pointer and an end and return where they stopped. White space inside a value includes CR and LF: the
 * index (parse.c) has made sure that they stand there only as part of a fold (§7.3.1).
 */
#ifndef MG_SIP_LEX_H
#define MG_SIP_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/scan.h"

/* clang-format off */
enum {
	LEX_TOKEN     = 1 << 0,  /* token */
	LEX_HOST      = 1 << 1,  /* alphanum, "-", "." and the "_" that many networks use in host names */
	LEX_USER      = 1 << 2,  /* unreserved and user-unreserved, and the "#" that many phones dial unescaped */
	LEX_PASSWORD  = 1 << 3,  /* password without escapes */
	LEX_URIPARAM  = 1 << 4,  /* paramchar without escapes */
	LEX_URIHEADER = 1 << 5,  /* hname, hvalue, "=" and "&" without escapes */
	LEX_VALUE     = 1 << 6,  /* value of a header parameter: gen-value and what else ends at no delimiter, UTF-8 too */
	LEX_WORD      = 1 << 7,  /* visible and not ";" or ",": the value of a token-shaped header */
	LEX_SPACE     = 1 << 8,  /* SP, HTAB, CR, LF */
	LEX_HEX       = 1 << 9,
	LEX_DIGIT     = 1 << 10,
	LEX_ALPHA     = 1 << 11,
	LEX_SCHEME    = 1 << 12, /* alphanum, "+", "-", "." */
	LEX_OPAQUE    = 1 << 13, /* what a URI of an unknown scheme may hold: visible ASCII but <> " */
	LEX_BAREUSER  = 1 << 14, /* LEX_USER without what ends a URI that stands in no brackets */
	LEX_DISPLAY   = 1 << 15, /* an unquoted display name: tokens, white space, UTF-8 */
};
/* clang-format on */

extern const uint16_t lex_class[256];

/* What a value's scanners share: how far the bytes behind the value may be read (they are not looked at, but sixteen
 * at a time go faster), and the first error, filled once by the scanner that fails. */
struct lex_ctx {
	const char *pos;
	uint8_t fault;    /* enum sip_fault; SIP_FAULT_BAD when nothing more exact is known */
	const char *room; /* end of the readable bytes; NULL: the end of the value */
};

static inline bool lex_is(char c, unsigned classes)
{
	return (lex_class[(unsigned char)c] & classes) != 0;
}

static inline const char *lex_run(const char *p, const char *end, unsigned classes)
{
	while (p < end && lex_is(*p, classes))
		p++;
	return p;
}

/* As lex_run, in steps of sixteen bytes where the room is there. Every class that is asked for here holds letters,
 * digits, "-", "." and "_", which real values are mostly made of. */
static inline const char *lex_wide(const char *p, const char *end, unsigned classes,
				   const struct lex_ctx *e)
{
	for (;;) {
		while (e->room >= p + SCAN_STEP) {
			unsigned m = ~scan_mask_plain(p) & 0xffff;
			p += m ? (unsigned)__builtin_ctz(m) : SCAN_STEP;
			if (m || p >= end)
				break;
		}
		if (p >= end)
			return end;
		if (!lex_is(*p, classes))
			return p;
		/* several of these in a row cost a step each, not a look at sixteen bytes each */
		do
			p++;
		while (p < end && lex_is(*p, classes) && !lex_is(*p, LEX_HOST));
	}
}

/* Past white space and folds. */
static inline const char *lex_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ' && lex_is(*p, LEX_SPACE))
		p++;
	return p;
}

/* NULL, with the error filled: for `return lex_fail(e, p, SIP_FAULT_BAD);`. */
static inline const char *lex_fail(struct lex_ctx *e, const char *pos, enum sip_fault fault)
{
	e->pos = pos;
	e->fault = (uint8_t)fault;
	return NULL;
}

/* The rest of lex_escaped from a "%" on. */
const char *lex_escaped_on(const char *p, const char *end, unsigned classes, bool *escaped,
			   const struct lex_ctx *e);

/* Run over bytes of `classes` and valid "%" HEX HEX escapes (§25.1 escaped).
 *
 * Returns    where it stopped; a "%" that begins no escape stops it too. `*escaped` is set when it saw one.
 */
static inline const char *lex_escaped(const char *p, const char *end, unsigned classes,
				      bool *escaped, const struct lex_ctx *e)
{
	p = lex_wide(p, end, classes, e);
	return p < end && *p == '%' ? lex_escaped_on(p, end, classes, escaped, e) : p;
}

/* The end of a quoted-string whose opening quote is at `p` (§25.1: quoted-pair takes any byte but CR and LF).
 * Returns the byte after the closing quote, NULL when it is never closed. */
const char *lex_quoted(const char *p, const char *end, const struct lex_ctx *e);

enum lex_host { LEX_HOST_NONE, LEX_HOST_NAME, LEX_HOST_V4, LEX_HOST_V6 };

/* Read a host (§25.1): name, IPv4 address, or IPv6 reference in brackets. A name whose last label begins with a
 * digit must be an IPv4 address. Inside brackets the three colons of RFC 5118 §4.10 are taken.
 *
 * kind       What it is; LEX_HOST_NONE on failure.
 * Returns    where the host ends, `p` when there is none.
 */
const char *lex_hostname(const char *p, const char *end, enum lex_host *kind,
			 const struct lex_ctx *e);

/* Read a port: 1 to 5 digits, 1 to 65535. Returns where it ends, NULL when there is none such. */
static inline const char *lex_port(const char *p, const char *end, uint16_t *port,
				   const struct lex_ctx *e)
{
	size_t n = 0, left = (size_t)(end - p);
	uint32_t v = 0;

	if (e->room >= p + SCAN_STEP) {
		n = (size_t)__builtin_ctz(~scan_mask_digit(p));
		if (n > left)
			n = left;
		if (n - 1 > 4)
			return NULL;
		v = scan_number(p, n);
	} else {
		for (; n < left && lex_is(p[n], LEX_DIGIT); n++) {
			if (n == 5)
				return NULL;
			v = v * 10 + (uint32_t)(p[n] - '0');
		}
	}
	*port = (uint16_t)v;
	return v - 1 < 65535 ? p + n : NULL;
}

/* 1*token-char. */
static inline bool lex_is_token(struct sv text)
{
	return text.n && lex_run(text.p, text.p + text.n, LEX_TOKEN) == text.p + text.n;
}

/* Text of our own that stays within its header line: no control byte but HTAB. */
bool lex_clean(struct sv text);

/* Visible bytes only, at least one: what can stand as a Request-URI without ending it. */
bool lex_visible(struct sv text);

#endif
