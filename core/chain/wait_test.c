/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests and branches put aside and taken up again: by whom, in which order, how often, how long, how many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_play.h"

static struct part *waits_in(unsigned who, enum mg_phase phase)
{
	play.part[who][phase].suspend = true;
	return &play.part[who][phase];
}

static void goes_on_behind_who_waited(void **state)
{
	struct part *b_request = waits_in(1, MG_REQUEST);

	(void)state;
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	assert_string_equal(play_asked(), "a.request b.request ");
	assert_string_equal(fake_told(&f), "begin; ");
	assert_int_equal(chain_waiting(&f.worker), 1);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITING), 1);
	assert_ptr_equal(mg_waiting_request(&f.worker, b_request->wait), &q.r);
	mg_resume(b_request->wait, mg_next());
	assert_string_equal(play_asked(), "c.request ");
	assert_string_equal(fake_told(&f), "resumed request next; ");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITING), 0);
	assert_null(mg_waiting_request(&f.worker, b_request->wait));
	mg_resume(b_request->wait, mg_next()); /* it has ended */
	assert_string_equal(fake_told(&f), "");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_RESUMED_STALE), 1);
	assert_true(q.r.stateful);
}

static void verdict_of_the_resumption(void **state)
{
	static const struct {
		struct mg_verdict said;
		const char *told;
	} rows[] = {
		{{.kind = MG_REJECT, .status = 403, .reason = "No"},
		 "resumed request reject 403 No; "},
		{{.kind = MG_DROP}, "resumed request drop b; "},
		{{.kind = MG_WAIT}, "resumed request reject 500; "},
		{{.kind = MG_DONE}, "resumed request reject 500; "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct part *part = waits_in(1, MG_REQUEST);
		assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
		fake_told(&f);
		mg_resume(part->wait, rows[i].said);
		assert_string_equal(fake_told(&f), rows[i].told);
	}
	assert_string_equal(play_asked(), "a.request b.request a.request b.request "
					  "a.request b.request a.request b.request ");
}

static void resumes_itself(struct mg_request *r, struct part *part)
{
	assert_ptr_equal(mg_waiting_request(r->worker, part->wait), r);
	mg_resume(part->wait, mg_next());
	mg_resume(part->wait, mg_reject(500, NULL)); /* too late */
}

static void what_is_resumed_in_its_hook_does_not_wait(void **state)
{
	(void)state;
	waits_in(1, MG_REQUEST)->act = resumes_itself;
	assert_string_equal(verdict_text(chain_request(&q.r)), "next");
	assert_string_equal(play_asked(), "a.request b.request c.request ");
	assert_string_equal(fake_told(&f), "begin; ");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_RESUMED_STALE), 1);
}

static void changes_its_mind(struct mg_request *r, struct part *part)
{
	(void)r;
	part->verdict = mg_reject(403, NULL);
}

static void who_does_not_say_wait_does_not(void **state)
{
	(void)state;
	waits_in(1, MG_REQUEST)->act = changes_its_mind;
	assert_string_equal(verdict_text(chain_request(&q.r)), "reject 403");
	assert_int_equal(chain_waiting(&f.worker), 0);
	assert_int_equal(wheel_count(&f.wheel), 0);
}

static void suspends_twice(struct mg_request *r, struct part *part)
{
	(void)part;
	assert_int_equal(mg_suspend(r, 1000, 480), 0);
}

static void one_wait_a_hook(void **state)
{
	(void)state;
	waits_in(1, MG_REQUEST)->act = suspends_twice;
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	assert_int_equal(chain_waiting(&f.worker), 1);
	assert_int_equal(mg_suspend(&q.r, 1000, 480), 0); /* outside of any hook */
}

static void changes_its_mind_to_wait(struct mg_request *r, struct part *part)
{
	(void)r;
	part->verdict = mg_waiting();
}

static void not_in_every_phase(void **state)
{
	struct mg_branch b = {.request = &q.r};
	struct mg_reply p = {.branch = &b};

	(void)state;
	waits_in(1, MG_MESSAGE)->act = suspends_twice;
	assert_string_equal(verdict_text(chain_message(&q.r)), "reject 503");
	waits_in(1, MG_FAILURE);
	assert_string_equal(verdict_text(chain_failure(&q.r, 486)), "next");
	waits_in(1, MG_REPLY);
	assert_string_equal(verdict_text(chain_reply(&q.r, &p)), "next");
	waits_in(1, MG_FINAL);
	chain_final(&q.r, 200);
	assert_string_equal(fake_told(&f), "");
	assert_int_equal(chain_waiting(&f.worker), 0);
}

/* Whoever waits where nobody may learns it from the log, at the first try. */
static void in_reply_it_is_a_fault(void **state)
{
	struct mg_branch b = {.request = &q.r};
	struct mg_reply p = {.branch = &b};

	(void)state;
	waits_in(1, MG_REPLY)->act = changes_its_mind_to_wait;
	assert_string_equal(verdict_text(chain_reply(&q.r, &p)), "next");
	assert_string_equal(play_asked(), "c.reply b.reply a.reply "); /* the response goes on */
	assert_string_equal(fake_logged(&f), "error chain ev=bad_verdict module=b phase=reply "
					     "verdict=wait status=0 n=1\n");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_BAD_VERDICT), 2); /* mg_suspend, and WAIT */
	assert_string_equal(fake_told(&f), "");
}

static void each_may_wait_in_turn(void **state)
{
	struct part *part[PLAYERS];

	(void)state;
	for (unsigned i = 0; i < PLAYERS; i++)
		part[i] = waits_in(i, MG_TARGET);
	assert_string_equal(verdict_text(chain_target(&q.r)), "wait");
	mg_resume(part[0]->wait, mg_next());
	mg_resume(part[1]->wait, mg_next());
	assert_string_equal(fake_told(&f), "begin; ");
	mg_resume(part[2]->wait, mg_next());
	assert_string_equal(fake_told(&f), "resumed target next; ");
	assert_string_equal(play_asked(), "a.target b.target c.target ");
}

static void forgotten(void **state)
{
	struct mg_branch b = {.request = &q.r};
	struct part *part = waits_in(1, MG_REQUEST);

	(void)state;
	part->timeout_ms = 2000;
	part->status = 480;
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	fake_told(&f);
	fake_pass(&f, 1990);
	assert_string_equal(fake_told(&f), "");
	fake_pass(&f, 20);
	assert_string_equal(fake_told(&f), "resumed request reject 480; ");
	assert_string_equal(
		fake_logged(&f),
		"warning chain ev=wait_forgotten module=b phase=request status=480 n=1\n");
	mg_resume(part->wait, mg_next());
	assert_string_equal(fake_told(&f), "");

	part = waits_in(2, MG_BRANCH);
	part->status = 503;
	assert_string_equal(verdict_text(chain_branch(&q.r, &b)), "wait");
	fake_pass(&f, 1010);
	assert_string_equal(fake_told(&f), "resumed branch of a branch drop 503 wait_forgotten; ");
	assert_string_equal(fake_logged(&f), "");
	f.now_ms += LOG_SUMMARY_MS;
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_logged(&f), "warning chain ev=wait_forgotten n=1\n");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITS_TIMEOUT), 2);
}

static void no_wait_is_longer_than_the_longest(void **state)
{
	(void)state;
	waits_in(1, MG_REQUEST)->timeout_ms = UINT32_MAX;
	play.part[1][MG_REQUEST].status = 200; /* no refusal */
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	fake_told(&f);
	fake_pass(&f, MG_WAIT_MAX_MS + 20);
	assert_string_equal(fake_told(&f), "resumed request reject 500; ");
}

static void cancelled(void **state)
{
	struct mg_branch one = {.request = &q.r}, two = {.request = &q.r};
	struct part *part = waits_in(1, MG_BRANCH);
	mg_wait first;

	(void)state;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	first = part->wait;
	assert_string_equal(verdict_text(chain_branch(&q.r, &two)), "wait");
	fake_told(&f);
	assert_int_equal(chain_waiting(&f.worker), 2);
	chain_branch_done(&one);
	assert_int_equal(chain_waiting(&f.worker), 1);
	mg_resume(first, mg_next());
	assert_string_equal(fake_told(&f), "");
	chain_cancel(&q.r);
	assert_int_equal(chain_waiting(&f.worker), 0);
	mg_resume(part->wait, mg_next());
	fake_pass(&f, 10000);
	assert_string_equal(fake_told(&f), "");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITS_ENDED), 2);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_RESUMED_STALE), 2);
}

static void resumes_what_was_given_up(struct mg_request *r, struct part *part)
{
	(void)part;
	assert_null(mg_waiting_request(r->worker, play.part[1][MG_BRANCH].wait));
	mg_resume(play.part[1][MG_BRANCH].wait, mg_next());
}

/* Later hooks of a branch that is no more must not run: what they would hold for it nobody would let go. */
static void given_up(void **state)
{
	struct mg_branch one = {.request = &q.r};
	struct part *part = waits_in(1, MG_BRANCH);

	(void)state;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait"); /* behind the first */
	fake_told(&f);
	chain_branch_done(&one);
	assert_null(mg_waiting_request(&f.worker, part->wait));
	mg_resume(part->wait, mg_next());
	fake_pass(&f, 10000);
	assert_string_equal(play_asked(), "a.branch b.branch ");
	assert_string_equal(fake_told(&f), "");
	assert_int_equal(chain_waiting(&f.worker), 0);
	assert_int_equal(wheel_count(&f.wheel), 0);
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITS_TIMEOUT), 0);
}

static void none_goes_on_in_final(void **state)
{
	struct mg_branch one = {.request = &q.r};

	(void)state;
	waits_in(1, MG_BRANCH);
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	fake_told(&f);
	play.part[2][MG_FINAL].act = resumes_what_was_given_up;
	chain_final(&q.r, 0);
	assert_string_equal(play_asked(), "a.branch b.branch 0:a.final 0:b.final 0:c.final ");
	assert_string_equal(fake_told(&f), "");
}

static void what_comes_later_for_the_same_branch_waits(void **state)
{
	struct mg_branch one = {.request = &q.r}, two = {.request = &q.r};
	struct part *part = waits_in(1, MG_BRANCH);
	mg_wait first;

	(void)state;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	first = part->wait;
	part->suspend = false;
	part->verdict = mg_drop("busy");
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait"); /* behind the first */
	assert_string_equal(verdict_text(chain_branch(&q.r, &two)), "drop busy"); /* another one */
	assert_string_equal(play_asked(), "a.branch b.branch a.branch b.branch ");
	fake_told(&f);
	mg_resume(first, mg_next());
	assert_string_equal(play_asked(), "c.branch a.branch b.branch ");
	assert_string_equal(
		fake_told(&f),
		"resumed branch of a branch next; resumed branch of a branch drop busy; ");
}

static void ends_it(struct mg_request *r, enum mg_phase phase, struct mg_branch *b,
		    struct mg_verdict v)
{
	(void)phase;
	(void)b;
	(void)v;
	chain_request_done(r);
}

static void waits_anew(struct mg_request *r, enum mg_phase phase, struct mg_branch *b,
		       struct mg_verdict v)
{
	(void)phase;
	(void)v;
	f.on_resumed = NULL;
	play.part[1][MG_BRANCH].suspend = true;
	assert_string_equal(verdict_text(chain_branch(r, b)), "wait");
}

static void what_waited_behind_ends_with_its_request(void **state)
{
	struct mg_branch one = {.request = &q.r};
	struct part *part = waits_in(1, MG_BRANCH);

	(void)state;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	part->suspend = false;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	f.on_resumed = ends_it;
	mg_resume(part->wait, mg_next());
	assert_string_equal(fake_told(&f), "begin; resumed branch of a branch next; ");
	assert_int_equal(chain_waiting(&f.worker), 0);
}

static void what_waited_behind_keeps_its_turn(void **state)
{
	struct mg_branch one = {.request = &q.r};
	struct part *part = waits_in(1, MG_BRANCH);
	mg_wait first;

	(void)state;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait");
	first = part->wait;
	assert_string_equal(verdict_text(chain_branch(&q.r, &one)), "wait"); /* second */
	f.on_resumed = waits_anew;                                           /* third */
	fake_told(&f);
	mg_resume(first, mg_next()); /* begins the second, which waits */
	assert_string_equal(fake_told(&f), "resumed branch of a branch next; ");
	assert_int_equal(chain_waiting(&f.worker), 2);
	first = part->wait;
	mg_resume(first, mg_next()); /* begins the third */
	assert_int_equal(chain_waiting(&f.worker), 1);
	assert_int_not_equal(first, part->wait);
	mg_resume(part->wait, mg_next());
	assert_int_equal(chain_waiting(&f.worker), 0);
	assert_string_equal(fake_told(&f),
			    "resumed branch of a branch next; resumed branch of a branch next; ");
}

static void bounded(void **state)
{
	static struct fake_request more[5];
	struct part *part = waits_in(0, MG_REQUEST);
	mg_wait handle[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		fake_request(&more[i], &f, play_source(), FAKE_INVITE, false);
		const char *said = verdict_text(chain_request(&more[i].r));
		assert_string_equal(said, i < 4 ? "wait" : "reject 503");
		handle[i] = part->wait;
	}
	assert_int_equal(fake_stat(&f, CHAIN_STAT_WAITS_REFUSED), 1);
	assert_string_equal(fake_logged(&f),
			    "warning chain ev=table_full table=waiting max=4 n=1\n");
	assert_false(more[4].r.stateful);
	mg_resume(handle[2], mg_drop("x"));
	assert_string_equal(verdict_text(chain_request(&more[4].r)), "wait");
	assert_int_not_equal(part->wait, handle[2]); /* the same slot, another generation */
	mg_resume(handle[2], mg_drop("x"));
	assert_int_equal(chain_waiting(&f.worker), 4);
	for (unsigned i = 0; i < 5; i++)
		fake_request_done(&more[i]);
}

static void no_room_for_a_transaction(void **state)
{
	(void)state;
	f.begin_err = MG_ELIMIT;
	waits_in(0, MG_REQUEST);
	assert_string_equal(verdict_text(chain_request(&q.r)), "reject 503");
	assert_string_equal(fake_told(&f), "no room; ");
	assert_false(q.r.stateful);
	assert_int_equal(chain_waiting(&f.worker), 0);
}

static mg_wait given;

static void *resume_in_a_thread(void *arg)
{
	mg_resume(given, *(struct mg_verdict *)arg);
	return NULL;
}

static void in_thread(mg_wait wait, struct mg_verdict v)
{
	pthread_t thread;

	given = wait;
	assert_int_equal(pthread_create(&thread, NULL, resume_in_a_thread, &v), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void another_thread_leaves_a_letter(void **state)
{
	struct part *part = waits_in(1, MG_REQUEST);

	(void)state;
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	fake_told(&f);
	in_thread(part->wait, mg_reject(403, NULL));
	in_thread(part->wait, mg_reject(404, NULL));
	assert_string_equal(fake_told(&f), "");
	assert_int_equal(fake_deliver(&f), 1); /* one call for both */
	assert_string_equal(fake_told(&f), "resumed request reject 403; ");
	assert_int_equal(fake_stat(&f, CHAIN_STAT_RESUMED_STALE), 1);
}

static void a_letter_that_finds_no_room_is_found_by_the_tick(void **state)
{
	struct part *part = waits_in(1, MG_REQUEST);

	(void)state;
	assert_string_equal(verdict_text(chain_request(&q.r)), "wait");
	fake_told(&f);
	f.post_err = MG_ELIMIT;
	in_thread(part->wait, mg_drop("x"));
	assert_int_equal(fake_deliver(&f), 0);
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(fake_told(&f), "resumed request drop x; ");
}

static void handles_of_nobody(void **state)
{
	static const mg_wait handles[] = {
		0, 1, UINT64_MAX, (mg_wait)5 << 56 | 1, (mg_wait)3 << 32 | 1, (mg_wait)1 << 56};

	(void)state;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		mg_resume(handles[i], mg_next());
		if (handles[i] >> 56 == 0)
			assert_null(mg_waiting_request(&f.worker, handles[i]));
	}
	assert_string_equal(fake_told(&f), "");
}

static void a_worker_has_its_number_alone(void **state)
{
	struct mg_worker other = f.worker;

	(void)state;
	other.waits = NULL;
	assert_int_equal(chain_worker_init(&other), MG_EEXIST);
	other.index = CHAIN_WORKERS_MAX;
	assert_int_equal(chain_worker_init(&other), MG_EINVAL);
	other.index = 1;
	assert_int_equal(chain_worker_init(&other), 0);
	chain_worker_done(&other);
	chain_worker_done(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_setup, play_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(goes_on_behind_who_waited),
		TEST(verdict_of_the_resumption),
		TEST(what_is_resumed_in_its_hook_does_not_wait),
		TEST(who_does_not_say_wait_does_not),
		TEST(one_wait_a_hook),
		TEST(not_in_every_phase),
		TEST(in_reply_it_is_a_fault),
		TEST(each_may_wait_in_turn),
		TEST(forgotten),
		TEST(no_wait_is_longer_than_the_longest),
		TEST(cancelled),
		TEST(given_up),
		TEST(none_goes_on_in_final),
		TEST(what_comes_later_for_the_same_branch_waits),
		TEST(what_waited_behind_ends_with_its_request),
		TEST(what_waited_behind_keeps_its_turn),
		TEST(bounded),
		TEST(no_room_for_a_transaction),
		TEST(another_thread_leaves_a_letter),
		TEST(a_letter_that_finds_no_room_is_found_by_the_tick),
		TEST(handles_of_nobody),
		TEST(a_worker_has_its_number_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
