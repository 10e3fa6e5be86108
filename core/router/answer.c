/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * answer: what is said to the sender of a request without a transaction: marks on its top Via (RFC 3261 §18.2.1, RFC 3581), To tags that are the same for each
 * retransmission and prove a return path when they come back in an ACK, stateless responses (§8.2.7) within the size a stranger may get (T-10).
 */
#include <string.h>

#include "base/put.h"
#include "router/route_priv.h"
#include "sip/param.h"

#define VIA_VALUE_MAX 2048
#define EXTRAS_MAX    32 /* header lines of an answer: a redirection has one for each target */

/* ---- received and rport ---- */

/* A piece of the peer's value. */
static void put_theirs(struct put *t, struct sv s)
{
	size_t n = t->n;

	put(t, s);
	route_unfold(t->p + n, t->n - n);
}

/* The value without received and rport, which only we may say (T-9): from one that says received, or more of rport
 * than its name. */
static void put_cleaned(struct put *t, const struct sip_via *via)
{
	struct sv rest = via->params;
	struct sip_param param;
	struct sv before = rest;

	put_theirs(t,
		   sv_span(via->text.p, via->params.n ? via->params.p : via->text.p + via->text.n));
	while (sip_param_next(&rest, &param)) {
		bool ours = sv_ieq(param.name, SV("received")) || sv_ieq(param.name, SV("rport"));

		if (!ours)
			put_theirs(t, sv_trim(sv_span(before.p, rest.p)));
		before = rest;
	}
	if (via->has_rport)
		put(t, SV(";rport"));
}

/* The value with the source's port in rport, where there is one. */
static void put_via(struct put *t, const struct sip_via *via, uint16_t port)
{
	struct sv rport = via->rport_text;
	bool clean = via->received.n == 0 && (!via->has_rport || rport.n == 5);

	if (clean)
		put_theirs(t, via->has_rport ? sv_span(via->text.p, rport.p + rport.n) : via->text);
	else
		put_cleaned(t, via);
	if (via->has_rport) {
		put(t, SV("="));
		put_u32(t, port);
	}
	if (clean && via->has_rport)
		put_theirs(t, sv_span(rport.p + rport.n, via->text.p + via->text.n));
}

/* The host of sent-by is the address that the request came from, which is `text` when written. */
static bool sent_by_source(const struct sip_via *via, const struct addr *peer, struct sv text)
{
	struct addr said;

	if (sv_eq(via->host, text))
		return true;
	return via->host_kind != LEX_HOST_NAME && addr_parse(via->host, ADDR_IP, &said) == 0 &&
	       addr_host_eq(&said, peer);
}

int route_mark_via(struct sip_view *view, const struct tp_flow *flow)
{
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);
	char value[VIA_VALUE_MAX], text[ADDR_TEXT_MAX];
	struct put t = PUT_IN(value);

	if (!via)
		return MG_EPARSE;
	struct sv host = sv_of(text, addr_write(&flow->peer, ADDR_BARE, text));
	bool same = sent_by_source(via, &flow->peer, host);
	if (same && !via->has_rport && via->received.n == 0)
		return 0;
	put_via(&t, via, flow->peer.port);
	/* RFC 3581 §4: with rport, received is said even when it is the same. */
	if (!same || via->has_rport) {
		put(&t, SV(";received="));
		put(&t, host);
	}
	return t.full ? MG_ENOSPC : sip_view_replace_top(view, SIP_H_VIA, put_text(&t));
}

/* ---- To tags ---- */

#define TAG_INPUT_MAX (3 * (SIP_IDENT_MAX + 2) + 4)

size_t route_to_tag(struct route *route, struct sip_msg *msg, char out[ROUTE_TAG_MAX])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t input[TAG_INPUT_MAX];
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);
	const struct sip_nameaddr *from = sip_from(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);
	uint32_t number = cseq ? cseq->number : 0;
	size_t n = route_put_field(input, via ? via->branch : SV(""), SIP_IDENT_MAX);

	n += route_put_field(input + n, sip_call_id(msg), SIP_IDENT_MAX);
	n += route_put_field(input + n, from ? from->tag : SV(""), SIP_IDENT_MAX);
	memcpy(input + n, &number, sizeof(number));
	uint64_t tag = siphash_24(route->env.tag_key, input, n + sizeof(number));
	for (unsigned i = 0; i < ROUTE_TAG_MAX; i++)
		out[i] = hex[tag >> (60 - 4 * i) & 15];
	return ROUTE_TAG_MAX;
}

bool route_own_ack(struct route *route, struct sip_msg *ack)
{
	char tag[ROUTE_TAG_MAX];
	struct sip_where at;
	const struct sip_nameaddr *to = sip_to(ack, &at);

	return to && to->tag.n == ROUTE_TAG_MAX &&
	       sv_eq(to->tag, sv_of(tag, route_to_tag(route, ack, tag)));
}

/* ---- stateless responses ---- */

/* As it is built, or parsed again so that hooks edit it like any other response. */
static int edited(struct route *route, size_t n, void *user)
{
	char *text = arena_alloc(&route->scratch, n);
	struct sip_msg msg;
	struct sip_view view;
	struct sip_where at;
	struct sv bytes;

	if (!text)
		return MG_ENOMEM;
	memcpy(text, route->flat, n);
	int err = sip_parse_datagram(&msg, text, n, &at);
	if (err < 0)
		return err;
	sip_view_init(&view, &msg, &route->scratch);
	if (!route->env.on->reply(route->env.arg, user, NULL, &view))
		return MG_EAUTH;
	err = route_flatten(route, &view, &bytes);
	return err ? err : (int)bytes.n;
}

int route_write_answer(struct route *route, struct sip_view *view, const struct sip_response *r,
		       void *user)
{
	char tag[ROUTE_TAG_MAX];
	struct sip_response response = *r;

	if (response.to_tag.n == 0)
		response.to_tag = sv_of(tag, route_to_tag(route, view->msg, tag));
	arena_reset(&route->scratch);
	sip_out_init(&route->out, &route->scratch);
	int n = sip_build_response(&route->out, view, &response);
	if (n == 0)
		n = sip_out_flat(&route->out, route->flat, sizeof(route->flat));
	bool hooks = user && (!route->env.on->replies || route->env.on->replies(route->env.arg));
	return n > 0 && hooks ? edited(route, (size_t)n, user) : n;
}

/* Headers without which a response of that status says nothing, or must not be (RFC 3261 table 2, §21; RFC 4028 §6, RFC 6665 §8.3.2). */
static bool is_demanded(unsigned status, enum sip_hid id)
{
	static const struct {
		uint16_t status;
		enum sip_hid id;
	} rows[] = {
		{401, SIP_H_WWW_AUTHENTICATE},
		{405, SIP_H_ALLOW},
		{407, SIP_H_PROXY_AUTHENTICATE},
		{415, SIP_H_ACCEPT},
		{415, SIP_H_ACCEPT_ENCODING},
		{415, SIP_H_ACCEPT_LANGUAGE},
		{420, SIP_H_UNSUPPORTED},
		{421, SIP_H_REQUIRE},
		{422, SIP_H_MIN_SE},
		{423, SIP_H_MIN_EXPIRES},
		{489, SIP_H_ALLOW_EVENTS},
		{494, SIP_H_SECURITY_SERVER},
	};

	if (status / 100 == 3 && id == SIP_H_CONTACT)
		return true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status && rows[i].id == id)
			return true;
	return false;
}

/* Of several challenges or Contacts the first is enough. */
static bool must_stay(const struct sip_response *r, const struct sip_extra *line)
{
	if (!is_demanded(r->status, line->id))
		return false;
	for (const struct sip_extra *e = r->extra; e < line; e++)
		if (e->id == line->id)
			return false;
	return true;
}

/* What of a header line is sent at least, with its name, ": " and CRLF. */
static size_t line_size(const struct sip_extra *e)
{
	return (e->id == SIP_H_OTHER ? e->name.n : 2) + e->value.n + 4;
}

/* Leave out the last lines of `extra` that may go, as far as `over` bytes ask for it. Returns whether there were any. */
static bool drop_lines(struct sip_response *r, struct sip_extra *extra, size_t over)
{
	bool dropped = false;

	for (size_t i = r->extras; i > 0 && over > 0; i--) {
		struct sip_extra *e = &extra[i - 1];
		if (must_stay(r, e))
			continue;
		over -= line_size(e) < over ? line_size(e) : over;
		memmove(e, e + 1, (r->extras - i) * sizeof(*e));
		r->extras--;
		dropped = true;
	}
	return dropped;
}

/* Make a response smaller by about `over` bytes: by what it can do without first, then by its phrase. Returns false when nothing is left to go. */
static bool shorten(struct sip_response *r, struct sip_extra *extra, size_t over)
{
	if (r->body.n) {
		over -= r->body.n < over ? r->body.n : over;
		r->body = SV("");
		for (size_t i = 0; i < r->extras; i++)
			if (extra[i].id == SIP_H_CONTENT_TYPE) /* of nothing */
				memmove(&extra[i], &extra[i + 1],
					(--r->extras - i) * sizeof(*extra));
		(void)drop_lines(r, extra, over);
		return true;
	}
	if (drop_lines(r, extra, over))
		return true;
	if (r->reason.n == 1)
		return false;
	r->reason = SV("-");
	return true;
}

int route_answer(struct route *route, struct sip_view *view, const struct tp_flow *flow,
		 const struct sip_response *response, void *user, size_t size_max)
{
	struct sip_response r = *response;
	struct sip_extra extra[EXTRAS_MAX];
	struct tp_target to;
	struct sip_where at;
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);

	if (!via)
		return MG_EPARSE;
	if (r.extras > EXTRAS_MAX)
		return MG_EINVAL;
	if (r.extras)
		memcpy(extra, r.extra, r.extras * sizeof(*extra));
	r.extra = extra;
	int n = route_write_answer(route, view, &r, user);
	while (n > 0 && size_max && (size_t)n > size_max &&
	       shorten(&r, extra, (size_t)n - size_max))
		n = route_write_answer(route, view, &r, user);
	if (n > 0 && size_max && (size_t)n > size_max) {
		route_count(route, ROUTE_STAT_ANSWERS_LARGE);
		return MG_ELIMIT;
	}
	if (n < 0)
		return n;
	tp_reply_target(route->env.tp, flow, via, &to);
	route_count(route, ROUTE_STAT_ANSWERS);
	route_say_answered(view->msg, response, ROUTE_WHY_NONE);
	return tp_send(route->env.tp, &to, sv_of(route->flat, (size_t)n), NULL);
}

int answer_reply(struct route *route, struct txn_server *server, struct sip_view *view,
		 const struct sip_response *response, void *user)
{
	int n = route_write_answer(route, view, response, user);

	if (n < 0) {
		route_count(route, ROUTE_STAT_DROP_RESPONSE);
		return n;
	}
	route_count(route, ROUTE_STAT_RESPONSES);
	return txn_server_reply(server, response->status, sv_of(route->flat, (size_t)n));
}

int route_reply(struct route *route, struct txn_server *server, struct sip_view *view,
		const struct sip_response *response, void *user)
{
	int err = answer_reply(route, server, view, response, user);

	if (!err)
		route_say_answered(view->msg, response, ROUTE_WHY_NONE);
	return err;
}
