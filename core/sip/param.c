/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * param: walking and scanning parameter lists.
 *
 *   generic-param = token [ EQUAL gen-value ]
 *   gen-value     = token / host / quoted-string
 *
 * A value may hold any visible byte that ends nothing (LEX_VALUE): real senders put ":", "@" and "/" there, and all
 * receivers agree where such a value ends.
 */
#include "sip/param.h"

#include "sip/limits.h"

/* One parameter at `p`, behind its ";". Inline, so that a scanner with a constant `take` costs no call. */
static inline const char *one(const char *p, const char *end, unsigned name_class,
			      struct sip_param *out, struct lex_err *e)
{
	const char *name = lex_space(p, end);
	const char *q = lex_run(name, end, name_class);

	if (q == name)
		return lex_fail(e, name, SIP_FAULT_BAD);
	*out = (struct sip_param){.name = sv_span(name, q), .value = {q, 0}};
	const char *eq = lex_space(q, end);
	if (eq == end || *eq != '=')
		return q;
	out->has_value = true;
	const char *v = lex_space(eq + 1, end);
	if (v < end && *v == '"') {
		q = lex_quoted(v, end);
		if (!q)
			return lex_fail(e, v, SIP_FAULT_BAD);
		out->value = sv_span(v + 1, q - 1);
		out->quoted = true;
		return q;
	}
	q = lex_run(v, end, LEX_VALUE);
	out->value = sv_span(v, q);
	return q;
}

bool sip_param_next(struct sv *rest, struct sip_param *out)
{
	const char *end = rest->p + rest->n;
	const char *p = lex_space(rest->p, end);
	struct lex_err e;

	if (p == end || *p != ';')
		return false;
	p = one(p + 1, end, LEX_TOKEN | LEX_URIPARAM, out, &e);
	if (!p)
		return false;
	*rest = sv_span(p, end);
	return true;
}

bool sip_param_find(struct sv params, struct sv name, struct sip_param *out)
{
	struct sip_param p;

	while (sip_param_next(&params, &p))
		if (sv_ieq(p.name, name)) {
			if (out)
				*out = p;
			return true;
		}
	return false;
}

const char *sip_params_scan(const char *p, const char *end, sip_param_fn *take, void *ctx,
			    struct sv *list, struct lex_err *e)
{
	const char *from = lex_space(p, end);
	const char *stop = p;
	unsigned n = 0;

	for (const char *q = from; q < end && *q == ';'; q = lex_space(q, end)) {
		struct sip_param param;
		if (++n > SIP_PARAMS_MAX)
			return lex_fail(e, q, SIP_FAULT_TOO_MANY_PARAMS);
		const char *at = q + 1;
		q = one(at, end, LEX_TOKEN, &param, e);
		if (!q)
			return NULL;
		if (!take(ctx, &param))
			return lex_fail(e, at, e->fault ? e->fault : SIP_FAULT_BAD);
		stop = q;
	}
	*list = n ? sv_span(from, stop) : (struct sv){p, 0};
	return stop;
}

size_t sip_unquote(char *out, struct sv inside)
{
	size_t n = 0;

	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.n)
			i++;
		out[n++] = inside.p[i];
	}
	return n;
}
