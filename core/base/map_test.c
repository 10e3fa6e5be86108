/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The map against an array that knows what must be in it, through growing and shrinking; each
 * allocation failing; keys at the end of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/test_alloc.h"
#include "base/test_guard.h"

struct object {
	uint32_t id;
	bool in;
	bool seen;
	struct map_node node;
};

static bool kernel_refuses;

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	if (!kernel_refuses)
		return __real_getrandom(p, n, flags);
	errno = EPERM;
	return -1;
}

static struct object *object_of(struct map_node *n)
{
	return n ? container_of(n, struct object, node) : NULL;
}

static struct sv key_of(const struct object *o)
{
	return sv_of((const char *)&o->id, sizeof(o->id));
}

static void by_any_bytes(void **state)
{
	static const struct sv keys[] = {SV_INIT(""), SV_INIT("a"), SV_INIT("A"), SV_INIT("a\0"),
					 SV_INIT("z9hG4bK776asdhds")};
	struct guard g = guard_init(64);
	struct map_node nodes[5], twin;
	struct map m;

	(void)state;
	assert_int_equal(map_init(&m, 100), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_null(map_find(&m, keys[i]));
		assert_int_equal(map_insert(&m, &nodes[i], keys[i]), 0);
		assert_int_equal(map_insert(&m, &twin, keys[i]), MG_EEXIST);
	}
	for (size_t i = 0; i < 5; i++)
		assert_ptr_equal(map_find(&m, guard_put(&g, keys[i])), &nodes[i]);
	assert_null(map_find(&m, SV("aa")));
	assert_int_equal(map_count(&m), 5);
	map_remove(&m, &nodes[1]);
	assert_null(map_find(&m, SV("a")));
	assert_int_equal(map_insert(&m, &twin, SV("a")), 0);
	assert_ptr_equal(map_find(&m, SV("a")), &twin);
	map_done(&m);
	map_done(&m);
	guard_done(&g);
}

/* Two keys of one 64-bit hash cannot be found, so the entry's key is changed behind the map's back. */
static void an_equal_hash_is_not_an_equal_key(void **state)
{
	struct map_node node;
	struct map m;

	(void)state;
	assert_int_equal(map_init(&m, 10), 0);
	assert_int_equal(map_insert(&m, &node, SV("a")), 0);
	node.key = SV("b");
	assert_null(map_find(&m, SV("a")));
	map_done(&m);
}

static void the_maximum_refuses_and_counts(void **state)
{
	struct object o[4] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
	struct map m;

	(void)state;
	assert_int_equal(map_init(&m, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(map_insert(&m, &o[i].node, key_of(&o[i])), 0);
	assert_int_equal(map_insert(&m, &o[3].node, key_of(&o[3])), MG_ELIMIT);
	assert_int_equal(map_insert(&m, &o[3].node, key_of(&o[2])), MG_EEXIST);
	assert_int_equal(map_refused(&m), 1);
	map_remove(&m, &o[0].node);
	assert_int_equal(map_insert(&m, &o[3].node, key_of(&o[3])), 0);
	assert_int_equal(map_count(&m), 3);
	map_done(&m);
}

#define OBJECTS ((size_t)5000)

static void check_all(const struct map *m, struct object *all, size_t in)
{
	struct map_iter it;
	struct map_node *node;
	size_t seen = 0;

	assert_int_equal(map_count(m), in);
	for (size_t i = 0; i < OBJECTS; i++) {
		all[i].seen = false;
		assert_ptr_equal(object_of(map_find(m, key_of(&all[i]))),
				 all[i].in ? &all[i] : NULL);
	}
	map_iter_init(&it, m);
	while ((node = map_next(&it))) {
		assert_true(object_of(node)->in && !object_of(node)->seen);
		object_of(node)->seen = true;
		seen++;
	}
	assert_int_equal(seen, in);
}

static struct object all[OBJECTS];

/* Random insertions and removals whose number swings up and down, so that slots double and halve
 * and lookups fall into every stage of a move.
 */
static void swings(long fail_at)
{
	uint32_t seed = 1;
	size_t in = 0;
	struct map m;

	memset(all, 0, sizeof(all));
	for (uint32_t i = 0; i < OBJECTS; i++)
		all[i].id = i * 2654435761u;
	assert_int_equal(map_init(&m, OBJECTS), 0);
	alloc_until_failure = fail_at;
	for (size_t op = 0; op < 60000; op++) {
		seed = seed * 1664525 + 1013904223;
		struct object *o = &all[(seed >> 8) % OBJECTS];
		bool fill = op / 12000 % 2 == 0;

		if (!o->in && (fill || seed >> 29 == 0)) {
			assert_int_equal(map_insert(&m, &o->node, key_of(o)), 0);
			o->in = true;
			in++;
		} else if (o->in && !fill) {
			map_remove(&m, &o->node);
			o->in = false;
			in--;
		}
		if (op % 2999 == 0)
			check_all(&m, all, in);
	}
	check_all(&m, all, in);
	alloc_until_failure = -1;
	map_done(&m);
}

static void random_swings(void **state)
{
	(void)state;
	swings(-1);
}

static void growth_failing_in_turn(void **state)
{
	(void)state;
	for (long i = 0; i < 6; i++)
		swings(i);
}

static void one_insertion_moves_little(void **state)
{
	struct map m;

	(void)state;
	memset(all, 0, sizeof(all));
	assert_int_equal(map_init(&m, OBJECTS), 0);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		size_t before = m.moved;
		bool moving = m.old;

		all[i].id = i;
		assert_int_equal(map_insert(&m, &all[i].node, key_of(&all[i])), 0);
		if (moving && m.old)
			assert_in_range(m.moved - before, 1, 4);
	}
	assert_true(m.mask + 1 >= OBJECTS && m.mask + 1 <= 4 * OBJECTS);
	map_done(&m);
}

static void memory_returns_after_a_flood(void **state)
{
	struct map m;

	(void)state;
	memset(all, 0, sizeof(all));
	assert_int_equal(map_init(&m, OBJECTS), 0);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		all[i].id = i;
		assert_int_equal(map_insert(&m, &all[i].node, key_of(&all[i])), 0);
	}
	for (uint32_t i = 10; i < OBJECTS; i++)
		map_remove(&m, &all[i].node);
	for (int i = 0; i < 20000; i++) { /* insertions move entries, so there must be some */
		assert_int_equal(map_insert(&m, &all[10].node, key_of(&all[10])), 0);
		map_remove(&m, &all[10].node);
	}
	assert_in_range(m.mask + 1, 16, 128);
	for (uint32_t i = 0; i < OBJECTS; i++)
		assert_int_equal(map_find(&m, key_of(&all[i])) != NULL, i < 10);
	map_done(&m);
}

static void removal_on_the_way(void **state)
{
	struct map m;
	struct map_iter it;
	struct map_node *node;
	size_t left = 0;

	(void)state;
	memset(all, 0, sizeof(all));
	assert_int_equal(map_init(&m, OBJECTS), 0);
	for (uint32_t i = 0; i < 1030; i++) { /* in the midst of a move */
		all[i].id = i;
		assert_int_equal(map_insert(&m, &all[i].node, key_of(&all[i])), 0);
	}
	assert_non_null(m.old);
	map_iter_init(&it, &m);
	while ((node = map_next(&it))) {
		if (object_of(node)->id % 3)
			map_remove(&m, node);
		else
			left++;
	}
	assert_int_equal(left, 344);
	assert_int_equal(map_count(&m), left);
	map_done(&m);
}

static void no_memory_or_no_key(void **state)
{
	struct map m = {.count = 4711};

	(void)state;
	alloc_until_failure = 0;
	assert_int_equal(map_init(&m, 10), MG_ENOMEM);
	alloc_until_failure = -1;
	kernel_refuses = true;
	assert_int_equal(map_init(&m, 10), -EPERM);
	kernel_refuses = false;
	assert_int_equal(m.count, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_any_bytes),
		cmocka_unit_test(an_equal_hash_is_not_an_equal_key),
		cmocka_unit_test(the_maximum_refuses_and_counts),
		cmocka_unit_test(random_swings),
		cmocka_unit_test(growth_failing_in_turn),
		cmocka_unit_test(one_insertion_moves_little),
		cmocka_unit_test(memory_returns_after_a_flood),
		cmocka_unit_test(removal_on_the_way),
		cmocka_unit_test(no_memory_or_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
