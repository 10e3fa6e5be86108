/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * view_write: a view on its way out, as pieces.
 */
#include "sip/edit.h"

static struct sv entry_raw(const struct sip_msg *msg, const struct sip_entry *e)
{
	return e->text ? sv_of(e->text, e->value + e->value_n + 2u) : sip_line_raw(msg, e->inst);
}

/* The value of the Content-Length that stands alone: mostly the one received, else found in one walk. */
static bool only_length(const struct sip_view *view, struct sv *value)
{
	const struct sip_msg *msg = view->msg;
	const struct sip_entry *found = NULL;

	if (!view->length_edited) {
		*value = sip_value(msg, SIP_H_CONTENT_LENGTH);
		return sip_has(msg, SIP_H_CONTENT_LENGTH) &&
		       msg->line[msg->first[SIP_H_CONTENT_LENGTH]].next == SIP_NO_LINE;
	}
	for (const struct sip_entry *e = view->entry, *end = e + view->n; e < end; e++) {
		if (e->id != SIP_H_CONTENT_LENGTH)
			continue;
		if (found)
			return false;
		found = e;
	}
	if (found)
		*value = found->text ? sv_of(found->text + found->value, found->value_n)
				     : sip_line_value(msg, &msg->line[found->inst]);
	return found != NULL;
}

/* Whether the message's own Content-Length may stay: a single one, right, and one that everybody reads (P-5). */
static bool length_holds(const struct sip_view *view, size_t body)
{
	struct sv v = {NULL, 0};
	uint32_t said;

	return only_length(view, &v) && v.n <= SIP_CONTENT_LENGTH_DIGITS_MAX &&
	       sv_u32(v, UINT32_MAX, &said) == 0 && said == body;
}

static void own_length(struct sip_out *out, size_t body)
{
	sip_out_copy(out, SV("Content-Length: "));
	sip_out_number(out, body);
	sip_out_copy(out, SV("\r\n"));
}

void sip_view_take(const struct sip_view *view, enum sip_hid id, struct sip_out *out)
{
	const struct sip_msg *msg = view->msg;

	if (!view->entry) {
		for (uint8_t i = msg->first[id]; i != SIP_NO_LINE; i = msg->line[i].next)
			sip_out_ref(out, sip_line_raw(msg, i));
		return;
	}
	for (const struct sip_entry *e = view->entry, *end = e + view->n; e < end; e++)
		if (e->id == id)
			sip_out_ref(out, entry_raw(msg, e));
}

/* The last of the lines from position `i` on that stand in this order in the message as well. */
static unsigned run_end(const struct sip_view *view, unsigned i, bool holds)
{
	const struct sip_entry *e = &view->entry[i], *end = view->entry + view->n;
	unsigned inst = e->inst;

	while (++e < end && !e->text && e->inst == ++inst &&
	       (holds || e->id != SIP_H_CONTENT_LENGTH))
		;
	return (unsigned)(e - view->entry) - 1;
}

void sip_view_write(struct sip_view *view, struct sip_out *out)
{
	const struct sip_msg *msg = view->msg;
	struct sv body = sip_view_body(view);
	bool holds = length_holds(view, body.n), said = holds;
	unsigned n = view->entry ? view->n : msg->lines;

	if (msg->kind != SIP_KIND_REQUEST && msg->kind != SIP_KIND_RESPONSE) {
		out->err = out->err ? out->err : MG_EINVAL;
		return;
	}
	sip_out_ref(out, view->start.p ? view->start : sv_of(msg->buf, msg->headers));
	if (!view->entry && holds) {
		sip_out_ref(out, sv_span(msg->buf + msg->headers, msg->buf + msg->end));
		n = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct sip_entry *e = view->entry ? &view->entry[i] : NULL;
		uint8_t id = e ? e->id : msg->line[i].id;
		if (id == SIP_H_CONTENT_LENGTH && !holds) {
			if (!said)
				own_length(out, body.n);
			said = true;
		} else if (e && e->text) {
			sip_out_ref(out, entry_raw(msg, e));
		} else if (e) {
			unsigned to = run_end(view, i, holds);
			struct sv last = sip_line_raw(msg, view->entry[to].inst);
			sip_out_ref(out,
				    sv_span(msg->buf + msg->line[e->inst].name, last.p + last.n));
			i = to;
		} else {
			sip_out_ref(out, sip_line_raw(msg, i));
		}
	}
	if (!said)
		own_length(out, body.n);
	sip_out_ref(out, sv_of(msg->buf + msg->end, 2));
	sip_out_ref(out, body);
}
