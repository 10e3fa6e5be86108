/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pack: lines and typed values moved up to behind what is there, in a copy. Values hold views of the message's bytes and
 * nothing of the message itself, so they are copied as they are.
 */
#include "sip/pack.h"

#define ALIGN 8

/* What the value of a header takes, 0 for text and digest. */
#define ROOM(sym, name, compact, shape, count) [SIP_H_##sym] = SIP_SPACE_##shape,
static const uint16_t room[SIP_H_END] = {SIP_HEADER_TABLE(ROOM)};

/* Where the values begin behind `lines` lines. */
static size_t values_at(unsigned lines)
{
	size_t n = offsetof(struct sip_msg, line) + lines * sizeof(struct sip_line);

	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

size_t sip_msg_pack_size(const struct sip_msg *msg)
{
	size_t n = values_at(msg->lines);

	for (unsigned i = 0; i < msg->lines; i++) {
		uint8_t id = msg->line[i].id;
		n += msg->first[id] == i ? room[id] : 0;
	}
	return n;
}

struct sip_msg *sip_msg_pack(void *mem, const struct sip_msg *msg, const char *bytes)
{
	struct sip_msg *copy = mem;
	size_t at = values_at(msg->lines), n = bytes == msg->buf ? msg->used - msg->values : 0;

	memcpy(mem, msg, offsetof(struct sip_msg, line) + msg->lines * sizeof(struct sip_line));
	memcpy((char *)mem + at, (const char *)msg + msg->values, n);
	for (struct sip_line *line = copy->line; line < copy->line + msg->lines; line++)
		if (line->typed)
			line->typed = n ? (uint16_t)(line->typed - msg->values + at) : 0;
	copy->buf = bytes;
	if (bytes != msg->buf)
		copy->uri_known = false;
	copy->values = (uint16_t)at;
	copy->used = (uint16_t)(at + n);
	return copy;
}
