/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * addr: text and sockaddr to the canonical form and back, and prefixes. What kind of address it is
 * stands in addr_class.c.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

#define V6_TEXT_MAX 45 /* 0000:0000:0000:0000:0000:ffff:255.255.255.255 */

static_assert(sizeof(struct addr) == 24, "no padding: the struct is a key");
static_assert(offsetof(struct addr, port) == ADDR_HOST_LEN, "what stands before the port is a key");

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct addr addr_v4(const uint8_t ip[4], uint16_t port)
{
	struct addr a = {.family = ADDR_V4, .port = port};

	memcpy(a.ip, ip, 4);
	return a;
}

struct addr addr_v6(const uint8_t ip[16], uint16_t port)
{
	struct addr a = {.family = ADDR_V6, .port = port};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		return addr_v4(ip + sizeof(mapped), port);
	memcpy(a.ip, ip, 16);
	return a;
}

static bool is_linklocal_v6(const struct addr *a)
{
	return a->family == ADDR_V6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

/* Four decimal numbers, as inet_pton(3) takes them: read in most messages several times, and that copies first. */
static bool parse_v4(struct sv text, struct addr *out)
{
	unsigned part = 0, digits = 0, value = 0;
	uint8_t ip[4];

	if (text.n >= INET_ADDRSTRLEN)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c >= '0' && c <= '9' && !(digits && value == 0)) { /* 01 is octal to some */
			value = value * 10 + (unsigned)(c - '0');
			digits++;
		} else if (c == '.' && digits && part < 3) {
			ip[part++] = (uint8_t)value;
			digits = value = 0;
		} else {
			return false;
		}
		if (value > 255)
			return false;
	}
	if (part != 3 || !digits)
		return false;
	ip[3] = (uint8_t)value;
	*out = addr_v4(ip, 0);
	return true;
}

/* Copy v6 text, without the third colon of RFC 5118 §4.10 where that is allowed: only before the
 * dotted part at the end.
 */
static bool copy_v6(struct sv text, bool three_colons, char z[V6_TEXT_MAX + 2])
{
	size_t n = 0;

	if (text.n > V6_TEXT_MAX + 1 || (text.n && memchr(text.p, '\0', text.n)))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		struct sv rest = sv_of(text.p + i, text.n - i);
		struct addr v4;

		if (three_colons && sv_starts(rest, SV(":::")) &&
		    parse_v4(sv_of(rest.p + 3, rest.n - 3), &v4))
			continue;
		z[n++] = text.p[i];
	}
	z[n] = '\0';
	return true;
}

static bool parse_v6(struct sv text, unsigned forms, struct addr *out)
{
	size_t percent = sv_find(text, '%');
	char z[V6_TEXT_MAX + 2];
	uint32_t scope = 0;
	uint8_t ip[16];

	if (percent < text.n) {
		struct sv digits = sv_of(text.p + percent + 1, text.n - percent - 1);

		if (!(forms & ADDR_SCOPE) || digits.n > 10 || sv_u32(digits, UINT32_MAX, &scope))
			return false;
		text.n = percent;
	}
	if (!copy_v6(text, forms & ADDR_THREE_COLONS, z) || inet_pton(AF_INET6, z, ip) != 1)
		return false;
	struct addr a = addr_v6(ip, 0);
	if (scope && !is_linklocal_v6(&a))
		return false;
	a.scope = scope;
	*out = a;
	return true;
}

static bool parse_port(struct sv text, unsigned forms, uint16_t *port)
{
	uint32_t v;

	if (text.n == 0) {
		*port = 0;
		return true;
	}
	if (!(forms & ADDR_PORT) || text.p[0] != ':' || text.n > 6 ||
	    sv_u32(sv_of(text.p + 1, text.n - 1), 65535, &v))
		return false;
	*port = (uint16_t)v;
	return true;
}

int addr_parse(struct sv text, unsigned forms, struct addr *out)
{
	struct addr a;
	uint16_t port = 0;
	bool ok;

	if (text.n && text.p[0] == '[') {
		size_t close = sv_find(text, ']');

		ok = close < text.n && parse_v6(sv_of(text.p + 1, close - 1), forms, &a) &&
		     parse_port(sv_of(text.p + close + 1, text.n - close - 1), forms, &port);
	} else if (sv_find(text, ':') < sv_find(text, '.')) {
		ok = parse_v6(text, forms, &a);
	} else {
		size_t colon = sv_find(text, ':');

		ok = parse_v4(sv_of(text.p, colon), &a) &&
		     parse_port(sv_of(text.p + colon, text.n - colon), forms, &port);
	}
	if (!ok)
		return MG_EPARSE;
	a.port = port;
	*out = a;
	return 0;
}

static char *write_decimal(char *at, unsigned v)
{
	char digits[10];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*at++ = digits[--n];
	return at;
}

static char *write_v4(char *at, const uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = write_decimal(at, ip[i]);
	}
	return at;
}

static char *write_hex(char *at, unsigned v)
{
	for (unsigned shift = 16; shift;) {
		shift -= 4;
		if (v >> shift || shift == 0)
			*at++ = "0123456789abcdef"[v >> shift & 15];
	}
	return at;
}

/* The first of the longest runs of zero groups, two at least (RFC 5952 §4.2). */
static void longest_zeros(const unsigned group[8], size_t *start, size_t *n)
{
	size_t run = 0;

	*start = 8;
	*n = 1;
	for (size_t i = 0; i < 8; i++) {
		run = group[i] ? 0 : run + 1;
		if (run > *n) {
			*n = run;
			*start = i + 1 - run;
		}
	}
}

static char *write_v6(char *at, const uint8_t ip[16])
{
	unsigned group[8];
	size_t zeros, n;

	for (size_t i = 0; i < 8; i++)
		group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
	longest_zeros(group, &zeros, &n);
	for (size_t i = 0; i < 8; i++) {
		if (i == zeros) {
			*at++ = ':';
			i += n - 1;
			if (i == 7)
				*at++ = ':';
			continue;
		}
		if (i)
			*at++ = ':';
		at = write_hex(at, group[i]);
	}
	return at;
}

size_t addr_write(const struct addr *a, enum addr_style style, char out[ADDR_TEXT_MAX])
{
	bool brackets = a->family == ADDR_V6 && style != ADDR_BARE;
	char *at = out;

	if (brackets)
		*at++ = '[';
	if (a->family == ADDR_V4)
		at = write_v4(at, a->ip);
	else if (a->family == ADDR_V6)
		at = write_v6(at, a->ip);
	else
		*at++ = '-';
	if (brackets)
		*at++ = ']';
	if (style == ADDR_HOSTPORT && a->family != ADDR_NONE) {
		*at++ = ':';
		at = write_decimal(at, a->port);
	}
	*at = '\0';
	return (size_t)(at - out);
}

int addr_from_sockaddr(const struct sockaddr *sa, size_t len, struct addr *out)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (len < offsetof(struct sockaddr, sa_data))
		return MG_EINVAL;
	if (sa->sa_family == AF_INET && len >= sizeof(in)) {
		memcpy(&in, sa, sizeof(in));
		*out = addr_v4((const uint8_t *)&in.sin_addr, ntohs(in.sin_port));
		return 0;
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(in6)) {
		memcpy(&in6, sa, sizeof(in6));
		*out = addr_v6(in6.sin6_addr.s6_addr, ntohs(in6.sin6_port));
		if (is_linklocal_v6(out))
			out->scope = in6.sin6_scope_id;
		return 0;
	}
	return MG_EINVAL;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	if (a->family == ADDR_V4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};

		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == ADDR_V6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

		memcpy(&in6.sin6_addr, a->ip, 16);
		in6.sin6_scope_id = a->scope;
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	memset(out, 0, sizeof(struct sockaddr));
	out->ss_family = AF_UNSPEC;
	return sizeof(struct sockaddr);
}

struct addr addr_net(const struct addr *a, unsigned v4_bits, unsigned v6_bits)
{
	unsigned bits = a->family == ADDR_V4 ? v4_bits : v6_bits;
	struct addr net = {.family = a->family};

	for (unsigned i = 0; i < 16 && 8 * i < bits; i++) {
		unsigned left = bits - 8 * i;
		uint8_t mask = (uint8_t)(left >= 8 ? 0xff : 0xff00 >> left);

		net.ip[i] = a->ip[i] & mask;
	}
	return net;
}

/* The number behind the slash, without leading zeros. */
static int parse_bits(struct sv digits, uint32_t max, uint32_t *bits)
{
	if (digits.n > 1 && digits.p[0] == '0')
		return MG_EPARSE;
	return sv_u32(digits, max, bits);
}

int prefix_parse(struct sv text, struct prefix *out)
{
	size_t slash = sv_find(text, '/');
	struct sv host = sv_of(text.p, slash);
	bool was_v6 = sv_find(host, ':') < host.n;
	uint32_t skip = 0, bits = was_v6 ? 128 : 32;
	struct addr a;

	if ((host.n && host.p[0] == '[') || addr_parse(host, ADDR_IP, &a))
		return MG_EPARSE;
	if (slash < text.n) {
		struct sv digits = sv_of(text.p + slash + 1, text.n - slash - 1);
		int err = parse_bits(digits, bits, &bits);
		if (err)
			return err;
	}
	if (was_v6 && a.family == ADDR_V4)
		skip = 96; /* ::ffff: is gone from the address, and from its length */
	if (bits < skip)
		return MG_ERANGE;
	bits -= skip;

	struct addr net = addr_net(&a, bits, bits);
	if (!addr_eq(&net, &a))
		return MG_ERANGE;
	*out = (struct prefix){.net = net, .bits = (uint8_t)bits};
	return 0;
}

bool prefix_has(const struct prefix *p, const struct addr *a)
{
	if (p->net.family != a->family)
		return false;
	struct addr net = addr_net(a, p->bits, p->bits);

	return addr_eq(&net, &p->net);
}
