/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pick: by which listener a request leaves: that whose address the kernel would use as source towards the target. The kernel
 * is asked by connecting a datagram socket, which sends nothing; what it said is remembered for some seconds. Called by
 * whoever sends a request.
 */
#include <stdlib.h>
#include <unistd.h>

#include "transport/tp_priv.h"

enum { REMEMBERED = 256, REMEMBER_MS = 5000 };

struct answer {
	struct addr to, from; /* without ports; to.family ADDR_NONE: nothing */
	int err;
	uint64_t until_ms;
};

struct asker {
	int fd4, fd6;
	struct siphash_key secret; /* peers choose what is asked for */
	struct answer answer[REMEMBERED];
};

/* ---- asking the kernel ---- */

struct asker *asker_new(void)
{
	struct asker *asker = calloc(1, sizeof(*asker));

	if (!asker)
		return NULL;
	/* without IPv6 the second is none, and so says each question for it */
	asker->fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	asker->fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (rand_system(&asker->secret, sizeof(asker->secret)) == 0)
		return asker;
	asker_free(asker);
	return NULL;
}

void asker_free(struct asker *asker)
{
	if (!asker)
		return;
	if (asker->fd4 >= 0)
		close(asker->fd4);
	if (asker->fd6 >= 0)
		close(asker->fd6);
	free(asker);
}

void asker_forget(struct asker *asker)
{
	memset(asker->answer, 0, sizeof(asker->answer));
}

/* Connect, look, and let go: a socket that stays connected would keep its first source address. */
static int ask(int fd, const struct addr *to, struct addr *from)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_storage ss;
	struct addr port = *to;
	socklen_t n;
	int err = 0;

	if (fd < 0)
		return -EAFNOSUPPORT;
	port.port = 5060;
	n = addr_to_sockaddr(&port, &ss);
	if (connect(fd, (struct sockaddr *)&ss, n) != 0)
		return -errno;
	n = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    addr_from_sockaddr((struct sockaddr *)&ss, n, from) != 0)
		err = -EADDRNOTAVAIL;
	from->port = 0;
	(void)connect(fd, &none, sizeof(none));
	return err;
}

int tp_source_address(struct tp *tp, const struct addr *to, struct addr *from)
{
	struct asker *asker = tp->asker;
	struct sv key = addr_host_key(to);
	struct answer *a = &asker->answer[siphash_13(&asker->secret, key.p, key.n) % REMEMBERED];
	uint64_t now = loop_now_ms(tp->env.loop);

	if (!addr_host_eq(&a->to, to) || now >= a->until_ms) {
		a->to = *to;
		a->from = (struct addr){0};
		a->err = ask(to->family == ADDR_V6 ? asker->fd6 : asker->fd4, to, &a->from);
		a->until_ms = now + REMEMBER_MS;
	}
	if (a->err)
		return a->err;
	*from = a->from;
	return 0;
}

/* ---- the listener ---- */

/* Whether two addresses of a family begin alike: of one network, as far as can be told from here. A virtual address is never
 * the kernel's choice, but mostly a neighbour of it. */
static bool near(const struct addr *a, const struct addr *b)
{
	struct addr x = addr_net(a, 24, 64), y = addr_net(b, 24, 64);

	return addr_host_eq(&x, &y);
}

/* How well a listener fits a target that the kernel would reach from `from` (ADDR_NONE: not at all). Whether its zone is the
 * one preferred counts more than how exactly it fits, but less than whether it fits. */
static unsigned fits(const struct tp_listener *l, const struct addr *from, bool preferred)
{
	unsigned how;

	if (!l->wildcard && addr_host_eq(&l->bound, from))
		how = 3;
	else if (l->wildcard)
		how = 2;
	else if (from->family && near(&l->bound, from))
		how = 1;
	else
		return preferred ? 2 : 1;
	return (preferred ? 6 : 3) + how;
}

/* A dialog that came by a listener that is gone, of a zone without another one, still ends by it. */
static const struct tp_listener *choose_gone(const struct tp *tp, uint16_t zone,
					     const struct tp_target *to)
{
	for (unsigned i = 0; i < tp->n_gone; i++) {
		const struct tp_listener *l = &tp->gone[i].listener;
		if (l->transport == to->transport && l->bound.family == to->addr.family &&
		    (zone == TP_ANY_ZONE || l->zone == zone))
			return l;
	}
	return NULL;
}

static const struct tp_listener *choose(const struct tp_config *config, uint16_t zone,
					uint16_t from_zone, const struct tp_target *to,
					const struct addr *from)
{
	const struct tp_listener *best = NULL;
	unsigned best_fits = 0;

	for (unsigned i = 0; i < config->n_listeners; i++) {
		const struct tp_listener *l = config->listeners[i];
		if (l->transport != to->transport || l->bound.family != to->addr.family ||
		    (zone != TP_ANY_ZONE && l->zone != zone))
			continue;
		unsigned f = fits(l, from, l->zone == from_zone);
		if (f > best_fits) {
			best = l;
			best_fits = f;
		}
	}
	return best;
}

int tp_pick(struct tp *tp, uint16_t zone, uint16_t from, struct tp_target *to)
{
	struct addr source = {0};
	int err = tp_source_address(tp, &to->addr, &source);
	const struct tp_listener *l =
		tp->config ? choose(tp->config, zone, from, to, &source) : NULL;

	if (!l)
		l = choose_gone(tp, zone, to);
	if (!l)
		return MG_ENOENT;
	if (!l->wildcard) {
		to->local = l->bound;
	} else if (err) {
		return err;
	} else {
		/* from an address of the loopback or link-local networks only who listens there itself (T-13) */
		to->local = addr_forbidden_target(&source, 0) ? (struct addr){0} : source;
		to->local.port = to->local.family ? l->bound.port : 0;
	}
	to->listener = l->id;
	return 0;
}
