/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dns_channel: c-ares' sockets as watches of the loop, its timeouts as one timer of the wheel.
 */
#include "transport/dns_channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <stdlib.h>

enum {
	SOCKETS =
		32, /* c-ares has one for datagrams and one stream for each of at most 8 servers */
	RCODE_FORMERR = 1,
	HOME_MS = 60000, /* the first server is tried again after that */
};

struct socket_watch {
	struct loop_watch watch;
	struct dns_channel *channel;
	bool used;
};

struct dns_channel {
	struct loop *loop;
	struct rnd *rnd;
	ares_channel ares;
	void (*settled)(void *arg);
	void *arg;
	struct wheel_timer
		timer; /* set while anything is under way, to the earliest timeout or before */
	uint64_t due_ms;
	uint32_t timeout_ms;
	struct addr server[8];
	unsigned n_servers;
	unsigned
		first; /* the one that is asked first; 0 but for a while after that one was silent */
	uint64_t home_ms; /* until then */
	bool silent;      /* the first one was; to be changed when nothing is under way */
	bool edns;        /* servers understand it, as far as we know */
	unsigned under_way;
	struct socket_watch socket[SOCKETS];
};

/* ---- time ---- */

static void set_timer(struct dns_channel *ch, uint64_t due_ms)
{
	if (wheel_is_set(&ch->timer) && ch->due_ms <= due_ms)
		return;
	ch->due_ms = due_ms;
	wheel_add(loop_wheel(ch->loop), &ch->timer, due_ms);
}

static void on_timer(struct wheel_timer *timer, uint64_t now_ms)
{
	struct dns_channel *ch = container_of(timer, struct dns_channel, timer);
	struct timeval left;

	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (ares_timeout(ch->ares, NULL, &left))
		set_timer(ch, now_ms + (uint64_t)left.tv_sec * 1000 +
				      (uint64_t)left.tv_usec / 1000 + 1);
	ch->settled(ch->arg);
}

/* ---- sockets ---- */

static void on_socket(struct loop_watch *watch, unsigned events)
{
	struct dns_channel *ch = container_of(watch, struct socket_watch, watch)->channel;
	ares_socket_t fd = watch->fd;

	ares_process_fd(ch->ares, events & LOOP_READ ? fd : ARES_SOCKET_BAD,
			events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	ch->settled(ch->arg);
}

/* The watch of a descriptor, or a free one; NULL when there is neither. */
static struct socket_watch *watch_of(struct dns_channel *ch, int fd)
{
	struct socket_watch *unused = NULL;

	for (unsigned i = 0; i < SOCKETS; i++) {
		struct socket_watch *s = &ch->socket[i];

		if (s->used && s->watch.fd == fd)
			return s;
		if (!s->used)
			unused = s;
	}
	return unused;
}

/* c-ares wants to hear other events of a descriptor, or none any more: then it closes it. A watch that cannot be had shows as a
 * timeout of the questions that wait for it.
 */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *ch = arg;
	struct socket_watch *s = watch_of(ch, fd);
	unsigned events = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);

	if (!s)
		return;
	if (!events) {
		loop_unwatch(&s->watch);
		s->used = false;
	} else if (s->used) {
		(void)!loop_watch_set(&s->watch, events);
	} else {
		s->used = loop_watch(ch->loop, &s->watch, fd, events, on_socket, "transport dns") ==
			  0;
	}
}

/* ---- servers ---- */

/* Tell c-ares the servers, beginning with `first`. Only while nothing is under way. */
static bool set_servers(struct dns_channel *ch)
{
	struct ares_addr_port_node list[8] = {0};

	for (unsigned i = 0; i < ch->n_servers; i++) {
		const struct addr *a = &ch->server[(ch->first + i) % ch->n_servers];

		list[i].family = a->family == ADDR_V4 ? AF_INET : AF_INET6;
		memcpy(&list[i].addr, a->ip, a->family == ADDR_V4 ? 4 : 16);
		list[i].udp_port = list[i].tcp_port = a->port;
		list[i].next = i + 1 < ch->n_servers ? &list[i + 1] : NULL;
	}
	return ares_set_servers_ports(ch->ares, ch->n_servers ? list : NULL) == ARES_SUCCESS;
}

/* c-ares 1.18 asks in the same order each time, also when the first server is dead: every question then waits a timeout. After a
 * timeout the next one comes first, for a minute. Should c-ares not take the new order, it keeps the old one, or none: then
 * questions fail until the next change.
 */
static void choose_first(struct dns_channel *ch)
{
	uint64_t now_ms = loop_now_ms(ch->loop);
	bool home = ch->first != 0 && now_ms >= ch->home_ms;

	if (ch->under_way || ch->n_servers < 2 || (!ch->silent && !home))
		return;
	ch->first = ch->silent ? (ch->first + 1) % ch->n_servers : 0;
	ch->home_ms = now_ms + HOME_MS;
	ch->silent = false;
	(void)set_servers(ch);
}

/* ---- questions ---- */

static void on_answer(void *arg, int status, int timeouts, unsigned char *packet, int n);

static int send_question(struct dns_channel *ch, struct dns_ask *ask)
{
	uint8_t question[DNS_QUESTION_MAX];
	uint16_t id;
	int err = rand_bytes(ch->rnd, &id, sizeof(id));

	if (err)
		return err;
	ask->edns = ch->edns;
	size_t n = dns_question_write(question, id, ask->name, ask->type, ask->edns);
	ch->under_way++;
	ares_send(ch->ares, question, (int)n, on_answer, ask);
	return 0;
}

/* FORMERR to a question with EDNS: c-ares 1.18 has asked once more without when the first one met it, and no longer does. */
static bool ask_without_edns(struct dns_ask *ask, struct sv packet)
{
	if (!ask->edns || packet.n < 4 || (packet.p[3] & 15) != RCODE_FORMERR)
		return false;
	ask->channel->edns = false;
	return send_question(ask->channel, ask) == 0;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *packet, int n)
{
	struct dns_ask *ask = arg;
	struct sv view = sv_of((const char *)packet, packet && n > 0 ? (size_t)n : 0);

	ask->channel->under_way--;
	ask->channel->silent |= timeouts > 0;
	if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
		ask->answered(ask, -ECANCELED, SV(""));
	else if (status != ARES_SUCCESS || view.n == 0)
		ask->answered(ask, -ETIMEDOUT, SV(""));
	else if (!ask_without_edns(ask, view))
		ask->answered(ask, 0, view);
}

int dns_channel_ask(struct dns_channel *channel, struct dns_ask *ask)
{
	ask->channel = channel;
	if (!channel->n_servers) { /* c-ares 1.18 would leak the question */
		ask->answered(ask, -ETIMEDOUT, SV(""));
		return 0;
	}
	choose_first(channel);
	int err = send_question(channel, ask);
	if (!err)
		set_timer(channel, loop_now_ms(channel->loop) + channel->timeout_ms);
	return err;
}

/* ---- the whole ---- */

/* Every option that c-ares would look up in a file or the environment is given. */
static bool init_ares(struct dns_channel *ch, const struct dns_conf *conf)
{
	struct in_addr placeholder = {htonl(INADDR_LOOPBACK)};
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)conf->timeout_ms,
		.tries = (int)conf->tries,
		.ndots = 1,
		.servers = &placeholder,
		.nservers = 1,
		.lookups = (char[]){"b"}, /* the servers only, no hosts file */
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = ch,
		.ednspsz = DNS_EDNS_BYTES,
	};

	if (ares_init_options(&ch->ares, &o,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				      ARES_OPT_NDOTS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
				      ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
				      ARES_OPT_SORTLIST | ARES_OPT_EDNSPSZ | ARES_OPT_NOROTATE) !=
	    ARES_SUCCESS)
		return false;
	if (set_servers(ch))
		return true;
	ares_destroy(ch->ares);
	return false;
}

struct dns_channel *dns_channel_new(struct loop *loop, const struct dns_conf *conf, struct rnd *rnd,
				    void (*settled)(void *arg), void *arg)
{
	struct dns_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	*ch = (struct dns_channel){.loop = loop,
				   .rnd = rnd,
				   .settled = settled,
				   .arg = arg,
				   .timeout_ms = conf->timeout_ms,
				   .n_servers = conf->n_nameservers,
				   .edns = true};
	_Static_assert(sizeof(ch->server) == sizeof(conf->nameservers), "a place for each");
	memcpy(ch->server, conf->nameservers, sizeof(ch->server));
	for (unsigned i = 0; i < SOCKETS; i++)
		ch->socket[i].channel = ch;
	wheel_timer_init(&ch->timer, on_timer);
	if (!init_ares(ch, conf)) {
		free(ch);
		return NULL;
	}
	return ch;
}

void dns_channel_free(struct dns_channel *channel)
{
	if (!channel)
		return;
	ares_destroy(channel->ares);
	for (unsigned i = 0; i < SOCKETS; i++)
		loop_unwatch(&channel->socket[i].watch);
	wheel_del(loop_wheel(channel->loop), &channel->timer);
	free(channel);
}
