/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * replay: a main that gives files to a fuzz target, for builds without libFuzzer. It does not mutate. Each
 * argument is a file or a folder of files; no input at all is a failure, so that a lost corpus is noticed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

#pragma weak LLVMFuzzerInitialize

/* Only a mutator calls it, and nothing is mutated here.
 * NOLINTNEXTLINE(readability-non-const-parameter): the signature is libFuzzer's */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	(void)data;
	(void)max;
	return size;
}

static int fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* The buffer is exactly as long as the file, so that a sanitizer sees the first byte read behind it. */
static int replay_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size);
	int ret = -1;

	if (!f || (size && !data) || fread(data, 1, size, f) != size) {
		fail(path);
		goto out;
	}
	fprintf(stderr, "%s: %zu bytes\n", path, size);
	LLVMFuzzerTestOneInput(data, size);
	ret = 1;
out:
	free(data);
	if (f)
		fclose(f);
	return ret;
}

static int replay(const char *path);

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, visible, alphasort);
	int done = 0;

	if (n < 0)
		return fail(folder);
	for (int i = 0; i < n; i++) {
		char *path = NULL;
		int one = -1;

		if (done >= 0 && asprintf(&path, "%s/%s", folder, list[i]->d_name) >= 0)
			one = replay(path);
		done = one < 0 ? -1 : done + one;
		free(path);
		free(list[i]);
	}
	free(list);
	return done;
}

/* Returns the number of inputs given to the target, or -1. */
static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(path);
	if (S_ISDIR(st.st_mode))
		return replay_folder(path);
	return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int done = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		int one = replay(argv[i]);

		if (one < 0)
			return EXIT_FAILURE;
		done += one;
	}
	printf("%d inputs\n", done);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
