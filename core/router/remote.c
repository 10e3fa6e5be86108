/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * remote: which way a dialog's requests have to go, noted in its tokens: the remote target (Contact) and the routes behind us (Record-Routes of others), as keyed hashes added
 * up; and whether a request goes that way. A token proves that there is a dialog, not that its bearer may send it anywhere (F-1, F-3, F-4). Called by build.c,
 * context.c, core.c and the daemon's flow.
 *
 * The callee's requests are bound by the caller's Contact, when the token is minted into the request; the caller's by the callee's, when the response goes back: our own
 * Record-Route may be written anew in it (RFC 3261 §16.7 step 8). The latter for strangers only, who alone are bound.
 */
#include "router/route_priv.h"

#define RUNS_MAX 8 /* places in a response's Record-Routes where we stand */

enum { TARGET = 't', HOP = 'h' };

/* What of a URI has to be the same: scheme, user, host and port. A UA copies them; parameters it may lose. */
static struct sv place_of(struct sv uri)
{
	size_t n = sv_find(uri, '@');

	if (n == uri.n)
		n = 0;
	while (n < uri.n && uri.p[n] != ';' && uri.p[n] != '?')
		n++;
	return sv_of(uri.p, n);
}

static uint64_t hash_of(const struct route *route, unsigned key, char what, struct sv uri)
{
	return token_place(route->env.keys, key, what, place_of(uri));
}

/* The URI of the Contact. Mostly it stands in brackets behind nothing, and need not be parsed. */
static bool contact_of(struct sip_view *view, struct sv *uri)
{
	struct sip_where at;
	struct sv v = sip_view_value(view, sip_view_first(view, SIP_H_CONTACT));

	if (v.n > 0 && v.p[0] == '<') {
		*uri = sv_of(v.p + 1, sv_find(v, '>') - 1);
		return true;
	}
	const struct sip_nameaddr *contact = v.n ? sip_view_typed(view, SIP_H_CONTACT, &at) : NULL;
	if (!contact || contact->star)
		return false;
	*uri = contact->uri.text;
	return true;
}

/* All Routes or Record-Routes of others; a sum, because they are counted from either end. False when one cannot be read. */
static bool add_hops(struct route *route, unsigned key, struct sip_view *view, enum sip_hid id,
		     bool foreign_maddr, uint64_t *sum)
{
	struct sip_each each;
	struct sip_nameaddr na;

	if (sip_view_first(view, id) == SIP_NO_INST)
		return true;
	sip_view_each(&each, view, id);
	while (sip_each_addr(&each, &na)) {
		if (route_is_us(route, &na.uri))
			continue;
		if (na.uri.maddr.n && !foreign_maddr)
			return false;
		*sum += hash_of(route, key, HOP, na.uri.text);
	}
	return each.at.fault == SIP_OK;
}

void remote_of_caller(struct route_branch *b, struct token *token)
{
	struct route *route = b->ctx->route;
	struct sip_view *view = b->ctx->view;
	struct sv contact;

	if (!contact_of(view, &contact))
		return;
	uint64_t sum = hash_of(route, 0, TARGET, contact);
	if (!add_hops(route, 0, view, SIP_H_RECORD_ROUTE, true, &sum))
		return;
	token->remote_of = TOKEN_CALLER;
	token->remote = sum & TOKEN_REMOTE_MASK;
}

bool route_to_remote(struct route *route, struct sip_view *view, const struct route_in *in)
{
	struct sip_where at;
	const struct sip_uri *uri = sip_view_uri(view, &at);

	/* A maddr would lead elsewhere. */
	if (!in->remote.named || !uri || uri->maddr.n)
		return false;
	uint64_t sum = hash_of(route, in->remote.key, TARGET, uri->text);
	return add_hops(route, in->remote.key, view, SIP_H_ROUTE, false, &sum) &&
	       (sum & TOKEN_REMOTE_MASK) == in->remote.place;
}

/* ---- responses ---- */

/* The line that a text lies in, with `user` in the place of it. */
static int put_user(struct sip_view *view, struct sv was, struct sv user)
{
	for (sip_inst i = sip_view_first(view, SIP_H_RECORD_ROUTE); i != SIP_NO_INST;
	     i = sip_view_next(view, i)) {
		struct sv line = sip_view_value(view, i);

		if (was.p < line.p || was.p >= line.p + line.n)
			continue;
		size_t head = (size_t)(was.p - line.p), tail = line.n - head - was.n;
		char *text = arena_text(view->arena, head + user.n + tail);
		if (!text)
			return MG_ENOMEM;
		memcpy(text, line.p, head);
		memcpy(text + head, user.p, user.n);
		memcpy(text + head + user.n, was.p + was.n, tail);
		route_unfold(text, head + user.n + tail);
		return sip_view_replace(view, i, sv_of(text, head + user.n + tail));
	}
	return MG_ENOENT;
}

/* The token of a Record-Route that was `user`, with this target. Returns 1 when it was written anew, 0 when there is nothing to do. */
static int name_callee(struct route *route, struct sip_view *view, struct sv user,
		       const struct route_ids *ids, uint64_t sum)
{
	const struct token_keys *keys = route->env.keys;
	struct token token;
	char text[TOKEN_MAX];
	bool from_caller;

	if (token_open(keys, user, ids->call_id, ids->from_tag, ids->to_tag, &token, &from_caller) <
		    0 ||
	    !from_caller)
		return 0;
	token.remote_of = TOKEN_CALLEE;
	token.remote = sum & TOKEN_REMOTE_MASK;
	size_t n = token_mint(keys, &token, ids->call_id, ids->from_tag, text);
	if (sv_eq(user, sv_of(text, n)))
		return 0;
	int err = put_user(view, user, sv_of(text, n));
	return err ? err : 1;
}

/* Write one anew. Where several of ours lie beside each other (RFC 5658, spirals) the upper one is opened last, and counts. */
static int name_one(struct route *route, struct sip_view *view, const struct route_ids *ids,
		    uint64_t sum)
{
	struct sip_each each;
	struct sip_nameaddr na;
	bool before = false;

	sip_view_each(&each, view, SIP_H_RECORD_ROUTE);
	while (sip_each_addr(&each, &na)) {
		bool us = route_is_us(route, &na.uri);

		if (!us) {
			sum += hash_of(route, 0, HOP, na.uri.text);
		} else if (!before) {
			int did = name_callee(route, view, na.uri.user, ids, sum);
			if (did)
				return did;
		}
		before = us;
	}
	return 0;
}

int remote_of_callee(struct route *route, struct sip_view *view)
{
	struct sip_where at;
	struct sv contact;
	const struct sip_nameaddr *from = sip_from(view->msg, &at), *to = sip_to(view->msg, &at);
	int did = 1;

	if (!from || !to || sip_view_first(view, SIP_H_RECORD_ROUTE) == SIP_NO_INST ||
	    !contact_of(view, &contact))
		return 0;
	struct route_ids ids = {sip_call_id(view->msg), from->tag, to->tag};
	uint64_t sum = hash_of(route, 0, TARGET, contact);
	for (unsigned i = 0; i < RUNS_MAX && did > 0; i++)
		did = name_one(route, view, &ids, sum);
	return did < 0 ? did : 0;
}
