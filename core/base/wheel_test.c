/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The wheel against a plain array of timers that is searched in full, with random settings, stops
 * and leaps of time, from inside callbacks too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/wheel.h"

#define HOUR_MS UINT64_C(3600000)

struct probe {
	struct wheel_timer timer;
	struct wheel *wheel;
	uint64_t fired_at;
	unsigned fired;
	uint64_t again_ms; /* set anew from the callback, this long after now; 0: not */
	struct wheel_timer *stop;
};

static void on_probe(struct wheel_timer *t, uint64_t now_ms)
{
	struct probe *p = container_of(t, struct probe, timer);

	assert_false(wheel_is_set(t));
	p->fired++;
	p->fired_at = now_ms;
	if (p->again_ms)
		wheel_add(p->wheel, t, now_ms + p->again_ms - 1);
	if (p->stop)
		wheel_del(p->wheel, p->stop);
}

static struct probe probe(struct wheel *w)
{
	struct probe p = {.wheel = w};

	return p;
}

static const struct {
	uint64_t start_ms, due_ms;
	uint64_t early_ms; /* not yet */
	uint64_t fire_ms;  /* and now */
	const char *name;
} rows[] = {
	{0, 10, 9, 10, "one tick"},
	{0, 1, 9, 10, "less than a tick"},
	{5, 10, 9, 10, "start between ticks"},
	{1000, 500, 1009, 1010, "overdue: with the next tick"},
	{1000, 1000, 1009, 1010, "due now: with the next tick"},
	{0, 500, 499, 500, "T1"},
	{0, 32000, 31999, 32000, "64*T1"},
	{7, 32007, 32009, 32010, "64*T1 between ticks"},
	{0, 2550, 2549, 2550, "the last slot of level 0"},
	{0, 2560, 2559, 2560, "the first of level 1"},
	{2559, 2560, 2559, 2560, "across the end of a round"},
	{0, 655350, 655349, 655350, "the end of level 1"},
	{0, 655360, 655359, 655360, "the first of level 2"},
	{655350, 655360 * 2 - 10, 655360 * 2 - 11, 655360 * 2 - 10, "a full round of level 1"},
	{0, 24 * HOUR_MS, 24 * HOUR_MS - 1, 24 * HOUR_MS, "a day"},
	{12345, 1000 * HOUR_MS, 1000 * HOUR_MS - 1, 1000 * HOUR_MS, "beyond all levels"},
	{UINT64_C(1) << 50, (UINT64_C(1) << 50) + 180000, (UINT64_C(1) << 50) + 179999,
	 (UINT64_C(1) << 50) + 180009, "a late clock"},
};

static struct wheel wheel;

static void never_early_and_not_late(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct probe p = probe(&wheel);

		wheel_init(&wheel, rows[i].start_ms);
		wheel_timer_init(&p.timer, on_probe);
		wheel_add(&wheel, &p.timer, rows[i].due_ms);
		wheel_run(&wheel, rows[i].start_ms);
		wheel_run(&wheel, rows[i].early_ms);
		if (p.fired || !wheel_is_set(&p.timer))
			fail_msg("%s: early", rows[i].name);
		wheel_run(&wheel, rows[i].fire_ms);
		if (p.fired != 1 || wheel_count(&wheel) != 0)
			fail_msg("%s: late", rows[i].name);
	}
}

/* A loop that sleeps as it is told wakes a few times for a far timer, and in time. */
static void sleeping_until_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct probe p = probe(&wheel);
		uint64_t now = rows[i].start_ms;
		int woken = 0;

		wheel_init(&wheel, now);
		assert_int_equal(wheel_next_ms(&wheel), WHEEL_NEVER);
		wheel_timer_init(&p.timer, on_probe);
		wheel_add(&wheel, &p.timer, rows[i].due_ms);
		while (!p.fired) {
			uint64_t next = wheel_next_ms(&wheel);
			assert_true(next > now / WHEEL_TICK_MS * WHEEL_TICK_MS);
			now = next;
			wheel_run(&wheel, now);
			woken++;
		}
		assert_in_range(p.fired_at, rows[i].due_ms, rows[i].fire_ms);
		if (woken > 3 + (int)(rows[i].due_ms - rows[i].start_ms > 46 * HOUR_MS) * 25)
			fail_msg("%s: woken %d times", rows[i].name, woken);
	}
}

static void setting_again_at_now_does_not_loop(void **state)
{
	struct probe p = probe(&wheel);

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&p.timer, on_probe);
	p.again_ms = 1; /* due at now itself */
	wheel_add(&wheel, &p.timer, 0);
	for (unsigned i = 1; i <= 5; i++) {
		wheel_run(&wheel, (uint64_t)i * 100000);
		assert_int_equal(p.fired, i);
		assert_true(wheel_is_set(&p.timer));
	}
	wheel_run(&wheel, 0); /* a clock that went back */
	assert_int_equal(p.fired, 5);
}

static void leaps_cost_nothing(void **state)
{
	struct probe p = probe(&wheel);

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&p.timer, on_probe);
	p.again_ms = 24 * HOUR_MS;
	wheel_add(&wheel, &p.timer, 1);
	/* 8.6 million ticks a time: hours of run time if each were walked */
	for (unsigned i = 1; i <= 100000; i++) {
		wheel_run(&wheel, 24 * HOUR_MS * i);
		assert_int_equal(p.fired, i);
	}
}

static void a_stopped_timer_wakes_nobody(void **state)
{
	static const uint64_t due_ms[] = {10, 5000, HOUR_MS, 100 * HOUR_MS};
	struct probe a = probe(&wheel), b = probe(&wheel);

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&a.timer, on_probe);
	wheel_timer_init(&b.timer, on_probe);
	for (size_t i = 0; i < sizeof(due_ms) / sizeof(due_ms[0]); i++) {
		wheel_add(&wheel, &a.timer, due_ms[i]);
		wheel_add(&wheel, &b.timer, due_ms[i]);
		uint64_t next = wheel_next_ms(&wheel);
		wheel_del(&wheel, &a.timer);
		assert_int_equal(wheel_next_ms(&wheel), next); /* the other one is still there */
		wheel_del(&wheel, &b.timer);
		assert_int_equal(wheel_next_ms(&wheel), WHEEL_NEVER);
	}
}

static void stopping_from_a_callback(void **state)
{
	struct probe a = probe(&wheel), b = probe(&wheel), c = probe(&wheel);

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&a.timer, on_probe);
	wheel_timer_init(&b.timer, on_probe);
	wheel_timer_init(&c.timer, on_probe);
	a.stop = &b.timer; /* due in the same tick */
	c.stop = &c.timer; /* itself */
	wheel_add(&wheel, &a.timer, 100);
	wheel_add(&wheel, &b.timer, 100);
	wheel_add(&wheel, &c.timer, 100);
	assert_int_equal(wheel_count(&wheel), 3);
	wheel_run(&wheel, 100);
	assert_int_equal(a.fired + c.fired, 2);
	assert_int_equal(b.fired, 0);
	assert_int_equal(wheel_count(&wheel), 0);
	assert_int_equal(wheel_next_ms(&wheel), WHEEL_NEVER);
	wheel_del(&wheel, &a.timer);
	assert_int_equal(wheel_count(&wheel), 0);
}

/* The model: what is set, and the tick it may fire at the earliest. */
#define TIMERS 200

struct entry {
	struct wheel_timer timer;
	bool set;
	uint64_t due_ms, tick;
};

static struct entry model[TIMERS];
static uint32_t seed;
static uint64_t target, last_tick, fired_total;

static uint32_t draw(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * bound >> 24);
}

/* Any magnitude from a millisecond to some 70 hours. */
static uint64_t draw_ms(void)
{
	return ((uint64_t)draw(1 << 16) << 12 | draw(1 << 12)) >> draw(28);
}

static void set_one(uint64_t now_ms)
{
	struct entry *e = &model[draw(TIMERS)];

	e->due_ms = now_ms + draw_ms();
	if (draw(10) == 0)
		e->due_ms = now_ms - draw(1000) % (now_ms + 1);
	e->tick = (e->due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
	if (e->tick <= target)
		e->tick = target + 1;
	e->set = true;
	wheel_add(&wheel, &e->timer, e->due_ms);
}

static void stop_one(void)
{
	struct entry *e = &model[draw(TIMERS)];

	e->set = false;
	wheel_del(&wheel, &e->timer);
}

static void on_entry(struct wheel_timer *t, uint64_t now_ms)
{
	struct entry *e = container_of(t, struct entry, timer);

	assert_true(e->set);
	assert_true(e->due_ms <= now_ms);
	assert_true(e->tick <= target);
	assert_true(e->tick >= last_tick); /* in order */
	last_tick = e->tick;
	e->set = false;
	fired_total++;
	for (uint32_t n = draw(3); n; n--) {
		if (draw(2))
			set_one(now_ms);
		else
			stop_one();
	}
}

static void check_model(uint64_t now_ms)
{
	uint64_t next = wheel_next_ms(&wheel), first = WHEEL_NEVER;
	size_t count = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		assert_int_equal(model[i].set, wheel_is_set(&model[i].timer));
		if (!model[i].set)
			continue;
		count++;
		assert_true(model[i].tick > now_ms / WHEEL_TICK_MS);
		if (model[i].tick * WHEEL_TICK_MS < first)
			first = model[i].tick * WHEEL_TICK_MS;
	}
	assert_int_equal(wheel_count(&wheel), count);
	assert_true(next <= first);
	assert_int_equal(next == WHEEL_NEVER, count == 0);
	assert_true(next > now_ms / WHEEL_TICK_MS * WHEEL_TICK_MS);
}

static void against_a_plain_array(void **state)
{
	(void)state;
	fired_total = 0;
	for (uint32_t round = 1; round <= 40; round++) {
		uint64_t now_ms = draw_ms();

		seed = round;
		wheel_init(&wheel, now_ms);
		target = now_ms / WHEEL_TICK_MS;
		for (size_t i = 0; i < TIMERS; i++) {
			model[i].set = false;
			wheel_timer_init(&model[i].timer, on_entry);
		}
		for (int op = 0; op < 2000; op++) {
			uint32_t kind = draw(8);

			if (kind < 4) {
				set_one(now_ms);
			} else if (kind == 4) {
				stop_one();
			} else {
				now_ms += draw_ms() >> draw(12);
				target = now_ms / WHEEL_TICK_MS;
				last_tick = 0;
				wheel_run(&wheel, now_ms);
				check_model(now_ms);
			}
		}
	}
	assert_true(fired_total > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_early_and_not_late),
		cmocka_unit_test(sleeping_until_next),
		cmocka_unit_test(setting_again_at_now_does_not_loop),
		cmocka_unit_test(leaps_cost_nothing),
		cmocka_unit_test(a_stopped_timer_wakes_nobody),
		cmocka_unit_test(stopping_from_a_callback),
		cmocka_unit_test(against_a_plain_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
