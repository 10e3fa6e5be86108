/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_host: what of a configuration only the machine can tell. Looks, opens nothing and changes nothing. What is found here would else end the start, or come out under
 * load.
 */
#include "daemon/settings_host.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/overload.h"
#include "sip/uri.h"

#define ITEM_MAX 64

/* ---- the user ---- */

/* Who is not started as root becomes nobody else; a name that was written down is looked up all the same. */
static void check_user(struct conf_check *check, const struct settings *s)
{
	const struct passwd *pw = getpwnam(s->user);

	if (pw && pw->pw_uid == 0 && strcmp(s->user, "root") != 0)
		conf_fault_why(check, "user", "its uid is 0",
			       "a user who is not root, or root by that name");
	if (!pw && (geteuid() == 0 || conf_is_set(check, "user")))
		conf_fault_why(check, "user", "does not exist",
			       "the name of a user: to have this one, \"useradd --system --shell "
			       "/usr/sbin/nologin %s\"; to try things, user = \"nobody\"",
			       s->user);
}

/* ---- places in the file system ---- */

static void check_state(struct conf_check *check, const struct settings *s)
{
	static const char allowed[] = "a folder that its owner alone may write to, or none yet in "
				      "one that is there";
	struct stat st;
	char parent[128];

	if (stat(s->state, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			conf_fault_why(check, "state", "no folder", "%s", allowed);
		else if (st.st_mode & 022)
			conf_fault_why(check, "state", "others may write to it", "%s", allowed);
		return;
	}
	if (errno == ENOENT) {
		snprintf(parent, sizeof(parent), "%s", s->state);
		char *slash = strrchr(parent, '/');
		if (slash)
			slash[slash == parent] = '\0';
		if (!slash || (stat(parent, &st) == 0 && S_ISDIR(st.st_mode)))
			return;
		errno = ENOENT;
	}
	if (errno != EACCES) /* it may be another's who starts the daemon */
		conf_fault_why(check, "state", strerror(errno), "%s", allowed);
}

static void check_socket(struct conf_check *check, const struct settings *s)
{
	struct stat st;

	if (s->control.socket && lstat(s->control.socket, &st) == 0 && !S_ISSOCK(st.st_mode))
		conf_fault_why(check, "control.socket", "something else is there",
			       "a path where nothing is, or a socket");
}

/* ---- memory (G-4) ---- */

/* What fills a table, and the least that each of it takes. */
struct table {
	const char *name,
		*times; /* `times`: a second setting, which is what each takes; NULL: `bytes` is */
	size_t at, times_at;
	uint64_t bytes;
};

#define AT(field) offsetof(struct settings, field)

static const struct table tables[] = {
	{"transactions.servers_max", NULL, AT(transactions.servers_max), 0, 512},
	{"transactions.clients_max", NULL, AT(transactions.clients_max), 0, 512},
	{"transport.connections_max", NULL, AT(transport.connections_max), 0, 2048},
	{"transport.connections_max", "transport.queue_bytes", AT(transport.connections_max),
	 AT(transport.queue_bytes), 1},
	{"transport.sources_max", NULL, AT(transport.sources_max), 0, 64},
	{"dns.cache_max", NULL, AT(dns.cache_max), 0, 256},
	{"dns.targets_max", NULL, AT(dns.targets_max), 0, 128},
};

static uint64_t number_at(const struct settings *s, size_t at)
{
	int64_t n;

	memcpy(&n, (const char *)s + at, sizeof(n));
	return n > 0 ? (uint64_t)n : 0;
}

/* Defaults are sized for large machines and bounded by the ceiling: only what was written down is held against it. */
static void check_table(struct conf_check *check, const struct settings *s, const struct table *t,
			uint64_t memory)
{
	uint64_t n = number_at(s, t->at), each = t->times ? number_at(s, t->times_at) : t->bytes;
	const char *ceiling = conf_is_set(check, "overload.memory_max_mib")
				      ? conf_said(check, "overload.memory_max_mib")
				      : "the memory there is";

	if (!conf_is_set(check, t->name) || (t->times && !conf_is_set(check, t->times)) ||
	    n <= memory / each)
		return;
	conf_fault(check, t->name, "at most %llu, at %llu bytes each%s%s and with %s",
		   (unsigned long long)(memory / each), (unsigned long long)each,
		   t->times ? " by " : "", t->times ? conf_said(check, t->times) : "", ceiling);
}

static void check_memory(struct conf_check *check, const struct settings *s)
{
	uint64_t there = overload_memory_auto();
	uint64_t said =
		s->overload.memory_max_mib < 0 ? 0 : (uint64_t)s->overload.memory_max_mib << 20;
	uint64_t memory = said ? said : there;

	if (there && said > there)
		conf_fault(check, "overload.memory_max_mib",
			   "at most %llu, which this machine or its control group has",
			   (unsigned long long)(there >> 20));
	for (size_t i = 0; memory && i < sizeof(tables) / sizeof(tables[0]); i++)
		check_table(check, s, &tables[i], memory);
}

/* ---- interfaces ---- */

/* A listener on an interface, and what it may meet there. */
struct on_interface {
	struct listen_spec spec;
	char item[ITEM_MAX];
	const struct ifaddrs *all;
};

static bool has_address(const struct on_interface *on, const struct addr *addr)
{
	for (const struct ifaddrs *i = on->all; i; i = i->ifa_next) {
		struct addr a;

		if (i->ifa_addr && strcmp(i->ifa_name, on->spec.interface) == 0 &&
		    addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_in6), &a) == 0 &&
		    addr_host_eq(&a, addr))
			return true;
	}
	return false;
}

static bool is_udp(const struct listen_spec *spec)
{
	return spec->transport == SIP_TRANSPORT_UDP;
}

static void check_against(struct conf_check *check, const struct settings *s,
			  const struct on_interface *on)
{
	const struct zone_settings *zone = s->zones.items;
	const struct addr *metrics = &s->metrics.listen;
	struct listen_spec other;
	char item[ITEM_MAX];

	for (size_t i = 0; i < s->zones.n; i++) {
		const char *const *listen = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			snprintf(item, sizeof(item), "zones[%zu].listen[%zu]", i, k);
			if (listen_spec_parse(&other, listen[k]) == 0 && !other.both &&
			    !other.interface[0] && other.port == on->spec.port &&
			    is_udp(&other) == is_udp(&on->spec) && has_address(on, &other.addr))
				conf_fault(check, item, "another address or port than those of %s",
					   conf_said(check, on->item));
		}
	}
	if (metrics->family != ADDR_NONE && !is_udp(&on->spec) && metrics->port == on->spec.port &&
	    (has_address(on, metrics) || addr_class(metrics) == ADDR_CLASS_UNSPECIFIED))
		conf_fault(check, "metrics.listen", "another port than that of %s",
			   conf_said(check, on->item));
}

static void check_interfaces(struct conf_check *check, const struct settings *s)
{
	const struct zone_settings *zone = s->zones.items;
	struct on_interface on;
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return; /* opening them will tell */
	on.all = all;
	for (size_t i = 0; i < s->zones.n; i++) {
		const char *const *listen = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			if (listen_spec_parse(&on.spec, listen[k]) < 0 || !on.spec.interface[0])
				continue;
			snprintf(on.item, sizeof(on.item), "zones[%zu].listen[%zu]", i, k);
			check_against(check, s, &on);
		}
	}
	freeifaddrs(all);
}

static void check_host(struct conf_check *check, const void *arg)
{
	const struct settings *s = arg;

	check_user(check, s);
	check_state(check, s);
	check_socket(check, s);
	check_memory(check, s);
	check_interfaces(check, s);
}

int settings_host(const struct settings *settings, struct conf_faults *faults)
{
	return settings->text
		       ? conf_recheck(settings->text, &settings_table, check_host, settings, faults)
		       : 0;
}
