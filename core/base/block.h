/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * block: memory of a kilobyte or two that comes and goes with every message. malloc takes the long way for that size, splitting and joining what neighbours it; here
 * freed blocks go round in a bounded list of each thread. Not for what lives long: a block is as large as the largest. Called by whoever holds messages.
 */
#ifndef MG_BASE_BLOCK_H
#define MG_BASE_BLOCK_H

#include <stddef.h>

#define BLOCK_FROM 1024 /* up to so many bytes malloc is as quick */
#define BLOCK_SIZE 2112 /* 2 KiB and a head; beyond it blocks are malloc's too */

/* `n` bytes, aligned as malloc's, unset; NULL without memory. */
void *block_new(size_t n);

/* Give back what block_new(n) returned, to the list of this thread, whichever thread it is from. NULL is fine. */
void block_free(void *p, size_t n);

#endif
