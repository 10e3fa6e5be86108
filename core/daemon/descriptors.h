/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * descriptors: whether the process may open as many descriptors as its configuration needs (G-4). The limit is the warden's and goes on to the SIP process.
 */
#ifndef MG_DAEMON_DESCRIPTORS_H
#define MG_DAEMON_DESCRIPTORS_H

#include "daemon/settings.h"

/* Raise the limit of open descriptors to what connections, `listeners` sockets and the rest need. Returns 0, or MG_EPARSE with a fault added that says what is needed
 * and what is allowed. */
MG_MUST_CHECK int descriptors_allow(const struct settings *settings, size_t listeners,
				    struct conf_faults *faults);

#endif
