/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit: a message and a program of edits. Two bytes of length, high one first, the message, then the choices of
 * core/sip/test_edit_world.h: which view, which edit, which header, what text.
 *
 * Holds: the answer of each edit and the bytes that leave behind it are those of the naive model; now and then also the
 * order of handles, names and values. What the index took without a fault is read back with the same lines and typed
 * values, and one Content-Length. In the end a response, an ACK and a CANCEL built from the views are SIP, and pass the
 * check if the message did.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "sip/build.h"
#include "sip/test_edit_world.h"

#define STEPS 120

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* What was built from a view: SIP, and well-formed if what the view shows is (a view's own edits may be nonsense). */
static void check_built(struct world *w, const struct sip_out *out, bool well_formed)
{
	struct sip_stream stream = {0};
	struct sip_msg again;
	struct sip_where at;

	int n = sip_out_flat(out, w->got.p, sizeof(w->got.p));
	if (n <= 0 || (size_t)n != out->len)
		broken("length of what was built");
	if (!w->sound || n > SIP_STREAM_MESSAGE_MAX)
		return;
	int ret = sip_parse_stream(&again, &stream, w->got.p, (size_t)n, &at);
	if (ret == MG_ELIMIT)
		return; /* edits may make more lines than a message has */
	if (ret != n || again.fault.fault)
		broken("what was built cannot be read");
	if (again.lines == 0 || again.line[again.lines - 1].id != SIP_H_CONTENT_LENGTH)
		broken("no Content-Length behind what was built");
	if (well_formed && sip_check(&again, &at) != 0 && at.fault != SIP_FAULT_URI &&
	    at.fault != SIP_FAULT_SCHEME && at.fault != SIP_FAULT_URI_HEADERS)
		broken("what was built is malformed");
}

/* Whether the view leaves as a message that passes the check. */
static bool passes(struct world *w, struct pair *p)
{
	struct sip_stream stream = {0};
	struct sip_msg again;
	struct sip_where at;

	model_write(&p->model, &w->want);
	return sip_parse_stream(&again, &stream, w->want.p, w->want.n, &at) == (int)w->want.n &&
	       sip_check(&again, &at) == 0;
}

static void build_from(struct world *w, struct pair *p, struct choices *c)
{
	static const struct sip_extra extra[] = {{SIP_H_RETRY_AFTER, {0}, SV_INIT("5")},
						 {SIP_H_OTHER, SV_INIT("X"), SV_INIT("y")}};
	bool request = w->msg.kind == SIP_KIND_REQUEST, well_formed = passes(w, p);
	const struct sip_response r = {.status = 100 + choose(c, 256) * 2,
				       .to_tag = choose(c, 2) ? SV("tag") : SV(""),
				       .record_route = choose(c, 2),
				       .extra = extra,
				       .extras = choose(c, 3),
				       .body = SV("body")};
	struct sip_out out;
	int err;

	sip_out_init(&out, &w->arena);
	err = sip_build_response(&out, &p->view, &r);
	if (err && (err != MG_EINVAL || out.len || (request && well_formed)))
		broken("the answer of sip_build_response");
	if (!err && !request)
		broken("a response to a response");
	if (!err)
		check_built(w, &out, well_formed);
	sip_out_init(&out, &w->arena);
	err = sip_build_cancel(&out, &p->view, extra, choose(c, 3));
	if (err && (err != MG_EINVAL || out.len || (request && well_formed)))
		broken("the answer of sip_build_cancel");
	if (!err)
		check_built(w, &out, well_formed);
	sip_out_init(&out, &w->arena);
	err = sip_build_ack(&out, &p->view, &w->pair[0].view);
	if (err && (err != MG_EINVAL || out.len))
		broken("the answer of sip_build_ack");
	if (!err)
		check_built(w, &out, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	static char strings[8 << 20];

	if (size < 2)
		return 0;
	size_t n = (size_t)data[0] << 8 | data[1];
	if (n > size - 2)
		n = size - 2;
	/* a copy of its own, so that a read behind the message is seen */
	char *message = malloc(n ? n : 1);
	if (!message)
		return 0;
	memcpy(message, data + 2, n);
	struct choices c = {.p = data + 2 + n, .end = data + size};
	if (world_init(&world, sv_of(message, n),
		       (struct strings){.p = strings, .room = sizeof(strings)})) {
		const char *bad = world_compare(&world);
		for (unsigned i = 0; !bad && i < STEPS && c.p < c.end; i++)
			bad = world_step(&world, &c, i % 8 == 0);
		if (!bad)
			bad = world_compare(&world);
		if (bad)
			broken(bad);
		for (unsigned i = 0; i < world.pairs; i++)
			build_from(&world, &world.pair[i], &c);
		world_done(&world);
	}
	free(message);
	return 0;
}
