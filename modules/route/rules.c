/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rules: domains in a hash table, numbers in a tree, and for each a list of rules in the order of the configuration.
 */
#include "rules.h"

#include <stdlib.h>

#include "number.h"

/* A domain with its rules. The name is as it is compared: lower case, an address in its one spelling, ".example.com" with its dot. */
struct domain {
	struct map_node node;
	struct rule *first;
	size_t n;
	char name[RULES_HOST_MAX];
};

struct rules {
	struct map domains;
	struct number_tree *numbers;
	struct rule *any; /* of the domain "*" */
	struct rule **all;
	size_t n;
};

/* ---- hosts ---- */

size_t rules_host(struct sv host, char out[RULES_HOST_MAX])
{
	struct addr addr;

	if (addr_parse(host, ADDR_IP, &addr) == 0)
		return addr_write(&addr, ADDR_URI, out);
	if (host.n > 1 && host.p[host.n - 1] == '.')
		host.n--; /* the root of all domains */
	if (host.n >= RULES_HOST_MAX)
		return 0;
	for (size_t i = 0; i < host.n; i++)
		out[i] = sv_lower(host.p[i]);
	return host.n;
}

static struct domain *find_domain(const struct rules *r, struct sv name)
{
	struct map_node *node = map_find(&r->domains, name);

	return node ? container_of(node, struct domain, node) : NULL;
}

static struct domain *make_domain(struct rules *r, struct sv text)
{
	struct domain *d = calloc(1, sizeof(*d)), *there;

	if (!d)
		return NULL;
	d->n = rules_host(text, d->name);
	there = find_domain(r, sv_of(d->name, d->n));
	if (!there && map_insert(&r->domains, &d->node, sv_of(d->name, d->n)) == 0)
		return d;
	free(d);
	return there;
}

/* ---- compiling ---- */

static void append(struct rule **list, struct rule *rule)
{
	while (*list)
		list = &(*list)->next;
	*list = rule;
}

/* Where the rules of the same domain or prefix hang. NULL without memory. */
static struct rule **place_of(struct rules *r, const struct route_rule_conf *conf)
{
	if (conf->prefix)
		return (struct rule **)number_tree_slot(r->numbers, sv_str(conf->prefix));
	if (strcmp(conf->domain, "*") == 0)
		return &r->any;
	struct domain *d = make_domain(r, sv_str(conf->domain));
	return d ? &d->first : NULL;
}

static int read_zones(struct rule *rule, struct mg_setup *setup, size_t i)
{
	const char *const *name = rule->conf->from.items;

	if (rule->conf->from.n == 0)
		memset(rule->from, 0xff, sizeof(rule->from));
	for (size_t j = 0; j < rule->conf->from.n; j++) {
		const struct mg_zone *zone = mg_setup_zone_at(setup, name[j], "rules[%zu].from", i);
		if (!zone)
			return MG_ENOENT;
		rule->from[zone->index / 8] |= (uint8_t)(1 << zone->index % 8);
	}
	return 0;
}

static int by_falling_q(const void *a, const void *b)
{
	const struct hop *x = a, *y = b;

	if (x->conf->q != y->conf->q)
		return x->conf->q > y->conf->q ? -1 : 1;
	return x->conf < y->conf ? -1 : x->conf > y->conf; /* as they stand in the file */
}

static int read_hops(struct rule *rule, struct mg_setup *setup, size_t i)
{
	const struct route_hop_conf *conf = rule->conf->hops.items;
	struct sip_where at;

	for (unsigned j = 0; j < rule->hops; j++) {
		struct hop *hop = &rule->hop[j];
		hop->conf = &conf[j];
		if (conf[j].zone &&
		    !(hop->zone = mg_setup_zone_at(setup, conf[j].zone, "rules[%zu].hops[%u].zone",
						   i, j)))
			return MG_ENOENT;
		if (sip_uri_parse(&hop->uri, sv_str(conf[j].uri), &at))
			return MG_EPARSE; /* checked before */
	}
	qsort(rule->hop, rule->hops, sizeof(rule->hop[0]), by_falling_q);
	return 0;
}

static int add_rule(struct rules *r, const struct route_rule_conf *conf, struct mg_setup *setup)
{
	struct rule *rule = calloc(1, sizeof(*rule) + conf->hops.n * sizeof(rule->hop[0]));
	struct rule **place;
	size_t i = r->n;
	int err;

	if (!rule)
		return MG_ENOMEM;
	r->all[r->n++] = rule;
	rule->conf = conf;
	rule->hops = (unsigned)conf->hops.n;
	err = read_zones(rule, setup, i);
	if (!err)
		err = read_hops(rule, setup, i);
	place = err ? NULL : place_of(r, conf);
	if (!err && !place)
		return MG_ENOMEM;
	if (!err)
		append(place, rule);
	return err;
}

int rules_new(struct rules **out, const struct route_conf *conf, struct mg_setup *setup)
{
	const struct route_rule_conf *rule = conf->rules.items;
	struct rules *r = calloc(1, sizeof(*r));
	int err = r ? map_init(&r->domains, conf->rules.n + 1) : MG_ENOMEM;

	if (err) {
		free(r);
		return err;
	}
	r->numbers = number_tree_new();
	r->all = calloc(conf->rules.n + 1, sizeof(struct rule *));
	if (!r->numbers || !r->all)
		err = MG_ENOMEM;
	for (size_t i = 0; i < conf->rules.n && !err; i++)
		err = add_rule(r, &rule[i], setup);
	if (err)
		rules_free(r);
	else
		*out = r;
	return err;
}

void rules_free(struct rules *r)
{
	struct map_iter it;
	struct map_node *node;

	if (!r)
		return;
	map_iter_init(&it, &r->domains);
	while ((node = map_next(&it))) {
		map_remove(&r->domains, node);
		free(container_of(node, struct domain, node));
	}
	map_done(&r->domains);
	number_tree_free(r->numbers);
	for (size_t i = 0; i < r->n; i++)
		free(r->all[i]);
	free(r->all);
	free(r);
}

/* ---- finding ---- */

/* The first rule of a list that takes such a request. A stranger's is taken by those for any source. */
static const struct rule *first_fit(const struct rule *rule, const struct rules_query *query)
{
	unsigned zone = query->zone ? query->zone->index : MG_ZONES_MAX;

	for (; rule; rule = rule->next) {
		bool from = rule->conf->from.n == 0 ||
			    (zone < MG_ZONES_MAX && rule->from[zone / 8] & 1 << zone % 8);
		if (from && (query->known || rule->conf->sources == ROUTE_ANY))
			return rule;
	}
	return NULL;
}

static const struct rule *by_host(const struct rules *r, const struct rules_query *query)
{
	char host[RULES_HOST_MAX];
	size_t n = rules_host(query->uri->host, host);
	struct sv rest = sv_of(host, n);

	while (rest.n) {
		const struct domain *d = find_domain(r, rest);
		const struct rule *rule = d ? first_fit(d->first, query) : NULL;
		size_t dot;

		if (rule)
			return rule;
		dot = sv_find(sv_of(rest.p + 1, rest.n - 1), '.') +
		      1; /* ".example.com" goes on with ".com" */
		rest = sv_of(rest.p + dot, rest.n - dot);
	}
	return NULL;
}

static const struct rule *by_prefix(const struct rules *r, const struct rules_query *query)
{
	void *found[NUMBER_MAX + 1];
	size_t n = query->number.n
			   ? number_tree_find(r->numbers, query->number, found, NUMBER_MAX + 1)
			   : 0;

	for (size_t i = 0; i < n; i++) {
		const struct rule *rule = first_fit(found[i], query);
		if (rule)
			return rule;
	}
	return NULL;
}

const struct rule *rules_find(const struct rules *r, const struct rules_query *query,
			      bool *by_number)
{
	bool has_host =
		query->uri->scheme == SIP_SCHEME_SIP || query->uri->scheme == SIP_SCHEME_SIPS;
	const struct rule *rule = has_host ? by_host(r, query) : NULL;

	*by_number = false;
	if (rule)
		return rule;
	rule = by_prefix(r, query);
	*by_number = rule;
	if (rule || !has_host)
		return rule;
	return first_fit(r->any, query);
}
