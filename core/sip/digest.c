/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * digest: RFC 7616 §3.4 and §3.5 over OpenSSL's hashes.
 *
 *   A1       = user ":" realm ":" password
 *   A1 -sess = H(A1) ":" nonce ":" cnonce
 *   A2       = method ":" uri [ ":" H(body) ]           rspauth: without the method
 *   response = H( H(A1) ":" nonce [ ":" nc ":" cnonce ":" qop ] ":" H(A2) )
 */
#include "sip/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/ctime.h"
#include "sip/hex.h"
#include "sip/param.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const md_names[] = {"MD5", "SHA2-256", "SHA2-512/256"};

/* Each algorithm and its -sess form follow each other, so halving its number gives the hash. */
static unsigned md_of(enum sip_digest_alg alg)
{
	return alg / 2;
}

static bool is_sess(enum sip_digest_alg alg)
{
	return alg & 1;
}

int sip_digest_init(struct sip_digest *d)
{
	*d = (struct sip_digest){.ctx = EVP_MD_CTX_new()};
	if (!d->ctx)
		return MG_ENOMEM;
	ERR_set_mark();
	for (size_t i = 0; i < COUNT(md_names); i++)
		d->md[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
	ERR_pop_to_mark();
	return 0;
}

void sip_digest_done(struct sip_digest *d)
{
	for (size_t i = 0; i < COUNT(md_names); i++)
		EVP_MD_free(d->md[i]);
	EVP_MD_CTX_free(d->ctx);
	*d = (struct sip_digest){0};
}

static bool can(const struct sip_digest *d, enum sip_digest_alg alg)
{
	return alg < SIP_DIGEST_OTHER && d->md[md_of(alg)];
}

unsigned sip_digest_algs(const struct sip_digest *d)
{
	unsigned algs = 0;

	for (unsigned alg = 0; alg < SIP_DIGEST_OTHER; alg++)
		if (can(d, alg))
			algs |= SIP_DIGEST_BIT(alg);
	return algs;
}

/* Hash texts with colons between them. Returns the size of the hash. */
static int hash(struct sip_digest *d, enum sip_digest_alg alg, const struct sv *texts, size_t n,
		uint8_t out[SIP_DIGEST_SIZE_MAX])
{
	if (!can(d, alg))
		return MG_EINVAL;
	ERR_set_mark();
	bool ok = EVP_DigestInit_ex2(d->ctx, d->md[md_of(alg)], NULL);
	for (size_t i = 0; i < n && ok; i++)
		ok = (i == 0 || EVP_DigestUpdate(d->ctx, ":", 1)) &&
		     EVP_DigestUpdate(d->ctx, texts[i].p, texts[i].n);
	memset(out, 0, sip_digest_size(alg)); /* MSan does not see libcrypto write */
	ok = ok && EVP_DigestFinal_ex(d->ctx, out, NULL);
	ERR_pop_to_mark();
	return ok ? (int)sip_digest_size(alg) : MG_ENOMEM;
}

/* The same in hexadecimal. Returns its length. */
static int hash_hex(struct sip_digest *d, enum sip_digest_alg alg, const struct sv *texts, size_t n,
		    char out[SIP_DIGEST_HEX_MAX])
{
	uint8_t bytes[SIP_DIGEST_SIZE_MAX];
	int size = hash(d, alg, texts, n, bytes);

	if (size < 0)
		return size;
	hex_write(out, bytes, (size_t)size);
	mg_wipe(bytes, sizeof(bytes));
	return 2 * size;
}

int sip_digest_ha1(struct sip_digest *d, enum sip_digest_alg alg, struct sv user, struct sv realm,
		   struct sv password, char out[SIP_DIGEST_HEX_MAX])
{
	struct sv texts[] = {user, realm, password};

	return hash_hex(d, alg, texts, COUNT(texts), out);
}

int sip_digest_userhash(struct sip_digest *d, enum sip_digest_alg alg, struct sv user,
			struct sv realm, char out[SIP_DIGEST_HEX_MAX])
{
	struct sv texts[] = {user, realm};

	return hash_hex(d, alg, texts, COUNT(texts), out);
}

static int hash_a2(struct sip_digest *d, const struct sip_digest_input *in, struct sv method,
		   char out[SIP_DIGEST_HEX_MAX])
{
	char body[SIP_DIGEST_HEX_MAX];

	if (in->qop != SIP_QOP_AUTH_INT) {
		struct sv texts[] = {method, in->uri};
		return hash_hex(d, in->alg, texts, COUNT(texts), out);
	}
	int n = hash_hex(d, in->alg, &in->body, 1, body);
	if (n < 0)
		return n;
	struct sv texts[] = {method, in->uri, sv_of(body, (size_t)n)};
	return hash_hex(d, in->alg, texts, COUNT(texts), out);
}

/* The last hash, as bytes. */
static int response(struct sip_digest *d, const struct sip_digest_input *in, struct sv method,
		    uint8_t out[SIP_DIGEST_SIZE_MAX])
{
	char session[SIP_DIGEST_HEX_MAX], a2[SIP_DIGEST_HEX_MAX];
	struct sv ha1 = in->ha1;
	int n;

	if (is_sess(in->alg)) {
		struct sv texts[] = {in->ha1, in->nonce, in->cnonce};
		n = hash_hex(d, in->alg, texts, COUNT(texts), session);
		if (n < 0)
			return n;
		ha1 = sv_of(session, (size_t)n);
	}
	n = hash_a2(d, in, method, a2);
	if (n < 0)
		return n;
	struct sv ha2 = sv_of(a2, (size_t)n);
	if (in->qop == SIP_QOP_NONE) {
		struct sv texts[] = {ha1, in->nonce, ha2};
		n = hash(d, in->alg, texts, COUNT(texts), out);
	} else {
		struct sv qop = in->qop == SIP_QOP_AUTH ? SV("auth") : SV("auth-int");
		struct sv texts[] = {ha1, in->nonce, in->nc, in->cnonce, qop, ha2};
		n = hash(d, in->alg, texts, COUNT(texts), out);
	}
	mg_wipe(session, sizeof(session));
	return n;
}

static int response_hex(struct sip_digest *d, const struct sip_digest_input *in, struct sv method,
			char out[SIP_DIGEST_HEX_MAX])
{
	uint8_t bytes[SIP_DIGEST_SIZE_MAX];
	int size = response(d, in, method, bytes);

	if (size < 0)
		return size;
	hex_write(out, bytes, (size_t)size);
	return 2 * size;
}

int sip_digest_response(struct sip_digest *d, const struct sip_digest_input *in,
			char out[SIP_DIGEST_HEX_MAX])
{
	return response_hex(d, in, in->method, out);
}

int sip_digest_rspauth(struct sip_digest *d, const struct sip_digest_input *in,
		       char out[SIP_DIGEST_HEX_MAX])
{
	return response_hex(d, in, SV(""), out);
}

static bool realm_is(const struct sip_credentials *c, struct sv realm)
{
	char text[SIP_AUTH_VALUE_MAX];

	if (!(c->pairs & SIP_AUTH_REALM))
		return sv_eq(c->realm, realm);
	return sv_eq(sv_of(text, sip_unquote(text, c->realm)), realm);
}

/* Whether these are credentials for this offer at all. */
static bool answers(const struct sip_credentials *c, const struct sip_digest_offer *offer)
{
	const uint32_t must = SIP_AUTH_REALM | SIP_AUTH_NONCE | SIP_AUTH_URI | SIP_AUTH_RESPONSE;

	if (!c->digest || (c->has & must) != must || !(c->username.n || c->username_ext.n) ||
	    !c->nonce.n || !c->uri.n)
		return false;
	if (!realm_is(c, offer->realm) || !(offer->algs & SIP_DIGEST_BIT(c->alg)) ||
	    c->response.n != (size_t)2 * sip_digest_size(c->alg))
		return false;
	if (c->qop_value == SIP_QOP_NONE ? offer->qops : !(offer->qops & c->qop_value))
		return false;
	if (c->qop_value != SIP_QOP_NONE && !c->nc.n)
		return false;
	return c->cnonce.n || (c->qop_value == SIP_QOP_NONE && !is_sess(c->alg));
}

static bool response_is(const struct sip_credentials *c, const uint8_t *expected, size_t size)
{
	uint8_t given[SIP_DIGEST_SIZE_MAX];

	for (size_t i = 0; i < size; i++)
		given[i] = (uint8_t)(hex_digit(c->response.p[2 * i]) << 4 |
				     hex_digit(c->response.p[2 * i + 1]));
	return mg_memeq_ct(given, expected, size);
}

int sip_digest_check(struct sip_digest *d, const struct sip_credentials *c,
		     const struct sip_digest_check *k)
{
	static const char dummy[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	uint8_t expected[SIP_DIGEST_SIZE_MAX];

	/* a nonce that the client made up must not lead to a verdict: "stale" for the right password would be an oracle
	 * that nobody counts */
	if (!answers(c, k->offer) || (k->nonce != 0 && k->nonce != MG_ESTALE))
		return SIP_VERDICT_NONE;
	size_t hex = (size_t)2 * sip_digest_size(c->alg);
	bool known = k->ha1.n == hex;
	struct sip_digest_input in = {
		.alg = c->alg,
		.qop = c->qop_value,
		.ha1 = known ? k->ha1 : sv_of(dummy, hex),
		.nonce = c->nonce,
		.nc = c->nc,
		.cnonce = c->cnonce,
		.uri = c->uri,
		.method = k->method,
		.body = k->body,
	};
	int size = response(d, &in, k->method, expected);
	if (size < 0)
		return size;
	bool right = response_is(c, expected, (size_t)size) & known;
	if (!right)
		return SIP_VERDICT_WRONG;
	return k->nonce == 0 ? SIP_VERDICT_OK : SIP_VERDICT_STALE;
}

const char *sip_verdict_name(enum sip_verdict v)
{
	static const char *const names[] = {"none", "wrong", "stale", "ok"};

	return names[v];
}
