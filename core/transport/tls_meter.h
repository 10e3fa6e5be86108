/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_meter: how much of a worker's time handshakes of clients may take (T-5): one operation with the private key in a turn of the loop, and a share of the
 * time; and how many may be under way. Those that wait for the key stand in two rows, known peers first. One worker's; embedded; given the time. Called
 * by accept.c and conn_tls.c.
 */
#ifndef MG_TRANSPORT_TLS_METER_H
#define MG_TRANSPORT_TLS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/* Half a core for all workers together. What was not used is kept for so long. */
#define TLS_SHARE_PERMILLE 500
#define TLS_KEEP_US        20000

struct tls_meter {
	uint64_t turn;    /* in which the key was used last, plus 1 */
	uint64_t at_us;   /* refilled up to here */
	int64_t level_us; /* time that may be used; below 0: it was */
	uint32_t permille;
	uint32_t pending, strangers; /* handshakes under way, and of these from unknown sources */
	struct list known, unknown;  /* waiting for the key: their links */
};

void tls_meter_init(struct tls_meter *m, unsigned workers, uint64_t now_us);

/* Whether the key may be used in this turn (loop_turns), with respect to who waits already. */
bool tls_meter_may(struct tls_meter *m, uint64_t turn, uint64_t now_us);
/* A step of a handshake took so long; `key`: the private key was used in it. */
void tls_meter_took(struct tls_meter *m, uint64_t turn, uint64_t us, bool key);

void tls_meter_wait(struct tls_meter *m, struct list *link, bool known); /* stand in the row */
struct list *
tls_meter_next(struct tls_meter *m); /* who is next, out of the row; NULL when nobody waits */
bool tls_meter_waits(const struct tls_meter *m);
/* Microseconds until tls_meter_may can say yes in another turn. */
uint64_t tls_meter_wait_us(const struct tls_meter *m, uint64_t now_us);

/* One more handshake of a client, unless `max` are under way; strangers leave `reserved` percent of them. */
bool tls_meter_begin(struct tls_meter *m, uint32_t max, uint32_t reserved, bool known);
void tls_meter_end(struct tls_meter *m, bool known);

#endif
