/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls, its rules: what is agreed on and what is not, tried by clients that would take anything (THREATS T-6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/tls_test_pair.h"

static bool agrees(const char *ciphers, int max, const char *groups)
{
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	int fd[2], err = -EAGAIN;
	bool sign = true;

	sockets(fd);
	SSL_CTX_set_security_level(plain, 0);
	CERT_MUST(SSL_CTX_set_max_proto_version(plain, max));
	CERT_MUST(!ciphers || SSL_CTX_set_cipher_list(plain, ciphers));
	CERT_MUST(!groups || SSL_CTX_set1_groups_list(plain, groups));
	ssl = SSL_new(plain);
	CERT_MUST(ssl && SSL_set_fd(ssl, fd[0]));
	SSL_set_connect_state(ssl);
	struct tls *tls = tls_server(fd[1], contexts);
	for (int i = 0; i < 4 && err == -EAGAIN; i++, sign = true) {
		(void)SSL_do_handshake(ssl);
		err = tls_handshake(tls, &sign);
	}
	tls_free(tls);
	SSL_free(ssl);
	SSL_CTX_free(plain);
	tls_context_free(server);
	(void)close(fd[0]);
	(void)close(fd[1]);
	return err == 0;
}

static void test_what_is_agreed_on(void **state)
{
	(void)state;
	assert_true(agrees(NULL, TLS1_3_VERSION, NULL));
	assert_true(agrees(NULL, TLS1_2_VERSION, NULL));
	assert_false(agrees("ALL:@SECLEVEL=0", TLS1_1_VERSION, NULL));
	assert_false(agrees("ALL:@SECLEVEL=0", TLS1_VERSION, NULL));
	assert_false(agrees("ECDHE-ECDSA-AES128-SHA256", TLS1_2_VERSION, NULL));
	assert_false(agrees("AES128-GCM-SHA256", TLS1_2_VERSION, NULL));
	assert_true(agrees("ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, NULL));
	assert_true(agrees("ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, NULL));
	assert_false(agrees(NULL, TLS1_3_VERSION, "P-521"));
}

/* A client that wants to negotiate again gets no second handshake. */
static void test_no_renegotiation(void **state)
{
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
	int fd[2], err = -EAGAIN;
	bool sign = true;
	char c;

	(void)state;
	sockets(fd);
	CERT_MUST(SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION));
	SSL *ssl = SSL_new(plain);
	CERT_MUST(ssl && SSL_set_fd(ssl, fd[0]));
	SSL_set_connect_state(ssl);
	struct tls *tls = tls_server(fd[1], contexts);
	for (int i = 0; i < 4 && err; i++) {
		(void)SSL_do_handshake(ssl);
		sign = true;
		err = tls_handshake(tls, &sign);
	}
	assert_int_equal(err, 0);
	(void)SSL_do_handshake(ssl);
	assert_int_equal(SSL_renegotiate(ssl), 1);
	(void)SSL_do_handshake(ssl);
	assert_int_equal(tls_read(tls, &c, 1), -EAGAIN);
	assert_true(SSL_do_handshake(ssl) <= 0);
	assert_int_equal(SSL_total_renegotiations(ssl), 1); /* asked for */
	assert_true(SSL_in_init(ssl));                      /* and not got */
	tls_free(tls);
	SSL_free(ssl);
	SSL_CTX_free(plain);
	tls_context_free(server);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_agreed_on),
		cmocka_unit_test(test_no_renegotiation),
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
