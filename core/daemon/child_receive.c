/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * child_receive: gathering a generation. What is in it is looked at by running.c.
 */
#include "daemon/child_receive.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/listener.h"

#define FILES_MAX     1024
#define LISTENERS_MAX ((size_t)TP_LISTENERS_MAX * TP_WORKERS_MAX)

void received_init(struct received *got)
{
	*got = (struct received){.text_fd = -1, .metrics_fd = -1};
}

void received_done(struct received *got)
{
	if (got->text_fd >= 0)
		close(got->text_fd);
	if (got->metrics_fd >= 0)
		close(got->metrics_fd);
	for (size_t i = 0; i < got->files; i++) {
		close(got->file[i].fd);
		free(got->file[i].path);
	}
	for (size_t i = 0; i < got->listeners; i++) {
		if (got->listener[i].fd >= 0)
			close(got->listener[i].fd);
	}
	free(got->file);
	free(got->listener);
	free(got->local);
	received_init(got);
}

static int add_file(struct received *got, const char *path, int fd)
{
	if (got->files == FILES_MAX)
		return MG_ELIMIT;
	struct received_file *more = realloc(got->file, (got->files + 1) * sizeof(*more));
	if (!more)
		return MG_ENOMEM;
	got->file = more;
	char *copy = strdup(path);
	if (!copy)
		return MG_ENOMEM;
	got->file[got->files++] = (struct received_file){.path = copy, .fd = fd};
	return 0;
}

static int add_listener(struct received *got, const struct ipc_listener *info, int fd)
{
	if (got->listeners == LISTENERS_MAX || info->worker >= got->workers)
		return MG_ELIMIT;
	struct received_listener *more =
		realloc(got->listener, (got->listeners + 1) * sizeof(*more));
	if (!more)
		return MG_ENOMEM;
	got->listener = more;
	got->listener[got->listeners++] = (struct received_listener){.info = *info, .fd = fd};
	return 0;
}

static int add_local(struct received *got, const struct addr *addr)
{
	if (got->locals == IPC_LOCALS_MAX)
		return MG_ELIMIT;
	struct addr *more = realloc(got->local, (got->locals + 1) * sizeof(*more));
	if (!more)
		return MG_ENOMEM;
	got->local = more;
	got->local[got->locals++] = *addr;
	return 0;
}

static int begin(struct received *got, const struct ipc_msg *msg, int fd)
{
	if (msg->workers == 0 || msg->workers > TP_WORKERS_MAX)
		return MG_EPARSE;
	got->begun = true;
	got->generation = msg->generation;
	got->workers = msg->workers;
	got->again = msg->number == 1;
	got->text_fd = fd;
	return 0;
}

static int add(struct received *got, const struct ipc_msg *msg, int fd)
{
	bool first = msg->type == IPC_BEGIN;

	/* the warden gave up in the middle of the one before, and begins anew */
	if (first && got->begun && !got->complete && msg->generation > got->generation)
		received_done(got);

	if (got->complete || got->begun == first || (!first && msg->generation != got->generation))
		return MG_EPARSE;
	switch ((int)msg->type) {
	case IPC_BEGIN: return begin(got, msg, fd);
	case IPC_FILE: return add_file(got, msg->path, fd);
	case IPC_LISTENER: return add_listener(got, &msg->listener, fd);
	case IPC_LOCAL: return add_local(got, &msg->addr);
	case IPC_METRICS:
		if (got->metrics_fd >= 0)
			return MG_EPARSE;
		got->metrics_fd = fd;
		return 0;
	case IPC_COMMIT: got->complete = true; return 0;
	default: return MG_EPARSE;
	}
}

int received_add(struct received *got, const struct ipc_msg *msg, int descriptor)
{
	int err = add(got, msg, descriptor);

	if (err && descriptor >= 0)
		close(descriptor);
	return err;
}
