/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * table: limits and gauges, references of TU and table in every order of letting go, what compacted transactions still hold, and freeing a table that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transaction/test_txn.h"

static struct arrived first;
static struct asked question;

static int begin(void **unused)
{
	(void)unused;
	return world_begin(1000) ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	world_end();
	return 0;
}

static struct txn_server *server_of(unsigned i, const char *method)
{
	char branch[32];

	snprintf(branch, sizeof(branch), "z9hG4bKn%u", i);
	return serve_new(&(struct say){.branch = branch, .method = method}, &first);
}

static void limits(void **unused)
{
	struct txn_conf conf = world_conf;
	struct txn_server *servers[4];
	struct asked asked[4];

	(void)unused;
	conf.servers_max = 5; /* one of them for dialogs */
	conf.clients_max = 3;
	txn_configure(world.table, &conf);
	assert_int_equal(txn_load(world.table), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(servers[i] = server_of(i, "OPTIONS"));
	assert_int_equal(txn_load(world.table), 100);
	assert_null(server_of(4, "OPTIONS"));
	assert_int_equal(stat(TXN_STAT_SERVERS_REFUSED), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(ask(&asked[i], "OPTIONS", SIP_TRANSPORT_UDP));
	assert_null(ask(&asked[3], "OPTIONS", SIP_TRANSPORT_UDP));
	assert_int_equal(stat(TXN_STAT_CLIENTS_REFUSED), 1);
	assert_int_equal(txn_servers(world.table), 4);
	assert_int_equal(txn_clients(world.table), 3);
	assert_int_equal(stat(TXN_STAT_SERVERS), 4);
	assert_int_equal(stat(TXN_STAT_CLIENTS), 3);
	assert_int_equal(stat(TXN_STAT_LIVE), 7);
	for (unsigned i = 0; i < 4; i++) {
		reply(servers[i], 404);
		txn_server_unref(servers[i]);
	}
	for (unsigned i = 0; i < 3; i++) {
		answer(&asked[i], "OPTIONS", 200, NULL);
		txn_client_release(asked[i].client);
	}
	assert_int_equal(stat(TXN_STAT_LIVE), 0);
	assert_int_equal(txn_load(world.table), 100); /* what lingers counts */
	pass(5000);
	conf.servers_max = 9;
	conf.clients_max = 0;
	txn_configure(world.table, &conf);
	assert_int_equal(txn_load(world.table), 100); /* no room is full */
	conf.clients_max = 1000;
	txn_configure(world.table, &conf);
	assert_int_equal(txn_load(world.table), 50);
	pass(27000);
	assert_int_equal(txn_servers(world.table) + txn_clients(world.table), 0);
	assert_int_equal(stat(TXN_STAT_SERVERS_NEW), 4);
	assert_int_equal(stat(TXN_STAT_CLIENTS_NEW), 3);
}

/* A tenth of the servers, at least one, is for what is in a dialog: the rest may be full of anything. */
static void kept_for_dialogs(void **unused)
{
	static const struct {
		unsigned max, others;
	} rows[] = {{0, 0}, {1, 0}, {2, 1}, {9, 8}, {10, 9}, {19, 18}, {20, 18}, {30, 27}};
	struct txn_conf conf = world_conf;
	unsigned n = 0;

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf.servers_max = rows[i].max;
		txn_configure(world.table, &conf);
		for (; txn_servers(world.table) < rows[i].others; n++)
			txn_server_unref(server_of(n, "OPTIONS"));
		uint64_t refused = stat(TXN_STAT_SERVERS_REFUSED);
		assert_null(server_of(n++, "OPTIONS"));
		assert_int_equal(stat(TXN_STAT_SERVERS_REFUSED), refused + 1);
		assert_int_equal(txn_load(world.table), 100);
	}
	for (unsigned i = 0; i < 3; i++) { /* of the last row: 27 of 30 */
		assert_null(server_of(n++, "BYE"));
		struct txn_server *bye = txn_server_new(world.table, &first.kept, true);
		assert_non_null(bye);
		txn_server_unref(bye);
	}
	assert_true(txn_load(world.table) > 100);
	assert_null(server_of(n, "BYE"));
	assert_null(txn_server_new(world.table, &first.kept, true));
}

/* Nothing may come between TXN_NEW and its transaction; if it does, there is one all the same. */
static void twice(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	assert_null(txn_server_new(world.table, &first.kept, false));
	assert_int_equal(txn_servers(world.table), 1);
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	struct sip_via via = asked_via(question.branch);
	assert_null(txn_client_new(world.table, &via, SIP_METHOD_OPTIONS,
				   txn_client_target(question.client), SV("OPTIONS x"), &world_ops,
				   NULL));
	assert_int_equal(txn_clients(world.table), 1);
	txn_client_release(question.client);
	reply(server, 404);
	txn_server_unref(server);
}

/* The TU lets go of an INVITE without an answer: a fault of its own. */
static void abandoned(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);
	struct txn_server *other = serve_new(&(struct say){.method = "OPTIONS"}, &first);

	(void)unused;
	txn_server_ref(server);
	txn_server_unref(server);
	assert_int_equal(txn_servers(world.table), 2);
	txn_server_unref(server);
	assert_int_equal(txn_servers(world.table), 1);
	txn_server_unref(other);
	assert_int_equal(stat(TXN_STAT_ABANDONED), 2);
	/* The other one is absorbed until nobody sends it any more (RFC 4320). */
	assert_int_equal(request(&(struct say){.method = "OPTIONS"}, NULL), TXN_ABSORBED);
	assert_int_equal(world.tp.n, 0);
	pass(32000);
	assert_int_equal(txn_servers(world.table), 0);
}

/* A reference holds what is over. */
static void held_longer(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);

	(void)unused;
	txn_server_set_user(server, &first);
	reply(server, 404);
	pass(32000);
	assert_int_equal(txn_servers(world.table), 0);
	assert_int_equal(txn_server_status(server), 404);
	assert_ptr_equal(txn_server_user(server), &first);
	assert_null(server->last);
	assert_int_equal(reply(server, 200), MG_EINVAL);
	txn_server_100(server, NULL, NULL);
	assert_int_equal(txn_server_send(server, SV("SIP/2.0 200 OK\r\n\r\n")), 0);
	txn_server_unref(server);
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	assert_non_null(txn_client_target(question.client));
	assert_null(txn_client_user(question.client));
	pass(32000);
	assert_null(txn_client_target(question.client));
	txn_client_cancel(question.client, SV(""));
	assert_false(txn_client_cancelled(question.client));
	txn_client_release(question.client);
}

/* What lingers is the key, the peer, the timer, and what is owed. */
static void compacted(void **unused)
{
	struct txn_server *server = serve_new(&(struct say){0}, &first);
	struct txn_server *other = serve_new(&(struct say){.method = "OPTIONS"}, &first);

	(void)unused;
	assert_true(sizeof(struct txn_server) <= 200);
	assert_true(sizeof(struct txn_client) <= 160);
	assert_true(sizeof(struct txn_mark) <= 24);
	reply(server, 180);
	assert_non_null(server->last);
	reply(server, 404);
	assert_int_equal(server->last->n, sent_last()->n);
	assert_int_equal(request(&(struct say){.method = "ACK"}, NULL), TXN_ABSORBED);
	assert_null(server->last); /* Confirmed */
	txn_server_unref(server);
	reply(other, 200);
	assert_int_equal(other->last->n, sent_last()->n);
	txn_server_unref(other);
	server = server_of(3, "INVITE");
	reply(server, 180);
	reply(server, 200);
	assert_null(server->last); /* Accepted */
	txn_server_unref(server);
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	answer(&question, "INVITE", 200, NULL);
	assert_null(question.client->live);
	assert_null(question.client->marks);
	txn_client_release(question.client);
	ask(&question, "INVITE", SIP_TRANSPORT_UDP);
	answer(&question, "INVITE", 404, NULL);
	assert_null(question.client->live);
	assert_int_equal(question.client->ack->n, sent_last()->n);
	txn_client_release(question.client);
	ask(&question, "OPTIONS", SIP_TRANSPORT_UDP);
	answer(&question, "OPTIONS", 200, NULL);
	assert_null(question.client->live);
	txn_client_release(question.client);
}

static void write_100(void *arg, struct txn_server *server, struct sip_out *out)
{
	(void)arg;
	(void)server;
	sip_out_copy(out, SV("SIP/2.0 100 Trying\r\n\r\n"));
}

/* The TU's reference goes without what letting go does. */
static void forsake(struct txn *t)
{
	txn_hold(t);
	t->tu_refs = 0;
	txn_drop(t);
}

/* Freed as it is, in every state; the leak check sees what is left. */
static void freed_full(void **unused)
{
	static const char *const methods[] = {"INVITE", "OPTIONS"};
	static struct arrived old;
	struct say say = {.status = 200};
	unsigned n = 0;

	(void)unused;
	for (unsigned m = 0; m < 2; m++)
		for (unsigned status = 0; status < 700; status += 100) {
			struct txn_server *server = server_of(n++, methods[m]);
			txn_server_100(server, write_100, NULL);
			if (status)
				reply(server, status);
			ask(&question, methods[m], n % 3 ? SIP_TRANSPORT_UDP : SIP_TRANSPORT_TCP);
			if (status)
				answer(&question, methods[m], status, NULL);
			if (status == 100)
				txn_client_cancel(question.client, SV("x"));
			if (status == 0)
				txn_client_cancel(question.client, SV("waits"));
			if (status == 200)
				txn_client_keep_2xx(question.client, server, &arrive(&say)->msg,
						    SV("x"));
			question.client->ops = NULL;
			forsake(&question.client->txn);
			forsake(&server->txn);
		}
	struct txn_server *server =
		serve_new(&(struct say){.branch = "", .peer = "192.0.2.1:9"}, &old);
	reply(server, 404);
	txn_server_unref(server);
	assert_true(txn_servers(world.table) > 10 && txn_clients(world.table) > 10);
	txn_table_free(world.table);
	world.table = NULL;
	assert_int_equal(wheel_count(&world.loop.wheel), 0);
	assert_true(list_empty(&world.tp.tickets));
	txn_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(limits, begin, end),
		cmocka_unit_test_setup_teardown(kept_for_dialogs, begin, end),
		cmocka_unit_test_setup_teardown(twice, begin, end),
		cmocka_unit_test_setup_teardown(abandoned, begin, end),
		cmocka_unit_test_setup_teardown(held_longer, begin, end),
		cmocka_unit_test_setup_teardown(compacted, begin, end),
		cmocka_unit_test_setup_teardown(freed_full, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
