/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * build: the message of a branch for one hop: RFC 3261 §16.6 steps 2 to 9 as edits on top of the request's view, RFC 5393 (Max-Breadth), RFC 5658 (two
 * Record-Routes). Called by branch.c, anew for each hop, because Via and Record-Route name the way out.
 */
#include <string.h>

#include "base/put.h"
#include "router/route_priv.h"

#define LINE_MAX_OURS \
	512 /* of a Via or Record-Route of ours: TP_SENTBY_MAX and a token or branch */

static const struct sv via_names[] = {[SIP_TRANSPORT_UDP] = SV_INIT("SIP/2.0/UDP "),
				      [SIP_TRANSPORT_TCP] = SV_INIT("SIP/2.0/TCP "),
				      [SIP_TRANSPORT_TLS] = SV_INIT("SIP/2.0/TLS ")};

/* ---- step 7: who decides where it goes ---- */

static struct sv first_route(struct sip_view *view, bool *loose)
{
	struct sip_where at;
	const struct sip_nameaddr *route = sip_view_typed(view, SIP_H_ROUTE, &at);

	*loose = !route || route->uri.lr;
	return route ? route->uri.text : sv_of(NULL, 0);
}

int branch_next_hop(struct route_branch *b)
{
	struct route_context *ctx = b->ctx;
	const struct route_target *t = b->target;
	bool loose = true;
	struct sv uri = t->next_hop, ruri = t->uri.n ? t->uri : sip_view_ruri(ctx->view);
	struct sip_where at;

	if (uri.n == 0)
		uri = first_route(ctx->view, &loose);
	if (uri.n == 0)
		uri = ruri;
	const struct sip_uri *read =
		uri.p == sip_view_ruri(ctx->view).p ? sip_view_uri(ctx->view, &at) : NULL;
	if (read)
		b->next_hop = *read;
	else if (sip_uri_parse(&b->next_hop, uri, &at) < 0)
		return 400;
	b->strict = !loose || (t->next_hop.n && t->as_route && !b->next_hop.lr);
	/* RFC 5630 §3.1.1: a sips Request-URI asks for TLS on every hop, whoever decides which that is. */
	b->sips = b->next_hop.scheme == SIP_SCHEME_SIPS || route_is_sips(ruri);
	if (b->next_hop.scheme == SIP_SCHEME_SIP || b->next_hop.scheme == SIP_SCHEME_SIPS)
		return 0;
	return b->next_hop.scheme == SIP_SCHEME_TEL ? 404 : 416;
}

/* ---- steps 2, 3 and RFC 5393 ---- */

static int set_number(struct sip_view *view, enum sip_hid id, unsigned value)
{
	char text[12];
	struct put t = PUT_IN(text);
	sip_inst inst = sip_view_first(view, id);

	put_u32(&t, value);
	return inst == SIP_NO_INST ? sip_view_append(view, id, SV(""), put_text(&t))
				   : sip_view_replace(view, inst, put_text(&t));
}

static int set_forwards(struct route_branch *b)
{
	struct sip_where at;
	const struct sip_number *n = sip_view_typed(&b->view, SIP_H_MAX_FORWARDS, &at);

	return set_number(&b->view, SIP_H_MAX_FORWARDS, !n ? 70 : n->value == 0 ? 0 : n->value - 1);
}

/* ---- step 4: Record-Route ---- */

static bool makes_dialog(uint8_t method)
{
	return method == SIP_METHOD_INVITE || method == SIP_METHOD_SUBSCRIBE ||
	       method == SIP_METHOD_REFER || method == SIP_METHOD_NOTIFY;
}

/* §16.6 step 4: whether the Request-URI or the top Route, as they will leave, is a SIPS URI. */
static bool leaves_by_sips(const struct route_branch *b)
{
	const struct route_target *t = b->target;
	struct sip_view *view = b->ctx->view;
	bool loose;

	if (route_is_sips(t->uri.n ? t->uri : sip_view_ruri(view)))
		return true;
	if (t->next_hop.n)
		return route_is_sips(t->as_route ? t->next_hop : first_route(view, &loose));
	return b->next_hop.scheme == SIP_SCHEME_SIPS;
}

/* One side of us: the listener and address that peers on it know, and the token. */
static int record_route(struct route_branch *b, uint16_t listener, const struct addr *local,
			uint8_t transport, const struct token *token)
{
	struct route *route = b->ctx->route;
	struct sip_where at;
	char text[LINE_MAX_OURS], sentby[TP_SENTBY_MAX], user[TOKEN_MAX];
	const struct sip_nameaddr *from = sip_view_typed(&b->view, SIP_H_FROM, &at);
	/* Who reaches us otherwise could not follow a sips URI. */
	bool sips = transport == SIP_TRANSPORT_TLS && leaves_by_sips(b);

	if (!from)
		return MG_EPARSE;
	size_t user_n =
		token_mint(route->env.keys, token, sip_call_id(b->ctx->view->msg), from->tag, user);
	size_t n = tp_sentby(route->env.tp, listener, local, sentby);
	struct put t = PUT_IN(text);
	put(&t, sips ? SV("<sips:") : SV("<sip:"));
	put(&t, sv_of(user, user_n));
	put(&t, SV("@"));
	put(&t, sv_of(sentby, n));
	if (transport == SIP_TRANSPORT_TCP)
		put(&t, SV(";transport=tcp"));
	else if (transport == SIP_TRANSPORT_TLS && !sips)
		put(&t, SV(";transport=tls"));
	put(&t, SV(";lr>"));
	return t.full ? MG_ELIMIT
		      : sip_view_prepend(&b->view, SIP_H_RECORD_ROUTE, SV(""), put_text(&t));
}

static uint16_t zone_token(const struct route *route, uint16_t zone)
{
	return zone < route->conf.n_zones ? route->conf.zone_token[zone] : 0;
}

/* One Record-Route when both sides are the same listener, else two (RFC 5658): the one that the next hop faces on top. */
static int record_routes(struct route_branch *b)
{
	struct route_context *ctx = b->ctx;
	struct route *route = ctx->route;
	const struct tp_flow *in = &ctx->kept->flow;
	bool one = in->listener == b->to.listener &&
		   (b->to.local.family == ADDR_NONE || addr_host_eq(&in->local, &b->to.local));
	struct token token = {.zone = zone_token(route, in->zone),
			      .two = !one,
			      .caller_flow = in->conn,
			      .callee_flow = one ? b->to.conn : 0};

	if (!route->conf.record_route || ctx->in.in_dialog || !ctx->server ||
	    !makes_dialog(b->view.msg->method))
		return 0;
	remote_of_caller(b, &token);
	int err = record_route(b, in->listener, &in->local, in->transport, &token);
	if (err || one)
		return err;
	token = (struct token){.zone = zone_token(route, route_branch_zone(b)),
			       .two = true,
			       .callee_flow = b->to.conn};
	return record_route(b, b->to.listener, &b->to.local, b->to.transport, &token);
}

/* ---- step 6: strict routers, and a Route of the target's own ---- */

/* At most SIP_URI_MAX bytes of a URI. */
static struct sv in_brackets(struct put *t, struct sv uri)
{
	put(t, SV("<"));
	put(t, uri);
	put(t, SV(">"));
	return put_text(t);
}

static int own_route(struct route_branch *b)
{
	char text[SIP_URI_MAX + 2];
	struct put t = PUT_IN(text);
	struct sv hop = b->target->next_hop;

	if (!b->target->as_route || hop.n == 0)
		return 0;
	if (hop.n > SIP_URI_MAX)
		return MG_ELIMIT;
	return sip_view_prepend(&b->view, SIP_H_ROUTE, SV(""), in_brackets(&t, hop));
}

/* §16.6 step 6: the Request-URI becomes the last Route, the first Route the Request-URI, without what may not stand in one (§19.1.1). */
static int strict_route(struct route_branch *b)
{
	char text[SIP_URI_MAX + 2], hop[SIP_URI_MAX];
	struct put t = PUT_IN(text);
	struct sv ruri = sip_view_ruri(&b->view);
	const struct sip_uri *uri = &b->next_hop;
	struct sv first = uri->headers.n ? sv_span(uri->text.p, uri->headers.p - 1) : uri->text;

	if (!b->strict)
		return 0;
	if (ruri.n > SIP_URI_MAX || first.n > SIP_URI_MAX)
		return MG_ELIMIT;
	memcpy(hop, first.p, first.n);
	int err = sip_view_append(&b->view, SIP_H_ROUTE, SV(""), in_brackets(&t, ruri));

	if (!err)
		err = sip_view_pop(&b->view, SIP_H_ROUTE);
	return err ? err : sip_view_set_uri(&b->view, sv_of(hop, first.n));
}

/* ---- step 8: Via ---- */

static int add_via(struct route_branch *b)
{
	struct route *route = b->ctx->route;
	char text[LINE_MAX_OURS], sentby[TP_SENTBY_MAX], branch[TXN_BRANCH_MAX];
	size_t n = tp_sentby(route->env.tp, b->to.listener, &b->to.local, sentby);
	int branch_n = b->ctx->server ? txn_branch(route->env.txn, b->ctx->loop_hash, branch)
				      : (int)stateless_branch(route, b->ctx->view, sv_of(sentby, n),
							      b->to.transport, branch);

	if (branch_n < 0)
		return branch_n;
	struct put t = PUT_IN(text);
	put(&t, via_names[b->to.transport]);
	put(&t, sv_of(sentby, n));
	put(&t, SV(";branch="));
	put(&t, sv_of(branch, (size_t)branch_n));
	return t.full ? MG_ELIMIT : sip_view_prepend(&b->view, SIP_H_VIA, SV(""), put_text(&t));
}

int branch_build(struct route_branch *b)
{
	struct route_context *ctx = b->ctx;
	int err = sip_view_branch(&b->view, ctx->view, ctx->arena);

	if (!err && b->target->uri.n)
		err = sip_view_set_uri(&b->view, b->target->uri);
	if (!err)
		err = set_forwards(b);
	if (!err && !ctx->in.in_dialog && !ctx->ack)
		err = set_number(&b->view, SIP_H_MAX_BREADTH, b->breadth);
	if (!err)
		err = record_routes(b);
	if (!err)
		err = own_route(b);
	if (!err)
		err = strict_route(b);
	return err ? err : add_via(b);
}
