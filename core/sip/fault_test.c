/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fault: every row says something, no two the same, and texts that need a header's name have it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sip/fault.h"
#include "sip/header.h"
#include "sip/test_guard.h"

/* Fit for a start line: visible ASCII and single spaces. */
static bool phrase(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~' || (*p == ' ' && (p[1] == ' ' || !p[1])))
			return false;
	return *text != 0 && *text != ' ';
}

static bool token(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == 0;
}

static void every_row(void **state)
{
	(void)state;
	for (unsigned i = SIP_OK + 1; i < SIP_FAULT_END; i++) {
		for (unsigned hid = 0; hid < SIP_H_END; hid++) {
			struct sip_where at = {0, (uint8_t)i, (uint8_t)hid};
			assert_true(phrase(sip_fault_text(&at)));
		}
		assert_true(token(sip_fault_token(i)));
		unsigned status = sip_fault_status(i);
		assert_true(status >= 400 && status <= 699);
		for (unsigned j = SIP_OK; j < i; j++)
			assert_string_not_equal(sip_fault_token(i), sip_fault_token(j));
	}
}

static void no_fault(void **state)
{
	struct sip_where at = {0};

	(void)state;
	assert_string_equal(sip_fault_text(&at), "");
	assert_string_equal(sip_fault_token(SIP_OK), "ok");
	assert_int_equal(sip_fault_status(SIP_OK), 0);
	assert_false(sip_fault_framing(SIP_OK));
}

static void texts_name_the_header(void **state)
{
	static const struct {
		struct sip_where at;
		const char *text;
	} rows[] = {
		{{0, SIP_FAULT_MISSING, SIP_H_VIA}, "Missing Via"},
		{{0, SIP_FAULT_DUPLICATE, SIP_H_CSEQ}, "Duplicate CSeq"},
		{{0, SIP_FAULT_BAD, SIP_H_MAX_FORWARDS}, "Bad Max-Forwards"},
		{{0, SIP_FAULT_TOO_MANY, SIP_H_CONTACT}, "Too Many Contact Values"},
		{{0, SIP_FAULT_BAD, SIP_H_OTHER}, "Bad Header"},
		{{0, SIP_FAULT_TOO_LONG, SIP_H_CALL_ID}, "Field Too Long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(sip_fault_text(&rows[i].at), rows[i].text);
}

/* What THREATS §0 and its rows ask for by number. */
static void answers(void **state)
{
	(void)state;
	assert_int_equal(sip_fault_status(SIP_FAULT_VERSION), 505);
	assert_int_equal(sip_fault_status(SIP_FAULT_SCHEME), 416);
	assert_int_equal(sip_fault_status(SIP_FAULT_MESSAGE_TOO_LARGE), 513);
	assert_int_equal(sip_fault_status(SIP_FAULT_URI_HEADERS), 400);
	assert_true(sip_fault_framing(SIP_FAULT_LENGTH_BAD));
	assert_true(sip_fault_framing(SIP_FAULT_LENGTH_MISSING));
	assert_true(sip_fault_framing(SIP_FAULT_LENGTH_TWICE));
	assert_true(sip_fault_framing(SIP_FAULT_NOT_SIP));
	assert_false(sip_fault_framing(SIP_FAULT_VERSION));
	assert_false(sip_fault_framing(SIP_FAULT_MISSING));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(no_fault),
		cmocka_unit_test(texts_name_the_header),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
