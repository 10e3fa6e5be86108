/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stateless: what RFC 3261 §16.11 asks of a proxy that keeps nothing: a branch that is the same for each retransmission, and responses sent on by their Vias. The
 * branch is a keyed hash of the Via below it, so that nobody can have responses sent to an address we have not had a request from. ACKs for 2xx go this way too.
 */
#include <string.h>

#include "router/route_priv.h"

#define PREFIX    SIP_BRANCH_COOKIE "s"
#define PREFIX_N  (sizeof(PREFIX) - 1)
#define HASHED    12 /* bytes of the hash that a branch shows */
#define HOST_PART 256
#define INPUT_MAX (2 * (SIP_IDENT_MAX + 2) + 2 * (HOST_PART + 2) + 8)

/* Over Call-ID, CSeq number and what tells the Via apart that was on top when we took it, with the address that we noted. The port that we noted is left out: a CANCEL, or
 * the ACK of a refusal, has to get the branch of its INVITE behind a NAT that chose another one too; all that it decides is which port of an address gets a
 * response. */
static void hash_of(struct route *route, const struct sip_via *via, struct sv call_id,
		    uint32_t cseq, uint8_t mac[SIPHASH_MAC_LEN])
{
	uint8_t input[INPUT_MAX];
	size_t n = route_put_field(input, via->branch, SIP_IDENT_MAX);

	n += route_put_field(input + n, call_id, SIP_IDENT_MAX);
	n += route_put_field(input + n, via->host, HOST_PART);
	n += route_put_field(input + n, via->received, HOST_PART);
	memcpy(input + n, &via->port, sizeof(via->port));
	n += sizeof(via->port);
	memcpy(input + n, &cseq, sizeof(cseq));
	n += sizeof(cseq);
	input[n++] = via->transport;
	siphash_mac(route->env.tag_key, input, n, mac);
}

static size_t branch_of(struct route *route, const struct sip_via *via, struct sv call_id,
			uint32_t cseq, char out[TXN_BRANCH_MAX])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t mac[SIPHASH_MAC_LEN];

	hash_of(route, via, call_id, cseq, mac);
	memcpy(out, PREFIX, PREFIX_N);
	for (size_t i = 0; i < HASHED; i++) {
		out[PREFIX_N + 2 * i] = hex[mac[i] >> 4];
		out[PREFIX_N + 2 * i + 1] = hex[mac[i] & 15];
	}
	return PREFIX_N + (size_t)2 * HASHED;
}

size_t stateless_branch(struct route *route, struct sip_view *view, char out[TXN_BRANCH_MAX])
{
	static const struct sip_via none;
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);
	const struct sip_cseq *cseq = sip_cseq(view->msg, &at);

	return branch_of(route, via ? via : &none, sip_call_id(view->msg), cseq ? cseq->number : 0,
			 out);
}

uint64_t stateless_seed(struct route *route, struct sip_view *view)
{
	char branch[TXN_BRANCH_MAX];
	size_t n = stateless_branch(route, view, branch);

	return siphash_13(route->env.tag_key, branch, n) | 1;
}

/* Where the Via below ours wants its responses: what we noted on it, else what it says itself. */
static bool target_of(struct route *route, const struct tp_rx *rx, const struct sip_via *via,
		      struct tp_target *to)
{
	uint16_t port = via->port ? via->port : via->transport == SIP_TRANSPORT_TLS ? 5061 : 5060;

	*to = (struct tp_target){
		.transport = via->transport, .listener = rx->flow.listener, .fixed = true};
	if (addr_parse(via->received.n ? via->received : via->host, ADDR_IP, &to->addr) < 0)
		return false;
	to->addr.port = via->rport ? via->rport : port;
	if (via->transport == SIP_TRANSPORT_TLS && via->host.n < sizeof(to->domain))
		memcpy(to->domain, via->host.p, via->host.n);
	return tp_pick(route->env.tp, TP_ANY_ZONE, rx->flow.zone, to) == 0 &&
	       !tp_forbidden(route->env.tp, to);
}

bool route_stateless_response(struct route *route, struct tp_rx *rx)
{
	char branch[TXN_BRANCH_MAX];
	struct sip_each each;
	struct sip_via ours, next;
	struct sip_where at;
	struct tp_target to;
	struct sip_view view;
	struct sv bytes;
	const struct sip_cseq *cseq = sip_cseq(rx->msg, &at);

	sip_each_start(&each, rx->msg, SIP_H_VIA);
	if (!cseq || !sip_each_via(&each, &ours) || !sv_starts(ours.branch, SV(PREFIX)) ||
	    !sip_each_via(&each, &next))
		return false;
	size_t n = branch_of(route, &next, sip_call_id(rx->msg), cseq->number, branch);
	if (!sv_eq(ours.branch, sv_of(branch, n)))
		return false;
	arena_reset(&route->scratch);
	sip_view_init(&view, rx->msg, &route->scratch);
	if (!target_of(route, rx, &next, &to) || sip_view_pop(&view, SIP_H_VIA) < 0 ||
	    !route->env.on->reply(route->env.arg, NULL, NULL, &view) ||
	    route_flatten(route, &view, &bytes) < 0 || tp_send(route->env.tp, &to, bytes, NULL) < 0)
		route_count(route, ROUTE_STAT_DROP_RESPONSE);
	else
		route_count(route, ROUTE_STAT_RESPONSES);
	return true;
}
