/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * seal: a configuration text in a sealed memfd, for another process, and out of it again. The image
 * is of this machine and this program's version only. Reading trusts nothing: seals, sizes, order
 * and bytes are held against what writing makes. Called through load.h.
 *
 *	head, sources, their names one behind the other, origins, text
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_priv.h"

#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define NAME_MAX_ 8192 /* bytes of a path: a folder and a name */
#define IMAGE_MAX                                                                             \
	(sizeof(struct head) + CONF_FILES_MAX * (sizeof(struct source) + (size_t)NAME_MAX_) + \
	 CONF_ORIGINS_MAX * sizeof(struct conf_origin) + CONF_FLAT_MAX)

struct head {
	char magic[8];
	uint32_t n_sources, n_origins, names, text; /* the last two in bytes */
};

struct source {
	uint32_t n; /* bytes of its name */
	uint32_t exposed;
};

static const char magic[8] = "mgconf1";

/* ---- writing ---- */

static int put(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

static int put_sources(int fd, const struct conf_text *t)
{
	int err = 0;

	for (uint32_t i = 0; i < t->n_sources && err == 0; i++) {
		struct source s = {(uint32_t)strlen(t->sources[i].name), t->sources[i].exposed};

		err = put(fd, &s, sizeof(s));
	}
	for (uint32_t i = 0; i < t->n_sources && err == 0; i++)
		err = put(fd, t->sources[i].name, strlen(t->sources[i].name));
	return err;
}

static int put_text(int fd, const struct conf_text *t)
{
	struct head head = {
		.n_sources = t->n_sources, .n_origins = t->n_origins, .text = (uint32_t)t->n};

	memcpy(head.magic, magic, sizeof(magic));
	for (uint32_t i = 0; i < t->n_sources; i++)
		head.names += (uint32_t)strlen(t->sources[i].name);
	int err = put(fd, &head, sizeof(head));
	if (err == 0)
		err = put_sources(fd, t);
	if (err == 0)
		err = put(fd, t->origins, t->n_origins * sizeof(t->origins[0]));
	if (err == 0)
		err = put(fd, t->p, t->n);
	if (err == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		err = -errno;
	return err;
}

int conf_text_seal(const struct conf_text *text, int *fd)
{
	int made = memfd_create("margrave configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (made < 0)
		return -errno;
	int err = put_text(made, text);
	if (err < 0)
		close(made);
	else
		*fd = made;
	return err;
}

/* ---- reading ---- */

struct image {
	const char *p, *end;
};

/* The next `n` bytes, NULL when there are not so many. */
static const void *get(struct image *image, size_t n)
{
	const char *p = image->p;

	if ((size_t)(image->end - p) < n)
		return NULL;
	image->p += n;
	return p;
}

static bool name_ok(struct sv name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '\0')
			return false;
	}
	return name.n > 0 && name.n <= NAME_MAX_;
}

static int get_sources(struct conf_text *t, struct image *image, const struct head *head)
{
	const char *table = get(image, head->n_sources * sizeof(struct source));
	const char *names = table ? get(image, head->names) : NULL;
	size_t left = head->names;

	if (!names)
		return MG_EPARSE;
	for (uint32_t i = 0; i < head->n_sources; i++) {
		struct source s;
		struct sv name;

		memcpy(&s, table + i * sizeof(s), sizeof(s));
		if (s.n > left || s.exposed > 1 || !name_ok(sv_of(names, s.n)))
			return MG_EPARSE;
		if (arena_dup(&t->arena, sv_of(names, s.n), &name) < 0)
			return MG_ENOMEM;
		t->sources[i] = (struct conf_source){name.p, s.exposed};
		names += s.n;
		left -= s.n;
	}
	t->n_sources = head->n_sources;
	return left == 0 ? 0 : MG_EPARSE;
}

/* Each begins behind the one before and names a file that exists. */
static int get_origins(struct conf_text *t, struct image *image, const struct head *head)
{
	const void *table = get(image, head->n_origins * sizeof(t->origins[0]));

	if (!table)
		return MG_EPARSE;
	memcpy(t->origins, table, head->n_origins * sizeof(t->origins[0]));
	t->n_origins = head->n_origins;
	for (uint32_t i = 0; i < t->n_origins; i++) {
		const struct conf_origin *o = &t->origins[i];

		if (o->source >= t->n_sources || o->line == 0 || o->line > CONF_FLAT_MAX ||
		    o->flat > CONF_FLAT_MAX || (i ? o->flat <= o[-1].flat : o->flat != 1))
			return MG_EPARSE;
	}
	return 0;
}

static int get_text(struct conf_text *t, struct image *image, const struct head *head)
{
	const char *p = get(image, head->text);

	if (!p || image->p != image->end || conf_utf8_bad(sv_of(p, head->text)) < head->text ||
	    (head->text && p[head->text - 1] != '\n'))
		return MG_EPARSE;
	t->p = malloc((size_t)head->text + 1);
	if (!t->p)
		return MG_ENOMEM;
	memcpy(t->p, p, head->text);
	t->n = head->text;
	t->p[t->n] = '\0';
	return 0;
}

static int get_all(struct conf_text *t, struct image *image)
{
	const void *p = get(image, sizeof(struct head));
	struct head head;

	if (!p)
		return MG_EPARSE;
	memcpy(&head, p, sizeof(head));
	if (memcmp(head.magic, magic, sizeof(magic)) != 0 || head.n_sources == 0 ||
	    head.n_sources > CONF_FILES_MAX || head.n_origins == 0 ||
	    head.n_origins > CONF_ORIGINS_MAX || head.text > CONF_FLAT_MAX)
		return MG_EPARSE;
	int err = get_sources(t, image, &head);
	if (err == 0)
		err = get_origins(t, image, &head);
	return err == 0 ? get_text(t, image, &head) : err;
}

/* The image's bytes, which nobody can change any more; *size is set. NULL without memory, or when
 * `fd` is no such thing.
 */
static int load_image(int fd, char **out, size_t *size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size < 0 ||
	    (size_t)st.st_size > IMAGE_MAX)
		return MG_EPARSE;
	char *p = malloc((size_t)st.st_size + 1);
	if (!p)
		return MG_ENOMEM;
	for (size_t n = 0; n < (size_t)st.st_size;) {
		ssize_t got = pread(fd, p + n, (size_t)st.st_size - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			int err = got < 0 ? -errno : MG_EPARSE;

			conf_wipe_free(p, n);
			return err;
		}
		n += (size_t)got;
	}
	*out = p;
	*size = (size_t)st.st_size;
	return 0;
}

int conf_text_unseal(struct conf_text **out, int fd, struct conf_faults *faults)
{
	size_t size = 0;
	char *p = NULL;
	int err = load_image(fd, &p, &size);
	struct conf_text *t = err == 0 ? conf_text_new() : NULL;

	if (err == 0)
		err = t ? get_all(t, &(struct image){p, p + size}) : MG_ENOMEM;
	conf_wipe_free(p, size);
	if (err == MG_EPARSE)
		conf_faults_add(faults, "the configuration that was handed over is not a sealed "
					"text of this version");
	if (err == 0)
		err = conf_text_finish(t, faults);
	if (err < 0)
		conf_text_free(t);
	else
		*out = t;
	return err;
}
