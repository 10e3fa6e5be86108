/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * header, method: every row of both tables by name, in every case, at a page's end; and names that are nearly one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/header.h"
#include "sip/method.h"
#include "sip/test_guard.h"

static enum sip_hid find(const struct fence *f, struct sv name, unsigned place)
{
	struct sv in = fence_put(f, name, place);

	return sip_header_find(in, place == FENCE_BEGIN ? f->size : in.n);
}

static char in_case(char c, unsigned how, size_t i)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

	if (!letter || how == 0)
		return c;
	bool upper = how == 1 || (how == 3 && i % 2) || (how == 4 && i % 2 == 0);
	return (char)(upper ? c & ~0x20 : c | 0x20);
}

static void every_name_in_every_case(void **state)
{
	struct fence f = fence_init(64);

	(void)state;
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		struct sv name = sip_header(id)->name;
		for (unsigned how = 0; how < 5; how++) {
			char text[64];
			for (size_t i = 0; i < name.n; i++)
				text[i] = in_case(name.p[i], how, i);
			for (unsigned place = 0; place < FENCE_PLACES; place++)
				if (find(&f, sv_of(text, name.n), place) != id)
					fail_msg("%.*s", SV_ARG(sv_of(text, name.n)));
		}
	}
	fence_done(&f);
}

/* One byte changed, missing or too many is another header. */
static void near_misses(void **state)
{
	struct fence f = fence_init(64);

	(void)state;
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		struct sv name = sip_header(id)->name;
		char text[64];
		memcpy(text, name.p, name.n);
		text[name.n] = 'x';
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			assert_int_equal(find(&f, sv_of(text, name.n + 1), place), SIP_H_OTHER);
			if (name.n > 2) /* "To" cut is a compact form */
				assert_int_equal(find(&f, sv_of(text, name.n - 1), place),
						 SIP_H_OTHER);
			for (size_t i = 0; i < name.n; i++)
				for (int bit = 0; bit < 8; bit++) {
					text[i] = (char)(name.p[i] ^ (1 << bit));
					bool same = sv_ieq(sv_of(text, name.n), name);
					/* "To" and "Tn" cannot meet, but one row may be one bit from another */
					enum sip_hid got = find(&f, sv_of(text, name.n), place);
					if ((got == id) != same)
						fail_msg("%.*s", SV_ARG(sv_of(text, name.n)));
					text[i] = name.p[i];
				}
		}
	}
	fence_done(&f);
}

/* RFC 3261 §7.3.3 and the registry: all compact forms there are. */
static void compact_forms(void **state)
{
	static const struct {
		char c;
		const char *name;
	} forms[] = {
		{'a', "Accept-Contact"},
		{'b', "Referred-By"},
		{'c', "Content-Type"},
		{'d', "Request-Disposition"},
		{'e', "Content-Encoding"},
		{'f', "From"},
		{'i', "Call-ID"},
		{'j', "Reject-Contact"},
		{'k', "Supported"},
		{'l', "Content-Length"},
		{'m', "Contact"},
		{'o', "Event"},
		{'r', "Refer-To"},
		{'s', "Subject"},
		{'t', "To"},
		{'u', "Allow-Events"},
		{'v', "Via"},
		{'x', "Session-Expires"},
		{'y', "Identity"},
	};
	struct fence f = fence_init(64);
	unsigned known = 0;

	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[1] = {(char)c};
		const char *want = "";
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
			if (c == forms[i].c || c == (forms[i].c & ~0x20))
				want = forms[i].name;
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			enum sip_hid id = find(&f, sv_of(text, 1), place);
			struct sv name = sip_header(id)->name;
			if (!sv_eq(name, sv_str(want)))
				fail_msg("byte 0x%02x gives %.*s", (unsigned)c, SV_ARG(name));
			known += id != SIP_H_OTHER;
		}
	}
	assert_int_equal(known, sizeof(forms) / sizeof(forms[0]) * 4);
	fence_done(&f);
}

static void no_names(void **state)
{
	struct fence f = fence_init(512);
	char text[300];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++) {
		memset(text, 'v', sizeof(text));
		if (n != 1)
			assert_int_equal(find(&f, sv_of(text, n), FENCE_END), SIP_H_OTHER);
		memset(text, 0, sizeof(text));
		assert_int_equal(find(&f, sv_of(text, n), FENCE_END), SIP_H_OTHER);
		memset(text, 0xff, sizeof(text));
		assert_int_equal(find(&f, sv_of(text, n), FENCE_END), SIP_H_OTHER);
	}
	fence_done(&f);
}

static void rows_hold_what_answers_need(void **state)
{
	(void)state;
	assert_string_equal(sip_header(SIP_H_VIA)->missing, "Missing Via");
	assert_string_equal(sip_header(SIP_H_CALL_ID)->duplicate, "Duplicate Call-ID");
	assert_string_equal(sip_header(SIP_H_MAX_FORWARDS)->bad, "Bad Max-Forwards");
	assert_string_equal(sip_header(SIP_H_CONTACT)->many, "Too Many Contact Values");
	assert_int_equal(sip_header(SIP_H_OTHER)->name.n, 0);
	assert_int_equal(sip_header(SIP_H_OTHER)->shape, SIP_SHAPE_TEXT);
	assert_int_equal(sip_header(SIP_H_OTHER)->compact, 0);
	for (unsigned id = 0; id < SIP_H_END; id++) {
		const struct sip_header *h = sip_header(id);
		assert_true(h->count <= SIP_LINES && h->shape <= SIP_SHAPE_DIGEST);
		if (h->compact)
			assert_int_equal(sip_header_find(sv_of(&h->compact, 1), 1), id);
	}
}

static void methods(void **state)
{
	static const char *const others[] = {
		"",       "A",         "ACk",        "ack",         "ACKK",     "BYF",
		"INFP",   "PRACJ",     "REFEQ",      "INVITF",      "CANCEM",   "NOTIFZ",
		"UPDATF", "OPTIONT",   "MESSAGF",    "PUBLISI",     "REGISTEX", "SUBSCRIBF",
		"invite", "Invite",    "FOO",        "FOOBAR",      "FOOBARS",  "FOOO",
		"FOOOO",  "NEWMETHOD", "NEWMETHODS", "RE%47IST%45R"};
	struct fence f = fence_init(64);

	(void)state;
	for (unsigned m = SIP_METHOD_OTHER + 1; m < SIP_METHOD_END; m++)
		for (unsigned place = 0; place < FENCE_PLACES; place++)
			assert_int_equal(sip_method_find(fence_put(&f, sip_method_name(m), place)),
					 m);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		for (unsigned place = 0; place < FENCE_PLACES; place++)
			if (sip_method_find(fence_put(&f, sv_str(others[i]), place)) !=
			    SIP_METHOD_OTHER)
				fail_msg("%s", others[i]);
	assert_int_equal(sip_method_name(SIP_METHOD_OTHER).n, 0);
	fence_done(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_in_every_case),
		cmocka_unit_test(near_misses),
		cmocka_unit_test(compact_forms),
		cmocka_unit_test(no_names),
		cmocka_unit_test(rows_hold_what_answers_need),
		cmocka_unit_test(methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
