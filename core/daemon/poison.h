/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * poison: the last message each worker began with, in memory shared with the warden, so that after a death by a fault signal the warden knows what did it and has
 * its source and Call-ID quarantined (O-2). Writing is a few stores per message.
 */
#ifndef MG_DAEMON_POISON_H
#define MG_DAEMON_POISON_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/addr.h"
#include "transport/listener.h"

struct poison_slot {
	_Alignas(64) atomic_uint_fast64_t
		call_hash; /* of the Call-ID under keys.owner; 0: none (not parsed yet, or idle) */
	struct addr source;
	atomic_uint busy; /* a message is being handled */
};

struct poison_ring {
	struct poison_slot worker[TP_WORKERS_MAX];
};

/* A message from `source` is about to be looked at; its Call-ID becomes known; it is done. */
static inline void poison_begin(struct poison_slot *slot, const struct addr *source)
{
	slot->source = *source;
	atomic_store_explicit(&slot->call_hash, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->busy, 1, memory_order_release);
}
static inline void poison_call(struct poison_slot *slot, uint64_t call_hash)
{
	atomic_store_explicit(&slot->call_hash, call_hash, memory_order_relaxed);
}
static inline void poison_end(struct poison_slot *slot)
{
	atomic_store_explicit(&slot->busy, 0, memory_order_release);
}

#endif
