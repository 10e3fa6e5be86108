/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_view: one message with a view of it, and what leaves as text. Needs cmocka. For tests only.
 */
#ifndef MG_SIP_TEST_VIEW_H
#define MG_SIP_TEST_VIEW_H

#include "sip/edit.h"
#include "sip/test_message.h"

/* Pieces of rows: nothing to frame, two Vias, our own Content-Length. */
#define L      "l: 0\r\n"
#define V1     "SIP/2.0/UDP a.example;branch=z9hG4bK1"
#define V2     "SIP/2.0/UDP b.example;branch=z9hG4bK2"
#define OWN(n) "Content-Length: " #n "\r\n"

/* A message, a view of it, and what it looks like. */
static struct {
	struct arena arena;
	struct sip_msg msg;
	struct sip_view view;
	struct text in, out;
} t;

static inline void open_bytes(void)
{
	struct sip_where at;

	assert_true(sip_parse_datagram(&t.msg, t.in.p, t.in.n, &at) > 0);
	arena_done(&t.arena);
	arena_init(&t.arena, 4096, 1 << 20);
	sip_view_init(&t.view, &t.msg, &t.arena);
}

static inline __attribute__((format(printf, 1, 2))) void open_text(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t.in.n = (size_t)vsnprintf(t.in.p, sizeof(t.in.p), format, args);
	va_end(args);
	open_bytes();
}

static inline int close_text(void **state)
{
	(void)state;
	arena_done(&t.arena);
	return 0;
}

/* Writes a view; returns the number of pieces. */
static inline unsigned flat(struct sip_view *view, struct text *to)
{
	struct sip_out out;

	sip_out_init(&out, &t.arena);
	sip_view_write(view, &out);
	assert_int_equal(out.err, 0);
	int n = sip_out_flat(&out, to->p, sizeof(to->p) - 1);
	assert_int_equal(n, out.len);
	to->n = (size_t)n;
	to->p[n] = 0;
	return out.n;
}

static inline const char *leaves(struct sip_view *view)
{
	flat(view, &t.out);
	return t.out.p;
}

#endif
