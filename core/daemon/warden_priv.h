/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_priv: what the files of the warden share.
 */
#ifndef MG_DAEMON_WARDEN_PRIV_H
#define MG_DAEMON_WARDEN_PRIV_H

#include <sys/types.h>

#include "base/log.h"
#include "daemon/ipc.h"
#include "daemon/keys.h"
#include "daemon/listen.h"
#include "daemon/poison.h"
#include "daemon/settings.h"
#include "event/loop.h"

#define WARDEN_FILES_MAX 1024

/* A file that the configuration names, open for reading. */
struct warden_file {
	char *path;
	int fd;
};

/* A configuration as the warden holds it: text, what it names, all open. */
struct holding {
	uint64_t generation;
	struct loaded *loaded;
	struct listen_set listeners;
	struct addr *local;
	size_t locals;
	struct warden_file *file;
	size_t files;
	int text_fd, metrics_fd;
};

struct warden {
	const char *path;
	struct loop *loop;
	struct holding *running;   /* what the child was told last and took, or will be told */
	struct holding *offered;   /* sent by a reload, not answered yet; NULL: none */
	bool again;                /* another reload was asked for meanwhile */
	bool asked;                /* by the control socket: who asked hears of it */
	uint64_t generation;
	struct key_store *keys;
	struct poison_ring *ring;
	int ring_fd, control_fd;
	char control_path[128];
	/* the child */
	pid_t child;
	int ipc;
	struct loop_watch watch;
	bool ready;                /* it said so */
	bool killed;               /* we did */
	unsigned deaths;           /* before it was ready, one after the other */
	uint64_t heard_ms;
	struct wheel_timer check, restart;
	/* what is to be quarantined by the next child too */
	struct {
		struct addr source;
		uint64_t call_hash, until_ms;
	} quarantine[16];
	unsigned quarantined;
	unsigned stops;            /* times we were told to end */
	int status;
};

/* ---- warden_load.c ---- */

/* Load the configuration and open what it names; what `old` has open already is shared by duplicates. Returns NULL with faults added. */
MG_MUST_CHECK struct holding *holding_new(const char *path, uint64_t generation, const struct holding *old, struct conf_faults *faults);
void holding_free(struct holding *h); /* NULL is fine */
/* Send it to the child. Returns 0 or a negative error. */
MG_MUST_CHECK int holding_send(const struct holding *h, int ipc);

/* ---- warden_child.c ---- */

/* Start the child: its socket in w->ipc. Returns 0 or a negative error. */
MG_MUST_CHECK int child_start(struct warden *w);
/* What it died of: a line, and quarantine after a fault signal. */
void child_died(struct warden *w, int status);

void warden_say(enum log_level level, const char *event, const char *key, const char *value);

#endif
