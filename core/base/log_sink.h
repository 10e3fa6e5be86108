/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * log_sink: standard error as the place where lines go, without ever waiting for who reads it: what it
 * does not take at once is lost, counted, and told when it takes lines again. Knows nothing of what a
 * line says. Called by log.c for each line, by the two processes of the daemon at their begin and
 * once a second.
 */
#ifndef MG_BASE_LOG_SINK_H
#define MG_BASE_LOG_SINK_H

#include "base/log.h"

/* Make standard error a description of its own that never blocks, where it is a pipe or a terminal:
 * the one it was is shared with the shell that started us, and stays as it is. Where the system
 * refuses that, and before this is called, a line is written when poll(2) says that there is room.
 * Regular files are written as they are. Before threads begin, and before a sandbox.
 */
void log_sink_open(void);

/* The sink: see log_sink in log.h; `arg` is not looked at. */
void log_sink_line(void *arg, enum log_level level, struct sv line);

/* Say how many lines were lost since it was last said, if any were and there is room: to be called now
 * and then, so that it is said even if nothing follows. Any thread.
 */
void log_sink_flush(void);

/* Lines lost so far by this process. Any thread. */
uint64_t log_sink_lost(void);

#endif
