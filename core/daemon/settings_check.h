/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_check: what settings have to be to each other, as the tables call it: listeners, names, numbers. Nothing of the machine is looked at: the warden and the SIP process
 * must come to the same result. What only the machine can tell is settings_host.h.
 */
#ifndef MG_DAEMON_SETTINGS_CHECK_H
#define MG_DAEMON_SETTINGS_CHECK_H

#include "conf/schema.h"

/* conf_table.check of the file (struct settings) and of a zone (struct zone_settings). */
void settings_check(struct conf_check *check, const void *value);
void settings_check_zone(struct conf_check *check, const void *value);

#endif
