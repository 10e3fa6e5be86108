/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings_try: see settings_try.h. Addresses are tried by binding a datagram socket to port 0 of them, so that a daemon that runs is not in the way.
 */
#include "daemon/settings_try.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/node.h"
#include "daemon/settings_host.h"

static void try_address(const struct settings *s, const struct addr *addr, const char *name,
			struct conf_faults *faults)
{
	struct sockaddr_storage sa;
	struct addr any_port = *addr;

	any_port.port = 0;
	socklen_t n = addr_to_sockaddr(&any_port, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0)
		settings_fault(s, faults, name, strerror(errno), "an address of this machine");
	if (fd >= 0)
		close(fd);
}

static void try_listener(const struct settings *s, const char *text, const char *name,
			 struct conf_faults *faults)
{
	struct listen_spec spec;

	if (listen_spec_parse(&spec, text) < 0 || spec.both)
		return;
	if (!spec.interface[0])
		try_address(s, &spec.addr, name, faults);
	else if (if_nametoindex(spec.interface) == 0)
		settings_fault(s, faults, name, "no such interface",
			       "an address, * or an interface of this machine");
}

static void try_listeners(const struct settings *s, struct conf_faults *faults)
{
	const struct zone_settings *zone = s->zones.items;

	for (size_t i = 0; i < s->zones.n; i++) {
		const char *const *text = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			char name[64];

			snprintf(name, sizeof(name), "zones[%zu].listen[%zu]", i, k);
			try_listener(s, text[k], name, faults);
		}
	}
	if (s->metrics.listen.family != ADDR_NONE)
		try_address(s, &s->metrics.listen, "metrics.listen", faults);
}

int settings_try(const char *path, struct conf_faults *faults)
{
	struct conf_text *text;
	struct conf_env env = {0};

	if (conf_text_read(&text, path, faults) < 0)
		return MG_EPARSE;
	struct loaded *loaded = settings_load(text, &env, SETTINGS_OPEN_MODULES, faults);
	if (!loaded)
		return MG_EPARSE;
	if (settings_host(&loaded->settings, faults) == MG_ENOMEM)
		conf_faults_add(faults, "out of memory");
	try_listeners(&loaded->settings, faults);
	if (running_check(loaded, faults) < 0 && faults->n == 0)
		conf_faults_add(faults, "out of memory");
	conf_close_files(&settings_table, &loaded->settings);
	settings_free(loaded);
	return faults->n ? MG_EPARSE : 0;
}
