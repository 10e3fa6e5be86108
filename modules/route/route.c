/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route: where a request goes: by rules for domains and numbers to next hops, one tried after the other, to a redirection or a refusal; or to its
 * Request-URI. A stranger's request goes nowhere unless the configuration says so twice (threat F-1). Routes in the message, and what is in a
 * dialog, are the router's matter.
 */
#include "chain/mg_module.h"
#include "number.h"
#include "rules.h"

enum counter { BY_RULE, TO_URI, REDIRECTED, REJECTED, NOWHERE, STRANGER, COUNTERS };

static const struct stats_desc counters[COUNTERS] = {
	[BY_RULE] = {"route_by_rule_total", "requests relayed by a rule", STATS_COUNTER},
	[TO_URI] = {"route_to_uri_total", "requests relayed to their Request-URI without a rule",
		    STATS_COUNTER},
	[REDIRECTED] = {"route_redirected_total", "requests redirected", STATS_COUNTER},
	[REJECTED] = {"route_rejected_total", "requests that a rule rejects", STATS_COUNTER},
	[NOWHERE] = {"route_nowhere_total", "requests with nowhere to go", STATS_COUNTER},
	[STRANGER] = {"route_stranger_total", "requests of unknown sources, refused",
		      STATS_COUNTER},
};

static const struct {
	const char *ev, *why;
} said[COUNTERS] = {
	[REJECTED] = {"route", "rule"},
	[NOWHERE] = {"route", "nowhere"},
	[STRANGER] = {"relay", "unknown_source"},
};

struct local {
	struct mg_sec said[COUNTERS];
};

/* ---- life ---- */

static int load(struct mg_setup *setup, struct mg_self *self, const struct mg_self *before)
{
	struct rules *rules = NULL;
	int err = rules_new(&rules, self->conf, setup);

	(void)before;
	self->state = rules;
	return err;
}

static void unload(struct mg_self *self)
{
	rules_free(self->state);
}

static int worker(struct mg_self *self, const struct mg_self *before)
{
	return mg_local_begin(self, before, sizeof(struct local));
}

static void tick(struct mg_self *self, uint64_t now_ms)
{
	struct local *l = self->local;

	(void)now_ms;
	for (unsigned i = REJECTED; i < COUNTERS; i++)
		mg_sec_flush(self->worker, &l->said[i]);
}

/* ---- answers ---- */

static struct mg_verdict refuse(struct mg_self *self, struct mg_request *r, enum counter what,
				int64_t status)
{
	struct local *l = self->local;
	char act[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
		       (char)('0' + status % 10)};

	mg_count(self, what);
	mg_sec(self->worker, &l->said[what],
	       &(struct mg_sec_event){.ev = said[what].ev,
				      .why = said[what].why,
				      .act = act,
				      .source = mg_source(r),
				      .method = sip_method_text(mg_msg(r))});
	return mg_reject((uint16_t)status, NULL);
}

/* ---- Request-URIs ---- */

/* The scheme towards a hop: what is asked for with sips goes with sips all the way (RFC 3261 §26.2.2). */
static const char *scheme_to(const struct sip_uri *asked, const struct sip_uri *hop)
{
	return asked->scheme == SIP_SCHEME_SIPS || hop->scheme == SIP_SCHEME_SIPS ? "sips" : "sip";
}

/* All of a hop's URI behind its scheme. */
static struct sv behind_scheme(const struct sip_uri *hop)
{
	const char *from = hop->text.p + hop->scheme_n + 1;

	return sv_span(from, hop->text.p + hop->text.n);
}

/* The Request-URI for a next hop that wants to see its own host there: the hop's URI with the user that is called, unless it names one
 * itself. Returns 0 or MG_ENOMEM. */
static int uri_at_hop(struct mg_request *r, const struct rules_query *query,
		      const struct sip_uri *hop, struct sv *out)
{
	bool tel = query->uri->scheme == SIP_SCHEME_TEL;
	struct sv user = query->number.n ? query->number : query->uri->user;
	bool phone = (tel || query->uri->user_phone) && !hop->user_phone;

	if (hop->has_user)
		user.n = 0;
	return arena_printf(mg_arena(r), out, "%s:%.*s%s%.*s%s", scheme_to(query->uri, hop),
			    SV_ARG(user), user.n ? "@" : "", SV_ARG(behind_scheme(hop)),
			    phone && user.n ? ";user=phone" : "");
}

static int next_hop(struct mg_request *r, const struct rules_query *query,
		    const struct sip_uri *hop, struct sv *out)
{
	return arena_printf(mg_arena(r), out, "%s:%.*s", scheme_to(query->uri, hop),
			    SV_ARG(behind_scheme(hop)));
}

/* The Request-URI with the number in the spelling that was looked up; empty when it stands there so already. Returns 0 or MG_ENOMEM. */
static int uri_spelt(struct mg_request *r, const struct rules_query *query, struct sv *out)
{
	const struct sip_uri *uri = query->uri;
	struct sv rest = sv_span(uri->user.p + uri->user.n, uri->text.p + uri->text.n);

	*out = SV("");
	if (sv_eq(uri->user, query->number))
		return 0;
	return arena_printf(mg_arena(r), out, "%.*s:%.*s%.*s", (int)uri->scheme_n, uri->text.p,
			    SV_ARG(query->number), SV_ARG(rest));
}

/* ---- next hops ---- */

/* The order in which hops are tried: by q; among those of one q by lot, each beginning as often as its weight says (as RFC 2782 does), and the same for each
 * message of a transaction. */
static void order_hops(struct mg_self *self, struct mg_request *r, const struct rule *rule,
		       const struct hop *order[ROUTE_HOPS_MAX])
{
	for (unsigned i = 0; i < rule->hops; i++)
		order[i] = &rule->hop[i];
	for (unsigned i = 0; i + 1 < rule->hops; i++) {
		uint32_t total = 0, lot;
		unsigned end = i, j = i;

		while (end < rule->hops && order[end]->conf->q == order[i]->conf->q)
			total += (uint32_t)order[end++]->conf->weight;
		if (end == i + 1)
			continue;
		lot = mg_draw(self, r, i, total);
		while (lot >= (uint32_t)order[j]->conf->weight)
			lot -= (uint32_t)order[j++]->conf->weight;
		const struct hop *chosen = order[j];
		memmove(&order[i + 1], &order[i], (j - i) * sizeof(struct hop *));
		order[i] = chosen;
	}
}

/* One hop as a target, the `i`th. Returns 0 or a negative error. */
static int add_hop(struct mg_request *r, const struct rule *rule, const struct rules_query *query,
		   const struct hop *hop, unsigned i, bool by_number)
{
	bool redirect = rule->conf->action == ROUTE_REDIRECT;
	struct mg_target target = {.q = (uint16_t)(rule->conf->parallel ? hop->conf->q : 1000 - i),
				   .zone = hop->zone,
				   .ring_s = (uint32_t)hop->conf->ring_s,
				   .as_route = hop->conf->as_route};
	int err = 0;

	if (redirect || hop->conf->rewrite_host)
		err = uri_at_hop(r, query, &hop->uri, &target.uri);
	else if (by_number)
		err = uri_spelt(r, query, &target.uri);
	if (!redirect && !err)
		err = next_hop(r, query, &hop->uri, &target.next_hop);
	return err ? err : mg_target_add(r, &target);
}

/* The target of a rule without hops: the Request-URI. */
static int add_uri(struct mg_request *r, const struct rules_query *query, bool by_number)
{
	struct mg_target target = {.q = 1000};
	int err = by_number ? uri_spelt(r, query, &target.uri) : 0;

	return err ? err : mg_target_add(r, &target);
}

/* Whether a request can be sent to its Request-URI: it names a host, and not us. */
static bool leads_on(const struct mg_request *r, const struct sip_uri *uri)
{
	return (uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS) && !mg_to_us(r);
}

static struct mg_verdict follow(struct mg_self *self, struct mg_request *r, const struct rule *rule,
				const struct rules_query *query, bool by_number)
{
	const struct route_conf *conf = self->conf;
	const struct hop *order[ROUTE_HOPS_MAX];
	int64_t status = rule->conf->status;
	int err = 0;

	if (rule->conf->action == ROUTE_REJECT)
		return refuse(self, r, REJECTED, status == ROUTE_AUTO ? 403 : status);
	order_hops(self, r, rule, order);
	for (unsigned i = 0; i < rule->hops && !err; i++)
		err = add_hop(r, rule, query, order[i], i, by_number);
	if (rule->hops == 0 && !leads_on(r, query->uri))
		return refuse(self, r, NOWHERE, conf->otherwise);
	if (rule->hops == 0)
		err = add_uri(r, query, by_number);
	if (!err && rule->conf->action == ROUTE_REDIRECT)
		err = mg_redirect(r, (unsigned)(status == ROUTE_AUTO ? 302 : status));
	if (err)
		return mg_reject(500, NULL);
	mg_count(self, rule->conf->action == ROUTE_REDIRECT ? REDIRECTED : BY_RULE);
	return rule->conf->action == ROUTE_REDIRECT ? mg_done() : mg_next();
}

/* ---- the hook ---- */

static struct mg_verdict target(struct mg_self *self, struct mg_request *r)
{
	const struct route_conf *conf = self->conf;
	const struct mg_source *source = mg_source(r);
	char digits[NUMBER_MAX];
	struct sip_where at;
	struct rules_query query = {
		.zone = source->zone, .known = source->known, .uri = sip_view_uri(mg_view(r), &at)};
	const struct rule *rule;
	bool by_number;

	if (mg_targets(r))
		return mg_next(); /* a module before this one knows where */
	if (!query.uri)
		return mg_reject(400, "Bad Request-URI");
	query.number = sv_of(digits, number_of(query.uri, digits));
	rule = rules_find(self->state, &query, &by_number);
	if (rule)
		return follow(self, r, rule, &query, by_number);
	if (conf->relay >= (query.known ? ROUTE_RELAY_KNOWN : ROUTE_RELAY_ANY) &&
	    leads_on(r, query.uri)) {
		if (mg_target_add(r, &(struct mg_target){.q = 1000}))
			return mg_reject(500, NULL);
		mg_count(self, TO_URI);
		return mg_next();
	}
	return query.known ? refuse(self, r, NOWHERE, conf->otherwise)
			   : refuse(self, r, STRANGER, conf->strangers);
}

extern const struct mg_module route_module;
const struct mg_module route_module = {
	.abi = MG_ABI_VERSION,
	.name = "route",
	.help = "where requests go: next hops by domain and number, or their Request-URI",
	.options = &route_table,
	.counters = counters,
	.n_counters = COUNTERS,
	.load = load,
	.unload = unload,
	.worker = worker,
	.worker_end = mg_local_end,
	.tick = tick,
	.target = target,
};
