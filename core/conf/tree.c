/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tree: libconfig's settings of a text, each with its place there. What libconfig gets was scanned
 * before, so that it meets nothing it does not bound. Values are read from the text where libconfig
 * 1.5 loses something (numbers beyond 32 bits, lines of items). Called by load.c.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"

/* A key that was there before would end libconfig's reading, and mistakes behind it were not found in
 * this run. So it gets another name in a copy: the n-th of those that begin with a capital, which
 * no table has; none that could go on a number before it, as in "a=0x1b=2". Short names have few of
 * them; libconfig refuses the rest.
 */
static void rename_key(char *p, size_t len, size_t n)
{
	static const char first[] = "GHIJKMNOPQRSTUVWYZ";
	static const char other[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	p[0] = first[n % (sizeof(first) - 1)];
	n /= sizeof(first) - 1;
	for (size_t i = 1; i < len; i++) {
		p[i] = other[n % (sizeof(other) - 1)];
		n /= sizeof(other) - 1;
	}
}

/* The text for libconfig: the text itself, or a copy (*copy is set) in which no key is twice. NULL
 * without memory.
 */
static const char *without_twins(const struct conf_text *text, char **copy)
{
	size_t n = 0;

	for (size_t i = 0; i < text->n_places; i++) {
		const struct conf_place *place = &text->places[i];

		if (!place->first)
			continue;
		if (!*copy) {
			*copy = malloc(text->n + 1);
			if (!*copy)
				return NULL;
			memcpy(*copy, text->p, text->n + 1);
		}
		struct conf_lex lex;
		conf_lex_init(&lex, sv_span(text->p + place->at, text->p + text->n));
		rename_key(*copy + place->at, conf_lex_next(&lex).text.n, n++);
	}
	return *copy ? *copy : text->p;
}

/* Hang its place on each setting, in the order in which both were made; *n were given before. */
static bool give_places(const struct conf_text *text, config_setting_t *s, size_t *n)
{
	if (!config_setting_is_root(s)) {
		if (*n == text->n_places)
			return false;
		config_setting_set_hook(s, &text->places[(*n)++]);
	}
	for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s); i++) {
		if (!give_places(text, config_setting_get_elem(s, (unsigned)i), n))
			return false;
	}
	return true;
}

/* Returns what is wrong, or NULL. */
static const char *read_all(struct conf_tree *tree, const char *p)
{
	size_t n = 0;

	if (!config_read_string(&tree->cfg, p))
		return config_error_text(&tree->cfg) ? config_error_text(&tree->cfg) : "?";
	/* What was scanned and what libconfig made of it are the same by construction; if they ever
	 * were not, places would lie. */
	if (!give_places(tree->text, config_root_setting(&tree->cfg), &n) ||
	    n != tree->text->n_places)
		return "another grammar";
	return NULL;
}

int conf_tree_init(struct conf_tree *tree, const struct conf_text *text, struct conf_faults *faults)
{
	char *copy = NULL;

	config_init(&tree->cfg);
	tree->text = text;
	const char *p = without_twins(text, &copy);
	const char *wrong = p ? read_all(tree, p) : NULL;
	if (wrong) {
		struct conf_line where;
		int line = config_error_line(&tree->cfg);

		conf_line_init(&where);
		conf_text_where(text, line > 0 ? (uint32_t)line : 0, &where);
		conf_faults_add(faults, "%s: found %s, allowed: the grammar of libconfig", where.s,
				wrong);
	}
	conf_wipe_free(copy, copy ? text->n : 0);
	if (!p || wrong)
		conf_tree_done(tree);
	return !p ? MG_ENOMEM : wrong ? MG_EPARSE : 0;
}

static void wipe(const config_setting_t *s)
{
	if (s->type == CONFIG_TYPE_STRING && s->value.sval)
		explicit_bzero(s->value.sval, strlen(s->value.sval));
	for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s); i++)
		wipe(config_setting_get_elem(s, (unsigned)i));
}

void conf_tree_done(struct conf_tree *tree)
{
	if (tree->cfg.root) {
		wipe(tree->cfg.root);
		config_destroy(&tree->cfg);
	}
	*tree = (struct conf_tree){0};
}

const struct conf_place *conf_tree_place(const config_setting_t *s)
{
	return config_setting_get_hook(s);
}

const struct conf_text *conf_tree_text(const config_setting_t *s)
{
	return container_of(s->config, struct conf_tree, cfg)->text;
}

uint32_t conf_tree_line(const config_setting_t *s)
{
	const struct conf_place *place = conf_tree_place(s);

	return place ? place->line : 0;
}

/* A lexer at the setting's first token; at nothing for the root. */
static struct conf_lex lex_at(const config_setting_t *s)
{
	const struct conf_text *text = conf_tree_text(s);
	const struct conf_place *place = conf_tree_place(s);
	struct conf_lex lex;

	conf_lex_init(&lex, sv_span(text->p + (place ? place->at : text->n), text->p + text->n));
	return lex;
}

struct sv conf_tree_key(const config_setting_t *s)
{
	struct conf_lex lex = lex_at(s);

	return conf_lex_next(&lex).text;
}

struct conf_token conf_tree_token(const config_setting_t *s)
{
	struct conf_lex lex = lex_at(s);
	struct conf_token t = conf_lex_next(&lex);

	if (t.kind == CONF_TOK_NAME) {
		(void)conf_lex_next(&lex); /* = */
		t = conf_lex_next(&lex);
	}
	return t;
}
