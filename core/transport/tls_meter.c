/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_meter: a bucket of time, two rows, two numbers.
 */
#include "transport/tls_meter.h"

#include <stddef.h>

void tls_meter_init(struct tls_meter *m, unsigned workers, uint64_t now_us)
{
	*m = (struct tls_meter){
		.at_us = now_us, .level_us = TLS_KEEP_US, .permille = TLS_SHARE_PERMILLE / workers};
	if (m->permille == 0)
		m->permille = 1;
	list_init(&m->known);
	list_init(&m->unknown);
}

static void refill(struct tls_meter *m, uint64_t now_us)
{
	uint64_t passed = now_us > m->at_us ? now_us - m->at_us : 0;
	uint64_t missing = (uint64_t)(TLS_KEEP_US - m->level_us);

	if (passed / 1000 >=
	    missing / m->permille + 1) { /* before multiplying: a gap may be of any length */
		m->level_us = TLS_KEEP_US;
		m->at_us = now_us;
		return;
	}
	uint64_t got = passed * m->permille / 1000;
	m->level_us += (int64_t)got;
	m->at_us += got * 1000 / m->permille; /* what makes no whole microsecond counts next time */
}

bool tls_meter_may(struct tls_meter *m, uint64_t turn, uint64_t now_us)
{
	refill(m, now_us);
	return m->turn != turn + 1 && m->level_us > 0;
}

void tls_meter_took(struct tls_meter *m, uint64_t turn, uint64_t us, bool key)
{
	m->level_us -= (int64_t)us;
	if (key)
		m->turn = turn + 1;
}

void tls_meter_wait(struct tls_meter *m, struct list *link, bool known)
{
	list_append(known ? &m->known : &m->unknown, link);
}

struct list *tls_meter_next(struct tls_meter *m)
{
	struct list *link = list_shift(&m->known);

	return link ? link : list_shift(&m->unknown);
}

bool tls_meter_waits(const struct tls_meter *m)
{
	return !list_empty(&m->known) || !list_empty(&m->unknown);
}

uint64_t tls_meter_wait_us(const struct tls_meter *m, uint64_t now_us)
{
	if (m->level_us > 0)
		return 0;
	uint64_t need = (uint64_t)(1 - m->level_us) * 1000 / m->permille + 1;
	uint64_t passed = now_us > m->at_us ? now_us - m->at_us : 0;
	return need > passed ? need - passed : 0;
}

bool tls_meter_begin(struct tls_meter *m, uint32_t max, uint32_t reserved, bool known)
{
	uint64_t for_strangers = (uint64_t)max * (100 - (reserved < 100 ? reserved : 100)) / 100;

	if (m->pending >= max || (!known && m->strangers >= for_strangers))
		return false;
	m->pending++;
	m->strangers += !known;
	return true;
}

void tls_meter_end(struct tls_meter *m, bool known)
{
	m->pending--;
	m->strangers -= !known;
}
