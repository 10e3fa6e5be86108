/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conf_priv: what the files of this room share. From a file's bytes to a struct it goes
 * text.c (files, includes) -> lex.c (tokens) -> scan.c (grammar, places) -> tree.c (libconfig) ->
 * load.c and values.c (tables). Nobody outside includes it.
 */
#ifndef MG_CONF_PRIV_H
#define MG_CONF_PRIV_H

#include <libconfig.h>

#include "base/arena.h"
#include "base/container_of.h"
#include "base/sv.h"
#include "conf/load.h"
#include "conf/schema.h"

/* ---- a line for people (line.c) ---- */

#define CONF_LINE_MAX 1000 /* what does not fit is cut, which shows */

struct conf_line {
	size_t n;
	char s[CONF_LINE_MAX];
};

void conf_line_init(struct conf_line *l);
void conf_line_add(struct conf_line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "..." with what is not printable ASCII, and quotes, escaped; cut at 256 bytes as written: paths of
 * the usual length stand there whole. */
void conf_line_quote(struct conf_line *l, struct sv text);
/* The same without quotes: what stands bare in the file. Cut at 60 bytes as written. */
void conf_line_bare(struct conf_line *l, struct sv text);

/* ---- nearest known word (nearest.c) ---- */

struct conf_nearest {
	struct sv word;
	const char *best; /* NULL: nothing is near */
	size_t distance;
};
void conf_nearest_init(struct conf_nearest *n, struct sv word);
/* `candidate` must outlive `n`. */
void conf_nearest_try(struct conf_nearest *n, const char *candidate);

/* ---- tokens (lex.c) ---- */

enum conf_tok {
	CONF_TOK_END,
	CONF_TOK_NAME,
	CONF_TOK_BOOL,
	CONF_TOK_INT, /* decimal or hexadecimal, of any length */
	CONF_TOK_FLOAT,
	CONF_TOK_TEXT,  /* with its quotes */
	CONF_TOK_OPEN,  /* { ( [ */
	CONF_TOK_CLOSE, /* ] ) } */
	CONF_TOK_EQUALS,
	CONF_TOK_COMMA,
	CONF_TOK_SEMICOLON,
	CONF_TOK_INCLUDE, /* the name, without its quotes */
	CONF_TOK_BAD,     /* `allowed` says what would be right */
};

struct conf_token {
	enum conf_tok kind;
	struct sv text;
	uint32_t line;       /* where it begins, from 1 */
	const char *allowed; /* BAD only */
	bool open;           /* BAD only: a comment without end, which goes on into what follows */
};

struct conf_lex {
	const char *p, *end;
	uint32_t line;
	bool fresh; /* only blanks since the line began */
};

void conf_lex_init(struct conf_lex *lex, struct sv text);
struct conf_token conf_lex_next(struct conf_lex *lex);
/* Offset of the first byte of `text` that is NUL or no UTF-8 (RFC 3629), or text.n. */
size_t conf_utf8_bad(struct sv text);
/* Read an INT token. Returns 0 or MG_ERANGE: it does not fit. */
int conf_lex_int(struct sv token, int64_t *out);

/* ---- the text (text.c, scan.c, seal.c) ---- */

#define CONF_FLAT_MAX    (CONF_TEXT_MAX + CONF_FILES_MAX) /* a LF is added where one is missing */
#define CONF_ORIGINS_MAX ((size_t)2 * CONF_FILES_MAX)

struct conf_source {
	const char *name;
	bool exposed; /* others than its owner can read it */
};

/* From flattened line `flat` on, lines are those of `source` from `line` on. */
struct conf_origin {
	uint32_t flat, source, line;
};

/* A setting, in the order of the text: a key, or an item of a list. */
struct conf_place {
	uint32_t line; /* flattened */
	uint32_t at;   /* offset of the key, or of the item's first token */
	uint32_t
		first; /* of a key that was there before in its group: the line of that one, else 0 */
};

struct conf_text {
	char *p; /* NUL behind; not in n */
	size_t n;
	struct conf_source sources[CONF_FILES_MAX];
	uint32_t n_sources;
	struct conf_origin origins[CONF_ORIGINS_MAX];
	uint32_t n_origins;
	struct conf_place *places;
	size_t n_places;
	struct arena arena; /* names */
	char hash[17];
};

/* An empty text; NULL without memory. */
struct conf_text *conf_text_new(void);
/* All bytes, sources and origins are there: scan, hash. Returns 0, MG_EPARSE or MG_ENOMEM. */
int conf_text_finish(struct conf_text *t, struct conf_faults *faults);
/* Fills places. Returns 0, MG_EPARSE or MG_ENOMEM. */
int conf_scan(struct conf_text *t, struct conf_faults *faults);
/* Where a flattened line came from; line 0 is the main file as a whole. */
const struct conf_source *conf_text_origin(const struct conf_text *t, uint32_t flat,
					   uint32_t *line);
/* "margrave.cfg:12". */
void conf_text_where(const struct conf_text *t, uint32_t flat, struct conf_line *out);
/* NUL or bad UTF-8 in the text of one file. Returns whether it is fine; else a fault was added. */
bool conf_text_bytes_ok(struct sv text, const char *name, struct conf_faults *faults);
/* `name`, put behind the folder of `from` unless it is absolute. NULL without memory. */
const char *conf_text_relative(struct arena *arena, const char *from, struct sv name);

/* Take out of memory for good. NULL is fine. */
void conf_wipe_free(void *p, size_t n);

/* ---- libconfig's tree (tree.c) ---- */

struct conf_tree {
	config_t cfg;
	const struct conf_text *text;
};

/* Returns 0, MG_EPARSE or MG_ENOMEM. */
int conf_tree_init(struct conf_tree *tree, const struct conf_text *text,
		   struct conf_faults *faults);
/* Wipes texts. A zeroed tree is fine. */
void conf_tree_done(struct conf_tree *tree);
/* NULL for the root. */
const struct conf_place *conf_tree_place(const config_setting_t *s);
const struct conf_text *conf_tree_text(const config_setting_t *s);
/* Flattened line, 0 for the root. */
uint32_t conf_tree_line(const config_setting_t *s);
/* The key as it stands in the text. */
struct sv conf_tree_key(const config_setting_t *s);
/* The first token of the value as it stands in the text. */
struct conf_token conf_tree_token(const config_setting_t *s);

/* ---- loading (load.c, group.c, values.c, check.c) ---- */

#define CONF_LOAD_FAULTS_MAX 2000 /* gathered and sorted before CONF_FAULTS_MAX of them are kept */

struct conf_load_fault {
	uint32_t line; /* flattened */
	uint32_t n;    /* in the order of finding */
	const char *text;
};

struct conf_accepted {
	const char *id;
	const config_setting_t *setting;
	bool needed;
};

/* A table's defaults, as a file of their own. */
struct conf_defaults {
	struct conf_defaults *next;
	const struct conf_table *table;
	struct conf_text *text;
	struct conf_tree tree; /* all zeros when the text is broken */
};

/* A file that open(2) gave. */
struct conf_opened {
	struct conf_opened *next;
	int fd;
};

/* A risk that was accepted. */
struct conf_noted {
	struct conf_noted *next;
	const char *text; /* in the loader's arena */
};

struct conf_loader {
	const struct conf_text *text;
	const struct conf_env *env;
	struct arena *arena;  /* of what is loaded */
	struct arena scratch; /* of the run */
	struct conf_tree tree;
	struct conf_load_fault *faults;
	size_t n_faults, more_faults;
	struct conf_accepted *accepted;
	size_t n_accepted;
	struct conf_noted *noted; /* newest first */
	size_t n_noted;
	struct conf_defaults *defaults;
	struct conf_opened *opened;
	struct conf_line path; /* "zones[0].listen" */
	bool passed_over;
	bool nomem;
};

/* A group by its table. `s` may be NULL: absent; then `blame` is the setting it is missing in. */
void conf_load_group(struct conf_loader *l, const struct conf_table *table,
		     const config_setting_t *s, const config_setting_t *blame, void *out);
/* One value that is no group and no list. It stays untouched when the setting is wrong. */
void conf_read_value(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		     void *out);
/* The option's default as a setting. NULL when it has none, or it cannot be had (a fault was added
 * or memory is out). */
const config_setting_t *conf_default(struct conf_loader *l, const struct conf_table *table,
				     const struct conf_option *o);
void conf_run_check(struct conf_loader *l, const struct conf_table *table,
		    const config_setting_t *s, const config_setting_t *blame, const void *value);
/* Faults so far, to be compared. */
size_t conf_load_faults(const struct conf_loader *l);

/* Add a fault at `s`, with the loader's path. `hint` may be NULL. */
void conf_load_fault(struct conf_loader *l, const config_setting_t *s, const char *found,
		     const char *allowed, const char *hint);
/* Lengthen the path by ".name" or "[i]"; returns what conf_path_back takes. */
size_t conf_path_key(struct conf_loader *l, struct sv name);
size_t conf_path_item(struct conf_loader *l, size_t i);
void conf_path_back(struct conf_loader *l, size_t n);

/* ---- structs of a table (compare.c) ---- */

/* Whether all options have equal values. */
bool conf_same(const struct conf_table *table, const void *a, const void *b);

/* ---- what tables say (describe.c) ---- */

/* "181 to 3600 (seconds)": what one value may be; `list`: what the whole list may be. */
void conf_describe(const struct conf_option *o, bool list, struct conf_line *out);
/* "list of numbers": the type alone. */
void conf_describe_type(const struct conf_option *o, struct conf_line *out);
/* "181 to 3600, up to 16 items": the range alone, without unit; "-" when it has none. */
void conf_describe_range(const struct conf_option *o, struct conf_line *out);
/* What stands there, secrets not. */
void conf_describe_found(const struct conf_option *o, const config_setting_t *s,
			 struct conf_line *out);
/* Bytes of one value of the option in its struct. */
size_t conf_value_size(const struct conf_option *o);
/* The index of `word` in choices, or -1. */
int conf_choice(const char *const *choices, const char *word);
unsigned conf_max_items(const struct conf_option *o);
/* For a text: its largest number of bytes. */
size_t conf_max_bytes(const struct conf_option *o);
/* The default as it would stand in the file, texts in quotes. */
void conf_default_text(const struct conf_option *o, const char *def, struct conf_line *out);
const struct conf_option *conf_find_option(const struct conf_table *table, struct sv name);
/* An absent group of this table is not there at all. */
bool conf_has_required(const struct conf_table *table);

#define CONF_TABLES_MAX 16 /* groups within groups that are followed */

/* A table or option on the way through all of them. */
struct conf_step {
	const char *path; /* "zones[].listen", "modules[acl].prefixes" */
	unsigned depth;   /* groups around it */
	const struct conf_table *table;
	const struct conf_option *option; /* NULL: the table itself, before its options */
	const char *variant;              /* the name that leads to the table, if one does */
};
/* Through all options of `root` and, behind each group, of the tables below, in order. */
void conf_walk(const struct conf_table *root, void (*on)(void *arg, const struct conf_step *step),
	       void *arg);
/* The members that a group with `variant` has anyway: "name". */
extern const struct conf_table conf_variant_table;
/* The names that a variant knows, each ended by NUL, the last by two; "" when none. */
const char *conf_variant_names(const struct conf_option *o);

#endif
