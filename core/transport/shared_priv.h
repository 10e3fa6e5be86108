/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * shared_priv: the two halves of what all workers share, joined by shared.c: the directory of connections, and the table of
 * sources (shared_source.c).
 */
#ifndef MG_TRANSPORT_SHARED_PRIV_H
#define MG_TRANSPORT_SHARED_PRIV_H

#include "transport/tp_priv.h"

struct source_table;

/* A table of `max` sources; NULL without memory. */
MG_MUST_CHECK struct source_table *source_table_new(unsigned max);
void source_table_free(struct source_table *table); /* NULL is fine */
struct source_table *tp_shared_sources(struct tp_shared *shared);

#endif
