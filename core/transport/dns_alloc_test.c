/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every allocation of the resolver failed in turn: making it, looking up, other settings, health; and the kernel's random bytes.
 * Nothing leaks (a sanitizer says so), nothing is called twice, and a look-up ends one way or the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <sys/random.h>

#include "base/test_alloc.h"
#include "transport/dns_test_world.h"

ssize_t __real_getrandom(void *out, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t n, unsigned flags);

static bool no_random;

ssize_t __wrap_getrandom(void *out, size_t n, unsigned flags)
{
	if (!no_random)
		return __real_getrandom(out, n, flags);
	errno = ENOSYS;
	return -1;
}

#define FAILURES_MAX 200 /* a sequence has fewer allocations than that */

static const char *const zone[] = {
	"srv.example NAPTR 300 1 1 s SIP+D2U _sip._udp.srv.example",
	"_sip._udp.srv.example SRV 300 0 0 5060 plain.example",
	"plain.example A 300 192.0.2.3",
	NULL,
};

static struct test_server server;
static struct loop *loop;
static struct stats *stats;
static struct rnd rnd;

static int set_up(void **state)
{
	(void)state;
	loop = loop_new(&(struct loop_options){.name = "test"});
	test_server_begin(&server, loop);
	server.zone = zone;
	stats = stats_new(tp_stats_desc, TP_STATS, 1);
	rand_init(&rnd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_server_end(&server);
	stats_free(stats);
	loop_free(loop);
	return 0;
}

static struct dns_conf server_conf(uint32_t budget_ms)
{
	struct dns_conf conf = plain_conf();

	conf.budget_ms = budget_ms;
	conf.timeout_ms = budget_ms / 2;
	conf.nameservers[0] = server.addr;
	conf.n_nameservers = 1;
	return conf;
}

/* A look-up whose `nth` allocation fails, in turns of the loop too. Returns whether there were so many. */
static bool look_up_failing(struct dns_shared *shared, struct dns *dns, long nth)
{
	struct world w = {.loop = loop, .dns = dns, .shared = shared};
	struct dns_want want = want_of("srv.example");
	struct seek s;

	alloc_until_failure = nth;
	seek_begin(&w, &s, &want);
	turn_until(&w, &s.done);
	bool failed = alloc_until_failure < 0;
	alloc_until_failure = -1;
	if (s.ret >= 0 && !s.lookup.err)
		assert_string_equal(seek_text(&s), "udp 192.0.2.3:5060");
	else
		assert_true(s.ret == MG_ENOMEM || s.lookup.err == MG_ELIMIT ||
			    s.lookup.err == -ETIMEDOUT);
	return failed;
}

static void test_look_up(void **state)
{
	struct dns_conf conf = server_conf(300);
	bool failed = true;
	long nth = 0;

	(void)state;
	for (; failed; nth++) {
		struct dns_shared *shared = dns_shared_new(&conf);
		struct dns *dns = dns_new(loop, shared, &rnd, stats, 0);

		assert_non_null(dns);
		failed = look_up_failing(shared, dns, nth);
		dns_free(dns);
		dns_shared_free(shared);
		assert_true(nth < FAILURES_MAX);
	}
	assert_true(nth > 10);
}

static void test_make(void **state)
{
	struct dns_conf conf = server_conf(300);
	struct dns_shared *shared = NULL;
	struct dns *dns = NULL;
	long nth;

	(void)state;
	for (nth = 0; !shared; nth++) {
		alloc_until_failure = nth;
		shared = dns_shared_new(&conf);
	}
	assert_true(nth > 2);
	for (nth = 0; !dns; nth++) {
		alloc_until_failure = nth;
		dns = dns_new(loop, shared, &rnd, stats, 0);
	}
	assert_true(nth > 2);
	alloc_until_failure = -1;
	dns_free(dns);
	dns_shared_free(shared);
}

/* The old channel serves on until there is memory for another. */
static void test_settings(void **state)
{
	struct dns_conf conf = server_conf(LONG_MS);
	struct dns_shared *shared = dns_shared_new(&conf);
	struct dns *dns = dns_new(loop, shared, &rnd, stats, 0);
	struct world w = {.loop = loop, .dns = dns, .shared = shared};

	(void)state;
	assert_string_equal(seek_host(&w, "srv.example"), "udp 192.0.2.3:5060");
	conf.budget_ms++;
	dns_shared_conf(shared, &conf);
	alloc_until_failure = 0;
	assert_string_equal(seek_host(&w, "192.0.2.1"), "udp 192.0.2.1:5060");
	assert_int_equal(alloc_until_failure, -1);
	assert_int_equal(dns->generation, 0);
	assert_string_equal(seek_host(&w, "plain.example"), "udp 192.0.2.3:5060");
	assert_int_equal(dns->generation, 2);
	assert_int_equal(dns->conf.budget_ms, conf.budget_ms);
	dns_free(dns);
	dns_shared_free(shared);
}

static void test_health(void **state)
{
	struct dns_conf conf = server_conf(LONG_MS);
	struct dns_shared *shared = dns_shared_new(&conf);
	struct addr a = server.addr;

	(void)state;
	alloc_until_failure = 0;
	dns_target_failed(shared, &a, SIP_TRANSPORT_UDP, 1, 0);
	assert_false(dns_target_avoided(shared, &a, SIP_TRANSPORT_UDP, 1));
	dns_target_failed(shared, &a, SIP_TRANSPORT_UDP, 1, 0);
	assert_true(dns_target_avoided(shared, &a, SIP_TRANSPORT_UDP, 1));
	dns_shared_free(shared);
}

/* Without ids that nobody guesses nothing is asked; what is cached is ordered all the same. */
static void test_no_random(void **state)
{
	struct dns_conf conf = server_conf(LONG_MS);
	struct dns_shared *shared = dns_shared_new(&conf);
	struct dns *dns = dns_new(loop, shared, &rnd, stats, 0);
	struct world w = {.loop = loop, .dns = dns, .shared = shared};

	(void)state;
	assert_string_equal(seek_host(&w, "srv.example"), "udp 192.0.2.3:5060");
	rand_init(&rnd);
	no_random = true;
	unsigned asked = server.questions;
	assert_string_equal(seek_host(&w, "srv.example"), "udp 192.0.2.3:5060");
	assert_string_equal(seek_host(&w, "other.example"), "ETIMEDOUT");
	assert_int_equal(server.questions, asked);
	assert_null(dns_shared_new(&conf));
	no_random = false;
	dns_free(dns);
	dns_shared_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_look_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_make, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_health, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_random, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
