/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * server: server transactions as the TU sees them (RFC 3261 §17.2): finding them for a request, beginning them, replying. What a machine does with it is in its table.
 */
#include "transaction/txn_priv.h"

#define HUNDRED_MS 200 /* §17.2.1 */

/* ---- sending ---- */

/* §18.2.2: without the connection that the request came on, by another one to who sent it: the response's own top Via says where. */
static int send_anew(struct txn_server *server, struct sv bytes)
{
	struct txn_table *table = server->txn.table;
	struct sip_stream stream = {0};
	struct tp_target to = {0};
	struct sip_where at;

	if (sip_parse_stream(&table->msg, &stream, bytes.p, bytes.n, &at) <= 0)
		return -ENOTCONN;
	const struct sip_via *via = sip_top_via(&table->msg, &at);
	if (!via)
		return -ENOTCONN;
	tp_reply_target(table->env.tp, &server->flow, via, &to);
	return to.conn ? -ENOTCONN : tp_send(table->env.tp, &to, bytes, NULL);
}

int server_send(struct txn_server *server, struct sv bytes)
{
	const struct tp_flow *flow = &server->flow;
	bool rare = server->txn.flags & TXN_RARE;
	const struct tp_target to = {.addr = rare ? server->rare[0].back : flow->peer,
				     .local = flow->local,
				     .conn = flow->conn,
				     .listener = flow->listener,
				     .transport = flow->transport,
				     .fixed = true};
	int err = tp_send(server->txn.table->env.tp, &to, bytes, NULL);

	return err == -ENOTCONN && flow->conn ? send_anew(server, bytes) : err;
}

static void drop_later(struct txn_server *server)
{
	if (!(server->txn.flags & TXN_LATER_100))
		return;
	server->txn.flags &= (uint8_t)~TXN_LATER_100;
	free(server->later);
	server->last = NULL;
}

/* Without memory nothing is kept: retransmissions then get no answer until the next response. */
void server_keep(struct txn_server *server, struct sv bytes)
{
	drop_later(server);
	free(server->last);
	server->last = bytes.n ? txn_copy(bytes) : NULL;
}

void server_send_100(struct txn_server *server)
{
	struct txn_table *table = server->txn.table;

	if (!(server->txn.flags & TXN_LATER_100))
		return;
	struct txn_later later = *server->later;
	drop_later(server);
	struct sip_out *out = txn_scratch(table);
	later.build(later.arg, server, out);
	if (out->err || !out->len || server->last || !(server->txn.flags & TXN_LIVE))
		return;
	server->last = malloc(sizeof(*server->last) + out->len);
	if (!server->last)
		return;
	int n = sip_out_flat(out, server->last->p, out->len);
	server->last->n = n > 0 ? (uint32_t)n : 0;
	server->txn.status = 100;
	if (server_send(server, sv_of(server->last->p, server->last->n)) != 0)
		txn_count(table, TXN_STAT_UNSENT);
}

/* ---- life ---- */

static void forget_old_ack(struct txn_server *server)
{
	if (server->txn.flags & TXN_OLD_ACK)
		map_remove(&server->txn.table->old_acks, &server->rare[0].ack);
	server->txn.flags &= (uint8_t)~TXN_OLD_ACK;
}

/* §17.2.3: the ACK of an RFC 2543 peer carries the To tag of the response sent. */
static void expect_old_ack(struct txn_server *server)
{
	struct txn_table *table = server->txn.table;
	struct txn_rare *rare = &server->rare[0];
	struct sip_stream stream = {0};
	struct sip_where at;

	if (!server->last || server->txn.state != IN_COMPLETED ||
	    sip_parse_stream(&table->msg, &stream, server->last->p, server->last->n, &at) <= 0)
		return;
	const struct sip_nameaddr *to = sip_to(&table->msg, &at);
	if (to && match_old_ack(table, rare->kept->msg, to->tag, rare->ack_key) &&
	    map_insert(&table->old_acks, &rare->ack,
		       sv_of((const char *)rare->ack_key, TXN_KEY_LEN)) == 0)
		server->txn.flags |= TXN_OLD_ACK;
}

void server_settle(struct txn_server *server)
{
	if (!(server->txn.flags & TXN_RARE) || !server->rare[0].kept)
		return;
	expect_old_ack(server);
	server->rare[0].kept = NULL;
}

void server_over(struct txn_server *server)
{
	forget_old_ack(server);
	server_keep(server, SV(""));
}

void server_free(struct txn_server *server)
{
	server_over(server);
	free(server);
}

static struct txn_server *server_alloc(const struct tp_flow *flow, const struct addr *back,
				       const struct tp_kept *old)
{
	bool rare = old || !addr_eq(back, &flow->peer);
	struct txn_server *server =
		calloc(1, sizeof(*server) + (rare ? sizeof(server->rare[0]) : 0));

	if (!server)
		return NULL;
	server->flow = *flow;
	if (rare)
		server->rare[0] = (struct txn_rare){.server = server, .back = *back, .kept = old};
	return server;
}

/* The address that responses to a datagram go to; on a stream the connection counts. */
static struct addr way_back(const struct txn_table *table, const struct tp_kept *kept)
{
	struct tp_target to = {.addr = kept->flow.peer};
	struct sip_where at;

	if (kept->flow.transport == SIP_TRANSPORT_UDP)
		tp_reply_target(table->env.tp, &kept->flow, sip_top_via(kept->msg, &at), &to);
	return to.addr;
}

struct txn_server *txn_server_new(struct txn_table *table, const struct tp_kept *kept,
				  bool in_dialog)
{
	struct sip_msg *msg = kept->msg;
	bool invite = msg->method == SIP_METHOD_INVITE;
	uint8_t key[TXN_KEY_LEN];

	if (map_count(&table->servers) >= txn_servers_room(&table->conf, in_dialog)) {
		txn_count(table, TXN_STAT_SERVERS_REFUSED);
		return NULL;
	}
	if (!match_request(table, msg, sip_method_text(msg), key))
		return NULL;
	bool old = invite && match_is_old(msg);
	struct addr back = way_back(table, kept);
	struct txn_server *server = server_alloc(&kept->flow, &back, old ? kept : NULL);
	if (!server)
		return NULL;
	memcpy(server->txn.key, key, sizeof(key));
	if (txn_link(table, &server->txn, invite ? TXN_IST : TXN_NIST,
		     kept->flow.transport != SIP_TRANSPORT_UDP) != 0) {
		free(server);
		return NULL;
	}
	if (old || !addr_eq(&back, &kept->flow.peer))
		server->txn.flags |= TXN_RARE;
	server->txn.resend_at = (uint32_t)txn_now(table);
	server->txn.tu_refs = 1;
	return server;
}

void txn_server_ref(struct txn_server *server)
{
	assert(server->txn.tu_refs < UINT16_MAX);
	server->txn.tu_refs++;
}

void txn_server_unref(struct txn_server *server)
{
	struct txn_in in = {0};

	assert(server->txn.tu_refs > 0);
	txn_hold(&server->txn);
	if (--server->txn.tu_refs == 0) {
		server->user = NULL;
		if (txn_run(&server->txn, TU_GONE, &in))
			txn_count(server->txn.table, TXN_STAT_ABANDONED);
	}
	txn_drop(&server->txn);
}

/* ---- requests ---- */

static bool arrives(struct txn *t, enum txn_event event, struct tp_rx *rx, uint32_t *did)
{
	struct txn_in in = {.rx = rx};

	if (!t)
		return false;
	struct txn_table *table = t->table;
	txn_run(t, event, &in);
	*did = in.did;
	if (!(in.did & DO_PASS))
		txn_count(table, TXN_STAT_ABSORBED);
	return true;
}

static enum txn_found on_ack(struct txn_table *table, struct tp_rx *rx)
{
	uint8_t key[TXN_KEY_LEN];
	struct sip_where at;
	struct txn *t = NULL;
	uint32_t did = 0;

	if (!match_is_old(rx->msg)) {
		if (match_request(table, rx->msg, SV("INVITE"), key))
			t = txn_find(&table->servers, key);
	} else {
		const struct sip_nameaddr *to = sip_to(rx->msg, &at);
		struct map_node *node = NULL;
		if (to && match_old_ack(table, rx->msg, to->tag, key))
			node = map_find(&table->old_acks, sv_of((const char *)key, TXN_KEY_LEN));
		if (node)
			t = &container_of(node, struct txn_rare, ack)->server->txn;
	}
	return arrives(t, RX_ACK, rx, &did) && !(did & DO_PASS) ? TXN_ABSORBED : TXN_NEW;
}

/* §9.2; X-5: only from where the INVITE came from. */
static enum txn_found on_cancel(struct txn_table *table, struct tp_rx *rx,
				struct txn_server **server)
{
	uint8_t key[TXN_KEY_LEN];
	uint32_t did;

	if (match_request(table, rx->msg, SV("CANCEL"), key) &&
	    arrives(txn_find(&table->servers, key), RX_REQUEST, rx, &did))
		return TXN_ABSORBED;
	struct txn *t = match_request(table, rx->msg, SV("INVITE"), key)
				? txn_find(&table->servers, key)
				: NULL;
	if (!t)
		return TXN_NEW;
	if (!addr_host_eq(&txn_to_server(t)->flow.peer, &rx->flow.peer)) {
		txn_count(table, TXN_STAT_CANCELS_FOREIGN);
		t = NULL;
	}
	*server = t ? txn_to_server(t) : NULL;
	return TXN_CANCEL;
}

enum txn_found txn_request(struct txn_table *table, struct tp_rx *rx, struct txn_server **server)
{
	struct sip_msg *msg = rx->msg;
	uint8_t key[TXN_KEY_LEN];
	uint32_t did;

	*server = NULL;
	if (msg->method == SIP_METHOD_ACK)
		return on_ack(table, rx);
	if (msg->method == SIP_METHOD_CANCEL)
		return on_cancel(table, rx, server);
	if (match_request(table, msg, sip_method_text(msg), key) &&
	    arrives(txn_find(&table->servers, key), RX_REQUEST, rx, &did))
		return TXN_ABSORBED;
	return TXN_NEW;
}

/* ---- replies ---- */

/* RFC 4320 §4.1: 100 at once on a stream, else when a client's Timer E is T2; no other provisional response at all. */
static bool may_be_provisional(const struct txn_server *server, unsigned status)
{
	const struct txn *t = &server->txn;
	uint32_t age = (uint32_t)txn_now(t->table) - t->resend_at;

	if (t->machine == TXN_IST)
		return true;
	return status == 100 && (t->flags & TXN_RELIABLE || age >= txn_slow_ms(&t->table->conf));
}

static enum txn_event event_of(const struct txn_server *server, unsigned status)
{
	if (status < 200)
		return may_be_provisional(server, status) ? TU_1XX : TU_FORBIDDEN;
	if (status < 300)
		return TU_2XX;
	return status == 408 && server->txn.machine == TXN_NIST ? TU_408 : TU_300_699;
}

int txn_server_reply(struct txn_server *server, unsigned status, struct sv bytes)
{
	struct txn_table *table = server->txn.table;
	struct txn_in in = {.bytes = bytes, .status = status};

	if (!txn_run(&server->txn, event_of(server, status), &in)) {
		txn_count(table, TXN_STAT_REPLY_LATE);
		return MG_EINVAL;
	}
	if (in.sent)
		txn_count(table, TXN_STAT_UNSENT);
	return in.sent;
}

void txn_server_100(struct txn_server *server,
		    void (*build)(void *arg, struct txn_server *server, struct sip_out *out),
		    void *arg)
{
	struct txn *t = &server->txn;

	if (!(t->flags & TXN_LIVE) || t->flags & TXN_LATER_100 || server->last)
		return;
	struct txn_later *later = malloc(sizeof(*later));
	if (!later)
		return;
	*later = (struct txn_later){build, arg};
	server->later = later;
	t->flags |= TXN_LATER_100;
	txn_arm_100(t, t->machine == TXN_IST ? HUNDRED_MS : txn_slow_ms(&t->table->conf));
}

int txn_server_send(struct txn_server *server, struct sv bytes)
{
	return server_send(server, bytes);
}

const struct tp_flow *txn_server_flow(const struct txn_server *server)
{
	return &server->flow;
}

bool txn_server_is_invite(const struct txn_server *server)
{
	return server->txn.machine == TXN_IST;
}

unsigned txn_server_status(const struct txn_server *server)
{
	return server->txn.status;
}

void txn_server_set_user(struct txn_server *server, void *user)
{
	server->user = user;
}

void *txn_server_user(const struct txn_server *server)
{
	return server->user;
}
