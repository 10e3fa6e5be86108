/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * method: the registered methods. Names are case-sensitive (RFC 3261 §7.1); one we do not know is SIP_METHOD_OTHER
 * and is compared by its text.
 */
#ifndef MG_SIP_METHOD_H
#define MG_SIP_METHOD_H

#include "base/sv.h"

/* clang-format off */
#define SIP_METHOD_TABLE(X)                                                                        \
	X(ACK) X(BYE) X(CANCEL) X(INFO) X(INVITE) X(MESSAGE) X(NOTIFY) X(OPTIONS) X(PRACK)         \
	X(PUBLISH) X(REFER) X(REGISTER) X(SUBSCRIBE) X(UPDATE)
/* clang-format on */

enum sip_method {
	SIP_METHOD_OTHER,
#define SIP_METHOD_ID(name) SIP_METHOD_##name,
	SIP_METHOD_TABLE(SIP_METHOD_ID)
#undef SIP_METHOD_ID
		SIP_METHOD_END
};

/* The method of a name, SIP_METHOD_OTHER when it is none of the table. */
enum sip_method sip_method_find(struct sv name);

/* The name of a method, "" for SIP_METHOD_OTHER. */
struct sv sip_method_name(enum sip_method method);

#endif
