/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * branch: what is written can be read, no two are the same, and what others wrote is told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static void there_and_back(void **unused)
{
	static const uint64_t loops[] = {0, 1, 0x0123456789abcdef, UINT64_MAX};
	char text[TXN_BRANCH_MAX];
	unsigned worker;
	uint64_t loop;

	(void)unused;
	assert_true(world_begin(1000));
	for (unsigned w = 0; w < TP_WORKERS_MAX; w++)
		for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
			world.table->env.worker = w;
			int n = txn_branch(world.table, loops[i], text);
			assert_int_equal(n, 42);
			assert_true(txn_branch_read(sv_of(text, (size_t)n), &worker, &loop));
			assert_int_equal(worker, w);
			assert_true(loop == loops[i]);
			for (int k = 0; k < n; k++)
				text[k] = text[k] >= 'a' && text[k] <= 'z' ? (char)(text[k] - 32)
									   : text[k];
			assert_true(txn_branch_read(sv_of(text, (size_t)n), &worker, &loop));
			assert_true(worker == w && loop == loops[i]);
		}
	world.table->env.worker = 0;
	world_end();
}

static void all_differ(void **unused)
{
	char one[TXN_BRANCH_MAX], two[TXN_BRANCH_MAX];

	(void)unused;
	assert_true(world_begin(1000));
	for (unsigned i = 0; i < 100; i++) {
		int n = txn_branch(world.table, 7, one);
		assert_int_equal(txn_branch(world.table, 7, two), n);
		assert_false(sv_ieq(sv_of(one, (size_t)n), sv_of(two, (size_t)n)));
	}
	world_end();
}

static void of_others(void **unused)
{
	static const char *const rows[] = {
		"",
		"z9hG4bK",
		"z9hG4bK776asdhds",
		"z9hG4bKm00AAAAAAAAAAAAAAAA0123456789abcde",
		"z9hG4bKm00AAAAAAAAAAAAAAAA0123456789abcdeff",
		"z9hG4bKn00AAAAAAAAAAAAAAAA0123456789abcdef",
		"z9hG4bXm00AAAAAAAAAAAAAAAA0123456789abcdef",
		"z9hG4bKmg0AAAAAAAAAAAAAAAA0123456789abcdef",
		"z9hG4bKm0-AAAAAAAAAAAAAAAA0123456789abcdef",
		"z9hG4bKm00AAAAAAAAAAAAAAAA0123456789abcdeg",
		"z9hG4bKm00AAAAAAAAAAAAAAAA 123456789abcdef",
	};
	unsigned worker = 99;
	uint64_t loop = 99;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (txn_branch_read(sv_str(rows[i]), &worker, &loop))
			fail_msg("%s", rows[i]);
	assert_int_equal(worker, 99);
	assert_int_equal(loop, 99);
	assert_true(txn_branch_read(sv_str("z9hG4bKm3fAAAAAAAAAAAAAAAA0123456789abcdef"), &worker,
				    &loop));
	assert_int_equal(worker, 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(all_differ),
		cmocka_unit_test(of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
