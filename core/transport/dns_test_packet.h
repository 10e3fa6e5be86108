/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_test_packet: DNS answers put together piece by piece, well formed or not. For tests only; holds no test itself. Called by
 * the tests of the resolver and their name server.
 */
#ifndef MG_TRANSPORT_DNS_TEST_PACKET_H
#define MG_TRANSPORT_DNS_TEST_PACKET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test_guard.h"
#include "sip/uri.h"
#include "transport/dns_packet.h"

enum { PK_A = 1, PK_NS = 2, PK_CNAME = 5, PK_AAAA = 28, PK_SRV = 33, PK_NAPTR = 35, PK_OPT = 41 };

#define PK_QNAME 12 /* where the question's name stands */

struct pk {
	size_t n;
	uint8_t b[65535];
};

static inline void pk_u8(struct pk *p, unsigned v)
{
	if (p->n == sizeof(p->b))
		abort();
	p->b[p->n++] = (uint8_t)v;
}

static inline void pk_u16(struct pk *p, unsigned v)
{
	pk_u8(p, v >> 8);
	pk_u8(p, v);
}

static inline void pk_u32(struct pk *p, uint32_t v)
{
	pk_u16(p, v >> 16);
	pk_u16(p, v);
}

static inline void pk_bytes(struct pk *p, const void *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pk_u8(p, ((const uint8_t *)b)[i]);
}

/* A text with its length before it. */
static inline void pk_text(struct pk *p, const char *text)
{
	pk_u8(p, (unsigned)strlen(text));
	pk_bytes(p, text, strlen(text));
}

/* A name as it is written, "" for the root; case is kept. */
static inline void pk_name(struct pk *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		pk_u8(p, (unsigned)n);
		pk_bytes(p, name, n);
		name += n + (name[n] == '.');
	}
	pk_u8(p, 0);
}

static inline void pk_pointer(struct pk *p, size_t to)
{
	pk_u16(p, 0xc000 | (unsigned)to);
}

/* Begin an answer to one question; counts of records grow with pk_record. */
static inline void pk_begin(struct pk *p, uint16_t id, unsigned rcode, const char *name,
			    unsigned type)
{
	p->n = 0;
	pk_u16(p, id);
	pk_u16(p, 0x8180 | rcode); /* an answer, recursion desired and available */
	pk_u16(p, 1);
	for (int i = 0; i < 3; i++)
		pk_u16(p, 0);
	pk_name(p, name);
	pk_u16(p, type);
	pk_u16(p, 1);
}

static inline void pk_set_u16(struct pk *p, size_t at, unsigned v)
{
	p->b[at] = (uint8_t)(v >> 8);
	p->b[at + 1] = (uint8_t)v;
}

static inline unsigned pk_get_u16(const struct pk *p, size_t at)
{
	return (unsigned)p->b[at] << 8 | p->b[at + 1];
}

/* Begin a record in the answer section; owner NULL is a pointer to the question's name. Returns what pk_end takes. */
static inline size_t pk_record(struct pk *p, const char *owner, unsigned type, uint32_t ttl_s)
{
	pk_set_u16(p, 6, pk_get_u16(p, 6) + 1);
	if (owner)
		pk_name(p, owner);
	else
		pk_pointer(p, PK_QNAME);
	pk_u16(p, type);
	pk_u16(p, 1);
	pk_u32(p, ttl_s);
	pk_u16(p, 0);
	return p->n;
}

static inline void pk_end(struct pk *p, size_t data)
{
	pk_set_u16(p, data - 2, (unsigned)(p->n - data));
}

static inline void pk_address(struct pk *p, const char *owner, uint32_t ttl_s, const char *text)
{
	struct addr a;

	if (addr_parse(sv_str(text), ADDR_IP, &a))
		abort();
	size_t at = pk_record(p, owner, a.family == ADDR_V4 ? PK_A : PK_AAAA, ttl_s);
	pk_bytes(p, a.ip, a.family == ADDR_V4 ? 4 : 16);
	pk_end(p, at);
}

static inline void pk_alias(struct pk *p, const char *owner, uint32_t ttl_s, const char *target)
{
	size_t at = pk_record(p, owner, PK_CNAME, ttl_s);

	pk_name(p, target);
	pk_end(p, at);
}

static inline void pk_srv(struct pk *p, const char *owner, uint32_t ttl_s, unsigned priority,
			  unsigned weight, unsigned port, const char *target)
{
	size_t at = pk_record(p, owner, PK_SRV, ttl_s);

	pk_u16(p, priority);
	pk_u16(p, weight);
	pk_u16(p, port);
	pk_name(p, target);
	pk_end(p, at);
}

static inline void pk_naptr(struct pk *p, const char *owner, uint32_t ttl_s, unsigned order,
			    unsigned preference, const char *flags, const char *service,
			    const char *regexp, const char *replacement)
{
	size_t at = pk_record(p, owner, PK_NAPTR, ttl_s);

	pk_u16(p, order);
	pk_u16(p, preference);
	pk_text(p, flags);
	pk_text(p, service);
	pk_text(p, regexp);
	pk_name(p, replacement);
	pk_end(p, at);
}

static inline struct sv pk_sv(const struct pk *p)
{
	return sv_of((const char *)p->b, p->n);
}

/* ---- rows ---- */

#define PK_HOST "sip.example.com" /* what rows ask for */

/* An answer, and what is to come of it. */
struct pk_row {
	void (*make)(void); /* puts it into the test's own pk */
	unsigned type;
	int ret;
	const char *text; /* of pk_describe */
	const char *name;
};

static inline void pk_host(struct pk *p, unsigned type)
{
	pk_begin(p, 7, 0, PK_HOST, type);
}

static inline const char *pk_transport(const struct dns_rec *r)
{
	return sip_transport_name((enum sip_transport)r->transport);
}

/* What an answer says, "found 300 10,60,5060,a.example.com". */
static inline void pk_describe(const struct dns_answer *a, enum dns_type type, char *out,
			       size_t cap)
{
	static const char *const kinds[] = {"found", "none", "lost"};
	size_t n = (size_t)snprintf(out, cap, "%s", kinds[a->kind]);

	if (a->kind == DNS_FOUND)
		n += (size_t)snprintf(out + n, cap - n, " %u", a->ttl_s);
	for (unsigned i = 0; i < a->n && n < cap; i++) {
		const struct dns_rec *r = &a->rec[i];
		char ip[ADDR_TEXT_MAX];

		addr_write(&r->addr, ADDR_BARE, ip);
		if (type == DNS_SRV)
			n += (size_t)snprintf(out + n, cap - n, " %u,%u,%u,%.*s", r->rank, r->share,
					      r->port, SV_ARG(r->name));
		else if (type == DNS_NAPTR)
			n += (size_t)snprintf(out + n, cap - n, " %u,%u,%s,%.*s", r->rank, r->share,
					      pk_transport(r), SV_ARG(r->name));
		else
			n += (size_t)snprintf(out + n, cap - n, " %s", ip);
	}
}

/* Read a row's answer, at the end of a page. Returns whether it is as it should be, and says what is not. */
static inline bool pk_row_holds(const struct guard *guard, const struct pk *pk,
				const struct pk_row *row)
{
	static struct dns_answer answer;
	char text[4096] = "";

	row->make();
	memset(&answer, 0xa5, sizeof(answer));
	int ret = dns_answer_read(&answer, guard_put(guard, pk_sv(pk)), SV(PK_HOST),
				  (enum dns_type)row->type);
	if (ret == 0)
		pk_describe(&answer, (enum dns_type)row->type, text, sizeof(text));
	if (ret == row->ret && strcmp(text, row->text) == 0)
		return true;
	fprintf(stderr, "%s: %d \"%s\"\n", row->name, ret, text);
	return false;
}

#endif
