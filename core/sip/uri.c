/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uri: the grammar.
 *
 *   SIP-URI    = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
 *   userinfo   = ( user / telephone-subscriber ) [ ":" password ] "@"
 *   hostport   = host [ ":" port ]
 *   telephone-uri = "tel:" ( global-number / local-number ) *par           (RFC 3966 §3)
 */
#include "sip/uri.h"

#include "base/addr.h"
#include "sip/limits.h"
#include "sip/param_scan.h"

static const struct sv transports[] = {
	[SIP_TRANSPORT_NONE] = {"", 0},     [SIP_TRANSPORT_UDP] = {"udp", 3},
	[SIP_TRANSPORT_TCP] = {"tcp", 3},   [SIP_TRANSPORT_TLS] = {"tls", 3},
	[SIP_TRANSPORT_SCTP] = {"sctp", 4}, [SIP_TRANSPORT_TLS_SCTP] = {"tls-sctp", 8},
	[SIP_TRANSPORT_WS] = {"ws", 2},     [SIP_TRANSPORT_WSS] = {"wss", 3},
	[SIP_TRANSPORT_OTHER] = {"", 0},
};

/* Same name as the literal in lower case. */
#define NAME_IS(name, lit) ((name).n == sizeof(lit) - 1 && param_is(name, lit))

enum sip_transport sip_transport_find(struct sv name)
{
	switch (name.n) {
	case 2: return param_is(name, "ws") ? SIP_TRANSPORT_WS : SIP_TRANSPORT_OTHER;
	case 3:
		return param_is(name, "udp")   ? SIP_TRANSPORT_UDP
		       : param_is(name, "tcp") ? SIP_TRANSPORT_TCP
		       : param_is(name, "tls") ? SIP_TRANSPORT_TLS
		       : param_is(name, "wss") ? SIP_TRANSPORT_WSS
					       : SIP_TRANSPORT_OTHER;
	case 4: return param_is(name, "sctp") ? SIP_TRANSPORT_SCTP : SIP_TRANSPORT_OTHER;
	case 8:
		return sv_ieq(name, transports[SIP_TRANSPORT_TLS_SCTP]) ? SIP_TRANSPORT_TLS_SCTP
									: SIP_TRANSPORT_OTHER;
	default: return SIP_TRANSPORT_OTHER;
	}
}

const char *sip_transport_name(enum sip_transport transport)
{
	return transports[transport].p;
}

enum {
	ONCE_LR = 1 << 0,
	ONCE_GR = 1 << 1,
	ONCE_OB = 1 << 2,
	ONCE_TTL = 1 << 3,
	ONCE_USER = 1 << 4,
	ONCE_MADDR = 1 << 5,
	ONCE_METHOD = 1 << 6,
	ONCE_TRANSPORT = 1 << 7,
	ONCE_CONTEXT = 1 << 8,
};

static unsigned once_bit(struct sv name)
{
	switch (name.n) {
	case 2:
		return param_is(name, "lr")   ? ONCE_LR
		       : param_is(name, "gr") ? ONCE_GR
		       : param_is(name, "ob") ? ONCE_OB
					      : 0;
	case 3: return param_is(name, "ttl") ? ONCE_TTL : 0;
	case 4: return param_is(name, "user") ? ONCE_USER : 0;
	case 5: return param_is(name, "maddr") ? ONCE_MADDR : 0;
	case 6: return param_is(name, "method") ? ONCE_METHOD : 0;
	case 9: return param_is(name, "transport") ? ONCE_TRANSPORT : 0;
	case 13: return param_is(name, "phone-context") ? ONCE_CONTEXT : 0;
	default: return 0;
	}
}

/* Remember the parameters that have a meaning here; false for the second of a name, which may stand there once (§19.1.1, RFC 3966 §3), and for one that is empty and must
 * not be. */
static inline bool take_param(struct sip_uri *u, struct sv name, struct sv value)
{
	unsigned bit = once_bit(name);

	if (!bit)
		return true;
	if (u->once & bit)
		return false;
	u->once |= (uint16_t)bit;
	switch (bit) {
	case ONCE_LR: u->lr = true; return true;
	case ONCE_GR: u->gr = true; return true;
	case ONCE_OB: u->ob = true; return true;
	case ONCE_USER: u->user_phone = sv_ieq(value, SV("phone")); return true;
	case ONCE_MADDR: u->maddr = value; return value.n > 0;
	case ONCE_TRANSPORT: u->transport = (uint8_t)sip_transport_find(value); return value.n > 0;
	default: return true;
	}
}

/* As take_param, for a name or value with escapes, which mean the bytes they stand for (§19.1.4, RFC 4475 §3.1.1.3). What
 * is longer than anything we ask for is nothing that we ask for. */
static MG_COLD bool take_escaped(struct sip_uri *u, struct sv name, struct sv value)
{
	char n[32], v[32];

	if (u->scheme == SIP_SCHEME_TEL && sv_find(name, '%') < name.n)
		return false; /* RFC 3966 has no escapes in names */
	if (name.n > sizeof(n))
		return true;
	struct sv plain = sv_of(n, sip_uri_unescape(n, name));
	if (value.n <= sizeof(v) &&
	    !NAME_IS(plain, "maddr")) /* that one is remembered as written */
		value = sv_of(v, sip_uri_unescape(v, value));
	return take_param(u, plain, value);
}

/* Whether a parameter that was refused because it is there already stands there as it is now, value and all: so some phones write it, and nobody can read it
 * differently. `before` is what lies in front of it, each parameter with its ";". */
static MG_COLD bool said_before(struct sv before, struct sv name, struct sv value)
{
	while (before.n > 0) {
		struct sv one = sv_of(before.p + 1, before.n - 1);

		one.n = sv_find(one, ';');
		before = sv_of(one.p + one.n, before.n - 1 - one.n);
		size_t n = sv_find(one, '=');
		if (sv_ieq(sv_of(one.p, n), name) && n + value.n == one.n &&
		    sv_eq(sv_of(one.p + n, value.n), value))
			return true;
	}
	return false;
}

/* *( ";" pname [ "=" pvalue ] ): no white space inside a URI. */
static const char *params(struct sip_uri *u, const char *p, const char *end, struct lex_ctx *e)
{
	const char *from = p;
	unsigned n = 0;
	bool escaped = false;

	while (p < end && *p == ';') {
		if (++n > SIP_PARAMS_MAX)
			return lex_fail(e, p, SIP_FAULT_TOO_MANY_PARAMS);
		const char *name = p + 1;
		p = lex_escaped(name, end, LEX_URIPARAM, &escaped, e);
		struct sv nv = sv_span(name, p), vv = {p, 0};
		if (!nv.n)
			return lex_fail(e, name, SIP_FAULT_BAD);
		if (p < end && *p == '=') {
			const char *v = p + 1;
			p = lex_escaped(v, end, LEX_URIPARAM, &escaped, e);
			vv = sv_span(v, p);
		}
		bool taken = escaped ? take_escaped(u, nv, vv) : take_param(u, nv, vv);
		if (!taken && !said_before(sv_span(from, name - 1), nv, sv_span(nv.p + nv.n, p)))
			return lex_fail(e, name, SIP_FAULT_BAD);
		escaped = false;
	}
	u->params = sv_span(from, p);
	return p;
}

/* [ userinfo ] */
static const char *user_part(struct sip_uri *u, const char *p, const char *end, unsigned user_class,
			     struct lex_ctx *e)
{
	const char *q = lex_escaped(p, end, user_class, &u->escaped, e);

	if (q < end && *q == '@') {
		u->user = sv_span(p, q);
	} else if (q < end && *q == ':') {
		const char *w = lex_escaped(q + 1, end, LEX_PASSWORD, &u->escaped, e);
		if (w == end || *w != '@') {
			u->escaped = false;
			return p;
		}
		u->user = sv_span(p, q);
		u->password = sv_span(q + 1, w);
		u->has_password = true;
		q = w;
	} else {
		u->escaped = false;
		return p;
	}
	u->has_user = true;
	return u->user.n ? q + 1 : lex_fail(e, p, SIP_FAULT_BAD);
}

static const char *sip_part(struct sip_uri *u, const char *p, const char *end, bool bare,
			    struct lex_ctx *e)
{
	enum lex_host kind;
	bool escaped;

	p = user_part(u, p, end, bare ? LEX_BAREUSER : LEX_USER, e);
	if (!p)
		return NULL;
	const char *q = lex_hostname(p, end, &kind, e);
	if (kind == LEX_HOST_NONE)
		return lex_fail(e, p, SIP_FAULT_BAD);
	u->host = sv_span(p, q);
	u->host_kind = (uint8_t)kind;
	if (q < end && *q == ':') {
		p = lex_port(q + 1, end, &u->port, e);
		if (!p)
			return lex_fail(e, q, SIP_FAULT_BAD);
		q = p;
	}
	if (bare)
		return q;
	if (q < end && *q == ';') {
		q = params(u, q, end, e);
		if (!q)
			return NULL;
	}
	if (q < end && *q == '?') {
		p = q + 1;
		q = lex_escaped(p, end, LEX_URIHEADER, &escaped, e);
		if (q == p)
			return lex_fail(e, p, SIP_FAULT_BAD);
		u->headers = sv_span(p, q);
	}
	return q;
}

/* phonedigit-hex of RFC 3966 and its visual separators. A local number should come with its phone-context; phones
 * leave it out and are understood. */
static MG_COLD const char *tel_part(struct sip_uri *u, const char *p, const char *end, bool bare,
				    struct lex_ctx *e)
{
	const char *q = p;
	bool global = q < end && *q == '+', digit = false;

	if (global)
		q++;
	for (; q < end; q++) {
		if (lex_is(*q, LEX_DIGIT) ||
		    (!global && (lex_is(*q, LEX_HEX) || *q == '*' || *q == '#')))
			digit = true;
		else if (*q != '-' && *q != '.' && *q != '(' && *q != ')')
			break;
	}
	u->user = sv_span(p, q);
	if (!digit)
		return lex_fail(e, p, SIP_FAULT_BAD);
	return bare ? q : params(u, q, end, e);
}

static MG_COLD const char *other_scheme(struct sip_uri *u, const char *p, const char *end,
					struct lex_ctx *e)
{
	const char *q = lex_run(p, end, LEX_SCHEME);
	if (q == end || *q != ':' || !lex_is(*p, LEX_ALPHA) || q - p > 64)
		return lex_fail(e, p, SIP_FAULT_BAD);
	struct sv name = sv_span(p, q);
	u->scheme_n = (uint8_t)name.n;
	if (NAME_IS(name, "sip"))
		return lex_fail(e, q, SIP_FAULT_BAD); /* nothing behind the colon */
	if (NAME_IS(name, "sips"))
		u->scheme = SIP_SCHEME_SIPS;
	else if (NAME_IS(name, "tel"))
		u->scheme = SIP_SCHEME_TEL;
	else if (NAME_IS(name, "urn"))
		u->scheme = SIP_SCHEME_URN;
	return q + 1;
}

/* "sip:" in any case; four bytes are there. */
static inline bool begins_sip(const char *p)
{
	return memcmp(p, "sip:", 4) == 0 || ((p[0] | 0x20) == 's' && (p[1] | 0x20) == 'i' &&
					     (p[2] | 0x20) == 'p' && p[3] == ':');
}

static inline const char *scheme(struct sip_uri *u, const char *p, const char *end,
				 struct lex_ctx *e)
{
	if (end - p > 4 && begins_sip(p)) {
		u->scheme = SIP_SCHEME_SIP;
		u->scheme_n = 3;
		return p + 4;
	}
	return other_scheme(u, p, end, e);
}

/* A URI whose scheme is none of ours. Bare, it ends where the header value can go on. */
static MG_COLD const char *opaque_part(struct sip_uri *u, const char *p, const char *end, bool bare,
				       struct lex_ctx *e)
{
	const char *q = p;

	while (q < end && lex_is(*q, LEX_OPAQUE) && !(bare && (*q == ';' || *q == ',')))
		q++;
	u->user = sv_span(p, q);
	return q > p ? q : lex_fail(e, p, SIP_FAULT_BAD);
}

/* Everything empty. Assigned by fields and in a small piece: told to clear it all at once, gcc starts a string
 * instruction, which takes longer than the parse of the host. */
static inline void clear(struct sip_uri *u)
{
	u->text = u->user = u->password = u->host = u->params = u->headers = u->maddr =
		(struct sv){0};
	memset(&u->port, 0, sizeof(*u) - offsetof(struct sip_uri, port));
}

static inline const char *scan(struct sip_uri *uri, const char *p, const char *end, bool bare,
			       struct lex_ctx *e)
{
	clear(uri);
	const char *q = scheme(uri, p, end, e);
	if (!q)
		return NULL;
	switch ((enum sip_scheme)uri->scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS: q = sip_part(uri, q, end, bare, e); break;
	case SIP_SCHEME_TEL: q = tel_part(uri, q, end, bare, e); break;
	case SIP_SCHEME_URN:
	case SIP_SCHEME_OTHER: q = opaque_part(uri, q, end, bare, e); break;
	}
	if (!q)
		return NULL;
	uri->text = sv_span(p, q);
	return uri->text.n > SIP_URI_MAX ? lex_fail(e, p, SIP_FAULT_TOO_LONG) : q;
}

const char *sip_uri_scan(struct sip_uri *uri, const char *p, const char *end, struct lex_ctx *e)
{
	return scan(uri, p, end, false, e);
}

const char *sip_uri_scan_bare(struct sip_uri *uri, const char *p, const char *end,
			      struct lex_ctx *e)
{
	return scan(uri, p, end, true, e);
}

int sip_uri_parse(struct sip_uri *uri, struct sv text, struct sip_where *at)
{
	const char *end = text.p + text.n;
	struct lex_ctx e = {.room = end};
	const char *q = sip_uri_scan(uri, text.p, end, &e);

	if (q == end)
		return 0;
	if (q)
		lex_fail(&e, q, SIP_FAULT_BAD);
	at->off = (uint32_t)(e.pos - text.p);
	at->hid = 0;
	at->fault = e.fault == SIP_FAULT_BAD ? SIP_FAULT_URI : e.fault;
	return e.fault == SIP_FAULT_BAD ? MG_EPARSE : MG_ELIMIT;
}

/* ---- host and port alone ---- */

#define HOST_NAME_MAX  253
#define HOST_LABEL_MAX 63

/* One dot may end a name. */
static bool labels_are_good(struct sv name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > HOST_NAME_MAX)
		return false;
	for (size_t from = 0; from <= name.n;) {
		struct sv label = sv_of(name.p + from, name.n - from);

		label.n = sv_find(label, '.');
		if (label.n == 0 || label.n > HOST_LABEL_MAX || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		from += label.n + 1;
	}
	return true;
}

static bool somebody_can_be_at(struct sv host)
{
	struct addr a;

	if (addr_parse(host, ADDR_IP, &a) != 0)
		return false;
	enum addr_class class = addr_class(&a);
	return class != ADDR_CLASS_UNSPECIFIED && class != ADDR_CLASS_MULTICAST &&
	       class != ADDR_CLASS_BROADCAST;
}

int sip_hostport_parse(struct sv text, struct sv *host, uint16_t *port)
{
	const struct lex_ctx e = {0};
	const char *end = text.p + text.n;
	enum lex_host kind;

	if (text.n == 0)
		return MG_EPARSE;
	const char *q = lex_hostname(text.p, end, &kind, &e);
	struct sv name = sv_of(text.p, (size_t)(q - text.p));
	uint16_t number = 0;
	bool good = kind == LEX_HOST_NAME ? labels_are_good(name)
					  : kind != LEX_HOST_NONE && somebody_can_be_at(name);

	if (good && q < end)
		q = *q == ':' ? lex_port(q + 1, end, &number, &e) : NULL;
	if (!good || q != end)
		return MG_EPARSE;
	*host = name;
	*port = number;
	return 0;
}
