/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_name: which SIP domains a certificate speaks for (RFC 5922 §7.1), and whether one of them is the domain that was asked for (§7.2). Whether the
 * certificate is valid at all is OpenSSL's part. Called by tls.c for servers and by tls_context.c for SNI.
 */
#ifndef MG_TRANSPORT_TLS_NAME_H
#define MG_TRANSPORT_TLS_NAME_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/sv.h"

enum tls_name_rule {
	TLS_NAME_EXACT, /* RFC 5922 §7.2: names match as a whole, "*" is no wildcard */
	TLS_NAME_WILDCARDS, /* RFC 6125 §6.4.3 besides: "*.example.com" holds for one more label, and at least two behind it */
};

/* Whether the certificate names `domain`: a host name in any case, with or without its last dot, or an IP address as text (IPv6 with or without
 * brackets).
 *
 * The identities are, in this order: sip URIs without a user in subjectAltName; if there are none, its DNS names; only where there is no
 * subjectAltName at all, the common names of the subject. An address matches an iPAddress or the host of a sip URI, never a DNS or common name.
 * Identities that hold a NUL or a byte above 0x7f match nothing.
 */
bool tls_name_matches(const X509 *cert, struct sv domain, enum tls_name_rule rule);

/* The first identity, for logs: copied into `out`, cut at n - 1 bytes, terminated; "" when there is none. It may hold any byte. */
void tls_name_first(const X509 *cert, char *out, size_t n);

#endif
