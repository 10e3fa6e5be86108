/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_message: pieces that tests put messages together from, and what a parse came to, as text. For tests only.
 */
#ifndef MG_SIP_TEST_MESSAGE_H
#define MG_SIP_TEST_MESSAGE_H

#include "sip/check.h"
#include "sip/parse.h"
#include "sip/test_guard.h"

#define M_VIA     "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds\r\n"
#define M_FROM    "From: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n"
#define M_TO      "To: Bob <sip:bob@biloxi.example>\r\n"
#define M_CALL_ID "Call-ID: a84b4c76e66710@192.0.2.1\r\n"
#define M_CSEQ    "CSeq: 314159 INVITE\r\n"
#define M_MF      "Max-Forwards: 70\r\n"
#define M_ALL     M_VIA M_FROM M_TO M_CALL_ID M_CSEQ M_MF
#define M_LINES   6
#define M_START   "INVITE sip:bob@biloxi.example SIP/2.0\r\n"
#define M_STATUS  "SIP/2.0 200 OK\r\n"

/* Control bytes and what is not ASCII as \xNN. */
static inline void text_escaped(struct text *t, struct sv v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '\r' || c == '\n')
			text_add(t, c == '\r' ? "\\r" : "\\n");
		else if (c < ' ' || c > '~')
			text_add(t, "\\x%02x", c);
		else
			text_fill(t, (char)c, 1);
	}
}

static inline bool same_where(const struct sip_where *a, const struct sip_where *b)
{
	return a->off == b->off && a->fault == b->fault && a->hid == b->hid;
}

/* What every parse that took a message or noted a fault must keep to: views inside the input, lines that join without a
 * gap from the start line to the blank line, chains of instances in order. Returns NULL or what is broken. */
static inline const char *message_broken(const struct sip_msg *msg, struct sv in)
{
	const char *end = in.p + in.n;
	uint8_t seen[SIP_HEADER_LINES_MAX] = {0};

	if (msg->buf < in.p || msg->buf > end || msg->len > (size_t)(end - msg->buf) ||
	    msg->body > msg->len)
		return "message outside the input";
	ptrdiff_t room = end - msg->buf;
	if (msg->method_n > room || msg->ruri + msg->ruri_n > room ||
	    msg->reason + msg->reason_n > room)
		return "start line outside the message";
	if (msg->lines && msg->line[0].name != msg->headers)
		return "the first line is not behind the start line";
	for (unsigned i = 0; i < msg->lines; i++) {
		const struct sip_line *l = &msg->line[i];
		struct sv raw = sip_line_raw(msg, i);
		if (raw.n < 2 || raw.p + raw.n > msg->buf + msg->end ||
		    memcmp(raw.p + raw.n - 2, "\r\n", 2) != 0)
			return "a line does not end in CRLF";
		if (l->name + l->name_n > l->value ||
		    l->value + l->value_n > raw.p - msg->buf + (ptrdiff_t)raw.n - 2)
			return "a value lies outside its line";
		if (l->id && sip_header_find(sip_line_name(msg, l), l->name_n) != l->id)
			return "a line has the wrong id";
	}
	for (unsigned id = 0; id < SIP_H_END; id++)
		for (unsigned i = msg->first[id]; i != SIP_NO_LINE; i = msg->line[i].next) {
			if (i >= msg->lines || msg->line[i].id != id || seen[i]++)
				return "a chain of instances is broken";
			if (msg->line[i].next == SIP_NO_LINE && msg->last[id] != i)
				return "the last instance is another";
			if (msg->line[i].next <= i)
				return "instances are out of order";
		}
	for (unsigned i = 0; i < msg->lines; i++)
		if (!seen[i])
			return "a line is in no chain";
	return NULL;
}

/* Touch every typed value and every walk, for sanitizers and guard pages. Returns NULL or what is broken. */
static inline const char *message_read_all(struct sip_msg *msg)
{
	struct sip_where at = {0};

	(void)sip_request_uri(msg, &at);
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		const void *first = sip_typed(msg, id, &at);
		if (first && sip_typed(msg, id, &at) != first)
			return "a typed value moved";
		struct sip_each each;
		union {
			struct sip_via via;
			struct sip_nameaddr addr;
			struct sip_token token;
		} v;
		sip_each_start(&each, msg, id);
		unsigned n = 0;
		if (sip_header(id)->shape == SIP_SHAPE_VIA)
			while (sip_each_via(&each, &v.via))
				n++;
		else if (sip_header(id)->shape == SIP_SHAPE_ADDR ||
			 sip_header(id)->shape == SIP_SHAPE_ROUTE)
			while (sip_each_addr(&each, &v.addr))
				n++;
		else if (sip_header(id)->shape == SIP_SHAPE_TOKEN)
			while (sip_each_token(&each, &v.token))
				n++;
		else
			continue;
		if (first && n == 0)
			return "typed, but the walk refuses it";
		if (each.at.fault && each.at.off > msg->end)
			return "a fault outside the message";
	}
	if (msg->used > sizeof(*msg))
		return "the room for typed values overflowed";
	return NULL;
}

#endif
