/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_context_priv: what is inside of a TLS context, for the files that make one and those that use it: loading (tls_context_load.c), ticket keys
 * (tls_ticket_keys.c), connections (tls.c).
 */
#ifndef MG_TRANSPORT_TLS_CONTEXT_PRIV_H
#define MG_TRANSPORT_TLS_CONTEXT_PRIV_H

#include <openssl/ssl.h>

#include "transport/tls_context.h"

struct tls_context {
	SSL_CTX *ssl; /* counted: connections hold it too */
	char *name;
	time_t expires;
	enum tls_verify verify;
	bool server, verify_server, wildcards;
};

/* Where a reason for the operator goes. */
struct tls_why {
	char *text;
	size_t n;
};

/* Write the reason. Returns MG_EINVAL, for `return tls_because(...)`. */
int tls_because(const struct tls_why *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, with what OpenSSL says last behind it; empties its queue of errors. */
int tls_because_ssl(const struct tls_why *why, const char *what);

/* From here on what is wrong is this file of the settings (tls_settings.wrong). */
static inline void tls_about(const struct tls_settings *settings, const char *what)
{
	if (settings->wrong)
		*settings->wrong = what;
}

/* ---- tls_context_load.c: from descriptors into a context. Return 0 or MG_EINVAL with a reason. ---- */
MG_MUST_CHECK int tls_load_own(SSL_CTX *ssl, const struct tls_settings *settings, time_t *expires,
			       const struct tls_why *why);
MG_MUST_CHECK int tls_load_authorities(SSL_CTX *ssl, const struct tls_settings *settings,
				       const struct tls_why *why);

/* ---- tls_ticket_keys.c ---- */

/* Let the context seal and open session tickets (RFC 5077, RFC 8446 §4.6.1) with these keys, which are copied; the first seals. With n = 0 it opens none, and
 * must be told not to make any; a connection that begins in it may change to another. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int tls_ticket_keys_set(SSL_CTX *ssl, const uint8_t (*keys)[TLS_TICKET_KEY_LEN],
				      unsigned n);

#endif
