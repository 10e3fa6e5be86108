/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_module: one or more modules as a configuration has them, in a worker of test_chain.h, with three zones: "home" (phones), "carrier" and
 * "internet". For tests of modules: the one header they include. Needs cmocka, and the test's own chain_builtin.
 */
#ifndef MG_CHAIN_TEST_MODULE_H
#define MG_CHAIN_TEST_MODULE_H

#include "chain/test_chain.h"

static const struct mg_zone test_zones[] = {
	{.name = "home", .index = 0, .trust = MG_PHONES},
	{.name = "carrier", .index = 1, .trust = MG_CARRIER},
	{.name = "internet", .index = 2, .trust = MG_INTERNET},
};
enum { HOME, CARRIER, INTERNET };

struct test_root {
	struct conf_list modules, accept_risk;
};
static const struct conf_option test_root_options[] = {
	CHAIN_MODULES_OPTION(offsetof(struct test_root, modules)),
	{.name = "accept_risk",
	 .type = CONF_STRING,
	 .flags = CONF_LIST,
	 .offset = offsetof(struct test_root, accept_risk),
	 .help = "dangers that are known"},
};
static const struct conf_table test_root_table = {.name = "margrave",
						  .help = "a test",
						  .size = sizeof(struct test_root),
						  CONF_OPTIONS(test_root_options)};

/* A configuration that runs. */
struct test_conf {
	struct arena arena;
	struct test_root root;
	struct chain *chain;
};

/* The world of a test: one worker, its present configuration, a request. */
static struct fake f;
static struct test_conf now;
static struct fake_request q;

/* Load a configuration. Returns NULL, or the first fault; `c` is empty then. */
static inline const char *test_conf_load(struct test_conf *c, const char *config)
{
	static char fault[1100];
	const struct chain_module_conf *confs;
	const struct mg_module *const *descriptors;
	struct conf_faults faults;
	struct conf_text *text = NULL;
	int n;

	memset(c, 0, sizeof(*c));
	arena_init(&c->arena, 16384, 64 << 20);
	conf_faults_init(&faults);
	n = conf_text_from(&text, "t.cfg", sv_str(config), &faults);
	if (n == 0)
		n = conf_load(text, &test_root_table, &c->root, &c->arena, NULL, NULL, &faults);
	conf_text_free(text);
	if (n == 0)
		n = chain_modules_of(&c->root.modules, &c->arena, &confs, &descriptors, &faults);
	if (n >= 0)
		c->chain = chain_new(&(struct chain_setup){.zones = test_zones,
							   .n_zones = 3,
							   .workers = f.worker.index + 1,
							   .modules = confs,
							   .descriptors = descriptors,
							   .n = (unsigned)n,
							   .before = f.worker.chain,
							   .faults = &faults});
	snprintf(fault, sizeof(fault), "%s",
		 faults.n ? faults.text[0] : "nothing is wrong, but it does not load");
	conf_faults_done(&faults);
	if (c->chain)
		return NULL;
	arena_done(&c->arena);
	memset(c, 0, sizeof(*c));
	return fault;
}

static inline void test_conf_free(struct test_conf *c)
{
	chain_free(c->chain);
	arena_done(&c->arena);
	memset(c, 0, sizeof(*c));
}

/* Begin with a configuration, in a new worker; test_end ends both. */
static inline void test_begin(const char *config)
{
	fake_init(&f, 0, 1, 16);
	const char *fault = test_conf_load(&now, config);
	if (fault)
		fail_msg("%s", fault);
	assert_int_equal(chain_worker_enter(&f.worker, now.chain), 0);
}

static inline void test_end(void)
{
	if (now.chain) {
		chain_worker_leave(&f.worker, now.chain);
		test_conf_free(&now);
	}
	fake_done(&f);
}

/* Go on with another configuration, as a reload does. Returns NULL, or why not. */
static inline const char *test_reload(const char *config)
{
	struct test_conf next;
	const char *fault = test_conf_load(&next, config);

	if (fault)
		return fault;
	assert_int_equal(chain_worker_enter(&f.worker, next.chain), 0);
	chain_worker_leave(&f.worker, now.chain);
	test_conf_free(&now);
	now = next;
	return NULL;
}

/* Why a configuration is refused; "fine" when it is not. */
static inline const char *test_refused(const char *config)
{
	struct test_conf c;
	const char *fault;

	fake_init(&f, 0, 1, 16);
	fault = test_conf_load(&c, config);
	if (!fault)
		test_conf_free(&c);
	fake_done(&f);
	return fault ? fault : "fine";
}

static inline struct mg_source test_source(const char *addr, unsigned zone)
{
	return (struct mg_source){
		.addr = test_addr(addr), .zone = &test_zones[zone], .transport = SIP_TRANSPORT_UDP};
}

/* A counter of the module that stands at place `module` of the configuration. */
static inline uint64_t test_counter(unsigned module, size_t counter)
{
	const struct stats *counters = NULL;
	const char *name;

	assert_true(chain_counters(now.chain, module, &name, &counters));
	return stats_sum(counters, counter);
}

/* What the module's tables are worth. */
static inline void test_tables(void)
{
	struct conf_faults faults;

	conf_faults_init(&faults);
	for (unsigned i = 0; chain_builtin[i]; i++)
		if (chain_builtin[i]->options &&
		    conf_table_check(chain_builtin[i]->options, &faults))
			conf_faults_print(&faults, stderr);
	assert_int_equal(faults.n, 0);
	conf_faults_done(&faults);
}

#endif
