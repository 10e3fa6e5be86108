/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * keys: making, saving and handing on of keys.
 */
#include "daemon/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctime.h"
#include "base/rand.h"

struct key_store {
	struct keys keys;
};

static int make(struct keys *keys)
{
	int err = rand_system(keys, sizeof(*keys));

	keys->magic = IPC_MAGIC;
	memset(keys->token_id, 0, sizeof(keys->token_id));
	keys->token_id[0] = 1;
	return err;
}

/* Returns 0, MG_ENOENT when there is none, or another error with `why`. */
static int load(struct keys *keys, const char *path, char *why, size_t why_n)
{
	struct stat st;
	struct keys got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return MG_ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, why_n, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return MG_EINVAL;
	}
	ssize_t n = read(fd, &got, sizeof(got));
	close(fd);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		snprintf(why, why_n, "%s: must be a file of user %u", path, geteuid());
	else if (st.st_mode & 077)
		snprintf(why, why_n, "%s: may be read by others (mode %03o, allowed: 600)", path,
			 st.st_mode & 0777);
	else if (n != (ssize_t)sizeof(got) || st.st_size != (off_t)sizeof(got) ||
		 got.magic != IPC_MAGIC || got.token_id[0] == 0)
		snprintf(why, why_n,
			 "%s: damaged, or of another version; without it new keys are made, and "
			 "calls set up before can't be told from forged ones",
			 path);
	else
		*keys = got;
	mg_wipe(&got, sizeof(got));
	return why[0] ? MG_EINVAL : 0;
}

static int save(const struct keys *keys, const char *path)
{
	char aside[512];

	snprintf(aside, sizeof(aside), "%s.new", path);
	(void)unlink(aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int err = write(fd, keys, sizeof(*keys)) != (ssize_t)sizeof(*keys) || fsync(fd) < 0 ? -EIO
											    : 0;
	close(fd);
	if (!err && rename(aside, path) < 0)
		err = -errno;
	return err;
}

struct key_store *keys_open(const char *folder, char *why, size_t why_n)
{
	struct key_store *store = calloc(1, sizeof(*store));
	char path[480];

	why[0] = '\0';
	if (!store)
		return NULL;
	snprintf(path, sizeof(path), "%s/keys", folder);
	int err = load(&store->keys, path, why, why_n);
	if (err ==
	    0) /* what lies on a disk for long is no key for tickets: they lose forward secrecy */
		err = rand_system(store->keys.ticket, sizeof(store->keys.ticket));
	if (err == MG_ENOENT) {
		err = make(&store->keys);
		int saved = err ? 0 : save(&store->keys, path);
		if (saved)
			snprintf(why, why_n, "%s: %s: the keys end with this process", path,
				 strerror(-saved));
	}
	if (err) {
		keys_close(store);
		return NULL;
	}
	return store;
}

void keys_close(struct key_store *store)
{
	if (!store)
		return;
	mg_wipe(&store->keys, sizeof(store->keys));
	free(store);
}

int keys_rotate(struct key_store *store)
{
	uint8_t fresh[sizeof(store->keys.ticket[0])];
	int err = rand_system(fresh, sizeof(fresh));

	if (err)
		return err;
	memmove(store->keys.ticket[1], store->keys.ticket[0], (KEYS_TICKETS - 1) * sizeof(fresh));
	memcpy(store->keys.ticket[0], fresh, sizeof(fresh));
	mg_wipe(fresh, sizeof(fresh));
	return 0;
}

int keys_memfd(const struct key_store *store)
{
	int fd = memfd_create("keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, &store->keys, sizeof(store->keys)) != (ssize_t)sizeof(store->keys) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}
