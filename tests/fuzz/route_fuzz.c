/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * route: a whole message through what the proxy core does with it: a request is marked, looked over for loops, its Routes are taken off, it is sent on with state and
 * without, answered small; a response looks for its way back. "@@" in the input becomes a token that opens.
 *
 * Holds: what leaves is well formed when what came was, and has one Via more; in a dialog is only what has a To tag; no answer is larger than it may be.
 */
#include "fuzz/fuzz.h"
#include "router/test_story.h"

#define INPUT_MAX 65536

/* The input with tokens, minted for whatever Call-ID and From tag stand in its seeds. */
static size_t with_tokens(const uint8_t *data, size_t size, char out[INPUT_MAX])
{
	static const struct token token = {.zone = 101, .caller_flow = 1, .callee_flow = 2};
	size_t n = 0;

	for (size_t i = 0; i < size && n < INPUT_MAX - TOKEN_MAX; i++) {
		if (i + 1 < size && data[i] == '@' && data[i + 1] == '@') {
			n += token_mint(&world_keys, &token, SV("c1@x"), SV("f1"), out + n);
			i++;
		} else {
			out[n++] = (char)data[i];
		}
	}
	return n;
}

static unsigned vias(struct sip_msg *msg)
{
	struct sip_each each;
	struct sip_via via;
	unsigned n = 0;

	sip_each_start(&each, msg, SIP_H_VIA);
	while (sip_each_via(&each, &via))
		n++;
	return n;
}

/* What was sent last, read as the next element would. */
static void check_sent(struct sip_msg *came)
{
	static struct sip_msg sent;
	struct sip_stream stream = {0};
	struct sip_where at;

	if (sip_parse_stream(&sent, &stream, world.tp.last, world.tp.last_n, &at) <= 0)
		return; /* too large by what we added: the next element says so */
	CHECK(sent.kind == SIP_KIND_REQUEST && sent.method == came->method);
	if (sip_check(&sent, &at) < 0) {
		/* Limits count what we added. */
		CHECK(at.fault == SIP_FAULT_TOO_LONG || at.fault == SIP_FAULT_TOO_MANY ||
		      at.fault == SIP_FAULT_TOO_MANY_PARAMS);
		return;
	}
	CHECK(vias(&sent) == vias(came) + 1);
	CHECK(sip_body(&sent).n == sip_body(came).n);
}

static void forward(struct sip_msg *msg, bool stateless)
{
	struct tp_rx rx = {.msg = msg, .flow = story.flow};
	struct tp_kept *kept = tp_rx_keep(&rx);

	world.tp.last_n = 0;
	if (story_begin(kept, stateless) != 0)
		return;
	struct sip_where at;
	const struct sip_nameaddr *to = sip_to(msg, &at);
	CHECK(!story.call->in.in_dialog || (to && to->tag.n));
	CHECK(!story.call->in.preloaded || (story.call->in.routed && !story.call->in.in_dialog));
	tell("+ go");
	if (world.tp.last_n && !sv_starts(sv_of(world.tp.last, world.tp.last_n), SV("SIP/2.0 ")))
		check_sent(msg);
	if (story.call)
		tell("0:180 0:200");
	if (story.call)
		tell("abandon");
	check_over();
	story_forget();
	story.done = 0;
}

static void answer(struct sip_msg *msg)
{
	static struct arena arena;
	struct sip_response r = {.status = 404};
	struct sip_view view;
	size_t max = msg->len + msg->len / 2;

	arena_init(&arena, 4096, 262144);
	sip_view_init(&view, msg, &arena);
	world.tp.last_n = 0;
	if (route_mark_via(&view, &story.flow) == 0 &&
	    route_answer(world.route, &view, &story.flow, &r, NULL, max) == 0)
		CHECK(world.tp.last_n && world.tp.last_n <= max);
	(void)route_own_ack(world.route, msg);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[INPUT_MAX];
	static struct sip_msg msg;
	struct sip_stream stream = {0};
	struct sip_where at;
	size_t n = with_tokens(data, size, text);

	world_begin();
	if (sip_parse_stream(&msg, &stream, text, n, &at) > 0 && sip_check(&msg, &at) == 0) {
		if (msg.kind == SIP_KIND_REQUEST) {
			forward(&msg, false);
			forward(&msg, true);
			answer(&msg);
		} else if (msg.kind == SIP_KIND_RESPONSE) {
			struct tp_rx rx = {.msg = &msg, .flow = story.flow};
			(void)route_stateless_response(world.route, &rx);
		}
	}
	world_end();
	return 0;
}
