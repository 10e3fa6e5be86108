/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Responses and targets that modules make, and what the security log says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_play.h"

static void refusals(void **state)
{
	struct mg_verdict busy = mg_reject(503, "Too Busy");

	(void)state;
	assert_string_equal(refusal_text(&q.r, mg_reject(404, NULL)), "404");
	busy.retry_after_s = 4294967295u;
	assert_int_equal(mg_answer_header(&q.r, SIP_H_WARNING, SV(""), SV("399 a.example \"no\"")),
			 0);
	assert_int_equal(mg_answer_header(&q.r, SIP_H_OTHER, SV("X-Why"), SV("because")), 0);
	assert_string_equal(refusal_text(&q.r, busy),
			    "503 \"Too Busy\" Warning=399 a.example \"no\" X-Why=because "
			    "Retry-After=4294967295");
}

static void header_lines(void **state)
{
	static const struct {
		enum sip_hid id;
		struct sv name, value;
		int err;
	} rows[] = {
		{SIP_H_WARNING, SV_INIT(""), SV_INIT("a\r\nVia: x"), MG_EINVAL},
		{SIP_H_OTHER, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_OTHER, SV_INIT("a b"), SV_INIT("a"), MG_EINVAL},
		{SIP_H_OTHER, SV_INIT("v"), SV_INIT("a"), MG_EINVAL},
		{SIP_H_OTHER, SV_INIT("content-length"), SV_INIT("0"), MG_EINVAL},
		{SIP_H_VIA, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_FROM, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_TO, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_CALL_ID, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_CSEQ, SV_INIT(""), SV_INIT("a"), MG_EINVAL},
		{SIP_H_CONTENT_LENGTH, SV_INIT(""), SV_INIT("0"), MG_EINVAL},
		{SIP_H_END, SV_INIT(""), SV_INIT("0"), MG_EINVAL},
		{SIP_H_ALLOW, SV_INIT("ignored"), SV_INIT("INVITE"), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mg_answer_header(&q.r, rows[i].id, rows[i].name, rows[i].value),
				 rows[i].err);
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(mg_answer_header(&q.r, SIP_H_ALLOW, SV(""), SV("ACK")), 0);
	assert_int_equal(mg_answer_header(&q.r, SIP_H_ALLOW, SV(""), SV("ACK")), MG_ELIMIT);
	q.r.n_extra = 0;
	assert_int_equal(mg_answer_header(&q.r, SIP_H_ALLOW, SV(""), sv_of(f.told.p, 9000)),
			 MG_EINVAL);
	arena_done(&q.arena);
	arena_init(&q.arena, 16, 16);
	assert_int_equal(
		mg_answer_header(&q.r, SIP_H_ALLOW, SV(""), SV("INVITE, ACK, CANCEL, BYE")),
		MG_ENOMEM);
}

static void adds_a_header(struct mg_request *r, struct part *part)
{
	(void)part;
	assert_int_equal(mg_answer_header(r, SIP_H_UNSUPPORTED, SV(""), SV("foo")), 0);
	assert_int_equal(mg_answer(r, 400, NULL, SV(""), SV("")),
			 MG_EINVAL); /* REJECT is for that */
}

static void a_refusal_of_form_needs_no_arena(void **state)
{
	struct fake_request m;

	(void)state;
	play.part[1][MG_MESSAGE].act = adds_a_header;
	play.part[1][MG_MESSAGE].verdict = mg_reject(420, NULL);
	for (unsigned i = 0; i < 200; i++) { /* the worker's room for texts is used again */
		fake_request(&m, &f, play_source(), FAKE_INVITE, true);
		assert_string_equal(refusal_text(&m.r, chain_message(&m.r)), "420 Unsupported=foo");
		fake_request_done(&m);
	}
}

static void answers(void **state)
{
	(void)state;
	assert_int_equal(mg_answer_header(&q.r, SIP_H_OTHER, SV("X-A"), SV("1")), 0);
	assert_int_equal(mg_answer(&q.r, 183, "Playing", SV("text/plain"), SV("la")), 0);
	assert_string_equal(
		fake_told(&f),
		"begin; answer 183 \"Playing\" X-A=1 Content-Type=text/plain body=la stateful; ");
	assert_int_equal(mg_answer(&q.r, 100, NULL, SV(""), SV("")), MG_EINVAL);
	assert_int_equal(mg_answer(&q.r, 700, NULL, SV(""), SV("")), MG_EINVAL);
	assert_int_equal(mg_answer(&q.r, 200, "a\nb", SV(""), SV("")), MG_EINVAL);
	assert_int_equal(mg_answer(&q.r, 200, NULL, SV("a\r"), SV("")), MG_EINVAL);
	assert_false(q.r.answered);
	assert_int_equal(mg_answer(&q.r, 200, NULL, SV(""), SV("")), 0);
	assert_true(q.r.answered);
	assert_string_equal(fake_told(&f), "answer 200 stateful; ");
	assert_int_equal(mg_answer(&q.r, 486, NULL, SV(""), SV("")), MG_EINVAL);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_ANSWERED), 2);
}

static void answers_that_owe_no_state(void **state)
{
	struct fake_request ack;

	(void)state;
	f.begin_err = MG_ELIMIT;
	assert_int_equal(mg_answer(&q.r, 200, NULL, SV(""), SV("")), MG_ELIMIT);
	assert_string_equal(fake_told(&f), "no room; ");
	assert_int_equal(mg_answer(&q.r, 486, NULL, SV(""), SV("")), 0);
	assert_string_equal(fake_told(&f), "answer 486 stateless; ");
	fake_request(&ack, &f, play_source(),
		     "ACK sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 ACK\r\n",
		     false);
	assert_int_equal(mg_answer(&ack.r, 400, NULL, SV(""), SV("")), MG_EINVAL);
	fake_request_done(&ack);
}

static void targets(void **state)
{
	static const struct {
		const char *uri, *next_hop;
		uint16_t q;
		int err;
	} rows[] = {
		{"", "", 0, 0},
		{"sip:bob@192.0.2.4", "", 1000, 0},
		{"sips:bob@b.example;transport=tcp", "sip:gw.example;lr", 1, 0},
		{"tel:+49301234", "sip:gw.example", 1, 0},
		{"urn:service:sos", "sip:psap.example", 1, 0},
		{"sip:bob@192.0.2.4", "", 1001, MG_EINVAL},
		{"http://b.example/", "", 0, MG_EINVAL},
		{"sip:bob@b.example?Subject=x", "", 0, MG_EINVAL},
		{"bob", "", 0, MG_EINVAL},
		{"sip:a b", "", 0, MG_EINVAL},
		{"", "tel:+49301234", 0, MG_EINVAL},
		{"", "gw.example", 0, MG_EINVAL},
		{"", "sip:gw.example\r\nX: y", 0, MG_EINVAL},
	};
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mg_target t = {.uri = sv_str(rows[i].uri),
					    .next_hop = sv_str(rows[i].next_hop),
					    .q = rows[i].q};
		assert_int_equal(mg_target_add(&q.r, &t), rows[i].err);
		n += rows[i].err == 0;
		assert_int_equal(mg_targets(&q.r), n);
	}
	assert_true(sv_eq(q.r.target[2].next_hop, SV("sip:gw.example;lr")));
	for (; n < 10; n++)
		assert_int_equal(mg_target_add(&q.r, &(struct mg_target){0}), 0);
	assert_int_equal(mg_target_add(&q.r, &(struct mg_target){0}), MG_ELIMIT);
	q.r.n_targets = 0;
	q.r.arena = NULL;
	assert_int_equal(mg_target_add(&q.r, &(struct mg_target){0}), MG_EINVAL);
	q.r.arena = &q.arena;
	arena_done(&q.arena);
	arena_init(&q.arena, 16, 32);
	assert_int_equal(
		mg_target_add(&q.r,
			      &(struct mg_target){.uri = SV("sip:bob@a-long-name.example.net")}),
		MG_ENOMEM);
}

static void redirection(void **state)
{
	(void)state;
	assert_int_equal(mg_redirect(&q.r, 302), MG_EINVAL); /* nowhere */
	assert_int_equal(
		mg_target_add(&q.r, &(struct mg_target){.uri = SV("sip:a@a.example"), .q = 500}),
		0);
	assert_int_equal(
		mg_target_add(&q.r, &(struct mg_target){.uri = SV("sip:b@b.example"), .q = 1000}),
		0);
	assert_int_equal(mg_target_add(&q.r, &(struct mg_target){.q = 7}), 0);
	assert_int_equal(mg_redirect(&q.r, 303), MG_EINVAL);
	assert_int_equal(mg_answer_header(&q.r, SIP_H_REASON, SV(""), SV("SIP;cause=302")), 0);
	assert_int_equal(mg_redirect(&q.r, 302), 0);
	assert_string_equal(fake_told(&f),
			    "answer 302 Reason=SIP;cause=302 Contact=<sip:b@b.example> "
			    "Contact=<sip:a@a.example>;q=0.500 "
			    "Contact=<sip:bob@biloxi.example>;q=0.007 stateless; ");
	assert_int_equal(q.r.redirect, 302);
	assert_int_equal(mg_redirect(&q.r, 302), MG_EINVAL);
}

static void all_that_a_redirection_can_hold(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(mg_target_add(&q.r, &(struct mg_target){0}), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(mg_answer_header(&q.r, SIP_H_REASON, SV(""), SV("x")), 0);
	assert_int_equal(mg_redirect(&q.r, 300), 0);
}

static void what_a_module_reads(void **state)
{
	struct mg_branch b = {.request = &q.r,
			      .view = &q.view,
			      .target = q.r.target,
			      .peer = play_source()->addr,
			      .transport = SIP_TRANSPORT_TCP,
			      .zone = &play_zones[0]};
	struct mg_reply p = {.view = &q.view, .branch = &b};

	(void)state;
	q.r.in_dialog = q.r.from_caller = q.r.stray = q.r.to_us = true;
	q.r.dialog_zone = &play_zones[1];
	assert_true(mg_in_dialog(&q.r) && mg_from_caller(&q.r) && mg_stray(&q.r) && mg_to_us(&q.r));
	assert_ptr_equal(mg_dialog_zone(&q.r), &play_zones[1]);
	assert_ptr_equal(mg_msg(&q.r), &q.msg);
	assert_ptr_equal(mg_view(&q.r), &q.view);
	assert_ptr_equal(mg_arena(&q.r), &q.arena);
	assert_ptr_equal(mg_branch_view(&b), &q.view);
	assert_ptr_equal(mg_branch_target(&b), q.r.target);
	assert_true(addr_eq(mg_branch_peer(&b), &play_source()->addr));
	assert_int_equal(mg_branch_transport(&b), SIP_TRANSPORT_TCP);
	assert_ptr_equal(mg_branch_zone(&b), &play_zones[0]);
	assert_ptr_equal(mg_reply_view(&p), &q.view);
	assert_ptr_equal(mg_reply_branch(&p), &b);
}

static void the_security_log(void **state)
{
	struct mg_source source = *play_source();
	struct mg_sec_event event = {.ev = "flood",
				     .why = "rate",
				     .act = "throttle",
				     .source = &source,
				     .method = SV("IN\r\nVITE")};
	struct mg_sec kind = {0}, silent = {0};

	(void)state;
	mg_sec(&f.worker, &kind, &event);
	assert_string_equal(fake_logged(&f),
			    "info sec ev=flood src=192.0.2.7:5060 tr=udp m=IN\\x0d\\x0aVITE "
			    "why=rate act=throttle proof=0 n=1\n");
	source.proven = true;
	source.transport = SIP_TRANSPORT_TLS;
	event.method = sv_of(q.bytes, 300);
	for (unsigned i = 0; i < 50; i++)
		mg_sec(&f.worker, &kind, &event);
	mg_sec_more(&kind, 2000);
	mg_sec_more(&silent, 1000); /* nothing was said of it: nothing to say now */
	mg_sec_flush(&f.worker, &silent);
	mg_sec_flush(&f.worker, &kind);
	assert_string_equal(fake_logged(&f), "");
	f.now_ms += LOG_SUMMARY_MS;
	mg_sec_flush(&f.worker, &kind);
	assert_string_equal(fake_logged(&f), "info sec ev=flood src=192.0.2.7:5060 tr=tls "
					     "m=INVITE\\x20sip:bob@biloxi.example\\x20SI why=rate "
					     "act=throttle proof=1 n=2050\n");
	mg_sec_flush(&f.worker, &kind);
	assert_string_equal(fake_logged(&f), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refusals),
		TEST(header_lines),
		TEST(a_refusal_of_form_needs_no_arena),
		TEST(answers),
		TEST(answers_that_owe_no_state),
		TEST(targets),
		TEST(redirection),
		TEST(all_that_a_redirection_can_hold),
		TEST(what_a_module_reads),
		TEST(the_security_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
