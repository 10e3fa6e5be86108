/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: typed values on first use, remembered in the message, and walks over lists of values.
 */
#include "sip/message.h"

#include <stddef.h>

static const char *no_value(void *out, const char *p, const char *end, struct lex_ctx *e)
{
	(void)out;
	(void)end;
	return lex_fail(e, p, SIP_FAULT_BAD);
}

/* Every scanner takes its own type; these take any, for the table. */
#define SCANNER(name)                                                                         \
	static const char *name(void *out, const char *p, const char *end, struct lex_ctx *e) \
	{                                                                                     \
		return sip_##name##_scan(out, p, end, e);                                     \
	}
SCANNER(number)
SCANNER(cseq)
SCANNER(rack)
SCANNER(nameaddr)
SCANNER(route)
SCANNER(token)
SCANNER(via)

static const struct {
	const char *(*scan)(void *out, const char *p, const char *end, struct lex_ctx *e);
	size_t size; /* of the value */
} shapes[] = {
	[SIP_SHAPE_TEXT] = {no_value, 0},
	[SIP_SHAPE_NUMBER] = {number, sizeof(struct sip_number)},
	[SIP_SHAPE_CSEQ] = {cseq, sizeof(struct sip_cseq)},
	[SIP_SHAPE_RACK] = {rack, sizeof(struct sip_cseq)},
	[SIP_SHAPE_ADDR] = {nameaddr, sizeof(struct sip_nameaddr)},
	[SIP_SHAPE_ROUTE] = {route, sizeof(struct sip_nameaddr)},
	[SIP_SHAPE_TOKEN] = {token, sizeof(struct sip_token)},
	[SIP_SHAPE_VIA] = {via, sizeof(struct sip_via)},
	[SIP_SHAPE_DIGEST] = {no_value, 0},
};
_Static_assert(sizeof(struct sip_nameaddr) <= SIP_VALUE_MAX &&
		       sizeof(struct sip_via) <= SIP_VALUE_MAX,
	       "these are the largest");
_Static_assert(sizeof(struct sip_msg) < UINT16_MAX, "typed values are found by 16-bit offsets");
_Static_assert(sizeof(struct sip_via) % 8 == 0 && sizeof(struct sip_nameaddr) % 8 == 0 &&
		       sizeof(struct sip_token) % 8 == 0 && sizeof(struct sip_cseq) % 8 == 0 &&
		       sizeof(struct sip_number) % 8 == 0,
	       "values are laid side by side");

const char *sip_scan_value(enum sip_hid id, void *out, const char *p, const char *end,
			   struct lex_ctx *e)
{
	return shapes[sip_header(id)->shape].scan(out, p, end, e);
}

/* The types of the shapes that may stand in lists begin with it. */
_Static_assert(offsetof(struct sip_via, text) == 0 && offsetof(struct sip_nameaddr, text) == 0 &&
		       offsetof(struct sip_token, text) == 0,
	       "the text of a value is found without knowing its type");

const char *sip_known_end(enum sip_hid id, const void *known, const char *end)
{
	const struct sv *text = known;

	switch (sip_header(id)->shape) {
	case SIP_SHAPE_VIA:
	case SIP_SHAPE_ADDR:
	case SIP_SHAPE_ROUTE:
	case SIP_SHAPE_TOKEN: return lex_space(text->p + text->n, end);
	default: return NULL;
	}
}

/* All bytes of the message: offsets of faults count from here. */
static struct sv whole(const struct sip_msg *msg)
{
	return sv_of(msg->buf, msg->len);
}

bool sip_scan_first(enum sip_hid id, void *out, struct sv value, struct sv text,
		    struct sip_where *at)
{
	struct lex_ctx e = {.room = text.p + text.n};
	const char *end = value.p + value.n;
	const char *q = sip_scan_value(id, out, value.p, end, &e);

	if (q && (q == end || sip_header(id)->count == SIP_LIST))
		return true;
	if (q)
		lex_fail(&e, q, SIP_FAULT_BAD);
	*at = (struct sip_where){(uint32_t)(e.pos - text.p), e.fault, (uint8_t)id};
	return false;
}

const struct sip_uri *sip_request_uri(struct sip_msg *msg, struct sip_where *at)
{
	struct lex_ctx e = {.room = msg->buf + msg->len};

	if (msg->uri_known)
		return &msg->uri;
	if (msg->kind != SIP_KIND_REQUEST) {
		*at = (struct sip_where){0, SIP_FAULT_URI, SIP_H_OTHER};
		return NULL;
	}
	const char *p = msg->buf + msg->ruri, *end = p + msg->ruri_n;
	const char *q = sip_uri_scan(&msg->uri, p, end, &e);
	if (q && q != end)
		lex_fail(&e, q, SIP_FAULT_BAD);
	msg->uri_known = e.fault == SIP_OK;
	if (msg->uri_known)
		return &msg->uri;
	*at = (struct sip_where){(uint32_t)(e.pos - msg->buf), e.fault, SIP_H_OTHER};
	if (e.fault == SIP_FAULT_BAD)
		at->fault = SIP_FAULT_URI;
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
		return (char *)msg + line->typed;
	void *out = (char *)msg + msg->used;
	if (!sip_scan_first(id, out, sip_line_value(msg, line), whole(msg), at))
		return NULL;
	line->typed = msg->used;
	msg->used = (uint16_t)(msg->used + shapes[sip_header(id)->shape].size);
	return out;
}

unsigned sip_values_max(enum sip_hid id, bool ours)
{
	switch ((unsigned)id) {
	case SIP_H_VIA: return SIP_VIA_MAX + (ours ? SIP_VIA_OURS : 0);
	case SIP_H_ROUTE:
	case SIP_H_RECORD_ROUTE: return SIP_ROUTE_MAX + (ours ? SIP_ROUTE_OURS : 0);
	case SIP_H_CONTACT: return SIP_CONTACT_MAX;
	default: return SIP_VALUES_MAX;
	}
}

static bool message_line(struct sip_each *each, struct sv *value)
{
	const struct sip_msg *msg = each->source;

	if (each->next == SIP_NO_LINE)
		return false;
	const struct sip_line *line = &msg->line[each->next];
	each->next = line->next;
	*value = sip_line_value(msg, line);
	each->text = whole(msg);
	each->known = line->typed ? (const char *)msg + line->typed : NULL;
	return true;
}

void sip_each_start(struct sip_each *each, struct sip_msg *msg, enum sip_hid id)
{
	*each = (struct sip_each){
		.source = msg,
		.line = message_line,
		.next = msg->first[id],
		.left = (uint8_t)sip_values_max(id, msg->kind == SIP_KIND_RESPONSE),
		.id = (uint8_t)id};
}

/* Go to the next value: behind a comma, or at the begin of the next line. A line of tokens may be empty (§20.1, §20.5,
 * §20.37: "Supported:" says that nothing is); any other empty value is not skipped, the scanner refuses it. */
static bool next_value(struct sip_each *each)
{
	struct sv value;

	if (each->at.fault)
		return false;
	if (each->p && each->p < each->end) {
		each->p++; /* the comma */
		return true;
	}
	do {
		if (!each->line(each, &value))
			return false;
	} while (value.n == 0 && sip_header(each->id)->shape == SIP_SHAPE_TOKEN);
	each->p = value.p;
	each->end = value.p + value.n;
	return true;
}

static bool stop(struct sip_each *each, const char *pos, uint8_t fault)
{
	each->at = (struct sip_where){(uint32_t)(pos - each->text.p), fault, each->id};
	return false;
}

/* The first value of a line that has been read before, NULL when it has not. */
static const void *take_known(struct sip_each *each)
{
	const void *known = each->known;
	const char *q = known ? sip_known_end(each->id, known, each->end) : NULL;

	each->known = NULL;
	if (!q)
		return NULL;
	each->p = q;
	return known;
}

static const void *stop_read(struct sip_each *each, const char *pos, uint8_t fault)
{
	stop(each, pos, fault);
	return NULL;
}

const void *sip_each_read(struct sip_each *each, void *room)
{
	if (!next_value(each))
		return NULL;
	if (each->left-- == 0)
		return stop_read(each, each->p, SIP_FAULT_TOO_MANY);
	const void *known = take_known(each);
	if (known)
		return known;
	struct lex_ctx e = {.room = each->text.p + each->text.n};
	const char *q = sip_scan_value(each->id, room, each->p, each->end, &e);
	if (q && q < each->end && sip_header(each->id)->count != SIP_LIST)
		q = lex_fail(&e, q, SIP_FAULT_BAD);
	if (!q)
		return stop_read(each, e.pos, e.fault);
	each->p = q;
	return room;
}

static bool each_value(struct sip_each *each, void *out)
{
	const void *value = sip_each_read(each, out);

	if (value && value != out)
		memcpy(out, value, shapes[sip_header(each->id)->shape].size);
	return value != NULL;
}

/* The caller's struct is of the type that belongs to the header. */
static bool fits(struct sip_each *each, enum sip_shape a, enum sip_shape b)
{
	unsigned shape = sip_header(each->id)->shape;

	return shape == a || shape == b || stop(each, each->text.p, SIP_FAULT_BAD);
}

bool sip_each_via(struct sip_each *each, struct sip_via *out)
{
	return fits(each, SIP_SHAPE_VIA, SIP_SHAPE_VIA) && each_value(each, out);
}

bool sip_each_addr(struct sip_each *each, struct sip_nameaddr *out)
{
	return fits(each, SIP_SHAPE_ADDR, SIP_SHAPE_ROUTE) && each_value(each, out);
}

bool sip_each_token(struct sip_each *each, struct sip_token *out)
{
	return fits(each, SIP_SHAPE_TOKEN, SIP_SHAPE_TOKEN) && each_value(each, out);
}

int sip_each_has(struct sip_each *each, struct sv token)
{
	struct sip_token t;

	while (sip_each_token(each, &t))
		if (sv_ieq(t.value, token))
			return 1;
	return each->at.fault ? MG_EPARSE : 0;
}
