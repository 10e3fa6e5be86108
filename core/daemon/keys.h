/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * keys: the keys of tokens, tags, nonces, owners and TLS tickets, kept by the warden so that they outlive the SIP process, and in the state folder so that they outlive
 * the warden: dialogs set up before a restart go on after it.
 */
#ifndef MG_DAEMON_KEYS_H
#define MG_DAEMON_KEYS_H

#include <stdint.h>

#include "daemon/ipc.h"

struct key_store;

/* Load the keys from `folder`/keys, or make and save them. Where the folder can't be written they live as long as the process, and `why` says so.
 *
 * why        Text for the operator, "" when all is well; on failure what is wrong (a file that others may read, or that is damaged).
 * Returns    NULL on failure.
 */
MG_MUST_CHECK struct key_store *keys_open(const char *folder, char *why, size_t why_n);
void keys_close(struct key_store *store); /* wipes */

/* New keys of TLS tickets; those before them open tickets for some time still. The others stay.
 * Returns 0 or a negative errno. */
MG_MUST_CHECK int keys_rotate(struct key_store *store);

/* A sealed memfd of struct keys for a child; the caller's. Returns it or a negative errno. */
MG_MUST_CHECK int keys_memfd(const struct key_store *store);

#endif
