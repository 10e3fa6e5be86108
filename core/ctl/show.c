/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * show: JSON as tables that fit a terminal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#define CELL_MAX 256

/* A value in one line. Texts may be a peer's: what would move the cursor is escaped. */
static void cell(const json_t *value, char out[CELL_MAX])
{
	char *text = json_is_string(value) || json_is_integer(value) || json_is_boolean(value) ||
				     json_is_null(value)
			     ? NULL
			     : json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII |
							 JSON_REAL_PRECISION(4) | JSON_ENCODE_ANY);
	size_t n = 0;

	if (json_is_integer(value))
		snprintf(out, CELL_MAX, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(out, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_null(value) || (!json_is_string(value) && !text))
		snprintf(out, CELL_MAX, "-");
	else {
		for (const char *p = text ? text : json_string_value(value); *p && n < CELL_MAX - 5;
		     p++) {
			if (*p >= ' ' && *p <= '~')
				out[n++] = *p;
			else
				n += (size_t)snprintf(out + n, 5, "\\x%02x", (unsigned char)*p);
		}
		out[n] = '\0';
	}
	free(text);
}

/* Names of an answer that would mislead, as they are shown. */
static const char *label(const char *key)
{
	static const char *const labels[][2] = {
		{"requests", "requests under way"},
		{"requests_total", "requests so far"},
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(key, labels[i][0]) == 0)
			return labels[i][1];
	}
	return key;
}

/* The widest cell of a column. */
static int width_of(const json_t *rows, const char *key)
{
	size_t width = strlen(label(key)), i;
	const json_t *row;
	char text[CELL_MAX];

	json_array_foreach(rows, i, row)
	{
		cell(json_object_get(row, key), text);
		width = strlen(text) > width ? strlen(text) : width;
	}
	return (int)width;
}

static void table(const json_t *rows, FILE *to)
{
	json_t *first = json_array_get(rows, 0);
	const json_t *row, *value;
	const char *key;
	char text[CELL_MAX];
	size_t i;

	json_object_foreach(first, key, value)
		fprintf(to, "%-*s  ", width_of(rows, key), label(key));
	fputc('\n', to);
	json_array_foreach(rows, i, row)
	{
		json_object_foreach(first, key, value)
		{
			cell(json_object_get(row, key), text);
			fprintf(to, "%-*s  ", width_of(rows, key), text);
		}
		fputc('\n', to);
	}
}

static void list(const json_t *values, FILE *to)
{
	const json_t *value;
	char text[CELL_MAX];
	size_t i;

	if (json_is_object(json_array_get(values, 0))) {
		table(values, to);
		return;
	}
	if (json_array_size(values) == 0)
		fputs("none\n", to);
	json_array_foreach(values, i, value)
	{
		cell(value, text);
		fprintf(to, "%s\n", text);
	}
}

static bool is_silence(const char *key)
{
	return strcmp(key, "workers_silent") == 0;
}

static void object(json_t *all, FILE *to)
{
	json_int_t silent = json_integer_value(json_object_get(all, "workers_silent"));
	const char *key;
	json_t *value;
	char text[CELL_MAX];

	json_object_foreach(all, key, value)
	{
		if (json_is_object(value) || json_is_array(value) || is_silence(key))
			continue;
		cell(value, text);
		fprintf(to, "%-32s %s\n", label(key), text);
	}
	json_object_foreach(all, key, value)
	{
		if (!json_is_object(value) && !json_is_array(value))
			continue;
		if (strcmp(key, "rows") != 0)
			fprintf(to, "\n%s\n", key);
		ctl_show(value, to);
	}
	if (silent)
		fprintf(to, "%lld of the workers did not answer in time: their rows are missing\n",
			(long long)silent);
}

void ctl_show(const json_t *value, FILE *to)
{
	char text[CELL_MAX];

	if (json_is_array(value)) {
		list(value, to);
	} else if (json_is_object(value)) {
		object((json_t *)(uintptr_t)value, to); /* walking changes nothing */
	} else {
		cell(value, text);
		fprintf(to, "%s\n", text);
	}
}
