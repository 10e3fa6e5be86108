/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * letter: what goes through mailboxes between threads, told apart by the low bits of the pointer, so that handing a message over costs no allocation of its own.
 */
#ifndef MG_DAEMON_LETTER_H
#define MG_DAEMON_LETTER_H

#include <stdint.h>

#include "transport/tp.h"

enum letter_kind {
	LETTER_MESSAGE, /* struct tp_kept: a message for the worker that owns it */
	LETTER_BYTES,   /* struct tp_letter: for a connection of that worker */
	LETTER_CALL,    /* struct letter_call: something to do there */
	LETTER_LOST,    /* struct letter_lost: a request of that worker's did not arrive */
	LETTER_AGAIN, /* struct tp_kept: likely a retransmission: if it is new, there is no room for it */
};

struct letter_call {
	void (*fn)(void *arg, uint64_t n);
	void *arg;
	uint64_t n;
};

struct letter_lost {
	int err;
	uint32_t n;
	char bytes[];
};

static inline void *letter_seal(void *what, enum letter_kind kind)
{
	return (void *)((uintptr_t)what | (uintptr_t)kind);
}
static inline enum letter_kind letter_kind(const void *letter)
{
	return (enum letter_kind)((uintptr_t)letter & 7);
}
static inline void *letter_open(void *letter)
{
	return (void *)((uintptr_t)letter & ~(uintptr_t)7);
}

#endif
