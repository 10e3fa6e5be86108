/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * print: what the tables know, as lines for a terminal and as the reference page. The sample is
 * sample.c's. Called for --options and by what generates docs/reference.
 */
#include <string.h>

#include "conf/conf_priv.h"

enum column { PATH, TYPE, UNIT, RANGE, DEFAULT, APPLIED, HELP, COLUMNS };

static const char *const heads[COLUMNS] = {"OPTION",  "TYPE",   "UNIT", "RANGE",
					   "DEFAULT", "CHANGE", "HELP"};

static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static void add_default(const struct conf_option *o, struct conf_line *out)
{
	if (o->flags & CONF_REQUIRED)
		conf_line_add(out, "required");
	else if (o->def && o->flags & CONF_SECRET && o->type != CONF_FILE)
		conf_line_add(out, "a secret");
	else if (o->def)
		conf_default_text(o, o->def, out);
	else if (o->type == CONF_BOOL)
		conf_line_add(out, "false");
	else if (o->flags & CONF_LIST)
		conf_line_add(out, "-");
	else if (o->type == CONF_ENUM)
		conf_line_quote(out, sv_str(o->choices[0]));
	else if ((o->type == CONF_INT || o->type == CONF_AUTO) && o->min <= 0 && o->max >= 0)
		conf_line_add(out, "0");
	else
		conf_line_add(out, "-");
}

static void add_cell(const struct conf_step *s, enum column c, struct conf_line *out)
{
	const struct conf_option *o = s->option;

	switch (c) {
	case PATH: conf_line_add(out, "%s", s->path); break;
	case TYPE: conf_describe_type(o, out); break;
	case UNIT: conf_line_add(out, "%s", text_or(o->unit, "-")); break;
	case RANGE: conf_describe_range(o, out); break;
	case DEFAULT: add_default(o, out); break;
	case APPLIED:
		conf_line_add(out, "%s", o->flags & CONF_RESTART ? "restart" : "reload");
		break;
	case HELP: conf_line_add(out, "%s", text_or(o->help, "-")); break;
	case COLUMNS: break;
	}
}

/* ---- for a terminal ---- */

struct columns {
	FILE *to; /* NULL: only measure */
	int width[COLUMNS];
};

static void print_row(void *arg, const struct conf_step *s)
{
	struct columns *columns = arg;

	if (!s->option)
		return;
	for (enum column c = PATH; c < COLUMNS; c++) {
		struct conf_line cell;

		conf_line_init(&cell);
		add_cell(s, c, &cell);
		if (!columns->to && (int)cell.n > columns->width[c])
			columns->width[c] = (int)cell.n;
		if (columns->to && c < HELP)
			fprintf(columns->to, "%-*s  ", columns->width[c], cell.s);
		else if (columns->to)
			fprintf(columns->to, "%s\n", cell.s);
	}
}

void conf_print_options(const struct conf_table *root, FILE *to)
{
	struct columns columns = {0};

	for (enum column c = PATH; c < COLUMNS; c++)
		columns.width[c] = (int)strlen(heads[c]);
	conf_walk(root, print_row, &columns);
	columns.to = to;
	for (enum column c = PATH; c < HELP; c++)
		fprintf(to, "%-*s  ", columns.width[c], heads[c]);
	fprintf(to, "%s\n", heads[HELP]);
	conf_walk(root, print_row, &columns);
}

/* ---- the page ---- */

/* A bar would end the cell, < and * would be Markdown. */
static void put_cell(FILE *to, const char *text)
{
	fputs(" ", to);
	for (; *text; text++) {
		if (strchr("|<*_\\", *text))
			fputc('\\', to);
		fputc(*text, to);
	}
	fputs(" |", to);
}

static void page_head(const struct conf_step *s, FILE *to)
{
	fprintf(to, "\n%s %s\n\n%s.\n", s->depth ? "##" : "#", s->depth ? s->path : s->table->name,
		text_or(s->table->help, s->table->name));
	if (s->variant)
		fprintf(to, "\nThese members go with `name = \"%s\"`.\n", s->variant);
	if (s->table->n == 0)
		return;
	fprintf(to, "\n| option | type | unit | range | default | change | help |\n"
		    "|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < s->table->n; i++) {
		const struct conf_option *o = &s->table->options[i];
		struct conf_step one = {o->name, s->depth, s->table, o, NULL};

		fputs("|", to);
		for (enum column c = PATH; c < COLUMNS; c++) {
			struct conf_line cell;

			conf_line_init(&cell);
			add_cell(&one, c, &cell);
			put_cell(to, cell.s);
		}
		fputs("\n", to);
	}
}

static void page_step(void *arg, const struct conf_step *s)
{
	if (!s->option)
		page_head(s, arg);
}

void conf_print_reference(const struct conf_table *root, FILE *to)
{
	fprintf(to, "<!-- Generated from the tables of the source; do not edit. -->\n");
	conf_walk(root, page_step, to);
	fprintf(to, "\n\"restart\" in the column of changes: a reload does not apply it, a restart "
		    "does.\n");
}
