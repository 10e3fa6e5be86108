/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Many look-ups at once: joined, cancelled, too many, begun and cancelled from within `done`, under way when the resolver or its
 * settings go.
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

static bool is_fresh(const char *name, uint64_t in_ms)
{
	struct dns_key key = dns_key_of(sv_str(name), DNS_A);
	struct dns_cached c =
		dns_cache_get(&w.shared->cache, dns_key_sv(&key), loop_now_ms(w.loop) + in_ms);

	dns_set_unref(c.set);
	return c.fresh;
}

static void test_joined(void **state)
{
	enum { N = 50 };
	static struct seek s[N];
	struct dns_want want = want_of("srv.example");

	(void)state;
	begin();
	for (unsigned i = 0; i < N; i++)
		seek_begin(&w, &s[i], &want);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(s[i].ret, 0);
		turn_until(&w, &s[i].done);
		assert_string_equal(seek_text(&s[i]), UDP_HOP);
	}
	assert_int_equal(w.server.questions, 1 + 3 + 2); /* NAPTR, SRV, addresses of the target */
}

static void test_cancelled(void **state)
{
	struct dns_want want = want_port("plain.example"), other = want_port("zero.example");
	struct seek cancelled, joined, idle = {0};

	(void)state;
	begin();
	seek_begin(&w, &cancelled, &want);
	seek_begin(&w, &joined, &want);
	dns_cancel(w.dns, &cancelled.lookup);
	dns_cancel(w.dns, &cancelled.lookup);
	dns_cancel(w.dns, &idle.lookup);
	turn_until(&w, &joined.done);
	assert_false(cancelled.done);
	assert_string_equal(seek_text(&joined), UDP_HOP);
	dns_cancel(w.dns, &joined.lookup);
	/* nobody waits any more: the answer is kept nevertheless */
	seek_begin(&w, &cancelled, &other);
	dns_cancel(w.dns, &cancelled.lookup);
	for (int i = 0; i < 50 && map_count(&w.dns->queries); i++)
		assert_int_equal(loop_turn(w.loop, 100), 0);
	assert_true(is_fresh("zero.example", 0));
	assert_false(cancelled.done);
}

static void test_freed_with_look_ups_under_way(void **state)
{
	static struct seek s[20];

	(void)state;
	begin();
	for (unsigned i = 0; i < 20; i++) {
		char host[32];

		snprintf(host, sizeof(host), "h%u.example", i % 10);
		struct dns_want want = want_of(host);
		seek_begin(&w, &s[i], &want);
		assert_int_equal(s[i].ret, 0);
	}
	dns_free(w.dns);
	w.dns = NULL;
	for (unsigned i = 0; i < 20; i++)
		assert_false(s[i].done);
}

static void test_too_many(void **state)
{
	static struct seek s[DNS_JOBS_MAX + 1];
	struct dns_want want = want_of("srv.example");

	(void)state;
	begin();
	assert_string_equal(seek_port("zero.example"), "udp 192.0.2.4:5060");
	w.server.manner = SRV_SILENT;
	for (unsigned i = 0; i <= DNS_JOBS_MAX; i++) {
		seek_begin(&w, &s[i], &want);
		assert_int_equal(s[i].ret, i < DNS_JOBS_MAX ? 0 : MG_ELIMIT);
	}
	assert_int_equal(counted(&w, TP_STAT_DNS_REFUSED), 1);
	/* numeric, or cached: served all the same */
	assert_string_equal(seek_host(&w, "192.0.2.1"), "udp 192.0.2.1:5060");
	assert_string_equal(seek_port("zero.example"), "udp 192.0.2.4:5060");
	dns_cancel(w.dns, &s[7].lookup);
	seek_begin(&w, &s[7], &want);
	assert_int_equal(s[7].ret, 0);
}

static void test_too_many_questions(void **state)
{
	static struct seek s[DNS_QUERIES_MAX + 1];

	(void)state;
	begin();
	w.server.manner = SRV_SILENT;
	for (unsigned i = 0; i <= DNS_QUERIES_MAX; i++) {
		char host[32];

		snprintf(host, sizeof(host), "h%u.example", i);
		struct dns_want want = want_port(host);
		seek_begin(&w, &s[i], &want);
		assert_int_equal(s[i].ret, i < DNS_QUERIES_MAX ? 0 : 1);
	}
	assert_int_equal(s[DNS_QUERIES_MAX].lookup.err, MG_ELIMIT);
}

/* ---- from within `done` ---- */

static struct seek inner, victim;
static bool inner_begun;

static void on_outer(struct dns_lookup *lookup)
{
	struct dns_want want = want_port("zero.example");
	struct dns_conf other = conf;

	on_done(lookup);
	dns_cancel(w.dns, &victim.lookup);
	other.budget_ms++;
	world_conf(&w, &other); /* the look-up that follows makes another channel */
	seek_begin(&w, &inner, &want);
	inner_begun = true;
}

static void test_look_ups_within_done(void **state)
{
	struct dns_want want = want_port("plain.example");
	struct seek outer = {.lookup.done = on_outer};

	(void)state;
	begin();
	inner_begun = false;
	outer.ret = dns_resolve(w.dns, &outer.lookup, &want);
	assert_int_equal(outer.ret, 0);
	seek_begin(&w, &victim,
		   &want); /* settled by the same answer, and cancelled before its turn */
	turn_until(&w, &inner_begun);
	turn_until(&w, &inner.done);
	assert_string_equal(seek_text(&inner), "udp 192.0.2.4:5060");
	assert_true(outer.done);
	assert_false(victim.done);
}

/* ---- other settings ---- */

/* Questions to servers that are no longer ours go to the new ones. */
static void test_servers_change_meanwhile(void **state)
{
	struct dns_want want = want_of("srv.example");
	struct seek before;

	(void)state;
	begin();
	w.server.manner = SRV_SILENT;
	seek_begin(&w, &before, &want);
	assert_int_equal(loop_turn(w.loop, 50), 0);
	assert_int_equal(before.ret, 0);
	test_server_begin(&w.second, w.loop);
	w.second.zone = zone;
	w.conf.nameservers[0] = w.second.addr;
	dns_shared_conf(w.shared, &w.conf);
	assert_string_equal(seek_host(&w, "two.example"),
			    "udp [2001:db8::1]:5060, udp 192.0.2.3:5060");
	turn_until(&w, &before.done);
	assert_string_equal(seek_text(&before), UDP_HOP);
}

/* The new servers cannot be reached: look-ups of before end by `done`, not within dns_resolve of another. */
static void test_servers_change_for_the_worse(void **state)
{
	struct dns_want want = want_port("plain.example"), other = want_port("zero.example");
	struct seek before, after;

	(void)state;
	begin();
	w.server.manner = SRV_SILENT;
	seek_begin(&w, &before, &want);
	w.shared->conf.n_nameservers = 0;
	atomic_fetch_add(&w.shared->generation, 1);
	seek_begin(&w, &after, &other);
	assert_int_equal(after.ret, 1);
	assert_false(before.done);
	turn_until(&w, &before.done);
	assert_string_equal(seek_text(&before), "ETIMEDOUT");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_joined),
		TEST(test_cancelled),
		TEST(test_freed_with_look_ups_under_way),
		TEST(test_too_many),
		TEST(test_too_many_questions),
		TEST(test_look_ups_within_done),
		TEST(test_servers_change_meanwhile),
		TEST(test_servers_change_for_the_worse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
