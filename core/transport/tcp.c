/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tcp: what is done to TCP sockets, and nothing about whom they belong to. Called by conn_life.c, conn_send.c and accept.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/conn.h"

/* A peer that has vanished is found out by the third probe; one that is there but takes nothing, or acknowledges nothing, is given up when every transaction
 * has been (64*T1). */
#define KEEP_IDLE_S    120
#define KEEP_BETWEEN_S 30
#define KEEP_PROBES    3
#define UNACKED_MS     32000

static void set(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value)); /* it works without, too */
}

void tcp_options(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_BETWEEN_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
}

static int bind_from(int fd, const struct addr *from)
{
	struct sockaddr_storage ss;
	struct addr any_port = *from;
	socklen_t n;

	if (from->family == ADDR_NONE)
		return 0;
	any_port.port = 0;
	n = addr_to_sockaddr(&any_port, &ss);
	set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); /* so that ports are chosen per peer */
	return bind(fd, (struct sockaddr *)&ss, n) != 0 ? -errno : 0;
}

int tcp_connect(const struct addr *from, const struct addr *to)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(to, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), err;

	if (fd < 0)
		return -errno;
	tcp_options(fd);
	err = bind_from(fd, from);
	if (!err && connect(fd, (struct sockaddr *)&ss, n) != 0 && errno != EINPROGRESS)
		err = -errno;
	if (!err)
		return fd;
	(void)close(fd);
	return err;
}

int tcp_connected(int fd)
{
	socklen_t n = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
		return -errno;
	return -err;
}

struct addr tcp_local(int fd)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	struct addr local = {0};

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, n, &local) != 0)
		return (struct addr){0};
	return local;
}

void tcp_refuse(int fd)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	(void)close(fd);
}
