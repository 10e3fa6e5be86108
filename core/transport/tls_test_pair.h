/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_test_pair: a client and a server at the two ends of a socket pair, and the certificates they need. For tests only; holds no test itself. Included
 * behind cmocka.h.
 */
#ifndef MG_TRANSPORT_TLS_TEST_PAIR_H
#define MG_TRANSPORT_TLS_TEST_PAIR_H

#include <sys/socket.h>

#include "transport/tls.h"
#include "transport/tls_test_certs.h"

/* An authority, and a certificate of it for example.com. */
static struct cert ca, good;

struct pair {
	int fd[2]; /* client, server */
	struct tls *client, *server;
	int client_err, server_err; /* 0: open; -EAGAIN: stuck */
};

static inline void sockets(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

static inline void pair_begin(struct pair *p, const struct tls_context *client,
			      const struct tls_context *const *server, const char *domain,
			      struct tls_sessions *sessions)
{
	*p = (struct pair){.client_err = -EAGAIN, .server_err = -EAGAIN};
	sockets(p->fd);
	p->client = tls_client(p->fd[0], client, sv_str(domain), sessions, SV("key"));
	p->server = tls_server(p->fd[1], server);
	assert_non_null(p->client);
	assert_non_null(p->server);
}

static inline void pair_run(struct pair *p)
{
	for (int i = 0; i < 8; i++) {
		bool sign = true;
		if (p->client_err == -EAGAIN)
			p->client_err = tls_handshake(p->client, &sign);
		sign = true;
		if (p->server_err == -EAGAIN)
			p->server_err = tls_handshake(p->server, &sign);
	}
}

static inline void pair_end(struct pair *p)
{
	tls_free(p->client);
	tls_free(p->server);
	(void)close(p->fd[0]);
	(void)close(p->fd[1]);
}

static inline int make_certs(void **state)
{
	(void)state;
	ca = cert_authority("CA");
	good = cert_new(&ca, &(struct cert_wish){.alt = "DNS:example.com"});
	return 0;
}

static inline int free_certs(void **state)
{
	(void)state;
	cert_free(&ca);
	cert_free(&good);
	return 0;
}

#endif
