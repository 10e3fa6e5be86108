/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header_find: the look-up of a header by name, inline for the parser, which does it for every line. Others call
 * sip_header_find.
 */
#ifndef MG_SIP_HEADER_FIND_H
#define MG_SIP_HEADER_FIND_H

#include <string.h>

#include "sip/header.h"
#include "sip/header_hash.h"
#include "sip/scan.h"

/* A name too near to the end of what may be read. */
static MG_COLD __attribute__((unused)) bool header_same(const char *p, enum sip_hid id, size_t n)
{
	char copy[HEADER_NAME_PAD] = {0};

	memcpy(copy, p, n);
	return scan_name(copy, header_lower[id], n);
}

/* As sip_header_find, for the `n` bytes at `p`. */
static inline enum sip_hid header_find(const char *p, size_t n, size_t readable)
{
	const unsigned char *b = (const unsigned char *)p;

	if (n - 2 >= HEADER_NAME_PAD - 2) {
		if (n != 1 || (b[0] | 0x20) < 'a' || (b[0] | 0x20) > 'z')
			return SIP_H_OTHER;
		return header_compact[b[0] & 31];
	}
	uint32_t key = (uint32_t)b[0] | (uint32_t)b[n / 2] << 8 | (uint32_t)b[n - 2] << 16 |
		       (uint32_t)b[n - 1] << 24;
	key = ((key | 0x20202020u) + (uint32_t)n * HEADER_HASH_ADD) * HEADER_HASH_MUL;
	enum sip_hid id = header_hash[key >> (32 - HEADER_HASH_BITS)];
	if (header_length[id] != n)
		return SIP_H_OTHER;
	size_t step = n <= SCAN_STEP ? SCAN_STEP : HEADER_NAME_PAD; /* what scan_name reads */
	bool same = readable >= step ? scan_name(p, header_lower[id], n) : header_same(p, id, n);
	return same ? id : SIP_H_OTHER;
}

#endif
