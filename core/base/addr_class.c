/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * addr_class: the kinds of address, as two tables of prefixes, and the IPv4 addresses hidden in
 * IPv6 ones. Part of addr.h.
 */
#include "base/addr.h"

#include <stddef.h>

/* The first row whose first `bits` bits fit decides. */
struct kind {
	uint8_t ip[12];
	uint8_t bits;
	uint8_t class; /* enum addr_class */
};

static const struct kind kinds_v4[] = {
	{{0}, 8, ADDR_CLASS_UNSPECIFIED},            /* RFC 1122 §3.2.1.3 */
	{{10}, 8, ADDR_CLASS_PRIVATE},               /* RFC 1918 */
	{{100, 64}, 10, ADDR_CLASS_CGNAT},           /* RFC 6598 */
	{{127}, 8, ADDR_CLASS_LOOPBACK},             /* RFC 1122 */
	{{169, 254}, 16, ADDR_CLASS_LINKLOCAL},      /* RFC 3927 */
	{{172, 16}, 12, ADDR_CLASS_PRIVATE},         /* RFC 1918 */
	{{192, 0, 0}, 24, ADDR_CLASS_PRIVATE},       /* RFC 6890; phones behind 464XLAT, DS-Lite */
	{{192, 0, 2}, 24, ADDR_CLASS_DOCUMENTATION}, /* RFC 5737 */
	{{192, 88, 99}, 24, ADDR_CLASS_RESERVED},    /* RFC 7526: the former 6to4 relays */
	{{192, 168}, 16, ADDR_CLASS_PRIVATE},        /* RFC 1918 */
	{{198, 18}, 15, ADDR_CLASS_DOCUMENTATION},   /* RFC 2544 */
	{{198, 51, 100}, 24, ADDR_CLASS_DOCUMENTATION}, /* RFC 5737 */
	{{203, 0, 113}, 24, ADDR_CLASS_DOCUMENTATION},  /* RFC 5737 */
	{{224}, 4, ADDR_CLASS_MULTICAST},               /* RFC 5771 */
	{{255, 255, 255, 255}, 32, ADDR_CLASS_BROADCAST},
	{{240}, 4, ADDR_CLASS_RESERVED}, /* RFC 1112 */
	{{0}, 0, ADDR_CLASS_GLOBAL},
};

/* :: and ::1 are longer than a row and looked at before. */
static const struct kind kinds_v6[] = {
	{{0x20, 0x01, 0x0d, 0xb8}, 32, ADDR_CLASS_DOCUMENTATION},       /* RFC 3849 */
	{{0x3f, 0xff}, 20, ADDR_CLASS_DOCUMENTATION},                   /* RFC 9637 */
	{{0x20, 0x01, 0x00, 0x02}, 48, ADDR_CLASS_DOCUMENTATION},       /* RFC 5180 */
	{{0x20}, 3, ADDR_CLASS_GLOBAL},                                 /* RFC 4291 §2.4 */
	{{0x00, 0x64, 0xff, 0x9b}, 96, ADDR_CLASS_GLOBAL},              /* RFC 6052; also below */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, ADDR_CLASS_PRIVATE}, /* RFC 8215 */
	{{0xfc}, 7, ADDR_CLASS_PRIVATE},                                /* RFC 4193 */
	{{0xfe, 0x80}, 10, ADDR_CLASS_LINKLOCAL},                       /* RFC 4291 §2.5.6 */
	{{0xfe, 0xc0}, 10, ADDR_CLASS_PRIVATE},                         /* RFC 3879, site-local */
	{{0xff}, 8, ADDR_CLASS_MULTICAST},                              /* RFC 4291 §2.7 */
	{{0}, 0, ADDR_CLASS_RESERVED},
};

/* Where an IPv6 address carries an IPv4 one. */
struct embedding {
	uint8_t ip[12];
	uint8_t bits;
	uint8_t at;   /* byte offset of the IPv4 address */
	uint8_t flip; /* its bytes are xor-ed with this */
};

static const struct embedding embeddings[] = {
	{{0}, 96, 12, 0},                                  /* ::a.b.c.d, RFC 4291 */
	{{[8] = 0xff, [9] = 0xff}, 96, 12, 0},             /* RFC 2765 §2.1 */
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},             /* RFC 6052 */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, 12, 0}, /* RFC 8215 with /96 */
	{{0x20, 0x02}, 16, 2, 0},                          /* RFC 3056 */
	{{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff},          /* RFC 4380 §4 */
};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static enum addr_class look_up(const struct kind *k, const uint8_t *ip)
{
	while (!same_bits(k->ip, ip, k->bits)) /* the last row fits everything */
		k++;
	return (enum addr_class)k->class;
}

/* The kind of the IPv4 address within, GLOBAL when there is none. */
static enum addr_class class_of_embedded(const uint8_t ip[16])
{
	for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
		const struct embedding *e = &embeddings[i];
		uint8_t v4[4];

		if (!same_bits(e->ip, ip, e->bits))
			continue;
		for (size_t k = 0; k < 4; k++)
			v4[k] = ip[e->at + k] ^ e->flip;
		return look_up(kinds_v4, v4);
	}
	return ADDR_CLASS_GLOBAL;
}

/* The kind by the address's own prefix, whatever it carries. */
static enum addr_class own_class(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1}, unspecified[16] = {0};

	if (a->family == ADDR_V4)
		return look_up(kinds_v4, a->ip);
	if (memcmp(a->ip, unspecified, 16) == 0) /* ADDR_NONE too */
		return ADDR_CLASS_UNSPECIFIED;
	if (memcmp(a->ip, loopback, 16) == 0)
		return ADDR_CLASS_LOOPBACK;
	return look_up(kinds_v6, a->ip);
}

enum addr_class addr_class(const struct addr *a)
{
	enum addr_class own = own_class(a);

	if (a->family != ADDR_V6 || own == ADDR_CLASS_LOOPBACK)
		return own;
	enum addr_class embedded = class_of_embedded(a->ip);
	return embedded != ADDR_CLASS_GLOBAL ? embedded : own;
}

const char *addr_class_name(enum addr_class c)
{
	static const char *const names[] = {
		[ADDR_CLASS_GLOBAL] = "global",       [ADDR_CLASS_PRIVATE] = "private",
		[ADDR_CLASS_CGNAT] = "cgnat",         [ADDR_CLASS_DOCUMENTATION] = "documentation",
		[ADDR_CLASS_LOOPBACK] = "loopback",   [ADDR_CLASS_LINKLOCAL] = "linklocal",
		[ADDR_CLASS_MULTICAST] = "multicast", [ADDR_CLASS_UNSPECIFIED] = "unspecified",
		[ADDR_CLASS_BROADCAST] = "broadcast", [ADDR_CLASS_RESERVED] = "reserved",
	};

	return (size_t)c < sizeof(names) / sizeof(names[0]) ? names[c] : "?";
}

bool addr_forbidden_target(const struct addr *a, unsigned allow)
{
	enum addr_class c = addr_class(a);
	bool plain =
		own_class(a) == c; /* an exception never extends to what a translator reaches */

	switch (c) {
	case ADDR_CLASS_GLOBAL:
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_CGNAT:
	case ADDR_CLASS_DOCUMENTATION: return false;
	case ADDR_CLASS_LOOPBACK: return !(plain && allow & ADDR_ALLOW_LOOPBACK);
	case ADDR_CLASS_LINKLOCAL: return !(plain && allow & ADDR_ALLOW_LINKLOCAL);
	case ADDR_CLASS_MULTICAST:
	case ADDR_CLASS_UNSPECIFIED:
	case ADDR_CLASS_BROADCAST:
	case ADDR_CLASS_RESERVED: break;
	}
	return true;
}
