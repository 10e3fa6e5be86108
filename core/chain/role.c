/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * role: what modules do for each other and for the daemon, found by name and version while a configuration is set up; and the two
 * roles that the chain itself asks: who is known, and whether a stranger may be answered.
 */
#include "chain/chain_priv.h"

int mg_role_provide(struct mg_setup *setup, const char *name, unsigned version,
		    const void *functions, void *self)
{
	struct chain *c = setup->chain;

	if (c->n_roles == CHAIN_ROLES_MAX)
		return MG_ELIMIT;
	c->role[c->n_roles++] = (struct chain_role){
		.name = name, .version = version, .functions = functions, .self = self};
	return 0;
}

const struct chain_role *chain_role_next(const struct chain *chain, const char *name,
					 unsigned version, unsigned *i)
{
	while (*i < chain->n_roles) {
		const struct chain_role *role = &chain->role[(*i)++];
		if (role->version == version && strcmp(role->name, name) == 0)
			return role;
	}
	return NULL;
}

const void *mg_role(struct mg_setup *setup, const char *name, unsigned version, void **self)
{
	const struct chain_role *role, *last = NULL;
	unsigned i = 0;

	while ((role = chain_role_next(setup->chain, name, version, &i)))
		last = role;
	if (!last)
		return NULL;
	*self = last->self;
	return last->functions;
}

/* ---- who is known ---- */

bool chain_known_in(const struct chain *chain, const struct addr *addr, const struct mg_zone *zone)
{
	const struct chain_role *role;
	unsigned i = 0;

	while ((role = chain_role_next(chain, MG_SOURCES_ROLE, 1, &i))) {
		const struct mg_sources_role *f = role->functions;
		if (f->known(role->self, addr, zone))
			return true;
	}
	return false;
}

bool chain_known(const struct chain *chain, const struct addr *addr)
{
	return chain_known_in(chain, addr, NULL);
}

bool mg_known(const struct mg_worker *worker, const struct addr *addr, const struct mg_zone *zone)
{
	return chain_known_in(worker->chain, addr, zone);
}

void mg_set_known(struct mg_request *r)
{
	const struct chain_role *role;
	unsigned i = 0;

	r->source.known = true;
	while ((role = chain_role_next(r->chain, MG_SOURCES_ROLE, 1, &i))) {
		const struct mg_sources_role *f = role->functions;
		if (f->learn)
			f->learn(role->self, &r->source.addr, mg_now_ms(r->worker));
	}
}

/* ---- who may be answered ---- */

bool chain_may_answer(struct mg_worker *worker, const struct mg_source *source, size_t request,
		      size_t *size_max)
{
	const struct chain_role *role;
	unsigned i = 0;

	*size_max = source->known || source->proven ? 0 : request + request / 2;
	if (source->known)
		return true;
	while ((role = chain_role_next(worker->chain, MG_ANSWERS_ROLE, 1, &i))) {
		const struct mg_answers_role *f = role->functions;
		if (!f->may(role->self, source, mg_now_ms(worker))) {
			chain_count(worker, CHAIN_STAT_UNANSWERED);
			return false;
		}
	}
	return true;
}
