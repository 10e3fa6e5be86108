/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit_read: typed reads of what was edited, views side by side, and the pieces that leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/test_view.h"

/* ---- typed reads ---- */

static void same_as(struct sv got, const char *want)
{
	if (!sv_eq(got, sv_str(want)))
		fail_msg("\"%.*s\" for \"%s\"", SV_ARG(got), want);
}

static const struct sip_via *top_via(struct sip_view *view)
{
	struct sip_where at = {0};
	const struct sip_via *via = sip_view_typed(view, SIP_H_VIA, &at);

	assert_non_null(via);
	assert_int_equal(at.fault, SIP_OK); /* untouched on success */
	assert_ptr_equal(sip_view_typed(view, SIP_H_VIA, &at), via);
	return via;
}

static void the_first_value_is_the_first_by_now(void **state)
{
	struct sip_view top;
	struct sip_where at = {0};

	(void)state;
	open_text("%s", M_START "From: <sip:a>;tag=1\r\nVia: " V1 "\r\nv: " V2 "\r\n" L "\r\n");
	same_as(top_via(&t.view)->host, "a.example");
	assert_int_equal(sip_view_remove(&t.view, 1), 0);
	same_as(top_via(&t.view)->host, "b.example"); /* received, but not the message's first */
	assert_int_equal(sip_view_replace(&t.view, 2, SV("SIP/2.0/TCP c.example")), 0);
	same_as(top_via(&t.view)->host, "c.example");
	assert_int_equal(sip_view_prepend(&t.view, SIP_H_VIA, SV(""), SV("SIP/2.0/TLS d.example")),
			 0);
	same_as(top_via(&t.view)->host, "d.example");
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_ptr_equal(top_via(&top), top_via(&t.view));
	assert_int_equal(sip_view_replace_top(&top, SIP_H_VIA, SV("SIP/2.0/WS e.example")), 0);
	same_as(top_via(&top)->host, "e.example");
	same_as(top_via(&t.view)->host, "d.example");
	assert_int_equal(sip_view_remove_all(&top, SIP_H_VIA), 0);
	assert_null(sip_view_typed(&top, SIP_H_VIA, &at));
	assert_int_equal(at.fault, SIP_FAULT_MISSING);
	assert_int_equal(at.hid, SIP_H_VIA);
	/* a header that was left alone is read in the message, and remembered there */
	assert_ptr_equal(sip_view_typed(&top, SIP_H_FROM, &at), sip_from(&t.msg, &at));
	/* one that the message lacked */
	assert_int_equal(sip_view_append(&top, SIP_H_MAX_FORWARDS, SV(""), SV("69")), 0);
	const struct sip_number *n = sip_view_typed(&top, SIP_H_MAX_FORWARDS, &at);
	assert_int_equal(n->value, 69);
}

static void start_lines_are_read_as_edited(void **state)
{
	struct sip_view top;

	(void)state;
	open_text("SIP/2.0 180 Ringing\r\nVia: " V1 "\r\n" L "\r\n");
	assert_int_equal(t.view.status, 180);
	assert_int_equal(sip_view_set_status(&t.view, 183, SV("Session Progress")), 0);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_set_status(&top, 700, SV("x")), MG_EINVAL);
	assert_int_equal(top.status, 183);
	assert_int_equal(t.msg.status, 180);

	open_text("%s", M_START L "\r\n");
	assert_true(sv_eq(sip_view_ruri(&t.view), sip_ruri_text(&t.msg)));
	assert_int_equal(sip_view_set_uri(&t.view, SV("sip:b@c")), 0);
	same_as(sip_view_ruri(&t.view), "sip:b@c");
}

static void keepalives_are_not_written(void **state)
{
	static const char *const inputs[] = {"\r\n\r\n", "\r\n", "....", "\r\n\r\n\r\n"};
	struct sip_out out;

	(void)state;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		open_text("%s", inputs[i]);
		sip_out_init(&out, &t.arena);
		sip_view_write(&t.view, &out);
		assert_int_equal(out.err, MG_EINVAL);
		out.err = MG_ENOMEM;
		sip_view_write(&t.view, &out);
		assert_int_equal(out.err, MG_ENOMEM);
	}
}

static void malformed_values_are_told(void **state)
{
	struct sip_where at = {0};

	(void)state;
	open_text("%s", M_START "Via: " V1 "\r\nvia: bad\r\nSubject: x\r\n" L "\r\n");
	assert_int_equal(sip_view_replace(&t.view, 0, SV("SIP/2.0/UDP a b")), 0);
	size_t used = arena_used(&t.arena);
	assert_null(sip_view_typed(&t.view, SIP_H_VIA, &at));
	assert_int_equal(at.fault, SIP_FAULT_BAD);
	assert_int_equal(at.off, 14); /* in the value */
	assert_int_equal(sip_view_remove(&t.view, 0), 0);
	assert_null(sip_view_typed(&t.view, SIP_H_VIA, &at));
	assert_int_equal(at.fault, SIP_FAULT_BAD);
	assert_int_equal(at.off, t.msg.line[1].value); /* in the message */
	assert_int_equal(sip_view_replace(&t.view, 2, SV("y")), 0);
	assert_null(sip_view_typed(&t.view, SIP_H_SUBJECT, &at)); /* has no type */
	assert_true(arena_used(&t.arena) - used < SIP_VALUE_MAX);
}

static void request_uris_are_read_as_edited(void **state)
{
	struct sip_view top;
	struct sip_where at = {0};

	(void)state;
	open_text("%s", M_START L "\r\n");
	same_as(sip_view_uri(&t.view, &at)->host, "biloxi.example");
	assert_int_equal(sip_view_set_uri(&t.view, SV("sips:x@new.example:5062;lr")), 0);
	const struct sip_uri *uri = sip_view_uri(&t.view, &at);
	same_as(uri->host, "new.example");
	assert_int_equal(uri->port, 5062);
	assert_ptr_equal(sip_view_uri(&t.view, &at), uri);
	assert_int_equal(at.fault, SIP_OK);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_ptr_equal(sip_view_uri(&top, &at), uri);
	assert_int_equal(sip_view_set_uri(&top, SV("sip:@bad@")), 0);
	assert_null(sip_view_uri(&top, &at));
	assert_int_equal(at.fault, SIP_FAULT_URI);
	assert_true(at.off <= 9);
	same_as(sip_view_uri(&t.view, &at)->host, "new.example");
	open_text("%s", M_STATUS L "\r\n");
	assert_null(sip_view_uri(&t.view, &at));
}

static void walks_see_the_values_by_now(void **state)
{
	struct sip_nameaddr addr;
	struct sip_each each;
	char seen[64] = "";
	struct sip_view top;

	(void)state;
	open_text("%s", M_START "Route: <sip:a>, <sip:b>\r\nX: 1\r\nroute: <sip:c>\r\n" L "\r\n");
	assert_int_equal(sip_view_pop(&t.view, SIP_H_ROUTE), 0);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	assert_int_equal(sip_view_append(&top, SIP_H_ROUTE, SV(""), SV("<sip:d>,\t<sip:e>")), 0);
	assert_int_equal(sip_view_prepend(&top, SIP_H_ROUTE, SV(""), SV("<sip:f>")), 0);
	sip_view_each(&each, &top, SIP_H_ROUTE);
	while (sip_each_addr(&each, &addr))
		strncat(seen, addr.uri.host.p, 1);
	assert_int_equal(each.at.fault, SIP_OK);
	assert_string_equal(seen, "fbcde");
	assert_int_equal(sip_view_append(&top, SIP_H_ROUTE, SV(""), SV("<sip:g>, <")), 0);
	sip_view_each(&each, &top, SIP_H_ROUTE);
	while (sip_each_addr(&each, &addr))
		;
	assert_int_equal(each.at.fault, SIP_FAULT_BAD);
	assert_int_equal(each.at.off, 10); /* in the last line */
	for (unsigned i = 0; i < SIP_ROUTE_MAX + SIP_ROUTE_OURS; i++)
		assert_int_equal(sip_view_prepend(&top, SIP_H_ROUTE, SV(""), SV("<sip:h>")), 0);
	sip_view_each(&each, &top, SIP_H_ROUTE);
	unsigned n = 0;
	while (sip_each_addr(&each, &addr))
		n++;
	assert_int_equal(n, SIP_ROUTE_MAX + SIP_ROUTE_OURS);
	assert_int_equal(each.at.fault, SIP_FAULT_TOO_MANY);
	sip_view_each(&each, &top, SIP_H_PATH);
	assert_false(sip_each_addr(&each, &addr));
	assert_int_equal(each.at.fault, SIP_OK);
}

/* ---- views side by side ---- */

static void branches_do_not_see_each_other(void **state)
{
	struct arena arena[3];
	struct sip_view branch[3];
	static struct text under;

	(void)state;
	open_text("%s", M_START "Via: " V1 "\r\nRoute: <sip:a>\r\n" L "\r\nabc");
	assert_int_equal(sip_view_append(&t.view, SIP_H_PATH, SV(""), SV("<sip:p>")), 0);
	for (unsigned i = 0; i < 3; i++) {
		arena_init(&arena[i], 512, 1 << 16);
		assert_int_equal(sip_view_branch(&branch[i], &t.view, &arena[i]), 0);
	}
	flat(&t.view, &under);
	assert_int_equal(sip_view_prepend(&branch[0], SIP_H_VIA, SV(""), SV("zero")), 0);
	assert_int_equal(sip_view_prepend(&branch[1], SIP_H_VIA, SV(""), SV("one")), 0);
	assert_int_equal(sip_view_set_uri(&branch[0], SV("sip:zero")), 0);
	assert_int_equal(sip_view_set_uri(&branch[1], SV("sip:one")), 0);
	assert_int_equal(sip_view_remove(&branch[1], 1), 0);
	assert_int_equal(sip_view_set_body(&branch[1], SV("one")), 0);
	assert_int_equal(sip_view_replace(&branch[0], 128, SV("<sip:zero>")), 0);
	assert_string_equal(leaves(&t.view), under.p);
	assert_string_equal(leaves(&branch[2]), under.p);
	/* one goes, with its arena */
	arena_done(&arena[0]);
	assert_string_equal(leaves(&branch[1]), "INVITE sip:one SIP/2.0\r\nVia: one\r\nVia: " V1
						"\r\n" OWN(3) "Path: <sip:p>\r\n\r\none");
	assert_string_equal(leaves(&branch[2]), under.p);
	arena_done(&arena[1]);
	arena_done(&arena[2]);
}

/* The view under a branch may go, its arena may not. */
static void a_branch_outlives_the_view_under_it(void **state)
{
	struct sip_view top;

	(void)state;
	open_text("%s", M_START "Via: " V1 "\r\n" L "\r\n");
	assert_int_equal(sip_view_prepend(&t.view, SIP_H_VIA, SV(""), SV(V2)), 0);
	(void)top_via(&t.view);
	assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	memset(&t.view, 0xee, sizeof(t.view));
	assert_string_equal(leaves(&top), M_START "Via: " V2 "\r\nVia: " V1 "\r\n" L "\r\n");
	same_as(top_via(&top)->host, "b.example");
}

/* ---- pieces ---- */

static void what_was_not_edited_is_one_piece(void **state)
{
	struct sip_view top;

	(void)state;
	open_text("%s", M_START "Via : " V1 ",\r\n " V2 "\r\nx:\r\nl:   003 \r\n\r\nabc");
	for (unsigned i = 0; i < 4; i++) {
		struct sip_out out;
		sip_out_init(&out, &t.arena);
		sip_view_write(i < 3 ? &t.view : &top, &out);
		assert_int_equal(out.n, 1);
		assert_ptr_equal(out.iov[0].iov_base, t.in.p);
		assert_int_equal(out.iov[0].iov_len, t.in.n);
		if (i == 0) /* edits that come to nothing */
			assert_int_equal(sip_view_prepend(&t.view, SIP_H_VIA, SV(""), SV(V1)), 0);
		if (i == 0)
			assert_int_equal(sip_view_pop(&t.view, SIP_H_VIA), 0);
		if (i == 1)
			assert_int_equal(sip_view_set_body(&t.view, sip_body(&t.msg)), 0);
		if (i == 2)
			assert_int_equal(sip_view_branch(&top, &t.view, &t.arena), 0);
	}
}

static void neighbours_are_one_piece(void **state)
{
	(void)state;
	open_text("%s", M_START "a: 1\r\nb: 2\r\nc: 3\r\nx: 4\r\n" L "\r\nabc");
	t.msg.len = t.msg.body; /* the datagram's tail is no body */
	assert_int_equal(sip_view_prepend(&t.view, SIP_H_VIA, SV(""), SV("x")), 0);
	assert_int_equal(flat(&t.view, &t.out), 3); /* start line, Via, the rest */
	assert_int_equal(sip_view_remove(&t.view, 1), 0);
	assert_int_equal(flat(&t.view, &t.out), 4);
	assert_int_equal(sip_view_remove(&t.view, 2), 0);
	assert_int_equal(flat(&t.view, &t.out), 4);
	assert_int_equal(sip_view_remove(&t.view, 0), 0);
	assert_int_equal(flat(&t.view, &t.out), 3);
}

static unsigned pieces_of(const char *what)
{
	unsigned n = flat(&t.view, &t.out);

	assert_true(n <= SIP_OUT_PIECES);
	print_message("%s: %u pieces\n", what, n);
	return n;
}

/* As many lines as a message may have; the last is a Content-Length that is wrong. */
static void open_longest(void)
{
	text_start(&t.in);
	text_add(&t.in, "%s", M_START);
	for (unsigned i = 0; i < SIP_HEADER_LINES_MAX - 1; i++)
		text_add(&t.in, "X%u: %u\r\n", i, i);
	text_add(&t.in, "l: 9\r\n\r\nabc");
	open_bytes();
	assert_int_equal(t.msg.lines, SIP_HEADER_LINES_MAX);
	assert_int_equal(sip_view_set_uri(&t.view, SV("sip:x")), 0);
	assert_int_equal(sip_view_set_body(&t.view, SV("body")), 0);
}

static void pieces_are_enough_for_the_worst(void **state)
{
	(void)state;
	/* every second line replaced */
	open_longest();
	for (unsigned i = 0; i < SIP_HEADER_LINES_MAX; i += 2)
		assert_int_equal(sip_view_replace(&t.view, (sip_inst)i, SV("x")), 0);
	assert_true(pieces_of("replaced") >= 128);
	/* lines removed where two would be one piece, and insertions between the others */
	open_longest();
	unsigned at = 0;
	for (unsigned i = 0; i < SIP_EDIT_LINES_MAX; i++) {
		assert_int_equal(
			sip_view_insert(&t.view, (sip_inst)at, SIP_H_OTHER, SV("N"), SV("n")), 0);
		if (i % 2)
			assert_int_equal(sip_view_remove(&t.view, (sip_inst)(at + 1)), 0);
		at += i % 2 ? 2 : 1;
	}
	for (; at < SIP_HEADER_LINES_MAX - 1; at += 2)
		assert_int_equal(sip_view_remove(&t.view, (sip_inst)at), 0);
	assert_true(pieces_of("removed and inserted") >= 128);
	/* 64 lines removed, 64 inserted elsewhere: every line that is left is a piece of its own */
	open_longest();
	for (unsigned i = 0; i < SIP_EDIT_LINES_MAX; i++)
		assert_int_equal(
			sip_view_insert(&t.view, (sip_inst)(i + 1), SIP_H_OTHER, SV("N"), SV("n")),
			0);
	for (unsigned i = SIP_EDIT_LINES_MAX + 1; i < SIP_HEADER_LINES_MAX; i += 2)
		assert_int_equal(sip_view_remove(&t.view, (sip_inst)i), 0);
	assert_true(pieces_of("inserted above, removed below") >= 160);
	/* the bound of all: every line received and every line written a piece */
	assert_true(SIP_HEADER_LINES_MAX + SIP_EDIT_LINES_MAX + 6 <= SIP_OUT_PIECES);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_value_is_the_first_by_now),
		cmocka_unit_test(start_lines_are_read_as_edited),
		cmocka_unit_test(keepalives_are_not_written),
		cmocka_unit_test(malformed_values_are_told),
		cmocka_unit_test(request_uris_are_read_as_edited),
		cmocka_unit_test(walks_see_the_values_by_now),
		cmocka_unit_test(branches_do_not_see_each_other),
		cmocka_unit_test(a_branch_outlives_the_view_under_it),
		cmocka_unit_test(what_was_not_edited_is_one_piece),
		cmocka_unit_test(neighbours_are_one_piece),
		cmocka_unit_test(pieces_are_enough_for_the_worst),
	};

	return cmocka_run_group_tests(tests, NULL, close_text);
}
