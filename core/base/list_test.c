/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * list.h and ref.h: order, leaving while walking, and the life of a counted object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/ref.h"

struct item {
	int id;
	struct list link;
};

static struct item *item_of(struct list *l)
{
	return container_of(l, struct item, link);
}

static int digits(const struct list *l)
{
	const struct list *it;
	int sum = 0;

	list_for_each (it, l) {
		sum = sum * 10 + container_of(it, struct item, link)->id;
	}
	return sum;
}

static void order_of_links(void **state)
{
	struct item a = {.id = 1}, b = {.id = 2}, c = {.id = 3};
	struct list l, other;

	(void)state;
	list_init(&l);
	list_init(&other);
	assert_true(list_empty(&l));
	assert_null(list_shift(&l));
	list_append(&l, &b.link);
	list_append(&l, &c.link);
	list_push(&l, &a.link);
	assert_int_equal(digits(&l), 123);
	list_remove(&b.link);
	list_remove(&b.link);
	assert_true(list_empty(&b.link));
	assert_int_equal(digits(&l), 13);
	list_insert(&a.link, &b.link);
	assert_int_equal(digits(&l), 123);
	assert_int_equal(item_of(list_shift(&l))->id, 1);
	list_append(&other, &a.link);
	list_take_all(&other, &l);
	list_take_all(&other, &l);
	assert_true(list_empty(&l));
	assert_int_equal(digits(&other), 123);
}

static void leaving_while_walking(void **state)
{
	struct item items[6];
	struct list l, *it, *after;

	(void)state;
	list_init(&l);
	list_for_each_safe (it, after, &l) {
		fail();
	}
	for (int i = 0; i < 6; i++) {
		items[i].id = i + 1;
		list_append(&l, &items[i].link);
	}
	list_for_each_safe (it, after, &l) {
		if (item_of(it)->id % 2)
			list_remove(it);
	}
	assert_int_equal(digits(&l), 246);
}

struct counted {
	struct ref ref;
	int destroyed;
};

static void destroy(struct ref *r)
{
	container_of(r, struct counted, ref)->destroyed++;
}

static void last_reference_destroys(void **state)
{
	struct counted c = {.destroyed = 0};

	(void)state;
	ref_init(&c.ref, destroy);
	ref_take(&c.ref);
	ref_drop(&c.ref);
	assert_int_equal(c.destroyed, 0);
	ref_drop(&c.ref);
	assert_int_equal(c.destroyed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_links),
		cmocka_unit_test(leaving_while_walking),
		cmocka_unit_test(last_reference_destroys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
