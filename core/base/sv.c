/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sv: comparison, trimming and numbers of text views.
 */
#include "base/sv.h"

bool sv_ieq(struct sv a, struct sv b)
{
	return a.n == b.n && sv_icmp(a, b) == 0;
}

int sv_icmp(struct sv a, struct sv b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		int d = (unsigned char)sv_lower(a.p[i]) - (unsigned char)sv_lower(b.p[i]);
		if (d)
			return d;
	}
	return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct sv sv_trim(struct sv a)
{
	while (a.n && is_space(a.p[a.n - 1]))
		a.n--;
	while (a.n && is_space(a.p[0])) {
		a.p++;
		a.n--;
	}
	return a;
}

int sv_u64(struct sv a, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;

	if (a.n == 0)
		return MG_EPARSE;
	for (size_t i = 0; i < a.n; i++) {
		unsigned d = (unsigned char)a.p[i] - (unsigned)'0';
		if (d > 9)
			return MG_EPARSE;
		/* v * 10 + d > max, said without overflow; a later non-digit is still a syntax
		 * error */
		if (over || v > max / 10 || (v == max / 10 && d > max % 10))
			over = true;
		else
			v = v * 10 + d;
	}
	if (over)
		return MG_ERANGE;
	*out = v;
	return 0;
}

int sv_u32(struct sv a, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int err = sv_u64(a, max, &v);

	if (err)
		return err;
	*out = (uint32_t)v;
	return 0;
}
