/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * conf: any text as a configuration, read by a table that has every type; and any bytes that begin as an image of a
 * sealed text does, as one.
 *
 * Holds: our scan takes nothing that libconfig calls a break of its grammar, and counts the settings that libconfig
 * makes; what is refused is refused with a reason of one line; what loads is within its ranges, and loads to the same
 * again after it went through a sealed memfd; no descriptor is lost.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include "conf/load.h"
#include "conf/test_world.h"
#include "fuzz/fuzz.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* Files are there, but for those with an x in their path. */
static int open_file(void *arg, const char *path)
{
	static int fd = -1;

	(void)arg;
	if (strchr(path, 'x'))
		return -ENOENT;
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		CHECK(fd >= 0 && fchmod(fd, 0600) == 0);
	}
	return fd;
}

static const struct conf_env strict = {.open = open_file};
static const struct conf_env lenient = {.open = open_file, .pass_unknown_variants = true};

/* "fuzz.cfg:12: found " and then `what`: nothing of the input stands before it. */
static bool found(const char *fault, const char *what)
{
	if (strncmp(fault, "fuzz.cfg:", 9) != 0)
		return false;
	fault += 9;
	fault += strspn(fault, "0123456789");
	return strncmp(fault, ": found ", 8) == 0 && strncmp(fault + 8, what, strlen(what)) == 0;
}

static void check_faults(const struct conf_faults *faults, int err)
{
	CHECK((err == 0) == (faults->n == 0));
	for (size_t i = 0; i < faults->n; i++) {
		const char *s = faults->text[i];

		CHECK(*s && strlen(s) < 1000);
		CHECK(!found(s, "syntax error") && !found(s, "another grammar"));
		for (; *s; s++)
			CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
	}
}

static void check_text(const char *s, size_t max)
{
	CHECK(!s || strlen(s) <= max);
	for (; s && *s; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void check_world(const struct world *w)
{
	CHECK(w->workers == -1 || (w->workers >= 1 && w->workers <= 64));
	CHECK(w->timer_c_s >= 181 && w->timer_c_s <= 3600);
	CHECK(w->trust >= 0 && w->trust < 3);
	check_text(w->server, 16);
	check_text(w->note, 1023);
	CHECK(w->metrics.family == ADDR_NONE || w->metrics.port > 0);
	CHECK(w->bind.port == 0 && w->lan.net.family != ADDR_NONE);
	CHECK(w->acl.n <= 4 && w->zones.n >= 1 && w->zones.n <= 1024);
	CHECK(w->limits.burst >= w->limits.cps);
	CHECK(!w->log.path == (w->log.fd < 0));
	for (size_t i = 0; i < w->zones.n; i++) {
		const struct world_zone *z = (const struct world_zone *)w->zones.items + i;

		check_text(z->name, 32);
		CHECK(z->name && z->listen.n >= 1 && z->listen.n <= 3);
	}
	for (size_t i = 0; i < w->modules.n; i++) {
		const struct conf_variant *m = (const struct conf_variant *)w->modules.items + i;

		CHECK(m->name && m->at && m->common && !m->table == !m->value);
	}
}

static int load(const struct conf_text *text, const struct conf_env *env, struct world *w,
		struct arena *arena)
{
	struct conf_faults faults;
	struct conf_list risks;

	conf_faults_init(&faults);
	int err = conf_load(text, &world_conf, w, arena, env, &risks, &faults);
	CHECK(err == 0 || err == MG_EPARSE);
	check_faults(&faults, err);
	conf_faults_done(&faults);
	if (err == 0)
		check_world(w);
	return err;
}

/* Loaded again from a sealed copy: the same. */
static void check_again(const struct conf_text *text, const struct world *w)
{
	struct conf_text *copy;
	struct conf_faults faults;
	struct conf_list paths;
	struct arena arena;
	struct world again;
	int fd;

	conf_faults_init(&faults);
	arena_init(&arena, 4096, 64 << 20);
	CHECK(conf_text_seal(text, &fd) == 0);
	CHECK(conf_text_unseal(&copy, fd, &faults) == 0 && faults.n == 0);
	CHECK(strcmp(conf_text_hash(text), conf_text_hash(copy)) == 0);
	CHECK(load(copy, &strict, &again, &arena) == 0);
	CHECK(conf_restart_needed(&world_conf, w, &again, &paths, &arena) == 0);
	conf_text_free(copy);
	arena_done(&arena);
	conf_faults_done(&faults);
	close(fd);
}

static void use(struct conf_text *text)
{
	struct arena arena;
	struct world w;

	arena_init(&arena, 4096, 64 << 20);
	if (load(text, &strict, &w, &arena) == 0)
		check_again(text, &w);
	else
		(void)load(text, &lenient, &w, &arena);
	arena_done(&arena);
	conf_text_free(text);
}

static void use_image(struct sv image)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct conf_faults faults;
	struct conf_text *text;

	CHECK(fd >= 0 && write(fd, image.p, image.n) == (ssize_t)image.n);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
	      0);
	conf_faults_init(&faults);
	int err = conf_text_unseal(&text, fd, &faults);
	check_faults(&faults, err);
	conf_faults_done(&faults);
	close(fd);
	if (err == 0)
		use(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv input = sv_of((const char *)data, size);
	struct conf_faults faults;
	struct conf_text *text;

	if (sv_starts(input, SV("mgconf1"))) {
		use_image(input);
		return 0;
	}
	conf_faults_init(&faults);
	int err = conf_text_from(&text, "fuzz.cfg", input, &faults);
	check_faults(&faults, err);
	conf_faults_done(&faults);
	if (err == 0)
		use(text);
	return 0;
}
