/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lint: whether tables are what schema.h asks of them. A mistake here is the programmer's: found by
 * tests, and before the options of a third-party module are used. Called through load.h.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"

#define NAME_BYTES_MAX 40

struct lint {
	struct conf_faults *faults;
	struct conf_text *empty;
	size_t wrong;
	bool nomem;
};

static void blame(struct lint *l, const struct conf_step *s, const char *what)
{
	conf_faults_add(l->faults, "table %s: %s: %s", s->table->name ? s->table->name : "?",
			s->path[0] ? s->path : "itself", what);
	l->wrong++;
}

static bool name_ok(const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

	return n > 0 && n <= NAME_BYTES_MAX && name[n] == '\0' && name[0] >= 'a' && name[0] <= 'z';
}

static bool help_ok(const char *help)
{
	size_t n = help ? strlen(help) : 0;

	return n > 0 && help[n - 1] != '.' && !strchr(help, '\n');
}

static size_t size_of(const struct conf_option *o)
{
	return o->flags & CONF_LIST ? sizeof(struct conf_list) : conf_value_size(o);
}

static void check_range(struct lint *l, const struct conf_step *s)
{
	const struct conf_option *o = s->option;
	bool number = o->type == CONF_INT || o->type == CONF_AUTO;

	if (number && o->min >= o->max)
		blame(l, s, "a number needs min below max");
	if (o->type == CONF_AUTO && o->min < 0)
		blame(l, s, "-1 is \"auto\", so min is 0 at least");
	if (o->type == CONF_STRING && (o->min != 0 || o->max < 0))
		blame(l, s, "a text has max bytes only");
	if (o->type == CONF_ENUM && (!o->choices || !o->choices[0]))
		blame(l, s, "a choice needs choices");
	for (int i = 0; o->type == CONF_ENUM && o->choices && o->choices[i]; i++) {
		if (conf_choice(o->choices, o->choices[i]) != i)
			blame(l, s, "a choice stands there twice");
	}
	if (o->flags & CONF_SECRET && o->type != CONF_STRING && o->type != CONF_FILE)
		blame(l, s, "only texts and files are secrets");
}

static void check_place(struct lint *l, const struct conf_step *s)
{
	const struct conf_option *o = s->option;

	if (o->offset > s->table->size || s->table->size - o->offset < size_of(o))
		blame(l, s, "it lies outside of its struct");
	for (const struct conf_option *p = s->table->options; p < o; p++) {
		if (p->type == CONF_GROUP && !p->group && !p->variant)
			continue;
		if (p->name && o->name && strcmp(p->name, o->name) == 0)
			blame(l, s, "its name stands there twice");
		if (p->offset < o->offset + size_of(o) && o->offset < p->offset + size_of(p))
			blame(l, s, "it lies where another option lies");
	}
}

/* Read the text by a table of this option alone. */
static void check_text(struct lint *l, const struct conf_step *s, const char *text)
{
	struct conf_option o = *s->option;
	struct conf_table one = {
		.name = s->table->name, .size = size_of(&o), .options = &o, .n = 1};
	void *value = malloc(one.size);
	struct arena arena;

	/* The file need not be there yet. */
	if (o.type == CONF_FILE)
		o.type = CONF_STRING;
	o.flags &= ~(unsigned)CONF_REQUIRED;
	o.offset = 0;
	o.def = text;
	arena_init(&arena, 4096, 1 << 20);
	int err =
		value ? conf_load(l->empty, &one, value, &arena, NULL, NULL, l->faults) : MG_ENOMEM;
	l->wrong += err == MG_EPARSE;
	l->nomem |= err == MG_ENOMEM;
	arena_done(&arena);
	free(value);
}

static void check_default(struct lint *l, const struct conf_step *s)
{
	const struct conf_option *o = s->option;

	if (o->def && o->flags & CONF_REQUIRED)
		blame(l, s, "what is required has no default");
	if ((o->def || o->example) && o->type == CONF_GROUP)
		blame(l, s, "a group has no default and no example of its own");
	else if (o->def)
		check_text(l, s, o->def);
	if (o->example && o->type != CONF_GROUP)
		check_text(l, s, o->example);
	if (o->flags & CONF_REQUIRED && !o->example &&
	    (o->type == CONF_STRING || o->type == CONF_FILE))
		blame(l, s, "what is required needs an example");
}

/* Members of one group that come from several tables. */
static void check_apart(struct lint *l, const struct conf_step *s, const struct conf_table *a,
			const struct conf_table *b)
{
	for (size_t i = 0; a && b && i < a->n; i++) {
		if (a->options[i].name && conf_find_option(b, sv_str(a->options[i].name)))
			blame(l, s, "two of its tables have an option of the same name");
	}
}

static void check_variants(struct lint *l, const struct conf_step *s)
{
	const struct conf_option *o = s->option;

	check_apart(l, s, &conf_variant_table, o->group);
	for (const char *name = conf_variant_names(o); *name; name += strlen(name) + 1) {
		const char *known;
		const struct conf_table *table = o->variant(NULL, name, &known);

		if (!table)
			blame(l, s, "a name that it knows leads to no table");
		check_apart(l, s, &conf_variant_table, table);
		check_apart(l, s, o->group, table);
	}
}

static void check_option(struct lint *l, const struct conf_step *s)
{
	const struct conf_option *o = s->option;

	if (!name_ok(o->name))
		blame(l, s, "a name is [a-z][a-z0-9_]*, of up to 40 bytes");
	if (!help_ok(o->help))
		blame(l, s, "help is one line without full stop");
	if ((unsigned)o->type > CONF_GROUP) {
		blame(l, s, "no such type");
		return;
	}
	if (o->type == CONF_GROUP && !o->group && !o->variant) {
		blame(l, s, "a group needs a table");
		return;
	}
	if (o->variant)
		check_variants(l, s);
	size_t before = l->wrong;
	check_range(l, s);
	check_place(l, s);
	if (l->wrong == before)
		check_default(l, s);
}

static void on_step(void *arg, const struct conf_step *s)
{
	struct lint *l = arg;

	if (s->depth == CONF_TABLES_MAX && !s->option)
		blame(l, s, "too many groups within each other");
	if (s->option)
		check_option(l, s);
	else if (!s->table->name || !help_ok(s->table->help))
		blame(l, s, "a table needs a name, and help of one line without full stop");
}

int conf_table_check(const struct conf_table *root, struct conf_faults *faults)
{
	struct lint l = {.faults = faults};

	if (conf_text_from(&l.empty, "empty", SV(""), faults) < 0)
		return MG_ENOMEM;
	conf_walk(root, on_step, &l);
	conf_text_free(l.empty);
	return l.nomem ? MG_ENOMEM : l.wrong ? MG_EPARSE : 0;
}
