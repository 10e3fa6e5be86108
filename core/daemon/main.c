/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * main: the arguments of margrave(8).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/node.h"
#include "daemon/settings_try.h"
#include "daemon/warden.h"

enum { EXIT_FAULT = 1, EXIT_USAGE = 2 };

struct argument {
	const char *name, *wants; /* NULL: nothing */
};

static const struct argument arguments[] = {
	{"--config", "a FILE"}, {"--check", "a FILE"}, {"--foreground", "--config FILE"},
	{"--options", NULL},    {"--reference", NULL}, {"--sample", NULL},
	{"--version", NULL},    {"--help", NULL},
};

static int usage(FILE *to, int status)
{
	fputs("margrave --config FILE    run, in the foreground, until SIGTERM; SIGHUP reloads\n"
	      "  [--foreground]          says aloud what it does anyway\n"
	      "margrave --check FILE     say everything that is wrong with a configuration\n"
	      "margrave --options        every option: type, unit, range, default, help\n"
	      "margrave --reference      the same as a page in Markdown\n"
	      "margrave --sample         a configuration with every option at its default\n"
	      "margrave --version\n"
	      "margrave --help\n",
	      to);
	return status;
}

/* What was typed may hold anything: nothing of it moves the cursor. */
static void put_typed(const char *word)
{
	fputc('"', stderr);
	for (size_t i = 0; word[i] && i < 64; i++)
		fputc(word[i] >= ' ' && word[i] <= '~' ? word[i] : '?', stderr);
	fputc('"', stderr);
}

static const struct argument *find(const char *word)
{
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		if (strcmp(word, arguments[i].name) == 0)
			return &arguments[i];
	}
	return NULL;
}

/* One line of what is wrong with arguments that main() can do nothing with. */
static int wrong(int argc, char **argv)
{
	const struct argument *first = argc > 1 ? find(argv[1]) : NULL,
			      *last = argc > 1 ? find(argv[argc - 1]) : NULL;

	fputs("margrave: ", stderr);
	if (argc < 2) {
		fputs("it is told to do nothing", stderr);
	} else if (!first) {
		fputs("there is no option ", stderr);
		put_typed(argv[1]);
	} else if (last && last->wants) {
		fprintf(stderr, "%s wants %s", last->name, last->wants);
	} else {
		fprintf(stderr, "%s%s%s does not go with ", first->name, first->wants ? " " : "",
			first->wants ? first->wants : "");
		put_typed(argv[argc - 1]);
	}
	fputs("; margrave --help names all options\n", stderr);
	return EXIT_USAGE;
}

static int check(const char *path)
{
	struct conf_faults faults;

	conf_faults_init(&faults);
	int err = settings_try(path, &faults);
	if (err)
		conf_faults_print(&faults, stderr);
	else
		printf("%s: all is well\n", path);
	conf_faults_done(&faults);
	return err ? EXIT_FAULT : 0;
}

static int print(const char *what)
{
	if (strcmp(what, "--options") == 0)
		conf_print_options(&settings_table, stdout);
	else if (strcmp(what, "--reference") == 0)
		conf_print_reference(&settings_table, stdout);
	else if (strcmp(what, "--sample") == 0)
		conf_print_sample(&settings_table, stdout);
	else if (strcmp(what, "--version") == 0)
		puts("margrave " MARGRAVE_VERSION);
	else if (strcmp(what, "--help") == 0)
		return usage(stdout, 0);
	return ferror(stdout) ? EXIT_FAULT : 0;
}

/* The descriptor that the warden names; -1 when it is none. */
static int number(const char *text)
{
	uint32_t n;

	return sv_u32(sv_str(text), INT32_MAX, &n) == 0 ? (int)n : -1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], WARDEN_CHILD_ARG) == 0)
		return sip_process(number(argv[2]));
	if (argc == 3 && strcmp(argv[1], "--config") == 0)
		return warden_run(argv[2]);
	if (argc == 4 && strcmp(argv[1], "--config") == 0 && strcmp(argv[3], "--foreground") == 0)
		return warden_run(argv[2]);
	if (argc == 4 && strcmp(argv[1], "--foreground") == 0 && strcmp(argv[2], "--config") == 0)
		return warden_run(argv[3]);
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	const struct argument *only = argc == 2 ? find(argv[1]) : NULL;
	if (only && !only->wants)
		return print(argv[1]);
	return wrong(argc, argv);
}
