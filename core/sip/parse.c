/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * parse: the one pass over a message.
 *
 *   SIP-message    = start-line *( header-name HCOLON value CRLF ) CRLF [ body ]
 *   Request-Line   = Method SP Request-URI SP SIP-Version
 *   Status-Line    = SIP-Version SP 3DIGIT SP Reason-Phrase
 *   HCOLON         = *( SP / HTAB ) ":" SWS
 */
#include "sip/parse.h"

#include "sip/header_find.h"
#include "sip/scan.h"

/* A CRLF that white space follows goes on as the same line (§7.3.1); the last line needs the byte behind it. */
enum line_end { LINE_OPEN, LINE_ENDS, LINE_FOLDS };

/* The first fault is kept, but for one that leaves the next boundary of a stream unknown: that must not hide behind one
 * after which the stream goes on. */
static void note(struct sip_msg *msg, const char *pos, enum sip_fault fault, enum sip_hid hid)
{
	if (msg->fault.fault && (sip_fault_framing(msg->fault.fault) || !sip_fault_framing(fault)))
		return;
	msg->fault = (struct sip_where){(uint32_t)(pos - msg->buf), (uint8_t)fault, (uint8_t)hid};
}

static int fail(struct sip_msg *msg, const char *pos, enum sip_fault fault, int err)
{
	msg->fault.fault = SIP_OK; /* what ends the parse is the one that is told */
	note(msg, pos, fault, SIP_H_OTHER);
	return err;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- start line ---- */

/* "SIP/2.0" in any case (§7.1), mostly in upper case. */
static inline bool is_version(const char *p)
{
	return memcmp(p, "SIP/2.0", 7) == 0 || sv_ieq(sv_of(p, 7), SV("SIP/2.0"));
}

static void status_line(struct sip_msg *msg, const char *p, const char *end)
{
	msg->kind = SIP_KIND_RESPONSE;
	if (end - p < 8 || p[7] != ' ' || !is_version(p)) {
		note(msg, p, SIP_FAULT_VERSION, SIP_H_OTHER);
		return;
	}
	const char *code = p + 8;
	uint32_t status = 0;
	for (int i = 0; i < 3 && code + i < end && lex_is(code[i], LEX_DIGIT); i++)
		status = status * 10 + (uint32_t)(code[i] - '0');
	if (status < 100 || status > 699 || (end - code > 3 && code[3] != ' ')) {
		note(msg, code, SIP_FAULT_STATUS_LINE, SIP_H_OTHER);
		return;
	}
	msg->status = (uint16_t)status;
	const char *reason =
		end - code > 3 ? code + 4 : end; /* some leave out the last SP with the phrase */
	msg->reason = (uint16_t)(reason - msg->buf);
	msg->reason_n = (uint16_t)(end - reason);
}

/* A line that begins with a token and is nearly a Request-Line: say what is wrong, keep what can be read. */
static MG_COLD int odd_request_line(struct sip_msg *msg, const char *p, const char *end)
{
	const char *stop = end;

	while (blank(stop[-1]))
		stop--;
	const char *word = stop;
	while (word > p && !blank(word[-1]))
		word--;
	struct sv version = sv_span(word, stop);
	if (word == p || version.n < 5 || !sv_ieq(sv_of(version.p, 4), SV("SIP/")))
		return fail(msg, p, SIP_FAULT_NOT_SIP, MG_EPARSE);
	bool known = version.n == 7 && is_version(word);
	note(msg, known ? p : word, known ? SIP_FAULT_REQUEST_LINE : SIP_FAULT_VERSION,
	     SIP_H_OTHER);
	struct sv uri = sv_trim(sv_span(p + msg->method_n, word));
	msg->ruri = (uint16_t)(uri.p - msg->buf);
	msg->ruri_n = (uint16_t)uri.n;
	return 0;
}

/* `p` is at a token, as start_line made sure; `tab`: an HTAB stands somewhere in the line. */
static int request_line(struct sip_msg *msg, const char *p, const char *end, bool tab)
{
	const char *q = lex_run(p, end, LEX_TOKEN);

	msg->kind = SIP_KIND_REQUEST;
	msg->method_n = (uint16_t)(q - p);
	msg->method = (uint8_t)sip_method_find(sv_span(p, q));
	if (q - p > SIP_IDENT_MAX)
		note(msg, p, SIP_FAULT_TOO_LONG, SIP_H_OTHER);
	if (tab || end - q < 10 || q[0] != ' ' || end[-8] != ' ' || !is_version(end - 7))
		return odd_request_line(msg, p, end);
	const char *uri = q + 1, *uri_end = end - 8;
	if (scan_byte(uri, uri_end, ' ') != uri_end)
		return odd_request_line(msg, p, end);
	msg->ruri = (uint16_t)(uri - msg->buf);
	msg->ruri_n = (uint16_t)(uri_end - uri);
	return 0;
}

/* Read the start line. Returns 0 and sets msg->headers, MG_EPARTIAL while its end is missing, or what is final. */
static int start_line(struct sip_msg *msg, const char *end)
{
	const char *p = msg->buf;
	const char *limit = end - p > SIP_START_LINE_MAX + 2 ? p + SIP_START_LINE_MAX + 2 : end;
	const char *q = p;
	bool tab = false;

	if (!lex_is(*p, LEX_TOKEN))
		return fail(msg, p, SIP_FAULT_NOT_SIP, MG_EPARSE);
	for (;;) {
		q = scan_control(q, limit);
		if (q == limit || q + 1 == limit) {
			if (limit == end && end - p <= SIP_START_LINE_MAX + 1)
				return MG_EPARTIAL;
			return fail(msg, p, SIP_FAULT_START_LINE_TOO_LONG, MG_ELIMIT);
		}
		if (q[0] == '\r' && q[1] == '\n')
			break;
		if (*q != '\t')
			return fail(msg, q, SIP_FAULT_NOT_SIP, MG_EPARSE);
		tab = true;
		q++;
	}
	msg->headers = (uint16_t)(q + 2 - p);
	if (q - p > 4 && p[3] == '/' && sv_ieq(sv_of(p, 3), SV("SIP"))) {
		status_line(msg, p, q);
		return 0;
	}
	return request_line(msg, p, q, tab);
}

/* ---- header lines ---- */

static enum line_end at_crlf(const char *q, const char *end)
{
	if (end - q < 3)
		return LINE_OPEN;
	return blank(q[2]) ? LINE_FOLDS : LINE_ENDS;
}

/* Find the CRLF that ends the line at `p`, minding quoted strings: only there, behind a backslash, may a control byte
 * stand (§25.1 quoted-pair). Notes what is wrong and goes on to the end of the line.
 *
 * Returns    the CR, NULL when the bytes do not reach to the end of the line.
 */
static MG_COLD const char *careful_line_end(struct sip_msg *msg, const char *v, const char *end)
{
	const char *escaped = NULL; /* the first control byte behind a backslash */
	bool quoted = false;

	for (const char *q = v; q < end; q++) {
		unsigned char c = (unsigned char)*q;
		if (c == '\r' && q + 1 < end && q[1] == '\n') {
			enum line_end kind = at_crlf(q, end);
			if (kind != LINE_FOLDS) {
				if (quoted && escaped) /* no quoted string after all */
					note(msg, escaped, SIP_FAULT_CONTROL_BYTE, SIP_H_OTHER);
				return kind == LINE_ENDS ? q : NULL;
			}
			q += 2;
		} else if (c == '\r' || c == '\n') {
			if (c == '\r' && q + 1 == end)
				return NULL;
			note(msg, q, SIP_FAULT_LINE_END, SIP_H_OTHER);
		} else if (c == '"') {
			quoted = !quoted;
		} else if (c == '\\' && quoted && q + 1 < end && q[1] != '\r' && q[1] != '\n') {
			q++;
			if (!escaped && ((unsigned char)*q < 0x20 || *q == 0x7f))
				escaped = q;
		} else if ((c < 0x20 && c != '\t') || c == 0x7f) {
			note(msg, q, SIP_FAULT_CONTROL_BYTE, SIP_H_OTHER);
		}
	}
	return NULL;
}

/* As careful_line_end, for the lines in which no control byte but HTAB stands before the CRLF: nearly all. */
static inline const char *line_end(struct sip_msg *msg, const char *v, const char *end)
{
	const char *q = v;

	for (;;) {
		q = scan_control(q, end);
		if (end - q >= 3 && memcmp(q, "\r\n", 2) == 0 && !blank(q[2]))
			return q;
		if (q == end)
			return NULL;
		if (__builtin_expect(q[0] == '\r' && q + 1 < end && q[1] == '\n', 1)) {
			enum line_end kind = at_crlf(q, end);
			if (kind != LINE_FOLDS)
				return kind == LINE_ENDS ? q : NULL;
			q += 3;
		} else if (*q == '\t') {
			do
				q++;
			while (q < end && *q == '\t');
		} else {
			return careful_line_end(msg, v, end);
		}
	}
}

/* The name of a line that does not begin with the name of a header in the table and a colon. Returns where the value
 * begins; where there is no name, that is `p` itself. */
static MG_COLD const char *other_name(struct sip_msg *msg, struct sip_line *line, const char *p,
				      const char *q)
{
	const char *stop = lex_run(p, q, LEX_TOKEN);

	line->name_n = (uint16_t)(stop - p);
	line->id = (uint8_t)sip_header_find(sv_span(p, stop), line->name_n);
	while (stop < q && blank(*stop))
		stop++;
	if (stop < q && *stop == ':' && line->name_n) {
		if (line->name_n > SIP_HEADER_NAME_MAX)
			note(msg, p, SIP_FAULT_TOO_LONG, SIP_H_OTHER);
		return stop + 1;
	}
	note(msg, stop, stop == q ? SIP_FAULT_NO_COLON : SIP_FAULT_HEADER_NAME, SIP_H_OTHER);
	line->name_n = 0;
	line->id = SIP_H_OTHER;
	return p;
}

/* Read the name of the line from `p` to its CR at `q`, of which `room` bytes may be read. Returns as other_name. */
static inline const char *header_name(struct sip_msg *msg, struct sip_line *line, const char *p,
				      const char *q, size_t room)
{
	unsigned m = room >= SCAN_STEP ? scan_mask_byte(p, ':') : 0;
	size_t n = m ? (unsigned)__builtin_ctz(m) : 0;

	if (p + n >= q)
		return other_name(msg, line, p, q);
	line->id = (uint8_t)header_find(p, n, room);
	line->name_n = (uint16_t)n;
	return line->id != SIP_H_OTHER ? p + n + 1 : other_name(msg, line, p, q);
}

/* A further line of a header. */
static inline void link_again(struct sip_msg *msg, uint8_t id, unsigned i)
{
	msg->line[msg->last[id]].next = (uint8_t)i;
	if (sip_header(id)->count == SIP_ONE)
		msg->again = true;
}

static inline void link_line(struct sip_msg *msg, struct sip_line *line, unsigned i)
{
	uint8_t id = line->id;

	line->next = SIP_NO_LINE;
	line->typed = 0;
	if (msg->first[id] == SIP_NO_LINE)
		msg->first[id] = (uint8_t)i;
	else
		link_again(msg, id, i);
	msg->last[id] = (uint8_t)i;
}

/* Index the header line from `p` to its CR at `q`. */
static inline void header_line(struct sip_msg *msg, const char *buf, const char *p, const char *q,
			       const char *end, unsigned i)
{
	struct sip_line *line = &msg->line[i];
	const char *v = header_name(msg, line, p, q, (size_t)(end - p)), *stop = q;

	if (q - p > SIP_HEADER_LINE_MAX)
		note(msg, p, SIP_FAULT_TOO_LONG, line->id);
	if (*v == ' ') /* at `q`, a CR */
		v++;
	v = lex_space(v, q);
	while (stop > v && lex_is(stop[-1], LEX_SPACE))
		stop--;
	line->name = (uint16_t)(p - buf);
	line->value = (uint16_t)(v - buf);
	line->value_n = (uint16_t)(stop - v);
	link_line(msg, line, i);
}

/* Index the header lines and find the blank line. Returns 0, MG_EPARTIAL, or what is final. */
static int header_lines(struct sip_msg *msg, const char *end)
{
	const char *buf = msg->buf, *p = buf + msg->headers;
	const char *limit = end - p > SIP_HEADER_SECTION_MAX ? p + SIP_HEADER_SECTION_MAX : end;
	int err = MG_EPARTIAL;
	unsigned n = 0;

	while (end - p >= 2) {
		if (p[0] == '\r' && p[1] == '\n') {
			msg->body = (uint32_t)(p + 2 - buf);
			err = 0;
			break;
		}
		const char *q = line_end(msg, p, end);
		if (q ? q + 2 > limit : end > limit)
			err = fail(msg, p, SIP_FAULT_SECTION_TOO_LONG, MG_ELIMIT);
		else if (q && n == SIP_HEADER_LINES_MAX)
			err = fail(msg, p, SIP_FAULT_TOO_MANY_HEADERS, MG_ELIMIT);
		if (!q || err != MG_EPARTIAL)
			break;
		header_line(msg, buf, p, q, end, n++);
		p = q + 2;
	}
	msg->lines = (uint8_t)n;
	msg->end = (uint16_t)(p - buf);
	return err;
}

static int index_message(struct sip_msg *msg, const char *end)
{
	int err = start_line(msg, end);

	return err ? err : header_lines(msg, end);
}

/* ---- body ---- */

/* The one Content-Length (§20.14, P-5): 1 to 6 digits. Returns false and notes what is wrong; *length is not set
 * when the header is absent. */
static bool content_length(struct sip_msg *msg, bool *present, uint32_t *length)
{
	*present = sip_has(msg, SIP_H_CONTENT_LENGTH);
	if (!*present)
		return true;
	const struct sip_line *line = &msg->line[msg->first[SIP_H_CONTENT_LENGTH]];
	struct sv v = sip_line_value(msg, line);
	if (line->next != SIP_NO_LINE) {
		const char *second = msg->buf + msg->line[line->next].name;
		note(msg, second, SIP_FAULT_LENGTH_TWICE, SIP_H_CONTENT_LENGTH);
		return false;
	}
	if (v.n > SIP_CONTENT_LENGTH_DIGITS_MAX || sv_u32(v, UINT32_MAX, length) != 0) {
		note(msg, v.p, SIP_FAULT_LENGTH_BAD, SIP_H_CONTENT_LENGTH);
		return false;
	}
	return true;
}

static void begin(struct sip_msg *msg, const char *buf)
{
	msg->buf = buf;
	msg->len = msg->body = 0;
	msg->kind = SIP_KIND_NONE;
	msg->method = SIP_METHOD_OTHER;
	msg->status = msg->method_n = 0;
	msg->ruri = msg->ruri_n = msg->reason = msg->reason_n = 0;
	msg->headers = msg->end = 0;
	msg->values = msg->used = offsetof(struct sip_msg, space);
	msg->lines = 0;
	msg->uri_known = msg->again = false;
	msg->fault = (struct sip_where){0};
	memset(msg->first, SIP_NO_LINE, sizeof(msg->first));
}

static int told(const struct sip_msg *msg, struct sip_where *at, int err)
{
	*at = msg->fault;
	return err;
}

/* Keepalives that come as datagrams: CRLFs, or up to four bytes of anything (some phones send NULs). */
static bool keepalive(struct sip_msg *msg, const char *buf, size_t len)
{
	if (len > 4)
		return false;
	struct sv v = sv_of(buf, len);
	msg->kind = sv_eq(v, SV("\r\n\r\n")) ? SIP_KIND_PING
		    : sv_eq(v, SV("\r\n"))   ? SIP_KIND_CRLF
					     : SIP_KIND_NOISE;
	msg->len = msg->body = (uint32_t)len;
	return true;
}

int sip_parse_datagram(struct sip_msg *msg, const char *buf, size_t len, struct sip_where *at)
{
	size_t skip = 0;
	uint32_t length = 0;
	bool present;

	begin(msg, buf);
	if (len == 0) {
		msg->kind = SIP_KIND_NOISE;
		return told(msg, at, fail(msg, buf, SIP_FAULT_NOT_SIP, MG_EPARSE));
	}
	if (keepalive(msg, buf, len))
		return (int)len;
	while (len - skip >= 2 && buf[skip] == '\r' && buf[skip + 1] == '\n')
		skip += 2; /* §7.5: CRLFs before the start line are ignored */
	if (skip == len) {
		msg->kind = SIP_KIND_NOISE;
		msg->len = msg->body = (uint32_t)len;
		return (int)len;
	}
	msg->buf = buf += skip;
	len -= skip;
	bool large = len > SIP_DATAGRAM_MAX;
	if (large)
		len = SIP_DATAGRAM_MAX;
	int err = index_message(msg, buf + len);
	if (err == MG_EPARTIAL)
		err = large ? fail(msg, buf + len, SIP_FAULT_MESSAGE_TOO_LARGE, MG_ELIMIT)
			    : fail(msg, buf + len, SIP_FAULT_NO_BLANK_LINE, MG_EPARSE);
	if (err)
		return told(msg, at, err);
	if (large)
		note(msg, buf + len, SIP_FAULT_MESSAGE_TOO_LARGE, SIP_H_OTHER);
	msg->len = (uint32_t)len;
	if (content_length(msg, &present, &length) && present) {
		if (length > len - msg->body)
			note(msg, sip_value(msg, SIP_H_CONTENT_LENGTH).p, SIP_FAULT_LENGTH_BEYOND,
			     SIP_H_CONTENT_LENGTH);
		else
			msg->len = msg->body + length;
	}
	return (int)(skip + msg->len);
}

/* CRLFs before a message. Returns bytes consumed, 0 when a message begins, or an error. */
static int stream_crlf(struct sip_msg *msg, struct sip_stream *stream, const char *buf, size_t len)
{
	if (buf[0] != '\r')
		return 0;
	if (len == 1)
		return MG_EPARTIAL;
	if (buf[1] != '\n')
		return fail(msg, buf, SIP_FAULT_NOT_SIP, MG_EPARSE);
	msg->kind = stream->crlf ? SIP_KIND_PING : SIP_KIND_CRLF;
	msg->len = msg->body = 2;
	stream->crlf = !stream->crlf;
	return 2;
}

/* Whether the header section may be complete by now: the first call tries, later ones look for the blank line in
 * what is new, so that a message that comes byte by byte costs no more than one that comes whole. */
static bool worth_indexing(struct sip_stream *stream, const char *buf, size_t len)
{
	size_t from = stream->seen > 3 ? stream->seen - 3 : 0;

	if (stream->need)
		return len >= stream->need;
	if (stream->seen == 0 || len - stream->seen == 0)
		return stream->seen == 0;
	if (len > SIP_START_LINE_MAX + SIP_HEADER_SECTION_MAX + 4)
		return true; /* a limit is passed: the index says which */
	return memmem(buf + from, len - from, "\r\n\r\n", 4) != NULL;
}

/* Nothing complete yet: refuse at once what cannot become SIP (B-12). */
static int stream_partial(struct sip_msg *msg, struct sip_stream *stream, size_t len)
{
	if (!stream->line_ok) {
		int err = start_line(msg, msg->buf + len);
		if (err && err != MG_EPARTIAL)
			return err;
		stream->line_ok = err == 0;
	}
	stream->seen = (uint32_t)len;
	return MG_EPARTIAL;
}

/* The header section is there: frame the body. */
static int stream_frame(struct sip_msg *msg, struct sip_stream *stream, size_t len)
{
	uint32_t length = 0;
	bool present;

	msg->len = msg->body;
	if (!content_length(msg, &present, &length))
		return (int)msg->len;
	if (!present) {
		note(msg, msg->buf + msg->end, SIP_FAULT_LENGTH_MISSING, SIP_H_CONTENT_LENGTH);
		return (int)msg->len;
	}
	if (msg->body + length > SIP_STREAM_MESSAGE_MAX) {
		note(msg, sip_value(msg, SIP_H_CONTENT_LENGTH).p, SIP_FAULT_MESSAGE_TOO_LARGE,
		     SIP_H_CONTENT_LENGTH);
		return (int)msg->len;
	}
	if (len < msg->body + length) {
		stream->need = msg->body + length;
		stream->seen = (uint32_t)len;
		return MG_EPARTIAL;
	}
	msg->len = msg->body + length;
	*stream = (struct sip_stream){0};
	return (int)msg->len;
}

int sip_parse_stream(struct sip_msg *msg, struct sip_stream *stream, const char *buf, size_t len,
		     struct sip_where *at)
{
	begin(msg, buf);
	if (len == 0)
		return MG_EPARTIAL;
	if (len > SIP_STREAM_MESSAGE_MAX)
		len = SIP_STREAM_MESSAGE_MAX; /* no single message is longer; what is behind comes next */
	int err = stream_crlf(msg, stream, buf, len);
	if (err > 0)
		return err;
	if (err == 0) {
		stream->crlf = false;
		err = worth_indexing(stream, buf, len) ? index_message(msg, buf + len)
						       : MG_EPARTIAL;
		if (err == 0)
			return stream_frame(msg, stream, len);
		if (err == MG_EPARTIAL)
			err = stream_partial(msg, stream, len);
	}
	return err == MG_EPARTIAL ? err : told(msg, at, err);
}
