/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * via: the grammar.
 *
 *   via-parm      = sent-protocol LWS sent-by *( SEMI via-params )
 *   sent-protocol = protocol-name SLASH protocol-version SLASH transport
 *   sent-by       = host [ COLON port ]
 */
#include "sip/via.h"

#include "sip/limits.h"
#include "sip/param_scan.h"

bool sip_via_has_cookie(const struct sip_via *via)
{
	return via->branch.n > sizeof(SIP_BRANCH_COOKIE) - 1 &&
	       sv_ieq(sv_of(via->branch.p, sizeof(SIP_BRANCH_COOKIE) - 1), SV(SIP_BRANCH_COOKIE));
}

/* A text parameter that may stand there once and must say something; none of them may be quoted, and those who read the
 * quotes as part of the value would see another. */
static bool once(struct sv *slot, const struct sip_param *param)
{
	if (slot->n || !param->value.n || param->quoted)
		return false;
	*slot = param->value;
	return true;
}

static bool take_rport(struct sip_via *via, const struct sip_param *param)
{
	uint32_t port = 0;

	if (via->has_rport || param->quoted ||
	    (param->value.n && (sv_u32(param->value, 65535, &port) != 0 || port == 0)))
		return false;
	via->has_rport = true;
	via->rport_text = sv_span(param->name.p, param->value.p + param->value.n);
	via->rport = (uint16_t)port;
	return true;
}

static bool take_ttl(struct sip_via *via, const struct sip_param *param)
{
	uint32_t ttl;

	if (via->has_ttl || param->quoted || param->value.n > 3 ||
	    sv_u32(param->value, 255, &ttl) != 0)
		return false;
	via->has_ttl = true;
	via->ttl = (uint8_t)ttl;
	return true;
}

static bool take_keep(struct sip_via *via, const struct sip_param *param)
{
	if (via->has_keep || param->quoted ||
	    (param->value.n && sv_u32(param->value, UINT32_MAX, &via->keep_s) != 0))
		return false;
	via->has_keep = true;
	return true;
}

static inline bool take(void *ctx, const struct sip_param *param, struct lex_ctx *e)
{
	struct sip_via *via = ctx;
	struct sv name = param->name;

	switch (name.n) {
	case 3: return param_is(name, "ttl") ? take_ttl(via, param) : true;
	case 4:
		if (param_is(name, "comp"))
			return once(&via->comp, param);
		return param_is(name, "keep") ? take_keep(via, param) : true;
	case 5:
		if (param_is(name, "rport"))
			return take_rport(via, param);
		if (param_is(name, "maddr"))
			return once(&via->maddr, param);
		if (param_is(name, "alias"))
			via->has_alias = true;
		return true;
	case 6:
		if (!param_is(name, "branch"))
			return true;
		if (param->value.n > SIP_IDENT_MAX)
			e->fault = SIP_FAULT_TOO_LONG;
		return param->value.n <= SIP_IDENT_MAX && once(&via->branch, param);
	case 8: return param_is(name, "received") ? once(&via->received, param) : true;
	default: return true;
	}
}

/* ";rport" or ";rport=5060"; `p` is behind the name. */
static inline const char *usual_rport(struct sip_via *via, const char *p, const char *end,
				      struct lex_ctx *e)
{
	uint16_t port = 0;
	const char *q = p;

	if (q < end && *q == '=')
		q = lex_port(q + 1, end, &port, e);
	if (!q || via->has_rport || (q < end && *q != ';'))
		return NULL;
	via->has_rport = true;
	via->rport_text = sv_span(p - (sizeof("rport") - 1), q);
	via->rport = port;
	return q;
}

static inline const char *usual(void *ctx, const char *p, const char *end, struct lex_ctx *e)
{
	struct sip_via *via = ctx;

	if (param_starts(p, end, "branch="))
		return param_fill(&via->branch, p + sizeof("branch=") - 1, end, e);
	if (param_starts(p, end, "rport"))
		return usual_rport(via, p + sizeof("rport") - 1, end, e);
	if (param_starts(p, end, "received="))
		return param_fill(&via->received, p + sizeof("received=") - 1, end, e);
	return NULL;
}

/* A token and the "/" behind it, white space allowed around that: returns where the next part begins, NULL when
 * there is something else. */
static const char *slashed(const char *p, const char *end)
{
	const char *q = lex_run(p, end, LEX_TOKEN);

	if (q == p)
		return NULL;
	q = lex_space(q, end);
	return q < end && *q == '/' ? lex_space(q + 1, end) : NULL;
}

/* Name SLASH version SLASH transport; sets the transport, returns where it ends. Name and version may be any token:
 * who speaks SIP/7.0 is owed a 505, and for that its Via must be read. */
static const char *sent_protocol(struct sip_via *via, const char *p, const char *end,
				 struct lex_ctx *e)
{
	const char *q;

	if (param_starts(p, end, "SIP/2.0/UDP ")) { /* nearly all */
		via->transport_name = sv_of(p + 8, 3);
		via->transport = SIP_TRANSPORT_UDP;
		return p + 11;
	}
	if (end - p >= 8 && memcmp(p, "SIP/2.0/", 8) == 0) {
		q = lex_space(p + 8, end);
	} else {
		q = slashed(p, end);
		q = q ? slashed(q, end) : NULL;
	}
	if (!q)
		return lex_fail(e, p, SIP_FAULT_BAD);
	p = q;
	q = lex_run(p, end, LEX_TOKEN);
	if (q == p)
		return lex_fail(e, p, SIP_FAULT_BAD);
	via->transport_name = sv_span(p, q);
	via->transport = (uint8_t)sip_transport_find(via->transport_name);
	return q;
}

/* Everything empty, by fields and a small piece for the reason that uri.c gives. */
static inline void clear(struct sip_via *via)
{
	via->text = via->transport_name = via->host = via->params = (struct sv){0};
	via->branch = via->received = via->maddr = via->comp = via->rport_text = (struct sv){0};
	memset(&via->keep_s, 0, sizeof(*via) - offsetof(struct sip_via, keep_s));
}

const char *sip_via_scan(struct sip_via *via, const char *p, const char *end, struct lex_ctx *e)
{
	clear(via);
	p = lex_space(p, end);
	const char *from = p;
	const char *q = sent_protocol(via, p, end, e);
	if (!q)
		return NULL;
	p = lex_space(q, end);
	if (p == q)
		return lex_fail(e, p, SIP_FAULT_BAD);
	enum lex_host kind;
	q = lex_hostname(p, end, &kind, e);
	if (kind == LEX_HOST_NONE)
		return lex_fail(e, p, SIP_FAULT_BAD);
	via->host = sv_span(p, q);
	via->host_kind = (uint8_t)kind;
	p = lex_space(q, end);
	if (p < end && *p == ':') { /* white space may stand around it */
		q = lex_port(lex_space(p + 1, end), end, &via->port, e);
		if (!q)
			return lex_fail(e, p, SIP_FAULT_BAD);
	}
	q = param_scan(q, end, usual, take, via, &via->params, e);
	if (!q)
		return NULL;
	via->text = sv_span(from, q);
	p = lex_space(q, end);
	if (p < end && *p != ',')
		return lex_fail(e, p, SIP_FAULT_BAD);
	return p;
}
