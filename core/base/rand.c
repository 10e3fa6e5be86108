/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rand: getrandom(2), the pool in front of it, and the alphabet.
 */
#include "base/rand.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include "base/ctime.h"

int rand_system(void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0) { /* requests above 256 bytes may be cut short by a signal */
			p += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

void rand_init(struct rnd *r)
{
	*r = (struct rnd){0};
}

void rand_done(struct rnd *r)
{
	mg_wipe(r, sizeof(*r));
}

static int fill_pool(struct rnd *r)
{
	int err = rand_system(r->pool, sizeof(r->pool));

	if (err)
		return err;
	r->left = sizeof(r->pool);
	return 0;
}

int rand_bytes(struct rnd *r, void *out, size_t n)
{
	uint8_t *p = out;

	if (n > sizeof(r->pool))
		return rand_system(out, n);
	while (n) {
		if (r->left == 0) {
			int err = fill_pool(r);
			if (err)
				return err;
		}
		size_t some = n < r->left ? n : r->left;
		uint8_t *from = r->pool + sizeof(r->pool) - r->left;

		memcpy(p, from, some);
		mg_wipe(from, some);
		r->left -= some;
		p += some;
		n -= some;
	}
	return 0;
}

int rand_below(struct rnd *r, uint32_t bound, uint32_t *out)
{
	assert(bound > 0);
	/* Values under 2^32 mod bound would make small results likelier: draw again. */
	uint32_t skew = -bound % bound;

	for (;;) {
		uint32_t v;
		int err = rand_bytes(r, &v, sizeof(v));

		if (err)
			return err;
		if (v >= skew) {
			*out = v % bound;
			return 0;
		}
	}
}

int rand_token(struct rnd *r, char *out, size_t n)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	int err = rand_bytes(r, out, n);

	static_assert(sizeof(alphabet) == (1 << RAND_TOKEN_BITS) + 1, "one character per value");
	if (err) {
		mg_wipe(out, n);
		return err;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(unsigned char)out[i] & ((1 << RAND_TOKEN_BITS) - 1)];
	return 0;
}
