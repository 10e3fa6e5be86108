/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_sessions: what servers gave us to resume sessions with, by whom we asked for: one for each (address, domain), the latest, each used once
 * (RFC 8446 §C.4). One worker's; bounded, the one stored longest ago goes first. Called by tls.c.
 */
#ifndef MG_TRANSPORT_TLS_SESSIONS_H
#define MG_TRANSPORT_TLS_SESSIONS_H

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/sv.h"

struct tls_sessions;

MG_MUST_CHECK struct tls_sessions *tls_sessions_new(unsigned max); /* NULL without memory */
void tls_sessions_free(struct tls_sessions *sessions);             /* NULL is fine */

/* Forget all: what servers are trusted by has changed. */
void tls_sessions_flush(struct tls_sessions *sessions);

/* Keep a session. Takes the reference, also when there is no memory to keep it. */
void tls_sessions_put(struct tls_sessions *sessions, struct sv key, SSL_SESSION *session);

/* The session of that key, which becomes the caller's; NULL when there is none. */
MG_MUST_CHECK SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, struct sv key);

#endif
