/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * command: the commands of margravectl as a table: name, arguments, help, and the request each makes.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

struct command {
	const char *name, *args, *help;
	/* The parameters; NULL with *bad set for wrong arguments. */
	json_t *(*params)(int argc, char **argv, bool *bad);
};

static json_t *none(int argc, char **argv, bool *bad)
{
	(void)argv;
	*bad = argc != 0;
	return NULL;
}

static json_t *level(int argc, char **argv, bool *bad)
{
	*bad = argc != 1;
	return *bad ? NULL : json_pack("{s:s}", "level", argv[0]);
}

static json_t *stop(int argc, char **argv, bool *bad)
{
	bool now = argc == 1 && strcmp(argv[0], "--now") == 0;

	*bad = argc > 1 || (argc == 1 && !now);
	return *bad ? NULL : json_pack("{s:b}", "graceful", !now);
}

static const struct command commands[] = {
	{"status", "",
	 "what runs: version, configuration, workers, tables, risks that were accepted", none},
	{"transactions", "", "transactions by kind and what became of them", none},
	{"connections", "", "TCP and TLS connections", none},
	{"targets", "", "next hops that failed lately and are avoided", none},
	{"loglevel", "error|warning|info|debug", "say more, or less, until the next reload", level},
	{"reload", "", "read the configuration again; says what is wrong with it", none},
	{"stop", "[--now]", "end when nothing is under way any more, or at once", stop},
};

void ctl_usage(FILE *to)
{
	fputs("margravectl [--socket PATH] [--json] COMMAND\n\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-12s %-26s %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	fputs("\nThe socket is " CTL_SOCKET " unless --socket or $MARGRAVE_SOCKET says otherwise.\n"
	      "Exit status: 0 done, 1 refused by the daemon, 2 wrong arguments, 3 no daemon.\n",
	      to);
}

static int show(json_t *result, bool json)
{
	if (json) {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
		putchar('\n');
	} else {
		ctl_show(result, stdout);
	}
	json_decref(result);
	return ferror(stdout) ? CTL_FAILED : CTL_OK;
}

int ctl_command(const char *socket_path, bool json, int argc, char **argv)
{
	json_t *result = NULL;

	for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		bool bad = false;

		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		json_t *params = commands[i].params(argc - 1, argv + 1, &bad);
		if (bad) {
			fprintf(stderr, "margravectl %s %s\n", commands[i].name, commands[i].args);
			return CTL_USAGE;
		}
		int status = ctl_ask(socket_path, commands[i].name, params, &result);
		return status == CTL_OK ? show(result, json) : status;
	}
	ctl_usage(stderr);
	return CTL_USAGE;
}
