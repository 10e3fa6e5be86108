/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * be: numbers of up to eight bytes, the highest first, as in tokens, nonces and on the wire. Header only.
 */
#ifndef MG_BASE_BE_H
#define MG_BASE_BE_H

#include <stddef.h>
#include <stdint.h>

/* The lowest `n` bytes of `v`. Returns n. */
static inline size_t be_put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return n;
}

static inline uint64_t be_get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

#endif
