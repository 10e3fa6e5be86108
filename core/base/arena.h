/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * arena: memory of one message or request. Taken piece by piece, given back all at once; no piece
 * is freed alone, nothing is moved. One owner thread. Called by whatever builds something that dies
 * with the message it belongs to.
 */
#ifndef MG_BASE_ARENA_H
#define MG_BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"
#include "base/sv.h"

#define ARENA_ALIGN 16

struct arena_chunk;

/* Embedded in its owner. Fields are the arena's own. */
struct arena {
	char *at, *end;             /* free room of the current chunk */
	struct arena_chunk *chunks; /* from malloc, newest first */
	char *buf;                  /* the caller's block, or NULL */
	size_t buf_n;
	size_t chunk; /* bytes asked from malloc at a time */
	size_t max;   /* ceiling of `held` */
	size_t held;  /* bytes of buf and chunks, with their heads */
	size_t used;  /* bytes handed out, with padding for alignment */
};

/* Make an arena that takes nothing yet.
 *
 * chunk      Bytes to ask from malloc at a time; larger pieces get a chunk of their own.
 * max        Ceiling of all memory held, in bytes, chunk heads (some 16 B each) included.
 */
void arena_init(struct arena *a, size_t chunk, size_t max);

/* As arena_init, with a first block of `n` bytes that stays the caller's and must outlive the
 * arena: while it suffices, malloc is never called. The block counts towards `max`.
 */
void arena_init_buf(struct arena *a, void *buf, size_t n, size_t chunk, size_t max);

/* Give everything back; the arena may be initialised again. All pieces are invalid. */
void arena_done(struct arena *a);

/* Give back all pieces at once but keep the caller's block or the first chunk for what comes next,
 * so that an arena reused for similar messages stays away from malloc.
 */
void arena_reset(struct arena *a);

/* `n` bytes aligned to ARENA_ALIGN, not cleared. n == 0 gives a pointer that must not be followed.
 *
 * Returns    NULL when the ceiling would be crossed or malloc fails. That changes nothing: a
 * smaller piece may still fit.
 */
MG_MUST_CHECK void *arena_alloc(struct arena *a, size_t n);

/* As arena_alloc, filled with zeros. */
MG_MUST_CHECK void *arena_zalloc(struct arena *a, size_t n);

/* As arena_alloc without alignment: for text, which then lies without gaps. */
MG_MUST_CHECK char *arena_text(struct arena *a, size_t n);

/* Copy a text into the arena. The copy is followed by a NUL that is not part of the view.
 *
 * out        Untouched on failure.
 * Returns    0 or MG_ENOMEM (ceiling or malloc).
 */
MG_MUST_CHECK int arena_dup(struct arena *a, struct sv text, struct sv *out);

/* Build a text as printf does; like arena_dup it is followed by a NUL outside of the view. What
 * goes in is not escaped: the caller answers for CR and LF in what peers sent.
 *
 * out        Untouched on failure.
 * Returns    0, MG_ENOMEM (ceiling or malloc) or MG_EINVAL (the format does not work).
 */
MG_MUST_CHECK int arena_printf(struct arena *a, struct sv *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Bytes handed out since init or reset, padding included. */
static inline size_t arena_used(const struct arena *a)
{
	return a->used;
}

/* Bytes of memory the arena holds: what it costs, and what `max` bounds. */
static inline size_t arena_held(const struct arena *a)
{
	return a->held;
}

#endif
