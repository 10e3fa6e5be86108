/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp_receive: datagrams in batches: who sent them, to which of our addresses, when; keepalives and STUN are dealt with,
 * messages are parsed and handed up. Called by udp.c when a socket is readable.
 */
#include <netinet/ip.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "gate/gate.h"
#include "transport/stun.h"
#include "transport/udp_priv.h"

enum {
	BATCH = 32,
	BATCHES = 8,       /* a callback: then others have their turn */
	KEEPALIVE_MAX = 4, /* up to so many bytes of anything are a keepalive */
	OVER = SIP_DATAGRAM_MAX + 1 -
	       TP_BUF_USUAL, /* one byte more than a message may have tells that it has more */
	STEP_US = 1000,      /* the wall clock was set when it moved so far against ours, */
	LOOKS = 4,           /* and not only seemed to, because the thread had to wait */
};

struct udp_in {
	struct mmsghdr header[BATCH];
	struct iovec piece[BATCH][2];
	union udp_name name[BATCH];
	_Alignas(8) char control[BATCH][UDP_CONTROL];
	struct tp_buf *buf[BATCH]; /* NULL: kept by somebody */
	unsigned used;      /* places that the last batch used, and are to be prepared again */
	char (*over)[OVER]; /* of the long ones what goes beyond their buffer */
	int64_t wall_us;    /* the wall clock's lead over the loop's, as last seen */
};

/* What the kernel says of a datagram. */
struct told {
	struct addr local;
	int64_t stamp_us; /* wall clock, 0: none */
};

/* ---- the clock ---- */

/* When a datagram came, in the loop's clock. A stamp is of the wall clock; where that was set between two batches, stamps of
 * the second say nothing. */
static uint64_t arrived_us(int64_t stamp_us, int64_t wall_us, uint64_t now_us)
{
	int64_t at = stamp_us - wall_us;

	return stamp_us && at > 0 && (uint64_t)at < now_us ? (uint64_t)at : now_us;
}

/* The wall clock's lead over the loop's; more, if the thread had to wait between the two. */
static int64_t read_lead(void)
{
	int64_t ours = (int64_t)loop_clock_us();
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 - ours;
}

/* Look at the wall clock: mostly once, until it is what it was. Returns whether that was so, or else it was set. */
static bool look_at_wall(struct udp_in *in)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < LOOKS; i++) {
		int64_t lead = read_lead(), moved = lead - in->wall_us;
		least = lead < least ? lead : least;
		if (moved < STEP_US && moved > -STEP_US) {
			in->wall_us = lead;
			return true;
		}
	}
	in->wall_us = least;
	return false;
}

/* ---- making one ---- */

struct udp_in *udp_in_new(void)
{
	struct udp_in *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->over = malloc(BATCH * sizeof(*in->over)); /* touched when long ones come */
	if (!in->over) {
		free(in);
		return NULL;
	}
	in->used = BATCH;
	(void)look_at_wall(in);
	for (unsigned i = 0; i < BATCH; i++) {
		in->piece[i][1] = (struct iovec){in->over[i], OVER};
		in->header[i].msg_hdr = (struct msghdr){.msg_name = &in->name[i],
							.msg_iov = in->piece[i],
							.msg_iovlen = 2,
							.msg_control = in->control[i]};
	}
	return in;
}

void udp_in_free(struct udp_in *in)
{
	if (!in)
		return;
	for (unsigned i = 0; i < BATCH; i++)
		tp_buf_unref(in->buf[i]);
	free(in->over);
	free(in);
}

/* ---- what the kernel says beside the bytes ---- */

static void local_v4(struct told *told, const struct cmsghdr *c)
{
	struct in_pktinfo info;
	uint8_t ip[4];

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	memcpy(ip, &info.ipi_spec_dst, 4);
	told->local = addr_v4(ip, told->local.port);
}

static void local_v6(struct told *told, const struct cmsghdr *c)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	told->local = addr_v6(info.ipi6_addr.s6_addr, told->local.port);
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		told->local.scope = info.ipi6_ifindex;
}

/* The kernel counts what the gate drops as well. The gate may be ahead, for the kernel told when this datagram came: what it has more counts the next time. */
static void count_drops(struct udp_socket *s, const struct cmsghdr *c)
{
	struct tp *tp = s->udp->tp;
	struct gate *gate = tp->env.gate;
	uint32_t drops;

	memcpy(&drops, CMSG_DATA(c), sizeof(drops));
	uint64_t more = (uint32_t)(drops - s->drops);
	uint64_t gated = gate ? gate_dropped_by(gate, s->listener, tp->env.worker) - s->gated : 0;
	if (gated > more)
		gated = more;
	stats_add(tp->env.stats, tp->env.worker, TP_STAT_KERNEL_DROPS, more - gated);
	s->drops = drops;
	s->gated += gated;
}

static void read_control(struct udp_socket *s, struct msghdr *h, struct told *told)
{
	struct timespec t;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			told->stamp_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			count_drops(s, c);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			local_v4(told, c);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			local_v6(told, c);
		}
	}
}

/* ---- one datagram ---- */

static void answer_stun(struct udp_socket *s, const struct tp_flow *flow, struct sv packet)
{
	struct tp *tp = s->udp->tp;
	const struct tp_zone *zone = tp_zone_of(tp, flow->zone);
	char out[TP_STUN_MAX];
	size_t n = tp_stun_answer(packet, &flow->peer, out);

	if (n == 0) {
		tp_count(tp, TP_STAT_DROP_STUN);
		return;
	}
	tp_count(tp, TP_STAT_KEEPALIVES);
	/* a full socket is counted where it is met, and the phone asks again */
	if (zone && tp_keepalive_ok(tp, &flow->peer, zone))
		(void)!udp_queue(s, &flow->peer, &flow->local, sv_of(out, n));
}

/* A message in `buf`; rx->taken says afterwards whether somebody keeps it. */
static void hand_up(struct udp_socket *s, struct tp_rx *rx, size_t n)
{
	struct tp *tp = s->udp->tp;
	int ret = sip_parse_datagram(rx->msg, rx->buf->data, n, &rx->at);

	if (ret > 0 && rx->msg->kind != SIP_KIND_REQUEST && rx->msg->kind != SIP_KIND_RESPONSE) {
		tp_count(tp, TP_STAT_KEEPALIVES);
		return;
	}
	rx->err = ret < 0 ? ret : 0;
	if (ret > 0)
		rx->at = rx->msg->fault;
	tp->env.on->message(tp->env.arg, rx);
}

/* What does not fit a usual buffer gets one of its own. */
static void hand_up_long(struct udp_socket *s, struct tp_rx *rx, const struct iovec piece[2],
			 size_t n)
{
	rx->buf = tp_buf_new((uint32_t)n);
	if (!rx->buf) {
		tp_count(s->udp->tp, TP_STAT_DROP_MEMORY);
		return;
	}
	memcpy(rx->buf->data, piece[0].iov_base, TP_BUF_USUAL);
	memcpy(rx->buf->data + TP_BUF_USUAL, piece[1].iov_base, n - TP_BUF_USUAL);
	hand_up(s, rx, n);
	if (!rx->taken)
		tp_buf_unref(rx->buf);
}

/* The kernel gives datagrams to the socket that fits best, be it one whose listener is gone: what another one listens for by now is that one's. */
static void be_present(const struct udp_socket *s, struct tp_flow *flow)
{
	const struct tp_listener *l = tp_listener_at(s->udp->tp, SIP_TRANSPORT_UDP, &flow->local);

	if (!l)
		return;
	flow->listener = l->id;
	flow->zone = l->zone;
}

static void datagram(struct udp_socket *s, unsigned i, uint64_t now_us, bool stamps)
{
	struct udp_in *in = s->udp->in;
	struct tp *tp = s->udp->tp;
	struct mmsghdr *m = &in->header[i];
	struct told told = {.local = s->bound};
	struct tp_rx rx = {
		.msg = tp->msg,
		.flow = {.listener = s->listener, .zone = s->zone, .transport = SIP_TRANSPORT_UDP}};
	struct sv packet = sv_of(in->buf[i]->data, m->msg_len);

	tp_count(tp, TP_STAT_RX_UDP);
	read_control(s, &m->msg_hdr, &told);
	if (addr_from_sockaddr(&in->name[i].sa, m->msg_hdr.msg_namelen, &rx.flow.peer) != 0)
		return;
	rx.flow.local = told.local;
	if (!list_empty(&s->leaving))
		be_present(s, &rx.flow);
	rx.at_us = arrived_us(stamps ? told.stamp_us : 0, in->wall_us, now_us);
	if (!tp_arrives(tp, &rx.flow, packet.n))
		return;
	if (!tp_look(tp, &rx.flow,
		     sv_of(packet.p, packet.n < TP_BUF_USUAL ? packet.n : TP_BUF_USUAL)))
		return;
	if (packet.n <= KEEPALIVE_MAX) {
		tp_count(tp, TP_STAT_KEEPALIVES);
	} else if (tp_is_stun(packet)) {
		answer_stun(s, &rx.flow, sv_of(packet.p, packet.n < TP_BUF_USUAL ? packet.n : 0));
	} else if (packet.n > TP_BUF_USUAL) {
		hand_up_long(s, &rx, in->piece[i], packet.n);
	} else {
		rx.buf = in->buf[i];
		hand_up(s, &rx, packet.n);
		if (rx.taken)
			in->buf[i] = NULL;
	}
	tp_looked(tp);
}

/* ---- batches ---- */

/* Make the places used ready again, each with a buffer. Returns how many of the batch are. */
static unsigned prepare(struct udp_in *in)
{
	for (unsigned i = 0; i < in->used; i++) {
		struct msghdr *h = &in->header[i].msg_hdr;
		if (!in->buf[i]) {
			in->buf[i] = tp_buf_new(TP_BUF_USUAL);
			if (!in->buf[i])
				return i;
			in->piece[i][0] = (struct iovec){in->buf[i]->data, TP_BUF_USUAL};
		}
		h->msg_namelen = sizeof(in->name[i]);
		h->msg_controllen = UDP_CONTROL;
	}
	return BATCH;
}

/* Without memory for a single buffer the socket is emptied all the same, or the loop would spin. */
static int throw_away(struct udp_socket *s)
{
	ssize_t n = recv(s->fd, s->udp->in->over[0], OVER, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	tp_count(s->udp->tp, TP_STAT_RX_UDP);
	tp_count(s->udp->tp, TP_STAT_DROP_MEMORY);
	return 1;
}

/* Receive and handle a batch. Returns how many datagrams there were, at most `*most`, or a negative errno. */
static int receive(struct udp_socket *s, int *most)
{
	struct udp_in *in = s->udp->in;
	unsigned places = prepare(in);

	*most = places ? (int)places : 1;
	if (places == 0)
		return throw_away(s);
	int n = recvmmsg(s->fd, in->header, places, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return n ? -errno : -EAGAIN;
	if (places == BATCH)
		in->used = (unsigned)n;
	bool stamps = look_at_wall(in);
	uint64_t now = loop_clock_us();
	for (unsigned i = 0; i < (unsigned)n; i++)
		datagram(s, i, now, stamps);
	return n;
}

/* Read until nothing is left, or others must have their turn. That a call brings an error, or nothing at all, says that ICMP
 * told something; only then the error queue is looked at. */
void udp_readable(struct udp_socket *s)
{
	bool looked = false;
	int n, most;

	for (unsigned batch = 0; batch < BATCHES && !s->udp->tp->stopped; batch++) {
		n = receive(s, &most);
		if (n == most)
			continue;
		if (n > 0 || looked)
			return;
		udp_read_errors(s);
		looked = true;
		if (n == -EAGAIN)
			return;
	}
}
