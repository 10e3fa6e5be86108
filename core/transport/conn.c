/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: the table of one worker's connections, what configurations change in it, and what is asked about single ones. Their lives are conn_life.c's. Called
 * by tp.c, and through tp.h by whoever has a connection's number.
 */
#include "transport/conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSIONS_MAX 256 /* servers that sessions are remembered of */
#define REMOTES_MAX  65536
#define SLOTS_FIRST  64
#define NO_SLOT      UINT32_MAX

/* ---- slots: used again as late as possible ---- */

static bool grow(struct conns *conns)
{
	uint32_t n = conns->slots ? conns->slots * 2 : SLOTS_FIRST;
	struct conn_slot *slot;

	if (n > TP_SLOTS_MAX)
		return false;
	slot = realloc(conns->slot, n * sizeof(*slot));
	if (!slot)
		return false;
	for (uint32_t i = conns->slots; i < n; i++)
		slot[i] = (struct conn_slot){0};
	conns->slot = slot;
	conns->slots = n;
	return true;
}

/* A slot that was never used, or NO_SLOT. Its count of generations begins by chance: numbers outlive this process, in the tokens and Vias that peers keep,
 * and must not lead to a connection of the next one. */
static uint32_t first_use(struct conns *conns)
{
	struct conn_slot *slot = &conns->slot[conns->used];

	if (rand_bytes(conns->tp->env.rnd, &slot->generation, sizeof(slot->generation)))
		return NO_SLOT;
	return conns->used++;
}

/* A free slot, or NO_SLOT. While others were never used, or the free ones are few, a slot rests. */
static uint32_t take_slot(struct conns *conns)
{
	uint32_t i = conns->free_first;

	if (conns->free_n < SLOTS_FIRST && (conns->used < conns->slots || grow(conns)))
		return first_use(conns);
	if (i == NO_SLOT)
		return NO_SLOT;
	conns->free_first = conns->slot[i].next_free;
	conns->free_n--;
	return i;
}

static void give_slot(struct conns *conns, uint32_t i)
{
	conns->slot[i].conn = NULL;
	conns->slot[i].next_free = NO_SLOT;
	if (conns->free_n == 0 || conns->free_first == NO_SLOT)
		conns->free_first = i;
	else
		conns->slot[conns->free_last].next_free = i;
	conns->free_last = i;
	conns->free_n++;
}

/* ---- one connection ---- */

bool conns_has_room(const struct conns *conns, bool let_in)
{
	uint32_t max = conns->config->conns_max, reserved = conns->config->conns_reserved;
	uint64_t for_strangers = (uint64_t)max * (100 - (reserved < 100 ? reserved : 100)) / 100;

	return conns->count < max && (let_in || conns->strangers < for_strangers);
}

bool conns_knows(const struct conns *conns, const struct addr *peer)
{
	const struct tp_config *config = conns->config;

	return config->known && config->known(config->known_arg, peer);
}

static void fill(struct conn *conn, struct conns *conns, const struct conn_birth *birth)
{
	conn->conns = conns;
	conn->entry.peer = birth->peer;
	conn->entry.listener = birth->listener;
	conn->entry.transport = birth->transport;
	conn->local = birth->local;
	conn->zone = birth->zone;
	conn->outgoing = birth->outgoing;
	conn->let_in = birth->let_in;
	conn->state = CONN_OPEN;
	conn->born_ms = conn->since_ms = conn->used_ms = conns_now(conns);
	memcpy(conn->key, birth->key.p, birth->key.n);
	conn->key_n = (uint16_t)birth->key.n;
	conn->domain_n = (uint16_t)birth->domain_n;
	list_init(&conn->link);
	list_init(&conn->flush);
	list_init(&conn->turn);
	list_init(&conn->tickets);
	wheel_timer_init(&conn->timer, conn_timer);
}

static bool watch_and_tell(struct conn *conn, int fd, unsigned events)
{
	struct tp *tp = conn_tp(conn);
	struct tp_directory *directory = tp_shared_directory(tp->env.shared);

	if (loop_watch(tp->env.loop, &conn->watch, fd, events, conn_event, "transport stream"))
		return false;
	if (tp_directory_add(directory, &conn->entry, sv_of(conn->key, conn->key_n),
			     conn->number)) {
		loop_unwatch(&conn->watch);
		return false;
	}
	return true;
}

struct conn *conn_new(struct conns *conns, const struct conn_birth *birth, unsigned events)
{
	struct conn *conn;
	uint32_t i;

	if (!conns_has_room(conns, birth->let_in) || (i = take_slot(conns)) == NO_SLOT)
		return NULL;
	conn = calloc(1, sizeof(*conn) + birth->key.n);
	if (!conn) {
		give_slot(conns, i);
		return NULL;
	}
	if (++conns->slot[i].generation == 0)
		conns->slot[i].generation = 1;
	conn->slot = i;
	conn->number = tp_conn_make(conns->tp->env.worker, i, conns->slot[i].generation);
	fill(conn, conns, birth);
	if (!watch_and_tell(conn, birth->fd, events)) {
		give_slot(conns, i);
		free(conn);
		return NULL;
	}
	conns->slot[i].conn = conn;
	conns->count++;
	conns->strangers += !conn->let_in;
	tp_count(conns->tp, TP_STAT_CONNS);
	return conn;
}

void conn_free(struct conn *conn)
{
	struct conns *conns = conn->conns;

	give_slot(conns, conn->slot);
	free(conn->alias);
	conns->count--;
	conns->strangers -= !conn->let_in;
	stats_add(conns->tp->env.stats, conns->tp->env.worker, TP_STAT_CONNS, -(uint64_t)1);
	free(conn);
}

struct conn *conn_find(const struct conns *conns, tp_conn number)
{
	uint32_t i = tp_conn_slot(number);
	struct conn *conn = i < conns->used ? conns->slot[i].conn : NULL;

	return conn && conn->number == number ? conn : NULL;
}

void conn_flow(const struct conn *conn, struct tp_flow *out)
{
	*out = (struct tp_flow){
		.peer = conn->entry.peer,
		.local = conn->local,
		.conn = conn->number,
		.listener = conn->entry.listener,
		.zone = conn->zone,
		.transport = conn->entry.transport,
		.proven = true,
		.trusted_tls = conn->trusted,
		.certified = conn->certified,
		.known = conn->let_in,
	};
}

/* ---- limits ---- */

/* For a connection whose zone the present configuration does not have any more. */
static const struct tp_zone no_zone = {
	.name = "",
	.conns_per_source = 32,
	.handshake_ms = 10000,
	.idle_ms = 30000,
	.idle_known_ms = 3600000,
	.complete_ms = 10000,
	.handshakes = {10, 1000, 10},
	.keepalives = {1, 1000, 1},
};

const struct tp_zone *conns_zone(const struct conns *conns, uint16_t zone)
{
	const struct tp_zone *found = tp_zone_in(conns->config, zone);

	return found ? found : &no_zone;
}

static const struct tp_listener *listener_in(const struct tp_config *config, uint16_t id)
{
	for (unsigned i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->id == id)
			return config->listeners[i];
	return NULL;
}

void conn_certify(struct conn *conn, const struct tp_config *config)
{
	conn->certified =
		conn->trusted && conn->tls && config && config->certified &&
		config->certified(config->known_arg, conn->zone, &conn->entry.peer, conn->tls);
}

/* The former configuration is about to go: what points into it follows. */
static void follow(struct conn *conn, const struct tp_config *config)
{
	const struct tp_listener *l = listener_in(config, conn->entry.listener);

	/* without its listener it stays in its zone as long as there is one; then the number is to be another's */
	if (l)
		conn->zone = l->zone;
	else if (!tp_zone_in(config, conn->zone))
		conn->zone = TP_ANY_ZONE;
	if (conn->tls && !conn->outgoing)
		tls_choose_from(conn->tls, l ? l->tls : NULL);
	conn_certify(conn, config);
}

/* ---- what tp.c calls ---- */

/* What waited for another turn: the private key, or bytes that no socket tells of. */
static void next_turn(void *arg)
{
	struct conns *conns = arg;
	struct list now, *link;

	conns_handshake_next(conns);
	list_init(&now);
	list_take_all(&now, &conns->again);
	while ((link = list_shift(&now))) {
		struct conn *conn = container_of(link, struct conn, turn);
		if (conn->state == CONN_OPEN && !conns->stopped)
			stream_read(conn);
	}
}

static void key_is_free(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	conns_handshake_next(container_of(t, struct conns, key_timer));
}

static void conns_begin(struct conns *conns, struct tp *tp)
{
	conns->tp = tp;
	conns->free_first = NO_SLOT;
	list_init(&conns->dead);
	list_init(&conns->flush);
	list_init(&conns->again);
	list_init(&conns->acceptors);
	list_init(&conns->hook.link);
	conns->hook.fn = conns_turn_end;
	wheel_timer_init(&conns->pause, acceptors_resume);
	wheel_timer_init(&conns->sweep, remotes_sweep);
	wheel_timer_init(&conns->key_timer, key_is_free);
	tls_meter_init(&conns->meter, tp->env.workers, loop_clock_us());
	conns->spare_fd = spare_fd_open();
}

struct conns *conns_new(struct tp *tp)
{
	struct conns *conns = calloc(1, sizeof(*conns));

	if (!conns)
		return NULL;
	conns_begin(conns, tp);
	if (map_init(&conns->remotes, REMOTES_MAX) == 0 &&
	    (conns->scratch = malloc(CONN_SCRATCH)) && (conns->record = malloc(TLS_RECORD)) &&
	    (conns->sessions = tls_sessions_new(SESSIONS_MAX)) &&
	    (conns->refusals = refusals_new()) &&
	    (conns->waker = loop_waker_new(tp->env.loop, next_turn, conns, "transport turn")))
		return conns;
	conns_free(conns);
	return NULL;
}

/* Tickets are let go, not failed: whoever sent is going as well. */
static void end_silently(struct conn *conn)
{
	conn_kill(conn, -ECANCELED);
	while (list_shift(&conn->tickets))
		;
	list_remove(&conn->link);
	conn_free(conn);
}

void conns_free(struct conns *conns)
{
	if (!conns)
		return;
	for (uint32_t i = 0; i < conns->used; i++)
		if (conns->slot[i].conn)
			end_silently(conns->slot[i].conn);
	acceptors_free(conns);
	remotes_free(conns);
	loop_hook_remove(&conns->hook);
	loop_waker_free(conns->waker);
	wheel_del(loop_wheel(conns->tp->env.loop), &conns->key_timer);
	tls_sessions_free(conns->sessions);
	refusals_free(conns->refusals);
	out_spares_free(conns);
	map_done(&conns->remotes);
	if (conns->spare_fd >= 0)
		(void)close(conns->spare_fd);
	free(conns->slot);
	free(conns->scratch);
	free(conns->record);
	free(conns);
}

int conns_apply(struct conns *conns, const struct tp_config *config)
{
	int err = acceptors_apply(conns, config);

	if (err)
		return err;
	if (conns->config && conns->config->tls_client != config->tls_client)
		tls_sessions_flush(conns->sessions); /* made by rules that may be others now */
	for (uint32_t i = 0; i < conns->used; i++)
		if (conns->slot[i].conn)
			follow(conns->slot[i].conn, config);
	conns->config = config;
	return 0;
}

void conns_stop(struct conns *conns)
{
	conns->stopped = true;
	acceptors_free(conns);
	for (uint32_t i = 0; i < conns->used; i++)
		if (conns->slot[i].conn && conns->slot[i].conn->state == CONN_OPEN)
			conn_watch(conns->slot[i].conn);
}

bool conns_alive(struct conns *conns, tp_conn conn)
{
	const struct conn *found = conn_find(conns, conn);

	return found && conn_is_up(found);
}

bool conns_refused(struct conns *conns, const struct addr *addr)
{
	return refusals_has(conns->refusals, addr, conns_now(conns));
}

/* ---- through tp.h ---- */

void tp_conn_known(struct tp *tp, tp_conn conn)
{
	struct conn *found;

	if (tp_conn_worker(conn) != tp->env.worker)
		letter_ask(tp->conns, conn, TP_LETTER_KNOWN);
	else if ((found = conn_find(tp->conns, conn)) && conn_is_up(found))
		conn_let_in(found);
}

void tp_conn_close(struct tp *tp, tp_conn conn)
{
	struct conn *found;

	if (tp_conn_worker(conn) != tp->env.worker)
		letter_ask(tp->conns, conn, TP_LETTER_CLOSE);
	else if ((found = conn_find(tp->conns, conn)))
		conn_close(found, -ECONNABORTED);
}

static const char *state_name(enum conn_state state)
{
	switch (state) {
	case CONN_CONNECTING: return "connecting";
	case CONN_HANDSHAKE: return "handshake";
	case CONN_OPEN: return "open";
	case CONN_CLOSING: return "closing";
	case CONN_DEAD: break;
	}
	return "dead";
}

void tp_conns_each(struct tp *tp, void (*fn)(void *arg, const struct tp_conn_info *info), void *arg)
{
	const struct conns *conns = tp->conns;
	uint64_t now = conns_now(conns);

	for (uint32_t i = 0; i < conns->used; i++) {
		const struct conn *conn = conns->slot[i].conn;
		struct tp_conn_info info;

		if (!conn)
			continue;
		info = (struct tp_conn_info){.state = state_name((enum conn_state)conn->state),
					     .domain = conn_domain(conn),
					     .age_ms = now - conn->born_ms,
					     .idle_ms = now - conn->used_ms,
					     .queued = conn->out_n,
					     .unread = conn->in_n,
					     .outgoing = conn->outgoing,
					     .known = conn->let_in};
		conn_flow(conn, &info.flow);
		fn(arg, &info);
	}
}
