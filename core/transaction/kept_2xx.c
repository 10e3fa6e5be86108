/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kept_2xx: the 2xx of an INVITE behind the first (RFC 6026 §7.2, RFC 3261 §16.7 step 5): of each fork the 2xx that was forwarded is kept until its ACK
 * passes, and answers the retransmissions. Called by run.c and the TU.
 *
 * When the ACK has passed, a mark of the To tag stays. If the 2xx comes again then, that ACK was lost behind us: the 2xx has to go to the caller once more, who sends the
 * ACK again; it takes the way of a new one, through the hooks of the TU, which keeps it once more. So nothing but the mark has to be there for 64*T1.
 */
#include "transaction/txn_priv.h"

static void kept_free(struct txn_table *table, struct txn_kept *kept)
{
	if (!kept)
		return;
	map_remove(&table->kept, &kept->node);
	kept->mark->kept = NULL;
	free(kept);
}

void kept_drop(struct txn_client *client)
{
	struct txn_mark *mark;

	while ((mark = client->marks)) {
		client->marks = mark->next;
		kept_free(client->txn.table, mark->kept);
		free(mark);
	}
}

static bool tag_of(const struct txn_table *table, struct sip_msg *msg, uint64_t *tag)
{
	struct sip_where at;
	const struct sip_nameaddr *to = sip_to(msg, &at);

	if (!to)
		return false;
	*tag = siphash_13(&table->secret, to->tag.p, to->tag.n);
	return true;
}

/* The mark of a tag, and how many there are. */
static struct txn_mark *mark_find(const struct txn_client *client, uint64_t tag, unsigned *n)
{
	struct txn_mark *mark = client->marks;

	for (*n = 0; mark && mark->tag != tag; mark = mark->next)
		++*n;
	return mark;
}

static struct txn_mark *mark_get(struct txn_client *client, uint64_t tag)
{
	unsigned n;
	struct txn_mark *mark = mark_find(client, tag, &n);

	if (mark || n >= TXN_TAGS_MAX)
		return mark;
	mark = malloc(sizeof(*mark));
	if (!mark)
		return NULL;
	*mark = (struct txn_mark){.next = client->marks, .tag = tag};
	client->marks = mark;
	return mark;
}

/* The ACK of two 2xx can be the same when a request comes by twice (a spiral): the second is not kept, its retransmissions go to the TU. */
static void keep(struct txn_table *table, struct txn_mark *mark, struct sip_msg *msg,
		 struct sv bytes)
{
	struct txn_kept *kept = malloc(sizeof(*kept) + bytes.n);

	if (!kept)
		return;
	kept->mark = mark;
	kept->n = (uint32_t)bytes.n;
	memcpy(kept->p, bytes.p, bytes.n);
	if (!match_2xx(table, msg, kept->key) ||
	    map_insert(&table->kept, &kept->node, sv_of((const char *)kept->key, TXN_KEY_LEN)) !=
		    0) {
		free(kept);
		return;
	}
	mark->kept = kept;
}

static void serve(struct txn_client *client, struct txn_server *server)
{
	if (client->server == server)
		return;
	if (client->server)
		txn_drop(&client->server->txn);
	client->server = server;
	txn_hold(&server->txn);
}

void txn_client_keep_2xx(struct txn_client *client, struct txn_server *server,
			 struct sip_msg *response, struct sv bytes)
{
	struct txn_table *table = client->txn.table;
	uint64_t tag;

	if (client->txn.machine != TXN_ICT || client->txn.state == IN_OVER)
		return;
	serve(client, server);
	if (client->txn.state != IN_ACCEPTED || !response || !bytes.n ||
	    !tag_of(table, response, &tag))
		return;
	client->txn.flags |= TXN_MARKED;
	struct txn_mark *mark = mark_get(client, tag);
	if (!mark)
		return;
	kept_free(table, mark->kept);
	keep(table, mark, response, bytes);
}

void txn_ack_passes(struct txn_table *table, struct sip_msg *ack)
{
	uint8_t key[TXN_KEY_LEN];
	struct map_node *node = NULL;

	if (match_2xx(table, ack, key))
		node = map_find(&table->kept, sv_of((const char *)key, TXN_KEY_LEN));
	if (node)
		kept_free(table, container_of(node, struct txn_kept, node));
}

void kept_late(struct txn_client *client, struct tp_rx *rx)
{
	struct txn_table *table = client->txn.table;

	table->env.on->late_2xx(table->env.arg, client, client->server, rx);
}

void kept_again(struct txn_client *client, struct tp_rx *rx)
{
	struct txn_table *table = client->txn.table;
	struct txn_mark *mark = NULL;
	unsigned marks = 0;
	uint64_t tag;

	if (!tag_of(table, rx->msg, &tag))
		return;
	mark = mark_find(client, tag, &marks);
	if (mark && mark->kept) {
		struct sv bytes = sv_of(mark->kept->p, mark->kept->n);
		if (txn_server_send(client->server, bytes) == 0)
			txn_count(table, TXN_STAT_REPLAYED_2XX);
	} else if (!mark && marks >= TXN_TAGS_MAX) {
		txn_count(table, TXN_STAT_FORKS_OVER);
	} else if (!mark && client->ops) {
		client->ops->response(client, rx);
	} else {
		kept_late(client, rx);
	}
}
