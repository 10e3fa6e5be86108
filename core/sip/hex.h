/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * hex: hexadecimal digits and "%" HEX HEX escapes, for the files of this room. No checking of whole numbers.
 */
#ifndef MG_SIP_HEX_H
#define MG_SIP_HEX_H

#include "sip/lex.h"

/* The value of a byte of the class LEX_HEX. */
static inline unsigned hex_digit(char c)
{
	return (unsigned)(c & 15) + (c & 64 ? 9 : 0);
}

/* Write `n` bytes as 2n lower-case digits. */
static inline void hex_write(char *out, const uint8_t *in, size_t n)
{
	static const char digits[16] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
}

/* Whether a valid escape (RFC 3261 §25.1 escaped) begins at `p`. */
static inline bool hex_is_escape(const char *p, const char *end)
{
	return end - p >= 3 && *p == '%' && lex_is(p[1], LEX_HEX) && lex_is(p[2], LEX_HEX);
}

/* Take one byte off [p, end), p < end: an escape gives the byte it stands for, anything else itself.
 *
 * Returns    where the next byte begins.
 */
static inline const char *hex_unescape(const char *p, const char *end, unsigned char *out)
{
	if (!hex_is_escape(p, end)) {
		*out = (unsigned char)*p;
		return p + 1;
	}
	*out = (unsigned char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
	return p + 3;
}

#endif
