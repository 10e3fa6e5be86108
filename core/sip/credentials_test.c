/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Digest headers as RFC 7616 shows them, as phones send them, and as attackers do (threat P-13): what is read out of
 * each, or where and why it is refused. Every value is read at the end of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/test_guard.h"
#include "sip/credentials.h"
#include "sip/limits.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define HEX32 "8ca523f5e9506fed4657c9700eebdbec"
#define HEX64 "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
#define TEN   "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,"

enum { USERNAME = SIP_AUTH_USERNAME, REALM = SIP_AUTH_REALM, NONCE = SIP_AUTH_NONCE };

static const struct {
	const char *value;
	uint32_t has, pairs;
	uint8_t alg, qop;
	uint32_t nc;
	const char *username; /* decoded */
	bool hashed;
} credentials[] = {
	/* RFC 7616 §3.9.1, folds included */
	{"Digest username=\"Mufasa\",\r\n    realm=\"http-auth@example.org\",\r\n"
	 "    uri=\"/dir/index.html\",\r\n    algorithm=MD5,\r\n"
	 "    nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",\r\n    nc=00000001,\r\n"
	 "    cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\",\r\n    qop=auth,\r\n"
	 "    response=\"" HEX32 "\",\r\n"
	 "    opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
	 USERNAME | REALM | NONCE | SIP_AUTH_URI | SIP_AUTH_RESPONSE | SIP_AUTH_ALGORITHM |
		 SIP_AUTH_CNONCE | SIP_AUTH_QOP | SIP_AUTH_NC | SIP_AUTH_OPAQUE,
	 0, SIP_DIGEST_MD5, SIP_QOP_AUTH, 1, "Mufasa", false},
	{"Digest algorithm=SHA-256, response=\"" HEX64 "\"", SIP_AUTH_ALGORITHM | SIP_AUTH_RESPONSE,
	 0, SIP_DIGEST_SHA256, 0, 0, "", false},
	{"Digest response=\"" HEX64 "\", algorithm=sha-512-256-SESS",
	 SIP_AUTH_ALGORITHM | SIP_AUTH_RESPONSE, 0, SIP_DIGEST_SHA512_256_SESS, 0, 0, "", false},
	{"Digest algorithm=SHA-256-sess", SIP_AUTH_ALGORITHM, 0, SIP_DIGEST_SHA256_SESS, 0, 0, "",
	 false},
	{"Digest algorithm=md5-sess", SIP_AUTH_ALGORITHM, 0, SIP_DIGEST_MD5_SESS, 0, 0, "", false},
	{"Digest algorithm=SHA-512-256", SIP_AUTH_ALGORITHM, 0, SIP_DIGEST_SHA512_256, 0, 0, "",
	 false},
	/* §3.9.2 */
	{"Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, userhash=false",
	 SIP_AUTH_USERNAME_EXT | SIP_AUTH_USERHASH, 0, 0, 0, 0, "J\xc3\xa4s\xc3\xb8n Doe", false},
	{"Digest username*=utf-8'de'x", SIP_AUTH_USERNAME_EXT, 0, 0, 0, 0, "x", false},
	{"Digest username*=\"UTF-8''x\"", SIP_AUTH_USERNAME_EXT, 0, 0, 0, 0, "x", false},
	{"Digest username*=UTF-8''", SIP_AUTH_USERNAME_EXT, 0, 0, 0, 0, "", false},
	{"Digest username=\"488869\", userhash=true", USERNAME | SIP_AUTH_USERHASH, 0, 0, 0, 0,
	 "488869", true},
	{"Digest userhash=\"TRUE\"", SIP_AUTH_USERHASH, 0, 0, 0, 0, "", true},
	{"Digest userhash=maybe", SIP_AUTH_USERHASH, 0, 0, 0, 0, "", false},
	/* quoted-pairs, and a quote that does not end */
	{"Digest username=\"a\\\"b\\\\c\"", USERNAME, USERNAME, 0, 0, 0, "a\"b\\c", false},
	{"Digest username=\"a\", realm=\"x\\y\"", USERNAME | REALM, REALM, 0, 0, 0, "a", false},
	{"Digest username=\"a, realm=b\"", USERNAME, 0, 0, 0, 0, "a, realm=b", false},
	/* what phones send beyond the grammar */
	{"digest username=bob,realm=example.com,nonce=abc+/==", USERNAME | REALM | NONCE, 0, 0, 0,
	 0, "bob", false},
	{"DIGEST\turi=sip:bob@example.com", SIP_AUTH_URI, 0, 0, 0, 0, "", false},
	{"Digest algorithm=\"MD5\", qop=\"auth\", nc=\"0000000a\"",
	 SIP_AUTH_ALGORITHM | SIP_AUTH_QOP | SIP_AUTH_NC, 0, 0, SIP_QOP_AUTH, 10, "", false},
	{"Digest qop=AUTH-INT , nc = FFFFFFFF", SIP_AUTH_QOP | SIP_AUTH_NC, 0, 0, SIP_QOP_AUTH_INT,
	 0xffffffff, "", false},
	{"Digest response=8CA523F5E9506FED4657C9700EEBDBEC", SIP_AUTH_RESPONSE, 0, 0, 0, 0, "",
	 false},
	{"Digest ,, username=\"a\",,realm=\"b\",", USERNAME | REALM, 0, 0, 0, 0, "a", false},
	{"  Digest  username=\"a\"  ", USERNAME, 0, 0, 0, 0, "a", false},
	{"Digest username=\"a\tb\"", USERNAME, 0, 0, 0, 0, "a\tb", false},
	{"Digest username=\"\xc3\xa9\"", USERNAME, 0, 0, 0, 0, "\xc3\xa9", false},
	/* absent, empty, unknown */
	{"Digest", 0, 0, 0, 0, 0, "", false},
	{"Digest ,", 0, 0, 0, 0, 0, "", false},
	{"Digest username=\"\", realm=, nonce=\"\", uri=\"\", cnonce=\"\", opaque=\"\"",
	 USERNAME | REALM | NONCE | SIP_AUTH_URI | SIP_AUTH_CNONCE | SIP_AUTH_OPAQUE, 0, 0, 0, 0,
	 "", false},
	{"Digest algorithm=AKAv1-MD5, response=\"0\"", SIP_AUTH_ALGORITHM | SIP_AUTH_RESPONSE, 0,
	 SIP_DIGEST_OTHER, 0, 0, "", false},
	{"Digest algorithm=\"\", qop=\"\"", SIP_AUTH_ALGORITHM | SIP_AUTH_QOP, 0, SIP_DIGEST_OTHER,
	 SIP_QOP_OTHER, 0, "", false},
	{"Digest x=1, x=\"2\", username=a", USERNAME, 0, 0, 0, 0, "a", false},
	{"Digest nc=00000000", SIP_AUTH_NC, 0, 0, 0, 0, "", false},
	{"Digest " TEN TEN TEN "a=1,b=2", 0, 0, 0, 0, 0, "", false},
};

static void test_credentials(void **state)
{
	struct guard g = guard_init(8192);

	(void)state;
	for (size_t i = 0; i < ROWS(credentials); i++) {
		char name[SIP_AUTH_VALUE_MAX];
		struct sip_credentials c;
		struct sip_where at = {0};
		struct sv value = guard_put(&g, sv_str(credentials[i].value));
		if (sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at))
			fail_msg("%s: refused at %u", credentials[i].value, at.off);
		if (!c.digest || c.has != credentials[i].has || c.pairs != credentials[i].pairs ||
		    c.alg != credentials[i].alg || c.qop_value != credentials[i].qop ||
		    c.nc_value != credentials[i].nc || c.hashed != credentials[i].hashed)
			fail_msg("%s", credentials[i].value);
		size_t n = sip_credentials_username(&c, name);
		if (!sv_eq(sv_of(name, n), sv_str(credentials[i].username)))
			fail_msg("%s: user %.*s", credentials[i].value, (int)n, name);
	}
	guard_done(&g);
}

static void test_views(void **state)
{
	struct sip_credentials c;
	struct sip_where at;
	struct sv value =
		SV("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32
		   "\",algorithm=MD5,cnonce=\"c\",qop=auth-int,nc=0000abcd,opaque=\"o\",userhash="
		   "false");

	(void)state;
	assert_int_equal(sip_credentials_parse(&c, SIP_H_PROXY_AUTHORIZATION, value, &at), 0);
	assert_true(sv_eq(c.scheme, SV("Digest")));
	assert_true(sv_eq(c.rest, sv_of(value.p + 7, value.n - 7)));
	assert_true(sv_eq(c.username, SV("u")));
	assert_true(sv_eq(c.realm, SV("r")));
	assert_true(sv_eq(c.nonce, SV("n")));
	assert_true(sv_eq(c.uri, SV("sip:x")));
	assert_true(sv_eq(c.response, SV(HEX32)));
	assert_true(sv_eq(c.algorithm, SV("MD5")));
	assert_true(sv_eq(c.cnonce, SV("c")));
	assert_true(sv_eq(c.qop, SV("auth-int")));
	assert_true(sv_eq(c.nc, SV("0000abcd")));
	assert_true(sv_eq(c.opaque, SV("o")));
	assert_true(sv_eq(c.userhash, SV("false")));
	assert_int_equal(c.username_ext.n, 0);
}

/* RFC 4475 §3.3.10 regaut01 */
static void test_other_scheme(void **state)
{
	static const struct sv values[] = {SV_INIT("NoOneKnowsThisScheme opaque-data=here"),
					   SV_INIT("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
					   SV_INIT("Bearer"), SV_INIT("Digestx username=\"")};
	struct guard g = guard_init(64);

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++) {
		struct sv value = guard_put(&g, values[i]);
		struct sip_credentials c;
		struct sip_challenge h;
		struct sip_where at;
		assert_int_equal(sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at), 0);
		assert_false(c.digest);
		assert_int_equal(c.has, 0);
		assert_int_equal(c.scheme.n, sv_find(value, ' '));
		assert_int_equal(sip_challenge_parse(&h, SIP_H_WWW_AUTHENTICATE, value, &at), 0);
		assert_false(h.digest);
		assert_true(sv_eq(h.rest, c.rest));
	}
	guard_done(&g);
}

enum { BAD = SIP_FAULT_BAD, MANY = SIP_FAULT_TOO_MANY_PARAMS };

static const struct {
	struct sv value;
	uint32_t off;
	uint8_t fault;
} refused[] = {
	{SV_INIT(""), 0, BAD},
	{SV_INIT("  "), 2, BAD},
	{SV_INIT(", Digest"), 0, BAD},
	{SV_INIT("\"Digest\" a=b"), 0, BAD},
	{SV_INIT("Digest=x"), 6, BAD},
	{SV_INIT("Digest,a=b"), 6, BAD},
	{SV_INIT("Digest username"), 15, BAD},
	{SV_INIT("Digest username, realm=\"a\""), 15, BAD},
	{SV_INIT("Digest username=\"a"), 16, BAD},
	{SV_INIT("Digest username=\"a\\\""), 16, BAD},
	{SV_INIT("Digest username=\"a\" realm=\"b\""), 20, BAD},
	{SV_INIT("Digest username=\"a\";realm=\"b\""), 19, BAD},
	{SV_INIT("Digest username=\"a\"b"), 19, BAD},
	{SV_INIT("Digest username=a\"b\""), 17, BAD},
	{SV_INIT("Digest =a"), 7, BAD},
	{SV_INIT("Digest realm=\"a\", Digest realm=\"b\""), 24, BAD},
	/* twice */
	{SV_INIT("Digest username=a,username=a"), 18, BAD},
	{SV_INIT("Digest username=a,realm=b,USERNAME=c"), 26, BAD},
	{SV_INIT("Digest nonce=\"\",nonce=\"\""), 16, BAD},
	{SV_INIT("Digest username*=UTF-8''a,username*=UTF-8''a"), 26, BAD},
	/* control bytes */
	{SV_INIT("Digest username=\"a\0b\""), 18, BAD},
	{SV_INIT("Digest username=\"a\\\0b\""), 19, BAD},
	{SV_INIT("Digest username=\"a\r\n b\""), 18, BAD},
	{SV_INIT("Digest x=\"\x7f\""), 10, BAD},
	/* nc, response */
	{SV_INIT("Digest nc=1"), 10, BAD},
	{SV_INIT("Digest nc="), 10, BAD},
	{SV_INIT("Digest nc=0000001"), 10, BAD},
	{SV_INIT("Digest nc=000000001"), 10, BAD},
	{SV_INIT("Digest nc=0000000g"), 10, BAD},
	{SV_INIT("Digest response=\"\""), 17, BAD},
	{SV_INIT("Digest response=\"8ca523f5e9506fed4657c9700eebdbe\""), 17, BAD},
	{SV_INIT("Digest response=\"8ca523f5e9506fed4657c9700eebdbeg\""), 17, BAD},
	{SV_INIT("Digest response=\"" HEX32 "\",algorithm=SHA-256"), 17, BAD},
	{SV_INIT("Digest response=\"" HEX64 "\""), 17, BAD},
	{SV_INIT("Digest response=\"xyz\",algorithm=AKAv1-MD5"), 17, BAD},
	/* username* */
	{SV_INIT("Digest username*=bob"), 17, BAD},
	{SV_INIT("Digest username*=UTF-8'bob"), 17, BAD},
	{SV_INIT("Digest username*=ISO-8859-1''bob"), 17, BAD},
	{SV_INIT("Digest username*=UTF-8''a%4"), 25, BAD},
	{SV_INIT("Digest username*=UTF-8''a'b"), 25, BAD},
	{SV_INIT("Digest username*=UTF-8''%00"), 24, BAD},
	{SV_INIT("Digest username*=UTF-8''%7f"), 24, BAD},
	{SV_INIT("Digest username*=UTF-8''a,username=a"), 17, BAD},
	{SV_INIT("Digest username*=UTF-8''a,userhash=true"), 17, BAD},
	/* how many */
	{SV_INIT("Digest " TEN TEN TEN "a=1,a=2,c=3"), 135, MANY},
	{SV_INIT("Digest ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"), 39, MANY},
};

static void test_refused(void **state)
{
	struct guard g = guard_init(256);

	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct sip_credentials c = {.nc_value = 77};
		struct sip_where at = {0};
		struct sv value = guard_put(&g, refused[i].value);
		int ret = sip_credentials_parse(&c, SIP_H_PROXY_AUTHORIZATION, value, &at);
		if (ret != (refused[i].fault == BAD ? MG_EPARSE : MG_ELIMIT) ||
		    at.fault != refused[i].fault || at.off != refused[i].off ||
		    at.hid != SIP_H_PROXY_AUTHORIZATION)
			fail_msg("%s: %d, fault %u at %u", refused[i].value.p, ret, at.fault,
				 at.off);
		assert_int_equal(c.nc_value, 77);
	}
	guard_done(&g);
}

/* Each field at its limit, one byte above, and with 8 KiB (threat P-13). */
static void test_long(void **state)
{
	static const char *const names[] = {"username", "realm",  "nonce",     "uri",
					    "cnonce",   "opaque", "algorithm", "whatever"};
	static const size_t sizes[] = {SIP_AUTH_VALUE_MAX, SIP_AUTH_VALUE_MAX + 1, 8192};
	struct guard g = guard_init(9000);
	char text[9000];

	(void)state;
	for (size_t i = 0; i < ROWS(names); i++)
		for (size_t k = 0; k < ROWS(sizes); k++) {
			struct sip_credentials c;
			struct sip_where at;
			size_t n = (size_t)sprintf(text, "Digest %s=\"", names[i]);
			memset(text + n, 'a', sizes[k]);
			text[n + sizes[k]] = '"';
			struct sv value = guard_put(&g, sv_of(text, n + sizes[k] + 1));
			int ret = sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at);
			assert_int_equal(ret, k ? MG_ELIMIT : 0);
			if (k) {
				assert_int_equal(at.fault, SIP_FAULT_TOO_LONG);
				assert_int_equal(at.off, n);
			}
		}
	guard_done(&g);
}

/* Every subset of ten fields, each right, absent, empty or twice in turn: no crash, and only what is malformed is
 * refused. */
static void test_subsets(void **state)
{
	static const char *const right[] = {"username=\"u\"",
					    "realm=\"r\"",
					    "nonce=\"n\"",
					    "uri=\"sip:x\"",
					    "response=8ca523f5e9506fed4657c9700eebdbec",
					    "algorithm=MD5",
					    "cnonce=\"c\"",
					    "qop=auth",
					    "nc=00000001",
					    "opaque=\"o\""};
	static const uint32_t bits[] = {
		USERNAME,           REALM,           NONCE,        SIP_AUTH_URI, SIP_AUTH_RESPONSE,
		SIP_AUTH_ALGORITHM, SIP_AUTH_CNONCE, SIP_AUTH_QOP, SIP_AUTH_NC,  SIP_AUTH_OPAQUE};
	struct guard g = guard_init(1024);
	char text[1024];

	(void)state;
	for (unsigned set = 0; set < 1024; set++)
		for (size_t twice = 0; twice <= ROWS(right); twice++) {
			struct sip_credentials c;
			struct sip_where at;
			uint32_t has = 0;
			bool doubled = false;
			size_t n = (size_t)sprintf(text, "Digest ");
			for (size_t i = 0; i < ROWS(right); i++) {
				if (!(set >> i & 1))
					continue;
				has |= bits[i];
				n += (size_t)sprintf(text + n, "%s, ", right[i]);
				if (i == twice) {
					n += (size_t)sprintf(text + n, "%s, ", right[i]);
					doubled = true;
				}
			}
			struct sv value = guard_put(&g, sv_of(text, n));
			int ret = sip_credentials_parse(&c, SIP_H_AUTHORIZATION, value, &at);
			assert_int_equal(ret, doubled ? MG_EPARSE : 0);
			if (!ret)
				assert_int_equal(c.has, has);
		}
	guard_done(&g);
}

static const struct {
	const char *value;
	uint32_t has;
	uint8_t alg, qops;
	bool stale, hashed;
} challenges[] = {
	{"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
	 "nonce=\"7ypf\", opaque=\"FQhe\"",
	 REALM | NONCE | SIP_AUTH_QOP | SIP_AUTH_ALGORITHM | SIP_AUTH_OPAQUE, SIP_DIGEST_SHA256,
	 SIP_QOP_AUTH | SIP_QOP_AUTH_INT, false, false},
	{"Digest realm=\"a\",nonce=\"b\",stale=TRUE,charset=UTF-8,userhash=true",
	 REALM | NONCE | SIP_AUTH_STALE | SIP_AUTH_CHARSET | SIP_AUTH_USERHASH, SIP_DIGEST_MD5, 0,
	 true, true},
	{"Digest realm=\"a\", domain=\"sip:a\r\n sip:b\", stale=no",
	 REALM | SIP_AUTH_DOMAIN | SIP_AUTH_STALE, SIP_DIGEST_MD5, 0, false, false},
	{"Digest qop=auth", SIP_AUTH_QOP, 0, SIP_QOP_AUTH, false, false},
	{"Digest qop=\",auth-int ,, auth-conf,\"", SIP_AUTH_QOP, 0,
	 SIP_QOP_AUTH_INT | SIP_QOP_OTHER, false, false},
	{"Digest algorithm=unheard-of", SIP_AUTH_ALGORITHM, SIP_DIGEST_OTHER, 0, false, false},
	{"Digest", 0, 0, 0, false, false},
};

static void test_challenges(void **state)
{
	struct guard g = guard_init(512);
	struct sip_where at;
	struct sip_challenge c;

	(void)state;
	for (size_t i = 0; i < ROWS(challenges); i++) {
		struct sv value = guard_put(&g, sv_str(challenges[i].value));
		if (sip_challenge_parse(&c, SIP_H_WWW_AUTHENTICATE, value, &at) || !c.digest ||
		    c.has != challenges[i].has || c.alg != challenges[i].alg ||
		    c.qops != challenges[i].qops || c.is_stale != challenges[i].stale ||
		    c.hashed != challenges[i].hashed || c.pairs)
			fail_msg("%s", challenges[i].value);
	}
	struct sv bad = SV("Digest realm=\"a\", realm=\"b\"");
	assert_int_equal(sip_challenge_parse(&c, SIP_H_WWW_AUTHENTICATE, bad, &at), MG_EPARSE);
	assert_int_equal(at.off, 18);
	assert_int_equal(at.hid, SIP_H_WWW_AUTHENTICATE);
	assert_int_equal(sip_challenge_parse(&c, SIP_H_PROXY_AUTHENTICATE, SV(""), &at), MG_EPARSE);
	guard_done(&g);
}

static const struct {
	const char *value;
	int ret;
	uint32_t has, nc; /* nc: where it is bad, when it is */
	uint8_t qop;
} infos[] = {
	{"nextnonce=\"abc\", qop=auth, rspauth=\"" HEX32 "\", cnonce=\"x\", nc=00000001", 0,
	 SIP_AUTH_NEXTNONCE | SIP_AUTH_QOP | SIP_AUTH_RSPAUTH | SIP_AUTH_CNONCE | SIP_AUTH_NC, 1,
	 SIP_QOP_AUTH},
	{"rspauth=\"\"", 0, SIP_AUTH_RSPAUTH, 0, 0},
	{"", 0, 0, 0, 0},
	{"nextnonce", MG_EPARSE, 0, 9, 0},
	{"nc=1", MG_EPARSE, 0, 3, 0},
	{"rspauth=\"xyz\"", MG_EPARSE, 0, 9, 0},
	{"qop=auth,qop=auth", MG_EPARSE, 0, 9, 0},
};

static void test_infos(void **state)
{
	struct guard g = guard_init(512);

	(void)state;
	for (size_t i = 0; i < ROWS(infos); i++) {
		struct sip_auth_info info;
		struct sip_where at = {0};
		struct sv value = guard_put(&g, sv_str(infos[i].value));
		int ret = sip_auth_info_parse(&info, SIP_H_AUTHENTICATION_INFO, value, &at);
		if (ret != infos[i].ret)
			fail_msg("%s: %d at %u", infos[i].value, ret, at.off);
		if (ret) {
			assert_int_equal(at.off, infos[i].nc);
			assert_int_equal(at.hid, SIP_H_AUTHENTICATION_INFO);
			continue;
		}
		assert_int_equal(info.has, infos[i].has);
		assert_int_equal(info.nc_value, infos[i].nc);
		assert_int_equal(info.qop_value, infos[i].qop);
	}
	guard_done(&g);
}

static void test_algorithms(void **state)
{
	(void)state;
	for (unsigned alg = 0; alg < SIP_DIGEST_OTHER; alg++) {
		assert_int_equal(sip_digest_find(sv_str(sip_digest_name(alg))), alg);
		assert_int_equal(sip_digest_size(alg), alg < SIP_DIGEST_SHA256 ? 16 : 32);
	}
	assert_string_equal(sip_digest_name(SIP_DIGEST_OTHER), "");
	assert_int_equal(sip_digest_size(SIP_DIGEST_OTHER), 0);
	assert_int_equal(sip_digest_find(SV("SHA-512")), SIP_DIGEST_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credentials),  cmocka_unit_test(test_views),
		cmocka_unit_test(test_other_scheme), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),         cmocka_unit_test(test_subsets),
		cmocka_unit_test(test_challenges),   cmocka_unit_test(test_infos),
		cmocka_unit_test(test_algorithms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
