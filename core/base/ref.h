/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ref: counted objects, for the few that have no single owner: transactions, connections, calls,
 * buffers. The count is not atomic: one thread owns the object and all references to it.
 */
#ifndef MG_BASE_REF_H
#define MG_BASE_REF_H

#include <assert.h>
#include <limits.h>

#include "base/container_of.h"

/* Embedded in the object. */
struct ref {
	unsigned n;
	void (*free)(struct ref *r);
};

/* Begin with one reference, the caller's. `destroy` runs when the last one goes; it unlinks the
 * object, stops its timers, drops what it refers to, frees it, in that order.
 */
static inline void ref_init(struct ref *r, void (*destroy)(struct ref *r))
{
	r->n = 1;
	r->free = destroy;
}

/* One more reference. Not from within the destructor: a dying object stays dead. */
static inline void ref_take(struct ref *r)
{
	assert(r->n > 0 && r->n < UINT_MAX);
	r->n++;
}

/* One reference less; the object may be gone after this. */
static inline void ref_drop(struct ref *r)
{
	assert(r->n > 0);
	if (--r->n == 0)
		r->free(r);
}

#endif
