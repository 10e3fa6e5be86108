/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * target: the targets that modules give a request. Which is tried when is the router's.
 */
#include "chain/chain_priv.h"

#define TARGETS_MAX (sizeof(((struct mg_request *)0)->target) / sizeof(struct mg_target))

/* What a request can be sent to: a URI of ours without headers (RFC 3261 §19.1.1 table 1). */
static bool is_uri(struct sv text, bool next_hop)
{
	struct sip_where at;
	struct sip_uri uri;

	if (sip_uri_parse(&uri, text, &at) || uri.headers.n)
		return false;
	if (uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS)
		return true;
	return !next_hop && (uri.scheme == SIP_SCHEME_TEL || uri.scheme == SIP_SCHEME_URN);
}

int mg_target_add(struct mg_request *r, const struct mg_target *target)
{
	struct mg_target copy = *target;

	if (!r->arena || target->q > 1000 || (target->uri.n && !is_uri(target->uri, false)) ||
	    (target->next_hop.n && !is_uri(target->next_hop, true)))
		return MG_EINVAL;
	if (r->n_targets == TARGETS_MAX)
		return MG_ELIMIT;
	if (arena_dup(r->arena, target->uri, &copy.uri) ||
	    arena_dup(r->arena, target->next_hop, &copy.next_hop))
		return MG_ENOMEM;
	r->target[r->n_targets++] = copy;
	return 0;
}

unsigned mg_targets(const struct mg_request *r)
{
	return r->n_targets;
}
