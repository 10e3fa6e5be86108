/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: the generator's own messages, built once per caller's address as text with gaps, in which
 * a call's number is patched. What differs by call has a fixed width. No sockets, no state of calls.
 * Called by uac and uas; rule.c compares with what is made here.
 *
 * A call's number is 64 bits: below, the row of the table of calls; above, how often the row was
 * used. Its 16 digits and the 8 characters of the run stand in Call-ID, From tag, To tag, branches and
 * the Request-URI of the INVITE, so each message alone leads to its call.
 */
#ifndef LOAD_MESSAGE_H
#define LOAD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/sv.h"
#include "load/text.h"

#define MESSAGE_MAX       4096 /* bytes of one message, routes included */
#define MESSAGE_PIECE     1024
#define MESSAGE_GAPS      6
#define MESSAGE_ROUTE_MAX 1536 /* bytes of a route set as header lines */
#define MESSAGE_RUN       8
#define MESSAGE_NAME      (16 + MESSAGE_RUN) /* digits and run */

/* A text in which the number of a call goes at some places. */
struct piece {
	char text[MESSAGE_PIECE];
	uint16_t n, gaps;
	uint16_t gap[MESSAGE_GAPS];
};

/* The requests of one caller's address. A request within the dialog has its routes between head and
 * tail; an ACK to a refusal has the To of the refusal there.
 */
struct caller {
	struct piece invite;
	struct piece ack, ack_tail;
	struct piece bye, bye_tail;
	struct piece refused, refused_tail;
};

struct messages {
	char run[MESSAGE_RUN];
	const char *uac_protocol, *uas_protocol; /* of the Via: "UDP", "TCP", "TLS" */
	char uas[128];                           /* URI of the callee, as in its Contact */
	size_t uas_n;
	char uas_host[ADDR_TEXT_MAX];
	struct caller *callers;
	size_t count;
	struct sv offer, answer;
	char answer_head[96]; /* the last lines of a head with the answer behind */
	size_t answer_head_n;
};

/* Make the texts. `callers` has room for `count`, the address of the first one is `first`, each
 * following is one higher; `protocols` are "udp", "tcp" or "tls" for the caller's and the callee's
 * side.
 *
 * Returns    0, or MG_ELIMIT when something is longer than its piece.
 */
MG_MUST_CHECK int message_init(struct messages *m, struct caller *callers, size_t count,
			       const struct addr *first, const struct addr *uas,
			       const char *const protocols[2], const char run[MESSAGE_RUN]);

/* The address of caller `i`. */
struct addr message_caller(const struct addr *first, size_t i);

/* Write a request of caller `c` for call `id`. Returns its length; `to` holds MESSAGE_MAX. */
size_t message_invite(char *to, const struct caller *c, uint64_t id);
size_t message_ack(char *to, const struct caller *c, uint64_t id, struct sv routes);
size_t message_bye(char *to, const struct caller *c, uint64_t id, struct sv routes);

/* The ACK to a refusal, whose To header has the value `refused_to`. Returns 0 when that is too long.
 */
size_t message_ack_refused(char *to, const struct caller *c, uint64_t id, struct sv refused_to);

/* Write the callee's response to a request: repeats its Via, Record-Route, From, To with the tag of
 * call `id`, Call-ID and CSeq.
 *
 * status     "180 Ringing". A 1xx and 2xx to INVITE have a Contact.
 * body       Empty, or m->answer.
 * Returns    its length, 0 when it is longer than MESSAGE_MAX.
 */
size_t message_response(char *to, const struct messages *m, const struct text *t, uint64_t id,
			struct sv status, struct sv body);

/* The Route lines that a caller has from the Record-Route of a response: reversed (RFC 3261
 * §12.1.2).
 *
 * Returns    their length, 0 when they are more than `to`, of MESSAGE_ROUTE_MAX, holds.
 */
size_t message_routes(char *to, const struct text *t);

#endif
