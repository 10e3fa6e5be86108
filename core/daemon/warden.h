/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden: the parent. Opens what the configuration names, keeps it open, starts the SIP process and starts it again when it dies, keeps the keys. Reads nothing from the network.
 */
#ifndef MG_DAEMON_WARDEN_H
#define MG_DAEMON_WARDEN_H

/* Run until it is told to end. Returns the exit status. */
int warden_run(const char *config_path);

/* The argument that makes the executable the SIP process, followed by the number of its socket. */
#define WARDEN_CHILD_ARG "--sip-process"

#endif
