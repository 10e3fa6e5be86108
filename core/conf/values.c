/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * values: one setting of the file as one value of a struct, by its option's type and range. Defaults
 * come the same way. Called by load.c and group.c.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_priv.h"

/* What was found, or that something went wrong with it, is not what the option takes. */
static void refuse(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		   const char *why)
{
	struct conf_line found, allowed;

	conf_line_init(&found);
	conf_line_init(&allowed);
	conf_describe_found(o, s, &found);
	if (why)
		conf_line_add(&found, " (%s)", why);
	conf_describe(o, false, &allowed);
	conf_load_fault(l, s, found.s, allowed.s, NULL);
}

static bool is_string(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_STRING;
}

static void read_bool(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		      bool *out)
{
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*out = config_setting_get_bool(s) != 0;
	else
		refuse(l, o, s, NULL);
}

static void read_int(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		     int64_t *out)
{
	struct conf_token t = conf_tree_token(s);
	int64_t n;

	if (o->type == CONF_AUTO && is_string(s) &&
	    strcmp(config_setting_get_string(s), "auto") == 0)
		*out = -1;
	else if (t.kind != CONF_TOK_INT || conf_lex_int(t.text, &n) < 0 || n < o->min || n > o->max)
		refuse(l, o, s, NULL);
	else
		*out = n;
}

static void read_enum(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		      int *out)
{
	struct conf_line found, allowed;
	struct conf_nearest nearest;

	if (!is_string(s)) {
		refuse(l, o, s, NULL);
		return;
	}
	const char *word = config_setting_get_string(s);
	int choice = conf_choice(o->choices, word);
	if (choice >= 0) {
		*out = choice;
		return;
	}
	conf_nearest_init(&nearest, sv_str(word));
	for (size_t i = 0; o->choices[i]; i++)
		conf_nearest_try(&nearest, o->choices[i]);
	conf_line_init(&found);
	conf_line_init(&allowed);
	conf_describe_found(o, s, &found);
	conf_describe(o, false, &allowed);
	conf_load_fault(l, s, found.s, allowed.s, nearest.best);
}

/* ---- texts ---- */

/* Control characters would forge lines of headers and logs; \xHH can make bytes that are no UTF-8. */
static const char *unfit(struct sv text)
{
	if (conf_utf8_bad(text) < text.n)
		return "not UTF-8";
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return "with a control character";
	}
	return NULL;
}

/* A text of the length that the option takes; NULL when it is none, and that was reported. */
static const char *take_text(struct conf_loader *l, const struct conf_option *o,
			     const config_setting_t *s)
{
	if (!is_string(s)) {
		refuse(l, o, s, NULL);
		return NULL;
	}
	struct sv text = sv_str(config_setting_get_string(s));
	const char *why = unfit(text);
	if (!why && text.n > conf_max_bytes(o))
		why = "too long";
	if (why || (text.n == 0 && !(o->flags & CONF_EMPTY_OK))) {
		refuse(l, o, s, why);
		return NULL;
	}
	return text.p;
}

static const char *keep(struct conf_loader *l, struct sv text)
{
	struct sv copy = {0};

	if (arena_dup(l->arena, text, &copy) < 0)
		l->nomem = true;
	return copy.p;
}

/* A password is only as secret as the file it stands in. */
static bool exposed(struct conf_loader *l, const config_setting_t *s)
{
	uint32_t line;
	const struct conf_source *source =
		conf_text_origin(conf_tree_text(s), conf_tree_line(s), &line);

	if (!source->exposed)
		return false;
	conf_load_fault(l, s, "a secret in a file that others than its owner can read",
			"a file of mode 0600, which may be an included one", NULL);
	return true;
}

static void read_string(struct conf_loader *l, const struct conf_option *o,
			const config_setting_t *s, const char **out)
{
	const char *text = take_text(l, o, s);

	if (text && !(o->flags & CONF_SECRET && exposed(l, s)))
		*out = keep(l, sv_str(text));
}

static void read_addr(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		      struct addr *out)
{
	const char *text = is_string(s) ? config_setting_get_string(s) : "";
	unsigned forms = ADDR_SCOPE | (o->port == CONF_NO_PORT ? ADDR_IP : ADDR_PORT);
	struct addr a;

	if (addr_parse(sv_str(text), forms, &a) < 0 || (o->port == CONF_PORT_NEEDED && a.port == 0))
		refuse(l, o, s, NULL);
	else
		*out = a;
}

static void read_prefix(struct conf_loader *l, const struct conf_option *o,
			const config_setting_t *s, struct prefix *out)
{
	const char *text = is_string(s) ? config_setting_get_string(s) : "";
	struct prefix p;
	int err = prefix_parse(sv_str(text), &p);

	if (err < 0)
		refuse(l, o, s,
		       err == MG_ERANGE ? "bits behind the prefix are set, or it is too long"
					: NULL);
	else
		*out = p;
}

/* ---- files ---- */

static int open_file(struct conf_loader *l, const char *path)
{
	if (l->env->open)
		return l->env->open(l->env->arg, path);

	struct conf_opened *opened = arena_alloc(&l->scratch, sizeof(*opened));
	if (!opened) {
		l->nomem = true;
		return MG_ENOMEM;
	}
	/* Not to be held up by a FIFO, nor to get a terminal. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	*opened = (struct conf_opened){l->opened, fd};
	l->opened = opened;
	return fd;
}

/* Returns NULL or what is wrong with it. */
static const char *judge_file(const struct conf_option *o, int fd)
{
	struct stat st;

	if (fd < 0)
		return strerror(-fd);
	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "no regular file";
	if (o->flags & CONF_SECRET && st.st_mode & (S_IRWXG | S_IRWXO))
		return "open to others than its owner";
	return NULL;
}

static void read_path(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		      struct conf_file *out)
{
	const char *text = take_text(l, o, s);
	uint32_t line;

	if (!text)
		return;
	if (!*text) {
		*out = (struct conf_file){NULL, -1};
		return;
	}
	/* Defaults are relative to the main file. */
	bool here = conf_tree_text(s) == l->text;
	const struct conf_source *from =
		conf_text_origin(l->text, here ? conf_tree_line(s) : 0, &line);
	const char *path = conf_text_relative(l->arena, from->name, sv_str(text));
	if (!path) {
		l->nomem = true;
		return;
	}
	int fd = open_file(l, path);
	const char *why = judge_file(o, fd);
	if (!why) {
		*out = (struct conf_file){path, fd};
		return;
	}
	struct conf_line found;
	conf_line_init(&found);
	conf_line_quote(&found, sv_str(path));
	conf_line_add(&found, " (%s)", why);
	conf_load_fault(l, s, found.s,
			o->flags & CONF_SECRET ? "a file that its owner alone can read, mode 0600"
					       : "a file that can be read",
			NULL);
}

void conf_read_value(struct conf_loader *l, const struct conf_option *o, const config_setting_t *s,
		     void *out)
{
	switch (o->type) {
	case CONF_BOOL: read_bool(l, o, s, out); break;
	case CONF_INT:
	case CONF_AUTO: read_int(l, o, s, out); break;
	case CONF_ENUM: read_enum(l, o, s, out); break;
	case CONF_STRING: read_string(l, o, s, out); break;
	case CONF_ADDR: read_addr(l, o, s, out); break;
	case CONF_PREFIX: read_prefix(l, o, s, out); break;
	case CONF_FILE: read_path(l, o, s, out); break;
	case CONF_GROUP: break; /* not here */
	}
}
