/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls: one connection's SSL, on a BIO of our own: it never raises SIGPIPE, remembers why the socket failed, and looks at the first byte before OpenSSL does.
 */
#include "transport/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "event/loop.h"
#include "transport/tls_context_priv.h"
#include "transport/tls_name.h"

#define RECORD_HANDSHAKE \
	0x16 /* RFC 8446 §5.1: what a client's first record is, and no SIP message begins with */

struct tls {
	SSL *ssl;
	const struct tls_context *const *contexts; /* server's side, until the hello was read */
	struct tls_sessions *sessions;
	struct sv key;
	char *domain; /* client's side */
	const char *why;
	int fd;
	int io_err; /* errno of what the socket failed with */
	unsigned wants;
	bool server, verify, wildcards;
	bool heard, not_tls, eof; /* of the socket */
	bool may_sign, named, open, broken, drained, other_name;
};

/* ---- the socket ---- */

static int io_failed(BIO *bio, struct tls *tls, void (*retry)(BIO *))
{
	if (errno == EAGAIN || errno == EINTR)
		retry(bio);
	else
		tls->io_err = errno;
	return -1;
}

static void retry_read(BIO *bio)
{
	BIO_set_retry_read(bio);
}

static void retry_write(BIO *bio)
{
	BIO_set_retry_write(bio);
}

static int io_read(BIO *bio, char *buf, int n)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t got = recv(tls->fd, buf, (size_t)n, 0);

	BIO_clear_retry_flags(bio);
	if (got < 0)
		return io_failed(bio, tls, retry_read);
	tls->eof = got == 0;
	if (got > 0 && tls->server && !tls->heard && (uint8_t)buf[0] != RECORD_HANDSHAKE) {
		tls->not_tls = true;
		return -1;
	}
	tls->heard = true;
	return (int)got;
}

static int io_write(BIO *bio, const char *buf, int n)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t put = send(tls->fd, buf, (size_t)n, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	return put < 0 ? io_failed(bio, tls, retry_write) : (int)put;
}

static long io_ctrl(BIO *bio, int command, long l, void *p)
{
	const struct tls *tls = BIO_get_data(bio);

	(void)l;
	(void)p;
	return command == BIO_CTRL_FLUSH ? 1 : command == BIO_CTRL_EOF ? tls->eof : 0;
}

static BIO_METHOD *io;

static void make_io(void)
{
	BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

	if (made && BIO_meth_set_read(made, io_read) && BIO_meth_set_write(made, io_write) &&
	    BIO_meth_set_ctrl(made, io_ctrl))
		io = made;
	else
		BIO_meth_free(made);
}

static BIO *io_new(struct tls *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	(void)pthread_once(&once, make_io);
	bio = io ? BIO_new(io) : NULL;
	if (bio) {
		BIO_set_data(bio, tls);
		BIO_set_init(bio, 1);
	}
	return bio;
}

/* ---- making one ---- */

static struct tls *tls_new(int fd, const struct tls_context *context)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio;

	if (!tls)
		return NULL;
	tls->fd = fd;
	tls->why = "";
	tls->ssl = SSL_new(context->ssl);
	bio = tls->ssl ? io_new(tls) : NULL;
	if (!bio || !SSL_set_app_data(tls->ssl, tls)) {
		BIO_free(bio);
		SSL_free(tls->ssl);
		free(tls);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(tls->ssl, bio, bio);
	return tls;
}

struct tls *tls_server(int fd, const struct tls_context *const *contexts)
{
	struct tls *tls = tls_new(fd, contexts[0]);

	if (!tls)
		return NULL;
	tls->server = true;
	tls->contexts = contexts;
	SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_choose_from(struct tls *tls, const struct tls_context *const *contexts)
{
	if (tls->contexts)
		tls->contexts = contexts;
}

/* RFC 6066 §3: a server name is a host name, without its last dot; addresses are none. */
static bool say_name(SSL *ssl, char *domain)
{
	struct addr ip;
	size_t n = strlen(domain);

	if (addr_parse(sv_of(domain, n), ADDR_IP, &ip) == 0)
		return true;
	if (n > 1 && domain[n - 1] == '.')
		domain[n - 1] = '\0';
	return SSL_set_tlsext_host_name(ssl, domain) == 1;
}

static void resume(struct tls *tls)
{
	SSL_SESSION *session = tls->sessions ? tls_sessions_take(tls->sessions, tls->key) : NULL;

	if (session)
		(void)SSL_set_session(tls->ssl, session); /* else a full handshake */
	SSL_SESSION_free(session);
}

struct tls *tls_client(int fd, const struct tls_context *context, struct sv domain,
		       struct tls_sessions *sessions, struct sv key)
{
	struct tls *tls = tls_new(fd, context);

	if (!tls)
		return NULL;
	tls->verify = context->verify_server;
	tls->wildcards = context->wildcards;
	tls->sessions = sessions;
	tls->key = key;
	tls->domain = malloc(domain.n + 1);
	if (tls->domain) {
		memcpy(tls->domain, domain.p, domain.n);
		tls->domain[domain.n] = '\0';
	}
	if (!tls->domain || !say_name(tls->ssl, tls->domain)) {
		tls_free(tls);
		return NULL;
	}
	SSL_set_connect_state(tls->ssl);
	resume(tls);
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	tls_say_close(tls);
	SSL_free(tls->ssl);
	free(tls->domain);
	free(tls);
}

/* ---- what OpenSSL says ---- */

/* Remember the reason of a failure that is final. */
static int failed(struct tls *tls, int err)
{
	long verified = SSL_get_verify_result(tls->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	tls->broken = true;
	if (tls->not_tls) {
		tls->why = "not TLS";
		err = MG_EPARSE;
	} else if (!tls->open && verified != X509_V_OK) {
		tls->why = X509_verify_cert_error_string(verified);
		err = MG_EAUTH;
	} else if (tls->eof) {
		tls->why = "closed";
		err = -ECONNRESET;
	} else if (tls->io_err) {
		tls->why = "socket";
		err = -tls->io_err;
	} else {
		tls->why = reason ? reason : "unknown";
	}
	ERR_clear_error();
	return err;
}

/* What a return value <= 0 of an operation means. */
static int verdict(struct tls *tls, int ret)
{
	switch (SSL_get_error(tls->ssl, ret)) {
	case SSL_ERROR_WANT_READ: tls->wants = LOOP_READ; return -EAGAIN;
	case SSL_ERROR_WANT_WRITE: tls->wants = LOOP_WRITE; return -EAGAIN;
	case SSL_ERROR_WANT_CLIENT_HELLO_CB: tls->wants = 0; return -EBUSY;
	case SSL_ERROR_ZERO_RETURN: tls->eof = true; return -ECONNRESET;
	default: return failed(tls, -EPROTO);
	}
}

unsigned tls_wants(const struct tls *tls)
{
	return tls->wants;
}

const char *tls_why_failed(const struct tls *tls)
{
	return tls->why;
}

/* ---- handshake ---- */

/* A session of TLS 1.2 may be used again, and no other one comes. */
static void keep_session(struct tls *tls)
{
	if (tls->sessions && tls_resumed(tls) && SSL_version(tls->ssl) == TLS1_2_VERSION)
		tls_sessions_put(tls->sessions, tls->key, SSL_get1_session(tls->ssl));
}

static int check_name(struct tls *tls)
{
	if (!tls->verify || tls_peer_names(tls, sv_str(tls->domain)))
		return 0;
	tls->why = "certificate names another domain";
	tls->other_name = true;
	return MG_EAUTH;
}

int tls_handshake(struct tls *tls, bool *may_sign)
{
	int ret;

	ERR_clear_error();
	tls->may_sign = *may_sign;
	ret = SSL_do_handshake(tls->ssl);
	if (!SSL_session_reused(tls->ssl)) /* resuming takes no private key */
		*may_sign = tls->may_sign;
	tls->may_sign = false;
	if (ret != 1)
		return verdict(tls, ret);
	tls->contexts = NULL;
	tls->open = true;
	if (tls->server)
		return 0;
	keep_session(tls);
	return check_name(tls);
}

bool tls_is_open(const struct tls *tls)
{
	return tls->open;
}

bool tls_resumed(const struct tls *tls)
{
	return SSL_session_reused(tls->ssl) == 1;
}

bool tls_peer_verified(const struct tls *tls)
{
	return tls->open && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
	       SSL_get_verify_result(tls->ssl) == X509_V_OK &&
	       SSL_get0_peer_certificate(tls->ssl) != NULL;
}

bool tls_peer_names(const struct tls *tls, struct sv domain)
{
	return tls_peer_verified(tls) &&
	       tls_name_matches(SSL_get0_peer_certificate(tls->ssl), domain,
				tls->wildcards ? TLS_NAME_WILDCARDS : TLS_NAME_EXACT);
}

bool tls_other_name(const struct tls *tls, char *out, size_t n)
{
	const X509 *cert = tls->other_name ? SSL_get0_peer_certificate(tls->ssl) : NULL;

	if (cert)
		tls_name_first(cert, out, n);
	return cert != NULL;
}

/* ---- bytes ---- */

int tls_read(struct tls *tls, char *buf, size_t n)
{
	int ret;

	ERR_clear_error();
	tls->drained = false;
	ret = SSL_read(tls->ssl, buf, n < INT_MAX ? (int)n : INT_MAX);
	if (ret > 0)
		return ret;
	ret = verdict(tls, ret);
	tls->drained = true;
	return tls->eof ? 0 : ret;
}

bool tls_holds_bytes(const struct tls *tls)
{
	return !tls->drained && SSL_has_pending(tls->ssl);
}

bool tls_holds_part(const struct tls *tls)
{
	return tls->drained && SSL_has_pending(tls->ssl);
}

int tls_write(struct tls *tls, const char *buf, size_t n)
{
	int ret;

	ERR_clear_error();
	ret = SSL_write(tls->ssl, buf, n < INT_MAX ? (int)n : INT_MAX);
	return ret > 0 ? ret : verdict(tls, ret);
}

void tls_say_close(struct tls *tls)
{
	if (!tls->open || tls->broken || SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)
		return;
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

/* ---- for OpenSSL ---- */

/* Go on by another context: its certificate and authorities come with it, its rules for clients and tickets do not. */
static void switch_context(SSL *ssl, const struct tls_context *context)
{
	SSL_set_SSL_CTX(ssl, context->ssl);
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context->ssl), NULL);
	SSL_clear_options(ssl, SSL_OP_NO_TICKET);
	SSL_set_options(ssl, SSL_CTX_get_options(context->ssl));
	(void)SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(context->ssl));
}

static const struct tls_context *context_of(const struct tls *tls, struct sv host)
{
	for (unsigned i = 0; tls->contexts && tls->contexts[i]; i++)
		if (tls_context_names(tls->contexts[i], host))
			return tls->contexts[i];
	return NULL;
}

/* The host name of a server_name extension (RFC 6066 §3: a list of 16 bits of length, of which the first entry counts: type 0, 16 bits of length, name);
 * empty when there is none. */
static struct sv asked_name(SSL *ssl)
{
	const uint8_t *p;
	size_t n;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) || n < 5 ||
	    p[2] != TLSEXT_NAMETYPE_host_name || ((size_t)p[3] << 8 | p[4]) > n - 5)
		return sv_of("", 0);
	return sv_of((const char *)p + 5, (size_t)p[3] << 8 | p[4]);
}

/* Before anything of the hello is used, and so before the private key is. The context is chosen here and not when the name's own callback comes, since
 * tickets are opened between the two. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
int tls_on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *tls = SSL_get_app_data(ssl);
	const struct tls_context *context;

	(void)alert;
	(void)arg;
	if (!tls->may_sign)
		return SSL_CLIENT_HELLO_RETRY;
	tls->may_sign = false;
	context = context_of(tls, asked_name(ssl));
	if (context) {
		switch_context(ssl, context);
		tls->named = true;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* A name that none of the certificates holds gets the default one, as RFC 6066 §3 allows: the client decides. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
int tls_on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls *tls = SSL_get_app_data(ssl);

	(void)alert;
	(void)arg;
	return tls->named ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int tls_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_get_app_data(ssl);

	if (!tls->sessions || !SSL_SESSION_is_resumable(session))
		return 0;
	tls_sessions_put(tls->sessions, tls->key, session);
	return 1; /* the reference is ours */
}
