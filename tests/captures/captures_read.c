/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * captures_read FILE: parse what captures.py wrote into FILE, datagrams each for itself, the segments of a stream as they
 * came. Prints, for run.py to compare:
 *
 *	message FILE KIND request METHOD | message FILE KIND response CODE     for each
 *	fault FILE KIND FRAME TOKEN HEADER       what parse or check refuse, and where
 *	keepalive FILE KIND FRAME NAME
 *	open FILE KIND FRAME BYTES               a stream ends inside a message, or begins there
 *	length FILE KIND FRAME                   no single right Content-Length, so that the way out has another
 *	differs FILE KIND FRAME WHAT             written back, the bytes are not the same
 *
 * KIND is datagram, junk or stream.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip/edit.h"
#include "sip/test_message.h"

enum { DATAGRAM = 1, SEGMENT = 2, JUNK = 3 };

static const char *const kinds[] = {"", "datagram", "stream", "junk"};

struct record {
	uint8_t kind;
	uint32_t stream, frame;
	uint16_t file;
	struct sv data;
};

static void die(const char *what)
{
	fprintf(stderr, "captures_read: %s\n", what);
	exit(1);
}

static char *load(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1u << 26;
	char *buf = malloc(cap);

	if (!f || !buf)
		die(path);
	*n = fread(buf, 1, cap, f);
	fclose(f);
	if (*n == cap || *n < 8 || memcmp(buf, "MGCAPT1\n", 8) != 0)
		die("not a file of captures.py");
	return buf;
}

static uint32_t little(const char *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)(unsigned char)p[i] << 8 * i;
	return v;
}

static bool next(struct sv *rest, struct record *r)
{
	if (rest->n == 0)
		return false;
	if (rest->n < 15)
		die("cut short");
	const char *p = rest->p;
	*r = (struct record){(uint8_t)*p, little(p + 1, 4), little(p + 5, 4),
			     (uint16_t)little(p + 9, 2), sv_of(p + 15, little(p + 11, 4))};
	if (r->data.n > rest->n - 15 || r->kind < DATAGRAM || r->kind > JUNK)
		die("bad record");
	*rest = sv_of(p + 15 + r->data.n, rest->n - 15 - r->data.n);
	return true;
}

static void say(const char *what, const struct record *r, const char *more)
{
	printf("%s %u %s %u %s\n", what, r->file, kinds[r->kind], r->frame, more);
}

/* From the index: start line, each raw line, blank line, body. */
static bool joined(const struct sip_msg *msg)
{
	static char out[SIP_STREAM_MESSAGE_MAX];
	size_t n = msg->headers;

	memcpy(out, msg->buf, n);
	for (unsigned i = 0; i < msg->lines; i++) {
		struct sv raw = sip_line_raw(msg, i);
		memcpy(out + n, raw.p, raw.n);
		n += raw.n;
	}
	memcpy(out + n, "\r\n", 2);
	n += 2;
	memcpy(out + n, sip_body(msg).p, sip_body(msg).n);
	n += sip_body(msg).n;
	return sv_eq(sv_of(out, n), sv_of(msg->buf, msg->len));
}

/* From a view: untouched, and with a Via pushed and popped. */
static bool written(struct sip_view *view, struct arena *arena)
{
	static char out[SIP_STREAM_MESSAGE_MAX];
	struct sip_out pieces;

	sip_out_init(&pieces, arena);
	sip_view_write(view, &pieces);
	int n = sip_out_flat(&pieces, out, sizeof(out));
	return n >= 0 && sv_eq(sv_of(out, (size_t)n), sv_of(view->msg->buf, view->msg->len));
}

static void write_back(const struct record *r, struct sip_msg *msg)
{
	struct arena arena;
	struct sip_view view;
	uint32_t length = UINT32_MAX;

	if (!joined(msg))
		say("differs", r, "index");
	if (sv_u32(sip_value(msg, SIP_H_CONTENT_LENGTH), UINT32_MAX, &length) != 0 ||
	    length != sip_body(msg).n) {
		say("length", r, "");
		return;
	}
	arena_init(&arena, 4096, 1u << 20);
	sip_view_init(&view, msg, &arena);
	if (!written(&view, &arena))
		say("differs", r, "view");
	if (sip_view_prepend(&view, SIP_H_VIA, SV(""),
			     SV("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKpushed")) != 0 ||
	    written(&view, &arena))
		say("differs", r, "push");
	if (sip_view_pop(&view, SIP_H_VIA) != 0 || !written(&view, &arena))
		say("differs", r, "pop");
	arena_done(&arena);
}

/* One thing that was parsed. */
static void tell(const struct record *r, struct sip_msg *msg, int ret, struct sip_where *at,
		 struct sv in)
{
	static const char *const names[] = {"", "", "", "ping", "crlf", "noise"};
	char more[256];

	if (message_broken(msg, in) || message_read_all(msg))
		die("the index is broken");
	if (ret > 0 && msg->kind > SIP_KIND_RESPONSE) {
		say("keepalive", r, names[msg->kind]);
		return;
	}
	int verdict = ret > 0 ? sip_check(msg, at) : ret;
	if (verdict < 0) {
		snprintf(more, sizeof(more), "%s %.*s", sip_fault_token(at->fault),
			 SV_ARG(sip_header(at->hid)->name));
		say("fault", r, more);
	}
	if (ret < 0)
		return;
	if (msg->kind == SIP_KIND_REQUEST)
		printf("message %u %s request %.*s\n", r->file, kinds[r->kind],
		       SV_ARG(sip_method_text(msg)));
	else
		printf("message %u %s response %u\n", r->file, kinds[r->kind], msg->status);
	write_back(r, msg);
}

static void datagram(const struct record *r)
{
	static struct sip_msg msg;
	struct sip_where at = {0};
	/* in an allocation of its size, so that a sanitizer sees a byte read behind it */
	char *copy = malloc(r->data.n ? r->data.n : 1);

	if (!copy)
		die("no memory");
	memcpy(copy, r->data.p, r->data.n);
	int ret = sip_parse_datagram(&msg, copy, r->data.n, &at);
	tell(r, &msg, ret, &at, sv_of(copy, r->data.n));
	free(copy);
}

/* The stream that is being read; segments of one follow one another. */
static struct {
	char buf[1u << 18];
	size_t n;
	uint32_t number;
	struct sip_stream state;
	struct record last;
	bool over;
} stream;

static void stream_ends(void)
{
	char more[32];

	snprintf(more, sizeof(more), "%zu", stream.n);
	if (stream.number && stream.n && !stream.over)
		say("open", &stream.last, more);
	stream.n = 0;
	stream.number = 0;
}

static void segment(const struct record *r)
{
	static struct sip_msg msg;

	if (r->stream != stream.number) {
		stream_ends();
		stream.number = r->stream;
		stream.state = (struct sip_stream){0};
		stream.over = false;
	}
	stream.last = *r;
	if (stream.over)
		return;
	if (stream.n + r->data.n > sizeof(stream.buf))
		die("a stream stalls");
	memcpy(stream.buf + stream.n, r->data.p, r->data.n);
	stream.n += r->data.n;
	for (;;) {
		struct sip_where at = {0};
		int ret = sip_parse_stream(&msg, &stream.state, stream.buf, stream.n, &at);
		if (ret == MG_EPARTIAL)
			return;
		tell(r, &msg, ret, &at, sv_of(stream.buf, stream.n));
		stream.over = ret < 0 || (msg.fault.fault && sip_fault_framing(msg.fault.fault));
		if (stream.over)
			return;
		stream.n -= (size_t)ret;
		memmove(stream.buf, stream.buf + ret, stream.n);
	}
}

int main(int argc, char **argv)
{
	struct record r;
	size_t n;

	if (argc != 2)
		die("usage: captures_read FILE");
	char *buf = load(argv[1], &n);
	struct sv rest = sv_of(buf + 8, n - 8);
	while (next(&rest, &r)) {
		if (r.kind == SEGMENT)
			segment(&r);
		else
			datagram(&r);
	}
	stream_ends();
	free(buf);
	return 0;
}
