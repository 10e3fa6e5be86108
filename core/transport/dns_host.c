/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_host: the part of a look-up that needs no name server: whether the wish makes sense, numeric hosts, "localhost", and what
 * transport and port mean when they are not said. The steps that ask are dns_steps.c's. Called by dns.c and dns_steps.c.
 */
#include "transport/dns_priv.h"

static bool can_do(unsigned can, enum sip_transport transport)
{
	return can & 1u << transport;
}

enum sip_transport dns_default_transport(unsigned can, bool sips)
{
	static const enum sip_transport any[] = {SIP_TRANSPORT_UDP, SIP_TRANSPORT_TCP,
						 SIP_TRANSPORT_TLS};

	for (unsigned i = sips ? 2 : 0; i < sizeof(any) / sizeof(any[0]); i++) {
		if (can_do(can, any[i]))
			return any[i];
	}
	return SIP_TRANSPORT_NONE;
}

uint16_t dns_default_port(enum sip_transport transport)
{
	return transport == SIP_TRANSPORT_TLS ? 5061 : 5060;
}

/* The transport that was asked for, as what it is on the wire: "sips:...;transport=tcp" is TLS (RFC 3261 §26.2.2). False when we
 * cannot do it, or it would not protect a sips URI.
 */
static bool wanted_transport(const struct dns_want *want, enum sip_transport *out)
{
	enum sip_transport transport = (enum sip_transport)want->transport;

	if (want->sips && transport == SIP_TRANSPORT_TCP)
		transport = SIP_TRANSPORT_TLS;
	*out = transport;
	if (transport == SIP_TRANSPORT_NONE)
		return dns_default_transport(want->can, want->sips) != SIP_TRANSPORT_NONE;
	if (want->sips && transport != SIP_TRANSPORT_TLS)
		return false;
	return (transport == SIP_TRANSPORT_UDP || transport == SIP_TRANSPORT_TCP ||
		transport == SIP_TRANSPORT_TLS) &&
	       can_do(want->can, transport);
}

/* A hop that is known without asking (RFC 3263 §4.1: a numeric host, its transport not said, goes by UDP, or TLS for sips). */
static void add_hop(struct dns_job *job, struct addr addr)
{
	struct dns_lookup *lookup = job->lookup;
	enum sip_transport transport = (enum sip_transport)job->transport;
	bool usable = addr.family == ADDR_V4 ? job->v4 : job->v6;

	if (!usable)
		return;
	if (transport == SIP_TRANSPORT_NONE)
		transport = dns_default_transport(job->can, job->sips);
	addr.port = job->port ? job->port : dns_default_port(transport);
	lookup->hop[lookup->n++] = (struct dns_hop){.addr = addr, .transport = (uint8_t)transport};
}

static bool known_host(struct dns_job *job, struct sv host)
{
	static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	struct addr addr;

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (sv_ieq(host, SV("localhost"))) { /* RFC 6761 §6.3: never asked for */
		add_hop(job, addr_v6(v6, 0));
		add_hop(job, addr_v4(v4, 0));
		return true;
	}
	if (addr_parse(host, ADDR_IP, &addr) == 0) {
		add_hop(job, addr);
		return true;
	}
	return false;
}

/* RFC 3261 §25.1: the last label of a host name begins with a letter, so "1.2.3" and "999.1.1.1" are none. */
static bool clean_host(struct dns_job *job, struct sv host)
{
	int n = dns_name_clean(host, job->host_text);
	size_t top;

	if (n < 0)
		return false;
	for (top = (size_t)n; top > 0 && job->host_text[top - 1] != '.';)
		top--;
	job->host = sv_of(job->host_text, (size_t)n);
	return job->host_text[top] >= 'a' && job->host_text[top] <= 'z';
}

bool dns_host(struct dns_job *job, const struct dns_want *want)
{
	struct dns_lookup *lookup = job->lookup;
	enum sip_transport transport;

	job->port = want->port;
	job->can = want->can;
	job->sips = want->sips;
	job->v4 = want->v4;
	job->v6 = want->v6;
	lookup->err = MG_EINVAL;
	if (!wanted_transport(want, &transport) || (!want->v4 && !want->v6))
		return true;
	job->transport = (uint8_t)transport;
	if (known_host(job, want->host)) {
		lookup->err = lookup->n ? 0 : MG_EINVAL;
		return true;
	}
	if (!clean_host(job, want->host))
		return true;
	lookup->err = 0;
	return false;
}
