/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fault: what can be wrong with a message, one row each: a token for logs and counters, the status an element
 * answers, whether a stream can go on after it, and a constant text fit for the reason phrase of that answer.
 */
#ifndef MG_SIP_FAULT_H
#define MG_SIP_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/*        symbol           token             status framing text
 * A text of NULL is taken from the header's row: "Missing Via". A fault that concerns framing leaves the next
 * message boundary of a stream unknown: answer, then close.
 */
#define SIP_FAULT_TABLE(X)                                                                   \
	X(NOT_SIP,         "not_sip",         400, true,  "Not SIP")                         \
	X(REQUEST_LINE,    "request_line",    400, false, "Bad Request Line")                \
	X(STATUS_LINE,     "status_line",     400, false, "Bad Status Line")                 \
	X(VERSION,         "version",         505, false, "Version Not Supported")           \
	X(LINE_END,        "line_end",        400, true,  "Bare CR or LF")                   \
	X(CONTROL_BYTE,    "control_byte",    400, true,  "Control Byte In Header Section")  \
	X(NO_COLON,        "no_colon",        400, true,  "Header Without Colon")            \
	X(HEADER_NAME,     "header_name",     400, true,  "Bad Header Name")                 \
	X(TOO_LONG,        "too_long",        400, false, "Field Too Long")                  \
	X(START_LINE_TOO_LONG, "start_line_too_long", 400, true, "Start Line Too Long")      \
	X(SECTION_TOO_LONG, "section_too_long", 513, true, "Header Section Too Long")        \
	X(TOO_MANY_HEADERS, "too_many_headers", 400, true, "Too Many Headers")               \
	X(TOO_MANY_PARAMS, "too_many_params", 400, false, "Too Many Parameters")             \
	X(MESSAGE_TOO_LARGE, "message_too_large", 513, true, "Message Too Large")            \
	X(NO_BLANK_LINE,   "no_blank_line",   400, true,  "Header Section Not Closed")       \
	X(LENGTH_BAD,      "length_bad",      400, true,  "Bad Content-Length")              \
	X(LENGTH_TWICE,    "length_twice",    400, true,  "Duplicate Content-Length")        \
	X(LENGTH_MISSING,  "length_missing",  400, true,  "Missing Content-Length")          \
	X(LENGTH_BEYOND,   "length_beyond",   400, true,  "Content-Length Beyond Datagram")  \
	X(MISSING,         "missing",         400, false, NULL)                              \
	X(DUPLICATE,       "duplicate",       400, false, NULL)                              \
	X(BAD,             "bad",             400, false, NULL)                              \
	X(TOO_MANY,        "too_many",        400, false, NULL)                              \
	X(URI,             "uri",             400, false, "Bad Request-URI")                 \
	X(URI_HEADERS,     "uri_headers",     400, false, "Headers In Request-URI")          \
	X(SCHEME,          "scheme",          416, false, "Unsupported URI Scheme")          \
	X(CSEQ_METHOD,     "cseq_method",     400, false, "CSeq Method Does Not Match")      \
	X(BODY,            "body",            400, false, "Bad Multipart Body")
/* clang-format on */

enum sip_fault {
	SIP_OK,
#define SIP_FAULT_ID(sym, token, status, framing, text) SIP_FAULT_##sym,
	SIP_FAULT_TABLE(SIP_FAULT_ID)
#undef SIP_FAULT_ID
		SIP_FAULT_END
};

/* Where and what: filled by whoever finds a fault, untouched otherwise. */
struct sip_where {
	uint32_t off; /* byte offset into the text that was read (the message, or the lone value) */
	uint8_t fault; /* enum sip_fault */
	uint8_t hid;   /* enum sip_hid of the header concerned, SIP_H_OTHER when none */
};

/* The reason phrase of a fault, "Missing Via"; "" for SIP_OK. Constant text, never NULL. */
const char *sip_fault_text(const struct sip_where *at);

/* The token of a fault in logs, "missing"; "ok" for SIP_OK. Constant text, never NULL. */
const char *sip_fault_token(enum sip_fault fault);

/* The status code an element answers a request with that has this fault; 0 for SIP_OK. */
unsigned sip_fault_status(enum sip_fault fault);

/* Whether the next message boundary of a stream is unknown after this fault. */
bool sip_fault_framing(enum sip_fault fault);

#endif
