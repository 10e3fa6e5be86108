/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_ticket_keys: sealing and opening of session tickets with keys that all workers and nodes share and that rotate: the newest seals, all open. The
 * construction is the one RFC 5077 §4 recommends: AES-256-CBC, then HMAC-SHA-256.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "transport/tls_context_priv.h"

struct key {
	uint8_t name[16], hmac[32], aes[32];
};

_Static_assert(sizeof(struct key) == TLS_TICKET_KEY_LEN, "as the settings have it");

struct keys {
	unsigned n;
	struct key key[];
};

static size_t size_of(unsigned n)
{
	return sizeof(struct keys) + n * sizeof(struct key);
}

/* They live as long as the SSL_CTX, which connections may hold longer than any configuration does. */
static int keys_index = -1;

static void free_keys(void *parent, void *keys, CRYPTO_EX_DATA *data, int index, long l, void *p)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)l;
	(void)p;
	if (keys)
		OPENSSL_clear_free(keys, size_of(((struct keys *)keys)->n));
}

static void make_index(void)
{
	keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_keys);
}

static int seal(const struct key *key, uint8_t name[16], uint8_t *iv, EVP_CIPHER_CTX *cipher)
{
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
	    !EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv))
		return -1;
	memcpy(name, key->name, sizeof(key->name));
	return 1;
}

static const struct key *find(const struct keys *keys, const uint8_t name[16])
{
	for (unsigned i = 0; i < keys->n; i++)
		if (memcmp(keys->key[i].name, name, sizeof(keys->key[i].name)) == 0)
			return &keys->key[i];
	return NULL;
}

static bool set_mac(const struct key *key, EVP_MAC_CTX *mac)
{
	uint8_t hmac[sizeof(key->hmac)];
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof(hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	memcpy(hmac, key->hmac, sizeof(hmac));
	bool ok = EVP_MAC_CTX_set_params(mac, params);
	OPENSSL_cleanse(hmac, sizeof(hmac));
	return ok;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it: 1 fine, 2 fine and give a new ticket, 0 unknown key, -1 error. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int sealing)
{
	const struct keys *keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index);
	const struct key *key;

	if (!keys || !keys->n)
		return 0;
	if (sealing) {
		if (seal(&keys->key[0], name, iv, cipher) != 1)
			return -1;
		return set_mac(&keys->key[0], mac) ? 1 : -1;
	}
	key = find(keys, name);
	if (!key)
		return 0;
	if (!set_mac(key, mac) ||
	    !EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv))
		return -1;
	/* A ticket of TLS 1.3 is for one use (RFC 8446 §C.4), so that another one is owed. */
	return key == &keys->key[0] && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

int tls_ticket_keys_set(SSL_CTX *ssl, const uint8_t (*from)[TLS_TICKET_KEY_LEN], unsigned n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct keys *keys = OPENSSL_malloc(size_of(n));

	(void)pthread_once(&once, make_index);
	if (!keys || keys_index < 0) {
		OPENSSL_free(keys);
		return MG_ENOMEM;
	}
	keys->n = n;
	for (unsigned i = 0; i < n; i++)
		memcpy(&keys->key[i], from[i], TLS_TICKET_KEY_LEN);
	if (!SSL_CTX_set_ex_data(ssl, keys_index, keys)) {
		OPENSSL_clear_free(keys, size_of(n));
		return MG_ENOMEM;
	}
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
	return 0;
}
