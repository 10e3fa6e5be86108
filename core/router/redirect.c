/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * redirect: the Contacts of a 3xx as further targets of the request (RFC 3261 §16.5, §16.7 step 4), where that is allowed. Which of them are tried when is
 * context.c's, which calls this.
 */
#include "router/route_priv.h"

/* F-7: only who leads to a zone that is believed may make us call somebody else. */
static bool believed(const struct route_branch *b)
{
	const struct route_conf *conf = &b->ctx->route->conf;
	uint16_t zone = route_branch_zone(b);

	return conf->recurse &&
	       (zone >= TP_ZONE_NUMBERS || !(conf->no_recurse_zones[zone / 64] >> zone % 64 & 1));
}

/* The Request-URI of a target, as text. */
static struct sv uri_of(const struct route_context *ctx, const struct route_target *t)
{
	return t->uri.n ? t->uri : sip_view_ruri(ctx->view);
}

/* §16.5: no URI twice, in whatever way it is written. */
static bool known(const struct route_context *ctx, const struct sip_uri *uri)
{
	struct sip_uri other;
	struct sip_where at;

	for (unsigned i = 0; i < ctx->n_targets; i++) {
		if (sip_uri_parse(&other, uri_of(ctx, &ctx->target[i]), &at) == 0 &&
		    sip_uri_equal(&other, uri))
			return true;
	}
	return false;
}

/* §16.5: for a sips URI only others of its kind; §19.1.1: what stands behind the "?" is no part of a Request-URI (P-9). */
static bool usable(const struct sip_nameaddr *contact, bool sips, struct sv *text)
{
	const struct sip_uri *uri = &contact->uri;

	if (contact->star || (sips && uri->scheme != SIP_SCHEME_SIPS))
		return false;
	*text = uri->headers.n ? sv_span(uri->text.p, uri->headers.p - 1) : uri->text;
	return true;
}

static bool add(struct route_context *ctx, const struct sip_nameaddr *contact, struct sv text)
{
	struct sip_uri uri;
	struct sip_where at;
	int q = sip_nameaddr_q(contact);
	struct route_target t = {.q = (uint16_t)(q < 0 ? 1000 : q), .zone = TP_ANY_ZONE};

	if (sip_uri_parse(&uri, text, &at) < 0 || known(ctx, &uri))
		return false;
	if (arena_dup(ctx->arena, text, &t.uri) < 0) {
		route_count(ctx->route, ROUTE_STAT_NO_MEMORY);
		return false;
	}
	return route_add(ctx, &t) == 0;
}

bool redirect_follow(struct route_branch *b, struct sip_msg *msg)
{
	struct route_context *ctx = b->ctx;
	struct sip_each each;
	struct sip_nameaddr contact;
	struct sv text;
	bool any = false;

	if (!believed(b))
		return false;
	bool sips = route_is_sips(uri_of(ctx, b->target));
	sip_each_start(&each, msg, SIP_H_CONTACT);
	while (sip_each_addr(&each, &contact)) {
		if (usable(&contact, sips, &text) && add(ctx, &contact, text))
			any = true;
	}
	return any;
}
