/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cancel: cancelling an INVITE that was sent (RFC 3261 §9.1): the CANCEL and its own client transaction, which nobody hears of. When it may be sent says the
 * INVITE's machine. A CANCEL that arrives is matched in server.c.
 */
#include "sip/build.h"
#include "transaction/txn_priv.h"

/* Build the CANCEL in the scratch. Returns its bytes, empty when that fails. */
static struct sv cancel_build(struct txn_client *client, struct sv reason)
{
	struct txn_table *table = client->txn.table;
	struct sip_extra extra = {.id = SIP_H_REASON, .value = reason};
	struct sip_out *out = txn_scratch(table);
	struct sip_view invite;

	if (client_own_invite(client, &invite) != 0 ||
	    sip_build_cancel(out, &invite, &extra, reason.n ? 1 : 0) != 0)
		return SV("");
	char *flat = arena_text(&table->arena, out->len);
	if (!flat || sip_out_flat(out, flat, out->len) < 0)
		return SV("");
	return sv_of(flat, out->len);
}

void client_send_cancel(struct txn_client *client, struct sv reason)
{
	struct txn_table *table = client->txn.table;
	struct txn_client_live *live = client->live;
	struct txn_client *cancel;
	struct sip_where at;

	if (!reason.n && live->reason)
		reason = sv_of(live->reason->p, live->reason->n);
	struct sv bytes = cancel_build(client, reason);
	if (!bytes.n)
		return;
	/* The INVITE still lies parsed in the scratch. */
	const struct sip_via *via = sip_top_via(&table->msg, &at);
	txn_count(table, TXN_STAT_CANCELS);
	/* No limit holds here: there is one CANCEL at most for an INVITE that was let in. Without memory it goes out once, and is not sent again. */
	if (via && client_begin(table, via, TXN_NICT, &live->to, bytes, &cancel) != 0 &&
	    tp_send(table->env.tp, &live->to, bytes, NULL) != 0)
		txn_count(table, TXN_STAT_UNSENT);
}

void txn_client_cancel(struct txn_client *client, struct sv reason)
{
	struct txn_in in = {.bytes = reason};

	if (!(client->txn.flags & TXN_CANCELLED))
		txn_run(&client->txn, TU_CANCEL, &in);
}

bool txn_client_cancelled(const struct txn_client *client)
{
	return client->txn.flags & TXN_CANCELLED;
}
