/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ipc: what the warden and the SIP process say to each other: messages of one size over a socketpair (SOCK_SEQPACKET), descriptors beside them. Either side takes
 * what it gets as if the other had been taken over: size, type, ranges, number and kind of descriptors, rate.
 */
#ifndef MG_DAEMON_IPC_H
#define MG_DAEMON_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

enum ipc_type {
	IPC_NONE,
	/* warden to SIP process */
	IPC_BEGIN, /* a generation begins: generation, workers; `number` is 1 when it is the running text once more; descriptor: the sealed configuration text */
	IPC_FILE,  /* a file it names: `path`; descriptor */
	IPC_LISTENER, /* a socket: `listener`; descriptor */
	IPC_CONTROL, /* the listening Unix socket of margravectl; descriptor; once, before the first IPC_COMMIT */
	IPC_LOCAL, /* an address of this machine: `addr`; per generation */
	IPC_METRICS, /* the listening socket of metrics; descriptor; per generation, absent when off */
	IPC_COMMIT, /* the generation is complete */
	IPC_KEYS,   /* descriptor: sealed memfd of struct keys; before the first IPC_BEGIN */
	IPC_RING, /* descriptor: memfd of the last-input ring (poison.h); before the first IPC_BEGIN */
	IPC_GATE, /* descriptor: the table of the kernel's filter (gate.h); `number`: its secret; before the first IPC_BEGIN, absent when there is none */
	IPC_QUARANTINE, /* drop for `seconds` what comes from `addr` with the Call-ID of hash `number`, or with `head` first bytes of that hash */
	IPC_FAULTS, /* a reload failed before it got there: descriptor: memfd with the text for who asked */
	IPC_STOP, /* end: gracefully when `number` is 1 (finish transactions), else at once */
	/* SIP process to warden */
	IPC_READY,   /* generation `number` runs (also after a reload) */
	IPC_REFUSED, /* generation `number` was refused; descriptor: memfd with the faults */
	IPC_HEARTBEAT, /* once a second; `number`: milliseconds the slowest worker has been in one callback */
	IPC_RELOAD,   /* the operator asks for a reload by the control socket */
	IPC_STOPPING, /* the operator asks for an end; `number` as IPC_STOP */
	IPC_TYPES
};

#define IPC_PATH_MAX   1024
#define IPC_LOCALS_MAX 4096 /* IPC_LOCAL of a generation */

struct ipc_listener {
	struct addr bound;
	uint16_t id, zone, worker;
	uint8_t transport, wildcard;
};

struct ipc_msg {
	uint32_t magic; /* IPC_MAGIC: other versions don't understand each other */
	uint32_t type;
	uint64_t generation;
	uint64_t number;
	uint32_t seconds, workers, head;
	struct addr addr;
	struct ipc_listener listener;
	char path[IPC_PATH_MAX]; /* ends with NUL */
};
#define IPC_MAGIC 0x4d470001

/* Send one, with a descriptor (-1: none), which stays the caller's. Returns 0 or a negative errno (-EAGAIN: full). */
MG_MUST_CHECK int ipc_send(int fd, const struct ipc_msg *msg, int descriptor);

/* Receive one. Wrong size, magic, type, an unterminated path, more than one descriptor, one where none belongs or none where one does: MG_EPARSE, descriptors closed.
 *
 * from_warden  Which types may come.
 * descriptor   Set; the caller's; -1 when there is none.
 * Returns      0; -EAGAIN; -EPIPE when the other side is gone; MG_EPARSE.
 */
MG_MUST_CHECK int ipc_receive(int fd, bool from_warden, struct ipc_msg *msg, int *descriptor);

/* ---- keys that outlive the SIP process ---- */

#define KEYS_TICKETS 3
struct keys {
	uint32_t magic;
	uint8_t token_id[4];  /* 0: not there */
	uint8_t token[4][16]; /* newest first */
	uint8_t tag[16];      /* To tags and loop hashes */
	uint8_t nonce[32];
	uint8_t owner[16];                /* which worker owns a Call-ID */
	uint8_t ticket[KEYS_TICKETS][80]; /* TLS tickets, newest first */
};

#endif
