/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls, resumption: tickets that other nodes and later configurations open, keys that rotate, what is not resumed, and the client's store of sessions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/tls_context_priv.h"
#include "transport/tls_test_pair.h"

static struct tls_context *with_keys(const char *name, const uint8_t (*keys)[TLS_TICKET_KEY_LEN],
				     unsigned n, enum tls_verify verify)
{
	struct tls_settings s = {.name = name,
				 .cert_fd = cert_fd(&good),
				 .key_fd = cert_key_fd(&good),
				 .ca_fd = cert_fd(&ca),
				 .crl_fd = -1,
				 .server = true,
				 .verify = verify,
				 .ticket_keys = keys,
				 .n_ticket_keys = n};
	struct tls_context *context = cert_context(&s);

	(void)close(s.cert_fd);
	(void)close(s.key_fd);
	(void)close(s.ca_fd);
	return context;
}

/* Shake hands, let the ticket come, and say whether the session was an old one. Frees the server's context. */
static bool resumes(const struct tls_context *client, struct tls_context *server,
		    struct tls_sessions *sessions, const char *domain)
{
	const struct tls_context *const contexts[] = {server, NULL};
	struct pair p;
	char c;

	pair_begin(&p, client, contexts, domain, sessions);
	pair_run(&p);
	assert_int_equal(p.client_err, 0);
	assert_int_equal(p.server_err, 0);
	bool resumed = tls_resumed(p.server);
	assert_int_equal(tls_resumed(p.client), resumed);
	assert_int_equal(tls_write(p.server, "x", 1), 1);
	assert_int_equal(tls_read(p.client, &c, 1), 1);
	pair_end(&p);
	tls_context_free(server);
	return resumed;
}

static void run_resumption(int version)
{
	const uint8_t keys[2][TLS_TICKET_KEY_LEN] = {{1}, {2}},
		      rotated[2][TLS_TICKET_KEY_LEN] = {{9}, {1}};
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_sessions *sessions = tls_sessions_new(4);

	CERT_MUST(sessions && SSL_CTX_set_max_proto_version(client->ssl, version));
	assert_false(
		resumes(client, with_keys("s", keys, 2, TLS_VERIFY_NONE), sessions, "example.com"));
	/* another node, or a later configuration, with the same keys */
	assert_true(
		resumes(client, with_keys("s", keys, 2, TLS_VERIFY_NONE), sessions, "example.com"));
	/* rotated: what the first key sealed, the second now, is still opened */
	assert_true(resumes(client, with_keys("s", rotated, 2, TLS_VERIFY_NONE), sessions,
			    "example.com"));
	/* and what was given out then is sealed by the new key: the old ones alone do not open it */
	assert_false(
		resumes(client, with_keys("s", keys, 2, TLS_VERIFY_NONE), sessions, "example.com"));
	/* not where other demands stand */
	assert_false(resumes(client, with_keys("s", keys, 2, TLS_VERIFY_OPTIONAL), sessions,
			     "example.com"));
	assert_false(resumes(client, with_keys("other", keys, 2, TLS_VERIFY_OPTIONAL), sessions,
			     "example.com"));
	/* no keys, no tickets */
	assert_false(
		resumes(client, with_keys("s", NULL, 0, TLS_VERIFY_NONE), sessions, "example.com"));
	assert_false(
		resumes(client, with_keys("s", NULL, 0, TLS_VERIFY_NONE), sessions, "example.com"));
	tls_sessions_free(sessions);
	tls_context_free(client);
}

static void test_resumption(void **state)
{
	(void)state;
	run_resumption(TLS1_3_VERSION);
	run_resumption(TLS1_2_VERSION);
}

/* Resuming takes no private key, and says so; a client's certificate is still known. */
static void test_resumption_details(void **state)
{
	const uint8_t keys[1][TLS_TICKET_KEY_LEN] = {{7}};
	struct cert mine = cert_new(&ca, &(struct cert_wish){.alt = "DNS:client.example"});
	struct tls_context *client = cert_client(&mine, &ca, false);
	struct tls_context *server = with_keys("s", keys, 1, TLS_VERIFY_REQUIRED);
	const struct tls_context *const contexts[] = {server, NULL};
	struct tls_sessions *sessions = tls_sessions_new(4);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p;
		bool sign = true;
		char c;
		pair_begin(&p, client, contexts, "example.com", sessions);
		assert_int_equal(tls_handshake(p.client, &sign), -EAGAIN);
		sign = true;
		assert_int_equal(tls_handshake(p.server, &sign), -EAGAIN);
		assert_int_equal(sign, i == 1);
		pair_run(&p);
		assert_int_equal(p.server_err, 0);
		assert_int_equal(tls_resumed(p.server), i == 1);
		assert_true(tls_peer_names(p.server, SV("client.example")));
		assert_int_equal(tls_write(p.server, "x", 1), 1);
		assert_int_equal(tls_read(p.client, &c, 1), 1);
		pair_end(&p);
	}
	tls_sessions_free(sessions);
	tls_context_free(client);
	tls_context_free(server);
	cert_free(&mine);
}

/* A ticket is opened by the context that the name chose, whose keys the default one has not. */
static void test_resumption_by_server_name(void **state)
{
	const uint8_t keys[1][TLS_TICKET_KEY_LEN] = {{5}};
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_sessions *sessions = tls_sessions_new(4);
	struct cert b = cert_new(&ca, &(struct cert_wish){.alt = "DNS:b.example"});
	struct tls_context *first = cert_server("b", &b, NULL, TLS_VERIFY_NONE);
	struct tls_context *second = with_keys("s", keys, 1, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {first, second, NULL};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p;
		char c;
		pair_begin(&p, client, contexts, "example.com", sessions);
		pair_run(&p);
		assert_int_equal(p.client_err, 0);
		assert_int_equal(tls_write(p.server, "x", 1), 1);
		assert_int_equal(tls_read(p.client, &c, 1), 1);
		assert_int_equal(tls_resumed(p.server), i == 1);
		pair_end(&p);
	}
	tls_sessions_free(sessions);
	tls_context_free(client);
	tls_context_free(first);
	tls_context_free(second);
	cert_free(&b);
}

static SSL_SESSION *session_of(long timeout)
{
	SSL_SESSION *s = SSL_SESSION_new();

	CERT_MUST(s && SSL_SESSION_set_timeout(s, timeout));
	return s;
}

static void test_sessions(void **state)
{
	struct tls_sessions *sessions = tls_sessions_new(2);
	SSL_SESSION *s;

	(void)state;
	assert_null(tls_sessions_take(sessions, SV("a")));
	tls_sessions_put(sessions, SV("a"), session_of(1));
	tls_sessions_put(sessions, SV("a"), session_of(2)); /* the latest */
	tls_sessions_put(sessions, SV("b"), session_of(3));
	tls_sessions_put(sessions, SV("c"), session_of(4)); /* one too many: "a" goes */
	assert_null(tls_sessions_take(sessions, SV("a")));
	s = tls_sessions_take(sessions, SV("b"));
	assert_non_null(s);
	assert_int_equal(SSL_SESSION_get_timeout(s), 3);
	SSL_SESSION_free(s);
	assert_null(tls_sessions_take(sessions, SV("b"))); /* used once */
	tls_sessions_put(sessions, SV("c"), session_of(5));
	s = tls_sessions_take(sessions, SV("c"));
	assert_int_equal(SSL_SESSION_get_timeout(s), 5);
	SSL_SESSION_free(s);
	tls_sessions_put(sessions, SV("d"), session_of(6));
	tls_sessions_flush(sessions);
	assert_null(tls_sessions_take(sessions, SV("d")));
	tls_sessions_free(sessions);
	tls_sessions_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_resumption_details),
		cmocka_unit_test(test_resumption_by_server_name),
		cmocka_unit_test(test_sessions),
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
