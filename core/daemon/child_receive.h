/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * child_receive: the SIP process's side of the protocol: gathers what the warden sends between IPC_BEGIN and IPC_COMMIT.
 */
#ifndef MG_DAEMON_CHILD_RECEIVE_H
#define MG_DAEMON_CHILD_RECEIVE_H

#include "conf/load.h"
#include "daemon/ipc.h"

struct received_file {
	char *path;
	int fd;
};

struct received_listener {
	struct ipc_listener info;
	int fd;
};

/* A generation as it arrived. */
struct received {
	uint64_t generation;
	unsigned workers;
	int text_fd;
	int metrics_fd; /* -1: off */
	struct received_file *file;
	size_t files;
	struct received_listener *listener;
	size_t listeners;
	struct addr *local;
	size_t locals;
	bool again; /* the running text once more, with other addresses or keys */
	bool begun, complete;
};

/* Make it empty: descriptors -1. */
void received_init(struct received *got);
/* Take one message (IPC_BEGIN, FILE, LISTENER, LOCAL, METRICS, COMMIT) with its descriptor, which becomes the result's or is closed.
 * Returns 0, MG_EPARSE for one out of order, MG_ELIMIT, MG_ENOMEM. */
MG_MUST_CHECK int received_add(struct received *got, const struct ipc_msg *msg, int descriptor);
/* Close and free what is still in it. */
void received_done(struct received *got);

#endif
