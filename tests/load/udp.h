/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp: a UDP socket read and written in batches. What is written waits until the batch is full or
 * flushed. Never blocks: what the kernel refuses is lost and counted, as on a network. Called by the
 * loop, uac, uas and flood.
 */
#ifndef LOAD_UDP_H
#define LOAD_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/sv.h"
#include "load/message.h"

#define UDP_BATCH   64
#define UDP_CONTROL 64

union udp_peer {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fields are udp's own. Large: allocated by its owner. */
struct udp {
	int fd;
	bool sources; /* each datagram names its own source address */
	socklen_t peer_len;
	unsigned waiting; /* datagrams to send */
	uint64_t sent, received, refused, unreachable, bytes_sent, bytes_received;
	struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
	struct iovec in_iov[UDP_BATCH], out_iov[UDP_BATCH];
	union udp_peer in_peer[UDP_BATCH], out_peer[UDP_BATCH];
	_Alignas(struct cmsghdr) char control[UDP_BATCH][UDP_CONTROL];
	char in_bytes[UDP_BATCH][MESSAGE_MAX], out_bytes[UDP_BATCH][MESSAGE_MAX];
};

/* Open and bind.
 *
 * local      Port 0 is replaced by the one that the kernel gave.
 * sources    Bind to the wildcard of IPv4 and take the source of each datagram from udp_send.
 * Returns    0 or a negated errno value.
 */
MG_MUST_CHECK int udp_open(struct udp *u, struct addr *local, bool sources);

void udp_close(struct udp *u);

/* Speak with `peer` only: the kernel looks for the way once, and tells when nobody listens there.
 * Not together with `sources`. Returns 0 or a negated errno value.
 */
MG_MUST_CHECK int udp_connect(struct udp *u, const union udp_peer *peer);

/* Room for the next datagram: MESSAGE_MAX bytes, to be filled and passed on by udp_send at once. */
char *udp_slot(struct udp *u);

/* Send what udp_slot gave room for. `source` counts with `sources` only, else NULL. */
void udp_send(struct udp *u, size_t n, const union udp_peer *to, const struct addr *source);

/* Hand everything that waits to the kernel. */
void udp_flush(struct udp *u);

/* What to do with a datagram; the bytes are gone when it returns. */
typedef void udp_fn(void *ctx, struct sv datagram, const union udp_peer *from);

/* Read one batch. Returns how many datagrams there were. */
unsigned udp_read(struct udp *u, udp_fn *take, void *ctx);

/* The address as the kernel wants it. */
union udp_peer udp_peer(const struct addr *a);

#endif
