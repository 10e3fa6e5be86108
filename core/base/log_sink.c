/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * log_sink: how a line gets to standard error at once or not at all. What lines say is log.c's. Called
 * from any thread.
 */
#include "base/log_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A pipe takes such a line whole or not at all, and has room for it when it says that it has room. */
_Static_assert(LOG_LINE_MAX + 1 <= PIPE_BUF, "a line and the LF before it are one write");

enum way {
	ASK,    /* it may block: only when poll(2) says that it won't */
	PLAIN,  /* it can't */
	SOCKET, /* nor this, when told so */
};

static enum way way = ASK;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER; /* nobody takes the room meanwhile */
static atomic_uint_fast64_t lost, untold;
static atomic_bool torn; /* the last line has no end */

/* Returns a descriptor of the same pipe or terminal, or negative. */
static int open_again(void)
{
	return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static enum way unblock(void)
{
	int fd = open_again();

	/* refused: a pipe of another user's, which who started us may have opened for us */
	if (fd < 0)
		return fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK ? PLAIN : ASK;
	int err = dup2(fd, STDERR_FILENO);
	close(fd);
	return err < 0 ? ASK : PLAIN;
}

void log_sink_open(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0)
		way = ASK;
	else if (S_ISSOCK(st.st_mode))
		way = SOCKET;
	else if (S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO))
		way = unblock();
	else
		way = S_ISREG(st.st_mode) ? PLAIN : ASK;
}

static ssize_t write_asking(const struct iovec *iov, int n)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t done = -1;

	pthread_mutex_lock(&asking);
	if (poll(&fd, 1, 0) > 0)
		done = writev(STDERR_FILENO, iov, n);
	pthread_mutex_unlock(&asking);
	return done;
}

static ssize_t give(struct iovec *iov, size_t n)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};

	switch (way) {
	case SOCKET: return sendmsg(STDERR_FILENO, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	case PLAIN: return writev(STDERR_FILENO, iov, (int)n);
	case ASK: break;
	}
	return write_asking(iov, (int)n);
}

/* Returns whether all of it went. After one of which a part went, the next begins a line of its own. */
static bool put(struct sv line)
{
	struct iovec iov[] = {{.iov_base = "\n", .iov_len = 1},
			      {.iov_base = (void *)(uintptr_t)line.p, .iov_len = line.n}};
	bool half = atomic_exchange(&torn, false);
	ssize_t n = half ? give(iov, 2) : give(iov + 1, 1);

	if (n == (ssize_t)(line.n + half))
		return true;
	if (n > 0 || half)
		atomic_store(&torn, true);
	return false;
}

/* Returns whether there is nothing left to tell. */
static bool tell_lost(void)
{
	uint64_t n = atomic_load(&untold) ? atomic_exchange(&untold, 0) : 0;
	struct log_line l;

	if (n == 0)
		return true;
	log_begin(&l, LOG_WARNING, "log", "log_lost");
	log_u64(&l, "n", n);
	if (put(log_text(&l)))
		return true;
	atomic_fetch_add(&untold, n);
	return false;
}

void log_sink_line(void *arg, enum log_level level, struct sv line)
{
	(void)arg;
	(void)level;
	if (tell_lost() && put(line))
		return;
	atomic_fetch_add(&lost, 1);
	atomic_fetch_add(&untold, 1);
}

void log_sink_flush(void)
{
	(void)tell_lost();
}

uint64_t log_sink_lost(void)
{
	return atomic_load(&lost);
}
