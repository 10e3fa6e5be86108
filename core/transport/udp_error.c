/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp_error: datagrams that did not get through: refused by the kernel as they were sent, or told of by ICMP afterwards. What
 * each errno means is a table (O-7): a loss, which a retransmission mends, or a target that cannot be reached, which is told
 * so that the next one is tried. Called by udp_send.c and udp_receive.c.
 */
#include <time.h> /* which the next one needs */

#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <stdlib.h>

#include "transport/udp_priv.h"

enum {
	TOLD_MAX = 64,    /* failures remembered in a turn */
	QUOTED_MAX = 512, /* bytes of each: start line and top Via */
	READ_MAX = 64,    /* ICMP errors read in a turn */
};

struct failure {
	struct addr peer;
	int err;
	uint32_t n;
	char quoted[QUOTED_MAX];
};

struct udp_failures {
	unsigned n;
	struct failure failure[TOLD_MAX];
};

struct udp_failures *udp_failures_new(void)
{
	return calloc(1, sizeof(struct udp_failures));
}

/* What is not named here is a loss of an unknown kind. */
static const struct {
	int err;
	enum tp_stat stat;
	bool tell; /* the target cannot be reached: retransmissions would not be better off */
} meaning[] = {
	{EMSGSIZE, TP_STAT_SEND_TOO_LARGE, true},
	{ENOBUFS, TP_STAT_SEND_FULL, false},
	{ENOMEM, TP_STAT_SEND_FULL, false},
	{EAGAIN, TP_STAT_SEND_FULL, false},
	{EPERM, TP_STAT_SEND_ERRORS, false}, /* a packet filter drops what leaves */
	{EACCES, TP_STAT_SEND_ERRORS, true}, /* a broadcast address, or a route that prohibits */
	{ENETUNREACH, TP_STAT_SEND_ERRORS, true},
	{EHOSTUNREACH, TP_STAT_SEND_ERRORS, true},
	{ENETDOWN, TP_STAT_SEND_ERRORS, true},
	{EINVAL, TP_STAT_SEND_ERRORS, true}, /* our address is gone, or a route's blackhole */
	{EADDRNOTAVAIL, TP_STAT_SEND_ERRORS, true}, /* likewise */
	{EAFNOSUPPORT, TP_STAT_SEND_ERRORS, true},
};

static struct addr peer_of(const union udp_name *name)
{
	struct addr peer = {0};
	socklen_t n = name->sa.sa_family == AF_INET6 ? sizeof(name->in6) : sizeof(name->in4);

	/* the caller made it, or the kernel: of one of these families */
	return addr_from_sockaddr(&name->sa, n, &peer) == 0 ? peer : (struct addr){0};
}

void udp_failed(struct udp *udp, const union udp_name *to, int err, struct sv bytes)
{
	struct udp_failures *failures = udp->failures;
	enum tp_stat stat = TP_STAT_SEND_ERRORS;
	bool tell = false;

	for (size_t i = 0; i < sizeof(meaning) / sizeof(meaning[0]); i++)
		if (meaning[i].err == err) {
			stat = meaning[i].stat;
			tell = meaning[i].tell;
		}
	tp_count(udp->tp, stat);
	if (!tell || failures->n == TOLD_MAX)
		return;
	struct failure *f = &failures->failure[failures->n++];
	f->peer = peer_of(to);
	f->err = -err;
	f->n = (uint32_t)(bytes.n < QUOTED_MAX ? bytes.n : QUOTED_MAX);
	memcpy(f->quoted, bytes.p, f->n);
	udp_at_turn_end(udp);
}

static void tell(struct tp *tp, const struct addr *peer, int err, struct sv quoted)
{
	if (tp->env.on->unreachable)
		tp->env.on->unreachable(tp->env.arg, peer, err, quoted);
}

bool udp_tell_failures(struct udp *udp, bool do_tell)
{
	struct udp_failures *failures = udp->failures;
	bool any = failures->n > 0;

	/* who is told may send so much that the batch leaves, and more failures come, up to TOLD_MAX */
	for (unsigned i = 0; i < failures->n && do_tell; i++) {
		const struct failure *f = &failures->failure[i];
		tell(udp->tp, &f->peer, f->err, sv_of(f->quoted, f->n));
	}
	failures->n = 0;
	return any;
}

/* ---- ICMP ---- */

/* What a message of the error queue says; 0 when it is none of ICMP: what the kernel refuses is known from sending. */
static int icmp_error(struct msghdr *h)
{
	struct sock_extended_err e;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6)
			return (int)e.ee_errno;
	}
	return 0;
}

void udp_read_errors(struct udp_socket *s)
{
	struct tp *tp = s->udp->tp;
	_Alignas(8) char control[256];
	char quoted[QUOTED_MAX];
	union udp_name name;

	for (unsigned i = 0; i < READ_MAX; i++) {
		struct iovec piece = {quoted, sizeof(quoted)};
		struct msghdr h = {.msg_name = &name,
				   .msg_namelen = sizeof(name),
				   .msg_iov = &piece,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(s->fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			return;
		int err = icmp_error(&h);
		if (err == 0)
			continue;
		tp_count(tp, TP_STAT_UNREACHABLE);
		struct addr peer = peer_of(&name);
		tell(tp, &peer, -err, sv_of(quoted, (size_t)n));
	}
}
