/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shared: the directory of connections and the table of sources: what is found, what makes room for what, and many threads
 * at both (for ThreadSanitizer).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "transport/tp_priv.h"

static struct addr v4(uint32_t n, uint16_t port)
{
	const uint8_t ip[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return addr_v4(ip, port);
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_PORT, &a), 0);
	return a;
}

/* ---- directory ---- */

static void connections_are_found(void **state)
{
	struct tp_shared *shared = tp_shared_new(100);
	struct tp_directory *d = tp_shared_directory(shared);
	struct tp_entry one = {0}, two = {0}, three = {0};

	(void)state;
	assert_int_equal(tp_directory_find(d, SV("a")), 0);
	assert_int_equal(tp_directory_add(d, &one, SV("a"), tp_conn_make(1, 2, 3)), 0);
	assert_int_equal(tp_directory_add(d, &two, SV("b"), tp_conn_make(1, 3, 3)), 0);
	assert_int_equal(tp_directory_find(d, SV("a")), tp_conn_make(1, 2, 3));
	assert_int_equal(tp_directory_find(d, SV("b")), tp_conn_make(1, 3, 3));
	assert_int_equal(tp_directory_find(d, SV("c")), 0);
	/* a second one of the same key is known by its number only */
	assert_int_equal(tp_directory_add(d, &three, SV("a"), tp_conn_make(2, 2, 3)), 0);
	assert_int_equal(tp_directory_find(d, SV("a")), tp_conn_make(1, 2, 3));
	assert_true(tp_directory_has(d, tp_conn_make(2, 2, 3)));
	assert_false(tp_directory_has(d, tp_conn_make(2, 2, 4)));
	assert_false(tp_directory_has(d, 0));
	tp_directory_remove(d, &three);
	assert_false(tp_directory_has(d, tp_conn_make(2, 2, 3)));
	assert_int_equal(tp_directory_find(d, SV("a")), tp_conn_make(1, 2, 3));
	tp_directory_remove(d, &one);
	tp_directory_remove(d, &one); /* twice */
	assert_int_equal(tp_directory_find(d, SV("a")), 0);
	assert_false(tp_directory_has(d, tp_conn_make(1, 2, 3)));
	assert_int_equal(tp_directory_add(d, &three, SV("a"), tp_conn_make(2, 2, 5)), 0);
	assert_int_equal(tp_directory_find(d, SV("a")), tp_conn_make(2, 2, 5));
	tp_directory_remove(d, &two);
	tp_directory_remove(d, &three);
	tp_shared_free(shared);
	tp_shared_free(NULL);
}

static void a_number_is_its_parts(void **state)
{
	tp_conn conn = tp_conn_make(63, TP_SLOTS_MAX - 1, UINT32_MAX);

	(void)state;
	assert_int_equal(tp_conn_worker(conn), 63);
	assert_int_equal(tp_conn_slot(conn), TP_SLOTS_MAX - 1);
	assert_int_equal(tp_conn_generation(conn), UINT32_MAX);
	assert_true(tp_conn_make(0, 0, 1) != 0);
}

/* ---- sources ---- */

static void counts_have_limits(void **state)
{
	struct tp_shared *shared = tp_shared_new(1000);
	struct addr a = address("192.0.2.1:1"), other_port = address("192.0.2.1:2"),
		    b = address("192.0.2.2:1");

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		assert_true(tp_source_more(shared, i % 2 ? &a : &other_port, TP_SOURCE_CONNS, 32));
	assert_false(tp_source_more(shared, &a, TP_SOURCE_CONNS, 32));
	assert_true(tp_source_more(shared, &a, TP_SOURCE_HANDSHAKES, 1));
	assert_false(tp_source_more(shared, &a, TP_SOURCE_HANDSHAKES, 1));
	assert_true(tp_source_more(shared, &b, TP_SOURCE_CONNS, 32));
	tp_source_less(shared, &other_port, TP_SOURCE_CONNS);
	assert_true(tp_source_more(shared, &a, TP_SOURCE_CONNS, 32));
	assert_false(tp_source_more(shared, &a, TP_SOURCE_CONNS, 32));
	for (unsigned i = 0; i < 40; i++) /* more than there are */
		tp_source_less(shared, &a, TP_SOURCE_CONNS);
	assert_true(tp_source_more(shared, &a, TP_SOURCE_CONNS, 1));
	assert_false(tp_source_more(shared, &a, TP_SOURCE_CONNS, 1));
	assert_false(tp_source_more(shared, &b, TP_SOURCE_HANDSHAKES, 0));
	tp_shared_free(shared);
}

/* IPv6 is counted by /64; an IPv4 address is another source than the IPv6 net of the same bytes. */
static void nets_of_v6(void **state)
{
	struct tp_shared *shared = tp_shared_new(1000);
	struct addr a = address("[2001:db8:1:2:3::4]:1"), same = address("[2001:db8:1:2::1]:1"),
		    other = address("[2001:db8:1:3::1]:1"), six = address("[a01:203::]:1"),
		    four = address("10.1.2.3:1");

	(void)state;
	assert_true(tp_source_more(shared, &a, TP_SOURCE_CONNS, 1));
	assert_false(tp_source_more(shared, &same, TP_SOURCE_CONNS, 1));
	assert_true(tp_source_more(shared, &other, TP_SOURCE_CONNS, 1));
	assert_true(tp_source_more(shared, &six, TP_SOURCE_CONNS, 1));
	assert_true(tp_source_more(shared, &four, TP_SOURCE_CONNS, 1));
	tp_shared_free(shared);
}

static void who_holds_a_count_is_not_forgotten(void **state)
{
	enum { MAX = 640 }; /* 11 a shard */
	struct tp_shared *shared = tp_shared_new(MAX);
	struct addr held = address("192.0.2.1:1"), seen = address("192.0.2.2:1");
	static const struct limit_rule once = {1, 1000000, 1};
	unsigned taken = 0, refused = 0;

	(void)state;
	assert_true(tp_source_more(shared, &held, TP_SOURCE_CONNS, 1));
	assert_true(tp_source_handshake(shared, &seen, &once, 1000));
	assert_false(tp_source_handshake(shared, &seen, &once, 1000));
	/* strangers, ten times as many as there is room for */
	for (uint32_t i = 0; i < 10 * MAX; i++) {
		struct addr a = v4(i, 1);
		assert_true(tp_source_handshake(shared, &a, &once, 1000));
	}
	assert_false(tp_source_more(shared, &held, TP_SOURCE_CONNS, 1));
	assert_true(tp_source_handshake(shared, &seen, &once, 1000)); /* was forgotten */
	/* all hold a count: no room for more, and no harm */
	for (uint32_t i = 0; i < 10 * MAX; i++) {
		struct addr a = v4(i, 1);
		if (tp_source_more(shared, &a, TP_SOURCE_CONNS, 1))
			taken++;
		else
			refused++;
	}
	assert_true(taken >= MAX / 2 && taken <= MAX + 64);
	assert_int_equal(taken + refused, 10 * MAX);
	for (uint32_t i = 0; i < 10 * MAX; i++) {
		struct addr a = v4(i, 1);
		tp_source_less(shared, &a, TP_SOURCE_CONNS);
	}
	struct addr a = v4(20 * MAX, 1);
	assert_true(tp_source_more(shared, &a, TP_SOURCE_CONNS, 1));
	assert_false(tp_source_more(shared, &held, TP_SOURCE_CONNS, 1));
	tp_shared_free(shared);
}

/* The one seen last stays when room is made. */
static void those_seen_stay(void **state)
{
	enum { MAX = 640 };
	struct tp_shared *shared = tp_shared_new(MAX);
	struct addr a = address("192.0.2.1:1");
	static const struct limit_rule once = {1, 1000000, 1};

	(void)state;
	assert_true(tp_source_handshake(shared, &a, &once, 1000));
	for (uint32_t i = 0; i < 20 * MAX; i++) {
		struct addr b = v4(i, 1);
		assert_true(tp_source_handshake(shared, &b, &once, 1000));
		assert_false(tp_source_handshake(shared, &a, &once, 1000));
	}
	tp_shared_free(shared);
}

static void buckets_fill_again(void **state)
{
	static const struct limit_rule rule = {1, 1000, 2};
	struct tp_shared *shared = tp_shared_new(100);
	struct addr a = address("192.0.2.1:1"), b = address("192.0.2.1:2");
	/* at the begin of the clock, and where its low 32 bits turn over */
	const uint64_t begins[] = {1, (1ull << 32) - 500, (7ull << 32) - 1500};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t now = begins[i];
		a.ip[3] = b.ip[3] = (uint8_t)(10 + i);
		assert_true(tp_source_keepalive(shared, &a, false, &rule, now));
		assert_true(tp_source_keepalive(shared, &b, false, &rule, now));
		assert_false(tp_source_keepalive(shared, &a, false, &rule, now + 999));
		assert_true(tp_source_keepalive(shared, &a, false, &rule, now + 1000));
		assert_false(tp_source_keepalive(shared, &a, false, &rule, now + 1001));
		assert_true(tp_source_handshake(shared, &a, &rule, now + 1001));
		/* by port each has its own */
		for (unsigned k = 0; k < 3; k++) {
			assert_true(tp_source_keepalive(shared, &a, true, &rule, now) == (k < 2));
			assert_true(tp_source_keepalive(shared, &b, true, &rule, now) == (k < 2));
		}
		assert_true(tp_source_keepalive(shared, &a, false, &rule, now + 100000));
		assert_true(tp_source_keepalive(shared, &a, false, &rule, now + 100000));
		assert_false(tp_source_keepalive(shared, &a, false, &rule, now + 100000));
	}
	tp_shared_free(shared);
}

static void sources_are_named_once_in_a_while(void **state)
{
	struct tp_shared *shared = tp_shared_new(100);
	struct addr a = address("192.0.2.1:1"), b = address("192.0.2.2:1");
	uint64_t n = 0, now = (1ull << 32) - 5;

	(void)state;
	assert_true(tp_source_say(shared, &a, now, &n));
	assert_int_equal(n, 1);
	for (unsigned i = 0; i < 7; i++)
		assert_false(tp_source_say(shared, &a, now + i * 1000ull, &n));
	assert_true(tp_source_say(shared, &b, now, &n));
	assert_int_equal(n, 1);
	assert_true(tp_source_say(shared, &a, now + LOG_SUMMARY_MS, &n));
	assert_int_equal(n, 8);
	assert_false(tp_source_say(shared, &a, now + LOG_SUMMARY_MS, &n));
	assert_true(tp_source_say(shared, &a, now + 40ull * 86400 * 1000, &n));
	assert_int_equal(n, 2);
	tp_shared_free(shared);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 4000 };

static struct tp_shared *common;

static void *work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	struct tp_directory *d = tp_shared_directory(common);
	static const struct limit_rule rule = {10, 1000, 10};
	struct tp_entry entry[8] = {0};
	char key[8][8];
	uint64_t n, bad = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k = i % 8;
		struct addr a = v4(i % 97, (uint16_t)me);
		if (entry[k].conn)
			tp_directory_remove(d, &entry[k]);
		else {
			snprintf(key[k], sizeof(key[k]), "k%u", i % 24); /* others use it too */
			tp_conn conn = tp_conn_make(me, k, i + 1);
			bad += tp_directory_add(d, &entry[k], sv_str(key[k]), conn) != 0;
			bad += !tp_directory_has(d, conn);
		}
		(void)tp_directory_find(d, sv_str("k7"));
		(void)tp_directory_has(d, tp_conn_make((me + 1) % THREADS, k, i));
		if (tp_source_more(common, &a, TP_SOURCE_CONNS, 3))
			tp_source_less(common, &a, TP_SOURCE_CONNS);
		(void)tp_source_keepalive(common, &a, true, &rule, i);
		(void)tp_source_say(common, &a, i, &n);
	}
	for (unsigned k = 0; k < 8; k++)
		tp_directory_remove(d, &entry[k]);
	return (void *)(uintptr_t)bad;
}

static void threads_share(void **state)
{
	pthread_t thread[THREADS];
	void *bad;

	(void)state;
	common = tp_shared_new(64);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &bad);
		assert_null(bad);
	}
	for (unsigned i = 0; i < 24; i++) {
		char key[8];
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(tp_directory_find(tp_shared_directory(common), sv_str(key)), 0);
	}
	/* every count was given back: each source may have its three again */
	struct addr a = v4(5, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(tp_source_more(common, &a, TP_SOURCE_CONNS, 3));
	assert_false(tp_source_more(common, &a, TP_SOURCE_CONNS, 3));
	tp_shared_free(common);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_found),
		cmocka_unit_test(a_number_is_its_parts),
		cmocka_unit_test(counts_have_limits),
		cmocka_unit_test(nets_of_v6),
		cmocka_unit_test(who_holds_a_count_is_not_forgotten),
		cmocka_unit_test(those_seen_stay),
		cmocka_unit_test(buckets_fill_again),
		cmocka_unit_test(sources_are_named_once_in_a_while),
		cmocka_unit_test(threads_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
