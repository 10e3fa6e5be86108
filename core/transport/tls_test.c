/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls: handshakes over a socket pair: who is accepted (T-7), server names, client certificates, the turn-taking with the private
 * key, and what breaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "event/loop.h"
#include "transport/tls_context_priv.h"
#include "transport/tls_test_pair.h"

/* Shake hands with a server of one context. */
static void shake(struct pair *p, const struct tls_context *client,
		  const struct tls_context *server, const char *domain)
{
	const struct tls_context *const contexts[] = {server, NULL};

	pair_begin(p, client, contexts, domain, NULL);
	pair_run(p);
}

/* ---- T-7 ---- */

/* THREATS T-7: ten certificates that a server may show when example.com was asked for, and the domain's SRV record named sip.example.com. */
static const struct row {
	struct cert_wish wish;
	const char *domain;
	int want; /* 0, or MG_EAUTH */
	const char *why;
	const char *name;
} rows[] = {
	{{.alt = "DNS:example.com"}, "example.com", 0, "", "right"},
	{{.alt = "DNS:example.org"},
	 "example.com",
	 MG_EAUTH,
	 "certificate names another domain",
	 "other domain"},
	{{.alt = "DNS:*.com,DNS:*.example.com"},
	 "example.com",
	 MG_EAUTH,
	 "certificate names another domain",
	 "wildcard"},
	{{.alt = "DNS:*.example.com"},
	 "sip.example.com",
	 MG_EAUTH,
	 "certificate names another domain",
	 "wildcard that would hold elsewhere"},
	{{.alt = "IP:192.0.2.1"},
	 "example.com",
	 MG_EAUTH,
	 "certificate names another domain",
	 "address only"},
	{{.alt = "IP:192.0.2.1"}, "192.0.2.1", 0, "", "address only, asked for"},
	{{.cn = "example.com"}, "example.com", 0, "", "common name only"},
	{{.alt = "DNS:example.com", .from_s = -7200, .to_s = -60},
	 "example.com",
	 MG_EAUTH,
	 "certificate has expired",
	 "expired"},
	{{.alt = "DNS:example.com", .from_s = 3600, .to_s = 7200},
	 "example.com",
	 MG_EAUTH,
	 "certificate is not yet valid",
	 "future"},
	{{.alt = "DNS:example.com", .eku = "codeSigning"},
	 "example.com",
	 MG_EAUTH,
	 "unsuitable certificate purpose",
	 "wrong extended key usage"},
	{{.alt = "DNS:example.com", .self_signed = true},
	 "example.com",
	 MG_EAUTH,
	 "self-signed certificate",
	 "self-signed"},
	{{.alt = "DNS:sip.example.com"},
	 "example.com",
	 MG_EAUTH,
	 "certificate names another domain",
	 "SRV target only"},
};

/* A server context of a certificate that tls_context_new itself may refuse for its dates. */
static struct tls_context *any_server(const struct cert *c)
{
	struct tls_context *context = cert_server("any", &good, NULL, TLS_VERIFY_NONE);

	CERT_MUST(SSL_CTX_use_certificate(context->ssl, c->x509) &&
		  SSL_CTX_use_PrivateKey(context->ssl, c->key));
	return context;
}

static void test_ten_certificates(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cert c = cert_new(&ca, &rows[i].wish);
		struct tls_context *server = any_server(&c);
		struct pair p;

		shake(&p, client, server, rows[i].domain);
		if (p.client_err != rows[i].want ||
		    strcmp(tls_why_failed(p.client), rows[i].why) != 0)
			fail_msg("%s: %d %s", rows[i].name, p.client_err, tls_why_failed(p.client));
		pair_end(&p);
		tls_context_free(server);
		cert_free(&c);
	}
	tls_context_free(client);
}

static void test_other_name_is_told(void **state)
{
	struct cert c = cert_new(&ca, &(struct cert_wish){.alt = "DNS:evil.example"});
	struct tls_context *client = cert_client(NULL, &ca, false), *server = any_server(&c);
	char name[64] = "";
	struct pair p;

	(void)state;
	shake(&p, client, server, "example.com");
	assert_int_equal(p.client_err, MG_EAUTH);
	assert_true(tls_other_name(p.client, name, sizeof(name)));
	assert_string_equal(name, "evil.example");
	pair_end(&p);
	shake(&p, client, server, "evil.example");
	assert_int_equal(p.client_err, 0);
	assert_false(tls_other_name(p.client, name, sizeof(name)));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
	cert_free(&c);
}

static void test_wildcards_where_allowed(void **state)
{
	struct cert c = cert_new(&ca, &(struct cert_wish){.alt = "DNS:*.example.com"});
	struct tls_context *client = cert_client(NULL, &ca, true), *server = any_server(&c);
	struct pair p;

	(void)state;
	shake(&p, client, server, "sip.example.com");
	assert_int_equal(p.client_err, 0);
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
	cert_free(&c);
}

/* Only where the operator accepted the risk. */
static void test_unverified_client(void **state)
{
	struct tls_settings s = {
		.name = "c", .cert_fd = -1, .key_fd = -1, .ca_fd = -1, .crl_fd = -1};
	struct tls_context *client = cert_context(&s);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	struct pair p;

	(void)state;
	shake(&p, client, server, "other.example");
	assert_int_equal(p.client_err, 0);
	assert_false(tls_peer_verified(p.client));
	assert_false(tls_peer_names(p.client, SV("example.com")));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

static void expect_crl(int crl_fd, const char *want)
{
	struct tls_settings s = {.name = "c",
				 .cert_fd = -1,
				 .key_fd = -1,
				 .ca_fd = cert_fd(&ca),
				 .crl_fd = crl_fd,
				 .verify_server = true};
	struct tls_context *client = cert_context(&s);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	struct pair p;

	shake(&p, client, server, "example.com");
	assert_string_equal(tls_why_failed(p.client), want);
	assert_int_equal(p.client_err, *want ? MG_EAUTH : 0);
	pair_end(&p);
	(void)close(s.ca_fd);
	(void)close(crl_fd);
	tls_context_free(client);
	tls_context_free(server);
}

static void test_revocation(void **state)
{
	struct cert other_ca = cert_authority("Other CA");

	(void)state;
	expect_crl(cert_crl_fd(&ca, NULL, -60, 60), "");
	expect_crl(cert_crl_fd(&ca, &good, -60, 60), "certificate revoked");
	expect_crl(cert_crl_fd(&ca, NULL, -120, -60), "CRL has expired");
	expect_crl(cert_crl_fd(&other_ca, NULL, -60, 60), "unable to get certificate CRL");
	cert_free(&other_ca);
}

/* ---- server names ---- */

static void expect_name(const struct tls_context *const *contexts, const char *domain, bool found)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct pair p;

	pair_begin(&p, client, contexts, domain, NULL);
	pair_run(&p);
	assert_int_equal(p.client_err, found ? 0 : MG_EAUTH);
	pair_end(&p);
	tls_context_free(client);
}

static void test_server_names(void **state)
{
	struct cert b = cert_new(&ca, &(struct cert_wish){.alt = "DNS:b.example"});
	struct tls_context *first = cert_server("a", &good, NULL, TLS_VERIFY_NONE);
	struct tls_context *second = cert_server("b", &b, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {first, second, NULL};

	(void)state;
	expect_name(contexts, "example.com", true);
	expect_name(contexts, "b.example", true);
	expect_name(contexts, "b.example.", true);
	expect_name(contexts, "c.example", false); /* the default, which does not name it */
	tls_context_free(first);
	tls_context_free(second);
	cert_free(&b);
}

/* A reload between the connect and the hello: the former contexts are gone. */
static void test_contexts_change(void **state)
{
	struct cert b = cert_new(&ca, &(struct cert_wish){.alt = "DNS:b.example"});
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *first = cert_server("a", &good, NULL, TLS_VERIFY_NONE);
	struct tls_context *second = cert_server("b", &b, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const old[] = {first, NULL}, *const new[] = {second, NULL};
	struct pair p;

	(void)state;
	pair_begin(&p, client, old, "b.example", NULL);
	tls_choose_from(p.server, new);
	tls_context_free(first);
	pair_run(&p);
	assert_int_equal(p.client_err, 0);
	pair_end(&p);
	pair_begin(&p, client, new, "b.example", NULL);
	tls_choose_from(p.server, NULL);
	tls_context_free(second);
	pair_run(&p);
	assert_int_equal(p.client_err, 0); /* what it began with is kept */
	tls_choose_from(p.server, new);    /* too late to matter */
	pair_end(&p);
	tls_context_free(client);
	cert_free(&b);
}

/* ---- clients' certificates ---- */

static void expect_client(enum tls_verify verify, const struct cert *shown, int want, bool verified)
{
	struct tls_context *client = cert_client(shown, &ca, false);
	struct tls_context *server = cert_server("s", &good, &ca, verify);
	struct pair p;

	shake(&p, client, server, "example.com");
	assert_int_equal(p.server_err, want);
	assert_int_equal(tls_peer_verified(p.server), verified);
	assert_int_equal(tls_peer_names(p.server, SV("client.example")), verified);
	assert_false(tls_peer_names(p.server, SV("example.com")));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

static void test_client_certificates(void **state)
{
	struct cert_wish wish = {.alt = "DNS:client.example"};
	struct cert known = cert_new(&ca, &wish), unknown = cert_new(NULL, &wish);

	(void)state;
	expect_client(TLS_VERIFY_NONE, &known, 0, false);
	expect_client(TLS_VERIFY_OPTIONAL, NULL, 0, false);
	expect_client(TLS_VERIFY_OPTIONAL, &known, 0, true);
	expect_client(TLS_VERIFY_OPTIONAL, &unknown, MG_EAUTH, false);
	expect_client(TLS_VERIFY_REQUIRED, NULL, -EPROTO, false);
	expect_client(TLS_VERIFY_REQUIRED, &known, 0, true);
	expect_client(TLS_VERIFY_REQUIRED, &unknown, MG_EAUTH, false);
	cert_free(&known);
	cert_free(&unknown);
}

/* ---- the private key in turn (T-5) ---- */

static void test_waits_for_its_turn(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	struct pair p;
	bool sign = false;

	(void)state;
	pair_begin(&p, client, contexts, "example.com", NULL);
	assert_int_equal(tls_handshake(p.server, &sign), -EAGAIN); /* nothing came */
	assert_int_equal(tls_wants(p.server), LOOP_READ);
	assert_int_equal(tls_handshake(p.client, &sign), -EAGAIN);
	assert_int_equal(tls_handshake(p.server, &sign), -EBUSY);
	assert_int_equal(tls_handshake(p.server, &sign), -EBUSY);
	sign = true;
	assert_int_equal(tls_handshake(p.server, &sign), -EAGAIN);
	assert_false(sign);
	assert_int_equal(tls_handshake(p.client, &sign), 0);
	assert_int_equal(tls_handshake(p.server, &sign), 0); /* no key needed any more */
	assert_true(tls_is_open(p.server));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

/* Half a hello uses up nothing. */
static void test_half_a_hello(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	char hello[2048];
	int fd[2];
	bool sign = true;
	struct pair p;

	(void)state;
	pair_begin(&p, client, contexts, "example.com", NULL);
	assert_int_equal(tls_handshake(p.client, &sign), -EAGAIN);
	ssize_t n = recv(p.fd[1], hello, sizeof(hello), 0);
	assert_true(n > 100);
	sockets(fd);
	struct tls *tls = tls_server(fd[1], contexts);
	for (ssize_t i = 0; i < n; i++) {
		sign = true;
		assert_int_equal(tls_handshake(tls, &sign), -EAGAIN);
		assert_true(sign);
		assert_int_equal(send(fd[0], hello + i, 1, 0), 1);
	}
	assert_int_equal(tls_handshake(tls, &sign), -EAGAIN);
	assert_false(sign);
	tls_free(tls);
	(void)close(fd[0]);
	(void)close(fd[1]);
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

/* ---- bytes ---- */

static void test_bytes(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	static char out[300000], in[300000];
	size_t sent = 0, got = 0;
	bool full = false;
	struct pair p;
	int n;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	shake(&p, client, server, "example.com");
	assert_int_equal(p.server_err, 0);
	assert_int_equal(tls_read(p.server, in, 10), -EAGAIN);
	while (got < sizeof(out)) {
		while (sent < sizeof(out) &&
		       (n = tls_write(p.client, out + sent, sizeof(out) - sent)) > 0)
			sent += (size_t)n;
		if (sent < sizeof(out)) {
			assert_int_equal(n, -EAGAIN);
			assert_int_equal(tls_wants(p.client), LOOP_WRITE);
			full = true;
		}
		n = tls_read(p.server, in + got, 1000);
		if (n == -EAGAIN) {
			assert_false(tls_holds_bytes(p.server));
			continue;
		}
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_true(full);
	assert_memory_equal(in, out, sizeof(out));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

/* With read-ahead, bytes lie inside that the socket knows nothing of. */
static void test_holds_bytes(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	struct pair p;
	char c[8];

	(void)state;
	shake(&p, client, server, "example.com");
	assert_int_equal(tls_write(p.client, "ab", 2), 2);
	assert_int_equal(tls_write(p.client, "cd", 2), 2);
	assert_int_equal(tls_read(p.server, c, 2), 2);
	assert_true(tls_holds_bytes(p.server));
	assert_int_equal(tls_read(p.server, c, 2), 2);
	assert_memory_equal(c, "cd", 2);
	assert_int_equal(tls_read(p.server, c, 2), -EAGAIN);
	assert_false(tls_holds_bytes(p.server));
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

static void test_close(void **state)
{
	struct tls_context *client = cert_client(NULL, &ca, false);
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	struct pair p;
	char c;

	(void)state;
	shake(&p, client, server, "example.com");
	tls_say_close(p.client);
	tls_say_close(p.client); /* once is enough */
	assert_int_equal(tls_read(p.server, &c, 1), 0);
	pair_end(&p);

	shake(&p, client, server, "example.com"); /* freed is closed */
	tls_free(p.client);
	p.client = NULL;
	assert_int_equal(tls_read(p.server, &c, 1), 0);
	pair_end(&p);

	shake(&p, client, server, "example.com"); /* cut off without a word */
	assert_int_equal(shutdown(p.fd[0], SHUT_RDWR), 0);
	assert_int_equal(tls_read(p.server, &c, 1), 0);
	assert_int_equal(tls_write(p.server, &c, 1), -ECONNRESET);
	assert_string_equal(tls_why_failed(p.server), "closed");
	pair_end(&p);
	tls_context_free(client);
	tls_context_free(server);
}

static void expect_junk(struct sv bytes, int want)
{
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	int fd[2];
	bool sign = true;

	sockets(fd);
	struct tls *tls = tls_server(fd[1], contexts);
	assert_int_equal(send(fd[0], bytes.p, bytes.n, 0), (ssize_t)bytes.n);
	assert_int_equal(tls_handshake(tls, &sign), want);
	assert_true(sign);
	assert_true(want == -EAGAIN || *tls_why_failed(tls));
	tls_free(tls);
	(void)close(fd[0]);
	(void)close(fd[1]);
	tls_context_free(server);
}

/* B-12: what is not TLS on the TLS port, and TLS that is none. */
static void test_junk(void **state)
{
	(void)state;
	expect_junk(SV("OPTIONS sip:x SIP/2.0\r\n"), MG_EPARSE);
	expect_junk(SV("GET / HTTP/1.1\r\n\r\n"), MG_EPARSE);
	expect_junk(SV("\r\n\r\n"), MG_EPARSE);
	expect_junk(SV("\x80\x2e\x01\x03\x01"), MG_EPARSE); /* SSLv2 */
	expect_junk(SV("\x03\0\0\x13"), MG_EPARSE);         /* RDP */
	expect_junk(SV("\x16"), -EAGAIN);
	expect_junk(SV("\x16\x03\x01"), -EAGAIN);
	expect_junk(SV("\x16\x03\x01\0\x04\x02\0\0\0"), -EPROTO);
	expect_junk(SV("\x16\x03\x01\xff\xff\x01\0\0\0"), -EPROTO);
	expect_junk(SV("\x16GET / HTTP/1.1"), -EPROTO);
}

static void test_peer_goes_before_the_hello(void **state)
{
	struct tls_context *server = cert_server("s", &good, NULL, TLS_VERIFY_NONE);
	const struct tls_context *const contexts[] = {server, NULL};
	int fd[2];
	bool sign = true;

	(void)state;
	sockets(fd);
	struct tls *tls = tls_server(fd[1], contexts);
	(void)close(fd[0]);
	assert_int_equal(tls_handshake(tls, &sign), -ECONNRESET);
	tls_free(tls);
	tls_free(NULL);
	(void)close(fd[1]);
	tls_context_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_certificates),
		cmocka_unit_test(test_other_name_is_told),
		cmocka_unit_test(test_wildcards_where_allowed),
		cmocka_unit_test(test_unverified_client),
		cmocka_unit_test(test_revocation),
		cmocka_unit_test(test_server_names),
		cmocka_unit_test(test_contexts_change),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_waits_for_its_turn),
		cmocka_unit_test(test_half_a_hello),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_holds_bytes),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_peer_goes_before_the_hello),
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
