/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_set: one allocation: head, records, names.
 */
#include "transport/dns_set.h"

#include <stdlib.h>

static size_t names_size(const struct dns_answer *a)
{
	size_t n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->rec[i].name.n;
	return n;
}

static void copy_records(struct dns_set *set, const struct dns_answer *a)
{
	char *names = (char *)&set->rec[a->n];

	for (unsigned i = 0; i < a->n; i++) {
		struct dns_rec *rec = &set->rec[i];

		*rec = a->rec[i];
		if (rec->name.n)
			memcpy(names, rec->name.p, rec->name.n);
		rec->name.p = names;
		names += rec->name.n;
	}
}

struct dns_set *dns_set_new(const struct dns_answer *answer)
{
	size_t n = answer ? answer->n : 0;
	struct dns_set *set =
		malloc(sizeof(*set) + n * sizeof(set->rec[0]) + (answer ? names_size(answer) : 0));

	if (!set)
		return NULL;
	atomic_init(&set->refs, 1);
	set->kind = answer ? answer->kind : DNS_LOST;
	set->n = (uint8_t)n;
	if (answer)
		copy_records(set, answer);
	return set;
}

struct dns_set *dns_set_ref(struct dns_set *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

/* Release on every drop, acquire before the end: who frees sees what all others did. */
void dns_set_unref(struct dns_set *set)
{
	if (set && atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1)
		free(set);
}
