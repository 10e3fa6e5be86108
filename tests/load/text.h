/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * text: what the generator reads of a message that comes back, by a scanner of its own: the checks
 * must not share their mistakes with the proxy that is tested. It knows the shape of the
 * generator's own messages as a proxy may change them, and nothing more of SIP. Called by uac and
 * uas; rule.c judges.
 */
#ifndef LOAD_TEXT_H
#define LOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sv.h"

#define TEXT_ROUTES 16 /* Record-Route entries that are kept; more are counted only */
#define TEXT_ECHO   24 /* lines that a response repeats */

enum text_method { TEXT_OTHER, TEXT_INVITE, TEXT_ACK, TEXT_BYE };

/* Views into the message, valid as long as its bytes. */
struct text {
	unsigned status;         /* of a response; 0 of a request */
	enum text_method method; /* of the request line, or of a response's CSeq */
	struct sv uri;           /* Request-URI */
	struct sv via;           /* value of the first Via, up to a comma */
	unsigned vias, routes;
	unsigned max_forwards; /* 1000 when there is none */
	struct sv record_route[TEXT_ROUTES];
	unsigned record_routes;
	struct sv from, to, call_id, cseq, contact;
	struct sv body;
	struct sv echo[TEXT_ECHO]; /* whole lines with CRLF: Via, Record-Route, From, To, Call-ID,
				    * CSeq in their order */
	unsigned echoes, to_at;    /* echo[to_at] is the To */
};

/* Read a message.
 *
 * Returns    0, or MG_EPARSE when it is none, is folded, repeats From, To, Call-ID or CSeq, or when its
 *            Content-Length is not what follows the empty line.
 */
MG_MUST_CHECK int text_scan(struct text *t, const char *p, size_t n);

/* The length of the message that a stream begins with.
 *
 * Returns    bytes of head and body, of which `n` may hold fewer; 0 while the head is not complete;
 *            MG_EPARSE when it has no Content-Length.
 */
long text_frame(const char *p, size_t n);

/* The value of a parameter of a Via or of a name-addr behind its ">": `name` as in ";branch=".
 * Empty when it is not there.
 */
struct sv text_param(struct sv value, struct sv name);

/* Write 16 digits, lower case. */
void text_hex(char out[16], uint64_t value);

/* Read 16 digits as text_hex writes them. Returns false when they are none. */
bool text_unhex(const char *p, uint64_t *value);

#endif
