/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * scan: sixteen bytes at a time, for the parser's inner loops: SSE2 where the machine has it (every x86-64 has),
 * plain C elsewhere. Every function reads exactly the bytes it names.
 */
#ifndef MG_SIP_SCAN_H
#define MG_SIP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SCAN_STEP 16

#if defined(__SSE2__) && !defined(MG_SCAN_PORTABLE)
#include <emmintrin.h>

/* Bit i is set where p[i] is `c`; reads 16 bytes. */
static inline unsigned scan_mask_byte(const char *p, char c)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
}

/* Bit i is set where p[i] is below SP or is DEL; reads 16 bytes. */
static inline unsigned scan_mask_control(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	return (unsigned)_mm_movemask_epi8(
		_mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f))));
}

/* Where a byte lies in [first, last]: one addition moves the range to the upper end of the signed numbers. */
static inline __m128i scan_range(__m128i v, char first, char last)
{
	__m128i moved = _mm_add_epi8(v, _mm_set1_epi8((char)(127 - last)));
	return _mm_cmpgt_epi8(moved, _mm_set1_epi8((char)(126 - (last - first))));
}

/* Bit i is set where p[i] is a digit; reads 16 bytes. */
static inline unsigned scan_mask_digit(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	return (unsigned)_mm_movemask_epi8(scan_range(v, '0', '9'));
}

/* Bit i is set where p[i] is a letter, a digit, "-", "." or "_"; reads 16 bytes. */
static inline unsigned scan_mask_plain(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i letter = scan_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
	__m128i digit = scan_range(v, '0', '9');
	__m128i point =
		_mm_or_si128(scan_range(v, '-', '.'), _mm_cmpeq_epi8(v, _mm_set1_epi8('_')));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), point));
}

/* Bit i is set where p[i] is name[i] in either case; `name` is letters in lower case and "-". Reads 16 bytes of both. */
static inline unsigned scan_mask_name(const char *p, const char *name)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i n = _mm_loadu_si128((const __m128i *)(const void *)name);
	__m128i same = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), n);
	/* CR with 0x20 set is "-" */
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(control, same));
}

/* The number that the `n` digits at `p` say, 1 to 8 of them; reads 8 bytes. The shift brings the last digit to the
 * upper end of the word and zeros before the first; then neighbours are joined: digits to pairs, pairs to fours, these
 * to the number. */
static inline uint32_t scan_number(const char *p, size_t n)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v <<= 64 - 8 * n;
	v = (v & 0x0f0f0f0f0f0f0f0f) * (10 << 8 | 1) >> 8;
	v = (v & 0x00ff00ff00ff00ff) * (100 << 16 | 1) >> 16;
	return (uint32_t)((v & 0x0000ffff0000ffff) * (10000ULL << 32 | 1) >> 32);
}

#else

static inline unsigned scan_mask_byte(const char *p, char c)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++)
		m |= (unsigned)(p[i] == c) << i;
	return m;
}

static inline unsigned scan_mask_control(const char *p)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++)
		m |= (unsigned)((unsigned char)p[i] < 0x20 || p[i] == 0x7f) << i;
	return m;
}

static inline unsigned scan_mask_digit(const char *p)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++)
		m |= (unsigned)(p[i] >= '0' && p[i] <= '9') << i;
	return m;
}

static inline unsigned scan_mask_plain(const char *p)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++) {
		unsigned char c = (unsigned char)p[i], low = c | 0x20;
		bool plain = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			     c == '.' || c == '_';
		m |= (unsigned)plain << i;
	}
	return m;
}

static inline unsigned scan_mask_name(const char *p, const char *name)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++)
		m |= (unsigned)((unsigned char)p[i] >= 0x20 && (p[i] | 0x20) == name[i]) << i;
	return m;
}

static inline uint32_t scan_number(const char *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint32_t)(p[i] - '0');
	return v;
}

#endif

/* The `n` bytes (at most 32) at `p` are `name` in either case; both must have 16 readable bytes, 32 when `n` is above 16. */
static inline bool scan_name(const char *p, const char *name, size_t n)
{
	unsigned miss = ~scan_mask_name(p, name);

	if (n <= SCAN_STEP)
		return (miss & ((1u << n) - 1)) == 0;
	return (miss & 0xffff) == 0 && (~scan_mask_name(p + SCAN_STEP, name + SCAN_STEP) &
					((1u << (n - SCAN_STEP)) - 1)) == 0;
}

/* The first byte in [p, end) that is `c`, else end. Where fewer than sixteen bytes are left, the last step goes over some
 * again, none of which is `c`. */
static inline const char *scan_byte(const char *p, const char *end, char c)
{
	if (end - p >= SCAN_STEP) {
		const char *last = end - SCAN_STEP;
		unsigned m;
		for (; p < last; p += SCAN_STEP) {
			m = scan_mask_byte(p, c);
			if (m)
				return p + __builtin_ctz(m);
		}
		m = scan_mask_byte(last, c);
		return m ? last + __builtin_ctz(m) : end;
	}
	while (p < end && *p != c)
		p++;
	return p;
}

/* The first byte in [p, end) that is below SP or is DEL, else end; in steps as scan_byte. */
static inline const char *scan_control(const char *p, const char *end)
{
	if (end - p >= SCAN_STEP) {
		const char *last = end - SCAN_STEP;
		unsigned m;
		for (; p < last; p += SCAN_STEP) {
			m = scan_mask_control(p);
			if (m)
				return p + __builtin_ctz(m);
		}
		m = scan_mask_control(last);
		return m ? last + __builtin_ctz(m) : end;
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != 0x7f)
		p++;
	return p;
}

#endif
