/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Digests against the examples of RFC 2617 and RFC 7616 (the SHA-512-256 one as corrected by erratum 4897, whose
 * numbers Python's hashlib gives too) and against rows made with hashlib; verdicts on credentials with each field
 * wrong, absent or exchanged; libcrypto's allocations failed in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test_guard.h"
#include "sip/digest.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* libcrypto's allocations: how many there were, and how many are left until they begin to fail (-1: never). */
static unsigned long allocations;
static long left = -1;

static bool refuse(void)
{
	allocations++;
	if (left < 0)
		return false;
	return left-- == 0;
}

static void *count_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return refuse() ? NULL : malloc(n);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return refuse() ? NULL : realloc(p, n);
}

static void count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int setup(void **state)
{
	static struct sip_digest d;

	if (sip_digest_init(&d))
		return -1;
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	sip_digest_done(*state);
	return ERR_peek_error() ? -1 : 0; /* nothing is left there, whatever happened */
}

static const struct {
	enum sip_digest_alg alg;
	const char *user, *realm, *password, *nonce, *nc, *cnonce;
	enum sip_qop qop;
	const char *method, *uri, *body;
	const char *response, *rspauth; /* rspauth NULL: the source has none */
} vectors[] = {
	/* RFC 2617 §3.5 */
	{SIP_DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life",
	 "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", SIP_QOP_AUTH, "GET",
	 "/dir/index.html", "", "6629fae49393a05397450978507c4ef1", NULL},
	/* RFC 7616 §3.9.1 */
	{SIP_DIGEST_MD5, "Mufasa", "http-auth@example.org", "Circle of Life",
	 "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001",
	 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", SIP_QOP_AUTH, "GET", "/dir/index.html", "",
	 "8ca523f5e9506fed4657c9700eebdbec", NULL},
	{SIP_DIGEST_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life",
	 "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001",
	 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", SIP_QOP_AUTH, "GET", "/dir/index.html", "",
	 "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", NULL},
	/* §3.9.2 with erratum 4897 */
	{SIP_DIGEST_SHA512_256, "J\xc3\xa4s\xc3\xb8n Doe", "api@example.org", "Secret, or not?",
	 "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "00000001",
	 "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", SIP_QOP_AUTH, "GET", "/doe.json", "",
	 "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", NULL},
#define BOB                                                                                \
	"bob", "biloxi.com", "zanzibar", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000002", \
		"0a4f113b"
#define INVITE "INVITE", "sip:bob@biloxi.com", "v=0\r\n"
	{SIP_DIGEST_MD5, BOB, SIP_QOP_NONE, INVITE, "bf57e4e0d0bffc0fbaedce64d59add5e",
	 "748e424548c73d52e3bde6eef2d03c69"},
	{SIP_DIGEST_MD5, BOB, SIP_QOP_AUTH, INVITE, "a2ad8a54015a6d71ceed909c3c0ef76f",
	 "92cbc0274eb13d2f5cad91483943f81c"},
	{SIP_DIGEST_MD5, BOB, SIP_QOP_AUTH_INT, INVITE, "7a6dd63de1c7a1a49946b1e24f9894f2",
	 "25f2049b77082bdeeed166962dd6c109"},
	{SIP_DIGEST_MD5_SESS, BOB, SIP_QOP_NONE, INVITE, "fff17611bcbbf00c9116a2c922dea8e1",
	 "abc6748a0713f9ecca9aa388629d9090"},
	{SIP_DIGEST_MD5_SESS, BOB, SIP_QOP_AUTH, INVITE, "ac4f5f39993fa2fb17e6e7fdc82225c0",
	 "7ea0bae822b16c74691fe8622b1d8e0f"},
	{SIP_DIGEST_MD5_SESS, BOB, SIP_QOP_AUTH_INT, INVITE, "0837a8e343df1602be6d69b6fef23228",
	 "7748f063f543818b8783aeab4a0b1d23"},
	{SIP_DIGEST_SHA256, BOB, SIP_QOP_NONE, INVITE,
	 "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca",
	 "a1423b6e354160f82dc8b2d959d0929697882718f960d1d2bd83077962d593c3"},
	{SIP_DIGEST_SHA256, BOB, SIP_QOP_AUTH, INVITE,
	 "8134ab779ccba35bd4673b8d2b96ce318d1139624dad279ebc8bf124c302a5d0",
	 "f4bf80ff825caf4a786a43f9bde2f8d52d1212e283a1b6f6ae5d0b62f2dd3ce8"},
	{SIP_DIGEST_SHA256, BOB, SIP_QOP_AUTH_INT, INVITE,
	 "d39e4eb55e157e825a2dedd957f3d504b250be3ea1aea70962bfad088a3db71c",
	 "11d5f2421d431f1b0ce35811ad1a801463b535b47972fb3a336c37ef89b3f7a7"},
	{SIP_DIGEST_SHA256_SESS, BOB, SIP_QOP_NONE, INVITE,
	 "2ceb74b5bf787a27f00a80b94f397228de1a9bab1c3c56b7c6f984cf9f3ffdf7",
	 "7f0365645a5ce13eda20adc5794bf94bc42750a7dd94f8c94b5b5e23deba29af"},
	{SIP_DIGEST_SHA256_SESS, BOB, SIP_QOP_AUTH, INVITE,
	 "a0d8fc0afb0a94d0fa9c62c8f7c5b923aa28f69fc8d18803e389b5776b9615be",
	 "1bf95ed5637cec3309fdb9a348da89053538a9acf0370d54626e868757b3ba6a"},
	{SIP_DIGEST_SHA256_SESS, BOB, SIP_QOP_AUTH_INT, INVITE,
	 "704a6c91739ec20159fff26e262a1b4f96933b5765664473ae01409ade61ee17",
	 "35704bf6180ad477058c347a2f8de66d9ac309c9fc731081d15d65c38db6cd58"},
	{SIP_DIGEST_SHA512_256, BOB, SIP_QOP_NONE, INVITE,
	 "9e960b3a01beb63f1ea5d45d43bd8a2178879d3c9ddbbdb0624187ca823c6eca",
	 "ce95c1d398864ebbee4c4707f825f61e7ea7be76960b3f6b0ad268173420ea8f"},
	{SIP_DIGEST_SHA512_256, BOB, SIP_QOP_AUTH, INVITE,
	 "d68756ef0d5447023c12252b4fb9c110dcc27d676bb2711d9bee869fe78673f0",
	 "cd3bf9282d656135385928aac1aee12aa41c5b7b7399ea381e506c9684f363f7"},
	{SIP_DIGEST_SHA512_256, BOB, SIP_QOP_AUTH_INT, INVITE,
	 "c820f5eb0df9f8f40650756a25e9354fb0fdf20651a708b6abf5e1e3d27626a9",
	 "dc54c64bad862f1161bbfa2d23ff8c3b5c8db5334d7cd71c7f8836f4c2e539b7"},
	{SIP_DIGEST_SHA512_256_SESS, BOB, SIP_QOP_NONE, INVITE,
	 "10f52db7e2818a98871fd94294a2593a22eeaf07e23dad0b2bb52694442db5dd",
	 "0ca773af9dbc7a6d0c7d04a7469db4bdec6d14f84308b2078fbd8d119bc74268"},
	{SIP_DIGEST_SHA512_256_SESS, BOB, SIP_QOP_AUTH, INVITE,
	 "4d7945a818969d8cb73e51516135f0f6ef6257d20df5f619f56f86d718337ae1",
	 "c6785ece1ccb96b3054368eb4ac0ebfa2771642ecbe06bcc42bdc4b8e7c58dc8"},
	{SIP_DIGEST_SHA512_256_SESS, BOB, SIP_QOP_AUTH_INT, INVITE,
	 "82bfcdcb93b04aa18844d67ded7e5aa7ceaef688e98c8b8344fd74d7ed29998c",
	 "92cd224d9c400c0e1680f6dd208257bf97b38b2e613d5754e2baa8ee3739b6bf"},
};

static struct sip_digest_input input(size_t i, struct sv ha1)
{
	return (struct sip_digest_input){
		.alg = vectors[i].alg,
		.qop = vectors[i].qop,
		.ha1 = ha1,
		.nonce = sv_str(vectors[i].nonce),
		.nc = sv_str(vectors[i].nc),
		.cnonce = sv_str(vectors[i].cnonce),
		.uri = sv_str(vectors[i].uri),
		.method = sv_str(vectors[i].method),
		.body = sv_str(vectors[i].body),
	};
}

static void test_vectors(void **state)
{
	struct sip_digest *d = *state;

	for (size_t i = 0; i < ROWS(vectors); i++) {
		char ha1[SIP_DIGEST_HEX_MAX], out[SIP_DIGEST_HEX_MAX];
		int n = sip_digest_ha1(d, vectors[i].alg, sv_str(vectors[i].user),
				       sv_str(vectors[i].realm), sv_str(vectors[i].password), ha1);
		assert_int_equal(n, 2 * sip_digest_size(vectors[i].alg));
		struct sip_digest_input in = input(i, sv_of(ha1, (size_t)n));
		assert_int_equal(sip_digest_response(d, &in, out), n);
		if (!sv_eq(sv_of(out, (size_t)n), sv_str(vectors[i].response)))
			fail_msg("row %zu: %.*s", i, n, out);
		if (!vectors[i].rspauth)
			continue;
		assert_int_equal(sip_digest_rspauth(d, &in, out), n);
		if (!sv_eq(sv_of(out, (size_t)n), sv_str(vectors[i].rspauth)))
			fail_msg("row %zu, rspauth: %.*s", i, n, out);
	}
}

static const struct {
	enum sip_digest_alg alg;
	const char *user, *realm, *hash;
} userhashes[] = {
	{SIP_DIGEST_MD5, "bob", "biloxi.com", "d3486d41d4666541c4f024aee188d517"},
	{SIP_DIGEST_SHA256_SESS, "bob", "biloxi.com",
	 "aafc60b9fa3e13876262208200cd6aebf77f59d79e854061f632f35f6cb30e0c"},
	{SIP_DIGEST_SHA512_256, "J\xc3\xa4s\xc3\xb8n Doe", "api@example.org",
	 "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"},
};

static void test_userhash(void **state)
{
	for (size_t i = 0; i < ROWS(userhashes); i++) {
		char out[SIP_DIGEST_HEX_MAX];
		int n = sip_digest_userhash(*state, userhashes[i].alg, sv_str(userhashes[i].user),
					    sv_str(userhashes[i].realm), out);
		assert_true(n > 0 && sv_eq(sv_of(out, (size_t)n), sv_str(userhashes[i].hash)));
	}
}

/* Credentials of Bob for each algorithm and qop: 18 of them, the rows of `vectors` behind the RFCs' own. */
#define FIRST 4

static const char realm[] = "biloxi.com";

/* Make the header a phone would send for row `i`, with a response of its own if one is given. */
static struct sip_credentials header(size_t i, const char *response, char *text, size_t cap)
{
	static const char *const qops[] = {"", ", qop=auth", ", qop=auth-int"};
	struct sip_credentials c;
	struct sip_where at;
	int n = snprintf(text, cap,
			 "Digest username=\"bob\", realm=\"biloxi.com\", nonce=\"%s\", uri=\"%s\", "
			 "response=\"%s\", algorithm=%s, cnonce=\"%s\"%s%s%s",
			 vectors[i].nonce, vectors[i].uri, response,
			 sip_digest_name(vectors[i].alg), vectors[i].cnonce, qops[vectors[i].qop],
			 vectors[i].qop ? ", nc=" : "", vectors[i].qop ? vectors[i].nc : "");

	assert_true(n > 0 && (size_t)n < cap);
	assert_int_equal(
		sip_credentials_parse(&c, SIP_H_AUTHORIZATION, sv_of(text, (size_t)n), &at), 0);
	return c;
}

static int check(struct sip_digest *d, size_t i, const struct sip_credentials *c, struct sv ha1,
		 int nonce)
{
	struct sip_digest_offer offer = {sv_str(realm), SIP_DIGEST_BIT(vectors[i].alg),
					 vectors[i].qop};
	struct sip_digest_check k = {&offer, sv_str(vectors[i].method), sv_str(vectors[i].body),
				     ha1, nonce};

	return sip_digest_check(d, c, &k);
}

static void test_verdicts(void **state)
{
	struct sip_digest *d = *state;

	for (size_t i = FIRST; i < ROWS(vectors); i++) {
		char text[1024], ha1[SIP_DIGEST_HEX_MAX], wrong[SIP_DIGEST_HEX_MAX + 1];
		int n = sip_digest_ha1(d, vectors[i].alg, SV("bob"), sv_str(realm), SV("zanzibar"),
				       ha1);
		assert_true(n > 0);
		struct sv key = sv_of(ha1, (size_t)n), none = {0};
		struct sip_credentials c = header(i, vectors[i].response, text, sizeof(text));
		assert_int_equal(check(d, i, &c, key, 0), SIP_VERDICT_OK);
		assert_int_equal(check(d, i, &c, key, MG_ESTALE), SIP_VERDICT_STALE);
		/* a nonce that nobody minted for this source says nothing, right or wrong */
		assert_int_equal(check(d, i, &c, key, MG_EAUTH), SIP_VERDICT_NONE);
		assert_int_equal(check(d, i, &c, key, MG_EINVAL), SIP_VERDICT_NONE);
		/* unknown user, and an HA1 of another algorithm's length */
		assert_int_equal(check(d, i, &c, none, 0), SIP_VERDICT_WRONG);
		assert_int_equal(check(d, i, &c, none, MG_ESTALE), SIP_VERDICT_WRONG);
		assert_int_equal(check(d, i, &c, none, MG_EAUTH), SIP_VERDICT_NONE);
		assert_int_equal(check(d, i, &c, sv_of(ha1, key.n - 1), 0), SIP_VERDICT_WRONG);
		/* each digit of the response */
		for (size_t k = 0; k < key.n; k++) {
			strcpy(wrong, vectors[i].response);
			wrong[k] = wrong[k] == '0' ? '1' : '0';
			c = header(i, wrong, text, sizeof(text));
			assert_int_equal(check(d, i, &c, key, 0), SIP_VERDICT_WRONG);
		}
		/* in upper case */
		for (size_t k = 0; k < key.n; k++)
			wrong[k] = vectors[i].response[k] >= 'a'
					   ? (char)(vectors[i].response[k] - 32)
					   : vectors[i].response[k];
		c = header(i, wrong, text, sizeof(text));
		assert_int_equal(check(d, i, &c, key, 0), SIP_VERDICT_OK);
	}
}

/* For an unknown user even the right response to the dummy is not right: nobody may log in by knowing the source. */
static void test_dummy(void **state)
{
	struct sip_digest *d = *state;

	for (size_t i = FIRST; i < ROWS(vectors); i++) {
		char zeros[SIP_DIGEST_HEX_MAX], out[SIP_DIGEST_HEX_MAX + 1] = {0}, text[1024];
		memset(zeros, '0', sizeof(zeros));
		struct sip_digest_input in =
			input(i, sv_of(zeros, (size_t)2 * sip_digest_size(vectors[i].alg)));
		assert_true(sip_digest_response(d, &in, out) > 0);
		struct sip_credentials c = header(i, out, text, sizeof(text));
		assert_int_equal(check(d, i, &c, (struct sv){0}, 0), SIP_VERDICT_WRONG);
	}
}

#define MD5_AUTH "a2ad8a54015a6d71ceed909c3c0ef76f" /* of Bob's INVITE */
#define BEGIN    "Digest username=\"bob\", "
#define REALM    "realm=\"biloxi.com\", "
#define NONCE    "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
#define URI      "uri=\"sip:bob@biloxi.com\", "
#define RESPONSE "response=\"" MD5_AUTH "\", "
#define CNONCE   "cnonce=\"0a4f113b\", "
#define QOP      "qop=auth, nc=00000002"

static const struct {
	const char *value;
	unsigned algs, qops;
	int verdict;
} offers[] = {
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_OK},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, 0x3f, 3, SIP_VERDICT_OK},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", algorithm=MD5", 1, 1, SIP_VERDICT_OK},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", opaque=\"x\", x=y", 1, 1, SIP_VERDICT_OK},
	{BEGIN "realm=\"biloxi\\.com\", " NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_OK},
	/* algorithm (threat A-10) */
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, SIP_DIGEST_BIT(SIP_DIGEST_SHA256), 1,
	 SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", algorithm=MD5",
	 SIP_DIGEST_BIT(SIP_DIGEST_SHA256), 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", algorithm=MD5-sess", 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", algorithm=MD5-sess", 3, 1, SIP_VERDICT_WRONG},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP ", algorithm=AKAv1-MD5", 0x7f, 1,
	 SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, 0, 1, SIP_VERDICT_NONE},
	/* qop */
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, 1, SIP_QOP_AUTH_INT, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE QOP, 1, 0, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE "qop=auth-conf, nc=00000002", 1, 3,
	 SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE CNONCE, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI "response=\"bf57e4e0d0bffc0fbaedce64d59add5e\"", 1, 0,
	 SIP_VERDICT_OK},
	{BEGIN REALM NONCE URI RESPONSE CNONCE "qop=auth", 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE "cnonce=\"\", " QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE "algorithm=MD5-sess", 3, 0, SIP_VERDICT_NONE},
	/* each of the others absent, empty, wrong (threat P-13) */
	{"Digest " REALM NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{"Digest username=\"\", " REALM NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{"Digest username*=UTF-8''bob, " REALM NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_OK},
	{BEGIN NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN "realm=\"\", " NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN "realm=\"BILOXI.com\", " NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN "realm=\"biloxi\\\\.com\", " NONCE URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM "nonce=\"\", " URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM "nonce=\"x\", " URI RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_WRONG},
	{BEGIN REALM NONCE RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE "uri=\"\", " RESPONSE CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE "uri=\"sip:carol@biloxi.com\", " RESPONSE CNONCE QOP, 1, 1,
	 SIP_VERDICT_WRONG},
	{BEGIN REALM NONCE URI CNONCE QOP, 1, 1, SIP_VERDICT_NONE},
	{BEGIN REALM NONCE URI RESPONSE "cnonce=\"x\", " QOP, 1, 1, SIP_VERDICT_WRONG},
	{BEGIN REALM NONCE URI RESPONSE CNONCE "qop=auth, nc=00000003", 1, 1, SIP_VERDICT_WRONG},
	{"Basic username=bob", 1, 1, SIP_VERDICT_NONE},
	{"Digest", 1, 1, SIP_VERDICT_NONE},
};

static void test_offers(void **state)
{
	struct sip_digest *d = *state;
	struct guard g = guard_init(512);
	char ha1[SIP_DIGEST_HEX_MAX];

	assert_int_equal(
		sip_digest_ha1(d, SIP_DIGEST_MD5, SV("bob"), sv_str(realm), SV("zanzibar"), ha1),
		32);
	for (size_t i = 0; i < ROWS(offers); i++) {
		struct sip_credentials c;
		struct sip_where at;
		struct sip_digest_offer offer = {sv_str(realm), offers[i].algs, offers[i].qops};
		struct sip_digest_check k = {&offer, SV("INVITE"), SV("v=0\r\n"), sv_of(ha1, 32),
					     0};
		struct sv value = guard_put(&g, sv_str(offers[i].value));
		assert_int_equal(sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at), 0);
		int verdict = sip_digest_check(d, &c, &k);
		if (verdict != offers[i].verdict)
			fail_msg("%s: %d", offers[i].value, verdict);
		if (verdict != SIP_VERDICT_OK)
			continue;
		k.method = SV("BYE");
		assert_int_equal(sip_digest_check(d, &c, &k), SIP_VERDICT_WRONG);
	}
	/* a struct that sip_credentials_parse did not make */
	struct sip_credentials c = {.digest = true,
				    .has = ~0u,
				    .username = SV("bob"),
				    .realm = SV("biloxi.com"),
				    .nonce = SV("n"),
				    .uri = SV("u"),
				    .response = SV("00")};
	struct sip_digest_offer offer = {sv_str(realm), 1, 0};
	struct sip_digest_check k = {&offer, SV("INVITE"), SV(""), sv_of(ha1, 32), 0};
	assert_int_equal(sip_digest_check(d, &c, &k), SIP_VERDICT_NONE);
	guard_done(&g);
}

/* What libcrypto does not have (MD5 under FIPS) is known at start, and is an error, not a verdict, when asked for. */
static void test_unavailable(void **state)
{
	struct sip_digest d;
	struct sip_credentials c;
	struct sip_where at;
	struct sip_digest_offer offer = {sv_str(realm), 1, 1};
	struct sip_digest_check k = {&offer, SV("INVITE"), SV(""), SV(MD5_AUTH), 0};
	struct sv value = SV(BEGIN REALM NONCE URI RESPONSE CNONCE QOP);
	char out[SIP_DIGEST_HEX_MAX];

	assert_int_equal(sip_digest_algs(*state), 0x3f);
	assert_int_equal(sip_digest_init(&d), 0);
	struct evp_md_st *md5 = d.md[0];
	d.md[0] = NULL;
	assert_int_equal(sip_digest_algs(&d), 0x3c);
	assert_int_equal(sip_digest_ha1(&d, SIP_DIGEST_MD5_SESS, SV("a"), SV("b"), SV("c"), out),
			 MG_EINVAL);
	assert_int_equal(sip_digest_ha1(&d, SIP_DIGEST_OTHER, SV("a"), SV("b"), SV("c"), out),
			 MG_EINVAL);
	assert_int_equal(sip_digest_ha1(&d, SIP_DIGEST_SHA256, SV("a"), SV("b"), SV("c"), out), 64);
	assert_int_equal(sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at), 0);
	assert_int_equal(sip_digest_check(&d, &c, &k), MG_EINVAL);
	d.md[0] = md5;
	sip_digest_done(&d);
	sip_digest_done(&d);
}

/* Every allocation of libcrypto fails in turn: an error each time, the right digest once none does. */
static void test_oom(void **state)
{
	struct sip_digest *d = *state;

	for (size_t i = FIRST; i < ROWS(vectors); i++) {
		char ha1[SIP_DIGEST_HEX_MAX], out[SIP_DIGEST_HEX_MAX], text[1024];
		int n = sip_digest_ha1(d, vectors[i].alg, SV("bob"), sv_str(realm), SV("zanzibar"),
				       ha1);
		struct sip_digest_input in = input(i, sv_of(ha1, (size_t)n));
		struct sip_credentials c = header(i, vectors[i].response, text, sizeof(text));
		int ret = MG_ENOMEM;
		for (long k = 0; ret == MG_ENOMEM; k++) {
			left = k;
			ret = sip_digest_response(d, &in, out);
			if (ret == MG_ENOMEM) {
				left = k;
				assert_int_equal(check(d, i, &c, sv_of(ha1, (size_t)n), 0),
						 MG_ENOMEM);
				left = k;
				assert_int_equal(sip_digest_rspauth(d, &in, out), MG_ENOMEM);
			}
			left = -1;
			assert_int_equal(ERR_peek_error(), 0);
			assert_true(k < 16); /* OpenSSL 3.0: one per hash */
		}
		assert_int_equal(ret, n);
		assert_memory_equal(out, vectors[i].response, (size_t)n);
	}
}

static void test_oom_init(void **state)
{
	struct sip_digest d;
	int ret = MG_ENOMEM;

	(void)state;
	for (long k = 0; k < 64; k++) {
		left = k;
		ret = sip_digest_init(&d);
		left = -1;
		assert_int_equal(ERR_peek_error(), 0);
		if (ret)
			assert_int_equal(ret, MG_ENOMEM);
		else
			sip_digest_done(&d);
	}
	assert_int_equal(ret, 0);
}

/* Errors that others have not fetched yet stay in the queue. */
static void test_error_queue(void **state)
{
	char out[SIP_DIGEST_HEX_MAX];

	ERR_raise(ERR_LIB_USER, 7);
	left = 0;
	assert_int_equal(sip_digest_ha1(*state, SIP_DIGEST_MD5, SV("a"), SV("b"), SV("c"), out),
			 MG_ENOMEM);
	left = -1;
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
	assert_int_equal(ERR_get_error(), 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sip_verdict_name(SIP_VERDICT_NONE), "none");
	assert_string_equal(sip_verdict_name(SIP_VERDICT_WRONG), "wrong");
	assert_string_equal(sip_verdict_name(SIP_VERDICT_STALE), "stale");
	assert_string_equal(sip_verdict_name(SIP_VERDICT_OK), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),     cmocka_unit_test(test_userhash),
		cmocka_unit_test(test_verdicts),    cmocka_unit_test(test_dummy),
		cmocka_unit_test(test_offers),      cmocka_unit_test(test_unavailable),
		cmocka_unit_test(test_oom),         cmocka_unit_test(test_oom_init),
		cmocka_unit_test(test_error_queue), cmocka_unit_test(test_names),
	};

	/* before libcrypto allocates anything */
	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
