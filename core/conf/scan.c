/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * scan: the grammar of libconfig over the tokens of lex.c, before libconfig sees the text: because it
 * bounds nothing, names no bracket that stays open, and forgets on which line an item of a list
 * stood. Notes the place of each setting in the order in which libconfig will make them. Reports all
 * tokens that are none and the first break of the grammar. Called by text.c.
 *
 *	group = *( name ("=" / ":") value [";" / ","] )
 *	list  = "(" [ value *( "," value ) ] ")"
 *	array = "[" [ scalar *( "," scalar ) ] "]"
 *	value = scalar / list / array / "{" group "}"          texts side by side are one, but not in lists
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"

enum want {
	WANT_FIRST, /* a name, an item, or the closing bracket */
	WANT_EQUALS,
	WANT_VALUE,
	WANT_NEXT, /* what comes behind a value */
};

struct key {
	struct sv name;
	uint32_t line;
};

struct frame {
	char open; /* its bracket; NUL for the whole text */
	enum want want;
	uint32_t line; /* of the bracket */
	size_t n;      /* keys, or items */
	bool text;     /* the value before is a text */
	struct key keys[CONF_KEYS_MAX];
};

struct scan {
	struct conf_text *text;
	struct conf_faults *faults;
	struct conf_lex lex;
	size_t depth, room; /* frames below the current one; places allocated */
	int err;
	struct frame frames[CONF_DEPTH_MAX + 1];
};

static struct frame *top(struct scan *s)
{
	return &s->frames[s->depth];
}

static bool is_list(const struct frame *f)
{
	return f->open == '(' || f->open == '[';
}

static char closing(char open)
{
	return open == '{' ? '}' : open == '(' ? ')' : ']';
}

/* Where the scan is, "zones[0].listen: "; nothing at the outermost level. */
static void add_path(const struct scan *s, struct conf_line *out)
{
	size_t begin = out->n;

	for (size_t i = 0; i <= s->depth; i++) {
		const struct frame *f = &s->frames[i];
		bool inside = i < s->depth; /* of its last setting */
		bool at = f->want == WANT_VALUE || (is_list(f) && f->want == WANT_FIRST);

		if (!inside && !at)
			break;
		if (is_list(f)) {
			conf_line_add(out, "[%zu]", f->n - inside);
		} else {
			conf_line_add(out, "%s", i ? "." : "");
			conf_line_bare(out, f->keys[f->n - 1].name);
		}
	}
	if (out->n > begin)
		conf_line_add(out, ": ");
}

/* By its kind: what is out of place here may be half of a password. */
static void add_found(const struct conf_token *t, struct conf_line *out)
{
	switch (t->kind) {
	case CONF_TOK_END: conf_line_add(out, "the end of the file"); break;
	case CONF_TOK_NAME: conf_line_add(out, "a name"); break;
	case CONF_TOK_BOOL: conf_line_add(out, "true or false"); break;
	case CONF_TOK_INT:
	case CONF_TOK_FLOAT: conf_line_add(out, "a number"); break;
	case CONF_TOK_TEXT: conf_line_add(out, "a text"); break;
	case CONF_TOK_INCLUDE: conf_line_add(out, "an @include"); break;
	case CONF_TOK_OPEN:
	case CONF_TOK_CLOSE:
	case CONF_TOK_EQUALS:
	case CONF_TOK_COMMA:
	case CONF_TOK_SEMICOLON: conf_line_quote(out, t->text); break;
	case CONF_TOK_BAD:
		if (t->text.p[0] == '"')
			conf_line_add(out, "a text");
		else if (t->text.p[0] == '@' && !sv_starts(t->text, SV("@include")))
			conf_line_add(out, "\"@\"");
		else
			conf_line_quote(out, t->text);
		break;
	}
}

static void fault(struct scan *s, const struct conf_token *t, const char *allowed)
{
	struct conf_line line;

	conf_line_init(&line);
	conf_text_where(s->text, t->line, &line);
	conf_line_add(&line, ": ");
	add_path(s, &line);
	conf_line_add(&line, "found ");
	add_found(t, &line);
	conf_faults_add(s->faults, "%s, allowed: %s", line.s, allowed);
	s->err = MG_EPARSE;
}

/* The grammar is broken: nothing behind can be understood. */
static bool stop(struct scan *s, const struct conf_token *t, const char *allowed)
{
	fault(s, t, allowed);
	return false;
}

static bool add_place(struct scan *s, const struct conf_token *t, uint32_t first)
{
	struct conf_text *text = s->text;

	if (text->n_places == CONF_SETTINGS_MAX) {
		struct conf_line line;

		conf_line_init(&line);
		conf_line_add(&line, "at most %d settings and items together", CONF_SETTINGS_MAX);
		return stop(s, t, line.s);
	}
	if (text->n_places == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct conf_place *more = malloc(room * sizeof(*more));

		if (!more) {
			s->err = MG_ENOMEM;
			return false;
		}
		if (text->n_places)
			memcpy(more, text->places, text->n_places * sizeof(*more));
		free(text->places);
		text->places = more;
		s->room = room;
	}
	text->places[text->n_places++] =
		(struct conf_place){t->line, (uint32_t)(t->text.p - text->p), first};
	return true;
}

static bool take_name(struct scan *s, const struct conf_token *t)
{
	struct frame *f = top(s);
	uint32_t first = 0;

	if (f->n == CONF_KEYS_MAX) {
		struct conf_line line;

		conf_line_init(&line);
		conf_line_add(&line, "at most %d keys in one group", CONF_KEYS_MAX);
		return stop(s, t, line.s);
	}
	for (size_t i = 0; i < f->n && !first; i++) {
		if (sv_eq(f->keys[i].name, t->text))
			first = f->keys[i].line;
	}
	f->keys[f->n++] = (struct key){t->text, t->line};
	f->want = WANT_EQUALS;
	return add_place(s, t, first);
}

static bool take_value(struct scan *s, const struct conf_token *t)
{
	struct frame *f = top(s);

	f->want = WANT_NEXT;
	f->text = t->kind == CONF_TOK_TEXT;
	if (is_list(f)) {
		f->n++;
		if (!add_place(s, t, 0))
			return false;
	}
	if (t->kind != CONF_TOK_OPEN)
		return true;
	if (f->open == '[')
		return stop(s, t, "numbers, texts, true and false in [ ]; lists are ( )");
	if (s->depth == CONF_DEPTH_MAX) {
		struct conf_line line;

		conf_line_init(&line);
		conf_line_add(&line, "at most %d brackets within each other", CONF_DEPTH_MAX);
		return stop(s, t, line.s);
	}
	s->depth++;
	f = top(s);
	f->open = t->text.p[0];
	f->want = WANT_FIRST;
	f->line = t->line;
	f->n = 0;
	return true;
}

/* What would be right instead of `t`. */
static bool refuse(struct scan *s, const struct conf_token *t)
{
	const struct frame *f = top(s);
	struct conf_line a;

	conf_line_init(&a);
	if (t->kind == CONF_TOK_NAME &&
	    (f->want == WANT_VALUE || (is_list(f) && f->want == WANT_FIRST))) {
		conf_line_add(&a, "a value; texts stand in \"quotes\"");
	} else if ((t->kind == CONF_TOK_END || t->kind == CONF_TOK_CLOSE) &&
		   f->want != WANT_VALUE && f->want != WANT_EQUALS && f->open) {
		conf_line_add(&a, "%c for the %c of ", closing(f->open), f->open);
		conf_text_where(s->text, f->line, &a);
	} else if (f->want == WANT_EQUALS) {
		conf_line_add(&a, "= and a value");
	} else if (f->want == WANT_VALUE) {
		conf_line_add(&a, "a value");
	} else if (is_list(f)) {
		conf_line_add(&a, "%s or %c", f->want == WANT_NEXT ? "," : "a value",
			      closing(f->open));
	} else {
		conf_line_add(&a, "name = value;");
	}
	return stop(s, t, a.s);
}

static bool take_close(struct scan *s, const struct conf_token *t)
{
	const struct frame *f = top(s);

	if (!f->open || t->text.p[0] != closing(f->open) || f->want == WANT_VALUE ||
	    f->want == WANT_EQUALS)
		return refuse(s, t);
	s->depth--;
	return true;
}

/* What separates: between items, or behind a setting. */
static bool take_separator(struct scan *s, const struct conf_token *t)
{
	struct frame *f = top(s);

	if (f->want != WANT_NEXT || (is_list(f) && t->kind == CONF_TOK_SEMICOLON))
		return refuse(s, t);
	f->want = is_list(f) ? WANT_VALUE : WANT_FIRST;
	return true;
}

/* Returns whether to go on. */
static bool take(struct scan *s, const struct conf_token *t)
{
	struct frame *f = top(s);
	bool first = f->want == WANT_FIRST;

	switch (t->kind) {
	case CONF_TOK_END:
		if (s->depth > 0 || f->want == WANT_EQUALS || f->want == WANT_VALUE)
			refuse(s, t);
		return false;
	case CONF_TOK_NAME:
		return !is_list(f) && (first || f->want == WANT_NEXT) ? take_name(s, t)
								      : refuse(s, t);
	case CONF_TOK_TEXT:
		if (f->want == WANT_NEXT && f->text && !is_list(f))
			return true;
		/* fall through */
	case CONF_TOK_BOOL:
	case CONF_TOK_INT:
	case CONF_TOK_FLOAT:
	case CONF_TOK_OPEN:
		return f->want == WANT_VALUE || (first && is_list(f)) ? take_value(s, t)
								      : refuse(s, t);
	case CONF_TOK_CLOSE: return take_close(s, t);
	case CONF_TOK_EQUALS:
		if (f->want != WANT_EQUALS)
			return refuse(s, t);
		f->want = WANT_VALUE;
		return true;
	case CONF_TOK_COMMA:
	case CONF_TOK_SEMICOLON: return take_separator(s, t);
	case CONF_TOK_INCLUDE: return stop(s, t, "no @include here: the text is not from a file");
	case CONF_TOK_BAD:
		/* Part of a value that went wrong: what follows it may still be understood. */
		fault(s, t, t->allowed);
		if (f->want == WANT_VALUE || (first && is_list(f)))
			f->want = WANT_NEXT;
		return true;
	}
	return false;
}

int conf_scan(struct conf_text *t, struct conf_faults *faults)
{
	struct scan *s = calloc(1, sizeof(*s));
	struct conf_token token;

	if (!s)
		return MG_ENOMEM;
	s->text = t;
	s->faults = faults;
	conf_lex_init(&s->lex, sv_of(t->p, t->n));
	do {
		token = conf_lex_next(&s->lex);
	} while (take(s, &token));
	int err = s->err;
	free(s);
	return err;
}
