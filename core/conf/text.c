/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * text: configuration files and what they include, as one text that remembers where each line came
 * from. Knows comments and quotes, through lex.c, only to tell an @include from a text that looks
 * like one. Called by the daemon; unsealed texts come from seal.c.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/siphash.h"
#include "conf/conf_priv.h"

#define NAME_MAX_BYTES 4096 /* of one path */
#define ARENA_MAX      ((size_t)CONF_FILES_MAX * (NAME_MAX_BYTES + 64))

struct file {
	dev_t dev;
	ino_t ino;
};

struct flatten {
	struct conf_text *text;
	struct conf_faults *faults;
	size_t room;   /* bytes allocated at text->p */
	size_t bytes;  /* of all files so far */
	uint32_t line; /* the flattened line that is written next */
	size_t depth;
	struct file files[CONF_INCLUDE_MAX + 1]; /* those that are open */
	int err;
};

void conf_wipe_free(void *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
	free(p);
}

struct conf_text *conf_text_new(void)
{
	struct conf_text *t = calloc(1, sizeof(*t));

	if (t)
		arena_init(&t->arena, 1024, ARENA_MAX);
	return t;
}

void conf_text_free(struct conf_text *text)
{
	if (!text)
		return;
	conf_wipe_free(text->p, text->n);
	free(text->places);
	arena_done(&text->arena);
	free(text);
}

const char *conf_text_hash(const struct conf_text *text)
{
	return text->hash;
}

const struct conf_source *conf_text_origin(const struct conf_text *t, uint32_t flat, uint32_t *line)
{
	uint32_t low = 0, high = t->n_origins;

	/* The last origin that begins at `flat` or before. */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (t->origins[mid].flat <= flat)
			low = mid;
		else
			high = mid;
	}
	const struct conf_origin *o = &t->origins[low];
	*line = flat > o->flat ? o->line + (flat - o->flat) : o->line;
	return &t->sources[o->source];
}

void conf_text_where(const struct conf_text *t, uint32_t flat, struct conf_line *out)
{
	uint32_t line;
	const struct conf_source *source = conf_text_origin(t, flat, &line);

	conf_line_add(out, "%s:%u", source->name, line);
}

static size_t line_of(struct sv text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text.p[i] == '\n';
	return line;
}

bool conf_text_bytes_ok(struct sv text, const char *name, struct conf_faults *faults)
{
	size_t at = conf_utf8_bad(text);

	if (at == text.n)
		return true;
	conf_faults_add(faults, "%s:%zu: found the byte \\x%02x, allowed: text in UTF-8%s", name,
			line_of(text, at), (unsigned char)text.p[at],
			text.p[at] ? "" : " without NUL");
	return false;
}

const char *conf_text_relative(struct arena *arena, const char *from, struct sv name)
{
	const char *slash = strrchr(from, '/');
	size_t folder = slash && name.n && name.p[0] != '/' ? (size_t)(slash - from) + 1 : 0;
	char *p = arena_text(arena, folder + name.n + 1);

	if (!p)
		return NULL;
	memcpy(p, from, folder);
	memcpy(p + folder, name.p, name.n);
	p[folder + name.n] = '\0';
	return p;
}

int conf_text_finish(struct conf_text *t, struct conf_faults *faults)
{
	/* Everybody may know it: it tells versions apart, it proves nothing. */
	static const struct siphash_key key = {"margrave config"};
	int err = conf_scan(t, faults);

	if (err < 0)
		return err;
	snprintf(t->hash, sizeof(t->hash), "%016llx",
		 (unsigned long long)siphash_24(&key, t->p, t->n));
	return 0;
}

/* ---- writing the flattened text ---- */

/* The text was bounded before: what all files hold, and one LF each. */
static bool append(struct flatten *f, struct sv text)
{
	struct conf_text *t = f->text;

	if (t->n + text.n + 1 > f->room) {
		size_t room = 2 * (t->n + text.n) + 256;
		char *more = malloc(room);

		if (!more) {
			f->err = MG_ENOMEM;
			return false;
		}
		if (t->n)
			memcpy(more, t->p, t->n);
		conf_wipe_free(t->p, t->n);
		t->p = more;
		f->room = room;
	}
	if (text.n)
		memcpy(t->p + t->n, text.p, text.n);
	t->n += text.n;
	t->p[t->n] = '\0';
	for (size_t i = 0; i < text.n; i++)
		f->line += text.p[i] == '\n';
	return true;
}

/* From here on lines are those of `source` from `line` on. */
static void add_origin(struct flatten *f, uint32_t source, uint32_t line)
{
	struct conf_text *t = f->text;

	/* Two includes side by side: nothing lies between. */
	if (t->n_origins && t->origins[t->n_origins - 1].flat == f->line)
		t->n_origins--;
	t->origins[t->n_origins++] = (struct conf_origin){f->line, source, line};
}

static void include(struct flatten *f, const char *from, const struct conf_token *t);

/* Append a file's text and, through include(), what it includes. */
static void flatten(struct flatten *f, uint32_t source, struct sv text)
{
	const char *name = f->text->sources[source].name;
	const char *done = text.p;
	struct conf_token t;
	struct conf_lex lex;

	if (!conf_text_bytes_ok(text, name, f->faults)) {
		f->err = MG_EPARSE;
		return;
	}
	add_origin(f, source, 1);
	conf_lex_init(&lex, text);
	do {
		t = conf_lex_next(&lex);
		if (t.kind == CONF_TOK_BAD && t.open) {
			/* Said here because it must not swallow the file that includes this one. */
			conf_faults_add(f->faults, "%s:%u: found \"/*\", allowed: %s", name, t.line,
					t.allowed);
			f->err = MG_EPARSE;
		}
		if (t.kind != CONF_TOK_INCLUDE || f->depth == 0)
			continue;
		/* Only blanks stand before it on its line; they stay. The end of the line does too, so
		 * that the include ends with a line of its own. */
		const char *at = t.text.p;
		while (*at != '@')
			at--;
		if (!append(f, sv_span(done, at)) || !append(f, SV("\n")))
			return;
		include(f, name, &t);
		done = lex.p < lex.end ? lex.p + 1 : lex.p;
		add_origin(f, source, t.line + 1);
	} while (t.kind != CONF_TOK_END && f->err != MG_ENOMEM);
	if (!append(f, sv_span(done, text.p + text.n)))
		return;
	if (f->text->n && f->text->p[f->text->n - 1] != '\n')
		append(f, SV("\n"));
}

/* ---- reading files ---- */

/* A mistake in naming a file: at the @include, or about the file itself when nobody names it. */
static void file_fault(struct flatten *f, const char *from, const struct conf_token *t,
		       const char *path, const char *what, const char *allowed)
{
	f->err = MG_EPARSE;
	if (from)
		conf_faults_add(f->faults, "%s:%u: found @include \"%s\": %s, allowed: %s", from,
				t->line, path, what, allowed);
	else
		conf_faults_add(f->faults, "%s: %s, allowed: %s", path, what, allowed);
}

/* Read what `fd` holds, `size` bytes of it as fstat said, into *out. Returns NULL or what is wrong. */
static const char *slurp(int fd, size_t size, char **out)
{
	char *p = malloc(size + 1);
	size_t n = 0;

	if (!p)
		return strerror(ENOMEM);
	while (n < size + 1) {
		ssize_t got = read(fd, p + n, size + 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			conf_wipe_free(p, n);
			return strerror(errno);
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n != size) {
		conf_wipe_free(p, n);
		return "it changes while it is read";
	}
	*out = p;
	return NULL;
}

static bool is_open(const struct flatten *f, const struct stat *st)
{
	for (size_t i = 0; i < f->depth; i++) {
		if (f->files[i].dev == st->st_dev && f->files[i].ino == st->st_ino)
			return true;
	}
	return false;
}

/* Flatten the open file. Returns NULL or what is wrong with it; *allowed is set then. */
static const char *take_file(struct flatten *f, int fd, const char *path, const char **allowed)
{
	struct conf_text *t = f->text;
	struct stat st;
	char *p = NULL;

	*allowed = "a file that can be read";
	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "no regular file";
	if (is_open(f, &st)) {
		*allowed = "files that do not include themselves";
		return "a circle";
	}
	if (st.st_size > (off_t)(CONF_TEXT_MAX - f->bytes)) {
		*allowed = "4 MiB in all files together";
		return "too large";
	}
	const char *why = slurp(fd, (size_t)st.st_size, &p);
	if (why)
		return why;
	f->bytes += (size_t)st.st_size;
	uint32_t source = t->n_sources++;
	t->sources[source] = (struct conf_source){path, (st.st_mode & (S_IRWXG | S_IRWXO)) != 0};
	f->files[f->depth++] = (struct file){st.st_dev, st.st_ino};
	flatten(f, source, sv_of(p, (size_t)st.st_size));
	f->depth--;
	conf_wipe_free(p, (size_t)st.st_size);
	return NULL;
}

static void read_file(struct flatten *f, const char *from, const struct conf_token *t,
		      const char *path)
{
	const char *allowed = "a file that can be read";

	/* Not to be held up by a FIFO, nor to get a terminal. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = fd < 0 ? strerror(errno) : take_file(f, fd, path, &allowed);

	if (why)
		file_fault(f, from, t, path, why, allowed);
	if (fd >= 0)
		close(fd);
}

static void include(struct flatten *f, const char *from, const struct conf_token *t)
{
	char shown[80];
	const char *path = NULL;

	snprintf(shown, sizeof(shown), "%.*s", (int)(t->text.n < 79 ? t->text.n : 79), t->text.p);
	if (t->text.n >= NAME_MAX_BYTES)
		file_fault(f, from, t, shown, "too long", "names of up to 4095 bytes");
	else if (f->depth > CONF_INCLUDE_MAX)
		file_fault(f, from, t, shown, "too deep", "8 files that include each other");
	else if (f->text->n_sources == CONF_FILES_MAX)
		file_fault(f, from, t, shown, "too many", "256 files together");
	else if (!(path = conf_text_relative(&f->text->arena, from, t->text)))
		f->err = MG_ENOMEM;
	else
		read_file(f, from, t, path);
}

/* ---- from outside ---- */

static int finish(struct flatten *f, struct conf_text **out)
{
	int err = f->err;

	if (err == 0)
		err = conf_text_finish(f->text, f->faults);
	if (err < 0)
		conf_text_free(f->text);
	else
		*out = f->text;
	return err;
}

static int begin(struct flatten *f, const char *name, struct conf_faults *faults, const char **kept)
{
	struct sv copy;

	*f = (struct flatten){.text = conf_text_new(), .faults = faults, .line = 1};
	if (!f->text)
		return MG_ENOMEM;
	if (arena_dup(&f->text->arena, sv_str(name), &copy) < 0) {
		conf_text_free(f->text);
		return MG_ENOMEM;
	}
	*kept = copy.p;
	return 0;
}

int conf_text_read(struct conf_text **out, const char *path, struct conf_faults *faults)
{
	struct flatten f;
	const char *name;
	int err = begin(&f, path, faults, &name);

	if (err < 0)
		return err;
	read_file(&f, NULL, NULL, name);
	return finish(&f, out);
}

int conf_text_from(struct conf_text **out, const char *name, struct sv text,
		   struct conf_faults *faults)
{
	struct flatten f;
	const char *kept;
	int err = begin(&f, name, faults, &kept);

	if (err < 0)
		return err;
	f.text->sources[f.text->n_sources++] = (struct conf_source){kept, false};
	if (text.n > CONF_TEXT_MAX) {
		conf_faults_add(faults, "%s: too large, allowed: 4 MiB in all files together",
				kept);
		f.err = MG_EPARSE;
	} else {
		flatten(&f, 0, text);
	}
	return finish(&f, out);
}
