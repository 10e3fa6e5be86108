/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * timer: how long each timer of the machines runs (RFC 3261 Table 4, RFC 6026), and the one timer of the wheel that serves a transaction's two: the next sending, and
 * the end. What they bring about says the machine. Called by run.c.
 */
#include "transaction/txn_priv.h"

/* Who only waits until nobody asks any more may wait a little longer: many leave with one wake-up then, which costs more than they do. A power of two. */
#define LINGER_STEP_MS 8

enum unit { UNIT_T1, UNIT_T2, UNIT_T4, UNIT_D };

/* What becomes of a timer on a stream. */
enum stream { SAME, ZERO, NEVER };

struct duration {
	uint8_t event; /* enum txn_event it brings */
	uint8_t unit;  /* enum unit */
	uint8_t times;
	uint8_t stream; /* enum stream */
	bool resend;    /* it is one of the two that send again; the others end something */
	bool doubles;   /* with each firing */
	bool capped;    /* at T2 */
	bool lingers;   /* nobody hears of its end */
};

/* clang-format off */
static const struct duration durations[TXN_TIMERS] = {
	/*                event     unit     times stream resend doubles capped lingers */
	[TIMER_A]      = {T_A,      UNIT_T1, 1,    NEVER, true,  true,   false, false},
	[TIMER_B]      = {T_B,      UNIT_T1, 64,   SAME,  false, false,  false, false},
	[TIMER_D]      = {T_D,      UNIT_D,  1,    ZERO,  false, false,  false, true},
	[TIMER_E]      = {T_E,      UNIT_T1, 1,    NEVER, true,  true,   true,  false},
	[TIMER_E_SLOW] = {T_E,      UNIT_T2, 1,    NEVER, true,  false,  true,  false},
	[TIMER_F]      = {T_F,      UNIT_T1, 64,   SAME,  false, false,  false, false},
	[TIMER_G]      = {T_G,      UNIT_T1, 1,    NEVER, true,  true,   true,  false},
	[TIMER_H]      = {T_H,      UNIT_T1, 64,   SAME,  false, false,  false, false},
	[TIMER_I]      = {T_I,      UNIT_T4, 1,    ZERO,  false, false,  false, true},
	[TIMER_J]      = {T_J,      UNIT_T1, 64,   ZERO,  false, false,  false, true},
	[TIMER_K]      = {T_K,      UNIT_T4, 1,    ZERO,  false, false,  false, true},
	[TIMER_L]      = {T_L,      UNIT_T1, 64,   SAME,  false, false,  false, true},
	[TIMER_M]      = {T_M,      UNIT_T1, 64,   SAME,  false, false,  false, true},
	[TIMER_CANCEL] = {T_CANCEL, UNIT_T1, 64,   SAME,  false, false,  false, false},
};
/* clang-format on */

static uint32_t unit_ms(const struct txn_conf *conf, enum unit unit)
{
	switch (unit) {
	case UNIT_T1: return conf->t1;
	case UNIT_T2: return conf->t2;
	case UNIT_T4: return conf->t4;
	case UNIT_D: return conf->timer_d;
	}
	return 0;
}

uint32_t txn_slow_ms(const struct txn_conf *conf)
{
	uint32_t passed = 0, interval = conf->t1 ? conf->t1 : 1;

	while (interval < conf->t2) {
		passed += interval;
		interval *= 2;
	}
	return passed;
}

/* Times are 32 bits of the clock, and none is more than some minutes off: a half of their range tells before from after. */
static bool is_due(uint32_t at, uint64_t now_ms)
{
	return (int32_t)(at - (uint32_t)now_ms) <= 0;
}

static uint64_t whole(uint32_t at, uint64_t now_ms)
{
	int32_t left = (int32_t)(at - (uint32_t)now_ms);

	return left > 0 ? now_ms + (uint64_t)left : now_ms;
}

/* Set the one timer to whichever comes first. */
static void schedule(struct txn *t, uint64_t now_ms)
{
	struct wheel *wheel = loop_wheel(t->table->env.loop);
	uint64_t due = WHEEL_NEVER;

	if (t->end_event)
		due = whole(t->end_at, now_ms);
	if (t->resend_event && whole(t->resend_at, now_ms) < due)
		due = whole(t->resend_at, now_ms);
	if (due == WHEEL_NEVER)
		wheel_del(wheel, &t->timer);
	else
		wheel_add(wheel, &t->timer, due);
}

static void fire(struct wheel_timer *timer, uint64_t now_ms)
{
	struct txn *t = container_of(timer, struct txn, timer);
	enum txn_event event = NO_EVENT;
	struct txn_in in = {0};

	if (t->end_event && is_due(t->end_at, now_ms)) {
		event = t->end_event;
		t->end_event = NO_EVENT;
	} else if (t->resend_event && is_due(t->resend_at, now_ms)) {
		event = t->resend_event;
		t->resend_event = NO_EVENT;
	}
	txn_hold(t);
	txn_run(t, event, &in);
	if (t->flags & TXN_LINKED)
		schedule(t, now_ms);
	txn_drop(t);
}

void txn_timer_init(struct txn *t)
{
	wheel_timer_init(&t->timer, fire);
	t->end_event = t->resend_event = NO_EVENT;
}

/* The next sending counts from when this one was due, so that a slow loop does not stretch the schedule; after a long pause from now, so that it does
 * not run through what it missed. */
static void arm_resend(struct txn *t, const struct duration *d, enum txn_event by, uint64_t now_ms)
{
	const struct txn_conf *conf = &t->table->conf;
	uint32_t from = (uint32_t)now_ms;
	uint32_t ms = unit_ms(conf, d->unit);

	if (by == d->event) {
		if (d->doubles)
			ms = t->resend_ms > UINT32_MAX / 4 ? t->resend_ms : t->resend_ms * 2;
		if (!is_due(t->resend_at + ms, now_ms))
			from = t->resend_at;
	}
	if (d->capped && ms > conf->t2)
		ms = conf->t2;
	t->resend_event = d->event;
	t->resend_ms = ms;
	t->resend_at = from + ms;
}

enum txn_event txn_arm(struct txn *t, enum txn_timer timer, enum txn_event by)
{
	const struct duration *d = &durations[timer];
	uint64_t now_ms = txn_now(t->table);
	uint32_t ms = unit_ms(&t->table->conf, d->unit) * d->times;

	if (t->flags & TXN_RELIABLE && d->stream == NEVER)
		return NO_EVENT;
	if (d->stream == ZERO && (t->flags & TXN_RELIABLE || ms == 0))
		return d->event;
	if (d->resend) {
		arm_resend(t, d, by, now_ms);
	} else {
		uint64_t at = now_ms + ms;

		if (d->lingers)
			at = (at + LINGER_STEP_MS - 1) & ~(uint64_t)(LINGER_STEP_MS - 1);
		t->end_event = d->event;
		t->end_at = (uint32_t)at;
	}
	schedule(t, now_ms);
	return NO_EVENT;
}

void txn_arm_now(struct txn *t, enum txn_event event)
{
	uint64_t now_ms = txn_now(t->table);

	t->resend_event = NO_EVENT;
	t->end_event = (uint8_t)event;
	t->end_at = (uint32_t)now_ms;
	schedule(t, now_ms);
}

void txn_arm_100(struct txn *t, uint32_t ms)
{
	uint64_t now_ms = txn_now(t->table);

	t->end_event = T_100;
	t->end_at = (uint32_t)now_ms + ms;
	schedule(t, now_ms);
}

void txn_stop(struct txn *t)
{
	t->end_event = t->resend_event = NO_EVENT;
	wheel_del(loop_wheel(t->table->env.loop), &t->timer);
}
