/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which hooks are asked in which order, and what a verdict comes to in each phase.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_play.h"

static struct mg_branch branch;

static struct mg_verdict run(enum mg_phase phase)
{
	struct mg_source source = *play_source();
	struct mg_reply reply = {.view = &q.view, .branch = &branch};
	struct mg_sending sending = {.bytes = SV("x")};

	branch = (struct mg_branch){.request = &q.r, .view = &q.view};
	q.r.answered = false;
	switch (phase) {
	case MG_ARRIVAL: return chain_arrival(&f.worker, &source, 100);
	case MG_MESSAGE: return chain_message(&q.r);
	case MG_REQUEST: return chain_request(&q.r);
	case MG_TARGET: return chain_target(&q.r);
	case MG_BRANCH: return chain_branch(&q.r, &branch);
	case MG_REPLY: return chain_reply(&q.r, &reply);
	case MG_FAILURE: return chain_failure(&q.r, 486);
	case MG_SEND: return chain_send(&f.worker, &sending);
	case MG_FINAL: chain_final(&q.r, 200); return mg_next();
	case MG_PHASES: break;
	}
	abort();
}

static void all_are_asked_in_order(void **state)
{
	static const char *const asked[MG_PHASES] = {
		"a.arrival b.arrival c.arrival ",
		"a.message b.message c.message ",
		"a.request b.request c.request ",
		"a.target b.target c.target ",
		"a.branch b.branch c.branch ",
		"c.reply b.reply a.reply ",
		"486:a.failure 486:b.failure 486:c.failure ",
		"c.send b.send a.send ",
		"200:a.final 200:b.final 200:c.final ",
	};

	(void)state;
	for (enum mg_phase phase = 0; phase < MG_PHASES; phase++) {
		assert_string_equal(verdict_text(run(phase)), "next");
		assert_string_equal(play_asked(), asked[phase]);
	}
	assert_string_equal(fake_told(&f), "");
	assert_string_equal(fake_logged(&f), "");
}

/* What b says in a phase, and what the phase returns; "log" where it is a fault of the module. */
static void verdicts(void **state)
{
#define REASON(v, why)                                          \
	{                                                       \
		.kind = MG_DROP, .status = (v), .reason = (why) \
	}
	static const struct {
		enum mg_phase phase;
		struct mg_verdict said;
		const char *got, *name;
		bool fault;
	} rows[] = {
		{MG_ARRIVAL, REASON(0, "flood"), "drop flood", "dropped by source", false},
		{MG_ARRIVAL, REASON(0, NULL), "drop b", "a drop without reason", false},
		{MG_ARRIVAL,
		 {.kind = MG_REJECT, .status = 403},
		 "drop bad_verdict",
		 "refused too early",
		 true},
		{MG_ARRIVAL, {.kind = MG_WAIT}, "drop bad_verdict", "waits too early", true},
		{MG_MESSAGE,
		 {.kind = MG_REJECT, .status = 483},
		 "reject 483",
		 "refused by form",
		 false},
		{MG_MESSAGE,
		 {.kind = MG_REJECT, .status = 400, .reason = "Bad"},
		 "reject 400 Bad",
		 "reason",
		 false},
		{MG_MESSAGE, REASON(0, "form"), "drop form", "dropped by form", false},
		{MG_MESSAGE,
		 {.kind = MG_DONE},
		 "drop bad_verdict",
		 "nothing is answered by form",
		 true},
		{MG_MESSAGE, {.kind = MG_WAIT}, "drop bad_verdict", "nothing waits for form", true},
		{MG_REQUEST,
		 {.kind = MG_REJECT, .status = 503, .retry_after_s = 7},
		 "reject 503 after 7",
		 "busy",
		 false},
		{MG_REQUEST, REASON(0, "x"), "drop x", "dropped", false},
		{MG_REQUEST,
		 {.kind = MG_REJECT, .status = 200},
		 "reject 500",
		 "200 is no refusal",
		 true},
		{MG_REQUEST,
		 {.kind = MG_REJECT, .status = 299},
		 "reject 500",
		 "299 is no refusal",
		 true},
		{MG_REQUEST, {.kind = MG_REJECT, .status = 300}, "reject 300", "300 is one", false},
		{MG_REQUEST, {.kind = MG_REJECT, .status = 699}, "reject 699", "699 is one", false},
		{MG_REQUEST,
		 {.kind = MG_REJECT, .status = 700},
		 "reject 500",
		 "700 is no status",
		 true},
		{MG_REQUEST, {.kind = MG_WAIT}, "reject 500", "waits without a handle", true},
		{MG_REQUEST, {.kind = MG_DONE}, "reject 500", "done, but no answer", true},
		{MG_REQUEST, {.kind = 9}, "reject 500", "no verdict at all", true},
		{MG_TARGET, {.kind = MG_REJECT, .status = 404}, "reject 404", "nowhere", false},
		{MG_TARGET, {.kind = MG_DONE}, "reject 500", "done, but no answer either", true},
		{MG_BRANCH, REASON(0, "busy"), "drop busy", "not this target", false},
		{MG_BRANCH, REASON(486, "busy"), "drop 486 busy",
		 "not this target, which counts as busy", false},
		{MG_BRANCH,
		 {.kind = MG_REJECT, .status = 486},
		 "drop bad_verdict",
		 "a target is no request",
		 true},
		{MG_BRANCH, {.kind = MG_DONE}, "drop bad_verdict", "a target has no answer", true},
		{MG_REPLY, REASON(0, "late"), "drop late", "a response dropped", false},
		{MG_REPLY, {.kind = MG_REJECT, .status = 500}, "next", "a response goes on", true},
		{MG_REPLY, {.kind = MG_WAIT}, "next", "a response does not wait", true},
		{MG_FAILURE, {.kind = MG_DONE}, "done", "more targets", false},
		{MG_FAILURE, {.kind = MG_DROP}, "next", "a failure is answered", true},
		{MG_SEND, REASON(0, "leak"), "drop leak", "does not leave", false},
		{MG_SEND,
		 {.kind = MG_DONE},
		 "drop bad_verdict",
		 "unclear, so it does not leave",
		 true},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t faults = fake_stat(&f, CHAIN_STAT_BAD_VERDICT);
		play.part[1][rows[i].phase].verdict = rows[i].said;
		const char *got = verdict_text(run(rows[i].phase));
		if (strcmp(got, rows[i].got) != 0)
			row_differs(&bad, rows[i].name, got, rows[i].got);
		if ((fake_stat(&f, CHAIN_STAT_BAD_VERDICT) > faults) != rows[i].fault)
			row_differs(&bad, rows[i].name, "counted otherwise", "");
		play.part[1][rows[i].phase].verdict = mg_next();
	}
	assert_int_equal(bad, 0);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_DROP_ARRIVAL), 4);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_DROP_SEND), 2);
	/* One line for all of them. */
	assert_string_equal(fake_logged(&f), "error chain ev=bad_verdict module=b phase=arrival "
					     "verdict=reject status=403 n=1\n");
	f.now_ms += LOG_SUMMARY_MS;
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "error chain ev=bad_verdict n=16\n");
}

static void who_says_no_is_the_last_asked(void **state)
{
	(void)state;
	play.part[1][MG_REQUEST].verdict = mg_reject(403, NULL);
	assert_string_equal(verdict_text(run(MG_REQUEST)), "reject 403");
	assert_string_equal(play_asked(), "a.request b.request ");
	play.part[1][MG_REPLY].verdict = mg_drop("late");
	assert_string_equal(verdict_text(run(MG_REPLY)), "drop late");
	assert_string_equal(play_asked(), "c.reply b.reply ");
	play.part[1][MG_FINAL].verdict = mg_drop("ignored");
	run(MG_FINAL);
	assert_string_equal(play_asked(), "200:a.final 200:b.final 200:c.final ");
}

static void answers(struct mg_request *r, struct part *part)
{
	(void)part;
	assert_int_equal(mg_answer(r, 200, NULL, SV(""), SV("")), 0);
}

static void who_answers_is_done(void **state)
{
	(void)state;
	play.part[0][MG_REQUEST].act = answers;
	play.part[0][MG_REQUEST].verdict = mg_done();
	assert_string_equal(verdict_text(run(MG_REQUEST)), "done");
	assert_string_equal(play_asked(), "a.request ");
	assert_string_equal(fake_told(&f), "begin; answer 200 stateful; ");
	play.part[0][MG_REQUEST].verdict = mg_next(); /* said 200, and wants to go on */
	assert_string_equal(verdict_text(run(MG_REQUEST)), "done");
	assert_string_equal(play_asked(), "a.request ");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_BAD_VERDICT), 1);
}

static void an_ack_may_be_done_without_an_answer(void **state)
{
	struct fake_request ack;

	(void)state;
	fake_request(&ack, &f, play_source(),
		     "ACK sip:b@c SIP/2.0\r\n" M_VIA M_FROM M_TO M_CALL_ID "CSeq: 1 ACK\r\n",
		     false);
	play.part[1][MG_REQUEST].verdict = mg_done();
	assert_string_equal(verdict_text(chain_request(&ack.r)), "done");
	fake_request_done(&ack);
}

static void an_empty_chain_says_next(void **state)
{
	const struct chain_setup nothing = {.workers = 2};
	struct chain *empty = chain_new(&nothing);
	size_t max = 1;

	(void)state;
	assert_non_null(empty);
	assert_int_equal(chain_worker_enter(&f.worker, empty), 0);
	q.r.chain = empty;
	for (enum mg_phase phase = 0; phase < MG_PHASES; phase++)
		assert_string_equal(verdict_text(run(phase)), "next");
	assert_true(chain_may_answer(&f.worker, play_source(), 101, &max));
	assert_int_equal(max, 151);
	assert_false(chain_known(empty, &play_source()->addr));
	assert_string_equal(play_asked(), "");
	chain_worker_leave(&f.worker, empty);
	chain_free(empty);
	q.r.chain = chain;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_are_asked_in_order, play_setup, play_teardown),
		cmocka_unit_test_setup_teardown(verdicts, play_setup, play_teardown),
		cmocka_unit_test_setup_teardown(who_says_no_is_the_last_asked, play_setup,
						play_teardown),
		cmocka_unit_test_setup_teardown(who_answers_is_done, play_setup, play_teardown),
		cmocka_unit_test_setup_teardown(an_ack_may_be_done_without_an_answer, play_setup,
						play_teardown),
		cmocka_unit_test_setup_teardown(an_empty_chain_says_next, play_setup,
						play_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
