/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pack: packed copies of the torture messages, each in an allocation of just its size, read like the message they are
 * made of, can be edited like it, and answer like it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

#include "sip/build.h"
#include "sip/pack.h"
#include "sip/test_dump.h"
#include "sip/test_edit_world.h"
#include "sip/test_message.h"

enum { FILES_MAX = 80, STRINGS = 4 << 20, STEPS = 60 };

static struct {
	char name[32];
	char *p;
	size_t n;
} file[FILES_MAX];
static size_t files;
static struct world *world;
static char *strings;

static int read_file(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", TORTURE_DIR, name);
	FILE *f = fopen(path, "rb");
	char *p = malloc(SIP_STREAM_MESSAGE_MAX);
	if (!f || !p || files == FILES_MAX)
		return -1;
	size_t n = fread(p, 1, SIP_STREAM_MESSAGE_MAX, f);
	fclose(f);
	snprintf(file[files].name, sizeof(file[files].name), "%.31s", name);
	file[files].p = malloc(n); /* of just that size, for ASan */
	if (!file[files].p)
		return -1;
	memcpy(file[files].p, p, n);
	free(p);
	file[files++].n = n;
	return 0;
}

static int make_room(void **state)
{
	DIR *dir = opendir(TORTURE_DIR);
	struct dirent *e;

	(void)state;
	while (dir && (e = readdir(dir)))
		if (strstr(e->d_name, ".dat") && read_file(e->d_name) != 0)
			return -1;
	if (dir)
		closedir(dir);
	world = malloc(sizeof(*world));
	strings = malloc(STRINGS);
	return files > 50 && world && strings ? 0 : -1;
}

static int leave_room(void **state)
{
	(void)state;
	while (files)
		free(file[--files].p);
	free(world);
	free(strings);
	return 0;
}

/* A packed copy over the same bytes, or over bytes of its own behind it. */
static struct sip_msg *packed(const struct sip_msg *msg, bool moved)
{
	size_t n = sip_msg_pack_size(msg);
	char *mem = malloc(n + (moved ? msg->len : 0));

	assert_non_null(mem);
	assert_true(n <= sizeof(*msg) && n % 8 == 0);
	if (moved)
		memcpy(mem + n, msg->buf, msg->len);
	return sip_msg_pack(mem, msg, moved ? mem + n : msg->buf);
}

static void dump_typed(struct text *t, struct sip_msg *msg)
{
	struct sip_where at = {0};
	const struct sip_uri *uri = sip_request_uri(msg, &at);

	text_start(t);
	text_add(t, "uri %d %u %u\n", uri != NULL, at.off, at.fault);
	if (uri)
		dump_uri(t, uri);
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++) {
		struct sip_each each;
		at = (struct sip_where){0};
		const void *v = sip_typed(msg, id, &at);
		text_add(t, "%u: %d %u %u\n", id, v != NULL, at.off, at.fault);
		if (v)
			dump_value(t, id, v);
		sip_each_start(&each, msg, id);
		dump_walk(t, &each);
		text_add(t, " fault %u", each.at.fault);
	}
}

static void assert_reads_alike(struct sip_msg *a, struct sip_msg *b, const char *name)
{
	static struct text one, two;
	struct sip_where a_at = {0}, b_at = {0};

	if (sip_check(a, &a_at) != sip_check(b, &b_at) || !same_where(&a_at, &b_at))
		fail_msg("%s: the check says something else", name);
	assert_int_equal(sip_answerable(a), sip_answerable(b));
	dump_typed(&one, a);
	dump_typed(&two, b);
	if (!sv_eq(text_sv(&one), text_sv(&two)))
		fail_msg("%s: typed\n%s\npacked\n%s", name, one.p, two.p);
}

static void packed_copies_read_alike(void **state)
{
	struct sip_where at;
	struct sip_msg msg;

	(void)state;
	for (size_t i = 0; i < files; i++) {
		/* 0: nothing typed before; 1: the usual; 2: everything */
		for (int typed = 0; typed < 3; typed++) {
			int ret = sip_parse_datagram(&msg, file[i].p, file[i].n, &at);
			if (typed == 1 && sip_top_via(&msg, &at) && sip_cseq(&msg, &at))
				(void)sip_request_uri(&msg, &at);
			if (typed == 2)
				assert_null(message_read_all(&msg));
			struct sip_msg *same = packed(&msg, false);
			struct sip_msg *moved = ret > 0 ? packed(&msg, true) : NULL;
			struct sip_msg *again = packed(same, false);
			if (typed == 2)
				assert_int_equal(same->uri_known, msg.uri_known);
			assert_int_equal(sip_msg_pack_size(same), sip_msg_pack_size(&msg));
			assert_reads_alike(&msg, same, file[i].name);
			assert_reads_alike(&msg, again, file[i].name);
			assert_null(message_broken(same, sv_of(file[i].p, file[i].n)));
			assert_true(same->used <= sip_msg_pack_size(&msg));
			if (moved) {
				assert_reads_alike(&msg, moved, file[i].name);
				assert_null(message_broken(moved, sv_of(moved->buf, moved->len)));
			}
			free(same);
			free(moved);
			free(again);
		}
	}
}

static void values_move_only_with_their_bytes(void **state)
{
	const char text[] = M_START M_ALL "\r\n";
	struct sip_where at = {0};
	struct sip_msg msg;

	(void)state;
	assert_true(sip_parse_datagram(&msg, text, sizeof(text) - 1, &at) > 0);
	const struct sip_via *via = sip_top_via(&msg, &at);
	const struct sip_nameaddr *to = sip_to(&msg, &at);
	assert_non_null(sip_request_uri(&msg, &at));
	uint8_t to_line = msg.first[SIP_H_TO], from_line = msg.first[SIP_H_FROM];
	struct sip_msg *same = packed(&msg, false), *moved = packed(&msg, true);
	assert_true(same->line[to_line].typed && !same->line[from_line].typed && same->uri_known);
	assert_true(!moved->line[to_line].typed && !moved->uri_known);
	assert_memory_equal(sip_top_via(same, &at), via, sizeof(*via));
	assert_memory_equal(sip_to(same, &at), to, sizeof(*to));
	assert_true(sip_to(moved, &at)->text.p > moved->buf &&
		    sip_to(moved, &at)->text.p < moved->buf + moved->len);
	assert_true(sip_msg_pack_size(&msg) < 1500);
	print_message("[          ] six lines: %zu of %zu bytes\n", sip_msg_pack_size(&msg),
		      sizeof(msg));
	free(same);
	free(moved);
}

static void packed_copies_are_edited_alike(void **state)
{
	static const struct sip_response r = {.status = 200, .to_tag = SV_INIT("t")};
	static char one[SIP_STREAM_MESSAGE_MAX], two[SIP_STREAM_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < files; i++) {
		struct choices c = {.seed = (uint32_t)i};
		struct sip_out a, b;
		if (!world_init(world, sv_of(file[i].p, file[i].n),
				(struct strings){.p = strings, .room = STRINGS}))
			continue;
		struct sip_msg *copy = packed(&world->msg, i % 2);
		/* what is built of both is the same */
		sip_out_init(&a, &world->arena);
		sip_out_init(&b, &world->arena);
		int err = sip_build_response(&a, &world->pair[0].view, &r);
		sip_view_init(&world->pair[0].view, copy, &world->arena);
		model_init(&world->pair[0].model, copy);
		assert_int_equal(sip_build_response(&b, &world->pair[0].view, &r), err);
		if (!err) {
			int n = sip_out_flat(&a, one, sizeof(one));
			assert_int_equal(sip_out_flat(&b, two, sizeof(two)), n);
			assert_memory_equal(one, two, (size_t)n);
		}
		const char *bad = world_compare(world);
		for (unsigned k = 0; k < STEPS && !bad; k++)
			bad = world_step(world, &c, k % 8 == 0);
		if (!bad)
			bad = world_compare(world);
		if (bad)
			fail_msg("%s: %s", file[i].name, bad);
		world_done(world);
		free(copy);
	}
}

/* The largest message there can be: as many lines as a message may have, every header of the table among them. */
static void the_largest_fits(void **state)
{
	static struct text in;
	struct sip_where at = {0};
	struct sip_msg msg;

	(void)state;
	text_start(&in);
	text_add(&in, M_START);
	for (unsigned id = SIP_H_OTHER + 1; id < SIP_H_END; id++)
		text_add(&in, "%.*s: 1\r\n", SV_ARG(sip_header(id)->name));
	for (unsigned n = SIP_H_END - 1; n < SIP_HEADER_LINES_MAX; n++)
		text_add(&in, "X: 1\r\n");
	text_add(&in, "\r\n");
	assert_true(sip_parse_datagram(&msg, in.p, in.n, &at) > 0);
	assert_int_equal(msg.lines, SIP_HEADER_LINES_MAX);
	assert_int_equal(sip_msg_pack_size(&msg), sizeof(msg));
	struct sip_msg *copy = packed(&msg, false);
	assert_null(message_read_all(copy));
	assert_reads_alike(&msg, copy, "all headers");
	free(copy);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_copies_read_alike),
		cmocka_unit_test(values_move_only_with_their_bytes),
		cmocka_unit_test(packed_copies_are_edited_alike),
		cmocka_unit_test(the_largest_fits),
	};

	return cmocka_run_group_tests(tests, make_room, leave_room);
}
