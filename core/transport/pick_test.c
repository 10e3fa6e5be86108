/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pick: which listener a request leaves by and which addresses are our own, in a network of this test's own: two interfaces,
 * a virtual address, a default route. Without the right to make one it is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>

#include "transport/tp_test_world.h"

static bool run(const char *command)
{
	return system(command) == 0; /* NOLINT(cert-env33-c): constant text */
}

static bool make_network(void)
{
	return (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
	       run("exec 2>/dev/null; set -e; ip link set lo up;"
		   "ip link add wan type veth peer name wan2; ip link set wan2 up; ip link set wan "
		   "up;"
		   "ip link add lan type veth peer name lan2; ip link set lan2 up; ip link set lan "
		   "up;"
		   "ip addr add 192.0.2.1/24 dev wan; ip addr add 192.0.2.5/32 dev wan;"
		   "ip addr add 10.0.0.1/24 dev lan;"
		   "ip addr add 2001:db8:1::1/64 dev wan nodad;"
		   "ip route add default via 192.0.2.254 dev wan") &&
	       /* the links come up when they do */
	       run("exec 2>/dev/null; i=0; while [ $i -lt 100 ]; do i=$((i+1));"
		   "ip route get 10.0.0.9 | grep -q 'src 10.0.0.1' &&"
		   "ip route get 198.51.100.1 | grep -q 'src 192.0.2.1' &&"
		   "ip -6 route get 2001:db8:1::9 | grep -q 'src 2001:db8:1::1' && exit 0;"
		   "sleep 0.05; done; exit 1");
}

static struct world *with(const char *const *bound, const uint16_t *zone, const uint8_t *transport)
{
	struct world *w = world_new();

	for (unsigned i = 0; bound[i]; i++)
		world_listener(w, transport ? transport[i] : SIP_TRANSPORT_UDP, bound[i], zone[i]);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	return w;
}

/* ---- the kernel's choice ---- */

static void sources(void **state)
{
	static const struct {
		const char *to, *from;
		int err;
	} rows[] = {
		{"198.51.100.1:5060", "192.0.2.1", 0},
		{"192.0.2.77:5060", "192.0.2.1", 0},
		{"10.0.0.9:5060", "10.0.0.1", 0},
		{"127.0.0.1:5060", "127.0.0.1", 0},
		{"192.0.2.5:5060", "192.0.2.5", 0},
		{"[2001:db8:1::9]:5060", "2001:db8:1::1", 0},
		{"[2001:db8:2::9]:5060", "", -ENETUNREACH},
		{"[::1]:5060", "::1", 0},
		{"255.255.255.255:5060", "", -EACCES},
	};
	struct world *w = world_new();

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct addr to = address(rows[i].to), from;
			char text[ADDR_TEXT_MAX];
			assert_int_equal(tp_source_address(w->tp, &to, &from), rows[i].err);
			if (rows[i].err)
				continue;
			addr_write(&from, ADDR_BARE, text);
			assert_string_equal(text, rows[i].from);
			assert_int_equal(from.port, 0);
		}
	/* remembered, until a configuration is applied */
	struct addr to = address("198.51.100.1:5060"), from;
	assert_int_equal(tp_source_address(w->tp, &to, &from), 0); /* others may have its place */
	assert_true(run("ip route replace default via 10.0.0.254 dev lan"));
	assert_int_equal(tp_source_address(w->tp, &to, &from), 0);
	assert_int_equal(from.ip[0], 192);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	assert_int_equal(tp_source_address(w->tp, &to, &from), 0);
	assert_int_equal(from.ip[0], 10);
	assert_true(run("ip route replace default via 192.0.2.254 dev wan"));
	world_free(w);
}

/* More targets than are remembered: each answer is right all the same. */
static void many_sources(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		const uint8_t ip[4] = {i % 2 ? 198 : 10, i % 2 ? 51 : 0, i % 2 ? 100 : 0,
				       (uint8_t)(2 + i % 200)};
		struct addr to = addr_v4(ip, 5060), from;
		assert_int_equal(tp_source_address(w->tp, &to, &from), 0);
		assert_int_equal(from.ip[0], i % 2 ? 192 : 10);
	}
	world_free(w);
}

/* ---- picking ---- */

static void listeners_by_the_kernels_source(void **state)
{
	static const char *const bound[] = {"192.0.2.1:5060",
					    "10.0.0.1:5060",
					    "192.0.2.1:5060",
					    "[2001:db8:1::1]:5060",
					    "192.0.2.5:5070",
					    "127.0.0.1:5060",
					    NULL};
	static const uint16_t zone[] = {0, 1, 0, 0, 2, 3};
	static const uint8_t transport[] = {SIP_TRANSPORT_UDP, SIP_TRANSPORT_UDP,
					    SIP_TRANSPORT_TCP, SIP_TRANSPORT_UDP,
					    SIP_TRANSPORT_UDP, SIP_TRANSPORT_UDP};
	static const struct {
		uint16_t zone, from;
		uint8_t transport;
		const char *to;
		int id; /* or an error */
		const char *name;
	} rows[] = {
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_UDP, "198.51.100.1:5060", 10,
		 "out by the default route"},
		{TP_ANY_ZONE, 1, SIP_TRANSPORT_UDP, "198.51.100.1:5060", 10, "from the lan too"},
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_UDP, "10.0.0.9:5060", 11, "into the lan"},
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_TCP, "198.51.100.1:5060", 12, "by TCP"},
		{TP_ANY_ZONE, 1, SIP_TRANSPORT_TCP, "10.0.0.9:5060", 12,
		 "by the only one there is"},
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_TLS, "10.0.0.9:5060", MG_ENOENT,
		 "no such transport"},
		{TP_ANY_ZONE, 1, SIP_TRANSPORT_UDP, "[2001:db8:1::9]:5060", 13, "by the family"},
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_TCP, "[2001:db8:1::9]:5060", MG_ENOENT,
		 "no such family"},
		{TP_ANY_ZONE, 2, SIP_TRANSPORT_UDP, "198.51.100.1:5060", 14,
		 "a virtual address in its zone"},
		{1, 0, SIP_TRANSPORT_UDP, "198.51.100.1:5060", 11, "the zone that is asked for"},
		{2, 0, SIP_TRANSPORT_UDP, "10.0.0.9:5060", 14, "likewise"},
		{7, 0, SIP_TRANSPORT_UDP, "10.0.0.9:5060", MG_ENOENT, "a zone without listeners"},
		{TP_ANY_ZONE, 0, SIP_TRANSPORT_UDP, "127.0.0.1:5090", 15, "within the machine"},
	};
	struct world *w = with(bound, zone, transport);

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tp_target to = {.addr = address(rows[i].to), .transport = rows[i].transport};
		int err = tp_pick(w->tp, rows[i].zone, rows[i].from, &to);
		if ((err ? err : to.listener) != rows[i].id)
			fail_msg("%s: %d", rows[i].name, err ? err : to.listener);
		if (!err)
			assert_true(addr_eq(&to.local, &w->listener[to.listener - 10].bound));
	}
	world_free(w);
}

static void wildcards_say_their_source(void **state)
{
	static const char *const bound[] = {"0.0.0.0:5060", "[::]:5060", "0.0.0.0:5080", NULL};
	static const uint16_t zone[] = {0, 0, 1};
	static const struct {
		uint16_t from;
		const char *to;
		int id;
		const char *local;
	} rows[] = {
		{0, "198.51.100.1:5060", 10, "192.0.2.1:5060"},
		{1, "198.51.100.1:5060", 12, "192.0.2.1:5080"},
		{0, "10.0.0.9:5060", 10, "10.0.0.1:5060"},
		{0, "[2001:db8:1::9]:5060", 11, "[2001:db8:1::1]:5060"},
		{0, "[2001:db8:2::9]:5060", -ENETUNREACH, ""},
		/* never from an address of the loopback network (T-13) */
		{0, "127.0.0.1:5090", 10, "-"},
		{0, "[::1]:5090", 11, "-"},
	};
	struct world *w = with(bound, zone, NULL);

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tp_target to = {.addr = address(rows[i].to), .transport = SIP_TRANSPORT_UDP};
		char text[ADDR_TEXT_MAX];
		int err = tp_pick(w->tp, TP_ANY_ZONE, rows[i].from, &to);
		assert_int_equal(err ? err : to.listener, rows[i].id);
		if (err)
			continue;
		addr_write(&to.local, ADDR_HOSTPORT, text);
		assert_string_equal(to.local.family ? text : "-", rows[i].local);
	}
	world_free(w);
}

static void a_zone_that_can_comes_before_one_that_fits_exactly(void **state)
{
	static const char *const bound[] = {"192.0.2.1:5060", "0.0.0.0:5080", NULL};
	static const uint16_t zone[] = {0, 1};
	struct world *w = with(bound, zone, NULL);
	struct tp_target to = {.addr = address("198.51.100.1:5060"),
			       .transport = SIP_TRANSPORT_UDP};

	(void)state;
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 1, &to), 0);
	assert_int_equal(to.listener, 11);
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 0, &to), 0);
	assert_int_equal(to.listener, 10);
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 5, &to), 0);
	assert_int_equal(to.listener, 10);
	world_free(w);
}

static void without_a_configuration(void **state)
{
	struct world *w = world_new();
	struct tp_target to = {.addr = address("198.51.100.1:5060"),
			       .transport = SIP_TRANSPORT_UDP};

	(void)state;
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 0, &to), MG_ENOENT);
	assert_false(tp_is_us(w->tp, SV("127.0.0.1"), 0, SIP_TRANSPORT_NONE));
	assert_false(tp_try_stream(w->tp, &to, 9999));
	world_free(w);
}

/* ---- who we are ---- */

static void names_of_ours(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		enum sip_transport transport;
		bool us;
	} rows[] = {
		{"192.0.2.1", 0, SIP_TRANSPORT_UDP, true},
		{"192.0.2.1", 5060, SIP_TRANSPORT_UDP, true},
		{"192.0.2.1", 5060, SIP_TRANSPORT_NONE, true},
		{"192.0.2.1", 0, SIP_TRANSPORT_NONE, true},
		{"192.0.2.1", 5061, SIP_TRANSPORT_UDP, false},
		{"192.0.2.1", 5060, SIP_TRANSPORT_TCP, false},
		{"192.0.2.1", 5061, SIP_TRANSPORT_TLS, true},
		{"192.0.2.1", 0, SIP_TRANSPORT_TLS, true},
		{"192.0.2.1", 5061, SIP_TRANSPORT_NONE, true},
		{"[::ffff:192.0.2.1]", 0, SIP_TRANSPORT_UDP, true},
		{"192.0.2.2", 0, SIP_TRANSPORT_UDP, false},
		{"sip.example.com", 0, SIP_TRANSPORT_UDP, true},
		{"SIP.Example.COM", 5060, SIP_TRANSPORT_UDP, true},
		{"sip.example.com.", 0, SIP_TRANSPORT_UDP, true},
		{"sip.example.com", 0, SIP_TRANSPORT_TLS, false}, /* it is known as :6061 */
		{"sip.example.com", 6061, SIP_TRANSPORT_TLS, true},
		{"example.com", 0, SIP_TRANSPORT_UDP, false},
		{"", 0, SIP_TRANSPORT_UDP, false},
		{".", 0, SIP_TRANSPORT_UDP, false},
		{"[2001:db8:1::1]", 0, SIP_TRANSPORT_UDP, true},
		{"[2001:DB8:1:0::1]", 5060, SIP_TRANSPORT_UDP, true},
		{"[2001:db8:1::2]", 0, SIP_TRANSPORT_UDP, false},
		{"203.0.113.9", 0, SIP_TRANSPORT_UDP, true}, /* advertised, port of its own */
		{"203.0.113.9", 5080, SIP_TRANSPORT_UDP, false},
		/* a listener on all addresses, port 5090 */
		{"10.0.0.1", 5090, SIP_TRANSPORT_TCP, true},
		{"10.0.0.1", 5090, SIP_TRANSPORT_NONE, true},
		{"192.0.2.5", 5090, SIP_TRANSPORT_TCP, true},
		{"127.0.0.9", 5090, SIP_TRANSPORT_TCP, true},
		{"10.0.0.1", 5090, SIP_TRANSPORT_UDP, false},
		{"10.0.0.1", 0, SIP_TRANSPORT_TCP, false},
		{"10.0.0.9", 5090, SIP_TRANSPORT_TCP, false},
		{"198.51.100.1", 5090, SIP_TRANSPORT_TCP, false},
		{"255.255.255.255", 5090, SIP_TRANSPORT_TCP, false},
		{"0.0.0.0", 5090, SIP_TRANSPORT_TCP, false},
		{"[2001:db8:1::1]", 5090, SIP_TRANSPORT_TCP, false}, /* that one is of IPv4 */
		{"192.0.2.1", 5090, SIP_TRANSPORT_TCP,
		 true}, /* which is a listener's own as well */
		{"192.0.2.2", 5090, SIP_TRANSPORT_TCP, true}, /* the kernel would not choose it */
		{"192.0.2.2", 5090, SIP_TRANSPORT_UDP, false},
		{"sip.example.com", 5090, SIP_TRANSPORT_TCP, false},
		/* one of IPv6 */
		{"[2001:db8:1::1]", 5095, SIP_TRANSPORT_UDP, true},
		{"[2001:db8:1::3]", 5095, SIP_TRANSPORT_UDP, true},
		{"[fe80::7]", 5095, SIP_TRANSPORT_UDP, true},
		{"[::1]", 5095, SIP_TRANSPORT_UDP, true},
		{"[2001:db8:1::9]", 5095, SIP_TRANSPORT_UDP, false},
		{"[::]", 5095, SIP_TRANSPORT_UDP, false},
		{"192.0.2.2", 5095, SIP_TRANSPORT_UDP, false},
	};
	static char longest[400];
	struct world *w = world_new();
	struct tp_listener *l;

	(void)state;
	l = world_listener(w, SIP_TRANSPORT_UDP, "192.0.2.1:5060", 0);
	strcpy(l->advertise, "Sip.Example.com");
	l = world_listener(w, SIP_TRANSPORT_TLS, "192.0.2.1:5061", 0);
	strcpy(l->advertise, "sip.example.com");
	l->advertise_port = 6061;
	world_listener(w, SIP_TRANSPORT_UDP, "[2001:db8:1::1]:5060", 0);
	l = world_listener(w, SIP_TRANSPORT_UDP, "10.0.0.1:5080", 0);
	strcpy(l->advertise, "203.0.113.9");
	l->advertise_port = 5060;
	world_listener(w, SIP_TRANSPORT_TCP, "0.0.0.0:5090", 0);
	world_listener(w, SIP_TRANSPORT_UDP, "[::]:5095", 0);
	const struct addr link = {
		.family = ADDR_V6, .scope = 7, .ip = {[0] = 0xfe, [1] = 0x80, [15] = 7}};
	const struct addr locals[] = {
		address("127.0.0.1:0"),       address("192.0.2.1:0"), address("192.0.2.2:0"),
		address("192.0.2.5:0"),       address("10.0.0.1:0"),  address("[2001:db8:1::1]:0"),
		address("[2001:db8:1::3]:0"), address("10.0.0.1:0"),  link};
	w->config.locals = locals;
	w->config.n_locals = sizeof(locals) / sizeof(locals[0]);
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (tp_is_us(w->tp, sv_str(rows[i].host), rows[i].port, rows[i].transport) !=
		    rows[i].us)
			fail_msg("%s:%u %u", rows[i].host, rows[i].port, rows[i].transport);
	memset(longest, 'a', sizeof(longest));
	assert_false(tp_is_us(w->tp, sv_of(longest, sizeof(longest)), 0, SIP_TRANSPORT_NONE));
	/* an address that went is another's */
	w->config.n_locals = 2;
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	assert_true(tp_is_us(w->tp, SV("192.0.2.1"), 5090, SIP_TRANSPORT_TCP));
	assert_false(tp_is_us(w->tp, SV("192.0.2.2"), 5090, SIP_TRANSPORT_TCP));
	world_free(w);
}

static void our_name(void **state)
{
	static const struct {
		uint8_t transport;
		const char *bound, *advertise;
		uint16_t port;
		const char *local, *name;
	} rows[] = {
		{SIP_TRANSPORT_UDP, "192.0.2.1:5060", "", 0, "10.9.9.9:1", "192.0.2.1"},
		{SIP_TRANSPORT_UDP, "192.0.2.1:5080", "", 0, "10.9.9.9:1", "192.0.2.1:5080"},
		{SIP_TRANSPORT_TLS, "192.0.2.1:5061", "", 0, "10.9.9.9:1", "192.0.2.1"},
		{SIP_TRANSPORT_TLS, "192.0.2.1:5060", "", 0, "10.9.9.9:1", "192.0.2.1:5060"},
		{SIP_TRANSPORT_UDP, "[2001:db8:1::1]:5060", "", 0, "[::1]:1", "[2001:db8:1::1]"},
		{SIP_TRANSPORT_UDP, "192.0.2.1:5060", "Sip.Example.com", 0, "10.9.9.9:1",
		 "Sip.Example.com"},
		{SIP_TRANSPORT_UDP, "192.0.2.1:5060", "sip.example.com", 5080, "10.9.9.9:1",
		 "sip.example.com:5080"},
		{SIP_TRANSPORT_UDP, "192.0.2.1:5080", "sip.example.com", 5060, "10.9.9.9:1",
		 "sip.example.com"},
		{SIP_TRANSPORT_UDP, "192.0.2.1:5060", "2001:DB8::1", 0, "10.9.9.9:1",
		 "[2001:db8::1]"},
		{SIP_TRANSPORT_UDP, "0.0.0.0:5060", "", 0, "10.0.0.1:5060", "10.0.0.1"},
		{SIP_TRANSPORT_UDP, "0.0.0.0:5080", "", 0, "10.0.0.1:5080", "10.0.0.1:5080"},
		{SIP_TRANSPORT_UDP, "[::]:5080", "", 0, "[2001:db8:1::1]:5080",
		 "[2001:db8:1::1]:5080"},
		{SIP_TRANSPORT_UDP, "0.0.0.0:5080", "sip.example.com", 0, "10.0.0.1:5080",
		 "sip.example.com:5080"},
	};
	char out[TP_SENTBY_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_new();
		struct tp_listener *l = world_listener(w, rows[i].transport, rows[i].bound, 0);
		struct addr local = address(rows[i].local);
		snprintf(l->advertise, sizeof(l->advertise), "%s", rows[i].advertise);
		l->advertise_port = rows[i].port;
		assert_int_equal(tp_apply(w->tp, &w->config), 0);
		size_t n = tp_sentby(w->tp, l->id, &local, out);
		if (!sv_eq(sv_of(out, n), sv_str(rows[i].name)))
			fail_msg("%s: %.*s", rows[i].name, (int)n, out);
		/* a listener that is gone is known by what is left of it */
		n = tp_sentby(w->tp, 99, &local, out);
		assert_true(n > 0 && n < sizeof(out));
		/* the longest name there may be */
		memset(l->advertise, 'a', sizeof(l->advertise));
		l->advertise[255] = '\0';
		l->advertise_port = 65535;
		assert_int_equal(tp_sentby(w->tp, l->id, &local, out), 255 + 6);
		world_free(w);
	}
}

static void nobody_is_sent_where_nobody_listens(void **state)
{
	static const struct {
		const char *bound, *local, *to;
		bool forbidden;
	} rows[] = {
		{"192.0.2.1:5060", "192.0.2.1:5060", "198.51.100.1:5060", false},
		{"192.0.2.1:5060", "192.0.2.1:5060", "10.0.0.9:5060", false},
		{"192.0.2.1:5060", "192.0.2.1:5060", "127.0.0.1:5060", true},
		{"192.0.2.1:5060", "127.0.0.1:5060", "127.0.0.1:5060", true},
		{"192.0.2.1:5060", "192.0.2.1:5060", "169.254.169.254:80", true},
		{"192.0.2.1:5060", "192.0.2.1:5060", "0.0.0.0:5060", true},
		{"192.0.2.1:5060", "192.0.2.1:5060", "224.0.1.75:5060", true},
		{"192.0.2.1:5060", "192.0.2.1:5060", "255.255.255.255:5060", true},
		{"[2001:db8:1::1]:5060", "[::]:0", "[::1]:5060", true},
		{"[2001:db8:1::1]:5060", "[::]:0", "[fe80::1]:5060", true},
		{"[2001:db8:1::1]:5060", "[::]:0", "[64:ff9b::7f00:1]:5060", true},
		{"[2001:db8:1::1]:5060", "[::]:0", "[::ffff:127.0.0.1]:5060", true},
		{"127.0.0.1:5060", "127.0.0.1:5060", "127.0.0.1:5090", false},
		{"127.0.0.1:5060", "127.0.0.1:5060", "127.0.0.2:5090", false},
		{"127.0.0.1:5060", "127.0.0.1:5060", "169.254.1.1:5090", true},
		{"127.0.0.1:5060", "127.0.0.1:5060", "224.0.1.75:5060", true},
		{"[::1]:5060", "[::1]:5060", "[::1]:5090", false},
		{"[fe80::1%1]:5060", "[fe80::1%1]:5060", "[fe80::2%1]:5060", false},
		{"[fe80::1%1]:5060", "[fe80::1%1]:5060", "[::1]:5060", true},
		/* on all addresses: what came in over loopback is answered there, nothing else goes there */
		{"0.0.0.0:5060", "127.0.0.1:5060", "127.0.0.1:5090", false},
		{"0.0.0.0:5060", "0.0.0.0:0", "127.0.0.1:5090", true},
		{"0.0.0.0:5060", "192.0.2.1:5060", "127.0.0.1:5090", true},
		{"0.0.0.0:5060", "169.254.1.1:5060", "169.254.1.2:5060", false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_new();
		struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, rows[i].bound, 0);
		struct tp_target to = {.addr = address(rows[i].to),
				       .local = address(rows[i].local),
				       .listener = l->id,
				       .transport = SIP_TRANSPORT_UDP};
		assert_int_equal(tp_apply(w->tp, &w->config), 0);
		if (tp_forbidden(w->tp, &to) != rows[i].forbidden)
			fail_msg("%s from %s (%s)", rows[i].to, rows[i].bound, rows[i].local);
		/* what is picked for a wildcard is judged likewise */
		world_free(w);
	}
}

/* T-13: whatever name led there, nothing is sent to ourselves. */
static void nothing_is_sent_to_ourselves(void **state)
{
	static const struct {
		const char *to;
		uint8_t transport;
		bool own;
	} rows[] = {
		{"192.0.2.1:5060", SIP_TRANSPORT_UDP, true},
		{"192.0.2.1:5060", SIP_TRANSPORT_TCP, false}, /* somebody else's there */
		{"192.0.2.1:5061", SIP_TRANSPORT_UDP, false},
		{"192.0.2.2:5060", SIP_TRANSPORT_UDP, false},
		{"[fe80::1%1]:5070", SIP_TRANSPORT_TCP, true},
		{"[fe80::1%2]:5070", SIP_TRANSPORT_TLS, true},  /* a stream is a stream */
		{"198.51.100.7:5080", SIP_TRANSPORT_TCP, true}, /* on all addresses */
		{"127.0.0.9:5080", SIP_TRANSPORT_TCP, true},
		{"198.51.100.8:5080", SIP_TRANSPORT_TCP, false},
		{"[2001:db8::7]:5080", SIP_TRANSPORT_TCP, false}, /* of IPv4 */
		{"203.0.113.5:6000", SIP_TRANSPORT_UDP, true},    /* what we are known by */
		{"127.0.0.1:9060", SIP_TRANSPORT_TCP, true},      /* the figures */
		{"127.0.0.1:9060", SIP_TRANSPORT_UDP, false},
		{"127.0.0.2:9060", SIP_TRANSPORT_TCP, false},
	};
	const struct addr locals[] = {address("198.51.100.7:0"), address("[2001:db8::7]:0")};
	struct world *w = world_new();

	(void)state;
	struct tp_listener *l = world_listener(w, SIP_TRANSPORT_UDP, "192.0.2.1:5060", 0);
	assert_false(tp_is_own(w->tp, &l->bound, SIP_TRANSPORT_UDP)); /* no configuration yet */
	world_listener(w, SIP_TRANSPORT_TCP, "[fe80::1%1]:5070", 0);
	world_listener(w, SIP_TRANSPORT_TCP, "0.0.0.0:5080", 0);
	l = world_listener(w, SIP_TRANSPORT_UDP, "192.0.2.1:5062", 0);
	strcpy(l->advertise, "203.0.113.5");
	l->advertise_port = 6000;
	w->config.locals = locals;
	w->config.n_locals = 2;
	w->config.service = address("127.0.0.1:9060");
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr to = address(rows[i].to);
		if (tp_is_own(w->tp, &to, rows[i].transport) != rows[i].own)
			fail_msg("%s", rows[i].to);
	}
	w->config.service = address("0.0.0.0:9060");
	assert_int_equal(tp_apply(w->tp, &w->config), 0);
	struct addr here = address("198.51.100.7:9060"), there = address("198.51.100.8:9060");
	assert_true(tp_is_own(w->tp, &here, SIP_TRANSPORT_TCP));
	assert_false(tp_is_own(w->tp, &there, SIP_TRANSPORT_TCP));
	world_free(w);
}

static void what_is_picked_may_be_forbidden(void **state)
{
	static const char *const bound[] = {"0.0.0.0:5060", NULL};
	static const uint16_t zone[] = {0};
	struct world *w = with(bound, zone, NULL);
	struct tp_target to = {.addr = address("127.0.0.1:5090"), .transport = SIP_TRANSPORT_UDP};

	(void)state;
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 0, &to), 0);
	assert_true(tp_forbidden(w->tp, &to));
	to.addr = address("10.0.0.9:5060");
	assert_int_equal(tp_pick(w->tp, TP_ANY_ZONE, 0, &to), 0);
	assert_false(tp_forbidden(w->tp, &to));
	world_free(w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources),
		cmocka_unit_test(many_sources),
		cmocka_unit_test(listeners_by_the_kernels_source),
		cmocka_unit_test(wildcards_say_their_source),
		cmocka_unit_test(a_zone_that_can_comes_before_one_that_fits_exactly),
		cmocka_unit_test(without_a_configuration),
		cmocka_unit_test(names_of_ours),
		cmocka_unit_test(our_name),
		cmocka_unit_test(nobody_is_sent_where_nobody_listens),
		cmocka_unit_test(nothing_is_sent_to_ourselves),
		cmocka_unit_test(what_is_picked_may_be_forbidden),
	};

	if (!make_network()) {
		printf("SKIP: no network namespace of its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
