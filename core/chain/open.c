/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * open: the modules there are: those linked in, and shared objects that were opened, which stay open for good. Checks that a descriptor
 * is one. Called while a configuration is loaded, by one thread at a time.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chain/chain_priv.h"

#define NAME_MAX_LEN 32

/* What was opened, in order. */
static struct opened {
	char *path;
	const struct mg_module *module;
} opened[CHAIN_MODULES_MAX];
static unsigned n_opened;

const struct mg_module *chain_find(const char *name)
{
	for (unsigned i = 0; chain_builtin[i]; i++)
		if (strcmp(chain_builtin[i]->name, name) == 0)
			return chain_builtin[i];
	for (unsigned i = 0; i < n_opened; i++)
		if (strcmp(opened[i].module->name, name) == 0)
			return opened[i].module;
	return NULL;
}

/* ---- descriptors ---- */

/* A word of [a-z0-9_], as names of modules and counters are. */
static bool is_word(const char *text, size_t max)
{
	size_t n = text ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

	return n > 0 && n <= max && text[n] == '\0';
}

static const char *counters_fault(const struct mg_module *m)
{
	if (m->n_counters && !m->counters)
		return "it counts its counters but has none";
	for (size_t i = 0; i < m->n_counters; i++)
		if (!is_word(m->counters[i].name, 64) || !m->counters[i].help)
			return "a counter has no name of [a-z0-9_] or no help";
	return NULL;
}

static const char *options_fault(const struct mg_module *m, char *why, size_t why_n)
{
	struct conf_faults faults;
	const char *fault = NULL;

	for (size_t i = 0; i < m->options->n; i++) {
		const char *name = m->options->options[i].name;
		if (name && (strcmp(name, "name") == 0 || strcmp(name, "file") == 0))
			return "it declares the option name or file, which every module has";
	}
	conf_faults_init(&faults);
	if (conf_table_check(m->options, &faults)) {
		snprintf(why, why_n, "its options: %s", faults.n ? faults.text[0] : "no memory");
		fault = why;
	}
	conf_faults_done(&faults);
	return fault;
}

const char *chain_descriptor_fault(const struct mg_module *m, char *why, size_t why_n)
{
	if (m->abi != MG_ABI_VERSION) {
		snprintf(why, why_n, "abi version %u, this is %u", m->abi, MG_ABI_VERSION);
		return why;
	}
	if (!is_word(m->name, NAME_MAX_LEN))
		return "it has no name of 1 to 32 bytes of [a-z0-9_]";
	if (!m->help)
		return "it has no help";
	const char *fault = counters_fault(m);
	return fault || !m->options ? fault : options_fault(m, why, why_n);
}

/* ---- shared objects ---- */

/* Load the object. Its path names a duplicate of the descriptor, so that it is the very file that was opened by whoever may; the duplicate stays
 * open, for the loader takes two objects of one path for one, and its number must not come to mean another file. */
static void *load(int fd, char *why, size_t why_n)
{
	int keep = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	char path[32];
	void *object;

	if (keep < 0) {
		snprintf(why, why_n, "%s", mg_err_name(-errno));
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", keep);
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		const char *text = dlerror();
		snprintf(why, why_n, "%s", text ? text : "it cannot be loaded");
		close(keep);
	}
	return object;
}

/* The descriptor of a file that was not opened before; NULL, and `why`, on failure. */
static const struct mg_module *open_file(int fd, char *why, size_t why_n)
{
	const struct mg_module *m;
	const char *fault = NULL;
	uint32_t abi = 0;
	void *object;

	if (chain_elf_abi(fd, &abi, &fault)) {
		snprintf(why, why_n, "%s", fault);
		return NULL;
	}
	if (abi != MG_ABI_VERSION) {
		snprintf(why, why_n, "abi version %u, this is %u", abi, MG_ABI_VERSION);
		return NULL;
	}
	object = load(fd, why, why_n);
	m = object ? dlsym(object, MG_MODULE_SYMBOL) : NULL;
	if (!m)
		return NULL;
	fault = chain_descriptor_fault(m, why, why_n);
	if (fault && fault != why)
		snprintf(why, why_n, "%s", fault);
	else if (!fault && chain_find(m->name))
		snprintf(why, why_n, "there is a module %s already", m->name);
	else if (!fault)
		return m;
	dlclose(object);
	return NULL;
}

const struct mg_module *chain_open(int fd, const char *path, char *why, size_t why_n)
{
	const struct mg_module *m;

	for (unsigned i = 0; i < n_opened; i++)
		if (strcmp(opened[i].path, path) == 0)
			return opened[i].module;
	if (n_opened == CHAIN_MODULES_MAX) {
		snprintf(why, why_n, "%u modules are open already", n_opened);
		return NULL;
	}
	char *copy = strdup(path);
	m = copy ? open_file(fd, why, why_n) : NULL;
	if (!m) {
		if (!copy)
			snprintf(why, why_n, "no memory");
		free(copy);
		return NULL;
	}
	opened[n_opened++] = (struct opened){.path = copy, .module = m};
	return m;
}

/* ---- what the configuration asks ---- */

const char *chain_file_fault(const struct mg_module *module, const char *path)
{
	for (unsigned i = 0; i < n_opened; i++)
		if (opened[i].module == module)
			return path && strcmp(path, opened[i].path) == 0
				       ? NULL
				       : "it was opened from another file, and a change of files "
					 "needs a restart";
	return path ? "it is built in and has no file" : NULL;
}

/* Names of all, each ended by NUL, the last by two. */
static const char *all_names(void)
{
	static char names[2 * CHAIN_MODULES_MAX * (NAME_MAX_LEN + 1) + 1];
	size_t n = 0;

	for (unsigned i = 0; chain_builtin[i]; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - 1 - n, "%s",
				      chain_builtin[i]->name) +
		     1;
	for (unsigned i = 0; i < n_opened; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - 1 - n, "%s",
				      opened[i].module->name) +
		     1;
	names[n] = '\0';
	return names;
}

const struct conf_table *chain_variant(void *arg, const char *name, const char **known)
{
	static const struct conf_table no_options = {.name = "module",
						     .help = "a module without options"};
	const struct mg_module *m = chain_find(name);

	(void)arg;
	if (!m) {
		*known = all_names();
		return NULL;
	}
	return m->options ? m->options : &no_options;
}
