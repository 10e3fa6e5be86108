/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit_property: generated messages come back byte for byte, and random edits of them, on views stacked in random ways, do
 * what the naive model of test_edit.h does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sip/test_edit_world.h"

#define MESSAGES 150
#define STEPS    200

static struct world *world;
static char *strings;
enum { STRINGS = 4 << 20 };

static int make_room(void **state)
{
	(void)state;
	world = malloc(sizeof(*world));
	strings = malloc(STRINGS);
	return world && strings ? 0 : -1;
}

static int leave_room(void **state)
{
	(void)state;
	free(world);
	free(strings);
	return 0;
}

static struct strings empty(void)
{
	return (struct strings){.p = strings, .room = STRINGS};
}

/* ---- the generator ---- */

static void put_name(struct text *t, struct choices *c, enum sip_hid id)
{
	const struct sip_header *h = sip_header(id);
	unsigned how = choose(c, 5);

	if (h->compact && how == 0) {
		text_fill(t, h->compact, 1);
		return;
	}
	for (size_t i = 0; i < h->name.n; i++) {
		char byte = h->name.p[i];
		bool other = how == 1 || (how == 2 && choose(c, 2));
		text_fill(t, other && lex_is(byte, LEX_ALPHA) ? (char)(byte ^ 0x20) : byte, 1);
	}
}

static void put_colon(struct text *t, struct choices *c)
{
	static const struct sv colons[] = {SV_INIT(":"),   SV_INIT(": "),    SV_INIT(": "),
					   SV_INIT(" : "), SV_INIT("\t:\t"), SV_INIT(":\r\n "),
					   SV_INIT(": ")};

	text_put(t, colons[choose(c, sizeof(colons) / sizeof(colons[0]))]);
}

static void put_end(struct text *t, struct choices *c)
{
	text_put(t, choose(c, 6) ? SV("\r\n") : SV("  \r\n"));
}

static void put_header(struct text *t, struct choices *c, enum sip_hid id)
{
	static const struct sv commas[] = {SV_INIT(","), SV_INIT(", "), SV_INIT(" ,\r\n "),
					   SV_INIT(",\r\n\t ")};

	put_name(t, c, id);
	put_colon(t, c);
	text_put(t, legal_value(c, id));
	while (sip_header(id)->count == SIP_LIST && choose(c, 3) == 0) {
		text_put(t, commas[choose(c, 4)]);
		text_put(t, legal_value(c, id));
	}
	put_end(t, c);
}

static void put_fixed(struct text *t, struct choices *c, enum sip_hid id, const char *value)
{
	put_name(t, c, id);
	put_colon(t, c);
	text_add(t, "%s", value);
	put_end(t, c);
}

/* Headers that nobody knows, with any bytes that a line may hold. */
static void put_unknown(struct text *t, struct choices *c)
{
	static const char *const names[] = {"X-One", "x-one", "P-Foo", "!", "z", "Content-Lengths"};

	text_add(t, "%s", names[choose(c, 6)]);
	put_colon(t, c);
	text_fill(t, 'u', 1);
	for (unsigned n = choose(c, 40); n; n--) {
		unsigned byte = choose(c, 256);
		if (byte >= ' ' && byte != 0x7f)
			text_fill(t, (char)byte, 1);
		else if (byte < 8)
			text_put(t, SV("\r\n "));
	}
	text_put(t, SV("\r\n"));
}

static void put_length(struct text *t, struct choices *c, size_t body)
{
	char number[16];

	snprintf(number, sizeof(number), choose(c, 3) ? "%zu" : "%04zu", body);
	put_fixed(t, c, SIP_H_CONTENT_LENGTH, number);
}

/* Whether a message may hold one more: limits of lists, headers that stand once, and what has its own place here. */
static bool may_put(enum sip_hid id, uint8_t *seen)
{
	switch ((unsigned)id) {
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_CONTENT_LENGTH: return false;
	case SIP_H_CONTACT:
	case SIP_H_ROUTE:
	case SIP_H_RECORD_ROUTE: return seen[id]++ < 2;
	default: return sip_header(id)->count != SIP_ONE || !seen[id]++;
	}
}

static void generate(struct text *t, struct choices *c)
{
	static const char *const methods[] = {"INVITE", "REGISTER", "BYE", "FOO-bar"};
	static const uint8_t often[] = {SIP_H_VIA, SIP_H_ROUTE, SIP_H_RECORD_ROUTE, SIP_H_CONTACT};
	const char *method = methods[choose(c, 4)];
	uint8_t seen[SIP_H_END] = {0};
	size_t body = choose(c, 3) ? choose(c, 200) : 0;
	unsigned length = choose(c, 8), lines = choose(c, 30);
	char cseq[64];

	text_start(t);
	if (choose(c, 3))
		text_add(t, "%s sip:bob@biloxi.example SIP/2.0\r\n", method);
	else
		text_add(t, "SIP/2.0 %u Some Thing\r\n", 100 + choose(c, 200));
	snprintf(cseq, sizeof(cseq), "%u %s", choose(c, 200), method);
	put_header(t, c, SIP_H_VIA);
	for (unsigned i = 0; i < lines; i++) {
		enum sip_hid id = choose(c, 2) ? often[choose(c, 4)] : 1 + choose(c, SIP_H_END - 1);
		if (i == length)
			put_length(t, c, body);
		if (i == lines / 2)
			put_header(t, c, SIP_H_FROM);
		if (choose(c, 5) == 0)
			put_unknown(t, c);
		else if (may_put(id, seen))
			put_header(t, c, id);
	}
	if (lines == 0)
		put_header(t, c, SIP_H_FROM);
	put_header(t, c, SIP_H_TO);
	put_fixed(t, c, SIP_H_CALL_ID, "a84b4c76e66710@192.0.2.1");
	put_fixed(t, c, SIP_H_CSEQ, cseq);
	text_put(t, SV("\r\n"));
	for (size_t i = 0; i < body; i++)
		text_fill(t, (char)choose(c, 256), 1);
}

/* ---- properties ---- */

static void what_was_not_edited_leaves_as_it_came(void **state)
{
	static struct text in;
	char buf[SIP_DATAGRAM_MAX];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct choices c = {.seed = i};
		struct sip_where at = {0};
		struct sip_out out;
		generate(&in, &c);
		assert_true(world_init(world, text_sv(&in), empty()));
		if (world->msg.fault.fault || sip_check(&world->msg, &at) != 0)
			fail_msg("seed %u: refused at %u: %s\n%s", i, at.off, sip_fault_text(&at),
				 in.p);
		sip_out_init(&out, &world->arena);
		sip_view_write(&world->pair[0].view, &out);
		int n = sip_out_flat(&out, buf, sizeof(buf));
		if (sip_has(&world->msg, SIP_H_CONTENT_LENGTH)) {
			assert_int_equal(out.n, 1);
			assert_int_equal(n, in.n);
			assert_memory_equal(buf, in.p, in.n);
		} else {
			size_t end = world->msg.end, own = (size_t)n - in.n;
			assert_true(own >= sizeof("Content-Length: 0"));
			assert_memory_equal(buf, in.p, end);
			assert_memory_equal(buf + end + own, in.p + end, in.n - end);
		}
		const char *bad = world_compare(world);
		if (bad)
			fail_msg("seed %u: %s\n%s", i, bad, in.p);
		world_done(world);
	}
}

static void edits_do_what_the_model_does(void **state)
{
	static struct text in;

	(void)state;
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct choices c = {.seed = 1000000 + i};
		const char *bad = NULL;
		generate(&in, &c);
		assert_true(world_init(world, text_sv(&in), empty()));
		for (unsigned k = 0; k < STEPS && !bad; k++) {
			bad = world_step(world, &c, true);
			if (!bad && k % 16 == 0)
				bad = world_compare(world);
			if (bad)
				fail_msg("message %u, step %u: "
					 "%s\nmessage:\n%s\ngot:\n%s\nwant:\n%s\n"
					 "typed:\n%s\nreread:\n%s",
					 i, k, bad, in.p, world->got.p, world->want.p, world->one.p,
					 world->two.p);
		}
		world_done(world);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_edited_leaves_as_it_came),
		cmocka_unit_test(edits_do_what_the_model_does),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
