/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * settings: the configuration file as the daemon sees it: the root table, built of the rooms' and modules' own, and the structs it fills. Both the warden (to open
 * what it names) and the SIP process (to run by it) load it. What is made of it for running is generation.c's (struct running).
 */
#ifndef MG_DAEMON_SETTINGS_H
#define MG_DAEMON_SETTINGS_H

#include "base/arena.h"
#include "conf/load.h"
#include "transport/listener.h"

/* One listener as written: "udp:192.0.2.1:5060", "tcp:eth0:5060", "tls:*:5061", "udp:[::]:5060". */
struct listen_spec {
	uint8_t transport; /* enum sip_transport */
	uint16_t port;
	struct addr addr;   /* ADDR_NONE when an interface is named; 0.0.0.0 and :: are wildcards */
	bool both;          /* "*": 0.0.0.0 and :: */
	char interface[16]; /* "" when an address is */
};
/* Read one. Returns 0 or MG_EPARSE. */
MG_MUST_CHECK int listen_spec_parse(struct listen_spec *out, const char *text);

struct zone_settings {
	const char *name;
	struct conf_list listen; /* const char * */
	const char *advertise;   /* host or host:port, NULL */
	int trust;               /* enum mg_trust */
	struct conf_list
		tls; /* const char *: names of TLS contexts, the first is the default; none: the first of all */
	int64_t conns_per_source, handshake_s, idle_s, idle_known_s, complete_s;
	int64_t handshakes_per_s, handshakes_per_source, keepalives_per_s;
};

struct tls_settings_conf {
	const char *name;
	struct conf_file certificate, key, ca, crl;
	int verify_client; /* enum tls_verify */
	bool verify_server, wildcards;
	bool client; /* use this one for connections we open */
};

struct settings {
	const struct conf_text *text; /* that it was loaded from, for settings_fault; NULL: none */
	int64_t workers;              /* -1: auto */
	const char *user;
	const char *state; /* folder */
	int64_t gather_us;
	struct conf_list accept_risk; /* const char * */
	struct conf_list zones;       /* struct zone_settings */
	struct conf_list tls;         /* struct tls_settings_conf */
	struct conf_list modules;     /* struct conf_variant: chain_conf.h */
	struct {
		int64_t timer_c_s;
		bool record_route, recurse, stateless;
	} proxy;
	struct {
		int64_t t1_ms, t2_ms, t4_ms, servers_max, clients_max, suspended_max;
	} transactions;
	struct {
		int64_t connections_max, reserved_percent, handshakes_max, queue_bytes, connect_ms;
		int64_t stream_try_ms, large_request_bytes, socket_buffer_bytes, sources_max;
	} transport;
	struct {
		struct conf_list nameservers; /* struct addr */
		int64_t timeout_ms, tries, budget_ms, ttl_min_s, ttl_max_s, negative_s, stale_s;
		int64_t cache_max, avoid_s, targets_max;
	} dns;
	struct {
		int64_t queue_delay_ms, transactions_percent, memory_max_mib, retry_after_min_s,
			retry_after_max_s;
		struct conf_list emergency; /* const char *: user parts and URNs that pass */
	} overload;
	struct {
		int level; /* enum log_level */
	} log;
	struct {
		struct addr listen; /* ADDR_NONE: off */
	} metrics;
	struct {
		const char *socket; /* path, NULL: state folder's control.sock */
	} control;
};

extern const struct conf_table settings_table;

/* A configuration file that was loaded: text, arena, structs, in one piece. */
struct loaded {
	struct arena arena;
	struct conf_text *text;
	struct settings settings;
	struct conf_list risks; /* const char *: what accept_risk let pass */
};

enum settings_modules {
	SETTINGS_KNOW_MODULES, /* those that are linked in or were opened: for a reload */
	SETTINGS_OPEN_MODULES, /* open the files of the others first: for the start of the process that runs them */
	SETTINGS_PASS_MODULES, /* pass over the options of the others: for the warden */
};

/* Where systems have their bundle of authorities, NULL-ended: the first that can be opened is theirs. The warden passes it as it does the files that are named. */
extern const char *const settings_authorities[];

/* Load and check everything that can be told without opening sockets.
 *
 * text       Becomes the result's, also on failure.
 * env        How files are opened, see conf_env; `variant` is filled in here.
 * Returns    NULL with faults added.
 */
MG_MUST_CHECK struct loaded *settings_load(struct conf_text *text, const struct conf_env *env,
					   enum settings_modules modules,
					   struct conf_faults *faults);
void settings_free(struct loaded *loaded); /* NULL is fine; closes no descriptor */

/* A fault of a setting that shows in a later step, told where it stands:
 * `margrave.cfg:12: zones[0].listen[2]: found "udp:192.0.2.1:5060" (Cannot assign requested address), allowed: ...`.
 *
 * name       From the root on; of a list its item.
 * why        What is wrong with what was found, NULL: that is told by `allowed`.
 */
void settings_fault(const struct settings *settings, struct conf_faults *faults, const char *name,
		    const char *why, const char *allowed);

/* Workers that "auto" means here: the CPUs this process may run on, at most TP_WORKERS_MAX. */
unsigned settings_workers(const struct settings *settings);

#endif
