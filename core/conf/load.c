/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * load: one run from a text to structs: what was found wrong, in the order of the file; defaults;
 * risks accepted. Members of groups are read by group.c. Called through load.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf_priv.h"

#define SCRATCH_MAX (64 << 20)

/* ---- the path ---- */

size_t conf_path_key(struct conf_loader *l, struct sv name)
{
	size_t back = l->path.n;

	if (back)
		conf_line_add(&l->path, ".");
	conf_line_bare(&l->path, name);
	return back;
}

size_t conf_path_item(struct conf_loader *l, size_t i)
{
	size_t back = l->path.n;

	conf_line_add(&l->path, "[%zu]", i);
	return back;
}

void conf_path_back(struct conf_loader *l, size_t n)
{
	l->path.n = n;
	l->path.s[n] = '\0';
}

/* ---- faults ---- */

size_t conf_load_faults(const struct conf_loader *l)
{
	return l->n_faults + l->more_faults;
}

static void add_fault(struct conf_loader *l, uint32_t line, const char *text)
{
	struct sv kept;

	if (!l->faults)
		l->faults = arena_alloc(&l->scratch,
					CONF_LOAD_FAULTS_MAX * sizeof(struct conf_load_fault));
	if (!l->faults || l->n_faults == CONF_LOAD_FAULTS_MAX ||
	    arena_dup(&l->scratch, sv_str(text), &kept) < 0) {
		l->more_faults++;
		return;
	}
	l->faults[l->n_faults] = (struct conf_load_fault){line, (uint32_t)l->n_faults, kept.p};
	l->n_faults++;
}

void conf_load_fault(struct conf_loader *l, const config_setting_t *s, const char *found,
		     const char *allowed, const char *hint)
{
	struct conf_line line;

	conf_line_init(&line);
	if (conf_tree_text(s) != l->text)
		conf_line_add(&line, "%s", conf_tree_text(s)->sources[0].name);
	else
		conf_text_where(l->text, conf_tree_line(s), &line);
	if (l->path.n)
		conf_line_add(&line, ": %s", l->path.s);
	conf_line_add(&line, ": found %s, allowed: %s", found, allowed);
	if (hint)
		conf_line_add(&line, "; did you mean \"%s\"?", hint);
	add_fault(l, conf_tree_text(s) == l->text ? conf_tree_line(s) : 0, line.s);
}

static int by_line(const void *a, const void *b)
{
	const struct conf_load_fault *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static void hand_over(struct conf_loader *l, struct conf_faults *faults)
{
	if (l->n_faults)
		qsort(l->faults, l->n_faults, sizeof(l->faults[0]), by_line);
	for (size_t i = 0; i < l->n_faults; i++)
		conf_faults_add(faults, "%s", l->faults[i].text);
	faults->more += l->more_faults;
}

/* ---- defaults ---- */

/* The defaults of a table as the text of a file; in scratch. */
static struct sv defaults_text(struct conf_loader *l, const struct conf_table *table)
{
	size_t room = table->n * (CONF_LINE_MAX + 1);
	char *p = arena_text(&l->scratch, room + 1);
	size_t n = 0;

	for (size_t i = 0; p && i < table->n; i++) {
		const struct conf_option *o = &table->options[i];
		struct conf_line line;

		if (!o->def)
			continue;
		conf_line_init(&line);
		conf_line_add(&line, "%s = ", o->name);
		conf_default_text(o, o->def, &line);
		conf_line_add(&line, ";\n");
		memcpy(p + n, line.s, line.n);
		n += line.n;
	}
	if (!p)
		l->nomem = true;
	return sv_of(p, n);
}

static struct conf_defaults *make_defaults(struct conf_loader *l, const struct conf_table *table)
{
	struct conf_defaults *d = arena_zalloc(&l->scratch, sizeof(*d));
	struct sv text = defaults_text(l, table), name;
	struct conf_faults wrong;

	if (!d || l->nomem || arena_printf(&l->scratch, &name, "defaults of %s", table->name) < 0) {
		l->nomem = true;
		return NULL;
	}
	conf_faults_init(&wrong);
	int err = conf_text_from(&d->text, name.p, text, &wrong);
	if (err == 0)
		err = conf_tree_init(&d->tree, d->text, &wrong);
	for (size_t i = 0; i < wrong.n; i++)
		add_fault(l, 0, wrong.text[i]);
	conf_faults_done(&wrong);
	l->nomem |= err == MG_ENOMEM;
	d->table = table;
	d->next = l->defaults;
	l->defaults = d;
	return d;
}

const config_setting_t *conf_default(struct conf_loader *l, const struct conf_table *table,
				     const struct conf_option *o)
{
	struct conf_defaults *d = l->defaults;

	if (!o->def)
		return NULL;
	while (d && d->table != table)
		d = d->next;
	if (!d)
		d = make_defaults(l, table);
	return d && d->tree.text
		       ? config_setting_get_member(config_root_setting(&d->tree.cfg), o->name)
		       : NULL;
}

/* ---- risks ---- */

/* Known before anything is read, since checks ask. What is wrong with the list is said later. */
static void gather_accepted(struct conf_loader *l, const struct conf_table *root)
{
	const struct conf_option *o = conf_find_option(root, SV("accept_risk"));
	const config_setting_t *s =
		config_setting_get_member(config_root_setting(&l->tree.cfg), "accept_risk");

	if (!o || o->type != CONF_STRING || !(o->flags & CONF_LIST) || !s ||
	    !(config_setting_is_list(s) || config_setting_is_array(s)))
		return;
	int n = config_setting_length(s);
	l->accepted = arena_zalloc(&l->scratch, (size_t)n * sizeof(l->accepted[0]));
	if (!l->accepted) {
		l->nomem = true;
		return;
	}
	for (int i = 0; i < n; i++) {
		const config_setting_t *item = config_setting_get_elem(s, (unsigned)i);
		const char *id = config_setting_get_string(item);

		if (id)
			l->accepted[l->n_accepted++] = (struct conf_accepted){id, item, false};
	}
}

/* An id that nothing asked for does not do what its author thinks. */
static void blame_idle(struct conf_loader *l)
{
	for (size_t i = 0; i < l->n_accepted; i++) {
		const struct conf_accepted *a = &l->accepted[i];
		struct conf_nearest nearest;
		struct conf_line found;

		if (a->needed)
			continue;
		conf_nearest_init(&nearest, sv_str(a->id));
		for (size_t k = 0; k < l->n_accepted; k++) {
			if (l->accepted[k].needed)
				conf_nearest_try(&nearest, l->accepted[k].id);
		}
		conf_line_init(&found);
		conf_line_quote(&found, sv_str(a->id));
		size_t back = conf_path_key(l, SV("accept_risk"));
		conf_path_item(l, i);
		conf_load_fault(l, a->setting, found.s, "ids of risks that a setting here takes",
				nearest.best);
		conf_path_back(l, back);
	}
}

static void give_noted(struct conf_loader *l, struct conf_list *risks)
{
	size_t i = l->n_noted;
	const char **items = i ? arena_alloc(l->arena, i * sizeof(*items)) : NULL;

	if (i && !items) {
		l->nomem = true;
		return;
	}
	for (const struct conf_noted *n = l->noted; n; n = n->next)
		items[--i] = n->text;
	*risks = (struct conf_list){items, l->n_noted};
}

/* ---- the run ---- */

static void end(struct conf_loader *l, bool failed)
{
	for (struct conf_defaults *d = l->defaults; d; d = d->next) {
		conf_tree_done(&d->tree);
		conf_text_free(d->text);
	}
	for (const struct conf_opened *o = l->opened; failed && o; o = o->next)
		close(o->fd);
	conf_tree_done(&l->tree);
	arena_done(&l->scratch);
	free(l);
}

static void run(struct conf_loader *l, const struct conf_table *root, void *out,
		struct conf_list *risks)
{
	const config_setting_t *s = config_root_setting(&l->tree.cfg);

	memset(out, 0, root->size);
	gather_accepted(l, root);
	conf_load_group(l, root, s, s, out);
	if (conf_load_faults(l) == 0 && !l->passed_over)
		blame_idle(l);
	if (risks && conf_load_faults(l) == 0)
		give_noted(l, risks);
}

int conf_load(const struct conf_text *text, const struct conf_table *root, void *out,
	      struct arena *arena, const struct conf_env *env, struct conf_list *risks,
	      struct conf_faults *faults)
{
	static const struct conf_env none = {0};
	struct conf_loader *l = calloc(1, sizeof(*l));

	if (!l)
		return MG_ENOMEM;
	l->text = text;
	l->env = env ? env : &none;
	l->arena = arena;
	arena_init(&l->scratch, 16384, SCRATCH_MAX);
	conf_line_init(&l->path);
	int err = conf_tree_init(&l->tree, text, faults);
	if (err == 0) {
		run(l, root, out, risks);
		hand_over(l, faults);
		err = l->nomem ? MG_ENOMEM : conf_load_faults(l) ? MG_EPARSE : 0;
	}
	end(l, err < 0);
	return err;
}

int conf_recheck(const struct conf_text *text, const struct conf_table *root,
		 void (*check)(struct conf_check *check, const void *arg), const void *arg,
		 struct conf_faults *faults)
{
	static const struct conf_env none = {0};
	struct conf_loader *l = calloc(1, sizeof(*l));
	struct conf_table table = *root;
	struct arena arena;

	if (!l)
		return MG_ENOMEM;
	l->text = text;
	l->env = &none;
	l->arena = &arena;
	table.check = check;
	arena_init(&arena, 4096, SCRATCH_MAX);
	arena_init(&l->scratch, 16384, SCRATCH_MAX);
	conf_line_init(&l->path);
	int err = conf_tree_init(&l->tree, text, faults);
	if (err == 0) {
		const config_setting_t *s = config_root_setting(&l->tree.cfg);

		conf_run_check(l, &table, s, s, arg);
		hand_over(l, faults);
		err = l->nomem ? MG_ENOMEM : conf_load_faults(l) ? MG_EPARSE : 0;
	}
	arena_done(&arena);
	end(l, false);
	return err;
}
