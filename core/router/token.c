/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * token: minting and opening what our Record-Routes carry. The MAC is SipHash-2-4 with 128 bits, cut to 64: a guess costs a request each, and what it
 * would prove ends with the dialog.
 */
#include "router/token.h"

#include <string.h>

#include "base/ctime.h"

#define MAC_LEN     8
#define FLAG_TWO    1
#define FLAG_CALLER 2
#define FLAG_CALLEE 4
#define FLAG_REMOTE 24 /* enum token_remote, in two bits */
#define REMOTE_BIT  3
#define REMOTE_LEN  (TOKEN_REMOTE_BITS / 8)
#define PLACE_MAX   512 /* bytes of a text that stand with their kind */
#define RAW_MAX     (4 + 8 + 8 + REMOTE_LEN + MAC_LEN)
/* Call-ID and tag are at most SIP_IDENT_MAX each. */
#define MAC_INPUT_MAX (RAW_MAX + 2 * (256 + 2))

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint16_t token_zone(const char *name)
{
	static const struct siphash_key plain; /* a name for a name, no secret */

	return (uint16_t)siphash_13(&plain, name, strlen(name));
}

static size_t put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * (7 - i)));
	return 8;
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static size_t put_remote(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < REMOTE_LEN; i++)
		p[i] = (uint8_t)(v >> (8 * (REMOTE_LEN - 1 - i)));
	return REMOTE_LEN;
}

static uint64_t get_remote(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < REMOTE_LEN; i++)
		v = v << 8 | p[i];
	return v;
}

static size_t put_text(uint8_t *p, struct sv text)
{
	size_t n = text.n < 256 ? text.n : 256;

	p[0] = (uint8_t)(text.n >> 8);
	p[1] = (uint8_t)text.n;
	if (n > 0)
		memcpy(p + 2, text.p, n);
	return 2 + n;
}

/* Lengths stand before the texts, so that no two pairs of Call-ID and tag give one input. */
static void mac_of(const struct siphash_key *key, const uint8_t *raw, size_t n, struct sv call_id,
		   struct sv tag, uint8_t mac[SIPHASH_MAC_LEN])
{
	uint8_t input[MAC_INPUT_MAX];
	size_t at = n;

	memcpy(input, raw, n);
	at += put_text(input + at, call_id);
	at += put_text(input + at, tag);
	siphash_mac(key, input, at, mac);
}

static size_t encode(char *out, const uint8_t *raw, size_t n)
{
	size_t at = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | raw[i];
		for (have += 8; have >= 6; have -= 6)
			out[at++] = digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out[at++] = digits[bits << (6 - have) & 63];
	return at;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Returns bytes, or MG_EPARSE: another character, or bits left over that are not 0. */
static int decode(uint8_t *raw, struct sv text)
{
	size_t at = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < text.n; i++) {
		int v = value_of(text.p[i]);

		if (v < 0)
			return MG_EPARSE;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			raw[at++] = (uint8_t)(bits >> have);
		}
	}
	return have >= 6 || (bits & ((1U << have) - 1)) != 0 ? MG_EPARSE : (int)at;
}

size_t token_mint(const struct token_keys *keys, const struct token *token, struct sv call_id,
		  struct sv tag, char out[TOKEN_MAX])
{
	uint8_t raw[RAW_MAX];
	uint8_t mac[SIPHASH_MAC_LEN];
	size_t n = 4;

	raw[0] = keys->key[0].id;
	raw[1] = (uint8_t)((token->two ? FLAG_TWO : 0) | (token->caller_flow ? FLAG_CALLER : 0) |
			   (token->callee_flow ? FLAG_CALLEE : 0) | token->remote_of << REMOTE_BIT);
	raw[2] = (uint8_t)(token->zone >> 8);
	raw[3] = (uint8_t)token->zone;
	if (token->caller_flow)
		n += put_u64(raw + n, token->caller_flow);
	if (token->callee_flow)
		n += put_u64(raw + n, token->callee_flow);
	if (token->remote_of)
		n += put_remote(raw + n, token->remote);
	mac_of(&keys->key[0].key, raw, n, call_id, tag, mac);
	memcpy(raw + n, mac, MAC_LEN);
	out[0] = 'm';
	return 1 + encode(out + 1, raw, n + MAC_LEN);
}

/* Bytes of a token before its MAC, by its flags. */
static size_t raw_len(uint8_t flags)
{
	return 4 + (flags & FLAG_CALLER ? 8U : 0) + (flags & FLAG_CALLEE ? 8U : 0) +
	       (flags & FLAG_REMOTE ? (unsigned)REMOTE_LEN : 0);
}

static int raw_of(struct sv user, uint8_t raw[RAW_MAX + 8])
{
	if (user.n < 1 + 16 || user.n > TOKEN_MAX - 1 || user.p[0] != 'm')
		return MG_EPARSE;
	int n = decode(raw, sv_of(user.p + 1, user.n - 1));
	bool fits = n > 1 &&
		    (raw[1] & ~(FLAG_TWO | FLAG_CALLER | FLAG_CALLEE | FLAG_REMOTE)) == 0 &&
		    (raw[1] & FLAG_REMOTE) != FLAG_REMOTE && (size_t)n == raw_len(raw[1]) + MAC_LEN;

	return fits ? n : MG_EPARSE;
}

bool token_like(struct sv user)
{
	uint8_t raw[RAW_MAX + 8];

	return raw_of(user, raw) > 0;
}

/* The place of a key; keys->n when there is none of that id. */
static unsigned key_of(const struct token_keys *keys, uint8_t id)
{
	unsigned i = 0;

	while (i < keys->n && keys->key[i].id != id)
		i++;
	return i;
}

uint64_t token_place(const struct token_keys *keys, unsigned key, char what, struct sv text)
{
	char input[PLACE_MAX + 1];
	size_t n = text.n;

	if (key >= keys->n)
		return 0;
	if (n > PLACE_MAX) /* no honest one: under the hash of all of it alone */
		return siphash_24(&keys->key[key].key, text.p, n);
	input[0] = what;
	if (n > 0)
		memcpy(input + 1, text.p, n);
	return siphash_24(&keys->key[key].key, input, n + 1);
}

static bool matches(const struct siphash_key *key, const uint8_t *raw, size_t n, struct sv call_id,
		    struct sv tag)
{
	uint8_t mac[SIPHASH_MAC_LEN];

	mac_of(key, raw, n, call_id, tag, mac);
	return mg_memeq_ct(mac, raw + n, MAC_LEN);
}

int token_open(const struct token_keys *keys, struct sv user, struct sv call_id, struct sv from_tag,
	       struct sv to_tag, struct token *out, bool *from_caller)
{
	uint8_t raw[RAW_MAX + 8];
	int n = raw_of(user, raw);

	if (n < 0)
		return n;
	size_t len = (size_t)n - MAC_LEN;
	unsigned place = key_of(keys, raw[0]);
	const struct siphash_key *key = place < keys->n ? &keys->key[place].key : NULL;
	bool caller = key && matches(key, raw, len, call_id, from_tag);

	if (!key || (!caller && !matches(key, raw, len, call_id, to_tag)))
		return MG_EAUTH;
	size_t at = 4;
	*out = (struct token){.zone = (uint16_t)(raw[2] << 8 | raw[3]),
			      .two = raw[1] & FLAG_TWO,
			      .remote_of = (uint8_t)((raw[1] & FLAG_REMOTE) >> REMOTE_BIT),
			      .key = (uint8_t)place};
	if (raw[1] & FLAG_CALLER) {
		out->caller_flow = get_u64(raw + at);
		at += 8;
	}
	if (raw[1] & FLAG_CALLEE) {
		out->callee_flow = get_u64(raw + at);
		at += 8;
	}
	if (out->remote_of)
		out->remote = get_remote(raw + at);
	*from_caller = caller;
	return 0;
}
