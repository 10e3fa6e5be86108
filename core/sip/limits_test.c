/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * limits: each limit of limits.h that the parse of a datagram holds to: at the limit taken, one beyond refused by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/test_parse.h"

static void section(size_t n)
{
	/* header lines of n bytes in all, none of them long */
	text_start(&in);
	text_add(&in, M_START);
	size_t from = in.n;
	text_add(&in, M_ALL);
	while (in.n - from + 2000 < n) {
		text_add(&in, "X: ");
		text_fill(&in, 'x', 995);
		text_add(&in, "\r\n");
	}
	size_t left = n - (in.n - from);
	text_add(&in, "Y: ");
	text_fill(&in, 'y', left - 5);
	text_add(&in, "\r\n");
	assert_int_equal(in.n - from, n);
	text_add(&in, "\r\n");
}

static void start_line_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t n = SIP_START_LINE_MAX - 1; n <= SIP_START_LINE_MAX + 2; n++) {
		for (int response = 0; response < 2; response++) {
			text_start(&in);
			text_add(&in, response ? "SIP/2.0 200 " : "X ");
			text_fill(&in, 'a', n - (response ? 12 : 2 + 8));
			text_add(&in, "%s\r\n" M_ALL "\r\n", response ? "" : " SIP/2.0");
			int ret = parse(&msg, text_sv(&in), &at);
			if (n <= SIP_START_LINE_MAX) {
				assert_int_equal(ret, in.n);
				assert_int_equal(msg.fault.fault, SIP_OK);
			} else {
				assert_int_equal(ret, MG_ELIMIT);
				assert_int_equal(msg.fault.fault, SIP_FAULT_START_LINE_TOO_LONG);
			}
		}
	}
	text_start(&in);
	text_fill(&in, 'a', 16384);
	assert_int_equal(parse(&msg, text_sv(&in), &at), MG_ELIMIT);
	assert_int_equal(at.fault, SIP_FAULT_START_LINE_TOO_LONG);
	for (size_t n = SIP_IDENT_MAX; n <= SIP_IDENT_MAX + 1; n++) { /* a method */
		text_start(&in);
		text_fill(&in, 'M', n);
		text_add(&in, " sip:a SIP/2.0\r\n" M_ALL "\r\n");
		assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
		assert_int_equal(msg.fault.fault, n > SIP_IDENT_MAX ? SIP_FAULT_TOO_LONG : SIP_OK);
	}
}

static void header_line_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t n = SIP_HEADER_LINE_MAX - 1; n <= SIP_HEADER_LINE_MAX + 1; n++)
		for (int folded = 0; folded < 2; folded++) {
			text_start(&in);
			text_add(&in, M_START M_ALL);
			size_t from = in.n;
			text_add(&in, folded ? "Subject:\r\n " : "Subject: ");
			text_fill(&in, 'a', n - (in.n - from));
			text_add(&in, "\r\n\r\n");
			assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
			assert_int_equal(msg.fault.fault,
					 n > SIP_HEADER_LINE_MAX ? SIP_FAULT_TOO_LONG : SIP_OK);
			if (msg.fault.fault) {
				assert_int_equal(msg.fault.off, from);
				assert_int_equal(msg.fault.hid, SIP_H_SUBJECT);
			}
		}
}

static void header_name_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t n = SIP_HEADER_NAME_MAX; n <= SIP_HEADER_NAME_MAX + 1; n++) {
		text_start(&in);
		text_add(&in, M_START M_ALL);
		text_fill(&in, 'X', n);
		text_add(&in, ": a\r\n\r\n");
		assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
		assert_int_equal(msg.fault.fault,
				 n > SIP_HEADER_NAME_MAX ? SIP_FAULT_TOO_LONG : SIP_OK);
		assert_int_equal(msg.line[M_LINES].name_n, n);
	}
}

static void header_section_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	/* a datagram cannot be so long: its own limit comes first */
	section(SIP_DATAGRAM_MAX - sizeof(M_START) + 1 - 2);
	assert_int_equal(in.n, SIP_DATAGRAM_MAX);
	assert_int_equal(parse(&msg, text_sv(&in), &at), in.n);
	assert_int_equal(msg.fault.fault, SIP_OK);
	for (size_t n = SIP_HEADER_SECTION_MAX - 1; n <= SIP_HEADER_SECTION_MAX + 1; n++) {
		struct sip_stream stream = {0};
		section(n);
		text_start(&got);
		text_put(&got, text_sv(&in));
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			struct sv t = fence_put(&room, text_sv(&in), place);
			int ret = sip_parse_stream(&msg, &stream, t.p, t.n, &at);
			if (n <= SIP_HEADER_SECTION_MAX) {
				assert_int_equal(ret, in.n);
				assert_int_equal(msg.fault.fault, SIP_FAULT_LENGTH_MISSING);
			} else {
				assert_int_equal(ret, MG_ELIMIT);
				assert_int_equal(at.fault, SIP_FAULT_SECTION_TOO_LONG);
			}
		}
	}
}

static void header_lines_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (unsigned n = SIP_HEADER_LINES_MAX - 1; n <= SIP_HEADER_LINES_MAX + 1; n++) {
		text_start(&in);
		text_add(&in, M_START M_ALL);
		for (unsigned i = M_LINES; i < n; i++)
			text_add(&in, "X: y\r\n");
		text_add(&in, "\r\n");
		int ret = parse(&msg, text_sv(&in), &at);
		if (n <= SIP_HEADER_LINES_MAX) {
			assert_int_equal(ret, in.n);
			assert_int_equal(msg.lines, n);
		} else {
			assert_int_equal(ret, MG_ELIMIT);
			assert_int_equal(at.fault, SIP_FAULT_TOO_MANY_HEADERS);
			assert_true(sip_answerable(&msg)); /* what came before is in the index */
		}
	}
}

static void datagram_limit(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t n = SIP_DATAGRAM_MAX - 1; n <= SIP_DATAGRAM_MAX + 1; n++) {
		text_start(&in);
		text_add(&in, M_START M_ALL "\r\n");
		text_fill(&in, 'b', n - in.n);
		int ret = parse(&msg, text_sv(&in), &at);
		assert_int_equal(msg.fault.fault,
				 n > SIP_DATAGRAM_MAX ? SIP_FAULT_MESSAGE_TOO_LARGE : SIP_OK);
		assert_int_equal(ret, n > SIP_DATAGRAM_MAX ? SIP_DATAGRAM_MAX : n);
	}
	text_start(&in); /* the blank line is behind the limit */
	text_add(&in, M_START M_ALL);
	for (unsigned i = 0; i < 20; i++) {
		text_add(&in, "X: ");
		text_fill(&in, 'x', 1000);
		text_add(&in, "\r\n");
	}
	text_add(&in, "\r\n");
	assert_int_equal(parse(&msg, text_sv(&in), &at), MG_ELIMIT);
	assert_int_equal(at.fault, SIP_FAULT_MESSAGE_TOO_LARGE);
	assert_true(sip_answerable(&msg));
}

/* P-1: every header, header name, method and URI part, of many lengths around powers of two. What is beyond a limit is
 * said; nothing is read or written where it should not be. */
static void over_long_fields(void **state)
{
	static const size_t sizes[] = {63,    64,    65,    127,   128,   129,   255,  256,
				       257,   511,   512,   513,   1023,  1024,  1025, 2047,
				       2048,  2049,  4095,  4096,  4097,  8191,  8192, 8193,
				       16383, 16384, 16385, 32767, 32768, 32769, 65000};
	static const char *const values[] = {"",   "sip:", "<sip:", "SIP/2.0/UDP ",
					     "1 ", "\"",   "a;b=\""};
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (unsigned id = SIP_H_OTHER; id < SIP_H_END; id++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
				text_start(&in);
				text_add(&in, M_START);
				text_put(&in, id ? sip_header(id)->name : SV("X-Unknown"));
				text_add(&in, ": %s", values[v]);
				text_fill(&in, v == 4 ? '9' : 'a', sizes[s]);
				text_add(&in, "\r\n" M_ALL "\r\n");
				struct sv t = fence_put(&room, text_sv(&in), FENCE_END);
				int ret = sip_parse_datagram(&msg, t.p, t.n, &at);
				assert_true(ret != 0);
				if (sizes[s] > SIP_HEADER_LINE_MAX)
					assert_true(msg.fault.fault != SIP_OK);
				if (message_broken(&msg, t) || message_read_all(&msg))
					fail_msg("header %u, %zu bytes", id, sizes[s]);
				struct sip_where ignored;
				int verdict = sip_check(&msg, &ignored);
				bool refused = ret < 0 || verdict < 0;
				if (sizes[s] > SIP_HEADER_LINE_MAX && !refused)
					fail_msg("header %u, %zu bytes passed", id, sizes[s]);
			}
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		text_start(&in);
		text_add(&in, M_START);
		text_fill(&in, 'N', sizes[s]);
		text_add(&in, ": a\r\n" M_ALL "\r\n");
		int ret = parse(&msg, text_sv(&in), &at);
		assert_int_equal(ret < 0 || msg.fault.fault, sizes[s] > SIP_HEADER_NAME_MAX);
		text_start(&in);
		text_fill(&in, 'M', sizes[s]);
		text_add(&in, " sip:a SIP/2.0\r\n" M_ALL "\r\n");
		ret = parse(&msg, text_sv(&in), &at);
		assert_int_equal(ret < 0 || msg.fault.fault, sizes[s] > SIP_IDENT_MAX);
		text_start(&in);
		text_add(&in, "INVITE sip:");
		text_fill(&in, 'u', sizes[s]);
		text_add(&in, " SIP/2.0\r\n" M_ALL "\r\n");
		ret = parse(&msg, text_sv(&in), &at);
		bool refused = ret < 0 || sip_check(&msg, &at) < 0;
		assert_int_equal(refused, sizes[s] + 4 > SIP_URI_MAX);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_line_limit),   cmocka_unit_test(header_line_limit),
		cmocka_unit_test(header_name_limit),  cmocka_unit_test(header_section_limit),
		cmocka_unit_test(header_lines_limit), cmocka_unit_test(datagram_limit),
		cmocka_unit_test(over_long_fields),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
