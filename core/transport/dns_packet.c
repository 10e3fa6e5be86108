/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_packet: a walk over the answer section, first along the aliases, then for the records at their end. Authority and
 * additional sections are not looked at: what a server says of names nobody asked for is not believed.
 *
 *   message   = header question answers                        RFC 1035 §4.1
 *   header    = id(2) flags(2) qdcount(2) ancount(2) nscount(2) arcount(2)
 *   flags     = QR(1) opcode(4) AA TC RD RA(4) Z(3) rcode(4)   bits
 *   question  = name type(2) class(2)
 *   answer    = name type(2) class(2) ttl(4) rdlength(2) rdata
 *   A         = address(4)          AAAA = address(16)         RFC 3596
 *   CNAME     = name
 *   SRV       = priority(2) weight(2) port(2) name             RFC 2782
 *   NAPTR     = order(2) preference(2) flags services regexp name   RFC 3403 §4.1
 *   flags, services, regexp = length(1) text
 */
#include "transport/dns_packet.h"

#include "sip/uri.h"
#include "transport/dns_wire.h"

enum {
	CLASS_IN = 1,
	TYPE_CNAME = 5,
	TYPE_OPT = 41,
	RCODE_OK = 0,
	RCODE_NXDOMAIN = 3,
};

/* ---- the question ---- */

static uint8_t *put_u16(uint8_t *out, unsigned v)
{
	*out++ = (uint8_t)(v >> 8);
	*out++ = (uint8_t)v;
	return out;
}

static uint8_t *put_name(uint8_t *out, struct sv name)
{
	while (name.n) {
		size_t label = sv_find(name, '.');
		size_t used = label < name.n ? label + 1 : label;

		*out++ = (uint8_t)label;
		memcpy(out, name.p, label);
		out += label;
		name = sv_of(name.p + used, name.n - used);
	}
	*out++ = 0;
	return out;
}

size_t dns_question_write(uint8_t out[DNS_QUESTION_MAX], uint16_t id, struct sv name,
			  enum dns_type type, bool edns)
{
	static const uint8_t recursion_desired_one_question[] = {1, 0, 0, 1, 0, 0, 0, 0, 0};
	uint8_t *p = put_u16(out, id);

	memcpy(p, recursion_desired_one_question, sizeof(recursion_desired_one_question));
	p += sizeof(recursion_desired_one_question);
	*p++ = edns; /* the number of additional records */
	p = put_name(p, name);
	p = put_u16(p, type);
	p = put_u16(p, CLASS_IN);
	if (edns) { /* RFC 6891 §6.1.2: root, OPT, size, no flags, no options */
		*p++ = 0;
		p = put_u16(p, TYPE_OPT);
		p = put_u16(p, DNS_EDNS_BYTES);
		memset(p, 0, 6);
		p += 6;
	}
	return (size_t)(p - out);
}

/* ---- the answer ---- */

struct header {
	uint16_t flags, questions, answers;
};

static struct header take_header(struct dns_wire *w)
{
	struct header h;

	dns_take(w, 2);
	h.flags = dns_take_u16(w);
	h.questions = dns_take_u16(w);
	h.answers = dns_take_u16(w);
	dns_take(w, 4);
	return h;
}

static bool is_answer(const struct header *h)
{
	return h->flags & 0x8000 && (h->flags & 0x7800) == 0 && h->questions == 1;
}

/* A record: its head. The data lies at `at`, up to `end`. */
struct record {
	size_t owner, at, end;
	uint16_t type, class;
	uint32_t ttl_s;
};

/* Read the head of the next record and go on behind its data. */
static void take_record(struct dns_wire *w, struct record *r)
{
	r->owner = w->at;
	dns_skip_name(w);
	r->type = dns_take_u16(w);
	r->class = dns_take_u16(w);
	r->ttl_s = dns_take_u32(w);
	if (r->ttl_s > INT32_MAX) /* RFC 2181 §8 */
		r->ttl_s = 0;
	size_t n = dns_take_u16(w);
	r->at = w->at;
	dns_take(w, n);
	r->end = w->at;
}

static bool owned_by(const struct dns_wire *w, const struct record *r, struct sv name)
{
	struct dns_wire at = dns_wire_part(w, r->owner, w->n);
	struct dns_name owner;

	dns_take_name(&at, &owner);
	return !at.bad && dns_name_is(&owner, name);
}

/* The name that ends a record's data, which must end with it. */
static bool last_name(struct dns_wire *data, size_t end, struct dns_name *name)
{
	dns_take_name(data, name);
	return !data->bad && data->at == end;
}

/* The walk: the answer section, the name that it is about just now, and how it came to be that. */
struct walk {
	struct dns_wire section;
	unsigned records; /* of the section, as far as we look */
	struct dns_name name;
	unsigned aliases;
	uint32_t ttl_s;
};

static void see_ttl(struct walk *walk, uint32_t ttl_s)
{
	if (ttl_s < walk->ttl_s)
		walk->ttl_s = ttl_s;
}

/* Follow the aliases of one pass over the section, in the order they stand there.
 *
 * Returns    how many were followed, or an error.
 */
static int follow_aliases(struct walk *walk)
{
	struct dns_wire w = walk->section;
	int followed = 0;

	for (unsigned i = 0; i < walk->records; i++) {
		struct record r;
		struct dns_name target;

		take_record(&w, &r);
		if (w.bad)
			return MG_EPARSE;
		if (r.type != TYPE_CNAME || r.class != CLASS_IN ||
		    !owned_by(&w, &r, sv_of(walk->name.text, walk->name.n)))
			continue;
		struct dns_wire data = dns_wire_part(&w, r.at, r.end);
		if (!last_name(&data, r.end, &target))
			return MG_EPARSE;
		if (++walk->aliases > DNS_CNAMES_MAX)
			return MG_ELIMIT;
		walk->name = target;
		see_ttl(walk, r.ttl_s);
		followed++;
	}
	return followed;
}

/* ---- records ---- */

static enum sip_transport service_transport(struct sv service)
{
	if (sv_ieq(service, SV("SIP+D2U")))
		return SIP_TRANSPORT_UDP;
	if (sv_ieq(service, SV("SIP+D2T")))
		return SIP_TRANSPORT_TCP;
	if (sv_ieq(service, SV("SIPS+D2T")))
		return SIP_TRANSPORT_TLS;
	return SIP_TRANSPORT_NONE;
}

/* The readers of data: whether it was well formed. One that we have no use for (a service of another protocol, a name that no
 * host has) sets `skip`.
 */
static bool read_a(struct dns_wire *data, size_t end, struct dns_rec *rec)
{
	if (end - data->at != 4)
		return false;
	rec->addr = addr_v4(dns_take(data, 4), 0);
	return true;
}

static bool read_aaaa(struct dns_wire *data, size_t end, struct dns_rec *rec, bool *skip)
{
	if (end - data->at != 16)
		return false;
	rec->addr = addr_v6(dns_take(data, 16), 0);
	*skip = rec->addr.family != ADDR_V6; /* v4-mapped: an IPv4 address says so in an A record */
	return true;
}

static bool read_srv(struct dns_wire *data, size_t end, struct dns_rec *rec, struct dns_name *name,
		     bool *skip)
{
	rec->rank = dns_take_u16(data);
	rec->share = dns_take_u16(data);
	rec->port = dns_take_u16(data);
	if (!last_name(data, end, name))
		return false;
	*skip = name->odd || (name->n && rec->port == 0);
	return true;
}

static bool read_naptr(struct dns_wire *data, size_t end, struct dns_rec *rec,
		       struct dns_name *name, bool *skip)
{
	rec->rank = dns_take_u16(data);
	rec->share = dns_take_u16(data);
	struct sv flags = dns_take_text(data);
	rec->transport = (uint8_t)service_transport(dns_take_text(data));
	struct sv regexp = dns_take_text(data);
	if (!last_name(data, end, name))
		return false;
	/* RFC 3263 §4.1: what leads to SRV, by a replacement. */
	*skip = !sv_ieq(flags, SV("s")) || rec->transport == SIP_TRANSPORT_NONE || regexp.n ||
		name->n == 0;
	return true;
}

static bool read_data(struct dns_wire *data, size_t end, enum dns_type type, struct dns_rec *rec,
		      struct dns_name *name, bool *skip)
{
	name->n = 0;
	*skip = false;
	switch (type) {
	case DNS_A: return read_a(data, end, rec);
	case DNS_AAAA: return read_aaaa(data, end, rec, skip);
	case DNS_SRV: return read_srv(data, end, rec, name, skip);
	case DNS_NAPTR: return read_naptr(data, end, rec, name, skip);
	}
	return false;
}

/* Whether `a` would be tried before `b`. Addresses have no order. */
static bool better(const struct dns_rec *a, const struct dns_rec *b, enum dns_type type)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return type == DNS_NAPTR && a->share < b->share;
}

/* The place for one more record: a free one, or when there is none that of the worst if it is worse; DNS_RECORDS_MAX: none. */
static unsigned place_for(struct dns_answer *a, const struct dns_rec *rec, enum dns_type type)
{
	unsigned worst = 0;

	if (a->n < DNS_RECORDS_MAX)
		return a->n++;
	a->over = true;
	for (unsigned i = 1; i < a->n; i++) {
		if (better(&a->rec[worst], &a->rec[i], type))
			worst = i;
	}
	return better(rec, &a->rec[worst], type) ? worst : DNS_RECORDS_MAX;
}

static void keep(struct dns_answer *a, struct dns_rec *rec, const struct dns_name *name,
		 enum dns_type type)
{
	unsigned i = place_for(a, rec, type);

	if (i == DNS_RECORDS_MAX)
		return;
	memcpy(a->text[i], name->text, name->n);
	rec->name = sv_of(a->text[i], name->n);
	a->rec[i] = *rec;
}

/* Collect the records of the name at the end of the aliases. */
static int collect(struct dns_answer *a, struct walk *walk, enum dns_type type)
{
	struct dns_wire w = walk->section;

	for (unsigned i = 0; i < walk->records; i++) {
		struct record r;
		struct dns_rec rec = {0};
		struct dns_name name;
		bool skip;

		take_record(&w, &r);
		if (w.bad)
			return MG_EPARSE;
		if (r.type != type || r.class != CLASS_IN ||
		    !owned_by(&w, &r, sv_of(walk->name.text, walk->name.n)))
			continue;
		struct dns_wire data = dns_wire_part(&w, r.at, r.end);
		if (!read_data(&data, r.end, type, &rec, &name, &skip))
			return MG_EPARSE;
		if (skip)
			continue;
		keep(a, &rec, &name, type);
		see_ttl(walk, r.ttl_s);
	}
	return 0;
}

static int read_section(struct dns_answer *a, struct walk *walk, enum dns_type type)
{
	int followed;

	do {
		followed = follow_aliases(walk);
		if (followed < 0)
			return followed;
	} while (followed);
	if (walk->name.odd || a->rcode == RCODE_NXDOMAIN)
		return 0;
	return collect(a, walk, type);
}

/* The one question: its name as text, type and class. */
static void take_question(struct dns_wire *w, struct dns_name *name, uint16_t *type,
			  uint16_t *class)
{
	dns_take_name(w, name);
	*type = dns_take_u16(w);
	*class = dns_take_u16(w);
}

int dns_answer_read(struct dns_answer *a, struct sv packet, struct sv name, enum dns_type type)
{
	struct dns_wire w = dns_wire_of(packet);
	struct header h = take_header(&w);
	struct walk walk = {.ttl_s = UINT32_MAX};
	uint16_t asked_type, asked_class;
	int err = 0;

	take_question(&w, &walk.name, &asked_type, &asked_class);
	if (w.bad || !is_answer(&h) || !dns_name_is(&walk.name, name) || asked_type != type ||
	    asked_class != CLASS_IN)
		return MG_EPARSE;
	a->rcode = h.flags & 15;
	a->n = 0;
	a->over = h.answers > DNS_ANSWERS_MAX;
	walk.section = w;
	walk.records = a->over ? DNS_ANSWERS_MAX : h.answers;
	if (a->rcode == RCODE_OK || a->rcode == RCODE_NXDOMAIN)
		err = read_section(a, &walk, type);
	a->ttl_s = walk.ttl_s;
	a->kind = a->n ? DNS_FOUND : DNS_NONE;
	if (a->rcode != RCODE_OK && a->rcode != RCODE_NXDOMAIN)
		a->kind = DNS_LOST;
	return err;
}

int dns_packet_question(struct sv packet, char out[DNS_NAME_MAX], uint16_t *type)
{
	struct dns_wire w = dns_wire_of(packet);
	struct header h = take_header(&w);
	uint16_t class;
	struct dns_name name;

	take_question(&w, &name, type, &class);
	if (w.bad || h.questions != 1 || class != CLASS_IN || name.odd)
		return MG_EPARSE;
	memcpy(out, name.text, name.n);
	return (int)name.n;
}
