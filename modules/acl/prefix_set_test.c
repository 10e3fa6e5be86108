/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Compiled prefixes against the list walked from its begin, for lists by hand and by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "prefix_set.h"

#define LIST_MAX 300

static struct prefix list[LIST_MAX];

static struct addr test_addr(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(sv_str(text), ADDR_IP, &a), 0);
	return a;
}

static uint32_t naive(uint32_t n, const struct addr *a)
{
	for (uint32_t i = 0; i < n; i++)
		if (prefix_has(&list[i], a))
			return i;
	return PREFIX_SET_NONE;
}

static void add(uint32_t i, const char *text)
{
	assert_int_equal(prefix_parse(sv_str(text), &list[i]), 0);
}

static void by_hand(void **state)
{
	static const char *const texts[] = {
		"10.1.2.3/32",  "10.1.0.0/16",   "10.0.0.0/8",  "0.0.0.0/0",
		"192.0.2.0/24", "2001:db8::/32", "2001:db8::1", "255.255.255.255/32",
		"ffff::/16",    "::/0",          "ff00::/8",
	};
	static const struct {
		const char *addr;
		uint32_t index;
	} rows[] = {
		{"10.1.2.3", 0},
		{"10.1.2.2", 1},
		{"10.1.2.4", 1},
		{"10.0.255.255", 2},
		{"10.2.0.0", 2},
		{"9.255.255.255", 3},
		{"11.0.0.0", 3},
		{"0.0.0.0", 3},
		{"192.0.2.9", 3}, /* 0.0.0.0/0 stands before */
		{"255.255.255.255", 3},
		{"2001:db8::1", 5},
		{"2001:db7::", 9},
		{"2001:db9::", 9},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 8},
		{"ff00::", 9},
		{"::", 9},
	};
	struct prefix_set set;
	uint32_t n = sizeof(texts) / sizeof(texts[0]);

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		add(i, texts[i]);
	assert_int_equal(prefix_set_init(&set, list, n), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = test_addr(rows[i].addr);
		assert_int_equal(prefix_set_find(&set, &a), rows[i].index);
		assert_int_equal(naive(n, &a), rows[i].index);
	}
	assert_int_equal(prefix_set_find(&set, &(struct addr){0}), PREFIX_SET_NONE);
	prefix_set_done(&set);
}

static void an_empty_list(void **state)
{
	struct addr v4 = test_addr("192.0.2.1"), v6 = test_addr("2001:db8::1");
	struct prefix_set set;

	(void)state;
	assert_int_equal(prefix_set_init(&set, list, 0), 0);
	assert_int_equal(prefix_set_find(&set, &v4), PREFIX_SET_NONE);
	assert_int_equal(prefix_set_find(&set, &v6), PREFIX_SET_NONE);
	prefix_set_done(&set);
	assert_int_equal(prefix_set_find(&set, &v4), PREFIX_SET_NONE);
	add(0, "::/0"); /* no IPv4 lies in there */
	assert_int_equal(prefix_set_init(&set, list, 1), 0);
	assert_int_equal(prefix_set_find(&set, &v4), PREFIX_SET_NONE);
	assert_int_equal(prefix_set_find(&set, &v6), 0);
	prefix_set_done(&set);
}

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* An address out of few, so that prefixes meet: most bytes are one of two. */
static struct addr any_addr(bool v6)
{
	uint8_t ip[16];

	for (unsigned i = 0; i < 16; i++)
		ip[i] = (uint8_t)(chance(8) ? (chance(2) ? 0xff : 0x00) : chance(256));
	if (v6)
		ip[0] = (uint8_t)(0x20 | chance(2));
	return v6 ? addr_v6(ip, 0) : addr_v4(ip, 0);
}

static void next_to(struct addr *a, int step)
{
	unsigned n = a->family == ADDR_V4 ? 4 : 16;

	for (unsigned i = n; i-- > 0;) {
		a->ip[i] = (uint8_t)(a->ip[i] + step);
		if (a->ip[i] != (step > 0 ? 0 : 0xff))
			return;
	}
}

static void by_chance(void **state)
{
	(void)state;
	for (seed = 1; seed < 40000; seed += 199) {
		uint32_t n = 1 + chance(LIST_MAX), was = seed;
		struct prefix_set set;

		for (uint32_t i = 0; i < n; i++) {
			bool v6 = chance(2);
			uint8_t bits = (uint8_t)chance(v6 ? 129 : 33);
			struct addr a = any_addr(v6);
			list[i] = (struct prefix){.net = addr_net(&a, bits, bits), .bits = bits};
		}
		assert_int_equal(prefix_set_init(&set, list, n), 0);
		for (uint32_t i = 0; i < 2 * n; i++) { /* the borders, and whatever else */
			struct addr a = i < n ? list[i].net : any_addr(chance(2));
			for (int step = -1; step <= 1; step++) {
				struct addr b = a;
				if (step)
					next_to(&b, step);
				assert_int_equal(prefix_set_find(&set, &b), naive(n, &b));
			}
		}
		prefix_set_done(&set);
		seed = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(an_empty_list),
		cmocka_unit_test(by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
