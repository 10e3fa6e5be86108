/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * token: a user part as a stranger may write it, opened; and a token of ours, made of what the input says, opened in its dialog, and not when a character of it is another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "router/token.h"

#define CHECK(x)                                             \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "broken: %s\n", #x); \
			abort();                             \
		}                                            \
	} while (0)

static const struct token_keys keys = {
	.key = {{.id = 7, .key = {{1, 2, 3}}}, {.id = 6, .key = {{9, 9}}}}, .n = 2};

static void stranger(struct sv user)
{
	struct token got;
	bool from_caller;
	int err = token_open(&keys, user, SV("call@x"), SV("a"), SV("b"), &got, &from_caller);

	/* 64 bits would have to be guessed. */
	CHECK(err == (token_like(user) ? MG_EAUTH : MG_EPARSE));
}

static void ours(const uint8_t *data, struct sv text)
{
	char user[TOKEN_MAX];
	struct token got, token = {.zone = (uint16_t)(data[0] << 8 | data[1]), .two = data[2] & 1};
	size_t half = text.n / 2;
	struct sv call = sv_of(text.p, half), tag = sv_of(text.p + half, text.n - half);
	bool from_caller;

	if (data[2] & 2)
		memcpy(&token.caller_flow, data + 3, 8);
	if (data[2] & 4)
		memcpy(&token.callee_flow, data + 11, 8);
	token.remote_of = (uint8_t)((data[2] >> 3 & 3) % 3);
	if (token.remote_of)
		token.remote = token_place(&keys, data[2] >> 5 & 1, 't', text) & TOKEN_REMOTE_MASK;
	size_t n = token_mint(&keys, &token, call, tag, user);
	CHECK(n < TOKEN_MAX && token_like(sv_of(user, n)));
	CHECK(token_open(&keys, sv_of(user, n), call, tag, SV("other"), &got, &from_caller) == 0);
	CHECK(from_caller && got.zone == token.zone && got.two == token.two &&
	      got.caller_flow == token.caller_flow && got.callee_flow == token.callee_flow &&
	      got.remote_of == token.remote_of && got.remote == token.remote);
	size_t at = data[19] % n;
	user[at] = (char)(user[at] ^ (1 << (data[20] & 7)));
	CHECK(token_open(&keys, sv_of(user, n), call, tag, SV("other"), &got, &from_caller) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv text = sv_of((const char *)data, size);

	stranger(text);
	if (size >= 21)
		ours(data, sv_of(text.p + 21, size - 21));
	return 0;
}
