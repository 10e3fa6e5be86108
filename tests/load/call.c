/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * call: rows of calls, found by the number in their Call-ID, and the sums of how they end. The row
 * used last is used first, so a low rate stays within the caches. Called by uac and uas.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "load/load.h"

#define SHOWN 3 /* failed calls of each cause that are told of one by one */

/* Memory that costs nothing until it is used. */
static void *lazily(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int calls_init(struct load *l)
{
	size_t n = l->opt.max_calls;

	l->calls = lazily(n * sizeof(*l->calls));
	l->texts = lazily(n * sizeof(*l->texts));
	l->unused = malloc(n * sizeof(*l->unused));
	if (!l->calls || !l->texts || !l->unused)
		return MG_ENOMEM;
	for (size_t i = 0; i < n; i++)
		l->unused[i] = (uint32_t)(n - 1 - i);
	l->unused_n = n;
	return 0;
}

void calls_done(struct load *l)
{
	size_t n = l->opt.max_calls;

	if (l->calls)
		munmap(l->calls, n * sizeof(*l->calls));
	if (l->texts)
		munmap(l->texts, n * sizeof(*l->texts));
	free(l->unused);
}

struct call_text *call_text(struct load *l, const struct call *c)
{
	return &l->texts[c - l->calls];
}

const struct caller *call_caller(const struct load *l, uint64_t id, struct addr *address)
{
	size_t i = l->msg.count > 1 ? (id * 0x9e3779b97f4a7c15 >> 33) % l->msg.count : 0;

	*address = message_caller(&l->opt.uac, i);
	return &l->msg.callers[i];
}

struct call *call_new(struct load *l, uint64_t due_ns)
{
	bool counted = due_ns >= l->steady_ns;
	struct call *c;
	uint64_t id;

	l->tally.all.started++;
	l->tally.slice.started++;
	l->tally.steady.started += counted;
	if (l->unused_n == 0) {
		l->tally.all.failed++;
		l->tally.slice.failed++;
		l->tally.steady.failed += counted;
		l->tally.causes[COUNT_table_full]++;
		return NULL;
	}
	c = &l->calls[l->unused[--l->unused_n]];
	id = (c->id >> 32) + 1;
	*c = (struct call){.load = l,
			   .id = id << 32 | (uint64_t)(c - l->calls),
			   .due_ns = due_ns,
			   .counted = counted};
	list_init(&c->on_conn);
	l->live++;
	return c;
}

struct call *call_find(struct load *l, const struct text *t, struct sv message, uint64_t *id)
{
	uint32_t row;

	*id = 0;
	if (t->call_id.n != MESSAGE_NAME || !text_unhex(t->call_id.p, id) ||
	    memcmp(t->call_id.p + 16, l->msg.run, MESSAGE_RUN) != 0 ||
	    (row = (uint32_t)*id) >= l->opt.max_calls || *id > l->calls[row].id) {
		*id = 0;
		rule_broken(l, RULE_unknown_call, message);
		return NULL;
	}
	if (l->calls[row].id == *id && l->calls[row].state != CALL_FREE)
		return &l->calls[row];
	l->tally.late++;
	return NULL;
}

static void end(struct load *l, struct call *c)
{
	wheel_del(&l->wheel, &c->timer);
	wheel_del(&l->wheel, &c->callee_timer);
	list_remove(&c->on_conn);
	if (c->conn && l->opt.conn == CONN_PER_CALL)
		conn_close(&l->conns, c->conn);
	c->state = CALL_FREE;
	l->unused[l->unused_n++] = (uint32_t)(c - l->calls);
	l->live--;
}

void call_complete(struct load *l, struct call *c)
{
	if (c->callee != CALLEE_ACKED) {
		c->state = CALL_UNACKED;
		wheel_add(&l->wheel, &c->timer, l->now_ns / 1000000 + l->opt.timeout_ms);
		return;
	}
	l->tally.all.completed++;
	l->tally.slice.completed++;
	l->tally.steady.completed += c->counted;
	end(l, c);
}

void call_refuse(struct load *l, struct call *c)
{
	l->tally.all.refused++;
	l->tally.slice.refused++;
	l->tally.steady.refused += c->counted;
	end(l, c);
}

#define CAUSE_TEXT(name, text) text,
static const char *const CAUSE_TEXTS[] = {CAUSES(CAUSE_TEXT)};
#undef CAUSE_TEXT

void call_fail(struct load *l, struct call *c, enum cause why)
{
	if (l->tally.causes[why]++ < SHOWN)
		fprintf(stderr, "mgload: call %016lx%.*s after %.3f s: %s\n", c->id, MESSAGE_RUN,
			l->msg.run, (double)(l->now_ns - c->due_ns) / 1e9, CAUSE_TEXTS[why]);
	l->tally.all.failed++;
	l->tally.slice.failed++;
	l->tally.steady.failed += c->counted;
	end(l, c);
}
