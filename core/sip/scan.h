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

/* The first 16 bytes at `p`, ASCII letters in lower case, compared with `q` likewise; bit i set where equal. */
static inline unsigned scan_mask_ieq(const char *p, const char *q)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)q);
	__m128i bl = _mm_or_si128(b, _mm_set1_epi8(0x20));
	/* only where q holds a letter may the two differ by the case bit */
	__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(bl, _mm_set1_epi8('a' - 1)),
				       _mm_cmplt_epi8(bl, _mm_set1_epi8('z' + 1)));
	__m128i diff =
		_mm_andnot_si128(_mm_and_si128(letter, _mm_set1_epi8(0x20)), _mm_xor_si128(a, b));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(diff, _mm_setzero_si128()));
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

static inline unsigned scan_mask_ieq(const char *p, const char *q)
{
	unsigned m = 0;

	for (unsigned i = 0; i < SCAN_STEP; i++) {
		unsigned char a = (unsigned char)p[i], b = (unsigned char)q[i], l = b | 0x20;
		unsigned char fold = l >= 'a' && l <= 'z' ? 0x20 : 0;
		m |= (unsigned)(((a ^ b) & (unsigned char)~fold) == 0) << i;
	}
	return m;
}

#endif

/* The `n` bytes (at most 32) at `p` and `q` are equal but for the case of ASCII letters; both must have 32
 * readable bytes. */
static inline bool scan_ieq(const char *p, const char *q, size_t n)
{
	unsigned miss = ~scan_mask_ieq(p, q);

	if (n <= SCAN_STEP)
		return (miss & ((1u << n) - 1)) == 0;
	return (miss & 0xffff) == 0 &&
	       (~scan_mask_ieq(p + SCAN_STEP, q + SCAN_STEP) & ((1u << (n - SCAN_STEP)) - 1)) == 0;
}

/* The first byte in [p, end) that is `c`, else end. */
static inline const char *scan_byte(const char *p, const char *end, char c)
{
	for (; end - p >= SCAN_STEP; p += SCAN_STEP) {
		unsigned m = scan_mask_byte(p, c);
		if (m)
			return p + __builtin_ctz(m);
	}
	while (p < end && *p != c)
		p++;
	return p;
}

/* The first byte in [p, end) that is below SP or is DEL, else end. */
static inline const char *scan_control(const char *p, const char *end)
{
	for (; end - p >= SCAN_STEP; p += SCAN_STEP) {
		unsigned m = scan_mask_control(p);
		if (m)
			return p + __builtin_ctz(m);
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != 0x7f)
		p++;
	return p;
}

#endif
