/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_name: rows of what a certificate holds, what was asked for, and whether that is it (RFC 5922 §7; THREATS T-7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "transport/tls_name.h"
#include "transport/tls_test_certs.h"

enum { NO, YES, WILD }; /* WILD: only where wildcards are allowed */

static const struct row {
	const char *alt, *cn, *domain;
	int want;
	const char *name;
} rows[] = {
	{"DNS:example.com", NULL, "example.com", YES, "DNS name"},
	{"DNS:example.com", NULL, "EXAMPLE.com", YES, "case does not count"},
	{"DNS:Example.COM", NULL, "example.com", YES, "nor on the other side"},
	{"DNS:example.com", NULL, "example.com.", YES, "a last dot asked for"},
	{"DNS:example.com", NULL, "example.org", NO, "another domain"},
	{"DNS:example.com", NULL, "sip.example.com", NO, "a suffix is no match (RFC 5922 §7.2)"},
	{"DNS:sip.example.com", NULL, "example.com", NO, "the SRV target's name is not the domain"},
	{"DNS:a.example,DNS:example.com", NULL, "example.com", YES, "second DNS name"},
	{"DNS:example.com", NULL, "", NO, "nothing asked for"},
	{"DNS:example.com", NULL, "exam ple.com", NO, "no host name"},

	{"URI:sip:example.com", NULL, "example.com", YES, "sip URI"},
	{"URI:SIP:example.com", NULL, "example.com", YES, "scheme in capitals"},
	{"URI:sip:example.com;transport=tcp", NULL, "example.com", YES, "parameters do not count"},
	{"URI:sip:example.com:5061", NULL, "example.com", YES, "nor does the port"},
	{"URI:sip:alice@example.com", NULL, "example.com", NO, "a user's URI is no domain's"},
	{"URI:sip:alice@example.com,DNS:example.com", NULL, "example.com", YES,
	 "and does not hide DNS names"},
	{"URI:sips:example.com", NULL, "example.com", NO, "another scheme"},
	{"URI:sips:example.com,DNS:example.com", NULL, "example.com", YES,
	 "which does not hide either"},
	{"URI:http://example.com", NULL, "example.com", NO, "yet another"},
	{"URI:sip:other.example,DNS:example.com", NULL, "example.com", NO,
	 "beside a sip URI, DNS names are no identities"},
	{"DNS:example.com,URI:sip:other.example", NULL, "other.example", YES, "in any order"},
	{"URI:sip:a.example,URI:sip:b.example", NULL, "b.example", YES, "second sip URI"},

	{"DNS:*.example.com", NULL, "sip.example.com", WILD, "wildcard"},
	{"DNS:*.example.com", NULL, "example.com", NO, "holds for one label, not none"},
	{"DNS:*.example.com", NULL, "a.b.example.com", NO, "not two"},
	{"DNS:*.com", NULL, "example.com", NO, "not for all of com"},
	{"DNS:*", NULL, "example", NO, "not for all"},
	{"DNS:s*.example.com", NULL, "sip.example.com", NO, "not for a part of a label"},
	{"DNS:sip.*.com", NULL, "sip.example.com", NO, "not in the middle"},
	{"DNS:*.example.com", NULL, ".example.com", NO, "empty label"},
	{NULL, "*.example.com", "sip.example.com", WILD, "in the common name"},

	{NULL, "example.com", "example.com", YES, "common name where nothing else is"},
	{NULL, "other.example", "example.com", NO, "another common name"},
	{"DNS:other.example", "example.com", "example.com", NO, "common name beside alternatives"},
	{"email:a@example.com", "example.com", "example.com", NO, "whatever these are"},
	{"IP:192.0.2.1", "example.com", "example.com", NO, "an address too"},
	{NULL, NULL, "example.com", NO, "no identity at all"},

	{"IP:192.0.2.1", NULL, "192.0.2.1", YES, "address"},
	{"IP:192.0.2.1", NULL, "192.0.2.2", NO, "another address"},
	{"IP:192.0.2.1", NULL, "::ffff:192.0.2.1", YES, "as mapped IPv6"},
	{"IP:2001:db8::1", NULL, "[2001:db8:0::1]", YES, "IPv6, in brackets"},
	{"IP:2001:db8::1", NULL, "2001:db8::1", YES, "IPv6, without"},
	{"URI:sip:192.0.2.1", NULL, "192.0.2.1", YES, "address in a sip URI"},
	{"DNS:192.0.2.1", NULL, "192.0.2.1", NO, "address as DNS name"},
	{NULL, "192.0.2.1", "192.0.2.1", NO, "address as common name"},
	{"IP:192.0.2.1", NULL, "example.com", NO, "address only, domain asked for"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct cert c = cert_new(
			NULL,
			&(struct cert_wish){.alt = row->alt, .cn = row->cn, .self_signed = true});
		bool exact = tls_name_matches(c.x509, sv_str(row->domain), TLS_NAME_EXACT);
		bool wild = tls_name_matches(c.x509, sv_str(row->domain), TLS_NAME_WILDCARDS);

		if (exact != (row->want == YES) || wild != (row->want != NO))
			fail_msg("%s: %d %d", row->name, exact, wild);
		cert_free(&c);
	}
}

/* An alternative name of raw bytes, which OpenSSL's text form does not let in. */
static struct cert with_raw_name(int type, const void *bytes, int n)
{
	struct cert c =
		cert_new(NULL, &(struct cert_wish){.cn = "example.com", .self_signed = true});
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *s =
		ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	CERT_MUST(names && name && s && ASN1_STRING_set(s, bytes, n));
	GENERAL_NAME_set0_value(name, type, s);
	CERT_MUST(sk_GENERAL_NAME_push(names, name));
	CERT_MUST(X509_add1_ext_i2d(c.x509, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT));
	GENERAL_NAMES_free(names);
	return c;
}

static void expect_raw(int type, struct sv bytes, const char *domain, bool want)
{
	struct cert c = with_raw_name(type, bytes.p, (int)bytes.n);

	assert_int_equal(tls_name_matches(c.x509, sv_str(domain), TLS_NAME_WILDCARDS), want);
	cert_free(&c);
}

static void test_raw_names(void **state)
{
	(void)state;
	expect_raw(GEN_DNS, SV("example.com"), "example.com", true);
	expect_raw(GEN_DNS, SV("example.com\0.evil.example"), "example.com", false);
	expect_raw(GEN_DNS, SV("example.com\0"), "example.com", false);
	expect_raw(GEN_DNS, SV("example.com."), "example.com", true);
	expect_raw(GEN_DNS, SV("ex\xc3\xa4mple.com"), "ex\xc3\xa4mple.com", false);
	expect_raw(GEN_DNS, SV(""), "example.com", false);
	expect_raw(GEN_DNS, SV("."), ".", true);
	expect_raw(GEN_URI, SV("sip:example.com\0@evil.example"), "example.com", false);
	expect_raw(GEN_IPADD, SV("\300\0\2\1"), "192.0.2.1", true);
	expect_raw(GEN_IPADD, SV("\300\0\2\1\0"), "192.0.2.1", false);
	expect_raw(GEN_IPADD, SV("\300\0\2"), "192.0.2.1", false);
	expect_raw(GEN_IPADD, SV(""), "0.0.0.0", false);
}

/* An extension that cannot be read is one that is there: the common name stays out of it. */
static void test_unreadable_extension(void **state)
{
	struct cert c =
		cert_new(NULL, &(struct cert_wish){.cn = "example.com", .self_signed = true});
	ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	(void)state;
	CERT_MUST(ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"\377\377", 2));
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, bytes);
	CERT_MUST(ext && X509_add_ext(c.x509, ext, -1));
	assert_false(tls_name_matches(c.x509, SV("example.com"), TLS_NAME_WILDCARDS));
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(bytes);
	cert_free(&c);
}

static void expect_first(const char *alt, const char *cn, const char *want)
{
	struct cert c =
		cert_new(NULL, &(struct cert_wish){.alt = alt, .cn = cn, .self_signed = true});
	char out[12];

	tls_name_first(c.x509, out, sizeof(out));
	assert_string_equal(out, want);
	cert_free(&c);
}

static void test_first(void **state)
{
	(void)state;
	expect_first("DNS:a.example,URI:sip:b.example", NULL, "b.example");
	expect_first("IP:192.0.2.1", "c.example", "192.0.2.1");
	expect_first(NULL, "c.example", "c.example");
	expect_first(NULL, NULL, "");
	expect_first("DNS:long.name.example", NULL, "long.name.e");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_raw_names),
		cmocka_unit_test(test_unreadable_extension),
		cmocka_unit_test(test_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
