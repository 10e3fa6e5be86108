/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_state: the state folder: whose it is, the keys, the folder in it that the SIP process may write to, the socket of margravectl; and the last-input ring.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/warden_priv.h"

static __attribute__((format(printf, 2, 3))) int fault(const char *event, const char *format, ...)
{
	char why[640];
	va_list list;

	va_start(list, format);
	vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	warden_say(LOG_ERROR, event, "fault", why);
	return MG_EINVAL;
}

/* The folder must be ours alone to write to, and one daemon's. */
static int open_folder(struct warden *w, const char *path)
{
	struct stat st;

	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return fault("state_folder", "%s: %s", path, strerror(errno));
	w->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->state_fd < 0 || fstat(w->state_fd, &st) < 0)
		return fault("state_folder", "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return fault("state_folder", "%s: belongs to user %u, must be %u's", path,
			     st.st_uid, geteuid());
	if (st.st_mode & 022)
		return fault("state_folder",
			     "%s: others may write to it (mode %03o, allowed: 711, 700)", path,
			     st.st_mode & 0777);
	if (flock(w->state_fd, LOCK_EX | LOCK_NB) < 0)
		return fault("state_folder", "%s: another margrave has it", path);
	return 0;
}

/* What the SIP process may write lies in a folder of its own, out of which it can't see the keys. */
static int open_child_folder(const struct warden *w, const struct settings *s)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(s->user) : NULL;

	if (geteuid() == 0 && !pw)
		return fault("state_folder", "user \"%s\" does not exist (setting user)", s->user);
	if (mkdirat(w->state_fd, "sip", 0700) < 0 && errno != EEXIST)
		return fault("state_folder", "%s/sip: %s", s->state, strerror(errno));
	int fd = openat(w->state_fd, "sip", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool good = fd >= 0 &&
		    (!pw || (fchown(fd, pw->pw_uid, pw->pw_gid) == 0 && fchmod(fd, 0700) == 0));
	int err = good ? 0 : fault("state_folder", "%s/sip: %s", s->state, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

static int open_keys(struct warden *w, const char *folder)
{
	char why[640];

	w->keys = keys_open(folder, why, sizeof(why));
	if (why[0])
		warden_say(w->keys ? LOG_WARNING : LOG_ERROR, "keys", "fault", why);
	return w->keys ? 0 : MG_EINVAL;
}

static int open_control(struct warden *w, const struct settings *s)
{
	if (s->control.socket)
		snprintf(w->control_path, sizeof(w->control_path), "%s", s->control.socket);
	else
		snprintf(w->control_path, sizeof(w->control_path), "%s/control.sock", s->state);
	w->control_fd = listen_unix(w->control_path);
	return w->control_fd >= 0 ? 0
				  : fault("control_socket", "%s: %s", w->control_path,
					  strerror(-w->control_fd));
}

static int open_ring(struct warden *w)
{
	w->ring_fd = memfd_create("last input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* A child that shrank it would take us down by the next look. */
	if (w->ring_fd < 0 || ftruncate(w->ring_fd, sizeof(*w->ring)) < 0 ||
	    fcntl(w->ring_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return fault("ring", "%s", strerror(errno));
	void *p = mmap(NULL, sizeof(*w->ring), PROT_READ | PROT_WRITE, MAP_SHARED, w->ring_fd, 0);
	if (p == MAP_FAILED)
		return fault("ring", "%s", strerror(errno));
	w->ring = p;
	return 0;
}

int state_open(struct warden *w)
{
	const struct settings *s = &w->running->loaded->settings;
	int err = open_folder(w, s->state);

	if (!err)
		err = open_child_folder(w, s);
	if (!err)
		err = open_keys(w, s->state);
	if (!err)
		err = open_control(w, s);
	return err ? err : open_ring(w);
}

void state_close(struct warden *w)
{
	if (w->control_fd >= 0) {
		close(w->control_fd);
		(void)unlink(w->control_path);
	}
	if (w->ring)
		munmap(w->ring, sizeof(*w->ring));
	if (w->ring_fd >= 0)
		close(w->ring_fd);
	if (w->state_fd >= 0)
		close(w->state_fd);
	keys_close(w->keys);
}
