/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * options: the command line of mgload: one table that is parsed, checked and printed as help. Called
 * by mgload.c once.
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };
enum conn_mode { CONN_ONE, CONN_PER_CALL };
enum flood_kind { FLOOD_NONE, FLOOD_JUNK, FLOOD_OPTIONS, FLOOD_REGISTER, FLOOD_INVITE };

struct options {
	struct addr proxy, uac, uas, flood_source;
	unsigned transport, uas_transport; /* enum transport */
	unsigned conn;                     /* enum conn_mode */
	unsigned flood;                    /* enum flood_kind */
	unsigned sources, connections, hops, flood_sources;
	unsigned hold_ms, concurrent, t1_ms, timeout_ms, goodput_ms, series_ms;
	unsigned calls, max_calls, seed;
	double rate, seconds, ramp, flood_rate;
	bool self, connected, spin, events, help;
	const char *json, *series, *route, *ca, *cert, *key, *server_name, *suite;
};

/* Read the command line.
 *
 * Returns    0, or MG_EINVAL; what is wrong was printed on standard error. `help` asks for the text
 *            and nothing else.
 */
MG_MUST_CHECK int options_read(struct options *o, int argc, char **argv);

/* Print what there is, with defaults. */
void options_help(void);

#endif
