/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_test_certs: certificates for tests, made at run time: an authority, what it signs, and what is wrong with it. For tests only; holds no test
 * itself. Failures abort: they are the test's own.
 */
#ifndef MG_TRANSPORT_TLS_TEST_CERTS_H
#define MG_TRANSPORT_TLS_TEST_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/tls_context.h"

#define CERT_MUST(x)                                                    \
	do {                                                            \
		if (!(x)) {                                             \
			(void)fprintf(stderr, "cannot make: %s\n", #x); \
			abort();                                        \
		}                                                       \
	} while (0)

/* What a certificate is to be like; zeros make a plain server's. */
struct cert_wish {
	const char *alt;   /* subjectAltName as in openssl.cnf, NULL: none */
	const char *cn;    /* NULL: no common name */
	const char *eku;   /* extendedKeyUsage, NULL: serverAuth,clientAuth; "": none */
	long from_s, to_s; /* validity, from now; both 0: an hour ago to in an hour */
	bool self_signed;
	bool authority;
};

struct cert {
	X509 *x509;
	EVP_PKEY *key;
};

static inline void cert_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	CERT_MUST(ext && X509_add_ext(x509, ext, -1));
	X509_EXTENSION_free(ext);
}

static inline void cert_dates(X509 *x509, const struct cert_wish *wish)
{
	bool plain = wish->from_s == 0 && wish->to_s == 0;

	CERT_MUST(X509_gmtime_adj(X509_getm_notBefore(x509), plain ? -3600 : wish->from_s));
	CERT_MUST(X509_gmtime_adj(X509_getm_notAfter(x509), plain ? 3600 : wish->to_s));
}

/* A certificate with a new P-256 key; `ca` NULL: signed by itself. Free with cert_free. */
static inline struct cert cert_new(const struct cert *ca, const struct cert_wish *wish)
{
	static long serial = 1;
	struct cert c = {X509_new(), EVP_EC_gen("P-256")};
	const struct cert *by = ca && !wish->self_signed ? ca : &c;
	X509_NAME *name;

	CERT_MUST(c.x509 && c.key && X509_set_version(c.x509, X509_VERSION_3));
	CERT_MUST(ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial));
	cert_dates(c.x509, wish);
	CERT_MUST(X509_set_pubkey(c.x509, c.key));
	name = X509_get_subject_name(c.x509);
	CERT_MUST(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
					     (const unsigned char *)"Margrave test", -1, -1, 0));
	if (wish->cn)
		CERT_MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						     (const unsigned char *)wish->cn, -1, -1, 0));
	CERT_MUST(X509_set_issuer_name(c.x509, X509_get_subject_name(by->x509)));
	cert_extension(c.x509, by->x509, NID_basic_constraints,
		       wish->authority ? "critical,CA:TRUE" : "CA:FALSE");
	if (wish->authority)
		cert_extension(c.x509, by->x509, NID_key_usage, "critical,keyCertSign,cRLSign");
	else if (!wish->eku || *wish->eku)
		cert_extension(c.x509, by->x509, NID_ext_key_usage,
			       wish->eku ? wish->eku : "serverAuth,clientAuth");
	if (wish->alt)
		cert_extension(c.x509, by->x509, NID_subject_alt_name, wish->alt);
	CERT_MUST(X509_sign(c.x509, by->key, EVP_sha256()));
	return c;
}

static inline struct cert cert_authority(const char *cn)
{
	return cert_new(NULL, &(struct cert_wish){.cn = cn, .authority = true});
}

static inline void cert_free(struct cert *c)
{
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	*c = (struct cert){0};
}

/* ---- as descriptors ---- */

static inline int cert_memfd(BIO *bio)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	int fd = memfd_create("cert", MFD_CLOEXEC);

	CERT_MUST(fd >= 0 && write(fd, text, (size_t)n) == n);
	BIO_free(bio);
	return fd;
}

static inline int cert_fd(const struct cert *c)
{
	BIO *bio = BIO_new(BIO_s_mem());

	CERT_MUST(bio && PEM_write_bio_X509(bio, c->x509));
	return cert_memfd(bio);
}

static inline int cert_key_fd(const struct cert *c)
{
	BIO *bio = BIO_new(BIO_s_mem());

	CERT_MUST(bio && PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL));
	return cert_memfd(bio);
}

static inline int cert_text_fd(const char *text)
{
	BIO *bio = BIO_new(BIO_s_mem());

	CERT_MUST(bio && BIO_puts(bio, text) >= 0);
	return cert_memfd(bio);
}

/* A revocation list of `ca`, valid from_s to to_s from now, with one certificate in it, or none. */
static inline int cert_crl_fd(const struct cert *ca, const struct cert *revoked, long from_s,
			      long to_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	BIO *bio = BIO_new(BIO_s_mem());

	CERT_MUST(crl && t && bio && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	CERT_MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509)));
	CERT_MUST(X509_gmtime_adj(t, from_s) && X509_CRL_set1_lastUpdate(crl, t));
	if (revoked) {
		X509_REVOKED *r = X509_REVOKED_new();
		CERT_MUST(r &&
			  X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->x509)) &&
			  X509_REVOKED_set_revocationDate(r, t) && X509_CRL_add0_revoked(crl, r));
	}
	CERT_MUST(X509_gmtime_adj(t, to_s) && X509_CRL_set1_nextUpdate(crl, t));
	CERT_MUST(X509_CRL_sign(crl, ca->key, EVP_sha256()) && PEM_write_bio_X509_CRL(bio, crl));
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	return cert_memfd(bio);
}

/* ---- as contexts ---- */

/* A context out of settings whose descriptors are the caller's; aborts with the reason when it cannot be made. */
static inline struct tls_context *cert_context(const struct tls_settings *settings)
{
	char why[256] = "";
	struct tls_context *context = tls_context_new(settings, why, sizeof(why));

	if (!context)
		(void)fprintf(stderr, "%s\n", why);
	CERT_MUST(context);
	return context;
}

/* A listener's context: `mine`, and what clients have to show, signed by `ca`. */
static inline struct tls_context *cert_server(const char *name, const struct cert *mine,
					      const struct cert *ca, enum tls_verify verify)
{
	struct tls_settings settings = {.name = name,
					.cert_fd = cert_fd(mine),
					.key_fd = cert_key_fd(mine),
					.ca_fd = ca ? cert_fd(ca) : -1,
					.crl_fd = -1,
					.verify = verify,
					.server = true};
	struct tls_context *context = cert_context(&settings);

	(void)close(settings.cert_fd);
	(void)close(settings.key_fd);
	if (ca)
		(void)close(settings.ca_fd);
	return context;
}

/* A context for connections we open, which trusts `ca`; `mine` may be NULL. */
static inline struct tls_context *cert_client(const struct cert *mine, const struct cert *ca,
					      bool wildcards)
{
	struct tls_settings settings = {.name = "client",
					.cert_fd = mine ? cert_fd(mine) : -1,
					.key_fd = mine ? cert_key_fd(mine) : -1,
					.ca_fd = cert_fd(ca),
					.crl_fd = -1,
					.verify_server = true,
					.wildcards = wildcards};
	struct tls_context *context = cert_context(&settings);

	(void)close(settings.ca_fd);
	if (mine) {
		(void)close(settings.cert_fd);
		(void)close(settings.key_fd);
	}
	return context;
}

#endif
