/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * check: the form of a message as a whole: RFC 3261 §16.3 step 1 ("reasonable syntax"), §8.1.1 mandatory headers,
 * RFC 4475, and the rows P-1 to P-10 of the threat table. What it parses stays remembered in the message.
 */
#ifndef MG_SIP_CHECK_H
#define MG_SIP_CHECK_H

#include "base/err.h"
#include "sip/message.h"

/* Check a parsed request or response.
 *
 * In this order: the fault that the index noted, headers that stand there twice, mandatory headers (Via, From, To,
 * Call-ID, CSeq), every value of the headers that routing reads (Via, Route, Record-Route, Contact, From, To, CSeq,
 * Call-ID, Max-Forwards, Expires), CSeq against the method, and last the Request-URI. Other headers are left to who
 * reads them. A malformed response is to be dropped; a malformed request is answered with sip_fault_status and
 * sip_fault_text if sip_answerable allows.
 *
 * at         On failure: the fault and where it is.
 * Returns    0, MG_EPARSE, or MG_ELIMIT when it is a limit that is passed.
 */
MG_MUST_CHECK int sip_check(struct sip_msg *msg, struct sip_where *at);

/* Whether a request whose check failed may be answered statelessly: it is no ACK, and Via, From, To, Call-ID and
 * CSeq are there once and well formed. */
bool sip_answerable(struct sip_msg *msg);

#endif
