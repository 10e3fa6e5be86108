/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of answer.c: marks on Via, To tags, answers without a transaction and their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/test_story.h"

static struct sip_view view;
static struct arena arena;
static struct tp_kept *kept;

static void begin(const char *text)
{
	world_begin();
	arena_init(&arena, 2048, 1048576);
	kept = arrive(sv_str(text));
	assert_non_null(kept);
	sip_view_init(&view, kept->msg, &arena);
}

static void end(void)
{
	arena_done(&arena);
	tp_kept_free(kept);
	world_end();
}

static const char *with_via(const char *via)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 "OPTIONS sip:b@y SIP/2.0\r\nVia: %s\r\n" HEAD_1
		 "CSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		 via);
	return text;
}

static const struct {
	const char *name, *via, *marked, *peer;
} marks[] = {
	{"where it says", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
	 "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa", NULL},
	{"at another port", "SIP/2.0/UDP 192.0.2.1:5999;branch=z9hG4bKa",
	 "SIP/2.0/UDP 192.0.2.1:5999;branch=z9hG4bKa", NULL},
	{"by name", "SIP/2.0/UDP a.example;branch=z9hG4bKa",
	 "SIP/2.0/UDP a.example;branch=z9hG4bKa;received=192.0.2.1", NULL},
	{"at another address", "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa",
	 "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;received=192.0.2.1", NULL},
	{"rport", "SIP/2.0/UDP 10.1.1.1;rport;branch=z9hG4bKa",
	 "SIP/2.0/UDP 10.1.1.1;rport=5060;branch=z9hG4bKa;received=192.0.2.1", NULL},
	{"rport without a value", "SIP/2.0/UDP 10.1.1.1;rport=;branch=z9hG4bKa",
	 "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;rport=5060;received=192.0.2.1", NULL},
	{"rport where it says", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport;x=\"a;b\"",
	 "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport=5060;x=\"a;b\";received=192.0.2.1", NULL},
	{"who fills it in", "SIP/2.0/UDP 10.1.1.1;received=10.9.9.9;rport=99;branch=z9hG4bKa",
	 "SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKa;rport=5060;received=192.0.2.1", NULL},
	{"who fills it in and is there", "SIP/2.0/UDP 192.0.2.1;received=10.9.9.9;branch=z9hG4bKa",
	 "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", NULL},
	{"others below", "SIP/2.0/UDP a.example;branch=z9hG4bKa, SIP/2.0/UDP b.example;rport",
	 "SIP/2.0/UDP a.example;branch=z9hG4bKa;received=192.0.2.1, SIP/2.0/UDP b.example;rport",
	 NULL},
	{"IPv6", "SIP/2.0/UDP [2001:db8::7];branch=z9hG4bKa;rport",
	 "SIP/2.0/UDP [2001:db8::7];branch=z9hG4bKa;rport=7000;received=2001:db8::1",
	 "[2001:db8::1]:7000"},
	{"IPv6 where it says", "SIP/2.0/UDP [2001:DB8:0::1];branch=z9hG4bKa",
	 "SIP/2.0/UDP [2001:DB8:0::1];branch=z9hG4bKa", "[2001:db8::1]:7000"},
	{"folded", "SIP/2.0/UDP\r\n a.example;branch=z9hG4bKa;\r\n\tx=y",
	 "SIP/2.0/UDP   a.example;branch=z9hG4bKa;  \tx=y;received=192.0.2.1", NULL},
	{"no branch", "SIP/2.0/UDP a.example", "SIP/2.0/UDP a.example;received=192.0.2.1", NULL},
	{"space", "SIP / 2.0 / UDP  a.example ; branch = z9hG4bKa ; rport",
	 "SIP / 2.0 / UDP  a.example ; branch = z9hG4bKa ; rport=5060;received=192.0.2.1", NULL},
};

static void test_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		begin(with_via(marks[i].via));
		if (marks[i].peer)
			story.flow.peer = address(marks[i].peer);
		assert_int_equal(route_mark_via(&view, &story.flow), 0);
		struct sv is = sip_view_value(&view, sip_view_first(&view, SIP_H_VIA));
		if (!sv_eq(is, sv_str(marks[i].marked)))
			fail_msg("%s: %.*s", marks[i].name, SV_ARG(is));
		end();
	}
	static char via[3000];
	int n = snprintf(via, sizeof(via), "SIP/2.0/UDP a.example;branch=z9hG4bKa;x=");
	memset(via + n, 'x', sizeof(via) - (size_t)n - 1);
	begin(with_via(via));
	assert_int_equal(route_mark_via(&view, &story.flow), MG_ENOSPC);
	end();
}

/* The same for a retransmission, another for another request. */
static void test_tags(void **state)
{
	static const char *const others[] = {
		"OPTIONS sip:b@y SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bKc2\r\n" HEAD_1
		"CSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		"OPTIONS sip:b@y SIP/2.0\r\n" VIA_1 HEAD_1
		"CSeq: 8 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		"OPTIONS sip:b@y SIP/2.0\r\n" VIA_1
		"From: <sip:a@x>;tag=f2\r\nTo: <sip:b@y>\r\nCall-ID: c1@x\r\n"
		"CSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		"OPTIONS sip:b@y SIP/2.0\r\n" VIA_1
		"From: <sip:a@x>;tag=f1\r\nTo: <sip:b@y>\r\nCall-ID: c2@x\r\n"
		"CSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n",
	};
	char tag[ROUTE_TAG_MAX], again[ROUTE_TAG_MAX], text[1024];

	(void)state;
	begin(INVITE);
	assert_int_equal(route_to_tag(world.route, kept->msg, tag), ROUTE_TAG_MAX);
	route_to_tag(world.route, kept->msg, again);
	assert_memory_equal(tag, again, sizeof(tag));
	end();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin(others[i]);
		route_to_tag(world.route, kept->msg, again);
		assert_memory_not_equal(tag, again, sizeof(tag));
		end();
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(text, sizeof(text),
			 "ACK sip:b@y.example SIP/2.0\r\n" VIA_1
			 "From: <sip:a@x.example>;tag=f1\r\nTo: <sip:b@y.example>%s%.*s\r\n"
			 "Call-ID: c1@x\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n",
			 i == 0   ? ";tag="
			 : i == 1 ? ";tag=x"
				  : "",
			 i == 2 ? 0 : ROUTE_TAG_MAX, tag);
		begin(text);
		assert_int_equal(route_own_ack(world.route, kept->msg), i == 0);
		end();
	}
}

#define STATUS_404                                                             \
	"SIP/2.0 404 Not Found\r\n" VIA_1 "From: <sip:a@x.example>;tag=f1\r\n" \
	"To: <sip:b@y.example>;tag="

static void test_answers(void **state)
{
	struct sip_extra extra = {.id = SIP_H_ALLOW,
				  .value = SV("INVITE, ACK, CANCEL, OPTIONS, BYE")};
	struct sip_response r = {.status = 404, .extra = &extra, .extras = 1};
	int user;

	(void)state;
	begin(INVITE);
	story.call = (struct call *)&user; /* what reply() is given */
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, NULL, 0), 0);
	assert_string_equal(notes(), "SIP/2.0>192.0.2.1:5060/udp");
	assert_memory_equal(world.tp.last, STATUS_404, sizeof(STATUS_404) - 1);
	assert_non_null(strstr(world.tp.last, "\r\nAllow: INVITE, ACK"));
	size_t whole = world.tp.last_n;
	/* T-10: what it can do without goes first. */
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, NULL, whole), 0);
	assert_int_equal(world.tp.last_n, whole);
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, NULL, whole - 1), 0);
	assert_null(strstr(world.tp.last, "Allow"));
	size_t least = world.tp.last_n - strlen("Not Found") + 1; /* behind it the phrase */
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, &user, least), 0);
	assert_int_equal(world.tp.last_n, least);
	(void)notes();
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, &user, least - 1),
			 MG_ELIMIT);
	assert_string_equal(notes(), "");
	assert_int_equal(stat(ROUTE_STAT_ANSWERS_LARGE), 1);
	assert_int_equal(stat(ROUTE_STAT_ANSWERS), 4);
	/* Hooks keep it back, unless there are none, or it is nobody's. */
	story.habits.mute = 404;
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, &user, 0), MG_EAUTH);
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, NULL, 0), 0);
	story.habits.no_replies = true;
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, &user, 0), 0);
	/* Text that would break out is refused. */
	r.reason = SV("Not\r\nFound: 1");
	assert_int_equal(route_answer(world.route, &view, &story.flow, &r, NULL, 0), MG_EINVAL);
	story.call = NULL;
	end();
}

/* T-10: what the status demands stays as long as there is an answer at all; the phrase goes before it. */
static void test_short_answers(void **state)
{
	static const struct sip_extra contacts[] = {
		{.id = SIP_H_CONTACT, .value = SV_INIT("<sip:one@x>")},
		{.id = SIP_H_SUBJECT, .value = SV_INIT("gone")},
		{.id = SIP_H_CONTACT, .value = SV_INIT("<sip:two@x>")},
	};
	static const struct {
		unsigned status;
		enum sip_hid id;
		const char *line; /* that stays */
	} rows[] = {
		{401, SIP_H_WWW_AUTHENTICATE, "\r\nWWW-Authenticate: value\r\n"},
		{405, SIP_H_ALLOW, "\r\nAllow: value\r\n"},
		{407, SIP_H_PROXY_AUTHENTICATE, "\r\nProxy-Authenticate: value\r\n"},
		{415, SIP_H_ACCEPT, "\r\nAccept: value\r\n"},
		{420, SIP_H_UNSUPPORTED, "\r\nUnsupported: value\r\n"},
		{421, SIP_H_REQUIRE, "\r\nRequire: value\r\n"},
		{423, SIP_H_MIN_EXPIRES, "\r\nMin-Expires: value\r\n"},
		{489, SIP_H_ALLOW_EVENTS, "\r\nAllow-Events: value\r\n"},
		{302, SIP_H_CONTACT, "\r\nContact: value\r\n"},
		{501, SIP_H_ALLOW, NULL},
	};

	(void)state;
	begin(INVITE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct sip_extra extra[] = {
			{.id = SIP_H_SUBJECT, .value = SV("before")},
			{.id = rows[i].id, .value = SV("value")},
			{.id = SIP_H_CONTENT_TYPE, .value = SV("text/plain")},
			{.id = SIP_H_OTHER, .name = SV("X-Last"), .value = SV("behind")},
		};
		struct sip_response r = {
			.status = rows[i].status, .extra = extra, .extras = 4, .body = SV("body")};
		size_t size = 0;
		int err;
		do {
			err = route_answer(world.route, &view, &story.flow, &r, NULL, size);
			if (err)
				break;
			assert_true(!size || world.tp.last_n <= size);
			size = world.tp.last_n - 1;
			if (rows[i].line)
				assert_non_null(strstr(world.tp.last, rows[i].line));
			assert_true(!strstr(world.tp.last, "Content-Type") ==
				    !strstr(world.tp.last, "\r\n\r\nbody"));
		} while (size);
		assert_int_equal(err, MG_ELIMIT);
		assert_null(strstr(world.tp.last, "Subject"));
		assert_null(strstr(world.tp.last, "X-Last"));
		char line[32];
		snprintf(line, sizeof(line), "SIP/2.0 %u -\r\n", rows[i].status);
		assert_memory_equal(world.tp.last, line, strlen(line));
	}
	/* The last ones first, and no more than it takes; of several the first is enough. */
	struct sip_response moved = {.status = 302, .extra = contacts, .extras = 3};
	assert_int_equal(route_answer(world.route, &view, &story.flow, &moved, NULL, 0), 0);
	size_t whole = world.tp.last_n;
	assert_int_equal(route_answer(world.route, &view, &story.flow, &moved, NULL, whole - 1), 0);
	assert_null(strstr(world.tp.last, "two@x"));
	assert_non_null(strstr(world.tp.last, "Subject: gone"));
	assert_int_equal(route_answer(world.route, &view, &story.flow, &moved, NULL, whole - 30),
			 0);
	assert_null(strstr(world.tp.last, "Subject"));
	assert_non_null(strstr(world.tp.last, "302 Moved Temporarily"));
	assert_non_null(strstr(world.tp.last, "one@x"));
	moved.extras = 33;
	assert_int_equal(route_answer(world.route, &view, &story.flow, &moved, NULL, 0), MG_EINVAL);
	(void)notes();
	end();
}

static void test_replies(void **state)
{
	struct sip_response r = {.status = 404, .to_tag = SV("mine")};
	struct txn_server server = {.refs = 1};
	int user;

	(void)state;
	begin(INVITE);
	story.call = (struct call *)&user;
	assert_int_equal(route_reply(world.route, &server, &view, &r, &user), 0);
	assert_int_equal(server.status, 404);
	assert_non_null(strstr(world.tp.last, ";tag=mine\r\n"));
	assert_int_equal(route_reply(world.route, &server, &view, &r, &user), MG_EINVAL);
	story.habits.mute = 404;
	assert_int_equal(route_reply(world.route, &server, &view, &r, &user), MG_EAUTH);
	assert_int_equal(stat(ROUTE_STAT_DROP_RESPONSE), 1);
	/* No room for it to be parsed again. */
	for (size_t max = 32; max < 2000; max += 64) {
		arena_done(&world.route->scratch);
		arena_init(&world.route->scratch, 64, max);
		int err = route_reply(world.route, &server, &view, &r, &user);
		assert_true(err == MG_ENOMEM || err == MG_EAUTH || err == MG_ENOSPC);
	}
	story.call = NULL;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),   cmocka_unit_test(test_tags),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_short_answers),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
