/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * build: messages of our own.
 */
#include "sip/build.h"

#define MAX_FORWARDS 70 /* of ACK and CANCEL, whose requests may come without one */

/* Written by the builders themselves, once (P-2, P-6). */
static bool is_ours(enum sip_hid id)
{
	static const uint8_t ours[] = {SIP_H_VIA,     SIP_H_FROM, SIP_H_TO,
				       SIP_H_CALL_ID, SIP_H_CSEQ, SIP_H_CONTENT_LENGTH};

	return memchr(ours, (int)id, sizeof(ours)) != NULL;
}

/* Texts stay within their lines, and none of them is a second one of ours. */
static bool clean_extras(const struct sip_extra *extra, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum sip_hid id = extra[i].id;
		struct sv name = extra[i].name;
		if (!lex_clean(extra[i].value) || (id == SIP_H_OTHER && !lex_is_token(name)))
			return false;
		if (id == SIP_H_OTHER)
			id = sip_header_find(name, name.n);
		if (is_ours(id))
			return false;
	}
	return true;
}

/* A typed read that found its header and no memory. */
static bool no_memory(const struct sip_view *view, enum sip_hid id, const struct sip_where *at)
{
	return at->fault == SIP_FAULT_MISSING && sip_view_first(view, id) != SIP_NO_INST;
}

static void end_line(struct sip_out *out)
{
	sip_out_copy(out, SV("\r\n"));
}

static void line(struct sip_out *out, struct sv name, struct sv value)
{
	sip_out_copy(out, name);
	sip_out_copy(out, SV(": "));
	sip_out_copy(out, value);
	end_line(out);
}

/* "CSeq: 4711 ACK" and its like. */
static void number_line(struct sip_out *out, struct sv name, uint64_t number, struct sv word)
{
	sip_out_copy(out, name);
	sip_out_copy(out, SV(": "));
	sip_out_number(out, number);
	if (word.n)
		sip_out_copy(out, SV(" "));
	sip_out_copy(out, word);
	end_line(out);
}

static void extras_and_body(struct sip_out *out, const struct sip_extra *extra, size_t n,
			    struct sv body)
{
	for (size_t i = 0; i < n; i++)
		line(out,
		     extra[i].id == SIP_H_OTHER ? extra[i].name : sip_header(extra[i].id)->name,
		     extra[i].value);
	number_line(out, SV("Content-Length"), body.n, SV(""));
	end_line(out);
	sip_out_ref(out, body);
}

static bool has_all(const struct sip_view *view)
{
	static const uint8_t ids[] = {SIP_H_VIA, SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ};

	for (size_t i = 0; i < sizeof(ids); i++)
		if (sip_view_first(view, ids[i]) == SIP_NO_INST)
			return false;
	return true;
}

/* The To line, with a tag when it has none. */
static void to_line(struct sip_out *out, struct sip_view *req, unsigned status, struct sv tag)
{
	struct sip_where at = {0};
	sip_inst inst = sip_view_first(req, SIP_H_TO);
	const struct sip_nameaddr *to = sip_view_typed(req, SIP_H_TO, &at);

	if (!to && no_memory(req, SIP_H_TO, &at) && !out->err)
		out->err = MG_ENOMEM;
	if (status == 100 || !tag.n || !to || to->tag.n) {
		sip_out_ref(out, sip_view_raw(req, inst));
		return;
	}
	struct sv raw = sip_view_raw(req, inst), value = sip_view_value(req, inst);
	sip_out_ref(out, sv_span(raw.p, value.p + value.n));
	sip_out_copy(out, SV(";tag="));
	sip_out_copy(out, tag);
	end_line(out);
}

int sip_build_response(struct sip_out *out, struct sip_view *req, const struct sip_response *r)
{
	struct sv reason = r->reason.n ? r->reason : sip_reason(r->status);

	if (r->status < 100 || r->status > 699 || !lex_clean(reason) ||
	    (r->to_tag.n && !lex_is_token(r->to_tag)) || !clean_extras(r->extra, r->extras) ||
	    req->msg->kind != SIP_KIND_REQUEST || !has_all(req))
		return MG_EINVAL;
	sip_out_copy(out, SV("SIP/2.0 "));
	sip_out_number(out, r->status);
	sip_out_copy(out, SV(" "));
	sip_out_copy(out, reason);
	end_line(out);
	sip_view_take(req, SIP_H_VIA, out);
	if (r->record_route)
		sip_view_take(req, SIP_H_RECORD_ROUTE, out);
	sip_view_take(req, SIP_H_FROM, out);
	to_line(out, req, r->status, r->to_tag);
	sip_view_take(req, SIP_H_CALL_ID, out);
	sip_view_take(req, SIP_H_CSEQ, out);
	if (r->status == 100)
		sip_view_take(req, SIP_H_TIMESTAMP, out);
	extras_and_body(out, r->extra, r->extras, r->body);
	return out->err;
}

/* What ACK and CANCEL share: everything but To comes from the INVITE. */
static int follow(struct sip_out *out, struct sip_view *invite, struct sv method,
		  struct sip_view *to, const struct sip_extra *extra, size_t extras)
{
	struct sip_where at;
	struct sv uri = sip_view_ruri(invite);

	if (!clean_extras(extra, extras) || !has_all(invite) ||
	    sip_view_first(to, SIP_H_TO) == SIP_NO_INST || invite->msg->kind != SIP_KIND_REQUEST)
		return MG_EINVAL;
	const struct sip_via *via = sip_view_typed(invite, SIP_H_VIA, &at);
	if (!via)
		return no_memory(invite, SIP_H_VIA, &at) ? MG_ENOMEM : MG_EINVAL;
	const struct sip_cseq *cseq = sip_view_typed(invite, SIP_H_CSEQ, &at);
	if (!cseq)
		return no_memory(invite, SIP_H_CSEQ, &at) ? MG_ENOMEM : MG_EINVAL;
	sip_out_copy(out, method);
	sip_out_copy(out, SV(" "));
	sip_out_ref(out, uri);
	sip_out_copy(out, SV(" SIP/2.0\r\nVia: "));
	sip_out_ref(out, via->text);
	sip_out_copy(out, SV("\r\nMax-Forwards: "));
	sip_out_number(out, MAX_FORWARDS);
	end_line(out);
	sip_view_take(invite, SIP_H_ROUTE, out);
	sip_view_take(invite, SIP_H_FROM, out);
	sip_view_take(to, SIP_H_TO, out);
	sip_view_take(invite, SIP_H_CALL_ID, out);
	number_line(out, SV("CSeq"), cseq->number, method);
	extras_and_body(out, extra, extras, SV(""));
	return out->err;
}

int sip_build_ack(struct sip_out *out, struct sip_view *invite, struct sip_view *response)
{
	return follow(out, invite, SV("ACK"), response, NULL, 0);
}

int sip_build_cancel(struct sip_out *out, struct sip_view *invite, const struct sip_extra *extra,
		     size_t extras)
{
	return follow(out, invite, SV("CANCEL"), invite, extra, extras);
}

int sip_build_request(struct sip_out *out, const struct sip_request *r)
{
	const struct {
		struct sv name, value;
	} lines[] = {{SV("Via"), r->via},
		     {SV("From"), r->from},
		     {SV("To"), r->to},
		     {SV("Call-ID"), r->call_id}};

	if (!lex_is_token(r->method) || !lex_visible(r->uri) || r->max_forwards > 255 ||
	    !clean_extras(r->extra, r->extras))
		return MG_EINVAL;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!lines[i].value.n || !lex_clean(lines[i].value))
			return MG_EINVAL;
	sip_out_copy(out, r->method);
	sip_out_copy(out, SV(" "));
	sip_out_copy(out, r->uri);
	sip_out_copy(out, SV(" SIP/2.0\r\n"));
	line(out, lines[0].name, lines[0].value);
	number_line(out, SV("Max-Forwards"), r->max_forwards, SV(""));
	for (size_t i = 1; i < sizeof(lines) / sizeof(lines[0]); i++)
		line(out, lines[i].name, lines[i].value);
	sip_out_copy(out, SV("CSeq: "));
	sip_out_number(out, r->cseq);
	sip_out_copy(out, SV(" "));
	sip_out_copy(out, r->method);
	end_line(out);
	extras_and_body(out, r->extra, r->extras, r->body);
	return out->err;
}
