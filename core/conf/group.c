/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * group: the members of a group, lists and groups within groups, by their tables; what is absent;
 * and what no table knows. Single values are read by values.c. Called by load.c.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"

#define PARTS_MAX 3

/* A group that is read: its tables and where each one's struct lies. */
struct group {
	const config_setting_t *s;     /* NULL when absent */
	const config_setting_t *blame; /* itself, or what it is missing in */
	struct {
		const struct conf_table *table;
		char *out;
	} part[PARTS_MAX];
	size_t n;
	bool lenient; /* keys that no table knows are another process's business */
};

static void load_option(struct conf_loader *l, const struct conf_option *o,
			const config_setting_t *s, void *out);

/* ---- keys that no table knows, and keys given twice ---- */

static const struct conf_option *find(const struct group *g, struct sv key, void **out)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct conf_option *o = conf_find_option(g->part[i].table, key);

		if (o) {
			*out = g->part[i].out + o->offset;
			return o;
		}
	}
	return NULL;
}

/* As many names as leave room for the rest of the line. */
static void add_name(struct conf_line *names, const char *name, const char *quote)
{
	static const char dots[] = ", ...";

	if (names->n < CONF_LINE_MAX / 2)
		conf_line_add(names, "%s%s%s%s", names->n ? ", " : "", quote, name, quote);
	else if (strcmp(names->s + names->n - strlen(dots), dots) != 0)
		conf_line_add(names, "%s", dots);
}

static void unknown_key(struct conf_loader *l, const struct group *g, const config_setting_t *s)
{
	struct conf_nearest nearest;
	struct conf_line allowed;

	conf_nearest_init(&nearest, conf_tree_key(s));
	conf_line_init(&allowed);
	for (size_t i = 0; i < g->n; i++) {
		for (size_t k = 0; k < g->part[i].table->n; k++) {
			const char *name = g->part[i].table->options[k].name;

			conf_nearest_try(&nearest, name);
			add_name(&allowed, name, "");
		}
	}
	conf_load_fault(l, s, "an unknown key", allowed.n ? allowed.s : "none", nearest.best);
}

static void twin_key(struct conf_loader *l, const config_setting_t *s)
{
	struct conf_line found;

	conf_line_init(&found);
	conf_line_add(&found, "it a second time, after ");
	conf_text_where(conf_tree_text(s), conf_tree_place(s)->first, &found);
	conf_load_fault(l, s, found.s, "once", NULL);
}

/* ---- lists ---- */

static bool list_ok(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s)
{
	struct conf_line found, allowed;
	int n = config_setting_is_group(s) ? 0 : config_setting_length(s);

	if (config_setting_is_aggregate(s) && !config_setting_is_group(s) &&
	    (unsigned)n <= conf_max_items(o) && (n > 0 || !(o->flags & CONF_REQUIRED)))
		return true;
	conf_line_init(&found);
	conf_line_init(&allowed);
	conf_describe_found(o, s, &found);
	conf_describe(o, true, &allowed);
	conf_load_fault(l, s, found.s, allowed.s, NULL);
	return false;
}

static void load_list(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		      struct conf_list *out)
{
	size_t size = conf_value_size(o);

	if (!list_ok(l, o, s))
		return;
	size_t n = (size_t)config_setting_length(s);
	char *items = n ? arena_zalloc(l->arena, n * size) : NULL;
	if (n && !items) {
		l->nomem = true;
		return;
	}
	for (size_t i = 0; i < n && !l->nomem; i++) {
		size_t back = conf_path_item(l, i);

		load_option(l, o, config_setting_get_elem(s, (unsigned)i), items + i * size);
		conf_path_back(l, back);
	}
	*out = (struct conf_list){items, n};
}

/* ---- what is absent ---- */

static void load_absent(struct conf_loader *l, const struct conf_table *table,
			const struct conf_option *o, const config_setting_t *blame, void *out)
{
	const config_setting_t *def = conf_default(l, table, o);

	if (o->type == CONF_FILE && !(o->flags & CONF_LIST))
		*(struct conf_file *)out = (struct conf_file){NULL, -1};
	if (def && o->flags & CONF_LIST)
		load_list(l, o, def, out);
	else if (def)
		conf_read_value(l, o, def, out);
	else if (o->type == CONF_GROUP && !(o->flags & CONF_LIST) && !o->variant)
		conf_load_group(l, o->group, NULL, blame, out);
}

static void missing(struct conf_loader *l, const struct conf_option *o, const struct group *g)
{
	struct conf_line allowed;

	conf_line_init(&allowed);
	conf_describe(o, o->flags & CONF_LIST, &allowed);
	conf_load_fault(l, g->blame, "nothing", allowed.s, NULL);
}

/* ---- groups ---- */

/* Required members are asked for, and checks are run, when the group is there or is as if { }. */
static bool counts(const struct group *g)
{
	for (size_t i = 0; i < g->n && !g->s; i++) {
		if (conf_has_required(g->part[i].table))
			return false;
	}
	return true;
}

static void load_present(struct conf_loader *l, const struct group *g)
{
	for (int i = 0; g->s && i < config_setting_length(g->s) && !l->nomem; i++) {
		const config_setting_t *s = config_setting_get_elem(g->s, (unsigned)i);
		size_t back = conf_path_key(l, conf_tree_key(s));
		void *out;

		if (conf_tree_place(s)->first) {
			twin_key(l, s);
		} else {
			const struct conf_option *o = find(g, conf_tree_key(s), &out);

			if (o && o->flags & CONF_LIST)
				load_list(l, o, s, out);
			else if (o)
				load_option(l, o, s, out);
			else if (!g->lenient)
				unknown_key(l, g, s);
		}
		conf_path_back(l, back);
	}
}

static void load_rest(struct conf_loader *l, const struct group *g, const struct conf_table *table,
		      char *out)
{
	for (size_t i = 0; i < table->n && !l->nomem; i++) {
		const struct conf_option *o = &table->options[i];

		if (g->s && config_setting_get_member(g->s, o->name))
			continue;
		size_t back = conf_path_key(l, sv_str(o->name));
		load_absent(l, table, o, g->blame, out + o->offset);
		if (o->flags & CONF_REQUIRED && counts(g))
			missing(l, o, g);
		conf_path_back(l, back);
	}
}

static void load_parts(struct conf_loader *l, const struct group *g)
{
	size_t before = conf_load_faults(l);

	load_present(l, g);
	for (size_t i = 0; i < g->n; i++)
		load_rest(l, g, g->part[i].table, g->part[i].out);
	for (size_t i = 0; i < g->n; i++) {
		if (conf_load_faults(l) == before && counts(g) && !l->nomem)
			conf_run_check(l, g->part[i].table, g->s, g->blame, g->part[i].out);
	}
}

static bool is_group(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s)
{
	struct conf_line found;

	if (config_setting_is_group(s))
		return true;
	conf_line_init(&found);
	conf_describe_found(o, s, &found);
	conf_load_fault(l, s, found.s, "a group { ... }", NULL);
	return false;
}

void conf_load_group(struct conf_loader *l, const struct conf_table *table,
		     const config_setting_t *s, const config_setting_t *blame, void *out)
{
	struct group g = {.s = s, .blame = s ? s : blame, .part = {{table, out}}, .n = 1};

	load_parts(l, &g);
}

/* ---- groups whose members depend on their name ---- */

static const struct conf_option variant_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct conf_variant, name),
	 .help = "which one it is; the other members depend on it",
	 .example = "x"},
};
const struct conf_table conf_variant_table = {.name = "variant",
					      .help = "What depends on a name",
					      .size = sizeof(struct conf_variant),
					      CONF_OPTIONS(variant_options)};

static void unknown_variant(struct conf_loader *l, const config_setting_t *s, const char *name,
			    const char *known)
{
	const config_setting_t *at = config_setting_get_member(s, "name");
	struct conf_nearest nearest;
	struct conf_line found, allowed;
	size_t back = conf_path_key(l, SV("name"));

	conf_nearest_init(&nearest, sv_str(name));
	conf_line_init(&found);
	conf_line_quote(&found, sv_str(name));
	conf_line_init(&allowed);
	for (; known && *known; known += strlen(known) + 1) {
		conf_nearest_try(&nearest, known);
		add_name(&allowed, known, "\"");
	}
	conf_load_fault(l, at, found.s, allowed.n ? allowed.s : "none", nearest.best);
	conf_path_back(l, back);
}

/* Room for a part's struct; the part is left out without memory. */
static void *add_part(struct conf_loader *l, struct group *g, const struct conf_table *table)
{
	void *out = arena_zalloc(l->arena, table->size);

	if (!out) {
		l->nomem = true;
		return NULL;
	}
	g->part[g->n].table = table;
	g->part[g->n++].out = out;
	return out;
}

static void load_variant(struct conf_loader *l, const struct conf_option *o,
			 const config_setting_t *s, struct conf_variant *out)
{
	struct group g = {.s = s, .blame = s, .part = {{&conf_variant_table, (char *)out}}, .n = 1};
	const config_setting_t *at = config_setting_get_member(s, "name");
	const char *name = at ? config_setting_get_string(at) : NULL;
	const char *known = NULL;
	struct conf_line where;
	struct sv kept = {0};

	conf_line_init(&where);
	conf_text_where(l->text, conf_tree_line(s), &where);
	if (arena_dup(l->arena, sv_str(where.s), &kept) < 0)
		l->nomem = true;
	out->at = kept.p;
	if (o->group)
		out->common = add_part(l, &g, o->group);
	out->table = name ? o->variant(l->env->arg, name, &known) : NULL;
	if (out->table)
		out->value = add_part(l, &g, out->table);
	/* Without a name nothing else can be judged. */
	g.lenient = !out->table;
	if (!name || out->table || l->env->pass_unknown_variants)
		load_parts(l, &g);
	else
		unknown_variant(l, s, name, known);
	l->passed_over |= g.lenient;
}

static void load_option(struct conf_loader *l, const struct conf_option *o,
			const config_setting_t *s, void *out)
{
	if (o->type != CONF_GROUP)
		conf_read_value(l, o, s, out);
	else if (!is_group(l, o, s))
		return;
	else if (o->variant)
		load_variant(l, o, s, out);
	else
		conf_load_group(l, o->group, s, s, out);
}
