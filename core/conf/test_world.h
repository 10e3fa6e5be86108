/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_world: a table with every type, flag and shape of option, for the tests of this room and the
 * fuzz target. No test itself.
 */
#ifndef MG_CONF_TEST_WORLD_H
#define MG_CONF_TEST_WORLD_H

#include <string.h>

#include "conf/schema.h"

/* clang-format off */

struct world_limits { int64_t cps, burst; };
struct world_tls { struct conf_file cert, key; const char *password; };
struct world_nat { bool latch; int64_t keep_s; };
struct world_zone { const char *name; struct conf_list listen; int trust; struct world_nat nat; };
struct world_common { struct conf_file file; bool on; };
struct world_acl { struct conf_list allow; };
struct world_shield { int64_t rate; const char *mode; };

struct world {
	int64_t workers, timer_c_s, big;
	bool quick;
	int trust;
	const char *server, *note, *secret;
	struct addr bind, metrics, peer;
	struct prefix lan;
	struct conf_file log;
	struct conf_list acl, ports, accept_risk;
	struct world_limits limits;
	struct world_tls tls;
	struct conf_list zones, modules;
	struct conf_variant store;
};

static const char *const world_trusts[] = {"internet", "phones", "carrier", NULL};

static const struct conf_option world_limits_options[] = {
	{.name = "cps", .type = CONF_INT, .offset = offsetof(struct world_limits, cps), .unit = "calls per second", .min = 1, .max = 10000, .def = "100", .help = "calls that may begin"},
	{.name = "burst", .type = CONF_INT, .offset = offsetof(struct world_limits, burst), .min = 1, .max = 10000, .def = "200", .help = "calls that may begin at once"},
};

static inline void world_limits_check(struct conf_check *check, const void *value)
{
	const struct world_limits *v = value;

	if (v->burst < v->cps)
		conf_fault(check, "burst", "at least cps (%d)", (int)v->cps);
}

static const struct conf_table world_limits_conf = {
	.name = "limits", .help = "How much is let in", .size = sizeof(struct world_limits), CONF_OPTIONS(world_limits_options), .check = world_limits_check};

static const struct conf_option world_tls_options[] = {
	{.name = "cert", .type = CONF_FILE, .flags = CONF_REQUIRED, .offset = offsetof(struct world_tls, cert), .example = "/etc/margrave/cert.pem", .help = "certificate chain, PEM"},
	{.name = "key", .type = CONF_FILE, .flags = CONF_SECRET, .offset = offsetof(struct world_tls, key), .example = "/etc/margrave/key.pem", .help = "private key, PEM"},
	{.name = "password", .type = CONF_STRING, .flags = CONF_SECRET, .offset = offsetof(struct world_tls, password), .example = "geheim", .help = "password of the key"},
};
static const struct conf_table world_tls_conf = {
	.name = "tls", .help = "Certificate and key", .size = sizeof(struct world_tls), CONF_OPTIONS(world_tls_options)};

static const struct conf_option world_nat_options[] = {
	{.name = "latch", .type = CONF_BOOL, .offset = offsetof(struct world_nat, latch), .help = "send media to where it comes from"},
	{.name = "keep_s", .type = CONF_AUTO, .offset = offsetof(struct world_nat, keep_s), .unit = "seconds", .min = 5, .max = 600, .def = "auto", .help = "keep bindings of NATs open"},
};

static inline void world_nat_check(struct conf_check *check, const void *value)
{
	const struct world_nat *v = value;

	if (v->latch)
		conf_risk(check, "latch", "latch-any", "whoever sends first gets the media");
}

static const struct conf_table world_nat_conf = {
	.name = "nat", .help = "Address translation", .size = sizeof(struct world_nat), CONF_OPTIONS(world_nat_options), .check = world_nat_check};

static const struct conf_option world_zone_options[] = {
	{.name = "name", .type = CONF_STRING, .flags = CONF_REQUIRED, .offset = offsetof(struct world_zone, name), .max = 32, .example = "inside", .help = "name of the zone"},
	{.name = "listen", .type = CONF_STRING, .flags = CONF_REQUIRED | CONF_LIST, .offset = offsetof(struct world_zone, listen), .max_items = 3, .example = "( \"udp:*:5060\" )", .help = "where it listens"},
	{.name = "trust", .type = CONF_ENUM, .offset = offsetof(struct world_zone, trust), .choices = world_trusts, .help = "who is there"},
	{.name = "nat", .type = CONF_GROUP, .offset = offsetof(struct world_zone, nat), .group = &world_nat_conf, .help = "address translation"},
};

static inline void world_zone_check(struct conf_check *check, const void *value)
{
	const struct world_zone *v = value;

	for (size_t i = 0; i < v->listen.n; i++) {
		const char *text = ((const char **)v->listen.items)[i];
		char name[40];

		snprintf(name, sizeof(name), "listen[%zu]", i);
		if (strncmp(text, "udp:", 4) != 0 && strncmp(text, "tcp:", 4) != 0)
			conf_fault(check, name, "\"udp:...\" or \"tcp:...\"");
	}
}

static const struct conf_table world_zone_conf = {
	.name = "zone", .help = "One side of the border", .size = sizeof(struct world_zone), CONF_OPTIONS(world_zone_options), .check = world_zone_check};

static const struct conf_option world_common_options[] = {
	{.name = "file", .type = CONF_FILE, .flags = CONF_RESTART, .offset = offsetof(struct world_common, file), .example = "x.so", .help = "shared object of a third-party module"},
	{.name = "on", .type = CONF_BOOL, .offset = offsetof(struct world_common, on), .def = "true", .help = "whether it runs"},
};
static const struct conf_table world_common_conf = {
	.name = "module", .help = "A module", .size = sizeof(struct world_common), CONF_OPTIONS(world_common_options)};

static const struct conf_option world_acl_options[] = {
	{.name = "allow", .type = CONF_PREFIX, .flags = CONF_LIST | CONF_REQUIRED, .offset = offsetof(struct world_acl, allow), .example = "( \"192.0.2.0/24\" )", .help = "who may call"},
};
static const struct conf_table world_acl_conf = {
	.name = "acl", .help = "Lists of addresses", .size = sizeof(struct world_acl), CONF_OPTIONS(world_acl_options)};

static const struct conf_option world_shield_options[] = {
	{.name = "rate", .type = CONF_INT, .offset = offsetof(struct world_shield, rate), .min = 1, .max = 1000, .def = "20", .help = "requests of an unknown source"},
	{.name = "mode", .type = CONF_STRING, .flags = CONF_RESTART, .offset = offsetof(struct world_shield, mode), .def = "drop", .help = "what is done with more"},
};

static inline void world_shield_check(struct conf_check *check, const void *value)
{
	const struct world_shield *v = value;

	if (v->rate > 500)
		conf_risk(check, "rate", "fast-strangers", "strangers can fill the line");
}

static const struct conf_table world_shield_conf = {
	.name = "shield", .help = "Limits of strangers", .size = sizeof(struct world_shield), CONF_OPTIONS(world_shield_options), .check = world_shield_check};

static const struct conf_table world_empty_conf = {.name = "sanity", .help = "Form of messages"};

static inline const struct conf_table *world_module(void *arg, const char *name, const char **known)
{
	(void)arg;
	*known = "acl\0shield\0sanity\0";
	return strcmp(name, "acl") == 0	     ? &world_acl_conf
	       : strcmp(name, "shield") == 0 ? &world_shield_conf
	       : strcmp(name, "sanity") == 0 ? &world_empty_conf
					     : NULL;
}

static const struct conf_option world_options[] = {
	{.name = "workers", .type = CONF_AUTO, .flags = CONF_RESTART, .offset = offsetof(struct world, workers), .min = 1, .max = 64, .def = "auto", .help = "threads"},
	{.name = "timer_c_s", .type = CONF_INT, .offset = offsetof(struct world, timer_c_s), .unit = "seconds", .min = 181, .max = 3600, .def = "185", .help = "how long an INVITE may ring (RFC 3261 timer C)"},
	{.name = "big", .type = CONF_INT, .offset = offsetof(struct world, big), .min = INT64_MIN, .max = INT64_MAX, .help = "any number"},
	{.name = "quick", .type = CONF_BOOL, .offset = offsetof(struct world, quick), .def = "true", .help = "whether to hurry"},
	{.name = "trust", .type = CONF_ENUM, .offset = offsetof(struct world, trust), .choices = world_trusts, .def = "phones", .help = "who is there"},
	{.name = "server", .type = CONF_STRING, .flags = CONF_EMPTY_OK, .offset = offsetof(struct world, server), .max = 16, .def = "\"Margrave\"", .help = "value of Server"},
	{.name = "note", .type = CONF_STRING, .offset = offsetof(struct world, note), .example = "line 1", .help = "a note"},
	{.name = "secret", .type = CONF_STRING, .flags = CONF_SECRET, .offset = offsetof(struct world, secret), .max = 8, .help = "a secret"},
	{.name = "bind", .type = CONF_ADDR, .offset = offsetof(struct world, bind), .def = "127.0.0.1", .help = "address to bind to"},
	{.name = "metrics", .type = CONF_ADDR, .offset = offsetof(struct world, metrics), .port = CONF_PORT_NEEDED, .example = "127.0.0.1:9100", .help = "address of metrics"},
	{.name = "peer", .type = CONF_ADDR, .offset = offsetof(struct world, peer), .port = CONF_PORT_OK, .help = "address of the peer"},
	{.name = "lan", .type = CONF_PREFIX, .offset = offsetof(struct world, lan), .def = "fd00::/8", .help = "what is inside"},
	{.name = "log", .type = CONF_FILE, .flags = CONF_EMPTY_OK, .offset = offsetof(struct world, log), .help = "a file to read"},
	{.name = "acl", .type = CONF_PREFIX, .flags = CONF_LIST, .offset = offsetof(struct world, acl), .max_items = 4, .def = "( \"10.0.0.0/8\", \"192.168.0.0/16\" )", .help = "addresses that are known"},
	{.name = "ports", .type = CONF_INT, .flags = CONF_LIST, .offset = offsetof(struct world, ports), .min = 1, .max = 65535, .help = "a list of ports"},
	{.name = "accept_risk", .type = CONF_STRING, .flags = CONF_LIST, .offset = offsetof(struct world, accept_risk), .max_items = 32, .help = "dangerous settings that are meant"},
	{.name = "limits", .type = CONF_GROUP, .offset = offsetof(struct world, limits), .group = &world_limits_conf, .help = "how much is let in"},
	{.name = "tls", .type = CONF_GROUP, .offset = offsetof(struct world, tls), .group = &world_tls_conf, .help = "certificate and key"},
	{.name = "zones", .type = CONF_GROUP, .flags = CONF_LIST | CONF_REQUIRED, .offset = offsetof(struct world, zones), .group = &world_zone_conf, .help = "sides of the border"},
	{.name = "modules", .type = CONF_GROUP, .flags = CONF_LIST, .offset = offsetof(struct world, modules), .group = &world_common_conf, .variant = world_module, .help = "modules in their order"},
	{.name = "store", .type = CONF_GROUP, .offset = offsetof(struct world, store), .variant = world_module, .help = "where bindings are kept"},
};

static inline void world_check(struct conf_check *check, const void *value)
{
	const struct world *v = value;

	if (v->workers > 8 && v->timer_c_s > 1000)
		conf_fault(check, "", "workers of up to 8, or a timer_c_s of up to 1000");
	if (v->workers == 3 && v->note && !v->secret)
		conf_fault(check, "secret", "a secret, when there is a note and 3 workers");
	if (prefix_has(&v->lan, &v->bind))
		conf_risk(check, "bind", "bind-inside", "it is inside");
}

static const struct conf_table world_conf = {
	.name = "world", .help = "A table with everything", .size = sizeof(struct world), CONF_OPTIONS(world_options), .check = world_check};

/* What loads, with nothing but what is required. */
#define WORLD_LEAST "zones = ( { name = \"a\"; listen = ( \"udp:*\" ); } );\n"

/* clang-format on */

#endif
