/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench: what every subject of the parse benchmark shares: the list of typed values, and their checksum. The
 * driver (bench.c) reads messages, calls the subject and takes the time; a subject is one file with
 * subject_start() and subject_parse().
 *
 * The checksum is a sum over fields of a 64-bit hash of (field, position in its list, bytes), so it costs a
 * few ns a field and fields need not come in any order. Everyone pays the same for it.
 */
#ifndef BENCH_PARSE_BENCH_H
#define BENCH_PARSE_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Typed values, as written on the wire: no case folded, no escape decoded, IPv6 addresses without brackets.
 * A header that is absent adds nothing, but for Max-Forwards, Expires and Content-Length, which add
 * SUM_ABSENT. In one that is there an absent text counts as empty and an absent port as 0. The number of a
 * tel URI is its user. */
enum field {
	F_METHOD = 1,
	F_RURI,
	F_STATUS = F_RURI + 3,
	F_VIA_HOST,
	F_VIA_PORT,
	F_VIA_BRANCH,
	F_FROM,
	F_FROM_TAG = F_FROM + 3,
	F_TO,
	F_TO_TAG = F_TO + 3,
	F_CALL_ID,
	F_CSEQ,
	F_CSEQ_METHOD,
	F_CONTACT,
	F_CONTACT_STAR = F_CONTACT + 3,
	F_MAX_FORWARDS,
	F_EXPIRES,
	F_CONTENT_LENGTH,
	F_ROUTE, /* these two: one per entry, `nth` counts them from 0 over all header lines */
	F_RECORD_ROUTE = F_ROUTE + 4
};

/* Parts of a URI, added to its field. */
enum { URI_USER, URI_HOST, URI_PORT, URI_LR };

#define SUM_ABSENT UINT64_MAX

struct typed_sum {
	uint64_t h;
};

/* Bring the parser up; once, before anything is timed. Returns 0 or -1. */
int subject_start(void);

/* Parse `len` bytes at `msg`, which hold one message, type its routing headers, add every value to `sum`, free
 * what was allocated. `msg` is not terminated and must be left as it is.
 *
 * Returns 0, or -1 when the parser refuses the message or one of the typed values; `sum` is then of no use.
 */
int subject_parse(const char *msg, size_t len, struct typed_sum *sum);

/* With BENCH_SHOW a subject also prints its typed values, to find out what two subjects disagree about. */
#ifdef BENCH_SHOW
void show_text(unsigned field, unsigned nth, const char *p, size_t n);
void show_number(unsigned field, unsigned nth, uint64_t value);
#else
static inline void show_text(unsigned field, unsigned nth, const char *p, size_t n)
{
	(void)field;
	(void)nth;
	(void)p;
	(void)n;
}

static inline void show_number(unsigned field, unsigned nth, uint64_t value)
{
	(void)field;
	(void)nth;
	(void)value;
}
#endif

static inline uint64_t sum_mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 product = (u128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t sum_load8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t sum_load4(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Add the text `n` bytes at `p`, value `field` of entry `nth`. */
static inline void sum_text(struct typed_sum *sum, unsigned field, unsigned nth, const char *p,
			    size_t n)
{
	uint64_t seed = (field + 64 * (uint64_t)nth + 65536 * (uint64_t)n) * 0x9e3779b97f4a7c15u;
	uint64_t a = 0, b = 0;

	show_text(field, nth, p, n);
	for (; n > 16; p += 8, n -= 8)
		seed = (seed ^ sum_load8(p)) * 0xe7037ed1a0b428dbu;
	if (n >= 8) {
		a = sum_load8(p);
		b = sum_load8(p + n - 8);
	} else if (n >= 4) {
		a = sum_load4(p);
		b = sum_load4(p + n - 4);
	} else if (n > 0) {
		a = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 |
		    (uint8_t)p[n - 1];
	}
	sum->h += sum_mix(a ^ 0xa0761d6478bd642fu, b ^ seed);
}

/* The same for a terminated text; NULL is empty. */
static inline void sum_str(struct typed_sum *sum, unsigned field, unsigned nth, const char *s)
{
	sum_text(sum, field, nth, s, s ? strlen(s) : 0);
}

static inline void sum_number(struct typed_sum *sum, unsigned field, unsigned nth, uint64_t value)
{
	uint64_t seed = (field + 64 * (uint64_t)nth + 1) * 0x9e3779b97f4a7c15u;
	show_number(field, nth, value);
	sum->h += sum_mix(value ^ 0xa0761d6478bd642fu, seed);
}

#endif
