/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The resolver with name servers that are slow, dead, wrong or hostile, and old answers in need. Waits that must not happen are
 * 15 s and more, so that they show as a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "transport/dns_test_world.h"

#define UDP_HOP "udp 192.0.2.3:5060"

static const char *const zone[] = {
	"plain.example A 300 192.0.2.3",
	"srv.example A 300 192.0.2.99",
	"_sip._udp.srv.example SRV 300 0 0 5060 plain.example",
	"two.example A 300 192.0.2.99",
	"_sip._udp.two.example SRV 300 0 0 5060 first.example",
	"_sip._udp.two.example SRV 300 1 0 5060 plain.example",
	"first.example AAAA 300 2001:db8::1",
	"zero.example A 0 192.0.2.4",
	"large.example A 2147483647 192.0.2.5",
	"larger.example A 2147483648 192.0.2.6",
	NULL,
};

static struct world w;

static struct dns_conf conf;

static void begin(void)
{
	world_begin(&w, &conf, NULL);
	w.server.zone = zone;
}

static int set_up(void **state)
{
	(void)state;
	conf = plain_conf();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static struct dns_want want_udp(const char *host)
{
	struct dns_want want = want_of(host);

	want.transport = SIP_TRANSPORT_UDP;
	return want;
}

static struct dns_want want_port(const char *host)
{
	struct dns_want want = want_of(host);

	want.port = 5060;
	want.v6 = false;
	return want;
}

static const char *seek_port(const char *host)
{
	struct dns_want want = want_port(host);

	return seek(&w, &want);
}

/* ---- no answers ---- */

static void test_budget(void **state)
{
	(void)state;
	conf.budget_ms = 150;
	begin();
	w.server.manner = SRV_SILENT;
	assert_string_equal(seek_host(&w, "srv.example"),
			    "ETIMEDOUT"); /* without waiting for a timeout of 15 s */
	assert_int_equal(counted(&w, TP_STAT_DNS_FAILED), 1);
}

/* What is there at the end of the budget is used. */
static void test_partial_at_the_end(void **state)
{
	(void)state;
	conf.budget_ms = 700;
	begin();
	w.server.manner = SRV_SILENT;
	w.server.only = PK_AAAA; /* first.example, the first target, has nothing else */
	struct dns_want want = want_udp("two.example");
	assert_string_equal(seek(&w, &want), UDP_HOP);
}

/* The first target's address does not come: one try of the servers, then those behind it must do. */
static void test_first_target_is_lost(void **state)
{
	struct dns_want want = want_udp("two.example");

	(void)state;
	conf.timeout_ms = 50;
	conf.tries = 20;
	begin();
	w.server.mute = PK_AAAA;
	assert_string_equal(seek(&w, &want), UDP_HOP);
}

static void test_no_naptr_server(void **state)
{
	(void)state;
	conf.timeout_ms = 30;
	conf.tries = 10;
	begin();
	w.server.manner = SRV_SILENT;
	w.server.only = PK_NAPTR;
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
}

static void test_no_srv_server(void **state)
{
	(void)state;
	conf.timeout_ms = 30;
	conf.tries = 10;
	begin();
	w.server.manner = SRV_SILENT;
	w.server.only = PK_SRV;
	assert_string_equal(seek_host(&w, "srv.example"), "udp 192.0.2.99:5060");
}

static void test_no_aaaa_server(void **state)
{
	(void)state;
	begin();
	w.server.manner = SRV_SILENT;
	w.server.only = PK_AAAA;
	assert_string_equal(seek_host(&w, "srv.example"),
			    UDP_HOP); /* without waiting for a timeout of 15 s */
}

/* Nothing came of going on without NAPTR: then its late answer is waited for after all. */
static void test_late_naptr(void **state)
{
	static const char *const late[] = {
		"late.example NAPTR 300 1 1 s SIP+D2U _x._udp.other.example",
		"_x._udp.other.example SRV 300 0 0 5060 plain.example",
		"plain.example A 300 192.0.2.3",
		NULL,
	};

	(void)state;
	conf.timeout_ms = 30;
	conf.tries = 20;
	begin();
	w.server.zone = late;
	w.server.delay_ms = 300;
	w.server.only = PK_NAPTR;
	assert_string_equal(seek_host(&w, "late.example"), UDP_HOP);
}

/* SRV records are late, so the host's own address is about to be taken; then they say that there is no service. */
static bool late_refusal(void)
{
	static const char *const refused[] = {
		"none.example A 300 192.0.2.99",
		"_sip._udp.none.example SRV 300 0 0 0 .",
		NULL,
	};
	struct dns_want want = want_udp("none.example");
	struct seek s;

	conf.timeout_ms = 30;
	conf.tries = 20;
	begin();
	w.server.zone = refused;
	w.server.mute = PK_AAAA;
	w.server.only = PK_SRV;
	w.server.delay_ms = LONG_MS;
	seek_begin(&w, &s, &want);
	assert_int_equal(s.ret, 0);
	while (!s.done && !s.lookup.n)
		assert_int_equal(loop_turn(w.loop, 100), 0);
	release_delayed(&w.server);
	turn_until(&w, &s.done);
	return strcmp(seek_text(&s), "ENOENT") == 0;
}

/* Unless this machine stops for longer than an address waits for others. */
static void test_late_refusal(void **state)
{
	unsigned tries = 1;

	(void)state;
	while (!late_refusal()) {
		assert_true(tries++ < 5);
		world_end(&w);
	}
}

static void test_server_failure_is_remembered(void **state)
{
	(void)state;
	begin();
	w.server.manner = SRV_FAILS;
	assert_string_equal(seek_port("plain.example"), "ETIMEDOUT");
	unsigned asked = w.server.questions;
	w.server.manner = SRV_ANSWERS;
	assert_string_equal(seek_port("plain.example"), "ETIMEDOUT");
	assert_int_equal(w.server.questions, asked);
	assert_string_equal(seek_port("zero.example"), "udp 192.0.2.4:5060");
}

static void test_no_servers(void **state)
{
	(void)state;
	begin();
	w.shared->conf.n_nameservers = 0; /* a system without any */
	atomic_fetch_add(&w.shared->generation, 1);
	assert_string_equal(seek_port("plain.example"), "ETIMEDOUT");
	assert_string_equal(seek_host(&w, "192.0.2.1"), "udp 192.0.2.1:5060");
}

static void test_second_server(void **state)
{
	(void)state;
	begin();
	test_server_begin(&w.second, w.loop);
	w.second.zone = zone;
	w.conf.nameservers[1] = w.second.addr;
	w.conf.n_nameservers = 2;
	dns_shared_conf(w.shared, &w.conf);
	test_server_end(&w.server); /* its port is closed: the kernel says so at once */
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
}

/* Whether look-ups wait for a first server that is dead once, not each time; false also when this machine was so slow that a
 * server in good health looked dead.
 */
static bool first_server_is_left(void)
{
	conf.timeout_ms = 100;
	conf.tries = 10;
	begin();
	test_server_begin(&w.second, w.loop);
	w.second.zone = zone;
	w.conf.nameservers[1] = w.second.addr;
	w.conf.n_nameservers = 2;
	dns_shared_conf(w.shared, &w.conf);
	w.server.manner = SRV_SILENT;
	assert_string_equal(seek_port("plain.example"), UDP_HOP);
	unsigned asked = w.server.questions;
	assert_string_equal(seek_port("zero.example"), "udp 192.0.2.4:5060");
	assert_string_equal(seek_port("large.example"), "udp 192.0.2.5:5060");
	bool left = w.server.questions == asked;
	/* the second is silent too: back to the first */
	w.second.manner = SRV_SILENT;
	w.server.manner = SRV_ANSWERS;
	assert_string_equal(seek_port("larger.example"), "udp 192.0.2.6:5060");
	asked = w.second.questions;
	assert_string_equal(seek_port("no.example"), "ENOENT");
	return left && w.second.questions == asked;
}

static void test_first_server_is_silent(void **state)
{
	unsigned tries = 1;

	(void)state;
	while (!first_server_is_left()) {
		assert_true(tries++ < 5);
		world_end(&w);
	}
}

static void test_port_of_servers(void **state)
{
	(void)state;
	begin();
	w.conf.nameservers[0].port = 0;
	dns_shared_conf(w.shared, &w.conf);
	assert_int_equal(w.shared->conf.nameservers[0].port, 53);
}

/* ---- wrong answers ---- */

static void test_garbage(void **state)
{
	(void)state;
	begin();
	w.server.manner = SRV_GARBAGE;
	assert_string_equal(seek_port("plain.example"), "ETIMEDOUT");
	assert_int_equal(counted(&w, TP_STAT_DNS_BAD), 1);
}

static void test_answer_to_another_question(void **state)
{
	(void)state;
	conf.timeout_ms = 50;
	begin();
	w.server.manner = SRV_LIES;
	assert_string_equal(seek_port("plain.example"), "ETIMEDOUT");
}

static void test_truncated(void **state)
{
	(void)state;
	begin();
	w.server.manner = SRV_TRUNCATES;
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	assert_true(w.server.streams >= 5);
}

static void test_server_without_edns(void **state)
{
	(void)state;
	begin();
	w.server.manner = SRV_NO_EDNS;
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	unsigned with_edns = w.server.with_edns;
	assert_in_range(with_edns, 1, 4);
	assert_string_equal(seek_host(&w, "two.example"),
			    "udp [2001:db8::1]:5060, udp 192.0.2.3:5060");
	assert_int_equal(w.server.with_edns, with_edns);
}

static bool is_fresh(const char *name, uint64_t in_ms)
{
	struct dns_key key = dns_key_of(sv_str(name), DNS_A);
	struct dns_cached c =
		dns_cache_get(&w.shared->cache, dns_key_sv(&key), loop_now_ms(w.loop) + in_ms);

	dns_set_unref(c.set);
	return c.fresh;
}

static const struct {
	const char *host;
	uint64_t s; /* is kept that long */
} lives[] = {{"plain.example", 300},
	     {"zero.example", 5},
	     {"large.example", 3600},
	     {"larger.example", 5},
	     {"no.example", 30}};

static void test_ttls(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		seek_port(lives[i].host);
		assert_true(is_fresh(lives[i].host,
				     lives[i].s * 1000 - 3000)); /* asked up to 3 s ago */
		assert_false(is_fresh(lives[i].host, lives[i].s * 1000));
	}
}

/* ---- old answers ---- */

/* With a TTL of 0 everything is old at once. */
static void begin_stale(uint32_t timeout_ms)
{
	conf.ttl_min_s = conf.ttl_max_s = conf.negative_s = 0;
	begin();
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 0);
	conf.timeout_ms = timeout_ms;
	world_conf(&w, &conf);
}

static void test_stale_when_servers_are_dead(void **state)
{
	(void)state;
	begin_stale(50);
	test_server_end(&w.server);
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 1);
	assert_string_equal(seek_port("fresh.example"), "ETIMEDOUT");
}

/* An old answer waits for one try of the servers only, and the next look-up for none when they failed. */
static void test_stale_when_servers_are_silent(void **state)
{
	struct dns_want want = want_of("srv.example");
	struct seek again;

	(void)state;
	begin_stale(50);
	conf.negative_s = 30;
	conf.tries = 1;
	world_conf(&w, &conf);
	w.server.manner = SRV_SILENT;
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 1);
	for (int i = 0; i < 50 && map_count(&w.dns->queries); i++)
		assert_int_equal(loop_turn(w.loop, 100), 0); /* c-ares gives up */
	seek_begin(&w, &again, &want);
	assert_int_equal(again.ret, 1);
	assert_string_equal(seek_text(&again), UDP_HOP);
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 2);
}

/* c-ares goes on trying for longer than this test waits. */
static void test_stale_after_one_try(void **state)
{
	(void)state;
	conf.tries = 20;
	begin_stale(50);
	w.server.manner = SRV_SILENT;
	assert_string_equal(seek_host(&w, "srv.example"), UDP_HOP);
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 1);
}

static void test_old_answers_are_replaced(void **state)
{
	static const char *const moved[] = {"srv.example A 300 192.0.2.77", NULL};

	(void)state;
	begin_stale(conf.timeout_ms);
	w.server.zone = moved;
	assert_string_equal(seek_host(&w, "srv.example"), "udp 192.0.2.77:5060");
	assert_int_equal(counted(&w, TP_STAT_DNS_STALE), 0);
}

static void test_not_older_than_allowed(void **state)
{
	(void)state;
	conf.stale_s = 0;
	begin_stale(50);
	test_server_end(&w.server);
	assert_string_equal(seek_host(&w, "srv.example"), "ETIMEDOUT");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_budget),
		TEST(test_partial_at_the_end),
		TEST(test_first_target_is_lost),
		TEST(test_no_naptr_server),
		TEST(test_no_srv_server),
		TEST(test_no_aaaa_server),
		TEST(test_late_naptr),
		TEST(test_late_refusal),
		TEST(test_server_failure_is_remembered),
		TEST(test_no_servers),
		TEST(test_second_server),
		TEST(test_first_server_is_silent),
		TEST(test_port_of_servers),
		TEST(test_garbage),
		TEST(test_answer_to_another_question),
		TEST(test_truncated),
		TEST(test_server_without_edns),
		TEST(test_ttls),
		TEST(test_stale_when_servers_are_dead),
		TEST(test_stale_when_servers_are_silent),
		TEST(test_stale_after_one_try),
		TEST(test_old_answers_are_replaced),
		TEST(test_not_older_than_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
