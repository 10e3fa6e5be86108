/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gate: the workers' side of the table: see gate.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gate/gate_priv.h"

int gate_open(struct gate **out, int fd, uint64_t secret)
{
	struct gate *g = malloc(sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->secret = secret;
	g->table = mmap(NULL, sizeof(*g->table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (g->table == MAP_FAILED) {
		int err = -errno;

		free(g);
		return err;
	}
	*out = g;
	return 0;
}

void gate_close(struct gate *g)
{
	if (!g)
		return;
	munmap(g->table, sizeof(*g->table));
	free(g);
}

/* As the filter reads it from the packet. Returns the first of its two places; the other one is its neighbour. */
static uint32_t places_of(const struct gate *g, const struct addr *source, uint64_t ip[2])
{
	ip[0] = ip[1] = 0;
	memcpy(ip, source->ip, source->family == ADDR_V4 ? 4 : 16);
	return gate_place_of(g->secret, ip);
}

static bool is_of(const struct gate_place *p, const uint64_t ip[2])
{
	return atomic_load_explicit(&p->ip[0], memory_order_relaxed) == ip[0] &&
	       atomic_load_explicit(&p->ip[1], memory_order_relaxed) == ip[1];
}

static uint64_t until_of(const struct gate_place *p)
{
	return atomic_load_explicit(&p->until_ns, memory_order_relaxed);
}

static bool is_at(const struct gate_place *p, const uint64_t ip[2], uint32_t key)
{
	return is_of(p, ip) && atomic_load_explicit(&p->key, memory_order_relaxed) == key;
}

/* Its own, else the one that opens first. */
static struct gate_place *choose(struct gate_place *a, struct gate_place *b, const uint64_t ip[2],
				 uint32_t key)
{
	if (is_at(a, ip, key))
		return a;
	return is_at(b, ip, key) || until_of(b) < until_of(a) ? b : a;
}

/* Open while it changes hands: the filter must not take the new one's name with the old one's time. */
void gate_shut(struct gate *g, const struct addr *source, uint16_t listener, unsigned why,
	       uint64_t until_us)
{
	uint32_t key = (uint32_t)listener << 8 | (source->family == ADDR_V4 ? 4 : 6);
	uint64_t ip[2];
	uint32_t i = places_of(g, source, ip);
	struct gate_place *p = choose(&g->table->source[i], &g->table->source[i ^ 1], ip, key);

	if (!is_at(p, ip, key)) {
		atomic_store_explicit(&p->until_ns, 0, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		atomic_store_explicit(&p->ip[0], ip[0], memory_order_relaxed);
		atomic_store_explicit(&p->ip[1], ip[1], memory_order_relaxed);
		atomic_store_explicit(&p->key, key, memory_order_relaxed);
	}
	atomic_store_explicit(&p->why, why, memory_order_relaxed);
	atomic_store_explicit(&p->until_ns, until_us * 1000, memory_order_release);
}

static void lift(struct gate_place *p)
{
	if (until_of(p)) /* a line that nobody writes stays in every cache */
		atomic_store_explicit(&p->until_ns, 0, memory_order_relaxed);
}

void gate_lift(struct gate *g, const struct addr *source)
{
	uint64_t ip[2];
	uint32_t i = places_of(g, source, ip);

	if (is_of(&g->table->source[i], ip))
		lift(&g->table->source[i]);
	if (is_of(&g->table->source[i ^ 1], ip))
		lift(&g->table->source[i ^ 1]);
}

void gate_lift_all(struct gate *g)
{
	for (unsigned i = 0; i < GATE_SOURCES; i++)
		lift(&g->table->source[i]);
}

uint64_t gate_dropped_by(const struct gate *g, uint16_t listener, unsigned worker)
{
	return atomic_load_explicit(&g->table->socket[gate_socket_of(listener, worker)].dropped,
				    memory_order_relaxed);
}

uint64_t gate_dropped(const struct gate *g, unsigned why)
{
	return atomic_load_explicit(&g->table->reason[why].dropped, memory_order_relaxed);
}
