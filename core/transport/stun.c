/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stun: the answer to a STUN binding request on the SIP port, by which phones keep their flow and learn that it still is
 * the same (RFC 5626 §4.4.2). No authentication, no FINGERPRINT: the usage has neither. Pure. Called by udp_receive.c.
 *
 *   header    = 0b00 type(14) length(16) cookie(32) transaction-id(96)       RFC 8489 §5
 *   attribute = type(16) length(16) value padding to 4 bytes                 RFC 8489 §14
 */
#include "transport/stun.h"

enum {
	HEADER = 20,
	BINDING_REQUEST = 0x0001,
	BINDING_SUCCESS = 0x0101,
	BINDING_ERROR = 0x0111,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	XOR_MAPPED_ADDRESS = 0x0020,
	UNKNOWN_MAX = 16, /* as many as the answer has room for */
};

static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

static unsigned get16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static char *put16(char *p, unsigned v)
{
	p[0] = (char)(v >> 8);
	p[1] = (char)v;
	return p + 2;
}

bool tp_is_stun(struct sv packet)
{
	return packet.n >= HEADER && ((unsigned char)packet.p[0] & 0xc0) == 0 &&
	       memcmp(packet.p + 4, cookie, sizeof(cookie)) == 0;
}

/* Attributes below 0x8000 must be understood; these are, or come with what is not used here: an address, USERNAME, MESSAGE-
 * INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM, NONCE, those of RFC 8489 §14.6 to §14.8 and §14.12, XOR-MAPPED-ADDRESS. */
static bool understood(unsigned type)
{
	switch (type) {
	case 0x0001:
	case 0x0006:
	case 0x0008:
	case ERROR_CODE:
	case UNKNOWN_ATTRIBUTES:
	case 0x0014:
	case 0x0015:
	case 0x001c:
	case 0x001d:
	case 0x001e:
	case XOR_MAPPED_ADDRESS: return true;
	default: return type >= 0x8000;
	}
}

/* Walk over the attributes and note those that would have to be understood. Returns how many, or -1 when one does not end
 * within the packet. */
static int unknown_attributes(struct sv packet, uint16_t unknown[UNKNOWN_MAX])
{
	size_t at = HEADER;
	int n = 0;

	while (at < packet.n) {
		if (packet.n - at < 4)
			return -1;
		unsigned type = get16(packet.p + at), len = get16(packet.p + at + 2);
		at += 4;
		if (((size_t)len + 3) / 4 * 4 > packet.n - at)
			return -1;
		at += ((size_t)len + 3) / 4 * 4;
		if (!understood(type) && n < UNKNOWN_MAX)
			unknown[n++] = (uint16_t)type;
	}
	return n;
}

/* RFC 8489 §14.2: port and address under the cookie, IPv6 under the transaction id too. */
static char *put_address(char *p, const struct addr *source, const char *header)
{
	size_t n = source->family == ADDR_V6 ? 16 : 4;

	p = put16(p, XOR_MAPPED_ADDRESS);
	p = put16(p, (unsigned)(4 + n));
	*p++ = 0;
	*p++ = source->family == ADDR_V6 ? 2 : 1;
	p = put16(p, source->port ^ get16(header + 4));
	for (size_t i = 0; i < n; i++)
		*p++ = (char)(source->ip[i] ^ (unsigned char)header[4 + i]);
	return p;
}

/* RFC 8489 §6.3.1: 420 and what was not understood. */
static char *put_unknown(char *p, const uint16_t unknown[], int n)
{
	p = put16(p, ERROR_CODE);
	p = put16(p, 4);
	p = put16(p, 0);
	p = put16(p, 4u << 8 | 20);
	p = put16(p, UNKNOWN_ATTRIBUTES);
	p = put16(p, 2 * (unsigned)n);
	for (int i = 0; i < n; i++)
		p = put16(p, unknown[i]);
	return n % 2 ? put16(p, 0) : p;
}

size_t tp_stun_answer(struct sv packet, const struct addr *source, char out[TP_STUN_MAX])
{
	uint16_t unknown[UNKNOWN_MAX];

	if (!tp_is_stun(packet) || get16(packet.p) != BINDING_REQUEST ||
	    get16(packet.p + 2) != packet.n - HEADER || packet.n % 4)
		return 0;
	int n = unknown_attributes(packet, unknown);
	if (n < 0)
		return 0;
	memcpy(out + 4, packet.p + 4, HEADER - 4);
	char *end = n ? put_unknown(out + HEADER, unknown, n)
		      : put_address(out + HEADER, source, packet.p);
	put16(out, n ? BINDING_ERROR : BINDING_SUCCESS);
	put16(out + 2, (unsigned)(end - out) - HEADER);
	return (size_t)(end - out);
}
