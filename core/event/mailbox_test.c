/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Mailboxes: order, room by class, when the receiver is woken, and three threads that send to each
 * other as fast as they can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "event/mailbox.h"
#include "event/test_loop.h"

/* Letters are numbers that never become pointers again. */
static void *letter_of(uintptr_t n)
{
	return (void *)n; // NOLINT(performance-no-int-to-ptr)
}

struct reader {
	uintptr_t got[1100];
	unsigned n;
	struct mailbox *close; /* closed as number 1 by the next letter */
};

static void take(void *arg, void *letter)
{
	struct reader *r = arg;

	assert_true(r->n < sizeof(r->got) / sizeof(*r->got));
	r->got[r->n++] = (uintptr_t)letter;
	if (r->close)
		mailbox_close(r->close, 1);
	r->close = NULL;
}

static void letters_arrive_in_order(void **state)
{
	struct mailbox *box = mailbox_new(3, 16, 1);
	struct loop *loop = loop_plain();
	struct reader r = {0};

	(void)state;
	assert_non_null(box);
	for (uintptr_t i = 1; i <= 5; i++) /* before the receiver is there */
		assert_int_equal(mailbox_send(box, 0, 1, 0, letter_of(i)), 0);
	assert_int_equal(mailbox_open(box, 1, loop, take, &r), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(r.n, 5);

	for (uintptr_t i = 6; i <= 21; i++) { /* from several, and from itself */
		unsigned from = i < 10 ? 0 : i < 15 ? 1 : 2;

		assert_int_equal(mailbox_send(box, from, 1, 0, letter_of(i)), 0);
	}
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(r.n, 21);
	for (unsigned i = 0; i < r.n; i++)
		assert_int_equal(r.got[i], i + 1);
	assert_int_equal(mailbox_high(box, 1), 16);
	assert_int_equal(mailbox_high(box, 0), 0);
	assert_int_equal(mailbox_refused(box), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(loop_turns(loop), 2);
	mailbox_close(box, 1);
	mailbox_close(box, 1);
	mailbox_free(box, NULL);
	loop_free(loop);
}

static void the_less_important_is_refused_first(void **state)
{
	/* clang-format off */
	static const struct { unsigned room, kinds, fits[4]; } rows[] = {
		{16, 1, {16}},
		{16, 2, {16, 8}},
		{16, 3, {16, 10, 5}},
		{4,  4, {4, 3, 2, 1}},
		{1,  1, {1}},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct mailbox *box = mailbox_new(2, rows[i].room, rows[i].kinds);
		struct loop *loop = loop_plain();
		struct reader r = {0};
		unsigned sent = 0, refused = 0;

		assert_non_null(box);
		assert_int_equal(mailbox_open(box, 1, loop, take, &r), 0);
		for (unsigned round = 0; round < 3; round++) { /* the ring goes round */
			for (unsigned kind = rows[i].kinds; kind-- > 0;) {
				while (!mailbox_send(box, 0, 1, kind, letter_of(1)))
					sent++;
				refused++;
				assert_int_equal(sent, rows[i].fits[kind]);
			}
			assert_int_equal(mailbox_high(box, 1), rows[i].room);
			assert_int_equal(mailbox_refused(box), refused);
			assert_int_equal(loop_turn(loop, 0), 0);
			assert_int_equal(r.n, sent);
			r.n = sent = 0;
		}
		mailbox_close(box, 1);
		mailbox_free(box, NULL);
		loop_free(loop);
	}
}

/* A turn takes a share of each ring, and the rest in the next turns without being woken again. */
static void a_turn_is_bounded(void **state)
{
	struct mailbox *box = mailbox_new(2, 1024, 1);
	struct loop *loop = loop_plain();
	struct reader r = {0};
	unsigned turns = 0;

	(void)state;
	assert_non_null(box);
	assert_int_equal(mailbox_open(box, 1, loop, take, &r), 0);
	for (uintptr_t i = 0; i < 1000; i++)
		assert_int_equal(mailbox_send(box, 0, 1, 0, letter_of(i)), 0);
	while (r.n < 1000) {
		unsigned before = r.n;

		assert_int_equal(loop_turn(loop, 0), 0);
		assert_in_range(r.n - before, 1, 512);
		turns++;
	}
	assert_true(turns >= 2);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(r.got[i], i);
	mailbox_close(box, 1);
	mailbox_free(box, NULL);
	loop_free(loop);
}

/* ---- when the receiver is woken ---- */

struct sender {
	struct loop_hook hook;
	struct loop_waker *waker;
	struct mailbox *box;
	struct loop *there; /* the receiver's loop */
	unsigned letters, from_hook;
};

static bool is_woken(struct loop *loop)
{
	uint64_t turns = loop_turns(loop);

	assert_int_equal(loop_turn(loop, 0), 0);
	return loop_turns(loop) != turns;
}

static void send_some(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < s->letters; i++)
		assert_int_equal(mailbox_send(s->box, 0, 1, 0, letter_of(1)), 0);
	assert_false(is_woken(s->there)); /* not before this turn ends */
}

static void send_from_hook(struct loop_hook *hook)
{
	struct sender *s = container_of(hook, struct sender, hook);

	for (unsigned i = 0; i < s->from_hook; i++)
		assert_int_equal(mailbox_send(s->box, 0, 1, 0, letter_of(2)), 0);
	assert_false(is_woken(s->there));
}

static void woken_when_the_senders_turn_ends(void **state)
{
	struct mailbox *box = mailbox_new(2, 64, 1);
	struct loop *here = loop_plain(), *there = loop_plain();
	struct sender s = {.hook.fn = send_from_hook, .box = box, .there = there};
	struct reader r = {0}, own = {0};

	(void)state;
	assert_non_null(box);
	assert_int_equal(mailbox_open(box, 0, here, take, &own), 0);
	assert_int_equal(mailbox_open(box, 1, there, take, &r), 0);
	assert_non_null(s.waker = loop_waker_new(here, send_some, &s, "sender"));
	loop_at_turn(here, &s.hook); /* added behind the mailbox's own, and run before it */

	for (unsigned i = 0; i < 4; i++) { /* neither, callbacks, hooks, both */
		s.letters = i & 1 ? 3 : 0;
		s.from_hook = i & 2 ? 2 : 0;
		r.n = 0;
		loop_wake(s.waker);
		assert_int_equal(loop_turn(here, 0), 0);
		assert_int_equal(is_woken(there), i > 0);
		assert_int_equal(r.n, s.letters + s.from_hook);
	}
	r.n = 0;
	assert_int_equal(mailbox_send(box, 0, 1, 0, letter_of(3)), 0); /* between turns: at once */
	assert_true(is_woken(there));
	assert_int_equal(r.n, 1);

	loop_hook_remove(&s.hook);
	loop_waker_free(s.waker);
	mailbox_close(box, 0);
	mailbox_close(box, 1);
	mailbox_free(box, NULL);
	loop_free(here);
	loop_free(there);
}

static void dropped(void *letter)
{
	free(letter);
}

static void closing_leaves_letters(void **state)
{
	unsigned before = descriptors_open();
	struct mailbox *box = mailbox_new(2, 8, 1);
	struct loop *loop = loop_plain();
	struct reader r = {.close = box};

	(void)state;
	assert_non_null(box);
	assert_int_equal(mailbox_open(box, 1, loop, take, &r), 0);
	for (uintptr_t i = 1; i <= 4; i++)
		assert_int_equal(mailbox_send(box, 0, 1, 0, letter_of(i)), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(r.n, 1); /* closed by the first */
	assert_int_equal(mailbox_send(box, 0, 1, 0, letter_of(5)), 0);
	assert_false(is_woken(loop));
	assert_int_equal(mailbox_open(box, 1, loop, take, &r), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(r.n, 5);
	mailbox_close(box, 1);
	for (unsigned i = 0; i < 3; i++) {
		void *letter = malloc(10);

		assert_non_null(letter);
		assert_int_equal(mailbox_send(box, i % 2, 1 - i % 2, 0, letter), 0);
	}
	mailbox_free(box, dropped); /* a leak would show */
	mailbox_free(NULL, dropped);
	loop_free(loop);
	assert_int_equal(descriptors_open(), before);
}

/* ---- threads ---- */

#define THREADS 3
#define LETTERS 300000 /* from each to each other */

/* Each thread sends numbers to the two others, a handful in a turn, those from thread 2 without
 * ever opening, and receives what they send. A letter says what plain memory of its sender held.
 */
struct peer {
	pthread_t thread;
	unsigned me;
	struct mailbox *box;
	struct loop *loop;
	struct loop_waker *again;
	uint32_t sent[THREADS], got[THREADS];
	unsigned refused;
};

static struct peer peers[THREADS];
static uint32_t content[THREADS][THREADS][LETTERS];

static bool finished(const struct peer *p)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (i != p->me && (p->sent[i] < LETTERS || (i != 2 && p->got[i] < LETTERS)))
			return false;
	return p->me == 2 || p->got[2] == LETTERS;
}

static bool send_to(struct peer *p, unsigned to, unsigned n)
{
	for (; n > 0 && p->sent[to] < LETTERS; n--) {
		uint32_t *letter = &content[p->me][to][p->sent[to]];

		*letter = p->me * LETTERS + p->sent[to];
		if (mailbox_send(p->box, p->me, to, 0, letter)) {
			p->refused++;
			return false;
		}
		p->sent[to]++;
	}
	return true;
}

static void send_more(void *arg)
{
	struct peer *p = arg;

	for (unsigned to = 0; to < THREADS; to++)
		if (to != p->me && to != 2)
			(void)send_to(p, to, 1 + (p->sent[to] & 31));
	if (finished(p))
		loop_stop(p->loop);
	else if (p->sent[1 - p->me] < LETTERS)
		loop_wake(p->again);
}

static void receive(void *arg, void *letter)
{
	struct peer *p = arg;
	uint32_t n = *(uint32_t *)letter, from = n / LETTERS;

	if (n % LETTERS != p->got[from])
		abort(); /* one is lost, or comes twice or too early */
	p->got[from]++;
	if (finished(p))
		loop_stop(p->loop);
}

static void *run_peer(void *arg)
{
	struct peer *p = arg;

	p->sent[2] = LETTERS; /* nothing is sent to who never opens */
	assert_non_null(p->loop = loop_new(&(struct loop_options){.name = "p", .gather_us = 50}));
	assert_non_null(p->again = loop_waker_new(p->loop, send_more, p, "again"));
	assert_int_equal(mailbox_open(p->box, p->me, p->loop, receive, p), 0);
	loop_wake(p->again);
	assert_int_equal(loop_run(p->loop), 0);
	mailbox_close(p->box, p->me);
	loop_waker_free(p->again);
	loop_free(p->loop);
	return NULL;
}

static void *run_sender(void *arg)
{
	struct peer *p = arg;

	while (p->sent[0] < LETTERS || p->sent[1] < LETTERS) {
		bool fits = send_to(p, 0, 20);

		if (!send_to(p, 1, 20) || !fits)
			usleep(20);
	}
	return NULL;
}

/* Ends only if every letter arrives: a wake-up that is lost stops it until the time limit. */
static void threads_lose_nothing(void **state)
{
	struct mailbox *box = mailbox_new(THREADS, 256, 2);
	unsigned refused = 0;

	(void)state;
	assert_non_null(box);
	for (unsigned i = 0; i < THREADS; i++) {
		peers[i].me = i;
		peers[i].box = box;
		assert_int_equal(pthread_create(&peers[i].thread, NULL,
						i == 2 ? run_sender : run_peer, &peers[i]),
				 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)mailbox_high(box, i);
		(void)mailbox_refused(box);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(peers[i].thread, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		refused += peers[i].refused;
	assert_int_equal(mailbox_refused(box), refused);
	assert_int_equal(peers[0].got[1], LETTERS);
	assert_int_equal(peers[0].got[2], LETTERS);
	assert_int_equal(peers[1].got[0], LETTERS);
	assert_int_equal(peers[1].got[2], LETTERS);
	mailbox_free(box, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_arrive_in_order),
		cmocka_unit_test(the_less_important_is_refused_first),
		cmocka_unit_test(a_turn_is_bounded),
		cmocka_unit_test(woken_when_the_senders_turn_ends),
		cmocka_unit_test(closing_leaves_letters),
		cmocka_unit_test(threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
