/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_select: in which order records are tried: NAPTR by order and preference, SRV by priority and drawn by weight, addresses
 * shuffled. Pure: chance comes in as a number, so the same number gives the same order. Called by dns_steps.
 */
#ifndef MG_TRANSPORT_DNS_SELECT_H
#define MG_TRANSPORT_DNS_SELECT_H

#include "transport/dns_packet.h"

/* A row of numbers that follow from a first one (splitmix64). Spreads load; hides nothing. */
struct dns_draw {
	uint64_t state;
};

/* A number from 0 to bound - 1; bound at least 1. */
uint32_t dns_draw_below(struct dns_draw *draw, uint32_t bound);

/* Order NAPTR records of services that lead to us (RFC 3263 §4.1): of transports in `can`, and only TLS for `sips`.
 *
 * can        Bits 1 << enum sip_transport.
 * order      Receives indices into `rec`.
 * Returns    how many.
 */
unsigned dns_naptr_order(const struct dns_rec *rec, unsigned n, unsigned can, bool sips,
			 uint8_t order[DNS_RECORDS_MAX]);

/* Order SRV records (RFC 2782): lower priority first, among equals drawn by weight. Targets that are the root are left out:
 * "no service here". The order in which they stand in `rec` is of no influence.
 *
 * Returns    how many.
 */
unsigned dns_srv_order(const struct dns_rec *rec, unsigned n, struct dns_draw *draw,
		       uint8_t order[DNS_RECORDS_MAX]);

/* Put addresses in an order in which each is as likely to be the first, whatever their order in `rec`. */
unsigned dns_address_order(const struct dns_rec *rec, unsigned n, struct dns_draw *draw,
			   uint8_t order[DNS_RECORDS_MAX]);

#endif
