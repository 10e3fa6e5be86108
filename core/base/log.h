/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * log: events as lines of key=value. Writes what its callers decided to say; decides nothing but
 * how often a repeated event is said. Rooms that only parse or decide return errors and do not call
 * this.
 *
 *     warning shield ev=ban src=192.0.2.7:5061 ua=friendly\x20scanner n=10
 *
 * A line is level, room, ev=event and fields, one space between. Keys and events are ours, values
 * may be a peer's: of those, each byte outside of '!' to '~', and each of " \ and =, is written \xNN
 * (two lower-case digits). So a peer's value holds no space, quote or equals sign: it can forge neither
 * a field nor an end of line, and a search for "act=drop" finds our field only. Sentences of ours, which
 * an operator reads, stand in double quotes with their spaces and equals signs, all else escaped as above: splitting
 * at spaces outside of quotes and then at the first '=' is exact. A value of more than LOG_FIELD_MAX bytes as
 * written, quotes included, ends between two escapes in "\+", which no peer can write. When a line is full,
 * further fields are left out whole and counted in a last one, cut=N.
 *
 * No timestamp: journald and syslog have their own. Never keys, passwords, digest responses.
 */
#ifndef MG_BASE_LOG_H
#define MG_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/sv.h"

#define LOG_LINE_MAX 2048 /* bytes of a line with its LF; one write of a pipe stays whole (4096) */
#define LOG_FIELD_MAX \
	256 /* bytes of a value as written, with its quotes and its mark of being cut */

enum log_level {
	LOG_ERROR,   /* something that should work does not */
	LOG_WARNING, /* somebody should look at it some day */
	LOG_INFO,    /* what an operator wants to find afterwards */
	LOG_DEBUG,   /* what a developer wants */
};

/* A line while it is built, usually on the stack. Fields are the log's own. */
struct log_line {
	enum log_level level;
	size_t n;
	unsigned left_out; /* fields that did not fit */
	char text[LOG_LINE_MAX];
};

/* Where finished lines go: `line` ends in LF and is valid during the call. Any thread. */
typedef void log_sink(void *arg, enum log_level level, struct sv line);

/* Send lines elsewhere than to standard error (NULL: back to it), where each is one write(2) that never
 * waits: see log_sink.h. Before threads begin.
 */
void log_to(log_sink *sink, void *arg);

/* Say nothing less important than `level`; LOG_INFO at first. Any thread, at any time. */
void log_set_level(enum log_level level);

/* Whether a line of that level is said: to spare the work of building it. */
bool log_on(enum log_level level);

/* Begin a line. `room` and `event` are constants of [a-z0-9_-]. */
void log_begin(struct log_line *l, enum log_level level, const char *room, const char *event);

/* Add fields; `key` is a constant of [a-z0-9_-]. A text is escaped and cut as said above: log_sv takes anybody's, log_str ours. */
void log_sv(struct log_line *l, const char *key, struct sv value);
void log_str(struct log_line *l, const char *key, const char *value); /* NULL is "" */
void log_u64(struct log_line *l, const char *key, uint64_t value);
void log_i64(struct log_line *l, const char *key, int64_t value);
void log_addr(struct log_line *l, const char *key, const struct addr *value); /* with port */
void log_err(struct log_line *l, int err);                                    /* as err=EPARSE */

/* Finish the line without saying it.
 *
 * Returns    the line with its LF, in `l`.
 */
struct sv log_text(struct log_line *l);

/* Finish the line and hand it to the sink, if its level is said. */
void log_end(struct log_line *l);

#define LOG_SUMMARY_MS 10000

/* How often an event of one kind is said: the first at once, what follows within LOG_SUMMARY_MS in
 * one line with its number. Embedded where the event is counted; one thread; zeros are a good start.
 */
struct log_limit {
	uint64_t until_ms; /* the running window's end, 0: none runs */
	uint64_t held;     /* events not said yet */
};

/* Note an event.
 *
 * n          Set when it is to be said: how many events the line stands for, this one included.
 * Returns    whether to say it now.
 */
bool log_limit_pass(struct log_limit *l, uint64_t now_ms, uint64_t *n);

/* Note `n` events more, to be said with those that follow. */
void log_limit_more(struct log_limit *l, uint64_t n);

/* To be called now and then, so that what was held is said even if nothing follows.
 *
 * n          Set when there is a summary to say: how many events it stands for.
 * Returns    whether there is one; it opens a new window.
 */
bool log_limit_flush(struct log_limit *l, uint64_t now_ms, uint64_t *n);

#endif
