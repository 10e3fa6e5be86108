/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * listen: opening the sockets of listeners. Options that the transports need for themselves (IP_PKTINFO and the like) are set by them.
 */
#include "daemon/listen.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "event/loop.h"
#include "gate/gate.h"
#include "sip/uri.h"

#define PROBES        20 /* a second in all */
#define PROBE_US      50000
#define BACKLOG       4096
#define GONE_SPARE_MS 5000
#define SOCKETS_MAX   ((size_t)TP_LISTENERS_MAX * TP_WORKERS_MAX)

struct opening {
	struct listen_set *out;
	const struct settings *settings;
	const struct listen_set *old;
	unsigned workers;
	struct conf_faults *faults;
	char item[64]; /* the setting that is being opened: "zones[0].listen[2]" */
	bool failed;
};

static void say_buffer(const struct addr *bound, int want, int got)
{
	struct log_line l;

	log_begin(&l, LOG_WARNING, "warden", "socket_buffer");
	log_addr(&l, "listen", bound);
	log_u64(&l, "wanted", (uint64_t)want);
	log_u64(&l, "got", (uint64_t)got);
	log_str(&l, "why", "net.core.rmem_max");
	log_end(&l);
}

/* Large buffers, beyond what the system allows everybody when we may. */
static void set_buffers(int fd, int bytes, const struct addr *bound, bool tell)
{
	int got = 0;
	socklen_t n = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (tell && getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n) == 0 && got < bytes)
		say_buffer(bound, bytes, got);
}

/* Without the filter floods are refused by ourselves. */
static void guard(int fd, const struct ipc_listener *info)
{
	int err = gate_guard(fd, info->id, info->worker);
	struct log_line l;

	if (!err)
		return;
	log_begin(&l, LOG_WARNING, "warden", "socket_unguarded");
	log_addr(&l, "listen", &info->bound);
	log_err(&l, err);
	log_end(&l);
}

static int open_socket(const struct ipc_listener *info, const struct settings *s, bool shared)
{
	bool udp = info->transport == SIP_TRANSPORT_UDP;
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(&info->bound, &sa);
	int on = 1;
	int fd = socket(sa.ss_family,
			(udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	bool ok = (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		  (udp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) &&
		  (sa.ss_family != AF_INET6 ||
		   setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0);
	if (udp && shared)
		set_buffers(fd, (int)s->transport.socket_buffer_bytes, &info->bound,
			    info->worker == 0);
	if (!ok || bind(fd, (struct sockaddr *)&sa, n) < 0 || (!udp && listen(fd, BACKLOG) < 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	if (udp && shared)
		guard(fd, info);
	return fd;
}

static const struct listen_socket *find_old(const struct listen_set *old,
					    const struct ipc_listener *info)
{
	for (size_t i = 0; old && i < old->n; i++) {
		const struct ipc_listener *o = &old->socket[i].info;

		if (o->transport == info->transport && o->worker == info->worker &&
		    addr_eq(&o->bound, &info->bound))
			return &old->socket[i];
	}
	return NULL;
}

static bool id_taken(const struct listen_set *set, uint16_t id)
{
	for (size_t i = 0; set && i < set->n; i++) {
		if (set->socket[i].info.id == id)
			return true;
	}
	return false;
}

static uint16_t new_id(const struct opening *o)
{
	uint16_t id = o->out->last_id;

	do
		id = id == UINT16_MAX ? 1 : (uint16_t)(id + 1);
	while (id_taken(o->out, id) || id_taken(o->old, id));
	return o->out->last_id = id;
}

/* Whether a listener from the `from`th socket on has that address already. TLS and TCP are one kind of socket, between which the kernel would deal out connections. */
static bool doubled(const struct opening *o, const struct ipc_listener *info, size_t from)
{
	bool udp = info->transport == SIP_TRANSPORT_UDP;

	for (size_t i = from; i < o->out->n; i++) {
		const struct ipc_listener *have = &o->out->socket[i].info;

		if ((have->transport == SIP_TRANSPORT_UDP) == udp &&
		    addr_eq(&have->bound, &info->bound))
			return true;
	}
	return false;
}

static const char *allowed_for(int err)
{
	switch (err) {
	case -EADDRNOTAVAIL: return "an address of this machine, an interface or *";
	case -EADDRINUSE: return "an address and port that nobody else listens on";
	case -EACCES: return "a port that we may listen on (those below 1024 are root's)";
	case MG_EEXIST: return "each address and port once";
	case MG_ELIMIT: return "fewer listeners or workers";
	default: return "what this machine can listen on";
	}
}

static void fault(struct opening *o, const struct ipc_listener *info, int err)
{
	char text[ADDR_TEXT_MAX], why[256];

	addr_write(&info->bound, ADDR_HOSTPORT, text);
	snprintf(why, sizeof(why), "%s:%s: %s", sip_transport_name(info->transport), text,
		 err == MG_EEXIST   ? "stands there twice"
		 : err == MG_ELIMIT ? "too many sockets"
				    : strerror(-err));
	settings_fault(o->settings, o->faults, o->item, why, allowed_for(err));
	o->failed = true;
}

static bool overlaps(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && a->family == b->family &&
	       (addr_host_eq(a, b) || addr_class(a) == ADDR_CLASS_UNSPECIFIED ||
		addr_class(b) == ADDR_CLASS_UNSPECIFIED);
}

/* SO_REUSEPORT lets another daemon of the same user take half of our datagrams: look whether the address is free without it, unless we are the one who has it. What an old
 * SIP process still holds is free in a moment. Returns 0 or a negative errno. */
static int probe(const struct opening *o, const struct ipc_listener *info)
{
	bool udp = info->transport == SIP_TRANSPORT_UDP;
	int err = -EADDRINUSE;

	for (size_t i = 0; o->old && i < o->old->n; i++) {
		const struct ipc_listener *old = &o->old->socket[i].info;

		if ((old->transport == SIP_TRANSPORT_UDP) == udp &&
		    overlaps(&old->bound, &info->bound))
			return 0;
	}
	for (size_t i = 0; i < o->out->n; i++) {
		const struct ipc_listener *have = &o->out->socket[i].info;

		if ((have->transport == SIP_TRANSPORT_UDP) == udp &&
		    overlaps(&have->bound, &info->bound))
			return 0;
	}
	for (size_t i = 0; o->old && i < o->old->n_gone; i++) {
		const struct listen_gone *gone = &o->old->gone[i];

		if (gone->udp == udp && overlaps(&gone->bound, &info->bound) &&
		    loop_clock_us() / 1000 < gone->until_ms)
			return 0;
	}
	for (unsigned tries = 0; err == -EADDRINUSE && tries < (o->old ? 1 : PROBES); tries++) {
		if (tries)
			usleep(PROBE_US);
		int fd = open_socket(info, o->settings, false);

		err = fd < 0 ? fd : 0;
		if (fd >= 0)
			close(fd);
	}
	return err;
}

static int put(struct opening *o, const struct ipc_listener *info, int fd)
{
	struct listen_socket *more =
		o->out->n == SOCKETS_MAX ? NULL
					 : realloc(o->out->socket, (o->out->n + 1) * sizeof(*more));

	if (!more)
		return MG_ELIMIT;
	o->out->socket = more;
	o->out->socket[o->out->n++] = (struct listen_socket){.info = *info, .fd = fd};
	return 0;
}

/* Open it for each worker. Returns 0 or a negative error. */
static int open_each(struct opening *o, struct ipc_listener *info)
{
	const struct listen_socket *same = find_old(o->old, info);
	int err = same ? 0 : probe(o, info);

	info->id = same ? same->info.id : new_id(o);
	for (unsigned w = 0; !err && w < o->workers; w++) {
		info->worker = (uint16_t)w;
		same = find_old(o->old, info);
		int fd = same ? fcntl(same->fd, F_DUPFD_CLOEXEC, 0)
			      : open_socket(info, o->settings, true);

		err = fd >= 0 ? put(o, info, fd) : same ? -errno : fd;
		if (err && fd >= 0)
			close(fd);
	}
	return err;
}

static void add(struct opening *o, struct ipc_listener info)
{
	if (doubled(o, &info, 0)) {
		fault(o, &info, MG_EEXIST);
		return;
	}
	int err = open_each(o, &info);
	if (err)
		fault(o, &info, err);
}

static void say_interface(const char *event, const char *interface, const struct addr *addr)
{
	struct log_line l;

	log_begin(&l, LOG_WARNING, "warden", event);
	log_str(&l, "interface", interface);
	if (addr)
		log_addr(&l, "addr", addr);
	log_end(&l);
}

/* One address of an interface. One that the kernel is still looking for doubles of (IPv6) can't be bound yet: that it can will be told. */
static void add_of_interface(struct opening *o, const char *name, struct ipc_listener info,
			     size_t from)
{
	if (doubled(o, &info,
		    from)) /* an interface may have one address twice, under two prefixes */
		return;
	if (!doubled(o, &info, 0) && !find_old(o->old, &info) && probe(o, &info) == -EADDRNOTAVAIL)
		say_interface("address_not_ready", name, &info.bound);
	else
		add(o, info);
}

/* All addresses of an interface, but for link-local IPv6. */
static void add_interface(struct opening *o, const struct listen_spec *spec,
			  struct ipc_listener info)
{
	struct ifaddrs *all = NULL;
	size_t from = o->out->n;

	/* one that comes later (PPPoE) is there when the addresses change */
	if (if_nametoindex(spec->interface) == 0 && o->old == NULL) {
		settings_fault(o->settings, o->faults, o->item, "no such interface",
			       "an address, * or an interface of this machine");
		o->failed = true;
		return;
	}
	if (getifaddrs(&all) < 0) {
		settings_fault(o->settings, o->faults, o->item, strerror(errno),
			       "what this machine can listen on");
		o->failed = true;
		return;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || strcmp(i->ifa_name, spec->interface) != 0 ||
		    addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_in6), &info.bound) < 0 ||
		    (info.bound.family == ADDR_V6 &&
		     addr_class(&info.bound) == ADDR_CLASS_LINKLOCAL))
			continue;
		info.bound.port = spec->port;
		add_of_interface(o, spec->interface, info, from);
	}
	freeifaddrs(all);
	if (o->out->n == from)
		say_interface("no_address", spec->interface, NULL);
}

static void add_spec(struct opening *o, const struct listen_spec *spec, uint16_t zone)
{
	static const uint8_t zeros[16];
	struct ipc_listener info = {.zone = zone, .transport = spec->transport};

	if (spec->interface[0]) {
		add_interface(o, spec, info);
	} else if (spec->both) {
		info.wildcard = 1;
		info.bound = addr_v4(zeros, spec->port);
		add(o, info);
		info.bound = addr_v6(zeros, spec->port);
		add(o, info);
	} else {
		info.wildcard = addr_class(&spec->addr) == ADDR_CLASS_UNSPECIFIED;
		info.bound = spec->addr;
		info.bound.port = spec->port;
		add(o, info);
	}
}

/* ---- addresses that were ours ---- */

static void note_gone(struct listen_set *set, struct listen_gone gone)
{
	for (size_t i = 0; i < set->n_gone; i++) {
		if (set->gone[i].udp != gone.udp || !addr_eq(&set->gone[i].bound, &gone.bound))
			continue;
		if (set->gone[i].until_ms < gone.until_ms)
			set->gone[i].until_ms = gone.until_ms;
		return;
	}
	/* of too many some will have to wait until their ports are free */
	if (set->n_gone < LISTEN_GONE_MAX)
		set->gone[set->n_gone++] = gone;
}

/* What `old` has and `set` has not, and what was gone before. */
static void gather_gone(struct listen_set *set, const struct listen_set *old,
			const struct settings *s)
{
	uint64_t now_ms = loop_clock_us() / 1000;
	uint64_t stays_ms = 64 * (uint64_t)s->transactions.t1_ms +
			    1000 * (uint64_t)s->proxy.timer_c_s + GONE_SPARE_MS;

	for (size_t i = 0; i < old->n_gone; i++) {
		if (old->gone[i].until_ms > now_ms)
			note_gone(set, old->gone[i]);
	}
	for (size_t i = 0; i < old->n; i++) {
		const struct ipc_listener *info = &old->socket[i].info;

		if (info->worker == 0 && !find_old(set, info))
			note_gone(set,
				  (struct listen_gone){.bound = info->bound,
						       .udp = info->transport == SIP_TRANSPORT_UDP,
						       .until_ms = now_ms + stays_ms});
	}
}

int listen_open(struct listen_set *out, const struct settings *settings, unsigned workers,
		const struct listen_set *old, struct conf_faults *faults)
{
	struct listen_set set = {.last_id = old ? old->last_id : 0};
	struct opening o = {.out = &set,
			    .settings = settings,
			    .old = old,
			    .workers = workers,
			    .faults = faults};
	const struct zone_settings *zone = settings->zones.items;

	for (size_t i = 0; i < settings->zones.n; i++) {
		const char *const *text = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			struct listen_spec spec;

			snprintf(o.item, sizeof(o.item), "zones[%zu].listen[%zu]", i, k);
			if (listen_spec_parse(&spec, text[k]) == 0)
				add_spec(&o, &spec, (uint16_t)i);
		}
	}
	if (o.failed) {
		listen_close(&set);
		return MG_EPARSE;
	}
	if (old)
		gather_gone(&set, old, settings);
	*out = set;
	return 0;
}

size_t listen_locals(struct addr **out)
{
	struct ifaddrs *all;
	struct log_line l;
	size_t n = 0, more = 0;

	*out = calloc(IPC_LOCALS_MAX, sizeof(**out));
	if (!*out || getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr a;

		if (!i->ifa_addr ||
		    addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_in6), &a) < 0)
			continue;
		if (n < IPC_LOCALS_MAX)
			(*out)[n++] = a;
		else
			more++;
	}
	freeifaddrs(all);
	if (more) { /* listeners on all addresses would not know these as their own */
		log_begin(&l, LOG_WARNING, "warden", "addresses_left_out");
		log_u64(&l, "number", more);
		log_end(&l);
	}
	return n;
}

void listen_close(struct listen_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		close(set->socket[i].fd);
	free(set->socket);
	*set = (struct listen_set){0};
}

bool listen_same(const struct listen_set *a, const struct listen_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct listen_socket *other = find_old(b, &a->socket[i].info);

		if (!other || other->info.zone != a->socket[i].info.zone)
			return false;
	}
	return true;
}

/* Somebody who answers is another daemon; nobody is what a crash left. Returns 0 when the path is free, or a negative errno. */
static int clear_path(int fd, const struct sockaddr_un *sa)
{
	struct stat st;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(sa->sun_path) < 0 ? -errno : 0;
}

static int bind_path(int fd, const struct sockaddr_un *sa)
{
	int err = clear_path(fd, sa);

	if (err)
		return err;
	mode_t mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 || listen(fd, 16) < 0 ? -errno
											   : 0;
	umask(mask);
	return err;
}

int listen_unix(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = bind_path(fd, &sa);
	if (err)
		close(fd);
	return err ? err : fd;
}

int listen_tcp(const struct addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(addr, &sa);
	int on = 1;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, n) < 0 || listen(fd, 64) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}
