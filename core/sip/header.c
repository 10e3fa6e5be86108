/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header: rows of the header table and the look-up by name, which the parser does for every line.
 */
#include "sip/header.h"

#include "sip/header_hash.h"
#include "sip/scan.h"

#define HEADER_NAME_PAD 32 /* every name in the table is shorter */

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

/* Names padded with NUL, compared sixteen bytes at a time. */
static const char names[SIP_H_END][HEADER_NAME_PAD] = {
#define HEADER_NAME(sym, name, compact, shape, count) [SIP_H_##sym] = name,
	SIP_HEADER_TABLE(HEADER_NAME)
#undef HEADER_NAME
};

const struct sip_header *sip_header(enum sip_hid id)
{
	return &rows[id];
}

enum sip_hid sip_header_find(struct sv name, size_t readable)
{
	char copy[HEADER_NAME_PAD] = {0};
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
	if (rows[id].name.n != n || id == SIP_H_OTHER)
		return SIP_H_OTHER;
	const char *p = name.p;
	if (readable < HEADER_NAME_PAD) {
		memcpy(copy, name.p, n);
		p = copy;
	}
	return scan_ieq(p, names[id], n) ? id : SIP_H_OTHER;
}
