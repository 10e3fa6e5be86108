/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * options: rows of name, kind, range, default and help. Every option takes a value, but flags.
 */
#include "load/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { OPT_ADDR, OPT_NUMBER, OPT_REAL, OPT_CHOICE, OPT_TEXT, OPT_FLAG };

struct row {
	const char *name;
	enum kind kind;
	size_t at;           /* offset in struct options */
	const char *initial; /* default, as it would be typed; NULL for none */
	double min, max;
	const char *const *choices;
	const char *help;
};

static const char *const TRANSPORTS[] = {"udp", "tcp", "tls", NULL};
static const char *const CONNS[] = {"one", "per-call", NULL};
static const char *const FLOODS[] = {"none", "junk", "options", "register", "invite", NULL};

#define AT(field) offsetof(struct options, field)

/* clang-format off */
static const struct row ROWS[] = {
	{"self", OPT_FLAG, AT(self), NULL, 0, 0, NULL, "no proxy: caller and callee talk to each other"},
	{"proxy", OPT_ADDR, AT(proxy), NULL, 0, 0, NULL, "ADDR:PORT of the proxy"},
	{"transport", OPT_CHOICE, AT(transport), "udp", 0, 0, TRANSPORTS, "between caller and proxy"},
	{"uas-transport", OPT_CHOICE, AT(uas_transport), "udp", 0, 0, TRANSPORTS, "between proxy and callee"},
	{"uac", OPT_ADDR, AT(uac), "127.0.0.1:0", 0, 0, NULL, "ADDR:PORT of the caller"},
	{"sources", OPT_NUMBER, AT(sources), "1", 1, 65536, NULL, "callers at as many addresses from --uac on (IPv4)"},
	{"uas", OPT_ADDR, AT(uas), "127.0.0.1:0", 0, 0, NULL, "ADDR:PORT of the callee"},
	{"conn", OPT_CHOICE, AT(conn), "one", 0, 0, CONNS, "TCP, TLS: connections that last, or one for each call"},
	{"connections", OPT_NUMBER, AT(connections), "1", 1, 10000, NULL, "with --conn one: how many"},
	{"connected", OPT_FLAG, AT(connected), NULL, 0, 0, NULL, "UDP: both ends hear --proxy only; costs the generator less"},
	{"hops", OPT_NUMBER, AT(hops), "1", 0, 16, NULL, "proxies between caller and callee"},
	{"route", OPT_TEXT, AT(route), NULL, 0, 0, NULL, "HOST:PORT in the proxy's Record-Route, if not --proxy; any"},
	{"rate", OPT_REAL, AT(rate), "10", 0, 1e6, NULL, "calls per second, at exact moments of a Poisson process"},
	{"seconds", OPT_REAL, AT(seconds), "1", 0.001, 86400, NULL, "time of the steady part"},
	{"ramp", OPT_REAL, AT(ramp), "0", 0, 3600, NULL, "seconds of a climb from 0 before it"},
	{"hold-ms", OPT_NUMBER, AT(hold_ms), "0", 0, 36e5, NULL, "from ACK to BYE"},
	{"concurrent", OPT_NUMBER, AT(concurrent), "0", 0, 4e6, NULL, "hold as long as keeps so many calls up"},
	{"calls", OPT_NUMBER, AT(calls), "0", 0, 4e9, NULL, "begin no more than these; 0: no such limit"},
	{"max-calls", OPT_NUMBER, AT(max_calls), "1000000", 1, 1e7, NULL, "rows of the table of calls"},
	{"t1-ms", OPT_NUMBER, AT(t1_ms), "500", 10, 10000, NULL, "T1 of RFC 3261"},
	{"timeout-ms", OPT_NUMBER, AT(timeout_ms), "32000", 10, 36e5, NULL, "patience for a final response"},
	{"goodput-ms", OPT_NUMBER, AT(goodput_ms), "500", 1, 36e5, NULL, "an answer within this is in time"},
	{"flood", OPT_CHOICE, AT(flood), "none", 0, 0, FLOODS, "packets beside the calls"},
	{"flood-rate", OPT_REAL, AT(flood_rate), "1000", 0, 1e7, NULL, "per second, Poisson"},
	{"flood-source", OPT_ADDR, AT(flood_source), "127.66.0.1:0", 0, 0, NULL, "where they come from"},
	{"flood-sources", OPT_NUMBER, AT(flood_sources), "1000", 1, 65536, NULL, "as many addresses from there on"},
	{"ca", OPT_TEXT, AT(ca), NULL, 0, 0, NULL, "TLS: trust only certificates of this file"},
	{"server-name", OPT_TEXT, AT(server_name), NULL, 0, 0, NULL, "TLS: SNI, and what the certificate must name"},
	{"suite", OPT_TEXT, AT(suite), NULL, 0, 0, NULL, "TLS: offer only this suite of TLS 1.3"},
	{"cert", OPT_TEXT, AT(cert), NULL, 0, 0, NULL, "TLS callee: certificate chain"},
	{"key", OPT_TEXT, AT(key), NULL, 0, 0, NULL, "TLS callee: its key"},
	{"seed", OPT_NUMBER, AT(seed), "1", 0, 4e9, NULL, "of the moments: the same one, the same moments"},
	{"spin", OPT_FLAG, AT(spin), NULL, 0, 0, NULL, "never sleep"},
	{"events", OPT_FLAG, AT(events), NULL, 0, 0, NULL, "print start, steady, stop and drained as they happen"},
	{"series", OPT_TEXT, AT(series), NULL, 0, 0, NULL, "FILE for a line of sums in each interval"},
	{"series-ms", OPT_NUMBER, AT(series_ms), "1000", 10, 36e5, NULL, "the interval"},
	{"json", OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE for the result"},
	{"help", OPT_FLAG, AT(help), NULL, 0, 0, NULL, "this text"},
};
/* clang-format on */
#define ROW_COUNT (sizeof(ROWS) / sizeof(ROWS[0]))

static bool set_number(const struct row *r, const char *text, void *at)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= r->min && value <= r->max))
		return false;
	if (r->kind == OPT_REAL)
		*(double *)at = value;
	else
		*(unsigned *)at = (unsigned)value;
	return true;
}

static bool set_choice(const struct row *r, const char *text, unsigned *at)
{
	for (unsigned i = 0; r->choices[i]; i++) {
		if (strcmp(r->choices[i], text) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

static bool set(struct options *o, const struct row *r, const char *text)
{
	void *at = (char *)o + r->at;

	switch (r->kind) {
	case OPT_ADDR: return addr_parse(sv_str(text), ADDR_PORT, at) == 0;
	case OPT_NUMBER:
	case OPT_REAL: return set_number(r, text, at);
	case OPT_CHOICE: return set_choice(r, text, at);
	case OPT_TEXT: *(const char **)at = text; return true;
	case OPT_FLAG: *(bool *)at = true; return true;
	}
	return false;
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(ROWS[i].name, name) == 0)
			return &ROWS[i];
	return NULL;
}

static int wrong(const char *what, const char *which)
{
	fprintf(stderr, "mgload: %s%s; --help lists the options\n", what, which);
	return MG_EINVAL;
}

/* What must fit together. */
static int check(struct options *o)
{
	if (o->self) {
		o->hops = 0;
		if (o->transport != TRANSPORT_UDP || o->uas_transport != TRANSPORT_UDP)
			return wrong("--self is for UDP", "");
	} else if (o->proxy.family == ADDR_NONE || o->proxy.port == 0) {
		return wrong("--proxy ADDR:PORT is missing", "");
	}
	if (o->sources > 1 && o->uac.family != ADDR_V4)
		return wrong("--sources is for IPv4", "");
	if (o->uas_transport == TRANSPORT_TLS && (!o->cert || !o->key))
		return wrong("--uas-transport tls needs --cert and --key", "");
	if (o->concurrent && o->rate <= 0)
		return wrong("--concurrent needs a rate", "");
	if (o->concurrent)
		o->hold_ms = (unsigned)(o->concurrent / o->rate * 1000);
	return 0;
}

int options_read(struct options *o, int argc, char **argv)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (ROWS[i].initial && !set(o, &ROWS[i], ROWS[i].initial))
			return wrong("default of --", ROWS[i].name);
	for (int i = 1; i < argc; i++) {
		const struct row *r = strncmp(argv[i], "--", 2) == 0 ? find(argv[i] + 2) : NULL;

		if (!r)
			return wrong("unknown option ", argv[i]);
		if (r->kind != OPT_FLAG && ++i == argc)
			return wrong("a value is missing behind --", r->name);
		if (!set(o, r, argv[i]))
			return wrong("not a value for --", r->name);
	}
	return o->help ? 0 : check(o);
}

void options_help(void)
{
	printf("usage: mgload --proxy ADDR:PORT [options]\n"
	       "Caller and callee of calls through a SIP proxy, in one thread.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &ROWS[i];

		printf("  --%-15s %s", r->name, r->help);
		for (unsigned k = 0; r->choices && r->choices[k]; k++)
			printf("%s%s", k ? "|" : ": ", r->choices[k]);
		printf(r->initial ? " (%s)\n" : "\n", r->initial ? r->initial : "");
	}
}
