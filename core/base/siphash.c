/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * siphash: the permutation and its three uses. The number of rounds is a constant at each call, so
 * each body unrolls into its own code.
 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t a, b, c, d; /* v0 to v3 of the paper */
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void rounds(struct state *s, unsigned n)
{
	while (n--) {
		s->a += s->b;
		s->c += s->d;
		s->b = rotl(s->b, 13) ^ s->a;
		s->d = rotl(s->d, 16) ^ s->c;
		s->a = rotl(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = rotl(s->b, 17) ^ s->c;
		s->d = rotl(s->d, 21) ^ s->a;
		s->c = rotl(s->c, 32);
	}
}

static inline uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* The last n % 8 bytes, and the low byte of the length on top. */
static inline uint64_t load_tail(const uint8_t *p, size_t n)
{
	uint64_t v = (uint64_t)n << 56;

	for (size_t i = 0; i < (n & 7); i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline struct state start(const struct siphash_key *key)
{
	uint64_t k0 = load(key->b), k1 = load(key->b + 8);

	return (struct state){
		k0 ^ 0x736f6d6570736575,
		k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573,
	};
}

static inline void absorb(struct state *s, const uint8_t *p, size_t n, unsigned c)
{
	const uint8_t *end = p + (n & ~(size_t)7);

	for (; p != end; p += 8) {
		uint64_t m = load(p);
		s->d ^= m;
		rounds(s, c);
		s->a ^= m;
	}
	uint64_t m = load_tail(p, n);
	s->d ^= m;
	rounds(s, c);
	s->a ^= m;
}

static inline uint64_t squeeze(struct state *s, unsigned d)
{
	rounds(s, d);
	return s->a ^ s->b ^ s->c ^ s->d;
}

static inline uint64_t hash(const struct siphash_key *key, const void *p, size_t n, unsigned c,
			    unsigned d)
{
	struct state s = start(key);

	absorb(&s, n ? p : "", n, c); /* NULL is fine for no bytes, NULL + 0 is not */
	s.c ^= 0xff;
	return squeeze(&s, d);
}

uint64_t siphash_13(const struct siphash_key *key, const void *p, size_t n)
{
	return hash(key, p, n, 1, 3);
}

uint64_t siphash_24(const struct siphash_key *key, const void *p, size_t n)
{
	return hash(key, p, n, 2, 4);
}

void siphash_mac(const struct siphash_key *key, const void *p, size_t n,
		 uint8_t mac[SIPHASH_MAC_LEN])
{
	struct state s = start(key);
	uint64_t half;

	s.b ^= 0xee;
	absorb(&s, n ? p : "", n, 2);
	s.c ^= 0xee;
	half = htole64(squeeze(&s, 4));
	memcpy(mac, &half, 8);
	s.b ^= 0xdd;
	half = htole64(squeeze(&s, 4));
	memcpy(mac + 8, &half, 8);
}
