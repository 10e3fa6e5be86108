/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of token.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "router/token.h"

static const struct token_keys keys = {
	.key = {{.id = 7, .key = {{1, 2, 3}}}, {.id = 6, .key = {{9, 9}}}}, .n = 2};
static const struct token_keys old_keys = {.key = {{.id = 6, .key = {{9, 9}}}}, .n = 1};
static const struct token_keys other_keys = {.key = {{.id = 7, .key = {{4}}}}, .n = 1};

static const struct token rows[] = {
	{.zone = 0},
	{.zone = 0xffff, .two = true},
	{.zone = 12, .caller_flow = 1},
	{.zone = 12, .callee_flow = UINT64_MAX},
	{.zone = 1, .remote_of = TOKEN_CALLER, .remote = 0xfedcba987654},
	{.zone = 513,
	 .two = true,
	 .caller_flow = 0x0102030405060708,
	 .callee_flow = 42,
	 .remote_of = TOKEN_CALLEE,
	 .remote = TOKEN_REMOTE_MASK},
};

static struct sv mint(const struct token_keys *k, const struct token *t, char *out)
{
	return sv_of(out, token_mint(k, t, SV("call@x"), SV("tag1"), out));
}

static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[TOKEN_MAX];
		struct token got;
		bool from_caller;
		struct sv user = mint(&keys, &rows[i], text);

		assert_true(token_like(user));
		assert_true(user.n < TOKEN_MAX);
		assert_int_equal(token_open(&keys, user, SV("call@x"), SV("tag1"), SV("tag2"), &got,
					    &from_caller),
				 0);
		assert_true(from_caller);
		assert_int_equal(got.zone, rows[i].zone);
		assert_int_equal(got.two, rows[i].two);
		assert_true(got.caller_flow == rows[i].caller_flow);
		assert_true(got.callee_flow == rows[i].callee_flow);
		assert_int_equal(got.remote_of, rows[i].remote_of);
		assert_true(got.remote == rows[i].remote);
		assert_int_equal(got.key, 0);
		assert_int_equal(token_open(&keys, user, SV("call@x"), SV("tag2"), SV("tag1"), &got,
					    &from_caller),
				 0);
		assert_false(from_caller);
	}
}

static void test_not_this_dialog(void **state)
{
	(void)state;
	char text[TOKEN_MAX];
	struct token got;
	bool from_caller;
	struct sv user = mint(&keys, &rows[5], text);

	assert_int_equal(
		token_open(&keys, user, SV("call@y"), SV("tag1"), SV("tag2"), &got, &from_caller),
		MG_EAUTH);
	assert_int_equal(
		token_open(&keys, user, SV("call@x"), SV("tag3"), SV("tag2"), &got, &from_caller),
		MG_EAUTH);
	assert_int_equal(
		token_open(&keys, user, SV("call@xt"), SV("ag1"), SV(""), &got, &from_caller),
		MG_EAUTH);
	assert_int_equal(
		token_open(&other_keys, user, SV("call@x"), SV("tag1"), SV(""), &got, &from_caller),
		MG_EAUTH);
	assert_int_equal(
		token_open(&old_keys, user, SV("call@x"), SV("tag1"), SV(""), &got, &from_caller),
		MG_EAUTH);
	user = mint(&old_keys, &rows[5], text);
	assert_int_equal(
		token_open(&keys, user, SV("call@x"), SV("tag1"), SV(""), &got, &from_caller), 0);
	assert_int_equal(got.key, 1);
}

/* Every character changed, every length. */
static void test_tampered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[TOKEN_MAX], copy[TOKEN_MAX];
		struct token got;
		bool from_caller;
		struct sv user = mint(&keys, &rows[i], text);

		for (size_t k = 0; k < user.n; k++) {
			memcpy(copy, text, user.n);
			copy[k] = copy[k] == 'A' ? 'B' : 'A';
			assert_int_not_equal(token_open(&keys, sv_of(copy, user.n), SV("call@x"),
							SV("tag1"), SV(""), &got, &from_caller),
					     0);
			copy[k] = '.';
			assert_int_equal(token_open(&keys, sv_of(copy, user.n), SV("call@x"),
						    SV("tag1"), SV(""), &got, &from_caller),
					 MG_EPARSE);
			assert_int_not_equal(token_open(&keys, sv_of(text, k), SV("call@x"),
							SV("tag1"), SV(""), &got, &from_caller),
					     0);
		}
	}
	assert_false(token_like(SV("")));
	assert_false(token_like(SV("alice")));
	assert_false(
		token_like(SV("mAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}

/* Another key, kind or text is another place; one key is the same wherever it stands. */
static void test_places(void **state)
{
	static char text[1200];
	uint64_t one = token_place(&keys, 0, 't', SV("sip:b@h"));

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(one == token_place(&keys, 0, 't', SV("sip:b@h")));
	assert_true(one != token_place(&keys, 1, 't', SV("sip:b@h")));
	assert_true(one != token_place(&keys, 0, 'h', SV("sip:b@h")));
	assert_true(one != token_place(&keys, 0, 't', SV("sip:b@h2")));
	assert_true(token_place(&keys, 1, 't', SV("x")) == token_place(&old_keys, 0, 't', SV("x")));
	assert_true(token_place(&keys, 0, 't', sv_of(text, 1100)) !=
		    token_place(&keys, 0, 't', sv_of(text, 1200)));
	assert_true(token_place(&keys, 0, 't', sv_of(NULL, 0)) != 0);
	assert_true(token_place(&keys, 2, 't', SV("x")) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_not_this_dialog),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
