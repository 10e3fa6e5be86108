/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: the bytes of one SIP message and the index of its header lines. parse.h fills it; typed values are read
 * from it on first use and remembered inside it. Nothing in it is allocated, so a struct sip_msg may lie anywhere
 * and needs no destructor; the bytes it was parsed from must stay as long as it is used.
 */
#ifndef MG_SIP_MESSAGE_H
#define MG_SIP_MESSAGE_H

#include "base/sv.h"
#include "sip/fault.h"
#include "sip/header.h"
#include "sip/limits.h"
#include "sip/method.h"
#include "sip/nameaddr.h"
#include "sip/uri.h"
#include "sip/value.h"
#include "sip/via.h"

enum sip_kind {
	SIP_KIND_NONE, /* nothing parsed yet */
	SIP_KIND_REQUEST,
	SIP_KIND_RESPONSE,
	SIP_KIND_PING, /* CRLF CRLF: owed a CRLF on a stream (RFC 5626 §4.4.1) */
	SIP_KIND_CRLF, /* a single CRLF: an answered ping, or padding */
	SIP_KIND_NOISE, /* a datagram of at most four bytes, or of CRLFs, that is neither: owed nothing */
};

#define SIP_NO_LINE 0xff

/* One header line. Offsets from the begin of the message; the line ends where the next one begins. */
struct sip_line {
	uint16_t name, name_n;
	uint16_t value, value_n; /* without white space at the ends; folds are inside */
	uint16_t typed; /* where in the message its first value is remembered, 0 when it is not */
	uint8_t id;     /* enum sip_hid */
	uint8_t next;   /* the next line of the same header, SIP_NO_LINE at the last */
};

/* Room to remember the first value of every header once. */
#define SIP_SPACE_TEXT   0
#define SIP_SPACE_DIGEST 0
#define SIP_SPACE_NUMBER sizeof(struct sip_number)
#define SIP_SPACE_CSEQ   sizeof(struct sip_cseq)
#define SIP_SPACE_RACK   sizeof(struct sip_cseq)
#define SIP_SPACE_ADDR   sizeof(struct sip_nameaddr)
#define SIP_SPACE_ROUTE  sizeof(struct sip_nameaddr)
#define SIP_SPACE_TOKEN  sizeof(struct sip_token)
#define SIP_SPACE_VIA    sizeof(struct sip_via)
/* a summand, so no parentheses: NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define SIP_SPACE_PLUS(sym, name, compact, shape, count) +SIP_SPACE_##shape
#define SIP_SPACE                                        (0 SIP_HEADER_TABLE(SIP_SPACE_PLUS))

/* As it is declared, with room for whatever can be parsed; a packed copy (pack.h) ends behind what it needs, so that
 * a message is never copied by assignment. */
struct sip_msg {
	const char *buf;
	uint32_t len;      /* bytes of the message, body included */
	uint32_t body;     /* offset of the body: behind the blank line */
	uint8_t kind;      /* enum sip_kind */
	uint8_t method;    /* enum sip_method; requests only */
	uint16_t status;   /* responses only, 100 to 699 */
	uint16_t method_n; /* the method begins the message */
	uint16_t ruri, ruri_n;
	uint16_t reason, reason_n;
	uint16_t headers; /* offset of the first header line */
	uint16_t end;     /* offset of the blank line: behind the last header line */
	uint16_t values;  /* from the begin of this struct to the first of the remembered values */
	uint16_t used;    /* and to the first free byte behind them */
	uint8_t lines;    /* of line[] */
	bool uri_known;   /* `uri` is filled */
	bool again;       /* a header of which there is one at most (SIP_ONE) has two lines */
	struct sip_where fault;   /* the first fault the index met; SIP_OK when it met none */
	uint8_t first[SIP_H_END]; /* first line of each header, SIP_NO_LINE when absent */
	uint8_t last[SIP_H_END];  /* last line, valid where first is */
	struct sip_uri uri;
	struct sip_line line
		[SIP_HEADER_LINES_MAX]; /* packed: as many as there are, the values right behind */
	_Alignas(8) unsigned char space[SIP_SPACE];
};

static inline bool sip_has(const struct sip_msg *msg, enum sip_hid id)
{
	return msg->first[id] != SIP_NO_LINE;
}

/* Name and value of a line, as written. */
static inline struct sv sip_line_name(const struct sip_msg *msg, const struct sip_line *line)
{
	return sv_of(msg->buf + line->name, line->name_n);
}

static inline struct sv sip_line_value(const struct sip_msg *msg, const struct sip_line *line)
{
	return sv_of(msg->buf + line->value, line->value_n);
}

/* The line with its CRLF. */
static inline struct sv sip_line_raw(const struct sip_msg *msg, unsigned i)
{
	unsigned end = i + 1 < msg->lines ? msg->line[i + 1].name : msg->end;
	return sv_span(msg->buf + msg->line[i].name, msg->buf + end);
}

/* Value of the first line of a header, empty when it is absent. */
static inline struct sv sip_value(const struct sip_msg *msg, enum sip_hid id)
{
	return sip_has(msg, id) ? sip_line_value(msg, &msg->line[msg->first[id]])
				: (struct sv){"", 0};
}

static inline struct sv sip_method_text(const struct sip_msg *msg)
{
	return sv_of(msg->buf, msg->method_n);
}

static inline struct sv sip_ruri_text(const struct sip_msg *msg)
{
	return sv_of(msg->buf + msg->ruri, msg->ruri_n);
}

static inline struct sv sip_reason_text(const struct sip_msg *msg)
{
	return sv_of(msg->buf + msg->reason, msg->reason_n);
}

static inline struct sv sip_body(const struct sip_msg *msg)
{
	return sv_of(msg->buf + msg->body, msg->len - msg->body);
}

/* The Request-URI, parsed on first use.
 *
 * at         On failure: SIP_FAULT_URI, TOO_LONG or TOO_MANY_PARAMS. A "?" part or an unknown scheme is no failure
 *            here; sip_check tells.
 * Returns    NULL on failure or when the message is no request.
 */
const struct sip_uri *sip_request_uri(struct sip_msg *msg, struct sip_where *at);

/* The first value of a header, parsed on first use and remembered in the message, so that it stays where it is as
 * long as the message does. A header that holds a single value must hold no more than that.
 *
 * at         On failure: SIP_FAULT_MISSING when the header is absent, else what is wrong with it, and where.
 * Returns    a value of the type that belongs to the header's shape, NULL on failure. Digest and text shapes have
 *            none: read sip_value.
 */
const void *sip_typed(struct sip_msg *msg, enum sip_hid id, struct sip_where *at);

/* Typed accessors: one line for a header when its consumer comes. */
#define SIP_ACCESSOR(name, id, type)                                                     \
	static inline const struct type *name(struct sip_msg *msg, struct sip_where *at) \
	{                                                                                \
		return sip_typed(msg, id, at);                                           \
	}
SIP_ACCESSOR(sip_top_via, SIP_H_VIA, sip_via)
SIP_ACCESSOR(sip_from, SIP_H_FROM, sip_nameaddr)
SIP_ACCESSOR(sip_to, SIP_H_TO, sip_nameaddr)
SIP_ACCESSOR(sip_contact, SIP_H_CONTACT, sip_nameaddr)
SIP_ACCESSOR(sip_cseq, SIP_H_CSEQ, sip_cseq)
SIP_ACCESSOR(sip_max_forwards, SIP_H_MAX_FORWARDS, sip_number)
SIP_ACCESSOR(sip_expires, SIP_H_EXPIRES, sip_number)
SIP_ACCESSOR(sip_content_type, SIP_H_CONTENT_TYPE, sip_token)

/* Call-ID (RFC 3261 §20.8: word [ "@" word ]); empty when absent. */
static inline struct sv sip_call_id(const struct sip_msg *msg)
{
	return sip_value(msg, SIP_H_CALL_ID);
}

/* Walk over all values of a header, line by line and comma by comma, in the order of the message:
 *
 *	struct sip_each each;
 *	struct sip_nameaddr route;
 *	sip_each_start(&each, msg, SIP_H_ROUTE);
 *	while (sip_each_addr(&each, &route))
 *		...;
 *	if (each.at.fault) ...the value that stopped the walk is malformed, or one too many (limits.h)
 *
 * The values are written to the caller's struct. Walking a header whose values are of another type stops with
 * SIP_FAULT_BAD before anything is written.
 */
struct sip_each {
	const void *source; /* message or view, as `line` knows */
	bool (*line)(struct sip_each *each, struct sv *value); /* sets `text`, `known` too */
	struct sv text;      /* what the values lie in; offsets in `at` count from its begin */
	const char *p, *end; /* what is left of the current line, p NULL before the first */
	const void *known;   /* the line's first value where it is remembered */
	struct sip_where at; /* fault SIP_OK as long as all is well */
	uint16_t next;       /* the line after it */
	uint8_t left;        /* values that may still come */
	uint8_t id;
};

void sip_each_start(struct sip_each *each, struct sip_msg *msg, enum sip_hid id);

/* How many values of a header may be walked: SIP_VIA_MAX, SIP_ROUTE_MAX, SIP_CONTACT_MAX, SIP_VALUES_MAX; with those that we add to a request ourselves
 * (`ours`) in what we send, and in responses, which bring them back. */
unsigned sip_values_max(enum sip_hid id, bool ours);

bool sip_each_via(struct sip_each *each, struct sip_via *out);
bool sip_each_addr(struct sip_each *each, struct sip_nameaddr *out);
bool sip_each_token(struct sip_each *each, struct sip_token *out);

/* The same for a reader of any header, without a copy: the value where it is remembered, else `room`, of the type that
 * belongs to the header, to which it was written. NULL where the others return false. */
const void *sip_each_read(struct sip_each *each, void *room);

/* Whether the rest of a walk over tokens (Require, Supported, Allow ...) holds one, any case (RFC 3261 §7.3.1).
 *
 * Returns    1 or 0; MG_EPARSE when a malformed value, or one too many, hides what follows: see each->at.
 */
MG_MUST_CHECK int sip_each_has(struct sip_each *each, struct sv token);

/* Room that the value of any shape needs. */
#define SIP_VALUE_MAX 256

/* Where a remembered value ends in its line: the "," behind it, or `end`. NULL for shapes that hold a single value.
 * `known` is of the type that belongs to the header. */
const char *sip_known_end(enum sip_hid id, const void *known, const char *end);

/* Scan one value of a header's shape at the front of [p, end).
 *
 * out        Room for the shape's type.
 * Returns    where the value ends, NULL (and `e`, zeroed by the caller, filled) on failure.
 */
const char *sip_scan_value(enum sip_hid id, void *out, const char *p, const char *end,
			   struct lex_ctx *e);

/* The same for the first value of a line; a header that is no list must hold no more than that.
 *
 * text       What the value lies in, readable as a whole; offsets in `at` count from its begin.
 * Returns    false, and `at` filled, on failure.
 */
bool sip_scan_first(enum sip_hid id, void *out, struct sv value, struct sv text,
		    struct sip_where *at);

#endif
