/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route_conf: the options of route, and which of them cannot work together or are dangerous.
 */
#include "route_conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "number.h"
#include "rules.h"

#define OPEN_RELAY                                                                               \
	"anybody can send through here to a third party: toll fraud, and calls that seem to be " \
	"yours"

static void check_hop(struct conf_check *check, const void *value)
{
	const struct route_hop_conf *hop = value;
	struct sip_where at;
	struct sip_uri uri;
	struct sv host;
	uint16_t port;

	if (sip_uri_parse(&uri, sv_str(hop->uri), &at) || uri.headers.n ||
	    (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS))
		conf_fault(check, "uri", "a sip or sips URI without headers");
	else if (sip_hostport_parse(uri.host, &host, &port) != 0)
		conf_fault(check, "uri",
			   "a URI whose host is a name, an IPv4 address or an [IPv6 address] that "
			   "somebody can be at");
	else if (hop->as_route && !uri.lr)
		conf_fault(check, "uri", "a URI with ;lr, since it goes into a Route");
	if (hop->as_route && hop->rewrite_host)
		conf_fault(check, "rewrite_host",
			   "false with as_route: the next hop reads the Route");
}

/* As Request-URIs can have it: no port, which does not count there. An IPv6 address may do without its brackets. */
static bool domain_is_good(struct sv domain)
{
	struct sv host;
	struct addr a;
	uint16_t port;

	if (sv_eq(domain, SV("*")) || addr_parse(domain, ADDR_IP, &a) == 0)
		return true;
	if (domain.n && domain.p[0] == '.')
		domain = sv_of(domain.p + 1, domain.n - 1);
	return sip_hostport_parse(domain, &host, &port) == 0 && host.n == domain.n;
}

static void check_match(struct conf_check *check, const struct route_rule_conf *rule)
{

	if (!rule->domain == !rule->prefix)
		conf_fault(check, rule->domain ? "prefix" : "", "either domain or prefix");
	if (rule->domain && !domain_is_good(sv_str(rule->domain)))
		conf_fault(check, "domain", "a host, .example.com for all below it, or *");
	if (rule->prefix && !number_is_plain(sv_str(rule->prefix)))
		conf_fault(check, "prefix",
			   "digits, * and #, perhaps with a + in front; or \"\" for every number");
}

static bool is_redirection(int64_t status)
{
	return status == 300 || status == 301 || status == 302 || status == 305 || status == 380;
}

static void check_rule(struct conf_check *check, const void *value)
{
	const struct route_rule_conf *rule = value;

	check_match(check, rule);
	switch ((enum route_action)rule->action) {
	case ROUTE_RELAY:
		if (rule->status != ROUTE_AUTO)
			conf_fault(check, "status", "none: what is relayed is answered elsewhere");
		if (rule->sources == ROUTE_ANY)
			conf_risk(check, "sources", "open-relay", OPEN_RELAY);
		break;
	case ROUTE_REDIRECT:
		if (rule->hops.n == 0)
			conf_fault(check, "hops", "at least one, to redirect to");
		if (rule->status != ROUTE_AUTO && !is_redirection(rule->status))
			conf_fault(check, "status", "300, 301, 302, 305 or 380");
		break;
	case ROUTE_REJECT:
		if (rule->hops.n)
			conf_fault(check, "hops", "none: what is rejected goes nowhere");
		if (rule->status != ROUTE_AUTO && rule->status < 400)
			conf_fault(check, "status", "400 to 699");
		break;
	}
}

/* ---- rules that no request reaches ---- */

/* What a rule is found by. */
struct key {
	const struct route_rule_conf *rule;
	size_t n;
	char text[RULES_HOST_MAX]; /* the host's one spelling, or the number's digits */
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (!x->rule->domain != !y->rule->domain)
		return x->rule->domain ? -1 : 1;
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	int order = memcmp(x->text, y->text, x->n);
	if (order)
		return order;
	return x->rule < y->rule ? -1 : x->rule > y->rule; /* as they stand in the file */
}

static bool same_key(const struct key *a, const struct key *b)
{
	return !a->rule->domain == !b->rule->domain && a->n == b->n &&
	       memcmp(a->text, b->text, a->n) == 0;
}

static bool has_zone(const struct route_rule_conf *rule, const char *zone)
{
	const char *const *from = rule->from.items;

	for (size_t i = 0; i < rule->from.n; i++)
		if (strcmp(from[i], zone) == 0)
			return true;
	return rule->from.n == 0;
}

/* Whether the first rule takes every request that the second would. */
static bool hides(const struct route_rule_conf *first, const struct route_rule_conf *second)
{
	const char *const *from = second->from.items;
	bool all = first->from.n == 0 || second->from.n > 0;

	for (size_t i = 0; i < second->from.n && all; i++)
		all = has_zone(first, from[i]);
	return all && (first->sources == ROUTE_ANY || second->sources == ROUTE_KNOWN);
}

static void tell_hidden(struct conf_check *check, const struct route_conf *conf,
			const struct route_rule_conf *first, const struct route_rule_conf *second)
{
	const struct route_rule_conf *rule = conf->rules.items;
	const char *what = second->domain ? "domain" : "prefix";
	char item[40], other[40];

	snprintf(item, sizeof(item), "rules[%td].%s", second - rule, what);
	snprintf(other, sizeof(other), "rules[%td].%s", first - rule, what);
	conf_fault(check, item,
		   "another %s, zones (from) or sources than at %s: of these two rules the first "
		   "takes every request",
		   what, conf_at(check, other));
}

/* The keys of equal spelling from `key` on. Returns how many. */
static size_t check_equal(struct conf_check *check, const struct route_conf *conf,
			  const struct key *key, size_t n)
{
	size_t equal = 1;

	for (; equal < n && same_key(key, &key[equal]); equal++) {
		size_t i = 0;

		while (i < equal && !hides(key[i].rule, key[equal].rule))
			i++;
		if (i < equal)
			tell_hidden(check, conf, key[i].rule, key[equal].rule);
	}
	return equal;
}

static void check_hidden(struct conf_check *check, const struct route_conf *conf)
{
	const struct route_rule_conf *rule = conf->rules.items;
	size_t n = conf->rules.n;
	struct key *key = calloc(n + 1, sizeof(*key));

	for (size_t i = 0; key && i < n; i++) {
		key[i].rule = &rule[i];
		if (rule[i].domain) {
			key[i].n = rules_host(sv_str(rule[i].domain), key[i].text);
		} else {
			key[i].n = strlen(rule[i].prefix); /* at most NUMBER_MAX */
			memcpy(key[i].text, rule[i].prefix, key[i].n);
		}
	}
	if (!key) {
		conf_fault(check, "rules", "fewer of them: out of memory");
		return;
	}
	qsort(key, n, sizeof(*key), by_key);
	for (size_t i = 0; i < n;)
		i += check_equal(check, conf, &key[i], n - i);
	free(key);
}

static void check_conf(struct conf_check *check, const void *value)
{
	const struct route_conf *conf = value;

	check_hidden(check, conf);
	if (conf->relay == ROUTE_RELAY_ANY)
		conf_risk(check, "relay", "open-relay", OPEN_RELAY);
}

static const char *const actions[] = {"relay", "redirect", "reject", NULL};
static const char *const sources[] = {"known", "any", NULL};
static const char *const relays[] = {"off", "known", "any", NULL};

static const struct conf_option hop_options[] = {
	{.name = "uri",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct route_hop_conf, uri),
	 .max = SIP_URI_MAX,
	 .example = "\"sip:gw1.example.net;transport=tcp\"",
	 .help = "where to send: looked up as RFC 3263 says"},
	{.name = "zone",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_hop_conf, zone),
	 .example = "\"carrier\"",
	 .help = "zone to leave by; absent: what fits best"},
	{.name = "q",
	 .type = CONF_INT,
	 .offset = offsetof(struct route_hop_conf, q),
	 .min = 0,
	 .max = 1000,
	 .def = "1000",
	 .help = "hops of a higher q are tried first, one after the other"},
	{.name = "weight",
	 .type = CONF_INT,
	 .offset = offsetof(struct route_hop_conf, weight),
	 .min = 1,
	 .max = 1000,
	 .def = "1",
	 .help = "share of requests that begin with this hop, among those of the same q"},
	{.name = "ring_s",
	 .type = CONF_INT,
	 .offset = offsetof(struct route_hop_conf, ring_s),
	 .unit = "seconds",
	 .min = 0,
	 .max = 3600,
	 .def = "0",
	 .help = "give up on this hop after so long; 0: when an INVITE may ring no longer"},
	{.name = "as_route",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct route_hop_conf, as_route),
	 .def = "false",
	 .help = "put the URI on as a Route, for a proxy that wants to see itself there"},
	{.name = "rewrite_host",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct route_hop_conf, rewrite_host),
	 .def = "false",
	 .help = "put the URI's host into the Request-URI, for a gateway that only takes its own"},
};
static const struct conf_table hop_table = {.name = "hop",
					    .help = "a next hop",
					    .size = sizeof(struct route_hop_conf),
					    CONF_OPTIONS(hop_options),
					    .check = check_hop};

static const struct conf_option rule_options[] = {
	{.name = "from",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct route_rule_conf, from),
	 .max_items = 256,
	 .help = "zones that the request came from; empty: any"},
	{.name = "domain",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_rule_conf, domain),
	 .max = 255,
	 .example = "\"example.com\"",
	 .help = "host of the Request-URI; .example.com for all below it; * for any"},
	{.name = "prefix",
	 .type = CONF_STRING,
	 .flags = CONF_EMPTY_OK,
	 .offset = offsetof(struct route_rule_conf, prefix),
	 .max = NUMBER_MAX,
	 .example = "\"+49\"",
	 .help = "the number called begins with; the longest counts"},
	{.name = "sources",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct route_rule_conf, sources),
	 .choices = sources,
	 .def = "known",
	 .help = "whose requests: of known sources, or of any"},
	{.name = "action",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct route_rule_conf, action),
	 .choices = actions,
	 .def = "relay",
	 .help = "what to do with the request"},
	{.name = "hops",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct route_rule_conf, hops),
	 .max_items = ROUTE_HOPS_MAX,
	 .group = &hop_table,
	 .help = "next hops; none: relay to the Request-URI"},
	{.name = "parallel",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct route_rule_conf, parallel),
	 .def = "false",
	 .help = "call hops of the same q all at once, instead of one of them, by weight, after "
		 "the other"},
	{.name = "status",
	 .type = CONF_AUTO,
	 .offset = offsetof(struct route_rule_conf, status),
	 .min = 300,
	 .max = 699,
	 .def = "auto",
	 .help = "answer of redirect (302) and reject (403)"},
};
static const struct conf_table rule_table = {.name = "rule",
					     .help = "where requests go",
					     .size = sizeof(struct route_rule_conf),
					     CONF_OPTIONS(rule_options),
					     .check = check_rule};

static const struct conf_option options[] = {
	{.name = "rules",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct route_conf, rules),
	 .max_items = 10000,
	 .group = &rule_table,
	 .help = "where requests go: by domain, else by number, else by the domain *"},
	{.name = "relay",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct route_conf, relay),
	 .choices = relays,
	 .def = "off",
	 .help = "relay what no rule is for to its Request-URI: not, of known sources, of any"},
	{.name = "otherwise",
	 .type = CONF_INT,
	 .offset = offsetof(struct route_conf, otherwise),
	 .min = 400,
	 .max = 699,
	 .def = "404",
	 .help = "answer to known sources when there is nowhere to go"},
	{.name = "strangers",
	 .type = CONF_INT,
	 .offset = offsetof(struct route_conf, strangers),
	 .min = 400,
	 .max = 699,
	 .def = "403",
	 .help = "answer to all other sources, wherever they want to go"},
};
const struct conf_table route_table = {.name = "route",
				       .help = "where requests go",
				       .size = sizeof(struct route_conf),
				       CONF_OPTIONS(options),
				       .check = check_conf};
