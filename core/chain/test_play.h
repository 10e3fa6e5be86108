/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_play: three modules, a, b and c, that do what a test tells them and write down that they were asked. For tests of this room only; needs
 * cmocka and test_chain.h.
 */
#ifndef MG_CHAIN_TEST_PLAY_H
#define MG_CHAIN_TEST_PLAY_H

#include "chain/test_chain.h"

#define PLAYERS 3

/* What is told to a module for a phase; zeros: say NEXT. */
struct part {
	struct mg_verdict verdict;
	mg_wait wait; /* of the last mg_suspend */
	uint32_t timeout_ms;
	uint16_t status;
	bool suspend;
	void (*act)(struct mg_request *r, struct part *part); /* instead of the verdict at first */
};

static struct {
	struct part part[PLAYERS][MG_PHASES];
	struct text asked; /* "a.request b.request " */
	int load_err[PLAYERS], ready_err[PLAYERS], worker_err[PLAYERS];
	void (*in_load)(struct mg_setup *setup, struct mg_self *self, unsigned who);
	void (*in_ready)(struct mg_setup *setup, struct mg_self *self, unsigned who);
} play;

static inline struct mg_verdict played(unsigned who, enum mg_phase phase, struct mg_request *r)
{
	static const char *const names[MG_PHASES] = {"arrival", "message", "request",
						     "target",  "branch",  "reply",
						     "failure", "send",    "final"};
	struct part *p = &play.part[who][phase];

	text_add(&play.asked, "%c.%s ", 'a' + (int)who, names[phase]);
	if (p->suspend) {
		p->wait = mg_suspend(r, p->timeout_ms ? p->timeout_ms : 1000,
				     p->status ? p->status : 480);
		if (!p->wait)
			return mg_reject(503, NULL);
		p->verdict = mg_waiting();
	}
	if (p->act)
		p->act(r, p);
	return p->verdict;
}

static inline void play_told(const char *what, unsigned who)
{
	text_add(&play.asked, "%c.%s ", 'a' + (int)who, what);
}

#define PLAYER(who_, name_)                                                                        \
	static inline int name_##_load(struct mg_setup *setup, struct mg_self *self,               \
				       const struct mg_self *before)                               \
	{                                                                                          \
		play_told(before ? "load_again" : "load", who_);                                   \
		if (play.in_load)                                                                  \
			play.in_load(setup, self, who_);                                           \
		return play.load_err[who_];                                                        \
	}                                                                                          \
	static inline int name_##_ready(struct mg_setup *setup, struct mg_self *self)              \
	{                                                                                          \
		if (play.in_ready)                                                                 \
			play.in_ready(setup, self, who_);                                          \
		return play.ready_err[who_];                                                       \
	}                                                                                          \
	static inline void name_##_unload(struct mg_self *self)                                    \
	{                                                                                          \
		(void)self;                                                                        \
		play_told("unload", who_);                                                         \
	}                                                                                          \
	static inline int name_##_worker(struct mg_self *self, const struct mg_self *before)       \
	{                                                                                          \
		assert_non_null(self->worker);                                                     \
		play_told(before ? "worker_again" : "worker", who_);                               \
		return play.worker_err[who_];                                                      \
	}                                                                                          \
	static inline void name_##_worker_end(struct mg_self *self)                                \
	{                                                                                          \
		(void)self;                                                                        \
		play_told("worker_end", who_);                                                     \
	}                                                                                          \
	static inline void name_##_tick(struct mg_self *self, uint64_t now_ms)                     \
	{                                                                                          \
		(void)now_ms;                                                                      \
		play_told("tick", who_);                                                           \
		mg_count(self, 0);                                                                 \
	}                                                                                          \
	static inline struct mg_verdict name_##_arrival(struct mg_self *self,                      \
							struct mg_source *source, size_t len)      \
	{                                                                                          \
		(void)self;                                                                        \
		(void)source;                                                                      \
		(void)len;                                                                         \
		return played(who_, MG_ARRIVAL, NULL);                                             \
	}                                                                                          \
	static inline struct mg_verdict name_##_message(struct mg_self *self,                      \
							struct mg_request *r)                      \
	{                                                                                          \
		(void)self;                                                                        \
		return played(who_, MG_MESSAGE, r);                                                \
	}                                                                                          \
	static inline struct mg_verdict name_##_request(struct mg_self *self,                      \
							struct mg_request *r)                      \
	{                                                                                          \
		(void)self;                                                                        \
		return played(who_, MG_REQUEST, r);                                                \
	}                                                                                          \
	static inline struct mg_verdict name_##_target(struct mg_self *self, struct mg_request *r) \
	{                                                                                          \
		(void)self;                                                                        \
		return played(who_, MG_TARGET, r);                                                 \
	}                                                                                          \
	static inline struct mg_verdict name_##_branch(struct mg_self *self, struct mg_request *r, \
						       struct mg_branch *b)                        \
	{                                                                                          \
		(void)self;                                                                        \
		(void)b;                                                                           \
		return played(who_, MG_BRANCH, r);                                                 \
	}                                                                                          \
	static inline struct mg_verdict name_##_reply(struct mg_self *self, struct mg_request *r,  \
						      struct mg_reply *p)                          \
	{                                                                                          \
		(void)self;                                                                        \
		(void)p;                                                                           \
		return played(who_, MG_REPLY, r);                                                  \
	}                                                                                          \
	static inline struct mg_verdict name_##_failure(struct mg_self *self,                      \
							struct mg_request *r, unsigned status)     \
	{                                                                                          \
		(void)self;                                                                        \
		text_add(&play.asked, "%u:", status);                                              \
		return played(who_, MG_FAILURE, r);                                                \
	}                                                                                          \
	static inline struct mg_verdict name_##_send(struct mg_self *self,                         \
						     const struct mg_sending *sending)             \
	{                                                                                          \
		(void)self;                                                                        \
		(void)sending;                                                                     \
		return played(who_, MG_SEND, NULL);                                                \
	}                                                                                          \
	static inline void name_##_final(struct mg_self *self, struct mg_request *r,               \
					 unsigned status)                                          \
	{                                                                                          \
		(void)self;                                                                        \
		text_add(&play.asked, "%u:", status);                                              \
		(void)played(who_, MG_FINAL, r);                                                   \
	}                                                                                          \
	static const struct mg_module player_##name_ = {.abi = MG_ABI_VERSION,                     \
							.name = #name_,                            \
							.help = "plays",                           \
							.counters = play_counters,                 \
							.n_counters = 1,                           \
							.load = name_##_load,                      \
							.ready = name_##_ready,                    \
							.unload = name_##_unload,                  \
							.worker = name_##_worker,                  \
							.worker_end = name_##_worker_end,          \
							.tick = name_##_tick,                      \
							.arrival = name_##_arrival,                \
							.message = name_##_message,                \
							.request = name_##_request,                \
							.target = name_##_target,                  \
							.branch = name_##_branch,                  \
							.reply = name_##_reply,                    \
							.failure = name_##_failure,                \
							.send = name_##_send,                      \
							.final = name_##_final}

static const struct stats_desc play_counters[] = {
	{.name = "play_ticks_total", .help = "ticks", .kind = STATS_COUNTER}};
PLAYER(0, a);
PLAYER(1, b);
PLAYER(2, c);

const struct mg_module *const chain_builtin[] = {&player_a, &player_b, &player_c, NULL};

static const struct mg_zone play_zones[] = {
	{.name = "inside", .index = 0, .trust = MG_PHONES},
	{.name = "outside", .index = 1, .trust = MG_INTERNET},
};

/* A chain of a, b and c. NULL, and `faults` filled, when they refuse. */
static inline struct chain *play_chain(struct chain *before, struct conf_faults *faults)
{
	static const struct chain_module_conf confs[PLAYERS] = {
		{.name = "a", .at = "test.cfg:1"},
		{.name = "b", .at = "test.cfg:2"},
		{.name = "c", .at = "test.cfg:3"},
	};
	const struct chain_setup setup = {
		.zones = play_zones,
		.n_zones = 2,
		.workers = 2,
		.modules = confs,
		.descriptors = chain_builtin,
		.n = PLAYERS,
		.before = before,
		.faults = faults,
	};

	return chain_new(&setup);
}

static inline const char *play_asked(void)
{
	static struct text t;

	t = play.asked;
	text_start(&play.asked);
	return t.p;
}

static inline void play_reset(void)
{
	memset(&play, 0, sizeof(play));
}

/* ---- a worker with such a chain, and a request ---- */

static struct fake f;
static struct fake_request q;
static struct chain *chain;

static inline const struct mg_source *play_source(void)
{
	static struct mg_source source;

	source = (struct mg_source){.addr = test_addr("192.0.2.7:5060"),
				    .zone = &play_zones[1],
				    .transport = SIP_TRANSPORT_UDP};
	return &source;
}

static inline int play_setup(void **state)
{
	struct conf_faults faults;

	(void)state;
	play_reset();
	conf_faults_init(&faults);
	fake_init(&f, 0, 2, 4);
	chain = play_chain(NULL, &faults);
	assert_non_null(chain);
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	fake_request(&q, &f, play_source(), FAKE_INVITE, false);
	play_asked();
	conf_faults_done(&faults);
	return 0;
}

static inline int play_teardown(void **state)
{
	(void)state;
	fake_request_done(&q);
	assert_int_equal(chain_waiting(&f.worker), 0);
	assert_int_equal(wheel_count(&f.wheel), 0);
	chain_worker_leave(&f.worker, chain);
	chain_free(chain);
	fake_done(&f);
	return 0;
}

#endif
