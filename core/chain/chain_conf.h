/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain_conf: how modules get into the configuration: the option `modules` of the root table, and the shared objects that it
 * names. What the modules then do is chain.h. Called by the daemon while it loads a configuration.
 *
 * The options of a third-party module are known once its shared object is open, so at start the text is loaded twice:
 *
 *	env.pass_unknown_variants = true;
 *	conf_load(text, &root, &first, ...);            groups of unknown modules are passed over, but for name and file
 *	chain_open_all(&first.modules, &faults);        opens their files; from here on chain_variant knows them
 *	env.pass_unknown_variants = false;
 *	conf_load(text, &root, &conf, ...);             everything counts
 *	chain_modules_of(&conf.modules, ...);           what chain_new takes
 *
 * A reload loads once: what was not opened at start is a fault there ("unknown module"), for third-party modules change by
 * restart only. Whoever only checks a file passes unknown variants and opens nothing.
 */
#ifndef MG_CHAIN_CHAIN_CONF_H
#define MG_CHAIN_CHAIN_CONF_H

#include "chain/mg_module.h"
#include "conf/load.h"

#define CHAIN_MODULES_MAX 64 /* in a configuration, and opened from files in a process */

/* The members that every module's group has beside "name": struct conf_variant.common. */
struct chain_module_common {
	struct conf_file file; /* the shared object of a third-party module */
};
extern const struct conf_table chain_module_common;

/* conf_option.variant: the options of a module that is linked in or has been opened. `arg` is not used. */
const struct conf_table *chain_variant(void *arg, const char *name, const char **known);

/* A row of the root table: modules = ( { name = "acl"; ... }, ... ), a conf_list of struct conf_variant at offset `where`. */
#define CHAIN_MODULES_OPTION(where)                                                           \
	{                                                                                     \
		.name = "modules", .type = CONF_GROUP, .flags = CONF_LIST, .offset = (where), \
		.max_items = CHAIN_MODULES_MAX, .group = &chain_module_common,                \
		.variant = chain_variant,                                                     \
		.help = "what requests pass, in this order; responses pass it backwards"      \
	}

/* What the configuration says of one module: the group { name = ...; file = ...; options }. */
struct chain_module_conf {
	const char *name;
	struct conf_file file; /* of a third-party module */
	const void *options;   /* the struct of its table, NULL when it has none */
	const char *at;        /* "margrave.cfg:31" */
};

/* The modules that are linked in, ended by NULL. Given by the daemon. */
extern const struct mg_module *const chain_builtin[];

/* Open a third-party module and check its ABI version and descriptor. Kept open for good, and known to chain_variant from then on. The ABI
 * version is read from the file before any code of it runs. One thread at a time.
 *
 * fd         Stays the caller's; a duplicate is kept.
 * path       For messages, and so that opening the same file again gives the same descriptor. Copied.
 * why        Text for the operator on failure: "abi version 2, this is 1".
 * Returns    NULL on failure.
 */
MG_MUST_CHECK const struct mg_module *chain_open(int fd, const char *path, char *why, size_t why_n);

/* Open the file of every group that has one. Groups without a table and without a file are faults: no such module.
 *
 * modules    Of struct conf_variant.
 * Returns    0, or MG_EPARSE and faults added.
 */
MG_MUST_CHECK int chain_open_all(const struct conf_list *modules, struct conf_faults *faults);

/* What chain_new takes, in `arena`. Reports a module that stands there twice, and a file that is not the module's.
 *
 * Returns    how many, MG_EPARSE (faults added) or MG_ENOMEM.
 */
MG_MUST_CHECK int chain_modules_of(const struct conf_list *modules, struct arena *arena,
				   const struct chain_module_conf **confs,
				   const struct mg_module *const **descriptors,
				   struct conf_faults *faults);

#endif
