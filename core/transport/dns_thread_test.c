/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two workers that share a cache, the health of targets and settings that change under them, and a name server in a thread of its
 * own. What is shown here is shown by ThreadSanitizer; everywhere else it is a test of the results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "transport/dns_test_world.h"

enum { WORKERS = 2, HOSTS = 7, ROUNDS = 400 };

static const char *const zone[] = {
	"h0.example A 300 192.0.2.10",
	"h1.example A 0 192.0.2.11",
	"h2.example A 300 192.0.2.12",
	"h3.example A 300 192.0.2.13",
	"h4.example A 300 192.0.2.14",
	"h5.example A 300 192.0.2.15",
	"_sip._udp.h6.example SRV 300 0 0 5060 h0.example",
	"_sip._udp.h6.example SRV 300 0 9 5060 h1.example",
	NULL,
};

static struct dns_shared *shared;
static struct test_server server;
static struct loop *server_loop;
static struct stats *stats;

static void *serve(void *arg)
{
	(void)arg;
	assert_int_equal(loop_run(server_loop), 0);
	return NULL;
}

static void check(const struct seek *s, unsigned host)
{
	const struct dns_lookup *l = &s->lookup;

	assert_int_equal(l->err, 0);
	assert_int_equal(l->n, host == 6 ? 2 : 1);
	for (unsigned i = 0; i < l->n; i++)
		assert_in_range(l->hop[i].addr.ip[3], host == 6 ? 10 : 10 + host,
				host == 6 ? 11 : 10 + host);
}

static void report(const struct seek *s, unsigned i, uint64_t now_ms)
{
	const struct dns_hop *hop = &s->lookup.hop[0];

	if (i % 3 == 0)
		dns_target_failed(shared, &hop->addr, hop->transport, now_ms, i % 50);
	else
		dns_target_good(shared, &hop->addr, hop->transport);
}

static void *work(void *arg)
{
	unsigned me = *(unsigned *)arg;
	struct loop *loop = loop_new(&(struct loop_options){.name = "worker"});
	struct world w = {.loop = loop};
	struct rnd rnd;

	rand_init(&rnd);
	w.dns = dns_new(loop, shared, &rnd, stats, me);
	assert_non_null(w.dns);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned host = (i * 5 + me) % HOSTS;
		char name[32];
		struct seek s;

		snprintf(name, sizeof(name), "h%u.example", host);
		struct dns_want want = want_of(name);
		want.v6 = false;
		want.transport = SIP_TRANSPORT_UDP;
		seek_begin(&w, &s, &want);
		turn_until(&w, &s.done);
		check(&s, host);
		report(&s, i, loop_now_ms(loop));
	}
	dns_free(w.dns);
	loop_free(loop);
	return NULL;
}

static void test_two_workers(void **state)
{
	struct dns_conf conf = plain_conf();
	pthread_t serving, working[WORKERS];
	unsigned numbers[WORKERS] = {0, 1};

	(void)state;
	server_loop = loop_new(&(struct loop_options){.name = "server"});
	test_server_begin(&server, server_loop);
	server.zone = zone;
	conf.nameservers[0] = server.addr;
	conf.n_nameservers = 1;
	conf.ttl_min_s = 0; /* h1 is old at once */
	shared = dns_shared_new(&conf);
	stats = stats_new(tp_stats_desc, TP_STATS, WORKERS);
	assert_int_equal(pthread_create(&serving, NULL, serve, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&working[i], NULL, work, &numbers[i]), 0);
	for (unsigned i = 0; i < 100; i++) {
		conf.cache_max = i % 2 ? 1 : 1000;
		conf.budget_ms = LONG_MS + i;
		dns_shared_conf(shared, &conf);
		usleep(1000);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(working[i], NULL), 0);
	loop_stop(server_loop);
	assert_int_equal(pthread_join(serving, NULL), 0);
	assert_true(stats_sum(stats, TP_STAT_DNS_HITS) > 0);
	assert_int_equal(stats_sum(stats, TP_STAT_DNS_FAILED), 0);
	test_server_end(&server);
	loop_free(server_loop);
	stats_free(stats);
	dns_shared_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_workers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
