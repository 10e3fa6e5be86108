/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_chain: a daemon that is none: one worker with a clock of its own, requests made from text, and everything that the chain asks of the daemon
 * or says in the log written down as text. For tests of this room and of modules only; needs cmocka.
 */
#ifndef MG_CHAIN_TEST_CHAIN_H
#define MG_CHAIN_TEST_CHAIN_H

#include <pthread.h>

#include "chain/chain.h"
#include "chain/chain_stats.h"
#include "sip/test_message.h"

#define FAKE_LETTERS 64

struct fake {
	struct mg_worker worker;
	struct wheel wheel;
	struct rnd rnd;
	uint64_t now_ms;
	struct text
		told; /* "begin; answer 302 Contact=<sip:b@c> stateless; resumed request reject 503; " */
	struct text logged; /* lines of the log */
	int begin_err, post_err;
	void (*on_resumed)(struct mg_request *r, enum mg_phase phase, struct mg_branch *b,
			   struct mg_verdict v); /* what the daemon does then, NULL: nothing */
	pthread_mutex_t lock;
	struct {
		void (*fn)(void *arg, uint64_t n);
		void *arg;
		uint64_t n;
	} letter[FAKE_LETTERS]; /* posted, not delivered */
	unsigned letters;
};

struct fake_request {
	struct mg_request r;
	struct sip_msg msg;
	struct sip_view view;
	struct arena arena;
	char bytes[8192];
};

static inline void tell_verdict(struct text *t, struct mg_verdict v)
{
	static const char *const kinds[] = {"next", "done", "reject", "drop", "wait"};

	text_add(t, "%s", v.kind <= MG_WAIT ? kinds[v.kind] : "?");
	if (v.status)
		text_add(t, " %u", v.status);
	if (v.reason)
		text_add(t, " %s", v.reason);
	if (v.retry_after_s)
		text_add(t, " after %u", v.retry_after_s);
}

/* The verdict as text, valid until the next call. */
static inline const char *verdict_text(struct mg_verdict v)
{
	static struct text t;

	text_start(&t);
	tell_verdict(&t, v);
	return t.p;
}

static inline void tell_response(struct text *t, const struct sip_response *s)
{
	text_add(t, "%u", s->status);
	if (s->reason.n)
		text_add(t, " \"%.*s\"", SV_ARG(s->reason));
	for (size_t i = 0; i < s->extras; i++) {
		const struct sip_extra *e = &s->extra[i];
		struct sv name = e->id == SIP_H_OTHER ? e->name : sip_header(e->id)->name;
		text_add(t, " %.*s=%.*s", SV_ARG(name), SV_ARG(e->value));
	}
	if (s->body.n)
		text_add(t, " body=%.*s", SV_ARG(s->body));
}

/* The response that a REJECT stands for, as text. */
static inline const char *refusal_text(const struct mg_request *r, struct mg_verdict v)
{
	static struct text t;
	struct chain_refusal refusal;

	text_start(&t);
	if (v.kind != MG_REJECT)
		return verdict_text(v);
	chain_refuse(&refusal, r, v);
	tell_response(&t, &refusal.response);
	return t.p;
}

/* ---- the daemon's side ---- */

static inline void fake_answer(void *arg, struct mg_request *r, const struct sip_response *response,
			       bool stateful)
{
	struct fake *f = arg;

	(void)r;
	text_add(&f->told, "answer ");
	tell_response(&f->told, response);
	text_add(&f->told, stateful ? " stateful; " : " stateless; ");
}

static inline int fake_begin(void *arg, struct mg_request *r)
{
	struct fake *f = arg;

	(void)r;
	text_add(&f->told, f->begin_err ? "no room; " : "begin; ");
	return f->begin_err;
}

static inline void fake_resumed(void *arg, struct mg_request *r, enum mg_phase phase,
				struct mg_branch *b, struct mg_verdict verdict)
{
	static const char *const names[MG_PHASES] = {"arrival", "message", "request",
						     "target",  "branch",  "reply",
						     "failure", "send",    "final"};
	struct fake *f = arg;

	text_add(&f->told, "resumed %s%s ", names[phase], b ? " of a branch" : "");
	tell_verdict(&f->told, verdict);
	text_add(&f->told, "; ");
	if (f->on_resumed)
		f->on_resumed(r, phase, b, verdict);
}

static inline int fake_post(void *arg, unsigned worker, void (*fn)(void *, uint64_t), void *arg2,
			    uint64_t n)
{
	struct fake *f = arg;
	int err;

	pthread_mutex_lock(&f->lock);
	err = f->post_err || f->letters == FAKE_LETTERS || worker != f->worker.index ? MG_ELIMIT
										     : 0;
	if (!err) {
		f->letter[f->letters].fn = fn;
		f->letter[f->letters].arg = arg2;
		f->letter[f->letters++].n = n;
	}
	pthread_mutex_unlock(&f->lock);
	return err;
}

/* Deliver what was posted, in the caller's thread, which is the worker's. Returns how many. */
static inline unsigned fake_deliver(struct fake *f)
{
	unsigned done = 0;

	pthread_mutex_lock(&f->lock);
	while (done < f->letters) {
		unsigned i = done++;
		pthread_mutex_unlock(&f->lock);
		f->letter[i].fn(f->letter[i].arg, f->letter[i].n);
		pthread_mutex_lock(&f->lock);
	}
	f->letters = 0;
	pthread_mutex_unlock(&f->lock);
	return done;
}

static inline uint64_t fake_now(const struct loop *loop)
{
	return ((const struct fake *)(const void *)loop)->now_ms;
}

static inline void fake_log(void *arg, enum log_level level, struct sv line)
{
	struct fake *f = arg;

	(void)level;
	text_put(&f->logged, line);
}

/* ---- begin and end ---- */

/* Make worker `index` of `workers` at a time of 1 000 000 ms; its log lines end up in f->logged. */
static inline void fake_init(struct fake *f, unsigned index, unsigned workers, uint32_t waiting_max)
{
	static const struct chain_events events = {
		.answer = fake_answer,
		.begin = fake_begin,
		.resumed = fake_resumed,
		.post = fake_post,
	};

	memset(f, 0, sizeof(*f));
	f->now_ms = 1000000;
	wheel_init(&f->wheel, f->now_ms);
	rand_init(&f->rnd);
	pthread_mutex_init(&f->lock, NULL);
	f->worker = (struct mg_worker){
		.loop = (struct loop *)(void *)f,
		.index = index,
		.wheel = &f->wheel,
		.rnd = &f->rnd,
		.now_ms = fake_now,
		.on = &events,
		.arg = f,
		.waiting_max = waiting_max,
		.stats = stats_new(chain_stats_desc, CHAIN_STATS, workers),
	};
	assert_non_null(f->worker.stats);
	assert_int_equal(chain_worker_init(&f->worker), 0);
	log_to(fake_log, f);
}

static inline void fake_done(struct fake *f)
{
	log_to(NULL, NULL);
	chain_worker_done(&f->worker);
	stats_free(f->worker.stats);
	rand_done(&f->rnd);
	pthread_mutex_destroy(&f->lock);
}

/* Let time pass; timers fire. */
static inline void fake_pass(struct fake *f, uint64_t ms)
{
	f->now_ms += ms;
	wheel_run(&f->wheel, f->now_ms);
}

static inline uint64_t fake_stat(const struct fake *f, enum chain_stat stat)
{
	return stats_sum(f->worker.stats, stat);
}

/* What was told, and forget it. Valid until the next call. */
static inline const char *fake_told(struct fake *f)
{
	static struct text t;

	t = f->told;
	text_start(&f->told);
	return t.p;
}

static inline const char *fake_logged(struct fake *f)
{
	static struct text t;

	t = f->logged;
	text_start(&f->logged);
	return t.p;
}

/* ---- requests ---- */

static inline struct addr test_addr(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(sv_str(text), ADDR_PORT, &a), 0);
	return a;
}

/* A message from `text`, whose Content-Length is made here; behind MESSAGE with a view and an arena. */
static inline void fake_request(struct fake_request *q, struct fake *f,
				const struct mg_source *source, const char *text, bool message)
{
	struct sip_where at = {0};
	const char *blank = strstr(text, "\r\n\r\n");
	size_t head = blank ? (size_t)(blank - text) + 2 : strlen(text);
	const char *body = blank ? blank + 4 : "";
	int n = snprintf(q->bytes, sizeof(q->bytes), "%.*sContent-Length: %zu\r\n\r\n%s", (int)head,
			 text, strlen(body), body);

	assert_in_range(n, 1, sizeof(q->bytes) - 1);
	n = sip_parse_datagram(&q->msg, q->bytes, (size_t)n, &at);
	if (n <= 0)
		fprintf(stderr, "no message: %s in %s\n", sip_fault_text(&at), q->bytes);
	assert_true(n > 0);
	arena_init(&q->arena, 4096, 65536);
	sip_view_init(&q->view, &q->msg, &q->arena);
	chain_request_init(&q->r, &f->worker, &q->msg, message ? NULL : &q->view,
			   message ? NULL : &q->arena, source);
}

static inline void fake_request_done(struct fake_request *q)
{
	chain_request_done(&q->r);
	arena_done(&q->arena);
}

/* An INVITE, and nothing more. */
#define FAKE_INVITE M_START M_ALL

#endif
