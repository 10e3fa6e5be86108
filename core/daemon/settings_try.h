/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_try: margrave --check: everything that can be told of a configuration without running by it.
 */
#ifndef MG_DAEMON_SETTINGS_TRY_H
#define MG_DAEMON_SETTINGS_TRY_H

#include "conf/load.h"

/* Load it, make its TLS contexts and modules, look for the addresses and interfaces it listens on. Returns 0, or MG_EPARSE with faults added. */
MG_MUST_CHECK int settings_try(const char *path, struct conf_faults *faults);

#endif
