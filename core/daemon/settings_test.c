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

/* Tables that make sense, and a sample that loads. */
static void test_tables(void **state)
{
	(void)state;
	test_conf_sound(&settings_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specs),    cmocka_unit_test(test_faults),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_risk_accepted),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
