/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tp: one worker's transport put together: made, configured, stopped and freed; which part sends what; the questions that
 * every part asks before it lets something in or out. Called by the worker, the transactions and the proxy core.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/tp_priv.h"

/* ---- making one ---- */

struct tp *tp_new(const struct tp_env *env)
{
	struct tp *tp = calloc(1, sizeof(*tp));

	if (!tp)
		return NULL;
	tp->env = *env;
	tp->msg = malloc(sizeof(*tp->msg));
	tp->asker = asker_new();
	if (tp->msg && tp->asker && (tp->udp = udp_new(tp)) && (tp->conns = conns_new(tp)))
		return tp;
	tp_free(tp);
	return NULL;
}

void tp_free(struct tp *tp)
{
	if (!tp)
		return;
	if (tp->conns)
		conns_free(tp->conns);
	udp_free(tp->udp);
	names_free(tp->names);
	asker_free(tp->asker);
	free(tp->gone);
	free(tp->msg);
	free(tp);
}

/* ---- listeners that are gone ---- */

static const struct tp_listener *listener_in(const struct tp_config *config, uint16_t id)
{
	for (unsigned i = 0; config && i < config->n_listeners; i++)
		if (config->listeners[i]->id == id)
			return config->listeners[i];
	return NULL;
}

static const struct gone *gone_listener(const struct tp *tp, uint16_t id)
{
	for (unsigned i = 0; i < tp->n_gone; i++)
		if (tp->gone[i].listener.id == id)
			return &tp->gone[i];
	return NULL;
}

const struct tp_listener *tp_listener_at(const struct tp *tp, uint8_t transport,
					 const struct addr *at)
{
	const struct tp_listener *all = NULL;

	for (unsigned i = 0; tp->config && i < tp->config->n_listeners; i++) {
		const struct tp_listener *l = tp->config->listeners[i];
		if (l->transport != transport || l->bound.port != at->port ||
		    l->bound.family != at->family)
			continue;
		if (addr_host_eq(&l->bound, at))
			return l;
		if (l->wildcard)
			all = l;
	}
	return all;
}

/* All but the descriptors: other workers may be closing theirs. */
static void note_gone(struct gone *gone, const struct tp_config *of, const struct tp_listener *l)
{
	gone->of = of;
	memcpy(&gone->listener, l, offsetof(struct tp_listener, fd));
}

/* What is gone when `config` follows the present one: what was gone before, and what it has no more. Returns false without memory. */
static bool gather_gone(const struct tp *tp, const struct tp_config *config, struct gone **out,
			unsigned *n)
{
	const struct tp_config *was = tp->config;
	unsigned room = tp->n_gone + (was ? was->n_listeners : 0);
	struct gone *gone = calloc(room + 1, sizeof(*gone));

	*out = gone;
	*n = 0;
	for (unsigned i = 0; gone && i < tp->n_gone; i++)
		if (!listener_in(config, tp->gone[i].listener.id))
			gone[(*n)++] = tp->gone[i];
	for (unsigned i = 0; gone && was && i < was->n_listeners; i++)
		if (!listener_in(config, was->listeners[i]->id))
			note_gone(&gone[(*n)++], was, was->listeners[i]);
	return gone != NULL;
}

bool tp_keeps(const struct tp *tp, const struct tp_config *config)
{
	for (unsigned i = 0; i < tp->n_gone; i++)
		if (tp->gone[i].of == config)
			return true;
	return false;
}

bool tp_listener_gone(const struct tp *tp, uint16_t listener)
{
	return gone_listener(tp, listener) != NULL;
}

void tp_forget(struct tp *tp, const struct tp_config *config)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tp->n_gone; i++) {
		if (tp->gone[i].of == config)
			udp_forget(tp->udp, tp->gone[i].listener.id);
		else
			tp->gone[n++] = tp->gone[i];
	}
	tp->n_gone = n;
	struct names *names = names_new(tp->config, tp->gone, tp->n_gone);
	if (!names)
		return; /* names of ours too many until the next configuration */
	names_free(tp->names);
	tp->names = names;
}

/* ---- configurations ---- */

int tp_apply(struct tp *tp, const struct tp_config *config)
{
	unsigned n_gone;
	struct gone *gone;
	struct names *names =
		gather_gone(tp, config, &gone, &n_gone) ? names_new(config, gone, n_gone) : NULL;
	int err = names ? udp_prepare(tp->udp, config) : MG_ENOMEM;

	if (!err) {
		err = conns_apply(tp->conns, config);
		if (err)
			udp_abort(tp->udp);
	}
	if (err) {
		names_free(names);
		free(gone);
		return err;
	}
	udp_commit(tp->udp, config, gone, n_gone);
	free(tp->gone);
	tp->gone = gone;
	tp->n_gone = n_gone;
	names_free(tp->names);
	tp->names = names;
	asker_forget(tp->asker);
	tp->config = config;
	return 0;
}

void tp_stop(struct tp *tp)
{
	tp->stopped = true;
	udp_stop(tp->udp);
	conns_stop(tp->conns);
}

const struct tp_listener *tp_listener_of(const struct tp *tp, uint16_t id)
{
	const struct tp_listener *l = listener_in(tp->config, id);
	const struct gone *gone = l ? NULL : gone_listener(tp, id);

	return gone ? &gone->listener : l;
}

const struct tp_zone *tp_zone_of(const struct tp *tp, uint16_t zone)
{
	return tp_zone_in(tp->config, zone);
}

/* ---- who may come, what may leave ---- */

bool tp_arrives(struct tp *tp, const struct tp_flow *flow, size_t len)
{
	if (!tp->env.on->arrival || tp->env.on->arrival(tp->env.arg, flow, len) == TP_PASS)
		return true;
	tp_count(tp, TP_STAT_DROP_ARRIVAL);
	return false;
}

bool tp_may_send(struct tp *tp, const struct tp_flow *to, struct sv bytes)
{
	if (!tp->env.on->sending || tp->env.on->sending(tp->env.arg, to, bytes) == TP_PASS)
		return true;
	tp_count(tp, TP_STAT_DROP_SENDING);
	return false;
}

/* Many phones may share the address of a NAT. Of an address that is known each port has a bucket of its own; strangers could
 * fill the table with ports. */
bool tp_keepalive_ok(struct tp *tp, const struct addr *peer, const struct tp_zone *zone)
{
	const struct tp_config *config = tp->config;
	bool known = config->known && config->known(config->known_arg, peer);

	if (tp_source_keepalive(tp->env.shared, peer, known, &zone->keepalives,
				loop_now_ms(tp->env.loop)))
		return true;
	tp_count(tp, TP_STAT_KEEPALIVES_OVER);
	return false;
}

/* ---- sending ---- */

int tp_send(struct tp *tp, const struct tp_target *to, struct sv bytes, struct tp_ticket *ticket)
{
	if (to->transport == SIP_TRANSPORT_UDP && to->conn == 0)
		return udp_send(tp->udp, to, bytes);
	return conns_send(tp->conns, to, bytes, ticket);
}

bool tp_flow_alive(struct tp *tp, const struct tp_flow *flow)
{
	if (flow->transport == SIP_TRANSPORT_UDP)
		return true;
	if (flow->conn == 0)
		return false;
	if (tp_conn_worker(flow->conn) == tp->env.worker)
		return conns_alive(tp->conns, flow->conn);
	return tp_directory_has(tp_shared_directory(tp->env.shared), flow->conn);
}

int tp_conn_target(struct tp *tp, tp_conn conn, struct tp_target *out)
{
	struct tp_target to = {.fixed = true};
	int err = tp_directory_target(tp_shared_directory(tp->env.shared), conn, &to);

	if (!err)
		*out = to;
	return err;
}

bool tp_try_stream(struct tp *tp, const struct tp_target *to, size_t n)
{
	const struct tp_config *config = tp->config;

	if (!config || n <= config->large_request || to->transport != SIP_TRANSPORT_UDP ||
	    to->fixed || to->conn)
		return false;
	for (unsigned i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->transport == SIP_TRANSPORT_TCP &&
		    config->listeners[i]->bound.family == to->addr.family)
			return !conns_refused(tp->conns, &to->addr);
	return false;
}

void tp_ticket_init(struct tp_ticket *ticket, void (*failed)(struct tp_ticket *, int))
{
	list_init(&ticket->link);
	ticket->failed = failed;
}

void tp_ticket_drop(struct tp_ticket *ticket)
{
	list_remove(&ticket->link);
}

/* ---- letters ---- */

void tp_letter_free(struct tp_letter *letter)
{
	free(letter);
}

void tp_receive_letter(struct tp *tp, struct tp_letter *letter)
{
	conns_letter(tp->conns, letter);
}
