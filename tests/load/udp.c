/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp: recvmmsg and sendmmsg over arrays that are set up once. Large socket buffers, so that what
 * is lost is lost in the proxy and not here.
 */
#include "load/udp.h"

#include <errno.h>
#include <unistd.h>

#define SOCKET_BUFFER (64 << 20)

union udp_peer udp_peer(const struct addr *a)
{
	struct sockaddr_storage store;
	union udp_peer peer;

	addr_to_sockaddr(a, &store);
	memcpy(&peer, &store, sizeof(peer));
	return peer;
}

static void set_up(struct udp *u)
{
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		u->in_iov[i] = (struct iovec){u->in_bytes[i], MESSAGE_MAX};
		u->in[i].msg_hdr = (struct msghdr){.msg_iov = &u->in_iov[i],
						   .msg_iovlen = 1,
						   .msg_name = &u->in_peer[i],
						   .msg_namelen = sizeof(u->in_peer[i])};
		u->out_iov[i] = (struct iovec){u->out_bytes[i], 0};
		u->out[i].msg_hdr = (struct msghdr){.msg_iov = &u->out_iov[i],
						    .msg_iovlen = 1,
						    .msg_name = &u->out_peer[i],
						    .msg_namelen = u->peer_len};
		if (!u->sources)
			continue;
		struct cmsghdr *c = (struct cmsghdr *)(void *)u->control[i];
		*c = (struct cmsghdr){.cmsg_level = IPPROTO_IP,
				      .cmsg_type = IP_PKTINFO,
				      .cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo))};
		u->out[i].msg_hdr.msg_control = u->control[i];
		u->out[i].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
	}
}

/* FORCE passes the system's limit where we may. */
static void set_buffer(int fd, int option, int forced)
{
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
}

int udp_open(struct udp *u, struct addr *local, bool sources)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	struct addr at = *local, got;
	union udp_peer name;

	if (sources)
		memset(at.ip, 0, sizeof(at.ip));
	name = udp_peer(&at);
	memset(u, 0, sizeof(*u));
	u->sources = sources;
	u->peer_len = at.family == ADDR_V6 ? sizeof(name.v6) : sizeof(name.v4);
	u->fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		return -errno;
	set_buffer(u->fd, SO_RCVBUF, SO_RCVBUFFORCE);
	set_buffer(u->fd, SO_SNDBUF, SO_SNDBUFFORCE);
	if (bind(u->fd, &name.any, u->peer_len) ||
	    getsockname(u->fd, (struct sockaddr *)&bound, &len) ||
	    addr_from_sockaddr((struct sockaddr *)&bound, len, &got)) {
		int err = -errno;
		close(u->fd);
		return err;
	}
	local->port = got.port;
	set_up(u);
	return 0;
}

void udp_close(struct udp *u)
{
	close(u->fd);
}

int udp_connect(struct udp *u, const union udp_peer *peer)
{
	if (connect(u->fd, &peer->any, u->peer_len))
		return -errno;
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		u->out[i].msg_hdr.msg_name = NULL;
		u->out[i].msg_hdr.msg_namelen = 0;
	}
	return 0;
}

char *udp_slot(struct udp *u)
{
	if (u->waiting == UDP_BATCH)
		udp_flush(u);
	return u->out_bytes[u->waiting];
}

void udp_send(struct udp *u, size_t n, const union udp_peer *to, const struct addr *source)
{
	unsigned i = u->waiting++;

	u->out_iov[i].iov_len = n;
	u->out_peer[i] = *to;
	u->bytes_sent += n;
	if (u->sources) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, source->ip, sizeof(info.ipi_spec_dst));
		memcpy(CMSG_DATA((struct cmsghdr *)(void *)u->control[i]), &info, sizeof(info));
	}
}

void udp_flush(struct udp *u)
{
	for (unsigned at = 0; at < u->waiting;) {
		int n = sendmmsg(u->fd, u->out + at, u->waiting - at, 0);

		if (n > 0) {
			at += (unsigned)n;
			u->sent += (unsigned)n;
		} else if (n == 0 || (errno != EINTR && errno != ECONNREFUSED)) {
			at++;
			u->refused++;
		} else if (errno == ECONNREFUSED) {
			u->unreachable++; /* said of an earlier one, once */
		}
	}
	u->waiting = 0;
}

unsigned udp_read(struct udp *u, udp_fn *take, void *ctx)
{
	int n = recvmmsg(u->fd, u->in, UDP_BATCH, 0, NULL);

	for (int i = 0; i < n; i++) {
		u->bytes_received += u->in[i].msg_len;
		take(ctx, sv_of(u->in_bytes[i], u->in[i].msg_len), &u->in_peer[i]);
		u->in[i].msg_hdr.msg_namelen = sizeof(u->in_peer[i]);
	}
	u->received += n > 0 ? (unsigned)n : 0;
	return n > 0 ? (unsigned)n : 0;
}
