/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * param: walking parameter lists that a value parser has checked.
 */
#include "sip/param.h"

#include "sip/param_scan.h"

bool sip_param_next(struct sv *rest, struct sip_param *out)
{
	const char *end = rest->p + rest->n;
	const char *p = lex_space(rest->p, end);
	struct lex_ctx e = {0};

	if (p == end || *p != ';')
		return false;
	p = param_one(p + 1, end, LEX_TOKEN | LEX_URIPARAM, out, &e);
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
