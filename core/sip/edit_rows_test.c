/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit_rows: rows of edits and the lines that leave: positions, first values of lists, Content-Length, start lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/test_view.h"

/* ---- rows of edits ---- */

enum what { END, PREPEND, APPEND, INSERT, REPLACE, REMOVE, REMOVE_ALL, POP, REPLACE_TOP, BODY };

/* Edits address the `at`-th line of the message (INSERT, REPLACE, REMOVE). */
struct edit {
	enum what what;
	enum sip_hid id;
	const char *name, *value;
	unsigned at;
	int err;
};

static int apply(struct sip_view *view, const struct edit *e)
{
	struct sv name = sv_str(e->name), value = sv_str(e->value);

	switch (e->what) {
	case PREPEND: return sip_view_prepend(view, e->id, name, value);
	case APPEND: return sip_view_append(view, e->id, name, value);
	case INSERT: return sip_view_insert(view, (sip_inst)e->at, e->id, name, value);
	case REPLACE: return sip_view_replace(view, (sip_inst)e->at, value);
	case REMOVE: return sip_view_remove(view, (sip_inst)e->at);
	case REMOVE_ALL: return sip_view_remove_all(view, e->id);
	case POP: return sip_view_pop(view, e->id);
	case REPLACE_TOP: return sip_view_replace_top(view, e->id, value);
	case BODY: return sip_view_set_body(view, value);
	case END: break;
	}
	return 0;
}

struct row {
	const char *name, *lines; /* of the message, with a body behind the blank line if any */
	struct edit edit[4];
	const char *want; /* behind the start line */
};

static void run_rows(const struct row *row, size_t n)
{
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++) {
		open_text("%s%s", M_START, row[i].lines);
		for (unsigned k = 0; k < 4 && row[i].edit[k].what != END; k++) {
			int err = apply(&t.view, &row[i].edit[k]);
			if (err != row[i].edit[k].err)
				row_differs(&bad, row[i].name, mg_err_name(err),
					    mg_err_name(row[i].edit[k].err));
		}
		const char *got = leaves(&t.view) + sizeof(M_START) - 1;
		if (strcmp(got, row[i].want) != 0)
			row_differs(&bad, row[i].name, got, row[i].want);
	}
	assert_int_equal(bad, 0);
}

static const struct row places[] = {
	{"prepend: before the first of its name",
	 "a: 1\r\nVia: x\r\nb: 2\r\nv: y\r\n" L "\r\n",
	 {{PREPEND, SIP_H_VIA, "", "n", 0, 0}},
	 "a: 1\r\nVia: n\r\nVia: x\r\nb: 2\r\nv: y\r\n" L "\r\n"},
	{"prepend: none there, in front of all",
	 "a: 1\r\n" L "\r\n",
	 {{PREPEND, SIP_H_VIA, "", "n", 0, 0}},
	 "Via: n\r\na: 1\r\n" L "\r\n"},
	{"prepend: no line at all",
	 "\r\n",
	 {{PREPEND, SIP_H_VIA, "", "n", 0, 0}},
	 "Via: n\r\nContent-Length: 0\r\n\r\n"},
	{"prepend: before a compact one",
	 "k: a\r\n" L "\r\n",
	 {{PREPEND, SIP_H_SUPPORTED, "ignored", "b", 0, 0}},
	 "Supported: b\r\nk: a\r\n" L "\r\n"},
	{"prepend: known by its name, kept as spelled",
	 "a: 1\r\nVIA: x\r\n" L "\r\n",
	 {{PREPEND, SIP_H_OTHER, "v", "n", 0, 0}},
	 "a: 1\r\nv: n\r\nVIA: x\r\n" L "\r\n"},
	{"prepend: unknown, any case",
	 "a: 1\r\nX-Y: 1\r\n" L "\r\n",
	 {{PREPEND, SIP_H_OTHER, "x-y", "0", 0, 0}},
	 "a: 1\r\nx-y: 0\r\nX-Y: 1\r\n" L "\r\n"},
	{"append: behind the last of its name",
	 "v: x\r\na: 1\r\nVia: y\r\nb: 2\r\n" L "\r\n",
	 {{APPEND, SIP_H_VIA, "", "n", 0, 0}},
	 "v: x\r\na: 1\r\nVia: y\r\nVia: n\r\nb: 2\r\n" L "\r\n"},
	{"append: none there, behind all",
	 "a: 1\r\n" L "\r\n",
	 {{APPEND, SIP_H_ROUTE, "", "<sip:a>", 0, 0}},
	 "a: 1\r\n" L "Route: <sip:a>\r\n\r\n"},
	{"append: unknown, any case",
	 "X-Y: 1\r\nZ: 2\r\n" L "\r\n",
	 {{APPEND, SIP_H_OTHER, "x-y", "3", 0, 0}},
	 "X-Y: 1\r\nx-y: 3\r\nZ: 2\r\n" L "\r\n"},
	{"append: unknown, none there",
	 "X-Y: 1\r\n" L "\r\n",
	 {{APPEND, SIP_H_OTHER, "X-Z", "", 0, 0}},
	 "X-Y: 1\r\n" L "X-Z: \r\n\r\n"},
	{"append: known by its compact name",
	 "Route: <sip:a>\r\nFrom: x\r\n" L "\r\n",
	 {{APPEND, SIP_H_OTHER, "F", "y", 0, 0}},
	 "Route: <sip:a>\r\nFrom: x\r\nF: y\r\n" L "\r\n"},
	{"insert: before any line",
	 "a: 1\r\nb: 2\r\n" L "\r\n",
	 {{INSERT, SIP_H_PATH, "", "<sip:p>", 1, 0}, {INSERT, SIP_H_OTHER, "c", "3", 0, 0}},
	 "c: 3\r\na: 1\r\nPath: <sip:p>\r\nb: 2\r\n" L "\r\n"},
	{"insert: before no line",
	 "a: 1\r\n" L "\r\n",
	 {{INSERT, SIP_H_PATH, "", "<sip:p>", 2, MG_ENOENT},
	  {INSERT, SIP_H_PATH, "", "<sip:p>", SIP_NO_INST, MG_ENOENT}},
	 "a: 1\r\n" L "\r\n"},
	{"replace: name stays as written, white space does not",
	 "t \t:\r\n  <sip:a>  \r\n" L "\r\n",
	 {{REPLACE, 0, "", " <sip:b>\t", 0, 0}},
	 "t: <sip:b>\r\n" L "\r\n"},
	{"replace: by nothing",
	 "Subject: x\r\n" L "\r\n",
	 {{REPLACE, 0, "", "", 0, 0}},
	 "Subject: \r\n" L "\r\n"},
	{"remove: a folded line whole",
	 "a: 1\r\nb: 2\r\n 3\r\n\t4\r\nc: 5\r\n" L "\r\n",
	 {{REMOVE, 0, "", "", 1, 0}, {REMOVE, 0, "", "", 1, MG_ENOENT}},
	 "a: 1\r\nc: 5\r\n" L "\r\n"},
	{"remove: the last line", L "a: 1\r\n\r\n", {{REMOVE, 0, "", "", 1, 0}}, L "\r\n"},
	{"remove: all lines",
	 "a: 1\r\nb: 2\r\n\r\n",
	 {{REMOVE, 0, "", "", 0, 0}, {REMOVE, 0, "", "", 1, 0}},
	 "Content-Length: 0\r\n\r\n"},
	{"remove_all: long, compact, inserted",
	 "v: 1\r\na: 2\r\nVIA: 3\r\n" L "\r\n",
	 {{APPEND, SIP_H_VIA, "", "4", 0, 0}, {REMOVE_ALL, SIP_H_VIA, "", "", 0, 0}},
	 "a: 2\r\n" L "\r\n"},
	{"remove_all: none there",
	 "a: 2\r\n" L "\r\n",
	 {{REMOVE_ALL, SIP_H_VIA, "", "", 0, 0}},
	 "a: 2\r\n" L "\r\n"},
	{"remove_all: every unknown one",
	 "z: 2\r\nVia: x\r\nq: 3\r\n" L "\r\n",
	 {{REMOVE_ALL, SIP_H_OTHER, "", "", 0, 0}},
	 "Via: x\r\n" L "\r\n"},
	{"edits of edits",
	 "a: 1\r\n" L "\r\n",
	 {{PREPEND, SIP_H_VIA, "", "x", 0, 0},
	  {REPLACE, 0, "", "y", 128, 0},
	  {INSERT, SIP_H_OTHER, "b", "2", 128, 0},
	  {REMOVE, 0, "", "", 128, 0}},
	 "b: 2\r\na: 1\r\n" L "\r\n"},
};

static void where_lines_go(void **state)
{
	(void)state;
	run_rows(places, sizeof(places) / sizeof(places[0]));
}

static const struct row tops[] = {
	{"pop: the only value of the first line",
	 "v: " V1 "\r\nVia: " V2 "\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, 0}},
	 "Via: " V2 "\r\n" L "\r\n"},
	{"pop: the last of all",
	 "v: " V1 "\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, 0}, {POP, SIP_H_VIA, "", "", 0, MG_ENOENT}},
	 L "\r\n"},
	{"pop: the first of three",
	 "v: " V1 ", " V2 ",a\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, 0}},
	 "v: " V2 ",a\r\n" L "\r\n"},
	{"pop: twice, then the line",
	 "Via: " V1 " , " V2 "\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, 0}, {POP, SIP_H_VIA, "", "", 0, 0}},
	 L "\r\n"},
	{"pop: a fold behind the comma",
	 "Route: <sip:a;lr>,\r\n <sip:b>,\r\n\t<sip:c>\r\n" L "\r\n",
	 {{POP, SIP_H_ROUTE, "", "", 0, 0}},
	 "Route: <sip:b>,\r\n\t<sip:c>\r\n" L "\r\n"},
	{"pop: a fold before the comma",
	 "Route:\r\n <sip:a;lr>\r\n ,\r\n <sip:b>\r\n" L "\r\n",
	 {{POP, SIP_H_ROUTE, "", "", 0, 0}},
	 "Route: <sip:b>\r\n" L "\r\n"},
	{"pop: commas in quotes, brackets, quoted-pairs",
	 "Route: \"a, \\\", b\" <sip:u,v@h;x=\"1,2\">, <sip:b>\r\n" L "\r\n",
	 {{POP, SIP_H_ROUTE, "", "", 0, MG_EPARSE}},
	 "Route: \"a, \\\", b\" <sip:u,v@h;x=\"1,2\">, <sip:b>\r\n" L "\r\n"},
	{"pop: commas in quotes, brackets and parameters",
	 "Route: \"a, \\\", b\" <sip:u,v@h>;p=\"1,2\", <sip:b>\r\n" L "\r\n",
	 {{POP, SIP_H_ROUTE, "", "", 0, 0}},
	 "Route: <sip:b>\r\n" L "\r\n"},
	{"pop: malformed",
	 "Via: nonsense\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, MG_EPARSE}},
	 "Via: nonsense\r\n" L "\r\n"},
	{"pop: of a header without values",
	 "Subject: a, b\r\n" L "\r\n",
	 {{POP, SIP_H_SUBJECT, "", "", 0, MG_EPARSE}},
	 "Subject: a, b\r\n" L "\r\n"},
	{"pop: the second value is not looked at",
	 "Via: " V1 ", nonsense\r\n" L "\r\n",
	 {{POP, SIP_H_VIA, "", "", 0, 0}, {POP, SIP_H_VIA, "", "", 0, MG_EPARSE}},
	 "Via: nonsense\r\n" L "\r\n"},
	{"replace_top: alone",
	 "Via: " V1 "\r\nv: " V2 "\r\n" L "\r\n",
	 {{REPLACE_TOP, SIP_H_VIA, "", "new", 0, 0}},
	 "Via: new\r\nv: " V2 "\r\n" L "\r\n"},
	{"replace_top: others as written",
	 "v: " V1 " ,\r\n " V2 "\r\n" L "\r\n",
	 {{REPLACE_TOP, SIP_H_VIA, "", " new ", 0, 0}},
	 "v: new,\r\n " V2 "\r\n" L "\r\n"},
	{"replace_top: by nothing",
	 "v: " V1 ", " V2 "\r\n" L "\r\n",
	 {{REPLACE_TOP, SIP_H_VIA, "", "", 0, 0}},
	 "v: , " V2 "\r\n" L "\r\n"},
	{"replace_top: absent",
	 L "\r\n",
	 {{REPLACE_TOP, SIP_H_VIA, "", "new", 0, MG_ENOENT}},
	 L "\r\n"},
	{"replace_top: malformed",
	 "Via: ,\r\n" L "\r\n",
	 {{REPLACE_TOP, SIP_H_VIA, "", "new", 0, MG_EPARSE}},
	 "Via: ,\r\n" L "\r\n"},
	{"push, then pop",
	 "v: " V1 "\r\n" L "\r\n",
	 {{PREPEND, SIP_H_VIA, "", V2, 0, 0}, {POP, SIP_H_VIA, "", "", 0, 0}},
	 "v: " V1 "\r\n" L "\r\n"},
};

static void first_values_of_lists(void **state)
{
	(void)state;
	run_rows(tops, sizeof(tops) / sizeof(tops[0]));
}

static const struct row lengths[] = {
	{"right, however spelled",
	 "a: 1\r\nl:   003 \r\nb: 2\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 "a: 1\r\nl:   003 \r\nb: 2\r\n\r\nabc"},
	{"right, folded, beside an edit",
	 "CONTENT-length :\r\n 3\r\na: 1\r\n\r\nabc",
	 {{REMOVE, 0, "", "", 1, 0}},
	 "CONTENT-length :\r\n 3\r\n\r\nabc"},
	{"absent: last of all",
	 "a: 1\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 "a: 1\r\n" OWN(3) "\r\nabc"},
	{"absent, no line at all", "\r\nabc", {{END, 0, 0, 0, 0, 0}}, OWN(3) "\r\nabc"},
	{"beyond the datagram",
	 "a: 1\r\nl: 4\r\nb: 2\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 "a: 1\r\n" OWN(3) "b: 2\r\n\r\nabc"},
	{"less than the datagram: the tail is none of ours",
	 "l: 2\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 "l: 2\r\n\r\nab"},
	{"twice, equal: the first place",
	 "l: 3\r\na: 1\r\nl: 3\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 OWN(3) "a: 1\r\n\r\nabc"},
	{"three times, different",
	 "a: 1\r\nl: 3\r\nContent-Length: 4\r\nl: 5\r\nb: 2\r\n\r\nabc",
	 {{END, 0, 0, 0, 0, 0}},
	 "a: 1\r\n" OWN(3) "b: 2\r\n\r\nabc"},
	{"not a number", "l: +3\r\n\r\nabc", {{END, 0, 0, 0, 0, 0}}, OWN(3) "\r\nabc"},
	{"empty", "l:\r\n\r\nabc", {{END, 0, 0, 0, 0, 0}}, OWN(3) "\r\nabc"},
	{"seven digits", "l: 0000003\r\n\r\nabc", {{END, 0, 0, 0, 0, 0}}, OWN(3) "\r\nabc"},
	{"seven digits by an edit",
	 "l: 3\r\n\r\nabc",
	 {{REPLACE, 0, "", "0000003", 0, 0}},
	 OWN(3) "\r\nabc"},
	{"a new body",
	 "a: 1\r\nl: 3\r\nb: 2\r\n\r\nabc",
	 {{BODY, 0, "", "four", 0, 0}},
	 "a: 1\r\n" OWN(4) "b: 2\r\n\r\nfour"},
	{"a new body of the same length",
	 "l:   03\r\n\r\nabc",
	 {{BODY, 0, "", "xyz", 0, 0}},
	 "l:   03\r\n\r\nxyz"},
	{"a body taken away", "l: 3\r\n\r\nabc", {{BODY, 0, "", "", 0, 0}}, OWN(0) "\r\n"},
	{"a body given", "l: 0\r\n\r\n", {{BODY, 0, "", "abc", 0, 0}}, OWN(3) "\r\nabc"},
	{"removed by an edit",
	 "l: 3\r\na: 1\r\n\r\nabc",
	 {{REMOVE, 0, "", "", 0, 0}},
	 "a: 1\r\n" OWN(3) "\r\nabc"},
	{"a second by an edit",
	 "l: 3\r\na: 1\r\n\r\nabc",
	 {{APPEND, SIP_H_OTHER, "Content-Length", "3", 0, 0}},
	 OWN(3) "a: 1\r\n\r\nabc"},
	{"removed, two by edits",
	 "l: 3\r\na: 1\r\n\r\nabc",
	 {{REMOVE, 0, "", "", 0, 0},
	  {APPEND, SIP_H_CONTENT_LENGTH, "", "3", 0, 0},
	  {PREPEND, SIP_H_OTHER, "l", "0", 0, 0}},
	 "a: 1\r\n" OWN(3) "\r\nabc"},
	{"one by an edit, right",
	 "a: 1\r\n\r\nabc",
	 {{PREPEND, SIP_H_OTHER, "L", " 3 ", 0, 0}},
	 "L: 3\r\na: 1\r\n\r\nabc"},
	{"replaced by a wrong one",
	 "a: 1\r\nl: 3\r\nb: 2\r\n\r\nabc",
	 {{REPLACE, 0, "", "3, 3", 1, 0}},
	 "a: 1\r\n" OWN(3) "b: 2\r\n\r\nabc"},
	{"a body that looks like a message",
	 "l: 31\r\n\r\nBYE sip:a SIP/2.0\r\nl: 5\r\n\r\nhello",
	 {{REMOVE, 0, "", "", 0, 0}},
	 OWN(31) "\r\nBYE sip:a SIP/2.0\r\nl: 5\r\n\r\nhell"},
};

static void one_content_length_leaves(void **state)
{
	(void)state;
	run_rows(lengths, sizeof(lengths) / sizeof(lengths[0]));
}

/* ---- the start line ---- */

static void request_uris(void **state)
{
	static const struct {
		struct sv uri;
		int err;
		const char *name;
	} rows[] = {
		{SV_INIT("sip:new@192.0.2.9;lr"), 0, "a URI"},
		{SV_INIT("tel:+1"), 0, "tel"},
		{SV_INIT("sip:caf\xc3\xa9@x"), 0, "UTF-8 stays in its place"},
		{SV_INIT(""), MG_EINVAL, "empty"},
		{{NULL, 0}, MG_EINVAL, "nothing"},
		{SV_INIT("sip:a b"), MG_EINVAL, "space"},
		{SV_INIT("sip:a\tb"), MG_EINVAL, "tab"},
		{SV_INIT("sip:a\r\nVia: x"), MG_EINVAL, "CRLF"},
		{SV_INIT("sip:a\n"), MG_EINVAL, "LF"},
		{SV_INIT("sip:a\0b"), MG_EINVAL, "NUL"},
		{SV_INIT("sip:a\x7f"), MG_EINVAL, "DEL"},
	};
	unsigned bad = 0;
	char want[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_text("FOO sip:old sip/2.0\r\na: 1\r\n" L "\r\n");
		int err = sip_view_set_uri(&t.view, rows[i].uri);
		if (err != rows[i].err)
			row_differs(&bad, rows[i].name, mg_err_name(err), mg_err_name(rows[i].err));
		snprintf(want, sizeof(want), "%.200s", t.in.p);
		if (!err)
			snprintf(want, sizeof(want), "FOO %.*s SIP/2.0\r\na: 1\r\n" L "\r\n",
				 SV_ARG(rows[i].uri));
		if (strcmp(leaves(&t.view), want) != 0)
			row_differs(&bad, rows[i].name, t.out.p, want);
	}
	assert_int_equal(bad, 0);
	open_text("%s", M_STATUS L "\r\n");
	assert_int_equal(sip_view_set_uri(&t.view, SV("sip:a")), MG_EINVAL);
	assert_string_equal(leaves(&t.view), M_STATUS L "\r\n");
}

static void status_lines(void **state)
{
	static const struct {
		unsigned status;
		struct sv reason;
		int err;
		const char *want;
	} rows[] = {
		{100, SV_INIT("Trying"), 0, "SIP/2.0 100 Trying\r\n"},
		{699, SV_INIT("No"), 0, "SIP/2.0 699 No\r\n"},
		{486, {NULL, 0}, 0, "SIP/2.0 486 \r\n"},
		{200, SV_INIT("%s%n\tcaf\xc3\xa9"), 0, "SIP/2.0 200 %s%n\tcaf\xc3\xa9\r\n"},
		{99, SV_INIT("No"), MG_EINVAL, M_STATUS},
		{700, SV_INIT("No"), MG_EINVAL, M_STATUS},
		{200, SV_INIT("OK\r\nVia: x"), MG_EINVAL, M_STATUS},
		{200, SV_INIT("OK\nVia: x"), MG_EINVAL, M_STATUS},
		{200, SV_INIT("O\0K"), MG_EINVAL, M_STATUS},
	};
	unsigned bad = 0;
	char want[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_text("%s", M_STATUS L "\r\n");
		int err = sip_view_set_status(&t.view, rows[i].status, rows[i].reason);
		if (err != rows[i].err)
			row_differs(&bad, rows[i].want, mg_err_name(err), mg_err_name(rows[i].err));
		snprintf(want, sizeof(want), "%s" L "\r\n", rows[i].want);
		if (strcmp(leaves(&t.view), want) != 0)
			row_differs(&bad, rows[i].want, t.out.p, want);
	}
	assert_int_equal(bad, 0);
	open_text("%s", M_START L "\r\n");
	assert_int_equal(sip_view_set_status(&t.view, 200, SV("OK")), MG_EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_lines_go),
		cmocka_unit_test(first_values_of_lists),
		cmocka_unit_test(one_content_length_leaves),
		cmocka_unit_test(request_uris),
		cmocka_unit_test(status_lines),
	};

	return cmocka_run_group_tests(tests, NULL, close_text);
}
