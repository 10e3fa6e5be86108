/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * run: brings an event to a machine and does what its table says: the only place where DO_ bits become sends, timers and calls of the TU. What the bytes are, and when
 * an event comes, others know. Called by server.c, client.c, cancel.c, lost.c and the timers.
 *
 * The TU is called last, when state and timers are what they will be: it may reply, cancel, let go, or begin other transactions from within.
 */
#include "transaction/txn_priv.h"

static const txn_figure *const machines[TXN_MACHINES] = {
	[TXN_IST] = &txn_server_invite,
	[TXN_NIST] = &txn_server_other,
	[TXN_ICT] = &txn_client_invite,
	[TXN_NICT] = &txn_client_other,
};

/* Arm all timers of an action. Returns the event of one that is due at once, or NO_EVENT. */
static enum txn_event arm(struct txn *t, uint32_t act, enum txn_event by)
{
	enum txn_event due = NO_EVENT;

	for (unsigned bits = act >> 16; bits; bits &= bits - 1) {
		enum txn_event e = txn_arm(t, (enum txn_timer)__builtin_ctz(bits), by);
		if (e)
			due = e;
	}
	return due;
}

static void server_do(struct txn_server *server, uint32_t act, struct txn_in *in)
{
	struct txn_table *table = server->txn.table;

	if (act & DO_SEND) {
		server->txn.status = (uint16_t)in->status;
		in->sent = server_send(server, in->bytes);
	}
	if (act & DO_KEEP)
		server_keep(server, in->bytes);
	if (act & DO_FORGET)
		server_keep(server, SV(""));
	if (act & DO_FINAL)
		server_settle(server);
	if (act & DO_100)
		server_send_100(server);
	if (act & (DO_REPLAY | DO_RESEND) && !(server->txn.flags & TXN_LATER_100) && server->last &&
	    server_send(server, sv_of(server->last->p, server->last->n)) == 0)
		txn_count(table, act & DO_REPLAY ? TXN_STAT_REPLAYED : TXN_STAT_RESENT);
	if (act & DO_WITHHOLD)
		txn_count(table, TXN_STAT_WITHHELD);
}

/* Returns ERROR when what should have been sent again cannot be. */
static enum txn_event client_do(struct txn_client *client, uint32_t act, struct txn_in *in)
{
	if (act & DO_RESEND) {
		in->err = client_resend(client);
		if (in->err)
			return ERROR;
		txn_count(client->txn.table, TXN_STAT_RESENT);
	}
	if (act & DO_ACK)
		client_ack(client, in->rx);
	if (act & DO_WANT_CANCEL) {
		client->txn.flags |= TXN_CANCELLED;
		client->live->reason = in->bytes.n ? txn_copy(in->bytes) : NULL;
	}
	if (act & DO_CANCEL) {
		client->txn.flags |= TXN_CANCELLED | TXN_CANCEL_SENT;
		client_send_cancel(client, in->bytes);
	}
	return NO_EVENT;
}

static void tell(struct txn_client *client, uint32_t act, enum txn_event event, struct txn_in *in)
{
	const struct txn_client_ops *ops = client->ops;

	if (act & DO_UP && ops)
		ops->response(client, in->rx);
	else if (act & DO_UP && event == RX_2XX && client->txn.machine == TXN_ICT)
		kept_late(client,
			  in->rx); /* it crossed a CANCEL: every 2xx goes back (§16.7 step 5) */
	if (act & DO_2XX)
		kept_again(client, in->rx);
	if (act & DO_FAIL) {
		int err = event == ERROR ? in->err : -ETIMEDOUT;
		if (event == ERROR && client->live && client->live->err)
			err = client->live->err;
		txn_count(client->txn.table, event == ERROR ? TXN_STAT_FAILED : TXN_STAT_TIMEOUTS);
		if (ops)
			ops->failed(client, err);
	}
}

/* A CANCEL that waited for the first provisional response. */
static bool owes_cancel(const struct txn_client *client)
{
	return client->txn.state == IN_PROCEEDING && client->txn.flags & TXN_CANCELLED &&
	       !(client->txn.flags & TXN_CANCEL_SENT);
}

static enum txn_event run_client(struct txn_client *client, uint32_t act, enum txn_event event,
				 struct txn_in *in)
{
	enum txn_event then = client_do(client, act, in);

	if (client->txn.state == IN_OVER)
		txn_unlink(&client->txn);
	tell(client, act, event, in);
	if (act & (DO_FINAL | DO_ACK) || client->txn.state == IN_OVER)
		client_settle(client);
	if (!then && owes_cancel(client)) {
		in->bytes = SV("");
		then = TU_CANCEL;
	}
	return then;
}

static enum txn_event run_server(struct txn_server *server, uint32_t act, enum txn_event event,
				 struct txn_in *in)
{
	server_do(server, act, in);
	if (event == T_H)
		txn_count(server->txn.table, TXN_STAT_NO_ACK);
	if (server->txn.state == IN_OVER) {
		txn_unlink(&server->txn);
		server_over(server);
	}
	return NO_EVENT;
}

/* One cell. Returns the event that follows at once, or NO_EVENT. */
static enum txn_event step(struct txn *t, const struct txn_cell *cell, enum txn_event event,
			   struct txn_in *in)
{
	uint32_t act = cell->act;
	enum txn_event then, due = NO_EVENT;

	t->state = cell->next;
	in->did |= act;
	if (act & DO_STOP)
		txn_stop(t);
	if (act & DO_FINAL)
		txn_not_live(t);
	if (act >> 16)
		due = arm(t, act, event);
	then = txn_is_server(t) ? run_server(txn_to_server(t), act, event, in)
				: run_client(txn_to_client(t), act, event, in);
	return then ? then : due;
}

bool txn_run(struct txn *t, enum txn_event event, struct txn_in *in)
{
	const struct txn_cell *cell = &(*machines[t->machine])[t->state][event];
	bool known = cell->next != IN_ABSENT;

	txn_hold(t);
	while (cell->next != IN_ABSENT) {
		event = step(t, cell, event, in);
		cell = &(*machines[t->machine])[t->state][event];
	}
	txn_drop(t);
	return known;
}

void txn_start(struct txn *t)
{
	static const uint32_t begin[TXN_MACHINES] = {
		[TXN_ICT] = DO_ARM(TIMER_A) | DO_ARM(TIMER_B),
		[TXN_NICT] = DO_ARM(TIMER_E) | DO_ARM(TIMER_F),
	};

	arm(t, begin[t->machine], NO_EVENT);
}
