/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * multipart: the first line of the input (up to LF) as Content-Type, the rest as body.
 *
 * Holds: views lie in the body, a part's in the part; parts stand in order and do not overlap; what is between them
 * are delimiters and nothing else; a refused body is refused at an offset in it; the parts put together again with
 * the same boundary are found the same.
 */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "sip/header.h"
#include "sip/multipart.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_view(struct sv text, struct sv view)
{
	CHECK(view.p >= text.p && view.p + view.n <= text.p + text.n);
}

/* Between two texts: CRLF unless it is the first, "--", boundary, perhaps "--", spaces, CRLF or the end. */
static void check_delimiter(struct sv gap, struct sv boundary, bool first, bool last)
{
	size_t at = 0;

	if (!first || sv_starts(gap, SV("\r\n"))) {
		CHECK(sv_starts(gap, SV("\r\n")));
		at = 2;
	}
	CHECK(sv_starts(sv_of(gap.p + at, gap.n - at), SV("--")));
	at += 2;
	CHECK(sv_starts(sv_of(gap.p + at, gap.n - at), boundary));
	at += boundary.n;
	if (last) {
		CHECK(sv_starts(sv_of(gap.p + at, gap.n - at), SV("--")));
		at += 2;
	}
	while (at < gap.n && (gap.p[at] == ' ' || gap.p[at] == '\t'))
		at++;
	CHECK((last && at == gap.n) || sv_eq(sv_of(gap.p + at, gap.n - at), SV("\r\n")));
}

static void check_part(struct sv body, const struct sip_part *part)
{
	check_view(body, part->text);
	check_view(part->text, part->headers);
	check_view(part->text, part->body);
	check_view(part->headers, part->content_type);
	check_view(part->headers, part->content_disposition);
	check_view(part->headers, part->content_id);
	check_view(part->headers, part->content_transfer_encoding);
	check_view(part->headers, part->content_encoding);
	CHECK(part->headers.p == part->text.p);
	CHECK(part->body.p + part->body.n == part->text.p + part->text.n);
}

static void check_layout(struct sv body, const struct sip_multipart *m)
{
	const char *p = m->preamble.p + m->preamble.n;

	CHECK(m->n >= 1 && m->n <= SIP_MULTIPART_PARTS_MAX);
	CHECK(m->preamble.p == body.p);
	for (unsigned i = 0; i < m->n; i++) {
		check_part(body, &m->part[i]);
		CHECK(m->part[i].text.p > p);
		check_delimiter(sv_span(p, m->part[i].text.p), m->boundary, i == 0, false);
		p = m->part[i].text.p + m->part[i].text.n;
	}
	check_view(body, m->epilogue);
	CHECK(m->epilogue.p + m->epilogue.n == body.p + body.n);
	check_delimiter(sv_span(p, m->epilogue.p), m->boundary, false, true);
}

static char *put(char *p, struct sv v)
{
	if (v.n)
		memcpy(p, v.p, v.n);
	return p + v.n;
}

static void check_again(struct sv content_type, const struct sip_multipart *m, size_t size)
{
	char *text = malloc(size + (size_t)16 * (SIP_MULTIPART_BOUNDARY_MAX + 8)), *p = text;
	struct sip_multipart again;
	struct sip_where at;

	CHECK(text);
	for (unsigned i = 0; i < m->n; i++) {
		p = put(p, i ? SV("\r\n--") : SV("--"));
		p = put(p, m->boundary);
		p = put(p, SV("\r\n"));
		p = put(p, m->part[i].text);
	}
	p = put(p, SV("\r\n--"));
	p = put(p, m->boundary);
	p = put(p, SV("--"));
	CHECK(sip_multipart_parse(&again, content_type, sv_span(text, p), &at) == 0);
	CHECK(again.n == m->n);
	for (unsigned i = 0; i < m->n; i++) {
		CHECK(sv_eq(again.part[i].text, m->part[i].text));
		CHECK(sv_eq(again.part[i].body, m->part[i].body));
		CHECK(sv_eq(again.part[i].content_type, m->part[i].content_type));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv all = size ? sv_of((const char *)data, size) : SV("");
	size_t n = sv_find(all, '\n');
	struct sv type = sv_of(all.p, n);
	struct sv body = n < size ? sv_of(all.p + n + 1, size - n - 1) : sv_of(all.p + n, 0);
	struct sip_multipart m;
	struct sip_where at = {0};
	int ret = sip_multipart_parse(&m, type, body, &at);

	if (ret) {
		CHECK(ret == MG_EPARSE || ret == MG_ELIMIT);
		CHECK(at.fault == SIP_FAULT_BODY ? at.off <= body.n : at.off <= type.n);
		return 0;
	}
	CHECK(sip_multipart_is(type));
	check_view(type, m.boundary);
	check_layout(body, &m);
	check_again(type, &m, size);
	const struct sip_part *part = NULL;
	unsigned found = 0;
	while ((part = sip_multipart_find(&m, SV("application/sdp"), part)))
		found++;
	CHECK(found <= m.n);
	return 0;
}
