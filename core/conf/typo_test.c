/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * No slip in a key goes unseen (threat G-1): in a sample with every option, each character of each
 * key is left out, doubled or replaced in turn; all of these are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_world.h"

/* Not '#': what begins with it is a comment, and meant to be one as far as anybody can tell. */
static const char others[] = "x_0A- ;=\"";

static struct arena arena;

/* The sample with all that was commented out but the risk that nothing in it takes. */
static char *full_sample(void)
{
	char *text = NULL, *out;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	conf_print_sample(&world_conf, to);
	fclose(to);
	out = text;
	for (char *p = text; *p; p++) {
		bool first = p == text || p[-1] == '\n' || p[-1] == '\t' || p[-1] == '#';

		if (*p != '#' || !first || p[1] == ' ' || strncmp(p, "#accept_risk", 12) == 0)
			*out++ = *p;
	}
	*out = '\0';
	return text;
}

static int try(const char *text)
{
	static const struct conf_env env = {.open = test_conf_open};
	struct conf_faults faults;
	struct world w;

	conf_faults_init(&faults);
	arena_reset(&arena);
	int err = test_conf_try(&world_conf, text, &w, &arena, &env, NULL, &faults);
	/* Refused with a reason that has a place. */
	if (err < 0)
		assert_true(faults.n > 0 && strncmp(faults.text[0], "test.cfg:", 9) == 0);
	conf_faults_done(&faults);
	return err;
}

/* The sample with the `cut` bytes at `at` replaced by `n` bytes. */
static void slip(const char *sample, size_t at, size_t cut, const char *by, size_t n)
{
	size_t len = strlen(sample);
	char *text = malloc(len + n + 1);

	memcpy(text, sample, at);
	memcpy(text + at, by, n);
	memcpy(text + at + n, sample + at + cut, len - at - cut + 1);
	if (try(text) != MG_EPARSE) {
		print_error("taken: %.*s\n", 40, text + (at > 10 ? at - 10 : 0));
		fail();
	}
	free(text);
}

static void every_slip_is_refused(void **state)
{
	char *sample = full_sample();
	size_t keys = 0, slips = 0;
	struct conf_token t;
	struct conf_lex lex;

	(void)state;
	arena_init(&arena, 65536, 64 << 20);
	assert_int_equal(try(sample), 0);
	conf_lex_init(&lex, sv_str(sample));
	while ((t = conf_lex_next(&lex)).kind != CONF_TOK_END) {
		size_t at = (size_t)(t.text.p - sample);

		keys += t.kind == CONF_TOK_NAME;
		for (size_t i = at; t.kind == CONF_TOK_NAME && i < at + t.text.n; i++) {
			char c = sample[i];

			slip(sample, i, 1, "", 0);
			slip(sample, i, 0, &c, 1);
			for (const char *other = others; *other; other++, slips++)
				if (*other != c)
					slip(sample, i, 1, other, 1);
			slips += 2;
		}
	}
	print_message("%zu keys, %zu slips\n", keys, slips);
	assert_true(keys > 40);
	arena_done(&arena);
	free(sample);
}

/* The same slip twice, so that the key is neither known nor there once. */
static void a_key_left_out_is_seen_if_it_matters(void **state)
{
	(void)state;
	arena_init(&arena, 65536, 64 << 20);
	assert_int_equal(try("zones = ( { naem = \"a\"; listen = ( \"udp:*\" ); } );"), MG_EPARSE);
	assert_int_equal(try("zones = ( { listen = ( \"udp:*\" ); } );"), MG_EPARSE);
	assert_int_equal(try("zone = ( { name = \"a\"; listen = ( \"udp:*\" ); } );"), MG_EPARSE);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slip_is_refused),
		cmocka_unit_test(a_key_left_out_is_seen_if_it_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
