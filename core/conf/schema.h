/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * schema: how a room or module declares its settings: a table of options with type, unit, range,
 * default and help, which load.h turns into a struct, and from which --options, the reference and
 * the samples are written. No file is read here. Included by whoever has settings.
 *
 *	struct wait { int64_t timer_c_s; bool quick; };
 *	static const struct conf_option options[] = {
 *		{.name = "timer_c_s", .type = CONF_INT, .offset = offsetof(struct wait, timer_c_s),
 *		 .unit = "seconds", .min = 181, .max = 3600, .def = "185",
 *		 .help = "how long an INVITE may ring (RFC 3261 timer C)"},
 *		...
 *	};
 *	const struct conf_table wait_conf = {
 *		.name = "wait", .size = sizeof(struct wait), CONF_OPTIONS(options)};
 *
 * A room's tests hold its tables against conf_table_check (load.h), best through conf/test_conf.h.
 */
#ifndef MG_CONF_SCHEMA_H
#define MG_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

enum conf_type {
	CONF_BOOL,   /* true, false                                     bool */
	CONF_INT,    /* a number from min to max                        int64_t */
	CONF_AUTO,   /* the same or "auto", which is -1                 int64_t */
	CONF_ENUM,   /* one of `choices`                                int, its index */
	CONF_STRING, /* a text of 1 to max bytes, "" when `empty_ok`: UTF-8 without control characters
		      *                                                 const char *, NULL when absent without default */
	CONF_ADDR,   /* an IP address, with :port when `port` says so   struct addr */
	CONF_PREFIX, /* a.b.c.d/n or v6/n                               struct prefix */
	CONF_FILE,   /* a file that is opened for reading               struct conf_file */
	CONF_GROUP, /* { ... }, by the table `group`                   that table's struct; see `variant` */
};

/* A file that the configuration names. Whoever loads opens it; who uses it reads `fd` from its
 * begin (pread) and leaves it open.
 */
struct conf_file {
	const char *
		path; /* NULL when absent; a relative one was put behind the naming file's folder */
	int fd;       /* -1 when absent */
};

/* A list, `( ... )` in the file: n items of the option's type, one behind the other. */
struct conf_list {
	void *items;
	size_t n;
};

struct conf_table;
struct conf_check;

/* What a GROUP with `variant` fills: members that depend on the member "name". */
struct conf_variant {
	const char *name;               /* its member "name", which every such group must have */
	const char *at;                 /* "margrave.cfg:31", for messages of later steps */
	void *common;                   /* by the option's `group`; NULL when it has none */
	const struct conf_table *table; /* what `variant` gave; NULL: unknown and passed over */
	void *value;                    /* by `table`; NULL when that is */
};

enum conf_port { CONF_NO_PORT, CONF_PORT_OK, CONF_PORT_NEEDED };

enum conf_flag {
	CONF_REQUIRED = 1, /* absent is an error, as is an empty list */
	CONF_LIST = 2,     /* a list of the type: struct conf_list */
	CONF_RESTART = 4,  /* a change needs a restart */
	CONF_EMPTY_OK = 8, /* "" is a text */
	CONF_SECRET =
		16, /* never printed. A FILE of it must be its owner's alone (mode 0600 or less); so
			    * must the configuration file in which a text of it stands */
};

struct conf_option {
	const char *name; /* [a-z0-9_], with its unit: "timer_c_s" */
	enum conf_type type;
	unsigned flags;
	size_t offset;    /* into the table's struct */
	const char *unit; /* for people: "milliseconds", NULL for none */
	int64_t min, max; /* INT, AUTO: range; STRING: max bytes (0: 1023); lists: see max_items */
	const char *def;  /* as it would stand in the file, with or without the quotes of a text;
				      * NULL: 0, false, none, empty list. Not for GROUP, not with REQUIRED */
	const char *const *choices; /* ENUM, ends with NULL */
	enum conf_port port;        /* ADDR */
	unsigned max_items;         /* lists; 0: 1024 */
	/* GROUP: its table. An absent group that is no list is as if it were { }; but if the table has
	 * a required option, such a group is not there: its members are as if absent, nothing of it is
	 * checked. */
	const struct conf_table *group;
	/* GROUP whose members depend on its member "name" (modules): the field is a struct conf_variant,
	 * `group` (or NULL) the table of members that all have beside "name". Gives the table of what is
	 * special to `name`, which may be one without options. NULL result: no such name; the names
	 * there are go to *known, each ended by NUL, the last by two. `arg` is conf_env.arg; NULL
	 * when all options are printed, with "" for the name to ask for the known ones. */
	const struct conf_table *(*variant)(void *arg, const char *name, const char **known);
	const char *help; /* one line, no full stop */
	const char *
		example; /* as it would stand in the file: for the sample, where there is no default */
};

struct conf_table {
	const char *name;
	const char *help;
	size_t size; /* of the struct it fills; all bytes are 0 before */
	const struct conf_option *options;
	size_t n;
	/* What ranges cannot say: values against each other. Reports through conf_fault and conf_risk.
	 * Called when all values of the group, and of groups inside, are right in themselves. May be
	 * NULL. */
	void (*check)(struct conf_check *check, const void *value);
};

#define CONF_OPTIONS(array) .options = (array), .n = sizeof(array) / sizeof((array)[0])

/* ---- inside `check`: `name` is an option of the struct being checked, "" the group as a whole;
 * "listen[2]" is an item of a list, "tls.cert" a member of a group inside ---- */

/* Report what is wrong with option `name`: the value found is printed by itself; `allowed` says
 * what would be right.
 */
void conf_fault(struct conf_check *check, const char *name, const char *allowed, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with a reason for what is wrong behind what was found: "found "x.crt" (expired)". */
void conf_fault_why(struct conf_check *check, const char *name, const char *why,
		    const char *allowed, ...) __attribute__((format(printf, 4, 5)));

/* What the file says of option `name` and where, for faults of another that does not go with it:
 * "t1_ms (2000, margrave.cfg:12)", "t1_ms (500, the default)". Lives as conf_at's result.
 */
const char *conf_said(struct conf_check *check, const char *name);

/* Report a setting that is legal but dangerous: a fault unless `accept_risk` holds `id` ([a-z0-9-]);
 * then it is noted, printed at start and in status. `why` is one line.
 */
void conf_risk(struct conf_check *check, const char *name, const char *id, const char *why);

/* Where the option stands, "margrave.cfg:12", for messages of later steps; of the group when it is
 * absent. Lives as long as what was loaded.
 */
const char *conf_at(struct conf_check *check, const char *name);

/* Whether the file says something about the option, be it the default. */
bool conf_is_set(struct conf_check *check, const char *name);

#endif
