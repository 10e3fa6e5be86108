/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_context: what makes a context and what is refused, with the reason the operator is told (THREATS U-5, G-1). What a context does to connections is
 * tls_test.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "transport/tls_context_priv.h"
#include "transport/tls_test_certs.h"

static struct cert ca, good;

static struct tls_settings server_settings(void)
{
	return (struct tls_settings){.name = "t",
				     .cert_fd = cert_fd(&good),
				     .key_fd = cert_key_fd(&good),
				     .ca_fd = -1,
				     .crl_fd = -1,
				     .server = true};
}

static void close_all(const struct tls_settings *s)
{
	const int fds[] = {s->cert_fd, s->key_fd, s->ca_fd, s->crl_fd};

	for (size_t i = 0; i < 4; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

/* Make a context of the settings, whose descriptors are closed: refused with a reason that begins so, or made when `want` is NULL. */
static void expect(struct tls_settings settings, const char *want)
{
	char why[256] = "";
	struct tls_context *context = tls_context_new(&settings, why, sizeof(why));

	close_all(&settings);
	if (want) {
		assert_null(context);
		if (strncmp(why, want, strlen(want)) != 0)
			fail_msg("\"%s\" instead of \"%s\"", why, want);
	} else {
		if (!context)
			fail_msg("%s", why);
		tls_context_free(context);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void replace(int *fd, int by)
{
	(void)close(*fd);
	*fd = by;
}

static void test_own_certificate(void **state)
{
	struct cert other = cert_new(&ca, &(struct cert_wish){.cn = "other"});
	struct cert old = cert_new(&ca, &(struct cert_wish){.from_s = -259200, .to_s = -60});
	struct cert future = cert_new(&ca, &(struct cert_wish){.from_s = 3600, .to_s = 7200});
	struct tls_settings s;

	(void)state;
	expect(server_settings(), NULL);
	s = server_settings();
	replace(&s.key_fd, cert_key_fd(&other));
	expect(s, "certificate and private key do not belong together");
	s = server_settings();
	replace(&s.cert_fd, cert_fd(&old));
	replace(&s.key_fd, cert_key_fd(&old));
	expect(s, "certificate expired 20");
	s = server_settings();
	replace(&s.cert_fd, cert_fd(&future));
	replace(&s.key_fd, cert_key_fd(&future));
	expect(s, "certificate is valid from 20");
	s = server_settings();
	replace(&s.cert_fd, -1);
	expect(s, "a listener needs a certificate");
	s = server_settings();
	replace(&s.key_fd, -1);
	expect(s, "a certificate needs its private key");
	cert_free(&other);
	cert_free(&old);
	cert_free(&future);
}

static int weak_cert_fd(EVP_PKEY **key)
{
	struct cert c = cert_new(NULL, &(struct cert_wish){.cn = "weak", .self_signed = true});
	BIO *bio = BIO_new(BIO_s_mem());

	*key = EVP_RSA_gen(1024);
	CERT_MUST(*key && X509_set_pubkey(c.x509, *key) && X509_sign(c.x509, *key, EVP_sha256()));
	CERT_MUST(PEM_write_bio_X509(bio, c.x509));
	cert_free(&c);
	return cert_memfd(bio);
}

static int encrypted_key_fd(void)
{
	BIO *bio = BIO_new(BIO_s_mem());

	CERT_MUST(PEM_write_bio_PrivateKey(bio, good.key, EVP_aes_128_cbc(),
					   (const unsigned char *)"secret", 6, NULL, NULL));
	return cert_memfd(bio);
}

static void test_unreadable_files(void **state)
{
	struct tls_settings s;
	EVP_PKEY *weak;
	int pipes[2];

	(void)state;
	s = server_settings();
	replace(&s.cert_fd, cert_text_fd("no PEM\n"));
	expect(s, "no certificate in the certificate file");
	s = server_settings();
	replace(&s.cert_fd, cert_text_fd(""));
	expect(s, "certificate: file of 0 bytes");
	s = server_settings();
	replace(&s.key_fd, cert_text_fd("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
	expect(s, "no readable private key in the key file");
	s = server_settings();
	replace(&s.key_fd, encrypted_key_fd());
	expect(s, "no readable private key in the key file");
	s = server_settings();
	assert_int_equal(pipe(pipes), 0);
	(void)close(pipes[1]);
	replace(&s.cert_fd, pipes[0]);
	expect(s, "certificate: file of 0 bytes");
	s = server_settings();
	(void)close(s.cert_fd);
	expect(s, "certificate: ");
	s = server_settings();
	replace(&s.cert_fd, weak_cert_fd(&weak));
	expect(s, "certificate: ee key too small");
	EVP_PKEY_free(weak);
}

static void test_chain(void **state)
{
	struct tls_settings s = server_settings();
	BIO *bio = BIO_new(BIO_s_mem());
	STACK_OF(X509) *chain = NULL;
	char why[256];

	(void)state;
	CERT_MUST(PEM_write_bio_X509(bio, good.x509) && PEM_write_bio_X509(bio, ca.x509));
	replace(&s.cert_fd, cert_memfd(bio));
	struct tls_context *context = tls_context_new(&s, why, sizeof(why));
	assert_non_null(context);
	assert_true(SSL_CTX_get0_chain_certs(context->ssl, &chain));
	assert_int_equal(sk_X509_num(chain), 1);
	tls_context_free(context);
	close_all(&s);

	s = server_settings();
	bio = BIO_new(BIO_s_mem());
	CERT_MUST(PEM_write_bio_X509(bio, good.x509) &&
		  BIO_puts(bio, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	replace(&s.cert_fd, cert_memfd(bio));
	expect(s, "certificate chain: ");
}

static void test_authorities(void **state)
{
	struct tls_settings s = server_settings();

	(void)state;
	s.verify = TLS_VERIFY_REQUIRED;
	s.ca_fd = cert_fd(&ca);
	expect(s, NULL);
	s = server_settings();
	s.verify = TLS_VERIFY_OPTIONAL;
	s.ca_fd = cert_text_fd("nothing\n");
	expect(s, "no certificate in the file of authorities");
	s = server_settings();
	s.verify = TLS_VERIFY_OPTIONAL;
	s.ca_fd = cert_text_fd("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	expect(s, "authorities: ");
	s = server_settings();
	s.verify = TLS_VERIFY_REQUIRED;
	s.ca_fd = cert_fd(&ca);
	s.crl_fd = cert_crl_fd(&ca, NULL, -60, 60);
	expect(s, NULL);
	s = server_settings();
	s.verify = TLS_VERIFY_REQUIRED;
	s.ca_fd = cert_fd(&ca);
	s.crl_fd = cert_fd(&ca);
	expect(s, "no revocation list in the file");
}

/* Nothing is opened here: without a bundle nobody can be verified. */
static void test_system_authorities(void **state)
{
	struct tls_settings s = {.name = "c",
				 .cert_fd = -1,
				 .key_fd = -1,
				 .ca_fd = -1,
				 .system_ca = true,
				 .crl_fd = -1,
				 .verify_server = true};

	(void)state;
	expect(s, "the system has no bundle of authorities");
	s.ca_fd = cert_fd(&ca);
	expect(s, NULL);
	s.ca_fd = -1;
	s.verify_server = false; /* no authorities needed */
	expect(s, NULL);
}

static void test_what_it_says(void **state)
{
	struct tls_settings s = server_settings();
	char why[256];
	struct tls_context *context = tls_context_new(&s, why, sizeof(why));
	time_t expires;

	(void)state;
	assert_non_null(context);
	close_all(&s);
	expires = tls_context_expires(context);
	assert_in_range(expires, time(NULL) + 3500, time(NULL) + 3700);
	assert_string_equal(tls_context_name(context), "t");
	assert_true(tls_context_names(context, SV("sip.example.com")));
	assert_true(tls_context_names(context, SV("x.wild.example")));
	assert_false(tls_context_names(context, SV("example.com")));
	assert_false(tls_context_names(context, SV("")));
	tls_context_free(context);
	tls_context_free(NULL);
	s = (struct tls_settings){
		.name = "c", .cert_fd = -1, .key_fd = -1, .ca_fd = -1, .crl_fd = -1};
	context = tls_context_new(&s, why, sizeof(why));
	assert_non_null(context);
	assert_int_equal(tls_context_expires(context), 0);
	assert_false(tls_context_names(context, SV("example.com")));
	tls_context_free(context);
}

/* T-6: everything that could be agreed on. */
static void test_rules(void **state)
{
	struct tls_settings s = server_settings();
	char why[256];
	struct tls_context *context = tls_context_new(&s, why, sizeof(why));
	STACK_OF(SSL_CIPHER) * ciphers;

	(void)state;
	assert_non_null(context);
	close_all(&s);
	assert_int_equal(SSL_CTX_get_min_proto_version(context->ssl), TLS1_2_VERSION);
	ciphers = SSL_CTX_get_ciphers(context->ssl);
	assert_int_equal(sk_SSL_CIPHER_num(ciphers), 9);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(ciphers, i);
		int exchange = SSL_CIPHER_get_kx_nid(c);
		assert_true(SSL_CIPHER_is_aead(c));
		assert_true(exchange == NID_kx_ecdhe || exchange == NID_kx_any); /* any: 1.3 */
	}
	assert_true(SSL_CTX_get_options(context->ssl) & SSL_OP_NO_RENEGOTIATION);
	assert_true(SSL_CTX_get_options(context->ssl) & SSL_OP_NO_COMPRESSION);
	assert_true(SSL_CTX_get_options(context->ssl) & SSL_OP_NO_TICKET);
	assert_int_equal(SSL_CTX_get_max_early_data(context->ssl), 0);
	tls_context_free(context);
}

static int make_certs(void **state)
{
	(void)state;
	ca = cert_authority("CA");
	good = cert_new(&ca, &(struct cert_wish){.alt = "DNS:sip.example.com,DNS:*.wild.example"});
	return 0;
}

static int free_certs(void **state)
{
	(void)state;
	cert_free(&ca);
	cert_free(&good);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_unreadable_files),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_system_authorities),
		cmocka_unit_test(test_what_it_says),
		cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
