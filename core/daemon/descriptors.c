/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * descriptors: see descriptors.h.
 */
#include "daemon/descriptors.h"

#include <sys/resource.h>

/* Loops, mailboxes, name servers, files, the control socket, metrics; and a generation of listeners that is about to be replaced. */
#define REST       256
#define PER_WORKER 32

int descriptors_allow(const struct settings *settings, size_t listeners, struct conf_faults *faults)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)settings->transport.connections_max + 2 * (rlim_t)listeners +
		      (rlim_t)PER_WORKER * settings_workers(settings) + REST;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return 0;
	limit.rlim_cur = need;
	if (limit.rlim_max < need)
		limit.rlim_max = need; /* root may */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return 0;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	conf_faults_add(faults,
			"transport.connections_max: %lld connections need %llu open descriptors, "
			"allowed: %llu (ulimit -n, LimitNOFILE=)",
			(long long)settings->transport.connections_max, (unsigned long long)need,
			(unsigned long long)limit.rlim_max);
	return MG_EPARSE;
}
