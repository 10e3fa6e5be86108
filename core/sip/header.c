/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header: rows of the header table and the look-up by name, which the parser does for every line.
 */
#include "sip/header.h"

#include "sip/header_hash.h"
#include "sip/scan.h"

static const struct sip_header rows[SIP_H_END] = {[SIP_H_OTHER] = {{"", 0},
								   "Missing Header",
								   "Duplicate Header",
								   "Bad Header",
								   "Too Many Header Values",
								   SIP_SHAPE_TEXT,
								   SIP_LINES,
								   0},
#define HEADER_ROW(sym, name, compact, shape, count)                                           \
	[SIP_H_##sym] = {                                                                      \
		{name, sizeof(name) - 1},   "Missing " name,   "Duplicate " name, "Bad " name, \
		"Too Many " name " Values", SIP_SHAPE_##shape, SIP_##count,       compact},
						  SIP_HEADER_TABLE(HEADER_ROW)
#undef HEADER_ROW
};

const struct sip_header *sip_header(enum sip_hid id)
{
	return &rows[id];
}

/* A name too near to the end of what may be read. */
static __attribute__((noinline)) bool same_name(const char *p, enum sip_hid id, size_t n)
{
	char copy[HEADER_NAME_PAD] = {0};

	memcpy(copy, p, n);
	return scan_name(copy, header_lower[id], n);
}

enum sip_hid sip_header_find(struct sv name, size_t readable)
{
	const unsigned char *b = (const unsigned char *)name.p;
	size_t n = name.n;

	if (n == 1)
		return (b[0] | 0x20) >= 'a' && (b[0] | 0x20) <= 'z' ? header_compact[b[0] & 31]
								    : SIP_H_OTHER;
	if (n == 0 || n >= HEADER_NAME_PAD)
		return SIP_H_OTHER;
	uint32_t key = (uint32_t)b[0] | (uint32_t)b[n / 2] << 8 | (uint32_t)b[n - 2] << 16 |
		       (uint32_t)b[n - 1] << 24;
	key = ((key | 0x20202020u) + (uint32_t)n * HEADER_HASH_ADD) * HEADER_HASH_MUL;
	enum sip_hid id = header_hash[key >> (32 - HEADER_HASH_BITS)];
	if (header_length[id] != n)
		return SIP_H_OTHER;
	bool same = readable >= HEADER_NAME_PAD ? scan_name(name.p, header_lower[id], n)
						: same_name(name.p, id, n);
	return same ? id : SIP_H_OTHER;
}
