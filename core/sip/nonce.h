/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nonce: digest nonces that are recognised without being remembered (RFC 7616 §3.3, §5.4), and the window of nonce
 * counts that makes a replay fail. Minting reads no clock: time is an argument.
 *
 * A nonce is 30 bytes, base64url: key id (1), milliseconds since 1970 (6), chance (7), and 16 bytes of MAC, which is
 * SipHash-2-4-128 over the 14 bytes before it, the source address and the realm. The port is no part of it: a phone
 * behind NAT may come from another port with each request. SipHash is a keyed PRF with 128 bits of key and tag; a
 * forger gets one guess per request, and HMAC-SHA-256 would cost ten times as much on the path of every unknown
 * request. Time is wall clock, so that nodes of a cluster, which share keys, accept each other's nonces.
 */
#ifndef MG_SIP_NONCE_H
#define MG_SIP_NONCE_H

#include <stdint.h>

#include "base/siphash.h"
#include "base/sv.h"

struct addr;
struct rnd;

#define SIP_NONCE_LEN       40   /* characters, no NUL; letters, digits, "-" and "_" */
#define SIP_NONCE_REALM_MAX 255  /* bytes of a realm */
#define SIP_NONCE_SKEW_MS   5000 /* how far ahead of us another node's clock may be */

/* Keys for nonces and nothing else. On rotation the owner moves `now` to `before`, puts a new key and another id
 * into `now`, and one nonce life later sets has_before to false.
 */
struct sip_nonce_key {
	struct siphash_key key;
	uint8_t id;
};

struct sip_nonce_keys {
	struct sip_nonce_key now;    /* mints and verifies */
	struct sip_nonce_key before; /* verifies */
	bool has_before;
};

/* What a nonce says about itself. */
struct sip_nonce {
	uint64_t created_ms; /* since 1970 */
	uint64_t id;         /* 56 bits of chance: the key of its nc window */
};

/* Mint a nonce for one source.
 *
 * now_ms     Wall clock, milliseconds since 1970, below 2^48.
 * source     Of the request that is challenged; port ignored.
 * Returns    0, MG_EINVAL for a realm longer than SIP_NONCE_REALM_MAX, or an error of rand_bytes.
 */
MG_MUST_CHECK int sip_nonce_mint(const struct sip_nonce_keys *keys, struct rnd *rnd,
				 uint64_t now_ms, const struct addr *source, struct sv realm,
				 char out[SIP_NONCE_LEN]);

/* Verify a nonce that came back.
 *
 * life_ms    How long after its minting it holds (THREATS.md §0: 60 s).
 * out        Untouched on failure.
 * Returns    0; MG_EAUTH when it is not ours, or minted for another source or realm; MG_ESTALE when it is ours
 *            and older than its life, or from later than SIP_NONCE_SKEW_MS ahead; MG_EINVAL as above.
 */
MG_MUST_CHECK int sip_nonce_verify(const struct sip_nonce_keys *keys, uint64_t now_ms,
				   uint64_t life_ms, const struct addr *source, struct sv realm,
				   struct sv text, struct sip_nonce *out);

/* The nonce counts seen of one nonce; begins zeroed. Owned by whoever keeps a table of live nonces. */
struct sip_nc_window {
	uint64_t seen;    /* bit i: `highest` - i was seen */
	uint32_t highest; /* 0: none yet */
};

/* Take a nonce count: each at most once, in nearly any order (requests overtake each other on UDP). Call only for
 * credentials that are right, else strangers move the window.
 *
 * Returns    0; MG_EEXIST when it was seen before (replay); MG_ERANGE when it is 0, or 64 or more behind the
 *            highest. On failure the window stays as it is.
 */
MG_MUST_CHECK int sip_nc_take(struct sip_nc_window *w, uint32_t nc);

#endif
