/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_parse_SUBJECT MESSAGES [--time MS] [--sums FILE]: run the messages of a file through one parser.
 *
 * MESSAGES holds u32 length + bytes for each message, little endian. First comes one pass that nobody times; it
 * notes which messages are refused, counts allocations if allocs.so is preloaded and writes the checksums
 * to FILE: u64 each, then u8 0 or 1 (refused). With --time whole rounds over all messages follow until MS
 * milliseconds have passed, half as long for warming up before. Prints one line of JSON (built with BENCH_SHOW: the
 * typed values instead). Judges nothing: that is
 * run.py's part.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#ifdef BENCH_SHOW
void show_message(size_t i);
void show_end(void);
#else
#define show_message(i) ((void)(i))
#define show_end()      ((void)0)
#endif

struct messages {
	char *bytes;
	size_t size;
	struct message {
		const char *p;
		size_t n;
	} * v;
	size_t count;
	size_t payload;
};

struct pass {
	uint64_t sum; /* of all checksums of accepted messages */
	size_t refused;
};

static int die(const char *what, const char *name)
{
	fprintf(stderr, SUBJECT_NAME ": %s %s: %s\n", what, name,
		errno ? strerror(errno) : "malformed");
	return EXIT_FAILURE;
}

static int read_file(struct messages *m, const char *name)
{
	FILE *f = fopen(name, "rb");
	if (!f)
		return -1;
	int err = fseek(f, 0, SEEK_END);
	long size = err ? -1 : ftell(f);
	if (size > 0) {
		rewind(f);
		m->size = (size_t)size;
		m->bytes = malloc(m->size);
		m->v = calloc(m->size / sizeof(uint32_t) + 1, sizeof(*m->v));
		err = !m->bytes || !m->v || fread(m->bytes, 1, m->size, f) != m->size;
	}
	fclose(f);
	return size > 0 && !err ? 0 : -1;
}

static int split(struct messages *m)
{
	for (size_t at = 0; at < m->size;) {
		uint32_t len;
		if (m->size - at < sizeof(len))
			return -1;
		memcpy(&len, m->bytes + at, sizeof(len));
		at += sizeof(len);
		if (m->size - at < len)
			return -1;
		m->v[m->count++] = (struct message){m->bytes + at, len};
		m->payload += len;
		at += len;
	}
	return m->count ? 0 : -1;
}

static struct pass run(const struct messages *m)
{
	struct pass pass = {0, 0};
	for (size_t i = 0; i < m->count; i++) {
		struct typed_sum sum = {0};
		if (subject_parse(m->v[i].p, m->v[i].n, &sum) == 0)
			pass.sum += sum.h;
		else
			pass.refused++;
	}
	return pass;
}

/* The first pass: each message for itself. `f` may be NULL. */
static struct pass look(const struct messages *m, FILE *f, bool *refused)
{
	struct pass pass = {0, 0};
	for (size_t i = 0; i < m->count; i++) {
		struct typed_sum sum = {0};
		show_message(i);
		refused[i] = subject_parse(m->v[i].p, m->v[i].n, &sum) != 0;
		if (refused[i]) {
			sum.h = 0;
			pass.refused++;
		}
		pass.sum += sum.h;
		if (f) {
			fwrite(&sum.h, sizeof(sum.h), 1, f);
			fputc(refused[i], f);
		}
	}
	return pass;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Rounds over all messages for at least `least` seconds; the clock is read about once a millisecond. Returns seconds
 * per round, or -1 when a round gave other values than the first pass. */
static double rounds(const struct messages *m, double least, const struct pass *expected)
{
	size_t n = 0, batch = 1;
	double began = seconds(), took = 0;
	while (took < least) {
		for (size_t i = 0; i < batch; i++) {
			struct pass pass = run(m);
			if (pass.sum != expected->sum || pass.refused != expected->refused)
				return -1;
		}
		n += batch;
		double before = took;
		took = seconds() - began;
		if (took - before < 1e-3)
			batch *= 2;
	}
	return took / (double)n;
}

/* Allocations of one round, or -1 when nobody counts. */
static double allocations(const struct messages *m)
{
	union {
		void *object;
		uint64_t (*count)(void);
	} found = {dlsym(RTLD_DEFAULT, "bench_alloc_count")};
	if (!found.object)
		return -1;
	uint64_t before = found.count();
	run(m);
	return (double)(found.count() - before);
}

static void print(const struct messages *m, const bool *refused, double round, double allocs)
{
	double count = (double)m->count;
	printf("{\"subject\": \"" SUBJECT_NAME "\", \"version\": \"" SUBJECT_VERSION "\", "
	       "\"messages\": %zu, \"bytes\": %zu",
	       m->count, m->payload);
	if (round > 0)
		printf(", \"ns_per_message\": %.2f, \"bytes_per_second\": %.0f",
		       round * 1e9 / count, (double)m->payload / round);
	if (allocs >= 0)
		printf(", \"allocations_per_message\": %.3f", allocs / count);
	printf(", \"refused\": [");
	const char *comma = "";
	for (size_t i = 0; i < m->count; i++) {
		if (refused[i]) {
			printf("%s%zu", comma, i);
			comma = ", ";
		}
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	struct messages m = {0};
	double least = 0;
	FILE *sums = NULL;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--time") == 0)
			least = strtod(argv[i + 1], NULL) / 1e3;
		else if (strcmp(argv[i], "--sums") == 0 && !(sums = fopen(argv[i + 1], "wb")))
			return die("cannot write", argv[i + 1]);
	}
	if (argc < 2 || argc % 2) {
		fprintf(stderr, "usage: %s MESSAGES [--time MS] [--sums FILE]\n", argv[0]);
		return EXIT_FAILURE;
	}
	if (read_file(&m, argv[1]) || split(&m))
		return die("cannot read", argv[1]);
	bool *refused = calloc(m.count, sizeof(*refused));
	if (!refused || subject_start())
		return die("cannot start", SUBJECT_NAME);

	struct pass first = look(&m, sums, refused);
	show_end();
	if (sums && fclose(sums))
		return die("cannot write", "the checksums");
	double round = 0;
	if (least > 0) {
		if (rounds(&m, least / 2, &first) > 0)
			round = rounds(&m, least, &first);
		if (round <= 0) {
			fputs(SUBJECT_NAME ": the same messages gave other values\n", stderr);
			return EXIT_FAILURE;
		}
	}
	print(&m, refused, round, allocations(&m));
	free(refused);
	free(m.v);
	free(m.bytes);
	return EXIT_SUCCESS;
}
