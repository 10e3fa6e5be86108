/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_rights: what the warden may do: few of root's capabilities, and descriptors enough. What the SIP process may not do is sandbox.c's.
 */
#include <cap-ng.h>
#include <stdio.h>
#include <sys/resource.h>

#include "daemon/warden_priv.h"

/* Sockets of transports and modules, files, pipes, log. */
#define SPARE_DESCRIPTORS 1024

/* clang-format off */
static const unsigned kept[] = {
	CAP_NET_ADMIN,        /* socket buffers beyond the system's limit */
	CAP_NET_BIND_SERVICE, /* low ports, of listeners that come with a reload too */
	CAP_SETUID,           /* the SIP process becomes another user */
	CAP_SETGID,
	CAP_KILL,             /* and is ended by us nevertheless */
	CAP_DAC_READ_SEARCH,  /* private keys of others, at reloads */
	CAP_BPF,              /* the filter of datagram sockets, those of reloads too */
};
/* clang-format on */
#define KEPT (sizeof(kept) / sizeof(kept[0]))

int rights_reduce(void)
{
	bool have[KEPT], any = false;

	if (capng_get_caps_process() < 0)
		return MG_EINVAL;
	for (size_t i = 0; i < KEPT; i++) {
		have[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
		any = any || have[i];
	}
	bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	if (!any && !bounds)
		return 0;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < KEPT; i++) {
		capng_type_t sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;

		if (have[i] && capng_update(CAPNG_ADD, sets, kept[i]) < 0)
			return MG_EINVAL;
	}
	/* the bounding set too, else the SIP process, which begins as root, would have all of them until it is inside its sandbox */
	return capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? MG_EINVAL : 0;
}

int rights_descriptors(const struct settings *s, size_t sockets, bool first,
		       struct conf_faults *faults)
{
	rlim_t need = (rlim_t)s->transport.connections_max + 2 * sockets + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (first) {
		struct rlimit more = {.rlim_cur = limit.rlim_max > need ? limit.rlim_max : need};

		more.rlim_max = more.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
		else if (limit.rlim_cur < limit.rlim_max) {
			limit.rlim_cur = limit.rlim_max;
			if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
				return -errno;
		}
	}
	if (limit.rlim_cur >= need)
		return 0;
	char why[160];
	snprintf(why, sizeof(why),
		 "with the listeners they need %llu descriptors, the system allows %llu "
		 "(RLIMIT_NOFILE)",
		 (unsigned long long)need, (unsigned long long)limit.rlim_cur);
	settings_fault(s, faults, "transport.connections_max", why,
		       "as many as there are descriptors for");
	return MG_ELIMIT;
}
