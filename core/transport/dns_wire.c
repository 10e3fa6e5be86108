/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_wire: reading with one sticky error, and names.
 *
 *   name      = *(length(1) label) ( %x00 / pointer )          length 1-63; 255 bytes in all
 *   pointer   = %b11 offset(14)                                to an earlier name; RFC 1035 §4.1.4
 */
#include "transport/dns_wire.h"

#include "transport/dns_packet.h"

struct dns_wire dns_wire_of(struct sv packet)
{
	return (struct dns_wire){.p = (const uint8_t *)packet.p, .n = packet.n};
}

struct dns_wire dns_wire_part(const struct dns_wire *w, size_t at, size_t end)
{
	return (struct dns_wire){.p = w->p, .n = end, .at = at};
}

const uint8_t *dns_take(struct dns_wire *w, size_t n)
{
	if (w->bad || n > w->n - w->at) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	return w->p + w->at - n;
}

uint8_t dns_take_u8(struct dns_wire *w)
{
	const uint8_t *p = dns_take(w, 1);

	return p ? p[0] : 0;
}

uint16_t dns_take_u16(struct dns_wire *w)
{
	const uint8_t *p = dns_take(w, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t dns_take_u32(struct dns_wire *w)
{
	uint32_t high = dns_take_u16(w);

	return high << 16 | dns_take_u16(w);
}

struct sv dns_take_text(struct dns_wire *w)
{
	size_t n = dns_take_u8(w);
	const uint8_t *p = dns_take(w, n);

	return p ? sv_of((const char *)p, n) : SV("");
}

/* ---- names ---- */

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void add_label(struct dns_name *name, const uint8_t *p, size_t n)
{
	if (name->n)
		name->text[name->n++] = '.';
	for (size_t i = 0; i < n; i++) {
		char c = sv_lower((char)p[i]);

		name->odd |= !is_host_char(c);
		name->text[name->n++] = c;
	}
}

/* Follow a pointer. Each goes to a place before the run of labels that it ends, so the places only fall and there is no circle.
 *
 * from       Where that run began; becomes where it goes on.
 */
static bool follow(struct dns_wire *w, uint8_t high, size_t *from)
{
	size_t to = (size_t)(high & 0x3f) << 8 | dns_take_u8(w);

	if (w->bad || to < DNS_WIRE_HEADER || to >= *from)
		return false;
	w->at = *from = to;
	return true;
}

void dns_take_name(struct dns_wire *w, struct dns_name *name)
{
	size_t from = w->at, behind = 0, bytes = 1;
	unsigned pointers = 0;
	uint8_t len;

	*name = (struct dns_name){0};
	while ((len = dns_take_u8(w)) != 0) {
		if (len > DNS_WIRE_LABEL_MAX) {
			size_t next = w->at + 1;

			if (len < 0xc0 || ++pointers > DNS_WIRE_POINTERS_MAX ||
			    !follow(w, len, &from))
				goto bad;
			if (!behind)
				behind = next;
			continue;
		}
		const uint8_t *label = dns_take(w, len);

		bytes += len + 1u;
		if (!label || bytes > DNS_WIRE_NAME_MAX)
			goto bad;
		add_label(name, label, len);
	}
	if (w->bad)
		goto bad;
	if (behind)
		w->at = behind;
	if (name->odd)
		name->n = 0;
	return;
bad:
	w->bad = true;
}

void dns_skip_name(struct dns_wire *w)
{
	uint8_t len;

	while ((len = dns_take_u8(w)) != 0) {
		if (len > DNS_WIRE_LABEL_MAX) {
			w->bad |= len < 0xc0;
			dns_take(w, 1);
			return;
		}
		dns_take(w, len);
	}
}

bool dns_name_is(const struct dns_name *name, struct sv text)
{
	return !name->odd && sv_eq(sv_of(name->text, name->n), text);
}

int dns_name_clean(struct sv text, char out[DNS_NAME_MAX])
{
	char clean[DNS_NAME_MAX];
	size_t label = 0;

	if (text.n > 1 && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0 || text.n > DNS_NAME_MAX)
		return MG_EPARSE;
	for (size_t i = 0; i < text.n; i++) {
		char c = sv_lower(text.p[i]);

		if (c == '.' ? label == 0 : !is_host_char(c) || label == DNS_WIRE_LABEL_MAX)
			return MG_EPARSE;
		label = c == '.' ? 0 : label + 1;
		clean[i] = c;
	}
	if (label == 0)
		return MG_EPARSE;
	memcpy(out, clean, text.n);
	return (int)text.n;
}
