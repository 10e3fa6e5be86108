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
	else
		return usage(stderr, EXIT_USAGE);
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
	if (argc == 2)
		return print(argv[1]);
	return usage(stderr, EXIT_USAGE);
}
