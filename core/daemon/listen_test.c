/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of listen.c, on loopback.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/listen.h"

static char folder[64];

static void hush(void *arg, enum log_level level, struct sv line)
{
	(void)arg, (void)level, (void)line;
}

static int setup(void **state)
{
	(void)state;
	log_to(hush, NULL);
	snprintf(folder, sizeof(folder), "/tmp/margrave-listen-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A port of loopback that is free for both. */
static unsigned free_port(void)
{
	for (;;) {
		struct addr a = addr_v4((const uint8_t[]){127, 0, 0, 1}, 0);
		struct sockaddr_storage sa;
		socklen_t n = sizeof(sa);
		int tcp = listen_tcp(&a), udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		assert_true(tcp >= 0 && udp >= 0);
		assert_int_equal(getsockname(tcp, (struct sockaddr *)&sa, &n), 0);
		bool both = bind(udp, (struct sockaddr *)&sa, n) == 0;
		assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, n, &a), 0);
		close(tcp);
		close(udp);
		if (both)
			return a.port;
	}
}

/* Listeners as a zone writes them, %u being the port. Returns what listen_open does, with the first fault. */
static int open_these(struct listen_set *out, const char *const *listen, size_t n, unsigned port,
		      unsigned workers, const struct listen_set *old, char *fault, size_t room)
{
	char text[8][64];
	const char *list[8];
	struct zone_settings zone = {.name = "z", .listen = {.items = list, .n = n}};
	struct settings s = {.zones = {.items = &zone, .n = 1},
			     .transport = {.socket_buffer_bytes = 65536}};
	struct conf_faults faults;

	for (size_t i = 0; i < n; i++) {
		const char *colon = strrchr(listen[i], ':');

		snprintf(text[i], sizeof(text[i]), "%.*s:%u", (int)(colon - listen[i]), listen[i],
			 port + (unsigned)strtoul(colon + 1, NULL, 10));
		list[i] = text[i];
	}
	conf_faults_init(&faults);
	int err = listen_open(out, &s, workers, old, &faults);
	snprintf(fault, room, "%s", faults.n ? faults.text[0] : "");
	conf_faults_done(&faults);
	return err;
}

static void test_one_for_each_worker(void **state)
{
	static const char *const listen[] = {"udp:127.0.0.1:0", "tcp:127.0.0.1:0"};
	struct listen_set set;
	char fault[256];
	int before = lowest();

	(void)state;
	assert_int_equal(open_these(&set, listen, 2, free_port(), 3, NULL, fault, sizeof(fault)),
			 0);
	assert_int_equal(set.n, 6);
	for (size_t i = 0; i < set.n; i++) {
		int on = 0;
		socklen_t n = sizeof(on);

		assert_int_equal(set.socket[i].info.worker, i % 3);
		assert_int_equal(set.socket[i].info.id, i / 3 + 1);
		assert_int_equal(getsockopt(set.socket[i].fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n),
				 0);
		assert_int_equal(on, i >= 3);
		assert_true(fcntl(set.socket[i].fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(set.socket[i].fd, F_GETFL) & O_NONBLOCK);
	}
	listen_close(&set);
	assert_int_equal(lowest(), before);
}

static bool same_socket(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino;
}

static void test_over_a_reload(void **state)
{
	static const char *const first[] = {"udp:127.0.0.1:0", "tcp:127.0.0.1:0"};
	static const char *const second[] = {"tcp:127.0.0.1:0", "udp:127.0.0.2:0"};
	struct listen_set a, b, c;
	char fault[256];
	unsigned port = free_port();
	int before = lowest();

	(void)state;
	assert_int_equal(open_these(&a, first, 2, port, 1, NULL, fault, sizeof(fault)), 0);
	assert_int_equal(open_these(&b, second, 2, port, 1, &a, fault, sizeof(fault)), 0);
	assert_true(same_socket(a.socket[1].fd, b.socket[0].fd));
	assert_int_equal(b.socket[0].info.id, a.socket[1].info.id);
	assert_int_not_equal(b.socket[1].info.id,
			     a.socket[0].info.id); /* not to be taken for the one that goes */
	assert_false(listen_same(&a, &b));
	assert_int_equal(open_these(&c, first, 2, port, 1, &a, fault, sizeof(fault)), 0);
	assert_true(listen_same(&a, &c));
	listen_close(&a);
	listen_close(&b);
	listen_close(&c);
	assert_int_equal(lowest(), before);
}

/* A listener is taken away and comes back while the SIP process still has its socket: that is no stranger's. What is gone keeps its number to itself. */
static void test_comes_back(void **state)
{
	static const char *const one[] = {"udp:127.0.0.1:0"}, *const two[] = {"udp:127.0.0.2:0"},
				 *const three[] = {"udp:127.0.0.3:0"};
	struct listen_set a, b, c, d;
	unsigned port = free_port();
	char fault[256];

	(void)state;
	assert_int_equal(open_these(&a, one, 1, port, 2, NULL, fault, sizeof(fault)), 0);
	int kept = dup(a.socket[0].fd);
	assert_int_equal(a.n_gone, 0);
	assert_int_equal(open_these(&b, two, 1, port, 2, &a, fault, sizeof(fault)), 0);
	listen_close(&a);
	assert_int_equal(b.socket[0].info.id, 2);
	assert_int_equal(b.n_gone, 1);
	assert_int_equal(open_these(&c, three, 1, port, 2, &b, fault, sizeof(fault)), 0);
	assert_int_equal(c.socket[0].info.id, 3); /* not 1 */
	assert_int_equal(c.n_gone, 2);
	assert_int_equal(open_these(&d, one, 1, port, 2, &c, fault, sizeof(fault)), 0);
	assert_int_equal(d.socket[0].info.id, 4);
	listen_close(&d);
	/* when it should have been closed long ago it is somebody else's */
	c.gone[0].until_ms = c.gone[1].until_ms = 1;
	assert_int_equal(open_these(&d, one, 1, port, 2, &c, fault, sizeof(fault)), MG_EPARSE);
	assert_non_null(strstr(fault, "in use"));
	listen_close(&b);
	listen_close(&c);
	close(kept);
}

static void test_refused(void **state)
{
	/* clang-format off */
	static const struct {
		const char *listen[2];
		size_t n;
		const char *why;
	} rows[] = {
		{{"udp:127.0.0.1:0", "udp:127.0.0.1:0"}, 2, "twice"},
		{{"tcp:127.0.0.1:0", "tls:127.0.0.1:0"}, 2, "twice"}, /* SO_REUSEPORT would let both have it */
		{{"udp:192.0.2.1:0"}, 1, "assign"},
		{{"udp:nosuch0:0"}, 1, "no such interface"},
	};
	/* clang-format on */
	int before = lowest();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct listen_set set;
		char fault[256];

		assert_int_equal(open_these(&set, rows[i].listen, rows[i].n, free_port(), 2, NULL,
					    fault, sizeof(fault)),
				 MG_EPARSE);
		if (!strstr(fault, rows[i].why))
			fail_msg("%s: %s", rows[i].listen[0], fault);
	}
	assert_int_equal(lowest(), before);
}

/* What another daemon of the same user has with SO_REUSEPORT is not shared with it. */
static void test_somebody_elses(void **state)
{
	static const char *const both[] = {"udp:127.0.0.1:0", "tcp:127.0.0.1:0"};
	static const char *const wild[] = {"udp:0.0.0.0:0"};
	struct listen_set first, second;
	char fault[256];
	unsigned port = free_port();

	(void)state;
	assert_int_equal(open_these(&first, both, 2, port, 1, NULL, fault, sizeof(fault)), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			open_these(&second, &both[i], 1, port, 1, NULL, fault, sizeof(fault)),
			MG_EPARSE);
		assert_non_null(strstr(fault, "in use"));
	}
	assert_int_equal(open_these(&second, wild, 1, port, 1, NULL, fault, sizeof(fault)),
			 MG_EPARSE);
	/* our own is no obstacle: from one address to all */
	assert_int_equal(open_these(&second, wild, 1, port, 1, &first, fault, sizeof(fault)), 0);
	listen_close(&second);
	listen_close(&first);
}

static void test_interface(void **state)
{
	static const char *const lo[] = {"udp:lo:0"};
	struct listen_set set;
	char fault[256];
	bool loopback = false;

	(void)state;
	assert_int_equal(open_these(&set, lo, 1, free_port(), 1, NULL, fault, sizeof(fault)), 0);
	for (size_t i = 0; i < set.n; i++) {
		assert_int_equal(set.socket[i].info.wildcard, 0);
		loopback = loopback || addr_class(&set.socket[i].info.bound) == ADDR_CLASS_LOOPBACK;
	}
	assert_true(loopback);
	listen_close(&set);
}

static void test_unix(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char path[80], long_path[200];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/sock", folder);
	int fd = listen_unix(path);
	assert_true(fd >= 0);
	assert_true(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
	assert_int_equal(listen_unix(path), -EADDRINUSE); /* somebody answers there */
	close(fd);
	fd = listen_unix(path); /* what a crash left */
	assert_true(fd >= 0);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(client);
	close(fd);
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(listen_unix(path), -EEXIST); /* a file is nobody's to remove */
	assert_int_equal(unlink(path), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(listen_unix(long_path), -ENAMETOOLONG);
}

static void test_locals(void **state)
{
	struct addr *all;
	size_t n = listen_locals(&all);
	bool loopback = false;

	(void)state;
	for (size_t i = 0; i < n; i++)
		loopback = loopback || addr_class(&all[i]) == ADDR_CLASS_LOOPBACK;
	assert_true(loopback);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_for_each_worker),
		cmocka_unit_test(test_over_a_reload),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_somebody_elses),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_locals),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
