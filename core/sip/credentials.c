/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * credentials: digest headers as a table of fields, and what each field's value must look like.
 *
 *   credentials   = "Digest" LWS auth-param *( COMMA auth-param )
 *   auth-param    = token EQUAL ( token / quoted-string )
 *   ext-value     = "UTF-8" "'" [ language ] "'" *( escaped / attr-char )      (RFC 5987 §3.2)
 */
#include "sip/credentials.h"

#include "sip/hex.h"
#include "sip/limits.h"
#include "sip/param_scan.h"

static const struct {
	const char *name;
	uint8_t size;
} algorithms[] = {
	[SIP_DIGEST_MD5] = {"MD5", 16},
	[SIP_DIGEST_MD5_SESS] = {"MD5-sess", 16},
	[SIP_DIGEST_SHA256] = {"SHA-256", 32},
	[SIP_DIGEST_SHA256_SESS] = {"SHA-256-sess", 32},
	[SIP_DIGEST_SHA512_256] = {"SHA-512-256", 32},
	[SIP_DIGEST_SHA512_256_SESS] = {"SHA-512-256-sess", 32},
	[SIP_DIGEST_OTHER] = {"", 0},
};

enum sip_digest_alg sip_digest_find(struct sv name)
{
	unsigned alg = SIP_DIGEST_MD5;

	while (alg < SIP_DIGEST_OTHER && !sv_ieq(name, sv_str(algorithms[alg].name)))
		alg++;
	return alg;
}

const char *sip_digest_name(enum sip_digest_alg alg)
{
	return algorithms[alg].name;
}

unsigned sip_digest_size(enum sip_digest_alg alg)
{
	return algorithms[alg].size;
}

/* A field of one of the three structs: where its view lies. */
struct field {
	struct sv name;
	uint32_t bit;
	uint32_t off;
};

#define FIELD(type, lit, bit, member)                                \
	{                                                            \
		SV_INIT(lit), SIP_AUTH_##bit, offsetof(type, member) \
	}

static const struct field credentials_fields[] = {
	FIELD(struct sip_credentials, "username", USERNAME, username),
	FIELD(struct sip_credentials, "realm", REALM, realm),
	FIELD(struct sip_credentials, "nonce", NONCE, nonce),
	FIELD(struct sip_credentials, "uri", URI, uri),
	FIELD(struct sip_credentials, "response", RESPONSE, response),
	FIELD(struct sip_credentials, "algorithm", ALGORITHM, algorithm),
	FIELD(struct sip_credentials, "cnonce", CNONCE, cnonce),
	FIELD(struct sip_credentials, "qop", QOP, qop),
	FIELD(struct sip_credentials, "nc", NC, nc),
	FIELD(struct sip_credentials, "opaque", OPAQUE, opaque),
	FIELD(struct sip_credentials, "userhash", USERHASH, userhash),
	FIELD(struct sip_credentials, "username*", USERNAME_EXT, username_ext),
	{{0}, 0, 0},
};

static const struct field challenge_fields[] = {
	FIELD(struct sip_challenge, "realm", REALM, realm),
	FIELD(struct sip_challenge, "nonce", NONCE, nonce),
	FIELD(struct sip_challenge, "algorithm", ALGORITHM, algorithm),
	FIELD(struct sip_challenge, "qop", QOP, qop),
	FIELD(struct sip_challenge, "opaque", OPAQUE, opaque),
	FIELD(struct sip_challenge, "domain", DOMAIN, domain),
	FIELD(struct sip_challenge, "stale", STALE, stale),
	FIELD(struct sip_challenge, "charset", CHARSET, charset),
	FIELD(struct sip_challenge, "userhash", USERHASH, userhash),
	{{0}, 0, 0},
};

static const struct field auth_info_fields[] = {
	FIELD(struct sip_auth_info, "nextnonce", NEXTNONCE, nextnonce),
	FIELD(struct sip_auth_info, "rspauth", RSPAUTH, rspauth),
	FIELD(struct sip_auth_info, "cnonce", CNONCE, cnonce),
	FIELD(struct sip_auth_info, "qop", QOP, qop),
	FIELD(struct sip_auth_info, "nc", NC, nc),
	{{0}, 0, 0},
};

/* One of the structs being filled. */
struct reader {
	const struct field *fields;
	void *out;
	uint32_t has, pairs;
};

static const struct field *find_field(const struct field *f, struct sv name)
{
	while (f->bit && !sv_ieq(f->name, name))
		f++;
	return f;
}

/* An absent field is an empty view of the text, never NULL. */
static struct reader reader_init(const struct field *fields, void *out, struct sv text)
{
	struct sv none = sv_of(text.p, 0);

	for (const struct field *f = fields; f->bit; f++)
		memcpy((char *)out + f->off, &none, sizeof(none));
	return (struct reader){fields, out, 0, 0};
}

/* Control bytes have no business in what is hashed, compared and logged. A domain is a list that may be folded. */
static const char *control_byte(struct sv v, bool folds)
{
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if ((unsigned char)c >= 0x20 && c != 0x7f)
			continue;
		if (c == '\t' || (folds && lex_is(c, LEX_SPACE)))
			continue;
		return v.p + i;
	}
	return NULL;
}

static const char *auth_param(struct reader *r, const char *p, const char *end, struct lex_ctx *e)
{
	struct sip_param param;
	const char *q = param_one(p, end, LEX_TOKEN, &param, e);

	if (!q)
		return NULL;
	if (!param.has_value)
		return lex_fail(e, q, SIP_FAULT_BAD);
	if (param.value.n > SIP_AUTH_VALUE_MAX)
		return lex_fail(e, param.value.p, SIP_FAULT_TOO_LONG);
	const struct field *f = find_field(r->fields, param.name);
	if (r->has & f->bit)
		return lex_fail(e, param.name.p, SIP_FAULT_BAD);
	const char *bad = control_byte(param.value, f->bit == SIP_AUTH_DOMAIN);
	if (bad)
		return lex_fail(e, bad, SIP_FAULT_BAD);
	if (!f->bit)
		return q; /* an extension */
	memcpy((char *)r->out + f->off, &param.value, sizeof(param.value));
	r->has |= f->bit;
	if (param.quoted && sv_find(param.value, '\\') < param.value.n)
		r->pairs |= f->bit;
	return q;
}

/* The list, to the end. Empty elements count, so that commas alone are limited too. */
static bool auth_params(struct reader *r, const char *p, const char *end, struct lex_ctx *e)
{
	unsigned n = 0;

	for (;;) {
		p = lex_space(p, end);
		if (p == end)
			return true;
		if (++n > SIP_PARAMS_MAX)
			return lex_fail(e, p, SIP_FAULT_TOO_MANY_PARAMS);
		if (*p != ',') {
			p = auth_param(r, p, end, e);
			if (!p)
				return false;
			p = lex_space(p, end);
		}
		if (p == end)
			return true;
		if (*p != ',')
			return lex_fail(e, p, SIP_FAULT_BAD);
		p++;
	}
}

/* The scheme and what is behind it. */
static bool auth_scheme(struct sv value, struct sv *scheme, struct sv *rest, struct lex_ctx *e)
{
	const char *end = value.p + value.n;
	const char *p = lex_space(value.p, end);
	const char *q = lex_run(p, end, LEX_TOKEN);

	if (q == p || (q < end && !lex_is(*q, LEX_SPACE)))
		return lex_fail(e, q, SIP_FAULT_BAD);
	*scheme = sv_span(p, q);
	*rest = sv_trim(sv_span(q, end));
	return true;
}

static bool is_hex(struct sv v)
{
	return lex_run(v.p, v.p + v.n, LEX_HEX) == v.p + v.n;
}

/* nc-value = 8LHEX, in any case. */
static bool read_nc(struct sv text, uint32_t *out, struct lex_ctx *e)
{
	uint32_t v = 0;

	if (text.n != 8 || !is_hex(text))
		return lex_fail(e, text.p, SIP_FAULT_BAD);
	for (size_t i = 0; i < 8; i++)
		v = v << 4 | hex_digit(text.p[i]);
	*out = v;
	return true;
}

static uint8_t read_qop(struct sv text)
{
	if (sv_ieq(text, SV("auth")))
		return SIP_QOP_AUTH;
	if (sv_ieq(text, SV("auth-int")))
		return SIP_QOP_AUTH_INT;
	return SIP_QOP_OTHER;
}

/* "auth,auth-int" */
static uint8_t read_qops(struct sv list)
{
	uint8_t qops = SIP_QOP_NONE;

	for (;;) {
		size_t n = sv_find(list, ',');
		struct sv one = sv_trim(sv_of(list.p, n));
		if (one.n)
			qops |= read_qop(one);
		if (n == list.n)
			return qops;
		list = sv_of(list.p + n + 1, list.n - n - 1);
	}
}

/* Hexadecimal, and as long as the algorithm has it; of an unknown one any length. */
static bool check_response(const struct sip_credentials *c, struct lex_ctx *e)
{
	unsigned size = sip_digest_size(c->alg);

	if (!is_hex(c->response) || (size && c->response.n != (size_t)2 * size))
		return lex_fail(e, c->response.p, SIP_FAULT_BAD);
	return true;
}

/* What stands behind the second quote of an ext-value; false when it is none. */
static bool ext_text(struct sv v, struct sv *out)
{
	size_t n = sv_find(v, '\'');

	if (n == v.n || !sv_ieq(sv_of(v.p, n), SV("UTF-8")))
		return false;
	v = sv_of(v.p + n + 1, v.n - n - 1);
	n = sv_find(v, '\'');
	if (n == v.n)
		return false;
	*out = sv_of(v.p + n + 1, v.n - n - 1);
	return true;
}

static bool check_username_ext(const struct sip_credentials *c, struct lex_ctx *e)
{
	struct sv text;
	unsigned char b;

	/* RFC 7616 §3.4: one name, and hashes go into username */
	if (c->has & SIP_AUTH_USERNAME || c->hashed || !ext_text(c->username_ext, &text))
		return lex_fail(e, c->username_ext.p, SIP_FAULT_BAD);
	const char *end = text.p + text.n;
	for (const char *p = text.p; p < end;) {
		const char *from = p;
		p = hex_unescape(p, end, &b);
		if (b < 0x20 || b == 0x7f || *from == '\'' || (*from == '%' && p == from + 1))
			return lex_fail(e, from, SIP_FAULT_BAD);
	}
	return true;
}

static bool is_true(struct sv v)
{
	return sv_ieq(v, SV("true"));
}

static int where(struct sip_where *at, enum sip_hid hid, struct sv value, const struct lex_ctx *e)
{
	*at = (struct sip_where){(uint32_t)(e->pos - value.p), e->fault, (uint8_t)hid};
	return e->fault == SIP_FAULT_BAD ? MG_EPARSE : MG_ELIMIT;
}

/* A scheme and what follows it; of Digest, its parameters into what `r` fills. */
static bool read_scheme(struct reader *r, struct sv value, struct sv *scheme, struct sv *rest,
			bool *digest, struct lex_ctx *e)
{
	if (!auth_scheme(value, scheme, rest, e))
		return false;
	*digest = sv_ieq(*scheme, SV("Digest"));
	return !*digest || auth_params(r, rest->p, rest->p + rest->n, e);
}

static bool read_credentials(struct sip_credentials *c, struct sv value, struct lex_ctx *e)
{
	struct reader r = reader_init(credentials_fields, c, value);

	if (!read_scheme(&r, value, &c->scheme, &c->rest, &c->digest, e))
		return false;
	if (!c->digest)
		return true;
	c->has = r.has;
	c->pairs = r.pairs;
	if (c->has & SIP_AUTH_ALGORITHM)
		c->alg = (uint8_t)sip_digest_find(c->algorithm);
	if (c->has & SIP_AUTH_QOP)
		c->qop_value = read_qop(c->qop);
	c->hashed = is_true(c->userhash);
	return (!(c->has & SIP_AUTH_NC) || read_nc(c->nc, &c->nc_value, e)) &&
	       (!(c->has & SIP_AUTH_RESPONSE) || check_response(c, e)) &&
	       (!(c->has & SIP_AUTH_USERNAME_EXT) || check_username_ext(c, e));
}

int sip_credentials_parse(struct sip_credentials *out, enum sip_hid hid, struct sv value,
			  struct sip_where *at)
{
	struct sip_credentials c = {.alg = SIP_DIGEST_MD5};
	struct lex_ctx e = {0};

	if (!read_credentials(&c, value, &e))
		return where(at, hid, value, &e);
	*out = c;
	return 0;
}

static bool read_challenge(struct sip_challenge *c, struct sv value, struct lex_ctx *e)
{
	struct reader r = reader_init(challenge_fields, c, value);

	if (!read_scheme(&r, value, &c->scheme, &c->rest, &c->digest, e))
		return false;
	if (!c->digest)
		return true;
	c->has = r.has;
	c->pairs = r.pairs;
	if (c->has & SIP_AUTH_ALGORITHM)
		c->alg = (uint8_t)sip_digest_find(c->algorithm);
	c->qops = read_qops(c->qop);
	c->is_stale = is_true(c->stale);
	c->hashed = is_true(c->userhash);
	return true;
}

int sip_challenge_parse(struct sip_challenge *out, enum sip_hid hid, struct sv value,
			struct sip_where *at)
{
	struct sip_challenge c = {.alg = SIP_DIGEST_MD5};
	struct lex_ctx e = {0};

	if (!read_challenge(&c, value, &e))
		return where(at, hid, value, &e);
	*out = c;
	return 0;
}

int sip_auth_info_parse(struct sip_auth_info *out, enum sip_hid hid, struct sv value,
			struct sip_where *at)
{
	struct sip_auth_info info = {0};
	struct reader r = reader_init(auth_info_fields, &info, value);
	struct lex_ctx e = {0};

	if (!auth_params(&r, value.p, value.p + value.n, &e))
		return where(at, hid, value, &e);
	info.has = r.has;
	info.pairs = r.pairs;
	if (info.has & SIP_AUTH_QOP)
		info.qop_value = read_qop(info.qop);
	if (info.has & SIP_AUTH_NC && !read_nc(info.nc, &info.nc_value, &e))
		return where(at, hid, value, &e);
	if (!is_hex(info.rspauth)) {
		lex_fail(&e, info.rspauth.p, SIP_FAULT_BAD);
		return where(at, hid, value, &e);
	}
	*out = info;
	return 0;
}

size_t sip_credentials_username(const struct sip_credentials *c, char *out)
{
	struct sv text;
	size_t n = 0;

	if (c->has & SIP_AUTH_USERNAME) {
		if (c->pairs & SIP_AUTH_USERNAME)
			return sip_unquote(out, c->username);
		if (c->username.n)
			memcpy(out, c->username.p, c->username.n);
		return c->username.n;
	}
	if (!(c->has & SIP_AUTH_USERNAME_EXT) || !ext_text(c->username_ext, &text))
		return 0;
	for (const char *p = text.p; p < text.p + text.n;) {
		unsigned char b;
		p = hex_unescape(p, text.p + text.n, &b);
		out[n++] = (char)b;
	}
	return n;
}
