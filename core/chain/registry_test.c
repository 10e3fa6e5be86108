/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Modules of a configuration: loaded in order, unloaded backwards, followed by those of the next configuration; who fails how; attributes and roles
 * that they declare.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chain/test_play.h"

static struct conf_faults faults;

static int setup(void **state)
{
	conf_faults_init(&faults);
	return play_setup(state);
}

static int teardown(void **state)
{
	conf_faults_done(&faults);
	return play_teardown(state);
}

/* ---- life ---- */

static void a_life(void **state)
{
	struct chain *next, *before = chain;

	(void)state;
	chain_worker_leave(&f.worker, chain);
	assert_string_equal(play_asked(), "c.worker_end b.worker_end a.worker_end ");
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	assert_string_equal(play_asked(), "a.worker b.worker c.worker ");
	next = play_chain(chain, &faults);
	assert_non_null(next);
	assert_string_equal(play_asked(), "a.load_again b.load_again c.load_again ");
	assert_int_equal(chain_worker_enter(&f.worker, next), 0);
	assert_string_equal(play_asked(), "a.worker_again b.worker_again c.worker_again ");
	assert_ptr_equal(f.worker.chain, next);
	chain_worker_leave(&f.worker, before);
	assert_string_equal(play_asked(), "c.worker_end b.worker_end a.worker_end ");
	chain_free(before);
	assert_string_equal(play_asked(), "c.unload b.unload a.unload ");
	chain_tick(&f.worker, f.now_ms);
	assert_string_equal(play_asked(), "a.tick b.tick c.tick ");
	chain_free(NULL);
	q.r.chain = chain = next;
}

static void who_cannot_load(void **state)
{
	(void)state;
	play.load_err[1] = MG_ENOMEM;
	assert_null(play_chain(NULL, &faults));
	assert_string_equal(play_asked(), "a.load b.load a.unload ");
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.text[0], "test.cfg:2: module b: could not begin: ENOMEM");
}

static void who_cannot_be_ready(void **state)
{
	(void)state;
	play.ready_err[2] = MG_ENOENT;
	assert_null(play_chain(NULL, &faults));
	assert_string_equal(play_asked(), "a.load b.load c.load c.unload b.unload a.unload ");
	assert_string_equal(faults.text[0], "test.cfg:3: module c: could not begin: ENOENT");
}

static void who_cannot_begin_in_a_worker(void **state)
{
	struct chain *next = play_chain(chain, &faults);

	(void)state;
	play_asked();
	play.worker_err[1] = MG_ENOMEM;
	assert_int_equal(chain_worker_enter(&f.worker, next), MG_ENOMEM);
	assert_string_equal(play_asked(), "a.worker_again b.worker_again a.worker_end ");
	assert_ptr_equal(f.worker.chain, chain);
	assert_string_equal(verdict_text(chain_request(&q.r)), "next");
	chain_free(next);
}

static void what_a_worker_has_goes_on(void **state)
{
	static const char zeros[8];
	struct mg_self before = {0}, self = {0};

	(void)state;
	assert_int_equal(mg_local_begin(&before, NULL, sizeof(zeros)), 0);
	assert_memory_equal(before.local, zeros, sizeof(zeros));
	memcpy(before.local, "as ever", 8);
	assert_int_equal(mg_local_begin(&self, &before, 8), 0);
	assert_ptr_not_equal(self.local, before.local);
	mg_local_end(&before);
	assert_string_equal(self.local, "as ever");
	mg_local_end(&self);
}

static void counters_go_on(void **state)
{
	struct chain *next;
	const struct stats *counters;
	const char *name;

	(void)state;
	chain_tick(&f.worker, f.now_ms);
	chain_tick(&f.worker, f.now_ms);
	next = play_chain(chain, &faults);
	assert_int_equal(chain_worker_enter(&f.worker, next), 0);
	chain_worker_leave(&f.worker, chain);
	chain_free(chain);
	q.r.chain = chain = next;
	chain_tick(&f.worker, f.now_ms);
	assert_true(chain_counters(chain, 1, &name, &counters));
	assert_string_equal(name, "b");
	assert_string_equal(counters->desc[0].name, "play_ticks_total");
	assert_int_equal(stats_sum(counters, 0), 3);
	assert_false(chain_counters(chain, 3, &name, &counters));
}

static void says_why(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	assert_int_equal(mg_setup_workers(s), 2);
	assert_ptr_equal(mg_setup_zone(s, "outside"), &play_zones[1]);
	assert_null(self->worker);
	if (who == 1)
		mg_setup_fault(s, "no zone \"%s\"", mg_setup_zone(s, "dmz") ? "" : "dmz");
}

static void names_a_zone(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	(void)self;
	assert_ptr_equal(mg_setup_zone_at(s, "outside", "x"), &play_zones[1]);
	if (who == 1)
		assert_null(mg_setup_zone_at(s, "dmz", "lists[%u].from", 3U));
}

static void the_modules_own_words(void **state)
{
	(void)state;
	play.in_load = says_why;
	play.load_err[1] = MG_EINVAL;
	assert_null(play_chain(NULL, &faults));
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.text[0], "test.cfg:2: module b: no zone \"dmz\"");
}

static void a_setting_that_names_no_zone(void **state)
{
	(void)state;
	play.in_load = names_a_zone;
	play.load_err[1] = MG_ENOENT;
	assert_null(play_chain(NULL, &faults));
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.text[0],
			    "test.cfg:2: module b: lists[3].from: there is no zone \"dmz\"");
}

static void zones_of_the_configuration(void **state)
{
	(void)state;
	assert_ptr_equal(mg_zone_at(&f.worker, 1), &play_zones[1]);
	assert_null(mg_zone_at(&f.worker, 2));
	assert_int_equal(mg_now_ms(&f.worker), f.now_ms);
	assert_ptr_equal(mg_wheel(&f.worker), &f.wheel);
	assert_ptr_equal(mg_rnd(&f.worker), &f.rnd);
	assert_int_equal(mg_worker_index(&f.worker), 0);
}

/* ---- attributes ---- */

static int user, level, peer, flag;

static void declares(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	(void)self;
	if (who == 2)
		return;
	user = mg_attr(s, "auth.user", MG_ATTR_TEXT);
	level = mg_attr(s, "auth.level", MG_ATTR_INT);
	peer = mg_attr(s, "nat.peer", MG_ATTR_ADDR);
	flag = mg_attr(s, "nat.behind", MG_ATTR_BOOL);
}

static void attributes(void **state)
{
	struct addr a = test_addr("192.0.2.9:5060"), got_addr;
	char name[] = "alice";
	struct sv text = SV("?");
	int64_t number = 7;

	(void)state;
	play.in_load = declares;
	chain_worker_leave(&f.worker, chain);
	chain_free(chain);
	chain = play_chain(NULL, &faults);
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	q.r.chain = chain;
	assert_int_equal(user, 0);
	assert_int_equal(flag, 3); /* declared by two, each once */
	assert_false(mg_attr_text(&q.r, user, &text));
	assert_string_equal(text.p, "?");
	assert_int_equal(mg_attr_set_text(&q.r, user, sv_str(name)), 0);
	name[0] = 'X';
	assert_true(mg_attr_text(&q.r, user, &text));
	assert_true(sv_eq(text, SV("alice")));
	assert_false(mg_attr_int(&q.r, level, &number));
	assert_int_equal(mg_attr_set_int(&q.r, level, -5), 0);
	assert_true(mg_attr_int(&q.r, level, &number));
	assert_int_equal(number, -5);
	assert_int_equal(mg_attr_set_int(&q.r, flag, 5), 0);
	assert_true(mg_attr_int(&q.r, flag, &number));
	assert_int_equal(number, 1);
	assert_false(mg_attr_addr(&q.r, peer, &got_addr));
	assert_int_equal(mg_attr_set_addr(&q.r, peer, &a), 0);
	assert_true(mg_attr_addr(&q.r, peer, &got_addr));
	assert_true(addr_eq(&a, &got_addr));

	/* Of another type, or none at all. */
	assert_int_equal(mg_attr_set_int(&q.r, user, 1), MG_EINVAL);
	assert_int_equal(mg_attr_set_text(&q.r, level, SV("")), MG_EINVAL);
	assert_int_equal(mg_attr_set_addr(&q.r, 4, &a), MG_EINVAL);
	assert_int_equal(mg_attr_set_addr(&q.r, -1, &a), MG_EINVAL);
	assert_false(mg_attr_text(&q.r, level, &text));
	assert_false(mg_attr_int(&q.r, 99, &number));
	assert_false(mg_attr_addr(&q.r, user, &got_addr));
	q.r.arena = NULL; /* as in MESSAGE */
	assert_int_equal(mg_attr_set_int(&q.r, level, 1), MG_EINVAL);
	assert_int_equal(mg_attr_set_text(&q.r, user, SV("")), MG_EINVAL);
	assert_int_equal(mg_attr_set_addr(&q.r, peer, &a), MG_EINVAL);
}

static void no_memory_for_attributes(void **state)
{
	struct addr a = test_addr("192.0.2.9:5060");
	struct sv text;

	(void)state;
	attributes(state);
	q.r.arena = &q.arena;
	arena_done(&q.arena);
	arena_init(&q.arena, 16, 200);
	q.r.attrs = NULL;
	assert_int_equal(mg_attr_set_int(&q.r, level, 1), 0);
	assert_int_equal(mg_attr_set_text(&q.r, user, sv_of(q.bytes, 400)), MG_ENOMEM);
	assert_false(mg_attr_text(&q.r, user, &text));
	arena_done(&q.arena);
	arena_init(&q.arena, 16, 16);
	q.r.attrs = NULL;
	assert_int_equal(mg_attr_set_int(&q.r, level, 1), MG_ENOMEM);
	assert_int_equal(mg_attr_set_text(&q.r, user, SV("")), MG_ENOMEM);
	assert_int_equal(mg_attr_set_addr(&q.r, peer, &a), MG_ENOMEM);
}

static void declares_otherwise(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	(void)self;
	if (who == 0)
		assert_int_equal(mg_attr(s, "x", MG_ATTR_INT), 0);
	else if (who == 1)
		play.load_err[1] = mg_attr(s, "x", MG_ATTR_TEXT);
}

static void one_attribute_has_one_type(void **state)
{
	(void)state;
	play.in_load = declares_otherwise;
	assert_null(play_chain(NULL, &faults));
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.text[0], "test.cfg:2: module b: the attribute x has another "
					    "type in a module that stands before");
}

static void declares_many(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	static char names[65][4];

	(void)self;
	for (unsigned i = 0; i < 65 && who == 0; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", i);
		assert_int_equal(mg_attr(s, names[i], MG_ATTR_INT), i < 64 ? (int)i : MG_ELIMIT);
		assert_int_equal(mg_role_provide(s, names[i], 1, names, NULL),
				 i < 64 ? 0 : MG_ELIMIT);
	}
}

static void bounded(void **state)
{
	(void)state;
	play.in_load = declares_many;
	chain_free(play_chain(NULL, &faults));
	assert_int_equal(faults.n, 0);
}

/* ---- roles ---- */

struct greeting {
	const char *word;
};

static void provides(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	static const struct greeting words[PLAYERS] = {{"hello"}, {"good day"}, {"hi"}};

	self->state = (void *)(uintptr_t)&words[who];
	assert_int_equal(mg_role_provide(s, "greeting", who == 2 ? 2 : 1, &words[who], self->state),
			 0);
}

static void asks(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	void *owner = NULL;
	const struct greeting *g = mg_role(s, "greeting", 1, &owner);

	(void)self;
	(void)who;
	assert_string_equal(g->word, "good day"); /* the last of that version */
	assert_ptr_equal(owner, g);
	g = mg_role(s, "greeting", 2, &owner);
	assert_string_equal(g->word, "hi");
	assert_null(mg_role(s, "greeting", 3, &owner));
	assert_null(mg_role(s, "farewell", 1, &owner));
}

static void roles(void **state)
{
	(void)state;
	play.in_load = provides;
	play.in_ready = asks;
	struct chain *one = play_chain(NULL, &faults);
	assert_non_null(one);
	chain_free(one);
}

/* ---- who is known, who is answered ---- */

static struct addr friend;
static uint64_t learned_ms;
static bool open_hand;

static bool knows(void *self, const struct addr *addr, const struct mg_zone *zone)
{
	return addr_host_eq(addr, self) && (!zone || zone == &play_zones[0]);
}

static void learns(void *self, const struct addr *addr, uint64_t now_ms)
{
	memcpy(self, addr, sizeof(*addr));
	learned_ms = now_ms;
}

static bool may(void *self, const struct mg_source *source, uint64_t now_ms)
{
	(void)self;
	(void)source;
	return open_hand && now_ms == f.now_ms;
}

static void provides_sources(struct mg_setup *s, struct mg_self *self, unsigned who)
{
	static const struct mg_sources_role deaf = {.known = knows}, role = {knows, learns};
	static const struct mg_answers_role answers = {may};
	static struct addr nobody;

	(void)self;
	if (who == 0)
		assert_int_equal(mg_role_provide(s, MG_SOURCES_ROLE, 1, &deaf, &nobody), 0);
	if (who == 1)
		assert_int_equal(mg_role_provide(s, MG_SOURCES_ROLE, 1, &role, &friend), 0);
	if (who == 2)
		assert_int_equal(mg_role_provide(s, MG_ANSWERS_ROLE, 1, &answers, NULL), 0);
}

static void sources(void **state)
{
	struct mg_source source = *play_source();
	size_t max = 9;

	(void)state;
	memset(&friend, 0, sizeof(friend));
	play.in_load = provides_sources;
	chain_worker_leave(&f.worker, chain);
	chain_free(chain);
	chain = play_chain(NULL, &faults);
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	q.r.chain = chain;
	assert_false(chain_known(chain, &source.addr));
	assert_false(mg_source(&q.r)->known);
	mg_set_known(&q.r);
	assert_true(mg_source(&q.r)->known);
	assert_int_equal(learned_ms, f.now_ms);
	assert_true(chain_known(chain, &source.addr));
	assert_true(chain_known_in(chain, &source.addr, &play_zones[0]));
	assert_false(chain_known_in(chain, &source.addr, &play_zones[1]));
	struct mg_self self = {.worker = &f.worker, .name = player_a.name};
	assert_true(mg_known(&self, &source.addr, &play_zones[0])); /* b does */
	self.name = player_b.name;
	assert_false(mg_known(&self, &source.addr, &play_zones[0])); /* nobody but b */

	open_hand = false;
	assert_false(chain_may_answer(&f.worker, &source, 300, &max));
	assert_int_equal(fake_stat(&f, CHAIN_STAT_UNANSWERED), 1);
	open_hand = true;
	assert_true(chain_may_answer(&f.worker, &source, 300, &max));
	assert_int_equal(max, 450);
	source.proven = true;
	assert_true(chain_may_answer(&f.worker, &source, 300, &max));
	assert_int_equal(max, 0);
	open_hand = false;
	assert_false(chain_may_answer(&f.worker, &source, 300, &max));
	source.proven = false;
	source.known = true;
	assert_true(chain_may_answer(&f.worker, &source, 300, &max));
	assert_int_equal(max, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_life),
		TEST(who_cannot_load),
		TEST(who_cannot_be_ready),
		TEST(who_cannot_begin_in_a_worker),
		TEST(what_a_worker_has_goes_on),
		TEST(counters_go_on),
		TEST(the_modules_own_words),
		TEST(a_setting_that_names_no_zone),
		TEST(zones_of_the_configuration),
		TEST(attributes),
		TEST(no_memory_for_attributes),
		TEST(one_attribute_has_one_type),
		TEST(bounded),
		TEST(roles),
		TEST(sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
