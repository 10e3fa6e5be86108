/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_refused: addresses that a TCP connection could not be opened to lately, so that a large request does not try again for a while (T-14). Bounded; who
 * was noted longest ago goes first. One worker's.
 */
#include <stdlib.h>

#include "transport/conn.h"

#define REFUSALS_MAX 1024
#define REFUSED_MS   300000

struct refusals {
	struct map map;
	struct list order; /* oldest first */
};

struct refusal {
	struct map_node node;
	struct list link;
	struct addr addr;
	uint64_t until_ms;
};

struct refusals *refusals_new(void)
{
	struct refusals *refusals = calloc(1, sizeof(*refusals));

	if (!refusals || map_init(&refusals->map, REFUSALS_MAX)) {
		free(refusals);
		return NULL;
	}
	list_init(&refusals->order);
	return refusals;
}

static struct refusal *find(struct refusals *refusals, const struct addr *addr)
{
	struct map_node *node = map_find(&refusals->map, addr_key(addr));

	return node ? container_of(node, struct refusal, node) : NULL;
}

static void drop(struct refusals *refusals, struct refusal *r)
{
	map_remove(&refusals->map, &r->node);
	list_remove(&r->link);
	free(r);
}

void refusals_free(struct refusals *refusals)
{
	if (!refusals)
		return;
	while (!list_empty(&refusals->order))
		drop(refusals, container_of(refusals->order.next, struct refusal, link));
	map_done(&refusals->map);
	free(refusals);
}

void refusals_drop(struct refusals *refusals, const struct addr *addr)
{
	struct refusal *r = find(refusals, addr);

	if (r)
		drop(refusals, r);
}

void refusals_add(struct refusals *refusals, const struct addr *addr, uint64_t now_ms)
{
	struct refusal *r;

	refusals_drop(refusals, addr);
	if (map_count(&refusals->map) >= REFUSALS_MAX)
		drop(refusals, container_of(refusals->order.next, struct refusal, link));
	r = calloc(1, sizeof(*r));
	if (!r)
		return; /* then it is tried again */
	r->addr = *addr;
	r->until_ms = now_ms + REFUSED_MS;
	if (map_insert(&refusals->map, &r->node, addr_key(&r->addr)))
		free(r);
	else
		list_append(&refusals->order, &r->link);
}

bool refusals_has(struct refusals *refusals, const struct addr *addr, uint64_t now_ms)
{
	struct refusal *r = find(refusals, addr);

	if (r && r->until_ms <= now_ms) {
		drop(refusals, r);
		r = NULL;
	}
	return r != NULL;
}
