/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_guard: puts test input between two pages that nothing may be read from, at the end of the room between them or at
 * its begin, so that a parser which looks one byte too far or too early dies on the spot. Also what tables of rows share:
 * all rows run, each failure is printed with the name of its row, and one assertion ends the test. For tests only.
 */
#ifndef MG_SIP_TEST_GUARD_H
#define MG_SIP_TEST_GUARD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sv.h"

enum { FENCE_END, FENCE_BEGIN, FENCE_PLACES };

struct fence {
	char *room; /* `size` bytes to use, a page of PROT_NONE at either side */
	size_t size, page;
};

/* Map room for inputs of up to `n` bytes; aborts when that fails. fence_done gives it back. */
static inline struct fence fence_init(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (n / page + 1) * page;
	char *p = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, size, PROT_READ | PROT_WRITE) != 0)
		abort();
	return (struct fence){p + page, size, page};
}

/* A copy of `text` whose last byte is the last readable one, or whose first byte is the first. Valid until the next. */
static inline struct sv fence_put(const struct fence *f, struct sv text, unsigned place)
{
	char *at = place == FENCE_BEGIN ? f->room : f->room + f->size - text.n;

	if (text.n > f->size)
		abort();
	if (text.n)
		memcpy(at, text.p, text.n);
	return sv_of(at, text.n);
}

static inline void fence_done(struct fence *f)
{
	munmap(f->room - f->page, f->size + 2 * f->page);
	f->room = NULL;
}

/* Text put together piece by piece, terminated; what does not fit is an abort. */
struct text {
	char p[131072];
	size_t n;
};

static inline void text_put(struct text *t, struct sv v)
{
	if (t->n + v.n >= sizeof(t->p))
		abort();
	if (v.n)
		memcpy(t->p + t->n, v.p, v.n);
	t->n += v.n;
	t->p[t->n] = 0;
}

static inline void text_fill(struct text *t, char c, size_t n)
{
	if (t->n + n >= sizeof(t->p))
		abort();
	memset(t->p + t->n, c, n);
	t->n += n;
	t->p[t->n] = 0;
}

static inline __attribute__((format(printf, 2, 3))) void text_add(struct text *t,
								  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(t->p + t->n, sizeof(t->p) - t->n, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(t->p) - t->n)
		abort();
	t->n += (size_t)n;
}

static inline void text_start(struct text *t)
{
	t->n = 0;
	t->p[0] = 0;
}

static inline struct sv text_sv(const struct text *t)
{
	return sv_of(t->p, t->n);
}

/* One row said something else than its table. */
static inline void row_differs(unsigned *bad, const char *row, const char *got, const char *want)
{
	(*bad)++;
	fprintf(stderr, "row \"%s\"\n   got  %s\n   want %s\n", row, got, want);
}

#endif
