/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * load: configuration files to structs by the tables of schema.h. The syntax is that of libconfig,
 * which is seen in this room only. Reports every mistake with file and line, what was found, what
 * is allowed and the nearest known key (of syntax errors the first). Nothing is half loaded. Does
 * not log and keeps nothing; called by the daemon, at start, reload and --check.
 */
#ifndef MG_CONF_LOAD_H
#define MG_CONF_LOAD_H

#include <stdio.h>

#include "base/arena.h"
#include "conf/schema.h"

#define CONF_TEXT_MAX     4194304 /* bytes of all files together */
#define CONF_FILES_MAX    256     /* files together; one included twice counts twice */
#define CONF_INCLUDE_MAX  8       /* depth of @include */
#define CONF_DEPTH_MAX    16      /* depth of brackets */
#define CONF_KEYS_MAX     256     /* keys in one group */
#define CONF_SETTINGS_MAX 262144  /* keys and items of lists together */
#define CONF_FAULTS_MAX   200     /* mistakes that are kept; the rest is counted */

/* What is wrong, in the order of the file: lines
 * `file:12: zones[0].listen: found "upd:...", allowed: ...; did you mean "..."?`, each without LF,
 * without control characters, shorter than 1 KiB and without any secret.
 */
struct conf_faults {
	struct arena arena;
	char **text;
	size_t n;
	size_t more; /* beyond CONF_FAULTS_MAX, or without memory */
};
void conf_faults_init(struct conf_faults *faults);
void conf_faults_done(struct conf_faults *faults);
void conf_faults_add(struct conf_faults *faults, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One a line, and how many more there are. */
void conf_faults_print(const struct conf_faults *faults, FILE *to);

/* ---- the text, with its includes ---- */

struct conf_text; /* one file with all it includes, flattened, and which line came from where */

/* Read `path` and what it includes (`@include "name"` alone on its line; relative to the folder of
 * the file that names it). Only regular files are read. Looks for all mistakes that need no table:
 * bytes that are not UTF-8, texts and comments without end, brackets, limits, and the first break
 * of the grammar.
 *
 * Returns    0, MG_EPARSE with faults added, or MG_ENOMEM.
 */
MG_MUST_CHECK int conf_text_read(struct conf_text **out, const char *path,
				 struct conf_faults *faults);

/* The same from memory, for tests and samples. No @include there. `text` is copied. */
MG_MUST_CHECK int conf_text_from(struct conf_text **out, const char *name, struct sv text,
				 struct conf_faults *faults);

/* Put it into a sealed memfd (no more writes, no resizing), to be handed to another process.
 *
 * fd         The caller's to close.
 * Returns    0, MG_ENOMEM or a negated errno.
 */
MG_MUST_CHECK int conf_text_seal(const struct conf_text *text, int *fd);

/* Take it from there again: validates as if the writer were hostile. `fd` stays the caller's; its
 * position is not used.
 *
 * Returns    0, MG_EPARSE with faults added, MG_ENOMEM or a negated errno.
 */
MG_MUST_CHECK int conf_text_unseal(struct conf_text **out, int fd, struct conf_faults *faults);

/* Wiped, for it may hold passwords. NULL is fine. */
void conf_text_free(struct conf_text *text);

/* SipHash of the text under a fixed key, in 16 hexadecimal digits: says in logs which version runs.
 * Lives as long as the text.
 */
const char *conf_text_hash(const struct conf_text *text);

/* ---- loading ---- */

struct conf_env {
	/* Open a file that the configuration names, for reading; NULL: open(2), and conf_close_files
	 * gives back. Returns a descriptor, which stays the opener's, or a negated errno. What is not
	 * a regular file is refused by the loader. */
	int (*open)(void *arg, const char *path);
	/* Given to `open` and to conf_option.variant. */
	void *arg;
	/* Groups of a module whose name `variant` does not know are passed over instead of refused,
	 * but for the members that all have: for a process that does not load third-party modules
	 * itself, or not yet. */
	bool pass_unknown_variants;
};

/* Load `text` by the table `root` into `out` (root->size bytes). Everything that `out` points to
 * lies in `arena`, as do texts; `text` may be freed afterwards.
 *
 * The root option "accept_risk" (a list of strings), if the table has one, is what conf_risk asks.
 * An id there that nothing asked for is a fault too, unless groups were passed over.
 *
 * env        May be NULL: all zeros.
 * risks      The risks accepted, const char * each, "id: why (file:line)"; may be NULL. In `arena`.
 * Returns    0, or MG_EPARSE (faults added; `out` holds nothing that may be used, files that were
 *            opened with open(2) are closed) or MG_ENOMEM (the same).
 */
MG_MUST_CHECK int conf_load(const struct conf_text *text, const struct conf_table *root, void *out,
			    struct arena *arena, const struct conf_env *env,
			    struct conf_list *risks, struct conf_faults *faults);

/* Run one more check over the settings of a text that was loaded, for what shows in later steps only:
 * sockets that cannot be opened, what the machine does not have. Not for conf_risk.
 *
 * text       What conf_load has loaded by `root`.
 * check      Names options from the root on: "zones[0].listen[2]". What conf_at and conf_said give lives
 *            until it returns.
 * Returns    0, or MG_EPARSE (faults added) or MG_ENOMEM.
 */
MG_MUST_CHECK int conf_recheck(const struct conf_text *text, const struct conf_table *root,
			       void (*check)(struct conf_check *check, const void *arg),
			       const void *arg, struct conf_faults *faults);

/* Close the files that conf_load opened with open(2), and set them to -1. */
void conf_close_files(const struct conf_table *root, void *value);

/* The options whose value differs and whose table says CONF_RESTART, as paths "workers" in `arena`:
 * what a reload must refuse or tell. Groups of a list are compared by their string "name" if they
 * have one, else by position; one that only one side has differs where its options hold something.
 * Files are compared by path.
 *
 * paths      const char * each.
 * Returns    how many differ; paths->n is smaller when memory ran out.
 */
size_t conf_restart_needed(const struct conf_table *root, const void *old, const void *new_,
			   struct conf_list *paths, struct arena *arena);

/* ---- what the tables tell people ---- */

/* margrave --options: one line an option: path, type, unit, range, default, whether a reload
 * applies it, help; in columns with at least two spaces between.
 */
void conf_print_options(const struct conf_table *root, FILE *to);

/* The reference page, Markdown. */
void conf_print_reference(const struct conf_table *root, FILE *to);

/* A commented sample with every option at its default; where there is none, as its example in a
 * comment. What is required is there with its example. Loads to what a file with nothing but the
 * required options loads to.
 */
void conf_print_sample(const struct conf_table *root, FILE *to);

/* Whether the tables themselves are sound: names, ranges, defaults that can be read, offsets within
 * the struct, help. For tests, and for tables that come with a third-party module.
 *
 * Returns    0, MG_EPARSE with faults added, or MG_ENOMEM.
 */
MG_MUST_CHECK int conf_table_check(const struct conf_table *root, struct conf_faults *faults);

#endif
