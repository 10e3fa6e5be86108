/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conn: what a connection that does nothing costs in memory of ours: at most 4.5 kB for TCP, with a message begun (T-1) 4 KiB, and 40 kB for TLS. Peers live in
 * another process, so that only one side is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <malloc.h>
#include <sys/wait.h>

#include "transport/tls_test_peers.h"

enum { MANY = 300 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
	__has_feature(thread_sanitizer)
#define OTHER_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_MALLOC 1
#endif

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* In the peers' process: connect, shake hands if there is a context, say `text`, and stay until `over` closes. */
static void peers(const struct addr *to, const struct tls_context *context, struct sv text,
		  int over)
{
	static struct tls *open_tls[MANY];
	char c;

	for (unsigned i = 0; i < MANY; i++) {
		int fd = peer_connect(to);
		bool sign = true;
		if (context) {
			open_tls[i] =
				tls_client(fd, context, SV("example.com"), NULL, sv_of("", 0));
			if (!open_tls[i] || tls_handshake(open_tls[i], &sign) != 0)
				_exit(1);
		} else if (text.n && send(fd, text.p, text.n, 0) != (ssize_t)text.n) {
			_exit(1);
		}
	}
	(void)!read(over, &c, 1);
	_exit(0);
}

/* Bytes a connection, once all are there as `ready` says. */
static size_t cost(const struct tp_listener *l, const struct tls_context *context, struct sv text,
		   bool (*ready)(void))
{
	int over[2];
	pid_t pid;
	size_t before, after;

	w.zone[0].conns_per_source = w.config.handshakes_max = w.config.conns_max = 10000;
	w.zone[0].handshakes_per_source = 10000;
	w.zone[0].handshakes = (struct limit_rule){10000, 1, 10000};
	assert_int_equal(pipe(over), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(over[1]);
		peers(&l->bound, context, text, over[0]);
	}
	before = in_use();
	world_until(&w, ready());
	world_for(&w, 20);
	after = in_use();
	(void)close(over[0]);
	(void)close(over[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	world_until(&w, w.closed == MANY);
	return (after - before) / MANY;
}

static bool all_accepted(void)
{
	return counted(&w, TP_STAT_CONNS) == MANY;
}

static bool all_begun(void)
{
	return all_accepted() && w.tp->conns->in_bytes >= (uint64_t)MANY * 16;
}

static bool all_shaken(void)
{
	return counted(&w, TP_STAT_TLS_DONE) == MANY;
}

static bool cannot_measure(void)
{
#ifdef OTHER_MALLOC
	print_message("SKIP: another malloc than libc's\n");
	return true;
#else
	return false;
#endif
}

static void expect(const char *what, size_t bytes, size_t most)
{
	print_message("%s: %zu bytes\n", what, bytes);
	assert_in_range(bytes, 1, most);
}

static void test_tcp(void **state)
{
	struct tp_listener *tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);

	(void)state;
	if (cannot_measure())
		return;
	world_apply(&w);
	expect("TCP, idle", cost(tcp, NULL, sv_of("", 0), all_accepted), 4500);
}

static void test_slow(void **state)
{
	struct tp_listener *tcp = world_listen(&w, SIP_TRANSPORT_TCP, NULL);

	(void)state;
	if (cannot_measure())
		return;
	world_apply(&w);
	expect("TCP, message begun", cost(tcp, NULL, SV("OPTIONS sip:x@exa"), all_begun), 4096);
}

static void test_tls_silent(void **state)
{
	(void)state;
	if (cannot_measure())
		return;
	expect("TLS, nothing said", cost(tls, NULL, sv_of("", 0), all_accepted), 4500);
}

static void test_tls(void **state)
{
	(void)state;
	if (cannot_measure())
		return;
	expect("TLS, idle", cost(tls, client, sv_of("", 0), all_shaken), 40000);
}

static void test_tls_12(void **state)
{
	(void)state;
	if (cannot_measure())
		return;
	CERT_MUST(SSL_CTX_set_max_proto_version(client->ssl, TLS1_2_VERSION));
	expect("TLS 1.2, idle", cost(tls, client, sv_of("", 0), all_shaken), 40000);
}

static void test_tls_half(void **state)
{
	(void)state;
	if (cannot_measure())
		return;
	expect("TLS, hello begun", cost(tls, NULL, SV("\x16\x03\x01\x02\x00\x01"), all_accepted),
	       4500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(test_tcp), T(test_slow),   T(test_tls_silent),
		T(test_tls), T(test_tls_12), T(test_tls_half),
#undef T
	};
	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
