/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_load: a configuration and everything it names, open. Its way to the child is warden_send.c's.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/settings_host.h"
#include "daemon/warden_priv.h"

/* A holding that is being made. */
struct making {
	struct holding *h;
	const struct holding *old; /* NULL: the first */
	bool same;                 /* the text and files of `old` once more */
};

static int open_again(const struct holding *old, const char *path)
{
	for (size_t i = 0; i < old->files; i++) {
		if (strcmp(old->file[i].path, path) == 0)
			return fcntl(old->file[i].fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

/* O_NONBLOCK: a fifo must not stop us. Returns a descriptor or a negative errno. */
static int open_regular(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static int keep_file(struct holding *h, const char *path, int fd)
{
	if (strlen(path) >= IPC_PATH_MAX)
		return -ENAMETOOLONG;
	struct warden_file *more = realloc(h->file, (h->files + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	h->file = more;
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	h->file[h->files++] = (struct warden_file){.path = copy, .fd = fd};
	return fd;
}

static int open_file(void *arg, const char *path)
{
	const struct making *making = arg;
	struct holding *h = making->h;

	for (size_t i = 0; i < h->files; i++) {
		if (strcmp(h->file[i].path, path) == 0)
			return h->file[i].fd;
	}
	if (h->files == WARDEN_FILES_MAX)
		return -EMFILE;
	int fd = making->same ? open_again(making->old, path) : -1;
	if (fd < 0)
		fd = open_regular(path);
	int kept = fd < 0 ? fd : keep_file(h, path, fd);
	if (kept < 0 && fd >= 0)
		close(fd);
	return kept;
}

/* Its absence is told by who needs it. */
static void open_authorities(struct making *making)
{
	for (size_t i = 0; settings_authorities[i]; i++) {
		if (open_file(making, settings_authorities[i]) >= 0)
			return;
	}
}

static int open_metrics(struct holding *h, const struct holding *old, struct conf_faults *faults)
{
	const struct addr *addr = &h->loaded->settings.metrics.listen;

	if (addr->family == ADDR_NONE)
		return 0;
	if (old && old->metrics_fd >= 0 && addr_eq(addr, &old->loaded->settings.metrics.listen))
		h->metrics_fd = dup(old->metrics_fd);
	else
		h->metrics_fd = listen_tcp(addr);
	if (h->metrics_fd >= 0)
		return 0;
	settings_fault(&h->loaded->settings, faults, "metrics.listen", strerror(-h->metrics_fd),
		       "a loopback address and a port that nobody listens on");
	h->metrics_fd = -1;
	return MG_EPARSE;
}

/* Options that only a restart can change. */
static int restart_needed(const struct holding *h, const struct holding *old,
			  struct conf_faults *faults)
{
	struct conf_list paths = {0};
	size_t n = old ? conf_restart_needed(&settings_table, &old->loaded->settings,
					     &h->loaded->settings, &paths, &h->loaded->arena)
		       : 0;
	const char *const *path = paths.items;

	for (size_t i = 0; i < paths.n; i++)
		settings_fault(&h->loaded->settings, faults, path[i], "a change needs a restart",
			       "what it was at the start");
	if (n > paths.n)
		conf_faults_add(faults, "out of memory");
	return n > 0 ? MG_EPARSE : 0;
}

static int read_text(struct conf_text **text, const char *path, const struct holding *old,
		     struct conf_faults *faults)
{
	return path ? conf_text_read(text, path, faults)
		    : conf_text_unseal(text, old->text_fd, faults);
}

static int open_all(struct holding *h, const char *path, const struct holding *old,
		    struct conf_faults *faults)
{
	struct making making = {.h = h, .old = old, .same = !path};
	struct conf_env env = {.open = open_file, .arg = &making};
	struct conf_text *text;
	int err = read_text(&text, path, old, faults);

	if (err)
		return err;
	h->loaded = settings_load(text, &env, SETTINGS_PASS_MODULES, faults);
	if (!h->loaded)
		return MG_EPARSE;
	open_authorities(&making);
	const struct settings *s = &h->loaded->settings;
	err = restart_needed(h, old, faults);
	if (!err && path) /* else it was found good before */
		err = settings_host(s, faults);
	if (!err)
		err = conf_text_seal(h->loaded->text, &h->text_fd);
	if (!err)
		err = listen_open(&h->listeners, s, settings_workers(s),
				  old ? &old->listeners : NULL, faults);
	if (!err)
		err = rights_descriptors(s, h->listeners.n, !old, faults);
	h->locals = listen_locals(&h->local);
	return err ? err : open_metrics(h, old, faults);
}

struct holding *holding_new(const char *path, uint64_t generation, const struct holding *old,
			    struct conf_faults *faults)
{
	struct holding *h = calloc(1, sizeof(*h));

	if (h) {
		h->generation = generation;
		h->again = !path;
		h->text_fd = h->metrics_fd = -1;
	}
	if (h && open_all(h, path, old, faults) == 0)
		return h;
	if (faults->n == 0)
		conf_faults_add(faults, "out of memory or descriptors");
	holding_free(h);
	return NULL;
}

bool holding_same(const struct holding *a, const struct holding *b)
{
	return listen_same(&a->listeners, &b->listeners) && a->locals == b->locals &&
	       (a->locals == 0 || memcmp(a->local, b->local, a->locals * sizeof(*a->local)) == 0);
}

void holding_free(struct holding *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->files; i++) {
		close(h->file[i].fd);
		free(h->file[i].path);
	}
	free(h->file);
	free(h->local);
	listen_close(&h->listeners);
	if (h->text_fd >= 0)
		close(h->text_fd);
	if (h->metrics_fd >= 0)
		close(h->metrics_fd);
	settings_free(h->loaded);
	free(h);
}
