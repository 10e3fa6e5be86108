/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_test_world: a worker's resolver with a loop and a name server of its own, and look-ups as text. For tests only, behind
 * cmocka.h; holds no test itself.
 */
#ifndef MG_TRANSPORT_DNS_TEST_WORLD_H
#define MG_TRANSPORT_DNS_TEST_WORLD_H

#include <stdio.h>

#include "sip/uri.h"
#include "transport/dns_priv.h"
#include "transport/dns_test_server.h"

#define CAN_ALL   (1u << SIP_TRANSPORT_UDP | 1u << SIP_TRANSPORT_TCP | 1u << SIP_TRANSPORT_TLS)
#define LONG_MS   60000    /* what no test waits for */
#define TEST_TIME 12000000 /* us: a test that waits that long has failed; LONG_MS / 4 is longer */

struct world {
	struct loop *loop;
	struct test_server server, second;
	struct dns_conf conf;
	struct dns_shared *shared;
	bool own_shared;
	struct rnd rnd;
	struct stats *stats;
	struct dns *dns;
};

/* A look-up and whether it is done; the text of the last one. */
struct seek {
	struct dns_lookup lookup;
	bool done;
	int ret;
};

static inline struct dns_conf plain_conf(void)
{
	return (struct dns_conf){.timeout_ms = LONG_MS / 4,
				 .tries = 1,
				 .budget_ms = LONG_MS,
				 .ttl_min_s = 5,
				 .ttl_max_s = 3600,
				 .negative_s = 30,
				 .stale_s = 86400,
				 .cache_max = 1000,
				 .avoid_ms = 30000,
				 .targets_max = 1000};
}

/* Make a world whose resolver asks w->server; `shared` NULL: its own. */
static inline void world_begin(struct world *w, const struct dns_conf *conf,
			       struct dns_shared *shared)
{
	*w = (struct world){.conf = *conf, .shared = shared, .own_shared = !shared};
	w->loop = loop_new(&(struct loop_options){.name = "test"});
	assert_non_null(w->loop);
	test_server_begin(&w->server, w->loop);
	w->conf.nameservers[0] = w->server.addr;
	w->conf.n_nameservers = 1;
	if (!shared)
		w->shared = dns_shared_new(&w->conf);
	assert_non_null(w->shared);
	rand_init(&w->rnd);
	w->stats = stats_new(tp_stats_desc, TP_STATS, 1);
	w->dns = dns_new(w->loop, w->shared, &w->rnd, w->stats, 0);
	assert_non_null(w->dns);
}

static inline void world_end(struct world *w)
{
	dns_free(w->dns);
	test_server_end(&w->server);
	test_server_end(&w->second);
	if (w->own_shared)
		dns_shared_free(w->shared);
	stats_free(w->stats);
	loop_free(w->loop);
}

/* Other settings, with the server's address filled in. */
static inline void world_conf(struct world *w, const struct dns_conf *conf)
{
	w->conf = *conf;
	w->conf.nameservers[0] = w->server.addr;
	w->conf.n_nameservers = 1;
	dns_shared_conf(w->shared, &w->conf);
}

static inline uint64_t counted(const struct world *w, enum tp_stat id)
{
	return stats_sum(w->stats, id);
}

static inline void on_done(struct dns_lookup *lookup)
{
	struct seek *seek = container_of(lookup, struct seek, lookup);

	assert_false(seek->done);
	seek->done = true;
}

static inline struct dns_want want_of(const char *host)
{
	return (struct dns_want){.host = sv_str(host), .can = CAN_ALL, .v4 = true, .v6 = true};
}

static inline void seek_begin(struct world *w, struct seek *seek, const struct dns_want *want)
{
	*seek = (struct seek){.lookup.done = on_done};
	seek->ret = dns_resolve(w->dns, &seek->lookup, want);
	assert_false(seek->done);
	seek->done = seek->ret != 0;
}

static inline void turn_until(struct world *w, const bool *done)
{
	uint64_t end_us = loop_clock_us() + TEST_TIME;

	while (!*done && loop_clock_us() < end_us)
		assert_int_equal(loop_turn(w->loop, 100), 0);
	assert_true(*done);
}

/* "udp 192.0.2.1:5060, tls [2001:db8::1]:5061 -" (- is avoided), or the name of the error. */
static inline const char *seek_text(const struct seek *seek)
{
	static _Thread_local char text[4096];
	const struct dns_lookup *l = &seek->lookup;
	char addr[ADDR_TEXT_MAX];
	size_t n = 0;

	if (seek->ret < 0)
		return mg_err_name(seek->ret);
	if (l->err) {
		assert_int_equal(l->n, 0);
		return mg_err_name(l->err);
	}
	assert_true(l->n > 0 && l->n <= DNS_HOPS_MAX);
	for (unsigned i = 0; i < l->n; i++) {
		addr_write(&l->hop[i].addr, ADDR_HOSTPORT, addr);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s%s", i ? ", " : "",
				      sip_transport_name((enum sip_transport)l->hop[i].transport),
				      addr, l->hop[i].avoided ? " -" : "");
	}
	return text;
}

/* Look up to the end. */
static inline const char *seek(struct world *w, const struct dns_want *want)
{
	static _Thread_local struct seek one;

	seek_begin(w, &one, want);
	turn_until(w, &one.done);
	return seek_text(&one);
}

static inline const char *seek_host(struct world *w, const char *host)
{
	struct dns_want want = want_of(host);

	return seek(w, &want);
}

#endif
