/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls: OpenSSL on the generator's connections. Every connection is a full handshake: nothing is
 * cached, so that one call costs the proxy what a new phone does.
 */
#include <openssl/err.h>
#include <stdio.h>

#include "load/conn.h"

static SSL_CTX *said(SSL_CTX *ctx)
{
	ERR_print_errors_fp(stderr);
	SSL_CTX_free(ctx);
	return NULL;
}

static SSL_CTX *context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
		return said(ctx);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

SSL_CTX *tls_client(const char *ca, const char *suite)
{
	SSL_CTX *ctx = context(TLS_client_method());

	if (ctx && suite && !SSL_CTX_set_ciphersuites(ctx, suite))
		return said(ctx);
	if (ctx && ca) {
		if (!SSL_CTX_load_verify_locations(ctx, ca, NULL))
			return said(ctx);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	return ctx;
}

SSL_CTX *tls_server(const char *certificate, const char *key)
{
	SSL_CTX *ctx = context(TLS_server_method());

	if (ctx && (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1))
		return said(ctx);
	return ctx;
}

bool tls_start(struct conns *s, struct conn *c)
{
	c->ssl = SSL_new(c->accepted ? s->server : s->client);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		return false;
	if (c->accepted) {
		SSL_set_accept_state(c->ssl);
		return true;
	}
	SSL_set_connect_state(c->ssl);
	return !s->name ||
	       (SSL_set_tlsext_host_name(c->ssl, s->name) && SSL_set1_host(c->ssl, s->name));
}

/* What a failed call of OpenSSL means: 0 to wait, -1 for the end. */
static int verdict(struct conn *c, int result)
{
	int why = SSL_get_error(c->ssl, result);

	ERR_clear_error();
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int tls_handshake(struct conns *s, struct conn *c)
{
	int done = SSL_do_handshake(c->ssl);

	if (done != 1)
		return verdict(c, done);
	s->resumed += SSL_session_reused(c->ssl) ? 1 : 0;
	snprintf(s->tls, sizeof(s->tls), "%s %s", SSL_get_version(c->ssl),
		 SSL_get_cipher_name(c->ssl));
	return 1;
}

long tls_read(struct conn *c, char *to, size_t n)
{
	int got = SSL_read(c->ssl, to, (int)n);

	return got > 0 ? got : verdict(c, got);
}

long tls_write(struct conn *c, const char *from, size_t n)
{
	int put = SSL_write(c->ssl, from, (int)n);

	return put > 0 ? put : verdict(c, put);
}

void tls_end(struct conn *c)
{
	if (c->state == CONN_OPEN)
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	SSL_free(c->ssl);
	c->ssl = NULL;
}
