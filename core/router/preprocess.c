/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * preprocess: a request's routes before anything is decided (RFC 3261 §16.4), our tokens in them (F-3, F-4), and whether it has been here before (§16.3 step 4,
 * RFC 5393 §4.2). Called by the daemon's flow.
 */
#include <stdio.h>
#include <string.h>

#include "router/route_priv.h"
#include "sip/param.h"

#define OWN_ROUTES_MAX 8 /* Routes of ours that are taken off; more are nobody's honest doing */

bool route_is_us(struct route *route, const struct sip_uri *uri)
{
	return (uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS) &&
	       tp_is_us(route->env.tp, uri->maddr.n ? uri->maddr : uri->host, uri->port,
			uri->transport);
}

static uint16_t zone_of(const struct route *route, uint16_t token)
{
	for (unsigned i = 0; token && i < route->conf.n_zones; i++) {
		if (route->conf.zone_token[i] == token)
			return (uint16_t)i;
	}
	return TP_ANY_ZONE;
}

/* What the user part of a URI of ours says. Returns whether it opened. */
static bool open_token(struct route *route, const struct sip_uri *uri, const struct route_ids *ids,
		       struct route_in *in)
{
	struct token token;
	bool from_caller;

	if (!token_like(uri->user))
		return false;
	if (token_open(route->env.keys, uri->user, ids->call_id, ids->from_tag, ids->to_tag, &token,
		       &from_caller) < 0) {
		in->bad_token = true;
		route_count(route, ROUTE_STAT_TOKENS_BAD);
		return false;
	}
	/* Who has been in a dialog has its token, and may begin another with the same Call-ID and tag: that is a new request (F-4). */
	if (ids->to_tag.n == 0)
		return true;
	in->in_dialog = true;
	in->from_caller = from_caller;
	in->zone = zone_of(route, token.zone);
	in->flow = from_caller ? token.callee_flow : token.caller_flow;
	in->remote.named = token.remote_of == (from_caller ? TOKEN_CALLEE : TOKEN_CALLER);
	in->remote.key = token.key;
	in->remote.place = token.remote;
	return true;
}

/* Take the last value of a line off: with the line, or with the comma before it. */
static int drop_last(struct sip_view *view, sip_inst inst, struct sv value)
{
	struct sv line = sip_view_value(view, inst), head = SV("");

	if (value.p > line.p && value.p < line.p + line.n)
		head = sv_trim(sv_span(line.p, value.p));
	if (head.n > 0 && head.p[head.n - 1] == ',')
		head.n--;
	if (head.n == 0)
		return sip_view_remove(view, inst);
	char *text = arena_text(view->arena, head.n);
	if (!text)
		return MG_ENOMEM;
	memcpy(text, head.p, head.n);
	route_unfold(text, head.n);
	return sip_view_replace(view, inst, sv_of(text, head.n));
}

/* §16.4: a strict router put the last Route, where it should go, behind and us into the Request-URI. */
static int undo_strict(struct route *route, struct sip_view *view, const struct route_ids *ids,
		       struct route_in *in)
{
	struct sip_where at;
	const struct sip_uri *uri = sip_view_uri(view, &at);
	char text[SIP_URI_MAX];
	struct sip_each each;
	struct sip_nameaddr value;
	sip_inst last = SIP_NO_INST;

	if (!uri || !uri->has_user || !route_is_us(route, uri) || !open_token(route, uri, ids, in))
		return 0;
	for (sip_inst i = sip_view_first(view, SIP_H_ROUTE); i != SIP_NO_INST;
	     i = sip_view_next(view, i))
		last = i;
	if (last == SIP_NO_INST)
		return 0;
	value = (struct sip_nameaddr){0};
	sip_view_each(&each, view, SIP_H_ROUTE);
	while (sip_each_addr(&each, &value))
		;
	if (each.at.fault || value.uri.text.n == 0 || value.uri.text.n > sizeof(text))
		return 400;
	if (value.uri.headers.n) /* as in any Request-URI: P-9 */
		return 400;
	if (value.uri.scheme == SIP_SCHEME_OTHER || value.uri.scheme == SIP_SCHEME_URN)
		return 416;
	memcpy(text, value.uri.text.p, value.uri.text.n);
	size_t n = value.uri.text.n;
	int err = drop_last(view, last, value.text);
	if (!err)
		err = sip_view_set_uri(view, sv_of(text, n));
	return err ? 500 : 0;
}

/* §16.4: a maddr that names us is taken off, with port and transport. */
static int strip_maddr(struct route *route, struct sip_view *view)
{
	struct sip_where at;
	const struct sip_uri *uri = sip_view_uri(view, &at);
	char text[SIP_URI_MAX];
	struct sip_param param;
	size_t n;

	if (!uri || uri->maddr.n == 0 || !route_is_us(route, uri))
		return 0;
	struct sv host_end = sv_of(uri->host.p + uri->host.n, 0);
	struct sv head = sv_span(uri->text.p, host_end.p);
	struct sv rest = uri->params, before = rest;
	if (uri->text.n > sizeof(text))
		return 0;
	memcpy(text, head.p, head.n);
	n = head.n;
	while (sip_param_next(&rest, &param)) {
		if (!sv_ieq(param.name, SV("maddr")) && !sv_ieq(param.name, SV("transport"))) {
			memcpy(text + n, before.p, (size_t)(rest.p - before.p));
			n += (size_t)(rest.p - before.p);
		}
		before = rest;
	}
	return sip_view_set_uri(view, sv_of(text, n)) < 0 ? 500 : 0;
}

/* Take our own Routes off the top. Once a pair of tokens is through, or a foreign Route comes, it ends. */
static int take_own_routes(struct route *route, struct sip_view *view, const struct route_ids *ids,
			   struct route_in *in)
{
	struct sip_where at;

	for (unsigned i = 0; i < OWN_ROUTES_MAX && sip_view_first(view, SIP_H_ROUTE) != SIP_NO_INST;
	     i++) {
		const struct sip_nameaddr *top = sip_view_typed(view, SIP_H_ROUTE, &at);

		if (!top)
			return 400;
		if (!route_is_us(route, &top->uri))
			break;
		open_token(route, &top->uri, ids, in);
		if (sip_view_pop(view, SIP_H_ROUTE) < 0)
			return 500;
	}
	in->routed = sip_view_first(view, SIP_H_ROUTE) != SIP_NO_INST;
	in->preloaded = in->routed && !in->in_dialog;
	return 0;
}

int route_preprocess(struct route *route, struct sip_view *view, struct route_in *in)
{
	struct sip_where at;
	const struct sip_nameaddr *from = sip_view_typed(view, SIP_H_FROM, &at);
	const struct sip_nameaddr *to = sip_view_typed(view, SIP_H_TO, &at);
	struct route_ids ids = {.call_id = sip_call_id(view->msg)};
	int status = 0;

	*in = (struct route_in){.zone = TP_ANY_ZONE};
	if (!from || !to)
		return 400;
	ids.from_tag = from->tag;
	ids.to_tag = to->tag;
	if (sip_view_first(view, SIP_H_ROUTE) != SIP_NO_INST) {
		status = undo_strict(route, view, &ids, in);
		if (!status)
			status = take_own_routes(route, view, &ids, in);
	}
	if (!status && in->bad_token && !in->in_dialog && ids.to_tag.n)
		status =
			481; /* it says that it is in a dialog of ours, and cannot prove it (F-4) */
	if (!status)
		status = strip_maddr(route, view);
	const struct sip_uri *uri = status ? NULL : sip_view_uri(view, &at);
	in->to_us = uri && route_is_us(route, uri);
	return status;
}

/* ---- loops ---- */

#define LOOP_INPUT_MAX (SIP_URI_MAX + 4 * (SIP_IDENT_MAX + 2) + 16 + 8 * SIP_HEADER_LINES_MAX)

/* The lines of a header as a hash each: they may be long, and mostly there are none. */
static size_t put_lines(struct route *route, struct sip_msg *msg, enum sip_hid id, uint8_t *p)
{
	size_t n = 0;

	for (unsigned i = msg->first[id]; i != SIP_NO_LINE; i = msg->line[i].next) {
		struct sv value = sip_line_value(msg, &msg->line[i]);
		uint64_t h = siphash_13(route->env.tag_key, value.p, value.n);

		memcpy(p + n, &h, sizeof(h));
		n += sizeof(h);
	}
	return n;
}

/* Everything that decides where it goes, but not Via and Max-Forwards, which differ each time. */
static uint64_t loop_hash(struct route *route, struct sip_msg *msg)
{
	uint8_t input[LOOP_INPUT_MAX];
	struct sip_where at;
	const struct sip_nameaddr *from = sip_from(msg, &at), *to = sip_to(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);
	uint32_t number = cseq ? cseq->number : 0;
	size_t n = route_put_field(input, sip_ruri_text(msg), SIP_URI_MAX);

	n += route_put_field(input + n, sip_call_id(msg), SIP_IDENT_MAX);
	n += route_put_field(input + n, from ? from->tag : SV(""), SIP_IDENT_MAX);
	n += route_put_field(input + n, to ? to->tag : SV(""), SIP_IDENT_MAX);
	memcpy(input + n, &number, sizeof(number));
	n += sizeof(number);
	n += put_lines(route, msg, SIP_H_ROUTE, input + n);
	n += put_lines(route, msg, SIP_H_PROXY_REQUIRE, input + n);
	n += put_lines(route, msg, SIP_H_PROXY_AUTHORIZATION, input + n);
	return siphash_13(route->env.tag_key, input, n);
}

bool route_looped(struct route *route, struct sip_msg *msg, uint64_t *hash)
{
	struct sip_each each;
	struct sip_via via;
	uint64_t said;
	unsigned worker;

	*hash = loop_hash(route, msg);
	sip_each_start(&each, msg, SIP_H_VIA);
	while (sip_each_via(&each, &via)) {
		if (txn_branch_read(via.branch, &worker, &said) && said == *hash) {
			route_count(route, ROUTE_STAT_LOOPS);
			return true;
		}
	}
	return false;
}
