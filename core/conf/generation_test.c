/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Generations under threads that keep them for a while: each is freed exactly once, after the last
 * use, and all hear of it in the right order. The thread sanitizer sees what a count misses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "conf/generation.h"

#define THREADS     4
#define GENERATIONS 600
#define KEPT        32

struct conf {
	struct generation generation;
	uint64_t twice; /* the number, twice: what a reader sees of a settled configuration */
	uint64_t left[THREADS];
};

static atomic_uint freed[GENERATIONS + 1];
static atomic_uint wrong;

static struct conf *conf_of(struct generation *g)
{
	return (struct conf *)g; /* at its begin */
}

static void on_left(struct generation *g, unsigned me)
{
	conf_of(g)->left[me]++;
}

static void on_free(struct generation *g)
{
	struct conf *c = conf_of(g);

	for (unsigned i = 0; i < THREADS; i++)
		wrong += c->left[i] != 1;
	freed[g->number]++;
	memset(c, 0xa5, sizeof(*c));
	free(c);
}

static struct conf *make(uint64_t number, unsigned threads)
{
	struct conf *c = aligned_alloc(64, sizeof(*c));

	assert_non_null(c);
	generation_init(&c->generation, number, threads, on_free);
	c->generation.left = on_left;
	c->twice = 2 * number;
	for (unsigned i = 0; i < THREADS; i++)
		c->left[i] = i >= threads;
	return c;
}

static void kept_until_the_last_use(void **state)
{
	struct conf *a = make(1, 1), *b = make(2, 1);
	struct generation *g = &a->generation;

	(void)state;
	freed[1] = freed[2] = 0;
	assert_null(generation_after(g));
	generation_enter(g, NULL, 0);
	generation_ref(g, 0);
	generation_ref(g, 0);
	generation_publish(g, &b->generation);
	assert_ptr_equal(generation_after(g), &b->generation);
	generation_enter(&b->generation, g, 0);
	assert_int_equal(freed[1], 0);
	/* What began before keeps it, and what that begins too. */
	generation_unref(g, 0);
	generation_ref(g, 0);
	generation_unref(g, 0);
	assert_int_equal(a->left[0], 0);
	generation_unref(g, 0);
	assert_int_equal(freed[1], 1);
	assert_int_equal(freed[2], 0);
	generation_enter(NULL, &b->generation, 0);
	assert_int_equal(freed[2], 1);
	assert_int_equal(wrong, 0);
}

/* A thread that slept goes through what it missed. */
static void nobody_passes_one_over(void **state)
{
	struct conf *c[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		freed[i] = 0;
		c[i] = make(i, 2);
		if (i)
			generation_publish(&c[i - 1]->generation, &c[i]->generation);
	}
	for (unsigned me = 0; me < 2; me++) {
		struct generation *current = NULL, *next = &c[0]->generation;

		for (; next; next = generation_after(current)) {
			generation_enter(next, current, me);
			current = next;
		}
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(freed[i], me == 1 && i < 3);
		if (me == 1)
			generation_enter(NULL, current, 1);
	}
	assert_int_equal(freed[3], 0);
	generation_enter(NULL, &c[3]->generation, 0);
	assert_int_equal(freed[3], 1);
	assert_int_equal(wrong, 0);
}

struct worker {
	unsigned me;
	struct generation *first;
	struct generation *kept[KEPT];
	unsigned seed;
};

static void use(struct generation *g)
{
	wrong += conf_of(g)->twice != 2 * g->number;
}

/* Begin or end something. */
static void work(struct worker *w, struct generation *current)
{
	w->seed = w->seed * 1103515245 + 12345;
	struct generation **slot = &w->kept[(w->seed >> 16) % KEPT];

	if (*slot) {
		use(*slot);
		generation_unref(*slot, w->me);
		*slot = NULL;
	} else {
		generation_ref(current, w->me);
		*slot = current;
	}
	use(current);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct generation *current = w->first, *next;

	generation_enter(current, NULL, w->me);
	while (current->number < GENERATIONS) {
		while ((next = generation_after(current))) {
			generation_enter(next, current, w->me);
			current = next;
		}
		for (unsigned i = 0; i < 8 * (w->me + 1); i++)
			work(w, current);
		if (w->seed % 16 == 0)
			sched_yield();
	}
	for (unsigned i = 0; i < KEPT; i++) {
		if (w->kept[i])
			generation_unref(w->kept[i], w->me);
	}
	generation_enter(NULL, current, w->me);
	return NULL;
}

static void threads(void **state)
{
	struct worker workers[THREADS] = {0};
	pthread_t ids[THREADS];
	struct conf *newest = make(0, THREADS);

	(void)state;
	for (unsigned i = 0; i <= GENERATIONS; i++)
		freed[i] = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.me = i, .first = &newest->generation, .seed = i};
		assert_int_equal(pthread_create(&ids[i], NULL, run, &workers[i]), 0);
	}
	for (unsigned i = 1; i <= GENERATIONS; i++) {
		struct conf *next = make(i, THREADS);

		generation_publish(&newest->generation, &next->generation);
		newest = next;
		if (i % 8 == 0)
			sched_yield();
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(ids[i], NULL), 0);
	for (unsigned i = 0; i <= GENERATIONS; i++)
		assert_int_equal(freed[i], 1);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_until_the_last_use),
		cmocka_unit_test(nobody_passes_one_over),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
