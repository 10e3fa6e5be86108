/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nonce: minting, verifying, counting. The layout is described in nonce.h.
 */
#include "sip/nonce.h"

#include "base/addr.h"
#include "base/base64.h"
#include "base/be.h"
#include "base/ctime.h"
#include "base/rand.h"

enum {
	TIME_AT = 1,
	CHANCE_AT = 7,
	MAC_AT = 14,
	BYTES = MAC_AT + SIPHASH_MAC_LEN, /* 30 */
};

_Static_assert(BASE64_LETTERS(BYTES) == SIP_NONCE_LEN && BASE64_BYTES(SIP_NONCE_LEN) == BYTES,
	       "a nonce is the letters of its bytes");

/* Over head, address, realm: only the last has no fixed length. */
static void nonce_mac(const struct siphash_key *key, const uint8_t *head, const struct addr *source,
		      struct sv realm, uint8_t mac[SIPHASH_MAC_LEN])
{
	uint8_t text[MAC_AT + ADDR_HOST_LEN + SIP_NONCE_REALM_MAX];

	memcpy(text, head, MAC_AT);
	memcpy(text + MAC_AT, source, ADDR_HOST_LEN);
	if (realm.n)
		memcpy(text + MAC_AT + ADDR_HOST_LEN, realm.p, realm.n);
	siphash_mac(key, text, MAC_AT + ADDR_HOST_LEN + realm.n, mac);
}

int sip_nonce_mint(const struct sip_nonce_keys *keys, struct rnd *rnd, uint64_t now_ms,
		   const struct addr *source, struct sv realm, char out[SIP_NONCE_LEN])
{
	uint8_t b[BYTES];

	if (realm.n > SIP_NONCE_REALM_MAX)
		return MG_EINVAL;
	b[0] = keys->now.id;
	be_put(b + TIME_AT, now_ms, CHANCE_AT - TIME_AT);
	int err = rand_bytes(rnd, b + CHANCE_AT, MAC_AT - CHANCE_AT);
	if (err)
		return err;
	nonce_mac(&keys->now.key, b, source, realm, b + MAC_AT);
	base64_write(out, b, BYTES);
	return 0;
}

/* The key with this id, NULL when we have none; which ids there are is no secret. */
static const struct siphash_key *find_key(const struct sip_nonce_keys *keys, uint8_t id)
{
	if (id == keys->now.id)
		return &keys->now.key;
	return keys->has_before && id == keys->before.id ? &keys->before.key : NULL;
}

int sip_nonce_verify(const struct sip_nonce_keys *keys, uint64_t now_ms, uint64_t life_ms,
		     const struct addr *source, struct sv realm, struct sv text,
		     struct sip_nonce *out)
{
	uint8_t b[BYTES], mac[SIPHASH_MAC_LEN];

	if (realm.n > SIP_NONCE_REALM_MAX)
		return MG_EINVAL;
	if (text.n != SIP_NONCE_LEN || base64_read(b, text) < 0)
		return MG_EAUTH;
	const struct siphash_key *key = find_key(keys, b[0]);
	if (!key)
		return MG_EAUTH;
	nonce_mac(key, b, source, realm, mac);
	if (!mg_memeq_ct(mac, b + MAC_AT, sizeof(mac)))
		return MG_EAUTH;
	uint64_t created = be_get(b + TIME_AT, CHANCE_AT - TIME_AT);
	if (created > now_ms ? created - now_ms > SIP_NONCE_SKEW_MS : now_ms - created > life_ms)
		return MG_ESTALE;
	*out = (struct sip_nonce){created, be_get(b + CHANCE_AT, MAC_AT - CHANCE_AT)};
	return 0;
}

int sip_nc_take(struct sip_nc_window *w, uint32_t nc)
{
	if (nc == 0)
		return MG_ERANGE;
	if (nc > w->highest) {
		uint32_t ahead = nc - w->highest;
		w->seen = (ahead < 64 ? w->seen << ahead : 0) | 1;
		w->highest = nc;
		return 0;
	}
	uint32_t behind = w->highest - nc;
	if (behind >= 64)
		return MG_ERANGE;
	uint64_t bit = UINT64_C(1) << behind;
	if (w->seen & bit)
		return MG_EEXIST;
	w->seen |= bit;
	return 0;
}
