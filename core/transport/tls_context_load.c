/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_context_load: certificates, keys, authorities and revocation lists out of PEM descriptors. Reads with pread, so that a descriptor can be read
 * again by the next configuration, and never waits for a pass phrase.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/tls_context_priv.h"

#define PEM_MAX ((size_t)16 << 20) /* a CRL of a large authority has some MB */
#define CA_NAMES_MAX \
	32 /* authorities named to clients: more would make the handshake's messages large */

/* A file's text in memory, to be wiped. */
struct pem {
	char *text;
	size_t n;
	BIO *bio;
};

static void pem_done(struct pem *pem)
{
	BIO_free(pem->bio);
	OPENSSL_clear_free(pem->text, pem->n);
}

/* Read the whole file. Returns 0 or a negated errno value. */
static int read_all(int fd, char *text, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, text + done, n - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (size_t)got;
	}
	return 0;
}

static int pem_read(struct pem *pem, int fd, const char *what, const struct tls_why *why)
{
	struct stat st;
	int err;

	*pem = (struct pem){0};
	if (fstat(fd, &st) != 0)
		return tls_because(why, "%s: %s", what, strerror(errno));
	if (st.st_size <= 0 || (uint64_t)st.st_size > PEM_MAX)
		return tls_because(why, "%s: file of %lld bytes", what, (long long)st.st_size);
	pem->n = (size_t)st.st_size;
	pem->text = OPENSSL_malloc(pem->n);
	if (!pem->text)
		return tls_because(why, "%s: no memory", what);
	err = read_all(fd, pem->text, pem->n);
	pem->bio = err ? NULL : BIO_new_mem_buf(pem->text, (int)pem->n);
	if (pem->bio)
		return 0;
	pem_done(pem);
	return tls_because(why, "%s: %s", what, err ? strerror(-err) : "no memory");
}

/* An encrypted key is an error, not a question on the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int no_pass_phrase(char *buf, int n, int rw, void *arg)
{
	(void)buf;
	(void)n;
	(void)rw;
	(void)arg;
	return -1;
}

/* Whether a run of PEM reads ended because nothing more was there. Takes that error off the queue. */
static bool at_end(void)
{
	unsigned long err = ERR_peek_last_error();

	if (ERR_GET_LIB(err) != ERR_LIB_PEM || ERR_GET_REASON(err) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* ---- our own certificate ---- */

static void day_of(const ASN1_TIME *t, char out[11])
{
	struct tm tm = {0};

	(void)snprintf(out, 11, "?");
	if (ASN1_TIME_to_tm(t, &tm))
		(void)strftime(out, 11, "%Y-%m-%d", &tm);
}

static int check_dates(const X509 *cert, time_t *expires, const struct tls_why *why)
{
	const ASN1_TIME *from = X509_get0_notBefore(cert), *to = X509_get0_notAfter(cert);
	char day[11];
	struct tm tm = {0};

	if (X509_cmp_time(from, NULL) >= 0) { /* 0: unreadable, as below */
		day_of(from, day);
		return tls_because(why, "certificate is valid from %s only", day);
	}
	if (X509_cmp_time(to, NULL) <= 0) {
		day_of(to, day);
		return tls_because(why, "certificate expired %s", day);
	}
	if (ASN1_TIME_to_tm(to, &tm))
		*expires = timegm(&tm);
	return 0;
}

static int use_chain(SSL_CTX *ssl, BIO *bio, time_t *expires, const struct tls_why *why)
{
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase, NULL);
	int err;

	if (!cert)
		return tls_because_ssl(why, "no certificate in the certificate file");
	err = check_dates(cert, expires, why);
	if (!err && !SSL_CTX_use_certificate(ssl, cert))
		err = tls_because_ssl(why, "certificate");
	X509_free(cert);
	while (!err && (cert = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
		if (!SSL_CTX_add1_chain_cert(ssl, cert))
			err = tls_because_ssl(why, "certificate chain");
		X509_free(cert);
	}
	if (!err && !at_end())
		err = tls_because_ssl(why, "certificate chain");
	return err;
}

static int use_key(SSL_CTX *ssl, BIO *bio, const struct tls_why *why)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	int err = 0;

	if (!key)
		return tls_because_ssl(why, "no readable private key in the key file");
	if (!X509_check_private_key(SSL_CTX_get0_certificate(ssl), key))
		err = tls_because(why, "certificate and private key do not belong together");
	else if (!SSL_CTX_use_PrivateKey(ssl, key))
		err = tls_because_ssl(why, "private key");
	ERR_clear_error();
	EVP_PKEY_free(key);
	return err;
}

int tls_load_own(SSL_CTX *ssl, const struct tls_settings *settings, time_t *expires,
		 const struct tls_why *why)
{
	struct pem pem;
	int err;

	tls_about(settings, settings->cert_fd >= 0 && settings->key_fd < 0 ? "key" : "certificate");
	if (settings->cert_fd < 0)
		return settings->server ? tls_because(why, "a listener needs a certificate") : 0;
	if (settings->key_fd < 0)
		return tls_because(why, "a certificate needs its private key");
	err = pem_read(&pem, settings->cert_fd, "certificate", why);
	if (err)
		return err;
	err = use_chain(ssl, pem.bio, expires, why);
	pem_done(&pem);
	if (err)
		return err;
	tls_about(settings, "key");
	err = pem_read(&pem, settings->key_fd, "private key", why);
	if (err)
		return err;
	err = use_key(ssl, pem.bio, why);
	pem_done(&pem);
	return err;
}

/* ---- authorities ---- */

/* Add every certificate of the file to the store, and the names of the first ones to `names` unless that is NULL. */
static int add_authorities(X509_STORE *store, BIO *bio, STACK_OF(X509_NAME) * names,
			   const struct tls_why *why)
{
	X509 *cert;
	int n = 0, err = 0;

	while (!err && (cert = PEM_read_bio_X509_AUX(bio, NULL, no_pass_phrase, NULL))) {
		X509_NAME *name = names && n < CA_NAMES_MAX
					  ? X509_NAME_dup(X509_get_subject_name(cert))
					  : NULL;

		if (!X509_STORE_add_cert(store, cert) ||
		    (name && !sk_X509_NAME_push(names, name))) {
			X509_NAME_free(name);
			err = tls_because_ssl(why, "authorities");
		}
		X509_free(cert);
		n++;
	}
	if (!err && !at_end())
		err = tls_because_ssl(why, "authorities");
	return err || n ? err : tls_because(why, "no certificate in the file of authorities");
}

static int add_crls(X509_STORE *store, BIO *bio, const struct tls_why *why)
{
	X509_CRL *crl;
	int n = 0, err = 0;

	while (!err && (crl = PEM_read_bio_X509_CRL(bio, NULL, no_pass_phrase, NULL))) {
		if (!X509_STORE_add_crl(store, crl))
			err = tls_because_ssl(why, "revocation list");
		X509_CRL_free(crl);
		n++;
	}
	if (!err && !at_end())
		err = tls_because_ssl(why, "revocation list");
	return err || n ? err : tls_because(why, "no revocation list in the file");
}

static int load_authorities(SSL_CTX *ssl, int fd, bool tell_clients, const struct tls_why *why)
{
	STACK_OF(X509_NAME) *names = tell_clients ? sk_X509_NAME_new_null() : NULL;
	struct pem pem;
	int err = pem_read(&pem, fd, "authorities", why);

	if (!err) {
		err = add_authorities(SSL_CTX_get_cert_store(ssl), pem.bio, names, why);
		pem_done(&pem);
	}
	if (err || !names)
		sk_X509_NAME_pop_free(names, X509_NAME_free);
	else
		SSL_CTX_set_client_CA_list(ssl, names); /* takes them */
	return err;
}

static int load_crls(SSL_CTX *ssl, int fd, const struct tls_why *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	struct pem pem;
	int err = pem_read(&pem, fd, "revocation list", why);

	if (err)
		return err;
	err = add_crls(store, pem.bio, why);
	pem_done(&pem);
	if (!err && !X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK))
		err = tls_because_ssl(why, "revocation list");
	return err;
}

int tls_load_authorities(SSL_CTX *ssl, const struct tls_settings *settings,
			 const struct tls_why *why)
{
	tls_about(settings, "ca");
	if (settings->ca_fd < 0)
		return tls_because(why, "the system has no bundle of authorities");
	int err = load_authorities(ssl, settings->ca_fd, settings->server && !settings->system_ca,
				   why);
	if (err || settings->crl_fd < 0)
		return err;
	tls_about(settings, "crl");
	return load_crls(ssl, settings->crl_fd, why);
}
