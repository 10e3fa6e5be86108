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

enum {
	LEX_TOKEN = 1 << 0, /* token */
	LEX_HOST = 1 << 1, /* alphanum, "-", "." and the "_" that many networks use in host names */
	LEX_USER =
		1
		<< 2, /* unreserved and user-unreserved, and the "#" that many phones dial unescaped */
	LEX_PASSWORD = 1 << 3,  /* password without escapes */
	LEX_URIPARAM = 1 << 4,  /* paramchar without escapes */
	LEX_URIHEADER = 1 << 5, /* hname, hvalue, "=" and "&" without escapes */
	LEX_VALUE =
		1
		<< 6, /* value of a header parameter: gen-value and what else ends at no delimiter, UTF-8 too */
	LEX_WORD = 1 << 7,  /* visible and not ";" or ",": the value of a token-shaped header */
	LEX_SPACE = 1 << 8, /* SP, HTAB, CR, LF */
	LEX_HEX = 1 << 9,
	LEX_DIGIT = 1 << 10,
	LEX_ALPHA = 1 << 11,
	LEX_SCHEME = 1 << 12, /* alphanum, "+", "-", "." */
	LEX_OPAQUE = 1 << 13, /* what a URI of an unknown scheme may hold: visible ASCII but <> " */
};

extern const uint16_t lex_class[256];

/* The first error of a value: position and fault. Filled once by the scanner that fails. */
struct lex_err {
	const char *pos;
	uint8_t fault; /* enum sip_fault; SIP_FAULT_BAD when nothing more exact is known */
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

/* Past white space and folds. */
static inline const char *lex_space(const char *p, const char *end)
{
	while (p < end && lex_is(*p, LEX_SPACE))
		p++;
	return p;
}

/* NULL, with the error filled: for `return lex_fail(e, p, SIP_FAULT_BAD);`. */
static inline const char *lex_fail(struct lex_err *e, const char *pos, enum sip_fault fault)
{
	e->pos = pos;
	e->fault = (uint8_t)fault;
	return NULL;
}

/* Run over bytes of `classes` and valid "%" HEX HEX escapes (§25.1 escaped).
 *
 * Returns    where it stopped; a "%" that begins no escape stops it too. `*escaped` is set when it saw one.
 */
const char *lex_escaped(const char *p, const char *end, unsigned classes, bool *escaped);

/* The end of a quoted-string whose opening quote is at `p` (§25.1: quoted-pair takes any byte but CR and LF).
 * Returns the byte after the closing quote, NULL when it is never closed. */
const char *lex_quoted(const char *p, const char *end);

enum lex_host { LEX_HOST_NONE, LEX_HOST_NAME, LEX_HOST_V4, LEX_HOST_V6 };

/* Read a host (§25.1): name, IPv4 address, or IPv6 reference in brackets. A name whose last label begins with a
 * digit must be an IPv4 address. Inside brackets the three colons of RFC 5118 §4.10 are taken.
 *
 * kind       What it is; LEX_HOST_NONE on failure.
 * Returns    where the host ends, `p` when there is none.
 */
const char *lex_hostname(const char *p, const char *end, enum lex_host *kind);

/* Read ":" port (1 to 5 digits, at most 65535) when the next byte is a colon, white space around it allowed when
 * `lws` says so (§25.1 COLON). `*port` is 0 when there is none; port 0 itself is refused.
 *
 * Returns    where it ends, NULL on a colon without a valid port.
 */
const char *lex_port(const char *p, const char *end, bool lws, uint16_t *port);

/* 1*token-char. */
static inline bool lex_is_token(struct sv text)
{
	return text.n && lex_run(text.p, text.p + text.n, LEX_TOKEN) == text.p + text.n;
}

/* Text of our own that stays within its header line: no control byte but HTAB. */
bool lex_clean(struct sv text);

#endif
