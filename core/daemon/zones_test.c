/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of zones.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/zones.h"

static struct zone_numbers zones;

static void begin(void)
{
	memset(&zones, 0, sizeof(zones));
}

static void test_a_name_keeps_its_number(void **state)
{
	(void)state;
	begin();
	assert_int_equal(zone_number_take(&zones, "inside", 1), 0);
	assert_int_equal(zone_number_take(&zones, "carrier", 1), 1);
	/* a second configuration, in another order, with one more */
	assert_int_equal(zone_number_take(&zones, "carrier", 2), 1);
	assert_int_equal(zone_number_take(&zones, "extra", 2), 2);
	assert_int_equal(zone_number_take(&zones, "inside", 2), 0);
	/* the first one ends: nothing changes for the third */
	zone_number_give(&zones, 0, 100);
	zone_number_give(&zones, 1, 100);
	assert_int_equal(zone_number_take(&zones, "extra", 3), 2);
	assert_int_equal(zone_number_take(&zones, "inside", 3), 0);
}

static void test_of_a_zone_that_is_gone(void **state)
{
	(void)state;
	begin();
	assert_int_equal(zone_number_take(&zones, "a", 1), 0);
	assert_int_equal(zone_number_take(&zones, "b", 1), 1);
	assert_int_equal(zone_number_take(&zones, "b", 2), 1);
	assert_int_equal(zone_number_take(&zones, "c", 2), 2); /* calls of "a" go on */
	zone_number_give(&zones, 0, 1000);
	assert_int_equal(zone_number_take(&zones, "d", 999), 3); /* so does what is left of them */
	assert_int_equal(zone_number_take(&zones, "e", 1000), 0);
	/* back in time, under the number it had; a short while does not end a long one */
	zone_number_give(&zones, 2, 2000);
	assert_int_equal(zone_number_take(&zones, "c", 1001), 2);
	zone_number_give(&zones, 2, 1500);
	assert_int_equal(zone_number_take(&zones, "f", 1600), 4);
	assert_int_equal(zone_number_take(&zones, "c", 3000), 2);
	assert_int_equal(zone_number_take(&zones, "a", 3000), 5); /* its own is another's now */
}

static void test_no_more_than_there_are(void **state)
{
	char name[ZONE_NAME_MAX + 1] = "";

	(void)state;
	begin();
	for (int i = 0; i < TP_ZONE_NUMBERS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(zone_number_take(&zones, name, 1), i);
	}
	assert_int_equal(zone_number_take(&zones, "more", 1), MG_ELIMIT);
	assert_int_equal(zone_number_take(&zones, "7", 1), 7);
	zone_number_give(&zones, 7, 1);
	assert_int_equal(zone_number_take(&zones, "more", 1), MG_ELIMIT); /* another has it yet */
	zone_number_give(&zones, 7, 1);
	assert_int_equal(zone_number_take(&zones, "more", 1), 7);
	/* the longest name there is, and one that no configuration has */
	zone_number_give(&zones, 9, 1);
	memset(name, 'x', ZONE_NAME_MAX);
	assert_int_equal(zone_number_take(&zones, name, 1), MG_ELIMIT);
	name[ZONE_NAME_MAX - 1] = '\0';
	assert_int_equal(zone_number_take(&zones, name, 1), 9);
	assert_int_equal(zone_number_take(&zones, name, 1), 9);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_keeps_its_number),
		cmocka_unit_test(test_of_a_zone_that_is_gone),
		cmocka_unit_test(test_no_more_than_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
