/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ctime: the two operations on secrets that a plain memcmp and memset do badly. No cryptography.
 * Called by whoever compares digests, MACs and passwords, or lets go of a key.
 */
#ifndef MG_BASE_CTIME_H
#define MG_BASE_CTIME_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the `n` bytes at `a` and `b` are the same, in a time that depends on `n` alone. Lengths
 * are not secret: compare them first. n == 0 is true.
 */
bool mg_memeq_ct(const void *a, const void *b, size_t n);

/* Overwrite `n` bytes with zeros, also when the compiler sees that nobody reads them again. */
void mg_wipe(void *p, size_t n);

#endif
