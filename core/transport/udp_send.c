/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp_send: datagrams out. They gather until the end of the turn, or until the batch is full, and leave with one sendmmsg for
 * each socket. One that the kernel refuses does not hold up the others; what a full socket does not take waits for room, as
 * far as there is room to wait. Called by udp.c and udp_receive.c.
 */
#include <netinet/ip.h>
#include <stdlib.h>

#include "transport/udp_priv.h"

enum {
	BATCH = 64,
	BATCH_BYTES = 256 * 1024,
	WAITING_MAX = 512, /* messages and bytes of a worker that wait for room in its sockets */
	WAITING_BYTES = 1024 * 1024,
	DATAGRAM_MAX = 65507,
	ROUNDS = 8, /* of failures that make somebody send again, in a turn */
	RETRIES =
		4, /* of a message that met errors of others: they are the socket's and reach whoever sends next */
};

struct entry {
	uint32_t off, n; /* of the batch's bytes */
	uint16_t next;   /* of the same socket, UDP_NONE: the last */
	uint8_t name_n, control_n;
	union udp_name name;
	_Alignas(8) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct waiting {
	struct list link;
	struct entry entry;
	char bytes[];
};

struct udp_out {
	struct udp *udp;
	struct loop_hook hook; /* in the loop's list while there is something to do */
	unsigned n;
	uint32_t used;
	unsigned n_waiting;
	size_t waiting_bytes;
	struct entry entry[BATCH];
	struct mmsghdr header[BATCH];
	struct iovec piece[BATCH];
	char bytes[BATCH_BYTES];
};

static void end_of_turn(struct loop_hook *hook);

struct udp_out *udp_out_new(struct udp *udp)
{
	struct udp_out *out =
		malloc(sizeof(*out)); /* most of it touched when many messages leave at once */

	if (!out)
		return NULL;
	memset(out, 0, offsetof(struct udp_out, entry));
	out->udp = udp;
	list_init(&out->hook.link);
	out->hook.fn = end_of_turn;
	return out;
}

void udp_out_free(struct udp_out *out)
{
	if (!out)
		return;
	loop_hook_remove(&out->hook);
	free(out);
}

void udp_at_turn_end(struct udp *udp)
{
	struct udp_out *out = udp->out;

	if (list_empty(&out->hook.link))
		loop_at_turn(udp->tp->env.loop, &out->hook);
}

/* ---- one datagram ---- */

static void mapped(const struct addr *a, struct in6_addr *out)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == ADDR_V6) {
		memcpy(out->s6_addr, a->ip, 16);
		return;
	}
	memcpy(out->s6_addr, prefix, sizeof(prefix));
	memcpy(out->s6_addr + sizeof(prefix), a->ip, 4);
}

/* To an IPv4 address from a socket of IPv6 as ::ffff:a.b.c.d. Returns whether it can be. */
static bool write_name(struct entry *e, const struct udp_socket *s, const struct addr *to)
{
	memset(&e->name, 0, sizeof(e->name));
	if (s->bound.family == ADDR_V6) {
		e->name.in6.sin6_family = AF_INET6;
		e->name.in6.sin6_port = htons(to->port);
		e->name.in6.sin6_scope_id = to->scope;
		mapped(to, &e->name.in6.sin6_addr);
		e->name_n = sizeof(e->name.in6);
	} else {
		e->name.in4.sin_family = AF_INET;
		e->name.in4.sin_port = htons(to->port);
		memcpy(&e->name.in4.sin_addr, to->ip, 4);
		e->name_n = sizeof(e->name.in4);
	}
	return to->family == s->bound.family ||
	       (to->family == ADDR_V4 && s->bound.family == ADDR_V6);
}

static void write_source(struct entry *e, const struct udp_socket *s, const struct addr *from)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)e->control;
	struct in6_pktinfo info6 = {.ipi6_ifindex = from->scope};
	struct in_pktinfo info4 = {0};

	e->control_n = 0;
	if (!s->wildcard || from->family == ADDR_NONE)
		return;
	if (s->bound.family == ADDR_V6) {
		mapped(from, &info6.ipi6_addr);
		*c = (struct cmsghdr){CMSG_LEN(sizeof(info6)), IPPROTO_IPV6, IPV6_PKTINFO};
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
		e->control_n = CMSG_SPACE(sizeof(info6));
	} else if (from->family == ADDR_V4) {
		memcpy(&info4.ipi_spec_dst, from->ip, 4);
		*c = (struct cmsghdr){CMSG_LEN(sizeof(info4)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(c), &info4, sizeof(info4));
		e->control_n = CMSG_SPACE(sizeof(info4));
	}
}

static void write_header(struct udp_out *out, unsigned i, struct entry *e, void *bytes)
{
	out->piece[i] = (struct iovec){bytes, e->n};
	out->header[i].msg_hdr = (struct msghdr){.msg_name = &e->name,
						 .msg_namelen = e->name_n,
						 .msg_iov = &out->piece[i],
						 .msg_iovlen = 1,
						 .msg_control = e->control_n ? e->control : NULL,
						 .msg_controllen = e->control_n};
}

/* ---- a run of datagrams of one socket ---- */

/* The error may be another's: what ICMP told of what was sent before, which the kernel gives to the next call and sends nothing
 * then. */
static bool may_be_anothers(int err)
{
	return err != ENOBUFS && err != ENOMEM && err != EPERM && err != EINVAL;
}

/* Send the first `n` headers. Returns how many were sent or failed; the socket takes no more behind that. */
static unsigned send_run(struct udp_socket *s, unsigned n)
{
	struct udp_out *out = s->udp->out;
	struct tp *tp = s->udp->tp;
	unsigned done = 0, sent = 0, retries = 0;

	while (done < n) {
		int ret = sendmmsg(s->fd, &out->header[done], n - done, MSG_DONTWAIT);
		if (ret > 0) {
			sent += (unsigned)ret;
			done += (unsigned)ret;
			retries = 0;
		} else if (errno == EAGAIN) {
			break;
		} else if (retries < RETRIES && may_be_anothers(errno)) {
			retries++;
		} else {
			const struct iovec *piece = &out->piece[done];
			udp_failed(s->udp, out->header[done].msg_hdr.msg_name, errno,
				   sv_of(piece->iov_base, piece->iov_len));
			done++;
			retries = 0;
		}
	}
	stats_add(tp->env.stats, tp->env.worker, TP_STAT_TX_UDP, sent);
	return done;
}

/* ---- waiting for room ---- */

static int watch_for(struct udp_socket *s, unsigned events)
{
	return loop_watch_set(&s->watch, (s->udp->tp->stopped ? 0 : LOOP_READ) | events);
}

static int wait_for_room(struct udp_socket *s, const struct entry *e, const char *bytes)
{
	struct udp_out *out = s->udp->out;
	struct waiting *w = NULL;

	if (out->n_waiting < WAITING_MAX && out->waiting_bytes + e->n <= WAITING_BYTES &&
	    watch_for(s, LOOP_WRITE) == 0)
		w = malloc(sizeof(*w) + e->n);
	if (!w) {
		udp_failed(s->udp, &e->name, EAGAIN, sv_of(bytes, e->n));
		return -ENOBUFS;
	}
	w->entry = *e;
	memcpy(w->bytes, bytes, e->n);
	list_append(&s->waiting, &w->link);
	out->n_waiting++;
	out->waiting_bytes += e->n;
	return 0;
}

static void waiting_free(struct udp_out *out, struct waiting *w)
{
	list_remove(&w->link);
	out->n_waiting--;
	out->waiting_bytes -= w->entry.n;
	free(w);
}

void udp_writable(struct udp_socket *s)
{
	struct udp_out *out = s->udp->out;
	unsigned n, done;

	do {
		struct list *link;
		n = 0;
		list_for_each (link, &s->waiting) {
			struct waiting *w = container_of(link, struct waiting, link);
			if (n == BATCH)
				break;
			write_header(out, n++, &w->entry, w->bytes);
		}
		done = send_run(s, n);
		for (unsigned i = 0; i < done; i++)
			waiting_free(out, container_of(s->waiting.next, struct waiting, link));
	} while (n && done == n);
	if (n == 0)
		(void)!watch_for(s, 0); /* fails: called once more, for nothing */
}

void udp_waiting_drop(struct udp_socket *s)
{
	while (!list_empty(&s->waiting)) {
		tp_count(s->udp->tp, TP_STAT_SEND_FULL);
		waiting_free(s->udp->out, container_of(s->waiting.next, struct waiting, link));
	}
}

/* ---- the batch ---- */

static void flush_socket(struct udp_socket *s)
{
	struct udp_out *out = s->udp->out;
	uint16_t i = s->first;
	unsigned n = 0;

	for (uint16_t k = i; k != UDP_NONE; k = out->entry[k].next)
		write_header(out, n++, &out->entry[k], out->bytes + out->entry[k].off);
	s->first = s->last = UDP_NONE;
	for (unsigned done = send_run(s, n); i != UDP_NONE; i = out->entry[i].next) {
		if (done)
			done--;
		else
			(void)!wait_for_room(s, &out->entry[i], out->bytes + out->entry[i].off);
	}
}

void udp_flush(struct udp *udp)
{
	struct list *it;

	for (unsigned i = 0; i < udp->n && udp->out->n; i++)
		if (udp->socket[i]->first != UDP_NONE)
			flush_socket(udp->socket[i]);
	list_for_each (it, &udp->leaving) {
		struct udp_socket *s = container_of(it, struct udp_socket, leaving);
		if (s->first != UDP_NONE)
			flush_socket(s);
	}
	udp->out->n = 0;
	udp->out->used = 0;
}

/* Who is told of a failure may send to the next target at once, which may fail as well; not for ever. */
static void end_of_turn(struct loop_hook *hook)
{
	struct udp *udp = container_of(hook, struct udp_out, hook)->udp;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		udp_flush(udp);
		if (!udp_tell_failures(udp, round < ROUNDS))
			break;
	}
	loop_hook_remove(hook);
}

int udp_queue(struct udp_socket *s, const struct addr *to, const struct addr *from, struct sv bytes)
{
	struct udp_out *out = s->udp->out;

	if (bytes.n > DATAGRAM_MAX)
		return -EMSGSIZE;
	if (out->n == BATCH || bytes.n > BATCH_BYTES - out->used)
		udp_flush(s->udp);
	struct entry *e = &out->entry[out->n];
	e->n = (uint32_t)bytes.n;
	e->off = out->used;
	e->next = UDP_NONE;
	if (!write_name(e, s, to))
		return -EAFNOSUPPORT;
	write_source(e, s, from);
	if (!list_empty(&s->waiting))
		return wait_for_room(s, e, bytes.p); /* behind those that came before */
	memcpy(out->bytes + out->used, bytes.p, bytes.n);
	if (s->last == UDP_NONE)
		s->first = (uint16_t)out->n;
	else
		out->entry[s->last].next = (uint16_t)out->n;
	s->last = (uint16_t)out->n;
	out->used += e->n;
	out->n++;
	udp_at_turn_end(s->udp);
	return 0;
}
