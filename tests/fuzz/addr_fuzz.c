/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * addr: any text as an address and as a prefix; the first byte chooses which forms are taken.
 *
 * Holds: what was parsed is written in each style and parsed again to the same; an IPv4-mapped address never comes
 * out as IPv6; a prefix contains its own network; the kind of an address has a name.
 */
#include <stdlib.h>

#include "base/addr.h"
#include "fuzz/fuzz.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_addr(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[ADDR_TEXT_MAX];
	struct addr again;

	CHECK(a->family == ADDR_V4 || a->family == ADDR_V6);
	CHECK(a->family == ADDR_V4 || memcmp(a->ip, mapped, sizeof(mapped)) != 0);
	CHECK(addr_class_name(addr_class(a))[0]);
	size_t n = addr_write(a, ADDR_HOSTPORT, text);
	CHECK(n < ADDR_TEXT_MAX && addr_parse(sv_of(text, n), ADDR_PORT, &again) == 0);
	again.scope = a->scope; /* never written */
	CHECK(addr_eq(a, &again));
	n = addr_write(a, ADDR_BARE, text);
	CHECK(n < ADDR_TEXT_MAX && addr_parse(sv_of(text, n), ADDR_IP, &again) == 0);
	again.scope = a->scope;
	CHECK(addr_host_eq(a, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr a;
	struct prefix prefix;

	if (size == 0)
		return 0;
	struct sv text = sv_of((const char *)data + 1, size - 1);
	if (addr_parse(text, data[0] & 7, &a) == 0)
		check_addr(&a);
	if (prefix_parse(text, &prefix) == 0)
		CHECK(prefix_has(&prefix, &prefix.net));
	return 0;
}
