/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * role: what modules do for each other and for the daemon, found by name and version while a configuration is set up; and the three
 * roles that the chain itself knows: who is known, whether a stranger may be answered, and who keeps account of offences.
 */
#include "chain/chain_priv.h"

int mg_role_provide(struct mg_setup *setup, const char *name, unsigned version,
		    const void *functions, void *self)
{
	struct chain *c = setup->chain;

	if (c->n_roles == CHAIN_ROLES_MAX)
		return MG_ELIMIT;
	c->role[c->n_roles++] = (struct chain_role){.name = name,
						    .version = version,
						    .functions = functions,
						    .self = self,
						    .owner = c->member[setup->at].module};
	return 0;
}

static bool is_role(const struct chain_role *role, const char *name, unsigned version)
{
	return role->version == version && strcmp(role->name, name) == 0;
}

const void *mg_role(struct mg_setup *setup, const char *name, unsigned version, void **self)
{
	const struct chain *c = setup->chain;

	for (unsigned i = c->n_roles; i-- > 0;)
		if (is_role(&c->role[i], name, version)) {
			*self = c->role[i].self;
			return c->role[i].functions;
		}
	return NULL;
}

void chain_roles_done(struct chain *chain)
{
	for (unsigned i = 0; i < chain->n_roles; i++) {
		if (is_role(&chain->role[i], MG_SOURCES_ROLE, 1))
			chain->sources[chain->n_sources++] = (uint8_t)i;
		if (is_role(&chain->role[i], MG_ANSWERS_ROLE, 1))
			chain->answers[chain->n_answers++] = (uint8_t)i;
		if (is_role(&chain->role[i], MG_OFFENCES_ROLE, 1))
			chain->offences[chain->n_offences++] = (uint8_t)i;
	}
}

/* ---- who is known ---- */

/* By the word of any module but `but` (NULL: of any). */
static bool is_known(const struct chain *chain, const struct addr *addr, const struct mg_zone *zone,
		     const char *but)
{
	for (unsigned i = 0; i < chain->n_sources; i++) {
		const struct chain_role *role = &chain->role[chain->sources[i]];
		const struct mg_sources_role *f = role->functions;

		if (role->owner->name != but && f->known(role->self, addr, zone))
			return true;
	}
	return false;
}

bool chain_known_in(const struct chain *chain, const struct addr *addr, const struct mg_zone *zone)
{
	return is_known(chain, addr, zone, NULL);
}

bool chain_certified(const struct chain *chain, const struct mg_certificate *certificate,
		     const struct addr *addr, const struct mg_zone *zone)
{
	for (unsigned i = 0; i < chain->n_roles; i++) {
		const struct chain_role *role = &chain->role[i];
		const struct mg_certificates_role *f = role->functions;

		if (is_role(role, MG_CERTIFICATES_ROLE, 1) &&
		    f->known(role->self, certificate, addr, zone))
			return true;
	}
	return false;
}

bool chain_known(const struct chain *chain, const struct addr *addr)
{
	return is_known(chain, addr, NULL, NULL);
}

bool mg_known(const struct mg_self *self, const struct addr *addr, const struct mg_zone *zone)
{
	return is_known(self->worker->chain, addr, zone, self->name);
}

void mg_set_known(struct mg_request *r)
{
	const struct chain *chain = r->chain;

	r->source.known = true;
	mg_unshut(r->worker, &r->source.addr);
	for (unsigned i = 0; i < chain->n_sources; i++) {
		const struct chain_role *role = &chain->role[chain->sources[i]];
		const struct mg_sources_role *f = role->functions;

		if (f->learn)
			f->learn(role->self, &r->source.addr, mg_now_ms(r->worker));
	}
}

/* ---- who may be answered ---- */

bool chain_may_answer(struct mg_worker *worker, const struct mg_source *source, size_t request,
		      size_t *size_max)
{
	const struct chain *chain = worker->chain;

	*size_max = source->known || source->proven ? 0 : request + request / 2;
	for (unsigned i = 0; !source->known && i < chain->n_answers; i++) {
		const struct chain_role *role = &chain->role[chain->answers[i]];
		const struct mg_answers_role *f = role->functions;

		if (!f->may(role->self, source, mg_now_ms(worker))) {
			chain_count(worker, CHAIN_STAT_UNANSWERED);
			return false;
		}
	}
	return true;
}

/* ---- what is held against a source ---- */

void chain_offence(struct mg_worker *worker, const struct mg_source *source,
		   enum mg_offence offence)
{
	const struct chain *chain = worker->chain;

	for (unsigned i = 0; i < chain->n_offences; i++) {
		const struct chain_role *role = &chain->role[chain->offences[i]];
		const struct mg_offences_role *f = role->functions;

		f->seen(role->self, source, offence, mg_now_ms(worker));
	}
}
