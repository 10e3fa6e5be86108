/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn_tls with threads: workers that shake hands by the same TLS contexts at once, while the contexts are replaced under them (U-5), and resume each other's
 * sessions. Of use under TSan, and shows that nothing fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "transport/tls_test_peers.h"

enum { THREADS = 3, ROUNDS = 24 };

struct crew {
	struct world w;
	pthread_t thread;
	struct tls_sessions *sessions;
	struct tp_listener fresh[ROUNDS];
	const struct tp_listener *list[ROUNDS][1];
	struct tp_config config[ROUNDS];
	unsigned failed;
};

static struct crew crew[THREADS];
static struct tls_context *rounds[ROUNDS]; /* of each configuration */
static const struct tls_context *choices[ROUNDS][2];
static atomic_uint users[ROUNDS];

/* Take the next configuration over; the last one to do so frees the contexts of the one before. */
static void reload(struct crew *c, unsigned i)
{
	c->config[i] = c->w.config;
	c->fresh[i] = c->w.listener[0];
	c->fresh[i].tls = choices[i];
	c->list[i][0] = &c->fresh[i];
	c->config[i].listeners = c->list[i];
	if (tp_apply(c->w.tp, &c->config[i]) != 0)
		c->failed++;
	if (i > 0 && atomic_fetch_add(&users[i - 1], 1) + 1 == THREADS)
		tls_context_free(rounds[i - 1]);
}

static void turn(struct crew *c)
{
	if (loop_turn(c->w.loop, 1) != 0)
		c->failed++;
}

/* Connect to the listener of this worker, say a message, leave. */
static void one_peer(struct crew *c)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&c->w.listener[0].bound, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err = -EAGAIN;
	unsigned before = c->w.messages;
	bool sign = true;

	if (connect(fd, (struct sockaddr *)&ss, n) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		c->failed++;
	struct tls *peer = tls_client(fd, client, SV("example.com"), c->sessions, SV("key"));
	for (unsigned i = 0; i < 500 && err == -EAGAIN; i++) {
		err = tls_handshake(peer, &sign);
		turn(c);
	}
	if (err || tls_write(peer, OPTIONS, sizeof(OPTIONS) - 1) < 0)
		c->failed++;
	for (unsigned i = 0; i < 500 && c->w.messages == before; i++)
		turn(c);
	char buf[64];
	(void)!tls_read(peer, buf, sizeof(buf)); /* the ticket */
	c->failed += c->w.messages == before;
	tls_free(peer);
	(void)close(fd);
}

static void *crew_run(void *arg)
{
	struct crew *c = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		reload(c, i);
		one_peer(c);
		one_peer(c);
	}
	return NULL;
}

static void test_shared_contexts(void **state)
{
	struct tp_shared *shared = tp_shared_new(100);
	unsigned resumed = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		rounds[i] = server_of(&good, TLS_VERIFY_NONE);
		choices[i][0] = rounds[i];
	}
	for (unsigned i = 0; i < THREADS; i++) {
		struct crew *c = &crew[i];
		world_begin_as(&c->w, i, THREADS, shared);
		c->sessions = tls_sessions_new(4);
		(void)world_listen(&c->w, SIP_TRANSPORT_TLS, choices[0]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&crew[i].thread, NULL, crew_run, &crew[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(crew[i].thread, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(crew[i].failed, 0);
		assert_int_equal(counted(&crew[i].w, TP_STAT_TLS_DONE), 2 * ROUNDS);
		resumed += (unsigned)counted(&crew[i].w, TP_STAT_TLS_RESUMED);
		world_end(&crew[i].w);
		tls_sessions_free(crew[i].sessions);
	}
	assert_int_equal(resumed, THREADS * (2 * ROUNDS - 1));
	tls_context_free(rounds[ROUNDS - 1]);
	tp_shared_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared_contexts, begin, end),
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
