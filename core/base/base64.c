/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * base64: six bits a letter, the first bits first. What the bytes mean is not known here.
 */
#include "base/base64.h"

static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_write(char *out, const uint8_t *raw, size_t n)
{
	size_t at = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | raw[i];
		for (have += 8; have >= 6; have -= 6)
			out[at++] = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out[at++] = letters[bits << (6 - have) & 63];
	return at;
}

/* -1: none. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64_read(uint8_t *out, struct sv text)
{
	size_t at = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < text.n; i++) {
		int v = value_of(text.p[i]);

		if (v < 0)
			return MG_EPARSE;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[at++] = (uint8_t)(bits >> have);
		}
	}
	return have >= 6 || (bits & ((1U << have) - 1)) != 0 ? MG_EPARSE : (int)at;
}
