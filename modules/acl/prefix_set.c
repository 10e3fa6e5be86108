/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * prefix_set: prefixes lie in each other or apart, never across. So one way through them in the order of their first address, the wider first, with
 * a stack of those that hold the present place, finds every border and what counts behind it.
 */
#include "prefix_set.h"

#include <assert.h>
#include <stdlib.h>

struct sorted {
	prefix_key from, to; /* first and last address */
	uint32_t index;
};

static prefix_key key_of(const struct addr *a)
{
	unsigned n = a->family == ADDR_V4 ? 4 : 16;
	prefix_key key = 0;

	for (unsigned i = 0; i < n; i++)
		key = key << 8 | a->ip[i];
	return key;
}

static struct sorted sorted_of(const struct prefix *p, uint32_t index)
{
	unsigned width = p->net.family == ADDR_V4 ? 32 : 128;
	prefix_key from = key_of(&p->net), hosts = 0;

	if (p->bits < width) /* a shift by 128 is none */
		hosts = ((prefix_key)1 << (width - p->bits - 1)) - 1 +
			((prefix_key)1 << (width - p->bits - 1));
	return (struct sorted){from, from + hosts, index};
}

static int by_place(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to > y->to ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Ranges are made from the lowest border to the highest; one that begins where the last began takes its place, one that says the same
 * goes on with it. */
static void border(struct prefix_range *range, uint32_t *n, prefix_key from, uint32_t index)
{
	if (*n && range[*n - 1].from == from)
		--*n;
	if (*n && range[*n - 1].index == index)
		return;
	range[(*n)++] = (struct prefix_range){from, index};
}

/* `s`: those of one family, sorted; `stack` has room for them all. Returns how many ranges. */
static uint32_t compile(const struct sorted *s, uint32_t n, struct sorted *stack,
			struct prefix_range *range)
{
	uint32_t ranges = 0, depth = 0;

	border(range, &ranges, 0, PREFIX_SET_NONE);
	for (uint32_t i = 0; i <= n; i++) {
		while (depth && (i == n || stack[depth - 1].to < s[i].from)) {
			prefix_key next = stack[--depth].to + 1; /* 0 behind the last address */
			if (next)
				border(range, &ranges, next,
				       depth ? stack[depth - 1].index : PREFIX_SET_NONE);
		}
		if (i == n)
			break;
		stack[depth] = s[i];
		if (depth && stack[depth - 1].index < s[i].index)
			stack[depth].index =
				stack[depth - 1].index; /* the outer one stands first */
		border(range, &ranges, s[i].from, stack[depth++].index);
	}
	return ranges;
}

/* The prefixes of one family, and room to compile them. Returns 0 or MG_ENOMEM. */
static int compile_family(struct prefix_set *set, unsigned which, const struct prefix *list,
			  uint32_t n)
{
	struct sorted *s = calloc(2 * (size_t)n + 1, sizeof(*s));
	struct prefix_range *range = calloc(2 * (size_t)n + 1, sizeof(*range));
	uint32_t found = 0;

	if (!s || !range) {
		free(s);
		free(range);
		return MG_ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		if ((list[i].net.family == ADDR_V6) == (which == 1))
			s[found++] = sorted_of(&list[i], i);
	qsort(s, found, sizeof(*s), by_place);
	set->n[which] = compile(s, found, s + n, range);
	set->range[which] = range;
	assert(set->n[which] <= 2 * n + 1);
	free(s);
	return 0;
}

int prefix_set_init(struct prefix_set *set, const struct prefix *list, uint32_t n)
{
	*set = (struct prefix_set){0};
	if (compile_family(set, 0, list, n) == 0 && compile_family(set, 1, list, n) == 0)
		return 0;
	prefix_set_done(set);
	return MG_ENOMEM;
}

void prefix_set_done(struct prefix_set *set)
{
	free(set->range[0]);
	free(set->range[1]);
	*set = (struct prefix_set){0};
}

uint32_t prefix_set_find(const struct prefix_set *set, const struct addr *addr)
{
	unsigned which = addr->family == ADDR_V6;
	const struct prefix_range *range = set->range[which];
	prefix_key key = key_of(addr);
	uint32_t low = 0, high = set->n[which]; /* the range is in [low, high) */

	if (addr->family == ADDR_NONE || high == 0)
		return PREFIX_SET_NONE;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (range[middle].from <= key)
			low = middle;
		else
			high = middle;
	}
	return range[low].index;
}
