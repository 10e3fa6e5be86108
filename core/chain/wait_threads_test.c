/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests of one worker resumed by other threads while the worker puts aside, cancels and lets time pass: each ends exactly once. For the
 * thread sanitizer above all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_play.h"

#define ROOM    16
#define ROUNDS  4000
#define HELPERS 3

/* Handles on their way to the helpers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	mg_wait handle[ROOM * 4];
	unsigned n;
	bool over;
} bag = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static void *helper(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&bag.lock);
		while (bag.n == 0 && !bag.over)
			pthread_cond_wait(&bag.filled, &bag.lock);
		mg_wait handle = bag.n ? bag.handle[--bag.n] : 0;
		pthread_mutex_unlock(&bag.lock);
		if (!handle)
			return NULL;
		mg_resume(handle, mg_next());
		if (handle % 3 == 0)
			mg_resume(handle, mg_drop("twice"));
		(void)arg;
	}
}

/* Give a handle to the helpers; one in eight is forgotten. */
static void hand_over(mg_wait handle, unsigned i)
{
	pthread_mutex_lock(&bag.lock);
	if (i % 8 && bag.n < ROOM * 4) {
		bag.handle[bag.n++] = handle;
		pthread_cond_signal(&bag.filled);
	}
	pthread_mutex_unlock(&bag.lock);
}

static unsigned ended[ROOM];

static void on_end(struct mg_request *r, enum mg_phase phase, struct mg_branch *branch,
		   struct mg_verdict v)
{
	(void)phase;
	(void)branch;
	(void)v;
	ended[*(unsigned *)r->user]++;
}

static struct fake_request many[ROOM];
static unsigned index_of[ROOM];

static void each_ends_once(void **state)
{
	struct part *part = &play.part[0][MG_REQUEST];
	unsigned begun[ROOM] = {0}, cancelled[ROOM] = {0}, i;
	bool busy[ROOM] = {0};
	pthread_t thread[HELPERS];

	(void)state;
	part->suspend = true;
	part->timeout_ms = 50;
	f.on_resumed = on_end;
	for (i = 0; i < HELPERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, helper, NULL), 0);
	for (i = 0; i < ROOM; i++) {
		fake_request(&many[i], &f, play_source(), FAKE_INVITE, false);
		index_of[i] = i;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		i = round % ROOM;
		busy[i] = begun[i] != ended[i] + cancelled[i];
		if (busy[i] && round % 5 == 0) {
			chain_cancel(&many[i].r);
			cancelled[i]++;
			busy[i] = false;
		}
		if (!busy[i]) {
			many[i].r.user = &index_of[i];
			assert_int_equal(chain_request(&many[i].r).kind, MG_WAIT);
			begun[i]++;
			hand_over(part->wait, round);
		}
		fake_deliver(&f);
		fake_pass(&f, round % 16 == 0 ? 20 : 0);
		text_start(&f.told);
		text_start(&play.asked);
	}
	pthread_mutex_lock(&bag.lock);
	bag.over = true;
	pthread_cond_broadcast(&bag.filled);
	pthread_mutex_unlock(&bag.lock);
	for (i = 0; i < HELPERS; i++)
		pthread_join(thread[i], NULL);
	fake_deliver(&f);
	chain_tick(&f.worker, f.now_ms);
	fake_pass(&f, 100); /* the forgotten ones */
	for (i = 0; i < ROOM; i++) {
		assert_int_equal(begun[i], ended[i] + cancelled[i]);
		fake_request_done(&many[i]);
	}
	assert_int_equal(chain_waiting(&f.worker), 0);
	assert_true(fake_stat(&f, CHAIN_STAT_WAITS_TIMEOUT) > 0);
	assert_true(fake_stat(&f, CHAIN_STAT_RESUMED_STALE) > 0);
}

static int setup(void **state)
{
	int err = play_setup(state);

	chain_worker_done(&f.worker); /* with more room */
	f.worker.waiting_max = ROOM;
	chain_worker_leave(&f.worker, chain);
	assert_int_equal(chain_worker_init(&f.worker), 0);
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_ends_once, setup, play_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
