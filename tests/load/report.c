/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * report: the result as JSON, as text, and as a series over time. Judges nothing but whether all
 * went well. Called by mgload.c.
 */
#include <errno.h>
#include <time.h>

#include "load/load.h"

#define NAME(name, text) #name,
static const char *const CAUSE_NAMES[] = {CAUSES(NAME)};
static const char *const RULE_NAMES[] = {RULES(NAME)};
#undef NAME

static void put_sums(FILE *f, const char *name, const struct sums *s)
{
	fprintf(f,
		" \"%s\": {\"started\": %lu, \"answered\": %lu, \"in_time\": %lu, "
		"\"completed\": %lu, \"refused\": %lu, \"failed\": %lu},\n",
		name, s->started, s->answered, s->in_time, s->completed, s->refused, s->failed);
}

static void put_hist(FILE *f, const char *name, const struct hist *h, const char *end)
{
	fprintf(f,
		"  \"%s\": {\"count\": %lu, \"mean\": %.4f, \"p50\": %.4f, \"p90\": %.4f, "
		"\"p99\": %.4f, \"p99_9\": %.4f, \"max\": %.4f}%s\n",
		name, h->count, (double)hist_mean(h) / 1e6, (double)hist_quantile(h, 0.5) / 1e6,
		(double)hist_quantile(h, 0.9) / 1e6, (double)hist_quantile(h, 0.99) / 1e6,
		(double)hist_quantile(h, 0.999) / 1e6, (double)h->max_ns / 1e6, end);
}

/* Those of `n` counts that are not 0, by name. */
static void put_counts(FILE *f, const char *name, const char *const *names, const uint64_t *counts,
		       size_t n)
{
	const char *comma = "";

	fprintf(f, " \"%s\": {", name);
	for (size_t i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		fprintf(f, "%s\"%s\": %lu", comma, names[i], counts[i]);
		comma = ", ";
	}
	fprintf(f, "},\n");
}

static void put_status(FILE *f, const struct tally *t)
{
	const char *comma = "";

	fprintf(f, " \"status\": {");
	for (unsigned i = 0; i < 700; i++) {
		if (!t->status[i])
			continue;
		fprintf(f, "%s\"%u\": %lu", comma, i, t->status[i]);
		comma = ", ";
	}
	fprintf(f, "},\n");
}

static void put_messages(FILE *f, const struct load *l)
{
	const struct udp *a = l->uac, *b = l->uas;
	const struct conns *s = &l->conns;

	fprintf(f,
		" \"messages\": {\"sent\": %lu, \"received\": %lu, \"resent\": %lu, "
		"\"callee_resent\": %lu, \"absorbed\": %lu, \"late\": %lu, \"other\": %lu, "
		"\"send_refused\": %lu},\n",
		(a ? a->sent : 0) + (b ? b->sent : 0) + s->sent,
		(a ? a->received : 0) + (b ? b->received : 0) + s->received, l->tally.resent,
		l->tally.callee_resent, l->tally.absorbed, l->tally.late, l->tally.options,
		(a ? a->refused : 0) + (b ? b->refused : 0));
	fprintf(f,
		" \"connections\": {\"opened\": %lu, \"accepted\": %lu, \"lost\": %lu, "
		"\"failed\": %lu, \"resumed\": %lu, \"tls\": \"%s\"},\n",
		s->opened, s->accepted, s->lost, s->failed, s->resumed, s->tls);
	fprintf(f, " \"flood\": {\"sent\": %lu, \"answered\": %lu},\n", l->flood.sent,
		l->flood.answered);
}

static double own_cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int report_json(const struct load *l, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fprintf(f, "{\n");
	put_sums(f, "calls", &l->tally.all);
	put_sums(f, "steady", &l->tally.steady);
	put_counts(f, "causes", CAUSE_NAMES, l->tally.causes, CAUSE_COUNT);
	put_counts(f, "rules", RULE_NAMES, l->tally.rules, RULE_COUNT);
	put_status(f, &l->tally);
	put_messages(f, l);
	fprintf(f, " \"latency_ms\": {\n");
	put_hist(f, "answer", &l->answer, ",");
	put_hist(f, "bye", &l->bye, ",");
	put_hist(f, "begun", &l->begun, "},");
	fprintf(f,
		" \"seconds\": %.6f, \"rate\": %.3f, \"hold_ms\": %u, \"behind_ms\": %.3f, "
		"\"missed\": %lu, \"own_cpu_s\": %.3f\n}\n",
		(double)(l->stop_ns - l->steady_ns) / 1e9, l->opt.rate, l->opt.hold_ms,
		(double)l->tally.behind_ns / 1e6, l->tally.missed, own_cpu_s());
	return fclose(f) ? -errno : 0;
}

void report_slice(struct load *l, uint64_t at_ms)
{
	const struct sums *s = &l->tally.slice;

	if (l->series)
		fprintf(l->series,
			"{\"ms\": %lu, \"started\": %lu, \"answered\": %lu, \"in_time\": %lu, "
			"\"completed\": %lu, \"refused\": %lu, \"failed\": %lu, \"live\": %zu, "
			"\"max_ms\": %.3f}\n",
			at_ms, s->started, s->answered, s->in_time, s->completed, s->refused,
			s->failed, l->live, (double)l->tally.slice_max_ns / 1e6);
	l->tally.slice = (struct sums){0};
	l->tally.slice_max_ns = 0;
}

void report_text(const struct load *l)
{
	const struct sums *s = &l->tally.all;

	printf("%lu calls: %lu completed, %lu refused, %lu failed\n", s->started, s->completed,
	       s->refused, s->failed);
	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		if (l->tally.causes[i])
			printf("  failed: %s: %lu\n", CAUSE_NAMES[i], l->tally.causes[i]);
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (l->tally.rules[i])
			printf("  rule broken: %s: %lu\n", RULE_NAMES[i], l->tally.rules[i]);
	printf("INVITE to 200: p50 %.3f, p99 %.3f, p99.9 %.3f, max %.3f ms\n",
	       (double)hist_quantile(&l->answer, 0.5) / 1e6,
	       (double)hist_quantile(&l->answer, 0.99) / 1e6,
	       (double)hist_quantile(&l->answer, 0.999) / 1e6, (double)l->answer.max_ns / 1e6);
	if (l->flood.sent)
		printf("flood: %lu sent, %lu answered\n", l->flood.sent, l->flood.answered);
}

bool report_clean(const struct load *l)
{
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (l->tally.rules[i])
			return false;
	return l->tally.all.failed == 0;
}
