/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * text: one pass over the lines of a message, told apart by their first letter. Full and compact
 * names, any case; no folding, no escapes, no comments.
 */
#include "load/text.h"

static const char DIGITS[] = "0123456789abcdef";

void text_hex(char out[16], uint64_t value)
{
	for (int i = 15; i >= 0; i--, value >>= 4)
		out[i] = DIGITS[value & 15];
}

bool text_unhex(const char *p, uint64_t *value)
{
	uint64_t v = 0;

	for (int i = 0; i < 16; i++) {
		unsigned c = (unsigned char)p[i];
		unsigned digit = c - '0' < 10 ? c - '0' : c - 'a' < 6 ? c - 'a' + 10 : 16;

		if (digit > 15)
			return false;
		v = v << 4 | digit;
	}
	*value = v;
	return true;
}

struct sv text_param(struct sv value, struct sv name)
{
	const char *at = value.p, *end = value.p + value.n, *p;

	while (at < end && (at = memchr(at, ';', (size_t)(end - at))) &&
	       !sv_starts(sv_span(at, end), name))
		at++;
	if (!at || at == end)
		return sv_of("", 0);
	for (p = at += name.n; p < end && *p != ';' && *p != ',' && *p != '>'; p++)
		;
	return sv_span(at, p);
}

static enum text_method method_of(struct sv name)
{
	if (sv_eq(name, SV("INVITE")))
		return TEXT_INVITE;
	if (sv_eq(name, SV("ACK")))
		return TEXT_ACK;
	return sv_eq(name, SV("BYE")) ? TEXT_BYE : TEXT_OTHER;
}

/* The line is the header `name` or its compact form (0 for none); its value then. */
static bool named(struct sv line, struct sv name, char compact, struct sv *value)
{
	size_t n = line.n > name.n && line.p[name.n] == ':' ? name.n : 1;

	if (line.n <= n || line.p[n] != ':')
		return false;
	if (n == 1 ? sv_lower(line.p[0]) != compact
		   : memcmp(line.p, name.p, n) != 0 && !sv_ieq(sv_of(line.p, n), name))
		return false;
	*value = sv_trim(sv_of(line.p + n + 1, line.n - n - 1));
	return true;
}

static unsigned entries(struct sv value)
{
	unsigned n = 1;

	for (size_t at; (at = sv_find(value, ',')) < value.n; n++)
		value = sv_of(value.p + at + 1, value.n - at - 1);
	return n;
}

static void take_via(struct text *t, struct sv value)
{
	if (t->vias == 0)
		t->via = sv_of(value.p, sv_find(value, ','));
	t->vias += entries(value);
}

static void take_record_route(struct text *t, struct sv value)
{
	for (bool more = true; more;) {
		size_t comma = sv_find(value, ',');

		if (t->record_routes < TEXT_ROUTES)
			t->record_route[t->record_routes] = sv_trim(sv_of(value.p, comma));
		t->record_routes++;
		more = comma < value.n;
		if (more)
			value = sv_of(value.p + comma + 1, value.n - comma - 1);
	}
}

/* A header that comes once, and of which a response repeats the line. */
static int take_once(struct text *t, struct sv *field, struct sv value, struct sv whole)
{
	if (field->p || t->echoes == TEXT_ECHO)
		return MG_EPARSE;
	*field = value;
	t->echo[t->echoes++] = whole;
	return 0;
}

static int take_echo(struct text *t, struct sv whole)
{
	if (t->echoes == TEXT_ECHO)
		return MG_EPARSE;
	t->echo[t->echoes++] = whole;
	return 0;
}

static int take_c(struct text *t, struct sv line, struct sv whole, uint32_t *length)
{
	struct sv value;

	if (named(line, SV("Call-ID"), 0, &value))
		return take_once(t, &t->call_id, value, whole);
	if (named(line, SV("CSeq"), 0, &value))
		return take_once(t, &t->cseq, value, whole);
	if (named(line, SV("Contact"), 0, &value))
		t->contact = value;
	else if (named(line, SV("Content-Length"), 0, &value))
		return sv_u32(value, 1u << 20, length);
	return 0;
}

static int take_r(struct text *t, struct sv line, struct sv whole)
{
	struct sv value;

	if (named(line, SV("Record-Route"), 0, &value)) {
		take_record_route(t, value);
		return take_echo(t, whole);
	}
	if (named(line, SV("Route"), 0, &value))
		t->routes += entries(value);
	return 0;
}

/* One header line. `whole` is the line with its end. */
static int take_line(struct text *t, struct sv line, struct sv whole, uint32_t *length)
{
	struct sv value;

	switch (sv_lower(line.p[0])) {
	case 'v':
		if (!named(line, SV("Via"), 'v', &value))
			return 0;
		take_via(t, value);
		return take_echo(t, whole);
	case 'r': return take_r(t, line, whole);
	case 'f':
		return named(line, SV("From"), 'f', &value) ? take_once(t, &t->from, value, whole)
							    : 0;
	case 't':
		if (!named(line, SV("To"), 't', &value))
			return 0;
		t->to_at = t->echoes;
		return take_once(t, &t->to, value, whole);
	case 'i':
		return named(line, SV("Call-ID"), 'i', &value)
			       ? take_once(t, &t->call_id, value, whole)
			       : 0;
	case 'c': return take_c(t, line, whole, length);
	case 'l': return named(line, SV("l"), 'l', &value) ? sv_u32(value, 1u << 20, length) : 0;
	case 'm':
		if (named(line, SV("Max-Forwards"), 0, &value))
			return sv_u32(value, 255, &t->max_forwards);
		if (named(line, SV("m"), 'm', &value))
			t->contact = value;
		return 0;
	case ' ':
	case '\t': return MG_EPARSE;
	default: return 0;
	}
}

/* The line at `p` without its end, which must be CRLF; *next is behind it. */
static int line_at(const char *p, const char *end, struct sv *line, const char **next)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	if (!lf || lf == p || lf[-1] != '\r')
		return MG_EPARSE;
	*line = sv_span(p, lf - 1);
	*next = lf + 1;
	return 0;
}

static int take_start(struct text *t, struct sv line)
{
	uint32_t status;

	if (sv_starts(line, SV("SIP/2.0 "))) {
		if (line.n < 12 || line.p[11] != ' ' ||
		    sv_u32(sv_of(line.p + 8, 3), 699, &status) || status < 100)
			return MG_EPARSE;
		t->status = status;
		return 0;
	}
	size_t space = sv_find(line, ' ');
	if (line.n < space + 10 || !sv_eq(sv_of(line.p + line.n - 8, 8), SV(" SIP/2.0")))
		return MG_EPARSE;
	t->method = method_of(sv_of(line.p, space));
	t->uri = sv_of(line.p + space + 1, line.n - space - 9);
	return 0;
}

int text_scan(struct text *t, const char *p, size_t n)
{
	const char *end = p + n, *next;
	uint32_t length = 0;
	struct sv line;

	memset(t, 0, sizeof(*t));
	t->max_forwards = 1000;
	if (line_at(p, end, &line, &next) || take_start(t, line))
		return MG_EPARSE;
	for (p = next;; p = next) {
		if (line_at(p, end, &line, &next))
			return MG_EPARSE;
		if (line.n == 0)
			break;
		if (take_line(t, line, sv_span(p, next), &length))
			return MG_EPARSE;
	}
	t->body = sv_span(next, end);
	if (t->body.n != length || !t->vias || !t->from.p || !t->to.p || !t->call_id.p ||
	    !t->cseq.p)
		return MG_EPARSE;
	if (t->status) {
		size_t space = sv_find(t->cseq, ' ');
		t->method = method_of(
			space < t->cseq.n ? sv_span(t->cseq.p + space + 1, t->cseq.p + t->cseq.n)
					  : t->cseq);
	}
	return 0;
}

long text_frame(const char *p, size_t n)
{
	const char *blank = memmem(p, n, "\r\n\r\n", 4), *end;
	uint32_t length;
	struct sv line, value;

	if (!blank)
		return 0;
	end = blank + 4;
	for (const char *at = p, *next; at < blank; at = next) {
		if (line_at(at, end, &line, &next))
			return MG_EPARSE;
		if (named(line, SV("Content-Length"), 'l', &value))
			return sv_u32(value, 1u << 20, &length) ? MG_EPARSE
								: end - p + (long)length;
	}
	return MG_EPARSE;
}
