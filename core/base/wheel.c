/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * wheel: three levels of 256 slots after Varghese and Lauck (1987), with a bitmap per level so that
 * empty time is stepped over. Level 0 holds the next 256 ticks, one slot each; a slot of level 1
 * holds what is due within 256 ticks, of level 2 within 65536. A timer further off than all levels
 * waits in the last slot of level 2 and is placed again from there.
 */
#include "base/wheel.h"

#include <assert.h>

#define BITS  8
#define MASK  ((uint64_t)WHEEL_SLOTS - 1)
#define REACH ((uint64_t)1 << BITS * WHEEL_LEVELS)

static_assert(WHEEL_SLOTS == 1 << BITS, "a level is a byte of the tick");

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	*w = (struct wheel){.tick = now_ms / WHEEL_TICK_MS, .target = now_ms / WHEEL_TICK_MS};
	for (uint32_t i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
}

void wheel_timer_init(struct wheel_timer *t, wheel_fn *fire)
{
	*t = (struct wheel_timer){.fire = fire};
	list_init(&t->link);
}

static void mark(struct wheel *w, uint32_t slot, bool used)
{
	uint64_t *word = &w->used[slot / WHEEL_SLOTS][slot % WHEEL_SLOTS / 64];
	uint64_t bit = (uint64_t)1 << slot % 64;

	*word = used ? *word | bit : *word & ~bit;
}

/* Link a timer where its due tick, which is w->tick or later, has it now. */
static void place(struct wheel *w, struct wheel_timer *t)
{
	uint64_t wait = t->due_tick - w->tick;
	uint64_t tick = wait < REACH ? t->due_tick : w->tick + REACH - 1;
	unsigned level = 0;

	while (level < WHEEL_LEVELS - 1 && wait >> BITS * (level + 1))
		level++;
	t->slot = level * WHEEL_SLOTS + (uint32_t)(tick >> BITS * level & MASK);
	list_append(&w->slots[t->slot], &t->link);
	mark(w, t->slot, true);
}

void wheel_del(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_is_set(t))
		return;
	list_remove(&t->link); /* from its slot, or from those that fire just now */
	if (list_empty(&w->slots[t->slot]))
		mark(w, t->slot, false);
	w->count--;
}

void wheel_add(struct wheel *w, struct wheel_timer *t, uint64_t due_ms)
{
	uint64_t due = due_ms / WHEEL_TICK_MS + (due_ms % WHEEL_TICK_MS != 0);

	wheel_del(w, t);
	t->due_tick = due > w->target ? due : w->target + 1;
	place(w, t);
	w->count++;
}

/* Slots from `at`, exclusive, to the next used one, going round: 1 to WHEEL_SLOTS; 0 when all are
 * empty.
 */
static unsigned distance(const uint64_t used[WHEEL_SLOTS / 64], unsigned at)
{
	unsigned from = (at + 1) & MASK;

	for (unsigned i = 0; i <= WHEEL_SLOTS / 64; i++) {
		unsigned word = (from / 64 + i) % (WHEEL_SLOTS / 64);
		uint64_t bits = used[word];

		if (i == 0)
			bits &= ~(uint64_t)0 << from % 64;
		if (bits) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
			return ((slot - from) & MASK) + 1;
		}
	}
	return 0;
}

/* The next tick at which a used slot of any level comes up; WHEEL_NEVER when there is none. */
static uint64_t next_tick(const struct wheel *w)
{
	uint64_t next = WHEEL_NEVER;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t at = w->tick >> BITS * level;
		unsigned d = distance(w->used[level], (unsigned)(at & MASK));

		if (d && (at + d) << BITS * level < next)
			next = (at + d) << BITS * level;
	}
	return next;
}

/* Place anew what waits in the slots of higher levels that begin with this tick. */
static void cascade(struct wheel *w)
{
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		uint32_t slot = level * WHEEL_SLOTS + (uint32_t)(w->tick >> BITS * level & MASK);
		struct list waiting, *link;

		if (w->tick & (((uint64_t)1 << BITS * level) - 1))
			continue;
		list_init(&waiting);
		list_take_all(&waiting, &w->slots[slot]);
		mark(w, slot, false);
		while ((link = list_shift(&waiting)))
			place(w, container_of(link, struct wheel_timer, link));
	}
}

static void fire_slot(struct wheel *w, uint64_t now_ms)
{
	uint32_t slot = (uint32_t)(w->tick & MASK);
	struct list due, *link;

	list_init(&due);
	list_take_all(&due, &w->slots[slot]);
	mark(w, slot, false);
	while ((link = list_shift(&due))) { /* callbacks may take others out of `due` */
		struct wheel_timer *t = container_of(link, struct wheel_timer, link);

		w->count--;
		t->fire(t, now_ms);
	}
}

void wheel_run(struct wheel *w, uint64_t now_ms)
{
	uint64_t next;

	if (now_ms / WHEEL_TICK_MS <= w->tick)
		return;
	w->target = now_ms / WHEEL_TICK_MS;
	while ((next = next_tick(w)) <= w->target) {
		w->tick = next;
		cascade(w);
		fire_slot(w, now_ms);
	}
	w->tick = w->target;
}

uint64_t wheel_next_ms(const struct wheel *w)
{
	uint64_t next = next_tick(w);

	return next == WHEEL_NEVER ? next : next * WHEEL_TICK_MS;
}
