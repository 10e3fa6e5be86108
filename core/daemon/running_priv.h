/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * running_priv: what running.c and running_tls.c share.
 */
#ifndef MG_DAEMON_RUNNING_PRIV_H
#define MG_DAEMON_RUNNING_PRIV_H

#include "daemon/node.h"

/* The system's authorities, opened; -1 when there are none. For --check: the SIP process is given them. */
int system_authorities_open(void);

/* Make r->tls and r->tls_client of r->loaded. Returns 0, MG_ENOMEM, or MG_EPARSE with faults added. */
MG_MUST_CHECK int running_make_tls(struct running *r, struct conf_faults *faults);

/* The contexts of a zone, NULL-ended, in its order. `out` has room for all and the NULL. */
void running_zone_tls(struct running *r, const struct zone_settings *zone,
		      const struct tls_context **out);

#endif
