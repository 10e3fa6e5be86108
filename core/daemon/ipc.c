/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ipc: sending and receiving the messages of ipc.h. What a message means is decided by who receives it; that it has the right form is decided here.
 */
#include "daemon/ipc.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum direction { DOWN = 1, UP = 2 };
enum carries { NOTHING, ONE };

/* Which way a type goes, and whether a descriptor comes with it. */
static const struct {
	uint8_t way, carries;
} types[IPC_TYPES] = {
	[IPC_BEGIN] = {DOWN, ONE},     [IPC_FILE] = {DOWN, ONE},
	[IPC_LISTENER] = {DOWN, ONE},  [IPC_CONTROL] = {DOWN, ONE},
	[IPC_METRICS] = {DOWN, ONE},   [IPC_COMMIT] = {DOWN, NOTHING},
	[IPC_LOCAL] = {DOWN, NOTHING}, [IPC_KEYS] = {DOWN, ONE},
	[IPC_RING] = {DOWN, ONE},      [IPC_QUARANTINE] = {DOWN, NOTHING},
	[IPC_GATE] = {DOWN, ONE},      [IPC_FAULTS] = {DOWN, ONE},
	[IPC_STOP] = {DOWN, NOTHING},  [IPC_READY] = {UP, NOTHING},
	[IPC_REFUSED] = {UP, ONE},     [IPC_HEARTBEAT] = {UP, NOTHING},
	[IPC_RELOAD] = {UP, NOTHING},  [IPC_STOPPING] = {UP, NOTHING},
};

union control_room {
	struct cmsghdr align;
	char room[CMSG_SPACE(8 * sizeof(int))];
};

int ipc_send(int fd, const struct ipc_msg *msg, int descriptor)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = sizeof(*msg)};
	union control_room control = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (descriptor >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &descriptor, sizeof(descriptor));
	}
	ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	return n < 0 ? -errno : n == (ssize_t)sizeof(*msg) ? 0 : MG_EPARSE;
}

/* The descriptors that came along: the first is kept, of more none is. Returns how many there were. */
static unsigned take_descriptors(struct msghdr *m, int *first)
{
	unsigned n = 0;

	*first = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return n;
}

static bool well_formed(const struct ipc_msg *msg, bool from_warden, unsigned descriptors)
{
	if (msg->magic != IPC_MAGIC || msg->type <= IPC_NONE || msg->type >= IPC_TYPES)
		return false;
	if (types[msg->type].way != (from_warden ? DOWN : UP) ||
	    !memchr(msg->path, 0, sizeof(msg->path)))
		return false;
	/* a report of faults may come without its text, when there was no memory for it */
	return descriptors == types[msg->type].carries ||
	       (msg->type == IPC_REFUSED && descriptors == 0);
}

int ipc_receive(int fd, bool from_warden, struct ipc_msg *msg, int *descriptor)
{
	struct ipc_msg got;
	struct iovec iov = {.iov_base = &got, .iov_len = sizeof(got)};
	union control_room control = {0};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int first;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -EPIPE;
	unsigned count = take_descriptors(&m, &first);
	bool whole = n == (ssize_t)sizeof(got) && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	if (!whole || !well_formed(&got, from_warden, count)) {
		if (first >= 0)
			close(first);
		return MG_EPARSE;
	}
	*msg = got;
	*descriptor = first;
	return 0;
}
