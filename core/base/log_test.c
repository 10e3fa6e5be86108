/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines as they come out, with what peers have tried to write into logs; how often they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/log.h"
#include "base/test_guard.h"

static const struct {
	struct sv in;
	const char *out;  /* of anybody's text */
	const char *ours; /* of ours, NULL: the same */
	const char *name;
} values[] = {
	{SV_INIT("friendly-scanner"), "friendly-scanner", NULL, "plain"},
	{SV_INIT("sip:a@b;transport=tcp"), "sip:a@b;transport\\x3dtcp", NULL, "a URI"},
	{SV_INIT(""), "", NULL, "empty"},
	{SV_INIT("a b"), "a\\x20b", "\"a b\"", "space"},
	{SV_INIT(" "), "\\x20", "\" \"", "only a space"},
	{SV_INIT("="), "\\x3d", NULL, "only an equals sign"},
	{SV_INIT("x = 5"), "x\\x20\\x3d\\x205", "\"x = 5\"", "a setting"},
	{SV_INIT("x act=drop"), "x\\x20act\\x3ddrop", "\"x act=drop\"", "a field of ours"},
	{SV_INIT("x\" act=drop"), "x\\x22\\x20act\\x3ddrop", "\"x\\x22 act=drop\"",
	 "a quote that would end it"},
	{SV_INIT("x \\"), "x\\x20\\x5c", "\"x \\x5c\"", "a last backslash, before our quote"},
	{SV_INIT("x\r\nerror sec ev=ban"), "x\\x0d\\x0aerror\\x20sec\\x20ev\\x3dban",
	 "\"x\\x0d\\x0aerror sec ev=ban\"", "a line"},
	{SV_INIT("\x1b[2J"), "\\x1b[2J", NULL, "terminal escape"},
	{SV_INIT("\x1b[2J a"), "\\x1b[2J\\x20a", "\"\\x1b[2J a\"", "terminal escape and a space"},
	{SV_INIT("\ta"), "\\x09a", NULL, "tab"},
	{SV_INIT("%n%s"), "%n%s", NULL, "format"},
	{SV_INIT("\"a\""), "\\x22a\\x22", NULL, "quotes"},
	{SV_INIT("\\x0a"), "\\x5cx0a", NULL, "an escape of their own"},
	{SV_INIT("\\+"), "\\x5c+", NULL, "the mark of being cut"},
	{SV_INIT("a\0b"), "a\\x00b", "a", "NUL"},
	{SV_INIT("\x7f\x80\xff"), "\\x7f\\x80\\xff", NULL, "beyond ASCII"},
	{SV_INIT("\xc3\xa9 a"), "\\xc3\\xa9\\x20a", "\"\\xc3\\xa9 a\"", "UTF-8 and a space"},
	{SV_INIT("!~"), "!~", NULL, "first and last plain byte"},
};

static struct log_line line;

static const char *text(void)
{
	static char z[LOG_LINE_MAX + 1];
	struct sv s = log_text(&line);

	assert_true(s.n <= LOG_LINE_MAX);
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

static void expect_line(const char *value, const char *name)
{
	char want[200] = "info sip ev=odd ua=";

	log_u64(&line, "n", 1);
	strcat(want, value);
	strcat(want, " n=1\n");
	if (strcmp(text(), want) != 0)
		fail_msg("%s: %s instead of %s", name, text(), want);
}

static void escaped_values(void **state)
{
	struct guard g = guard_init(64);
	char z[64];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		log_begin(&line, LOG_INFO, "sip", "odd");
		log_sv(&line, "ua", guard_put(&g, values[i].in));
		expect_line(values[i].out, values[i].name);
		memcpy(z, values[i].in.p, values[i].in.n);
		z[values[i].in.n] = '\0';
		log_begin(&line, LOG_INFO, "sip", "odd");
		log_str(&line, "ua", z);
		expect_line(values[i].ours ? values[i].ours : values[i].out, values[i].name);
	}
	guard_done(&g);
}

static void kinds_of_fields(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(SV("[2001:db8::1]:5060"), ADDR_PORT, &a), 0);
	log_begin(&line, LOG_ERROR, "shield", "ban");
	log_addr(&line, "src", &a);
	log_u64(&line, "zero", 0);
	log_u64(&line, "most", UINT64_MAX);
	log_i64(&line, "pos", INT64_MAX);
	log_i64(&line, "neg", -5);
	log_i64(&line, "least", INT64_MIN);
	log_str(&line, "none", NULL);
	log_err(&line, MG_ELIMIT);
	assert_string_equal(text(), "error shield ev=ban src=[2001:db8::1]:5060 zero=0"
				    " most=18446744073709551615 pos=9223372036854775807 neg=-5"
				    " least=-9223372036854775808 none= err=ELIMIT\n");
	log_begin(&line, LOG_WARNING, "a", "b");
	assert_string_equal(text(), "warning a ev=b\n");
	log_begin(&line, LOG_DEBUG, "a", "b");
	assert_string_equal(text(), "debug a ev=b\n");
}

/* Whatever the mix of plain and escaped bytes: at most LOG_FIELD_MAX, and never half an escape. */
static void long_values_are_cut(void **state)
{
	char in[400];

	(void)state;
	for (size_t bad = 0; bad <= 300; bad++) {
		memset(in, 'a', sizeof(in));
		memset(in + 300 - bad, '\n', bad);
		for (size_t n = 60; n <= 300; n += 1 + n % 7) {
			log_begin(&line, LOG_INFO, "r", "e");
			log_sv(&line, "v", sv_of(in + 300 - n, n));
			const char *v = strstr(text(), " v=") + 3;
			size_t out = strlen(v) - 1, escapes = bad < n ? bad : n;
			size_t whole = n + 3 * escapes;

			assert_true(out <= LOG_FIELD_MAX);
			if (whole <= LOG_FIELD_MAX) {
				assert_int_equal(out, whole);
				continue;
			}
			assert_true(out >= LOG_FIELD_MAX - 6);
			assert_memory_equal(v + out - 2, "\\+", 2);
			if (v[out - 3] != 'a')
				assert_memory_equal(v + out - 6, "\\x0a", 4);
		}
	}
}

/* The same with quotes: they close, in LOG_FIELD_MAX, and what is between them is whole escapes. */
static void long_values_in_quotes_are_cut(void **state)
{
	static const char *const pieces[] = {" ", "\"", "\\", "\n", "=", "a "};
	char in[601];

	(void)state;
	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		for (size_t n = 100; n < sizeof(in); n++) {
			size_t at = 1, step = strlen(pieces[k]);

			for (size_t i = 0; i < n; i++)
				in[i] = pieces[k][i % step];
			in[0] = ' ';
			in[n] = '\0';
			log_begin(&line, LOG_INFO, "r", "e");
			log_str(&line, "v", in);
			const char *v = strstr(text(), " v=") + 3;
			size_t out = strlen(v) - 1;
			assert_true(out <= LOG_FIELD_MAX);
			assert_int_equal(v[0], '"');
			while (v[at] != '"') /* as a reader of quotes goes */
				at += v[at] != '\\' ? 1 : v[at + 1] == 'x' ? 4 : 2; /* or \\+ */
			assert_int_equal(at, out - 1);
			if (n > LOG_FIELD_MAX - 2) {
				assert_true(out >= LOG_FIELD_MAX - 6);
				assert_memory_equal(v + out - 3, "\\+\"", 3);
			}
		}
	}
}

/* What comes behind the part that is shown changes nothing of it. */
static void what_is_cut_off_does_not_count(void **state)
{
	char in[LOG_FIELD_MAX + 3] = "";

	(void)state;
	memset(in, 'a', sizeof(in) - 1);
	in[LOG_FIELD_MAX] = ' ';
	log_begin(&line, LOG_INFO, "r", "e");
	log_str(&line, "v", in);
	assert_null(strchr(text(), '"'));
	in[LOG_FIELD_MAX - 1] = ' ';
	log_begin(&line, LOG_INFO, "r", "e");
	log_str(&line, "v", in);
	assert_non_null(strstr(text(), "aa\\+\"\n"));
}

static void a_full_line_says_so(void **state)
{
	char in[250];

	(void)state;
	memset(in, 'a', sizeof(in));
	log_begin(&line, LOG_INFO, "r", "e");
	for (int i = 0; i < 20; i++)
		log_sv(&line, "v", sv_of(in, sizeof(in)));
	const char *z = text();
	assert_string_equal(z + strlen(z) - 8, " cut=13\n");
	assert_true(strlen(z) > LOG_LINE_MAX - 300);
	for (int i = 0; i < 1000; i++)
		log_u64(&line, "n", 1); /* small ones still find room, then none does */
	z = text();
	assert_true(strlen(z) > LOG_LINE_MAX - 20);
	assert_non_null(strstr(z, " n=1 cut="));
}

static int said;
static char last[LOG_LINE_MAX + 1];

static void on_line(void *arg, enum log_level level, struct sv s)
{
	assert_ptr_equal(arg, &said);
	assert_int_equal(level, LOG_WARNING);
	said++;
	memcpy(last, s.p, s.n);
	last[s.n] = '\0';
}

static void levels_and_sink(void **state)
{
	(void)state;
	said = 0;
	log_to(on_line, &said);
	log_set_level(LOG_WARNING);
	assert_true(log_on(LOG_ERROR));
	assert_true(log_on(LOG_WARNING));
	assert_false(log_on(LOG_INFO));
	log_begin(&line, LOG_INFO, "r", "quiet");
	log_end(&line);
	assert_int_equal(said, 0);
	log_begin(&line, LOG_WARNING, "r", "loud");
	log_end(&line);
	assert_int_equal(said, 1);
	assert_string_equal(last, "warning r ev=loud\n");
	log_set_level(LOG_INFO);
	log_to(NULL, NULL);
}

static void standard_error(void **state)
{
	int pipes[2], kept = dup(STDERR_FILENO);
	char got[100];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
	log_begin(&line, LOG_INFO, "base", "hello");
	log_end(&line);
	dup2(kept, STDERR_FILENO);
	ssize_t n = read(pipes[0], got, sizeof(got));
	assert_int_equal(n, 19);
	assert_memory_equal(got, "info base ev=hello\n", 19);
	close(pipes[0]);
	close(pipes[1]);
	close(kept);
}

static void first_at_once_then_summaries(void **state)
{
	static const struct {
		uint64_t now_ms;
		bool flush;    /* else an event */
		uint64_t said; /* 0: silence */
	} steps[] = {
		{0, true, 0},      {5, false, 1},     {6, false, 0},      {7, false, 0},
		{10004, true, 0},  {10005, true, 2},  {10006, false, 0},  {20004, false, 0},
		{20005, false, 3}, {30005, true, 0},  {90000, false, 1},  {90001, false, 0},
		{100001, true, 1}, {110001, true, 0}, {110002, false, 1},
	};
	struct log_limit l = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t n = 0;
		bool say = steps[i].flush ? log_limit_flush(&l, steps[i].now_ms, &n)
					  : log_limit_pass(&l, steps[i].now_ms, &n);

		assert_int_equal(say, steps[i].said > 0);
		assert_int_equal(n, steps[i].said);
	}
}

static void more_that_nobody_saw(void **state)
{
	struct log_limit l = {0};
	uint64_t n = 0;

	(void)state;
	assert_true(log_limit_pass(&l, 5, &n));
	log_limit_more(&l, 30);
	assert_false(log_limit_flush(&l, 6, &n));
	assert_true(log_limit_flush(&l, 5 + LOG_SUMMARY_MS, &n));
	assert_int_equal(n, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_that_nobody_saw),
		cmocka_unit_test(escaped_values),
		cmocka_unit_test(kinds_of_fields),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(long_values_in_quotes_are_cut),
		cmocka_unit_test(what_is_cut_off_does_not_count),
		cmocka_unit_test(a_full_line_says_so),
		cmocka_unit_test(levels_and_sink),
		cmocka_unit_test(standard_error),
		cmocka_unit_test(first_at_once_then_summaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
