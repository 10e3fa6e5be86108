/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ctl: the parts of margravectl: asking the daemon (ask.c), the commands (command.c), and showing answers as tables (show.c).
 */
#ifndef MG_CTL_CTL_H
#define MG_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

#define CTL_SOCKET "/var/lib/margrave/control.sock"

/* Exit statuses. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NO_DAEMON = 3 };

/* Ask the daemon at `socket_path`. Takes `params` (NULL: none).
 *
 * result     Set on CTL_OK; the caller's.
 * Returns    CTL_OK, CTL_FAILED or CTL_NO_DAEMON; what is wrong is on stderr then.
 */
MG_MUST_CHECK int ctl_ask(const char *socket_path, const char *method, json_t *params,
			  json_t **result);

/* Run a command with its arguments; one that there is not is named, with the nearest. Returns an exit status. */
MG_MUST_CHECK int ctl_command(const char *socket_path, bool json, int argc, char **argv);
/* The command that was perhaps meant, NULL when none is near. */
const char *ctl_nearest(const char *word);
/* Print what was typed, in quotes: it may hold anything, and nothing of it moves the cursor. */
void ctl_typed(const char *word, FILE *to);
/* Print what commands there are. */
void ctl_usage(FILE *to);

/* Show an answer: objects as lines of name and value, lists of objects as tables with a head, in the order of the answer. Control characters and what is not ASCII is
 * escaped: it may be a peer's. A name that says too little to who has not read the docs is shown as a longer one; workers that did not answer are a last line, when
 * there are any. */
void ctl_show(const json_t *value, FILE *to);

#endif
