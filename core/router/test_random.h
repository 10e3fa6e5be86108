/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_random: a story told by bytes: hooks, targets and events as they fall, and what must hold whatever is told. Used by the property test and the fuzz target.
 */
#ifndef MG_ROUTER_TEST_RANDOM_H
#define MG_ROUTER_TEST_RANDOM_H

#include "router/test_story.h"

#define STEPS_MAX 120

struct bytes {
	const uint8_t *at, *end;
};

static inline unsigned choose(struct bytes *b, unsigned n)
{
	return b->at < b->end ? *b->at++ % n : 0;
}

static const struct test_name random_names[] = {
	{"two.example", "10.0.1.1:5060/udp 10.0.1.2:5060/tcp", false, 0},
	{"late.example", "10.0.2.1:5060/udp 10.0.2.2:5060/udp", true, 0},
	{"none.example", NULL, false, MG_ENOENT},
	{"gone.example", NULL, true, -ETIMEDOUT},
};

static const char *const random_uris[] = {
	"sip:a@10.0.0.1",     "sip:b@two.example",
	"sip:c@late.example", "sip:d@none.example",
	"sip:e@gone.example", "sips:f@10.0.0.6",
	"tel:+123",           "sip:g@10.0.0.7;transport=tcp",
	"sip:h@127.0.0.1",    "",
};

static inline void random_target(struct bytes *b, char *word, size_t n)
{
	const char *uri = random_uris[choose(b, sizeof(random_uris) / sizeof(random_uris[0]))];
	unsigned what = choose(b, 64);

	snprintf(word, n, "+%s,q%u%s%s%s", uri, choose(b, 3) * 500, what & 1 ? ",r20" : "",
		 what & 2 ? ",f1" : "",
		 (what & 12) == 12  ? ",asip:10.0.0.8"
		 : (what & 12) == 4 ? ",nsip:late.example"
		 : what & 16        ? ",z1"
				    : "");
}

static inline void random_answer(struct bytes *b, char *word, size_t n)
{
	static const char *const answers[] = {
		"100",
		"180",
		"183",
		"200",
		"202",
		"302=<sip:x@10.0.0.9>",
		"300=<sip:a@10.0.0.1>,<sip:z@late.example>;q=0.1",
		"401=r1",
		"407=r2",
		"404",
		"408",
		"486",
		"487",
		"503=30",
		"500",
		"603",
		"200=-",
		"T",
		"E",
	};

	snprintf(word, n, "%u:%s", choose(b, 8),
		 answers[choose(b, sizeof(answers) / sizeof(answers[0]))]);
}

static inline void random_word(struct bytes *b, char *word, size_t n)
{
	switch (choose(b, 16)) {
	case 0: random_target(b, word, n); return;
	case 1: snprintf(word, n, "dns"); return;
	case 2: snprintf(word, n, "pass"); return;
	case 3: snprintf(word, n, "skip"); return;
	case 4: snprintf(word, n, "wait=%u", choose(b, 250) * 1000 + 10); return;
	case 5: snprintf(word, n, "cancel"); return;
	case 6: snprintf(word, n, choose(b, 8) ? "dns" : "refuse"); return;
	default: random_answer(b, word, n);
	}
}

static inline void random_habits(struct bytes *b)
{
	static const unsigned mutes[] = {0, 0, 0, 180, 200, 486, 503, 480};
	struct habits *h = &story.habits;

	h->n_branch = choose(b, 5);
	for (unsigned i = 0; i < h->n_branch; i++)
		h->branch[i] = (enum route_go)choose(b, 3);
	h->mute = mutes[choose(b, 8)];
	h->failure = choose(b, 4) == 1 ? "sip:b@two.example sip:y@late.example" : NULL;
	h->cancel_in_branch = choose(b, 32) == 1;
	h->refuse_in_branch = choose(b, 32) == 1;
	h->no_replies = choose(b, 2);
	world.tp.large = choose(b, 3) == 1 ? 300 : 0;
	world.tp.deaf = choose(b, 4) == 1 ? "10.0.0.1:5060/udp" : NULL;
	world.no_clients = choose(b, 32) == 1;
	world.tp.conn[1] = (struct tp_target){
		.addr = address("10.9.9.9:40000"), .listener = 2, .transport = SIP_TRANSPORT_TCP};
	story.arena_max = choose(b, 8) == 1 ? 1024 + choose(b, 256) * 64u : 0;
}

/* What holds at any time: a response that is final comes once, and before the end. */
static inline void check_under_way(void)
{
	CHECK(story.done <= 1 && (story.done == 0) == (story.call != NULL));
	CHECK(route_contexts(world.route) == (story.call ? 1u : 0u));
	if (!story.server)
		return;
	CHECK(story.server->finals <= 1);
	if (story.call)
		CHECK(story.server->finals == 0 && story.server->refs == 1);
	else
		CHECK(story.server->refs == 0);
}

/* Everything that may still come, comes. Then nothing waits for anything. */
static inline void random_end(void)
{
	for (unsigned turn = 0; turn < 400 && story.call; turn++) {
		tell("dns pass");
		for (unsigned i = 0; i < world.n_clients; i++)
			tell_failure(i, -ETIMEDOUT);
	}
}

static inline void random_story(const uint8_t *data, size_t size)
{
	static const char *const requests[] = {
		INVITE,
		REQUEST("MESSAGE", "sip:b@y.example", ""),
		REQUEST("INVITE", "sips:b@two.example", "Max-Breadth: 2\r\n"),
		REQUEST("SUBSCRIBE", "sip:b@y.example", "Route: <sip:two.example>\r\n"),
		REQUEST("ACK", "sip:b@two.example", ""),
	};
	struct bytes b = {data, data + size};
	char word[256];

	world_begin();
	world.name = random_names;
	world.n_names = sizeof(random_names) / sizeof(random_names[0]);
	random_habits(&b);
	bool stateless = choose(&b, 8) == 1;
	struct tp_kept *kept = arrive(sv_str(requests[choose(&b, 5)]));
	CHECK(kept);
	if (story_begin(kept, stateless) == 0) {
		for (unsigned n = choose(&b, 5); n > 0; n--) {
			random_target(&b, word, sizeof(word));
			tell(word);
		}
		tell("go");
		for (unsigned i = 0; i < STEPS_MAX && b.at < b.end && story.call; i++) {
			random_word(&b, word, sizeof(word));
			tell(word);
			check_under_way();
		}
		random_end();
		check_under_way();
		check_over();
		/* Who waits has an answer. */
		if (story.server)
			CHECK(story.server->finals == 1 || story.server->silent);
		/* What comes behind the end harms nobody. */
		for (unsigned i = 0; i < 20 && b.at < b.end; i++) {
			random_answer(&b, word, sizeof(word));
			tell(word);
		}
	}
	world_end();
}

#endif
