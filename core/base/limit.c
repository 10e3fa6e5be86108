/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * limit: filling and taking. A level counts in 1/per_ms of a token, so a millisecond adds exactly
 * `tokens` to it and no rate drifts, 3 in 7 ms as little as 1 in a minute.
 */
#include "base/limit.h"

static uint64_t full(const struct limit_rule *rule)
{
	return (uint64_t)rule->burst * rule->per_ms;
}

void limit_init(struct limit *l, const struct limit_rule *rule, uint64_t now_ms)
{
	*l = (struct limit){.level = full(rule), .last_ms = now_ms};
}

static void refill(struct limit *l, const struct limit_rule *rule, uint64_t now_ms)
{
	uint64_t top = full(rule);

	if (l->level > top) /* the rule is a new one */
		l->level = top;
	if (now_ms <= l->last_ms)
		return;
	uint64_t passed = now_ms - l->last_ms, missing = top - l->level;
	l->last_ms = now_ms;
	if (rule->tokens == 0)
		return;
	if (passed > missing / rule->tokens) /* before multiplying: a gap may be of any length */
		l->level = top;
	else
		l->level += passed * rule->tokens;
}

bool limit_take(struct limit *l, const struct limit_rule *rule, uint64_t now_ms, uint32_t n)
{
	uint64_t want = (uint64_t)n * rule->per_ms;

	refill(l, rule, now_ms);
	if (l->level < want || (n && rule->per_ms == 0))
		return false;
	l->level -= want;
	return true;
}
