/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * say: lines of log about requests on their way: at debug where each was sent, how its branches failed and what its sender was told; at info, now and then, which targets
 * fail. Decides nothing. Called by branch.c, context.c and answer.c.
 */
#include "base/put.h"
#include "router/route_priv.h"

#define HOSTPORT_MAX (LOG_FIELD_MAX + 8)

static const char *const tokens[ROUTE_WHYS] = {
	[ROUTE_WHY_NONE] = "-",
	[ROUTE_WHY_TIMEOUT] = "timeout",
	[ROUTE_WHY_REFUSED] = "refused",
	[ROUTE_WHY_UNREACHABLE] = "unreachable",
	[ROUTE_WHY_UNTRUSTED] = "untrusted",
	[ROUTE_WHY_BROKEN] = "broken",
	[ROUTE_WHY_503] = "answered_503",
	[ROUTE_WHY_RANG] = "no_answer",
	[ROUTE_WHY_UNKNOWN_HOST] = "unknown_host",
	[ROUTE_WHY_DNS_TIMEOUT] = "dns_timeout",
	[ROUTE_WHY_NO_TRANSPORT] = "no_transport",
	[ROUTE_WHY_FORBIDDEN] = "forbidden",
	[ROUTE_WHY_LIMIT] = "limit",
};

enum route_why route_why_of(int err)
{
	switch (err) {
	case -ETIMEDOUT: return ROUTE_WHY_TIMEOUT;
	case -ECONNREFUSED: return ROUTE_WHY_REFUSED;
	case -EHOSTUNREACH:
	case -ENETUNREACH: return ROUTE_WHY_UNREACHABLE;
	case -EPROTONOSUPPORT:
	case MG_ENOENT: return ROUTE_WHY_NO_TRANSPORT;
	case MG_EAUTH: return ROUTE_WHY_UNTRUSTED;
	case MG_ELIMIT:
	case MG_ENOMEM:
	case -ENOBUFS: return ROUTE_WHY_LIMIT;
	default: return ROUTE_WHY_BROKEN;
	}
}

/* A look-up calls it one fault whether the name or the transport will not do. */
static bool lacks_transport(const struct route_branch *b)
{
	const struct sip_uri *uri = &b->next_hop;
	bool v4, v6;
	uint8_t can = tp_can(b->ctx->route->env.tp, &v4, &v6);
	unsigned asked = b->sips ? SIP_TRANSPORT_TLS : uri->transport;

	if (b->sips && uri->transport == SIP_TRANSPORT_UDP)
		return true;
	return asked != SIP_TRANSPORT_NONE ? !(can & 1u << asked) : uri->host_kind != LEX_HOST_NAME;
}

enum route_why route_why_lookup(const struct route_branch *b)
{
	switch (b->lookup->err) {
	case MG_EINVAL: return lacks_transport(b) ? ROUTE_WHY_NO_TRANSPORT : ROUTE_WHY_UNKNOWN_HOST;
	case -ETIMEDOUT: return ROUTE_WHY_DNS_TIMEOUT;
	case MG_ELIMIT: return ROUTE_WHY_LIMIT;
	default: return ROUTE_WHY_UNKNOWN_HOST;
	}
}

/* ---- targets that fail ---- */

/* host[:port] as the URI has it that was looked up. */
static void put_target(struct log_line *l, const struct sip_uri *uri)
{
	char text[HOSTPORT_MAX];
	size_t n = uri->host.n < LOG_FIELD_MAX ? uri->host.n : LOG_FIELD_MAX;
	struct put t = PUT_IN(text);

	put(&t, sv_of(uri->host.p, n));
	if (uri->port) {
		put(&t, SV(":"));
		put_u32(&t, uri->port);
	}
	log_sv(l, "target", put_text(&t));
}

static void put_transport(struct log_line *l, uint8_t transport)
{
	if (transport != SIP_TRANSPORT_NONE)
		log_str(l, "tr",
			transport == SIP_TRANSPORT_OTHER ? "other" : sip_transport_name(transport));
}

/* By which transport to which address, as far as it came to one. */
static void put_hop(struct log_line *l, const struct route_branch *b)
{
	bool found = b->via_flow || (b->lookup && b->lookup->n > 0);

	put_transport(l, found ? b->to.transport : b->next_hop.transport);
	if (found && b->to.addr.family != ADDR_NONE)
		log_addr(l, "addr", &b->to.addr);
}

static void put_call(struct log_line *l, struct sip_msg *msg)
{
	log_sv(l, "call_id", sip_call_id(msg));
	log_sv(l, "m", sip_method_text(msg));
}

static void say_branch(struct route_branch *b, enum route_why why)
{
	struct log_line l;

	if (!log_on(LOG_DEBUG))
		return;
	log_begin(&l, LOG_DEBUG, "router", "branch_failed");
	put_call(&l, b->ctx->view->msg);
	put_target(&l, &b->next_hop);
	put_hop(&l, b);
	log_str(&l, "why", tokens[why]);
	log_end(&l);
}

/* Who rang is there, and behind a connection, or a stream for the sake of size, comes another try: such a target has not failed. */
static bool has_failed(const struct route_branch *b, enum route_why why)
{
	return why != ROUTE_WHY_RANG && !b->via_flow && !b->large_tcp;
}

void route_say_failed(struct route_branch *b, enum route_why why)
{
	struct route *route = b->ctx->route;
	struct log_line l;
	uint64_t n;

	b->ctx->why = why;
	say_branch(b, why);
	if (!has_failed(b, why) || !log_limit_pass(&route->say[why], route_now(route), &n))
		return;
	log_begin(&l, LOG_INFO, "router", "target_failed");
	put_target(&l, &b->next_hop);
	put_hop(&l, b);
	log_str(&l, "why", tokens[why]);
	log_u64(&l, "n", n);
	log_end(&l);
}

void route_tick(struct route *route)
{
	struct log_line l;
	uint64_t n;

	for (unsigned why = 0; why < ROUTE_WHYS; why++) {
		if (!log_limit_flush(&route->say[why], route_now(route), &n))
			continue;
		log_begin(&l, LOG_INFO, "router", "target_failed");
		log_str(&l, "why", tokens[why]);
		log_u64(&l, "n", n);
		log_end(&l);
	}
}

/* ---- single requests, at debug ---- */

void route_say_forwarded(struct route_branch *b)
{
	struct log_line l;
	struct sip_where at;

	if (!log_on(LOG_DEBUG))
		return;
	const struct sip_via *via = sip_view_typed(&b->view, SIP_H_VIA, &at);
	log_begin(&l, LOG_DEBUG, "router", "forwarded");
	put_call(&l, b->view.msg);
	log_sv(&l, "target", sip_view_ruri(&b->view));
	put_transport(&l, b->to.transport);
	log_addr(&l, "addr", &b->to.addr);
	log_sv(&l, "branch", via ? via->branch : SV(""));
	log_end(&l);
}

void route_say_relayed(struct route_context *ctx, const struct route_branch *b, unsigned status)
{
	struct log_line l;

	if (status < 200 || !log_on(LOG_DEBUG))
		return;
	log_begin(&l, LOG_DEBUG, "router", "answered");
	put_call(&l, ctx->view->msg);
	log_u64(&l, "status", status);
	log_str(&l, "why", "relayed");
	if (b)
		log_addr(&l, "addr", &b->to.addr);
	log_end(&l);
}

void route_say_answered(struct sip_msg *request, const struct sip_response *response,
			enum route_why why)
{
	struct log_line l;

	if (response->status < 200 || !log_on(LOG_DEBUG))
		return;
	log_begin(&l, LOG_DEBUG, "router", "answered");
	put_call(&l, request);
	log_u64(&l, "status", response->status);
	if (why != ROUTE_WHY_NONE)
		log_str(&l, "why", tokens[why]);
	else
		log_sv(&l, "why",
		       response->reason.n ? response->reason : sip_reason(response->status));
	log_end(&l);
}
