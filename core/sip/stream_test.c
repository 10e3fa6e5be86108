/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * parse on streams: however the bytes are cut, the same messages come out (THREATS T-4, P-5, B-12), a framing error is
 * final, and what arrives byte by byte is not read from the begin each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/test_message.h"
#include "sip/test_stream.h"

static struct fence room;
static struct text in, head;

static int make_room(void **state)
{
	(void)state;
	room = fence_init(131072);
	return 0;
}

static int leave_room(void **state)
{
	(void)state;
	fence_done(&room);
	return 0;
}

static void add_message(struct text *t, unsigned i, uint32_t *seed)
{
	static const char *const methods[] = {"INVITE",  "ACK",       "BYE",      "REGISTER",
					      "OPTIONS", "SUBSCRIBE", "NEWMETHOD"};
	static const char *const lengths[] = {"Content-Length: %u\r\n", "l:%u\r\n",
					      "Content-Length :\r\n\t%u\r\n",
					      "CONTENT-LENGTH: 00%u\r\n"};
	const char *method = methods[rnd(seed) % 7];
	size_t body = rnd(seed) % 4 == 0 ? 0 : rnd(seed) % 200;

	if (rnd(seed) % 3 == 0)
		text_add(t, "SIP/2.0 %u Some Phrase \xc3\xa9\r\n", 100 + rnd(seed) % 600);
	else
		text_add(t, "%s sip:user%u@example.com SIP/2.0\r\n", method, i);
	text_add(t, "Via: SIP/2.0/TCP host%u.example.com;branch=z9hG4bK%x\r\n", i, rnd(seed));
	if (rnd(seed) % 2)
		text_add(t, "v: SIP/2.0/UDP 192.0.2.%u\r\n ;branch=z9hG4bK%x\r\n", i % 256,
			 rnd(seed));
	unsigned where = rnd(seed) % 2;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (where)
		text_add(t, lengths[rnd(seed) % 4], (unsigned)body);
	text_add(t,
		 "From: \"a\\\"\\\\ %u\" <sip:a@b>;tag=%x\r\nTo: <sip:c@d>\r\nCall-ID: "
		 "%x@h\r\nCSeq: %u %s\r\n",
		 i, rnd(seed), rnd(seed), i, method);
	if (!where)
		text_add(t, lengths[rnd(seed) % 4], (unsigned)body);
#pragma GCC diagnostic pop
	text_add(t, "\r\n");
	/* bodies that look like the end of a message, or like another message */
	for (size_t k = 0; k < body; k++)
		text_fill(t, "\r\n\r\nINVITE sip:x SIP/2.0\r\n\r\n\0z"[rnd(seed) % 31], 1);
	if (rnd(seed) % 8 == 0)
		text_add(t, "\r\n\r\n");
	if (rnd(seed) % 16 == 0)
		text_add(t, "\r\n");
}

static void two_hundred(struct text *t)
{
	uint32_t seed = 4711;

	text_start(t);
	for (unsigned i = 0; i < 200; i++)
		add_message(t, i, &seed);
}

static unsigned messages(const struct reader *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++)
		n += r->events[i].kind == SIP_KIND_REQUEST ||
		     r->events[i].kind == SIP_KIND_RESPONSE;
	return n;
}

/* A cut matters to the message it lies in: read on from the last message before it up to the second behind it. That
 * nothing else is carried over, feed() asserts of the state. */
static void split_at_every_byte(void **state)
{
	static struct reader one, two;
	static size_t begins[513];

	(void)state;
	two_hundred(&in);
	struct sv all = text_sv(&in);
	whole(&one, all);
	assert_int_equal(messages(&one), 200);
	assert_int_equal(one.begin, all.n);
	assert_false(one.over);
	for (unsigned i = 0; i < one.n; i++)
		begins[i + 1] = begins[i] + (size_t)one.events[i].ret;
	unsigned k = 0;
	for (size_t cut = 0; cut <= all.n; cut++) {
		while (k + 1 < one.n && begins[k + 1] <= cut)
			k++;
		unsigned from = k;
		while (from && one.events[from - 1].kind > SIP_KIND_RESPONSE)
			from--;
		unsigned until = k + 2 < one.n ? k + 2 : one.n;
		memset(&two, 0, sizeof(two));
		two.begin = begins[from];
		feed(&two, all, cut);
		feed(&two, all, begins[until]);
		assert_int_equal(two.begin, begins[until]);
		assert_int_equal(two.n, until - from);
		assert_memory_equal(two.events, one.events + from, two.n * sizeof(two.events[0]));
	}
}

static void in_random_segments(void **state)
{
	static const uint32_t most[] = {2, 3, 7, 20, 64, 200, 536, 1460, 5000};
	static struct reader one, two;

	(void)state;
	two_hundred(&in);
	struct sv all = text_sv(&in);
	whole(&one, all);
	for (uint32_t seed = 1; seed <= 36; seed++) {
		uint32_t s = seed;
		memset(&two, 0, sizeof(two));
		for (size_t len = 0; len < all.n;) {
			len += 1 + rnd(&s) % most[seed % 9];
			feed(&two, all, len < all.n ? len : all.n);
		}
		same(&one, &two, "seed", seed);
	}
}

/* Byte by byte, the buffer ending at a page each time; and no call but the last ones of a message reads its lines. */
static void byte_by_byte(void **state)
{
	static struct reader one;
	struct sip_stream stream = {0};
	struct sip_where at;
	struct sip_msg msg;
	size_t begin = 0;
	unsigned n = 0, indexed = 0;

	(void)state;
	two_hundred(&in);
	struct sv all = text_sv(&in);
	whole(&one, all);
	for (size_t len = 1; len <= all.n; len++) {
		struct sv part = fence_put(&room, sv_of(all.p + begin, len - begin), FENCE_END);
		int ret = sip_parse_stream(&msg, &stream, part.p, part.n, &at);
		indexed += msg.lines != 0;
		if (ret == MG_EPARTIAL) {
			assert_true(stream.seen == part.n || part.n == 1);
			continue;
		}
		assert_int_equal(ret, one.events[n].ret);
		assert_int_equal(hash(sv_of(msg.buf, msg.len)), one.events[n].hash);
		begin += (size_t)ret;
		n++;
	}
	assert_int_equal(n, one.n);
	assert_true(indexed <= 2 * 200);
}

/* A large message that comes byte by byte: its header lines are indexed when they are complete and when the body is. */
static void work_does_not_grow(void **state)
{
	struct sip_stream stream = {0};
	struct sip_where at;
	struct sip_msg msg;
	unsigned indexed = 0;
	int ret = 0;

	(void)state;
	text_start(&in);
	text_add(&in, M_START M_ALL "Content-Length: 40000\r\n");
	for (unsigned i = 0; i < 100; i++)
		text_add(&in, "X-Header-%u: some value that is not short, all in all\r\n", i);
	text_add(&in, "\r\n");
	text_fill(&in, 'b', 40000);
	for (size_t len = 1; len <= in.n; len++) {
		ret = sip_parse_stream(&msg, &stream, in.p, len, &at);
		indexed += msg.lines != 0;
		if (len < in.n)
			assert_int_equal(ret, MG_EPARTIAL);
	}
	assert_int_equal(ret, in.n);
	assert_int_equal(indexed, 2);
}

static void pings_between(void **state)
{
	static const struct {
		const char *text;
		const char *kinds; /* m message, c CRLF, p ping */
	} rows[] = {
		{"\r\n", "c"},
		{"\r\n\r\n", "cp"},
		{"\r\n\r\n\r\n", "cpc"},
		{"\r\n\r\n\r\n\r\n", "cpcp"},
		{"X a SIP/2.0\r\nl:0\r\n\r\n", "m"},
		{"\r\nX a SIP/2.0\r\nl:0\r\n\r\n\r\n", "cmc"},
		{"X a SIP/2.0\r\nl:0\r\n\r\n\r\n\r\nX a SIP/2.0\r\nl:0\r\n\r\n", "mcpm"},
		{"\r\n\r\nX a SIP/2.0\r\nl:2\r\n\r\n\r\n\r\n\r\n", "cpmcp"},
		{"X a SIP/2.0\r\nl:2\r\n\r\n\r\n", "m"},
	};
	static struct reader one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sv all = sv_str(rows[i].text);
		whole(&one, all);
		char got[16] = "";
		for (unsigned k = 0; k < one.n; k++)
			got[k] = one.events[k].kind == SIP_KIND_PING   ? 'p'
				 : one.events[k].kind == SIP_KIND_CRLF ? 'c'
								       : 'm';
		assert_string_equal(got, rows[i].kinds);
		assert_int_equal(one.begin, all.n);
		memset(&two, 0, sizeof(two));
		for (size_t len = 1; len <= all.n; len++)
			feed(&two, all, len);
		same(&one, &two, "row", i);
	}
}

/* B-12: what is not SIP is refused with the first byte or the first line that tells. */
static void refused_at_once(void **state)
{
	static const struct {
		struct sv in;
		size_t after; /* bytes that are enough */
		const char *name;
	} rows[] = {
		{SV_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 16, "HTTP"},
		{SV_INIT("POST /x HTTP/1.0\r\nContent-Length: 0\r\n\r\n"), 18, "HTTP POST"},
		{SV_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 16, "HTTP/2"},
		{SV_INIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 1, "TLS hello"},
		{SV_INIT("\x00\x00\x00\x85\xffSMB"), 1, "SMB"},
		{SV_INIT("\x03\x00\x00\x13\x0e\xe0\x00\x00"), 1, "RDP"},
		{SV_INIT("\x05\x01\x00"), 1, "SOCKS"},
		{SV_INIT("SSH-2.0-OpenSSH_9.2\r\n"), 21, "SSH"},
		{SV_INIT("EHLO a\r\n"), 8, "SMTP"},
		{SV_INIT("\x80\x80\x01\x03"), 1, "SSLv2"},
		{SV_INIT("\n\n"), 1, "LF"},
		{SV_INIT("\rx"), 2, "CR and a letter"},
		{SV_INIT(" INVITE sip:a SIP/2.0\r\n"), 1, "space"},
		{SV_INIT("INVITE sip:a\x01x"), 14, "control byte in the first line"},
		{SV_INIT("INVITE sip:a\nVia: x"), 14, "LF line end"},
		{SV_INIT("\r\n\r\n\x16\x03"), 5, "TLS hello behind a ping"},
		{SV_INIT("X a SIP/2.0\r\nl:0\r\n\r\nGET / HTTP/1.1\r\n"), 36,
		 "HTTP behind a message"},
	};
	static struct reader one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		whole(&one, rows[i].in);
		assert_true(one.over);
		assert_int_equal(one.events[one.n - 1].ret, MG_EPARSE);
		assert_int_equal(one.events[one.n - 1].fault, SIP_FAULT_NOT_SIP);
		memset(&two, 0, sizeof(two));
		size_t len = 0;
		while (len < rows[i].in.n && !two.over)
			feed(&two, rows[i].in, ++len);
		same(&one, &two, rows[i].name, len);
		if (len != rows[i].after)
			fail_msg("%s: refused after %zu bytes, not %zu", rows[i].name, len,
				 rows[i].after);
	}
}

/* P-5, on a stream: what is not one plain length is a fault that ends the stream. */
static const struct {
	const char *lines;
	int length; /* of the body, -1: fault */
	enum sip_fault fault;
} lengths[] = {
	{"Content-Length: 10\r\n", 10, SIP_OK},
	{"l:10\r\n", 10, SIP_OK},
	{"L \t:\r\n 10\r\n \r\n", 10, SIP_OK},
	{"Content-Length: 000010\r\n", 10, SIP_OK},
	{"Content-Length: 0\r\n", 0, SIP_OK},
	{"Content-Length: 000000\r\n", 0, SIP_OK},
	{"", -1, SIP_FAULT_LENGTH_MISSING},
	{"Content-Lengths: 10\r\n", -1, SIP_FAULT_LENGTH_MISSING},
	{"Content-Length: 0000010\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length:\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: -1\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: +10\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 0xa\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 10 10\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 1\r\n 0\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 10, 10\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 10;x\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 10.\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: \"10\"\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: bad\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 4294967306\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 18446744073709551626\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 1000000\r\n", -1, SIP_FAULT_LENGTH_BAD},
	{"Content-Length: 999999\r\n", -1, SIP_FAULT_MESSAGE_TOO_LARGE},
	{"Content-Length: 65536\r\n", -1, SIP_FAULT_MESSAGE_TOO_LARGE},
	{"Content-Length: 10\r\nContent-Length: 10\r\n", -1, SIP_FAULT_LENGTH_TWICE},
	{"Content-Length: 10\r\nl: 9\r\n", -1, SIP_FAULT_LENGTH_TWICE},
	{"l: 9\r\nX: y\r\nL: 10\r\n", -1, SIP_FAULT_LENGTH_TWICE},
};

static void content_lengths(void **state)
{
	static struct reader one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		text_start(&in);
		text_add(&in, M_START "%s" M_ALL "\r\n", lengths[i].lines);
		size_t at = in.n;
		text_add(&in, "0123456789X a SIP/2.0\r\nl:0\r\n\r\n");
		whole(&one, text_sv(&in));
		assert_int_equal(one.events[0].fault, lengths[i].fault);
		if (lengths[i].fault) {
			assert_true(sip_fault_framing(lengths[i].fault) && one.n == 1 && one.over);
		} else {
			assert_int_equal(one.events[0].ret, at + (size_t)lengths[i].length);
			assert_int_equal(one.n, 2);
		}
		for (size_t cut = 0; cut < in.n; cut++) {
			memset(&two, 0, sizeof(two));
			feed(&two, text_sv(&in), cut);
			feed(&two, text_sv(&in), in.n);
			same(&one, &two, lengths[i].lines, cut);
		}
	}
}

/* A fault that leaves the boundary clear comes first, one that does not comes second: the second must be told, or the
 * body is read as the next message. */
static void a_framing_fault_outranks(void **state)
{
	static const struct {
		const char *text;
		enum sip_fault fault;
		const char *name;
	} rows[] = {
		{"OPTIONS sip:a SIP/7.0\r\n" M_ALL "\r\n", SIP_FAULT_LENGTH_MISSING,
		 "version, then no Content-Length"},
		{"OPTIONS sip:a SIP/7.0\r\nl: x\r\n" M_ALL "\r\n", SIP_FAULT_LENGTH_BAD,
		 "version, then a bad one"},
		{"OPTIONS  sip:a SIP/2.0\r\nl: 0\r\nl: 0\r\n" M_ALL "\r\n", SIP_FAULT_LENGTH_TWICE,
		 "line, then two of them"},
		{"OPTIONS  sip:a SIP/2.0\r\nl: 99999\r\n" M_ALL "\r\n", SIP_FAULT_MESSAGE_TOO_LARGE,
		 "line, then too large"},
		{"SIP/2.0 999 x\r\nl 0\r\n" M_ALL "\r\n", SIP_FAULT_LENGTH_MISSING,
		 "status, then no colon, then none"},
		{"SIP/2.0 999 x\r\nX\r\nl: 0\r\n" M_ALL "\r\n", SIP_FAULT_NO_COLON,
		 "status, then no colon"},
	};
	static struct reader r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text_start(&in);
		text_add(&in, "%sINVITE sip:smuggled SIP/2.0\r\nl: 0\r\n\r\n", rows[i].text);
		whole(&r, text_sv(&in));
		assert_true(r.n > 0);
		if (!r.over || r.n != 1)
			fail_msg("%s: goes on after %s", rows[i].name,
				 sip_fault_token(r.events[0].fault));
		if (i != 4) /* which of two framing faults is told does not matter */
			assert_int_equal(r.events[0].fault, rows[i].fault);
	}
}

/* What leaves the boundary clear leaves the stream usable. */
static void other_faults_go_on(void **state)
{
	static const char *const first[] = {"OPTIONS sip:a SIP/7.0\r\nl: 2\r\n\r\nxx",
					    "OPTIONS  sip:a SIP/2.0\r\nl: 2\r\n\r\nxx",
					    "SIP/2.0 999 x\r\nl: 2\r\n\r\nxx"};
	static struct reader one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		text_start(&in);
		text_add(&in, "%s" M_START "l: 0\r\n" M_ALL "\r\n", first[i]);
		whole(&one, text_sv(&in));
		assert_int_equal(one.n, 2);
		assert_false(one.over);
		assert_int_equal(one.events[1].fault, SIP_OK);
		for (size_t cut = 0; cut < in.n; cut++) {
			memset(&two, 0, sizeof(two));
			feed(&two, text_sv(&in), cut);
			feed(&two, text_sv(&in), in.n);
			same(&one, &two, first[i], cut);
		}
	}
}

static void message_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (unsigned n = SIP_STREAM_MESSAGE_MAX - 1; n <= SIP_STREAM_MESSAGE_MAX + 1; n++) {
		struct sip_stream stream = {0};
		text_start(&head);
		text_add(&head, M_START M_ALL "l: 65000\r\n\r\n");
		text_start(&in);
		text_add(&in, M_START M_ALL "l: %u\r\n\r\n", n - (unsigned)head.n);
		size_t header = in.n;
		assert_int_equal(in.n, head.n);
		text_fill(&in, 'b', n - in.n);
		text_fill(&in, 'x', 100);
		int ret = sip_parse_stream(&msg, &stream, in.p, header, &at);
		if (n <= SIP_STREAM_MESSAGE_MAX) {
			assert_int_equal(ret, MG_EPARTIAL);
			assert_int_equal(sip_parse_stream(&msg, &stream, in.p, n - 1, &at),
					 MG_EPARTIAL);
			assert_int_equal(sip_parse_stream(&msg, &stream, in.p, n, &at), n);
			assert_int_equal(msg.fault.fault, SIP_OK);
			/* and with more behind it than any message may have */
			assert_int_equal(sip_parse_stream(&msg, &stream, in.p, in.n, &at), n);
		} else {
			assert_int_equal(ret, header); /* told before the body comes */
			assert_int_equal(msg.fault.fault, SIP_FAULT_MESSAGE_TOO_LARGE);
			assert_int_equal(sip_fault_status(msg.fault.fault), 513);
		}
	}
}

/* What can never become a message is refused as soon as a limit is passed, in pieces as at once. */
static void limits_in_pieces(void **state)
{
	static const size_t steps[] = {1, 7, 1460, 65536};

	(void)state;
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
		for (int what = 0; what < 3; what++) {
			struct sip_stream stream = {0};
			struct sip_where at = {0};
			struct sip_msg msg;
			text_start(&in);
			if (what == 0) {
				text_fill(&in, 'A', 60000);
			} else if (what == 1) {
				text_add(&in, M_START "X: ");
				text_fill(&in, 'x', 60000);
			} else {
				text_add(&in, M_START);
				while (in.n < 60000)
					text_add(&in, "X: y\r\n");
			}
			size_t len = 0;
			int ret = MG_EPARTIAL;
			while (ret == MG_EPARTIAL && len < in.n) {
				len = len + steps[k] < in.n ? len + steps[k] : in.n;
				ret = sip_parse_stream(&msg, &stream, in.p, len, &at);
			}
			assert_int_equal(ret, MG_ELIMIT);
			assert_int_equal(at.fault, what == 0   ? SIP_FAULT_START_LINE_TOO_LONG
						   : what == 1 ? SIP_FAULT_SECTION_TOO_LONG
							       : SIP_FAULT_TOO_MANY_HEADERS);
			if (steps[k] < 100)
				assert_true(len <=
					    SIP_START_LINE_MAX + SIP_HEADER_SECTION_MAX + 16);
			if (what == 0 && steps[k] == 1)
				assert_int_equal(len, SIP_START_LINE_MAX + 2);
		}
}

static void nothing_yet(void **state)
{
	struct sip_stream stream = {0};
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	assert_int_equal(sip_parse_stream(&msg, &stream, "", 0, &at), MG_EPARTIAL);
	assert_int_equal(sip_parse_stream(&msg, &stream, "\r", 1, &at), MG_EPARTIAL);
	assert_int_equal(sip_parse_stream(&msg, &stream, "\r\n", 2, &at), 2);
	assert_int_equal(msg.kind, SIP_KIND_CRLF);
	assert_int_equal(sip_parse_stream(&msg, &stream, "", 0, &at), MG_EPARTIAL);
	assert_int_equal(sip_parse_stream(&msg, &stream, "\r", 1, &at), MG_EPARTIAL);
	assert_int_equal(sip_parse_stream(&msg, &stream, "\r\n", 2, &at), 2);
	assert_int_equal(msg.kind, SIP_KIND_PING);
	/* asked again with nothing new */
	assert_int_equal(sip_parse_stream(&msg, &stream, "INV", 3, &at), MG_EPARTIAL);
	assert_int_equal(sip_parse_stream(&msg, &stream, "INV", 3, &at), MG_EPARTIAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_at_every_byte), cmocka_unit_test(in_random_segments),
		cmocka_unit_test(byte_by_byte),        cmocka_unit_test(work_does_not_grow),
		cmocka_unit_test(pings_between),       cmocka_unit_test(refused_at_once),
		cmocka_unit_test(content_lengths),     cmocka_unit_test(a_framing_fault_outranks),
		cmocka_unit_test(other_faults_go_on),  cmocka_unit_test(message_limit),
		cmocka_unit_test(limits_in_pieces),    cmocka_unit_test(nothing_yet),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
