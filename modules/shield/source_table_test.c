/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table against a model that remembers every source exactly, in one thread by chance and in several at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "source_table.h"

#define T0 1000000ULL

static struct addr v4(uint32_t n)
{
	const uint8_t ip[4] = {(uint8_t)(10 + (n >> 24)), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
			       (uint8_t)n};

	return addr_v4(ip, (uint16_t)(n * 7));
}

static unsigned take_all(struct source s, const struct source_rule *rule, uint64_t now)
{
	unsigned n = 0;

	while (source_take(s, rule, now, 1))
		n++;
	return n;
}

/* ---- buckets ---- */

static void a_bucket(void **state)
{
	const struct source_rule rule = source_rule(20, 60), slow = source_rule(1, 1);
	struct source_table *t = shield_table_new(1024);
	struct addr a = v4(1);
	struct source s;

	(void)state;
	assert_non_null(t);
	s = source_find(t, &a, T0, false);
	assert_null(s.set);
	s = source_find(t, &a, T0, true);
	assert_non_null(s.set);
	assert_true(source_ready_us(s, &rule) <= T0 * 1000);
	assert_int_equal(take_all(s, &rule, T0), 60);
	assert_int_equal(source_ready_us(s, &rule), (T0 + 50) * 1000);
	assert_int_equal(take_all(s, &rule, T0 + 49), 0);
	assert_int_equal(take_all(s, &rule, T0 + 50), 1);
	assert_int_equal(take_all(s, &rule, T0 + 1050), 20);
	assert_int_equal(take_all(s, &rule, T0 + 100000), 60);
	assert_false(source_take(s, &rule, T0 + 100000 + 149, 3)); /* all or none */
	assert_true(source_take(s, &rule, T0 + 100000 + 150, 3));
	assert_false(source_take(s, &rule, T0 + 200000, 61));
	assert_true(source_take(s, &rule, T0 + 200000, 60));
	/* Another rule, under which all this would be far ahead: it counts as full, not as longer. */
	assert_false(source_take(s, &slow, T0 + 200000, 1));
	assert_true(source_take(s, &slow, T0 + 203000, 1));
	/* A clock that goes back gives nothing. */
	assert_int_equal(take_all(s, &rule, T0), 0);
	shield_table_unref(t);
}

static void what_is_charged(void **state)
{
	const struct source_rule rule = source_rule(20, 60);
	struct source_table *t = shield_table_new(1024);
	struct addr a = v4(1);
	struct source s = source_find(t, &a, T0, true);

	(void)state;
	source_charge(s, &rule, T0, 10);
	assert_int_equal(take_all(s, &rule, T0), 50);
	for (unsigned i = 0; i < 100; i++) /* never more than an empty bucket */
		source_charge(s, &rule, T0, 1000);
	assert_int_equal(take_all(s, &rule, T0), 0);
	assert_int_equal(take_all(s, &rule, T0 + 500), 10);
	assert_int_equal(take_all(s, &rule, T0 + 60000), 60);
	shield_table_unref(t);
}

static void an_answer_bucket(void **state)
{
	const struct source_rule rule = source_rule(5, 20);
	struct source_table *t = shield_table_new(1024);
	struct addr a = v4(1);
	uint64_t starts[] = {0, T0, 0xffffffff, 0xffffffff - 3000, 0x1ffffffffULL, 0x80000000ULL};

	(void)state;
	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) { /* 32 bits go round */
		struct source s;
		unsigned n = 0;
		a = v4(i);
		s = source_find(t, &a, starts[i], true);
		for (uint64_t now = starts[i]; now < starts[i] + 10000; now++)
			while (source_take_answer(s, &rule, now))
				n++;
		assert_int_equal(n, 20 + 10000 / 200 - 1);
	}
	shield_table_unref(t);
}

static void shared_buckets(void **state)
{
	const struct source_rule rule = source_rule(1000, 10);
	struct source_table *t = shield_table_new(1024);
	unsigned n = 0;

	(void)state;
	for (uint64_t now = T0; now < T0 + 100; now++)
		while (source_take_shared(t, &rule, now))
			n++;
	assert_int_equal(n, 10 + 99);
	assert_true(source_take_homeless(t, &rule, T0));
	shield_table_unref(t);
}

/* ---- names ---- */

static void one_source_one_place(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"192.0.2.1:5060", "192.0.2.1:9999", true},
		{"192.0.2.1:5060", "192.0.2.2:5060", false},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:2", true},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:2", true},
	};
	struct source_table *t = shield_table_new(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a, b;
		assert_int_equal(addr_parse(sv_str(rows[i].a), ADDR_PORT, &a), 0);
		assert_int_equal(addr_parse(sv_str(rows[i].b), ADDR_PORT, &b), 0);
		struct source x = source_find(t, &a, T0, true), y = source_find(t, &b, T0, true);
		assert_int_equal(x.set == y.set && x.way == y.way, rows[i].same);
	}
	shield_table_unref(t);
	shield_table_unref(NULL);
}

static void credit(void **state)
{
	struct source_table *t = shield_table_new(1024);
	struct addr a = v4(1);
	struct source s = source_find(t, &a, T0, true);

	(void)state;
	assert_false(source_spend(s) || source_owed(s));
	source_owe(s, 2);
	assert_true(source_owed(s));
	assert_true(source_spend(s) && source_spend(s) && !source_spend(s));
	for (unsigned i = 0; i < 1000; i++)
		source_owe(s, 8);
	for (unsigned i = 0; i < SOURCE_CREDIT_MAX; i++)
		assert_true(source_spend(s));
	assert_false(source_spend(s));
	shield_table_unref(t);
}

/* ---- room ---- */

static void strangers_make_room_for_strangers(void **state)
{
	struct source_table *t = shield_table_new(4); /* one set */
	struct addr a;

	(void)state;
	assert_int_equal(shield_table_max(t), 4);
	for (uint32_t i = 0; i < 4; i++) {
		a = v4(i);
		source_find(t, &a, T0 + i * 1000ULL, true);
	}
	assert_int_equal(shield_table_used(t), 4);
	assert_int_equal(shield_table_evicted(t), 0);
	a = v4(0);
	source_seen(source_find(t, &a, 0, false), T0 + 10000);
	a = v4(9);
	assert_non_null(source_find(t, &a, T0 + 20000, true).set);
	assert_int_equal(shield_table_evicted(t), 1);
	assert_int_equal(shield_table_used(t), 4);
	a = v4(0);
	assert_non_null(source_find(t, &a, 0, false).set);
	a = v4(1); /* the longest not seen */
	assert_null(source_find(t, &a, 0, false).set);
	a = v4(10);
	source_find(t, &a, T0 + 200000, true); /* after minutes nobody is missed */
	assert_int_equal(shield_table_evicted(t), 1);
	shield_table_unref(t);
}

static void the_known_stay(void **state)
{
	struct source_table *t = shield_table_new(4);
	const uint32_t until = (uint32_t)(T0 / 1000) + 3600;
	struct addr a;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		a = v4(i);
		source_learn(t, &a, T0 + i * 1000ULL, until);
		assert_true(source_known(source_find(t, &a, T0, false), until - 1));
		assert_false(source_known(source_find(t, &a, T0, false), until));
	}
	for (uint32_t i = 100; i < 200; i++) { /* strangers share the one place left */
		a = v4(i);
		assert_non_null(source_find(t, &a, T0, true).set);
	}
	for (uint32_t i = 0; i < 3; i++) {
		a = v4(i);
		assert_true(source_known(source_find(t, &a, T0, false), until - 1));
	}
	a = v4(3);
	source_learn(t, &a, T0, until);
	a = v4(200);
	assert_null(source_find(t, &a, T0, true).set); /* no place for a stranger */
	a = v4(4);
	source_learn(t, &a, T0 + 9000, until); /* but for one that is known now */
	a = v4(0);                             /* the longest not seen, by its place before 3 */
	assert_null(source_find(t, &a, T0, false).set);
	assert_int_equal(shield_table_learned(t), 5);
	a = v4(200);
	assert_non_null(source_find(t, &a, (until + 1) * 1000ULL, true).set); /* they were known */
	shield_table_unref(t);
}

/* ---- the model ---- */

#define SOURCES 600

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Each source gets exactly what a bucket of its own would give; with little room a new one each time it was forgotten. */
static void against_a_model(uint32_t room, bool forgets)
{
	const struct source_rule rule = source_rule(20, 10);
	struct source_table *t = shield_table_new(room);
	static struct limit bucket[SOURCES];
	static bool begun[SOURCES];
	const struct limit_rule model = LIMIT_PER_S(20, 10);
	uint64_t now = T0;
	unsigned forgotten = 0, granted = 0, differ = 0;

	memset(begun, 0, sizeof(begun));
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t who = chance(chance(4) ? 20 : SOURCES),
			 cost = 1 + chance(chance(8) ? 1 : 10);
		struct addr a = v4(who);

		if (!source_find(t, &a, now, false).set) {
			limit_init(&bucket[who], &model, now);
			forgotten += begun[who];
			begun[who] = true;
		}
		struct source s = source_find(t, &a, now, true);
		assert_non_null(s.set);
		bool got = source_take(s, &rule, now, cost);
		differ += got != limit_take(&bucket[who], &model, now, cost);
		granted += got;
		now += chance(5);
	}
	assert_int_equal(differ, 0);
	assert_in_range(granted, 1000, 199000);
	assert_int_equal(forgotten > 0, forgets);
	assert_int_equal(shield_table_evicted(t) > 0, forgets);
	assert_true(shield_table_used(t) <= shield_table_max(t));
	shield_table_unref(t);
}

static void a_model_with_room(void **state)
{
	(void)state;
	seed = 7;
	against_a_model(1 << 18, false);
}

static void a_model_without(void **state)
{
	(void)state;
	seed = 9;
	against_a_model(64, true);
}

/* ---- threads ---- */

#define THREADS 4

static struct source_table *shared;
static const struct source_rule shared_rule = {1000, 99000}; /* 1 000/s, 100 at once */

static void *hammer(void *arg)
{
	unsigned *got = arg;
	struct addr one = v4(1);

	for (uint64_t now = T0; now < T0 + 1000; now++) {
		struct source s = source_find(shared, &one, now, true);
		for (unsigned i = 0; i < 3; i++)
			*got += s.set && source_take(s, &shared_rule, now, 1);
		for (uint32_t i = 0; i < 4; i++) { /* strangers, some known later */
			struct addr a = v4((uint32_t)(2 + (now * 7 + i) % 300));
			struct source other = source_find(shared, &a, now, true);
			if (other.set && source_take_answer(other, &shared_rule, now))
				source_owe(other, 2);
			if (other.set)
				source_spend(other);
			if (now % 64 == 0)
				source_learn(shared, &a, now, (uint32_t)(now / 1000) + 1);
		}
		(void)source_take_shared(shared, &shared_rule, now);
	}
	return NULL;
}

static void threads_share_a_bucket(void **state)
{
	struct addr one = v4(1);
	unsigned got[THREADS] = {0}, sum = 0;
	pthread_t thread[THREADS];

	(void)state;
	shared = shield_table_new(1 << 16);
	source_find(shared, &one, T0, true);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &got[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += got[i];
	}
	/* Threads are not at the same time, but none is later than T0 + 999. */
	assert_in_range(sum, 100, 100 + 999);
	assert_true(shield_table_used(shared) <= shield_table_max(shared));
	shield_table_unref(shared);
}

static void threads_share_a_small_table(void **state)
{
	unsigned got[THREADS] = {0};
	pthread_t thread[THREADS];

	(void)state;
	shared = shield_table_new(16);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &got[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(shield_table_used(shared), 16);
	shield_table_unref(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket),
		cmocka_unit_test(what_is_charged),
		cmocka_unit_test(an_answer_bucket),
		cmocka_unit_test(shared_buckets),
		cmocka_unit_test(one_source_one_place),
		cmocka_unit_test(credit),
		cmocka_unit_test(strangers_make_room_for_strangers),
		cmocka_unit_test(the_known_stay),
		cmocka_unit_test(a_model_with_room),
		cmocka_unit_test(a_model_without),
		cmocka_unit_test(threads_share_a_bucket),
		cmocka_unit_test(threads_share_a_small_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
