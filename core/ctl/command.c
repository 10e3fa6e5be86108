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
	{"targets", "", "next hops that failed lately, and whether they are avoided", none},
	{"loglevel", "error|warning|info|debug", "say more, or less, until the next reload", level},
	{"reload", "", "read the configuration again; says what is wrong with it", none},
	{"stop", "[--now]", "end when nothing is under way any more, or at once", stop},
};

void ctl_usage(FILE *to)
{
	fputs("margravectl [--socket PATH] [--json] COMMAND\nmargravectl --version | --help\n\n",
	      to);
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

#define NAME_MAX_TRIED 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to add, take away or change to make `b` of `a`; NAME_MAX_TRIED for a word too long to be meant. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_TRIED + 1], n = strlen(b);

	if (n > NAME_MAX_TRIED || strlen(a) > NAME_MAX_TRIED)
		return NAME_MAX_TRIED;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t slant = row[0]++;

		for (size_t k = 0; k < n; k++) {
			size_t change = slant + (a[i] != b[k]);

			slant = row[k + 1];
			row[k + 1] = least(change, least(row[k], row[k + 1]) + 1);
		}
	}
	return row[n];
}

const char *ctl_nearest(const char *word)
{
	const char *best = NULL;
	size_t near = strlen(word) < 4 ? 2 : 3; /* this far nothing is meant any more */

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t d = distance(word, commands[i].name);

		if (strlen(word) > 1 && strncmp(word, commands[i].name, strlen(word)) == 0)
			d = 1;
		if (d < near) {
			near = d;
			best = commands[i].name;
		}
	}
	return best;
}

void ctl_typed(const char *word, FILE *to)
{
	fputc('"', to);
	for (size_t i = 0; word[i] && i < 64; i++)
		fputc(word[i] >= ' ' && word[i] <= '~' ? word[i] : '?', to);
	fputc('"', to);
}

static int unknown_command(const char *word)
{
	const char *near = ctl_nearest(word);

	fputs("margravectl: there is no command ", stderr);
	ctl_typed(word, stderr);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?\n", near);
	else
		fputs("; margravectl --help names them all\n", stderr);
	return CTL_USAGE;
}

static int bad_arguments(const struct command *command, int argc, char **argv)
{
	fprintf(stderr, "margravectl: %s takes %s, and not ", command->name,
		command->args[0] ? command->args : "no argument");
	if (argc == 0)
		fputs("nothing", stderr);
	for (int i = 0; i < argc; i++) {
		fputs(i ? " " : "", stderr);
		ctl_typed(argv[i], stderr);
	}
	fputc('\n', stderr);
	return CTL_USAGE;
}

int ctl_command(const char *socket_path, bool json, int argc, char **argv)
{
	json_t *result = NULL;

	for (size_t i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		bool bad = false;

		if (strcmp(commands[i].name, argv[0]) != 0)
			continue;
		json_t *params = commands[i].params(argc - 1, argv + 1, &bad);
		if (bad)
			return bad_arguments(&commands[i], argc - 1, argv + 1);
		int status = ctl_ask(socket_path, commands[i].name, params, &result);
		return status == CTL_OK ? show(result, json) : status;
	}
	if (argc > 0)
		return unknown_command(argv[0]);
	fputs("margravectl: a command is missing; margravectl --help names them all\n", stderr);
	return CTL_USAGE;
}
