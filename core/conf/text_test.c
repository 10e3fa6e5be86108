/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files and what they include: which line came from where, what is refused and with what words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf_priv.h"
#include "conf/test_conf.h"
#include "conf/test_files.h"

static struct conf_text *read_main(void)
{
	struct conf_text *t = NULL;
	struct conf_faults faults;

	conf_faults_init(&faults);
	int err = conf_text_read(&t, files_path("main"), &faults);
	conf_faults_print(&faults, stderr);
	conf_faults_done(&faults);
	assert_int_equal(err, 0);
	return t;
}

/* Reading "main" fails with exactly these lines, the folder's name taken out. */
static void refused(const char *lines)
{
	struct conf_text *t = NULL;
	struct conf_faults faults;

	conf_faults_init(&faults);
	assert_int_equal(conf_text_read(&t, files_path("main"), &faults), MG_EPARSE);
	assert_null(t);
	char *said = test_conf_lines(&faults);
	char *plain = files_without_dir(said);
	assert_string_equal(plain, lines);
	free(plain);
	free(said);
	conf_faults_done(&faults);
}

static void line_is(const struct conf_text *t, uint32_t flat, const char *where)
{
	struct conf_line line;

	conf_line_init(&line);
	conf_text_where(t, flat, &line);
	char *plain = files_without_dir(line.s);
	assert_string_equal(plain, where);
	free(plain);
}

static void each_line_knows_where_it_came_from(void **state)
{
	(void)state;
	files_put("main", "@include \"a\"\n"
			  "x = 2;\n"
			  "  @include \"b\" # again\n"
			  "@include \"none\"\n"
			  "y = 3;");
	files_put("a", "a = 1;\n\t@include \"b\"\n");
	files_put("b", "/* no LF */");
	files_put("none", "");
	struct conf_text *t = read_main();

	assert_string_equal(t->p, "\n"
				  "a = 1;\n"
				  "\t\n"
				  "/* no LF */\n"
				  "x = 2;\n"
				  "  \n"
				  "/* no LF */\n"
				  "\n"
				  "y = 3;\n");
	line_is(t, 0, "main:1");
	line_is(t, 1, "main:1");
	line_is(t, 2, "a:1");
	line_is(t, 3, "a:2");
	line_is(t, 4, "b:1");
	line_is(t, 5, "main:2");
	line_is(t, 6, "main:3");
	line_is(t, 7, "b:1");
	line_is(t, 8, "main:4");
	line_is(t, 9, "main:5");
	assert_int_equal(t->n_sources, 5);
	conf_text_free(t);
}

static void texts_and_comments_include_nothing(void **state)
{
	static const char text[] = "# @include \"a\"\n"
				   "// @include \"a\"\n"
				   "/*\n@include \"a\"\n*/\n"
				   "x = \"@include \\\"a\\\"\";\n";

	(void)state;
	files_put("main", text);
	struct conf_text *t = read_main();
	assert_string_equal(t->p, text);
	assert_int_equal(t->n_sources, 1);
	conf_text_free(t);
}

static void names_are_relative_to_the_file_that_has_them(void **state)
{
	char text[600];

	(void)state;
	assert_int_equal(mkdir(files_path("sub"), 0700), 0);
	snprintf(text, sizeof(text), "@include \"sub/a\"\n@include \"%s\"\n", files_path("c"));
	files_put("main", text);
	files_put("sub/a", "@include \"b\"\n");
	files_put("sub/b", "b = 1;");
	files_put("c", "c = 1;");
	struct conf_text *t = read_main();
	assert_string_equal(t->p, "\n\nb = 1;\n\nc = 1;\n");
	line_is(t, 3, "sub/b:1");
	line_is(t, 5, "c:1");
	conf_text_free(t);
	unlink(files_path("sub/a"));
	unlink(files_path("sub/b"));
}

static void circles(void **state)
{
	(void)state;
	files_put("main", "\n@include \"main\"\n");
	refused("main:2: found @include \"main\": a circle, allowed: files that do not include "
		"themselves\n");
	files_put("main", "@include \"a\"\n");
	files_put("a", "@include \"b\"\n");
	files_put("b", "x = 1;\n@include \"a\"\n");
	refused("b:2: found @include \"a\": a circle, allowed: files that do not include "
		"themselves\n");
	/* Under another name it is the same file. */
	files_put("main", "@include \"other\"\n");
	assert_int_equal(symlink("main", files_path("other")), 0);
	refused("main:1: found @include \"other\": a circle, allowed: files that do not include "
		"themselves\n");
}

static void what_is_no_file(void **state)
{
	(void)state;
	refused("main: No such file or directory, allowed: a file that can be read\n");
	files_put("main", "@include \"a\"\n@include \"folder\"\n@include \"fifo\"\n"
			  "@include \"/proc/self/status\"\nx = 1;\n");
	assert_int_equal(mkdir(files_path("folder"), 0700), 0);
	assert_int_equal(mkfifo(files_path("fifo"), 0600), 0);
	refused("main:1: found @include \"a\": No such file or directory, allowed: a file that can "
		"be read\n"
		"main:2: found @include \"folder\": no regular file, allowed: a file that can be "
		"read\n"
		"main:3: found @include \"fifo\": no regular file, allowed: a file that can be "
		"read\n"
		"main:4: found @include \"/proc/self/status\": it changes while it is read, "
		"allowed: "
		"a file that can be read\n");
}

static void bytes_that_are_no_text(void **state)
{
	(void)state;
	files_put("main", "@include \"nul\"\n@include \"latin\"\n");
	files_put_sv("nul", SV("x = 1;\ny =\0 2;\n"), 0600);
	files_put("latin", "# gr\xfc\xdf\n");
	refused("nul:2: found the byte \\x00, allowed: text in UTF-8 without NUL\n"
		"latin:1: found the byte \\xfc, allowed: text in UTF-8\n");
	files_put("main", "# gr\xc3\xbc\xc3\x9f\n");
	conf_text_free(read_main());
}

/* It would swallow what follows in the file around, silently. */
static void a_comment_ends_in_its_file(void **state)
{
	(void)state;
	files_put("main", "@include \"a\"\nshield = true;\n*/\n");
	files_put("a", "x = 1;\n/* y = 2;\n");
	refused("a:2: found \"/*\", allowed: a comment that ends with */\n");
}

static void depth(void **state)
{
	char name[16], text[64];

	(void)state;
	for (int i = 0; i < CONF_INCLUDE_MAX; i++) {
		snprintf(name, sizeof(name), i ? "f%d" : "main", i);
		snprintf(text, sizeof(text), "@include \"f%d\"\n", i + 1);
		files_put(name, text);
	}
	files_put("f8", "x = 1;\n");
	struct conf_text *t = read_main();
	assert_int_equal(t->n_sources, 9);
	conf_text_free(t);
	files_put("f8", "@include \"f9\"\n");
	files_put("f9", "x = 1;\n");
	refused("f8:1: found @include \"f9\": too deep, allowed: 8 files that include each "
		"other\n");
}

static void number_of_files(void **state)
{
	char text[300 * 16];
	size_t n = 0;

	(void)state;
	files_put("a", "");
	for (int i = 0; i < CONF_FILES_MAX - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "@include \"a\"\n");
	files_put("main", text);
	struct conf_text *t = read_main();
	assert_int_equal(t->n_sources, CONF_FILES_MAX);
	line_is(t, 255, "main:255");
	conf_text_free(t);
	snprintf(text + n, sizeof(text) - n, "@include \"a\"\n");
	files_put("main", text);
	refused("main:256: found @include \"a\": too many, allowed: 256 files together\n");
}

/* A million laughs cost no more than one. */
static void number_of_bytes(void **state)
{
	size_t n = CONF_TEXT_MAX / 2;
	char *big = malloc(n + 1);

	(void)state;
	memset(big, ' ', n);
	big[0] = '\n';
	big[n] = '\0';
	files_put("big", big);
	files_put("main", "@include \"big\"\n");
	conf_text_free(read_main());
	files_put("main", "@include \"big\"\n@include \"big\"\n");
	refused("main:2: found @include \"big\": too large, allowed: 4 MiB in all files "
		"together\n");
	assert_int_equal(truncate(files_path("main"), CONF_TEXT_MAX + 1), 0);
	refused("main: too large, allowed: 4 MiB in all files together\n");
	free(big);
}

static void names_that_are_none(void **state)
{
	char text[5000], lines[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "@include \"", 10);
	strcpy(text + 4500, "\"\n");
	files_put("main", text);
	snprintf(lines, sizeof(lines),
		 "main:1: found @include \"%.79s\": too long, allowed: names of up to 4095 bytes\n",
		 text + 10);
	refused(lines);
	files_put("main", "x = 1; @include \"a\"\n@include a\ny = @b;\n");
	refused("main:1: found \"@include \\\"a\\\"\", allowed: @include \"file\" alone on its "
		"line\n"
		"main:2: found \"@include a\", allowed: @include \"file\" alone on its line\n"
		"main:3: y: found \"@\", allowed: @include \"file\" alone on its line\n");
	/* A line of the report stays one. */
	files_put("main", "@include \"a\x1b[2J\"\n");
	refused("main:1: found @include \"a?[2J\": No such file or directory, allowed: a file that "
		"can be read\n");
}

static void memory_includes_nothing(void **state)
{
	struct conf_faults faults;
	struct conf_text *t;

	(void)state;
	conf_faults_init(&faults);
	assert_int_equal(
		conf_text_from(&t, "sample", SV("x = 1;\n@include \"/etc/passwd\"\n"), &faults),
		MG_EPARSE);
	assert_string_equal(faults.text[0], "sample:2: found an @include, allowed: no @include "
					    "here: the text is not from a file");
	char *big = calloc(1, CONF_TEXT_MAX + 1);
	assert_int_equal(conf_text_from(&t, "sample", sv_of(big, CONF_TEXT_MAX + 1), &faults),
			 MG_EPARSE);
	assert_string_equal(faults.text[1],
			    "sample: too large, allowed: 4 MiB in all files together");
	free(big);
	conf_faults_done(&faults);
}

static void the_hash_is_of_the_text(void **state)
{
	struct conf_faults faults;
	struct conf_text *a, *b, *c;

	(void)state;
	conf_faults_init(&faults);
	assert_int_equal(conf_text_from(&a, "a", SV("x = 1;\n"), &faults), 0);
	assert_int_equal(conf_text_from(&b, "b", SV("x = 1;\n"), &faults), 0);
	assert_int_equal(conf_text_from(&c, "a", SV("x = 2;\n"), &faults), 0);
	assert_int_equal(strlen(conf_text_hash(a)), 16);
	assert_string_equal(conf_text_hash(a), conf_text_hash(b));
	assert_string_not_equal(conf_text_hash(a), conf_text_hash(c));
	/* Two nodes compare it, so it is the same everywhere. */
	assert_string_equal(conf_text_hash(a), "50d5aab3ea70fe4c");
	conf_text_free(a);
	conf_text_free(b);
	conf_text_free(c);
	conf_text_free(NULL);
	conf_faults_done(&faults);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, files_begin, files_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(each_line_knows_where_it_came_from),
		IN_FOLDER(texts_and_comments_include_nothing),
		IN_FOLDER(names_are_relative_to_the_file_that_has_them),
		IN_FOLDER(circles),
		IN_FOLDER(what_is_no_file),
		IN_FOLDER(bytes_that_are_no_text),
		IN_FOLDER(a_comment_ends_in_its_file),
		IN_FOLDER(depth),
		IN_FOLDER(number_of_files),
		IN_FOLDER(number_of_bytes),
		IN_FOLDER(names_that_are_none),
		cmocka_unit_test(memory_includes_nothing),
		cmocka_unit_test(the_hash_is_of_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
