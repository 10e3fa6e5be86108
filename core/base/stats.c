/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stats: memory of the tables and their sums.
 */
#include "base/stats.h"

#include <stdlib.h>

#define LINE           64 /* bytes that two workers must not share */
#define CELLS_PER_LINE (LINE / sizeof(uint64_t))

struct stats *stats_new(const struct stats_desc *desc, size_t n, size_t workers)
{
	size_t lines = n / CELLS_PER_LINE + 1, all;
	struct stats *s;

	if (__builtin_mul_overflow(lines, workers * LINE, &all) || workers > SIZE_MAX / LINE)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct stats){
		.desc = desc, .n = n, .workers = workers, .stride = lines * CELLS_PER_LINE};
	s->cells = aligned_alloc(LINE, all);
	if (!s->cells) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < workers * s->stride; i++)
		atomic_init(&s->cells[i], 0);
	return s;
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	free(s->cells);
	free(s);
}

uint64_t stats_sum(const struct stats *s, size_t id)
{
	uint64_t sum = 0;

	assert(id < s->n);
	for (size_t w = 0; w < s->workers; w++)
		sum += atomic_load_explicit(&s->cells[w * s->stride + id], memory_order_relaxed);
	return sum;
}
