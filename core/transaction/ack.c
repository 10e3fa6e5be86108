/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ack: the ACK of a final response other than 2xx (RFC 3261 §17.1.1.3), built from the INVITE as it was sent, kept for when the response comes again. Called by run.c.
 */
#include "sip/build.h"
#include "transaction/txn_priv.h"

int client_own_invite(struct txn_client *client, struct sip_view *view)
{
	struct txn_table *table = client->txn.table;
	struct sv bytes = client->live->bytes;
	struct sip_stream stream = {0}; /* as on a stream: it may be larger than a datagram */
	struct sip_where at;
	int n = sip_parse_stream(&table->msg, &stream, bytes.p, bytes.n, &at);

	if (n <= 0)
		return n ? n : MG_EPARSE;
	sip_view_init(view, &table->msg, &table->arena);
	return 0;
}

static struct txn_ack *ack_new(struct txn_client *client, struct tp_rx *rx)
{
	struct txn_table *table = client->txn.table;
	const struct tp_target *to = &client->live->to;
	struct sip_out *out = txn_scratch(table);
	struct sip_view invite, response;
	struct txn_ack *ack;

	if (client_own_invite(client, &invite) != 0)
		return NULL;
	sip_view_init(&response, rx->msg, &table->arena);
	if (sip_build_ack(out, &invite, &response) != 0)
		return NULL;
	ack = malloc(sizeof(*ack) + out->len);
	if (!ack)
		return NULL;
	*ack = (struct txn_ack){.addr = to->addr,
				.local = to->local,
				.listener = to->listener,
				.transport = to->transport,
				.n = (uint32_t)out->len};
	if (sip_out_flat(out, ack->p, out->len) < 0)
		ack->n = 0;
	return ack;
}

/* By the live target, which knows connection and domain, or what is left of it. */
static void ack_send(struct txn_client *client)
{
	struct txn_ack *ack = client->ack;
	struct tp *tp = client->txn.table->env.tp;
	struct sv bytes = sv_of(ack->p, ack->n);
	int err;

	if (client->live) {
		err = tp_send(tp, &client->live->to, bytes, NULL);
	} else {
		struct tp_target to = {.addr = ack->addr,
				       .local = ack->local,
				       .listener = ack->listener,
				       .transport = ack->transport,
				       .fixed = true};
		err = tp_send(tp, &to, bytes, NULL);
	}
	/* The response will come again, and the ACK with it. */
	if (err)
		txn_count(client->txn.table, TXN_STAT_UNSENT);
}

void client_ack(struct txn_client *client, struct tp_rx *rx)
{
	if (!client->ack && client->live)
		client->ack = ack_new(client, rx);
	if (client->ack)
		ack_send(client);
}
