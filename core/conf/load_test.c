/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What each type of option takes and what it becomes, what is refused and with what words; defaults
 * and groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/test_conf.h"
#include "conf/test_world.h"

static struct arena arena;

static struct world load(const char *text)
{
	struct world w;

	arena_done(&arena);
	arena_init(&arena, 4096, 64 << 20);
	test_conf_load(&world_conf, text, &w, &arena);
	return w;
}

static bool addr_is(const struct addr *a, const char *text)
{
	struct addr b;

	return addr_parse(sv_str(text), ADDR_PORT, &b) == 0 && addr_eq(a, &b);
}

static bool prefix_is(const struct prefix *a, const char *text)
{
	struct prefix b;

	return prefix_parse(sv_str(text), &b) == 0 && addr_eq(&a->net, &b.net) && a->bits == b.bits;
}

static void defaults(void **state)
{
	struct world w = load(WORLD_LEAST);

	(void)state;
	assert_int_equal(w.workers, -1);
	assert_int_equal(w.timer_c_s, 185);
	assert_int_equal(w.big, 0);
	assert_true(w.quick);
	assert_int_equal(w.trust, 1);
	assert_string_equal(w.server, "Margrave");
	assert_null(w.note);
	assert_true(addr_is(&w.bind, "127.0.0.1"));
	assert_int_equal(w.metrics.family, ADDR_NONE);
	assert_true(prefix_is(&w.lan, "fd00::/8"));
	assert_null(w.log.path);
	assert_int_equal(w.log.fd, -1);
	assert_int_equal(w.acl.n, 2);
	assert_true(prefix_is((struct prefix *)w.acl.items + 1, "192.168.0.0/16"));
	assert_int_equal(w.ports.n, 0);
	assert_int_equal(w.limits.cps, 100);
	assert_int_equal(w.modules.n, 0);
	assert_null(w.store.name);
	/* in the items of a list */
	const struct world_zone *zone = w.zones.items;
	assert_int_equal(w.zones.n, 1);
	assert_string_equal(zone->name, "a");
	assert_int_equal(zone->trust, 0);
	assert_false(zone->nat.latch);
	assert_int_equal(zone->nat.keep_s, -1);
}

static void every_type(void **state)
{
	struct world w =
		load("workers = 4; timer_c_s = 0xb6; big = 0x1ffffffff; quick = FALSE;\n"
		     "trust = \"carrier\"; server = \"\"; note = \"a \\\"b\\\" \\x41\" \" c\";\n"
		     "secret = \"geheim\"; bind = \"::1\"; metrics = \"[::1]:9100\";\n"
		     "peer : \"192.0.2.1\", lan = \"10.0.0.0/8\" log = \"/x/y\";\n" WORLD_LEAST);

	(void)state;
	assert_int_equal(w.workers, 4);
	assert_int_equal(w.timer_c_s, 182);
	assert_int_equal(w.big, 0x1ffffffff);
	assert_false(w.quick);
	assert_int_equal(w.trust, 2);
	assert_string_equal(w.server, "");
	assert_string_equal(w.note, "a \"b\" A c");
	assert_string_equal(w.secret, "geheim");
	assert_true(addr_is(&w.bind, "::1"));
	assert_true(addr_is(&w.metrics, "[::1]:9100"));
	assert_true(addr_is(&w.peer, "192.0.2.1"));
	assert_true(prefix_is(&w.lan, "10.0.0.0/8"));
	assert_string_equal(w.log.path, "/x/y");
	assert_true(w.log.fd >= 0);
	struct world none = load("log = \"\";" WORLD_LEAST);
	assert_null(none.log.path);
	assert_int_equal(none.log.fd, -1);
}

static void groups_and_lists(void **state)
{
	struct world w =
		load("acl = ( ); ports = [ 1, 65535, 0x10 ];\n"
		     "limits = { cps = 1; burst = 2; };\n"
		     "tls = { cert = \"c.pem\"; };\n"
		     "zones = ( { name = \"a\"; listen = ( \"udp:*\", \"tcp:*\" );\n"
		     "            nat = { keep_s = 5 } },\n"
		     "          { listen = [ \"udp:1\" ]; name = \"b\"; trust = \"phones\" } );");

	(void)state;
	assert_int_equal(w.acl.n, 0);
	assert_int_equal(w.ports.n, 3);
	assert_int_equal(((int64_t *)w.ports.items)[2], 16);
	assert_int_equal(w.limits.burst, 2);
	assert_string_equal(w.tls.cert.path, "c.pem");
	assert_int_equal(w.tls.key.fd, -1);
	const struct world_zone *zones = w.zones.items;
	assert_int_equal(w.zones.n, 2);
	assert_string_equal(((const char **)zones[0].listen.items)[1], "tcp:*");
	assert_int_equal(zones[0].nat.keep_s, 5);
	assert_string_equal(zones[1].name, "b");
	assert_int_equal(zones[1].trust, 1);
}

static void the_ends_of_ranges(void **state)
{
	struct world w = load("big = -9223372036854775808; timer_c_s = 3600;" WORLD_LEAST);

	(void)state;
	assert_true(w.big == INT64_MIN);
	assert_int_equal(w.timer_c_s, 3600);
	assert_true(load("big = 9223372036854775807;" WORLD_LEAST).big == INT64_MAX);
	assert_true(load("big = 5000000000;" WORLD_LEAST).big == 5000000000);
	assert_true(load("big = -1L;" WORLD_LEAST).big == -1);
}

#define AN_INT   "allowed: 181 to 3600 (seconds)\n"
#define AN_ADDR  "allowed: an address: \"192.0.2.1\", \"2001:db8::1\"\n"
#define A_PREFIX "allowed: a prefix: \"192.0.2.0/24\", \"2001:db8::/32\"\n"
#define TEXT_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEXT_256 TEXT_64 TEXT_64 TEXT_64 TEXT_64

static void refused_values(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *line;
	} rows[] = {
		/* bool */
		{"quick = 1;", "quick: found 1, allowed: true or false\n"},
		{"quick = \"yes\";", "quick: found \"yes\", allowed: true or false\n"},
		/* int */
		{"timer_c_s = 180;", "timer_c_s: found 180, " AN_INT},
		{"timer_c_s = 3601;", "timer_c_s: found 3601, " AN_INT},
		{"timer_c_s = -1;", "timer_c_s: found -1, " AN_INT},
		{"timer_c_s = 200.0;", "timer_c_s: found 200.0, " AN_INT},
		{"timer_c_s = 2e2;", "timer_c_s: found 2e2, " AN_INT},
		{"timer_c_s = \"200\";", "timer_c_s: found \"200\", " AN_INT},
		{"timer_c_s = true;", "timer_c_s: found true, " AN_INT},
		{"timer_c_s = (200);", "timer_c_s: found a list of 1, " AN_INT},
		{"timer_c_s = { };", "timer_c_s: found a group { }, " AN_INT},
		{"timer_c_s = 0x1000000b9;", "timer_c_s: found 0x1000000b9, " AN_INT}, /* not 185 */
		{"timer_c_s = 4294967481;", "timer_c_s: found 4294967481, " AN_INT},
		{"timer_c_s = 9223372036854775808;", "timer_c_s: found 9223372036854775808, " AN_INT},
		{"big = 9223372036854775808;", "big: found 9223372036854775808, allowed: -9223372036854775808 to 9223372036854775807\n"},
		{"big = 0xffffffffffffffffL;", "big: found 0xffffffffffffffffL, allowed: -9223372036854775808 to 9223372036854775807\n"},
		/* auto */
		{"workers = 0;", "workers: found 0, allowed: \"auto\" or 1 to 64\n"},
		{"workers = -1;", "workers: found -1, allowed: \"auto\" or 1 to 64\n"},
		{"workers = \"Auto\";", "workers: found \"Auto\", allowed: \"auto\" or 1 to 64\n"},
		/* enum */
		{"trust = \"phone\";", "trust: found \"phone\", allowed: \"internet\", \"phones\" or \"carrier\"; did you mean \"phones\"?\n"},
		{"trust = \"Phones\";", "trust: found \"Phones\", allowed: \"internet\", \"phones\" or \"carrier\"; did you mean \"phones\"?\n"},
		{"trust = \"everybody\";", "trust: found \"everybody\", allowed: \"internet\", \"phones\" or \"carrier\"\n"},
		{"trust = 1;", "trust: found 1, allowed: \"internet\", \"phones\" or \"carrier\"\n"},
		/* string */
		{"note = \"\";", "note: found \"\", allowed: a text of 1 to 1023 bytes\n"},
		{"note = 5;", "note: found 5, allowed: a text of 1 to 1023 bytes\n"},
		{"note = \"a\\nb\";", "note: found \"a\\x0ab\" (with a control character), allowed: a text of 1 to 1023 bytes\n"},
		{"note = \"a\tb\";", "note: found \"a\\x09b\" (with a control character), allowed: a text of 1 to 1023 bytes\n"},
		{"note = \"\\xff\";", "note: found \"\\xff\" (not UTF-8), allowed: a text of 1 to 1023 bytes\n"},
		{"server = \"01234567890123456\";", "server: found \"01234567890123456\" (too long), allowed: a text of 0 to 16 bytes\n"},
		{"server = \"" TEXT_256 "x\";", "server: found \"" TEXT_256 "...\" (too long), allowed: a text of 0 to 16 bytes\n"},
		/* a secret is not shown */
		{"secret = \"123456789\";", "secret: found a secret (too long), allowed: a text of 1 to 8 bytes\n"},
		{"secret = 123;", "secret: found a secret, allowed: a text of 1 to 8 bytes\n"},
		/* addr */
		{"bind = \"1.2.3\";", "bind: found \"1.2.3\", " AN_ADDR},
		{"bind = \"127.0.0.1:80\";", "bind: found \"127.0.0.1:80\", " AN_ADDR},
		{"bind = \"localhost\";", "bind: found \"localhost\", " AN_ADDR},
		{"bind = 5;", "bind: found 5, " AN_ADDR},
		{"metrics = \"127.0.0.1\";", "metrics: found \"127.0.0.1\", allowed: an address with port: \"192.0.2.1:5060\", \"[2001:db8::1]:5060\"\n"},
		{"metrics = \"127.0.0.1:0\";", "metrics: found \"127.0.0.1:0\", allowed: an address with port: \"192.0.2.1:5060\", \"[2001:db8::1]:5060\"\n"},
		{"peer = \"::1:5060:\";", "peer: found \"::1:5060:\", allowed: an address: \"192.0.2.1\", \"2001:db8::1\", also with port: \"[2001:db8::1]:5060\"\n"},
		/* prefix */
		{"lan = \"10.0.0.1/8\";", "lan: found \"10.0.0.1/8\" (bits behind the prefix are set, or it is too long), " A_PREFIX},
		{"lan = \"10.0.0.0/33\";", "lan: found \"10.0.0.0/33\" (bits behind the prefix are set, or it is too long), " A_PREFIX},
		{"lan = \"10/8\";", "lan: found \"10/8\", " A_PREFIX},
		{"lan = 10;", "lan: found 10, " A_PREFIX},
		/* group */
		{"limits = 5;", "limits: found 5, allowed: a group { ... }\n"},
		{"limits = ( );", "limits: found a list of 0, allowed: a group { ... }\n"},
		/* lists */
		{"acl = \"10.0.0.0/8\";", "acl: found \"10.0.0.0/8\", allowed: a list ( ... ) of up to 4\n"},
		{"acl = { };", "acl: found a group { }, allowed: a list ( ... ) of up to 4\n"},
		{"acl = (\"1.0.0.0/8\", \"2.0.0.0/8\", \"3.0.0.0/8\", \"4.0.0.0/8\", \"5.0.0.0/8\");", "acl: found a list of 5, allowed: a list ( ... ) of up to 4\n"},
		{"ports = ( 1, 0, \"x\", ( 5 ) );", "ports[1]: found 0, allowed: 1 to 65535\ntest.cfg:1: ports[2]: found \"x\", allowed: 1 to 65535\ntest.cfg:1: ports[3]: found a list of 1, allowed: 1 to 65535\n"},
		{"tls = { key = \"\"; cert = \"c\"; };", "tls.key: found \"\", allowed: a file that can be read\n"},
	};
	/* clang-format on */
	char text[4096], line[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s\n%s", rows[i].text, WORLD_LEAST);
		snprintf(line, sizeof(line), "test.cfg:1: %s", rows[i].line);
		test_conf_refused(&world_conf, text, line);
	}
}

/* Keys that nobody knows, keys given twice, keys that are missing. */
static void refused_keys(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text, *lines;
	} rows[] = {
		{"limits = { cpps = 5; };\n" WORLD_LEAST, "test.cfg:1: limits.cpps: found an unknown key, allowed: cps, burst; did you mean \"cps\"?\n"},
		{"limits = { what_is_this = 5; };\n" WORLD_LEAST, "test.cfg:1: limits.what_is_this: found an unknown key, allowed: cps, burst\n"},
		{"limits = { cps = 1;\n cps = 2;\n cps = 2; };\n" WORLD_LEAST,
		 "test.cfg:2: limits.cps: found it a second time, after test.cfg:1, allowed: once\n"
		 "test.cfg:3: limits.cps: found it a second time, after test.cfg:1, allowed: once\n"},
		{"limits = { cpps = 1; cpps = 2; };\n" WORLD_LEAST,
		 "test.cfg:1: limits.cpps: found an unknown key, allowed: cps, burst; did you mean \"cps\"?\n"
		 "test.cfg:1: limits.cpps: found it a second time, after test.cfg:1, allowed: once\n"},
		{"", "test.cfg:1: zones: found nothing, allowed: a list ( ... ) of 1 to 1024\n"},
		{"zones = ( );", "test.cfg:1: zones: found a list of 0, allowed: a list ( ... ) of 1 to 1024\n"},
		{"\nzones = (\n { } );",
		 "test.cfg:3: zones[0].name: found nothing, allowed: a text of 1 to 32 bytes\n"
		 "test.cfg:3: zones[0].listen: found nothing, allowed: a list ( ... ) of 1 to 3\n"},
		{"zones = ( 5, \"x\" );", "test.cfg:1: zones[0]: found 5, allowed: a group { ... }\ntest.cfg:1: zones[1]: found \"x\", allowed: a group { ... }\n"},
		{"tls = { };\n" WORLD_LEAST, "test.cfg:1: tls.cert: found nothing, allowed: a file that can be read\n"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		test_conf_refused(&world_conf, rows[i].text, rows[i].lines);
}

/* However many keys there are, the one that was meant is named. */
static void many_keys(void **state)
{
	static char names[100][40];
	static struct conf_option many[100];
	struct conf_table table = {.name = "many", .size = 8, CONF_OPTIONS(many)};
	static const char begin[] =
		"test.cfg:1: the_name_of_option_91x: found an unknown key, allowed: ";
	char expected[1024];

	(void)state;
	strcpy(expected, begin);
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "the_name_of_option_%02d", i);
		many[i] = (struct conf_option){.name = names[i], .type = CONF_BOOL};
		if (strlen(expected) < sizeof(begin) + 500)
			strcat(strcat(expected, names[i]), ", ");
	}
	strcat(expected, "...; did you mean \"the_name_of_option_91\"?\n");
	test_conf_refused(&table, "the_name_of_option_91x = true;", expected);
}

static void all_mistakes_in_the_order_of_the_file(void **state)
{
	(void)state;
	test_conf_refused(
		&world_conf,
		"quick = 1;\n"
		"zones = (\n"
		"  { name = \"a\"; lisen = ( );\n"
		"    trust = \"nobody\"; },\n"
		"  { name = 5;\n"
		"    name = 6;\n"
		"    listen = ( \"udp:*\",\n"
		"               17 ) } );\n"
		"\n"
		"timer_c_s = 5;\n"
		"limit = { };\n",
		"test.cfg:1: quick: found 1, allowed: true or false\n"
		"test.cfg:3: zones[0].lisen: found an unknown key, allowed: name, listen, trust, "
		"nat; "
		"did you mean \"listen\"?\n"
		"test.cfg:3: zones[0].listen: found nothing, allowed: a list ( ... ) of 1 to 3\n"
		"test.cfg:4: zones[0].trust: found \"nobody\", allowed: \"internet\", \"phones\" "
		"or "
		"\"carrier\"\n"
		"test.cfg:5: zones[1].name: found 5, allowed: a text of 1 to 32 bytes\n"
		"test.cfg:6: zones[1].name: found it a second time, after test.cfg:5, allowed: "
		"once\n"
		"test.cfg:8: zones[1].listen[1]: found 17, allowed: a text of 1 to 1023 bytes\n"
		"test.cfg:10: timer_c_s: found 5, allowed: 181 to 3600 (seconds)\n"
		"test.cfg:11: limit: found an unknown key, allowed: workers, timer_c_s, big, "
		"quick, "
		"trust, server, note, secret, bind, metrics, peer, lan, log, acl, ports, "
		"accept_risk, "
		"limits, tls, zones, modules, store; did you mean \"limits\"?\n");
}

static void as_many_as_anybody_reads(void **state)
{
	struct conf_faults faults;
	struct world w;
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	fprintf(to, "zones = (\n");
	for (int i = 0; i < 1000; i++)
		fprintf(to, "{ x = 1;\n y = 1; z = 1; },\n");
	fprintf(to, "{ } );");
	fclose(to);
	arena_done(&arena);
	arena_init(&arena, 4096, 64 << 20);
	conf_faults_init(&faults);
	assert_int_equal(test_conf_try(&world_conf, text, &w, &arena, NULL, NULL, &faults),
			 MG_EPARSE);
	assert_int_equal(faults.n, CONF_FAULTS_MAX);
	/* Three keys and two that are missing, each. */
	assert_int_equal(faults.n + faults.more, 5 * 1000 + 2);
	assert_string_equal(
		faults.text[2],
		"test.cfg:2: zones[0].listen: found nothing, allowed: a list ( ... ) of 1 to 3");
	char *said = test_conf_lines(&faults);
	assert_non_null(strstr(said, "\nand 4802 more\n"));
	free(said);
	conf_faults_done(&faults);
	free(text);
}

/* ---- groups that are not there ---- */

static void absent_groups(void **state)
{
	struct world w = load(WORLD_LEAST);

	(void)state;
	/* tls has something required: it is not there, not even its check would run. */
	assert_null(w.tls.cert.path);
	assert_int_equal(w.tls.cert.fd, -1);
	assert_int_equal(w.tls.key.fd, -1);
	/* limits has not: it is as if empty. */
	assert_int_equal(w.limits.burst, 200);
	struct world empty = load("limits = { };" WORLD_LEAST);
	assert_memory_equal(&w.limits, &empty.limits, sizeof(w.limits));
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_type),
		cmocka_unit_test(groups_and_lists),
		cmocka_unit_test(the_ends_of_ranges),
		cmocka_unit_test(refused_values),
		cmocka_unit_test(refused_keys),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(all_mistakes_in_the_order_of_the_file),
		cmocka_unit_test(as_many_as_anybody_reads),
		cmocka_unit_test(absent_groups),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
