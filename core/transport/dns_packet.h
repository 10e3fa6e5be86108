/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_packet: one DNS message to records, and one question to bytes (RFC 1035 §4). Pure: no sockets, no memory, no cache; what
 * the records mean is dns_select's and dns_steps' matter. Called by dns_query.
 */
#ifndef MG_TRANSPORT_DNS_PACKET_H
#define MG_TRANSPORT_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/sv.h"

#define DNS_NAME_MAX \
	253 /* characters of a name as text, without its last dot: 255 bytes on the wire */
#define DNS_RECORDS_MAX 32   /* records used of one answer (C-15) */
#define DNS_CNAMES_MAX  8    /* aliases followed in one answer (C-15) */
#define DNS_ANSWERS_MAX 1024 /* records looked at in one answer */
#define DNS_QUESTION_MAX \
	282 /* bytes of a question: header 12, name 255, type and class 4, OPT 11 */
#define DNS_EDNS_BYTES \
	1232 /* answer in a datagram that we take (RFC 6891; no fragments on any usual path) */

enum dns_type {
	DNS_A = 1,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_NAPTR = 35,
};

/* One record of the type that was asked for. */
struct dns_rec {
	struct addr addr; /* A, AAAA; port 0 */
	struct sv
		name; /* SRV: target, NAPTR: replacement; lower case, no last dot, [a-z0-9_-.] only; "" is the root */
	uint16_t rank;     /* SRV: priority, NAPTR: order; lower ones come first */
	uint16_t share;    /* SRV: weight, NAPTR: preference */
	uint16_t port;     /* SRV */
	uint8_t transport; /* NAPTR: enum sip_transport of its service */
};

enum dns_kind {
	DNS_FOUND, /* there are records */
	DNS_NONE,  /* no such name, or nothing of that type we could use */
	DNS_LOST,  /* the server could or would not say */
};

/* What an answer says, some 10 KiB: for the stack of one function, not for keeping (dns_set.h). */
struct dns_answer {
	uint8_t kind;  /* enum dns_kind */
	uint8_t rcode; /* RFC 1035 §4.1.1 */
	bool over;     /* there was more than our limits let us use */
	unsigned n;    /* records, > 0 when found */
	uint32_t
		ttl_s; /* the smallest of what was used, as sent; above 2^31 - 1 it is 0 (RFC 2181 §8). Of no use when none */
	struct dns_rec rec[DNS_RECORDS_MAX];
	char text[DNS_RECORDS_MAX][DNS_NAME_MAX + 1]; /* where names lie */
};

/* Bring a host name into the one form used here: lower case, without a last dot. Labels of 1 to 63 letters, digits, "-" and
 * "_" (service names have it), at most DNS_NAME_MAX in all.
 *
 * out        Untouched on failure. No NUL.
 * Returns    its length, or MG_EPARSE.
 */
MG_MUST_CHECK int dns_name_clean(struct sv text, char out[DNS_NAME_MAX]);

/* Write a question of class IN with recursion desired.
 *
 * name       In the form of dns_name_clean, at least one label.
 * edns       With an OPT record that offers DNS_EDNS_BYTES.
 * Returns    bytes written.
 */
size_t dns_question_write(uint8_t out[DNS_QUESTION_MAX], uint16_t id, struct sv name,
			  enum dns_type type, bool edns);

/* Read an answer to that question. The id is not compared (c-ares does).
 *
 * a          Filled on success; names lie in a->text.
 * Returns    0, MG_EPARSE for what is malformed or answers another question, MG_ELIMIT for more than DNS_CNAMES_MAX aliases
 *            (also when they go round). Then nothing in `a` is to be used.
 */
MG_MUST_CHECK int dns_answer_read(struct dns_answer *a, struct sv packet, struct sv name,
				  enum dns_type type);

/* The question that a message carries, for who knows none (tests).
 *
 * out        Room for the name.
 * Returns    the length of the name, or MG_EPARSE: malformed, not one question, another class, a name beyond host names.
 */
MG_MUST_CHECK int dns_packet_question(struct sv packet, char out[DNS_NAME_MAX], uint16_t *type);

#endif
