/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * accept: who is let in and who is not (T-2), what happens without descriptors (O-4), and listeners that come and go with reloads, over loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "transport/stream_test_world.h"

static struct world w;
static struct tp_listener *tcp;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);
	world_apply(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

/* ---- who is let in ---- */

static void refused_then(int fd)
{
	world_until(&w, peer_closed(fd));
	(void)close(fd);
}

static void test_arrival(void **state)
{
	(void)state;
	w.drop_arrivals = true;
	refused_then(peer_connect(&tcp->bound));
	assert_int_equal(counted(&w, TP_STAT_DROP_ARRIVAL), 1);
	assert_int_equal(counted(&w, TP_STAT_CONNS_IN), 0);
}

static void test_cap_of_a_source(void **state)
{
	int fd[5];

	(void)state;
	w.zone[0].conns_per_source = 3;
	for (unsigned i = 0; i < 3; i++)
		fd[i] = world_peer(&w, tcp);
	refused_then(peer_connect(&tcp->bound));
	assert_int_equal(counted(&w, TP_STAT_REFUSED_SOURCE), 1);
	w.known = true; /* a known one is not counted */
	fd[3] = world_peer(&w, tcp);
	w.known = false;
	refused_then(peer_connect(&tcp->bound));
	(void)close(fd[0]); /* one goes, one comes */
	world_until(&w, w.closed == 1);
	fd[0] = world_peer(&w, tcp);
	refused_then(peer_connect(&tcp->bound));
	peer_say(fd[0], SV(OPTIONS)); /* one is let in: its place is free */
	world_until(&w, w.messages == 1);
	tp_conn_known(w.tp, w.seen[0].flow.conn);
	fd[4] = world_peer(&w, tcp);
	refused_then(peer_connect(&tcp->bound));
	(void)close(fd[0]); /* and not free twice */
	world_until(&w, w.closed == 2);
	refused_then(peer_connect(&tcp->bound));
	for (unsigned i = 1; i < 5; i++)
		(void)close(fd[i]);
	world_until(&w, w.closed == 6);
	assert_int_equal(w.tp->conns->strangers, 0);
	for (unsigned i = 0; i < 3; i++) /* all counts are back */
		fd[i] = world_peer(&w, tcp);
	for (unsigned i = 0; i < 3; i++)
		(void)close(fd[i]);
}

static void test_reserved_share(void **state)
{
	struct addr peer_addr;
	int peer_listen = listening(AF_INET, 4, &peer_addr);
	struct tp_target to = tcp_target(&peer_addr, tcp);
	int fd[8];

	(void)state;
	w.config.conns_max = 8;
	w.config.conns_reserved = 50;
	for (unsigned i = 0; i < 4; i++)
		fd[i] = world_peer(&w, tcp);
	refused_then(peer_connect(&tcp->bound));
	assert_int_equal(counted(&w, TP_STAT_REFUSED_FULL), 1);
	w.known = true;
	for (unsigned i = 4; i < 7; i++)
		fd[i] = world_peer(&w, tcp);
	assert_int_equal(tp_send(w.tp, &to, SV(OPTIONS), NULL), 0); /* we may, too */
	fd[7] = -1;
	world_until(&w, (fd[7] = accept4(peer_listen, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	refused_then(peer_connect(&tcp->bound));
	assert_int_equal(counted(&w, TP_STAT_REFUSED_FULL), 2);
	to.addr.port++;
	assert_int_equal(tp_send(w.tp, &to, SV(OPTIONS), NULL), -ENOBUFS);
	for (unsigned i = 0; i < 8; i++)
		(void)close(fd[i]);
	(void)close(peer_listen);
	world_until(&w, w.closed == 8);
	assert_int_equal(counted(&w, TP_STAT_CONNS), 0);
}

/* ---- no descriptors (O-4) ---- */

/* Another process that connects `n` times, tells so, and holds its connections until told. */
static pid_t crowd(const struct addr *to, unsigned n, int ready[2], int over[2])
{
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(over), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	(void)close(over[1]);
	for (unsigned i = 0; i < n; i++) {
		struct sockaddr_storage ss;
		socklen_t len = addr_to_sockaddr(to, &ss);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fd, (struct sockaddr *)&ss, len);
	}
	if (write(ready[1], &c, 1) == 1)
		(void)!read(over[0], &c, 1);
	_exit(0);
}

static unsigned used_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_no_descriptors(void **state)
{
	struct rlimit before, few;
	int ready[2], over[2];
	pid_t pid;
	char c;

	(void)state;
	w.zone[0].conns_per_source = 1000;
	w.config.conns_reserved = 0;
	pid = crowd(&tcp->bound, 100, ready, over);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = used_descriptors() + 20;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	world_until(&w, counted(&w, TP_STAT_REFUSED_FDS) + counted(&w, TP_STAT_CONNS_IN) == 100);
	assert_in_range(counted(&w, TP_STAT_CONNS_IN), 10, 30);
	/* connections that are there go on, and the loop rests */
	int fd = -1;
	uint64_t turns = loop_turns(w.loop), begun = now_ms();
	while (now_ms() < begun + 150)
		assert_int_equal(loop_turn(w.loop, 50), 0);
	assert_true(loop_turns(w.loop) - turns < 20);
	/* and all is well again when there are some */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	fd = world_peer(&w, tcp);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	(void)close(fd);
	(void)close(over[0]);
	(void)close(over[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- reloads ---- */

static void test_reload(void **state)
{
	int fd = world_peer(&w, tcp), late;
	struct tp_zone moved[2] = {w.zone[1], w.zone[0]};
	struct tp_listener old = *tcp;
	struct tp_config next = w.config;
	const struct tp_listener *list[2] = {0};
	struct tp_listener fresh = *tcp;

	(void)state;
	/* the same listener, its zone has another number: accepting goes on, connections follow */
	fresh.zone = 1;
	list[0] = &fresh;
	next.listeners = list;
	next.zones = moved;
	assert_int_equal(tp_apply(w.tp, &next), 0);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 1);
	assert_int_equal(w.seen[0].flow.zone, 1);
	late = world_peer(&w, &fresh);
	(void)close(late);
	/* another listener instead: the connection stays */
	struct tp_listener other = old;
	struct tp_config last = next;
	const struct tp_listener *others[1] = {&other};
	other.id = 50;
	other.fd[0] = listening(AF_INET, 16, &other.bound);
	last.listeners = others;
	assert_int_equal(tp_apply(w.tp, &last), 0);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 2);
	assert_int_equal(w.seen[1].flow.listener, old.id);
	assert_int_equal(w.seen[1].flow.zone, 1);
	late = peer_connect(&old.bound); /* by the kernel; nobody takes it */
	world_for(&w, 30);
	assert_int_equal(counted(&w, TP_STAT_CONNS_IN), 2);
	(void)close(late);
	late = world_peer(&w, &other);
	(void)close(late);
	/* without its zone it is in none, also when another zone has the number afterwards */
	struct tp_zone but[2] = {moved[0], {.name = NULL}};
	struct tp_config without = last;
	other.zone = 0;
	without.zones = but;
	assert_int_equal(tp_apply(w.tp, &without), 0);
	assert_int_equal(tp_apply(w.tp, &last), 0);
	peer_say(fd, SV(OPTIONS));
	world_until(&w, w.messages == 3);
	assert_int_equal(w.seen[2].flow.zone, TP_ANY_ZONE);
	(void)close(fd);
	assert_int_equal(tp_apply(w.tp, &w.config), 0);
	(void)close(other.fd[0]);
}

/* A configuration that cannot be taken changes nothing. */
static void test_reload_fails(void **state)
{
	struct tp_listener good = *tcp, bad = *tcp;
	struct tp_config next = w.config;
	const struct tp_listener *list[2] = {&good, &bad};
	int fd;

	(void)state;
	good.id = 51;
	good.fd[0] = listening(AF_INET, 16, &good.bound);
	bad.id = 52;
	bad.fd[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC); /* which epoll does not take */
	next.listeners = list;
	next.n_listeners = 2;
	assert_int_equal(tp_apply(w.tp, &next), MG_ENOMEM);
	fd = peer_connect(&good.bound);
	world_for(&w, 20);
	assert_int_equal(counted(&w, TP_STAT_CONNS_IN), 0);
	(void)close(fd);
	fd = world_peer(&w, tcp);
	(void)close(fd);
	(void)close(good.fd[0]);
	(void)close(bad.fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_arrival),        T(test_cap_of_a_source), T(test_reserved_share),
		T(test_no_descriptors), T(test_reload),          T(test_reload_fails),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
