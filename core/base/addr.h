/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * addr: the one address type, its text, prefixes, and what kind of address it is. An IPv4 address
 * has one form here: v4-mapped IPv6 (::ffff:a.b.c.d) becomes IPv4 on every way in, before any rule
 * looks at it. No names, no resolving, no sockets. Called by everything that has a peer.
 */
#ifndef MG_BASE_ADDR_H
#define MG_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/sv.h"

enum addr_family {
	ADDR_NONE, /* no address; the value of a zeroed struct */
	ADDR_V4,
	ADDR_V6,
};

/* An address and port. Made only by the functions below, so that equal addresses are equal bytes:
 * the whole struct is the key of an address with port, its first ADDR_HOST_LEN bytes that of one
 * without.
 */
struct addr {
	uint8_t ip[16]; /* network order; IPv4 in the first 4, zeros behind */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
	uint8_t family; /* enum addr_family */
	uint8_t zero;   /* always 0 */
	uint16_t port;  /* host order; 0 when there is none */
};

#define ADDR_HOST_LEN 22 /* offsetof(struct addr, port) */

/* What addr_parse takes besides a plain address; to be or-ed. */
enum addr_form {
	ADDR_IP = 0,   /* a.b.c.d, v6 or [v6] */
	ADDR_PORT = 1, /* and :0 to :65535 behind a.b.c.d or [v6] */
	ADDR_SCOPE =
		2, /* and %N behind v6, N an interface index: configuration only, never peers */
	ADDR_THREE_COLONS = 4, /* and 2001:db8:::192.0.2.1, which RFC 3261's grammar made some peers
				* send (RFC 5118 §4.10) */
};

/* Read an address. Strict: four decimal parts without leading zeros, IPv6 as RFC 4291 §2.2, decimal
 * port of at most five digits, nothing before or behind. An unbracketed v6 never has a port.
 *
 * forms      enum addr_form; what is not named is refused.
 * out        Untouched on failure. Port and scope are 0 when the text has none.
 * Returns    0, or MG_EPARSE for whatever is not such an address.
 */
MG_MUST_CHECK int addr_parse(struct sv text, unsigned forms, struct addr *out);

enum addr_style {
	ADDR_BARE,     /* 192.0.2.1, 2001:db8::1: SDP, received parameter, logs without port */
	ADDR_URI,      /* 192.0.2.1, [2001:db8::1]: the host of a URI or Via */
	ADDR_HOSTPORT, /* 192.0.2.1:5060, [2001:db8::1]:5060, also when the port is 0 */
};

#define ADDR_TEXT_MAX 56 /* bytes that any style needs at most, NUL included */

/* Write an address as text, IPv6 as RFC 5952 has it (lower case, longest run of zeros compressed).
 * The scope is not written: it means something on this machine only. ADDR_NONE is "-".
 *
 * Returns    characters before the terminating NUL; always fits.
 */
size_t addr_write(const struct addr *a, enum addr_style style, char out[ADDR_TEXT_MAX]);

/* From what a socket says.
 *
 * Returns    0, or MG_EINVAL when `len` is too short or the family is neither AF_INET nor AF_INET6.
 */
MG_MUST_CHECK int addr_from_sockaddr(const struct sockaddr *sa, size_t len, struct addr *out);

/* For a socket of the address's own family. ADDR_NONE becomes AF_UNSPEC.
 *
 * Returns    the length to give to the kernel.
 */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);

/* From 4 bytes in network order, port in host order. */
struct addr addr_v4(const uint8_t ip[4], uint16_t port);

/* From 16 bytes in network order, port in host order; v4-mapped becomes IPv4. */
struct addr addr_v6(const uint8_t ip[16], uint16_t port);

/* Same address, same port. */
static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Same address, whatever the port. */
static inline bool addr_host_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, ADDR_HOST_LEN) == 0;
}

/* The bytes to hash or to compare an address with port by; valid as long as `a`. */
static inline struct sv addr_key(const struct addr *a)
{
	return sv_of((const char *)a, sizeof(*a));
}

/* The same without port. */
static inline struct sv addr_host_key(const struct addr *a)
{
	return sv_of((const char *)a, ADDR_HOST_LEN);
}

/* The address with all bits behind the first `v4_bits` (or `v6_bits`) cleared, without port and
 * scope: what limits per source are counted by, as in addr_net(&peer, 32, 64).
 */
struct addr addr_net(const struct addr *a, unsigned v4_bits, unsigned v6_bits);

struct prefix {
	struct addr net; /* host bits, port and scope are 0 */
	uint8_t bits;    /* 0-32 or 0-128 */
};

/* Read a.b.c.d/n or v6/n; without /n it is the one address. Host bits that are set (10.0.0.1/8)
 * are refused: one of the two numbers is a mistake, and which one cannot be known. A v4-mapped
 * prefix (::ffff:10.0.0.0/104) becomes IPv4.
 *
 * Returns    0, MG_EPARSE for another form, MG_ERANGE for host bits or an n too large.
 */
MG_MUST_CHECK int prefix_parse(struct sv text, struct prefix *out);

/* Whether `a` lies in `p`; port and scope do not count. An IPv6 prefix, ::/0 too, has no IPv4. */
bool prefix_has(const struct prefix *p, const struct addr *a);

/* Kinds of address, after the special-purpose registries of IANA (RFC 6890). */
enum addr_class {
	ADDR_CLASS_GLOBAL,        /* none of the others */
	ADDR_CLASS_PRIVATE,       /* RFC 1918, fc00::/7, fec0::/10, 192.0.0.0/24, 64:ff9b:1::/48 */
	ADDR_CLASS_CGNAT,         /* 100.64.0.0/10 */
	ADDR_CLASS_DOCUMENTATION, /* RFC 5737, 2001:db8::/32, 3fff::/20, and benchmarks (198.18/15) */
	ADDR_CLASS_LOOPBACK,      /* 127.0.0.0/8, ::1 */
	ADDR_CLASS_LINKLOCAL,     /* 169.254.0.0/16, fe80::/10: cloud metadata services live here */
	ADDR_CLASS_MULTICAST,     /* 224.0.0.0/4, ff00::/8 */
	ADDR_CLASS_UNSPECIFIED,   /* 0.0.0.0/8, ::, and ADDR_NONE */
	ADDR_CLASS_BROADCAST,     /* 255.255.255.255 */
	ADDR_CLASS_RESERVED,      /* 240/4, 192.88.99/24, IPv6 outside 2000::/3 */
};

/* The kind of `a`. IPv6 that carries an IPv4 address (::a.b.c.d, ::ffff:0:a.b.c.d, NAT64
 * 64:ff9b::/96 and 64:ff9b:1::/96, 6to4 2002::/16, Teredo 2001::/32) has the kind of that IPv4
 * address unless it is global: a translator on the way would deliver it there.
 */
enum addr_class addr_class(const struct addr *a);

/* The name as it stands in logs, "loopback". */
const char *addr_class_name(enum addr_class c);

/* Exceptions a sending zone can make, because it has a listener there. */
enum addr_allow {
	ADDR_ALLOW_LOOPBACK = 1,
	ADDR_ALLOW_LINKLOCAL = 2,
};

/* Whether SIP or RTP must not be sent to `a` (threat T-13): loopback, link-local, 0/8, multicast,
 * broadcast, reserved. Private and CGNAT addresses are left to the zone's own rule, our own
 * listeners, control and cluster addresses to the caller's list.
 *
 * allow      enum addr_allow, or-ed.
 */
bool addr_forbidden_target(const struct addr *a, unsigned allow);

#endif
