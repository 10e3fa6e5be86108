/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * listen: the sockets that a configuration names, opened by the warden: one for each worker and listener, under numbers that stay the same over reloads. They stay open as long
 * as the configuration that names them runs, whatever happens to the SIP process: datagrams wait in them, connects are not refused.
 */
#ifndef MG_DAEMON_LISTEN_H
#define MG_DAEMON_LISTEN_H

#include "daemon/ipc.h"
#include "daemon/settings.h"

struct listen_socket {
	struct ipc_listener info;
	int fd;
};

#define LISTEN_GONE_MAX 64

/* An address that had a listener: the SIP process may have it open for what is under way there (worker.c). */
struct listen_gone {
	struct addr bound;
	bool udp;
	uint64_t until_ms;
};

struct listen_set {
	struct listen_socket *socket;
	size_t n;
	uint16_t
		last_id; /* given: numbers are not used again soon, for what is gone may still go by its own */
	struct listen_gone gone[LISTEN_GONE_MAX];
	size_t n_gone;
};

/* Open all listeners of a configuration for `workers` workers. What `old` has open already (NULL: nothing) is taken over by a duplicate. An interface without an
 * address gives no listener, and one line in the log. Returns 0, or MG_EPARSE and faults added; nothing is open then. */
MG_MUST_CHECK int listen_open(struct listen_set *out, const struct settings *settings,
			      unsigned workers, const struct listen_set *old,
			      struct conf_faults *faults);
/* The addresses of this machine. Returns how many; the caller frees *out. */
size_t listen_locals(struct addr **out);
void listen_close(struct listen_set *set);
/* Whether both have the same listeners. */
bool listen_same(const struct listen_set *a, const struct listen_set *b);

/* A listening Unix socket (0600) at `path`; one that nobody listens on is replaced. Returns a descriptor or a negative errno. */
MG_MUST_CHECK int listen_unix(const char *path);
/* A listening TCP socket for metrics. Returns a descriptor or a negative errno. */
MG_MUST_CHECK int listen_tcp(const struct addr *addr);

#endif
