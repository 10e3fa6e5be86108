/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of preprocess.c: Routes as they come, and what is left of them; requests that come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

/* In what a row says: $ a token of this dialog for zone 2, % one of another dialog, & one of this dialog with flows (1 of the caller, 2 of the callee). */
static const char *with_tokens(const char *text)
{
	static char out[4096];
	static const struct token plain = {.zone = 102},
				  flows = {.zone = 101, .caller_flow = 1, .callee_flow = 2};
	size_t n = 0;

	for (; *text && n < sizeof(out) - TOKEN_MAX - 1; text++) {
		struct sv call = *text == '%' ? SV("c2@x") : SV("c1@x");
		if (strchr("$%&", *text))
			n += token_mint(&world_keys, *text == '&' ? &flows : &plain, call, SV("f1"),
					out + n);
		else
			out[n++] = *text;
	}
	out[n] = 0;
	return out;
}

struct row {
	const char *name, *uri, *routes;
	const char *uri_left, *routes_left; /* values by "|" */
	const char *
		marks; /* d in a dialog, c from its caller, p preloaded, b bad token, r routed, u to us */
	int status;
	unsigned zone, flow;
	bool callee, no_tag;
};

#define ANY TP_ANY_ZONE

static const struct row rows[] = {
	{"nothing", "sip:b@y", "", "sip:b@y", "", "", 0, ANY, 0, false, false},
	{"us", "sip:192.0.2.10", "", "sip:192.0.2.10", "", "u", 0, ANY, 0, false, false},
	{"us, written otherwise", "SIP:[2001:DB8:0::10]:5060;transport=TCP", "",
	 "SIP:[2001:DB8:0::10]:5060;transport=TCP", "", "u", 0, ANY, 0, false, false},
	{"another port of ours", "sip:192.0.2.10:5099", "", "sip:192.0.2.10:5099", "", "", 0, ANY,
	 0, false, false},
	{"a port of another transport", "sip:192.0.2.10:5061;transport=tls", "",
	 "sip:192.0.2.10:5061;transport=tls", "", "u", 0, ANY, 0, false, false},
	{"our name", "sip:b@EDGE.example.net", "", "sip:b@EDGE.example.net", "", "u", 0, ANY, 0,
	 false, false},
	{"a phone's outbound proxy", "sip:b@y", "<sip:192.0.2.10;lr>", "sip:b@y", "", "", 0, ANY, 0,
	 false, false},
	{"Route to others", "sip:b@y", "<sip:v.example;lr>", "sip:b@y", "<sip:v.example;lr>", "pr",
	 0, ANY, 0, false, false},
	{"us and a victim", "sip:b@y", "<sip:192.0.2.10;lr>,<sip:v.example;lr>", "sip:b@y",
	 "<sip:v.example;lr>", "pr", 0, ANY, 0, false, false},
	{"us and a victim without lr", "sip:b@y", "<sip:192.0.2.10>|<sip:v.example>", "sip:b@y",
	 "<sip:v.example>", "pr", 0, ANY, 0, false, false},
	{"us in the user part of a victim", "sip:b@y", "<sip:192.0.2.10@v.example;lr>", "sip:b@y",
	 "<sip:192.0.2.10@v.example;lr>", "pr", 0, ANY, 0, false, false},
	{"us in maddr of a victim", "sip:b@y", "<sip:v.example;maddr=192.0.2.10;lr>,<sip:w;lr>",
	 "sip:b@y", "<sip:w;lr>", "pr", 0, ANY, 0, false, false},
	{"a victim in our maddr", "sip:b@y", "<sip:192.0.2.10;maddr=10.9.9.9;lr>", "sip:b@y",
	 "<sip:192.0.2.10;maddr=10.9.9.9;lr>", "pr", 0, ANY, 0, false, false},
	{"a token", "sip:b@y", "<sip:$@192.0.2.10;lr>", "sip:b@y", "", "dc", 0, 2, 0, false, false},
	{"from the callee", "sip:b@y", "<sip:$@192.0.2.10;lr>", "sip:b@y", "", "d", 0, 2, 0, true,
	 false},
	{"flows, caller", "sip:b@y", "<sip:&@192.0.2.10;lr>", "sip:b@y", "", "dc", 0, 1, 2, false,
	 false},
	{"flows, callee", "sip:b@y", "<sip:&@192.0.2.10;lr>", "sip:b@y", "", "d", 0, 1, 1, true,
	 false},
	{"two sides: the one it goes to counts", "sip:b@y",
	 "<sip:&@192.0.2.10;lr>|<sip:$@198.51.100.10:5070;lr>", "sip:b@y", "", "dc", 0, 2, 0, false,
	 false},
	{"a token and more", "sip:b@y",
	 "<sip:$@192.0.2.10;lr>,<sip:p.example;lr> , <sip:q.example>", "sip:b@y",
	 "<sip:p.example;lr> , <sip:q.example>", "dcr", 0, 2, 0, false, false},
	{"a token of another dialog", "sip:b@y", "<sip:%@192.0.2.10;lr>", "sip:b@y", "", "b", 481,
	 ANY, 0, false, false},
	{"of another dialog, from its callee", "sip:b@y", "<sip:%@192.0.2.10;lr>", "sip:b@y", "",
	 "b", 481, ANY, 0, true, false},
	{"of another dialog, and more", "sip:b@y", "<sip:%@192.0.2.10;lr>,<sip:v;lr>", "sip:b@y",
	 "<sip:v;lr>", "bpr", 481, ANY, 0, false, false},
	{"of another dialog, and one that opens", "sip:b@y",
	 "<sip:%@192.0.2.10;lr>,<sip:$@192.0.2.10;lr>", "sip:b@y", "", "dcb", 0, 2, 0, false,
	 false},
	{"of another dialog, in a new request", "sip:b@y", "<sip:%@192.0.2.10;lr>", "sip:b@y", "",
	 "b", 0, ANY, 0, false, true},
	{"a token of ours at a victim's", "sip:b@y", "<sip:$@v.example;lr>", "sip:b@y",
	 "<sip:$@v.example;lr>", "pr", 0, ANY, 0, false, false},
	{"a token, but no To tag: a new request", "sip:b@y", "<sip:$@192.0.2.10;lr>", "sip:b@y", "",
	 "", 0, ANY, 0, false, true},
	{"and more", "sip:b@y", "<sip:$@192.0.2.10;lr>,<sip:v;lr>", "sip:b@y", "<sip:v;lr>", "pr",
	 0, ANY, 0, false, true},
	{"nine of ours", "sip:b@y",
	 "<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,"
	 "<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,<sip:192.0.2.10;lr>,"
	 "<sip:192.0.2.10;lr>",
	 "sip:b@y", "<sip:192.0.2.10;lr>", "pr", 0, ANY, 0, false, false},
	{"a strict router before us", "sip:$@192.0.2.10;lr", "<sip:b@y>", "sip:b@y", "", "dc", 0, 2,
	 0, false, false},
	{"and another behind us", "sip:$@192.0.2.10;lr", "<sip:p;lr>,<sip:b@y>", "sip:b@y",
	 "<sip:p;lr>", "dcr", 0, 2, 0, false, false},
	{"lines of their own", "sip:$@192.0.2.10;lr", "<sip:p;lr>|<sip:q;x=1>|\"B, b\" <sip:b@y>",
	 "sip:b@y", "<sip:p;lr>|<sip:q;x=1>", "dcr", 0, 2, 0, false, false},
	{"on a line with others", "sip:$@192.0.2.10;lr",
	 "<sip:p;lr>|<sip:q;lr> ,\t\"B, b\" <sip:b@y>", "sip:b@y", "<sip:p;lr>|<sip:q;lr>", "dcr",
	 0, 2, 0, false, false},
	{"folded, with others", "sip:$@192.0.2.10;lr",
	 "<sip:p;lr>,\r\n <sip:q;lr> ,\r\n\t<sip:b@y>", "sip:b@y", "<sip:p;lr>,   <sip:q;lr>",
	 "dcr", 0, 2, 0, false, false},
	{"folded behind ours", "sip:b@y", "<sip:$@192.0.2.10;lr>,\r\n <sip:p;lr>,\r\n <sip:q;lr>",
	 "sip:b@y", "<sip:p;lr>,\r\n <sip:q;lr>", "dcr", 0, 2, 0, false, false},
	{"both sides of ours", "sip:&@192.0.2.10;lr", "<sip:$@198.51.100.10:5070;lr>,<sip:b@y>",
	 "sip:b@y", "", "dc", 0, 2, 0, false, false},
	{"headers in what we take from there", "sip:$@192.0.2.10", "<sip:b@y?Route=x>",
	 "sip:$@192.0.2.10", "<sip:b@y?Route=x>", "dc", 400, 2, 0, false, false},
	{"a scheme that is none", "sip:$@192.0.2.10", "<psi:b@y>", "sip:$@192.0.2.10", "<psi:b@y>",
	 "dc", 416, 2, 0, false, false},
	{"no token: not what we sent out", "sip:b@192.0.2.10", "<sip:v>", "sip:b@192.0.2.10",
	 "<sip:v>", "pru", 0, ANY, 0, false, false},
	{"a token of another dialog there", "sip:%@192.0.2.10", "<sip:v>", "sip:%@192.0.2.10",
	 "<sip:v>", "bpr", 481, ANY, 0, false, false},
	{"a token of another dialog there, in a new request", "sip:%@192.0.2.10", "<sip:v>",
	 "sip:%@192.0.2.10", "<sip:v>", "bpru", 0, ANY, 0, false, true},
	{"a token there and no Route", "sip:$@192.0.2.10", "", "sip:$@192.0.2.10", "", "u", 0, ANY,
	 0, false, false},
	{"maddr of ours", "sip:b@y:5060;maddr=192.0.2.10;user=phone;transport=udp;x", "",
	 "sip:b@y;user=phone;x", "", "", 0, ANY, 0, false, false},
	{"maddr alone", "sip:b@y;MADDR=192.0.2.10", "", "sip:b@y", "", "", 0, ANY, 0, false, false},
	{"maddr of others", "sip:b@192.0.2.10;maddr=10.1.1.1", "",
	 "sip:b@192.0.2.10;maddr=10.1.1.1", "", "", 0, ANY, 0, false, false},
	{"maddr of ours at a port of others", "sip:b@y:5099;maddr=192.0.2.10", "",
	 "sip:b@y:5099;maddr=192.0.2.10", "", "", 0, ANY, 0, false, false},
	{"maddr of ours by IPv6", "sip:b@y;maddr=[2001:db8::10]", "", "sip:b@y", "", "", 0, ANY, 0,
	 false, false},
	{"tel", "tel:+1234", "<sip:192.0.2.10;lr>", "tel:+1234", "", "", 0, ANY, 0, false, false},
};

static struct sip_view view;
static struct arena arena;
static struct tp_kept *kept;

static void begin(const struct row *row)
{
	char text[8192], lines[4096] = "", *save = NULL, routes[4096];
	const char *self = row->callee ? "t1" : "f1", *other = row->callee ? "f1" : "t1";

	snprintf(routes, sizeof(routes), "%s", with_tokens(row->routes));
	for (char *r = strtok_r(routes, "|", &save); r; r = strtok_r(NULL, "|", &save)) {
		size_t n = strlen(lines);
		snprintf(lines + n, sizeof(lines) - n, "Route: %s\r\n", r);
	}
	snprintf(text, sizeof(text),
		 "INVITE %s SIP/2.0\r\n" VIA_1 "From: <sip:a@x>;tag=%s\r\nTo: <sip:b@y>%s%s\r\n"
		 "Call-ID: c1@x\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n%sContent-Length: "
		 "0\r\n\r\n",
		 with_tokens(row->uri), self, row->no_tag ? "" : ";tag=", row->no_tag ? "" : other,
		 lines);
	world_begin();
	arena_init(&arena, 2048, 1048576);
	kept = arrive(sv_str(text));
	if (!kept)
		fail_msg("%s: not well formed", row->name);
	sip_view_init(&view, kept->msg, &arena);
}

static void end(void)
{
	arena_done(&arena);
	tp_kept_free(kept);
	world_end();
}

static const char *routes_left(void)
{
	static char out[4096];
	size_t n = 0;

	out[0] = 0;
	for (sip_inst i = sip_view_first(&view, SIP_H_ROUTE); i != SIP_NO_INST;
	     i = sip_view_next(&view, i)) {
		struct sv v = sip_view_value(&view, i);
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", n ? "|" : "", SV_ARG(v));
	}
	return out;
}

static const char *marks(const struct route_in *in)
{
	static char out[16];

	snprintf(out, sizeof(out), "%s%s%s%s%s%s", in->in_dialog ? "d" : "",
		 in->from_caller ? "c" : "", in->bad_token ? "b" : "", in->preloaded ? "p" : "",
		 in->routed ? "r" : "", in->to_us ? "u" : "");
	return out;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct route_in in;
		char is[8192], wanted[8192];

		begin(row);
		int status = route_preprocess(world.route, &view, &in);
		snprintf(is, sizeof(is), "%d %.*s %s", status, SV_ARG(sip_view_ruri(&view)),
			 routes_left());
		snprintf(wanted, sizeof(wanted), "%d %s", row->status, with_tokens(row->uri_left));
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), " %s",
			 with_tokens(row->routes_left));
		if (strcmp(is, wanted) != 0 || strcmp(marks(&in), row->marks) != 0 ||
		    in.zone != row->zone || in.flow != row->flow)
			fail_msg("%s:\n  is     %s %s %u %u\n  wanted %s %s %u %u", row->name, is,
				 marks(&in), in.zone, (unsigned)in.flow, wanted, row->marks,
				 row->zone, row->flow);
		end();
	}
}

/* Without memory it is refused, or done as a whole. */
static void test_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t max = 0; max < 6000; max += 96) {
			struct route_in in;

			begin(&rows[i]);
			arena_init(&arena, 256, max);
			int status = route_preprocess(world.route, &view, &in);
			assert_true(status == 0 || status == 400 || status == 416 ||
				    status == 481 || status == 500);
			end();
		}
}

/* ---- loops ---- */

static uint64_t hash_of(const char *text, bool *looped)
{
	uint64_t hash;

	kept = arrive(sv_str(text));
	assert_non_null(kept);
	*looped = route_looped(world.route, kept->msg, &hash);
	tp_kept_free(kept);
	return hash;
}

#define COMES(start, more) \
	start " SIP/2.0\r\n" more VIA_1 HEAD_1 "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"

static void test_loops(void **state)
{
	/* Something that decides where it goes has changed: a spiral. */
	static const char *const spirals[] = {
		COMES("INVITE sip:c@y", ""),
		COMES("INVITE sip:b@y", "Route: <sip:p;lr>\r\n"),
		COMES("INVITE sip:b@y", "Proxy-Require: foo\r\n"),
		COMES("INVITE sip:b@y", "Proxy-Authorization: Digest username=\"a\"\r\n"),
		"INVITE sip:b@y SIP/2.0\r\n" VIA_1 HEAD_1
		"CSeq: 8 INVITE\r\nContent-Length: 0\r\n\r\n",
		"INVITE sip:b@y SIP/2.0\r\n" VIA_1
		"From: <sip:a@x>;tag=f1\r\nTo: <sip:b@y>;tag=2\r\nCall-ID: c1@x\r\nCSeq: 7 "
		"INVITE\r\nContent-Length: 0\r\n\r\n",
		"INVITE sip:b@y SIP/2.0\r\n" VIA_1
		"From: <sip:a@x>;tag=f2\r\nTo: <sip:b@y>\r\nCall-ID: c1@x\r\nCSeq: 7 "
		"INVITE\r\nContent-Length: 0\r\n\r\n",
	};
	char text[2048], branch[TXN_BRANCH_MAX];
	bool looped;

	(void)state;
	world_begin();
	uint64_t first = hash_of(COMES("INVITE sip:b@y", ""), &looped);
	assert_false(looped);
	int n = txn_branch(NULL, first, branch);
	/* Vias and Max-Forwards say nothing. */
	snprintf(text, sizeof(text),
		 COMES("INVITE sip:b@y", "Max-Forwards: 3\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1, "
					 "SIP/2.0/UDP 192.0.2.10;branch=%.*s;received=1.2.3.4\r\n"),
		 n, branch);
	assert_true(hash_of(text, &looped) == first);
	assert_true(looped);
	assert_int_equal(stat(ROUTE_STAT_LOOPS), 1);
	for (size_t i = 0; i < sizeof(spirals) / sizeof(spirals[0]); i++) {
		assert_true(hash_of(spirals[i], &looped) != first);
		assert_false(looped);
	}
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
