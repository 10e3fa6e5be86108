/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table by itself, and the kernel's filter on sockets of loopback: what it drops, what it lets pass, what it counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate/gate_priv.h"

#define LONG_US  10000000ULL
#define WRONG_US 60000000ULL

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(sv_str(text), ADDR_IP, &a), 0);
	return a;
}

/* ---- the table ---- */

static int set_up(void **state)
{
	struct gate *g;
	int fd = memfd_create("gate", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(struct gate_table)), 0);
	assert_int_equal(gate_open(&g, fd, 0x123456789abcdef), 0);
	close(fd);
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	gate_close(*state);
	return 0;
}

static const struct gate_place *place(struct gate *g, const char *text)
{
	struct addr a = address(text);
	uint64_t ip[2] = {0};
	struct gate_table *t = g->table;

	memcpy(ip, a.ip, a.family == ADDR_V4 ? 4 : 16);
	return &t->source[gate_place_of(g->secret, ip)];
}

static void shut_and_lift(void **state)
{
	struct gate *g = *state;
	struct addr a = address("192.0.2.7"), other = address("192.0.2.8");
	const struct gate_place *p = place(g, "192.0.2.7");

	gate_shut(g, &a, 3, 0, 5000);
	assert_int_equal(p->until_ns, 5000000);
	assert_int_equal(p->key, 3 << 8 | 4);
	gate_lift(g, &other);
	assert_int_equal(p->until_ns, 5000000);
	gate_lift(g, &a);
	assert_int_equal(p->until_ns, 0);
	gate_shut(g, &a, 3, 0, 5000);
	gate_shut(g, &a, 4, 1, 6000); /* at another listener: in the place beside */
	const struct gate_place *beside = p + ((p - g->table->source) % 2 ? -1 : 1);
	assert_int_equal(beside->key, 4 << 8 | 4);
	assert_int_equal(beside->why, 1);
	gate_shut(g, &a, 3, 0, 7000);
	assert_int_equal(p->until_ns + beside->until_ns, 13000000);
	gate_lift(g, &a);
	assert_int_equal(p->until_ns + beside->until_ns, 0);
}

/* Three on two places: who opens first is overtaken, and nobody else. */
static void neighbours(void **state)
{
	struct gate *g = *state;
	struct gate_table *t = g->table;
	struct addr a[3];
	uint64_t ip[2] = {0};
	uint32_t i, first = 0;
	unsigned n = 0;

	for (uint32_t k = 0; n < 3; k++) {
		ip[0] = htonl(0x0a000000 + k);
		i = gate_place_of(g->secret, ip);
		if (n && i / 2 != first / 2)
			continue;
		first = i;
		a[n++] = addr_v4((const uint8_t *)ip, 0);
	}
	gate_shut(g, &a[0], 1, 0, 5000);
	gate_shut(g, &a[1], 1, 0, 7000);
	assert_int_equal(t->source[first].until_ns + t->source[first ^ 1].until_ns, 12000000);
	gate_shut(g, &a[2], 1, 0, 6000);
	assert_int_equal(t->source[first].until_ns + t->source[first ^ 1].until_ns, 13000000);
	gate_lift(g, &a[1]);
	assert_int_equal(t->source[first].until_ns + t->source[first ^ 1].until_ns, 6000000);
	gate_lift(g, &a[0]); /* has none */
	gate_shut(g, &a[2], 1, 0, 8000);
	assert_int_equal(t->source[first].until_ns + t->source[first ^ 1].until_ns, 8000000);
}

static void lift_all(void **state)
{
	struct gate *g = *state;
	struct addr a = address("192.0.2.7"), b = address("::1");

	gate_shut(g, &a, 3, 0, 5000);
	gate_shut(g, &b, 3, 0, 5000);
	gate_lift_all(g);
	assert_int_equal(place(g, "192.0.2.7")->until_ns, 0);
	assert_int_equal(place(g, "::1")->until_ns, 0);
}

static void an_address_of_ipv6(void **state)
{
	struct gate *g = *state;
	struct addr a = address("2001:db8:1:2:3::4");

	gate_shut(g, &a, 1, 0, 5000);
	assert_int_equal(place(g, "2001:db8:1:2:3::4")->until_ns, 5000000);
	assert_int_equal(place(g, "2001:db8:1:2:3::4")->key, 1 << 8 | 6);
	assert_ptr_not_equal(place(g, "2001:db8:1:2:3::4"), place(g, "2001:db8:1:2:3::5"));
}

static void places_are_spread(void **state)
{
	static unsigned char used[GATE_SOURCES];
	unsigned n = 0;

	(void)state;
	memset(used, 0, sizeof(used));
	for (uint32_t i = 0; i < GATE_SOURCES; i++) {
		const uint64_t ip[2] = {htonl(0x0a000000 + i)};
		uint32_t k = gate_place_of(0x123456789abcdef, ip);

		assert_true(k < GATE_SOURCES);
		n += !used[k];
		used[k] = 1;
	}
	assert_true(n > GATE_SOURCES / 2); /* by chance it would be 63 % */
}

/* ---- the kernel ---- */

struct pair {
	int in, out;
	struct sockaddr_storage to;
	socklen_t n;
};

static struct pair pair(const char *from, const char *at)
{
	struct pair p = {.n = sizeof(p.to)};
	struct addr a = address(from), b = address(at);
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&a, &ss);

	assert_true((p.out = socket(ss.ss_family, SOCK_DGRAM, 0)) >= 0);
	assert_int_equal(bind(p.out, (struct sockaddr *)&ss, n), 0);
	n = addr_to_sockaddr(&b, &ss);
	assert_true((p.in = socket(ss.ss_family, SOCK_DGRAM, 0)) >= 0);
	assert_int_equal(bind(p.in, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(getsockname(p.in, (struct sockaddr *)&p.to, &p.n), 0);
	return p;
}

static void pair_close(const struct pair *p)
{
	close(p->in);
	close(p->out);
}

/* A datagram of `n` bytes; what the filter drops on loopback is gone when sendto returns. */
static bool arrives(const struct pair *p, size_t n)
{
	char bytes[2000];

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(sendto(p->out, bytes, n, 0, (const struct sockaddr *)&p->to, p->n), n);
	ssize_t got = recv(p->in, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got >= 0)
		assert_int_equal(got, n);
	return got >= 0;
}

static bool make(struct gate **g)
{
	static uint64_t secret;
	static int map = -1;

	if (map < 0)
		map = gate_make(&secret);
	if (map == -EPERM || map == -EACCES || map == -ENOSYS) {
		puts("SKIP: the kernel's filter is for CAP_BPF");
		return false;
	}
	assert_true(map >= 0);
	assert_int_equal(gate_open(g, map, secret), 0);
	return true;
}

static void drops_in_the_kernel(void **state)
{
	static const struct {
		const char *from, *at, *other;
	} table[] = {{"127.66.0.1", "127.0.0.1", "127.66.0.2"}, {"::1", "::1", "::2"}};
	static const size_t sizes[] = {0, 1, 4, 100, 1400};
	struct gate *g;

	(void)state;
	if (!make(&g))
		skip();
	for (size_t i = 0; i < 2; i++) {
		struct pair p = pair(table[i].from, table[i].at);
		struct addr from = address(table[i].from), other = address(table[i].other);
		uint64_t before = gate_dropped(g, 1);

		assert_int_equal(gate_guard(p.in, 7, 1), 0);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			assert_true(arrives(&p, sizes[k]));
		gate_shut(g, &other, 7, 1, now_us() + LONG_US);
		assert_true(arrives(&p, 100));
		gate_shut(g, &from, 8, 1, now_us() + LONG_US); /* another listener's */
		assert_true(arrives(&p, 100));
		gate_shut(g, &from, 7, 1, now_us() + LONG_US);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			assert_false(arrives(&p, sizes[k]));
		assert_int_equal(gate_dropped(g, 1) - before, 5);
		assert_int_equal(gate_dropped(g, 0), 0);
		gate_lift(g, &from);
		assert_true(arrives(&p, 100));
		gate_shut(g, &from, 7, 1, now_us() + WRONG_US); /* as by a clock that is ahead */
		assert_true(arrives(&p, 100));
		gate_shut(g, &from, 7, 1, now_us() + 1000);
		usleep(2000);
		assert_true(arrives(&p, 100));
		assert_int_equal(setsockopt(p.in, SOL_SOCKET, SO_DETACH_FILTER, &i, sizeof(int)),
				 -1);
		pair_close(&p);
	}
	assert_int_equal(gate_dropped_by(g, 7, 1), 10);
	assert_int_equal(gate_dropped_by(g, 7, 0), 0);
	gate_close(g);
}

/* Of two addresses that share their places each is found at its own. */
static void finds_both(void **state)
{
	struct gate *g;
	uint32_t first = 0;

	(void)state;
	if (!make(&g))
		skip();
	for (unsigned k = 1, n = 0; n < 2; k++) {
		uint64_t ip[2] = {htonl(0x7f420000 + k)};
		struct addr a = addr_v4((const uint8_t *)ip, 0);
		uint32_t i = gate_place_of(g->secret, ip);
		char text[ADDR_TEXT_MAX];

		if (n && i / 2 != first / 2)
			continue;
		first = i;
		n++;
		addr_write(&a, ADDR_BARE, text);
		struct pair p = pair(text, "127.0.0.1");
		assert_int_equal(gate_guard(p.in, 9, 0), 0);
		assert_true(arrives(&p, 100));
		gate_shut(g, &a, 9, 0, now_us() + LONG_US);
		assert_false(arrives(&p, 100));
		pair_close(&p);
	}
	gate_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shut_and_lift, set_up, tear_down),
		cmocka_unit_test_setup_teardown(neighbours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lift_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_address_of_ipv6, set_up, tear_down),
		cmocka_unit_test(places_are_spread),
		cmocka_unit_test(drops_in_the_kernel),
		cmocka_unit_test(finds_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
