/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Spellings of numbers, and prefixes against a walk through all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "number.h"

static void spellings(void **state)
{
	static const struct {
		const char *uri, *number;
	} rows[] = {
		{"sip:+4930123@a.example", "+4930123"},
		{"sips:030123@a.example;user=phone", "030123"},
		{"sip:%2B4930123@a.example", "+4930123"},
		{"sip:%2b49%33%30@a.example", "+4930"},
		{"sip:+49-30-(12).3@a.example", "+4930123"},
		{"sip:+4930123;npdi;rn=+1999@a.example", "+4930123"},
		{"sip:+4930123%3bphone-context=+1@a.example", "+4930123"},
		{"sip:*21%23@a.example", "*21#"},
		{"tel:+49-30-123", "+4930123"},
		{"tel:0123;phone-context=+4930", "0123"},
		{"sip:alice@a.example", ""},
		{"sip:1a@a.example", ""},
		{"sip:1+2@a.example", ""},
		{"sip:++49@a.example", ""},
		{"sip:--@a.example", ""},
		{"sip:%00123@a.example", ""},
		{"sip:1%3B23@a.example", "1"},
		{"sip:\xef\xbc\x91@a.example", ""},
		{"sip:a.example", ""},
		{"urn:service:sos", ""},
		{"sip:1234567890123456789012345678901234567890123456789012345678901234@a",
		 "1234567890123456789012345678901234567890123456789012345678901234"},
		{"sip:12345678901234567890123456789012345678901234567890123456789012345@a", ""},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char digits[NUMBER_MAX];
		struct sip_where at;
		struct sip_uri uri;
		size_t n =
			sip_uri_parse(&uri, sv_str(rows[i].uri), &at) ? 0 : number_of(&uri, digits);
		if (sv_eq(sv_of(digits, n), sv_str(rows[i].number)))
			continue;
		fprintf(stderr, "%s: %.*s\n", rows[i].uri, (int)n, digits);
		bad++;
	}
	assert_int_equal(bad, 0);
	assert_true(number_is_plain(SV("+49*#")));
	assert_true(number_is_plain(SV("")));
	assert_false(number_is_plain(SV("49-30")));
	assert_false(number_is_plain(SV("4+9")));
}

#define PREFIXES 2000

static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct sv any_number(char *at, size_t longest)
{
	size_t n = chance((uint32_t)longest + 1);

	for (size_t i = 0; i < n; i++)
		at[i] = "0123+*#"[chance(i ? 4 : 7)];
	return sv_of(at, n);
}

static void against_all(void **state)
{
	static char text[PREFIXES][8];
	static struct sv prefix[PREFIXES];
	struct number_tree *tree = number_tree_new();

	(void)state;
	assert_non_null(tree);
	for (size_t i = 0; i < PREFIXES; i++) {
		prefix[i] = any_number(text[i], i ? 8 : 0);
		void **slot = number_tree_slot(tree, prefix[i]);
		assert_non_null(slot);
		if (!*slot)
			*slot = &prefix[i];
	}
	for (unsigned round = 0; round < 5000; round++) {
		char digits[20];
		struct sv number = any_number(digits, 12);
		void *found[20];
		size_t n = number_tree_find(tree, number, found, 20), want = 0;

		for (size_t len = number.n + 1; len-- > 0;) {
			bool there = false;
			for (size_t i = 0; i < PREFIXES && !there; i++)
				there = prefix[i].n == len && sv_starts(number, prefix[i]);
			if (!there)
				continue;
			assert_true(want < n);
			const struct sv *got = found[want++];
			assert_true(got->n == len && sv_starts(number, *got));
		}
		assert_int_equal(want, n);
		assert_int_equal(number_tree_find(tree, number, found, 1),
				 1); /* "" is among them */
	}
	number_tree_free(tree);
	number_tree_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings),
		cmocka_unit_test(against_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
