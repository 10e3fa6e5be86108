/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * value: the grammar.
 *
 *   number = 1*DIGIT [ comment ] *( SEMI generic-param )
 *   CSeq   = 1*DIGIT LWS Method             RAck = response-num LWS CSeq-num LWS Method (RFC 3262)
 *   token  = word *( SEMI generic-param )   with m-type SLASH m-subtype as one form of word
 */
#include "sip/value.h"

#include "sip/method.h"
#include "sip/param_scan.h"

static inline bool take_any(void *ctx, const struct sip_param *param, struct lex_ctx *e)
{
	(void)ctx;
	(void)param;
	(void)e;
	return true;
}

/* Past white space; NULL when neither the end nor a comma follows. */
static const char *closed(const char *p, const char *end, struct lex_ctx *e)
{
	p = lex_space(p, end);
	return p == end || *p == ',' ? p : lex_fail(e, p, SIP_FAULT_BAD);
}

/* comment = LPAREN *(ctext / quoted-pair / comment) RPAREN; `p` is at the "(". */
static MG_COLD const char *comment(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

/* 1*DIGIT; a number beyond 32 bits is 2^32-1 and `*larger` is set. */
static const char *digits(uint32_t *value, bool *larger, const char *p, const char *end)
{
	uint64_t v = 0;

	for (; p < end && lex_is(*p, LEX_DIGIT); p++)
		if (v <= UINT32_MAX)
			v = v * 10 + (uint64_t)(*p - '0');
	*larger = v > UINT32_MAX;
	*value = *larger ? UINT32_MAX : (uint32_t)v;
	return p;
}

const char *sip_number_scan(struct sip_number *n, const char *p, const char *end, struct lex_ctx *e)
{
	p = lex_space(p, end);
	const char *q = digits(&n->value, &n->larger, p, end);
	if (q == p)
		return lex_fail(e, p, SIP_FAULT_BAD);
	n->params = sv_of(q, 0);
	p = lex_space(q, end);
	if (p == end)
		return p;
	if (*p == '(') {
		q = comment(p, end);
		if (!q)
			return lex_fail(e, p, SIP_FAULT_BAD);
	}
	p = param_scan(q, end, NULL, take_any, NULL, &n->params, e);
	return p ? closed(p, end, e) : NULL;
}

/* LWS between two parts; NULL when there is none. */
static const char *gap(const char *p, const char *end)
{
	const char *q = lex_space(p, end);

	return q == p || q == end ? NULL : q;
}

const char *sip_cseq_scan(struct sip_cseq *c, const char *p, const char *end, struct lex_ctx *e)
{
	bool larger;

	p = lex_space(p, end);
	const char *q = digits(&c->number, &larger, p, end);
	if (q == p || larger)
		return lex_fail(e, p, SIP_FAULT_BAD);
	p = gap(q, end);
	if (!p)
		return lex_fail(e, q, SIP_FAULT_BAD);
	q = lex_run(p, end, LEX_TOKEN);
	if (q == p)
		return lex_fail(e, p, SIP_FAULT_BAD);
	c->method_name = sv_span(p, q);
	c->method = (uint8_t)sip_method_find(c->method_name);
	c->rseq = 0;
	return closed(q, end, e);
}

const char *sip_rack_scan(struct sip_cseq *c, const char *p, const char *end, struct lex_ctx *e)
{
	uint32_t rseq;
	bool larger;

	p = lex_space(p, end);
	const char *q = digits(&rseq, &larger, p, end);
	if (q == p || larger)
		return lex_fail(e, p, SIP_FAULT_BAD);
	p = gap(q, end);
	if (!p)
		return lex_fail(e, q, SIP_FAULT_BAD);
	p = sip_cseq_scan(c, p, end, e);
	c->rseq = rseq;
	return p;
}

const char *sip_token_scan(struct sip_token *t, const char *p, const char *end, struct lex_ctx *e)
{
	p = lex_space(p, end);
	const char *from = p;
	const char *q = lex_run(p, end, LEX_WORD);
	if (q == p)
		return lex_fail(e, p, SIP_FAULT_BAD);
	size_t slash = sv_find(sv_span(from, q), '/');
	p = lex_space(q, end);
	if (from + slash == q && p < end && *p == '/') { /* type LWS "/" LWS subtype */
		slash = (size_t)(p - from);
		p = lex_space(p + 1, end);
		q = lex_run(p, end, LEX_WORD);
		if (q == p)
			return lex_fail(e, p, SIP_FAULT_BAD);
	} else if (from + slash + 1 == q) { /* type "/" LWS subtype, or a Call-ID that ends so */
		const char *sub = lex_run(p, end, LEX_WORD);
		if (sub > p)
			q = sub;
		else
			slash++;
	}
	t->value = t->type = sv_span(from, q);
	t->subtype = sv_of(q, 0);
	if (slash < t->value.n) {
		t->type = sv_trim(sv_of(from, slash));
		t->subtype = sv_trim(sv_span(from + slash + 1, q));
	}
	q = param_scan(q, end, NULL, take_any, NULL, &t->params, e);
	if (!q)
		return NULL;
	t->text = sv_span(from, q);
	return closed(q, end, e);
}
