/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * letter: sending by connections that another worker owns, and the news that comes back. Tickets stay with the worker that sent: here, with what it knows of
 * the connection, until the owner says that it is gone. Called by conn_send.c and conn_life.c, and by tp.c when a letter has come.
 */
#include <errno.h>
#include <stdlib.h>

#include "transport/conn.h"

#define SWEEP_MS 60000

/* A connection of another worker that tickets of ours wait on. */
struct remote {
	struct map_node node;
	struct list tickets;
	tp_conn number;
};

/* ---- writing ---- */

static struct tp_letter *letter_new(const struct conns *conns, tp_conn number,
				    enum tp_letter_kind kind, struct sv bytes)
{
	struct tp_letter *letter = malloc(sizeof(*letter) + bytes.n);

	if (!letter)
		return NULL;
	letter->conn = number;
	letter->from = conns->tp->env.worker;
	letter->kind = (uint8_t)kind;
	letter->failed = 0;
	letter->n = (uint32_t)bytes.n;
	if (bytes.n)
		memcpy(letter->bytes, bytes.p, bytes.n);
	return letter;
}

/* Hand it over, or throw it away and say so. */
static int post(struct conns *conns, unsigned worker, struct tp_letter *letter)
{
	struct tp *tp = conns->tp;

	if (letter && worker < tp->env.workers && tp->env.on->letter &&
	    tp->env.on->letter(tp->env.arg, worker, letter) == 0)
		return 0;
	tp_count(tp, TP_STAT_LETTERS_LOST);
	tp_letter_free(letter);
	return letter ? -ENOBUFS : MG_ENOMEM;
}

void letter_ask(struct conns *conns, tp_conn number, enum tp_letter_kind kind)
{
	(void)post(conns, tp_conn_worker(number), letter_new(conns, number, kind, sv_of("", 0)));
}

void letter_gone(struct conn *conn)
{
	struct conns *conns = conn->conns;

	for (unsigned worker = 0; conn->senders; worker++, conn->senders >>= 1) {
		struct tp_letter *letter;
		if (!(conn->senders & 1))
			continue;
		letter = letter_new(conns, conn->number, TP_LETTER_GONE, sv_of("", 0));
		if (letter)
			letter->failed = conn->err;
		(void)post(conns, worker, letter);
	}
}

/* ---- tickets that wait on it ---- */

static struct sv number_key(const tp_conn *number)
{
	return sv_of((const char *)number, sizeof(*number));
}

static struct remote *remote_of(struct conns *conns, tp_conn number)
{
	struct map_node *node = map_find(&conns->remotes, number_key(&number));

	return node ? container_of(node, struct remote, node) : NULL;
}

static struct remote *remote_new(struct conns *conns, tp_conn number)
{
	struct remote *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	list_init(&r->tickets);
	r->number = number;
	if (map_insert(&conns->remotes, &r->node, number_key(&r->number))) {
		free(r);
		return NULL;
	}
	if (!wheel_is_set(&conns->sweep))
		wheel_add(loop_wheel(conns->tp->env.loop), &conns->sweep,
			  conns_now(conns) + SWEEP_MS);
	return r;
}

static void remote_free(struct conns *conns, struct remote *r)
{
	while (list_shift(&r->tickets))
		;
	map_remove(&conns->remotes, &r->node);
	free(r);
}

/* Nobody says when the last ticket was taken back. */
void remotes_sweep(struct wheel_timer *t, uint64_t now_ms)
{
	struct conns *conns = container_of(t, struct conns, sweep);
	struct map_node *node;
	struct map_iter it;

	map_iter_init(&it, &conns->remotes);
	while ((node = map_next(&it))) {
		struct remote *r = container_of(node, struct remote, node);
		if (list_empty(&r->tickets))
			remote_free(conns, r);
	}
	if (map_count(&conns->remotes))
		wheel_add(loop_wheel(conns->tp->env.loop), t, now_ms + SWEEP_MS);
}

void remotes_free(struct conns *conns)
{
	struct map_node *node;
	struct map_iter it;

	wheel_del(loop_wheel(conns->tp->env.loop), &conns->sweep);
	if (!conns->remotes.slots)
		return;
	map_iter_init(&it, &conns->remotes);
	while ((node = map_next(&it)))
		remote_free(conns, container_of(node, struct remote, node));
}

/* What `failed` calls may send again, by this connection even, which makes another remote. */
static void remote_gone(struct conns *conns, tp_conn number, int err)
{
	struct remote *r = remote_of(conns, number);
	struct list tickets, *link;

	if (!r)
		return;
	list_init(&tickets);
	list_take_all(&tickets, &r->tickets);
	remote_free(conns, r);
	while ((link = list_shift(&tickets))) {
		struct tp_ticket *ticket = container_of(link, struct tp_ticket, link);
		ticket->failed(ticket, err);
	}
}

int letter_send(struct conns *conns, tp_conn number, struct sv bytes, struct tp_ticket *ticket)
{
	struct remote *r = NULL;
	int err;

	if (ticket && !(r = remote_of(conns, number)) && !(r = remote_new(conns, number)))
		return MG_ENOMEM;
	err = post(conns, tp_conn_worker(number), letter_new(conns, number, TP_LETTER_SEND, bytes));
	if (!err && ticket) {
		tp_ticket_drop(ticket);
		list_append(&r->tickets, &ticket->link);
	}
	return err;
}

/* ---- reading ---- */

/* Send what another worker asked for, or turn it back. Takes the letter. */
static void send_for(struct conns *conns, struct tp_letter *letter)
{
	struct conn *conn = conn_find(conns, letter->conn);
	unsigned from = letter->from;
	int err = -ENOTCONN;

	if (conn && conn_is_up(conn)) {
		conn->senders |= (uint64_t)1 << from;
		err = conn_send(conn, sv_of(letter->bytes, letter->n), NULL);
	}
	if (!err) {
		tp_letter_free(letter);
		return;
	}
	letter->kind = TP_LETTER_BACK;
	letter->failed = err;
	letter->from = conns->tp->env.worker;
	(void)post(conns, from, letter);
}

static void came_back(struct conns *conns, const struct tp_letter *letter)
{
	struct tp *tp = conns->tp;

	if (tp->env.on->lost)
		tp->env.on->lost(tp->env.arg, sv_of(letter->bytes, letter->n), letter->failed);
	if (letter->failed == -ENOTCONN)
		remote_gone(conns, letter->conn, letter->failed);
}

void conns_letter(struct conns *conns, struct tp_letter *letter)
{
	switch ((enum tp_letter_kind)letter->kind) {
	case TP_LETTER_SEND: send_for(conns, letter); return;
	case TP_LETTER_BACK: came_back(conns, letter); break;
	case TP_LETTER_GONE: remote_gone(conns, letter->conn, letter->failed); break;
	case TP_LETTER_KNOWN: tp_conn_known(conns->tp, letter->conn); break;
	case TP_LETTER_CLOSE: tp_conn_close(conns->tp, letter->conn); break;
	}
	tp_letter_free(letter);
}
