/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * put: text written piece by piece into room of the caller's, for lines that are made for every message: printf's
 * formats cost more there than what they write. What does not fit is left out and remembered.
 */
#ifndef MG_BASE_PUT_H
#define MG_BASE_PUT_H

#include <stdint.h>

#include "base/sv.h"

struct put {
	char *p;
	size_t n, cap;
	bool full; /* something was left out: the text is not to be used */
};

/* Begin in `room`, an array. */
#define PUT_IN(room) ((struct put){.p = (room), .cap = sizeof(room)})

static inline struct sv put_text(const struct put *t)
{
	return sv_of(t->p, t->n);
}

static inline void put(struct put *t, struct sv s)
{
	if (s.n > t->cap - t->n) {
		t->full = true;
		return;
	}
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

/* In decimal. */
static inline void put_u32(struct put *t, uint32_t v)
{
	char text[10];
	size_t i = sizeof(text);

	do
		text[--i] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(t, sv_of(text + i, sizeof(text) - i));
}

#endif
