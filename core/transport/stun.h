/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stun: whether a datagram is STUN, and the answer to a binding request (RFC 8489, RFC 5626 §4.4.2). No sockets, no limits:
 * who asks how often is judged by the caller, udp_receive.c.
 */
#ifndef MG_TRANSPORT_STUN_H
#define MG_TRANSPORT_STUN_H

#include <stdbool.h>

#include "base/addr.h"

#define TP_STUN_MAX 64

/* Whether a datagram is STUN and so not SIP: the first two bits and the magic cookie. */
bool tp_is_stun(struct sv packet);

/* The answer to a STUN binding request in `packet`, with the source it came from: that source, or 420 when it holds
 * attributes that are to be understood and are not.
 *
 * Returns    bytes written to out; 0 when it is no binding request that gets an answer.
 */
size_t tp_stun_answer(struct sv packet, const struct addr *source, char out[TP_STUN_MAX]);

#endif
