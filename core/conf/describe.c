/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * describe: what an option takes, in words, and what was found instead; small questions to a table.
 * Decides nothing. Called by all who report or print.
 */
#include <inttypes.h>
#include <string.h>

#include "conf/conf_priv.h"

#define TEXT_MAX  1023 /* bytes of a text, unless the table says otherwise */
#define ITEMS_MAX 1024

unsigned conf_max_items(const struct conf_option *o)
{
	return o->max_items ? o->max_items : ITEMS_MAX;
}

size_t conf_max_bytes(const struct conf_option *o)
{
	return o->type == CONF_STRING && o->max > 0 ? (size_t)o->max : TEXT_MAX;
}

int conf_choice(const char *const *choices, const char *word)
{
	for (int i = 0; choices && choices[i]; i++) {
		if (strcmp(choices[i], word) == 0)
			return i;
	}
	return -1;
}

const struct conf_option *conf_find_option(const struct conf_table *table, struct sv name)
{
	for (size_t i = 0; table && i < table->n; i++) {
		if (sv_eq(sv_str(table->options[i].name), name))
			return &table->options[i];
	}
	return NULL;
}

bool conf_has_required(const struct conf_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		if (table->options[i].flags & CONF_REQUIRED)
			return true;
	}
	return false;
}

size_t conf_value_size(const struct conf_option *o)
{
	switch (o->type) {
	case CONF_BOOL: return sizeof(bool);
	case CONF_INT:
	case CONF_AUTO: return sizeof(int64_t);
	case CONF_ENUM: return sizeof(int);
	case CONF_STRING: return sizeof(const char *);
	case CONF_ADDR: return sizeof(struct addr);
	case CONF_PREFIX: return sizeof(struct prefix);
	case CONF_FILE: return sizeof(struct conf_file);
	case CONF_GROUP: return o->variant ? sizeof(struct conf_variant) : o->group->size;
	}
	return 0;
}

static void add_range(const struct conf_option *o, const char *unit, struct conf_line *out)
{
	conf_line_add(out, "%" PRId64 " to %" PRId64, o->min, o->max);
	if (unit)
		conf_line_add(out, " (%s)", unit);
}

static void add_choices(const char *const *choices, const char * or, struct conf_line *out)
{
	for (size_t i = 0; choices && choices[i]; i++) {
		if (i)
			conf_line_add(out, "%s", choices[i + 1] ? ", " : or);
		conf_line_quote(out, sv_str(choices[i]));
	}
}

static void add_addr(enum conf_port port, struct conf_line *out)
{
	if (port == CONF_PORT_NEEDED)
		conf_line_add(out,
			      "an address with port: \"192.0.2.1:5060\", \"[2001:db8::1]:5060\"");
	else
		conf_line_add(out, "an address: \"192.0.2.1\", \"2001:db8::1\"%s",
			      port == CONF_PORT_OK ? ", also with port: \"[2001:db8::1]:5060\""
						   : "");
}

void conf_describe(const struct conf_option *o, bool list, struct conf_line *out)
{
	if (list) {
		conf_line_add(out, "a list ( ... ) of %s%u",
			      o->flags & CONF_REQUIRED ? "1 to " : "up to ", conf_max_items(o));
		return;
	}
	switch (o->type) {
	case CONF_BOOL: conf_line_add(out, "true or false"); break;
	case CONF_INT: add_range(o, o->unit, out); break;
	case CONF_AUTO:
		conf_line_add(out, "\"auto\" or ");
		add_range(o, o->unit, out);
		break;
	case CONF_ENUM: add_choices(o->choices, " or ", out); break;
	case CONF_STRING:
		conf_line_add(out, "a text of %d to %zu bytes", !(o->flags & CONF_EMPTY_OK),
			      conf_max_bytes(o));
		break;
	case CONF_ADDR: add_addr(o->port, out); break;
	case CONF_PREFIX:
		conf_line_add(out, "a prefix: \"192.0.2.0/24\", \"2001:db8::/32\"");
		break;
	case CONF_FILE: conf_line_add(out, "a file that can be read"); break;
	case CONF_GROUP: conf_line_add(out, "a group { ... }"); break;
	}
}

void conf_describe_type(const struct conf_option *o, struct conf_line *out)
{
	static const char *const names[][2] = {
		[CONF_BOOL] = {"true/false", "true/false"},
		[CONF_INT] = {"number", "numbers"},
		[CONF_AUTO] = {"number or \"auto\"", "numbers or \"auto\""},
		[CONF_ENUM] = {"choice", "choices"},
		[CONF_STRING] = {"text", "texts"},
		[CONF_ADDR] = {"address", "addresses"},
		[CONF_PREFIX] = {"prefix", "prefixes"},
		[CONF_FILE] = {"file", "files"},
		[CONF_GROUP] = {"group", "groups"},
	};
	bool list = o->flags & CONF_LIST;

	conf_line_add(out, "%s%s", list ? "list of " : "", names[o->type][list]);
}

void conf_describe_range(const struct conf_option *o, struct conf_line *out)
{
	size_t begin = out->n;

	if (o->type == CONF_INT || o->type == CONF_AUTO)
		add_range(o, NULL, out);
	else if (o->type == CONF_ENUM)
		add_choices(o->choices, ", ", out);
	else if (o->type == CONF_STRING)
		conf_line_add(out, "%d to %zu bytes", !(o->flags & CONF_EMPTY_OK),
			      conf_max_bytes(o));
	else if (o->type == CONF_ADDR)
		conf_line_add(out, "%s",
			      o->port == CONF_PORT_NEEDED ? "with port"
			      : o->port == CONF_PORT_OK   ? "with or without port"
							  : "without port");
	if (o->flags & CONF_LIST)
		conf_line_add(out, "%s%s%u items", out->n > begin ? ", " : "",
			      o->flags & CONF_REQUIRED ? "1 to " : "up to ", conf_max_items(o));
	else if (out->n == begin)
		conf_line_add(out, "-");
}

void conf_describe_found(const struct conf_option *o, const config_setting_t *s,
			 struct conf_line *out)
{
	if (config_setting_is_group(s)) {
		conf_line_add(out, "a group { }");
	} else if (config_setting_is_aggregate(s)) {
		conf_line_add(out, "a list of %d", config_setting_length(s));
	} else if (o && o->flags & CONF_SECRET && o->type != CONF_FILE) {
		conf_line_add(out, "a secret");
	} else if (config_setting_type(s) == CONFIG_TYPE_STRING) {
		conf_line_quote(out, sv_str(config_setting_get_string(s)));
	} else {
		conf_line_bare(out, conf_tree_token(s).text);
	}
}

/* Texts may stand in a table without their quotes. */
void conf_default_text(const struct conf_option *o, const char *def, struct conf_line *out)
{
	bool texts = o->type != CONF_BOOL && o->type != CONF_INT && o->type != CONF_GROUP;
	bool number = o->type == CONF_AUTO && strcmp(def, "auto") != 0;

	if (!texts || number || o->flags & CONF_LIST || def[0] == '"') {
		conf_line_add(out, "%s", def);
		return;
	}
	conf_line_add(out, "\"");
	for (; *def; def++)
		conf_line_add(out, "%s%c", *def == '"' || *def == '\\' ? "\\" : "", *def);
	conf_line_add(out, "\"");
}
