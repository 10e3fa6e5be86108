/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ctime: comparison and wiping of secrets.
 */
#include "base/ctime.h"

#include <string.h>

bool mg_memeq_ct(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *p = a,
				     *q = b; /* volatile: no early exit, no vectorised memcmp */
	unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (unsigned char)(diff | (p[i] ^ q[i]));
	return diff == 0;
}

void mg_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}
