/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * local: who we are: the names and addresses of the listeners and, for those on all addresses, of the machine, in a table
 * made with each configuration. The machine's addresses are listed by the warden, since this process may not open the
 * netlink socket that tells of them; a change of them is a new configuration. Called by tp.c and whoever reads a URI.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/put.h"
#include "transport/tp_priv.h"

enum {
	NAME_MAX_LEN = 255,
	NAMES_BYTES = 1 << 20,
	GONE_BYTES = 1024,
	NAMES_CHUNK = 4096,
	LOCAL_BYTES = 256
};

/* One port and transport of a host. */
struct place {
	struct place *next;
	uint16_t port;
	uint8_t transport;
};

struct host {
	struct map_node node; /* by address without port, or name in lower case */
	struct place *places; /* of listeners that have it by themselves */
	bool machine;         /* an address of this machine: those on all addresses have it too */
};

#define PORT_BITS 64

struct names {
	struct arena arena;
	struct map hosts;
	struct place *any4, *any6; /* of listeners on all addresses */
	struct addr service;
	uint64_t ports[65536 /
		       PORT_BITS]; /* any of ours: most targets have none, and need no look-up */
};

uint16_t tp_default_port(uint8_t transport)
{
	switch (transport) {
	case SIP_TRANSPORT_TLS:
	case SIP_TRANSPORT_TLS_SCTP: return 5061;
	case SIP_TRANSPORT_WS: return 80;
	case SIP_TRANSPORT_WSS: return 443;
	default: return 5060;
	}
}

/* ---- keys ---- */

/* A host as the table has it: an address without scope, or a name in lower case without its last dot. `key` points into
 * `a` or `text`. Returns whether it is an address. */
static bool host_key(struct sv host, struct addr *a, char text[NAME_MAX_LEN], struct sv *key)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (addr_parse(host, ADDR_IP | ADDR_THREE_COLONS, a) == 0) {
		*key = addr_host_key(a);
		return true;
	}
	if (host.n > NAME_MAX_LEN)
		host.n = 0; /* no name is that long */
	for (size_t i = 0; i < host.n; i++)
		text[i] = sv_lower(host.p[i]);
	*key = sv_of(text, host.n);
	return false;
}

static bool place_is(const struct place *p, uint16_t port, uint8_t transport)
{
	if (transport != SIP_TRANSPORT_NONE && transport != p->transport)
		return false;
	return p->port == (port ? port : tp_default_port(p->transport));
}

static bool any_place_is(const struct place *p, uint16_t port, uint8_t transport)
{
	while (p && !place_is(p, port, transport))
		p = p->next;
	return p != NULL;
}

/* ---- making the table ---- */

static void add_port(struct names *names, uint16_t port)
{
	names->ports[port / PORT_BITS] |= (uint64_t)1 << port % PORT_BITS;
}

static bool add_place(struct names *names, struct place **places, uint16_t port, uint8_t transport)
{
	struct place *p;

	add_port(names, port);

	if (any_place_is(*places, port, transport))
		return true;
	p = arena_alloc(&names->arena, sizeof(*p));
	if (!p)
		return false;
	*p = (struct place){*places, port, transport};
	*places = p;
	return true;
}

/* The host of that key, which is added when there is none; NULL without memory. */
static struct host *host_with(struct names *names, struct sv key)
{
	struct map_node *node = map_find(&names->hosts, key);

	if (node)
		return container_of(node, struct host, node);
	struct host *host = arena_alloc(&names->arena, sizeof(*host));
	if (!host || arena_dup(&names->arena, key, &key) != 0)
		return NULL;
	host->places = NULL;
	host->machine = false;
	return map_insert(&names->hosts, &host->node, key) == 0 ? host : NULL;
}

static bool add_host(struct names *names, struct sv key, uint16_t port, uint8_t transport)
{
	struct host *host = host_with(names, key);

	return host && add_place(names, &host->places, port, transport);
}

/* URIs have no scope: link-local addresses of the machine are the same on all its links. */
static bool add_local(struct names *names, struct addr a)
{
	a.scope = 0;
	struct host *host = host_with(names, addr_host_key(&a));
	if (host)
		host->machine = true;
	return host != NULL;
}

static bool add_listener(struct names *names, const struct tp_listener *l)
{
	char text[NAME_MAX_LEN];
	struct addr a = l->bound;
	struct sv key;
	bool ok;

	a.scope = 0;
	if (l->wildcard)
		ok = add_place(names, a.family == ADDR_V6 ? &names->any6 : &names->any4, a.port,
			       l->transport);
	else
		ok = add_host(names, addr_host_key(&a), a.port, l->transport);
	if (!ok || !l->advertise[0])
		return ok;
	host_key(sv_str(l->advertise), &a, text, &key);
	return add_host(names, key, l->advertise_port ? l->advertise_port : l->bound.port,
			l->transport);
}

/* Routes of dialogs still name the listeners that are gone. */
static bool add_all(struct names *names, const struct tp_config *config, const struct gone *gone,
		    unsigned n_gone)
{
	for (unsigned i = 0; i < config->n_listeners; i++)
		if (!add_listener(names, config->listeners[i]))
			return false;
	for (unsigned i = 0; i < n_gone; i++)
		if (!add_listener(names, &gone[i].listener))
			return false;
	for (unsigned i = 0; i < config->n_locals; i++)
		if (!add_local(names, config->locals[i]))
			return false;
	return true;
}

struct names *names_new(const struct tp_config *config, const struct gone *gone, unsigned n_gone)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	if (map_init(&names->hosts, (size_t)2 * (TP_LISTENERS_MAX + n_gone) + config->n_locals) !=
	    0) {
		free(names);
		return NULL;
	}
	arena_init(&names->arena, NAMES_CHUNK,
		   NAMES_BYTES + (size_t)n_gone * GONE_BYTES +
			   (size_t)config->n_locals * LOCAL_BYTES);
	names->service = config->service;
	if (config->service.family != ADDR_NONE)
		add_port(names, config->service.port);
	if (add_all(names, config, gone, n_gone))
		return names;
	names_free(names);
	return NULL;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	map_done(&names->hosts);
	arena_done(&names->arena);
	free(names);
}

/* ---- questions ---- */

bool tp_is_us(struct tp *tp, struct sv host, uint16_t port, enum sip_transport transport)
{
	const struct names *names = tp->names;
	const struct host *ours = NULL;
	char text[NAME_MAX_LEN];
	struct addr a;
	struct sv key;

	if (!names)
		return false;
	bool address = host_key(host, &a, text, &key);
	const struct map_node *node = map_find(&names->hosts, key);
	if (node)
		ours = container_of(node, struct host, node);
	if (ours && any_place_is(ours->places, port, (uint8_t)transport))
		return true;
	/* of the loopback network the machine has every address, of which it lists one */
	return address && ((ours && ours->machine) || addr_class(&a) == ADDR_CLASS_LOOPBACK) &&
	       any_place_is(a.family == ADDR_V6 ? names->any6 : names->any4, port,
			    (uint8_t)transport);
}

static bool place_of_kind(const struct place *p, uint16_t port, bool stream)
{
	while (p && (p->port != port || (p->transport != SIP_TRANSPORT_UDP) != stream))
		p = p->next;
	return p != NULL;
}

bool tp_is_own(struct tp *tp, const struct addr *to, uint8_t transport)
{
	const struct names *names = tp->names;
	const struct host *ours = NULL;
	bool stream = transport != SIP_TRANSPORT_UDP;
	struct addr a = *to;

	if (!names || !(names->ports[to->port / PORT_BITS] >> to->port % PORT_BITS & 1))
		return false;
	a.scope = 0;
	const struct map_node *node = map_find(&names->hosts, addr_host_key(&a));
	if (node)
		ours = container_of(node, struct host, node);
	bool machine = (ours && ours->machine) || addr_class(&a) == ADDR_CLASS_LOOPBACK;
	const struct addr *service = &names->service;
	if (stream && service->port == a.port && service->family == a.family &&
	    (addr_host_eq(service, &a) ||
	     ((machine || ours) && addr_class(service) == ADDR_CLASS_UNSPECIFIED)))
		return true;
	return (ours && place_of_kind(ours->places, a.port, stream)) ||
	       (machine &&
		place_of_kind(a.family == ADDR_V6 ? names->any6 : names->any4, a.port, stream));
}

bool tp_forbidden(struct tp *tp, const struct tp_target *to)
{
	const struct tp_listener *l = tp_listener_of(tp, to->listener);
	const struct addr *from = l && !l->wildcard ? &l->bound : &to->local;
	enum addr_class class = addr_class(from);
	unsigned allow = class == ADDR_CLASS_LOOPBACK    ? ADDR_ALLOW_LOOPBACK
			 : class == ADDR_CLASS_LINKLOCAL ? ADDR_ALLOW_LINKLOCAL
							 : 0;

	return addr_forbidden_target(&to->addr, allow);
}

/* ---- our name ---- */

/* host as it stands in a URI: addresses in their one form, IPv6 in brackets. */
static size_t write_host(struct sv host, char *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (addr_parse(host, ADDR_IP, &a) == 0) {
		size_t n = addr_write(&a, ADDR_URI, text);
		memcpy(out, text, n);
		return n;
	}
	memcpy(out, host.p, host.n);
	return host.n;
}

size_t tp_sentby(struct tp *tp, uint16_t listener, const struct addr *local,
		 char out[TP_SENTBY_MAX])
{
	const struct tp_listener *l = tp_listener_of(tp, listener);
	const struct addr *a = l && !l->wildcard ? &l->bound : local;
	char text[ADDR_TEXT_MAX];
	uint16_t port = l ? l->bound.port : local->port;
	size_t n;

	if (l && l->advertise[0]) {
		n = write_host(sv_of(l->advertise, strnlen(l->advertise, sizeof(l->advertise) - 1)),
			       out);
		port = l->advertise_port ? l->advertise_port : port;
	} else {
		n = addr_write(a->family || !l ? a : &l->bound, ADDR_URI, text);
		memcpy(out, text, n);
	}
	struct put t = {.p = out, .n = n, .cap = TP_SENTBY_MAX};
	if (port != tp_default_port(l ? l->transport : SIP_TRANSPORT_UDP)) {
		put(&t, SV(":"));
		put_u32(&t, port);
	}
	return t.n;
}
