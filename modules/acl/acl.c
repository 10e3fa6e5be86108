/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * acl: who may send to a zone, and whose word counts there, by lists of prefixes. Denied sources meet silence before anything is parsed, or a
 * 403. Provides the role "sources". How an address is found in a list is prefix_set.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "chain/mg_module.h"
#include "prefix_set.h"

#define RULES_MAX        1024
#define PREFIXES_MAX     65536 /* of a rule */
#define CERTIFICATES_MAX 1024  /* of a rule */

/* ---- options ---- */

enum action { ALLOW, DENY };
enum refusal { SILENCE, FORBIDDEN };

struct acl_rule {
	struct conf_list prefixes;     /* struct prefix */
	struct conf_list certificates; /* const char * */
	int action;
	bool known;
};

struct acl_zone_conf {
	const char *zone;
	struct conf_list rules; /* struct acl_rule */
	int otherwise, refuse;
};

struct acl_conf {
	struct conf_list zones; /* struct acl_zone_conf */
};

/* An address that no real source has (RFC 5737, RFC 3849), and how narrow a prefix must be to name its own block on purpose. */
static const struct {
	const char *addr;
	unsigned bits;
} canaries[] = {{"192.0.2.1", 24}, {"198.51.100.1", 24}, {"203.0.113.1", 24}, {"2001:db8::1", 32}};

/* IPv6 that is given out by 2000::/3: of that, a prefix shorter than this holds many providers. */
#define GLOBAL_V6_BITS 3
#define PROVIDER_BITS  24
#define SHARE_BITS     8                                            /* a 256th of all addresses */
#define SHARE_V4       (1ULL << (32 - SHARE_BITS))                  /* in addresses */
#define SHARE_V6       (1ULL << (64 - GLOBAL_V6_BITS - SHARE_BITS)) /* in networks of 64 bits */

/* Whether nobody else can send from an address of this kind through the Internet. */
static bool is_inside(const struct prefix *p)
{
	static const char *const inside[] = {"10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16",
					     "100.64.0.0/10", "127.0.0.0/8",   "169.254.0.0/16",
					     "fc00::/7",      "fe80::/10"};
	struct prefix q;

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (prefix_parse(sv_str(inside[i]), &q) == 0 && p->bits >= q.bits &&
		    prefix_has(&q, &p->net))
			return true;
	return false;
}

/* Trusting this many is trusting anybody (threat A-8): it holds a canary, or more than a 256th of all addresses, or of IPv6 more than a provider has. */
static bool is_too_wide(const struct prefix *p)
{
	for (size_t i = 0; i < sizeof(canaries) / sizeof(canaries[0]); i++) {
		struct addr a;
		if (addr_parse(sv_str(canaries[i].addr), ADDR_IP, &a) == 0 && prefix_has(p, &a) &&
		    p->bits < canaries[i].bits)
			return true;
	}
	if (p->net.family == ADDR_V4)
		return p->bits < SHARE_BITS;
	return p->bits < (is_inside(p) ? 12 : PROVIDER_BITS);
}

/* Wide ones before those inside of them. */
static int by_net(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	if (x->net.family != y->net.family)
		return x->net.family < y->net.family ? -1 : 1;
	int order = memcmp(x->net.ip, y->net.ip, sizeof(x->net.ip));
	return order ? order : x->bits - y->bits;
}

/* How many addresses (of IPv6: networks of 64 bits) the prefixes hold together, which are sorted; those that only we can have do not count. */
static bool sum_too_wide(const struct prefix *p, size_t n)
{
	uint64_t v4 = 0, v6 = 0;
	const struct prefix *last = NULL;

	for (size_t i = 0; i < n; i++) {
		if ((last && prefix_has(last, &p[i].net)) || is_inside(&p[i]))
			continue;
		last = &p[i];
		if (last->net.family == ADDR_V4)
			v4 += 1ULL << (32 - last->bits);
		else
			v6 += last->bits >= 64 ? 1 : 1ULL << (64 - last->bits);
	}
	return v4 > SHARE_V4 || v6 > SHARE_V6;
}

/* Not by a certificate. */
static bool by_address(const struct acl_rule *rule)
{
	return rule->certificates.n == 0;
}

/* Each prefix alone may be narrow, and all of them the Internet. Returns whether they are few enough; without memory they are not. */
static bool check_sum(const struct acl_zone_conf *zone)
{
	const struct acl_rule *rule = zone->rules.items;
	struct prefix *all;
	size_t n = 0, room = 1;

	for (size_t i = 0; i < zone->rules.n; i++)
		room += rule[i].known && by_address(&rule[i]) ? rule[i].prefixes.n : 0;
	all = malloc(room * sizeof(*all));
	for (size_t i = 0; all && i < zone->rules.n; i++) {
		const struct prefix *p = rule[i].prefixes.items;

		if (!rule[i].known || !by_address(&rule[i]))
			continue;
		for (size_t j = 0; j < rule[i].prefixes.n; j++)
			if (!is_too_wide(&p[j])) /* that one was told */
				all[n++] = p[j];
	}
	if (all && n)
		qsort(all, n, sizeof(*all), by_net);
	bool fine = all && !sum_too_wide(all, n);
	free(all);
	return fine;
}

static void check_zone(struct conf_check *check, const void *value)
{
	if (!check_sum(value))
		conf_risk(check, "rules", "acl-any",
			  "their known prefixes together are more than a 256th of all addresses: "
			  "requests from there are not limited, and may be relayed");
}

/* Domains as a certificate may name them: an asterisk would match nothing. */
static void check_names(struct conf_check *check, const struct acl_rule *rule)
{
	const char *const *name = rule->certificates.items;

	for (size_t i = 0; i < rule->certificates.n; i++)
		if (!*name[i] || strpbrk(name[i], "*@/ \t"))
			conf_fault(check, "certificates", "names of SIP domains");
}

static void check_rule(struct conf_check *check, const void *value)
{
	const struct acl_rule *rule = value;
	const struct prefix *p = rule->prefixes.items;

	if (rule->known && rule->action == DENY)
		conf_fault(check, "known", "false for what is denied");
	if (rule->prefixes.n == 0 && rule->certificates.n == 0)
		conf_fault(check, "prefixes", "prefixes, certificates or both");
	if (rule->certificates.n > 0 && !rule->known)
		conf_fault(check, "known", "true where certificates are named");
	check_names(check, rule);
	/* A certificate vouches for its source, wherever it is. */
	for (size_t i = 0; rule->known && by_address(rule) && i < rule->prefixes.n; i++)
		if (is_too_wide(&p[i])) {
			char item[40];

			snprintf(item, sizeof(item), "prefixes[%zu]", i);
			conf_risk(check, item, "acl-any",
				  "sources that nobody can vouch for count as known: their "
				  "requests are not limited, and may be relayed");
			break;
		}
}

static void check_conf(struct conf_check *check, const void *value)
{
	const struct acl_conf *conf = value;
	const struct acl_zone_conf *z = conf->zones.items;

	for (size_t i = 0; i < conf->zones.n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(z[i].zone, z[j].zone) == 0) {
				char item[40], first[40];

				snprintf(item, sizeof(item), "zones[%zu].zone", i);
				snprintf(first, sizeof(first), "zones[%zu].zone", j);
				conf_fault(check, item, "each zone once (it stands at %s too)",
					   conf_at(check, first));
				break;
			}
}

static const char *const actions[] = {"allow", "deny", NULL};
static const char *const refusals[] = {"silence", "403", NULL};

static const struct conf_option rule_options[] = {
	{.name = "prefixes",
	 .type = CONF_PREFIX,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct acl_rule, prefixes),
	 .max_items = PREFIXES_MAX,
	 .example = "( \"10.0.0.0/8\", \"2001:db8:1::/48\" )",
	 .help = "addresses that the rule is about; all, where there are certificates"},
	{.name = "certificates",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct acl_rule, certificates),
	 .max = 253,
	 .max_items = CERTIFICATES_MAX,
	 .example = "( \"carrier.example\" )",
	 .help = "only who shows a client's certificate that is for one of these SIP domains (RFC "
		 "5922)"},
	{.name = "action",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct acl_rule, action),
	 .choices = actions,
	 .def = "allow",
	 .help = "what happens to messages from there"},
	{.name = "known",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct acl_rule, known),
	 .def = "false",
	 .help = "trust these sources: no limits for unknown ones, and their requests may be "
		 "relayed"},
};
static const struct conf_table rule_table = {.name = "rule",
					     .help = "prefixes and what they may",
					     .size = sizeof(struct acl_rule),
					     CONF_OPTIONS(rule_options),
					     .check = check_rule};

static const struct conf_option zone_options[] = {
	{.name = "zone",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct acl_zone_conf, zone),
	 .example = "\"internet\"",
	 .help = "name of a zone"},
	{.name = "rules",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct acl_zone_conf, rules),
	 .max_items = RULES_MAX,
	 .group = &rule_table,
	 .help = "the first that holds the source counts"},
	{.name = "otherwise",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct acl_zone_conf, otherwise),
	 .choices = actions,
	 .def = "allow",
	 .help = "what happens to messages from elsewhere"},
	{.name = "refuse",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct acl_zone_conf, refuse),
	 .choices = refusals,
	 .def = "silence",
	 .help = "how the denied are refused: silence drops before parsing, 403 answers requests "
		 "and lets responses pass"},
};
static const struct conf_table zone_table = {.name = "zone",
					     .help = "the list of a zone",
					     .size = sizeof(struct acl_zone_conf),
					     CONF_OPTIONS(zone_options),
					     .check = check_zone};

static const struct conf_option options[] = {
	{.name = "zones",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct acl_conf, zones),
	 .max_items = MG_ZONES_MAX,
	 .group = &zone_table,
	 .help = "zones with a list; others take everybody and know nobody"},
};
static const struct conf_table table = {.name = "acl",
					.help = "who may send to a zone, by prefixes",
					.size = sizeof(struct acl_conf),
					CONF_OPTIONS(options),
					.check = check_conf};

enum counter { DENIED, FORBADE, KERNEL, COUNTERS };

static const struct stats_desc counters[COUNTERS] = {
	[DENIED] = {"acl_denied_total", "datagrams and connections dropped: their source is denied",
		    STATS_COUNTER},
	[FORBADE] = {"acl_forbidden_total", "requests answered 403: their source is denied",
		     STATS_COUNTER},
	[KERNEL] = {"acl_denied_kernel_total",
		    "datagrams of acl_denied_total that the kernel dropped for us", STATS_COUNTER},
};

/* ---- a configuration ---- */

enum { IS_DENIED = 1, IS_KNOWN = 2 };

struct acl_zone {
	struct prefix_set set;
	uint8_t *what; /* of each prefix, as counted by the set: IS_DENIED, IS_KNOWN */
	uint8_t otherwise;
	bool silent;
	const struct conf_list *rules; /* struct acl_rule: of those with certificates */
};

struct acl {
	struct acl_zone *zone[MG_ZONES_MAX]; /* by index; NULL: no list */
};

#define SHUT_US 10000000 /* what a list denies it denies until a reload, which lifts it */

struct local {
	struct mg_sec said[COUNTERS];
	uint64_t dropped; /* by the kernel, as far as it is counted: worker 0's */
};

static void zone_free(struct acl_zone *z)
{
	if (!z)
		return;
	prefix_set_done(&z->set);
	free(z->what);
	free(z);
}

static void unload(struct mg_self *self)
{
	struct acl *acl = self->state;

	for (unsigned i = 0; i < MG_ZONES_MAX; i++)
		zone_free(acl->zone[i]);
	free(acl);
}

static uint32_t count_prefixes(const struct acl_zone_conf *conf)
{
	const struct acl_rule *rule = conf->rules.items;
	size_t n = 0;

	for (size_t i = 0; i < conf->rules.n; i++)
		n += by_address(&rule[i]) ? rule[i].prefixes.n : 0;
	return (uint32_t)n; /* at most RULES_MAX * PREFIXES_MAX */
}

/* All prefixes of all rules in their order. */
static int flatten(struct acl_zone *z, const struct acl_zone_conf *conf, struct prefix *list)
{
	const struct acl_rule *rule = conf->rules.items;
	uint32_t n = 0;

	for (size_t i = 0; i < conf->rules.n; i++) {
		const struct prefix *p = rule[i].prefixes.items;
		for (size_t j = 0; by_address(&rule[i]) && j < rule[i].prefixes.n; j++) {
			z->what[n] = (uint8_t)((rule[i].action == DENY ? IS_DENIED : 0) |
					       (rule[i].known ? IS_KNOWN : 0));
			list[n++] = p[j];
		}
	}
	return prefix_set_init(&z->set, list, n);
}

static struct acl_zone *zone_new(const struct acl_zone_conf *conf)
{
	uint32_t n = count_prefixes(conf);
	struct acl_zone *z = calloc(1, sizeof(*z));
	struct prefix *list = calloc((size_t)n + 1, sizeof(*list));
	bool ok = z && list && (z->what = calloc((size_t)n + 1, 1)) && flatten(z, conf, list) == 0;

	free(list);
	if (!ok) {
		zone_free(z);
		return NULL;
	}
	z->rules = &conf->rules;
	z->otherwise = conf->otherwise == DENY ? IS_DENIED : 0;
	z->silent = conf->refuse == SILENCE;
	return z;
}

static uint8_t what_of(const struct acl_zone *z, const struct addr *addr)
{
	uint32_t i = prefix_set_find(&z->set, addr);

	return i == PREFIX_SET_NONE ? z->otherwise : z->what[i];
}

static const struct acl_zone *zone_of(const struct acl *acl, const struct mg_zone *zone)
{
	return zone && zone->index < MG_ZONES_MAX ? acl->zone[zone->index] : NULL;
}

/* Role "sources". */
static bool known(void *self, const struct addr *addr, const struct mg_zone *zone)
{
	const struct acl *acl = self;
	const struct acl_zone *z = zone_of(acl, zone);

	if (zone)
		return z && what_of(z, addr) & IS_KNOWN;
	for (unsigned i = 0; i < MG_ZONES_MAX; i++)
		if (acl->zone[i] && what_of(acl->zone[i], addr) & IS_KNOWN)
			return true;
	return false;
}

static bool holds(const struct acl_rule *rule, const struct addr *addr)
{
	const struct prefix *p = rule->prefixes.items;
	size_t i = 0;

	while (i < rule->prefixes.n && !prefix_has(&p[i], addr))
		i++;
	return rule->prefixes.n == 0 || i < rule->prefixes.n;
}

static bool names(const struct acl_rule *rule, const struct mg_certificate *certificate)
{
	const char *const *name = rule->certificates.items;

	for (size_t i = 0; i < rule->certificates.n; i++)
		if (certificate->names(certificate->of, sv_str(name[i])))
			return true;
	return false;
}

/* Role "certificates". What its address alone denies no certificate allows: it was dropped, or is answered 403. */
static bool certified(void *self, const struct mg_certificate *certificate, const struct addr *addr,
		      const struct mg_zone *zone)
{
	const struct acl_zone *z = zone_of(self, zone);
	const struct acl_rule *rule = z ? z->rules->items : NULL;

	for (size_t i = 0; z && i < z->rules->n; i++)
		if (!by_address(&rule[i]) && holds(&rule[i], addr) && names(&rule[i], certificate))
			return true;
	return false;
}

static int load(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before)
{
	static const struct mg_sources_role role = {.known = known};
	static const struct mg_certificates_role certificates = {.known = certified};
	const struct acl_conf *conf = self->conf;
	const struct acl_zone_conf *z = conf->zones.items;
	struct acl *acl = self->state = calloc(1, sizeof(*acl));
	int err = acl ? mg_role_provide(setup, MG_SOURCES_ROLE, 1, &role, acl) : MG_ENOMEM;

	(void)before;
	if (!err)
		err = mg_role_provide(setup, MG_CERTIFICATES_ROLE, 1, &certificates, acl);
	for (size_t i = 0; i < conf->zones.n && !err; i++) {
		const struct mg_zone *zone = mg_setup_zone_at(setup, z[i].zone, "zones[%zu]", i);
		if (!zone)
			err = MG_ENOENT;
		else if (!(acl->zone[zone->index] = zone_new(&z[i])))
			err = MG_ENOMEM;
	}
	if (err && acl)
		unload(self);
	return err;
}

static int worker(struct mg_self *self, const struct mg_self *before)
{
	int err = mg_local_begin(self, before, sizeof(struct local));

	if (!err && !before)
		((struct local *)self->local)->dropped =
			mg_shut_dropped(self->worker, MG_SHUT_DENIED);
	return err;
}

/* What the kernel dropped is counted with what we did. The log tells of those that came to us. */
static void count_kernel(struct mg_self *self)
{
	struct local *l = self->local;
	uint64_t dropped = mg_shut_dropped(self->worker, MG_SHUT_DENIED);

	stats_add(self->counters, 0, DENIED, dropped - l->dropped);
	stats_add(self->counters, 0, KERNEL, dropped - l->dropped);
	l->dropped = dropped;
}

static void tick(struct mg_self *self, uint64_t now_ms)
{
	struct local *l = self->local;

	(void)now_ms;
	if (mg_worker_index(self->worker) == 0)
		count_kernel(self);
	for (unsigned i = 0; i < COUNTERS; i++)
		mg_sec_flush(self->worker, &l->said[i]);
}

/* ---- what arrives ---- */

static void tell(struct mg_self *self, enum counter what, const struct mg_source *source,
		 struct sv method, const char *act)
{
	struct local *l = self->local;

	mg_count(self, what);
	mg_sec(self->worker, &l->said[what],
	       &(struct mg_sec_event){.ev = "acl",
				      .why = "denied",
				      .act = act,
				      .source = source,
				      .method = method});
}

static struct mg_verdict arrival(struct mg_self *self, struct mg_source *source, size_t len)
{
	const struct acl_zone *z = zone_of(self->state, source->zone);
	uint8_t what = z ? what_of(z, &source->addr) : 0;

	(void)len;
	if (what & IS_KNOWN)
		source->known = true;
	if (!(what & IS_DENIED) || !z->silent)
		return mg_next();
	tell(self, DENIED, source, SV(""), "drop");
	mg_shut(self->worker, source, MG_SHUT_DENIED, mg_now_ms(self->worker) * 1000 + SHUT_US);
	return mg_drop("acl");
}

static struct mg_verdict request(struct mg_self *self, struct mg_request *r)
{
	const struct mg_source *source = mg_source(r);
	const struct acl_zone *z = zone_of(self->state, source->zone);
	bool ack = mg_msg(r)->method == SIP_METHOD_ACK;

	if (!z || !(what_of(z, &source->addr) & IS_DENIED))
		return mg_next();
	tell(self, FORBADE, source, sip_method_text(mg_msg(r)), ack ? "drop" : "403");
	return ack ? mg_drop("acl") : mg_reject(403, NULL);
}

extern const struct mg_module acl_module;
const struct mg_module acl_module = {
	.abi = MG_ABI_VERSION,
	.name = "acl",
	.help = "who may send to a zone, and whose word counts there, by prefixes",
	.options = &table,
	.counters = counters,
	.n_counters = COUNTERS,
	.load = load,
	.unload = unload,
	.worker = worker,
	.worker_end = mg_local_end,
	.tick = tick,
	.arrival = arrival,
	.request = request,
};
