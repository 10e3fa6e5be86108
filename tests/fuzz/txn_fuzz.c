/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * txn: a story of requests, responses, replies, cancellations, broken connections, lost datagrams and passing time, told to the transactions of one worker (P-11). Each step
 * is a byte that says what happens and some that say to whom; the TU does things from within its callbacks too.
 *
 * Holds after each step: gauges are what is there; whatever must end by itself has a timer, and nothing else in the wheel; a client transaction brings the TU one end at
 * most, nothing behind it but further 2xx, and nothing after letting go; a server transaction takes one final response, and an INVITE's further 2xx; what arrives makes
 * us send two messages at most. In the end, when the TU has let go and 64*T1 have passed, nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "transaction/test_txn.h"

#define STEPS    200
#define SLOTS    6
#define NEVER_MS 400000 /* longer than anything may last without the TU */

#define CHECK(x)                                             \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "broken: %s\n", #x); \
			abort();                             \
		}                                            \
	} while (0)

/* ---- choices ---- */

static const uint8_t *at, *end;

static unsigned choose(unsigned n)
{
	return at < end ? *at++ % n : 0;
}

/* ---- the TU ---- */

struct tu_server {
	struct txn_server *server;
	struct arrived request;
	bool answered;
};

struct tu_client {
	struct txn_client *client; /* NULL: let go */
	char branch[TXN_BRANCH_MAX + 1];
	const char *method;
	bool over, accepted, invite;
	unsigned server; /* slot that 2xx go back by */
};

static struct tu_server servers[SLOTS];
static struct tu_client clients[SLOTS];
/* What callbacks do. */
enum habit {
	DROPS_CLIENT = 1,
	CANCELS = 2,
	SENDS_REPLY = 4,
	DROPS_SERVER = 8,
	SENDS_REQUEST = 16,
	KEEPS_2XX = 32,
	NAMES_SERVER = 64,
	HABITS = 128
};
static unsigned habit;
static unsigned depth;

static const char *const methods[] = {"INVITE", "OPTIONS", "BYE", "NEWS"};
static const unsigned statuses[] = {100, 180, 200, 202, 302, 404, 408, 487, 503, 600, 199, 299};
static const char *const tags[] = {"b", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", ""};

static void server_reply(struct tu_server *s, unsigned status)
{
	bool invite = s->server && txn_server_is_invite(s->server);

	if (!s->server)
		return;
	int err = reply(s->server, status);
	if (status < 200)
		CHECK(err != MG_EINVAL || s->answered);
	else if (!s->answered)
		CHECK(err != MG_EINVAL);
	else if (!invite || status >= 300)
		CHECK(err == MG_EINVAL);
	s->answered |= status >= 200;
}

static void server_drop(struct tu_server *s)
{
	if (s->server)
		txn_server_unref(s->server);
	s->server = NULL;
}

static void client_drop(struct tu_client *c)
{
	struct txn_client *client = c->client;

	c->client = NULL;
	if (client)
		txn_client_release(client);
}

static void client_ask(struct tu_client *c);

/* What the TU does while it is called. */
static void habits(struct tu_client *c)
{
	if (depth > 2)
		return;
	depth++;
	if (habit & DROPS_CLIENT)
		client_drop(c);
	if (habit & CANCELS && c->client)
		txn_client_cancel(c->client, habit & DROPS_CLIENT ? SV("x") : SV(""));
	if (habit & SENDS_REPLY)
		server_reply(&servers[c->server], 200);
	if (habit & DROPS_SERVER)
		server_drop(&servers[c->server]);
	if (habit & SENDS_REQUEST)
		client_ask(&clients[(c->server + 1) % SLOTS]);
	depth--;
}

static void keep(struct txn_client *client, struct txn_server *server, struct sip_msg *msg)
{
	if (server && habit & KEEPS_2XX)
		txn_client_keep_2xx(client, server, msg, SV("SIP/2.0 200 kept\r\n\r\n"));
}

static void fuzz_response(struct txn_client *client, struct tp_rx *rx)
{
	struct tu_client *c = txn_client_user(client);

	CHECK(c->client == client && !c->over);
	unsigned status = rx->msg->status;
	CHECK(c->accepted ? status / 100 == 2 : txn_client_target(client) != NULL);
	c->accepted |= status / 100 == 2 && c->invite;
	c->over = status >= 200 && !c->accepted;
	if (status / 100 == 2)
		keep(client, servers[c->server].server, rx->msg);
	habits(c);
}

static void fuzz_failed(struct txn_client *client, int err)
{
	struct tu_client *c = txn_client_user(client);

	CHECK(c->client == client && !c->over && !c->accepted && err < 0);
	c->over = true;
	habits(c);
}

static const struct txn_client_ops fuzz_ops = {.response = fuzz_response, .failed = fuzz_failed};

static void client_ask(struct tu_client *c)
{
	struct tp_target to = {.transport = choose(3) ? SIP_TRANSPORT_UDP : SIP_TRANSPORT_TCP};
	char bytes[1024];

	if (c->client)
		return;
	int n = txn_branch(world.table, 7, c->branch);
	CHECK(n > 0);
	c->branch[n] = 0;
	c->method = methods[choose(4)];
	c->invite = c->method == methods[0];
	c->over = c->accepted = false;
	c->server = choose(SLOTS);
	struct say s = {.method = c->method, .branch = c->branch};
	CHECK(addr_parse(SV("203.0.113.7:5060"), ADDR_PORT, &to.addr) == 0);
	size_t len = say_write(&s, bytes, sizeof(bytes));
	struct sip_via via = {.branch = sv_str(c->branch), .host = SV("192.0.2.1"), .port = 5060};
	c->client = txn_client_new(world.table, &via, sip_method_find(sv_str(c->method)), &to,
				   sv_of(bytes, len), &fuzz_ops, c);
	if (c->client && c->invite && habit & NAMES_SERVER && servers[c->server].server)
		txn_client_keep_2xx(c->client, servers[c->server].server, NULL, SV(""));
}

static void write_100(void *arg, struct txn_server *server, struct sip_out *out)
{
	CHECK(((struct tu_server *)arg)->server == server);
	sip_out_copy(out, SV("SIP/2.0 100 Trying\r\n\r\n"));
}

static void on_cancel(struct txn_server *server)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (server && servers[i].server == server && !servers[i].answered)
			server_reply(&servers[i], 487);
}

/* ---- steps ---- */

static void take_request(struct tu_server *s, struct arrived *a)
{
	struct txn_server *server;
	unsigned before = world.tp.n;

	switch (txn_request(world.table, &a->rx, &server)) {
	case TXN_NEW:
		CHECK(!server && world.tp.n == before);
		if (a->msg.method == SIP_METHOD_ACK) {
			txn_ack_passes(world.table, &a->msg);
			return;
		}
		break;
	case TXN_ABSORBED: CHECK(!server); return;
	case TXN_CANCEL:
		CHECK(a->msg.method == SIP_METHOD_CANCEL);
		CHECK(!server || addr_host_eq(&txn_server_flow(server)->peer, &a->rx.flow.peer));
		on_cancel(server);
		break;
	}
	if (s->server || a != &s->request)
		return;
	s->answered = false;
	s->server = txn_server_new(world.table, &a->kept, choose(4) == 0);
	if (s->server && choose(2))
		txn_server_100(s->server, write_100, s);
}

static void step_request(void)
{
	static const char *const branches[] = {"z9hG4bK1", "z9hG4bK2", "z9hG4bK3", "", "old"};
	static const char *const requests[] = {"INVITE", "INVITE", "ACK", "CANCEL", "OPTIONS"};
	static const char *const peers[] = {"192.0.2.1:5060", "192.0.2.1:9", "192.0.2.2:5060"};
	struct tu_server *s = &servers[choose(SLOTS)];
	struct say say = {.method = requests[choose(5)],
			  .branch = branches[choose(5)],
			  .cseq = 1 + choose(2),
			  .to_tag = tags[10 - choose(4) * 3],
			  .peer = peers[choose(3)]};

	if (choose(4) == 0) {
		say.transport = SIP_TRANSPORT_TCP;
		say.conn = 5;
	}
	if (s->server) { /* its request must stay */
		take_request(s, arrive(&say));
		return;
	}
	arrive_at(&s->request, &say);
	take_request(s, &s->request);
}

static void step_response(void)
{
	struct tu_client *c = &clients[choose(SLOTS)];
	struct say say = {.branch = *c->branch ? c->branch : NULL,
			  .status = statuses[choose(12)],
			  .method = choose(4) ? c->method : "CANCEL",
			  .to_tag = tags[choose(11)],
			  .sent_by = choose(16) ? NULL : "192.0.2.9:5060",
			  .peer = "203.0.113.7:5060"};

	txn_response(world.table, &arrive(&say)->rx);
}

/* Bytes of the input as a message. */
static void step_raw(void)
{
	static struct arrived raw;
	const struct say say = {0};
	size_t n = choose(256);

	if (n > (size_t)(end - at))
		n = (size_t)(end - at);
	memcpy(raw.bytes, at, n);
	at += n;
	txn_lost(world.table, sv_of(raw.bytes, n), -ECONNREFUSED);
	if (!arrived_parse(&raw, n, &say))
		return;
	if (raw.msg.kind == SIP_KIND_REQUEST)
		take_request(&servers[0], &raw);
	else
		txn_response(world.table, &raw.rx);
}

static void step_lost(void)
{
	static const int errs[] = {-ECONNREFUSED, -EHOSTUNREACH, -ENOBUFS, -EMSGSIZE};

	if (!world.tp.n)
		return;
	struct sent *s =
		sent_at(&world.tp, world.tp.n - 1 - choose(world.tp.n < 8 ? world.tp.n : 8));
	size_t n = choose(2) ? s->n : choose(256);
	char *copy = malloc(n ? n : 1);
	CHECK(copy);
	n = n < s->n ? n : s->n;
	memcpy(copy, s->bytes, n);
	txn_lost(world.table, sv_of(copy, n), errs[choose(4)]);
	free(copy);
}

static void step_world(void)
{
	static const int errs[] = {0, 0, -ENOBUFS, -ECONNREFUSED, MG_EAUTH};
	struct txn_conf conf = world_conf;

	switch (choose(4)) {
	case 0: world.tp.err = errs[choose(5)]; break;
	case 1: world.tp.dead = choose(2) ? 5 : 0; break;
	case 2: tp_break(&world.tp, -EPIPE); break;
	default:
		conf.servers_max = 1 + choose(12);
		conf.clients_max = 1 + choose(12);
		conf.t1 = 100 * choose(8);
		conf.t4 = 1000 * choose(6);
		txn_configure(world.table, &conf);
	}
}

/* Whatever arrives makes us send two messages at most, if the TU has no habits of sending more. */
static void step_quietly(void (*arrives)(void))
{
	unsigned before = world.tp.n;

	arrives();
	CHECK(habit & (SENDS_REPLY | DROPS_SERVER | SENDS_REQUEST) || world.tp.n - before <= 2);
}

static void step(void)
{
	static const uint32_t times[] = {10, 200, 500, 3500, 5000, 32000};
	struct tu_client *c = &clients[0];
	struct tu_server *s = &servers[0];

	switch (choose(12)) {
	case 0:
	case 1: step_quietly(step_request); break;
	case 2:
		s = &servers[choose(SLOTS)];
		server_reply(s, statuses[choose(12)]);
		break;
	case 3: server_drop(&servers[choose(SLOTS)]); break;
	case 4: client_ask(&clients[choose(SLOTS)]); break;
	case 5: step_quietly(step_response); break;
	case 6:
		c = &clients[choose(SLOTS)];
		if (c->client)
			txn_client_cancel(c->client, choose(2) ? SV("SIP;cause=200") : SV(""));
		break;
	case 7: client_drop(&clients[choose(SLOTS)]); break;
	case 8: pass(times[choose(6)]); break;
	case 9: jump(times[choose(6)]); break;
	case 10:
		habit = choose(HABITS);
		step_world();
		break;
	default:
		if (choose(2))
			step_lost();
		else
			step_quietly(step_raw);
	}
}

/* ---- what holds ---- */

/* States that only the TU ends. */
static bool may_wait(const struct txn *t)
{
	if (t->machine == TXN_IST || t->machine == TXN_ICT)
		return t->state == IN_PROCEEDING && !(t->flags & TXN_CANCEL_SENT);
	return t->machine == TXN_NIST && (t->state == IN_TRYING || t->state == IN_PROCEEDING);
}

static void check_map(const struct map *map, size_t *timers, size_t *live)
{
	struct map_iter it;
	struct map_node *node;

	map_iter_init(&it, map);
	while ((node = map_next(&it))) {
		struct txn *t = container_of(node, struct txn, node);
		CHECK(t->flags & TXN_LINKED && t->state != IN_OVER && t->own_refs > 0);
		CHECK(wheel_is_set(&t->timer) == (t->end_event || t->resend_event));
		CHECK(t->end_event || may_wait(t));
		CHECK(!t->resend_event || t->end_event || !(t->flags & TXN_RELIABLE));
		CHECK(!(t->flags & TXN_LIVE) ==
		      (t->state == IN_COMPLETED || t->state == IN_CONFIRMED ||
		       t->state == IN_ACCEPTED));
		*timers += wheel_is_set(&t->timer);
		*live += t->flags & TXN_LIVE ? 1 : 0;
	}
}

static void check_all(void)
{
	size_t timers = 0, live = 0;

	check_map(&world.table->servers, &timers, &live);
	check_map(&world.table->clients, &timers, &live);
	CHECK(timers == wheel_count(&world.loop.wheel));
	CHECK(live == stat(TXN_STAT_LIVE));
	CHECK(txn_servers(world.table) == stat(TXN_STAT_SERVERS));
	CHECK(txn_clients(world.table) == stat(TXN_STAT_CLIENTS));
	CHECK(map_count(&world.table->kept) <= (size_t)TXN_TAGS_MAX * txn_clients(world.table));
	CHECK(map_count(&world.table->old_acks) <= txn_servers(world.table));
}

static void fuzz_late(void *arg, struct txn_client *client, struct txn_server *server,
		      struct tp_rx *rx)
{
	(void)arg;
	CHECK(rx->msg->status / 100 == 2);
	if (server)
		CHECK(txn_server_send(server, SV("SIP/2.0 200 late\r\n\r\n")) != MG_EINVAL);
	keep(client, server, rx->msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct txn_events on = {.late_2xx = fuzz_late};

	at = data;
	end = data + size;
	memset(servers, 0, sizeof(servers));
	memset(clients, 0, sizeof(clients));
	for (unsigned i = 0; i < SLOTS; i++)
		clients[i].method = methods[0];
	habit = depth = 0;
	if (!world_begin(1000000))
		return 0;
	world.table->env.on = &on;
	for (unsigned i = 0; i < STEPS && at < end; i++) {
		step();
		check_all();
	}
	habit = 0;
	for (unsigned i = 0; i < SLOTS; i++) {
		server_drop(&servers[i]);
		client_drop(&clients[i]);
	}
	check_all();
	pass(NEVER_MS);
	CHECK(txn_servers(world.table) == 0 && txn_clients(world.table) == 0);
	check_all();
	CHECK(list_empty(&world.tp.tickets));
	CHECK(map_count(&world.table->kept) == 0 && map_count(&world.table->old_acks) == 0);
	world_end();
	return 0;
}
