/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stun: binding requests and their answers, byte for byte; what gets none; all at the edge of a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_guard.h"
#include "transport/stun.h"

#define COOKIE "\x21\x12\xa4\x42"
#define ID     "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"

static const struct row {
	const char *name;
	struct sv packet;
	const char *source;
	struct sv answer; /* empty: none */
} rows[] = {
	/* RFC 5769 §2.2 and §2.3: the mapped addresses of the sample responses */
	{"v4", SV_INIT("\0\x01\0\0" COOKIE ID), "192.0.2.1:32853",
	 SV_INIT("\x01\x01\0\x0c" COOKIE ID "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43")},
	{"v6", SV_INIT("\0\x01\0\0" COOKIE ID), "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
	 SV_INIT("\x01\x01\0\x18" COOKIE ID
		 "\0\x20\0\x14\0\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79"
		 "\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9")},
	{"v4 mapped is v4", SV_INIT("\0\x01\0\0" COOKIE ID), "[::ffff:192.0.2.1]:32853",
	 SV_INIT("\x01\x01\0\x0c" COOKIE ID "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43")},
	{"software, 3 bytes and padding",
	 SV_INIT("\0\x01\0\x08" COOKIE ID "\x80\x22\0\x03"
		 "abc\0"),
	 "192.0.2.1:32853",
	 SV_INIT("\x01\x01\0\x0c" COOKIE ID "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43")},
	{"an attribute of no bytes", SV_INIT("\0\x01\0\x04" COOKIE ID "\x80\x22\0\0"),
	 "192.0.2.1:32853",
	 SV_INIT("\x01\x01\0\x0c" COOKIE ID "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43")},
	{"username",
	 SV_INIT("\0\x01\0\x08" COOKIE ID "\0\x06\0\x04"
		 "user"),
	 "192.0.2.1:32853",
	 SV_INIT("\x01\x01\0\x0c" COOKIE ID "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43")},
	{"change-request is not understood",
	 SV_INIT("\0\x01\0\x08" COOKIE ID "\0\x03\0\x04\0\0\0\x06"), "192.0.2.1:32853",
	 SV_INIT("\x01\x11\0\x10" COOKIE ID "\0\x09\0\x04\0\0\x04\x14\0\x0a\0\x02\0\x03\0\0")},
	{"two that are not", SV_INIT("\0\x01\0\x0c" COOKIE ID "\0\x03\0\x04\0\0\0\x06\x7f\xff\0\0"),
	 "192.0.2.1:32853",
	 SV_INIT("\x01\x11\0\x10" COOKIE ID "\0\x09\0\x04\0\0\x04\x14\0\x0a\0\x04\0\x03\x7f\xff")},
	{"indication", SV_INIT("\0\x11\0\0" COOKIE ID), "192.0.2.1:32853", SV_INIT("")},
	{"success response", SV_INIT("\x01\x01\0\0" COOKIE ID), "192.0.2.1:32853", SV_INIT("")},
	{"other method", SV_INIT("\0\x03\0\0" COOKIE ID), "192.0.2.1:32853", SV_INIT("")},
	{"RFC 3489 without the cookie",
	 SV_INIT("\0\x01\0\0"
		 "abcd" ID),
	 "192.0.2.1:32853", SV_INIT("")},
	{"first two bits", SV_INIT("\x80\x01\0\0" COOKIE ID), "192.0.2.1:32853", SV_INIT("")},
	{"a byte short", SV_INIT("\0\x01\0\0" COOKIE "b7e7a701bc3"), "192.0.2.1:32853",
	 SV_INIT("")},
	{"length below", SV_INIT("\0\x01\0\0" COOKIE ID "\x80\x22\0\0"), "192.0.2.1:32853",
	 SV_INIT("")},
	{"length beyond", SV_INIT("\0\x01\0\x08" COOKIE ID "\x80\x22\0\0"), "192.0.2.1:32853",
	 SV_INIT("")},
	{"length not of 4", SV_INIT("\0\x01\0\x02" COOKIE ID "\x80\x22"), "192.0.2.1:32853",
	 SV_INIT("")},
	{"attribute beyond", SV_INIT("\0\x01\0\x04" COOKIE ID "\x80\x22\0\x01"), "192.0.2.1:32853",
	 SV_INIT("")},
	{"attribute far beyond", SV_INIT("\0\x01\0\x04" COOKIE ID "\x80\x22\xff\xff"),
	 "192.0.2.1:32853", SV_INIT("")},
	{"padding missing",
	 SV_INIT("\0\x01\0\x05" COOKIE ID "\x80\x22\0\x01"
		 "a"),
	 "192.0.2.1:32853", SV_INIT("")},
	{"nothing", SV_INIT(""), "192.0.2.1:32853", SV_INIT("")},
};

static void answers(void **state)
{
	struct guard guard = guard_init(256);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char out[TP_STUN_MAX];
		struct addr source;
		assert_int_equal(addr_parse(sv_str(r->source), ADDR_PORT, &source), 0);
		size_t n = tp_stun_answer(guard_put(&guard, r->packet), &source, out);
		if (n != r->answer.n || memcmp(out, r->answer.p, n) != 0)
			fail_msg("%s: %zu bytes", r->name, n);
	}
	guard_done(&guard);
}

/* More unknown attributes than an answer has room for: as many as it has. */
static void many_unknown(void **state)
{
	char packet[20 + 4 * 40] = "\0\x01\0\xa0" COOKIE ID, out[TP_STUN_MAX];
	struct addr source = addr_v4((const uint8_t[]){192, 0, 2, 1}, 5060);

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		packet[20 + 4 * i] = 0x7f;
		packet[21 + 4 * i] = (char)i;
		packet[22 + 4 * i] = packet[23 + 4 * i] = 0;
	}
	assert_int_equal(tp_stun_answer(sv_of(packet, sizeof(packet)), &source, out), TP_STUN_MAX);
	assert_memory_equal(out + 28, "\0\x0a\0\x20\x7f\0\x7f\x01", 8);
	assert_memory_equal(out + 60, "\x7f\x0e\x7f\x0f", 4);
}

/* What begins a SIP message is never taken for STUN, not even below 0x40 (token characters). */
static void sip_is_no_stun(void **state)
{
	(void)state;
	assert_false(tp_is_stun(SV("INVITE sip:a@b SIP/2.0\r\n")));
	assert_false(tp_is_stun(SV("!nv sip:aaaaaaaaaaaaaaaa@b SIP/2.0\r\n")));
	assert_false(tp_is_stun(SV("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")));
	assert_true(tp_is_stun(SV("\0\x01\0\0" COOKIE ID)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(many_unknown),
		cmocka_unit_test(sip_is_no_stun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
