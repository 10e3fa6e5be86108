/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * table: the transactions of one worker: making and freeing the table, its limits and gauges, and the life of what is in it. Matching and machines are elsewhere.
 */
#include "transaction/txn_priv.h"

#define SHARE 10 /* one server in so many is for requests in dialogs */

/* Without limits: those are kept by whoever begins a transaction, since they may change. */
static int init_maps(struct txn_table *table)
{
	struct map *const maps[] = {&table->servers, &table->clients, &table->old_acks,
				    &table->kept};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(maps) / sizeof(maps[0]); i++)
		err = map_init(maps[i], SIZE_MAX);
	return err;
}

struct txn_table *txn_table_new(const struct txn_env *env, const struct txn_conf *conf)
{
	struct txn_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->env = *env;
	table->conf = *conf;
	arena_init_buf(&table->arena, table->block, sizeof(table->block), TXN_BLOCK, TXN_BLOCK_MAX);
	if (rand_system(&table->secret, sizeof(table->secret)) == 0 && init_maps(table) == 0)
		return table;
	txn_table_free(table);
	return NULL;
}

static void end_all(struct map *map)
{
	struct map_iter it;
	struct map_node *node;

	if (!map->slots)
		return;
	map_iter_init(&it, map);
	while ((node = map_next(&it))) {
		struct txn *t = container_of(node, struct txn, node);

		t->state = IN_OVER;
		txn_hold(t);
		txn_unlink(t);
		if (txn_is_server(t))
			server_over(txn_to_server(t));
		else
			client_settle(txn_to_client(t));
		txn_drop(t);
	}
}

void txn_table_free(struct txn_table *table)
{
	if (!table)
		return;
	end_all(&table->clients);
	end_all(&table->servers);
	map_done(&table->kept);
	map_done(&table->old_acks);
	map_done(&table->clients);
	map_done(&table->servers);
	arena_done(&table->arena);
	free(table);
}

void txn_configure(struct txn_table *table, const struct txn_conf *conf)
{
	table->conf = *conf;
}

unsigned txn_servers(const struct txn_table *table)
{
	return (unsigned)map_count(&table->servers);
}

unsigned txn_clients(const struct txn_table *table)
{
	return (unsigned)map_count(&table->clients);
}

uint32_t txn_servers_room(const struct txn_conf *conf, bool in_dialog)
{
	uint32_t max = conf->servers_max, kept = max < SHARE ? 1 : max / SHARE;

	return in_dialog || max == 0 ? max : max - kept;
}

static unsigned percent(size_t n, uint32_t max)
{
	return max ? (unsigned)((uint64_t)n * 100 / max) : 100;
}

unsigned txn_load(const struct txn_table *table)
{
	unsigned servers =
		percent(map_count(&table->servers), txn_servers_room(&table->conf, false));
	unsigned clients = percent(map_count(&table->clients), table->conf.clients_max);

	return servers > clients ? servers : clients;
}

struct txn *txn_find(const struct map *map, const uint8_t key[TXN_KEY_LEN])
{
	struct map_node *node = map_find(map, sv_of((const char *)key, TXN_KEY_LEN));

	return node ? container_of(node, struct txn, node) : NULL;
}

static struct map *map_of(struct txn *t)
{
	return txn_is_server(t) ? &t->table->servers : &t->table->clients;
}

int txn_link(struct txn_table *table, struct txn *t, enum txn_machine machine, bool reliable)
{
	static const uint8_t first[TXN_MACHINES] = {[TXN_IST] = IN_PROCEEDING,
						    [TXN_NIST] = IN_TRYING,
						    [TXN_ICT] = IN_CALLING,
						    [TXN_NICT] = IN_TRYING};

	t->table = table;
	t->machine = (uint8_t)machine;
	t->state = first[machine];
	t->flags = TXN_LINKED | TXN_LIVE;
	if (reliable)
		t->flags |= TXN_RELIABLE;
	t->own_refs = 1;
	txn_timer_init(t);
	int err = map_insert(map_of(t), &t->node, sv_of((const char *)t->key, TXN_KEY_LEN));
	if (err)
		return err;
	bool server = txn_is_server(t);
	txn_count(table, server ? TXN_STAT_SERVERS : TXN_STAT_CLIENTS);
	txn_count(table, server ? TXN_STAT_SERVERS_NEW : TXN_STAT_CLIENTS_NEW);
	txn_count(table, TXN_STAT_LIVE);
	return 0;
}

void txn_not_live(struct txn *t)
{
	if (!(t->flags & TXN_LIVE))
		return;
	t->flags &= (uint8_t)~TXN_LIVE;
	txn_uncount(t->table, TXN_STAT_LIVE);
}

void txn_unlink(struct txn *t)
{
	if (!(t->flags & TXN_LINKED))
		return;
	t->flags &= (uint8_t)~TXN_LINKED;
	map_remove(map_of(t), &t->node);
	txn_stop(t);
	txn_not_live(t);
	txn_uncount(t->table, txn_is_server(t) ? TXN_STAT_SERVERS : TXN_STAT_CLIENTS);
	txn_drop(t);
}

void txn_hold(struct txn *t)
{
	assert(t->own_refs < UINT16_MAX);
	t->own_refs++;
}

void txn_drop(struct txn *t)
{
	assert(t->own_refs > 0);
	if (--t->own_refs > 0 || t->tu_refs > 0)
		return;
	if (txn_is_server(t))
		server_free(txn_to_server(t));
	else
		client_free(txn_to_client(t));
}

struct txn_bytes *txn_copy(struct sv bytes)
{
	struct txn_bytes *b = malloc(sizeof(*b) + bytes.n);

	if (!b)
		return NULL;
	b->n = (uint32_t)bytes.n;
	if (bytes.n)
		memcpy(b->p, bytes.p, bytes.n);
	return b;
}

struct sip_out *txn_scratch(struct txn_table *table)
{
	arena_reset(&table->arena);
	sip_out_init(&table->out, &table->arena);
	return &table->out;
}
