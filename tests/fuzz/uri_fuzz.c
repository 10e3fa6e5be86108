/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uri: any text as a URI, and two of them (the input up to and behind its first LF) compared.
 *
 * Holds: views lie in the text; a refused text is refused at an offset in it; a URI equals itself; equality is
 * symmetric; what canonical address-of-record is written parses, and is written the same again; host and port alone are
 * those of a URI.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "sip/limits.h"
#include "sip/uri.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_view(struct sv text, struct sv view)
{
	CHECK(view.n <= text.n);
	if (view.n)
		CHECK(view.p >= text.p && view.p + view.n <= text.p + text.n);
}

static bool parse(struct sip_uri *uri, struct sv text)
{
	struct sip_where at = {0};
	int ret = sip_uri_parse(uri, text, &at);

	if (ret) {
		CHECK(ret == MG_EPARSE || ret == MG_ELIMIT);
		CHECK(at.fault != SIP_OK && at.off <= text.n);
		return false;
	}
	CHECK(text.n <= SIP_URI_MAX);
	CHECK(sv_eq(uri->text, text));
	check_view(text, uri->user);
	check_view(text, uri->password);
	check_view(text, uri->host);
	check_view(text, uri->params);
	check_view(text, uri->headers);
	check_view(text, uri->maddr);
	return true;
}

static void check_aor(const struct sip_uri *uri)
{
	char one[SIP_AOR_MAX], two[SIP_AOR_MAX], tight[SIP_AOR_MAX];
	int n = sip_aor_write(one, sizeof(one), uri);
	struct sip_uri again;
	struct sip_where at;

	if (n == MG_EINVAL) {
		CHECK(uri->scheme == SIP_SCHEME_OTHER || uri->scheme == SIP_SCHEME_URN);
		return;
	}
	CHECK(n > 0);
	CHECK(sip_aor_write(tight, (size_t)n - 1, uri) == MG_ENOSPC);
	int ret = sip_uri_parse(&again, sv_of(one, (size_t)n), &at);
	if (ret == MG_ELIMIT)
		return; /* escapes made it longer than a URI may be */
	CHECK(ret == 0);
	CHECK(again.scheme == uri->scheme);
	CHECK(sip_aor_write(two, sizeof(two), &again) == n);
	CHECK(memcmp(one, two, (size_t)n) == 0);
}

static void check_unescape(struct sv text)
{
	char *out = malloc(text.n + 1);

	CHECK(out);
	CHECK(sip_uri_unescape(out, text) <= text.n);
	free(out);
}

/* What is a place is the host and port of a URI as well. */
static void check_hostport(struct sv text)
{
	char whole[SIP_URI_MAX];
	struct sip_where at;
	struct sip_uri uri;
	struct sv host;
	uint16_t port;

	if (sip_hostport_parse(text, &host, &port) != 0)
		return;
	check_view(text, host);
	CHECK(host.n > 0 && text.n + 4 <= sizeof(whole));
	memcpy(whole, "sip:", 4);
	memcpy(whole + 4, text.p, text.n);
	CHECK(sip_uri_parse(&uri, sv_of(whole, text.n + 4), &at) == 0);
	CHECK(sv_eq(uri.host, host) && uri.port == port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv all = size ? sv_of((const char *)data, size) : SV("");
	size_t n = sv_find(all, '\n');
	struct sv first = sv_of(all.p, n);
	struct sv second = n < size ? sv_of(all.p + n + 1, size - n - 1) : first;
	struct sip_uri a, b;

	check_unescape(all);
	check_hostport(first);
	bool have_a = parse(&a, first), have_b = parse(&b, second);
	if (have_a) {
		CHECK(sip_uri_equal(&a, &a));
		check_aor(&a);
	}
	if (have_b)
		check_aor(&b);
	if (have_a && have_b) {
		bool equal = sip_uri_equal(&a, &b);
		CHECK(sip_uri_equal(&b, &a) == equal);
		if (sv_eq(first, second))
			CHECK(equal);
	}
	return 0;
}
