/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rand: random bytes from the kernel, and identifiers made of them (tags, branches, Call-IDs,
 * nonces, keys). No generator of our own, hence nothing to seed. Called by whatever mints a name
 * that a stranger must not guess.
 */
#ifndef MG_BASE_RAND_H
#define MG_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RAND_POOL 512

/* Bits of chance in each character of rand_token. */
#define RAND_TOKEN_BITS 6

/* A pool of bytes from the kernel, so that one system call serves some dozens of identifiers. Each
 * byte is used once and wiped. Embedded in its owner, one thread only. After fork both sides would
 * hand out the same bytes: the child calls rand_init before anything else.
 */
struct rnd {
	uint8_t pool[RAND_POOL];
	size_t left; /* the last `left` bytes of the pool are unused */
};

/* Fill `n` bytes at `out` straight from the kernel: for keys, and for who has no pool.
 *
 * Returns    0, or a negated errno value of getrandom; then `out` holds nothing that may be used.
 *            Waits only before the kernel's own pool is ready, early after boot.
 */
MG_MUST_CHECK int rand_system(void *out, size_t n);

/* Begin, or begin again after fork, with an empty pool. Cannot fail: the first use fills it. */
void rand_init(struct rnd *r);

/* Wipe the pool. */
void rand_done(struct rnd *r);

/* Fill `n` bytes at `out`. Errors as rand_system; never weaker bytes instead. */
MG_MUST_CHECK int rand_bytes(struct rnd *r, void *out, size_t n);

/* A number from 0 to bound - 1, each as likely (for jitter, weights, ports).
 *
 * bound      At least 1.
 * out        Untouched on failure. Errors as rand_system.
 */
MG_MUST_CHECK int rand_below(struct rnd *r, uint32_t bound, uint32_t *out);

/* Write `n` characters, without a NUL, out of A-Z a-z 0-9 "-" "_": each is a token character of
 * RFC 3261 §25.1 and needs no escape in a URI.
 *
 * A character carries RAND_TOKEN_BITS = 6 bits as long as it is compared byte by byte. Parameters
 * such as tag and branch are compared without regard to case (§7.3.1), which leaves about 5.2 bits:
 * 16 characters of them keep 80 bits, 25 keep 128.
 *
 * Returns    0, or an error as rand_system; then `out` is wiped, not weak.
 */
MG_MUST_CHECK int rand_token(struct rnd *r, char *out, size_t n);

#endif
