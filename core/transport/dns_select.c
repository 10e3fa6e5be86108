/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_select: sorting a few records into a row that does not depend on how the server turned them round, then drawing from it.
 */
#include "transport/dns_select.h"

#include "sip/uri.h"

static uint64_t draw_next(struct dns_draw *draw)
{
	uint64_t z = draw->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The high half of a product; that some numbers are likelier by 2^-32 matters to nobody here. */
uint32_t dns_draw_below(struct dns_draw *draw, uint32_t bound)
{
	return (uint32_t)((draw_next(draw) >> 32) * bound >> 32);
}

typedef int compare_fn(const struct dns_rec *a, const struct dns_rec *b);

/* Put an index where it belongs among the `n` before it. */
static void insert(uint8_t *order, unsigned n, uint8_t i, const struct dns_rec *rec,
		   compare_fn *compare)
{
	while (n && compare(&rec[i], &rec[order[n - 1]]) < 0) {
		order[n] = order[n - 1];
		n--;
	}
	order[n] = i;
}

static void move_to_front(uint8_t *order, unsigned at)
{
	uint8_t i = order[at];

	memmove(order + 1, order, at);
	order[0] = i;
}

static int compare_number(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

static int compare_name(struct sv a, struct sv b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : compare_number((unsigned)a.n, (unsigned)b.n);
}

/* ---- NAPTR ---- */

static int compare_naptr(const struct dns_rec *a, const struct dns_rec *b)
{
	int c = compare_number(a->rank, b->rank);

	if (!c)
		c = compare_number(a->share, b->share);
	return c ? c : compare_name(a->name, b->name);
}

unsigned dns_naptr_order(const struct dns_rec *rec, unsigned n, unsigned can, bool sips,
			 uint8_t order[DNS_RECORDS_MAX])
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!(can & 1u << rec[i].transport) ||
		    (sips && rec[i].transport != SIP_TRANSPORT_TLS))
			continue;
		insert(order, kept++, (uint8_t)i, rec, compare_naptr);
	}
	return kept;
}

/* ---- SRV ---- */

/* Within a priority those of weight 0 come first, as RFC 2782 wants them before the draw. */
static int compare_srv(const struct dns_rec *a, const struct dns_rec *b)
{
	int c = compare_number(a->rank, b->rank);

	if (!c)
		c = compare_number(a->share, b->share);
	if (!c)
		c = compare_name(a->name, b->name);
	return c ? c : compare_number(a->port, b->port);
}

/* Draw one of `n` that have the same priority, "the first whose running sum is greater than or equal to the number drawn from 0
 * to the sum, inclusive".
 */
static unsigned draw_weighted(const struct dns_rec *rec, const uint8_t *order, unsigned n,
			      struct dns_draw *draw)
{
	uint32_t sum = 0, running = 0;

	for (unsigned i = 0; i < n; i++)
		sum += rec[order[i]].share;
	uint32_t number = dns_draw_below(draw, sum + 1);
	for (unsigned i = 0; i < n; i++) {
		running += rec[order[i]].share;
		if (running >= number)
			return i;
	}
	return 0;
}

static unsigned same_priority(const struct dns_rec *rec, const uint8_t *order, unsigned n)
{
	unsigned same = 1;

	while (same < n && rec[order[same]].rank == rec[order[0]].rank)
		same++;
	return same;
}

unsigned dns_srv_order(const struct dns_rec *rec, unsigned n, struct dns_draw *draw,
		       uint8_t order[DNS_RECORDS_MAX])
{
	unsigned kept = 0, at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (rec[i].name.n)
			insert(order, kept++, (uint8_t)i, rec, compare_srv);
	}
	while (at < kept) {
		for (unsigned left = same_priority(rec, order + at, kept - at); left; left--, at++)
			move_to_front(order + at, draw_weighted(rec, order + at, left, draw));
	}
	return kept;
}

/* ---- addresses ---- */

static int compare_address(const struct dns_rec *a, const struct dns_rec *b)
{
	return memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

unsigned dns_address_order(const struct dns_rec *rec, unsigned n, struct dns_draw *draw,
			   uint8_t order[DNS_RECORDS_MAX])
{
	for (unsigned i = 0; i < n; i++)
		insert(order, i, (uint8_t)i, rec, compare_address);
	for (unsigned i = 0; i < n; i++)
		move_to_front(order + i, dns_draw_below(draw, n - i));
	return n;
}
