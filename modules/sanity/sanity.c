/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sanity: what RFC 3261 §16.3 asks of a well-formed request and the core leaves to policy: hops left, extensions that the proxy must
 * understand, methods that a zone serves, how much of RFC 2543 is taken. Form itself is checked before (sip/check.h). All of it runs in
 * MESSAGE, so that a refusal makes no state.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/mg_module.h"

#define METHODS_MAX     32
#define ALLOW_MAX       1024        /* bytes of an Allow */
#define CSEQ_MAX        2147483647U /* §8.1.1.5: less than 2^31 */
#define UNSUPPORTED_MAX 1024

/* ---- options ---- */

struct zone_methods {
	const char *zone;
	struct conf_list methods; /* const char * */
};

struct sanity_conf {
	struct conf_list zones;         /* struct zone_methods */
	struct conf_list proxy_require; /* const char * */
	bool rfc2543;
	bool large_cseq;
};

static bool is_token(const char *text)
{
	return lex_is_token(sv_str(text));
}

static void check_zone(struct conf_check *check, const void *value)
{
	const struct zone_methods *z = value;
	const char *const *method = z->methods.items;
	size_t n = 0;

	for (size_t i = 0; i < z->methods.n; i++) {
		if (!is_token(method[i]))
			conf_fault(check, "methods",
				   "names of methods: letters, digits and -.!%%*_+`'~");
		n += strlen(method[i]) + 2;
	}
	if (n > ALLOW_MAX - sizeof(", ACK, CANCEL"))
		conf_fault(check, "methods", "at most %u bytes together", ALLOW_MAX);
}

static void check_conf(struct conf_check *check, const void *value)
{
	const struct sanity_conf *c = value;
	const char *const *tag = c->proxy_require.items;
	const struct zone_methods *z = c->zones.items;

	for (size_t i = 0; i < c->proxy_require.n; i++)
		if (!is_token(tag[i]))
			conf_fault(check, "proxy_require", "option tags as in RFC 3261 §19.2");
	for (size_t i = 0; i < c->zones.n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(z[i].zone, z[j].zone) == 0)
				conf_fault(check, "zones", "each zone once");
}

static const struct conf_option zone_options[] = {
	{.name = "zone",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED,
	 .offset = offsetof(struct zone_methods, zone),
	 .example = "\"internet\"",
	 .help = "name of a zone"},
	{.name = "methods",
	 .type = CONF_STRING,
	 .flags = CONF_REQUIRED | CONF_LIST,
	 .offset = offsetof(struct zone_methods, methods),
	 .max = 32,
	 .max_items = METHODS_MAX,
	 .example = "( \"INVITE\", \"BYE\", \"OPTIONS\" )",
	 .help = "methods taken from this zone, ACK and CANCEL with INVITE; others are answered "
		 "405"},
};
static const struct conf_table zone_table = {
	.name = "zone",
	.help = "methods of a zone; a zone that is not named takes all",
	.size = sizeof(struct zone_methods),
	CONF_OPTIONS(zone_options),
	.check = check_zone};

static const struct conf_option options[] = {
	{.name = "zones",
	 .type = CONF_GROUP,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct sanity_conf, zones),
	 .max_items = MG_ZONES_MAX,
	 .group = &zone_table,
	 .help = "zones that do not take every method"},
	{.name = "proxy_require",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct sanity_conf, proxy_require),
	 .max = 64,
	 .max_items = 32,
	 .help = "option tags that may stand in Proxy-Require; others are answered 420"},
	{.name = "rfc2543",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct sanity_conf, rfc2543),
	 .def = "true",
	 .help = "take requests of RFC 2543 elements: no From tag, no magic cookie, no To tag in a "
		 "dialog"},
	{.name = "large_cseq",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct sanity_conf, large_cseq),
	 .def = "true",
	 .help = "take CSeq numbers from 2^31 to 2^32-1, which RFC 3261 §8.1.1.5 forbids making"},
};
static const struct conf_table table = {.name = "sanity",
					.help = "what the form of a message leaves to policy",
					.size = sizeof(struct sanity_conf),
					CONF_OPTIONS(options),
					.check = check_conf};

/* ---- what is refused, and how that is told ---- */

enum reason { METHOD, HOPS, EXTENSION, EXTENSION_FORM, CSEQ, FROM_TAG, COOKIE, TO_TAG, REASONS };

static const struct {
	uint16_t status;
	const char *act, *why, *phrase;
} reasons[REASONS] = {
	[METHOD] = {405, "405", "method", NULL},
	[HOPS] = {483, "483", "max_forwards", NULL},
	[EXTENSION] = {420, "420", "proxy_require", NULL},
	[EXTENSION_FORM] = {400, "400", "proxy_require_form", "Bad Proxy-Require"},
	[CSEQ] = {400, "400", "cseq", "CSeq Number Too Large"},
	[FROM_TAG] = {400, "400", "from_tag", "Missing From Tag"},
	[COOKIE] = {400, "400", "branch", "Branch Without Cookie"},
	[TO_TAG] = {481, "481", "to_tag", NULL},
};

static const struct stats_desc counters[REASONS] = {
	[METHOD] = {"sanity_method_total", "requests of a method that their zone excludes",
		    STATS_COUNTER},
	[HOPS] = {"sanity_max_forwards_total", "requests with no hops left", STATS_COUNTER},
	[EXTENSION] = {"sanity_proxy_require_total",
		       "requests that ask for an extension which is not there", STATS_COUNTER},
	[EXTENSION_FORM] = {"sanity_proxy_require_form_total",
			    "requests with a malformed Proxy-Require", STATS_COUNTER},
	[CSEQ] = {"sanity_cseq_total", "requests with a CSeq number of 2^31 or more",
		  STATS_COUNTER},
	[FROM_TAG] = {"sanity_from_tag_total", "requests without a From tag", STATS_COUNTER},
	[COOKIE] = {"sanity_branch_total", "requests whose branch lacks the magic cookie",
		    STATS_COUNTER},
	[TO_TAG] = {"sanity_to_tag_total", "requests of a dialog without a To tag", STATS_COUNTER},
};

/* ---- a configuration ---- */

/* The methods of a zone. */
struct served {
	bool all;
	uint32_t known; /* a bit for each enum sip_method */
	struct sv other[METHODS_MAX];
	unsigned others;
	char allow[ALLOW_MAX];
};

struct sanity {
	unsigned n;                        /* zones, by index */
	struct served *zone[MG_ZONES_MAX]; /* NULL: all methods */
};

struct local {
	struct mg_sec said[REASONS];
};

static_assert(SIP_METHOD_END <= 32, "a bit each");

static void add_allow(struct served *s, struct sv method)
{
	size_t n = strlen(s->allow);

	snprintf(s->allow + n, sizeof(s->allow) - n, "%s%.*s", n ? ", " : "", SV_ARG(method));
}

static void serve(struct served *s, struct sv method)
{
	enum sip_method known = sip_method_find(method);

	if (known != SIP_METHOD_OTHER) {
		if (s->known & 1U << known)
			return;
		s->known |= 1U << known;
	} else {
		s->other[s->others++] = method;
	}
	add_allow(s, method);
}

static struct served *served_new(const struct zone_methods *z)
{
	const char *const *method = z->methods.items;
	struct served *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (size_t i = 0; i < z->methods.n; i++)
		serve(s, sv_str(method[i]));
	if (s->known & 1U << SIP_METHOD_INVITE) {
		serve(s, SV("ACK"));
		serve(s, SV("CANCEL"));
	}
	return s;
}

static void unload(struct mg_self *self)
{
	struct sanity *s = self->state;

	for (unsigned i = 0; i < MG_ZONES_MAX; i++)
		free(s->zone[i]);
	free(s);
}

static int load(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before)
{
	const struct sanity_conf *conf = self->conf;
	const struct zone_methods *z = conf->zones.items;
	struct sanity *s = self->state = calloc(1, sizeof(*s));
	int err = s ? 0 : MG_ENOMEM;

	(void)before;
	for (size_t i = 0; i < conf->zones.n && !err; i++) {
		const struct mg_zone *zone = mg_setup_zone_at(setup, z[i].zone, "zones[%zu]", i);
		if (!zone)
			err = MG_ENOENT;
		else if (!(s->zone[zone->index] = served_new(&z[i])))
			err = MG_ENOMEM;
	}
	if (err && s)
		unload(self);
	return err;
}

static int worker(struct mg_self *self, const struct mg_self *before)
{
	return mg_local_begin(self, before, sizeof(struct local));
}

static void tick(struct mg_self *self, uint64_t now_ms)
{
	struct local *l = self->local;

	(void)now_ms;
	for (unsigned i = 0; i < REASONS; i++)
		mg_sec_flush(self->worker, &l->said[i]);
}

/* ---- the checks ---- */

/* Refuse, or drop what cannot be answered: an ACK. */
static struct mg_verdict refuse(struct mg_self *self, struct mg_request *r, enum reason why)
{
	struct local *l = self->local;
	struct sip_msg *msg = mg_msg(r);
	bool ack = msg->method == SIP_METHOD_ACK;

	mg_count(self, why);
	mg_sec(self->worker, &l->said[why],
	       &(struct mg_sec_event){.ev = "refused",
				      .why = reasons[why].why,
				      .act = ack ? "drop" : reasons[why].act,
				      .source = mg_source(r),
				      .method = sip_method_text(msg)});
	return ack ? mg_drop(reasons[why].why)
		   : mg_reject(reasons[why].status, reasons[why].phrase);
}

static bool is_served(const struct served *s, const struct sip_msg *msg)
{
	if (msg->method != SIP_METHOD_OTHER)
		return s->known & 1U << msg->method;
	for (unsigned i = 0; i < s->others; i++)
		if (sv_eq(s->other[i], sip_method_text(msg)))
			return true;
	return false;
}

/* Whether a list of option tags holds one, any case (§7.3.1). */
static bool holds(const struct conf_list *tags, struct sv tag)
{
	const char *const *t = tags->items;

	for (size_t i = 0; i < tags->n; i++)
		if (sv_ieq(sv_str(t[i]), tag))
			return true;
	return false;
}

/* Proxy-Require (§16.3 step 5): 420 with exactly those that are not there, as far as they fit. */
static struct mg_verdict check_extensions(struct mg_self *self, struct mg_request *r)
{
	const struct sanity_conf *conf = self->conf;
	char unsupported[UNSUPPORTED_MAX];
	struct sip_each each;
	struct sip_token tag;
	size_t n = 0;

	sip_each_start(&each, mg_msg(r), SIP_H_PROXY_REQUIRE);
	while (sip_each_token(&each, &tag)) {
		if (!lex_is_token(tag.value))
			return refuse(self, r, EXTENSION_FORM);
		if (holds(&conf->proxy_require, tag.value) ||
		    n + 2 + tag.value.n > sizeof(unsupported))
			continue;
		if (n) {
			memcpy(unsupported + n, ", ", 2);
			n += 2;
		}
		memcpy(unsupported + n, tag.value.p, tag.value.n);
		n += tag.value.n;
	}
	if (each.at.fault)
		return refuse(self, r, EXTENSION_FORM);
	if (n == 0)
		return mg_next();
	if (mg_answer_header(r, SIP_H_UNSUPPORTED, SV(""), sv_of(unsupported, n)))
		return mg_drop("memory");
	return refuse(self, r, EXTENSION);
}

/* Methods that live in a dialog only; a request of theirs without To tag comes from a peer of RFC 2543 or from nowhere. */
static bool needs_to_tag(const struct sip_msg *msg)
{
	return msg->method == SIP_METHOD_BYE || msg->method == SIP_METHOD_INFO ||
	       msg->method == SIP_METHOD_PRACK || msg->method == SIP_METHOD_UPDATE;
}

static struct mg_verdict check_age(struct mg_self *self, struct mg_request *r)
{
	struct sip_msg *msg = mg_msg(r);
	struct sip_where at;
	const struct sip_nameaddr *from = sip_from(msg, &at), *to = sip_to(msg, &at);
	const struct sip_via *via = sip_top_via(msg, &at);

	if (from && !from->tag.n)
		return refuse(self, r, FROM_TAG);
	if (via && !sip_via_has_cookie(via))
		return refuse(self, r, COOKIE);
	if (to && !to->tag.n && needs_to_tag(msg))
		return refuse(self, r, TO_TAG);
	return mg_next();
}

/* Hops left (§16.3 step 3). OPTIONS is left to whoever forwards: with none left it is answered as if sent to us (§11). A CANCEL goes with its
 * INVITE, not on by itself. */
static bool has_hops(struct sip_msg *msg)
{
	struct sip_where at;
	const struct sip_number *hops;

	if (!sip_has(msg, SIP_H_MAX_FORWARDS) || msg->method == SIP_METHOD_OPTIONS ||
	    msg->method == SIP_METHOD_CANCEL)
		return true;
	hops = sip_max_forwards(msg, &at);
	return !hops || hops->value > 0;
}

static struct mg_verdict message(struct mg_self *self, struct mg_request *r)
{
	const struct sanity_conf *conf = self->conf;
	const struct sanity *s = self->state;
	struct sip_msg *msg = mg_msg(r);
	const struct mg_zone *zone = mg_source(r)->zone;
	const struct served *served =
		zone && zone->index < MG_ZONES_MAX ? s->zone[zone->index] : NULL;
	const struct sip_cseq *cseq;
	struct sip_where at;

	if (msg->kind != SIP_KIND_REQUEST)
		return mg_next();
	if (served && !is_served(served, msg)) {
		if (mg_answer_header(r, SIP_H_ALLOW, SV(""), sv_str(served->allow)))
			return mg_drop("memory");
		return refuse(self, r, METHOD);
	}
	if (!has_hops(msg))
		return refuse(self, r, HOPS);
	cseq = conf->large_cseq ? NULL : sip_cseq(msg, &at);
	if (cseq && cseq->number > CSEQ_MAX)
		return refuse(self, r, CSEQ);
	if (!conf->rfc2543) {
		struct mg_verdict v = check_age(self, r);
		if (v.kind != MG_NEXT)
			return v;
	}
	if (!sip_has(msg, SIP_H_PROXY_REQUIRE) || msg->method == SIP_METHOD_ACK ||
	    msg->method == SIP_METHOD_CANCEL)
		return mg_next();
	return check_extensions(self, r);
}

extern const struct mg_module sanity_module;
const struct mg_module sanity_module = {
	.abi = MG_ABI_VERSION,
	.name = "sanity",
	.help = "what the form of a message leaves to policy: hops, extensions, methods, RFC 2543",
	.options = &table,
	.counters = counters,
	.n_counters = REASONS,
	.load = load,
	.unload = unload,
	.worker = worker,
	.worker_end = mg_local_end,
	.tick = tick,
	.message = message,
};
