/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The cache over time: fresh, stale, failing servers; its bound; sets that outlive their entry; several threads at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "transport/dns_cache.h"

#define NOW   UINT64_C(10000000)
#define TTL   60000
#define STALE 600000

static struct dns_cache cache;

static int set_up(void **state)
{
	(void)state;
	return dns_cache_init(&cache, 320);
}

static int tear_down(void **state)
{
	(void)state;
	dns_cache_done(&cache);
	return 0;
}

static struct dns_set *set_of(const char *target)
{
	static const char other[] = "b.example.com";
	struct dns_answer a = {.kind = DNS_FOUND, .n = 2};

	a.rec[0].name = sv_str(target);
	a.rec[0].port = 5060;
	a.rec[1].name = SV("");
	a.rec[1].name = sv_str(other);
	struct dns_set *set = dns_set_new(&a);
	assert_non_null(set);
	return set;
}

static void put(const char *name, uint64_t now_ms)
{
	struct dns_key key = dns_key_of(sv_str(name), DNS_SRV);
	struct dns_set *set = set_of(name);

	dns_cache_put(&cache, dns_key_sv(&key), set, now_ms, TTL, STALE);
	dns_set_unref(set);
}

static void lost(const char *name, uint64_t now_ms)
{
	struct dns_key key = dns_key_of(sv_str(name), DNS_SRV);

	dns_cache_lost(&cache, dns_key_sv(&key), now_ms, 30000, 5000);
}

/* "fresh a.example.com", "stale ...", "fresh stale ...", "fresh lost", "-" */
static const char *get(const char *name, enum dns_type type, uint64_t now_ms)
{
	static char text[300];
	struct dns_key key = dns_key_of(sv_str(name), type);
	struct dns_cached c = dns_cache_get(&cache, dns_key_sv(&key), now_ms);
	struct sv target = c.set && c.set->n ? c.set->rec[0].name : SV("lost");

	if (!c.set)
		return "-";
	snprintf(text, sizeof(text), "%s%s%.*s", c.fresh ? "fresh " : "", c.stale ? "stale " : "",
		 SV_ARG(target));
	if (c.set->n)
		assert_true(sv_eq(c.set->rec[1].name, SV("b.example.com")));
	dns_set_unref(c.set);
	return text;
}

static void test_fresh_and_stale(void **state)
{
	(void)state;
	assert_string_equal(get("a", DNS_SRV, NOW), "-");
	put("a", NOW);
	assert_string_equal(get("a", DNS_SRV, NOW), "fresh a");
	assert_string_equal(get("a", DNS_A, NOW), "-");
	assert_string_equal(get("ab", DNS_SRV, NOW), "-");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL - 1), "fresh a");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL), "stale a");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL + STALE - 1), "stale a");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL + STALE), "-");
	put("a", NOW + TTL + STALE);
	assert_string_equal(get("a", DNS_SRV, NOW + TTL + STALE), "fresh a");
}

static void test_servers_fail(void **state)
{
	uint64_t now = NOW + TTL + 1;

	(void)state;
	put("a", NOW);
	lost("a",
	     NOW + 1); /* another worker's question, when this one had an answer: it stays as it was */
	assert_string_equal(get("a", DNS_SRV, NOW + TTL - 1), "fresh a");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL), "stale a");
	lost("a", now);
	assert_string_equal(get("a", DNS_SRV, now), "fresh stale a");
	assert_string_equal(get("a", DNS_SRV, now + 29999), "fresh stale a");
	assert_string_equal(get("a", DNS_SRV, now + 30000), "stale a");
	/* never beyond its day */
	lost("a", NOW + TTL + STALE - 1);
	assert_string_equal(get("a", DNS_SRV, NOW + TTL + STALE - 1), "fresh stale a");
	assert_string_equal(get("a", DNS_SRV, NOW + TTL + STALE), "-");
	/* nothing there: that they failed is what is there, for a moment */
	lost("b", NOW);
	assert_string_equal(get("b", DNS_SRV, NOW + 4999), "fresh lost");
	assert_string_equal(get("b", DNS_SRV, NOW + 5000), "-");
	lost("b", NOW);
	put("b", NOW + 1);
	assert_string_equal(get("b", DNS_SRV, NOW + 1), "fresh b");
}

static void test_bounded(void **state)
{
	struct dns_key key = dns_key_of(SV("kept"), DNS_SRV);
	unsigned there = 0;
	char name[32];

	(void)state;
	put("kept", NOW);
	struct dns_cached kept = dns_cache_get(&cache, dns_key_sv(&key), NOW);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		put(name, NOW);
		if (i < 10000)
			assert_string_equal(get("kept", DNS_SRV, NOW),
					    "fresh kept"); /* what is used stays */
	}
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		there += get(name, DNS_SRV, NOW)[0] == 'f';
	}
	assert_in_range(there, 300, 320);
	assert_string_equal(get("kept", DNS_SRV, NOW), "-");
	assert_true(sv_eq(kept.set->rec[0].name, SV("kept"))); /* who holds a set keeps it */
	dns_set_unref(kept.set);
	dns_lru_set_max(&cache.lru, 32);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "m%u.example.com", i);
		put(name, NOW);
	}
	assert_int_equal(atomic_load(&cache.lru.count), 32);
}

enum { THREADS = 4, ROUNDS = 4000 };

static void *thread(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	char name[32];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct dns_key key;

		seed = seed * 1103515245 + 12345;
		snprintf(name, sizeof(name), "n%u", seed >> 16 & 15);
		key = dns_key_of(sv_str(name), DNS_SRV);
		if ((seed >> 24 & 7) == 0) {
			put(name, NOW + i);
		} else if ((seed >> 24 & 7) == 1) {
			lost(name, NOW + i);
		} else {
			struct dns_cached c = dns_cache_get(&cache, dns_key_sv(&key), NOW + i);

			if (c.set && c.set->n)
				assert_true(sv_eq(c.set->rec[0].name, sv_str(name)));
			dns_set_unref(c.set);
		}
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
		TEST(test_fresh_and_stale),
		TEST(test_servers_fail),
		TEST(test_bounded),
		TEST(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
