/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_send: the way of a configuration, and of the word to end, to the child: what it takes now, and the rest as it reads. The warden never waits for it; that it
 * takes too long is judged by warden.c. Called by warden.c, warden_child.c and warden_reload.c.
 */
#include <string.h>

#include "daemon/warden_priv.h"

#define AGAIN_MS   10
#define READ_MS    5500  /* as long as it may be silent */
#define STARTED_MS 30000 /* it reads only when it is another program */

static bool is_waiting(const struct warden *w)
{
	return w->sending || w->stop_unsaid;
}

/* Message `i` of a configuration. Returns whether there are that many. */
static bool message(const struct holding *h, size_t i, struct ipc_msg *msg, int *fd)
{
	size_t metrics = h->metrics_fd >= 0;

	*msg = (struct ipc_msg){.magic = IPC_MAGIC,
				.type = IPC_BEGIN,
				.generation = h->generation,
				.number = h->again,
				.workers = settings_workers(&h->loaded->settings)};
	*fd = h->text_fd;
	if (i-- == 0)
		return true;
	if (i < h->files) {
		msg->type = IPC_FILE;
		memcpy(msg->path, h->file[i].path, strlen(h->file[i].path) + 1);
		*fd = h->file[i].fd;
		return true;
	}
	i -= h->files;
	if (i < h->listeners.n) {
		msg->type = IPC_LISTENER;
		msg->listener = h->listeners.socket[i].info;
		*fd = h->listeners.socket[i].fd;
		return true;
	}
	i -= h->listeners.n;
	*fd = -1;
	if (i < h->locals) {
		msg->type = IPC_LOCAL;
		msg->addr = h->local[i];
		return true;
	}
	i -= h->locals;
	if (i < metrics) {
		msg->type = IPC_METRICS;
		*fd = h->metrics_fd;
		return true;
	}
	msg->type = IPC_COMMIT;
	return i == metrics;
}

static int send_what_waits(struct warden *w)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_STOP, .number = w->stop_gracefully};
	int fd, err = w->stop_unsaid ? ipc_send(w->ipc, &msg, -1) : 0;

	if (err)
		return err;
	w->stop_unsaid = false;
	while (w->sending && message(w->sending, w->sent, &msg, &fd)) {
		err = ipc_send(w->ipc, &msg, fd);
		if (err)
			return err;
		w->sent++;
	}
	w->sending = NULL;
	return 0;
}

/* Room is looked for now and then: the kernel may refuse descriptors that are on their way while it has room for bytes, of which no event would tell the end. Returns 0,
 * or -EPIPE. */
static int go_on(struct warden *w)
{
	int err = send_what_waits(w);

	if (err == -EPIPE || err == -ECONNRESET) {
		send_forget(w);
		return -EPIPE;
	}
	if (err)
		wheel_add(loop_wheel(w->loop), &w->sender, loop_now_ms(w->loop) + AGAIN_MS);
	return 0;
}

static void on_sender(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	(void)go_on(container_of(t, struct warden, sender)); /* gone: its death is told */
}

void send_init(struct warden *w)
{
	wheel_timer_init(&w->sender, on_sender);
}

int send_begin(struct warden *w, const struct holding *h)
{
	w->sending = h;
	w->sent = 0;
	w->unread_ms = loop_now_ms(w->loop);
	return go_on(w);
}

int send_stop(struct warden *w, bool graceful)
{
	w->sending = NULL; /* it will not run by it */
	w->stop_unsaid = true;
	w->stop_gracefully = graceful;
	w->unread_ms = loop_now_ms(w->loop);
	return go_on(w);
}

void send_forget(struct warden *w)
{
	w->sending = NULL;
	w->stop_unsaid = false;
	wheel_del(loop_wheel(w->loop), &w->sender);
}

bool send_is_late(const struct warden *w, uint64_t now_ms)
{
	return is_waiting(w) && now_ms - w->unread_ms > (w->ready ? READ_MS : STARTED_MS);
}
