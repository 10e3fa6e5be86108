/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_set: what is kept of an answer: its records and their names in one piece of memory that never changes, counted by all
 * who look at it, in whatever thread. Made by dns_query, kept by dns_cache, read by dns_steps.
 */
#ifndef MG_TRANSPORT_DNS_SET_H
#define MG_TRANSPORT_DNS_SET_H

#include <stdatomic.h>

#include "transport/dns_packet.h"

struct dns_set {
	_Atomic uint32_t refs;
	uint8_t kind; /* enum dns_kind */
	uint8_t n;    /* records, > 0 when found */
	struct dns_rec rec[];
};

/* Keep an answer, or with NULL that servers were LOST: one reference, the caller's. Returns NULL without memory. */
MG_MUST_CHECK struct dns_set *dns_set_new(const struct dns_answer *answer);

/* One reference more, returned; one less. NULL is fine. */
struct dns_set *dns_set_ref(struct dns_set *set);
void dns_set_unref(struct dns_set *set);

/* Its kind; no set at all is LOST too. */
static inline enum dns_kind dns_set_kind(const struct dns_set *set)
{
	return set ? (enum dns_kind)set->kind : DNS_LOST;
}

#endif
