/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: typed values on first use, remembered in the message, and walks over lists of values.
 */
#include "sip/message.h"

/* The remembered first value of a line lies at typed - 1 in `space`. */
static const size_t sizes[] = {
	[SIP_SHAPE_TEXT] = 0,
	[SIP_SHAPE_NUMBER] = sizeof(struct sip_number),
	[SIP_SHAPE_CSEQ] = sizeof(struct sip_cseq),
	[SIP_SHAPE_ADDR] = sizeof(struct sip_nameaddr),
	[SIP_SHAPE_TOKEN] = sizeof(struct sip_token),
	[SIP_SHAPE_VIA] = sizeof(struct sip_via),
	[SIP_SHAPE_DIGEST] = 0,
};
_Static_assert(SIP_SPACE < UINT16_MAX, "typed values are found by 16-bit offsets");
_Static_assert(sizeof(struct sip_via) % 8 == 0 && sizeof(struct sip_nameaddr) % 8 == 0 &&
		       sizeof(struct sip_token) % 8 == 0 && sizeof(struct sip_cseq) % 8 == 0 &&
		       sizeof(struct sip_number) % 8 == 0,
	       "values are laid side by side");

const char *sip_scan_value(enum sip_hid id, void *out, const char *p, const char *end,
			   struct lex_err *e)
{
	switch ((enum sip_shape)sip_header(id)->shape) {
	case SIP_SHAPE_NUMBER: return sip_number_scan(out, p, end, e);
	case SIP_SHAPE_CSEQ:
		return id == SIP_H_RACK ? sip_rack_scan(out, p, end, e)
					: sip_cseq_scan(out, p, end, e);
	case SIP_SHAPE_ADDR: return sip_nameaddr_scan(out, p, end, e);
	case SIP_SHAPE_TOKEN: return sip_token_scan(out, p, end, e);
	case SIP_SHAPE_VIA: return sip_via_scan(out, p, end, e);
	case SIP_SHAPE_TEXT:
	case SIP_SHAPE_DIGEST: break;
	}
	return lex_fail(e, p, SIP_FAULT_BAD);
}

static void tell(const struct sip_msg *msg, enum sip_hid id, const struct lex_err *e,
		 struct sip_where *at)
{
	at->off = (uint32_t)(e->pos - msg->buf);
	at->fault = e->fault;
	at->hid = (uint8_t)id;
}

const struct sip_uri *sip_request_uri(struct sip_msg *msg, struct sip_where *at)
{
	struct sip_where in;

	if (msg->uri_known)
		return &msg->uri;
	if (msg->kind == SIP_KIND_REQUEST) {
		if (sip_uri_parse(&msg->uri, sip_ruri_text(msg), &in) == 0) {
			msg->uri_known = true;
			return &msg->uri;
		}
		*at = in;
		at->off += msg->ruri;
	} else {
		*at = (struct sip_where){0, SIP_FAULT_URI, SIP_H_OTHER};
	}
	return NULL;
}

const void *sip_typed(struct sip_msg *msg, enum sip_hid id, struct sip_where *at)
{
	uint8_t i = msg->first[id];

	if (i == SIP_NO_LINE) {
		*at = (struct sip_where){msg->end, SIP_FAULT_MISSING, (uint8_t)id};
		return NULL;
	}
	struct sip_line *line = &msg->line[i];
	if (line->typed)
		return &msg->space[line->typed - 1];
	struct lex_err e = {0};
	void *out = &msg->space[msg->used];
	const char *p = msg->buf + line->value, *end = p + line->value_n;
	const char *q = sip_scan_value(id, out, p, end, &e);
	if (q && q != end && sip_header(id)->count != SIP_LIST)
		q = lex_fail(&e, q, SIP_FAULT_BAD);
	if (!q) {
		tell(msg, id, &e, at);
		return NULL;
	}
	line->typed = (uint16_t)(msg->used + 1);
	msg->used = (uint16_t)(msg->used + sizes[sip_header(id)->shape]);
	return out;
}

void sip_each_start(struct sip_each *each, struct sip_msg *msg, enum sip_hid id)
{
	*each = (struct sip_each){.msg = msg, .next = msg->first[id], .id = (uint8_t)id};
}

/* The text of the next value: behind a comma, or at the begin of the next line. Empty lines of a list are not
 * skipped: the scanner refuses them. */
static bool next_value(struct sip_each *each)
{
	if (each->at.fault)
		return false;
	if (each->p && each->p < each->end) {
		each->p++; /* the comma */
		return true;
	}
	if (each->next == SIP_NO_LINE)
		return false;
	const struct sip_line *line = &each->msg->line[each->next];
	each->p = each->msg->buf + line->value;
	each->end = each->p + line->value_n;
	each->next = line->next;
	return true;
}

static bool each_value(struct sip_each *each, void *out)
{
	struct lex_err e = {0};

	if (!next_value(each))
		return false;
	const char *q = sip_scan_value(each->id, out, each->p, each->end, &e);
	if (q && q < each->end && sip_header(each->id)->count != SIP_LIST)
		q = lex_fail(&e, q, SIP_FAULT_BAD);
	if (!q) {
		tell(each->msg, each->id, &e, &each->at);
		return false;
	}
	each->p = q;
	return true;
}

bool sip_each_via(struct sip_each *each, struct sip_via *out)
{
	return each_value(each, out);
}

bool sip_each_addr(struct sip_each *each, struct sip_nameaddr *out)
{
	return each_value(each, out);
}

bool sip_each_token(struct sip_each *each, struct sip_token *out)
{
	return each_value(each, out);
}

bool sip_has_token(struct sip_msg *msg, enum sip_hid id, struct sv token)
{
	struct sip_each each;
	struct sip_token t;

	sip_each_start(&each, msg, id);
	while (sip_each_token(&each, &t))
		if (sv_ieq(t.value, token))
			return true;
	return false;
}
