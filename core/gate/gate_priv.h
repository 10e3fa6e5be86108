/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gate_priv: the table as kernel and processes share it. Offsets are the filter's too.
 */
#ifndef MG_GATE_GATE_PRIV_H
#define MG_GATE_GATE_PRIV_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

#include "gate/gate.h"

/* An address's place; or a counter, of which only `dropped` is used. */
struct gate_place {
	_Atomic uint64_t until_ns; /* CLOCK_BOOTTIME; the past: passes */
	_Atomic uint64_t ip[2];    /* as on the wire; IPv4: the lower half of the first */
	_Atomic uint32_t key;      /* listener << 8 | IP version */
	_Atomic uint32_t why;
	_Atomic uint64_t dropped;
};
static_assert(sizeof(struct gate_place) == 40, "no gaps, and none between elements of a map");

/* Elements: a counter for each reason, the addresses, a counter for each socket. */
struct gate_table {
	struct gate_place reason[GATE_WHYS];
	struct gate_place source[GATE_SOURCES];
	struct gate_place socket[GATE_SOCKETS];
};

/* The table as a process has it. */
struct gate {
	struct gate_table *table;
	uint64_t secret;
};

/* Ten seconds, and what a clock that is read in milliseconds may be behind. In a time namespace our CLOCK_BOOTTIME and the filter's differ. */
#define GATE_LONGEST_NS 11000000000LL

#define GATE_MIX   0x9e3779b97f4a7c15ULL
#define GATE_SHIFT 50 /* 64 less the 14 bits of GATE_SOURCES */
static_assert(GATE_WHYS % 2 == 0, "neighbours are elements of which one is even");
static_assert(GATE_SOURCES == 1 << (64 - GATE_SHIFT), "what the filter shifts by");

/* The first of two places; the other one is its neighbour, ^ 1. */
static inline uint32_t gate_place_of(uint64_t secret, const uint64_t ip[2])
{
	uint64_t x = ((ip[0] ^ secret) * GATE_MIX) ^ ip[1];

	x ^= x >> 32;
	return (uint32_t)(x * GATE_MIX >> GATE_SHIFT);
}

static inline uint32_t gate_socket_of(uint16_t listener, unsigned worker)
{
	return (listener * 64U + worker) & (GATE_SOCKETS - 1);
}

#endif
