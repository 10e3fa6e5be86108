/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * credentials: any text as each of the three digest headers, and then through the verdict and the nonce.
 *
 * Holds: views lie in the text, those of absent fields are empty; a refused text is refused at an offset in it; the
 * fields written out again parse to the same fields; a response that we compute is right, and with another nonce,
 * count or user it is not; a nonce in the text is never one of ours, and one of ours verifies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/rand.h"
#include "fuzz/fuzz.h"
#include "sip/digest.h"
#include "sip/nonce.h"
#include "sip/param.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct sip_digest digest;
static struct rnd rnd;
static struct sip_nonce_keys keys = {.now = {.id = 1}};

static void check_field(struct sv text, uint32_t has, uint32_t bit, struct sv view)
{
	CHECK(view.n <= SIP_AUTH_VALUE_MAX);
	if (!(has & bit))
		CHECK(view.n == 0);
	if (view.n)
		CHECK(view.p >= text.p && view.p + view.n <= text.p + text.n);
}

static void check_refusal(struct sv text, int ret, const struct sip_where *at)
{
	CHECK(ret == MG_EPARSE || ret == MG_ELIMIT);
	CHECK(at->off <= text.n && at->hid == SIP_H_AUTHORIZATION);
	CHECK(at->fault == SIP_FAULT_BAD || at->fault == SIP_FAULT_TOO_LONG ||
	      at->fault == SIP_FAULT_TOO_MANY_PARAMS);
}

/* The fields of credentials, in the order in which they are written again. */
struct row {
	const char *name;
	uint32_t bit;
	size_t off;
};

#define ROW(name, bit, member)                                                 \
	{                                                                      \
		name, SIP_AUTH_##bit, offsetof(struct sip_credentials, member) \
	}

static const struct row rows[] = {
	ROW("username", USERNAME, username),
	ROW("username*", USERNAME_EXT, username_ext),
	ROW("realm", REALM, realm),
	ROW("nonce", NONCE, nonce),
	ROW("uri", URI, uri),
	ROW("response", RESPONSE, response),
	ROW("algorithm", ALGORITHM, algorithm),
	ROW("cnonce", CNONCE, cnonce),
	ROW("qop", QOP, qop),
	ROW("nc", NC, nc),
	ROW("opaque", OPAQUE, opaque),
	ROW("userhash", USERHASH, userhash),
};

static struct sv view_of(const struct sip_credentials *c, const struct row *row)
{
	struct sv v;

	memcpy(&v, (const char *)c + row->off, sizeof(v));
	return v;
}

static void check_written_again(const struct sip_credentials *c)
{
	static char text[32 * SIP_AUTH_VALUE_MAX];
	size_t n = (size_t)sprintf(text, "Digest ");
	struct sip_credentials again;
	struct sip_where at;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(c->has & rows[i].bit))
			continue;
		struct sv v = view_of(c, &rows[i]);
		n += (size_t)sprintf(text + n, "%s=\"", rows[i].name);
		if (v.n)
			memcpy(text + n, v.p, v.n);
		n += v.n;
		n += (size_t)sprintf(text + n, "\", ");
	}
	CHECK(sip_credentials_parse(&again, SIP_H_AUTHORIZATION, sv_of(text, n), &at) == 0);
	CHECK(again.has == c->has && again.pairs == c->pairs && again.alg == c->alg);
	CHECK(again.qop_value == c->qop_value && again.nc_value == c->nc_value);
	CHECK(again.hashed == c->hashed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(sv_eq(view_of(&again, &rows[i]), view_of(c, &rows[i])));
}

/* Put the right response into credentials that answer the offer, and see them judged. */
static void check_verdict(struct sip_credentials *c)
{
	char realm[SIP_AUTH_VALUE_MAX], ha1[SIP_DIGEST_HEX_MAX], response[SIP_DIGEST_HEX_MAX];
	size_t n = c->pairs & SIP_AUTH_REALM ? sip_unquote(realm, c->realm) : c->realm.n;
	struct sip_digest_offer offer = {c->pairs & SIP_AUTH_REALM ? sv_of(realm, n) : c->realm,
					 0x3f, c->qop_value};
	struct sip_digest_check k = {&offer, SV("INVITE"), SV("body"), {0}, 0};
	int verdict = sip_digest_check(&digest, c, &k);

	CHECK(verdict == SIP_VERDICT_NONE || verdict == SIP_VERDICT_WRONG);
	if (verdict == SIP_VERDICT_NONE)
		return;
	int len = sip_digest_ha1(&digest, c->alg, SV("u"), SV("r"), SV("p"), ha1);
	CHECK(len > 0);
	k.ha1 = sv_of(ha1, (size_t)len);
	struct sip_digest_input in = {.alg = c->alg,
				      .qop = c->qop_value,
				      .ha1 = k.ha1,
				      .nonce = c->nonce,
				      .nc = c->nc,
				      .cnonce = c->cnonce,
				      .uri = c->uri,
				      .method = k.method,
				      .body = k.body};
	CHECK(sip_digest_response(&digest, &in, response) == len);
	c->response = k.ha1; /* surely another */
	CHECK(sip_digest_check(&digest, c, &k) == SIP_VERDICT_WRONG);
	c->response = sv_of(response, (size_t)len);
	CHECK(sip_digest_check(&digest, c, &k) == SIP_VERDICT_OK);
	k.nonce = MG_EAUTH;
	CHECK(sip_digest_check(&digest, c, &k) ==
	      SIP_VERDICT_NONE); /* no nonce of ours, no verdict */
	k.ha1.n = 0;
	CHECK(sip_digest_check(&digest, c, &k) == SIP_VERDICT_NONE);
}

static void check_nonce(const struct sip_credentials *c)
{
	uint8_t ip[4] = {192, 0, 2, 1};
	struct addr peer = addr_v4(ip, 5060);
	struct sv realm = c->realm.n <= SIP_NONCE_REALM_MAX ? c->realm : SV("r");
	char text[SIP_NONCE_LEN];
	struct sip_nonce n;

	CHECK(sip_nonce_verify(&keys, 1000, 1000, &peer, realm, c->nonce, &n) == MG_EAUTH);
	CHECK(sip_nonce_mint(&keys, &rnd, 1000, &peer, realm, text) == 0);
	CHECK(sip_nonce_verify(&keys, 2000, 1000, &peer, realm, sv_of(text, sizeof(text)), &n) ==
	      0);
	CHECK(n.created_ms == 1000);
}

static void check_credentials(struct sv text)
{
	char name[SIP_AUTH_VALUE_MAX];
	struct sip_credentials c;
	struct sip_where at = {0};
	int ret = sip_credentials_parse(&c, SIP_H_AUTHORIZATION, text, &at);

	if (ret) {
		check_refusal(text, ret, &at);
		return;
	}
	CHECK(c.scheme.n && c.scheme.p >= text.p && c.scheme.p + c.scheme.n <= c.rest.p);
	CHECK(c.rest.p + c.rest.n <= text.p + text.n);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_field(text, c.has, rows[i].bit, view_of(&c, &rows[i]));
	CHECK((c.pairs & ~c.has) == 0);
	CHECK(sip_credentials_username(&c, name) <= c.username.n + c.username_ext.n);
	if (!c.digest)
		return;
	check_written_again(&c);
	check_nonce(&c);
	check_verdict(&c);
}

static void check_challenge(struct sv text)
{
	struct sip_challenge c;
	struct sip_where at = {0};
	int ret = sip_challenge_parse(&c, SIP_H_AUTHORIZATION, text, &at);

	if (ret) {
		check_refusal(text, ret, &at);
		return;
	}
	check_field(text, c.has, SIP_AUTH_REALM, c.realm);
	check_field(text, c.has, SIP_AUTH_NONCE, c.nonce);
	check_field(text, c.has, SIP_AUTH_ALGORITHM, c.algorithm);
	check_field(text, c.has, SIP_AUTH_QOP, c.qop);
	check_field(text, c.has, SIP_AUTH_OPAQUE, c.opaque);
	check_field(text, c.has, SIP_AUTH_DOMAIN, c.domain);
	check_field(text, c.has, SIP_AUTH_STALE, c.stale);
	check_field(text, c.has, SIP_AUTH_CHARSET, c.charset);
	check_field(text, c.has, SIP_AUTH_USERHASH, c.userhash);
}

static void check_info(struct sv text)
{
	struct sip_auth_info info;
	struct sip_where at = {0};
	int ret = sip_auth_info_parse(&info, SIP_H_AUTHORIZATION, text, &at);

	if (ret) {
		check_refusal(text, ret, &at);
		return;
	}
	check_field(text, info.has, SIP_AUTH_NEXTNONCE, info.nextnonce);
	check_field(text, info.has, SIP_AUTH_RSPAUTH, info.rspauth);
	check_field(text, info.has, SIP_AUTH_CNONCE, info.cnonce);
	check_field(text, info.has, SIP_AUTH_QOP, info.qop);
	check_field(text, info.has, SIP_AUTH_NC, info.nc);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is libFuzzer's */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	rand_init(&rnd);
	CHECK(rand_system(&keys.now.key, sizeof(keys.now.key)) == 0);
	CHECK(sip_digest_init(&digest) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv text = size ? sv_of((const char *)data, size) : SV("");

	check_credentials(text);
	check_challenge(text);
	check_info(text);
	return 0;
}
