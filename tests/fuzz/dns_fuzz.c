/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns: any bytes as the answer to the question they carry; when they carry none, to another one.
 *
 * Holds: at most 32 records; names in the form of host names, in the answer's own room; addresses of the family asked for; what
 * is of no use is not there; the same bytes read the same again; the question that was read, written again, reads the same.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "sip/uri.h"
#include "transport/dns_packet.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_name(const struct dns_answer *a, unsigned i)
{
	struct sv name = a->rec[i].name;
	char clean[DNS_NAME_MAX];

	CHECK(name.n <= DNS_NAME_MAX && name.p == a->text[i]);
	if (name.n == 0)
		return;
	CHECK(dns_name_clean(name, clean) == (int)name.n && memcmp(clean, name.p, name.n) == 0);
}

static void check_record(const struct dns_answer *a, unsigned i, enum dns_type type)
{
	const struct dns_rec *r = &a->rec[i];

	switch (type) {
	case DNS_A: CHECK(r->addr.family == ADDR_V4 && r->addr.port == 0); return;
	case DNS_AAAA: CHECK(r->addr.family == ADDR_V6 && r->addr.port == 0); return;
	case DNS_SRV:
		check_name(a, i);
		CHECK(r->name.n == 0 || r->port != 0);
		return;
	case DNS_NAPTR:
		check_name(a, i);
		CHECK(r->name.n != 0);
		CHECK(r->transport == SIP_TRANSPORT_UDP || r->transport == SIP_TRANSPORT_TCP ||
		      r->transport == SIP_TRANSPORT_TLS);
		return;
	}
}

static void check_answer(struct sv packet, struct sv name, enum dns_type type)
{
	static struct dns_answer a, again;
	int ret = dns_answer_read(&a, packet, name, type);

	if (ret) {
		CHECK(ret == MG_EPARSE || ret == MG_ELIMIT);
		return;
	}
	CHECK(a.n <= DNS_RECORDS_MAX && (a.kind == DNS_FOUND) == (a.n > 0));
	for (unsigned i = 0; i < a.n; i++)
		check_record(&a, i, type);
	if (a.kind == DNS_FOUND)
		CHECK(a.ttl_s <= INT32_MAX);
	CHECK(dns_answer_read(&again, packet, name, type) == 0);
	CHECK(again.n == a.n && again.kind == a.kind && again.ttl_s == a.ttl_s);
}

static void check_question(struct sv name, enum dns_type type)
{
	uint8_t out[DNS_QUESTION_MAX];
	char text[DNS_NAME_MAX];
	uint16_t same;

	for (int edns = 0; edns < 2; edns++) {
		size_t n = dns_question_write(out, 1, name, type, edns);

		CHECK(n <= sizeof(out));
		int again = dns_packet_question(sv_of((char *)out, n), text, &same);
		CHECK(again == (int)name.n && same == type && memcmp(text, name.p, name.n) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
	struct sv packet = sv_of((const char *)data, size);
	char name[DNS_NAME_MAX];
	uint16_t asked = 0;
	int n = dns_packet_question(packet, name, &asked);

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (n < 0)
			check_answer(packet, SV("example.com"), types[i]);
		else if (asked == types[i])
			check_answer(packet, sv_of(name, (size_t)n), types[i]);
	}
	if (n > 0)
		check_question(sv_of(name, (size_t)n), DNS_SRV);
	return 0;
}
