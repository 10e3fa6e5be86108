/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of remote.c: calls of strangers, and where each side may send in them afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

#define LINES_MAX 4096

/* The values of Record-Route in what was sent last, the last one first when `reverse`, as a Route line. */
static const char *routes(bool reverse)
{
	static char out[LINES_MAX];
	char values[8][512], *save = NULL, text[SENT_BYTES];
	unsigned n = 0;

	snprintf(text, sizeof(text), "%s", world.tp.last);
	for (char *line = strtok_r(text, "\r\n", &save); line && n < 8;
	     line = strtok_r(NULL, "\r\n", &save)) {
		char *more = NULL;
		if (strncmp(line, "Record-Route: ", 14) != 0)
			continue;
		for (char *v = strtok_r(line + 14, ",", &more); v && n < 8;
		     v = strtok_r(NULL, ",", &more))
			snprintf(values[n++], sizeof(values[0]), "%s", v);
	}
	size_t at = 0;
	out[0] = 0;
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "Route: %s\r\n",
				       values[reverse ? n - 1 - i : i]);
	return out;
}

/* Whether a request in the dialog may go without asking: it is in it at all, and leads to the remote target. */
static bool may(const char *uri, const char *route, bool caller)
{
	static struct sip_view view;
	struct arena arena;
	struct route_in in;
	char text[8192];

	snprintf(text, sizeof(text),
		 "MESSAGE %s SIP/2.0\r\n" VIA_1
		 "From: <sip:x@x>;tag=%s\r\nTo: <sip:y@y>;tag=%s\r\nCall-ID: c1@x\r\n"
		 "CSeq: 9 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
		 uri, caller ? "f1" : "t1", caller ? "t1" : "f1", route);
	struct tp_kept *kept = arrive(sv_str(text));
	assert_non_null(kept);
	arena_init(&arena, 2048, 1048576);
	sip_view_init(&view, kept->msg, &arena);
	assert_int_equal(route_preprocess(world.route, &view, &in), 0);
	if (!in.in_dialog || in.from_caller != caller)
		fail_msg("not in the dialog: %s", text);
	bool yes = route_to_remote(world.route, &view, &in);
	arena_done(&arena);
	tp_kept_free(kept);
	return yes;
}

struct row {
	const char *name, *request, *told, *answered;
	const char *caller, *callee; /* remote targets that they named */
	bool known;
};

#define CONTACT "Contact: <sip:a@192.0.2.1:5060;ob>;expires=3\r\n"
#define A       "sip:a@192.0.2.1:5060"
#define B       "sip:b@10.0.0.1:5080"
#define OK      "0:200=<" B ">"

static const struct row rows[] = {
	{"one listener", REQUEST("INVITE", "sip:b@10.0.0.1", CONTACT), "+ go", OK, A, B, false},
	{"one that rings", REQUEST("INVITE", "sip:b@10.0.0.1", CONTACT), "+ go",
	 "0:183=<" B ";x=1>", A, B, false},
	{"a Contact with a name",
	 REQUEST("INVITE", "sip:b@10.0.0.1", "Contact: \"a<b>\" <" A ">\r\n"), "+ go",
	 "0:200=Bob<" B ">;q=1", A, B, false},
	{"bare ones", REQUEST("INVITE", "sip:b@10.0.0.1", "Contact: " A ";x\r\n"), "+ go",
	 "0:200=" B, A, B, false},
	{"SUBSCRIBE", REQUEST("SUBSCRIBE", "sip:b@10.0.0.1", CONTACT), "+ go", OK, A, B, false},
	{"from UDP to TCP: two Record-Routes",
	 REQUEST("INVITE", "sip:b@10.0.0.1;transport=tcp", CONTACT), "+ go", OK, A, B, false},
	{"to another zone", REQUEST("INVITE", "sip:b@10.0.0.1", CONTACT), "+,z1 go", OK, A, B,
	 false},
	{"proxies before us",
	 REQUEST("INVITE", "sip:b@10.0.0.1",
		 CONTACT "Record-Route: <sip:p1;lr>, <sip:t@p0:5099;lr;x=y>\r\n"),
	 "+ go", OK, A, B, false},
	{"no Contact of the callee's", REQUEST("INVITE", "sip:b@10.0.0.1", CONTACT), "+ go",
	 "0:200", A, NULL, false},
	{"no Contact of the caller's", REQUEST("INVITE", "sip:b@10.0.0.1", ""), "+ go", OK, NULL, B,
	 false},
	{"a known caller, whom nothing binds", REQUEST("INVITE", "sip:b@10.0.0.1", CONTACT), "+ go",
	 OK, A, NULL, true},
};

static void check(const struct row *row, const char *route, bool caller)
{
	const char *remote = caller ? row->callee : row->caller;
	char more[LINES_MAX + 64];

	static const char *const others[] = {
		"sip:b@10.0.0.1",       "sip:b@10.0.0.1:5081",
		"sip:c@10.0.0.1:5080",  A "1",
		"sips:b@10.0.0.1:5080", "tel:+1",
		"sip:+900@v",           "sip:v;x=@10.0.0.1:5080",
		B ";maddr=10.9.9.9",    "sip:v",
		A ";maddr=10.9.9.9",    "sip:b;c@10.0.0.1:5080",
	};
	if (remote && !may(remote, route, caller))
		fail_msg("%s: the %s may not send", row->name, caller ? "caller" : "callee");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (may(others[i], route, caller))
			fail_msg("%s: the %s may send to %s", row->name,
				 caller ? "caller" : "callee", others[i]);
	if (!remote) {
		assert_false(may(A, route, caller) || may(B, route, caller));
		return;
	}
	/* Nor by somebody else, once or twice. */
	snprintf(more, sizeof(more), "%sRoute: <sip:v;lr>\r\n", route);
	if (may(remote, more, caller))
		fail_msg("%s: %s", row->name, more);
	snprintf(more, sizeof(more), "%sRoute: <sip:v;lr>, <sip:v;lr>\r\n", route);
	if (may(remote, more, caller))
		fail_msg("%s: %s", row->name, more);
	assert_true(strlen(remote) > 0);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		world_begin();
		assert_int_equal(tell_begin(row->request), 0);
		story.call->ctx->in.stranger = !row->known;
		tell(row->told);
		check(row, routes(false), false);
		tell(row->answered);
		const char *route = strstr(
			routes(true), "Route: <sip:m"); /* those before us have taken theirs off */
		assert_non_null(route);
		check(row, route, true);
		if (story.call)
			tell("abandon");
		check_over();
		world_end();
	}
}

/* With a proxy behind us, whose Record-Route lies on top of ours. */
static void test_behind(void **state)
{
	static const struct token plain = {.zone = 100};
	static const char *const cases[] = {
		/* $: a token of ours */
		"<sip:q;lr>,<sip:p;lr>,<sip:$@192.0.2.10;lr>",
		"<sip:q;lr>,<sip:p;lr>,<sip:$@192.0.2.10;lr>,<sip:o;lr>",
		"<sip:$@192.0.2.10;lr>,<sip:p;lr>,<sip:$@192.0.2.10;lr>", /* through us twice */
		"<sip:p;lr>, <sip:$@192.0.2.10;transport=tcp;lr>,<sip:$@192.0.2.10;lr>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[LINES_MAX], user[TOKEN_MAX], lines[2048] = "", own[256], way[1024] = "";
		struct sip_view view;
		struct arena arena;

		world_begin();
		size_t n = token_mint(&world_keys, &plain, SV("c1@x"), SV("f1"), user);
		for (const char *p = cases[i]; *p; p++) {
			size_t at = strlen(lines);
			snprintf(lines + at, sizeof(lines) - at, "%.*s", *p == '$' ? (int)n : 1,
				 *p == '$' ? user : p);
		}
		snprintf(text, sizeof(text),
			 "SIP/2.0 200 OK\r\n" VIA_1
			 "From: <sip:a@x>;tag=f1\r\nTo: <sip:b@y>;tag=t1\r\n"
			 "Call-ID: c1@x\r\nCSeq: 7 INVITE\r\nContact: <" B
			 ">\r\nRecord-Route: %s\r\n"
			 "Content-Length: 0\r\n\r\n",
			 lines);
		struct tp_kept *kept = arrive(sv_str(text));
		assert_non_null(kept);
		arena_init(&arena, 2048, 1048576);
		sip_view_init(&view, kept->msg, &arena);
		assert_int_equal(remote_of_callee(world.route, &view), 0);
		/* Twice changes nothing. */
		uint16_t written = view.written;
		assert_true(written > 0);
		assert_int_equal(remote_of_callee(world.route, &view), 0);
		assert_int_equal(view.written, written);
		struct sv value = sip_view_value(&view, sip_view_first(&view, SIP_H_RECORD_ROUTE));
		snprintf(world.tp.last, sizeof(world.tp.last), "Record-Route: %.*s\r\n",
			 SV_ARG(value));
		const char *route = strstr(
			routes(true), "Route: <sip:m"); /* those before us have taken theirs off */
		assert_non_null(route);
		assert_true(may(B, route, true));
		/* Leaving the others out, or others for them. */
		snprintf(own, sizeof(own), "%.*s", (int)strcspn(route, "\n") + 1, route);
		assert_false(may(B, own, true));
		snprintf(way, sizeof(way), "%sRoute: <sip:p;lr>,<sip:v;lr>\r\n", own);
		assert_false(may(B, way, true));
		assert_false(may("sip:v", route, true));
		arena_done(&arena);
		tp_kept_free(kept);
		world_end();
	}
}

/* A 2xx of another fork, when all is over. */
static void test_late(void **state)
{
	(void)state;
	world_begin();
	assert_int_equal(tell_begin(rows[0].request), 0);
	story.call->ctx->in.stranger = true;
	tell("+sip:b@10.0.0.1 +sip:c@10.0.0.3 go " OK " 1:200=<sip:c@10.0.0.3:7>");
	assert_true(may("sip:c@10.0.0.3:7", routes(true), true));
	assert_false(may(B, routes(true), true));
	check_over();
	world_end();
}

/* Without memory some tokens say nothing; the answer goes back all the same. */
static void test_memory(void **state)
{
	(void)state;
	for (size_t max = 0; max < 4000; max += 64) {
		struct sip_view view;
		struct arena arena;

		world_begin();
		assert_int_equal(tell_begin(rows[0].request), 0);
		tell("+ go " OK);
		struct tp_kept *kept = arrive(sv_of(world.tp.last, world.tp.last_n));
		assert_non_null(kept);
		arena_init(&arena, 256, max);
		sip_view_init(&view, kept->msg, &arena);
		int err = remote_of_callee(world.route, &view);
		assert_true(err == 0 || err == MG_ENOMEM);
		arena_done(&arena);
		tp_kept_free(kept);
		check_over();
		world_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
