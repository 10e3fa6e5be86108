/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Comparison at each position; what constant time means is for a benchmark, not for a unit test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctime.h"

static void a_difference_anywhere_counts(void **state)
{
	uint8_t a[33], b[33];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(mg_memeq_ct(a, b, sizeof(a)));
	assert_true(mg_memeq_ct(a, "", 0));
	assert_true(mg_memeq_ct(NULL, NULL, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b[i] = (uint8_t)(a[i] ^ 1u << bit);
			assert_false(mg_memeq_ct(a, b, sizeof(a)));
			assert_true(mg_memeq_ct(a, b, i));
		}
		b[i] = a[i];
	}
}

static void wiping_stays_within_its_bytes(void **state)
{
	char s[8] = "secret!";

	(void)state;
	mg_wipe(s + 1, 4);
	assert_memory_equal(s, "s\0\0\0\0t!", 8);
	mg_wipe(s, 0);
	mg_wipe(NULL, 0);
	assert_int_equal(s[0], 's');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_difference_anywhere_counts),
		cmocka_unit_test(wiping_stays_within_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
