/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nameaddr: the grammar.
 *
 *   contact-param = ( name-addr / addr-spec ) *( SEMI contact-params )
 *   name-addr     = [ display-name ] LAQUOT addr-spec RAQUOT
 *   display-name  = *( token LWS ) / quoted-string
 *
 * Without brackets the URI ends at the first ";", "," or "?" (§20.10), and a "?" there is an error. White space
 * between a display name and "<" may be missing (RFC 4475 §3.1.1.6). Raw UTF-8 is taken in an unquoted display
 * name: phones send it, and nobody reads it differently.
 */
#include "sip/nameaddr.h"

#include "sip/limits.h"
#include "sip/param_scan.h"

/* A value under way, and which of the parameters that a registrar acts upon were there. */
struct under_way {
	struct sip_nameaddr *na;
	unsigned seen;
};

enum { SEEN_Q = 1, SEEN_EXPIRES = 2, SEEN_INSTANCE = 4, SEEN_REG_ID = 8 };

/* The first of its kind. Two readers would take different ones of several (P-2). */
static inline bool first(struct under_way *u, unsigned bit)
{
	bool again = u->seen & bit;

	u->seen |= bit;
	return !again;
}

static inline bool take_tag(struct sip_nameaddr *na, const struct sip_param *param,
			    struct lex_ctx *e)
{
	if (param->value.n > SIP_IDENT_MAX)
		e->fault = SIP_FAULT_TOO_LONG;
	if (na->tag.n || !param->value.n || param->quoted || e->fault)
		return false;
	na->tag = param->value;
	return true;
}

static inline bool take(void *ctx, const struct sip_param *param, struct lex_ctx *e)
{
	struct under_way *u = ctx;
	struct sv name = param->name;

	/* sip:a;b=c@d in no brackets: some find the "@" first, and then another host (§19.1.1) */
	if (!u->na->bracketed && !u->na->uri.has_user && !param->quoted && param->has_value &&
	    sv_find(param->value, '@') < param->value.n)
		return false;
	switch (name.n) {
	case 1: return !param_is(name, "q") || (first(u, SEEN_Q) && !param->quoted);
	case 3: return !param_is(name, "tag") || take_tag(u->na, param, e);
	case 6: return !param_is(name, "reg-id") || first(u, SEEN_REG_ID);
	case 7: return !param_is(name, "expires") || (first(u, SEEN_EXPIRES) && !param->quoted);
	case 13: return !param_is(name, "+sip.instance") || first(u, SEEN_INSTANCE);
	default: return true;
	}
}

/* ";tag=..." behind brackets. */
static inline const char *usual(void *ctx, const char *p, const char *end, struct lex_ctx *e)
{
	struct under_way *u = ctx;

	if (!u->na->bracketed || !param_starts(p, end, "tag="))
		return NULL;
	return param_fill(&u->na->tag, p + sizeof("tag=") - 1, end, e);
}

/* Read what stands before the URI. Returns where "<" or the scheme of an addr-spec begins. */
static const char *display(struct sip_nameaddr *na, const char *p, const char *end,
			   struct lex_ctx *e)
{
	const char *q = p;

	if (*p == '"') {
		q = lex_quoted(p, end, e);
		if (!q)
			return lex_fail(e, p, SIP_FAULT_BAD);
		na->display = sv_span(p, q);
		q = lex_space(q, end);
		return q < end && *q == '<' ? q : lex_fail(e, q, SIP_FAULT_BAD);
	}
	q = lex_run(p, end, LEX_DISPLAY);
	if (q < end && *q == '<') {
		const char *stop = q;
		while (lex_is(stop[-1], LEX_SPACE))
			stop--;
		na->display = sv_span(p, stop);
		return q;
	}
	return p; /* an addr-spec, or nothing that the URI parser will take */
}

static const char *address(struct sip_nameaddr *na, const char *p, const char *end,
			   struct lex_ctx *e)
{
	if (*p != '<') {
		p = display(na, p, end, e);
		if (!p)
			return NULL;
	}
	if (*p != '<')
		return sip_uri_scan_bare(&na->uri, p, end, e);
	na->bracketed = true;
	p = sip_uri_scan(&na->uri, p + 1, end, e);
	if (!p)
		return NULL;
	return p < end && *p == '>' ? p + 1 : lex_fail(e, p, SIP_FAULT_BAD);
}

const char *sip_nameaddr_scan(struct sip_nameaddr *na, const char *p, const char *end,
			      struct lex_ctx *e)
{
	na->display = na->params = na->tag = na->text = (struct sv){0};
	na->bracketed = na->star = false;
	p = lex_space(p, end);
	if (p == end)
		return lex_fail(e, p, SIP_FAULT_BAD);
	const char *from = p;
	const char *q;
	if (*p == '*' && (p + 1 == end || lex_is(p[1], LEX_SPACE) || p[1] == ',')) {
		na->star = true;
		na->uri = (struct sip_uri){0};
		q = p + 1;
		na->params = sv_of(q, 0);
	} else {
		q = address(na, p, end, e);
		if (!q)
			return NULL;
		struct under_way u = {na, 0};
		q = param_scan(q, end, usual, take, &u, &na->params, e);
		if (!q)
			return NULL;
	}
	na->text = sv_span(from, q);
	p = lex_space(q, end);
	if (p < end && *p != ',')
		return lex_fail(e, p, SIP_FAULT_BAD);
	return p;
}

const char *sip_route_scan(struct sip_nameaddr *na, const char *p, const char *end,
			   struct lex_ctx *e)
{
	const char *q = sip_nameaddr_scan(na, p, end, e);

	return q && !na->bracketed ? lex_fail(e, p, SIP_FAULT_BAD) : q;
}

int sip_nameaddr_q(const struct sip_nameaddr *na)
{
	struct sip_param q;
	uint32_t frac = 0;

	if (!sip_param_find(na->params, SV("q"), &q))
		return MG_ENOENT;
	struct sv v = q.value;
	if (v.n == 0 || v.n > 5 || (v.p[0] != '0' && v.p[0] != '1') || (v.n > 1 && v.p[1] != '.'))
		return MG_EPARSE;
	if (v.n > 2 && sv_u32(sv_of(v.p + 2, v.n - 2), 999, &frac) != 0)
		return MG_EPARSE;
	for (size_t i = v.n; i < 5; i++)
		frac *= 10;
	if (v.p[0] == '1')
		return frac ? MG_EPARSE : 1000;
	return (int)frac;
}

int sip_nameaddr_expires(const struct sip_nameaddr *na, uint32_t *seconds)
{
	struct sip_param x;

	if (!sip_param_find(na->params, SV("expires"), &x))
		return MG_ENOENT;
	int err = sv_u32(x.value, UINT32_MAX, seconds);
	if (err == MG_ERANGE)
		*seconds = UINT32_MAX;
	return err == MG_ERANGE ? 0 : err;
}
