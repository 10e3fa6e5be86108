/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * listen: opening the sockets of listeners. Options that the transports need for themselves (IP_PKTINFO and the like) are set by them.
 */
#include "daemon/listen.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "sip/uri.h"

#define BACKLOG 4096
#define SOCKETS_MAX (TP_LISTENERS_MAX * TP_WORKERS_MAX)

struct opening {
	struct listen_set *out;
	const struct settings *settings;
	const struct listen_set *old;
	unsigned workers;
	struct conf_faults *faults;
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

static int open_socket(const struct ipc_listener *info, const struct settings *s)
{
	bool udp = info->transport == SIP_TRANSPORT_UDP;
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(&info->bound, &sa);
	int on = 1;
	int fd = socket(sa.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
		  (udp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) &&
		  (sa.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0);
	if (udp)
		set_buffers(fd, (int)s->transport.socket_buffer_bytes, &info->bound, info->worker == 0);
	if (!ok || bind(fd, (struct sockaddr *)&sa, n) < 0 || (!udp && listen(fd, BACKLOG) < 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static const struct listen_socket *find_old(const struct listen_set *old, const struct ipc_listener *info)
{
	for (size_t i = 0; old && i < old->n; i++) {
		const struct ipc_listener *o = &old->socket[i].info;

		if (o->transport == info->transport && o->worker == info->worker && addr_eq(&o->bound, &info->bound))
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
	uint16_t id = 1;

	while (id_taken(o->out, id) || id_taken(o->old, id))
		id++;
	return id;
}

static bool doubled(struct opening *o, const struct ipc_listener *info)
{
	for (size_t i = 0; i < o->out->n; i++) {
		const struct ipc_listener *have = &o->out->socket[i].info;

		if (have->transport == info->transport && have->worker == 0 && addr_eq(&have->bound, &info->bound))
			return true;
	}
	return false;
}

static void fault(struct opening *o, const struct ipc_listener *info, const char *why)
{
	char text[ADDR_TEXT_MAX];

	addr_write(&info->bound, ADDR_HOSTPORT, text);
	conf_faults_add(o->faults, "listener %s:%s: %s", sip_transport_name(info->transport), text, why);
	o->failed = true;
}

static void add(struct opening *o, struct ipc_listener info)
{
	if (doubled(o, &info)) {
		fault(o, &info, "stands there twice");
		return;
	}
	const struct listen_socket *same = find_old(o->old, &info);
	info.id = same ? same->info.id : new_id(o);
	for (unsigned w = 0; w < o->workers; w++) {
		info.worker = (uint16_t)w;
		same = find_old(o->old, &info);
		int fd = same ? dup(same->fd) : open_socket(&info, o->settings);
		struct listen_socket *more = fd < 0 || o->out->n == SOCKETS_MAX ? NULL :
			realloc(o->out->socket, (o->out->n + 1) * sizeof(*more));

		if (!more) {
			fault(o, &info, fd < 0 ? strerror(same ? errno : -fd) : "too many listeners");
			if (fd >= 0)
				close(fd);
			return;
		}
		o->out->socket = more;
		o->out->socket[o->out->n++] = (struct listen_socket){.info = info, .fd = fd};
	}
}

/* All addresses of an interface, but for link-local IPv6. */
static void add_interface(struct opening *o, const struct listen_spec *spec, struct ipc_listener info)
{
	struct ifaddrs *all = NULL;
	bool known = if_nametoindex(spec->interface) != 0, any = false;

	if (!known || getifaddrs(&all) < 0) {
		conf_faults_add(o->faults, "listener on %s: no such interface", spec->interface);
		o->failed = true;
		return;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct addr a;

		if (!i->ifa_addr || strcmp(i->ifa_name, spec->interface) != 0 ||
		    addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_in6), &a) < 0 ||
		    (a.family == ADDR_V6 && addr_class(&a) == ADDR_CLASS_LINKLOCAL))
			continue;
		info.bound = a;
		info.bound.port = spec->port;
		add(o, info);
		any = true;
	}
	freeifaddrs(all);
	if (!any) {
		struct log_line l;

		log_begin(&l, LOG_WARNING, "warden", "no_address");
		log_str(&l, "interface", spec->interface);
		log_end(&l);
	}
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

int listen_open(struct listen_set *out, const struct settings *settings, unsigned workers,
		const struct listen_set *old, struct conf_faults *faults)
{
	struct listen_set set = {0};
	struct opening o = {.out = &set, .settings = settings, .old = old, .workers = workers, .faults = faults};
	const struct zone_settings *zone = settings->zones.items;

	for (size_t i = 0; i < settings->zones.n; i++) {
		const char *const *text = zone[i].listen.items;

		for (size_t k = 0; k < zone[i].listen.n; k++) {
			struct listen_spec spec;

			if (listen_spec_parse(&spec, text[k]) == 0)
				add_spec(&o, &spec, (uint16_t)i);
		}
	}
	if (o.failed) {
		listen_close(&set);
		return MG_EPARSE;
	}
	*out = set;
	return 0;
}

#define LOCALS_MAX 256

size_t listen_locals(struct addr **out)
{
	struct ifaddrs *all;
	size_t n = 0;

	*out = calloc(LOCALS_MAX, sizeof(**out));
	if (!*out || getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *i = all; i && n < LOCALS_MAX; i = i->ifa_next) {
		if (i->ifa_addr && addr_from_sockaddr(i->ifa_addr, sizeof(struct sockaddr_in6), &(*out)[n]) == 0)
			n++;
	}
	freeifaddrs(all);
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

int listen_unix(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(sa.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	/* Somebody who answers is another daemon; nobody is what a crash left. */
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
		close(fd);
		return -EADDRINUSE;
	}
	(void)unlink(path);
	mode_t mask = umask(0177);
	int err = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 16) < 0 ? -errno : 0;
	umask(mask);
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
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 || bind(fd, (struct sockaddr *)&sa, n) < 0 ||
	    listen(fd, 64) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}
