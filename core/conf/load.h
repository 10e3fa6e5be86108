/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * load: configuration files to structs by the tables of schema.h. The only file that sees libconfig. Reports every mistake with
 * file and line, what was found, what is allowed and the nearest known key (of syntax errors the first: libconfig stops there).
 * Nothing is half loaded.
 */
#ifndef MG_CONF_LOAD_H
#define MG_CONF_LOAD_H

#include <stdio.h>

#include "base/arena.h"
#include "conf/schema.h"

#define CONF_TEXT_MAX    4194304 /* bytes of all files together */
#define CONF_FILES_MAX   256     /* files together */
#define CONF_INCLUDE_MAX 8       /* depth of @include */
#define CONF_FAULTS_MAX  200     /* mistakes that are kept; the rest is counted */

/* What is wrong, in the order of the file: lines "file:12: zones[0].listen: found "upd:...", allowed: ...". */
struct conf_faults {
	struct arena arena;
	char **text;
	size_t n;
	size_t more; /* beyond CONF_FAULTS_MAX */
};
void conf_faults_init(struct conf_faults *faults);
void conf_faults_done(struct conf_faults *faults);
void conf_faults_add(struct conf_faults *faults, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void conf_faults_print(const struct conf_faults *faults, FILE *to);

/* ---- the text, with its includes ---- */

struct conf_text; /* one file with all it includes, flattened, and which line came from where */

/* Read `path` and what it includes (`@include "name"` alone on its line; relative to the file that names it). Returns 0, or MG_EPARSE with
 * faults added. */
MG_MUST_CHECK int conf_text_read(struct conf_text **out, const char *path, struct conf_faults *faults);
/* The same from memory, for tests and samples. */
MG_MUST_CHECK int conf_text_from(struct conf_text **out, const char *name, struct sv text,
				 struct conf_faults *faults);
/* Put it into a sealed memfd (no more writes, no resizing), to be handed to another process; and take it from there again. Reading validates
 * as if the writer were hostile. Return 0 (descriptor in *fd) or a negative error. */
MG_MUST_CHECK int conf_text_seal(const struct conf_text *text, int *fd);
MG_MUST_CHECK int conf_text_unseal(struct conf_text **out, int fd, struct conf_faults *faults);
void conf_text_free(struct conf_text *text);
/* SipHash of the text under a fixed key, in 16 hexadecimal digits: says in logs which version runs. */
const char *conf_text_hash(const struct conf_text *text);

/* ---- loading ---- */

struct conf_env {
	/* Open a file that the configuration names, for reading; NULL: open(2). Returns a descriptor, which stays the opener's, or a negated errno. */
	int (*open)(void *arg, const char *path);
	/* Given to conf_option.variant. */
	void *arg;
	/* Groups of a module whose name `variant` does not know are passed over instead of refused: for a process that does not load third-party
	 * modules itself. */
	bool pass_unknown_variants;
};

/* Load `text` by the table `root` into `out` (root->size bytes). Everything that `out` points to lies in `arena`, as do texts.
 *
 * The root option "accept_risk" (a list of strings), if the table has one, is what conf_risk asks.
 * risks      The risks accepted, each "id: why (file:line)"; may be NULL. In `arena`.
 * Returns    0, or MG_EPARSE (faults added; `out` holds nothing that may be used) or MG_ENOMEM.
 */
MG_MUST_CHECK int conf_load(const struct conf_text *text, const struct conf_table *root, void *out,
			    struct arena *arena, const struct conf_env *env,
			    struct conf_list *risks, struct conf_faults *faults);

/* The options whose value differs and whose table says CONF_RESTART, as paths "workers" in `arena`: what a reload must refuse or tell.
 * Returns how many. */
size_t conf_restart_needed(const struct conf_table *root, const void *old, const void *new_,
			   struct conf_list *paths, struct arena *arena);

/* ---- what the tables tell people ---- */

/* margrave --options: one line an option: path, type, unit, range, default, whether a reload applies it, help. */
void conf_print_options(const struct conf_table *root, FILE *to);
/* The reference page, Markdown. */
void conf_print_reference(const struct conf_table *root, FILE *to);
/* A commented sample with every option at its default. */
void conf_print_sample(const struct conf_table *root, FILE *to);

#endif
