/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings: loading a configuration by the root table, and the checks that look at several parts of it at once. The tables are in settings_tables.c. Opens no
 * socket; files are opened through conf_env. Called by the warden, by the SIP process and by --check.
 */
#include "daemon/settings.h"

#include <ctype.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "chain/chain_conf.h"
#include "sip/uri.h"

#define SETTINGS_CHUNK 16384
#define SETTINGS_MAX   (64U << 20)

/* The host part of a listener: an address, "*", or the name of an interface. */
static int parse_host(struct listen_spec *out, struct sv host)
{
	if (sv_eq(host, SV("*"))) {
		out->both = true;
		return 0;
	}
	if (addr_parse(host, ADDR_IP | ADDR_SCOPE, &out->addr) ==
	    0) /* IPv6 in brackets: where would its port begin? */
		return out->addr.family == ADDR_V6 && host.p[0] != '[' ? MG_EPARSE : 0;
	if (host.n == 0 || host.n >= sizeof(out->interface) || memchr(host.p, '/', host.n))
		return MG_EPARSE;
	for (size_t i = 0; i < host.n; i++) {
		if (!isgraph((unsigned char)host.p[i]) || strchr(":[]", host.p[i]))
			return MG_EPARSE;
	}
	memcpy(out->interface, host.p, host.n);
	/* 300.1.2.3 is an address with a mistake in it, not the name of an interface */
	return strspn(out->interface, "0123456789.") == host.n ? MG_EPARSE : 0;
}

int listen_spec_parse(struct listen_spec *out, const char *text)
{
	struct listen_spec spec = {0};
	struct sv all = sv_str(text);
	size_t first = sv_find(all, ':');
	size_t last = all.n;
	uint32_t port;

	while (last > first && all.p[last - 1] != ':')
		last--;
	if (first == all.n || last <= first + 1)
		return MG_EPARSE;
	spec.transport = (uint8_t)sip_transport_find(sv_of(all.p, first));
	if (spec.transport != SIP_TRANSPORT_UDP && spec.transport != SIP_TRANSPORT_TCP &&
	    spec.transport != SIP_TRANSPORT_TLS)
		return MG_EPARSE;
	if (sv_u32(sv_of(all.p + last, all.n - last), 65535, &port) < 0 || port == 0)
		return MG_EPARSE;
	spec.port = (uint16_t)port;
	if (parse_host(&spec, sv_of(all.p + first + 1, last - first - 2)) < 0)
		return MG_EPARSE;
	*out = spec;
	return 0;
}

static int load(struct loaded *loaded, const struct conf_env *env, bool pass_unknown,
		struct conf_faults *faults)
{
	struct conf_env e = *env;

	e.pass_unknown_variants = pass_unknown;
	loaded->settings = (struct settings){0};
	return conf_load(loaded->text, &settings_table, &loaded->settings, &loaded->arena, &e,
			 &loaded->risks, faults);
}

struct loaded *settings_load(struct conf_text *text, const struct conf_env *env,
			     enum settings_modules modules, struct conf_faults *faults)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));

	if (!loaded) {
		conf_text_free(text);
		conf_faults_add(faults, "out of memory");
		return NULL;
	}
	arena_init(&loaded->arena, SETTINGS_CHUNK, SETTINGS_MAX);
	loaded->text = text;
	int err = 0;
	if (modules == SETTINGS_OPEN_MODULES) {
		err = load(loaded, env, true, faults);
		if (err == 0)
			err = chain_open_all(&loaded->settings.modules, faults);
	}
	if (err == 0)
		err = load(loaded, env, modules == SETTINGS_PASS_MODULES, faults);
	loaded->settings.text = loaded->text;
	if (err == 0)
		return loaded;
	if (err == MG_ENOMEM)
		conf_faults_add(faults, "out of memory");
	settings_free(loaded);
	return NULL;
}

void settings_free(struct loaded *loaded)
{
	if (!loaded)
		return;
	arena_done(&loaded->arena);
	conf_text_free(loaded->text);
	free(loaded);
}

struct later {
	const char *name, *why, *allowed;
};

static void tell_later(struct conf_check *check, const void *arg)
{
	const struct later *l = arg;

	if (l->why)
		conf_fault_why(check, l->name, l->why, "%s", l->allowed);
	else
		conf_fault(check, l->name, "%s", l->allowed);
}

void settings_fault(const struct settings *settings, struct conf_faults *faults, const char *name,
		    const char *why, const char *allowed)
{
	struct later later = {name, why, allowed};

	if (faults->n < CONF_FAULTS_MAX && settings->text &&
	    conf_recheck(settings->text, &settings_table, tell_later, &later, faults) == MG_EPARSE)
		return;
	conf_faults_add(faults, "%s: %s%sallowed: %s", name, why ? why : "", why ? ", " : "",
			allowed);
}

unsigned settings_workers(const struct settings *settings)
{
	cpu_set_t set;
	unsigned n;

	if (settings->workers > 0)
		return (unsigned)settings->workers;
	CPU_ZERO(&set);
	n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	return n == 0 ? 1 : n > TP_WORKERS_MAX ? TP_WORKERS_MAX : n;
}
