/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * siphash: keyed hashes of Aumasson and Bernstein (https://www.aumasson.jp/siphash/). SipHash-1-3
 * for tables that strangers can fill, SipHash-2-4 with 128 bits as a short MAC of nonces and
 * tokens. Not a general digest: that is OpenSSL's work. Called by map, by the owner hash of calls
 * and by whatever mints tokens. Pure, never fails.
 */
#ifndef MG_BASE_SIPHASH_H
#define MG_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_LEN 16
#define SIPHASH_MAC_LEN 16

/* A secret key, to be filled by rand_system or handed on by the process that keeps keys. */
struct siphash_key {
	uint8_t b[SIPHASH_KEY_LEN];
};

/* SipHash-1-3: the hash for tables. Its authors call three finalisation rounds enough against
 * flooding of tables, where the attacker never sees the output; it takes about two thirds of the
 * time of 2-4. Not a MAC.
 *
 * Same result on every machine, whatever its byte order, so nodes that share a key agree.
 */
uint64_t siphash_13(const struct siphash_key *key, const void *p, size_t n);

/* SipHash-2-4 with 64 bits, for a short tag that does get out. */
uint64_t siphash_24(const struct siphash_key *key, const void *p, size_t n);

/* SipHash-2-4 with 128 bits: a MAC. Several fields under one MAC need their lengths in `p`, or
 * "ab"+"c" and "a"+"bc" share a tag; different purposes need different keys. Compare with
 * mg_memeq_ct (ctime.h).
 *
 * mac        Receives SIPHASH_MAC_LEN bytes; a truncated MAC is its front.
 */
void siphash_mac(const struct siphash_key *key, const void *p, size_t n,
		 uint8_t mac[SIPHASH_MAC_LEN]);

#endif
