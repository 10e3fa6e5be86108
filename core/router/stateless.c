/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stateless: what RFC 3261 §16.11 asks of a proxy that keeps nothing: a branch that is the same for each retransmission, and responses sent on by their Vias. The
 * branch is a keyed hash of the Via below it, so that nobody can have responses sent to an address we have not had a request from. Beside it our Via names the connection
 * that the request came by, under a hash of its own: the branch has to be the same on another one. ACKs for 2xx go this way too.
 */
#include <string.h>

#include "router/route_priv.h"
#include "sip/param.h"

#define PREFIX    SIP_BRANCH_COOKIE "s"
#define PREFIX_N  (sizeof(PREFIX) - 1)
#define HASHED    12 /* bytes of the hash that a branch shows */
#define HOST_PART 256
#define WAY_PARAM ";conn="
#define WAY_N     32 /* the connection and its hash, 16 hex digits each */
#define VIA_MAX   1024
#define INPUT_MAX (2 * (SIP_IDENT_MAX + 2) + 3 * (HOST_PART + 2) + 10)

/* The sent-by of a Via of ours. */
struct sent_by {
	struct sv host;
	uint16_t port;
};

static uint16_t default_port(uint8_t transport)
{
	return transport == SIP_TRANSPORT_TLS ? 5061 : 5060;
}

/* As tp_sentby wrote it; addresses of IPv6 stand in brackets. */
static struct sent_by read_sent_by(struct sv text, uint8_t transport)
{
	struct sent_by by = {text, default_port(transport)};
	unsigned port = 0;
	size_t n = text.n;

	while (n && text.p[n - 1] >= '0' && text.p[n - 1] <= '9')
		n--;
	if (n < 2 || n == text.n || text.p[n - 1] != ':')
		return by;
	for (size_t i = n; i < text.n; i++)
		port = port * 10 + (unsigned)(text.p[i] - '0');
	return (struct sent_by){sv_of(text.p, n - 1), (uint16_t)port};
}

/* §18.1.2: what comes back has to name us as we did. */
static size_t put_sent_by(uint8_t *p, const struct sent_by *by)
{
	size_t n = route_put_field(p, by->host, HOST_PART);

	for (size_t i = 2; i < n; i++)
		p[i] = (uint8_t)sv_lower((char)p[i]);
	memcpy(p + n, &by->port, sizeof(by->port));
	return n + sizeof(by->port);
}

/* Over Call-ID, CSeq number, our own sent-by and what tells the Via apart that was on top when we took it, with the address that we noted. The port that we noted is left out: a CANCEL, or
 * the ACK of a refusal, has to get the branch of its INVITE behind a NAT that chose another one too; all that it decides is which port of an address gets a
 * response. */
static void hash_of(struct route *route, const struct sip_via *via, const struct sent_by *ours,
		    struct sv call_id, uint32_t cseq, uint8_t mac[SIPHASH_MAC_LEN])
{
	uint8_t input[INPUT_MAX];
	size_t n = route_put_field(input, via->branch, SIP_IDENT_MAX);

	n += route_put_field(input + n, call_id, SIP_IDENT_MAX);
	n += route_put_field(input + n, via->host, HOST_PART);
	n += route_put_field(input + n, via->received, HOST_PART);
	n += put_sent_by(input + n, ours);
	memcpy(input + n, &via->port, sizeof(via->port));
	n += sizeof(via->port);
	memcpy(input + n, &cseq, sizeof(cseq));
	n += sizeof(cseq);
	input[n++] = via->transport;
	siphash_mac(route->env.tag_key, input, n, mac);
}

static size_t branch_of(struct route *route, const struct sip_via *via, const struct sent_by *ours,
			struct sv call_id, uint32_t cseq, char out[TXN_BRANCH_MAX])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t mac[SIPHASH_MAC_LEN];

	hash_of(route, via, ours, call_id, cseq, mac);
	memcpy(out, PREFIX, PREFIX_N);
	for (size_t i = 0; i < HASHED; i++) {
		out[PREFIX_N + 2 * i] = hex[mac[i] >> 4];
		out[PREFIX_N + 2 * i + 1] = hex[mac[i] & 15];
	}
	return PREFIX_N + (size_t)2 * HASHED;
}

size_t stateless_branch(struct route *route, struct sip_view *view, struct sv sent_by,
			uint8_t transport, char out[TXN_BRANCH_MAX])
{
	static const struct sip_via none;
	struct sent_by ours = read_sent_by(sent_by, transport);
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);
	const struct sip_cseq *cseq = sip_cseq(view->msg, &at);

	return branch_of(route, via ? via : &none, &ours, sip_call_id(view->msg),
			 cseq ? cseq->number : 0, out);
}

uint64_t stateless_seed(struct route *route, struct sip_view *view)
{
	char branch[TXN_BRANCH_MAX];
	size_t n = stateless_branch(route, view, SV(""), SIP_TRANSPORT_UDP, branch);

	return siphash_13(route->env.tag_key, branch, n) | 1;
}

/* ---- the connection that a request came by ---- */

static void put_hex(char *p, uint64_t v)
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++)
		p[i] = hex[v >> (60 - 4 * i) & 15];
}

/* A connection and what proves that we named it, in a Via with this branch. */
static void write_way(struct route *route, struct sv branch, tp_conn conn, char out[WAY_N])
{
	uint8_t input[TXN_BRANCH_MAX + 2 + sizeof(conn)];
	size_t n = route_put_field(input, branch, TXN_BRANCH_MAX);

	memcpy(input + n, &conn, sizeof(conn));
	put_hex(out, conn);
	put_hex(out + 16, siphash_24(route->env.tag_key, input, n + sizeof(conn)));
}

int stateless_note_way(struct route_branch *b)
{
	tp_conn conn = b->ctx->kept->flow.conn;
	struct sip_where at;
	const struct sip_via *via = conn ? sip_view_typed(&b->view, SIP_H_VIA, &at) : NULL;
	char text[VIA_MAX];
	size_t n = sizeof(WAY_PARAM) - 1;

	if (!conn)
		return 0;
	if (!via || via->text.n + n + WAY_N > sizeof(text))
		return MG_ELIMIT;
	memcpy(text, via->text.p, via->text.n);
	memcpy(text + via->text.n, WAY_PARAM, n);
	n += via->text.n;
	write_way(b->ctx->route, via->branch, conn, text + n);
	return sip_view_replace_top(&b->view, SIP_H_VIA, sv_of(text, n + WAY_N));
}

static tp_conn read_hex(struct sv text)
{
	tp_conn v = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
							: 0;
		v = v << 4 | digit;
	}
	return v;
}

/* The connection that our Via names, 0 when it names none, or not as we wrote it. */
static tp_conn read_way(struct route *route, const struct sip_via *ours)
{
	struct sv rest = ours->params;
	struct sip_param param;
	char wanted[WAY_N];

	while (sip_param_next(&rest, &param)) {
		if (!sv_ieq(param.name, SV("conn")) || param.value.n != WAY_N)
			continue;
		tp_conn conn = read_hex(sv_of(param.value.p, 16));
		write_way(route, ours->branch, conn, wanted);
		return sv_eq(param.value, sv_of(wanted, WAY_N)) ? conn : 0;
	}
	return 0;
}

/* Send by the connection that the request came by (§18.2.2), if it is still there and of that peer. */
static bool send_back(struct route *route, const struct sip_via *ours, const struct sip_via *next,
		      struct sv bytes)
{
	tp_conn conn = read_way(route, ours);
	struct tp_target to;
	struct addr noted;

	return conn && tp_conn_target(route->env.tp, conn, &to) == 0 &&
	       addr_parse(next->received.n ? next->received : next->host, ADDR_IP, &noted) == 0 &&
	       addr_host_eq(&noted, &to.addr) && tp_send(route->env.tp, &to, bytes, NULL) == 0;
}

/* ---- responses ---- */

/* Where the Via below ours wants its responses: what we noted on it, else what it says itself. */
static bool target_of(struct route *route, const struct tp_rx *rx, const struct sip_via *via,
		      struct tp_target *to)
{
	uint16_t port = via->port ? via->port : default_port(via->transport);

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

static bool pass_back(struct route *route, const struct tp_rx *rx, struct sip_view *view,
		      const struct sip_via *ours, const struct sip_via *next)
{
	struct tp_target to;
	struct sv bytes;

	return sip_view_pop(view, SIP_H_VIA) == 0 &&
	       route->env.on->reply(route->env.arg, NULL, NULL, view) &&
	       route_flatten(route, view, &bytes) == 0 &&
	       (send_back(route, ours, next, bytes) ||
		(target_of(route, rx, next, &to) && tp_send(route->env.tp, &to, bytes, NULL) == 0));
}

bool route_stateless_response(struct route *route, struct tp_rx *rx)
{
	char branch[TXN_BRANCH_MAX];
	struct sip_each each;
	struct sip_via ours, next;
	struct sip_where at;
	struct sip_view view;
	const struct sip_cseq *cseq = sip_cseq(rx->msg, &at);

	sip_each_start(&each, rx->msg, SIP_H_VIA);
	if (!cseq || !sip_each_via(&each, &ours) || !sv_starts(ours.branch, SV(PREFIX)) ||
	    !sip_each_via(&each, &next))
		return false;
	struct sent_by by = {ours.host, ours.port ? ours.port : default_port(ours.transport)};
	size_t n = branch_of(route, &next, &by, sip_call_id(rx->msg), cseq->number, branch);
	if (!sv_eq(ours.branch, sv_of(branch, n)))
		return false;
	arena_reset(&route->scratch);
	sip_view_init(&view, rx->msg, &route->scratch);
	route_count(route, pass_back(route, rx, &view, &ours, &next) ? ROUTE_STAT_RESPONSES
								     : ROUTE_STAT_DROP_RESPONSE);
	return true;
}
