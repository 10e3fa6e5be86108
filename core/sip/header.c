/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header: rows of the header table and the look-up by name.
 */
#include "sip/header.h"

#include "sip/header_find.h"

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

enum sip_hid sip_header_find(struct sv name, size_t readable)
{
	return header_find(name.p, name.n, readable);
}
