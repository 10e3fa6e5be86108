/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lex: the tokens of libconfig's syntax, as its own scanner takes them, but stricter: a text ends
 * on its line, a comment ends at all, NUL has no escape, and numbers are read whole (libconfig 1.5
 * takes the low 32 bits of too long ones). No grammar. Called by text.c, which looks for @include,
 * scan.c and tree.c.
 *
 *	name     [A-Za-z*][-A-Za-z0-9_*]*, but true and false in any case
 *	integer  [-+]?[0-9]+L?L? | 0[Xx][0-9A-Fa-f]+L?L?
 *	float    [-+]?[0-9]*\.[0-9]*([eE][-+]?[0-9]+)? | [-+]?[0-9]+[eE][-+]?[0-9]+
 *	text     " ... ", with \" \\ \n \r \t \f \xHH
 *	comment  # ..., // ..., / * ... * /
 */
#include <string.h>

#include "conf/conf_priv.h"

void conf_lex_init(struct conf_lex *lex, struct sv text)
{
	*lex = (struct conf_lex){text.p, text.p + text.n, 1, true};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return sv_lower(c) >= 'a' && sv_lower(c) <= 'z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (sv_lower(c) >= 'a' && sv_lower(c) <= 'f');
}

/* The byte `n` behind `p`, NUL beyond the end: the text itself has none. */
static char peek(const struct conf_lex *lex, const char *p, size_t n)
{
	return (size_t)(lex->end - p) > n ? p[n] : '\0';
}

static struct conf_token token(struct conf_lex *lex, enum conf_tok kind, const char *end)
{
	struct conf_token t = {.kind = kind, .text = sv_span(lex->p, end), .line = lex->line};

	lex->p = end;
	lex->fresh = false;
	return t;
}

static struct conf_token bad(struct conf_lex *lex, const char *end, const char *allowed)
{
	struct conf_token t = token(lex, CONF_TOK_BAD, end);

	t.allowed = allowed;
	return t;
}

static const char *line_end(const struct conf_lex *lex, const char *p)
{
	const char *lf = memchr(p, '\n', (size_t)(lex->end - p));

	return lf ? lf : lex->end;
}

/* Over a comment of several lines; false when it has no end. */
static bool skip_comment(struct conf_lex *lex)
{
	struct conf_lex at = *lex;

	for (at.p += 2; at.p < at.end; at.p++) {
		if (at.p[0] == '*' && peek(&at, at.p, 1) == '/') {
			at.p += 2;
			at.fresh = false;
			*lex = at;
			return true;
		}
		at.line += at.p[0] == '\n';
	}
	return false;
}

/* Over blanks and comments; false at a comment without end. */
static bool skip(struct conf_lex *lex)
{
	while (lex->p < lex->end) {
		char c = *lex->p;

		if (c == '\n') {
			lex->line++;
			lex->fresh = true;
			lex->p++;
		} else if (c == ' ' || c == '\t') {
			lex->p++;
		} else if (c == '\r' || c == '\f') {
			lex->fresh = false;
			lex->p++;
		} else if (c == '#' || (c == '/' && peek(lex, lex->p, 1) == '/')) {
			lex->p = line_end(lex, lex->p);
		} else if (c == '/' && peek(lex, lex->p, 1) == '*') {
			if (!skip_comment(lex))
				return false;
		} else {
			break;
		}
	}
	return true;
}

static struct conf_token lex_text(struct conf_lex *lex)
{
	const char *p = lex->p + 1;
	bool nul = false;

	while (p < lex->end && *p != '"' && *p != '\n') {
		char next = peek(lex, p, 1);

		if (*p == '\\' && sv_lower(next) == 'x' && peek(lex, p, 2) == '0' &&
		    peek(lex, p, 3) == '0')
			nul = true;
		p += *p == '\\' && (next == '"' || next == '\\') ? 2 : 1;
	}
	if (p >= lex->end || *p == '\n')
		return bad(lex, p < lex->end ? p : lex->end,
			   "a text that ends with \" on its line");
	if (nul)
		return bad(lex, p + 1, "a text without NUL");
	return token(lex, CONF_TOK_TEXT, p + 1);
}

static struct conf_token lex_name(struct conf_lex *lex)
{
	const char *p = lex->p;

	while (p < lex->end && (is_alpha(*p) || is_digit(*p) || memchr("-_*", *p, 3)))
		p++;
	struct sv word = sv_span(lex->p, p);
	bool truth = sv_ieq(word, SV("true")) || sv_ieq(word, SV("false"));
	return token(lex, truth ? CONF_TOK_BOOL : CONF_TOK_NAME, p);
}

static const char *digits(const struct conf_lex *lex, const char *p)
{
	while (p < lex->end && is_digit(*p))
		p++;
	return p;
}

/* Behind an exponent at `p`, or `p` when there is none. */
static const char *exponent(const struct conf_lex *lex, const char *p)
{
	const char *q = p + 1;

	if (p >= lex->end || sv_lower(*p) != 'e')
		return p;
	if (q < lex->end && (*q == '+' || *q == '-'))
		q++;
	return q < lex->end && is_digit(*q) ? digits(lex, q) : p;
}

static const char *suffix(const struct conf_lex *lex, const char *p)
{
	if (peek(lex, p, 0) != 'L')
		return p;
	return peek(lex, p, 1) == 'L' ? p + 2 : p + 1;
}

static struct conf_token lex_number(struct conf_lex *lex)
{
	const char *first = lex->p + (*lex->p == '-' || *lex->p == '+');
	const char *p = digits(lex, first);

	if (peek(lex, p, 0) == '.')
		return token(lex, CONF_TOK_FLOAT, exponent(lex, digits(lex, p + 1)));
	if (p == first)
		return bad(lex, first, "name = value;");
	if (exponent(lex, p) > p)
		return token(lex, CONF_TOK_FLOAT, exponent(lex, p));
	if (p == lex->p + 1 && *lex->p == '0' && sv_lower(peek(lex, p, 0)) == 'x' &&
	    is_hex(peek(lex, p, 1))) {
		for (p++; p < lex->end && is_hex(*p);)
			p++;
	}
	return token(lex, CONF_TOK_INT, suffix(lex, p));
}

/* @include "name", alone on its line but for a comment. */
static struct conf_token lex_include(struct conf_lex *lex)
{
	static const char form[] = "@include \"file\" alone on its line";
	const char *end = line_end(lex, lex->p);
	struct sv line = sv_trim(sv_span(lex->p, end));
	const char *p = lex->p + 8;

	if (!lex->fresh || !sv_starts(line, SV("@include")))
		return bad(lex, end, form);
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == lex->p + 8 || p >= end || *p != '"')
		return bad(lex, end, form);
	struct sv rest = sv_span(p + 1, end);
	struct sv name = sv_of(rest.p, sv_find(rest, '"'));
	if (name.n == 0 || name.n == rest.n || sv_find(name, '\\') < name.n)
		return bad(lex, end, form);
	rest = sv_trim(sv_span(name.p + name.n + 1, end));
	if (rest.n && rest.p[0] != '#' && !sv_starts(rest, SV("//")))
		return bad(lex, end, form);
	struct conf_token t = token(lex, CONF_TOK_INCLUDE, end);
	t.text = name;
	return t;
}

/* The whole of a character, so that it can be shown. */
static struct conf_token lex_other(struct conf_lex *lex)
{
	const char *p = lex->p + 1;

	while (p < lex->end && ((unsigned char)*p & 0xc0) == 0x80)
		p++;
	return bad(lex, p, "name = value;");
}

struct conf_token conf_lex_next(struct conf_lex *lex)
{
	if (!skip(lex)) {
		struct conf_token t = bad(lex, lex->p + 2, "a comment that ends with */");

		t.open = true;
		lex->p = lex->end;
		return t;
	}
	if (lex->p == lex->end)
		return token(lex, CONF_TOK_END, lex->p);
	const char *next = lex->p + 1;
	switch (*lex->p) {
	case '"': return lex_text(lex);
	case '{':
	case '(':
	case '[': return token(lex, CONF_TOK_OPEN, next);
	case '}':
	case ')':
	case ']': return token(lex, CONF_TOK_CLOSE, next);
	case '=':
	case ':': return token(lex, CONF_TOK_EQUALS, next);
	case ',': return token(lex, CONF_TOK_COMMA, next);
	case ';': return token(lex, CONF_TOK_SEMICOLON, next);
	case '@': return lex_include(lex);
	default: break;
	}
	if (is_alpha(*lex->p) || *lex->p == '*')
		return lex_name(lex);
	if (is_digit(*lex->p) || memchr("-+.", *lex->p, 3))
		return lex_number(lex);
	return lex_other(lex);
}

static unsigned digit_of(char c)
{
	return is_digit(c) ? (unsigned)(c - '0') : (unsigned)(sv_lower(c) - 'a') + 10;
}

int conf_lex_int(struct sv token, int64_t *out)
{
	bool minus = token.n && token.p[0] == '-';
	size_t i = token.n && (minus || token.p[0] == '+');
	uint64_t base = 10, n = 0;
	/* One more below zero than above: two's complement. */
	uint64_t max = (uint64_t)INT64_MAX + minus;

	if (token.n > 2 && sv_lower(token.p[1]) == 'x') {
		base = 16;
		i = 2;
	}
	for (; i < token.n && token.p[i] != 'L'; i++) {
		unsigned d = digit_of(token.p[i]);

		if (n > (max - d) / base)
			return MG_ERANGE;
		n = n * base + d;
	}
	*out = (int64_t)(minus ? 0 - n : n);
	return 0;
}

/* Bytes of the character at `p`, 0 when it is none: shortest form, no surrogates, up to U+10FFFF. */
static size_t utf8_char(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len == 0 || p[0] == 0 || p[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

size_t conf_utf8_bad(struct sv text)
{
	size_t i = 0;

	while (i < text.n) {
		size_t len = utf8_char((const unsigned char *)text.p + i, text.n - i);

		if (len == 0)
			break;
		i += len;
	}
	return i;
}
