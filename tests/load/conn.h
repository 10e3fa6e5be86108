/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: TCP and TLS connections of both sides: opened or accepted, framed by Content-Length, written
 * once per turn of the loop. Knows nothing of calls but the list of those that use a connection.
 * Called by the loop, uac and uas; tls.c adds the encryption.
 */
#ifndef LOAD_CONN_H
#define LOAD_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/sv.h"
#include "load/udp.h"

/* What an event of epoll points to; the first member of whatever is watched. */
enum watch { WATCH_UAC, WATCH_UAS, WATCH_FLOOD, WATCH_LISTENER, WATCH_CONN };

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN, CONN_CLOSED };

/* Fields are conn's own, but `calls` and the reading of `state`. A closed one is freed by conns_reap;
 * an accepted one stays, though closed, until conns_done: a late answer finds it closed.
 */
struct conn {
	enum watch watch;
	enum conn_state state;
	bool accepted, writing, was_open;
	int fd;
	SSL *ssl;
	struct list link, dirty;
	struct list calls; /* the caller's calls that use it */
	char *in, *out;
	size_t in_n, out_at, out_n, out_max;
};

typedef void conn_message_fn(void *ctx, struct conn *c, struct sv message);
typedef void conn_lost_fn(void *ctx, struct conn *c);

/* `on_message` gets each message, `on_lost` a connection that the other side ended. */
struct conns {
	enum watch watch; /* of the listener */
	int epoll, listener;
	SSL_CTX *client, *server; /* NULL: plain TCP */
	conn_message_fn *on_message;
	conn_lost_fn *on_lost;
	void *ctx;
	const char *name;   /* for TLS, see tls_start */
	unsigned accepting; /* connections that may still be accepted */
	struct list all, dirty, closed;
	uint64_t opened, accepted, lost, failed, sent, received, resumed;
	char tls[64]; /* version and suite of the last handshake */
};

/* Begin without connections. */
void conns_init(struct conns *s, int epoll);

/* Close and free all. */
void conns_done(struct conns *s);

/* Listen for the callee's side. A port of 0 is replaced by the kernel's. Returns 0 or a negated
 * errno value. */
MG_MUST_CHECK int conns_listen(struct conns *s, struct addr *local);

/* Accept whoever waits. */
void conns_accept(struct conns *s);

/* Open a connection from `from` (port 0: any) to `to`; it goes on as events come.
 *
 * Returns    the connection, or NULL, counted as failed.
 */
struct conn *conn_open(struct conns *s, const struct addr *from, const struct addr *to);

/* Room for the next message, MESSAGE_MAX bytes, to be filled and passed on by conn_send at once;
 * NULL when the connection is closed or too much waits.
 */
char *conn_slot(struct conns *s, struct conn *c);

void conn_send(struct conns *s, struct conn *c, size_t n);

/* Write what waits in all connections. */
void conns_flush(struct conns *s);

/* An event of epoll. */
void conn_event(struct conns *s, struct conn *c, uint32_t events);

/* End a connection that nobody uses any more, in order. */
void conn_close(struct conns *s, struct conn *c);

/* Free what was closed; events of the turn that is over may have pointed there. */
void conns_reap(struct conns *s);

/* The contexts of tls.c. Client: trusts `ca` when there is one, else anybody; offers only `suite`, when
 * there is one, of TLS 1.3; never resumes.
 *
 * Returns    NULL when OpenSSL refuses; it has said why on standard error.
 */
SSL_CTX *tls_client(const char *ca, const char *suite);
SSL_CTX *tls_server(const char *certificate, const char *key);

/* Put TLS on a connected socket. s->name is for SNI and, with a CA, must be in the certificate; NULL
 * for none. Returns false when OpenSSL refuses.
 */
bool tls_start(struct conns *s, struct conn *c);

/* Go on with a handshake: 1 when done, 0 to wait, -1 when it failed. */
int tls_handshake(struct conns *s, struct conn *c);

/* As read and write without blocking: bytes, 0 to wait, -1 when it is over. */
long tls_read(struct conn *c, char *to, size_t n);
long tls_write(struct conn *c, const char *from, size_t n);

void tls_end(struct conn *c);

#endif
