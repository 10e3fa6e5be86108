/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit: what is refused and changes nothing, limits, freezing, handles. The lines that edits make are in edit_rows_test.c,
 * reads and pieces in edit_read_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/test_view.h"

static const char *value_text(struct sip_view *view, sip_inst inst)
{
	static char buf[2][512];
	static unsigned turn;
	struct sv v = sip_view_value(view, inst);

	turn ^= 1;
	snprintf(buf[turn], sizeof(buf[turn]), "%.*s", SV_ARG(v));
	return buf[turn];
}

/* ---- refusals ---- */

/* Every edit there is with `value`; `err` is what all of them must say. */
static void all_edits_say(struct sip_view *view, struct sv value, int err)
{
	static struct text before;

	flat(view, &before);
	unsigned written = view->written;
	assert_int_equal(sip_view_prepend(view, SIP_H_VIA, SV(""), value), err);
	assert_int_equal(sip_view_append(view, SIP_H_VIA, SV(""), value), err);
	assert_int_equal(sip_view_append(view, SIP_H_OTHER, SV("X"), value), err);
	assert_int_equal(sip_view_insert(view, 1, SIP_H_VIA, SV(""), value), err);
	assert_int_equal(sip_view_replace(view, 1, value), err);
	assert_int_equal(sip_view_replace_top(view, SIP_H_VIA, value), err);
	if (err == MG_EFROZEN) {
		assert_int_equal(sip_view_insert(view, 99, SIP_H_VIA, SV(""), value), err);
		assert_int_equal(sip_view_replace(view, 99, value), err);
		assert_int_equal(sip_view_remove(view, 99), err);
		assert_int_equal(sip_view_remove(view, 0), err);
		assert_int_equal(sip_view_remove_all(view, SIP_H_VIA), err);
		assert_int_equal(sip_view_remove_all(view, SIP_H_DATE), err);
		assert_int_equal(sip_view_pop(view, SIP_H_VIA), err);
		assert_int_equal(sip_view_pop(view, SIP_H_DATE), err);
		assert_int_equal(sip_view_set_uri(view, value), err);
		assert_int_equal(sip_view_set_status(view, 200, value), err);
		assert_int_equal(sip_view_set_body(view, value), err);
	}
	assert_int_equal(view->written, written);
	assert_string_equal(leaves(view), before.p);
}

static void text_that_breaks_out_is_refused(void **state)
{
	static const struct sv texts[] = {
		SV_INIT("x\r\nVia: SIP/2.0/UDP evil"),
		SV_INIT("x\r\n folded"),
		SV_INIT("x\n"),
		SV_INIT("\rx"),
		SV_INIT("a\0b"),
		SV_INIT("\x7f"),
		SV_INIT("0123456789abcdef0123456789abcdef\n"),
	};
	static const struct sv names[] = {SV_INIT(""),       SV_INIT("a b"),         SV_INIT("a:"),
					  SV_INIT("a\r\nb"), SV_INIT("caf\xc3\xa9"), SV_INIT("a\0"),
					  {NULL, 0}};

	(void)state;
	open_text("%s", M_START "Via: " V1 "," V2 "\r\nTo: x\r\n" L "\r\n");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		all_edits_say(&t.view, texts[i], MG_EINVAL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(sip_view_prepend(&t.view, SIP_H_OTHER, names[i], SV("x")),
				 MG_EINVAL);
		assert_int_equal(sip_view_append(&t.view, SIP_H_OTHER, names[i], SV("x")),
				 MG_EINVAL);
	}
	assert_int_equal(flat(&t.view, &t.out), 1);
	assert_string_equal(t.out.p, t.in.p);
}

static void frozen_views_stay_as_they_are(void **state)
{
	struct sip_view top, other;

	(void)state;
	open_text("%s", M_START "Via: " V1 "\r\nTo: x\r\n" L "\r\n");
	assert_int_equal(sip_view_append(&t.view, SIP_H_VIA, SV(""), SV(V2)), 0);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	all_edits_say(&t.view, SV("y"), MG_EFROZEN);
	all_edits_say(&t.view, SV("y\r\n"), MG_EFROZEN);
	assert_int_equal(sip_view_set_uri(&top, SV("sip:top")), 0);
	assert_int_equal(sip_view_branch(&other, &top, &t.arena), 0);
	all_edits_say(&top, SV("y"), MG_EFROZEN);
	assert_int_equal(sip_view_pop(&other, SIP_H_VIA), 0);
	assert_string_equal(leaves(&other),
			    "INVITE sip:top SIP/2.0\r\nVia: " V2 "\r\nTo: x\r\n" L "\r\n");
}

static void limits_hold(void **state)
{
	static char big[SIP_STREAM_MESSAGE_MAX + 1];
	enum { VALUE = SIP_HEADER_LINE_MAX - 5 }; /* "Via: " */

	(void)state;
	memset(big, 'a', sizeof(big));
	open_text("%s", M_START "Via: " V1 "\r\n" L "\r\n");
	assert_int_equal(sip_view_append(&t.view, SIP_H_VIA, SV(""), sv_of(big, VALUE + 1)),
			 MG_ELIMIT);
	assert_int_equal(sip_view_append(&t.view, SIP_H_VIA, SV(""), sv_of(big, VALUE)), 0);
	assert_int_equal(sip_view_replace(&t.view, 0, sv_of(big, VALUE + 1)), MG_ELIMIT);
	assert_int_equal(sip_view_replace(&t.view, 0, sv_of(big, VALUE)), 0);
	assert_int_equal(sip_view_append(&t.view, 0, sv_of(big, 257), SV("x")), MG_ELIMIT);
	assert_int_equal(sip_view_append(&t.view, 0, sv_of(big, 256), SV("x")), 0);
	assert_int_equal(sip_view_set_uri(&t.view, sv_of(big, SIP_URI_MAX + 1)), MG_ELIMIT);
	assert_int_equal(sip_view_set_uri(&t.view, sv_of(big, SIP_URI_MAX)), 0);
	assert_int_equal(sip_view_set_body(&t.view, sv_of(big, sizeof(big))), MG_ELIMIT);
	assert_int_equal(sip_view_set_body(&t.view, sv_of(big, sizeof(big) - 1)), 0);
	open_text("%s", M_STATUS L "\r\n");
	assert_int_equal(sip_view_set_status(&t.view, 200, sv_of(big, SIP_START_LINE_MAX - 11)),
			 MG_ELIMIT);
	assert_int_equal(sip_view_set_status(&t.view, 200, sv_of(big, SIP_START_LINE_MAX - 12)), 0);
	assert_int_equal(strchr(leaves(&t.view), '\r') - t.out.p, SIP_START_LINE_MAX);
}

static void lines_written_anew_are_counted(void **state)
{
	struct sip_view top;

	(void)state;
	open_text("%s", M_START "Via: " V1 "\r\nRoute: <sip:a>,<sip:b>\r\n" L "\r\n");
	for (unsigned i = 0; i < SIP_EDIT_LINES_MAX - 2; i++)
		assert_int_equal(sip_view_append(&t.view, SIP_H_PATH, SV(""), SV("<sip:x>")), 0);
	assert_int_equal(sip_view_replace(&t.view, 0, SV(V2)), 0);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_replace(&top, 0, SV(V1)), 0);
	all_edits_say(&top, SV("x"), MG_ELIMIT);
	assert_int_equal(sip_view_pop(&top, SIP_H_ROUTE), MG_ELIMIT);
	/* what writes no line goes on */
	assert_int_equal(sip_view_pop(&top, SIP_H_VIA), 0);
	assert_int_equal(sip_view_remove(&top, 1), 0);
	assert_int_equal(sip_view_remove_all(&top, SIP_H_PATH), 0);
	assert_int_equal(sip_view_set_uri(&top, SV("sip:x")), 0);
	assert_int_equal(sip_view_set_body(&top, SV("abc")), 0);
	assert_string_equal(leaves(&top), "INVITE sip:x SIP/2.0\r\n" OWN(3) "\r\nabc");
}

/* ---- handles ---- */

static void handles_stay(void **state)
{
	struct sip_view top, top2;

	(void)state;
	open_text("%s", M_START "a: 1\r\nVia: x\r\nv: y\r\n" L "\r\n");
	sip_inst x = sip_view_first(&t.view, SIP_H_VIA), y = sip_view_next(&t.view, x);
	sip_inst a = sip_view_find(&t.view, SV("A"), SIP_NO_INST);
	assert_int_equal(sip_view_next(&t.view, y), SIP_NO_INST);
	assert_int_equal(sip_view_replace(&t.view, x, SV("x2")), 0);
	assert_int_equal(sip_view_prepend(&t.view, SIP_H_VIA, SV(""), SV("n")), 0);
	sip_inst n = sip_view_first(&t.view, SIP_H_VIA);
	assert_int_equal(sip_view_next(&t.view, n), x);
	assert_int_equal(sip_view_remove(&t.view, a), 0);
	assert_string_equal(value_text(&t.view, x), "x2");
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_replace(&top, n, SV("n2")), 0);
	assert_int_equal(sip_view_branch(&top2, &top, &t.arena), 0);
	assert_int_equal(sip_view_remove(&top2, x), 0);
	assert_int_equal(sip_view_next(&top2, n), y);
	assert_string_equal(value_text(&top2, n), "n2");
	assert_string_equal(value_text(&t.view, n), "n");
	assert_string_equal(value_text(&top, x), "x2");
	assert_true(sv_eq(sip_view_name(&top2, y), SV("v")));
	assert_true(sv_eq(sip_view_raw(&top2, y), SV("v: y\r\n")));
	assert_true(sv_eq(sip_view_raw(&top2, n), SV("Via: n2\r\n")));
}

static void dead_handles_read_nothing(void **state)
{
	(void)state;
	open_text("%s", M_START "Via: x\r\nVia: y\r\n" L "\r\n");
	for (unsigned edited = 0; edited < 2; edited++) {
		const sip_inst dead[] = {3, 127, 128, 200, SIP_NO_INST, 0};
		for (size_t i = 0; i < (edited ? 6 : 5); i++) {
			assert_int_equal(sip_view_value(&t.view, dead[i]).n, 0);
			assert_int_equal(sip_view_name(&t.view, dead[i]).n, 0);
			assert_int_equal(sip_view_raw(&t.view, dead[i]).n, 0);
			assert_int_equal(sip_view_next(&t.view, dead[i]), SIP_NO_INST);
			if (dead[i] != SIP_NO_INST)
				assert_int_equal(sip_view_find(&t.view, SV("Via"), dead[i]),
						 SIP_NO_INST);
			assert_int_equal(sip_view_replace(&t.view, dead[i], SV("z")), MG_ENOENT);
			assert_int_equal(sip_view_remove(&t.view, dead[i]), MG_ENOENT);
			assert_int_equal(
				sip_view_insert(&t.view, dead[i], SIP_H_VIA, SV(""), SV("z")),
				MG_ENOENT);
		}
		assert_int_equal(sip_view_remove(&t.view, 0), edited ? MG_ENOENT : 0);
	}
	assert_string_equal(leaves(&t.view), M_START "Via: y\r\n" L "\r\n");
}

static void found_by_name(void **state)
{
	(void)state;
	open_text("%s", M_START "x-a: 1\r\nVia: x\r\nX-B: 2\r\nX-A: 3\r\nv: y\r\n" L "\r\n");
	assert_int_equal(sip_view_find(&t.view, SV("X-a"), SIP_NO_INST), 0);
	assert_int_equal(sip_view_find(&t.view, SV("X-a"), 0), 3);
	assert_int_equal(sip_view_find(&t.view, SV("X-a"), 3), SIP_NO_INST);
	assert_int_equal(sip_view_find(&t.view, SV("V"), SIP_NO_INST), 1);
	assert_int_equal(sip_view_find(&t.view, SV("via"), 1), 4);
	assert_int_equal(sip_view_find(&t.view, SV("x-b"), 0), 2);
	assert_int_equal(sip_view_find(&t.view, SV("X"), SIP_NO_INST), SIP_NO_INST);
	assert_int_equal(sip_view_find(&t.view, SV(""), SIP_NO_INST), SIP_NO_INST);
	/* of SIP_H_OTHER every unknown line is an instance */
	assert_int_equal(sip_view_first(&t.view, SIP_H_OTHER), 0);
	assert_int_equal(sip_view_next(&t.view, 0), 2);
	assert_int_equal(sip_view_next(&t.view, 2), 3);
}

/* Texts are copied: the caller's may go. */
static void texts_are_copied(void **state)
{
	char name[] = "X-Name", value[] = "some value", uri[] = "sip:gone", top[] = V2;

	(void)state;
	open_text("%s", M_START "Via: " V1 "," V1 "\r\n" L "\r\n");
	assert_int_equal(sip_view_append(&t.view, SIP_H_OTHER, sv_str(name), sv_str(value)), 0);
	assert_int_equal(sip_view_set_uri(&t.view, sv_str(uri)), 0);
	assert_int_equal(sip_view_replace_top(&t.view, SIP_H_VIA, sv_str(top)), 0);
	memset(name, '#', sizeof(name));
	memset(value, '#', sizeof(value));
	memset(uri, '#', sizeof(uri));
	memset(top, '#', sizeof(top));
	assert_string_equal(leaves(&t.view), "INVITE sip:gone SIP/2.0\r\nVia: " V2 "," V1 "\r\n" L
					     "X-Name: some value\r\n\r\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_that_breaks_out_is_refused),
		cmocka_unit_test(frozen_views_stay_as_they_are),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(lines_written_anew_are_counted),
		cmocka_unit_test(handles_stay),
		cmocka_unit_test(dead_handles_read_nothing),
		cmocka_unit_test(found_by_name),
		cmocka_unit_test(texts_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, close_text);
}
