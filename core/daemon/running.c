/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * running: a configuration made ready to run: the structs that transports, transactions, router and modules take, TLS contexts, and the sockets the warden sent. All or
 * nothing: what fails leaves the one before untouched. Called by sip_process.c, and by --check for what needs no sockets.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/running_priv.h"
#include "event/loop.h"
#include "sip/uri.h"
#include "transport/tls.h"

#define NUMBERS_SPARE_MS 5000

_Static_assert(TP_ZONE_NUMBERS <= MG_ZONES_MAX, "modules have room for every number of a zone");

/* ---- zones and listeners ---- */

/* A process goes on with the numbers that zones have in it; --check has no other configuration. Returns the number or MG_ELIMIT. */
static int take_number(struct running *r, unsigned i, const char *name)
{
	return r->node ? zone_number_take(&r->node->zones, name, loop_clock_us() / 1000) : (int)i;
}

/* Transactions outlive the last call by 64*T1. */
static void give_numbers(struct running *r)
{
	uint64_t until_ms = loop_clock_us() / 1000 + 64ULL * r->txn.t1 + NUMBERS_SPARE_MS;

	for (unsigned i = 0; i < TP_ZONE_NUMBERS; i++) {
		if (r->zone_at[i])
			zone_number_give(&r->node->zones, (uint16_t)i, until_ms);
	}
}

static void make_zone(struct running *r, unsigned i, uint16_t number)
{
	const struct settings *s = &r->loaded->settings;
	const struct zone_settings *z = (const struct zone_settings *)s->zones.items + i;

	r->zones[i] = (struct mg_zone){
		.name = z->name, .index = number, .trust = (enum mg_trust)z->trust};
	r->zone_at[number] = &r->zones[i];
	r->tp_zones[number] = (struct tp_zone){
		.name = z->name,
		.trusted = z->trust == MG_CARRIER,
		.conns_per_source = (uint32_t)z->conns_per_source,
		.handshakes_per_source = (uint32_t)z->handshakes_per_source,
		.handshake_ms = (uint32_t)z->handshake_s * 1000,
		.idle_ms = (uint32_t)z->idle_s * 1000,
		.idle_known_ms = (uint32_t)z->idle_known_s * 1000,
		.complete_ms = (uint32_t)z->complete_s * 1000,
		.handshakes =
			LIMIT_PER_S((uint32_t)z->handshakes_per_s, (uint32_t)z->handshakes_per_s),
		.keepalives =
			LIMIT_PER_S((uint32_t)z->keepalives_per_s, (uint32_t)z->keepalives_per_s),
	};
	r->route.zone_token[number] = token_zone(z->name);
	/* F-7: strangers do not say whom we call, nor does a zone that is gone */
	if (z->trust != MG_INTERNET)
		r->route.no_recurse_zones[number / 64] &= ~(1ULL << number % 64);
	if (r->route.n_zones <= number)
		r->route.n_zones = number + 1U;
	running_zone_tls(r, z, &r->tls_lists[i * (s->tls.n + 1)]);
}

static int make_zones(struct running *r, struct conf_faults *faults)
{
	const struct settings *s = &r->loaded->settings;
	const struct zone_settings *z = s->zones.items;

	r->n_zones = (unsigned)s->zones.n;
	r->zones = calloc(r->n_zones, sizeof(*r->zones));
	r->tp_zones = calloc(TP_ZONE_NUMBERS, sizeof(*r->tp_zones));
	r->tls_lists = calloc(r->n_zones * (s->tls.n + 1), sizeof(struct tls_context *));
	if (!r->zones || !r->tp_zones || !r->tls_lists)
		return MG_ENOMEM;
	memset(r->route.no_recurse_zones, 0xff, sizeof(r->route.no_recurse_zones));
	for (unsigned i = 0; i < r->n_zones; i++) {
		int number = take_number(r, i, z[i].name);

		if (number < 0) {
			conf_faults_add(faults, "zones: calls of too many former ones are not over "
						"yet: reload again in a few minutes");
			return number;
		}
		make_zone(r, i, (uint16_t)number);
	}
	return 0;
}

/* host or host:port of a zone's `advertise`, which its table has checked. */
static void advertise(struct tp_listener *l, const char *text)
{
	char out[ADDR_TEXT_MAX];
	struct sv host;
	struct addr a;

	if (sip_hostport_parse(sv_str(text), &host, &l->advertise_port) != 0)
		return;
	if (addr_parse(host, ADDR_IP, &a) == 0)
		host = sv_of(out, addr_write(&a, ADDR_URI, out));
	if (host.n < sizeof(l->advertise))
		memcpy(l->advertise, host.p, host.n);
}

static struct tp_listener *listener_of(struct running *r, const struct ipc_listener *info)
{
	const struct settings *s = &r->loaded->settings;
	const struct zone_settings *zone = s->zones.items;

	for (unsigned i = 0; i < r->tp.n_listeners; i++) {
		if (r->listeners[i].id == info->id)
			return &r->listeners[i];
	}
	if (r->tp.n_listeners == TP_LISTENERS_MAX || info->zone >= r->n_zones)
		return NULL;
	struct tp_listener *l = &r->listeners[r->tp.n_listeners];
	*l = (struct tp_listener){.id = info->id,
				  .zone = r->zones[info->zone].index,
				  .transport = info->transport,
				  .wildcard = info->wildcard,
				  .bound = info->bound};
	for (unsigned i = 0; i < TP_WORKERS_MAX; i++)
		l->fd[i] = -1;
	if (zone[info->zone].advertise)
		advertise(l, zone[info->zone].advertise);
	if (info->transport == SIP_TRANSPORT_TLS)
		l->tls = &r->tls_lists[info->zone * (s->tls.n + 1)];
	r->listener_list[r->tp.n_listeners++] = l;
	return l;
}

static int make_listeners(struct running *r, struct received *got, struct conf_faults *faults)
{
	r->listeners = calloc(TP_LISTENERS_MAX, sizeof(*r->listeners));
	r->listener_list = calloc(TP_LISTENERS_MAX, sizeof(struct tp_listener *));
	if (!r->listeners || !r->listener_list)
		return MG_ENOMEM;
	r->tp.listeners = r->listener_list;
	r->locals = got->local; /* moves */
	r->tp.locals = got->local;
	r->tp.n_locals = (unsigned)got->locals;
	got->local = NULL;
	got->locals = 0;
	for (size_t i = 0; i < got->listeners; i++) {
		struct received_listener *g = &got->listener[i];
		struct tp_listener *l = listener_of(r, &g->info);

		if (!l || g->info.worker >= TP_WORKERS_MAX || l->fd[g->info.worker] >= 0) {
			conf_faults_add(faults, "listeners: more than %d, or of no zone",
					TP_LISTENERS_MAX);
			return MG_EPARSE;
		}
		l->fd[g->info.worker] = g->fd;
		g->fd = -1;
	}
	return 0;
}

/* ---- the rooms' structs ---- */

static bool known(void *arg, const struct addr *peer)
{
	const struct running *r = arg;

	return chain_known(r->chain, peer);
}

static bool peer_names(const void *certificate, struct sv domain)
{
	return tls_peer_names(certificate, domain);
}

static bool certified(void *arg, uint16_t zone, const struct addr *peer, const struct tls *tls)
{
	const struct running *r = arg;
	const struct mg_certificate certificate = {.names = peer_names, .of = tls};

	return running_zone(r, zone) &&
	       chain_certified(r->chain, &certificate, peer, running_zone(r, zone));
}

static void fill_transport(struct running *r, unsigned workers)
{
	const struct settings *s = &r->loaded->settings;

	r->tp.zones = r->tp_zones;
	r->tp.n_zones = r->route.n_zones;
	r->tp.conns_max = (uint32_t)s->transport.connections_max / workers + 1;
	r->tp.conns_reserved = (uint32_t)s->transport.reserved_percent;
	r->tp.handshakes_max = (uint32_t)s->transport.handshakes_max / workers + 1;
	r->tp.queue_bytes = (uint32_t)s->transport.queue_bytes;
	r->tp.connect_ms = (uint32_t)s->transport.connect_ms;
	r->tp.stream_try_ms = (uint32_t)s->transport.stream_try_ms;
	r->tp.large_request = (uint32_t)s->transport.large_request_bytes;
	r->tp.service = s->metrics.listen;
	r->tp.known = known;
	r->tp.certified = certified;
	r->tp.known_arg = r;
	r->tp.tls_client = r->tls_client;
}

static void fill_dns(struct running *r)
{
	const struct settings *s = &r->loaded->settings;
	const struct addr *server = s->dns.nameservers.items;

	for (size_t i = 0; i < s->dns.nameservers.n && i < 8; i++) {
		r->dns.nameservers[i] = server[i];
		if (server[i].port == 0)
			r->dns.nameservers[i].port = 53;
		r->dns.n_nameservers++;
	}
	r->dns.timeout_ms = (uint32_t)s->dns.timeout_ms;
	r->dns.tries = (uint32_t)s->dns.tries;
	r->dns.budget_ms = (uint32_t)s->dns.budget_ms;
	r->dns.ttl_min_s = (uint32_t)s->dns.ttl_min_s;
	r->dns.ttl_max_s = (uint32_t)s->dns.ttl_max_s;
	r->dns.negative_s = (uint32_t)s->dns.negative_s;
	r->dns.stale_s = (uint32_t)s->dns.stale_s;
	r->dns.cache_max = (uint32_t)s->dns.cache_max;
	r->dns.avoid_ms = (uint32_t)s->dns.avoid_s * 1000;
	r->dns.targets_max = (uint32_t)s->dns.targets_max;
}

static void fill_core(struct running *r, const struct node *node)
{
	const struct settings *s = &r->loaded->settings;

	r->route.timer_c_ms = (uint32_t)s->proxy.timer_c_s * 1000;
	r->route.record_route = s->proxy.record_route;
	r->route.recurse = s->proxy.recurse;
	r->stateless = s->proxy.stateless;
	r->txn = (struct txn_conf){.t1 = (uint32_t)s->transactions.t1_ms,
				   .t2 = (uint32_t)s->transactions.t2_ms,
				   .t4 = (uint32_t)s->transactions.t4_ms,
				   .timer_d = (uint32_t)(64 * s->transactions.t1_ms > 32000
								 ? 64 * s->transactions.t1_ms
								 : 32000),
				   .servers_max = (uint32_t)s->transactions.servers_max,
				   .clients_max = (uint32_t)s->transactions.clients_max};
	r->overload = (struct overload_conf){
		.queue_delay_us = (uint32_t)s->overload.queue_delay_ms * 1000,
		.transactions_percent = (uint32_t)s->overload.transactions_percent,
		.memory_max = s->overload.memory_max_mib < 0
				      ? node->memory_auto
				      : (uint64_t)s->overload.memory_max_mib << 20,
		.retry_min_s = (uint32_t)s->overload.retry_after_min_s,
		.retry_max_s = (uint32_t)s->overload.retry_after_max_s};
	r->gather_us = (uint32_t)s->gather_us;
}

static int make_chain(struct running *r, unsigned workers, struct chain *before,
		      struct conf_faults *faults)
{
	struct chain_setup setup = {.zones = r->zones,
				    .n_zones = r->n_zones,
				    .workers = workers,
				    .before = before,
				    .faults = faults};
	const struct chain_module_conf *modules;
	const struct mg_module *const *descriptors;
	int n = chain_modules_of(&r->loaded->settings.modules, &r->loaded->arena, &modules,
				 &descriptors, faults);

	if (n < 0)
		return n;
	setup.modules = modules;
	setup.descriptors = descriptors;
	setup.n = (unsigned)n;
	r->chain = chain_new(&setup);
	return r->chain ? 0 : MG_EPARSE;
}

/* ---- making and freeing ---- */

static void free_running(struct generation *g)
{
	struct running *r = container_of(g, struct running, generation);
	size_t n_tls = r->loaded ? r->loaded->settings.tls.n : 0;

	chain_free(r->chain);
	for (size_t i = 0; r->tls && i < n_tls; i++)
		tls_context_free(r->tls[i]);
	tls_context_free(r->tls_client);
	free(r->tls);
	free(r->tls_lists);
	for (unsigned i = 0; i < r->tp.n_listeners; i++) {
		for (unsigned k = 0; k < TP_WORKERS_MAX; k++) {
			if (r->listeners[i].fd[k] >= 0)
				close(r->listeners[i].fd[k]);
		}
	}
	free(r->listeners);
	free(r->listener_list);
	give_numbers(r);
	free(r->zones);
	free(r->tp_zones);
	free(r->locals);
	settings_free(r->loaded);
	free(r);
}

/* A worker has ended what it began with this configuration. */
static void left(struct generation *g, unsigned me)
{
	struct running *r = container_of(g, struct running, generation);

	if (me < r->node->workers)
		chain_worker_leave(&r->node->worker[me].mg, r->chain);
}

/* Aligned as struct generation is. */
static struct running *running_alloc(void)
{
	size_t size = (sizeof(struct running) + 63) / 64 * 64;
	struct running *r = aligned_alloc(64, size);

	if (r)
		memset(r, 0, size);
	return r;
}

static int find_file(void *arg, const char *path)
{
	const struct received *got = arg;

	for (size_t i = 0; i < got->files; i++) {
		if (strcmp(got->file[i].path, path) == 0)
			return got->file[i].fd;
	}
	return -ENOENT;
}

static int find_authorities(struct received *got)
{
	int fd = -1;

	for (size_t i = 0; fd < 0 && settings_authorities[i]; i++)
		fd = find_file(got, settings_authorities[i]);
	return fd;
}

struct running *running_new(struct node *node, struct received *got, struct running *before,
			    struct conf_faults *faults)
{
	struct conf_text *text;
	struct conf_env env = {.open = find_file, .arg = got};
	struct running *r = running_alloc();

	if (!r || conf_text_unseal(&text, got->text_fd, faults) < 0) {
		free(r);
		return NULL;
	}
	generation_init(&r->generation, got->generation, THREADS(node), free_running);
	r->generation.left = left;
	atomic_init(&r->needed, node->workers);
	r->node = node;
	r->system_ca = find_authorities(got);
	r->loaded = settings_load(text, &env,
				  before ? SETTINGS_KNOW_MODULES : SETTINGS_OPEN_MODULES, faults);
	if (!r->loaded || running_make_tls(r, faults) < 0 || make_zones(r, faults) < 0 ||
	    make_listeners(r, got, faults) < 0 ||
	    make_chain(r, node->workers, before ? before->chain : NULL, faults) < 0) {
		if (faults->n == 0)
			conf_faults_add(faults, "out of memory");
		free_running(&r->generation);
		return NULL;
	}
	fill_transport(r, node->workers);
	fill_dns(r);
	fill_core(r, node);
	return r;
}

int running_check(struct loaded *loaded, struct conf_faults *faults)
{
	struct running *r = running_alloc();
	int err = MG_ENOMEM;

	if (r) {
		r->loaded = loaded;
		r->system_ca = system_authorities_open();
		err = running_make_tls(r, faults);
		if (!err)
			err = make_zones(r, faults);
		if (!err)
			err = make_chain(r, 1, NULL, faults);
	}
	if (err == MG_ENOMEM)
		conf_faults_add(faults, "out of memory");
	if (r) {
		/* what was loaded stays the caller's, and the count of TLS contexts is in it */
		chain_free(r->chain);
		for (size_t i = 0; r->tls && i < loaded->settings.tls.n; i++)
			tls_context_free(r->tls[i]);
		tls_context_free(r->tls_client);
		free(r->tls);
		free(r->tls_lists);
		free(r->zones);
		free(r->tp_zones);
		if (r->system_ca >= 0)
			close(r->system_ca);
		free(r);
	}
	return err ? MG_EPARSE : 0;
}
