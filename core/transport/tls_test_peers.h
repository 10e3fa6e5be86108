/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_test_peers: one worker's transport with a TLS listener, and peers that speak TLS to it. For tests only; included once, in a test's one source file, behind
 * cmocka.h.
 */
#ifndef MG_TRANSPORT_TLS_TEST_PEERS_H
#define MG_TRANSPORT_TLS_TEST_PEERS_H

#include "transport/stream_test_world.h"
#include "transport/tls_context_priv.h"
#include "transport/tls_test_pair.h"

static struct world w;
static struct tp_listener *tls;
static struct tls_context *server, *client;
static const struct tls_context *contexts[] = {NULL, NULL};
static const uint8_t keys[1][TLS_TICKET_KEY_LEN] = {{1}};

static inline struct tls_context *server_of(const struct cert *c, enum tls_verify verify)
{
	struct tls_settings s = {.name = "server",
				 .cert_fd = cert_fd(c),
				 .key_fd = cert_key_fd(c),
				 .ca_fd = cert_fd(&ca),
				 .crl_fd = -1,
				 .server = true,
				 .verify = verify,
				 .ticket_keys = keys,
				 .n_ticket_keys = 1};
	struct tls_context *context = cert_context(&s);

	(void)close(s.cert_fd);
	(void)close(s.key_fd);
	(void)close(s.ca_fd);
	return context;
}

static inline int begin(void **state)
{
	(void)state;
	server = server_of(&good, TLS_VERIFY_OPTIONAL);
	client = cert_client(NULL, &ca, false);
	contexts[0] = server;
	world_begin(&w);
	w.config.tls_client = client;
	tls = world_listen(&w, SIP_TRANSPORT_TLS, contexts);
	world_apply(&w);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	world_end(&w);
	tls_context_free(server);
	tls_context_free(client);
	return 0;
}

/* ---- clients of ours: an SSL on a blocking socket made non-blocking ---- */

struct peer {
	int fd;
	struct tls *tls;
};

static inline struct peer peer_begin(const struct tls_context *context)
{
	struct peer p = {.fd = peer_connect(&tls->bound)};

	assert_int_equal(fcntl(p.fd, F_SETFL, O_NONBLOCK), 0);
	p.tls = tls_client(p.fd, context, SV("example.com"), NULL, sv_of("", 0));
	assert_non_null(p.tls);
	return p;
}

/* One step of the peer's handshake. Returns as tls_handshake. */
static inline int peer_step(struct peer *p)
{
	bool sign = true;

	return tls_is_open(p->tls) ? 0 : tls_handshake(p->tls, &sign);
}

static inline struct peer peer_open(const struct tls_context *context)
{
	struct peer p = peer_begin(context);
	uint64_t before = counted(&w, TP_STAT_TLS_DONE);

	world_until(&w, peer_step(&p) == 0 && counted(&w, TP_STAT_TLS_DONE) > before);
	return p;
}

static inline void peer_end(struct peer *p)
{
	tls_free(p->tls);
	(void)close(p->fd);
}

static inline void peer_write(struct peer *p, struct sv text)
{
	assert_int_equal(tls_write(p->tls, text.p, text.n), (int)text.n);
}

static inline void refused_then(int fd)
{
	world_until(&w, peer_closed(fd));
	(void)close(fd);
}

#endif
