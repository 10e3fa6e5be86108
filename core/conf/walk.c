/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * walk: through a table and all tables below it, for those who print or check tables. Sees no file.
 */
#include <string.h>

#include "conf/conf_priv.h"

struct walk {
	void (*on)(void *arg, const struct conf_step *step);
	void *arg;
	struct conf_line path;
	unsigned depth;
	const char *variant;
};

static void walk_table(struct walk *w, const struct conf_table *table);

static void step(struct walk *w, const struct conf_table *table, const struct conf_option *o)
{
	w->on(w->arg, &(struct conf_step){w->path.s, w->depth, table, o, w->variant});
}

const char *conf_variant_names(const struct conf_option *o)
{
	const char *known = NULL;

	(void)o->variant(NULL, "", &known);
	return known ? known : "";
}

static void back(struct walk *w, size_t n)
{
	w->path.n = n;
	w->path.s[n] = '\0';
}

static void walk_variants(struct walk *w, const struct conf_option *o)
{
	size_t n = w->path.n;

	for (const char *name = conf_variant_names(o); *name; name += strlen(name) + 1) {
		const char *known;
		const struct conf_table *table = o->variant(NULL, name, &known);

		conf_line_add(&w->path, "[%s]", name);
		w->variant = name;
		if (table)
			walk_table(w, table);
		w->variant = NULL;
		back(w, n);
	}
}

static void walk_group(struct walk *w, const struct conf_option *o)
{
	const char *outer = w->variant;
	size_t n = w->path.n;

	if (w->depth == CONF_TABLES_MAX)
		return;
	w->depth++;
	w->variant = NULL;
	if (o->flags & CONF_LIST)
		conf_line_add(&w->path, "[]");
	if (o->variant) {
		size_t m = w->path.n;

		conf_line_add(&w->path, ".%s", conf_variant_table.options[0].name);
		step(w, &conf_variant_table, &conf_variant_table.options[0]);
		back(w, m);
	}
	if (o->group)
		walk_table(w, o->group);
	back(w, n);
	if (o->variant)
		walk_variants(w, o);
	w->depth--;
	w->variant = outer;
}

static void walk_table(struct walk *w, const struct conf_table *table)
{
	step(w, table, NULL);
	for (size_t i = 0; i < table->n; i++) {
		const struct conf_option *o = &table->options[i];
		size_t n = w->path.n;

		conf_line_add(&w->path, "%s%s", n ? "." : "", o->name);
		step(w, table, o);
		if (o->type == CONF_GROUP)
			walk_group(w, o);
		back(w, n);
	}
}

void conf_walk(const struct conf_table *root, void (*on)(void *arg, const struct conf_step *step),
	       void *arg)
{
	struct walk w = {.on = on, .arg = arg};

	conf_line_init(&w.path);
	walk_table(&w, root);
}
