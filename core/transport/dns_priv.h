/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_priv: what the files of the resolver share: the part of all workers (dns_shared.c, health.c) and that of one worker
 * (dns.c, dns_query.c, dns_steps.c).
 */
#ifndef MG_TRANSPORT_DNS_PRIV_H
#define MG_TRANSPORT_DNS_PRIV_H

#include "transport/dns_cache.h"
#include "transport/resolve.h"

#define DNS_SERVERS_MAX (sizeof(((struct dns_conf *)0)->nameservers) / sizeof(struct addr))

/* ---- what all workers share ---- */

struct dns_shared {
	pthread_mutex_t lock; /* of conf */
	struct dns_conf conf; /* made sane, with the system's name servers when it names none */
	_Atomic unsigned generation; /* of conf */
	_Atomic uint32_t avoid_ms;   /* of conf, for who does not want the lock */
	struct addr system[DNS_SERVERS_MAX];
	unsigned n_system;
	struct dns_cache cache;
	struct dns_lru targets;
};

/* Copy the settings when they are of another generation than `*generation`, which follows. Returns whether they were. */
bool dns_shared_conf_get(struct dns_shared *shared, struct dns_conf *conf, unsigned *generation);

/* ---- health.c ---- */

/* Prepare the table of targets. Returns 0 or an error as dns_lru_init. */
MG_MUST_CHECK int dns_targets_init(struct dns_shared *shared, size_t max);
void dns_targets_done(struct dns_shared *shared);

/* Mark the hops to be avoided and bring them behind the others; what is tried first may be a probe. */
void dns_targets_sort(struct dns_shared *shared, struct dns_hop *hop, unsigned n, uint64_t now_ms);

#endif
