/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of settings.c and settings_tables.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "daemon/settings.h"
#include "sip/uri.h"

static const struct {
	const char *text;
	int err;
	uint8_t transport;
	uint16_t port;
	bool both;
	const char *interface;
} specs[] = {
	{"udp:192.0.2.1:5060", 0, SIP_TRANSPORT_UDP, 5060, false, ""},
	{"tcp:eth0:5060", 0, SIP_TRANSPORT_TCP, 5060, false, "eth0"},
	{"tls:*:5061", 0, SIP_TRANSPORT_TLS, 5061, true, ""},
	{"udp:[::]:5060", 0, SIP_TRANSPORT_UDP, 5060, false, ""},
	{"udp:[2001:db8::1]:65535", 0, SIP_TRANSPORT_UDP, 65535, false, ""},
	{"udp:0.0.0.0:5060", 0, SIP_TRANSPORT_UDP, 5060, false, ""},
	{"tcp:br-lan.7:5060", 0, SIP_TRANSPORT_TCP, 5060, false, "br-lan.7"},
	{"", MG_EPARSE, 0, 0, false, NULL},
	{"udp", MG_EPARSE, 0, 0, false, NULL},
	{"udp:", MG_EPARSE, 0, 0, false, NULL},
	{"udp::5060", MG_EPARSE, 0, 0, false, NULL},
	{"udp:192.0.2.1", MG_EPARSE, 0, 0, false, NULL},
	{"udp:192.0.2.1:0", MG_EPARSE, 0, 0, false, NULL},
	{"udp:192.0.2.1:65536", MG_EPARSE, 0, 0, false, NULL},
	{"udp:192.0.2.300:5060", MG_EPARSE, 0, 0, false, NULL},
	{"upd:192.0.2.1:5060", MG_EPARSE, 0, 0, false, NULL},
	{"sctp:192.0.2.1:5060", MG_EPARSE, 0, 0, false, NULL},
	{"udp:2001:db8::1:5060", MG_EPARSE, 0, 0, false, NULL},
	{"udp:an-interface-name-too-long:5060", MG_EPARSE, 0, 0, false, NULL},
	{"udp:a/b:5060", MG_EPARSE, 0, 0, false, NULL},
};

static void test_specs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct listen_spec spec;
		int err = listen_spec_parse(&spec, specs[i].text);

		if (err != specs[i].err)
			fail_msg("%s: %d", specs[i].text, err);
		if (err)
			continue;
		assert_int_equal(spec.transport, specs[i].transport);
		assert_int_equal(spec.port, specs[i].port);
		assert_int_equal(spec.both, specs[i].both);
		assert_string_equal(spec.interface, specs[i].interface);
		assert_true(spec.both || spec.interface[0] || spec.addr.family != ADDR_NONE);
	}
}

/* What is wrong with a configuration, or NULL when nothing is. */
static const char *load(const char *text, char *out, size_t n, struct loaded **keep)
{
	struct conf_faults faults;
	struct conf_text *t;
	struct conf_env env = {0};
	struct loaded *loaded = NULL;

	conf_faults_init(&faults);
	if (conf_text_from(&t, "test.cfg", sv_str(text), &faults) == 0)
		loaded = settings_load(t, &env, SETTINGS_KNOW_MODULES, &faults);
	assert_true(loaded || faults.n > 0);
	snprintf(out, n, "%s", faults.n ? faults.text[0] : "");
	conf_faults_done(&faults);
	if (keep)
		*keep = loaded;
	else
		settings_free(loaded);
	return loaded ? NULL : out;
}

#define ZONE "zones = ( { name = \"lan\"; listen = (\"udp:127.0.0.1:5060\"); } );\n"

static const struct {
	const char *name, *text, *fault; /* what the first fault has in it */
} bad[] = {
	{"no zone", "workers = 1;\n", "zones"},
	{"bad listener", "zones = ( { name = \"lan\"; listen = (\"upd:127.0.0.1:5060\"); } );",
	 "listen"},
	{"no listener", "zones = ( { name = \"lan\"; listen = (); } );", "listen"},
	{"name twice",
	 "zones = ( { name = \"a\"; listen = (\"udp:127.0.0.1:5060\"); }, { name = \"a\"; listen = "
	 "(\"udp:127.0.0.1:5062\"); } );",
	 "twice"},
	{"tls without certificate",
	 "zones = ( { name = \"a\"; listen = (\"tls:127.0.0.1:5061\"); } );", "certificate"},
	{"no such tls",
	 "zones = ( { name = \"a\"; listen = (\"udp:127.0.0.1:5060\"); tls = (\"x\"); } );",
	 "\"x\""},
	{"typo", ZONE "worker = 1;\n", "workers"},
	{"range", ZONE "workers = 65;\n", "64"},
	{"timer c", ZONE "proxy = { timer_c_s = 180; };\n", "181"},
	{"t2 below t1", ZONE "transactions = { t1_ms = 2000; t2_ms = 1000; };\n", "t1_ms"},
	{"handshakes", ZONE "transport = { connections_max = 16; handshakes_max = 17; };\n",
	 "handshakes_max"},
	{"recursion is a risk", ZONE "proxy = { recurse = true; };\n", "recurse"},
	{"metrics for all", ZONE "metrics = { listen = \"192.0.2.1:9090\"; };\n", "metrics-open"},
	{"retry", ZONE "overload = { retry_after_min_s = 5; retry_after_max_s = 4; };\n",
	 "retry_after_min_s"},
	{"root", ZONE "user = \"root\";\n", "user-root"},
	{"a listener twice",
	 "zones = ( { name = \"a\"; listen = (\"udp:127.0.0.1:5060\"); },\n{ name = \"b\"; listen "
	 "= "
	 "(\n\"udp:127.0.0.1:5062\",\n\"udp:[::ffff:127.0.0.1]:5060\"); } );",
	 "test.cfg:4: zones[1].listen[1]: found \"udp:[::ffff:127.0.0.1]:5060\", allowed: another "
	 "address or port than that of zones[0].listen[0] (\"udp:127.0.0.1:5060\", test.cfg:1)"},
	{"all addresses twice",
	 "zones = ( { name = \"a\"; listen = (\"udp:*:5060\", \"udp:[::]:5060\"); } );",
	 "zones[0].listen[1]"},
	{"an interface twice",
	 "zones = ( { name = \"a\"; listen = (\"tcp:eth0:5060\", \"tcp:eth0:5060\"); } );",
	 "zones[0].listen[1]"},
	{"a group", "zones = ( { name = \"a\"; listen = (\n\"udp:224.0.1.75:5060\"); } );",
	 "test.cfg:2: zones[0].listen[0]"},
	{"all machines", "zones = ( { name = \"a\"; listen = (\"udp:255.255.255.255:5060\"); } );",
	 "not of a group"},
	{"a group, IPv6", "zones = ( { name = \"a\"; listen = (\"udp:[ff02::1]:5060\"); } );",
	 "not of a group"},
	{"metrics on a listener",
	 "zones = ( { name = \"a\"; listen = (\"udp:127.0.0.1:9090\", \"tcp:*:9090\"); } "
	 ");\nmetrics = "
	 "{\n listen = \"127.0.0.1:9090\"; };\n",
	 "test.cfg:3: metrics.listen: found \"127.0.0.1:9090\", allowed: another port than that of "
	 "zones[0].listen[1] (\"tcp:*:9090\", test.cfg:1)"},
	{"line of a zone's tls",
	 "zones = ( { name = \"a\"; listen = (\"udp:127.0.0.1:5060\"); tls = (\n\"x\"); } );",
	 "test.cfg:2: zones[0].tls[0]: found \"x\""},
	{"idle",
	 "zones = ( { name = \"lan\"; listen = (\"udp:127.0.0.1:5060\");\nidle_s = 600;\n"
	 "idle_known_s = 599; } );\n",
	 "test.cfg:3: zones[0].idle_known_s: found 599, allowed: at least idle_s (600, "
	 "test.cfg:2)"},
	{"both lines", ZONE "dns = { timeout_ms = 3000;\nbudget_ms = 2999; };\n",
	 "test.cfg:3: dns.budget_ms: found 2999, allowed: at least 3000, with dns.timeout_ms "
	 "(3000, "
	 "test.cfg:2)"},
	{"against a default", ZONE "dns = { timeout_ms = 3000; };\n",
	 "test.cfg:2: dns.timeout_ms: found 3000, allowed: at most 2000, with dns.budget_ms (2000, "
	 "the "
	 "default)"},
	{"timer C before timer B", ZONE "transactions = { t1_ms = 3000; };\n", "proxy.timer_c_s"},
	{"connecting for ever",
	 ZONE "transport = { connect_ms = 32000; };\ntransactions = { t1_ms = "
	      "499; };\n",
	 "t1_ms"},
	{"looking for ever",
	 ZONE "dns = { budget_ms = 30000; };\ntransactions = { t1_ms = 100; };\n", "dns.budget_ms"},
	{"a stream tried longer", ZONE "transport = { stream_try_ms = 600; connect_ms = 599; };\n",
	 "stream_try_ms"},
	{"waiting for retransmissions", ZONE "overload = { queue_delay_ms = 501; };\n", "t1_ms"},
	{"more wait than there are",
	 ZONE "transactions = { suspended_max = 1001; servers_max = 1000; };\n", "suspended_max"},
	{"dns", ZONE "dns = { ttl_min_s = 100; ttl_max_s = 99; };\n", "ttl_min_s"},
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char out[1024];

		if (!load(bad[i].text, out, sizeof(out), NULL))
			fail_msg("%s: taken", bad[i].name);
		if (!strstr(out, bad[i].fault) || strncmp(out, "test.cfg:", 9) != 0)
			fail_msg("%s: %s", bad[i].name, out);
	}
}

/* What looks alike and can be there together. */
static void test_neighbours(void **state)
{
	static const char *const texts[] = {
		"zones = ( { name = \"a\"; listen = (\"udp:*:5060\", \"udp:127.0.0.1:5060\", "
		"\"tcp:*:5060\", \"udp:*:5062\", \"udp:lo:5060\"); } );\n",
		"zones = ( { name = \"a\"; listen = (\"udp:*:9090\", \"tcp:192.0.2.1:9090\"); } "
		");\n"
		"metrics = { listen = \"127.0.0.1:9090\"; };\n",
		ZONE "transactions = { servers_max = 1000; };\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char out[1024];

		if (load(texts[i], out, sizeof(out), NULL))
			fail_msg("%s: %s", texts[i], out);
	}
}

/* What is told by later steps. */
static void test_later(void **state)
{
	(void)state;
	char out[1024];
	struct loaded *loaded;
	struct conf_faults faults;

	if (load(ZONE "workers = 2;\n", out, sizeof(out), &loaded))
		fail_msg("%s", out);
	conf_faults_init(&faults);
	settings_fault(&loaded->settings, &faults, "workers", NULL, "3");
	settings_fault(&loaded->settings, &faults, "zones[0].listen[0]", "in use", "x");
	loaded->settings.text = NULL;
	settings_fault(&loaded->settings, &faults, "workers", "few", "3");
	assert_int_equal(faults.n, 3);
	assert_string_equal(faults.text[0], "test.cfg:2: workers: found 2, allowed: 3");
	assert_string_equal(faults.text[1], "test.cfg:1: zones[0].listen[0]: found "
					    "\"udp:127.0.0.1:5060\" (in use), allowed: x");
	assert_string_equal(faults.text[2], "workers: few, allowed: 3");
	conf_faults_done(&faults);
	settings_free(loaded);
}

static void test_defaults(void **state)
{
	(void)state;
	char out[1024];
	struct loaded *loaded;

	if (load(ZONE, out, sizeof(out), &loaded))
		fail_msg("%s", out);
	const struct settings *s = &loaded->settings;
	const struct zone_settings *z = s->zones.items;
	assert_int_equal(s->workers, -1);
	assert_in_range(settings_workers(s), 1, TP_WORKERS_MAX);
	assert_string_equal(s->user, "margrave");
	assert_int_equal(s->proxy.timer_c_s, 185);
	assert_true(s->proxy.record_route);
	assert_false(s->proxy.recurse);
	assert_int_equal(s->transactions.t1_ms, 500);
	assert_int_equal(s->gather_us, 200);
	assert_int_equal(z->conns_per_source, 32);
	assert_int_equal(s->overload.queue_delay_ms, 50);
	assert_int_equal(s->overload.memory_max_mib, -1);
	assert_true(s->overload.emergency.n >= 2);
	assert_int_equal(s->metrics.listen.family, ADDR_NONE);
	settings_free(loaded);
}

static void test_risk_accepted(void **state)
{
	(void)state;
	char out[1024];
	struct loaded *loaded;

	if (load(ZONE "proxy = { recurse = true; };\naccept_risk = (\"recurse\");\n", out,
		 sizeof(out), &loaded))
		fail_msg("%s", out);
	assert_true(loaded->settings.proxy.recurse);
	assert_int_equal(loaded->risks.n, 1);
	settings_free(loaded);
}

#define ADVERTISE                                                           \
	"zones = (\n{ name = \"lan\"; listen = (\"udp:127.0.0.1:5060\");\n" \
	"advertise = \"%s\"; } );\n"

/* What goes into Via and Record-Route must be what others can read there. */
static void test_advertise(void **state)
{
	static const char *const good[] = {"sip.example.com", "a",
					   "192.0.2.1",       "192.0.2.1:1",
					   "[2001:db8::1]",   "[2001:db8::1]:65535",
					   "a.example.:5060"};
	static const char *const wrong[] = {
		"sip:x",     "a b",         "1.2.3.4:99999", "x;y=z",     "a:0", "a:",  "u@h",
		"1.2.3.4.5", "2001:db8::1", "0.0.0.0",       "[ff02::1]", "-a",  "a,b", "<a>"};
	char config[512], expected[512], out[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(config, sizeof(config), ADVERTISE, good[i]);
		if (load(config, out, sizeof(out), NULL))
			fail_msg("%s: %s", good[i], out);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(config, sizeof(config), ADVERTISE, wrong[i]);
		snprintf(expected, sizeof(expected),
			 "test.cfg:3: zones[0].advertise: found \"%s\", allowed: a name, an IPv4 "
			 "address or an [IPv6 address], perhaps with a port from :1 to :65535",
			 wrong[i]);
		assert_non_null(load(config, out, sizeof(out), NULL));
		assert_string_equal(out, expected);
	}
}

/* Tables that make sense, and a sample that loads. */
static void test_tables(void **state)
{
	(void)state;
	test_conf_sound(&settings_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specs),      cmocka_unit_test(test_faults),
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_risk_accepted),
		cmocka_unit_test(test_advertise),  cmocka_unit_test(test_tables),
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
