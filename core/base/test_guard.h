/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_guard: puts test input at the very end of a page that nothing may be read behind, so that a
 * parser which looks one byte too far dies on the spot, in every build. For tests only; holds no
 * test itself.
 */
#ifndef MG_BASE_TEST_GUARD_H
#define MG_BASE_TEST_GUARD_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sv.h"

struct guard {
	char *page; /* `size` bytes to use, then one page of PROT_NONE */
	size_t size;
};

/* Map room for inputs of up to `n` bytes; aborts when that fails. guard_done gives it back. */
static inline struct guard guard_init(size_t n)
{
	size_t unit = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (n / unit + 1) * unit;
	char *p =
		mmap(NULL, size + unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + size, unit, PROT_NONE) != 0)
		abort();
	return (struct guard){p, size};
}

/* A copy of `text` whose last byte is the last readable one. Valid until the next call. */
static inline struct sv guard_put(const struct guard *g, struct sv text)
{
	char *at = g->page + g->size - text.n;

	if (text.n > g->size)
		abort();
	if (text.n)
		memcpy(at, text.p, text.n);
	return sv_of(at, text.n);
}

static inline void guard_done(struct guard *g)
{
	munmap(g->page, g->size + (size_t)sysconf(_SC_PAGESIZE));
	g->page = NULL;
}

#endif
