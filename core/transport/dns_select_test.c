/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Orders of records: rows for what is fixed, counts of many draws for what is left to chance, and that the same number gives the
 * same order however the server turned the records round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "sip/uri.h"
#include "transport/dns_select.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define UDP         (1u << SIP_TRANSPORT_UDP)
#define TCP         (1u << SIP_TRANSPORT_TCP)
#define TLS         (1u << SIP_TRANSPORT_TLS)
#define DRAWS       20000

static struct dns_rec srv(unsigned priority, unsigned weight, const char *target)
{
	return (struct dns_rec){.rank = (uint16_t)priority,
				.share = (uint16_t)weight,
				.port = 5060,
				.name = sv_str(target)};
}

static struct dns_rec naptr(unsigned order, unsigned preference, enum sip_transport transport)
{
	return (struct dns_rec){.rank = (uint16_t)order,
				.share = (uint16_t)preference,
				.transport = (uint8_t)transport,
				.name = SV("_x.example.com")};
}

/* The targets in their order, "a b c". */
static void names(const struct dns_rec *rec, const uint8_t *order, unsigned n, char out[64])
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, 64 - at, "%s%.*s", i ? " " : "",
				       SV_ARG(rec[order[i]].name));
}

static const struct {
	unsigned can;
	bool sips;
	const char *order; /* indices */
} services[] = {
	{UDP | TCP | TLS, false, "2301"},
	{UDP, false, "01"},
	{TCP | UDP, false, "301"},
	{TLS, false, "2"},
	{UDP | TCP | TLS, true, "2"},
	{UDP | TCP, true, ""},
	{0, false, ""},
};

static void test_naptr(void **state)
{
	const struct dns_rec rec[] = {
		naptr(100, 10, SIP_TRANSPORT_UDP),
		naptr(100, 20, SIP_TRANSPORT_UDP),
		naptr(50, 65535, SIP_TRANSPORT_TLS),
		naptr(90, 0, SIP_TRANSPORT_TCP),
	};

	(void)state;
	for (size_t i = 0; i < ROWS(services); i++) {
		uint8_t order[DNS_RECORDS_MAX];
		unsigned n = dns_naptr_order(rec, 4, services[i].can, services[i].sips, order);

		assert_int_equal(n, strlen(services[i].order));
		for (unsigned k = 0; k < n; k++)
			assert_int_equal(order[k], services[i].order[k] - '0');
	}
}

static void test_srv_priorities(void **state)
{
	const struct dns_rec rec[] = {srv(30, 9, "c"), srv(10, 0, "a"), srv(65535, 0, "d"),
				      srv(20, 65535, "b"), srv(5, 0, "")};
	struct dns_draw draw = {1};
	uint8_t order[DNS_RECORDS_MAX];
	char text[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		unsigned n = dns_srv_order(rec, 5, &draw, order);

		names(rec, order, n, text);
		assert_string_equal(text, "a b c d");
	}
	assert_int_equal(dns_srv_order(rec + 4, 1, &draw, order), 0);
	assert_int_equal(dns_srv_order(NULL, 0, &draw, order), 0);
}

static void count_first(const struct dns_rec *rec, unsigned n, unsigned first[DNS_RECORDS_MAX])
{
	struct dns_draw draw = {20240229};
	uint8_t order[DNS_RECORDS_MAX];

	memset(first, 0, DNS_RECORDS_MAX * sizeof(first[0]));
	for (int i = 0; i < DRAWS; i++) {
		unsigned seen = 0;

		assert_int_equal(dns_srv_order(rec, n, &draw, order), n);
		for (unsigned k = 0; k < n; k++)
			seen |= 1u << order[k];
		assert_int_equal(seen, (1u << n) - 1); /* each once */
		first[order[0]]++;
	}
}

/* Shares of being first, within 5 standard deviations (the draws are the same in every run). */
static void test_srv_weights(void **state)
{
	const struct dns_rec shares[] = {srv(1, 10, "a"), srv(1, 60, "b"), srv(1, 30, "c"),
					 srv(2, 99, "d")};
	const struct dns_rec zero[] = {srv(1, 0, "a"), srv(1, 0, "b"), srv(1, 99, "c")};
	const struct dns_rec largest[] = {srv(1, 65535, "a"), srv(1, 65535, "b")};
	unsigned first[DNS_RECORDS_MAX];

	(void)state;
	count_first(shares, 4, first);
	assert_in_range(first[0], DRAWS * 10 / 100 - 212, DRAWS * 11 / 100 + 212);
	assert_in_range(first[1], DRAWS * 59 / 100 - 350, DRAWS * 60 / 100 + 350);
	assert_in_range(first[2], DRAWS * 29 / 100 - 325, DRAWS * 30 / 100 + 325);
	assert_int_equal(first[3], 0);
	count_first(zero, 3, first);
	assert_in_range(first[0], DRAWS / 100 - 71,
			DRAWS / 100 + 71); /* a small chance, as the RFC wants */
	assert_int_equal(first[1], 0);
	assert_in_range(first[2], DRAWS * 99 / 100 - 71, DRAWS * 99 / 100 + 71);
	count_first(largest, 2, first);
	assert_in_range(first[0], DRAWS / 2 - 354, DRAWS / 2 + 354);
}

static void test_srv_32(void **state)
{
	struct dns_rec rec[DNS_RECORDS_MAX];
	struct dns_draw draw = {3};
	uint8_t order[DNS_RECORDS_MAX];
	uint32_t seen = 0;

	(void)state;
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		rec[i] = srv(0, 65535, "a");
	assert_int_equal(dns_srv_order(rec, DNS_RECORDS_MAX, &draw, order), DNS_RECORDS_MAX);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		seen |= UINT32_C(1) << order[i];
	assert_int_equal(seen, UINT32_MAX);
}

static void test_same_seed_same_order(void **state)
{
	struct dns_rec rec[] = {srv(1, 10, "a"), srv(1, 10, "b"), srv(1, 10, "c"), srv(1, 0, "d")};
	uint8_t order[DNS_RECORDS_MAX];
	unsigned differ = 0;
	char was[64], text[64], last[64] = "";

	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		for (unsigned turn = 0; turn < 4; turn++) {
			struct dns_draw draw = {seed};
			struct dns_rec first = rec[0];

			names(rec, order, dns_srv_order(rec, 4, &draw, order), text);
			if (turn)
				assert_string_equal(text, was);
			memcpy(was, text, sizeof(was));
			memmove(rec, rec + 1, 3 * sizeof(rec[0]));
			rec[3] = first;
		}
		differ += strcmp(last, text) != 0;
		memcpy(last, text, sizeof(last));
	}
	assert_true(differ > 25);
}

static void test_addresses(void **state)
{
	struct dns_rec rec[4] = {0};
	struct dns_draw draw = {7};
	unsigned first[4] = {0};
	uint8_t order[DNS_RECORDS_MAX];

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		rec[i].addr = addr_v4((uint8_t[]){192, 0, 2, (uint8_t)(9 - i)}, 0);
	for (int i = 0; i < DRAWS; i++) {
		assert_int_equal(dns_address_order(rec, 4, &draw, order), 4);
		assert_int_equal(1u << order[0] | 1u << order[1] | 1u << order[2] | 1u << order[3],
				 15);
		first[order[0]]++;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(first[i], DRAWS / 4 - 307, DRAWS / 4 + 307);
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct dns_draw one = {seed}, two = {seed};
		struct dns_rec turned[4] = {rec[2], rec[3], rec[0], rec[1]};
		uint8_t other[DNS_RECORDS_MAX];

		dns_address_order(rec, 4, &one, order);
		dns_address_order(turned, 4, &two, other);
		for (unsigned i = 0; i < 4; i++)
			assert_true(addr_eq(&rec[order[i]].addr, &turned[other[i]].addr));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naptr),
		cmocka_unit_test(test_srv_priorities),
		cmocka_unit_test(test_srv_weights),
		cmocka_unit_test(test_srv_32),
		cmocka_unit_test(test_same_seed_same_order),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
