/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A module in a shared object, good or bad as it is compiled, for the tests of opening them. Writes down in the environment that code of
 * it ran.
 */
#include <stdlib.h>

#include "chain/mg_module.h"

#ifndef ABI
#define ABI MG_ABI_VERSION
#endif
#ifndef SYMBOL
#define SYMBOL mg_module
#endif

struct settings {
	int64_t n;
};

static const struct conf_option options[] = {
	{.name = "n",
	 .type = CONF_INT,
	 .offset = offsetof(struct settings, n),
#ifdef BAD_OPTION
	 .min = 5,
	 .max = 4,
#else
	 .min = 1,
	 .max = 9,
#endif
	 .def = "3",
	 .help = "a number"},
};
static const struct conf_table table = {
	.name = NAME, .help = "a test", .size = sizeof(struct settings), CONF_OPTIONS(options)};
static const struct stats_desc counters[] = {
	{.name = "seen_total", .help = "requests seen", .kind = STATS_COUNTER}};

#ifdef CALLS_NOBODY
void mg_nobody(void);
#endif

static __attribute__((constructor)) void begin(void)
{
	setenv("TEST_OBJECT_RAN", NAME, 1);
}

static struct mg_verdict request(struct mg_self *self, struct mg_request *r)
{
	const struct settings *conf = self->conf;

	mg_count(self, 0);
#ifdef CALLS_NOBODY
	mg_nobody();
#endif
	if (mg_answer_header(r, SIP_H_OTHER, SV("X-Module"), sv_str(self->name)))
		return mg_reject(500, NULL);
	return mg_reject((uint16_t)(600 + conf->n), NULL);
}

extern const struct mg_module SYMBOL;
const struct mg_module SYMBOL = {
	.abi = ABI,
	.name = NAME,
	.help = "refuses",
	.options = &table,
	.counters = counters,
	.n_counters = 1,
	.request = request,
};
