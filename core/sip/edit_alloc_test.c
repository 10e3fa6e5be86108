/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit_alloc: each allocation of a proxy's way with a request fails in turn: an error comes back, nothing has changed, and
 * what there is can still be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/test_alloc.h"
#include "sip/build.h"
#include "sip/test_message.h"

static const char request[] = M_START M_ALL
	"Record-Route: <sip:r.example;lr>\r\nRoute: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n"
	"Content-Length: 3\r\n\r\nabc";

struct way {
	struct sip_msg msg, response;
	struct arena arena, out; /* what is sent has its own, large enough */
	struct sip_view view, branch, answer;
	struct sip_out sent;
	struct text before, after;
	bool branched, answered;
};

static const char *bytes_of(struct way *w, struct sip_view *view, struct text *t)
{
	struct sip_out out;

	sip_out_init(&out, &w->out);
	sip_view_write(view, &out);
	assert_int_equal(out.err, 0);
	int n = sip_out_flat(&out, t->p, sizeof(t->p) - 1);
	assert_true(n > 0);
	t->p[n] = 0;
	return t->p;
}

/* ---- the steps: each returns 0 or an error ---- */

static int received(struct way *w)
{
	return sip_view_replace_top(
		&w->view, SIP_H_VIA,
		SV("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK776asdhds;received=192.0.2.9"));
}

static int record_route(struct way *w)
{
	return sip_view_prepend(&w->view, SIP_H_RECORD_ROUTE, SV(""), SV("<sip:me.example;lr>"));
}

static int other_route(struct way *w)
{
	return sip_view_replace_top(&w->view, SIP_H_ROUTE, SV("<sip:p3.example;lr>"));
}

static int no_route(struct way *w)
{
	return sip_view_pop(&w->view, SIP_H_ROUTE);
}

static int forwards(struct way *w)
{
	return sip_view_replace(&w->view, sip_view_first(&w->view, SIP_H_MAX_FORWARDS), SV("69"));
}

static int unknown(struct way *w)
{
	return sip_view_append(&w->view, SIP_H_OTHER, SV("X-Private"), SV("1"));
}

static int branch(struct way *w)
{
	int err = sip_view_branch(&w->branch, &w->view, &w->arena);

	w->branched = err == 0;
	return err;
}

static int via(struct way *w)
{
	return sip_view_prepend(&w->branch, SIP_H_VIA, SV(""),
				SV("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKmine"));
}

static int before(struct way *w)
{
	return sip_view_insert(&w->branch, sip_view_first(&w->branch, SIP_H_FROM), SIP_H_PATH,
			       SV(""), SV("<sip:path.example;lr>"));
}

static int target(struct way *w)
{
	return sip_view_set_uri(&w->branch, SV("sip:bob@192.0.2.4"));
}

static int no_routes(struct way *w)
{
	return sip_view_remove_all(&w->branch, SIP_H_ROUTE);
}

static int no_length(struct way *w)
{
	return sip_view_remove(&w->branch, sip_view_first(&w->branch, SIP_H_CONTENT_LENGTH));
}

static int reads(struct way *w)
{
	struct sip_where at = {0};

	if (sip_view_typed(&w->branch, SIP_H_VIA, &at) && sip_view_uri(&w->branch, &at) &&
	    sip_view_typed(&w->branch, SIP_H_MAX_FORWARDS, &at))
		return 0;
	assert_int_equal(at.fault, SIP_FAULT_MISSING);
	return MG_ENOMEM;
}

static int forward(struct way *w)
{
	sip_out_init(&w->sent, &w->arena);
	sip_view_write(&w->branch, &w->sent);
	return w->sent.err;
}

static int to(struct way *w)
{
	return sip_view_replace(&w->branch, sip_view_first(&w->branch, SIP_H_TO),
				SV("Bob <sip:bob@biloxi.example>"));
}

static int trying(struct way *w)
{
	const struct sip_response r = {.status = 100};

	sip_out_init(&w->sent, &w->arena);
	return sip_build_response(&w->sent, &w->view, &r);
}

static int refused(struct way *w)
{
	static const struct sip_extra extra[] = {{SIP_H_RETRY_AFTER, {0}, SV_INIT("5")}};
	const struct sip_response r = {
		.status = 503, .to_tag = SV("mytag"), .extra = extra, .extras = 1};

	sip_out_init(&w->sent, &w->arena);
	int err = sip_build_response(&w->sent, &w->branch, &r);
	if (!err) {
		int n = sip_out_flat(&w->sent, w->after.p, sizeof(w->after.p) - 1);
		w->after.p[n] = 0;
		assert_non_null(strstr(w->after.p, ";tag=mytag\r\n"));
	}
	return err;
}

static int cancel(struct way *w)
{
	sip_out_init(&w->sent, &w->arena);
	return sip_build_cancel(&w->sent, &w->branch, NULL, 0);
}

static int cseq(struct way *w)
{
	return sip_view_replace(&w->branch, sip_view_first(&w->branch, SIP_H_CSEQ), SV("7 INVITE"));
}

static int answer(struct way *w)
{
	int err = sip_view_pop(&w->answer, SIP_H_VIA);

	return err ? err : sip_view_set_status(&w->answer, 408, SV("A Reason That Is Quite Long"));
}

static int ack(struct way *w)
{
	sip_out_init(&w->sent, &w->arena);
	return sip_build_ack(&w->sent, &w->branch, &w->answer);
}

static int own(struct way *w)
{
	const struct sip_request r = {.method = SV("OPTIONS"),
				      .uri = SV("sip:bob@biloxi.example"),
				      .via = SV("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKmine"),
				      .from = SV("<sip:me.example>;tag=1"),
				      .to = SV("<sip:bob@biloxi.example>"),
				      .call_id = SV("x"),
				      .cseq = 1,
				      .max_forwards = 70};

	sip_out_init(&w->sent, &w->arena);
	return sip_build_request(&w->sent, &r);
}

static int (*const steps[])(struct way *w) = {
	received, record_route, other_route, no_route,  forwards, unknown, branch, via,
	before,   target,       no_routes,   no_length, reads,    forward, to,     trying,
	refused,  cancel,       cseq,        cancel,    answer,   ack,     own,
};

static void begin(struct way *w, size_t chunk, size_t max)
{
	static const char response[] =
		M_STATUS M_VIA M_FROM "To: <sip:b@x>;tag=2\r\n" M_CALL_ID M_CSEQ "\r\n";
	struct sip_where at;

	w->branched = false;
	arena_init(&w->arena, chunk, max);
	arena_init(&w->out, 1 << 16, 1 << 24);
	assert_true(sip_parse_datagram(&w->msg, request, sizeof(request) - 1, &at) > 0);
	assert_true(sip_parse_datagram(&w->response, response, sizeof(response) - 1, &at) > 0);
	sip_view_init(&w->view, &w->msg, &w->arena);
	sip_view_init(&w->answer, &w->response, &w->arena);
}

static void end(struct way *w)
{
	arena_done(&w->arena);
	arena_done(&w->out);
}

/* What a step that failed must leave: all views as they were. */
static struct text kept[3];

static void keep(struct way *w)
{
	bytes_of(w, &w->view, &kept[0]);
	bytes_of(w, &w->answer, &kept[2]);
	if (w->branched)
		bytes_of(w, &w->branch, &kept[1]);
}

static void check_kept(struct way *w)
{
	assert_string_equal(bytes_of(w, &w->view, &w->after), kept[0].p);
	assert_string_equal(bytes_of(w, &w->answer, &w->after), kept[2].p);
	if (w->branched)
		assert_string_equal(bytes_of(w, &w->branch, &w->after), kept[1].p);
}

/* The whole way; the step during which the `nth` allocation fails must say so and, tried again, go well. Returns whether
 * there was one. */
static bool with_failure(struct way *w, long nth, size_t chunk)
{
	bool failed = false;

	begin(w, chunk, 1 << 20);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		keep(w);
		alloc_until_failure = failed ? -1 : nth;
		size_t before_it = alloc_count;
		int err = steps[i](w);
		bool now = !failed && alloc_until_failure < 0;
		nth -= (long)(alloc_count - before_it);
		alloc_until_failure = -1;
		failed |= now;
		assert_int_equal(err, now ? MG_ENOMEM : 0);
		if (!now)
			continue;
		if (steps[i] != answer) /* is two edits */
			check_kept(w);
		assert_int_equal(w->view.frozen, w->branched);
		if (steps[i] != answer)
			assert_int_equal(steps[i](w), 0);
		else
			assert_int_equal(sip_view_set_status(&w->answer, 408, SV("x")), 0);
	}
	end(w);
	return failed;
}

static struct way *way;

static void each_malloc_fails_once(void **state)
{
	static const size_t chunks[] = {16, 64, 300, 2048};

	(void)state;
	for (size_t c = 0; c < sizeof(chunks) / sizeof(chunks[0]); c++) {
		long n = 0;
		while (with_failure(way, n, chunks[c]))
			n++;
		assert_true(n > (c < 3 ? 10 : 1));
		print_message("chunks of %zu: %ld allocations\n", chunks[c], n);
	}
}

/* The arena's ceiling, byte by byte: what fits goes well, the first step that does not changes nothing. */
static void each_ceiling_is_survived(void **state)
{
	unsigned done = 0, partly = 0;

	(void)state;
	for (size_t max = 0; !done; max += 7) {
		size_t i, n = sizeof(steps) / sizeof(steps[0]);
		begin(way, 64, max);
		for (i = 0; i < n; i++) {
			keep(way);
			int err = steps[i](way);
			if (err) {
				assert_int_equal(err, MG_ENOMEM);
				if (steps[i] != answer)
					check_kept(way);
				break;
			}
		}
		done = i == n;
		partly++;
		end(way);
	}
	assert_true(partly > 100);
}

static int make_room(void **state)
{
	(void)state;
	way = malloc(sizeof(*way));
	return way ? 0 : -1;
}

static int leave_room(void **state)
{
	(void)state;
	free(way);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_malloc_fails_once),
		cmocka_unit_test(each_ceiling_is_survived),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
