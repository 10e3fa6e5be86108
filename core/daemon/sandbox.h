/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sandbox: what the SIP process gives up before it reads a byte from the network: user, capabilities, new privileges, files, system calls (THREATS O-9).
 */
#ifndef MG_DAEMON_SANDBOX_H
#define MG_DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sandbox {
	const char *user;  /* to become when root */
	const char *state; /* the folder that may be read and written */
	bool gate; /* the kernel drops for us: for the line that says what is off without root */
};

/* Enter it, before any other thread is made: threads made later are inside. Says in one line what is off (sanitizers, no root, an old kernel).
 * Returns 0, or a negative error: the process must end then. */
MG_MUST_CHECK int sandbox_enter(const struct sandbox *sandbox);

/* System calls that were refused with ENOSYS so far, and the number of the last one. Any thread. */
uint64_t sandbox_refused(long *last);

#endif
