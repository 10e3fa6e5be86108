/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patience: a third-party module for tests, which lets each INVITE wait in BRANCH, up to `wait_ms`, until an INFO comes along. Holds no answer to why. Loaded by
 * the daemon in tests/system.
 */
#include <stdatomic.h>

#include "chain/mg_module.h"

struct patience_conf {
	int64_t wait_ms;
};

static const struct conf_option options[] = {
	{.name = "wait_ms",
	 .type = CONF_INT,
	 .offset = offsetof(struct patience_conf, wait_ms),
	 .min = 1,
	 .max = MG_WAIT_MAX_MS,
	 .def = "10000",
	 .help = "the longest wait"},
};
static const struct conf_table table = {.name = "patience",
					.help = "let INVITEs wait",
					.size = sizeof(struct patience_conf),
					CONF_OPTIONS(options)};

static _Atomic mg_wait waiting; /* the last one */

static struct mg_verdict branch(struct mg_self *self, struct mg_request *r, struct mg_branch *b)
{
	const struct patience_conf *conf = self->conf;

	(void)b;
	if (mg_msg(r)->method != SIP_METHOD_INVITE)
		return mg_next();
	mg_wait wait = mg_suspend(r, (uint32_t)conf->wait_ms, 480);
	if (!wait)
		return mg_reject(503, NULL);
	atomic_store(&waiting, wait);
	return mg_waiting();
}

static struct mg_verdict message(struct mg_self *self, struct mg_request *r)
{
	const struct sip_msg *msg = mg_msg(r);

	(void)self;
	if (msg->kind == SIP_KIND_REQUEST && msg->method == SIP_METHOD_INFO)
		mg_resume(atomic_load(&waiting), mg_next());
	return mg_next();
}

const struct mg_module mg_module = {
	.abi = MG_ABI_VERSION,
	.name = "patience",
	.help = "lets INVITEs wait in BRANCH until an INFO comes",
	.options = &table,
	.branch = branch,
	.message = message,
};
