/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nearest: which known word somebody meant: the one with the fewest letters wrong, left out, too
 * much or swapped with their neighbour (optimal string alignment), if these are few for its length.
 * Called for unknown keys, names and choices.
 */
#include "conf/conf_priv.h"

#define WORD_MAX 40 /* longer words are near to nothing */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rows of the usual table, of which three are kept; case does not count. */
static size_t distance(struct sv a, struct sv b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.n; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = sv_lower(a.p[i - 1]) == sv_lower(b.p[j - 1]);

			row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && sv_lower(a.p[i - 1]) == sv_lower(b.p[j - 2]) &&
			    sv_lower(a.p[i - 2]) == sv_lower(b.p[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.n];
}

void conf_nearest_init(struct conf_nearest *n, struct sv word)
{
	/* One mistake in short words, three in long ones; beyond that it was another word. */
	*n = (struct conf_nearest){.word = word, .distance = least((word.n + 2) / 3, 3) + 1};
}

void conf_nearest_try(struct conf_nearest *n, const char *candidate)
{
	struct sv known = sv_str(candidate);

	if (n->word.n > WORD_MAX || known.n > WORD_MAX)
		return;
	size_t d = distance(n->word, known);
	if (d < n->distance && d < known.n) {
		n->distance = d;
		n->best = candidate;
	}
}
