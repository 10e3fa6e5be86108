/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_dump: typed values as text, every field of them, to be compared where two readings must be alike. For tests only.
 */
#ifndef MG_SIP_TEST_DUMP_H
#define MG_SIP_TEST_DUMP_H

#include "sip/message.h"
#include "sip/test_guard.h"

static inline void dump_sv(struct text *t, const char *name, struct sv v)
{
	text_add(t, " %s=", name);
	text_put(t, v);
}

static inline void dump_uri(struct text *t, const struct sip_uri *u)
{
	dump_sv(t, "uri", u->text);
	dump_sv(t, "user", u->user);
	dump_sv(t, "password", u->password);
	dump_sv(t, "host", u->host);
	dump_sv(t, "params", u->params);
	dump_sv(t, "headers", u->headers);
	dump_sv(t, "maddr", u->maddr);
	text_add(t, " %u/%u/%u/%u/%d%d%d%d%d%d%d", u->port, u->scheme, u->host_kind, u->transport,
		 u->has_user, u->has_password, u->escaped, u->lr, u->user_phone, u->gr, u->ob);
}

static inline void dump_via(struct text *t, const struct sip_via *v)
{
	dump_sv(t, "via", v->text);
	dump_sv(t, "transport", v->transport_name);
	dump_sv(t, "host", v->host);
	dump_sv(t, "params", v->params);
	dump_sv(t, "branch", v->branch);
	dump_sv(t, "received", v->received);
	dump_sv(t, "maddr", v->maddr);
	dump_sv(t, "comp", v->comp);
	text_add(t, " %u/%u/%u/%u/%u/%u/%d%d%d%d", v->keep_s, v->port, v->rport, v->transport,
		 v->host_kind, v->ttl, v->has_rport, v->has_ttl, v->has_keep, v->has_alias);
}

static inline void dump_addr(struct text *t, const struct sip_nameaddr *a)
{
	dump_sv(t, "addr", a->text);
	dump_sv(t, "display", a->display);
	dump_sv(t, "params", a->params);
	dump_sv(t, "tag", a->tag);
	text_add(t, " %d%d", a->bracketed, a->star);
	dump_uri(t, &a->uri);
}

static inline void dump_token(struct text *t, const struct sip_token *v)
{
	dump_sv(t, "token", v->text);
	dump_sv(t, "value", v->value);
	dump_sv(t, "type", v->type);
	dump_sv(t, "subtype", v->subtype);
	dump_sv(t, "params", v->params);
}

static inline void dump_value(struct text *t, enum sip_hid id, const void *v)
{
	const struct sip_number *n = v;
	const struct sip_cseq *c = v;

	switch ((enum sip_shape)sip_header(id)->shape) {
	case SIP_SHAPE_NUMBER:
		dump_sv(t, "params", n->params);
		text_add(t, " %u/%d", n->value, n->larger);
		break;
	case SIP_SHAPE_CSEQ:
	case SIP_SHAPE_RACK:
		dump_sv(t, "method", c->method_name);
		text_add(t, " %u/%u/%u", c->number, c->rseq, c->method);
		break;
	case SIP_SHAPE_ADDR:
	case SIP_SHAPE_ROUTE: dump_addr(t, v); break;
	case SIP_SHAPE_TOKEN: dump_token(t, v); break;
	case SIP_SHAPE_VIA: dump_via(t, v); break;
	case SIP_SHAPE_TEXT:
	case SIP_SHAPE_DIGEST: break;
	}
}

static inline void dump_walk(struct text *t, struct sip_each *each)
{
	union {
		struct sip_via via;
		struct sip_nameaddr addr;
		struct sip_token token;
	} v;

	switch ((enum sip_shape)sip_header(each->id)->shape) {
	case SIP_SHAPE_ADDR:
	case SIP_SHAPE_ROUTE:
		while (sip_each_addr(each, &v.addr))
			dump_addr(t, &v.addr);
		break;
	case SIP_SHAPE_VIA:
		while (sip_each_via(each, &v.via))
			dump_via(t, &v.via);
		break;
	case SIP_SHAPE_TOKEN:
		while (sip_each_token(each, &v.token))
			dump_token(t, &v.token);
		break;
	case SIP_SHAPE_TEXT:
	case SIP_SHAPE_NUMBER:
	case SIP_SHAPE_CSEQ:
	case SIP_SHAPE_RACK:
	case SIP_SHAPE_DIGEST: return;
	}
}

#endif
