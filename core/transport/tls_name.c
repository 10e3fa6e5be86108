/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_name: a walk over a certificate's identities in the order of RFC 5922 §7.1.
 */
#include "transport/tls_name.h"

#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/addr.h"
#include "sip/uri.h"

/* What is looked for, and by which rule. */
struct wanted {
	struct sv name; /* without its last dot */
	struct addr ip; /* ADDR_NONE: a name */
	enum tls_name_rule rule;
};

/* Called for each identity in turn; true ends the walk. `ip` is ADDR_NONE for names. */
typedef bool identity_fn(void *arg, struct sv name, const struct addr *ip);

static struct sv text_of(const ASN1_STRING *s)
{
	return sv_of((const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static struct sv without_dot(struct sv name)
{
	return name.n > 1 && name.p[name.n - 1] == '.' ? sv_of(name.p, name.n - 1) : name;
}

/* RFC 5922 §7.1 step 1, URI: of the scheme sip, without user: the host is the identity. */
static bool is_sip_identity(const GENERAL_NAME *name, struct sip_uri *uri)
{
	struct sip_where at;

	return name->type == GEN_URI &&
	       sip_uri_parse(uri, text_of(name->d.uniformResourceIdentifier), &at) == 0 &&
	       uri->scheme == SIP_SCHEME_SIP && !uri->has_user;
}

static struct addr ip_of(const ASN1_OCTET_STRING *octets)
{
	const uint8_t *p = ASN1_STRING_get0_data(octets);
	int n = ASN1_STRING_length(octets);

	return n == 4 ? addr_v4(p, 0) : n == 16 ? addr_v6(p, 0) : (struct addr){0};
}

/* The URIs first: while there is one, DNS names are no SIP identities. */
static bool each_alt_name(const GENERAL_NAMES *names, identity_fn *fn, void *arg)
{
	const struct addr none = {0};
	bool uris = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		struct sip_uri uri;

		if (!is_sip_identity(sk_GENERAL_NAME_value(names, i), &uri))
			continue;
		uris = true;
		struct addr ip = {0};
		if (addr_parse(uri.host, ADDR_IP, &ip) == 0 ? fn(arg, uri.host, &ip)
							    : fn(arg, uri.host, &none))
			return true;
	}
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS && !uris && fn(arg, text_of(name->d.dNSName), &none))
			return true;
		if (name->type == GEN_IPADD) {
			struct addr ip = ip_of(name->d.iPAddress);
			if (ip.family != ADDR_NONE && fn(arg, (struct sv){"", 0}, &ip))
				return true;
		}
	}
	return false;
}

/* RFC 5922 §7.1 step 2. */
static bool each_common_name(const X509 *cert, identity_fn *fn, void *arg)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	const struct addr none = {0};

	for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) {
		const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
		int type = ASN1_STRING_type(s);

		/* The encodings of ASCII; a DNS name needs no other. */
		if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING &&
		    type != V_ASN1_IA5STRING && type != V_ASN1_T61STRING)
			continue;
		if (fn(arg, text_of(s), &none))
			return true;
	}
	return false;
}

static bool each_identity(const X509 *cert, identity_fn *fn, void *arg)
{
	int critical;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
	bool found = false;

	if (names)
		found = each_alt_name(names, fn, arg);
	else if (critical == -1) /* none; -2 would be: several, 0 or 1: unreadable */
		found = each_common_name(cert, fn, arg);
	GENERAL_NAMES_free(names);
	return found;
}

static bool is_host_name(struct sv name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	return name.n > 0;
}

/* "*.example.com" and "sip.example.com": the first label is any, two or more follow. */
static bool wildcard_holds(struct sv pattern, struct sv name)
{
	size_t label = sv_find(name, '.');

	if (pattern.n < 3 || !sv_starts(pattern, SV("*.")) || label == 0 || label == name.n)
		return false;
	struct sv tail = sv_of(pattern.p + 1, pattern.n - 1);
	struct sv rest = sv_of(name.p + label, name.n - label);
	return sv_find(sv_of(tail.p + 1, tail.n - 1), '.') < tail.n - 1 && sv_ieq(tail, rest);
}

static bool is_wanted(void *arg, struct sv name, const struct addr *ip)
{
	const struct wanted *wanted = arg;

	if (wanted->ip.family != ADDR_NONE)
		return ip->family != ADDR_NONE && addr_host_eq(ip, &wanted->ip);
	if (ip->family != ADDR_NONE || !is_host_name(name))
		return false;
	name = without_dot(name);
	return sv_ieq(name, wanted->name) ||
	       (wanted->rule == TLS_NAME_WILDCARDS && wildcard_holds(name, wanted->name));
}

bool tls_name_matches(const X509 *cert, struct sv domain, enum tls_name_rule rule)
{
	struct wanted wanted = {.name = without_dot(domain), .rule = rule};

	if (!is_host_name(domain))
		return false;
	if (addr_parse(domain, ADDR_IP, &wanted.ip) == 0)
		wanted.ip.port = 0;
	return each_identity(cert, is_wanted, &wanted);
}

struct copy {
	char *out;
	size_t n;
};

static bool copy_first(void *arg, struct sv name, const struct addr *ip)
{
	struct copy *copy = arg;
	char text[ADDR_TEXT_MAX];

	if (ip->family != ADDR_NONE)
		name = sv_of(text, addr_write(ip, ADDR_BARE, text));
	size_t n = name.n < copy->n - 1 ? name.n : copy->n - 1;
	memcpy(copy->out, name.p, n);
	copy->out[n] = '\0';
	return true;
}

void tls_name_first(const X509 *cert, char *out, size_t n)
{
	struct copy copy = {out, n};

	out[0] = '\0';
	(void)each_identity(cert, copy_first, &copy);
}
