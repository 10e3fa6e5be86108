/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_context: the rules every connection follows (T-6) and what a context holds. Files are read by tls_context_load.c.
 */
#include "transport/tls_context.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/tls.h"
#include "transport/tls_context_priv.h"
#include "transport/tls_name.h"

/* Forward secrecy and AEAD only; the cheaper one of equals first. */
#define CIPHERS_12                                                   \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS     "X25519:P-256:P-384"

int tls_because(const struct tls_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why->text, why->n, format, args);
	va_end(args);
	return MG_EINVAL;
}

int tls_because_ssl(const struct tls_why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return tls_because(why, "%s: %s", what, reason ? reason : "refused by OpenSSL");
}

/* ---- rules ---- */

static bool set_rules(SSL_CTX *ssl)
{
	uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
			   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

	SSL_CTX_set_options(ssl, options);
	SSL_CTX_clear_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	/* Our chain is what the file holds: to look for the rest of it, OpenSSL would verify our own certificate in every handshake, a quarter of its time. */
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ssl, 1); /* one recv for a record, not two */
	SSL_CTX_set_security_level(ssl, 2);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(ssl, CIPHERS_12) &&
	       SSL_CTX_set_ciphersuites(ssl, CIPHERS_13) && SSL_CTX_set1_groups_list(ssl, GROUPS);
}

static int verify_mode(const struct tls_settings *settings)
{
	if (!settings->server)
		return settings->verify_server ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
	switch (settings->verify) {
	case TLS_VERIFY_OPTIONAL: return SSL_VERIFY_PEER;
	case TLS_VERIFY_REQUIRED: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	case TLS_VERIFY_NONE: break;
	}
	return SSL_VERIFY_NONE;
}

/* Sessions are resumed only where the same name and the same demand on clients stand: a session that was made without a client's certificate must not open
 * a listener that demands one. Nodes that share keys share names. */
static bool set_session_scope(SSL_CTX *ssl, const struct tls_settings *settings)
{
	uint8_t id[SSL_MAX_SID_CTX_LENGTH];
	char text[512];
	unsigned n = sizeof(id);

	(void)snprintf(text, sizeof(text), "%d %s", (int)settings->verify, settings->name);
	return EVP_Digest(text, strlen(text), id, &n, EVP_sha256(), NULL) &&
	       SSL_CTX_set_session_id_context(ssl, id, n);
}

/* The server's side keeps nothing of sessions: tickets or none. */
static int set_server(SSL_CTX *ssl, const struct tls_settings *settings, const struct tls_why *why)
{
	unsigned n_keys = settings->ticket_keys ? settings->n_ticket_keys : 0;

	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_client_hello_cb(ssl, tls_on_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(ssl, tls_on_server_name);
	if (!n_keys)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	if (!set_session_scope(ssl, settings) || !SSL_CTX_set_num_tickets(ssl, n_keys ? 1 : 0) ||
	    tls_ticket_keys_set(ssl, settings->ticket_keys, n_keys))
		return tls_because(why, "no memory");
	return 0;
}

static void set_client(SSL_CTX *ssl)
{
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, tls_on_session);
}

static int set_up(SSL_CTX *ssl, const struct tls_settings *settings, time_t *expires,
		  const struct tls_why *why)
{
	int mode = verify_mode(settings), err = 0;

	if (!set_rules(ssl))
		return tls_because_ssl(why, "rules");
	SSL_CTX_set_verify(ssl, mode, NULL);
	if (mode != SSL_VERIFY_NONE)
		err = tls_load_authorities(ssl, settings, why);
	if (!err)
		err = tls_load_own(ssl, settings, expires, why);
	if (!err && settings->server)
		err = set_server(ssl, settings, why);
	if (!err && !settings->server)
		set_client(ssl);
	return err;
}

/* ---- making one ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through `reason` */
struct tls_context *tls_context_new(const struct tls_settings *settings, char *why, size_t why_n)
{
	const struct tls_why reason = {why, why_n};
	struct tls_context *context = calloc(1, sizeof(*context));

	if (!context || !(context->name = strdup(settings->name)) ||
	    !(context->ssl =
		      SSL_CTX_new(settings->server ? TLS_server_method() : TLS_client_method()))) {
		(void)tls_because_ssl(&reason, "no memory");
		tls_context_free(context);
		return NULL;
	}
	context->server = settings->server;
	context->verify = settings->verify;
	context->verify_server = settings->verify_server;
	context->wildcards = settings->wildcards;
	if (set_up(context->ssl, settings, &context->expires, &reason)) {
		tls_context_free(context);
		return NULL;
	}
	return context;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context->name);
	free(context);
}

/* ---- what it holds ---- */

bool tls_context_names(const struct tls_context *context, struct sv host)
{
	const X509 *cert = SSL_CTX_get0_certificate(context->ssl);

	return cert && tls_name_matches(cert, host, TLS_NAME_WILDCARDS);
}

time_t tls_context_expires(const struct tls_context *context)
{
	return context->expires;
}

const char *tls_context_name(const struct tls_context *context)
{
	return context->name;
}
