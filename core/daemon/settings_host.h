/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_host: whether this machine has what a configuration asks for: the user, the folder of state, memory, addresses of interfaces. Called by the warden before it opens
 * anything, and by --check; not by the SIP process, which sees little of the machine.
 */
#ifndef MG_DAEMON_SETTINGS_HOST_H
#define MG_DAEMON_SETTINGS_HOST_H

#include "daemon/settings.h"

/* Returns 0, MG_EPARSE with faults added, or MG_ENOMEM. */
MG_MUST_CHECK int settings_host(const struct settings *settings, struct conf_faults *faults);

#endif
