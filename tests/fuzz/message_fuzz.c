/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * message: any bytes as a datagram: index, every typed value, every walk, the form check.
 *
 * Holds: all views lie in the input and the lines join without a gap; typed values stay where they are; a second parse,
 * with other bytes behind the message in memory, finds the same; what the check takes can be answered, and means the same
 * on a stream behind a Content-Length of its own. The mutator works on lines, headers of the table and their values.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "sip/test_message.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* What was found, as one number: ids, offsets, faults. */
struct sum {
	uint64_t h;
};

static void add(struct sum *s, uint64_t v)
{
	s->h = (s->h ^ v) * 0x9e3779b97f4a7c15u;
	s->h ^= s->h >> 29;
}

static void add_where(struct sum *s, const struct sip_where *at)
{
	add(s, (uint64_t)at->off << 16 | (uint64_t)at->fault << 8 | at->hid);
}

static void add_view(struct sum *s, const struct sip_msg *msg, struct sv v)
{
	add(s, v.n);
	if (v.n)
		add(s, (uint64_t)(v.p - msg->buf));
}

static void add_uri(struct sum *s, const struct sip_msg *msg, const struct sip_uri *u)
{
	add_view(s, msg, u->text);
	add_view(s, msg, u->user);
	add_view(s, msg, u->password);
	add_view(s, msg, u->host);
	add_view(s, msg, u->params);
	add_view(s, msg, u->headers);
	add_view(s, msg, u->maddr);
	add(s, (uint64_t)u->port << 16 | (uint64_t)u->scheme << 8 | u->transport);
	add(s, (uint64_t)u->host_kind << 8 | (uint64_t)u->lr << 3 | (uint64_t)u->gr << 2 |
		       (uint64_t)u->ob << 1 | (uint64_t)u->escaped);
}

static void add_via(struct sum *s, const struct sip_msg *msg, const struct sip_via *v)
{
	add_view(s, msg, v->text);
	add_view(s, msg, v->host);
	add_view(s, msg, v->params);
	add_view(s, msg, v->branch);
	add_view(s, msg, v->received);
	add_view(s, msg, v->maddr);
	add_view(s, msg, v->comp);
	add(s, (uint64_t)v->keep_s << 32 | (uint64_t)v->port << 16 | v->rport);
	add(s, (uint64_t)v->transport << 24 | (uint64_t)v->host_kind << 16 | (uint64_t)v->ttl << 8 |
		       (uint64_t)v->has_rport);
}

static void add_addr(struct sum *s, const struct sip_msg *msg, const struct sip_nameaddr *na)
{
	uint32_t seconds = 0;
	int q = sip_nameaddr_q(na), expires = sip_nameaddr_expires(na, &seconds);

	CHECK((q >= 0 && q <= 1000) || q == MG_ENOENT || q == MG_EPARSE);
	CHECK(expires == 0 || expires == MG_ENOENT || expires == MG_EPARSE);
	add_view(s, msg, na->text);
	add_view(s, msg, na->display);
	add_view(s, msg, na->params);
	add_view(s, msg, na->tag);
	add(s, (uint64_t)(unsigned)q << 32 | seconds);
	if (!na->star)
		add_uri(s, msg, &na->uri);
}

static void add_token(struct sum *s, const struct sip_msg *msg, const struct sip_token *t)
{
	add_view(s, msg, t->text);
	add_view(s, msg, t->value);
	add_view(s, msg, t->type);
	add_view(s, msg, t->subtype);
	add_view(s, msg, t->params);
}

static void add_each(struct sum *s, struct sip_msg *msg, enum sip_hid id)
{
	struct sip_each each;
	struct sip_via via;
	struct sip_nameaddr addr;
	struct sip_token token;

	sip_each_start(&each, msg, id);
	if (sip_header(id)->shape == SIP_SHAPE_VIA)
		while (sip_each_via(&each, &via))
			add_via(s, msg, &via);
	else if (sip_header(id)->shape == SIP_SHAPE_ADDR ||
		 sip_header(id)->shape == SIP_SHAPE_ROUTE)
		while (sip_each_addr(&each, &addr))
			add_addr(s, msg, &addr);
	else if (sip_header(id)->shape == SIP_SHAPE_TOKEN)
		while (sip_each_token(&each, &token))
			add_token(s, msg, &token);
	add_where(s, &each.at);
}

static void add_index(struct sum *s, const struct sip_msg *msg)
{
	add(s, (uint64_t)msg->len << 32 | msg->body);
	add(s, (uint64_t)msg->kind << 32 | (uint64_t)msg->method << 24 |
		       (uint64_t)msg->lines << 16 | msg->status);
	add(s, (uint64_t)msg->ruri << 48 | (uint64_t)msg->ruri_n << 32 |
		       (uint64_t)msg->reason << 16 | msg->reason_n);
	add(s, (uint64_t)msg->method_n << 32 | (uint64_t)msg->headers << 16 | msg->end);
	add_where(s, &msg->fault);
	for (unsigned i = 0; i < msg->lines; i++) {
		const struct sip_line *l = &msg->line[i];
		add(s, (uint64_t)l->name << 48 | (uint64_t)l->name_n << 32 |
			       (uint64_t)l->value << 16 | l->value_n);
		add(s, (uint64_t)l->id << 8 | l->next);
	}
}

static void add_values(struct sum *s, struct sip_msg *msg)
{
	struct sip_where at = {0};
	const struct sip_uri *u = sip_request_uri(msg, &at);

	if (u)
		add_uri(s, msg, u);
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		if (!sip_has(msg, id))
			continue;
		const void *v = sip_typed(msg, id, &at);
		add(s, v != NULL);
		add_where(s, &at);
		if (v && (sip_header(id)->shape == SIP_SHAPE_NUMBER))
			add(s, ((const struct sip_number *)v)->value);
		if (v && id == SIP_H_CSEQ)
			add(s, ((const struct sip_cseq *)v)->number);
		add_each(s, msg, id);
	}
}

static int parse(struct sip_msg *msg, struct sv in, struct sum *s)
{
	struct sip_where at = {0};
	int ret = sip_parse_datagram(msg, in.p, in.n, &at);

	CHECK(ret != 0 && (ret > 0 || ret == MG_EPARSE || ret == MG_ELIMIT));
	CHECK(ret < 0 || (size_t)ret <= in.n);
	CHECK(ret > 0 || at.fault != SIP_OK);
	CHECK(!message_broken(msg, in));
	add(s, (uint64_t)(unsigned)ret);
	add_index(s, msg);
	add_values(s, msg);
	CHECK(!message_read_all(msg));
	at = (struct sip_where){0};
	int verdict = sip_check(msg, &at);
	add(s, (uint64_t)(unsigned)verdict);
	add_where(s, &at);
	bool owed = sip_answerable(msg);
	add(s, owed);
	CHECK(verdict == 0 || at.fault != SIP_OK);
	if (verdict == 0 && msg->kind == SIP_KIND_REQUEST)
		CHECK(owed == (msg->method != SIP_METHOD_ACK));
	return ret > 0 && verdict == 0 && msg->kind <= SIP_KIND_RESPONSE ? 0 : -1;
}

/* The same message behind a Content-Length of ours. */
static void as_stream(const struct sip_msg *msg)
{
	static char out[SIP_STREAM_MESSAGE_MAX];
	static struct sip_msg again;
	struct sip_stream stream = {0};
	struct sip_where at = {0};
	char length[32];
	int digits = snprintf(length, sizeof(length), "l:%u\r\n", msg->len - msg->body);
	size_t n = msg->headers;
	unsigned lines = 0;

	memcpy(out, msg->buf, n);
	for (unsigned i = 0; i < msg->lines; i++) {
		struct sv raw = sip_line_raw(msg, i);
		if (msg->line[i].id == SIP_H_CONTENT_LENGTH)
			continue;
		memcpy(out + n, raw.p, raw.n);
		n += raw.n;
		lines++;
	}
	if (lines == SIP_HEADER_LINES_MAX ||
	    n - msg->headers + (size_t)digits > SIP_HEADER_SECTION_MAX)
		return;
	memcpy(out + n, length, (size_t)digits);
	n += (size_t)digits;
	memcpy(out + n, "\r\n", 2);
	n += 2;
	memcpy(out + n, msg->buf + msg->body, msg->len - msg->body);
	n += msg->len - msg->body;
	CHECK(sip_parse_stream(&again, &stream, out, n, &at) == (int)n);
	CHECK(again.fault.fault == SIP_OK && again.lines == lines + 1 && again.kind == msg->kind);
	CHECK(sv_eq(sip_body(&again), sip_body(msg)));
	CHECK(sip_check(&again, &at) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sip_msg one, two;
	struct sum a = {1}, b = {1};
	struct sv in = sv_of((const char *)data, size);

	if (parse(&one, in, &a) == 0)
		as_stream(&one);
	/* what lies behind the message in memory must not matter */
	char *copy = malloc(size + 64);
	CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	memset(copy + size, 'a', 64);
	memset(&two, 0xa5, sizeof(two));
	parse(&two, sv_of(copy, size), &b);
	CHECK(a.h == b.h);
	free(copy);
	return 0;
}

/* ---- mutation by lines ---- */

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static const char *const values[] = {
	"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
	"SIP / 2.0 / TCP [2001:db8::1] : 5061 ; received=192.0.2.7;ttl=1;maddr=a",
	"\"A \\\"B\\\"\" <sip:a%40b:c@d.example:5060;transport=tcp;lr?e=f>;tag=1;q=0.5;expires=60",
	"sip:a@b;tag=2",
	"tel:+1-201-555-0123",
	"*",
	"1 INVITE",
	"1 2 INVITE",
	"70",
	"1800 (a (b) \\) c);refresher=uac",
	"application / sdp;level=1, text/html",
	"a@b;from-tag=1;to-tag=2",
	"<sip:p1;lr>,<sip:p2;lr> , <sip:p3;lr>",
	"Digest realm=\"a\", nonce=\"b\"",
	"",
};

static const char *const bits[] = {
	"\r\n ", "\r\n\t",          ",", ";",    "\"", "\\", "<", ">",          ":",    "%00",
	"%",     "[::1]",           "=", "\x01", "\r", "\n", " ", "4294967296", "sip:", ";lr",
	";tag=", ";branch=z9hG4bK", "?", "@",    "*"};

#define PICK(table, seed) (table)[rnd(seed) % (sizeof(table) / sizeof((table)[0]))]

/* Replace the bytes [from, to) of data by `v`, as far as there is room. */
static size_t splice(uint8_t *data, size_t size, size_t max, size_t from, size_t to, struct sv v)
{
	if (size - (to - from) + v.n > max)
		return size;
	memmove(data + from + v.n, data + to, size - to);
	if (v.n)
		memcpy(data + from, v.p, v.n);
	return size - (to - from) + v.n;
}

static size_t line_start(const uint8_t *data, size_t size, size_t at)
{
	while (at && !(at <= size && data[at - 1] == '\n'))
		at--;
	return at;
}

static size_t line_stop(const uint8_t *data, size_t size, size_t at)
{
	while (at < size && data[at] != '\n')
		at++;
	return at < size ? at + 1 : size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static char line[2048];
	uint32_t s = seed;

	if (size < 4 || rnd(&s) % 3 == 0)
		return LLVMFuzzerMutate(data, size, max);
	size_t from = line_start(data, size, rnd(&s) % size), to = line_stop(data, size, from);
	size_t other = line_start(data, size, rnd(&s) % size);
	size_t n = to - from < sizeof(line) ? to - from : sizeof(line);
	size_t at = from + rnd(&s) % (to - from + 1);
	const struct sip_header *h = sip_header(rnd(&s) % SIP_H_END);
	const char *value = PICK(values, &s);
	switch (rnd(&s) % 8) {
	case 0: /* a line once more, elsewhere */
		memcpy(line, data + from, n);
		return splice(data, size, max, other, other, sv_of(line, n));
	case 1: /* a line away */ return splice(data, size, max, from, to, SV(""));
	case 2: /* a line to another place */
		memcpy(line, data + from, n);
		if (n < to - from || other > from)
			return size;
		size = splice(data, size, max, from, to, SV(""));
		return splice(data, size, max, other, other, sv_of(line, n));
	case 3: /* a header of the table, before or in the place of a line */
	case 4: {
		int len = snprintf(line, sizeof(line), "%.*s%s: %s\r\n", SV_ARG(h->name),
				   rnd(&s) % 8 ? "" : " ", value);
		return splice(data, size, max, from, rnd(&s) % 2 ? from : to,
			      sv_of(line, (size_t)len));
	}
	case 5: /* a value into a value */ return splice(data, size, max, at, at, sv_str(value));
	case 6: /* a delimiter, a fold */
		return splice(data, size, max, at, at, sv_str(PICK(bits, &s)));
	default: /* a piece of one line into another */
		n = n > 40 ? 40 : n;
		memcpy(line, data + from, n);
		return splice(data, size, max, other, other, sv_of(line, n));
	}
}
