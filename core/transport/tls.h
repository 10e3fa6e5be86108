/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls: TLS on the socket of one connection, non-blocking: handshake, bytes in, bytes out, end. Knows neither SIP nor deadlines; how many handshakes there
 * may be at a time is tls_meter.c's. Called by conn.c and stream.c; the callbacks at the end by OpenSSL.
 *
 * Functions that do I/O return what they did (> 0, or 0 where that is said), or
 *	-EAGAIN	the socket is not ready for what tls_wants says
 *	-EBUSY	the client's first message is there, and work with the private key comes next: call again when that may be done
 *	MG_EAUTH	the peer's certificate does not verify, or names another domain
 *	MG_EPARSE	the first bytes are not TLS
 *	else a negated errno value; -EPROTO for what OpenSSL found wrong: the connection is broken
 */
#ifndef MG_TRANSPORT_TLS_H
#define MG_TRANSPORT_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/sv.h"
#include "transport/tls_context.h"
#include "transport/tls_sessions.h"

struct tls;

/* The server's side of a connection.
 *
 * contexts   NULL-ended, the first is the default; server names choose among them. Stays the caller's, see tls_choose_from.
 * Returns    NULL without memory.
 */
MG_MUST_CHECK struct tls *tls_server(int fd, const struct tls_context *const *contexts);

/* From now on server names choose among these: the former ones are about to go. NULL: no choice any more. Only handshakes under way care. */
void tls_choose_from(struct tls *tls, const struct tls_context *const *contexts);

/* The client's side.
 *
 * domain     That the certificate must name (RFC 5922); not empty; copied. Sent as server name unless it is an address.
 * sessions   Where a session to resume is looked for and a new one kept, under `key`; may be NULL. Both stay as long as the tls.
 * Returns    NULL without memory.
 */
MG_MUST_CHECK struct tls *tls_client(int fd, const struct tls_context *context, struct sv domain,
				     struct tls_sessions *sessions, struct sv key);

/* Say close_notify if that can be done at once, and free; NULL is fine. The descriptor stays open. */
void tls_free(struct tls *tls);

/* Go on with the handshake.
 *
 * may_sign   In: an operation with the private key may be done. Out: false when it was used up.
 * Returns    0 when it is done: on the client's side, only if the certificate names the domain.
 */
MG_MUST_CHECK int tls_handshake(struct tls *tls, bool *may_sign);
bool tls_is_open(const struct tls *tls); /* the handshake is done */

/* Up to n bytes of what the peer said; 0 when it has closed. */
MG_MUST_CHECK int tls_read(struct tls *tls, char *buf, size_t n);
/* Whether bytes may lie inside that the socket does not show as readable. */
bool tls_holds_bytes(const struct tls *tls);
/* After tls_read said -EAGAIN: whether a part of a record lies inside. */
bool tls_holds_part(const struct tls *tls);

/* Take up to n bytes for the peer. After -EAGAIN the next call must begin with the same bytes, at least as many, at any address. */
MG_MUST_CHECK int tls_write(struct tls *tls, const char *buf, size_t n);

/* Say close_notify; nothing can be written any more. */
void tls_say_close(struct tls *tls);

/* enum loop_event that the last -EAGAIN waits for. */
unsigned tls_wants(const struct tls *tls);

/* The peer showed a certificate and it verified; on the client's side that is so whenever the context demands it. */
bool tls_peer_verified(const struct tls *tls);
/* Whether that certificate names `domain`; false without one that verified. */
bool tls_peer_names(const struct tls *tls, struct sv domain);
bool tls_resumed(const struct tls *tls);
/* Why it failed, for logs; constant text, "" when it did not. */
const char *tls_why_failed(const struct tls *tls);
/* MG_EAUTH because of the name: the first name that was there instead. */
bool tls_other_name(const struct tls *tls, char *out, size_t n);

/* ---- for OpenSSL, set by tls_context.c ---- */
int tls_on_hello(SSL *ssl, int *alert, void *arg);
int tls_on_server_name(SSL *ssl, int *alert, void *arg);
int tls_on_session(SSL *ssl, SSL_SESSION *session);

#endif
