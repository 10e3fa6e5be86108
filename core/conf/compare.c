/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * compare: two structs by their table: which options differ, of those that only a restart changes;
 * and closing the files a struct holds. Called at reload.
 */
#include <string.h>
#include <unistd.h>

#include "conf/conf_priv.h"

/* ---- equal ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_variant(const struct conf_option *o, const struct conf_variant *a,
			 const struct conf_variant *b)
{
	if (!same_text(a->name, b->name) || a->table != b->table || !a->common != !b->common)
		return false;
	return (!o->group || !a->common || conf_same(o->group, a->common, b->common)) &&
	       (!a->table || conf_same(a->table, a->value, b->value));
}

static bool same_value(const struct conf_option *o, const void *a, const void *b)
{
	switch (o->type) {
	case CONF_BOOL: return *(const bool *)a == *(const bool *)b;
	case CONF_INT:
	case CONF_AUTO: return *(const int64_t *)a == *(const int64_t *)b;
	case CONF_ENUM: return *(const int *)a == *(const int *)b;
	case CONF_STRING: return same_text(*(const char *const *)a, *(const char *const *)b);
	case CONF_ADDR: return addr_eq(a, b);
	case CONF_PREFIX: {
		const struct prefix *p = a, *q = b;
		return addr_eq(&p->net, &q->net) && p->bits == q->bits;
	}
	case CONF_FILE: {
		const struct conf_file *p = a, *q = b;
		return same_text(p->path, q->path);
	}
	case CONF_GROUP: return o->variant ? same_variant(o, a, b) : conf_same(o->group, a, b);
	}
	return false;
}

static bool same_list(const struct conf_option *o, const struct conf_list *a,
		      const struct conf_list *b)
{
	size_t size = conf_value_size(o);
	const char *p = a->items, *q = b->items;
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = same_value(o, p + i * size, q + i * size);
	return same;
}

static bool same_option(const struct conf_option *o, const void *a, const void *b)
{
	return o->flags & CONF_LIST ? same_list(o, a, b) : same_value(o, a, b);
}

bool conf_same(const struct conf_table *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct conf_option *o = &table->options[i];

		if (!same_option(o, (const char *)a + o->offset, (const char *)b + o->offset))
			return false;
	}
	return true;
}

/* ---- what needs a restart ---- */

struct restart {
	struct arena *arena;
	struct conf_line path;
	const char **paths; /* room for `room` */
	size_t room, kept, found;
};

static void restart_struct(struct restart *r, const struct conf_table *table, const void *a,
			   const void *b);

static void add_path(struct restart *r)
{
	struct sv text;

	r->found++;
	if (r->kept == r->room) {
		size_t room = r->room ? 2 * r->room : 8;
		const char **more = arena_alloc(r->arena, room * sizeof(*more));

		if (!more)
			return;
		if (r->kept)
			memcpy(more, r->paths, r->kept * sizeof(*more));
		r->paths = more;
		r->room = room;
	}
	if (arena_dup(r->arena, sv_str(r->path.s), &text) == 0)
		r->paths[r->kept++] = text.p;
}

static void back(struct restart *r, size_t n)
{
	r->path.n = n;
	r->path.s[n] = '\0';
}

/* Either side may be NULL: then it holds nothing. */
static void restart_sides(struct restart *r, const struct conf_table *table, const void *a,
			  const void *b)
{
	const void *none = a && b ? NULL : arena_zalloc(r->arena, table->size);

	if ((a && b) || none)
		restart_struct(r, table, a ? a : none, b ? b : none);
	else
		r->found++; /* without memory it is not known, so better yes than no */
}

static void restart_variant(struct restart *r, const struct conf_option *o,
			    const struct conf_variant *a, const struct conf_variant *b)
{
	const struct conf_table *table = a && a->table ? a->table : b ? b->table : NULL;
	bool both = a && b && a->table == b->table;

	if (o->group && ((a && a->common) || (b && b->common)))
		restart_sides(r, o->group, a ? a->common : NULL, b ? b->common : NULL);
	if (both && table)
		restart_sides(r, table, a->value, b->value);
	else if (a && a->table)
		restart_sides(r, a->table, a->value, NULL);
	if (!both && b && b->table)
		restart_sides(r, b->table, NULL, b->value);
}

/* What tells the groups of a list apart, NULL when nothing does. */
static const char *name_of(const struct conf_option *o, const void *item)
{
	if (o->variant)
		return ((const struct conf_variant *)item)->name;
	const struct conf_option *name = conf_find_option(o->group, SV("name"));
	if (!name || name->type != CONF_STRING || name->flags & CONF_LIST)
		return NULL;
	return *(const char *const *)((const char *)item + name->offset);
}

/* The item of `list` that is the same thing as item `i` of another: of its name, and the first,
 * second, ... of that name in both; or at its position.
 */
static const void *twin(const struct conf_option *o, const struct conf_list *other, size_t i,
			const struct conf_list *list)
{
	size_t size = conf_value_size(o), nth = 0;
	const char *p = other->items, *q = list->items;
	const char *name = name_of(o, p + i * size);

	if (!name)
		return i < list->n ? q + i * size : NULL;
	for (size_t k = 0; k < i; k++)
		nth += same_text(name_of(o, p + k * size), name);
	for (size_t k = 0; k < list->n; k++) {
		if (same_text(name_of(o, q + k * size), name) && nth-- == 0)
			return q + k * size;
	}
	return NULL;
}

static void restart_item(struct restart *r, const struct conf_option *o, size_t i, const void *a,
			 const void *b)
{
	size_t n = r->path.n;

	conf_line_add(&r->path, "[%zu]", i);
	if (o->variant)
		restart_variant(r, o, a, b);
	else
		restart_sides(r, o->group, a, b);
	back(r, n);
}

/* Whether an option somewhere in it asks for a restart: else large lists need no comparing. */
static bool may_need_restart(const struct conf_option *o)
{
	if (o->flags & CONF_RESTART || o->variant)
		return true;
	for (size_t i = 0; o->type == CONF_GROUP && i < o->group->n; i++) {
		const struct conf_option *inner = &o->group->options[i];

		/* A list may hold its own kind; one level of that says it all. */
		if (inner->group != o->group && may_need_restart(inner))
			return true;
	}
	return false;
}

static void restart_list(struct restart *r, const struct conf_option *o, const struct conf_list *a,
			 const struct conf_list *b)
{
	size_t size = conf_value_size(o);

	if (!may_need_restart(o))
		return;
	for (size_t i = 0; i < b->n; i++)
		restart_item(r, o, i, twin(o, b, i, a), (const char *)b->items + i * size);
	for (size_t i = 0; i < a->n; i++) {
		if (!twin(o, a, i, b))
			restart_item(r, o, i, (const char *)a->items + i * size, NULL);
	}
}

static void restart_struct(struct restart *r, const struct conf_table *table, const void *a,
			   const void *b)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct conf_option *o = &table->options[i];
		const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;
		size_t n = r->path.n;

		conf_line_add(&r->path, "%s%s", n ? "." : "", o->name);
		if (o->flags & CONF_RESTART) {
			if (!same_option(o, x, y))
				add_path(r);
		} else if (o->type == CONF_GROUP && o->flags & CONF_LIST) {
			restart_list(r, o, x, y);
		} else if (o->type == CONF_GROUP && o->variant) {
			restart_variant(r, o, x, y);
		} else if (o->type == CONF_GROUP) {
			restart_struct(r, o->group, x, y);
		}
		back(r, n);
	}
}

size_t conf_restart_needed(const struct conf_table *root, const void *old, const void *new_,
			   struct conf_list *paths, struct arena *arena)
{
	struct restart r = {.arena = arena};

	conf_line_init(&r.path);
	restart_struct(&r, root, old, new_);
	*paths = (struct conf_list){r.paths, r.kept};
	return r.found;
}

/* ---- files ---- */

static void close_value(const struct conf_option *o, void *value)
{
	if (o->type == CONF_FILE) {
		struct conf_file *file = value;

		if (file->path && file->fd >= 0)
			close(file->fd);
		file->fd = -1;
	} else if (o->type == CONF_GROUP && o->variant) {
		struct conf_variant *v = value;

		if (o->group && v->common)
			conf_close_files(o->group, v->common);
		if (v->table && v->value)
			conf_close_files(v->table, v->value);
	} else if (o->type == CONF_GROUP) {
		conf_close_files(o->group, value);
	}
}

void conf_close_files(const struct conf_table *root, void *value)
{
	for (size_t i = 0; i < root->n; i++) {
		const struct conf_option *o = &root->options[i];
		char *at = (char *)value + o->offset;

		if (!(o->flags & CONF_LIST)) {
			close_value(o, at);
			continue;
		}
		const struct conf_list *list = (const struct conf_list *)at;
		for (size_t k = 0; k < list->n; k++)
			close_value(o, (char *)list->items + k * conf_value_size(o));
	}
}
