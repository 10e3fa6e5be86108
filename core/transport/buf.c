/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * buf: the bytes of messages, counted by who holds them. Called by udp_receive.c, conn.c and keep.c.
 */
#include "base/block.h"
#include "transport/tp_priv.h"

static size_t size_of(uint32_t cap)
{
	return sizeof(struct tp_buf) + cap;
}

struct tp_buf *tp_buf_new(uint32_t cap)
{
	struct tp_buf *buf = block_new(size_of(cap));

	if (!buf)
		return NULL;
	buf->refs = 1;
	buf->cap = cap;
	return buf;
}

void tp_buf_unref(struct tp_buf *buf)
{
	if (buf && --buf->refs == 0)
		block_free(buf, size_of(buf->cap));
}
