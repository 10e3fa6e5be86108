/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_meter: the private key once a turn, a share of the time, known peers first, a limit to what is under way (THREATS T-5). Time is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/tls_meter.h"

static void test_once_a_turn(void **state)
{
	struct tls_meter m;

	(void)state;
	tls_meter_init(&m, 1, 1000);
	assert_true(tls_meter_may(&m, 0, 1000));
	tls_meter_took(&m, 0, 10, false); /* a step without the key */
	assert_true(tls_meter_may(&m, 0, 1000));
	tls_meter_took(&m, 0, 10, true);
	assert_false(tls_meter_may(&m, 0, 1000));
	assert_true(tls_meter_may(&m, 1, 1000));
}

/* However many ask: half of the time, one worker or four. */
static void expect_share(unsigned workers, uint64_t op_us, uint64_t per_second_from, uint64_t to)
{
	struct tls_meter m;
	uint64_t now = 5000, used = 0, turn = 0;

	tls_meter_init(&m, workers, now);
	while (now < 10005000) {
		if (tls_meter_may(&m, turn, now)) {
			now += op_us;
			used += op_us;
			tls_meter_took(&m, turn, op_us, true);
		} else {
			uint64_t wait = tls_meter_wait_us(&m, now);
			assert_in_range(wait, 0, 1000000);
			now += wait ? wait : 1;
		}
		turn++;
	}
	assert_in_range(used / 10, per_second_from, to);
}

static void test_share(void **state)
{
	(void)state;
	expect_share(1, 200, 495000, 505000);
	expect_share(1, 900, 495000, 505000);
	expect_share(1, 3, 490000, 510000);
	expect_share(4, 200, 120000, 130000);
	expect_share(64, 200, 7000, 11000);
	expect_share(2000, 200, 1000, 4000); /* never nothing */
}

/* The time that was not used is kept for a moment, not for ever, and no gap overflows. */
static void test_what_is_kept(void **state)
{
	struct tls_meter m;
	unsigned n = 0;

	(void)state;
	tls_meter_init(&m, 1, 0);
	assert_true(tls_meter_may(&m, 0, UINT64_MAX / 2));
	while (tls_meter_may(&m, n, UINT64_MAX / 2))
		tls_meter_took(&m, n++, 1000, true);
	assert_int_equal(n, TLS_KEEP_US / 1000);
	assert_false(tls_meter_may(&m, n, 0)); /* a clock that goes back brings nothing */
	assert_true(tls_meter_wait_us(&m, UINT64_MAX / 2) > 0);
}

static void test_rows(void **state)
{
	struct tls_meter m;
	struct list a, b, c;

	(void)state;
	tls_meter_init(&m, 1, 0);
	list_init(&a);
	list_init(&b);
	list_init(&c);
	assert_false(tls_meter_waits(&m));
	assert_null(tls_meter_next(&m));
	tls_meter_wait(&m, &a, false);
	tls_meter_wait(&m, &b, false);
	tls_meter_wait(&m, &c, true);
	assert_true(tls_meter_waits(&m));
	assert_ptr_equal(tls_meter_next(&m), &c);
	assert_ptr_equal(tls_meter_next(&m), &a);
	list_remove(&b); /* it was closed meanwhile */
	assert_false(tls_meter_waits(&m));
	assert_null(tls_meter_next(&m));
}

static void test_under_way(void **state)
{
	struct tls_meter m;

	(void)state;
	tls_meter_init(&m, 1, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(tls_meter_begin(&m, 4, 25, false));
	assert_false(tls_meter_begin(&m, 4, 25, false));
	assert_true(tls_meter_begin(&m, 4, 25, true));
	assert_false(tls_meter_begin(&m, 4, 25, true));
	tls_meter_end(&m, false);
	assert_true(tls_meter_begin(&m, 4, 25, true));
	tls_meter_end(&m, true);
	assert_true(tls_meter_begin(&m, 4, 25, false));
	for (unsigned i = 0; i < 3; i++)
		tls_meter_end(&m, false);
	tls_meter_end(&m, true);
	assert_int_equal(m.pending, 0);
	assert_int_equal(m.strangers, 0);
	assert_false(tls_meter_begin(&m, 4, 200, false)); /* all is reserved */
	assert_true(tls_meter_begin(&m, 4, 200, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_a_turn),  cmocka_unit_test(test_share),
		cmocka_unit_test(test_what_is_kept), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
