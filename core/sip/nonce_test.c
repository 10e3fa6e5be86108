/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is minted verifies, for its source and realm, while it lives, under the key of now or before; nothing else
 * does. The window of counts against a model that remembers all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/test_guard.h"
#include "sip/lex.h"
#include "sip/nonce.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW         UINT64_C(1700000000000)
#define LIFE        60000

static struct rnd rnd;

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_PORT, &a), 0);
	return a;
}

static struct sip_nonce_keys two_keys(void)
{
	struct sip_nonce_keys keys = {.now = {.id = 8}, .before = {.id = 7}, .has_before = true};

	assert_int_equal(rand_system(&keys.now.key, sizeof(keys.now.key)), 0);
	assert_int_equal(rand_system(&keys.before.key, sizeof(keys.before.key)), 0);
	return keys;
}

static const struct {
	int64_t age_ms; /* since minting */
	int ret;
} ages[] = {
	{0, 0},
	{1000, 0},
	{59000, 0},
	{LIFE, 0},
	{LIFE + 1, MG_ESTALE},
	{61000, MG_ESTALE},
	{86400000, MG_ESTALE},
	{-1, 0},
	{-SIP_NONCE_SKEW_MS, 0},
	{-SIP_NONCE_SKEW_MS - 1, MG_ESTALE},
	{-86400000, MG_ESTALE},
};

static void test_life(void **state)
{
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1:5060");
	struct guard g = guard_init(64);
	char text[SIP_NONCE_LEN];

	(void)state;
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, SV("biloxi.com"), text), 0);
	for (size_t i = 0; i < SIP_NONCE_LEN; i++)
		assert_true(lex_is(text[i], LEX_TOKEN));
	for (size_t i = 0; i < ROWS(ages); i++) {
		struct sip_nonce n = {0};
		int ret = sip_nonce_verify(&keys, NOW + (uint64_t)ages[i].age_ms, LIFE, &peer,
					   SV("biloxi.com"),
					   guard_put(&g, sv_of(text, sizeof(text))), &n);
		if (ret != ages[i].ret)
			fail_msg("row %zu: %d", i, ret);
		assert_int_equal(n.created_ms, ret ? 0 : NOW);
	}
	guard_done(&g);
}

static const struct {
	const char *peer, *realm;
	int ret;
} others[] = {
	{"192.0.2.1:5060", "biloxi.com", 0},
	{"192.0.2.1:1024", "biloxi.com", 0}, /* another port: NAT */
	{"[::ffff:192.0.2.1]:5060", "biloxi.com", 0},
	{"192.0.2.2:5060", "biloxi.com", MG_EAUTH},
	{"[2001:db8::1]:5060", "biloxi.com", MG_EAUTH},
	{"192.0.2.1:5060", "Biloxi.com", MG_EAUTH},
	{"192.0.2.1:5060", "biloxi.co", MG_EAUTH},
	{"192.0.2.1:5060", "biloxi.com\n", MG_EAUTH},
	{"192.0.2.1:5060", "", MG_EAUTH},
};

static void test_source_and_realm(void **state)
{
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1:5060"), six = addr("[2001:db8::1]:5060");
	char text[SIP_NONCE_LEN];
	struct sip_nonce n;
	struct sv realm = SV("biloxi.com"), view = sv_of(text, sizeof(text));

	(void)state;
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, realm, text), 0);
	for (size_t i = 0; i < ROWS(others); i++) {
		struct addr other = addr(others[i].peer);
		int ret = sip_nonce_verify(&keys, NOW, LIFE, &other, sv_str(others[i].realm), view,
					   &n);
		if (ret != others[i].ret)
			fail_msg("%s %s: %d", others[i].peer, others[i].realm, ret);
	}
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &six, SV(""), text), 0);
	assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &six, SV(""), view, &n), 0);
	six.ip[15] ^= 1;
	assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &six, SV(""), view, &n), MG_EAUTH);
}

static void test_realm_length(void **state)
{
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1");
	char text[SIP_NONCE_LEN], realm[SIP_NONCE_REALM_MAX + 1];
	struct sip_nonce n;
	struct sv fits = sv_of(realm, SIP_NONCE_REALM_MAX), longer = sv_of(realm, sizeof(realm));
	struct sv view = sv_of(text, sizeof(text));

	(void)state;
	memset(realm, 'r', sizeof(realm));
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, fits, text), 0);
	assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &peer, fits, view, &n), 0);
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, longer, text), MG_EINVAL);
	assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &peer, longer, view, &n), MG_EINVAL);
}

/* Any other character in any place, any other length. */
static void test_tampered(void **state)
{
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1");
	char text[SIP_NONCE_LEN + 1];
	struct guard g = guard_init(64);
	struct sip_nonce n;

	(void)state;
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, SV("r"), text), 0);
	for (size_t i = 0; i < SIP_NONCE_LEN; i++)
		for (unsigned c = 0; c < 256; c++) {
			char was = text[i];
			text[i] = (char)c;
			int ret = sip_nonce_verify(&keys, NOW, LIFE, &peer, SV("r"),
						   sv_of(text, SIP_NONCE_LEN), &n);
			assert_int_equal(ret, text[i] == was ? 0 : MG_EAUTH);
			text[i] = was;
		}
	text[SIP_NONCE_LEN] = 'A';
	for (size_t len = 0; len <= SIP_NONCE_LEN + 1; len++)
		assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &peer, SV("r"),
						  guard_put(&g, sv_of(text, len)), &n),
				 len == SIP_NONCE_LEN ? 0 : MG_EAUTH);
	guard_done(&g);
}

static void test_rotation(void **state)
{
	struct sip_nonce_keys keys = two_keys(), later = keys;
	struct addr peer = addr("192.0.2.1");
	char text[SIP_NONCE_LEN];
	struct sv view = sv_of(text, sizeof(text));
	struct sip_nonce n;

	(void)state;
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, SV("r"), text), 0);
	later.before = keys.now;
	later.now.id = 9;
	assert_int_equal(rand_system(&later.now.key, sizeof(later.now.key)), 0);
	assert_int_equal(sip_nonce_verify(&later, NOW, LIFE, &peer, SV("r"), view, &n), 0);
	later.has_before = false;
	assert_int_equal(sip_nonce_verify(&later, NOW, LIFE, &peer, SV("r"), view, &n), MG_EAUTH);
	later.now.id = keys.now.id; /* the id alone does not do */
	assert_int_equal(sip_nonce_verify(&later, NOW, LIFE, &peer, SV("r"), view, &n), MG_EAUTH);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* In the same millisecond for the same source, none repeats. */
static void test_unique(void **state)
{
	static uint64_t ids[4096];
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1");

	(void)state;
	for (size_t i = 0; i < ROWS(ids); i++) {
		char text[SIP_NONCE_LEN];
		struct sip_nonce n;
		assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, SV("r"), text), 0);
		assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &peer, SV("r"),
						  sv_of(text, sizeof(text)), &n),
				 0);
		ids[i] = n.id;
	}
	qsort(ids, ROWS(ids), sizeof(ids[0]), by_id);
	for (size_t i = 1; i < ROWS(ids); i++)
		assert_true(ids[i - 1] != ids[i]);
}

/* The format is a promise to the other nodes of a cluster: one nonce of fixed keys, its MAC by `openssl mac`. */
static void test_format(void **state)
{
	struct sip_nonce_keys keys = {.now = {.id = 1}};
	struct addr peer = addr("192.0.2.1");
	struct sv text = SV("AQGLz-VoAAECAwQFBgf5YTdAX1S8GsIoBn2yVPZt");
	struct sip_nonce n;

	(void)state;
	for (unsigned i = 0; i < SIPHASH_KEY_LEN; i++)
		keys.now.key.b[i] = (uint8_t)i;
	assert_int_equal(sip_nonce_verify(&keys, NOW, LIFE, &peer, SV("biloxi.com"), text, &n), 0);
	assert_int_equal(n.created_ms, NOW);
	assert_int_equal(n.id, 0x01020304050607);
}

static bool no_random;
ssize_t __real_getrandom(void *buf, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags);

ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags)
{
	if (no_random) {
		errno = ENOSYS;
		return -1;
	}
	return __real_getrandom(buf, n, flags);
}

static void test_no_random(void **state)
{
	struct sip_nonce_keys keys = two_keys();
	struct addr peer = addr("192.0.2.1");
	char text[SIP_NONCE_LEN];

	(void)state;
	rand_init(&rnd); /* nothing left in the pool */
	no_random = true;
	assert_int_equal(sip_nonce_mint(&keys, &rnd, NOW, &peer, SV("r"), text), -ENOSYS);
	no_random = false;
}

static const struct {
	uint32_t nc;
	int ret;
} counts[] = {
	{0, MG_ERANGE},  {1, 0},
	{1, MG_EEXIST},  {2, 0},
	{5, 0},          {4, 0},
	{3, 0},          {4, MG_EEXIST},
	{5, MG_EEXIST},  {68, 0}, /* 63 ahead: 5 is still in the window */
	{5, MG_EEXIST},  {4, MG_ERANGE},
	{6, 0},          {6, MG_EEXIST},
	{132, 0}, /* 64 ahead: nothing before is */
	{69, 0},         {68, MG_ERANGE},
	{131, 0},        {1000000, 0},
	{999937, 0},     {999936, MG_ERANGE},
	{0xffffffff, 0}, {0xffffffff, MG_EEXIST},
	{0xffffffc0, 0}, {0xffffffbf, MG_ERANGE},
	{1, MG_ERANGE},  {0, MG_ERANGE},
};

static void test_counts(void **state)
{
	struct sip_nc_window w = {0};

	(void)state;
	for (size_t i = 0; i < ROWS(counts); i++) {
		struct sip_nc_window before = w;
		int ret = sip_nc_take(&w, counts[i].nc);
		if (ret != counts[i].ret)
			fail_msg("row %zu: %d", i, ret);
		if (ret) {
			assert_int_equal(w.highest, before.highest);
			assert_int_equal(w.seen, before.seen);
		}
	}
}

/* Ten thousand counts in disorder: each is taken once, and refused only when it was or is far behind. */
static void test_counts_model(void **state)
{
	static bool seen[12000];
	struct sip_nc_window w = {0};
	uint32_t base = 1, highest = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++, base += i & 1) {
		uint32_t jump;
		assert_int_equal(rand_below(&rnd, 100, &jump), 0);
		uint32_t nc = base + jump;
		int want = highest >= 64 && nc <= highest - 64 ? MG_ERANGE
			   : seen[nc]                          ? MG_EEXIST
							       : 0;
		assert_int_equal(sip_nc_take(&w, nc), want);
		seen[nc] |= !want;
		highest = nc > highest ? nc : highest;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),         cmocka_unit_test(test_source_and_realm),
		cmocka_unit_test(test_realm_length), cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_rotation),     cmocka_unit_test(test_unique),
		cmocka_unit_test(test_format),       cmocka_unit_test(test_no_random),
		cmocka_unit_test(test_counts),       cmocka_unit_test(test_counts_model),
	};

	rand_init(&rnd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
