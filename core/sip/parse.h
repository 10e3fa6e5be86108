/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * parse: bytes to messages. One pass finds the start line, the header lines and the body; values are not looked
 * into (message.h reads them on first use, check.h all at once). What is wrong but leaves the structure clear is
 * noted in msg->fault, the first one, and the index goes on, so that the message can still be answered.
 */
#ifndef MG_SIP_PARSE_H
#define MG_SIP_PARSE_H

#include "base/err.h"
#include "sip/message.h"

/* Parse one datagram (RFC 3261 §7, §18.3).
 *
 * Nothing is copied: `msg` holds offsets into `buf`, which stays unchanged as long as `msg` is in use. Bytes behind
 * Content-Length are not part of the message. Never allocates, never logs.
 *
 * msg        Filled; on failure too, as far as the index came, so that an answer can be built from it.
 * at         On failure: byte offset and fault. msg->fault holds the same.
 * Returns    bytes of the message (> 0), or of the keepalive (msg->kind), MG_EPARSE or MG_ELIMIT.
 */
MG_MUST_CHECK int sip_parse_datagram(struct sip_msg *msg, const char *buf, size_t len,
				     struct sip_where *at);

/* Where the search in a stream goes on. Zeroed at the start of a stream; afterwards the parser's own. */
struct sip_stream {
	uint32_t seen; /* bytes of the buffer that hold no blank line */
	uint32_t need; /* length of the message in the buffer, 0 while unknown */
	bool line_ok;  /* the start line was looked at */
	bool crlf;     /* the bytes before the buffer were a lone CRLF */
};

/* Parse one message from the front of what a stream delivered (RFC 3261 §18.3, §20.14).
 *
 * After MG_EPARTIAL, call again with the same bytes and more behind them; the work goes on where it stopped. After
 * success, remove the bytes returned from the buffer and call again. CRLFs between messages come out one by one as
 * SIP_KIND_CRLF or, the second of two, SIP_KIND_PING. Who sends pings itself on this stream (RFC 5626 §4.4.1) takes
 * SIP_KIND_CRLF as its pong and sets stream->crlf to false, so that the next pong does not look like half a ping.
 *
 * at         On failure: byte offset and fault, which is final: the next boundary is unknown. When msg->fault is
 *            set on success, sip_fault_framing tells whether the same holds.
 * Returns    bytes consumed (> 0), MG_EPARTIAL, MG_EPARSE or MG_ELIMIT. Never allocates, never logs.
 */
MG_MUST_CHECK int sip_parse_stream(struct sip_msg *msg, struct sip_stream *stream, const char *buf,
				   size_t len, struct sip_where *at);

#endif
