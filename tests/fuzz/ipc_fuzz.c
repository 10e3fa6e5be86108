/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ipc: any messages, with any number of descriptors, as the warden and as the SIP process read them. Holds: what is taken has the form that ipc.h promises, and no descriptor is
 * left open. An input is records: flags (descriptors, side, whether size and magic are right), two bytes of length, bytes.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/child_receive.h"
#include "fuzz/fuzz.h"
#include "transport/listener.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

enum { DESCRIPTORS = 3, AS_WARDEN = 4, WHOLE = 8 };

/* The lowest free descriptor: a leak raises it. */
static int lowest(void)
{
	int fd = fcntl(0, F_DUPFD, 0);

	CHECK(fd >= 0);
	close(fd);
	return fd;
}

static void put(int fd, const void *bytes, size_t n, unsigned descriptors)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (descriptors) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		for (unsigned i = 0; i < descriptors; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){0}, sizeof(int));
	}
	CHECK(sendmsg(fd, &m, MSG_DONTWAIT) == (ssize_t)n);
}

static void read_one(int fd, bool from_warden, struct received *got)
{
	struct ipc_msg msg;
	int descriptor = -2;
	int err = ipc_receive(fd, from_warden, &msg, &descriptor);

	if (err) {
		CHECK(descriptor == -2);
		return;
	}
	CHECK(msg.magic == IPC_MAGIC && msg.type > IPC_NONE && msg.type < IPC_TYPES);
	CHECK((msg.type < IPC_READY) == from_warden && memchr(msg.path, 0, sizeof(msg.path)));
	if (from_warden)
		err = received_add(got, &msg, descriptor);
	else if (descriptor >= 0)
		close(descriptor);
	CHECK(err <= 0 && (err == 0 || from_warden));
	CHECK(got->workers <= TP_WORKERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2], free_before = lowest();
	struct received got;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	received_init(&got);
	while (size > 3) {
		struct ipc_msg msg = {0};
		unsigned flags = data[0];
		size_t n = (size_t)(data[1] | data[2] << 8);

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		n = n < sizeof(msg) ? n : sizeof(msg);
		memcpy(&msg, data, n);
		data += n;
		size -= n;
		if (flags & WHOLE)
			msg.magic = IPC_MAGIC;
		size_t length = flags & WHOLE ? sizeof(msg) : n;
		if (length == 0)
			continue;
		put(pair[0], &msg, length, flags & DESCRIPTORS);
		read_one(pair[1], !(flags & AS_WARDEN), &got);
	}
	received_done(&got);
	close(pair[0]);
	close(pair[1]);
	CHECK(lowest() == free_before);
	return 0;
}
