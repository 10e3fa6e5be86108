/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gate: a table that the kernel reads: from which addresses, and until when, what is sent to us is thrown away before it reaches a socket, wakes anybody or takes the room
 * of others. Who belongs there is decided by who calls it (shield, acl); nothing here counts packets that pass. The filter itself is gate_kernel.c's.
 *
 * An address, at a listener, has its place among two in the table; a third one that falls on them takes over the one that opens first, and what its owner sends is then
 * refused by ourselves as before. Shared by the warden (makes it), the kernel (reads, counts what it drops) and all workers (write), without a lock: each word is atomic.
 * What a race may do: let something pass that was shut; drop one datagram of who was open already; give a stranger the time of who shared its place, ten seconds at
 * most.
 */
#ifndef MG_GATE_GATE_H
#define MG_GATE_GATE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define GATE_SOURCES 16384 /* a power of two */
#define GATE_WHYS    4     /* reasons that are counted apart, a power of two */
#define GATE_SOCKETS \
	16384 /* counters of them, a power of two; a listener has that of one that was opened 256 listeners before: its drops for lack of room may show late */

struct gate;

/* ---- in the SIP process ---- */

/* Open the table that a descriptor of the warden's refers to, with the secret that goes with it; the descriptor stays the caller's. Returns 0 or a negative errno. */
MG_MUST_CHECK int gate_open(struct gate **out, int fd, uint64_t secret);
/* Let go of it; the table stays as it is. NULL is fine. */
void gate_close(struct gate *g);

/* Drop what comes from `source`, whatever its port, to a listener until `until_us` (CLOCK_BOOTTIME, at most ten seconds ahead: the filter takes what is
 * further for a mistake), for a reason below GATE_WHYS. Any thread. */
void gate_shut(struct gate *g, const struct addr *source, uint16_t listener, unsigned why,
	       uint64_t until_us);
/* Let it pass again, on all listeners. Any thread. */
void gate_lift(struct gate *g, const struct addr *source);

/* All addresses. */
void gate_lift_all(struct gate *g);

/* Datagrams dropped so far: on one worker's socket of a listener, and for a reason. */
uint64_t gate_dropped_by(const struct gate *g, uint16_t listener, unsigned worker);
uint64_t gate_dropped(const struct gate *g, unsigned why);

/* ---- in the warden: one gate a process ---- */

/* Make the table and see whether the kernel takes the filter.
 *
 * secret     Set: nobody outside can foresee who shares a place.
 * Returns    a descriptor of the table, which stays the gate's, or a negative errno: then there is none, and gate_guard does nothing.
 */
MG_MUST_CHECK int gate_make(uint64_t *secret);
/* Put the filter on a datagram socket, for good. Returns 0, also when there is no gate, or a negative errno. */
MG_MUST_CHECK int gate_guard(int fd, uint16_t listener, unsigned worker);

#endif
