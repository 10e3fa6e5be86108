/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * margravectl: the arguments of margravectl(8).
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
	const char *said = getenv("MARGRAVE_SOCKET");
	const char *path = said && said[0] ? said : CTL_SOCKET;
	bool json = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
		} else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
			path = argv[++i];
		} else if (strcmp(argv[i], "--help") == 0) {
			ctl_usage(stdout);
			return CTL_OK;
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("margravectl " MARGRAVE_VERSION);
			return CTL_OK;
		} else {
			fputs("margravectl: ", stderr);
			bool socket = strcmp(argv[i], "--socket") == 0;
			fputs(socket ? "--socket wants a PATH" : "there is no option ", stderr);
			if (!socket)
				ctl_typed(argv[i], stderr);
			fputs("; margravectl --help names them all\n", stderr);
			return CTL_USAGE;
		}
	}
	return ctl_command(path, json, argc - i, argv + i);
}
