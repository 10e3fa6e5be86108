/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * poison: what each worker looked at last, in memory shared with the warden, so that after a death by a fault signal the warden knows what did it and has it quarantined
 * (O-2): by source and Call-ID once that was read, before by source and the first bytes as they came. It is written before any of them is parsed: one short copy per message.
 */
#ifndef MG_DAEMON_POISON_H
#define MG_DAEMON_POISON_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/siphash.h"
#include "base/sv.h"
#include "transport/listener.h"

/* Enough to know a message again: the start line and the top Via are in it, with a branch that no other message has. */
#define POISON_HEAD 512

struct poison_slot {
	_Alignas(64) atomic_uint_fast64_t
		call_hash; /* of the Call-ID under keys.owner; 0: none (not parsed yet, or idle) */
	struct addr source;
	atomic_uint busy; /* a message is being handled */
	uint32_t len;     /* bytes of `head`; 0: it came from another worker, parsed */
	char head[POISON_HEAD];
};

struct poison_ring {
	struct poison_slot worker[TP_WORKERS_MAX];
};

/* `bytes` from `source` are about to be looked at (none: a message that is parsed already); the Call-ID of the message becomes known; it is done. */
static inline void poison_begin(struct poison_slot *slot, const struct addr *source,
				struct sv bytes)
{
	slot->source = *source;
	slot->len = bytes.n < POISON_HEAD ? (uint32_t)bytes.n : POISON_HEAD;
	if (slot->len)
		memcpy(slot->head, bytes.p, slot->len);
	atomic_store_explicit(&slot->call_hash, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->busy, 1, memory_order_release);
	/* a fault in the parser is no reason for the compiler to keep these for later */
	atomic_signal_fence(memory_order_seq_cst);
}
static inline void poison_call(struct poison_slot *slot, uint64_t call_hash)
{
	atomic_store_explicit(&slot->call_hash, call_hash, memory_order_relaxed);
}
static inline void poison_end(struct poison_slot *slot)
{
	atomic_store_explicit(&slot->busy, 0, memory_order_release);
}

/* What `n` bytes, at most POISON_HEAD, are known by. Who makes two alike has his own messages dropped: the key need not be secret. */
static inline uint64_t poison_hash(const char *head, size_t n)
{
	static const struct siphash_key key;

	return siphash_13(&key, head, n);
}

/* Whether `bytes` begin with the `n` that `hash` is of: all of them, unless it is only their begin that is known. */
static inline bool poison_is(struct sv bytes, uint32_t n, uint64_t hash)
{
	return (n == POISON_HEAD ? bytes.n >= n : bytes.n == n) && poison_hash(bytes.p, n) == hash;
}

#endif
