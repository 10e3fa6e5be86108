/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * attr: typed attributes of a request, by which modules tell each other things. Declared by name while a configuration is set up, so that
 * a request holds an array and looks nothing up.
 */
#include "chain/chain_priv.h"

/* A request's attributes: one for each that its chain declares, taken from its arena with the first that is set. */
struct chain_attr {
	bool set;
	union {
		int64_t number;
		struct sv text;
		struct addr addr;
	};
};

int mg_attr(struct mg_setup *setup, const char *name, enum mg_attr_type type)
{
	struct chain *c = setup->chain;

	for (unsigned i = 0; i < c->n_attrs; i++) {
		if (strcmp(c->attr[i].name, name) != 0)
			continue;
		if (c->attr[i].type == type)
			return (int)i;
		mg_setup_fault(setup,
			       "the attribute %s has another type in a module that stands before",
			       name);
		return MG_EINVAL;
	}
	if (c->n_attrs == CHAIN_ATTRS_MAX)
		return MG_ELIMIT;
	c->attr[c->n_attrs] = (struct chain_attr_decl){.name = name, .type = type};
	return (int)c->n_attrs++;
}

static bool is_type(const struct mg_request *r, int attr, enum mg_attr_type type)
{
	return attr >= 0 && (unsigned)attr < r->chain->n_attrs && r->chain->attr[attr].type == type;
}

static bool is_number(const struct mg_request *r, int attr)
{
	return is_type(r, attr, MG_ATTR_INT) || is_type(r, attr, MG_ATTR_BOOL);
}

/* Where to put a value; NULL without memory. */
static struct chain_attr *room_for(struct mg_request *r, int attr)
{
	if (!r->attrs)
		r->attrs = arena_zalloc(r->arena, r->chain->n_attrs * sizeof(*r->attrs));
	return r->attrs ? &r->attrs[attr] : NULL;
}

int mg_attr_set_int(struct mg_request *r, int attr, int64_t value)
{
	if (!r->arena || !is_number(r, attr))
		return MG_EINVAL;
	struct chain_attr *a = room_for(r, attr);
	if (!a)
		return MG_ENOMEM;
	a->number = is_type(r, attr, MG_ATTR_BOOL) ? value != 0 : value;
	a->set = true;
	return 0;
}

int mg_attr_set_text(struct mg_request *r, int attr, struct sv value)
{
	struct sv copy;

	if (!r->arena || !is_type(r, attr, MG_ATTR_TEXT))
		return MG_EINVAL;
	struct chain_attr *a = room_for(r, attr);
	if (!a || arena_dup(r->arena, value, &copy))
		return MG_ENOMEM;
	a->text = copy;
	a->set = true;
	return 0;
}

int mg_attr_set_addr(struct mg_request *r, int attr, const struct addr *value)
{
	if (!r->arena || !is_type(r, attr, MG_ATTR_ADDR))
		return MG_EINVAL;
	struct chain_attr *a = room_for(r, attr);
	if (!a)
		return MG_ENOMEM;
	a->addr = *value;
	a->set = true;
	return 0;
}

static const struct chain_attr *is_set(const struct mg_request *r, int attr)
{
	return r->attrs && r->attrs[attr].set ? &r->attrs[attr] : NULL;
}

bool mg_attr_int(const struct mg_request *r, int attr, int64_t *out)
{
	const struct chain_attr *a = is_number(r, attr) ? is_set(r, attr) : NULL;

	if (a)
		*out = a->number;
	return a;
}

bool mg_attr_text(const struct mg_request *r, int attr, struct sv *out)
{
	const struct chain_attr *a = is_type(r, attr, MG_ATTR_TEXT) ? is_set(r, attr) : NULL;

	if (a)
		*out = a->text;
	return a;
}

bool mg_attr_addr(const struct mg_request *r, int attr, struct addr *out)
{
	const struct chain_attr *a = is_type(r, attr, MG_ATTR_ADDR) ? is_set(r, attr) : NULL;

	if (a)
		*out = a->addr;
	return a;
}
