/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * overload: the controller. Every 10 ms the mean wait of the messages handled is held against half of the delay that means overload: the level follows the error and
 * its change (a PI controller), so that it answers a growing queue before it is long and settles, without going all the way off and on, where the
 * work offered and the work that can be done meet. Called by flow.c for each message.
 */
#include "daemon/overload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For an offer of three to ten times what can be done the loop is well damped with these; the figures are classes per interval and unit of error. */
#define GAIN_CHANGE 0.3
#define GAIN_ERROR  0.03
#define ERROR_MAX   4.0
#define INTERVALS_MAX \
	10.0 /* that one adjustment downwards stands for; who was idle for long has room */
#define PATIENCE_US \
	100000 /* a queue that a pause of the machine left is gone by then: only what stays is overload */
#define STEP_LOAD 0.1 /* when transactions run out */
#define FLOOR     2.0 /* what is in a dialog, or an emergency, is never refused here */

void overload_init(struct overload *o)
{
	*o = (struct overload){.level = OVERLOAD_CLASSES, .error = -1, .chance = 0x9e3779b9};
}

/* Whether the wait has been above the aim for long enough to mean something. Two pauses of the machine with nothing to do between them are no overload: what came after
 * the second waited much less than the time since anybody was seen. */
static bool lasts(struct overload *o, double error, uint64_t now_us, double intervals)
{
	double busy_us = 4.0 * o->delay_us + PATIENCE_US;

	if (error <= 0)
		o->above_us = 0;
	else if (o->above_us == 0 || intervals * OVERLOAD_INTERVAL_US > busy_us)
		o->above_us = now_us;
	return o->above_us && now_us - o->above_us >= PATIENCE_US;
}

/* `intervals`: how many have passed. A turn that handles hundreds of messages on a slow processor takes many of them, and all of it is seen as one. */
static void adjust(struct overload *o, const struct overload_conf *conf, unsigned load_percent,
		   uint64_t now_us, double intervals)
{
	double aim = conf->queue_delay_us / 2.0;
	double error = ((double)o->delay_us - aim) / aim;

	if (error > ERROR_MAX)
		error = ERROR_MAX;
	/* As long as nothing is refused, a wait that only grows below the aim, or is above it for a moment, is no reason to begin. */
	bool calm = !lasts(o, error, now_us, intervals) && o->level >= OVERLOAD_CLASSES;
	if (error > 0 && intervals > INTERVALS_MAX)
		intervals = INTERVALS_MAX;
	double step = -GAIN_CHANGE * (error - o->error) - GAIN_ERROR * error * intervals;

	if (calm)
		step = 0;
	if (!calm || error <= 0)
		o->error = error;
	if (load_percent >= conf->transactions_percent)
		step = -STEP_LOAD;
	o->level += step;
	if (o->level > OVERLOAD_CLASSES)
		o->level = OVERLOAD_CLASSES;
	if (o->level < FLOOR)
		o->level = FLOOR;
}

void overload_seen(struct overload *o, const struct overload_conf *conf, uint64_t now_us,
		   uint64_t delay_us, unsigned load_percent)
{
	o->sum_us += delay_us;
	o->n++;
	if (now_us - o->interval_us < OVERLOAD_INTERVAL_US)
		return;
	uint64_t mean = o->sum_us / o->n;
	o->delay_us = mean > UINT32_MAX ? UINT32_MAX : (uint32_t)mean;
	o->sum_us = 0;
	o->n = 0;
	double intervals = (double)(now_us - o->interval_us) / OVERLOAD_INTERVAL_US;
	o->interval_us = now_us;
	adjust(o, conf, load_percent, now_us, intervals);
}

/* xorshift32: shares and jitter need to be even, not secret. */
static uint32_t chance(struct overload *o)
{
	uint32_t x = o->chance;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return o->chance = x;
}

bool overload_admit(struct overload *o, enum overload_class class_)
{
	return overload_admit_to(o, class_, o->level);
}

bool overload_admit_to(struct overload *o, enum overload_class class_, double level)
{
	double share = (level < o->level ? level : o->level) - (double)class_;

	if (class_ == OVERLOAD_DIALOG)
		return true;
	if (o->memory_full && class_ > OVERLOAD_EMERGENCY)
		return false;
	return share >= 1.0 || (share > 0.0 && chance(o) < share * 4294967296.0);
}

uint32_t overload_retry_after(struct overload *o, const struct overload_conf *conf)
{
	return conf->retry_min_s + chance(o) % (conf->retry_max_s - conf->retry_min_s + 1);
}

void overload_memory(struct overload *o, const struct overload_conf *conf, uint64_t held)
{
	if (conf->memory_max == 0)
		o->memory_full = false;
	else if (held >= conf->memory_max / 100 * 90)
		o->memory_full = true;
	else if (held < conf->memory_max / 100 * 85)
		o->memory_full = false;
}

uint64_t overload_resident(int statm_fd)
{
	char text[128];
	ssize_t n = pread(statm_fd, text, sizeof(text) - 1, 0);
	char *end;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoull(text, &end, 10); /* size; what is resident follows */
	return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t read_number(const char *path)
{
	char text[64];
	FILE *f = fopen(path, "re");
	uint64_t n = 0;

	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		n = strtoull(text, NULL, 10); /* "max" gives 0 */
	fclose(f);
	return n;
}

/* The limit of our own control group (v2), as /proc/self/cgroup names it. */
static uint64_t cgroup_limit(void)
{
	char line[512], path[640];
	FILE *f = fopen("/proc/self/cgroup", "re");
	uint64_t limit = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
		limit = read_number(path);
	}
	if (f)
		fclose(f);
	return limit;
}

uint64_t overload_memory_auto(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = cgroup_limit();

	return group > 0 && group < machine ? group : machine;
}
