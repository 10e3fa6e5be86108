/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_shared: making what all workers share, its settings, and the name servers of the system.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "transport/dns_priv.h"

enum { DNS_PORT = 53 };

static uint32_t at_least(uint32_t v, uint32_t min)
{
	return v < min ? min : v;
}

static uint32_t within(uint32_t v, uint32_t min, uint32_t max)
{
	return v > max ? max : at_least(v, min);
}

/* Settings that nothing can go wrong with: no time of 0 or beyond what c-ares can double, no empty table, a largest TTL not below
 * the smallest.
 */
static struct dns_conf sane(const struct dns_shared *shared, const struct dns_conf *conf)
{
	struct dns_conf c = *conf;

	if (c.n_nameservers == 0 || c.n_nameservers > DNS_SERVERS_MAX) {
		c.n_nameservers = shared->n_system;
		memcpy(c.nameservers, shared->system, sizeof(c.nameservers));
	}
	for (unsigned i = 0; i < c.n_nameservers; i++) {
		if (c.nameservers[i].port == 0)
			c.nameservers[i].port = DNS_PORT;
	}
	c.timeout_ms = within(c.timeout_ms, 10, 60000);
	c.tries = within(c.tries, 1, 20);
	c.budget_ms = at_least(c.budget_ms, 10);
	c.ttl_max_s = at_least(c.ttl_max_s, c.ttl_min_s);
	c.cache_max = at_least(c.cache_max, 1);
	c.targets_max = at_least(c.targets_max, 1);
	c.avoid_ms = at_least(c.avoid_ms, 1);
	return c;
}

/* ---- the servers of the system ---- */

static bool addr_of(const struct ares_addr_port_node *node, struct addr *out)
{
	uint16_t port = (uint16_t)(node->udp_port ? node->udp_port : DNS_PORT);

	if (node->family == AF_INET)
		*out = addr_v4((const uint8_t *)&node->addr.addr4, port);
	else if (node->family == AF_INET6)
		*out = addr_v6((const uint8_t *)&node->addr.addr6, port);
	else
		return false;
	return true;
}

/* What resolv.conf says, as c-ares reads it. That there is none is no error: configured servers need none. */
static void read_system(struct dns_shared *shared)
{
	struct ares_addr_port_node *list = NULL;
	ares_channel channel;

	if (ares_init(&channel) != ARES_SUCCESS)
		return;
	if (ares_get_servers_ports(channel, &list) == ARES_SUCCESS) {
		for (struct ares_addr_port_node *it = list;
		     it && shared->n_system < DNS_SERVERS_MAX; it = it->next)
			shared->n_system += addr_of(it, &shared->system[shared->n_system]);
		ares_free_data(list);
	}
	ares_destroy(channel);
}

/* ---- the whole ---- */

static int init_tables(struct dns_shared *shared)
{
	int err = dns_cache_init(&shared->cache, shared->conf.cache_max);

	if (err)
		return err;
	err = dns_targets_init(shared, shared->conf.targets_max);
	if (err)
		dns_cache_done(&shared->cache);
	return err;
}

struct dns_shared *dns_shared_new(const struct dns_conf *conf)
{
	struct dns_shared *shared = aligned_alloc(_Alignof(struct dns_shared), sizeof(*shared));

	if (!shared)
		return NULL;
	memset(shared, 0, sizeof(*shared));
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(shared);
		return NULL;
	}
	read_system(shared);
	shared->conf = sane(shared, conf);
	atomic_init(&shared->generation, 1);
	atomic_init(&shared->avoid_ms, shared->conf.avoid_ms);
	pthread_mutex_init(&shared->lock,
			   NULL); /* cannot fail: no attributes, and glibc allocates nothing */
	if (init_tables(shared)) {
		pthread_mutex_destroy(&shared->lock);
		ares_library_cleanup();
		free(shared);
		return NULL;
	}
	return shared;
}

void dns_shared_free(struct dns_shared *shared)
{
	if (!shared)
		return;
	dns_targets_done(shared);
	dns_cache_done(&shared->cache);
	pthread_mutex_destroy(&shared->lock);
	ares_library_cleanup();
	free(shared);
}

void dns_shared_conf(struct dns_shared *shared, const struct dns_conf *conf)
{
	struct dns_conf c = sane(shared, conf);

	pthread_mutex_lock(&shared->lock);
	shared->conf = c;
	atomic_fetch_add_explicit(&shared->generation, 1, memory_order_relaxed);
	pthread_mutex_unlock(&shared->lock);
	atomic_store_explicit(&shared->avoid_ms, c.avoid_ms, memory_order_relaxed);
	dns_lru_set_max(&shared->cache.lru, c.cache_max);
	dns_lru_set_max(&shared->targets, c.targets_max);
}

bool dns_shared_conf_get(struct dns_shared *shared, struct dns_conf *conf, unsigned *generation)
{
	if (atomic_load_explicit(&shared->generation, memory_order_relaxed) == *generation)
		return false;
	pthread_mutex_lock(&shared->lock);
	*conf = shared->conf;
	*generation = atomic_load_explicit(&shared->generation, memory_order_relaxed);
	pthread_mutex_unlock(&shared->lock);
	return true;
}
