/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_route: a world for tests of this room: listeners, names, transactions and time that the test makes up, hooks that do what it says, and notes of all that is seen
 * from outside. It defines the functions of core/event, core/transport and core/transaction that this room calls, so nothing of these is linked but keeping of
 * messages. What is told is in test_story.h. Included once, in a program's one source file.
 */
#ifndef MG_ROUTER_TEST_ROUTE_H
#define MG_ROUTER_TEST_ROUTE_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "router/route_priv.h"
#include "sip/check.h"

#define CHECK(x)                                             \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "broken: %s\n", #x); \
			abort();                             \
		}                                            \
	} while (0)

/* ---- notes ---- */

#define NOTES_MAX 16384

static char notes_text[NOTES_MAX];
static size_t notes_n;

__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(notes_text + notes_n, NOTES_MAX - notes_n, format, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < NOTES_MAX - notes_n)
		notes_n += (size_t)n;
}

/* What was noted since the last call. Valid until the next note. */
static inline const char *notes(void)
{
	static char out[NOTES_MAX];
	size_t skip = notes_text[0] == ' ';

	memcpy(out, notes_text + skip, NOTES_MAX - skip);
	notes_n = 0;
	notes_text[0] = 0;
	return out;
}

/* ---- time ---- */

struct loop {
	uint64_t now_ms;
	struct wheel wheel;
};

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

struct wheel *loop_wheel(struct loop *loop)
{
	return &loop->wheel;
}

/* ---- the world ---- */

#define SENT_BYTES  71680
#define CLIENTS_MAX 128
#define CONNS_MAX   4
#define NAMES_MAX   8

struct txn_server {
	unsigned status, finals, sent, refs;
	int err; /* what sending says */
	bool invite, silent;
	void *user;
};

struct txn_client {
	unsigned index;
	char branch[TXN_BRANCH_MAX + 1];
	struct sv bytes;
	struct tp_target to;
	const struct txn_client_ops *ops;
	void *user;
	struct txn_server *server; /* that 2xx go back by */
	bool invite, cancelled, provisional, over, kept;
};

struct test_name {
	const char *host;
	const char *hops; /* "10.0.0.1/udp 10.0.0.2:5070/tcp" */
	bool later;       /* the answer comes when the test says so */
	int err;
};

struct tp {
	const char *deaf;                 /* host:port/transport to which nothing can be sent */
	size_t large;                     /* bytes from which streams are tried */
	bool no_stream;                   /* until one failed */
	struct tp_target conn[CONNS_MAX]; /* by number, 1 on; transport 0: gone */
	struct tp_target last_to;
	char last[SENT_BYTES]; /* what was sent last, by whatever means, and a NUL */
	size_t last_n;
};

static struct world {
	struct loop loop;
	struct tp tp;
	struct rnd rnd;
	struct stats *stats;
	struct route *route;
	struct route_env env;
	struct txn_client *client[CLIENTS_MAX]; /* NULL: freed */
	unsigned n_clients, branches;
	const struct test_name *name;
	unsigned n_names;
	struct dns_lookup *lookup[16]; /* pending */
	struct dns_want want;          /* the last one */
	bool no_clients;               /* txn_client_new fails */
	bool no_dns;                   /* dns_resolve fails */
} world;

/* ---- addresses as text ---- */

static inline struct addr address(const char *text)
{
	struct addr a = {0};

	CHECK(addr_parse(sv_str(text), ADDR_PORT, &a) == 0);
	return a;
}

static inline const char *place(const struct addr *a, uint8_t transport)
{
	static char text[2][ADDR_TEXT_MAX + 8];
	static unsigned turn;
	char host[ADDR_TEXT_MAX];
	char *out = text[turn++ % 2];

	addr_write(a, ADDR_HOSTPORT, host);
	snprintf(out, sizeof(text[0]), "%s/%s", host, sip_transport_name(transport));
	return out;
}

/* ---- transport ---- */

struct test_listener {
	uint8_t transport;
	uint16_t zone;
	const char *bound, *advertise;
};

/* Their ids are their places here, from 1 on. */
static const struct test_listener listeners[] = {
	{SIP_TRANSPORT_UDP, 0, "192.0.2.10:5060", NULL},
	{SIP_TRANSPORT_TCP, 0, "192.0.2.10:5060", NULL},
	{SIP_TRANSPORT_TLS, 0, "192.0.2.10:5061", NULL},
	{SIP_TRANSPORT_UDP, 0, "[2001:db8::10]:5060", NULL},
	{SIP_TRANSPORT_TCP, 0, "[2001:db8::10]:5060", NULL},
	{SIP_TRANSPORT_UDP, 1, "198.51.100.10:5070", NULL},
	{SIP_TRANSPORT_TCP, 2, "203.0.113.10:5060", "edge.example.net"},
};
#define LISTENERS (sizeof(listeners) / sizeof(listeners[0]))

static const struct test_listener *listener_of(uint16_t id)
{
	return id >= 1 && id <= LISTENERS ? &listeners[id - 1] : NULL;
}

static uint16_t default_port(uint8_t transport)
{
	return transport == SIP_TRANSPORT_TLS ? 5061 : 5060;
}

int tp_pick(struct tp *tp, uint16_t zone, uint16_t from, struct tp_target *to)
{
	unsigned best = 0;

	(void)tp;
	for (unsigned i = 1; i <= LISTENERS; i++) {
		const struct test_listener *l = &listeners[i - 1];
		bool fits = l->transport == to->transport &&
			    address(l->bound).family == to->addr.family &&
			    (zone == TP_ANY_ZONE || zone == l->zone);
		if (fits && (!best || (l->zone == from && listeners[best - 1].zone != from)))
			best = i;
	}
	if (!best)
		return MG_ENOENT;
	to->listener = (uint16_t)best;
	to->local = address(listeners[best - 1].bound);
	return 0;
}

size_t tp_sentby(struct tp *tp, uint16_t listener, const struct addr *local,
		 char out[TP_SENTBY_MAX])
{
	const struct test_listener *l = listener_of(listener);
	struct addr bound;

	(void)tp, (void)local;
	CHECK(l);
	bound = address(l->bound);
	size_t n = l->advertise ? (size_t)snprintf(out, TP_SENTBY_MAX, "%s", l->advertise)
				: addr_write(&bound, ADDR_URI, out);
	if (bound.port != default_port(l->transport))
		n += (size_t)snprintf(out + n, TP_SENTBY_MAX - n, ":%u", bound.port);
	return n;
}

uint8_t tp_can(const struct tp *tp, bool *v4, bool *v6)
{
	(void)tp;
	*v4 = *v6 = true;
	return 1 << SIP_TRANSPORT_UDP | 1 << SIP_TRANSPORT_TCP | 1 << SIP_TRANSPORT_TLS;
}

uint16_t tp_listener_zone(const struct tp *tp, uint16_t listener)
{
	const struct test_listener *l = listener_of(listener);

	(void)tp;
	return l ? l->zone : TP_ANY_ZONE;
}

bool tp_is_us(struct tp *tp, struct sv host, uint16_t port, enum sip_transport transport)
{
	struct addr a;

	(void)tp;
	for (unsigned i = 0; i < LISTENERS; i++) {
		const struct test_listener *l = &listeners[i];
		struct addr bound = address(l->bound);
		bool same = l->advertise ? sv_ieq(host, sv_str(l->advertise))
					 : addr_parse(host, ADDR_IP, &a) == 0 &&
						   addr_host_eq(&a, &bound);
		if (same && (transport == SIP_TRANSPORT_NONE || transport == l->transport) &&
		    bound.port == (port ? port : default_port(l->transport)))
			return true;
	}
	return false;
}

bool tp_forbidden(struct tp *tp, const struct tp_target *to)
{
	(void)tp;
	return to->addr.family == ADDR_V4 && to->addr.ip[0] == 127;
}

/* Ourselves by a name that is not known for ours. */
bool tp_is_own(struct tp *tp, const struct addr *to, uint8_t transport)
{
	struct addr own = address("192.0.2.10:5060");

	(void)tp;
	return transport == SIP_TRANSPORT_UDP && addr_eq(to, &own);
}

int tp_conn_target(struct tp *tp, tp_conn conn, struct tp_target *out)
{
	if (conn == 0 || conn >= CONNS_MAX || !tp->conn[conn].transport)
		return MG_ENOENT;
	*out = tp->conn[conn];
	out->conn = conn;
	return 0;
}

bool tp_try_stream(struct tp *tp, const struct tp_target *to, size_t n)
{
	CHECK(to->transport == SIP_TRANSPORT_UDP && !to->fixed);
	return tp->large && n >= tp->large && !tp->no_stream;
}

void tp_reply_target(struct tp *tp, const struct tp_flow *flow, const struct sip_via *via,
		     struct tp_target *out)
{
	(void)tp, (void)via;
	*out = (struct tp_target){.addr = flow->peer,
				  .local = flow->local,
				  .conn = flow->conn,
				  .listener = flow->listener,
				  .transport = flow->transport};
}

static inline void saw(const struct tp_target *to, struct sv bytes)
{
	struct tp *tp = &world.tp;

	CHECK(bytes.n < SENT_BYTES);
	tp->last_n = bytes.n;
	memcpy(tp->last, bytes.p, bytes.n);
	tp->last[bytes.n] = 0;
	if (to)
		tp->last_to = *to;
}

static inline bool is_deaf(const struct tp_target *to)
{
	return world.tp.deaf && strcmp(world.tp.deaf, place(&to->addr, to->transport)) == 0;
}

int tp_send(struct tp *tp, const struct tp_target *to, struct sv bytes, struct tp_ticket *ticket)
{
	(void)tp;
	CHECK(!ticket);
	if (is_deaf(to)) {
		note(" deaf:%s", place(&to->addr, to->transport));
		return -ECONNREFUSED;
	}
	saw(to, bytes);
	note(" %.*s>%s", (int)sv_find(bytes, ' '), bytes.p, place(&to->addr, to->transport));
	return 0;
}

/* ---- names ---- */

static void read_hops(struct dns_lookup *lookup, const struct test_name *name)
{
	char text[256], *save = NULL;

	snprintf(text, sizeof(text), "%s", name->hops ? name->hops : "");
	for (char *hop = strtok_r(text, " ", &save); hop; hop = strtok_r(NULL, " ", &save)) {
		char *slash = strchr(hop, '/');
		CHECK(slash);
		*slash = 0;
		lookup->hop[lookup->n++] = (struct dns_hop){
			.addr = address(hop),
			.transport = (uint8_t)sip_transport_find(sv_str(slash + 1))};
	}
	lookup->err = lookup->n ? 0 : name->err ? name->err : MG_ENOENT;
}

static const struct test_name *name_find(struct sv host)
{
	for (unsigned i = 0; i < world.n_names; i++) {
		if (sv_ieq(host, sv_str(world.name[i].host)))
			return &world.name[i];
	}
	return NULL;
}

int dns_resolve(struct dns *dns, struct dns_lookup *lookup, const struct dns_want *want)
{
	const struct test_name *name = name_find(want->host);
	struct addr a;

	(void)dns;
	CHECK(lookup->n == 0 && lookup->done && lookup->user);
	world.want = *want;
	if (world.no_dns)
		return MG_ELIMIT;
	if (addr_parse(want->host, ADDR_IP, &a) == 0) {
		uint8_t t = want->sips                              ? SIP_TRANSPORT_TLS
			    : want->transport == SIP_TRANSPORT_NONE ? SIP_TRANSPORT_UDP
								    : want->transport;
		a.port = want->port ? want->port : default_port(t);
		lookup->hop[lookup->n++] = (struct dns_hop){.addr = a, .transport = t};
		return 1;
	}
	if (name && name->later) {
		for (unsigned i = 0; i < 16; i++)
			if (!world.lookup[i]) {
				world.lookup[i] = lookup;
				lookup->work = (void *)name;
				return 0;
			}
		return MG_ELIMIT;
	}
	if (name)
		read_hops(lookup, name);
	else
		lookup->err = MG_ENOENT;
	return 1;
}

void dns_cancel(struct dns *dns, struct dns_lookup *lookup)
{
	(void)dns;
	for (unsigned i = 0; i < 16; i++)
		if (world.lookup[i] == lookup)
			world.lookup[i] = NULL;
}

/* The n-th pending look-up is answered. */
static inline void dns_answer(unsigned n)
{
	struct dns_lookup *lookup = world.lookup[n % 16];

	if (!lookup)
		return;
	world.lookup[n % 16] = NULL;
	read_hops(lookup, lookup->work);
	lookup->done(lookup);
}

void dns_target_failed(struct dns_shared *shared, const struct addr *addr, uint8_t transport,
		       uint64_t now_ms, uint32_t retry_ms)
{
	(void)shared, (void)now_ms;
	note(" bad:%s", place(addr, transport));
	if (retry_ms)
		note("+%u", retry_ms);
}

void dns_target_good(struct dns_shared *shared, const struct addr *addr, uint8_t transport)
{
	(void)shared, (void)addr, (void)transport;
}

/* ---- transactions: servers ---- */

int txn_server_reply(struct txn_server *server, unsigned status, struct sv bytes)
{
	CHECK(server->refs > 0);
	if (server->status >= 200 || server->silent)
		return MG_EINVAL;
	if (!server->invite && status == 408) {
		server->silent = true;
		note(" silence");
		return 0;
	}
	server->status = status;
	server->sent++;
	server->finals += status >= 200;
	saw(NULL, bytes);
	char line[32];
	snprintf(line, sizeof(line), "SIP/2.0 %u ", status);
	CHECK(sv_starts(bytes, sv_str(line)));
	note(" reply:%u", status);
	return server->err;
}

int txn_server_send(struct txn_server *server, struct sv bytes)
{
	saw(NULL, bytes);
	note(" resend:%.3s", bytes.p + 8);
	return server->err;
}

unsigned txn_server_status(const struct txn_server *server)
{
	return server->status;
}

void txn_server_set_user(struct txn_server *server, void *user)
{
	server->user = user;
}

void txn_server_unref(struct txn_server *server)
{
	CHECK(server->refs > 0);
	if (--server->refs == 0 && server->finals == 0 && !server->silent)
		note(" abandoned");
}

/* ---- transactions: clients ---- */

int txn_branch(struct txn_table *table, uint64_t loop, char out[TXN_BRANCH_MAX])
{
	char text[TXN_BRANCH_MAX + 1];

	(void)table;
	int n = snprintf(text, sizeof(text), "z9hG4bKw%016llx%u", (unsigned long long)loop,
			 world.branches++);
	memcpy(out, text, (size_t)n);
	return n;
}

bool txn_branch_read(struct sv branch, unsigned *worker, uint64_t *loop)
{
	char hex[17] = {0};

	if (!sv_starts(branch, SV("z9hG4bKw")) || branch.n < 24)
		return false;
	memcpy(hex, branch.p + 8, 16);
	*worker = 0;
	*loop = strtoull(hex, NULL, 16);
	return true;
}

struct txn_client *txn_client_new(struct txn_table *table, const struct sip_via *via,
				  enum sip_method method, const struct tp_target *to,
				  struct sv bytes, const struct txn_client_ops *ops, void *user)
{
	(void)table;
	if (world.no_clients || world.n_clients == CLIENTS_MAX)
		return NULL;
	struct txn_client *c = calloc(1, sizeof(*c));
	char *copy = c ? malloc(bytes.n) : NULL;
	if (!copy) {
		free(c);
		return NULL;
	}
	CHECK(via->branch.n <= TXN_BRANCH_MAX && via->host.n > 0);
	memcpy(c->branch, via->branch.p, via->branch.n);
	memcpy(copy, bytes.p, bytes.n);
	c->bytes = sv_of(copy, bytes.n);
	c->to = *to;
	c->ops = ops;
	c->user = user;
	c->invite = method == SIP_METHOD_INVITE;
	c->index = world.n_clients;
	world.client[world.n_clients++] = c;
	saw(to, bytes);
	note(" %.*s>%s%s", (int)sv_find(bytes, ' '), bytes.p, place(&to->addr, to->transport),
	     to->quick ? "!" : "");
	return c;
}

static void client_free(struct txn_client *c)
{
	world.client[c->index] = NULL;
	free((void *)c->bytes.p);
	free(c);
}

void *txn_client_user(const struct txn_client *client)
{
	CHECK(client->ops);
	return client->user;
}

void txn_client_cancel(struct txn_client *client, struct sv reason)
{
	if (client->cancelled || !client->invite || client->over)
		return;
	client->cancelled = true;
	note(" x%u", client->index);
	if (reason.n)
		note("(%.*s)", SV_ARG(reason));
}

bool txn_client_cancelled(const struct txn_client *client)
{
	return client->cancelled;
}

void txn_client_release(struct txn_client *client)
{
	CHECK(client->ops);
	txn_client_cancel(client, SV(""));
	client->ops = NULL;
	client->user = NULL;
	if (client->over)
		client_free(client);
}

void txn_client_keep_2xx(struct txn_client *client, struct txn_server *server,
			 struct sip_msg *response, struct sv bytes)
{
	CHECK(server);
	client->server = server;
	client->kept |= response && bytes.n;
}

#endif
