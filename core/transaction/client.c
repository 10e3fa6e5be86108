/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * client: client transactions as the TU sees them (RFC 3261 §17.1): beginning them, their responses, letting go. What a machine does with it is in its table; ACK and
 * CANCEL are built in ack.c and cancel.c.
 */
#include "base/block.h"
#include "transaction/txn_priv.h"

/* ---- sending ---- */

/* Errors that say something of us or of this moment, and nothing of the target: sending again may well succeed. On a stream nobody sends again. */
bool client_is_loss(const struct txn_client *client, int err)
{
	if (client->txn.flags & TXN_RELIABLE)
		return false;
	switch (-err) {
	case EAGAIN:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
	case EPERM:         /* a packet filter of ours */
	case EADDRNOTAVAIL: /* our address went away, for the moment perhaps */
	case ENETDOWN: return true;
	default: return false;
	}
}

int client_resend(struct txn_client *client)
{
	struct txn_client_live *live = client->live;
	int err = tp_send(client->txn.table->env.tp, &live->to, live->bytes, &live->ticket);

	return client_is_loss(client, err) ? 0 : err;
}

/* The stream lost what was sent on it. */
static void on_ticket(struct tp_ticket *ticket, int err)
{
	struct txn_client_live *live = container_of(ticket, struct txn_client_live, ticket);
	struct txn_in in = {.err = err};

	txn_run(&live->client->txn, ERROR, &in);
}

/* ---- life ---- */

static struct txn_client_live *live_new(struct txn_client *client, const struct tp_target *to,
					struct sv bytes)
{
	struct txn_client_live *live = block_new(sizeof(*live) + bytes.n);

	if (!live)
		return NULL;
	tp_ticket_init(&live->ticket, on_ticket);
	live->client = client;
	live->err = 0;
	live->to = *to;
	live->reason = NULL;
	live->bytes = sv_of(live->room, bytes.n);
	if (bytes.n)
		memcpy(live->room, bytes.p, bytes.n);
	return live;
}

static void live_free(struct txn_client_live *live)
{
	if (!live)
		return;
	tp_ticket_drop(&live->ticket);
	free(live->reason);
	block_free(live, sizeof(*live) + live->bytes.n);
}

void client_settle(struct txn_client *client)
{
	bool over = client->txn.state == IN_OVER;

	/* Without memory for the ACK it is built when the response comes again. */
	if (!over && client->txn.machine == TXN_ICT && client->txn.state == IN_COMPLETED &&
	    !client->ack && client->live) {
		tp_ticket_drop(&client->live->ticket);
	} else {
		live_free(client->live);
		client->live = NULL;
	}
	if (!over)
		return;
	if (client->txn.flags & TXN_MARKED) {
		kept_drop(client);
	} else {
		free(client->ack);
		client->ack = NULL;
	}
	if (client->server)
		txn_drop(&client->server->txn);
	client->server = NULL;
}

void client_free(struct txn_client *client)
{
	client->txn.state = IN_OVER;
	client_settle(client);
	free(client);
}

int client_begin(struct txn_table *table, const struct sip_via *via, enum txn_machine machine,
		 const struct tp_target *to, struct sv bytes, struct txn_client **out)
{
	struct txn_client *client = calloc(1, sizeof(*client));
	struct sv method = sv_of(bytes.p, sv_find(bytes, ' '));

	if (!client)
		return MG_ENOMEM;
	client->live = live_new(client, to, bytes);
	if (!client->live) {
		free(client);
		return MG_ENOMEM;
	}
	match_client(table, via->branch, method, client->txn.key);
	client->txn.sent_by = match_sent_by(via);
	int err = txn_link(table, &client->txn, machine, to->transport != SIP_TRANSPORT_UDP);
	if (err) {
		live_free(client->live);
		free(client);
		return err;
	}
	txn_start(&client->txn);
	client->live->err = client_resend(client);
	if (client->live->err)
		txn_arm_now(&client->txn, ERROR);
	*out = client;
	return 0;
}

struct txn_client *txn_client_new(struct txn_table *table, const struct sip_via *via,
				  enum sip_method method, const struct tp_target *to,
				  struct sv bytes, const struct txn_client_ops *ops, void *user)
{
	enum txn_machine machine = method == SIP_METHOD_INVITE ? TXN_ICT : TXN_NICT;
	struct txn_client *client;

	if (map_count(&table->clients) >= table->conf.clients_max) {
		txn_count(table, TXN_STAT_CLIENTS_REFUSED);
		return NULL;
	}
	if (client_begin(table, via, machine, to, bytes, &client) != 0)
		return NULL;
	client->ops = ops;
	client->user = user;
	client->txn.tu_refs = 1;
	return client;
}

void *txn_client_user(const struct txn_client *client)
{
	return client->user;
}

const struct tp_target *txn_client_target(const struct txn_client *client)
{
	return client->live ? &client->live->to : NULL;
}

void txn_client_release(struct txn_client *client)
{
	struct txn *t = &client->txn;

	assert(t->tu_refs > 0);
	client->ops = NULL;
	client->user = NULL;
	txn_hold(t);
	t->tu_refs--;
	txn_client_cancel(client, SV(""));
	txn_drop(t);
}

/* ---- responses ---- */

bool txn_response(struct txn_table *table, struct tp_rx *rx)
{
	struct sip_msg *msg = rx->msg;
	uint8_t key[TXN_KEY_LEN];
	struct txn_in in = {.rx = rx};
	struct sip_where at;
	const struct sip_via *via = sip_top_via(msg, &at);
	const struct sip_cseq *cseq = sip_cseq(msg, &at);
	struct txn *t = NULL;

	if (via && cseq) {
		match_client(table, via->branch, cseq->method_name, key);
		t = txn_find(&table->clients, key);
	}
	/* §18.1.2: whose sent-by is not what we put there is nobody's; what that was is remembered, for the configuration may be another by now. */
	if (!t || t->sent_by != match_sent_by(via)) {
		txn_count(table, TXN_STAT_STRAY);
		return false;
	}
	/* It has arrived, whatever becomes of the connection. */
	if (txn_to_client(t)->live)
		tp_ticket_drop(&txn_to_client(t)->live->ticket);
	enum txn_event event = msg->status < 200 ? RX_1XX : msg->status < 300 ? RX_2XX : RX_300_699;
	if (!txn_run(t, event, &in) || !(in.did & (DO_UP | DO_2XX)))
		txn_count(table, TXN_STAT_RESPONSES_AGAIN);
	return true;
}
