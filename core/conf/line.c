/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * line: one line of text for people, built piece by piece, and the list of mistakes made of such
 * lines. Knows nothing of settings. Called by the whole room.
 */
#include <stdarg.h>
#include <string.h>

#include "conf/conf_priv.h"

/* Bytes of somebody's text in a line, as they are written there. */
#define TEXT_MAX 256 /* a text, which may be a path: most of those are shown whole */
#define WORD_MAX 60  /* what stands bare, often several in a line */

void conf_line_init(struct conf_line *l)
{
	l->n = 0;
	l->s[0] = '\0';
}

static void mark_cut(struct conf_line *l)
{
	memcpy(l->s + sizeof(l->s) - 4, "...", 4);
	l->n = sizeof(l->s) - 1;
}

void conf_line_add(struct conf_line *l, const char *format, ...)
{
	size_t room = sizeof(l->s) - l->n;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(l->s + l->n, room, format, args);
	va_end(args);
	if (n < 0)
		l->s[l->n] = '\0';
	else if ((size_t)n >= room)
		mark_cut(l);
	else
		l->n += (size_t)n;
}

/* One byte of somebody's text as it is written. Returns how many that are. */
static size_t escape(unsigned char c, bool quotes, char out[5])
{
	bool plain = c >= ' ' && c < 0x7f, marked = quotes && (c == '"' || c == '\\');

	return (size_t)snprintf(out, 5, !plain ? "\\x%02x" : marked ? "\\%c" : "%c", c);
}

static void add_escaped(struct conf_line *l, struct sv text, bool quotes, size_t max)
{
	char piece[5];
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		n += escape((unsigned char)text.p[i], quotes, piece);
		if (n > max) {
			conf_line_add(l, "...");
			break;
		}
		conf_line_add(l, "%s", piece);
	}
}

void conf_line_quote(struct conf_line *l, struct sv text)
{
	conf_line_add(l, "\"");
	add_escaped(l, text, true, TEXT_MAX);
	conf_line_add(l, "\"");
}

void conf_line_bare(struct conf_line *l, struct sv text)
{
	add_escaped(l, text, false, WORD_MAX);
}

/* ---- mistakes ---- */

void conf_faults_init(struct conf_faults *faults)
{
	*faults = (struct conf_faults){0};
	arena_init(&faults->arena, 4096, 1 << 20);
}

void conf_faults_done(struct conf_faults *faults)
{
	arena_done(&faults->arena);
	*faults = (struct conf_faults){0};
}

/* Names of files may hold anything; a line must stay one. */
static void no_controls(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
	}
}

void conf_faults_add(struct conf_faults *faults, const char *format, ...)
{
	char s[CONF_LINE_MAX];
	struct sv kept;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(s, sizeof(s), format, args);
	va_end(args);
	if (n < 0)
		s[0] = '\0';
	else if ((size_t)n >= sizeof(s))
		memcpy(s + sizeof(s) - 4, "...", 4);
	no_controls(s);
	if (!faults->text)
		faults->text = arena_alloc(&faults->arena, CONF_FAULTS_MAX * sizeof(char *));
	if (!faults->text || faults->n == CONF_FAULTS_MAX ||
	    arena_dup(&faults->arena, sv_str(s), &kept) < 0)
		faults->more++;
	else
		faults->text[faults->n++] = (char *)kept.p;
}

void conf_faults_print(const struct conf_faults *faults, FILE *to)
{
	for (size_t i = 0; i < faults->n; i++)
		fprintf(to, "%s\n", faults->text[i]);
	if (faults->more)
		fprintf(to, "and %zu more\n", faults->more);
}
