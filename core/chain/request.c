/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * request: begin and end of a request in the chain, and what modules read of requests, branches and replies. No decisions here.
 */
#include "chain/chain_priv.h"

/* Arrays stay as they are: their counts say that they are empty, and this runs for every message. */
void chain_request_init(struct mg_request *r, struct mg_worker *worker, struct sip_msg *msg,
			struct sip_view *view, struct arena *arena, const struct mg_source *source)
{
	r->worker = worker;
	r->chain = worker->chain;
	r->msg = msg;
	r->view = view;
	r->arena = arena;
	r->source = *source;
	r->dialog_zone = NULL;
	r->in_dialog = r->from_caller = r->stray = r->to_us = false;
	r->user = NULL;
	r->stateful = r->answered = false;
	r->n_targets = 0;
	r->n_extra = 0;
	r->redirect = 0;
	r->attrs = NULL;
	list_init(&r->waits);
}

void chain_request_done(struct mg_request *r)
{
	chain_wait_end_all(r, NULL, true);
}

void chain_cancel(struct mg_request *r)
{
	chain_wait_end_all(r, NULL, true);
}

void chain_branch_done(struct mg_branch *b)
{
	chain_wait_end_all(b->request, b, false);
}

struct sip_msg *mg_msg(struct mg_request *r)
{
	return r->msg;
}

struct sip_view *mg_view(struct mg_request *r)
{
	return r->view;
}

struct arena *mg_arena(struct mg_request *r)
{
	return r->arena;
}

const struct mg_source *mg_source(const struct mg_request *r)
{
	return &r->source;
}

bool mg_to_us(const struct mg_request *r)
{
	return r->to_us;
}

bool mg_in_dialog(const struct mg_request *r)
{
	return r->in_dialog;
}

bool mg_from_caller(const struct mg_request *r)
{
	return r->from_caller;
}

const struct mg_zone *mg_dialog_zone(const struct mg_request *r)
{
	return r->dialog_zone;
}

bool mg_stray(const struct mg_request *r)
{
	return r->stray;
}

struct sip_view *mg_branch_view(struct mg_branch *b)
{
	return b->view;
}

const struct mg_target *mg_branch_target(const struct mg_branch *b)
{
	return b->target;
}

const struct addr *mg_branch_peer(const struct mg_branch *b)
{
	return &b->peer;
}

uint8_t mg_branch_transport(const struct mg_branch *b)
{
	return b->transport;
}

const struct mg_zone *mg_branch_zone(const struct mg_branch *b)
{
	return b->zone;
}

struct sip_view *mg_reply_view(struct mg_reply *p)
{
	return p->view;
}

struct mg_branch *mg_reply_branch(struct mg_reply *p)
{
	return p->branch;
}
