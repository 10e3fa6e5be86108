/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sample: a configuration file with every option, its help above it. What has a default stands there
 * with it; what has none stands in a comment with its example, unless it is required. Called by what
 * generates the samples.
 */
#include <inttypes.h>
#include <string.h>

#include "conf/conf_priv.h"

struct writer {
	FILE *to;
	unsigned indent;
	unsigned comment; /* groups around that are commented out, each with one # */
	bool first;       /* in its group: no empty line before it */
};

static void sample_table(struct writer *w, const struct conf_table *table);

static void begin_line(const struct writer *w, bool setting)
{
	for (unsigned i = 0; i < w->indent; i++)
		fputc('\t', w->to);
	for (unsigned i = 0; setting && i < w->comment; i++)
		fputc('#', w->to);
}

static void explain(struct writer *w, const struct conf_option *o)
{
	struct conf_line what;

	conf_line_init(&what);
	conf_describe(o, false, &what);
	if (o->flags & CONF_LIST) {
		conf_line_add(&what, ", in ");
		conf_describe(o, true, &what);
	}
	if (!w->first)
		fputc('\n', w->to);
	w->first = false;
	begin_line(w, false);
	fprintf(w->to, "# %s\n", o->help ? o->help : o->name);
	begin_line(w, false);
	fprintf(w->to, "# %s%s%s\n", what.s, o->flags & CONF_REQUIRED ? "; required" : "",
		o->flags & CONF_RESTART ? "; a change needs a restart" : "");
}

/* A value of the option's type, for where the table gives neither default nor example. */
static void add_any(const struct conf_option *o, struct conf_line *out)
{
	bool port = o->port != CONF_NO_PORT;

	switch (o->type) {
	case CONF_BOOL: conf_line_add(out, "false"); break;
	case CONF_INT:
	case CONF_AUTO:
		conf_line_add(out, "%" PRId64, o->min > 0 || o->max < 0 ? o->min : 0);
		break;
	case CONF_ENUM: conf_line_quote(out, sv_str(o->choices[0])); break;
	case CONF_STRING: conf_line_add(out, "\"x\""); break;
	case CONF_ADDR: conf_line_add(out, "\"192.0.2.1%s\"", port ? ":5060" : ""); break;
	case CONF_PREFIX: conf_line_add(out, "\"192.0.2.0/24\""); break;
	case CONF_FILE: conf_line_add(out, "\"/etc/margrave/file\""); break;
	case CONF_GROUP: break;
	}
}

/* Whether what an absent option comes to can be written. */
static bool has_default(const struct conf_option *o)
{
	bool zero = o->min <= 0 && o->max >= 0;

	if (o->def)
		return !(o->flags & CONF_SECRET) || o->type == CONF_FILE;
	if (o->flags & CONF_LIST)
		return false;
	return o->type == CONF_BOOL || o->type == CONF_ENUM ||
	       ((o->type == CONF_INT || o->type == CONF_AUTO) && zero);
}

static void sample_value(struct writer *w, const struct conf_option *o)
{
	bool list = o->flags & CONF_LIST;
	struct conf_line value;

	conf_line_init(&value);
	if (o->def && has_default(o))
		conf_default_text(o, o->def, &value);
	else if (o->example && !has_default(o))
		conf_default_text(o, o->example, &value);
	else {
		conf_line_add(&value, "%s", list ? "( " : "");
		add_any(o, &value);
		conf_line_add(&value, "%s", list ? " )" : "");
	}
	w->comment += !has_default(o) && !(o->flags & CONF_REQUIRED);
	begin_line(w, true);
	fprintf(w->to, "%s = %s;\n", o->name, value.s);
	w->comment -= !has_default(o) && !(o->flags & CONF_REQUIRED);
}

/* ---- groups ---- */

static void put_line(struct writer *w, const char *name, const char *text)
{
	begin_line(w, true);
	fprintf(w->to, "%s%s\n", name, text);
}

/* The members, by one table or two, and the name of a variant before them. */
static void sample_members(struct writer *w, const struct conf_option *o, const char *name,
			   const struct conf_table *variant)
{
	w->indent++;
	w->first = true;
	if (name) {
		begin_line(w, true);
		fprintf(w->to, "name = \"%s\";\n", name);
		w->first = false;
	}
	if (o->group)
		sample_table(w, o->group);
	if (variant)
		sample_table(w, variant);
	w->indent--;
	w->first = false;
}

/* Of a list an item for each name there is, of a single group the first. */
static void sample_list(struct writer *w, const struct conf_option *o)
{
	const char *name = o->variant ? conf_variant_names(o) : NULL, *known;

	w->indent++;
	do {
		const struct conf_table *variant = name ? o->variant(NULL, name, &known) : NULL;

		put_line(w, "{", "");
		sample_members(w, o, name, variant);
		name = name ? name + strlen(name) + 1 : "";
		put_line(w, "}", *name ? "," : "");
	} while (*name);
	w->indent--;
}

static void sample_group(struct writer *w, const struct conf_option *o)
{
	const char *name = o->variant ? conf_variant_names(o) : NULL, *known;
	bool list = o->flags & CONF_LIST;
	bool out = !(o->flags & CONF_REQUIRED) && (list || name || conf_has_required(o->group));

	if (w->indent >= CONF_TABLES_MAX)
		return;
	w->comment += out;
	put_line(w, o->name, list ? " = (" : " = {");
	if (list)
		sample_list(w, o);
	else
		sample_members(w, o, name, name ? o->variant(NULL, name, &known) : NULL);
	put_line(w, list ? ");" : "};", "");
	w->comment -= out;
}

static void sample_table(struct writer *w, const struct conf_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct conf_option *o = &table->options[i];

		explain(w, o);
		if (o->type == CONF_GROUP)
			sample_group(w, o);
		else
			sample_value(w, o);
	}
}

void conf_print_sample(const struct conf_table *root, FILE *to)
{
	struct writer w = {.to = to};

	fprintf(to, "# %s\n", root->help ? root->help : root->name);
	sample_table(&w, root);
}
