/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * chain_conf: from the groups of the option `modules` to opened files and to what chain_new takes. The groups were read by conf's loader.
 */
#include "chain/chain_priv.h"

static const struct conf_option common_options[] = {
	{.name = "file",
	 .type = CONF_FILE,
	 .flags = CONF_RESTART,
	 .offset = offsetof(struct chain_module_common, file),
	 .example = "\"/usr/lib/margrave/example.so\"",
	 .help = "the shared object of a module that is not built in"},
};
const struct conf_table chain_module_common = {
	.name = "module",
	.help = "a module of the chain",
	.size = sizeof(struct chain_module_common),
	CONF_OPTIONS(common_options),
};

static const struct chain_module_common *common_of(const struct conf_variant *v)
{
	return v->common;
}

int chain_open_all(const struct conf_list *modules, struct conf_faults *faults)
{
	const struct conf_variant *v = modules->items;
	int err = 0;

	for (size_t i = 0; i < modules->n; i++) {
		const struct conf_file *file = &common_of(&v[i])->file;
		char why[256] =
			"there is no such module; a module that is not built in needs a file";

		if (v[i].table && !file->path)
			continue;
		if (v[i].table && chain_find(v[i].name))
			continue; /* chain_modules_of compares name and file */
		if (file->path && chain_open(file->fd, file->path, why, sizeof(why)))
			continue;
		conf_faults_add(faults, "%s: module %s: %s%s%s", v[i].at, v[i].name,
				file->path ? file->path : "", file->path ? ": " : "", why);
		err = MG_EPARSE;
	}
	return err;
}

static bool is_twice(const struct conf_variant *v, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(v[j].name, v[i].name) == 0)
			return true;
	return false;
}

int chain_modules_of(const struct conf_list *modules, struct arena *arena,
		     const struct chain_module_conf **confs,
		     const struct mg_module *const **descriptors, struct conf_faults *faults)
{
	const struct conf_variant *v = modules->items;
	struct chain_module_conf *conf = arena_zalloc(arena, (modules->n + 1) * sizeof(*conf));
	const struct mg_module **found = arena_zalloc(arena, (modules->n + 1) * sizeof(void *));
	int err = 0;

	if (!conf || !found)
		return MG_ENOMEM;
	for (size_t i = 0; i < modules->n; i++) {
		const char *fault = NULL;

		conf[i] = (struct chain_module_conf){.name = v[i].name,
						     .file = common_of(&v[i])->file,
						     .options = v[i].value,
						     .at = v[i].at};
		found[i] = chain_find(v[i].name);
		if (!found[i])
			fault = "there is no such module";
		else if (is_twice(v, i))
			fault = "it stands there twice";
		else
			fault = chain_file_fault(found[i], conf[i].file.path);
		if (!fault)
			continue;
		conf_faults_add(faults, "%s: module %s: %s", v[i].at, v[i].name, fault);
		err = MG_EPARSE;
	}
	if (err)
		return err;
	*confs = conf;
	*descriptors = found;
	return (int)modules->n;
}
