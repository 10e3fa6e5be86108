/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uri_compare: equality of URIs, their escapes, and the canonical address-of-record. Works on what uri.c has parsed;
 * called by the registrar, the router and whoever looks an address up.
 *
 * What RFC 3261 §19.1.4 leaves open is decided so:
 *   - Hosts that are addresses are compared as addresses (RFC 5954 §4.2), v4-mapped IPv6 being IPv4 as in base/addr.h.
 *   - A parameter that a URI holds twice matches when any of its values is there in the other.
 *   - Values of header components are compared byte by byte: which of the rules of §20 is weaker depends on the
 *     header, and to hold two URIs for different costs no more than a second binding.
 *   - gr (RFC 5627) names an instance, so it counts among the parameters that must be in both.
 */
#include "sip/uri.h"

#include "base/addr.h"
#include "sip/hex.h"
#include "sip/limits.h"
#include "sip/param.h"

enum {
	FOLD = 1, /* the case of letters is ignored */
	SKIP = 2, /* so are the visual separators of RFC 3966 §3 */
};

static bool separator(unsigned char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

/* RFC 2396 §2.2: only these differ from their escapes. */
static bool reserved(unsigned char c)
{
	return c && strchr(";/?:@&=+$,", c);
}

/* One character of a component at `*p`, moved past it; -1 at the end. A reserved one that is escaped is none of the
 * 256 bytes. */
static int take(const char **p, const char *end, unsigned how)
{
	unsigned char c;

	while (*p < end) {
		const char *from = *p;
		*p = hex_unescape(from, end, &c);
		if (how & SKIP && separator(c))
			continue;
		if (*p - from == 3 && reserved(c))
			return c | 0x100;
		return how & FOLD ? sv_lower((char)c) & 0xff : c;
	}
	return -1;
}

static bool component_eq(struct sv a, struct sv b, unsigned how)
{
	const char *p = a.p, *q = b.p;
	const char *p_end = a.n ? p + a.n : p,
		   *q_end = b.n ? q + b.n : q; /* absent ones are NULL */
	int c, d;

	do {
		c = take(&p, p_end, how);
		d = take(&q, q_end, how);
	} while (c == d && c >= 0);
	return c == d;
}

/* A name without the dot that may end it: the same host. */
static struct sv undotted(struct sv host)
{
	return host.n && host.p[host.n - 1] == '.' ? sv_of(host.p, host.n - 1) : host;
}

static bool host_eq(struct sv a, struct sv b)
{
	struct addr x, y;

	if (sv_ieq(undotted(a), undotted(b)))
		return true;
	return addr_parse(a, ADDR_THREE_COLONS, &x) == 0 &&
	       addr_parse(b, ADDR_THREE_COLONS, &y) == 0 && addr_host_eq(&x, &y);
}

static bool name_is(struct sv name, struct sv lower)
{
	return component_eq(name, lower, FOLD);
}

/* A parameter or header component of a URI, and a hash that equal ones share: lists are short, but who wrote them
 * may have chosen names that differ in the last byte only. */
struct item {
	struct sv name, value;
	uint32_t hash;
};

struct items {
	struct item item[SIP_PARAMS_MAX];
	unsigned n;
};

/* FNV-1a over characters, equal for components that are equal. */
static uint32_t component_hash(uint32_t hash, struct sv v, unsigned how)
{
	const char *p = v.p, *end = v.n ? p + v.n : p;
	int c;

	while ((c = take(&p, end, how)) >= 0)
		hash = (hash ^ (uint32_t)c) * 16777619u;
	return hash;
}

/* ---- parameters ---- */

static void params_split(struct items *list, struct sv params)
{
	struct sip_param p;

	list->n = 0;
	while (params.n && list->n < SIP_PARAMS_MAX && sip_param_next(&params, &p))
		list->item[list->n++] =
			(struct item){p.name, p.value, component_hash(0, p.name, FOLD)};
}

static bool sip_value_eq(const struct item *a, const struct item *b)
{
	if (component_eq(a->value, b->value, FOLD))
		return true;
	return name_is(a->name, SV("maddr")) && host_eq(a->value, b->value);
}

/* RFC 3966 §4: a phone-context is a domain name or a global number, an extension is digits. */
static bool tel_value_eq(const struct item *a, const struct item *b)
{
	bool number = name_is(a->name, SV("ext")) ||
		      (name_is(a->name, SV("phone-context")) && sv_starts(a->value, SV("+")) &&
		       sv_starts(b->value, SV("+")));

	return component_eq(a->value, b->value, number ? FOLD | SKIP : FOLD);
}

/* §19.1.4: these count even when the other URI does not have them. */
static bool sip_must(struct sv name)
{
	static const struct sv names[] = {SV_INIT("user"),  SV_INIT("ttl"),       SV_INIT("method"),
					  SV_INIT("maddr"), SV_INIT("transport"), SV_INIT("gr")};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name_is(name, names[i]))
			return true;
	return false;
}

static bool tel_must(struct sv name)
{
	(void)name;
	return true;
}

/* How the parameters of a scheme are compared. */
struct rule {
	bool (*must)(struct sv name);
	bool (*value_eq)(const struct item *a, const struct item *b);
};

static const struct rule sip_rule = {sip_must, sip_value_eq};
static const struct rule tel_rule = {tel_must, tel_value_eq};

/* Whether `p` speaks against a URI with the parameters `b`. */
static bool param_matches(const struct item *p, const struct items *b, const struct rule *rule)
{
	bool there = false;

	for (unsigned i = 0; i < b->n; i++) {
		const struct item *q = &b->item[i];
		if (p->hash != q->hash || !component_eq(p->name, q->name, FOLD))
			continue;
		if (rule->value_eq(p, q))
			return true;
		there = true;
	}
	return !there && !rule->must(p->name);
}

static bool params_match(const struct items *a, const struct items *b, const struct rule *rule)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!param_matches(&a->item[i], b, rule))
			return false;
	return true;
}

static bool params_eq(struct sv a, struct sv b, const struct rule *rule)
{
	struct items p, q;

	params_split(&p, a);
	params_split(&q, b);
	return params_match(&p, &q, rule) && params_match(&q, &p, rule);
}

/* ---- headers ---- */

/* Take the first "hname=hvalue" off the headers of a URI. */
static bool header_next(struct sv *rest, struct item *out)
{
	if (!rest->n)
		return false;
	size_t n = sv_find(*rest, '&');
	struct sv one = sv_of(rest->p, n);
	*rest = n < rest->n ? sv_of(rest->p + n + 1, rest->n - n - 1) : sv_of(rest->p + n, 0);
	n = sv_find(one, '=');
	out->name = sv_of(one.p, n);
	out->value = n < one.n ? sv_of(one.p + n + 1, one.n - n - 1) : sv_of(one.p + n, 0);
	return true;
}

static bool header_eq(const struct item *a, const struct item *b)
{
	return component_eq(a->name, b->name, FOLD) && component_eq(a->value, b->value, 0);
}

/* Returns false when there are more than fit. */
static bool headers_split(struct items *list, struct sv headers)
{
	struct item h;

	for (list->n = 0; header_next(&headers, &h); list->n++) {
		if (list->n == SIP_PARAMS_MAX)
			return false;
		h.hash = component_hash(component_hash(0, h.name, FOLD), h.value, 0);
		list->item[list->n] = h;
	}
	return true;
}

static bool header_in(const struct item *h, const struct items *list)
{
	for (unsigned i = 0; i < list->n; i++)
		if (h->hash == list->item[i].hash && header_eq(h, &list->item[i]))
			return true;
	return false;
}

static bool headers_within(const struct items *a, const struct items *b)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!header_in(&a->item[i], b))
			return false;
	return true;
}

static bool headers_same_order(struct sv a, struct sv b)
{
	struct item h, i;

	while (a.n && b.n) {
		header_next(&a, &h);
		header_next(&b, &i);
		if (!header_eq(&h, &i))
			return false;
	}
	return !a.n && !b.n;
}

/* In any order; above SIP_PARAMS_MAX of them in the same order only, so that time stays linear. */
static bool headers_eq(struct sv a, struct sv b)
{
	struct items p, q;

	if (headers_same_order(a, b))
		return true;
	return headers_split(&p, a) && headers_split(&q, b) && p.n == q.n &&
	       headers_within(&p, &q) && headers_within(&q, &p);
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	switch ((enum sip_scheme)a->scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		return a->has_user == b->has_user && a->has_password == b->has_password &&
		       a->port == b->port && component_eq(a->user, b->user, 0) &&
		       component_eq(a->password, b->password, 0) && host_eq(a->host, b->host) &&
		       params_eq(a->params, b->params, &sip_rule) &&
		       headers_eq(a->headers, b->headers);
	case SIP_SCHEME_TEL:
		return component_eq(a->user, b->user, FOLD | SKIP) &&
		       params_eq(a->params, b->params, &tel_rule);
	case SIP_SCHEME_URN:
	case SIP_SCHEME_OTHER: break;
	}
	return sv_ieq(sv_of(a->text.p, a->scheme_n), sv_of(b->text.p, b->scheme_n)) &&
	       sv_eq(a->user, b->user);
}

size_t sip_uri_unescape(char *out, struct sv in)
{
	size_t n = 0;
	unsigned char c;

	if (!in.n)
		return 0;
	for (const char *p = in.p, *end = p + in.n; p < end; out[n++] = (char)c)
		p = hex_unescape(p, end, &c);
	return n;
}

/* What is being written: `n` goes on counting beyond `cap`, where nothing is written any more. */
struct out {
	char *p;
	size_t n, cap;
};

static void put(struct out *o, char c)
{
	if (o->n < o->cap)
		o->p[o->n] = c;
	o->n++;
}

static void put_text(struct out *o, struct sv text)
{
	for (size_t i = 0; i < text.n; i++)
		put(o, sv_lower(text.p[i]));
}

static void put_escaped(struct out *o, unsigned char c)
{
	static const char digits[16] = "0123456789ABCDEF";

	put(o, '%');
	put(o, digits[c >> 4]);
	put(o, digits[c & 15]);
}

/* "#" stands unescaped in many a Request-URI, but the grammar wants it escaped. */
static void put_user(struct out *o, struct sv user)
{
	const char *end = user.p + user.n;
	unsigned char c;

	for (const char *p = user.p; p < end;) {
		p = hex_unescape(p, end, &c);
		if (lex_is((char)c, LEX_USER) && c != '#')
			put(o, (char)c);
		else
			put_escaped(o, c);
	}
}

static void put_host(struct out *o, const struct sip_uri *uri)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (uri->host_kind == LEX_HOST_V6 && addr_parse(uri->host, ADDR_THREE_COLONS, &a) == 0)
		put_text(o, sv_of(text, addr_write(&a, ADDR_URI, text)));
	else
		put_text(o, undotted(uri->host));
}

static void put_port(struct out *o, unsigned port)
{
	unsigned div = 10000;

	if (!port)
		return;
	put(o, ':');
	while (port < div)
		div /= 10;
	for (; div; div /= 10)
		put(o, (char)('0' + port / div % 10));
}

/* A domain name in lower case, or a global number without its separators. */
static void put_context(struct out *o, struct sv context)
{
	const char *end = context.p + context.n;
	bool number = false, first = true;
	unsigned char c;

	for (const char *p = context.p; p < end; first = false) {
		p = hex_unescape(p, end, &c);
		c = (unsigned char)sv_lower((char)c);
		if (first)
			number = c == '+';
		if (number && separator(c))
			continue;
		if (lex_is((char)c, LEX_URIPARAM))
			put(o, (char)c);
		else
			put_escaped(o, c);
	}
}

static void put_tel(struct out *o, const struct sip_uri *uri)
{
	struct sip_param context;

	for (size_t i = 0; i < uri->user.n; i++)
		if (!separator((unsigned char)uri->user.p[i]))
			put(o, sv_lower(uri->user.p[i]));
	if (sv_starts(uri->user, SV("+")) ||
	    !sip_param_find(uri->params, SV("phone-context"), &context))
		return;
	put_text(o, SV(";phone-context="));
	put_context(o, context.value);
}

int sip_aor_write(char *out, size_t cap, const struct sip_uri *uri)
{
	struct out o = {.cap = cap};

	o.p = out;
	switch ((enum sip_scheme)uri->scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		put_text(&o, uri->scheme == SIP_SCHEME_SIP ? SV("sip:") : SV("sips:"));
		if (uri->has_user) {
			put_user(&o, uri->user);
			put(&o, '@');
		}
		put_host(&o, uri);
		put_port(&o, uri->port);
		break;
	case SIP_SCHEME_TEL:
		put_text(&o, SV("tel:"));
		put_tel(&o, uri);
		break;
	case SIP_SCHEME_URN:
	case SIP_SCHEME_OTHER: return MG_EINVAL;
	}
	return o.n <= cap ? (int)o.n : MG_ENOSPC;
}
