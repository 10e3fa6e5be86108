/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * digest: what digest authentication computes (RFC 7616, RFC 8760, the older RFC 2617 and 2069 included), and the
 * verdict on credentials. Keeps no state of users or nonces: see nonce.h; reads no clock.
 */
#ifndef MG_SIP_DIGEST_H
#define MG_SIP_DIGEST_H

#include "base/sv.h"
#include "sip/credentials.h"

#define SIP_DIGEST_SIZE_MAX 32 /* bytes of a hash */
#define SIP_DIGEST_HEX_MAX  64 /* the same in hexadecimal, without a NUL */

/* The hash functions, fetched from libcrypto once. Lives inside a worker, one thread only. Computing allocates
 * nothing here; OpenSSL 3.0 itself renews a small context (some 100 bytes) at the begin of each hash, which can
 * fail. Its error queue is left as it was found.
 */
struct sip_digest {
	struct evp_md_ctx_st *ctx;
	/* MD5, SHA-256, SHA-512/256; NULL where libcrypto refuses (MD5 under FIPS) */
	struct evp_md_st *md[3];
};

/* Fetch what libcrypto has.
 *
 * Returns    0, or MG_ENOMEM; then there is nothing to give back.
 */
MG_MUST_CHECK int sip_digest_init(struct sip_digest *d);

/* Give everything back; a zeroed one is fine. */
void sip_digest_done(struct sip_digest *d);

/* The algorithms that can be computed, SIP_DIGEST_BIT or-ed: what a zone offers is checked against it at start. */
unsigned sip_digest_algs(const struct sip_digest *d);

/* The functions below write lower-case hexadecimal without a NUL and return its length (32 or 64), MG_EINVAL for an
 * algorithm that cannot be computed, or MG_ENOMEM. On failure `out` holds nothing of use.
 */

/* H(user:realm:password): what is stored instead of a password. The same for an algorithm and its -sess form; one
 * for each of MD5, SHA-256 and SHA-512-256. */
MG_MUST_CHECK int sip_digest_ha1(struct sip_digest *d, enum sip_digest_alg alg, struct sv user,
				 struct sv realm, struct sv password, char out[SIP_DIGEST_HEX_MAX]);

/* H(user:realm): how a user's name is hidden (RFC 7616 §3.4.4). */
MG_MUST_CHECK int sip_digest_userhash(struct sip_digest *d, enum sip_digest_alg alg, struct sv user,
				      struct sv realm, char out[SIP_DIGEST_HEX_MAX]);

/* What a response is computed from. Texts as they stand between the quotes. */
struct sip_digest_input {
	enum sip_digest_alg alg;
	enum sip_qop qop; /* NONE, AUTH or AUTH_INT */
	struct sv ha1;    /* of sip_digest_ha1, not yet the session's */
	struct sv nonce;
	struct sv nc;     /* 8 digits; unused when qop is NONE */
	struct sv cnonce; /* unused when qop is NONE, except by -sess */
	struct sv uri;
	struct sv method; /* unused by rspauth */
	struct sv body;   /* the whole message body, for AUTH_INT */
};

/* The response of a request (RFC 7616 §3.4.1): for clients, and the one to expect. */
MG_MUST_CHECK int sip_digest_response(struct sip_digest *d, const struct sip_digest_input *in,
				      char out[SIP_DIGEST_HEX_MAX]);

/* The rspauth of Authentication-Info (RFC 7616 §3.5): the server knows the password too. */
MG_MUST_CHECK int sip_digest_rspauth(struct sip_digest *d, const struct sip_digest_input *in,
				     char out[SIP_DIGEST_HEX_MAX]);

/* What a challenge of ours offered: anything else is not accepted (threat A-10). */
struct sip_digest_offer {
	struct sv realm;
	unsigned algs; /* SIP_DIGEST_BIT, or-ed */
	/* SIP_QOP_AUTH, SIP_QOP_AUTH_INT; 0 asks for none and takes RFC 2069 credentials only */
	unsigned qops;
};

enum sip_verdict {
	SIP_VERDICT_NONE, /* no credentials for this offer, or no proof of anything: challenge afresh */
	SIP_VERDICT_WRONG, /* answers a nonce of ours wrongly: counts as a failed attempt */
	SIP_VERDICT_STALE, /* right, but for a nonce of ours that is over: challenge with stale=true */
	SIP_VERDICT_OK,    /* right; the nc window (nonce.h) still has its say */
};

/* What the server knows besides the header. */
struct sip_digest_check {
	const struct sip_digest_offer *offer;
	struct sv method;
	struct sv body; /* for auth-int */
	/* of the user, of the algorithm that the credentials name; empty for an unknown user */
	struct sv ha1;
	int nonce; /* what sip_nonce_verify said: 0, MG_ESTALE, or MG_EAUTH */
};

/* Judge credentials.
 *
 * NONE, before any hash: another scheme; username, realm, nonce, uri or response absent or empty; another realm; an
 * algorithm that was not offered (none named is MD5); a qop that was not offered, or none when one was; nc or cnonce
 * missing where they belong; a nonce that is not ours, or was minted for another source.
 *
 * For an unknown user the same is computed over a dummy and never found right, and the comparison takes no shorter
 * way, so that neither names nor digests can be guessed by time. Two things stay with the caller: that uri means the
 * Request-URI, and the search for the user.
 *
 * Returns    enum sip_verdict (>= 0), MG_EINVAL for an algorithm that is offered and cannot be computed, MG_ENOMEM.
 */
MG_MUST_CHECK int sip_digest_check(struct sip_digest *d, const struct sip_credentials *c,
				   const struct sip_digest_check *k);

/* "none", "wrong", "stale", "ok": constant text for logs. */
const char *sip_verdict_name(enum sip_verdict v);

#endif
