/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * udp_priv: what the files about datagrams share: a worker's sockets (udp.c), how they are read (udp_receive.c), what waits
 * to be sent (udp_send.c), and errors, ICMP's too (udp_error.c).
 */
#ifndef MG_TRANSPORT_UDP_PRIV_H
#define MG_TRANSPORT_UDP_PRIV_H

#include <netinet/in.h>

#include "transport/tp_priv.h"

/* Room for the control messages of one datagram: its local address, time stamp and number of drops. */
#define UDP_CONTROL 128

#define UDP_NONE UINT16_MAX

union udp_name {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct udp_socket {
	struct udp *udp;
	struct loop_watch watch;
	struct addr bound;
	int fd; /* the configuration's */
	uint16_t listener, zone;
	bool wildcard;
	struct list leaving;  /* in udp.leaving, when its listener is gone */
	bool stays;           /* also in the configuration that is being prepared */
	uint32_t drops;       /* the kernel's count, as far as it was told */
	uint64_t gated;       /* of those the gate's, as far as they are accounted for */
	uint16_t first, last; /* of the batch, UDP_NONE: nothing */
	struct list waiting;  /* for room in the socket */
};

/* What is being received: a batch of datagrams, each with a buffer of usual size. What is longer goes on in `over`. */
struct udp_in;
MG_MUST_CHECK struct udp_in *udp_in_new(void);
void udp_in_free(struct udp_in *in); /* NULL is fine */
void udp_readable(struct udp_socket *s);

/* What is to be sent at the end of the turn. */
struct udp_out;
MG_MUST_CHECK struct udp_out *udp_out_new(struct udp *udp);
void udp_out_free(struct udp_out *out); /* NULL is fine */
/* Put a datagram into the batch. `from`: its source address where the socket has several; ADDR_NONE: the kernel's choice. Returns 0, or
 * a negative errno. */
MG_MUST_CHECK int udp_queue(struct udp_socket *s, const struct addr *to, const struct addr *from,
			    struct sv bytes);
/* Have the batch sent, and failures told, at the end of this turn. */
void udp_at_turn_end(struct udp *udp);
/* Send what is in the batch now. */
void udp_flush(struct udp *udp);
void udp_writable(struct udp_socket *s);
/* Give up what waits for room; counted. */
void udp_waiting_drop(struct udp_socket *s);

/* A datagram could not be sent: count it, and remember to tell. */
void udp_failed(struct udp *udp, const union udp_name *to, int err, struct sv bytes);
/* Tell what was remembered; `tell` false: forget it. Returns whether there was something. */
bool udp_tell_failures(struct udp *udp, bool tell);
/* Read the error queue: ICMP. */
void udp_read_errors(struct udp_socket *s);

struct udp_failures;
MG_MUST_CHECK struct udp_failures *udp_failures_new(void);

struct udp {
	struct tp *tp;
	struct udp_socket **socket; /* n of them */
	unsigned n;
	struct list leaving;        /* struct udp_socket: of listeners that are gone */
	struct udp_socket **coming; /* of the configuration that is being prepared */
	unsigned n_coming;
	struct udp_in *in;
	struct udp_out *out;
	struct udp_failures *failures;
};

#endif
