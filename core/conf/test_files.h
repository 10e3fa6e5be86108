/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_files: a folder of files for one test, removed with all in it. For the tests of this room.
 * Holds no test itself; needs cmocka.h before it.
 */
#ifndef MG_CONF_TEST_FILES_H
#define MG_CONF_TEST_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sv.h"

static char files_dir[] = "/tmp/margrave-conf-XXXXXX";

/* Paths below the folder; the last four stay valid. */
static inline const char *files_path(const char *name)
{
	static char path[4][512];
	static unsigned n;
	char *p = path[n++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", files_dir, name);
	return p;
}

static inline void files_put_sv(const char *name, struct sv text, mode_t mode)
{
	int fd = open(files_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline void files_put(const char *name, const char *text)
{
	files_put_sv(name, sv_str(text), 0600);
}

/* Setup and teardown of a test. */
static inline int files_begin(void **state)
{
	(void)state;
	strcpy(files_dir + strlen(files_dir) - 6, "XXXXXX");
	return mkdtemp(files_dir) ? 0 : -1;
}

static inline int files_end(void **state)
{
	struct dirent *entry;
	DIR *dir = opendir(files_dir);

	(void)state;
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove(files_path(entry->d_name));
	}
	if (dir)
		closedir(dir);
	return rmdir(files_dir);
}

/* `text` with the folder's name taken out wherever it stands; the caller frees. */
static inline char *files_without_dir(const char *text)
{
	size_t n = strlen(files_dir) + 1;
	char *out = strdup(text);

	for (char *p = out; p && (p = strstr(p, files_dir));)
		memmove(p, p + n, strlen(p + n) + 1);
	return out;
}

#endif
