/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * keep: a message that outlives its callback: the bytes of a datagram go over with their buffer, those of a stream are
 * copied; the index is packed behind the struct. Called by whoever keeps a message.
 */
#include "base/block.h"
#include "sip/pack.h"
#include "transport/tp_priv.h"

/* Bytes that the index looks at; of a message that could not be read to its end there may be more than it is long. */
static uint32_t reach(const struct sip_msg *msg)
{
	uint32_t n = msg->len;

	n = n > msg->body ? n : msg->body;
	n = n > msg->headers ? n : msg->headers;
	n = n > msg->end ? n : msg->end;
	n = n > msg->method_n ? n : msg->method_n;
	n = n > (uint32_t)msg->ruri + msg->ruri_n ? n : (uint32_t)msg->ruri + msg->ruri_n;
	return n > (uint32_t)msg->reason + msg->reason_n ? n
							 : (uint32_t)msg->reason + msg->reason_n;
}

/* What came from another worker is kept already. */
static struct tp_kept *hand_over(struct tp_rx *rx)
{
	struct tp_kept *kept = rx->kept;

	rx->kept = NULL;
	rx->taken = true;
	return kept;
}

struct tp_kept *tp_rx_keep(struct tp_rx *rx)
{
	if (rx->kept)
		return hand_over(rx);
	const struct sip_msg *msg = rx->msg;
	bool moves = rx->buf && !rx->taken;
	const char *bytes = msg->buf;
	size_t size = sizeof(struct tp_kept) + sip_msg_pack_size(msg);
	struct tp_kept *kept = block_new(size);
	struct tp_buf *buf = rx->buf;

	_Static_assert(sizeof(*kept) % 8 == 0, "the packed message is aligned behind it");
	if (!moves && kept && (buf = tp_buf_new(reach(msg)))) {
		memcpy(buf->data, msg->buf, reach(msg));
		bytes = buf->data;
	}
	if (!kept || !buf) {
		block_free(kept, size);
		return NULL;
	}
	rx->taken |= moves;
	kept->msg = sip_msg_pack(kept + 1, msg, bytes);
	kept->buf = buf;
	kept->size = size;
	kept->flow = rx->flow;
	kept->at_us = rx->at_us;
	return kept;
}

void tp_kept_free(struct tp_kept *kept)
{
	if (!kept)
		return;
	tp_buf_unref(kept->buf);
	block_free(kept, kept->size);
}
