/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * arena: a bump allocator over a list of chunks. Under AddressSanitizer unused room is poisoned and
 * each piece is followed by a gap, so that an overrun from one piece into the next is seen; under
 * MemorySanitizer a reused byte counts as not yet written.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define GAP          16 /* bytes behind each piece that nobody may touch */
#define TEXT_ALIGN   8  /* the grain of its shadow memory */
#define HIDE(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define REVEAL(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#elif __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define GAP          0
#define TEXT_ALIGN   1
#define HIDE(p, n)   __msan_poison(p, n)
#define REVEAL(p, n) ((void)0)
#else
#define GAP          0
#define TEXT_ALIGN   1
#define HIDE(p, n)   ((void)0)
#define REVEAL(p, n) ((void)0)
#endif

struct arena_chunk {
	struct arena_chunk *next;
	size_t n; /* bytes behind this head */
};

static_assert(sizeof(struct arena_chunk) % ARENA_ALIGN == 0, "the first piece is aligned");

static char *chunk_bytes(struct arena_chunk *c)
{
	return (char *)(c + 1);
}

/* Make [p, p + n) the room that pieces are taken from. */
static void open_room(struct arena *a, char *p, size_t n)
{
	HIDE(p, n);
	a->at = p;
	a->end = n ? p + n : p; /* p may be NULL then */
}

void arena_init(struct arena *a, size_t chunk, size_t max)
{
	*a = (struct arena){.chunk = chunk, .max = max};
}

void arena_init_buf(struct arena *a, void *buf, size_t n, size_t chunk, size_t max)
{
	*a = (struct arena){.chunk = chunk, .max = max, .buf = buf, .buf_n = n, .held = n};
	open_room(a, buf, n);
}

/* Free the chunks up to, not including, `keep`. */
static void free_chunks(struct arena *a, const struct arena_chunk *keep)
{
	while (a->chunks != keep) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->next;
		a->held -= sizeof(*c) + c->n;
		REVEAL(c, sizeof(*c) + c->n);
		free(c);
	}
}

void arena_done(struct arena *a)
{
	free_chunks(a, NULL);
	if (a->buf)
		REVEAL(a->buf, a->buf_n);
	*a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *first = a->buf ? NULL : a->chunks;

	while (first && first->next)
		first = first->next;
	if (first && first->n > a->chunk)
		first = NULL; /* a chunk made for one large piece is not worth keeping */
	free_chunks(a, first);
	a->used = 0;
	if (first)
		open_room(a, chunk_bytes(first), first->n);
	else
		open_room(a, a->buf, a->buf_n);
}

/* A chunk with room for `n` bytes at least, not yet linked; NULL beyond the ceiling. */
static struct arena_chunk *new_chunk(struct arena *a, size_t n)
{
	size_t head = sizeof(struct arena_chunk);
	size_t left = a->max > a->held ? a->max - a->held : 0;

	if (left < head || left - head < n)
		return NULL;
	left -= head;
	size_t want = a->chunk > n ? a->chunk : n;
	if (want > left)
		want = left;
	struct arena_chunk *c = malloc(head + want);
	if (!c)
		return NULL;
	c->n = want;
	a->held += head + want;
	return c;
}

/* A piece larger than a chunk gets one of its own, behind the current one, whose room stays in use.
 */
static void *take_large(struct arena *a, size_t n)
{
	struct arena_chunk *c = new_chunk(a, n);

	if (!c)
		return NULL;
	struct arena_chunk **after = a->chunks ? &a->chunks->next : &a->chunks;
	c->next = *after;
	*after = c;
	a->used += n;
	return chunk_bytes(c);
}

/* Bytes to step over so that `at` is aligned; `align` is a power of two. */
static size_t padding(const char *at, size_t align)
{
	return (size_t)(-(uintptr_t)at & (align - 1));
}

static void *take(struct arena *a, size_t n, size_t align)
{
	if (n == 0)
		n = 1;
	if (n > a->max)
		return NULL; /* so that no sum below can overflow */
	size_t pad = padding(a->at, align);
	if ((size_t)(a->end - a->at) < pad || (size_t)(a->end - a->at) - pad < n) {
		if (n > a->chunk)
			return take_large(a, n);
		struct arena_chunk *c = new_chunk(a, n);
		if (!c)
			return NULL;
		c->next = a->chunks;
		a->chunks = c;
		open_room(a, chunk_bytes(c), c->n);
		pad = 0;
	}
	char *p = a->at + pad;
	size_t left = (size_t)(a->end - p) - n;

	a->at = left > GAP ? p + n + GAP : a->end;
	a->used += pad + n;
	REVEAL(p, n);
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return take(a, n, ARENA_ALIGN);
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = take(a, n, ARENA_ALIGN);

	return p ? memset(p, 0, n) : NULL;
}

char *arena_text(struct arena *a, size_t n)
{
	return take(a, n, TEXT_ALIGN);
}

int arena_dup(struct arena *a, struct sv text, struct sv *out)
{
	char *p = text.n < SIZE_MAX ? arena_text(a, text.n + 1) : NULL;

	if (!p)
		return MG_ENOMEM;
	if (text.n)
		memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	*out = sv_of(p, text.n);
	return 0;
}

int arena_printf(struct arena *a, struct sv *out, const char *format, ...)
{
	char small[256]; /* most header texts, so that they are formatted once */
	va_list args;

	va_start(args, format);
	int n = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (n < 0)
		return MG_EINVAL;
	if ((size_t)n < sizeof(small))
		return arena_dup(a, sv_of(small, (size_t)n), out);

	char *p = arena_text(a, (size_t)n + 1);
	if (!p)
		return MG_ENOMEM;
	va_start(args, format);
	n = vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	*out = sv_of(p, (size_t)n);
	return 0;
}
