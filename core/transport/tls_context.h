/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_context: certificates, keys and rules of TLS as OpenSSL contexts, made once per configuration and used by all workers. TLS 1.2 and later, AEAD
 * only, no compression, no renegotiation (T-6). Sockets and handshakes are tls.c's.
 */
#ifndef MG_TRANSPORT_TLS_CONTEXT_H
#define MG_TRANSPORT_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/sv.h"

enum tls_verify {
	TLS_VERIFY_NONE,     /* clients are not asked for a certificate */
	TLS_VERIFY_OPTIONAL, /* asked; one that does not verify ends the handshake */
	TLS_VERIFY_REQUIRED,
};

#define TLS_TICKET_KEY_LEN 80 /* name 16, HMAC 32, AES 32 */

struct tls_settings {
	const char *name;
	int cert_fd, key_fd; /* PEM; read from their begin; -1: none (client contexts) */
	int ca_fd;           /* PEM bundle of authorities; -1: none */
	bool system_ca;      /* it is the system's: clients are not told of all these */
	int crl_fd; /* PEM; -1: none. With one, a peer's certificate whose issuer has no valid CRL there is refused. */
	enum tls_verify verify; /* server side: of clients */
	bool server;            /* a context for listeners, else for connections we open */
	bool verify_server;     /* client side: false only where the operator accepted the risk */
	bool wildcards; /* client side: "*.example.com" in a server's certificate holds for sip.example.com, against RFC 5922 §7.2 */
	/* RFC 5077 keys that all workers and nodes share, newest first: the first seals, all open. NULL: no tickets. */
	const uint8_t (*ticket_keys)[TLS_TICKET_KEY_LEN];
	unsigned n_ticket_keys;
	/* Set on failure to what is wrong: "certificate", "key", "ca" or "crl". May be NULL. */
	const char **wrong;
};

struct tls_context;

/* Make a context. Certificate and key must belong together and be valid by their dates (an expired one is refused: U-5). Descriptors are read here and
 * not kept.
 *
 * why        On failure, a text for the operator ("certificate expired 2024-01-01"), at most why_n bytes with NUL.
 * Returns    NULL on failure.
 */
MG_MUST_CHECK struct tls_context *tls_context_new(const struct tls_settings *settings, char *why,
						  size_t why_n);
void tls_context_free(
	struct tls_context *context); /* NULL is fine; connections keep what they need */

/* Whether the certificate names this host (SNI; RFC 5922, RFC 6125 dNSName with wildcard of one whole label). */
bool tls_context_names(const struct tls_context *context, struct sv host);
/* When the certificate ends (for alarms), 0 when it has none. */
time_t tls_context_expires(const struct tls_context *context);
const char *tls_context_name(const struct tls_context *context);

#endif
