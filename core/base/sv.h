/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sv: a view of text that somebody else owns. Not terminated, may hold any byte, valid as long as
 * its owner. Comparison is by bytes or ASCII case-insensitive; no locale anywhere.
 */
#ifndef MG_BASE_SV_H
#define MG_BASE_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct sv {
	const char *p;
	size_t n;
};

/* The view of a string literal. */
#define SV(lit) ((struct sv){"" lit, sizeof(lit) - 1})

/* The same for the initialiser of a static table, where C takes no compound literal. */
#define SV_INIT(lit)                    \
	{                               \
		"" lit, sizeof(lit) - 1 \
	}

/* For printf: printf("%.*s", SV_ARG(v)). */
#define SV_ARG(v) (int)(v).n, (v).p

/* The view of `n` bytes at `p`. */
static inline struct sv sv_of(const char *p, size_t n)
{
	return (struct sv){p, n};
}

/* The view from `p` up to, not including, `end`. */
static inline struct sv sv_span(const char *p, const char *end)
{
	return (struct sv){p, (size_t)(end - p)};
}

/* The view of a terminated string; NULL gives the empty view. */
static inline struct sv sv_str(const char *s)
{
	return (struct sv){s ? s : "", s ? strlen(s) : 0};
}

/* Same bytes. */
static inline bool sv_eq(struct sv a, struct sv b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Same bytes but for the case of ASCII letters. */
bool sv_ieq(struct sv a, struct sv b);

/* Order as memcmp does, then by length; the case of ASCII letters is ignored. Returns below 0, 0
 * or above. */
int sv_icmp(struct sv a, struct sv b);

/* `a` begins with `b`. */
static inline bool sv_starts(struct sv a, struct sv b)
{
	return a.n >= b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

/* Offset of the first byte `c`, or a.n when there is none. */
static inline size_t sv_find(struct sv a, char c)
{
	const char *q = a.n ? memchr(a.p, c, a.n) : NULL;
	return q ? (size_t)(q - a.p) : a.n;
}

/* Without SP, HTAB, CR and LF at either end. */
struct sv sv_trim(struct sv a);

/* Read a decimal number made of ASCII digits only (no sign, no space), at most `max`. Leading zeros
 * count for nothing, however many: the length of the text is no limit, its value is.
 *
 * out        Untouched on failure.
 * Returns    0, MG_EPARSE when `a` is empty or holds another byte, MG_ERANGE when it is above
 * `max`.
 */
MG_MUST_CHECK int sv_u64(struct sv a, uint64_t max, uint64_t *out);

/* As sv_u64, for 32 bits. */
MG_MUST_CHECK int sv_u32(struct sv a, uint32_t max, uint32_t *out);

/* The ASCII lower case of one byte. */
static inline char sv_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

#endif
