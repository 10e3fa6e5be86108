/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * check: what a table's check may ask and report: faults, risks, places. Finds options by names as
 * "listen[2]" or "tls.cert". Called by the rooms that have settings.
 */
#include <stdarg.h>
#include <string.h>

#include "conf/conf_priv.h"

struct conf_check {
	struct conf_loader *loader;
	const struct conf_table *table;
	const config_setting_t *setting; /* NULL when the group is absent */
	const config_setting_t *blame;   /* itself, or what it is missing in */
};

void conf_run_check(struct conf_loader *l, const struct conf_table *table,
		    const config_setting_t *s, const config_setting_t *blame, const void *value)
{
	struct conf_check check = {l, table, s, blame};

	if (table->check)
		table->check(&check, value);
}

/* What a name leads to: the setting, if the file has it; its option, if the tables have it. */
struct target {
	const config_setting_t *setting;
	const config_setting_t *blame; /* the setting, or the last one on the way to it */
	const struct conf_table *table;
	const struct conf_option *option;
};

static void to_member(struct target *t, struct sv name)
{
	char key[64];

	/* An item keeps its list's option; the members of a group are in that one's table. */
	if (t->option)
		t->table = t->option->type == CONF_GROUP ? t->option->group : NULL;
	t->option = conf_find_option(t->table, name);
	snprintf(key, sizeof(key), "%.*s", SV_ARG(name));
	t->setting = t->setting && config_setting_is_group(t->setting)
			     ? config_setting_get_member(t->setting, key)
			     : NULL;
}

static void to_item(struct target *t, struct sv digits)
{
	uint32_t i;
	bool has = t->setting && config_setting_is_aggregate(t->setting) &&
		   sv_u32(digits, INT32_MAX, &i) == 0;

	t->setting = has ? config_setting_get_elem(t->setting, i) : NULL;
}

static struct target find(const struct conf_check *check, const char *name)
{
	struct target t = {check->setting, check->blame, check->table, NULL};

	while (*name) {
		size_t n = strcspn(name, ".[");

		if (n)
			to_member(&t, sv_of(name, n));
		name += n;
		if (t.setting)
			t.blame = t.setting;
		if (*name == '[') {
			size_t digits = strcspn(++name, "]");

			to_item(&t, sv_of(name, digits));
			name += digits;
		}
		if (t.setting)
			t.blame = t.setting;
		name += *name != '\0' && (*name == '.' || *name == ']');
	}
	return t;
}

static void add_found(const struct target *t, bool whole, struct conf_line *out)
{
	if (whole)
		conf_line_add(out, "this combination");
	else if (t->setting)
		conf_describe_found(t->option, t->setting, out);
	else if (t->option && t->option->def && !(t->option->flags & CONF_SECRET))
		conf_line_add(out, "%s (the default)", t->option->def);
	else
		conf_line_add(out, "nothing");
}

/* `why` may be NULL. */
static void report(struct conf_check *check, const char *name, const char *why, const char *allowed)
{
	struct target t = find(check, name);
	struct conf_loader *l = check->loader;
	struct conf_line found;

	conf_line_init(&found);
	add_found(&t, *name == '\0', &found);
	if (why)
		conf_line_add(&found, " (%s)", why);
	size_t back = *name ? conf_path_key(l, sv_str(name)) : l->path.n;
	conf_load_fault(l, t.blame, found.s, allowed, NULL);
	conf_path_back(l, back);
}

void conf_fault(struct conf_check *check, const char *name, const char *allowed, ...)
{
	char text[CONF_LINE_MAX];
	va_list args;

	va_start(args, allowed);
	vsnprintf(text, sizeof(text), allowed, args);
	va_end(args);
	report(check, name, NULL, text);
}

void conf_fault_why(struct conf_check *check, const char *name, const char *why,
		    const char *allowed, ...)
{
	char text[CONF_LINE_MAX];
	va_list args;

	va_start(args, allowed);
	vsnprintf(text, sizeof(text), allowed, args);
	va_end(args);
	report(check, name, why, text);
}

static void note(struct conf_loader *l, const char *id, const char *why, const char *at)
{
	struct conf_noted *n = arena_alloc(&l->scratch, sizeof(*n));
	struct sv text;

	if (!n || arena_printf(l->arena, &text, "%s: %s (%s)", id, why, at) < 0) {
		l->nomem = true;
		return;
	}
	*n = (struct conf_noted){l->noted, text.p};
	l->noted = n;
	l->n_noted++;
}

void conf_risk(struct conf_check *check, const char *name, const char *id, const char *why)
{
	struct conf_loader *l = check->loader;
	bool accepted = false;

	for (size_t i = 0; i < l->n_accepted; i++) {
		if (strcmp(l->accepted[i].id, id) == 0)
			accepted = l->accepted[i].needed = true;
	}
	if (accepted) {
		note(l, id, why, conf_at(check, name));
		return;
	}
	struct conf_line allowed;
	conf_line_init(&allowed);
	conf_line_add(&allowed, "this only with accept_risk = (\"%s\"): %s", id, why);
	report(check, name, NULL, allowed.s);
}

/* The line as a text that lives as long as what is loaded. */
static const char *keep(struct conf_loader *l, const struct conf_line *line)
{
	struct sv kept;

	if (arena_dup(l->arena, sv_of(line->s, line->n), &kept) < 0) {
		l->nomem = true;
		return "?";
	}
	return kept.p;
}

const char *conf_at(struct conf_check *check, const char *name)
{
	struct target t = find(check, name);
	struct conf_line where;

	conf_line_init(&where);
	conf_text_where(check->loader->text, conf_tree_line(t.blame), &where);
	return keep(check->loader, &where);
}

const char *conf_said(struct conf_check *check, const char *name)
{
	struct target t = find(check, name);
	struct conf_line said;

	conf_line_init(&said);
	conf_line_add(&said, "%s (", name);
	if (t.setting) {
		add_found(&t, false, &said);
		conf_line_add(&said, ", ");
		conf_text_where(check->loader->text, conf_tree_line(t.setting), &said);
	} else if (t.option && t.option->def && !(t.option->flags & CONF_SECRET)) {
		conf_line_add(&said, "%s, the default", t.option->def);
	} else {
		conf_line_add(&said, "nothing");
	}
	conf_line_add(&said, ")");
	return keep(check->loader, &said);
}

bool conf_is_set(struct conf_check *check, const char *name)
{
	return find(check, name).setting != NULL;
}
