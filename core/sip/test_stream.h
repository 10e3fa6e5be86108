/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_stream: a reader of streams that keeps what came out, so that two ways to cut the same bytes can be compared. Needs
 * cmocka. For tests only.
 */
#ifndef MG_SIP_TEST_STREAM_H
#define MG_SIP_TEST_STREAM_H

#include "sip/test_message.h"

/* One thing that came out of a stream. */
struct event {
	int ret;
	uint8_t kind, fault, method;
	uint16_t status;
	uint32_t off, hash;
};

struct reader {
	struct sip_stream stream;
	struct event events[512];
	unsigned n;
	size_t begin; /* of the message that is being read */
	bool over;
};

static inline uint32_t hash(struct sv v)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < v.n; i++)
		h = (h ^ (unsigned char)v.p[i]) * 16777619u;
	return h;
}

/* The bytes up to `len` of `all` are there: take what is complete. */
static inline void feed(struct reader *r, struct sv all, size_t len)
{
	while (!r->over && r->begin <= len) {
		struct sip_msg msg;
		struct sip_where at = {0};
		const char *buf = all.p + r->begin;
		int ret = sip_parse_stream(&msg, &r->stream, buf, len - r->begin, &at);
		if (ret == MG_EPARTIAL)
			return;
		struct event *e = &r->events[r->n++];
		assert_true(r->n < sizeof(r->events) / sizeof(r->events[0]));
		memset(e, 0, sizeof(*e)); /* events are compared by their bytes */
		e->ret = ret;
		e->kind = msg.kind;
		e->fault = msg.fault.fault;
		e->off = msg.fault.off;
		if (ret < 0) {
			assert_int_equal(at.fault, msg.fault.fault);
			r->over = true;
			return;
		}
		assert_null(message_broken(&msg, sv_of(buf, len - r->begin)));
		e->method = msg.method;
		e->status = msg.status;
		e->hash = hash(sv_of(msg.buf, msg.len));
		assert_int_equal(ret, msg.len);
		r->begin += (size_t)ret;
		r->over = msg.fault.fault && sip_fault_framing(msg.fault.fault);
		if (!r->over && msg.kind <= SIP_KIND_RESPONSE)
			assert_true(!r->stream.seen && !r->stream.need && !r->stream.line_ok &&
				    !r->stream.crlf);
	}
}

static inline void whole(struct reader *r, struct sv all)
{
	memset(r, 0, sizeof(*r));
	feed(r, all, all.n);
}

static inline void same(const struct reader *a, const struct reader *b, const char *how,
			size_t number)
{
	if (a->n != b->n || a->begin != b->begin || a->over != b->over ||
	    memcmp(a->events, b->events, a->n * sizeof(a->events[0])) != 0)
		fail_msg("%s %zu: %u events and %zu bytes, not %u and %zu", how, number, b->n,
			 b->begin, a->n, a->begin);
}

/* A small generator of its own, so that a seed means the same bytes everywhere. */
static inline uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

#endif
