/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * out: a message on its way out: a list of pieces for sendmsg(2). Pieces that lie side by side in memory become one.
 */
#ifndef MG_SIP_OUT_H
#define MG_SIP_OUT_H

#include <sys/uio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sv.h"

/* More than any message of this room needs: every line received and every line written anew apart, start line,
 * Content-Length, blank line, body. */
#define SIP_OUT_PIECES 208

struct sip_out {
	struct iovec iov[SIP_OUT_PIECES];
	unsigned n;
	size_t len;          /* bytes of all pieces */
	struct arena *arena; /* for text of our own */
	int err;             /* the first failure: MG_ENOMEM or MG_ENOSPC; later calls do nothing */
};

/* Begin. Text written by sip_out_copy and sip_out_number lives in `arena`, everything else with its owner. */
void sip_out_init(struct sip_out *out, struct arena *arena);

/* Add bytes that stay where they are until the message is sent. */
void sip_out_ref(struct sip_out *out, struct sv bytes);

/* Add a copy. */
void sip_out_copy(struct sip_out *out, struct sv bytes);

/* Add a number in decimal. */
void sip_out_number(struct sip_out *out, uint64_t number);

/* Copy all pieces into one buffer: for transports that need it, and tests.
 *
 * Returns    bytes written, MG_ENOSPC, or the error the message met.
 */
MG_MUST_CHECK int sip_out_flat(const struct sip_out *out, char *buf, size_t cap);

#endif
