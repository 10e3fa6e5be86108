/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * reply: where the answer to a request goes (RFC 3261 §18.2.2, RFC 3581 §4): back to where it came from. What the sender
 * wrote into its Via chooses a port of that address at most, so that nobody can point us at a third party (T-9); `alias` is
 * not looked at (T-8). Called by whoever answers.
 */
#include "transport/tp_priv.h"

static bool text_address(struct sv host, struct addr *out)
{
	return addr_parse(host, ADDR_IP | ADDR_THREE_COLONS, out) == 0;
}

/* The sender is behind a NAT, or writes what is not so: its sent-by is an address, and not the one that it came from. A name
 * says nothing. */
static bool elsewhere(const struct sip_via *via, const struct addr *peer)
{
	struct addr said, is = *peer;

	is.scope = 0; /* a text has none */
	return text_address(via->host, &said) && !addr_host_eq(&said, &is);
}

static uint16_t sentby_port(const struct sip_via *via, uint8_t transport)
{
	return via->port ? via->port : tp_default_port(transport);
}

static uint16_t datagram_port(const struct sip_via *via, const struct addr *peer)
{
	if (via->has_rport || elsewhere(via, peer))
		return peer->port;
	return sentby_port(via, SIP_TRANSPORT_UDP);
}

/* A carrier may have its answers elsewhere: `maddr`, an address to which we may send at all. */
static void believe_maddr(struct tp *tp, const struct sip_via *via, struct tp_target *out)
{
	const struct addr before = out->addr;

	if (via->maddr.n == 0 || !text_address(via->maddr, &out->addr))
		return;
	if (out->addr.family == before.family && !tp_forbidden(tp, out))
		out->addr.port = sentby_port(via, out->transport);
	else
		out->addr = before;
}

/* A connection that is gone is made anew: to the same address, where the sender listens as it says, and for TLS under the
 * name it goes by. */
static void reconnect(const struct sip_via *via, struct tp_target *out)
{
	struct sv host = via->host;

	out->addr.port = sentby_port(via, out->transport);
	if (out->transport != SIP_TRANSPORT_TLS)
		return;
	if (host.n >= 2 && host.p[0] == '[')
		host = sv_of(host.p + 1, host.n - 2);
	if (host.n >= sizeof(out->domain))
		return;
	memcpy(out->domain, host.p, host.n);
	out->domain[host.n] = '\0';
}

void tp_reply_target(struct tp *tp, const struct tp_flow *flow, const struct sip_via *via,
		     struct tp_target *out)
{
	const struct tp_zone *zone = tp_zone_of(tp, flow->zone);

	out->addr = flow->peer;
	out->local = flow->local;
	out->conn = 0;
	out->listener = flow->listener;
	out->transport = flow->transport;
	out->fixed = true;
	out->quick = false;
	out->domain[0] = '\0';
	if (flow->transport == SIP_TRANSPORT_UDP) {
		out->addr.port = datagram_port(via, &flow->peer);
		if (zone && zone->trusted)
			believe_maddr(tp, via, out);
	} else if (tp_flow_alive(tp, flow)) {
		out->conn = flow->conn;
	} else {
		reconnect(via, out);
	}
}
