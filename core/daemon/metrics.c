/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * metrics: figures as Prometheus reads them, /live and /ready. Names are constants of ours and no label holds what a peer sent (P-14).
 */
#include <stdio.h>
#include <string.h>

#include "base/log_sink.h"
#include "daemon/control_priv.h"

static void add_table(struct http_reply *reply, const struct stats_desc *desc, size_t n,
		      const struct stats *s, const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = stats_sum(s, i);

		http_reply_printf(reply, "# HELP margrave_%s%s %s\n# TYPE margrave_%s%s %s\n",
				  prefix, desc[i].name, desc[i].help, prefix, desc[i].name,
				  desc[i].kind == STATS_GAUGE ? "gauge" : "counter");
		if (desc[i].kind == STATS_GAUGE)
			http_reply_printf(reply, "margrave_%s%s %lld\n", prefix, desc[i].name,
					  (long long)v);
		else
			http_reply_printf(reply, "margrave_%s%s %llu\n", prefix, desc[i].name,
					  (unsigned long long)v);
	}
}

static void add_process(struct http_reply *reply, const struct node *n)
{
	http_reply_printf(
		reply,
		"# HELP margrave_generation number of the configuration that runs\n# TYPE "
		"margrave_generation gauge\n"
		"margrave_generation %llu\n"
		"# HELP margrave_resident_bytes memory\n# TYPE margrave_resident_bytes "
		"gauge\nmargrave_resident_bytes %llu\n"
		"# HELP margrave_letters_refused_total letters between threads that found no room\n"
		"# TYPE margrave_letters_refused_total counter\nmargrave_letters_refused_total "
		"%llu\n"
		"# HELP margrave_log_lost_total lines that standard error did not take at once\n"
		"# TYPE margrave_log_lost_total counter\nmargrave_log_lost_total %llu\n",
		(unsigned long long)atomic_load(&n->generation),
		(unsigned long long)atomic_load(&n->resident),
		(unsigned long long)mailbox_refused(n->mailbox),
		(unsigned long long)log_sink_lost());
}

static void add_modules(struct http_reply *reply, const struct running *r)
{
	const struct stats *s;
	const char *name;
	char prefix[64];

	for (unsigned i = 0; chain_counters(r->chain, i, &name, &s); i++) {
		if (!s)
			continue;
		/* most say whose they are themselves */
		bool says = s->n > 0 && strncmp(s->desc[0].name, name, strlen(name)) == 0;
		snprintf(prefix, sizeof(prefix), "%s%s", says ? "" : name, says ? "" : "_");
		add_table(reply, s->desc, s->n, s, prefix);
	}
}

static void figures(struct http_reply *reply, const struct control *c)
{
	const struct node *n = c->node;

	http_reply_type(reply, "text/plain; version=0.0.4");
	add_process(reply, n);
	add_table(reply, tp_stats_desc, TP_STATS, n->tp_stats, "");
	add_table(reply, txn_stats_desc, TXN_STATS, n->txn_stats, "");
	add_table(reply, route_stats_desc, ROUTE_STATS, n->route_stats, "");
	add_table(reply, chain_stats_desc, CHAIN_STATS, n->chain_stats, "");
	add_table(reply, flow_stats_desc, FLOW_STATS, n->flow_stats, "");
	add_modules(reply, c->running);
}

void metrics_page(void *arg, struct sv path, struct http_reply *reply)
{
	const struct control *c = arg;
	const struct node *n = c->node;

	if (sv_eq(path, SV("/metrics"))) {
		figures(reply, c);
	} else if (sv_eq(path, SV("/live"))) {
		http_reply_add(reply, SV("live\n"));
	} else if (sv_eq(path, SV("/ready"))) {
		bool ready = !n->stopping && atomic_load(&n->generation) > 0;

		http_reply_status(reply, ready ? 200 : 503);
		http_reply_add(reply, ready ? SV("ready\n") : SV("stopping\n"));
	} else {
		http_reply_status(reply, 404);
		http_reply_add(reply, SV("not here: /metrics, /live, /ready\n"));
	}
}
