/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * token: minting and opening what our Record-Routes carry. The MAC is SipHash-2-4 with 128 bits, cut to 64: a guess costs a request each, and what it
 * would prove ends with the dialog.
 */
#include "router/token.h"

#include <string.h>

#include "base/base64.h"
#include "base/be.h"
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

uint16_t token_zone(const char *name)
{
	static const struct siphash_key plain; /* a name for a name, no secret */
	uint16_t zone = (uint16_t)siphash_13(&plain, name, strlen(name));

	return zone ? zone : 1;
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
		n += be_put(raw + n, token->caller_flow, 8);
	if (token->callee_flow)
		n += be_put(raw + n, token->callee_flow, 8);
	if (token->remote_of)
		n += be_put(raw + n, token->remote, REMOTE_LEN);
	mac_of(&keys->key[0].key, raw, n, call_id, tag, mac);
	memcpy(raw + n, mac, MAC_LEN);
	out[0] = 'm';
	return 1 + base64_write(out + 1, raw, n + MAC_LEN);
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
	int n = base64_read(raw, sv_of(user.p + 1, user.n - 1));
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
		out->caller_flow = be_get(raw + at, 8);
		at += 8;
	}
	if (raw[1] & FLAG_CALLEE) {
		out->callee_flow = be_get(raw + at, 8);
		at += 8;
	}
	if (out->remote_of)
		out->remote = be_get(raw + at, REMOTE_LEN);
	*from_caller = caller;
	return 0;
}
