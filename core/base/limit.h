/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * limit: token buckets, in whole numbers, given the time. The rule is shared by all buckets of a
 * kind and may be reloaded; a bucket is 16 bytes, so a table of sources holds them by the hundred
 * thousand. Called by whatever answers strangers.
 */
#ifndef MG_BASE_LIMIT_H
#define MG_BASE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* `tokens` come back in each `per_ms`, evenly; never more than `burst` are held. No tokens, or no
 * time, means that none come back; a burst of 0 admits nothing.
 */
struct limit_rule {
	uint32_t tokens;
	uint32_t per_ms;
	uint32_t burst;
};

/* A rule in tokens per second. */
#define LIMIT_PER_S(rate, burst_) ((struct limit_rule){(rate), 1000, (burst_)})

/* Embedded in its owner. Fields are the bucket's own. */
struct limit {
	uint64_t level;   /* tokens times the rule's per_ms: what one millisecond brings is whole */
	uint64_t last_ms; /* refilled up to here */
};

/* Begin with a full bucket. */
void limit_init(struct limit *l, const struct limit_rule *rule, uint64_t now_ms);

/* Take `n` tokens, all or none. A clock that stands still or goes back refills nothing; after any
 * gap the bucket is full, not fuller. Under a rule with another per_ms than before, what is held
 * counts as another number of tokens, at most the burst.
 *
 * Returns    whether they were there.
 */
bool limit_take(struct limit *l, const struct limit_rule *rule, uint64_t now_ms, uint32_t n);

#endif
