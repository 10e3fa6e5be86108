/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * overload: whether there is room for new work, by a worker's own measures: how long messages waited, transactions in use, memory. One number, the level, says down to
 * which class of requests all are admitted (X-9's order); within the class at the edge a share is. Pure but for the memory figure; time is an argument.
 */
#ifndef MG_DAEMON_OVERLOAD_H
#define MG_DAEMON_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"

/* X-9, the most important first. */
enum overload_class {
	OVERLOAD_DIALOG, /* ACK, CANCEL, and whatever a token proves to be in a dialog */
	OVERLOAD_EMERGENCY,
	OVERLOAD_TRUNK,    /* INVITE of a carrier or a known source */
	OVERLOAD_USER,     /* INVITE of others */
	OVERLOAD_REFRESH,  /* REGISTER of a known source */
	OVERLOAD_REGISTER, /* REGISTER of others */
	OVERLOAD_REST,
	OVERLOAD_CLASSES
};

struct overload_conf {
	uint32_t queue_delay_us; /* above it: overload */
	uint32_t transactions_percent;
	uint64_t memory_max; /* bytes; 0: no ceiling */
	uint32_t retry_min_s, retry_max_s;
};

#define OVERLOAD_INTERVAL_US 10000

struct overload {
	uint64_t interval_us; /* begin of the running interval */
	uint64_t sum_us;      /* delays seen in it */
	uint32_t n;
	uint32_t delay_us; /* mean of the last one */
	double level;      /* 2 to OVERLOAD_CLASSES: classes below it are admitted whole */
	double error;      /* of the last interval: -1 when nothing waits, 0 at the aim */
	uint64_t above_us; /* since when the wait has been above the aim, 0: it is not */
	bool memory_full;  /* said by overload_memory */
	uint32_t chance;   /* state of a generator for shares and jitter: nothing here is secret */
};

void overload_init(struct overload *o);

/* A message that waited `delay_us` is being handled at `now_us`; `load_percent` of the transactions are in use. */
void overload_seen(struct overload *o, const struct overload_conf *conf, uint64_t now_us,
		   uint64_t delay_us, unsigned load_percent);

/* Whether a request of that class is admitted: by this worker, and by another whose level is `level`. */
bool overload_admit(struct overload *o, enum overload_class class_);
bool overload_admit_to(struct overload *o, enum overload_class class_, double level);

/* A Retry-After, in seconds, evenly spread. */
uint32_t overload_retry_after(struct overload *o, const struct overload_conf *conf);

/* What the process holds now against its ceiling: at 90 % new work is refused, below 85 % admitted again. */
void overload_memory(struct overload *o, const struct overload_conf *conf, uint64_t held);

/* Bytes resident, from an open /proc/self/statm; 0 when it can't be read. */
uint64_t overload_resident(int statm_fd);
/* The ceiling that `auto` means: that of the control group, else of the machine's memory. To be called before the sandbox. */
uint64_t overload_memory_auto(void);

#endif
