/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_check: what settings have to be to each other: names that stand for one thing, listeners that can be there together, numbers that can work together (threat G-4).
 * Opens nothing and asks nothing of the machine. Called by conf_load through the tables.
 */
#include "daemon/settings_check.h"

#include <stdio.h>
#include <string.h>

#include "daemon/settings.h"
#include "sip/uri.h"

#define ITEM_MAX 64 /* "zones[63].listen[31]" */

/* ---- a zone ---- */

static const char *listener_fault(const struct listen_spec *spec)
{
	enum addr_class class = addr_class(&spec->addr);

	if (spec->both || spec->interface[0])
		return NULL;
	if (class == ADDR_CLASS_MULTICAST || class == ADDR_CLASS_BROADCAST)
		return "an address of one machine: not of a group, not of all";
	return NULL;
}

void settings_check_zone(struct conf_check *check, const void *value)
{
	const struct zone_settings *zone = value;
	const char *const *listen = zone->listen.items;
	struct listen_spec spec;

	for (size_t i = 0; i < zone->listen.n; i++) {
		char item[ITEM_MAX];
		const char *fault =
			listen_spec_parse(&spec, listen[i]) < 0
				? "udp:, tcp: or tls:, then an address, the name of an interface "
				  "or *, then :port"
				: listener_fault(&spec);

		snprintf(item, sizeof(item), "listen[%zu]", i);
		if (fault)
			conf_fault(check, item, "%s", fault);
	}
	if (zone->listen.n == 0)
		conf_fault(check, "listen", "one listener at least");
	struct sv host;
	uint16_t port;
	if (zone->advertise && sip_hostport_parse(sv_str(zone->advertise), &host, &port) != 0)
		conf_fault(check, "advertise",
			   "a name, an IPv4 address or an [IPv6 address], perhaps with a port from "
			   ":1 to :65535");
	if (zone->idle_known_s < zone->idle_s)
		conf_fault(check, "idle_known_s", "at least %s", conf_said(check, "idle_s"));
}

/* ---- names ---- */

static bool has_tls(const struct settings *s, const char *name)
{
	const struct tls_settings_conf *tls = s->tls.items;

	for (size_t i = 0; i < s->tls.n; i++) {
		if (strcmp(tls[i].name, name) == 0)
			return true;
	}
	return false;
}

static void check_zone_tls(struct conf_check *check, const struct settings *s, size_t i)
{
	const struct zone_settings *zone = (const struct zone_settings *)s->zones.items + i;
	const char *const *names = zone->tls.items;
	const char *const *listen = zone->listen.items;
	struct listen_spec spec;
	char item[ITEM_MAX];

	for (size_t k = 0; k < zone->tls.n; k++) {
		snprintf(item, sizeof(item), "zones[%zu].tls[%zu]", i, k);
		if (!has_tls(s, names[k]))
			conf_fault(check, item, "the name of a group in `tls`");
	}
	for (size_t k = 0; k < zone->listen.n; k++) {
		snprintf(item, sizeof(item), "zones[%zu].listen[%zu]", i, k);
		if (s->tls.n == 0 && listen_spec_parse(&spec, listen[k]) == 0 &&
		    spec.transport == SIP_TRANSPORT_TLS)
			conf_fault(check, item,
				   "udp or tcp, or a group in `tls` with a certificate for it");
	}
}

static void tell_twin(struct conf_check *check, const char *list, size_t first, size_t second)
{
	char item[ITEM_MAX], other[ITEM_MAX];

	snprintf(item, sizeof(item), "%s[%zu].name", list, second);
	snprintf(other, sizeof(other), "%s[%zu].name", list, first);
	conf_fault(check, item, "each name once (it stands there twice: at %s too)",
		   conf_at(check, other));
}

/* Names stand for one thing each. */
static void check_names(struct conf_check *check, const struct settings *s)
{
	const struct zone_settings *zone = s->zones.items;
	const struct tls_settings_conf *tls = s->tls.items;

	for (size_t i = 0; i < s->zones.n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(zone[i].name, zone[k].name) == 0) {
				tell_twin(check, "zones", k, i);
				break;
			}
		}
	}
	for (size_t i = 0; i < s->tls.n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(tls[i].name, tls[k].name) == 0) {
				tell_twin(check, "tls", k, i);
				break;
			}
		}
	}
}

/* ---- listeners ---- */

struct placed {
	struct listen_spec spec;
	size_t zone, item;
};

static bool is_stream(const struct listen_spec *spec)
{
	return spec->transport != SIP_TRANSPORT_UDP;
}

static bool is_wildcard(const struct listen_spec *spec)
{
	return spec->both ||
	       (!spec->interface[0] && addr_class(&spec->addr) == ADDR_CLASS_UNSPECIFIED);
}

/* Whether both are one socket. A wildcard and an address in it are two: the kernel takes what fits best. */
static bool same_place(const struct listen_spec *a, const struct listen_spec *b)
{
	if (a->port != b->port || is_stream(a) != is_stream(b))
		return false;
	if (a->interface[0] || b->interface[0])
		return strcmp(a->interface, b->interface) == 0;
	if (a->both || b->both)
		return is_wildcard(a) && is_wildcard(b);
	return addr_host_eq(&a->addr, &b->addr);
}

static void tell_listener(struct conf_check *check, const struct placed *first,
			  const struct placed *second)
{
	char item[ITEM_MAX], other[ITEM_MAX];

	snprintf(item, sizeof(item), "zones[%zu].listen[%zu]", second->zone, second->item);
	snprintf(other, sizeof(other), "zones[%zu].listen[%zu]", first->zone, first->item);
	conf_fault(check, item, "another address or port than that of %s%s",
		   conf_said(check, other),
		   first->spec.transport != second->spec.transport
			   ? ": tcp and tls are one kind of socket"
			   : "");
}

/* Whether the page of figures, which shares its port with nobody, is in the way of a listener. */
static bool hits_metrics(const struct listen_spec *spec, const struct addr *metrics)
{
	if (!is_stream(spec) || spec->port != metrics->port || spec->interface[0])
		return false;
	return is_wildcard(spec) || addr_class(metrics) == ADDR_CLASS_UNSPECIFIED ||
	       addr_host_eq(&spec->addr, metrics);
}

static void check_place(struct conf_check *check, const struct settings *s,
			const struct placed *all, size_t n)
{
	const struct placed *last = &all[n];
	char item[ITEM_MAX];

	for (size_t i = 0; i < n; i++) {
		if (same_place(&all[i].spec, &last->spec)) {
			tell_listener(check, &all[i], last);
			break;
		}
	}
	if (s->metrics.listen.family == ADDR_NONE || !hits_metrics(&last->spec, &s->metrics.listen))
		return;
	snprintf(item, sizeof(item), "zones[%zu].listen[%zu]", last->zone, last->item);
	conf_fault(check, "metrics.listen", "another port than that of %s", conf_said(check, item));
}

static void check_listeners(struct conf_check *check, const struct settings *s)
{
	const struct zone_settings *zone = s->zones.items;
	struct placed all[TP_LISTENERS_MAX];
	size_t n = 0, sockets = 0;

	for (size_t i = 0; i < s->zones.n; i++) {
		const char *const *listen = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			char item[ITEM_MAX];

			snprintf(item, sizeof(item), "zones[%zu].listen[%zu]", i, k);
			if (n == TP_LISTENERS_MAX || sockets >= TP_LISTENERS_MAX) {
				conf_fault(check, item, "%d listeners in all, * being two",
					   TP_LISTENERS_MAX);
				return;
			}
			all[n] = (struct placed){.zone = i, .item = k};
			if (listen_spec_parse(&all[n].spec, listen[k]) < 0)
				continue; /* told by its zone */
			check_place(check, s, all, n);
			sockets += all[n++].spec.both ? 2 : 1;
		}
	}
}

/* ---- numbers that can't work together (G-4) ---- */

/* `low` times `low_by` may not be above `high` times `high_by`. */
struct pair {
	const char *low, *high;
	size_t low_at, high_at; /* in struct settings, int64_t each */
	int64_t low_by, high_by;
	bool said;       /* only when the file says both */
	const char *why; /* NULL: the numbers say it themselves */
};

#define AT(field) offsetof(struct settings, field)
#define LIFE      64 /* T1: how long a transaction tries (RFC 3261 17.1.1.2) */

static const struct pair pairs[] = {
	{"transactions.t1_ms", "transactions.t2_ms", AT(transactions.t1_ms), AT(transactions.t2_ms),
	 1, 1, false, NULL},
	{"transactions.suspended_max", "transactions.servers_max", AT(transactions.suspended_max),
	 AT(transactions.servers_max), 1, 1, true, "who waits is a transaction"},
	{"transactions.t1_ms", "proxy.timer_c_s", AT(transactions.t1_ms), AT(proxy.timer_c_s), LIFE,
	 1000, false, "64 t1_ms is how long nobody answers"},
	{"transport.handshakes_max", "transport.connections_max", AT(transport.handshakes_max),
	 AT(transport.connections_max), 1, 1, false, NULL},
	{"transport.stream_try_ms", "transport.connect_ms", AT(transport.stream_try_ms),
	 AT(transport.connect_ms), 1, 1, false, NULL},
	{"transport.connect_ms", "transactions.t1_ms", AT(transport.connect_ms),
	 AT(transactions.t1_ms), 1, LIFE, false, "after 64 t1_ms the request has failed"},
	{"dns.budget_ms", "transactions.t1_ms", AT(dns.budget_ms), AT(transactions.t1_ms), 1, LIFE,
	 false, "after 64 t1_ms the request has failed"},
	{"dns.ttl_min_s", "dns.ttl_max_s", AT(dns.ttl_min_s), AT(dns.ttl_max_s), 1, 1, false, NULL},
	{"dns.timeout_ms", "dns.budget_ms", AT(dns.timeout_ms), AT(dns.budget_ms), 1, 1, false,
	 NULL},
	{"overload.retry_after_min_s", "overload.retry_after_max_s", AT(overload.retry_after_min_s),
	 AT(overload.retry_after_max_s), 1, 1, false, NULL},
	{"overload.queue_delay_ms", "transactions.t1_ms", AT(overload.queue_delay_ms),
	 AT(transactions.t1_ms), 1, 1, false,
	 "what waits longer is sent again, which is more work"},
};

static int64_t number_at(const struct settings *s, size_t at)
{
	int64_t n;

	memcpy(&n, (const char *)s + at, sizeof(n));
	return n;
}

/* Told where the file says something: a default is not anybody's mistake. */
static void check_pair(struct conf_check *check, const struct settings *s, const struct pair *p)
{
	int64_t low = number_at(s, p->low_at), high = number_at(s, p->high_at);
	const char *why = p->why ? p->why : "";
	const char *dash = p->why ? ": " : "";

	if (low * p->low_by <= high * p->high_by ||
	    (p->said && !(conf_is_set(check, p->low) && conf_is_set(check, p->high))))
		return;
	if (conf_is_set(check, p->high))
		conf_fault(check, p->high, "at least %lld, with %s%s%s",
			   (long long)((low * p->low_by + p->high_by - 1) / p->high_by),
			   conf_said(check, p->low), dash, why);
	else
		conf_fault(check, p->low, "at most %lld, with %s%s%s",
			   (long long)(high * p->high_by / p->low_by), conf_said(check, p->high),
			   dash, why);
}

void settings_check(struct conf_check *check, const void *value)
{
	const struct settings *s = value;

	if (s->zones.n == 0)
		conf_fault(check, "zones", "one zone at least");
	for (size_t i = 0; i < s->zones.n; i++)
		check_zone_tls(check, s, i);
	check_names(check, s);
	check_listeners(check, s);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(check, s, &pairs[i]);
	if (s->proxy.stateless && s->proxy.recurse)
		conf_fault(check, "proxy.recurse", "false with %s: it needs transactions",
			   conf_said(check, "proxy.stateless"));
	/* By its name: who has uid 0 by another one is the machine's to tell. */
	if (strcmp(s->user, "root") == 0)
		conf_risk(check, "user", "user-root",
			  "whoever takes over the SIP process has the machine");
}
