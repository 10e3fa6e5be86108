/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_wire: a cursor over the bytes of a DNS message, and names in it and as text. What a message consists of stands in
 * dns_packet.c, which alone calls this, beside who cleans host names.
 */
#ifndef MG_TRANSPORT_DNS_WIRE_H
#define MG_TRANSPORT_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sv.h"

enum {
	DNS_WIRE_HEADER = 12,
	DNS_WIRE_NAME_MAX =
		255, /* bytes of a name, lengths and the root included (RFC 1035 §2.3.4) */
	DNS_WIRE_LABEL_MAX = 63,
	DNS_WIRE_POINTERS_MAX = 32, /* followed in one name: a writer needs one, a bomb thousands */
};

/* A place in a message. Once something did not fit, all reads give 0 and `bad` stays. */
struct dns_wire {
	const uint8_t *p;
	size_t n, at;
	bool bad;
};

/* A name as text in lower case, without its last dot. `odd`: it holds bytes that no host or service has, so it equals none of
 * ours; `n` is 0 then, as it is for the root. */
struct dns_name {
	size_t n;
	bool odd;
	char text[DNS_WIRE_NAME_MAX + 1];
};

/* Begin at the first byte. */
struct dns_wire dns_wire_of(struct sv packet);

/* The same message, read from `at` up to `end`; pointers of names still reach all that lies before. */
struct dns_wire dns_wire_part(const struct dns_wire *w, size_t at, size_t end);

/* The next `n` bytes, NULL when there are not so many. */
const uint8_t *dns_take(struct dns_wire *w, size_t n);
uint8_t dns_take_u8(struct dns_wire *w);
uint16_t dns_take_u16(struct dns_wire *w);
uint32_t dns_take_u32(struct dns_wire *w);

/* A length byte and so many bytes. */
struct sv dns_take_text(struct dns_wire *w);

/* Read a name and go on behind it. Pointers lead strictly backwards (RFC 1035 §4.1.4: "a prior occurrence"), and are few. */
void dns_take_name(struct dns_wire *w, struct dns_name *name);

/* Go on behind a name without following it. */
void dns_skip_name(struct dns_wire *w);

/* Whether the name is `text`, which is in the form of dns_name_clean. */
bool dns_name_is(const struct dns_name *name, struct sv text);

#endif
