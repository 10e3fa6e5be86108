/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * param_scan: the inline scanner of header parameters, for the value parsers of this room only. `take` is a
 * constant at each call, so the compiler makes one loop of both.
 *
 *   *( SEMI generic-param )
 *   generic-param = token [ EQUAL gen-value ]
 *   gen-value     = token / host / quoted-string
 *
 * A value may hold any visible byte that ends nothing (LEX_VALUE): real senders put ":", "@" and "/" there, and all
 * receivers agree where such a value ends.
 */
#ifndef MG_SIP_PARAM_SCAN_H
#define MG_SIP_PARAM_SCAN_H

#include "sip/lex.h"
#include "sip/limits.h"
#include "sip/param.h"

/* One parameter at `p`, behind its ";". Returns where it ends, NULL (and `e` filled) when it is none. */
static inline const char *param_one(const char *p, const char *end, unsigned name_class,
				    struct sip_param *out, struct lex_ctx *e)
{
	const char *name = lex_space(p, end);
	const char *q = lex_run(name, end, name_class);

	if (q == name)
		return lex_fail(e, name, SIP_FAULT_BAD);
	out->name = sv_span(name, q);
	out->quoted = false;
	const char *eq = lex_space(q, end);
	out->has_value = eq < end && *eq == '=';
	if (!out->has_value) {
		out->value = sv_of(q, 0);
		return q;
	}
	const char *v = lex_space(eq + 1, end);
	if (v < end && *v == '"') {
		q = lex_quoted(v, end, e);
		if (!q)
			return lex_fail(e, v, SIP_FAULT_BAD);
		out->value = sv_span(v + 1, q - 1);
		out->quoted = true;
		return q;
	}
	q = lex_wide(v, end, LEX_VALUE, e);
	out->value = sv_span(v, q);
	return q;
}

typedef bool param_take(void *ctx, const struct sip_param *param, struct lex_ctx *e);

/* A reader of the parameters that nearly every value has, written as nearly everybody writes them: in lower case, without
 * white space or quotes, once. Takes the one at `p` and returns where it ends, or takes nothing and returns NULL: it is
 * then read like any other. */
typedef const char *param_usual(void *ctx, const char *p, const char *end, struct lex_ctx *e);

/* What is written at `p` begins with the literal. */
#define param_starts(p, end, lit) \
	((end) - (p) >= (ptrdiff_t)sizeof(lit) - 1 && memcmp(p, lit, sizeof(lit) - 1) == 0)

/* For param_usual: the value at `v` into an empty slot. */
static inline const char *param_fill(struct sv *slot, const char *v, const char *end,
				     struct lex_ctx *e)
{
	const char *q = lex_wide(v, end, LEX_VALUE, e);

	if (slot->n || q == v || q - v > SIP_IDENT_MAX)
		return NULL;
	*slot = sv_span(v, q);
	return q;
}

/* Scan the parameters that begin at `p`, at most SIP_PARAMS_MAX.
 *
 * usual      Asked first, or NULL.
 * take       Called for each other in order; returns false to refuse one (and may set e->fault to say why).
 * list       Set to the list from its first ";", empty when there is none.
 * e          Zeroed by the caller.
 * Returns    where the list ends, NULL (and `e` filled) on a malformed parameter.
 */
static inline __attribute__((always_inline)) const char *
param_scan(const char *p, const char *end, param_usual *usual, param_take *take, void *ctx,
	   struct sv *list, struct lex_ctx *e)
{
	const char *from = lex_space(p, end);
	const char *stop = p;
	unsigned n = 0;

	for (const char *q = from; q < end && *q == ';'; q = lex_space(q, end)) {
		struct sip_param param;
		if (++n > SIP_PARAMS_MAX)
			return lex_fail(e, q, SIP_FAULT_TOO_MANY_PARAMS);
		const char *at = q + 1;
		q = usual ? usual(ctx, at, end, e) : NULL;
		if (q) {
			stop = q;
			continue;
		}
		q = param_one(at, end, LEX_TOKEN, &param, e);
		if (!q)
			return NULL;
		if (!take(ctx, &param, e))
			return lex_fail(e, at, e->fault ? e->fault : SIP_FAULT_BAD);
		stop = q;
	}
	*list = n ? sv_span(from, stop) : sv_of(p, 0);
	return stop;
}

/* Same name, whose length is known to be the literal's. The literal is in lower case; setting 0x20 makes no other token
 * character one of its letters, and leaves "+", "-" and "." as they are. */
#define param_is(name, lit) param_is_n((name).p, lit, sizeof(lit) - 1)

static inline __attribute__((always_inline)) bool param_is_n(const char *p, const char *lower,
							     size_t n)
{
	unsigned diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= ((unsigned char)p[i] | 0x20u) ^ (unsigned char)lower[i];
	return diff == 0;
}

#endif
