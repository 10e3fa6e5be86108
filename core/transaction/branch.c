/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * branch: the branches we make: they say who waits for the response, hold the chance that proves that a response answers us, and the hash by which a loop is seen.
 *
 *	z9hG4bK | "m" | worker, 2 hex digits | 16 characters of chance | loop hash, 16 hex digits
 *
 * Branches are compared without regard to case, so 16 characters hold 80 bits and not 96 (base/rand.h).
 */
#include "transaction/txn_priv.h"

#define COOKIE_LEN (sizeof(SIP_BRANCH_COOKIE) - 1)
#define MARK       'm'
#define CHANCE     16
#define AT_WORKER  (COOKIE_LEN + 1)
#define AT_CHANCE  (AT_WORKER + 2)
#define AT_LOOP    (AT_CHANCE + CHANCE)
#define LENGTH     (AT_LOOP + 16)

static_assert(LENGTH <= TXN_BRANCH_MAX, "a branch fits");
static_assert(CHANCE == TXN_KEY_LEN, "the chance makes the key");

static void write_hex(char *out, unsigned digits, uint64_t v)
{
	while (digits--) {
		out[digits] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
}

static bool read_hex(const char *p, unsigned digits, uint64_t *v)
{
	*v = 0;
	while (digits--) {
		char c = sv_lower(*p++);
		if (c >= '0' && c <= '9')
			*v = *v << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*v = *v << 4 | (unsigned)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

int txn_branch(struct txn_table *table, uint64_t loop, char out[TXN_BRANCH_MAX])
{
	int err = rand_token(table->env.rnd, out + AT_CHANCE, CHANCE);

	if (err)
		return err;
	memcpy(out, SIP_BRANCH_COOKIE, COOKIE_LEN);
	out[COOKIE_LEN] = MARK;
	write_hex(out + AT_WORKER, 2, table->env.worker);
	write_hex(out + AT_LOOP, 16, loop);
	return LENGTH;
}

/* Usually it comes back as it was written. */
static bool is_ours(struct sv branch)
{
	return branch.n == LENGTH &&
	       (memcmp(branch.p, SIP_BRANCH_COOKIE "m", COOKIE_LEN + 1) == 0 ||
		sv_ieq(sv_of(branch.p, COOKIE_LEN + 1), SV(SIP_BRANCH_COOKIE "m")));
}

bool branch_key(struct sv branch, uint8_t key[TXN_KEY_LEN])
{
	if (!is_ours(branch))
		return false;
	/* The bit that makes lower case of letters is set in all other characters of a branch but "_", which stays different from them. */
	for (unsigned i = 0; i < TXN_KEY_LEN; i++)
		key[i] = (uint8_t)((branch.p[AT_CHANCE + i] | 0x20) ^
				   (branch.p[AT_LOOP + i] | 0x20));
	key[0] ^= (uint8_t)(branch.p[AT_WORKER] | 0x20);
	key[1] ^= (uint8_t)(branch.p[AT_WORKER + 1] | 0x20);
	return true;
}

bool txn_branch_read(struct sv branch, unsigned *worker, uint64_t *loop)
{
	uint64_t w, l;

	if (!is_ours(branch) || !read_hex(branch.p + AT_WORKER, 2, &w) ||
	    !read_hex(branch.p + AT_LOOP, 16, &l))
		return false;
	*worker = (unsigned)w;
	*loop = l;
	return true;
}
