/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * credentials: the grammar of the digest headers (RFC 7616 §3.3 to §3.5, RFC 8760, RFC 3261 §25.1). What is computed
 * from them is in digest.h, how our own nonces are made in nonce.h.
 *
 * A value parsed here is text of a stranger: a field counts only when its bit in `has` is set, and even then it may
 * be empty. Views lie in the text that was parsed, without surrounding quotes, quoted-pairs as written. Digests are
 * computed over them as written (RFC 7616 §3.4: "without surrounding quotes").
 *
 * Taken beyond the grammar, because phones send it: tokens where a quoted-string belongs (realm, nonce, uri, ...),
 * quoted-strings where a token belongs (algorithm, qop, nc), empty list elements. Refused within it: a field twice,
 * control bytes in values.
 */
#ifndef MG_SIP_CREDENTIALS_H
#define MG_SIP_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/header.h"

#define SIP_AUTH_VALUE_MAX 1024 /* bytes of one parameter's value, quotes not counted */

/* The fields of all digest headers: bits of `has` and `pairs`. */
enum sip_auth_field {
	SIP_AUTH_USERNAME = 1 << 0,
	SIP_AUTH_USERNAME_EXT = 1 << 1, /* username* (RFC 7616 §3.4) */
	SIP_AUTH_REALM = 1 << 2,
	SIP_AUTH_NONCE = 1 << 3,
	SIP_AUTH_URI = 1 << 4,
	SIP_AUTH_RESPONSE = 1 << 5,
	SIP_AUTH_ALGORITHM = 1 << 6,
	SIP_AUTH_CNONCE = 1 << 7,
	SIP_AUTH_QOP = 1 << 8,
	SIP_AUTH_NC = 1 << 9,
	SIP_AUTH_OPAQUE = 1 << 10,
	SIP_AUTH_USERHASH = 1 << 11,
	SIP_AUTH_STALE = 1 << 12,
	SIP_AUTH_DOMAIN = 1 << 13,
	SIP_AUTH_CHARSET = 1 << 14,
	SIP_AUTH_NEXTNONCE = 1 << 15,
	SIP_AUTH_RSPAUTH = 1 << 16,
};

/* Digest algorithms (RFC 7616 §6.1). */
enum sip_digest_alg {
	SIP_DIGEST_MD5, /* also when none is named */
	SIP_DIGEST_MD5_SESS,
	SIP_DIGEST_SHA256,
	SIP_DIGEST_SHA256_SESS,
	SIP_DIGEST_SHA512_256,
	SIP_DIGEST_SHA512_256_SESS,
	SIP_DIGEST_OTHER, /* named, and none of these */
};

/* For sets of algorithms. */
#define SIP_DIGEST_BIT(alg) (1u << (alg))

/* The algorithm of a name, any case; SIP_DIGEST_OTHER when unknown. */
enum sip_digest_alg sip_digest_find(struct sv name);

/* The name as it stands on the wire, "SHA-256-sess"; "" for OTHER. Constant text. */
const char *sip_digest_name(enum sip_digest_alg alg);

/* Bytes of a hash of this algorithm, 16 or 32; 0 for OTHER. */
unsigned sip_digest_size(enum sip_digest_alg alg);

/* Quality of protection; bits, since a challenge names several. */
enum sip_qop {
	SIP_QOP_NONE = 0, /* not said */
	SIP_QOP_AUTH = 1,
	SIP_QOP_AUTH_INT = 2,
	SIP_QOP_OTHER = 4, /* said, and neither of the two */
};

/* Authorization, Proxy-Authorization */
struct sip_credentials {
	struct sv scheme;       /* as written */
	struct sv rest;         /* all behind the scheme */
	struct sv username;     /* with userhash: its hash */
	struct sv username_ext; /* UTF-8'lang'escaped, checked */
	struct sv realm;
	struct sv nonce;
	struct sv uri;
	struct sv
		response; /* hexadecimal, any case; of the length that the algorithm wants when we know it */
	struct sv algorithm;
	struct sv cnonce;
	struct sv qop;
	struct sv nc; /* 8 hexadecimal digits */
	struct sv opaque;
	struct sv userhash;
	uint32_t has;      /* enum sip_auth_field */
	uint32_t pairs;    /* of those, the ones that hold quoted-pairs: see sip_unquote */
	uint32_t nc_value; /* 0 when there is no nc */
	uint8_t alg;       /* enum sip_digest_alg; MD5 when none is named */
	uint8_t qop_value; /* enum sip_qop */
	bool digest;       /* the scheme is Digest; for any other only scheme and rest are set */
	bool hashed;       /* userhash=true */
};

/* WWW-Authenticate, Proxy-Authenticate */
struct sip_challenge {
	struct sv scheme;
	struct sv rest;
	struct sv realm;
	struct sv nonce;
	struct sv algorithm;
	struct sv qop; /* the list */
	struct sv opaque;
	struct sv domain; /* URIs separated by space */
	struct sv stale;
	struct sv charset;
	struct sv userhash;
	uint32_t has;
	uint32_t pairs;
	uint8_t alg;
	uint8_t qops; /* enum sip_qop, or-ed */
	bool digest;
	bool is_stale; /* stale=true */
	bool hashed;   /* userhash=true: the server takes hashed names */
};

/* Authentication-Info, Proxy-Authentication-Info: no scheme (RFC 7615) */
struct sip_auth_info {
	struct sv nextnonce;
	struct sv rspauth;
	struct sv cnonce;
	struct sv qop;
	struct sv nc;
	uint32_t has;
	uint32_t pairs;
	uint32_t nc_value;
	uint8_t qop_value; /* enum sip_qop */
};

/* Parse one value of (Proxy-)Authorization. A scheme other than Digest is no error: see `digest`. An absent field is
 * no error either: what is missing makes no credentials (threat P-13). Never allocates, never logs; linear.
 *
 * out        Untouched on failure.
 * hid        The header it came from, for `at` only.
 * at         On failure: offset into `value`, and SIP_FAULT_BAD, TOO_LONG (a value above SIP_AUTH_VALUE_MAX) or
 *            TOO_MANY_PARAMS (above SIP_PARAMS_MAX).
 * Returns    0, MG_EPARSE, or MG_ELIMIT.
 */
MG_MUST_CHECK int sip_credentials_parse(struct sip_credentials *out, enum sip_hid hid,
					struct sv value, struct sip_where *at);

/* Parse one value of WWW-Authenticate or Proxy-Authenticate. As sip_credentials_parse. */
MG_MUST_CHECK int sip_challenge_parse(struct sip_challenge *out, enum sip_hid hid, struct sv value,
				      struct sip_where *at);

/* Parse one value of (Proxy-)Authentication-Info. As sip_credentials_parse. */
MG_MUST_CHECK int sip_auth_info_parse(struct sip_auth_info *out, enum sip_hid hid, struct sv value,
				      struct sip_where *at);

/* The user's name, whichever way it is written: quoted-pairs of username resolved, or username* decoded (RFC 7616
 * §3.4). With `hashed` it is a hash to be looked up as such.
 *
 * out        Room for SIP_AUTH_VALUE_MAX bytes.
 * Returns    bytes written, 0 when there is no name. May hold any byte from 0x20 on but DEL.
 */
size_t sip_credentials_username(const struct sip_credentials *c, char *out);

#endif
