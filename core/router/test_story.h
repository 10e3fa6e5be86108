/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_story: a request in the world of test_route.h, told as words: targets, answers, failures, time and cancelling in any order; and what must hold when it is over.
 *
 *	+URI[,qN][,rN][,fN][,zN][,nURI][,aURI]  a target: q in thousandths, seconds to ring, connection, zone, next hop, the same as a Route
 *	go                                      to the targets
 *	N:STATUS[=VALUE]                        client N is answered; VALUE: Contact of a 1xx to 3xx, realm of a 401 or 407, Retry-After of others; "-": no Via is left
 *	N:T N:E                                 it times out, cannot be sent
 *	dns cancel pass skip abandon refuse     the first pending look-up is answered, the caller cancels, a waiting branch goes on or not, the end, a refusal
 *	wait=MS                                 time passes
 */
#ifndef MG_ROUTER_TEST_STORY_H
#define MG_ROUTER_TEST_STORY_H

#include "router/test_route.h"

#define WAITING_MAX 16

/* What hooks do. */
struct habits {
	enum route_go branch[8]; /* of the n-th branch that asks; then the last one */
	unsigned n_branch;
	unsigned mute;         /* reply() says no to this status */
	const char *failure;   /* URIs that FAILURE adds, once, by spaces */
	bool cancel_in_branch; /* the hook cancels the request */
	bool refuse_in_branch; /* the hook refuses it */
	const char *edit;      /* URI that BRANCH writes into the Request-URI */
	bool no_replies;
};

/* The request on its way; freed with its last word, but for `server`. */
struct call {
	struct arena arena;
	struct sip_view view;
	struct tp_kept *kept;
	struct route_context *ctx;
	struct route_in in;
	uint64_t loop_hash;
};

static struct story {
	struct habits habits;
	struct call *call; /* NULL: over */
	struct txn_server *server;
	struct tp_flow flow;
	unsigned done, asked;
	struct route_branch *waiting[WAITING_MAX];
	size_t arena_max;
} story;

/* ---- hooks ---- */

static enum route_go on_branch(void *arg, struct route_context *ctx, struct route_branch *b)
{
	struct habits *h = &story.habits;
	unsigned turn = story.asked++;

	(void)arg;
	CHECK(route_user(ctx) == story.call && !story.done);
	(void)route_branch_target(b);
	route_branch_set_user(b, h);
	CHECK(route_branch_user(b) == h && route_branch_hop(b)->transport);
	if (h->edit)
		CHECK(sip_view_set_uri(route_branch_view(b), sv_str(h->edit)) == 0);
	if (h->cancel_in_branch)
		route_cancel(ctx, SV(""));
	if (h->refuse_in_branch) {
		struct sip_response r = {.status = 403};
		route_refuse(ctx, &r);
	}
	enum route_go go = h->n_branch == 0     ? ROUTE_GO
			   : turn < h->n_branch ? h->branch[turn]
						: h->branch[h->n_branch - 1];
	for (unsigned i = 0; go == ROUTE_WAIT && i < WAITING_MAX; i++)
		if (!story.waiting[i]) {
			story.waiting[i] = b;
			break;
		}
	return go;
}

static void on_given_up(void *arg, struct route_branch *b)
{
	unsigned i = 0;

	(void)arg;
	while (i < WAITING_MAX && story.waiting[i] != b)
		i++;
	CHECK(i < WAITING_MAX && route_branch_user(b) == &story.habits);
	route_branch_go(b, ROUTE_GO); /* too late */
	note(" given_up");
	story.waiting[i] = NULL;
}

static bool on_reply(void *arg, void *user, struct route_branch *b, struct sip_view *view)
{
	(void)arg, (void)b;
	CHECK(!user || user == story.call);
	CHECK(view->msg->kind == SIP_KIND_RESPONSE);
	return view->msg->status != story.habits.mute;
}

static bool on_replies(void *arg)
{
	(void)arg;
	return !story.habits.no_replies;
}

static bool on_failure(void *arg, struct route_context *ctx, unsigned status)
{
	char text[256], *save = NULL;
	bool any = false;

	(void)arg;
	note(" failure:%u", status);
	if (!story.habits.failure)
		return false;
	snprintf(text, sizeof(text), "%s", story.habits.failure);
	story.habits.failure = NULL;
	for (char *uri = strtok_r(text, " ", &save); uri; uri = strtok_r(NULL, " ", &save)) {
		struct route_target t = {.q = 1000, .zone = TP_ANY_ZONE};
		any |= arena_dup(&story.call->arena, sv_str(uri), &t.uri) == 0 &&
		       route_add(ctx, &t) == 0;
	}
	return any;
}

static void on_done(void *arg, struct route_context *ctx, unsigned status)
{
	struct call *call = route_user(ctx);

	(void)arg;
	CHECK(call == story.call && !story.done);
	story.done++;
	story.call = NULL;
	memset(story.waiting, 0, sizeof(story.waiting));
	arena_done(&call->arena);
	tp_kept_free(call->kept);
	free(call);
	note(" done:%u", status);
}

static struct route_events world_events = {
	.branch = on_branch,
	.given_up = on_given_up,
	.reply = on_reply,
	.replies = on_replies,
	.failure = on_failure,
	.done = on_done,
};

/* ---- the world ---- */

static const struct token_keys world_keys = {.key = {{.id = 3, .key = {{7, 7}}}}, .n = 1};
static const struct siphash_key world_tag_key = {{5, 6, 7}};
static const struct route_conf world_conf = {
	.timer_c_ms = 185000,
	.record_route = true,
	.recurse = true,
	.zone_token = {100, 101, 102},
	.n_zones = 3,
};

static inline void world_begin(void)
{
	static const uint64_t began = 1000000;

	memset(&story, 0, sizeof(story));
	memset(&world, 0, offsetof(struct world, tp));
	memset(&world.rnd, 0, sizeof(world) - offsetof(struct world, rnd));
	memset(&world.tp, 0, offsetof(struct tp, last));
	notes_n = 0;
	notes_text[0] = 0;
	world.loop.now_ms = began;
	wheel_init(&world.loop.wheel, began);
	world.stats = stats_new(route_stats_desc, ROUTE_STATS, 1);
	world.env = (struct route_env){.loop = &world.loop,
				       .tp = &world.tp,
				       .keys = &world_keys,
				       .tag_key = &world_tag_key,
				       .stats = world.stats,
				       .on = &world_events,
				       .arg = &world};
	world.route = world.stats ? route_new(&world.env, &world_conf) : NULL;
	CHECK(world.route);
	story.flow = (struct tp_flow){.peer = address("192.0.2.1:5060"),
				      .local = address("192.0.2.10:5060"),
				      .listener = 1,
				      .transport = SIP_TRANSPORT_UDP};
}

static inline uint64_t stat(enum route_stat id)
{
	return stats_sum(world.stats, id);
}

/* The server transaction, and clients that wait for nobody any more. */
static inline void story_forget(void)
{
	for (unsigned i = 0; i < world.n_clients; i++)
		if (world.client[i])
			client_free(world.client[i]);
	world.n_clients = 0;
	free(story.server);
	story.server = NULL;
}

/* What holds when a request is over, in whatever way. */
static inline void check_over(void)
{
	CHECK(story.done == 1 && !story.call);
	CHECK(route_contexts(world.route) == 0 && stat(ROUTE_STAT_CONTEXTS) == 0);
	CHECK(wheel_count(&world.loop.wheel) == 0);
	for (unsigned i = 0; i < 16; i++)
		CHECK(!world.lookup[i]);
	for (unsigned i = 0; i < world.n_clients; i++)
		CHECK(!world.client[i] || !world.client[i]->ops);
	if (story.server) {
		CHECK(story.server->refs == 0 && !story.server->user);
		CHECK(story.server->finals <= 1);
	}
}

static inline void world_end(void)
{
	story_forget();
	route_free(world.route);
	stats_free(world.stats);
	world.route = NULL;
}

/* ---- messages ---- */

#define VIA_1  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKc1\r\n"
#define HEAD_1 "From: <sip:a@x.example>;tag=f1\r\nTo: <sip:b@y.example>\r\nCall-ID: c1@x\r\n"
#define REQUEST(method, uri, more)                                               \
	method " " uri " SIP/2.0\r\n" VIA_1 HEAD_1 "CSeq: 7 " method "\r\n" more \
	       "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
#define INVITE REQUEST("INVITE", "sip:b@y.example", "")

/* A message that arrived by story.flow and is kept. NULL without memory; it has to be well formed. */
static inline struct tp_kept *arrive(struct sv text)
{
	static struct sip_msg msg;
	struct sip_stream stream = {0};
	struct sip_where at;
	char *copy = malloc(text.n ? text.n : 1);
	struct tp_kept *kept = NULL;

	if (!copy)
		return NULL;
	if (text.n)
		memcpy(copy, text.p, text.n);
	if (sip_parse_stream(&msg, &stream, copy, text.n, &at) > 0 && sip_check(&msg, &at) == 0) {
		struct tp_rx rx = {.msg = &msg, .flow = story.flow};
		kept = tp_rx_keep(&rx);
	}
	free(copy);
	return kept;
}

/* Take a request as far as its targets: what the daemon does. Returns the status that it was refused with, 0, or -1 without memory. */
static inline int story_begin(struct tp_kept *kept, bool stateless)
{
	struct call *call = kept ? calloc(1, sizeof(*call)) : NULL;
	bool ack = kept && kept->msg->method == SIP_METHOD_ACK;

	if (!call) {
		tp_kept_free(kept);
		return -1;
	}
	call->kept = kept;
	arena_init(&call->arena, 2048, story.arena_max ? story.arena_max : 1048576);
	sip_view_init(&call->view, kept->msg, &call->arena);
	int status = route_mark_via(&call->view, &kept->flow) < 0 ? -1 : 0;
	if (!status && route_looped(world.route, kept->msg, &call->loop_hash))
		status = 482;
	if (!status)
		status = route_preprocess(world.route, &call->view, &call->in);
	if (!status && !stateless && !ack) {
		story.server = calloc(1, sizeof(*story.server));
		CHECK(story.server);
		story.server->refs = 1;
		story.server->invite = kept->msg->method == SIP_METHOD_INVITE;
		story.server->user = call;
	}
	struct route_start start = {.kept = kept,
				    .view = &call->view,
				    .arena = &call->arena,
				    .server = story.server,
				    .in = &call->in,
				    .loop_hash = call->loop_hash,
				    .user = call};
	if (!status)
		call->ctx = route_begin(world.route, &start);
	if (!call->ctx) {
		arena_done(&call->arena);
		tp_kept_free(kept);
		free(call);
		free(story.server);
		story.server = NULL;
		return status ? status : -1;
	}
	story.call = call;
	return 0;
}

static inline int tell_begin(const char *text)
{
	struct tp_kept *kept = arrive(sv_str(text));

	CHECK(kept);
	return story_begin(kept, false);
}

/* ---- words ---- */

/* A response to what client `c` sent, in memory of its own. */
static inline char *respond(const struct txn_client *c, unsigned status, const char *value,
			    size_t *n)
{
	static struct sip_msg msg;
	static struct sip_out out;
	struct sip_stream stream = {0};
	struct sip_where at;
	struct sip_view view;
	struct arena arena;
	char text[512] = "";
	struct sip_extra extra = {.value = sv_of(text, 0)};
	struct sip_response r = {.status = status,
				 .to_tag = SV("t1"),
				 .record_route = status < 300,
				 .extra = &extra};
	bool bare = value && strcmp(value, "-") == 0;

	arena_init(&arena, 4096, 262144);
	CHECK(sip_parse_stream(&msg, &stream, c->bytes.p, c->bytes.n, &at) > 0);
	if (sip_check(&msg, &at) != 0) {
		fprintf(stderr, "malformed (%s):\n%.*s", sip_fault_text(&at), SV_ARG(c->bytes));
		abort();
	}
	sip_view_init(&view, &msg, &arena);
	while (bare && sip_view_next(&view, sip_view_first(&view, SIP_H_VIA)) != SIP_NO_INST)
		CHECK(sip_view_remove(&view,
				      sip_view_next(&view, sip_view_first(&view, SIP_H_VIA))) == 0);
	if (value && !bare) {
		extra.id = status < 400    ? SIP_H_CONTACT
			   : status == 401 ? SIP_H_WWW_AUTHENTICATE
			   : status == 407 ? SIP_H_PROXY_AUTHENTICATE
					   : SIP_H_RETRY_AFTER;
		const char *form =
			status == 401 || status == 407 ? "Digest realm=\"%s\", nonce=\"n\"" : "%s";
		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		extra.value.n =
			(size_t)(strcmp(form, "%s") == 0
					 ? snprintf(text, sizeof(text), "%s", value)
					 : snprintf(text, sizeof(text),
						    "Digest realm=\"%s\", nonce=\"n\"", value));
		r.extras = 1;
	}
	sip_out_init(&out, &arena);
	CHECK(sip_build_response(&out, &view, &r) == 0);
	char *bytes = malloc(out.len);
	CHECK(bytes && sip_out_flat(&out, bytes, out.len) == (int)out.len);
	*n = out.len;
	arena_done(&arena);
	return bytes;
}

static inline void deliver(struct txn_client *c, unsigned status, struct tp_rx *rx)
{
	unsigned index = c->index;
	const struct txn_client_ops *ops = c->ops;
	bool again = c->over;

	c->over |= status >= 200;
	c->provisional |= status < 200;
	if (ops && !(again && status < 200))
		ops->response(c, rx);
	else if (c->invite && status / 100 == 2)
		route_late_2xx(world.route, c, c->server, rx);
	c = world.client[index];
	if (c && c->over && !c->ops && !c->server)
		client_free(c);
}

static inline void tell_answer(unsigned index, unsigned status, const char *value)
{
	struct txn_client *c = index < world.n_clients ? world.client[index] : NULL;
	struct sip_stream stream = {0};
	struct sip_where at;
	size_t n;

	/* The transaction deals with what comes behind a final response, but for further 2xx. */
	if (!c || (c->over && !(c->invite && status / 100 == 2)))
		return;
	char *bytes = respond(c, status, value, &n);
	struct sip_msg *msg = malloc(sizeof(*msg));
	CHECK(msg && sip_parse_stream(msg, &stream, bytes, n, &at) > 0);
	struct tp_rx rx = {.msg = msg,
			   .flow = {.peer = c->to.addr,
				    .local = c->to.local,
				    .listener = c->to.listener,
				    .transport = c->to.transport}};
	deliver(c, status, &rx);
	free(bytes);
	free(msg);
}

static inline void tell_failure(unsigned index, int err)
{
	struct txn_client *c = index < world.n_clients ? world.client[index] : NULL;

	if (!c || c->over)
		return;
	c->over = true;
	if (c->ops)
		c->ops->failed(c, err);
	c = world.client[index];
	if (c && !c->ops)
		client_free(c);
}

static inline void tell_target(const char *word)
{
	char text[512], *save = NULL;
	struct route_target t = {.q = 1000, .zone = TP_ANY_ZONE};

	snprintf(text, sizeof(text), "%s", word);
	char *part = strtok_r(text, ",", &save);
	if (part && *word != ',' && arena_dup(&story.call->arena, sv_str(part), &t.uri) < 0)
		return;
	if (*word != ',')
		part = strtok_r(NULL, ",", &save);
	for (; part; part = strtok_r(NULL, ",", &save)) {
		unsigned long v = strtoul(part + 1, NULL, 10);
		switch (*part) {
		case 'q': t.q = (uint16_t)v; break;
		case 'r': t.ring_ms = (uint32_t)v * 1000; break;
		case 'f': t.flow = v; break;
		case 'z': t.zone = (uint16_t)v; break;
		default:
			t.as_route = *part == 'a';
			if (arena_dup(&story.call->arena, sv_str(part + 1), &t.next_hop) < 0)
				return;
		}
	}
	if (route_add(story.call->ctx, &t) < 0)
		note(" full");
}

static inline void tell_time(uint64_t ms)
{
	uint64_t end = world.loop.now_ms + ms;

	while (world.loop.now_ms < end) {
		uint64_t next = wheel_next_ms(&world.loop.wheel);
		world.loop.now_ms = next > end ? end : next > world.loop.now_ms ? next : end;
		wheel_run(&world.loop.wheel, world.loop.now_ms);
	}
}

static inline void tell_dns(void)
{
	for (unsigned i = 0; i < 16; i++)
		if (world.lookup[i]) {
			dns_answer(i);
			return;
		}
}

static inline void tell_go(enum route_go go)
{
	for (unsigned i = 0; i < WAITING_MAX; i++)
		if (story.waiting[i]) {
			struct route_branch *b = story.waiting[i];
			story.waiting[i] = NULL;
			route_branch_go(b, go);
			return;
		}
}

static inline void tell_numbered(char *word)
{
	unsigned index = (unsigned)strtoul(word, &word, 10);
	char *value = strchr(word, '=');

	CHECK(*word == ':');
	if (value)
		*value++ = 0;
	if (word[1] == 'T')
		tell_failure(index, -ETIMEDOUT);
	else if (word[1] == 'E')
		tell_failure(index, -ECONNREFUSED);
	else
		tell_answer(index, (unsigned)strtoul(word + 1, NULL, 10), value);
}

static inline void tell_word(char *word)
{
	struct sip_response r = {.status = 486};

	if (*word >= '0' && *word <= '9')
		tell_numbered(word);
	else if (strncmp(word, "wait=", 5) == 0)
		tell_time(strtoul(word + 5, NULL, 10));
	else if (strcmp(word, "dns") == 0)
		tell_dns();
	else if (strcmp(word, "pass") == 0 || strcmp(word, "skip") == 0)
		tell_go(*word == 'p' ? ROUTE_GO : ROUTE_SKIP);
	else if (!story.call)
		note(" (over)");
	else if (*word == '+')
		tell_target(word + 1);
	else if (strcmp(word, "go") == 0)
		route_go(story.call->ctx);
	else if (strcmp(word, "cancel") == 0)
		route_cancel(story.call->ctx, SV("SIP;cause=600"));
	else if (strcmp(word, "refuse") == 0)
		route_refuse(story.call->ctx, &r);
	else if (strcmp(word, "abandon") == 0)
		route_abandon(story.call->ctx);
	else
		CHECK(word == NULL); /* nobody knows it */
}

static inline void tell(const char *words)
{
	char text[2048], *save = NULL;

	CHECK(strlen(words) < sizeof(text));
	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		tell_word(w);
}

#endif
