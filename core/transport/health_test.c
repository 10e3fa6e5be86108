/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Targets over time: how long one is avoided, who probes it, what makes it good again; which hops come first; the bound of the
 * table; several threads at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "sip/uri.h"
#include "transport/dns_priv.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define UDP         SIP_TRANSPORT_UDP
#define NOW         UINT64_C(10000000)
#define AVOID       1000

static struct dns_shared *shared;

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_PORT, &a), 0);
	return a;
}

static int set_up(void **state)
{
	static const struct dns_conf conf = {.avoid_ms = AVOID, .targets_max = 64, .cache_max = 1};

	(void)state;
	shared = dns_shared_new(&conf);
	return shared ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	dns_shared_free(shared);
	return 0;
}

static unsigned failures;
static uint64_t avoided_ms;
static unsigned visited;

static void on_target(void *arg, const struct addr *a, uint8_t transport, unsigned f, uint64_t ms)
{
	const struct addr *wanted = arg;

	(void)transport;
	visited++;
	if (!wanted || addr_eq(a, wanted)) {
		failures = f;
		avoided_ms = ms;
	}
}

static void look(const struct addr *a, uint64_t now_ms)
{
	failures = visited = 0;
	avoided_ms = 0;
	dns_targets_each(shared, now_ms, on_target, (void *)a);
}

static void test_avoided_and_probed(void **state)
{
	struct addr a = addr("192.0.2.1:5060"), port = addr("192.0.2.1:5061");

	(void)state;
	assert_false(dns_target_avoided(shared, &a, UDP, NOW));
	dns_target_failed(shared, &a, UDP, NOW, 0);
	assert_true(dns_target_avoided(shared, &a, UDP, NOW));
	assert_true(dns_target_avoided(shared, &a, UDP, NOW + AVOID * 3 / 4 - 1));
	assert_false(dns_target_avoided(shared, &port, UDP, NOW));
	assert_false(dns_target_avoided(shared, &a, SIP_TRANSPORT_TCP, NOW));
	/* due: one asks and gets it, others do not, until that one had its time */
	uint64_t due = NOW + AVOID * 5 / 4 + 1;
	assert_false(dns_target_avoided(shared, &a, UDP, due));
	assert_true(dns_target_avoided(shared, &a, UDP, due));
	assert_true(dns_target_avoided(shared, &a, UDP, due + AVOID - 1));
	assert_false(dns_target_avoided(shared, &a, UDP, due + AVOID));
	assert_true(dns_target_avoided(shared, &a, UDP, due + AVOID));
	dns_target_good(shared, &a, UDP);
	assert_false(dns_target_avoided(shared, &a, UDP, due + AVOID));
	assert_false(dns_target_avoided(shared, &a, UDP, due + AVOID));
	look(NULL, NOW);
	assert_int_equal(visited, 0);
}

/* Each failed probe doubles it, up to five minutes; failures while it is avoided anyway do not count. */
static void test_longer_each_time(void **state)
{
	struct addr a = addr("192.0.2.1:5060");
	uint64_t now = NOW, expect = AVOID;

	(void)state;
	for (unsigned i = 1; i < 20; i++) {
		dns_target_failed(shared, &a, UDP, now, 0);
		for (unsigned late = 0; late < 50; late++)
			dns_target_failed(shared, &a, UDP, now + 1, 0);
		look(&a, now);
		assert_int_equal(failures, i);
		assert_in_range(avoided_ms, expect * 3 / 4, expect * 5 / 4);
		now += avoided_ms;
		assert_false(dns_target_avoided(shared, &a, UDP, now));
		expect = expect * 2 < 300000 ? expect * 2 : 300000;
	}
	/* nobody asked for it for long: a failure is the first again */
	now += 900001;
	dns_target_failed(shared, &a, UDP, now, 0);
	look(&a, now);
	assert_int_equal(failures, 1);
	assert_in_range(avoided_ms, AVOID * 3 / 4, AVOID * 5 / 4);
}

static const struct {
	uint32_t retry_ms;
	uint64_t avoided_ms;
} retries[] = {{1, 1}, {5000, 5000}, {60000, 60000}, {60001, 60000}, {UINT32_MAX, 60000}};

/* a Retry-After of 2147483647 s disables nothing for ever. */
static void test_retry_after(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(retries); i++) {
		struct addr a = addr("192.0.2.1:5060");

		a.port = (uint16_t)(6000 + i);
		dns_target_failed(shared, &a, UDP, NOW, retries[i].retry_ms);
		look(&a, NOW);
		assert_int_equal(avoided_ms, retries[i].avoided_ms);
		/* said again while it is avoided: longer, never shorter */
		dns_target_failed(shared, &a, UDP, NOW, 30000);
		look(&a, NOW);
		assert_int_equal(avoided_ms,
				 retries[i].avoided_ms > 30000 ? retries[i].avoided_ms : 30000);
		assert_int_equal(failures, 1);
	}
}

static struct dns_hop hop(unsigned port)
{
	struct dns_hop h = {.addr = addr("192.0.2.1:1"), .transport = UDP};

	h.addr.port = (uint16_t)port;
	return h;
}

static void sorted(const char *expect, uint64_t now_ms)
{
	struct dns_hop hops[4] = {hop(1), hop(2), hop(3), hop(4)};
	char text[32];
	size_t n = 0;

	dns_targets_sort(shared, hops, 4, now_ms);
	for (unsigned i = 0; i < 4; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u%s", hops[i].addr.port,
				      hops[i].avoided ? "-" : "");
	assert_string_equal(text, expect);
}

static void failed(unsigned port, uint64_t now_ms, uint32_t retry_ms)
{
	struct dns_hop h = hop(port);

	dns_target_failed(shared, &h.addr, UDP, now_ms, retry_ms);
}

static void test_sorted(void **state)
{
	struct dns_hop one = hop(1);

	(void)state;
	sorted("1234", NOW);
	failed(1, NOW, 1000);
	sorted("2341-", NOW);
	failed(3, NOW, 1000);
	sorted("241-3-", NOW);
	failed(2, NOW, 5000);
	failed(4, NOW, 5000);
	sorted("1-2-3-4-", NOW); /* none is better: the order that DNS gave, and all are tried */
	/* 1 and 3 are due: 1 is probed by one; then 3 comes first and is probed by one */
	sorted("132-4-", NOW + 1000);
	sorted("31-2-4-", NOW + 1000);
	sorted("1-2-3-4-", NOW + 1000);
	/* behind a good one nobody claims the probe: it keeps its place, and is there for who needs it */
	dns_target_good(shared, &one.addr, UDP);
	sorted("132-4-", NOW + 2500);
	sorted("132-4-", NOW + 2500);
}

static void test_bounded(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 5000; i++)
		failed(i, NOW, 0);
	look(NULL, NOW);
	assert_in_range(visited, 32, 64);
}

enum { THREADS = 4, ROUNDS = 5000 };

/* A visitor without globals, for several threads. */
static void on_any(void *arg, const struct addr *a, uint8_t transport, unsigned f, uint64_t ms)
{
	(void)arg;
	assert_int_equal(transport, UDP);
	assert_true(a->port != 0 && f > 0 && ms <= 60000);
}

static void *thread(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct dns_hop hops[4] = {hop(1 + seed % 5), hop(2), hop(3), hop(4)};
		struct dns_hop *one = &hops[seed >> 20 & 3];
		uint64_t now = NOW + i;

		seed = seed * 1103515245 + 12345;
		if ((seed >> 16 & 3) == 0)
			dns_target_failed(shared, &one->addr, UDP, now, seed >> 24);
		else if ((seed >> 16 & 3) == 1)
			dns_target_good(shared, &one->addr, UDP);
		else if ((seed >> 16 & 3) == 2)
			dns_targets_sort(shared, hops, 4, now);
		else
			dns_targets_each(shared, now, on_any, NULL);
	}
	return NULL;
}

static void test_threads(void **state)
{
	unsigned seeds[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread, &seeds[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_avoided_and_probed),
		TEST(test_longer_each_time),
		TEST(test_retry_after),
		TEST(test_sorted),
		TEST(test_bounded),
		TEST(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
