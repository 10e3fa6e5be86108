/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * multipart: one pass over the lines of a body.
 *
 *   multipart-body    = [preamble CRLF] dash-boundary padding CRLF body-part
 *                       *(CRLF dash-boundary padding CRLF body-part)
 *                       CRLF dash-boundary "--" padding [CRLF epilogue]
 *   dash-boundary     = "--" boundary
 *   body-part         = headers CRLF *OCTET           (the blank line is not optional here)
 *   boundary          = 0*69<bchars> bcharsnospace
 */
#include "sip/multipart.h"

#include "sip/header.h"
#include "sip/lex.h"
#include "sip/param.h"

/* ---- Content-Type ---- */

/* Take "type / subtype" off the front. */
static bool media_type(struct sv *rest, struct sv *type, struct sv *subtype)
{
	const char *end = rest->p + rest->n;
	const char *p = lex_space(rest->p, end);
	const char *q = lex_run(p, end, LEX_TOKEN);

	*type = sv_span(p, q);
	p = lex_space(q, end);
	if (!type->n || p == end || *p != '/')
		return false;
	p = lex_space(p + 1, end);
	q = lex_run(p, end, LEX_TOKEN);
	*subtype = sv_span(p, q);
	*rest = sv_span(q, end);
	return subtype->n > 0;
}

bool sip_multipart_is(struct sv content_type)
{
	struct sv type, subtype;

	return media_type(&content_type, &type, &subtype) && sv_ieq(type, SV("multipart"));
}

static bool is_bchar(char c)
{
	return lex_is(c, LEX_DIGIT | LEX_ALPHA | LEX_HEX) || (c && strchr("'()+_,-./:=? ", c));
}

static bool boundary_ok(struct sv b)
{
	if (b.n == 0 || b.n > SIP_MULTIPART_BOUNDARY_MAX || b.p[b.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (!is_bchar(b.p[i]))
			return false;
	return true;
}

/* Returns NULL, or where the Content-Type is bad. */
static const char *find_boundary(struct sv content_type, struct sv *out)
{
	struct sv rest = content_type, type, subtype;
	struct sip_param param;
	bool found = false;

	if (!media_type(&rest, &type, &subtype) || !sv_ieq(type, SV("multipart")))
		return content_type.p;
	while (sip_param_next(&rest, &param)) {
		if (!sv_ieq(param.name, SV("boundary")))
			continue;
		if (found || !boundary_ok(param.value))
			return param.name.p;
		found = true;
		*out = param.value;
	}
	const char *end = rest.p + rest.n, *p = lex_space(rest.p, end);
	return found && p == end ? NULL : p;
}

/* ---- lines ---- */

enum line_end { END_NONE, END_CRLF, END_LONE };

struct line {
	struct sv text; /* without its end */
	const char *next;
	enum line_end end;
};

static struct line line_at(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && *q != '\r' && *q != '\n')
		q++;
	struct line line = {sv_span(p, q), q, END_NONE};
	if (q == end)
		return line;
	bool crlf = end - q >= 2 && q[0] == '\r' && q[1] == '\n';
	line.end = crlf ? END_CRLF : END_LONE;
	line.next = q + (crlf ? 2 : 1);
	return line;
}

enum delimiter { DELIM_NO, DELIM_PART, DELIM_CLOSE, DELIM_BAD };

/* What a line is, apart from what is before it. */
static enum delimiter delimiter(const struct line *line, struct sv boundary)
{
	struct sv t = line->text;
	bool closes = false;

	if (!sv_starts(t, SV("--")) || !sv_starts(sv_of(t.p + 2, t.n - 2), boundary))
		return DELIM_NO;
	size_t i = 2 + boundary.n;
	if (t.n - i >= 2 && t.p[i] == '-' && t.p[i + 1] == '-') {
		closes = true;
		i += 2;
	}
	while (i < t.n && (t.p[i] == ' ' || t.p[i] == '\t'))
		i++;
	if (i < t.n || line->end == END_LONE)
		return DELIM_BAD;
	if (closes)
		return DELIM_CLOSE;
	return line->end == END_CRLF ? DELIM_PART : DELIM_BAD;
}

/* ---- parts ---- */

static struct sv *field_of(struct sip_part *part, struct sv name)
{
	static const struct {
		struct sv name;
		size_t off;
	} fields[] = {
		{SV_INIT("Content-Type"), offsetof(struct sip_part, content_type)},
		{SV_INIT("Content-Disposition"), offsetof(struct sip_part, content_disposition)},
		{SV_INIT("Content-ID"), offsetof(struct sip_part, content_id)},
		{SV_INIT("Content-Transfer-Encoding"),
		 offsetof(struct sip_part, content_transfer_encoding)},
		{SV_INIT("Content-Encoding"), offsetof(struct sip_part, content_encoding)},
	};

	if (name.n < 10) /* Content-ID */
		return NULL;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (sv_ieq(name, fields[i].name))
			return (struct sv *)(void *)((char *)part + fields[i].off);
	return NULL;
}

static bool has_control(struct sv text)
{
	for (size_t i = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] < 0x20 && text.p[i] != '\t') || text.p[i] == 0x7f)
			return true;
	return false;
}

enum state { PREAMBLE, HEADERS, BODY, EPILOGUE };

struct reader {
	struct sip_multipart *m;
	struct sip_part *part; /* the last begun */
	struct sv *field;      /* of the last header line, for folds; NULL when it is not kept */
	enum state state;
	int err;
};

/* A line of a part's header section. */
static bool header_line(struct reader *r, const struct line *line)
{
	struct sv t = line->text;

	if (line->end != END_CRLF || has_control(t))
		return false;
	if (!t.n) {
		r->part->headers = sv_span(r->part->text.p, t.p);
		r->part->body = sv_of(line->next, 0);
		r->state = BODY;
		return true;
	}
	if (t.p[0] == ' ' ||
	    t.p[0] == '\t') { /* a fold: of nothing it can only be of the first line */
		if (t.p == r->part->text.p)
			return false;
		if (r->field)
			*r->field = sv_trim(sv_span(r->field->p, t.p + t.n));
		return true;
	}
	const char *end = t.p + t.n;
	const char *q = lex_run(t.p, end, LEX_TOKEN);
	struct sv name = sv_span(t.p, q);
	while (q < end && (*q == ' ' || *q == '\t'))
		q++;
	if (!name.n || q == end || *q != ':')
		return false;
	r->field = field_of(r->part, name);
	if (r->field) {
		if (r->field->p)
			return false; /* twice */
		*r->field = sv_trim(sv_span(q + 1, end));
	}
	return true;
}

/* The CRLF before a delimiter belongs to it, and so may the blank line behind the headers. */
static struct sv before_delimiter(const char *from, const char *delim)
{
	return delim - from >= 2 ? sv_span(from, delim - 2) : sv_of(from, 0);
}

static bool begin_part(struct reader *r, const char *from)
{
	if (r->m->n == SIP_MULTIPART_PARTS_MAX) {
		r->err = MG_ELIMIT;
		return false;
	}
	r->part = &r->m->part[r->m->n++];
	*r->part = (struct sip_part){.text = sv_of(from, 0)};
	r->field = NULL;
	r->state = HEADERS;
	return true;
}

/* A delimiter line where one may stand. */
static bool delimiter_line(struct reader *r, enum delimiter kind, const struct line *line)
{
	const char *at = line->text.p;

	switch (r->state) {
	case PREAMBLE:
		if (kind == DELIM_CLOSE)
			return false; /* a body has one part at least */
		r->m->preamble = before_delimiter(r->m->preamble.p, at);
		break;
	case BODY:
		r->part->text = before_delimiter(r->part->text.p, at);
		r->part->body = before_delimiter(r->part->body.p, at);
		if (!r->part->body
			     .n) /* when the blank line belongs to the delimiter, not behind the text */
			r->part->body.p = r->part->text.p + r->part->text.n;
		break;
	case HEADERS:
	case EPILOGUE: return false;
	}
	if (kind == DELIM_PART)
		return begin_part(r, line->next);
	r->m->epilogue = sv_of(line->next, 0);
	r->state = EPILOGUE;
	return true;
}

/* Returns NULL, or where the body is bad. */
static const char *read_body(struct reader *r, struct sv body)
{
	const char *p = body.p, *end = body.p + body.n;
	enum line_end before = END_CRLF;

	r->m->preamble = sv_of(p, 0);
	while (p < end) {
		struct line line = line_at(p, end);
		enum delimiter kind = delimiter(&line, r->m->boundary);
		bool ok = true;
		if (kind != DELIM_NO)
			ok = kind != DELIM_BAD && before == END_CRLF &&
			     delimiter_line(r, kind, &line);
		else if (r->state == HEADERS)
			ok = header_line(r, &line);
		if (!ok)
			return p;
		before = line.end;
		p = line.next;
	}
	if (r->state != EPILOGUE)
		return end;
	r->m->epilogue = sv_span(r->m->epilogue.p, end);
	return NULL;
}

/* Fields that are absent get an empty view like any other. */
static void settle(struct sip_multipart *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		struct sip_part *part = &m->part[i];
		struct sv *fields[] = {&part->content_type, &part->content_disposition,
				       &part->content_id, &part->content_transfer_encoding,
				       &part->content_encoding};
		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
			if (!fields[k]->p)
				*fields[k] = sv_of(part->headers.p, 0);
	}
}

int sip_multipart_parse(struct sip_multipart *out, struct sv content_type, struct sv body,
			struct sip_where *at)
{
	struct sip_multipart m = {.n = 0};
	struct reader r = {&m, NULL, NULL, PREAMBLE, MG_EPARSE};
	const char *bad = find_boundary(content_type, &m.boundary);

	if (bad) {
		*at = (struct sip_where){(uint32_t)(bad - content_type.p), SIP_FAULT_BAD,
					 SIP_H_CONTENT_TYPE};
		return MG_EPARSE;
	}
	bad = read_body(&r, body);
	if (bad) {
		*at = (struct sip_where){(uint32_t)(bad - body.p), SIP_FAULT_BODY, SIP_H_OTHER};
		return r.err;
	}
	settle(&m);
	for (unsigned i = 0; i < m.n; i++)
		if (sip_multipart_is(m.part[i].content_type)) { /* SIP_MULTIPART_DEPTH_MAX is 1 */
			*at = (struct sip_where){(uint32_t)(m.part[i].text.p - body.p),
						 SIP_FAULT_BODY, SIP_H_OTHER};
			return MG_ELIMIT;
		}
	*out = m;
	return 0;
}

const struct sip_part *sip_multipart_find(const struct sip_multipart *m, struct sv type,
					  const struct sip_part *after)
{
	struct sv want[2], have[2];

	if (!media_type(&type, &want[0], &want[1]))
		return NULL;
	for (const struct sip_part *part = after ? after + 1 : m->part; part < m->part + m->n;
	     part++) {
		struct sv value = part->content_type.n ? part->content_type : SV("text/plain");
		if (media_type(&value, &have[0], &have[1]) && sv_ieq(want[0], have[0]) &&
		    sv_ieq(want[1], have[1]))
			return part;
	}
	return NULL;
}
