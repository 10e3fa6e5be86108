/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pack: a copy of a message's index that costs what the message uses: a struct sip_msg has room for any message, 9 KB,
 * a usual one needs 1.5 KB. The bytes are not copied. Called by whoever keeps a message after its transport has gone on
 * to the next one.
 */
#ifndef MG_SIP_PACK_H
#define MG_SIP_PACK_H

#include "sip/message.h"

/* Bytes that a packed copy of `msg` needs; at most sizeof(struct sip_msg). */
size_t sip_msg_pack_size(const struct sip_msg *msg);

/* Make a packed copy, to be read, viewed and edited like any message, and packed again; never assigned, or parsed into: it
 * is shorter than its type. It has room for the first value of every header that is there.
 *
 * mem        sip_msg_pack_size bytes, aligned to 8.
 * bytes      Where the message's bytes lie for the copy. When that is msg->buf, values that were typed stay so; else
 *            they are typed again when asked for.
 * Returns    `mem`.
 */
struct sip_msg *sip_msg_pack(void *mem, const struct sip_msg *msg, const char *bytes);

#endif
