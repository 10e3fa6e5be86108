/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stateless: what RFC 3261 §16.11 asks of a proxy that keeps nothing: a branch that is the same for each retransmission, and responses sent on by their Vias. The
 * branch is a keyed hash of the Via below it, so that nobody can have responses sent to an address we have not had a request from. ACKs for 2xx go this way too.
 */
#include <string.h>

#include "router/route_priv.h"

#define PREFIX    SIP_BRANCH_COOKIE "s"
#define PREFIX_N  (sizeof(PREFIX) - 1)
#define INPUT_MAX (SIP_HEADER_LINE_MAX + SIP_IDENT_MAX + 16)

/* Over Call-ID, CSeq number and the Via that was on top when we took it, as we sent it on. */
static size_t branch_of(struct route *route, struct sv via, struct sv call_id, uint32_t number,
			char out[TXN_BRANCH_MAX])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t mac[SIPHASH_MAC_LEN], input[INPUT_MAX];
	uint32_t head[3] = {(uint32_t)via.n, (uint32_t)call_id.n, number};
	size_t n = sizeof(head);

	if (via.n > SIP_HEADER_LINE_MAX || call_id.n > SIP_IDENT_MAX)
		return 0;
	memcpy(input, head, sizeof(head));
	memcpy(input + n, via.p, via.n);
	n += via.n;
	memcpy(input + n, call_id.p, call_id.n);
	siphash_mac(route->env.tag_key, input, n + call_id.n, mac);
	memcpy(out, PREFIX, PREFIX_N);
	for (unsigned i = 0; i < 12; i++) {
		out[PREFIX_N + 2 * i] = hex[mac[i] >> 4];
		out[PREFIX_N + 2 * i + 1] = hex[mac[i] & 15];
	}
	return PREFIX_N + 24;
}

size_t stateless_branch(struct route *route, struct sip_view *view, char out[TXN_BRANCH_MAX])
{
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);
	const struct sip_cseq *cseq = sip_cseq(view->msg, &at);

	return branch_of(route, via ? via->text : SV(""), sip_call_id(view->msg),
			 cseq ? cseq->number : 0, out);
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
	size_t n = branch_of(route, next.text, sip_call_id(rx->msg), cseq->number, branch);
	if (n == 0 || !sv_eq(ours.branch, sv_of(branch, n)))
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
