/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sec: the security log: one line an event, in the form that bans, statistics and people read. How often a kind is said is base/log.h's rule.
 */
#include "chain/chain_priv.h"

static void say(const struct mg_sec *kind, uint64_t n)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "sec", kind->ev);
	log_addr(&l, "src", &kind->src);
	log_str(&l, "tr", sip_transport_name(kind->transport));
	log_sv(&l, "m", sv_of(kind->method, kind->method_n));
	log_str(&l, "why", kind->why);
	log_str(&l, "act", kind->act);
	log_u64(&l, "proof", kind->proven);
	log_u64(&l, "n", n);
	log_end(&l);
}

void mg_sec(const struct mg_worker *worker, struct mg_sec *kind, const struct mg_sec_event *event)
{
	uint64_t n;

	kind->ev = event->ev;
	kind->why = event->why;
	memccpy(kind->act, event->act, '\0', sizeof(kind->act) - 1);
	kind->src = event->source->addr;
	kind->transport = event->source->transport;
	kind->proven = event->source->proven;
	kind->method_n = (uint8_t)(event->method.n < sizeof(kind->method) ? event->method.n
									  : sizeof(kind->method));
	if (kind->method_n)
		memcpy(kind->method, event->method.p, kind->method_n);
	if (log_limit_pass(&kind->limit, mg_now_ms(worker), &n))
		say(kind, n);
}

void mg_sec_more(struct mg_sec *kind, uint64_t n)
{
	if (kind->ev)
		log_limit_more(&kind->limit, n);
}

void mg_sec_flush(const struct mg_worker *worker, struct mg_sec *kind)
{
	uint64_t n;

	if (log_limit_flush(&kind->limit, mg_now_ms(worker), &n))
		say(kind, n);
}
