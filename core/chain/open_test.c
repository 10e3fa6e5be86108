/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Shared objects as modules: good ones, those of another ABI version, broken files, descriptors that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "chain/chain_priv.h"
#include "chain/test_chain.h"

static const struct mg_module builtin = {.abi = MG_ABI_VERSION, .name = "builtin", .help = "none"};
const struct mg_module *const chain_builtin[] = {&builtin, NULL};

static char why[256];

static const struct mg_module *open_named(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/chain_test_%s.so", TEST_OBJECTS, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	const struct mg_module *m = chain_open(fd, path, why, sizeof(why));
	close(fd);
	return m;
}

static void good(void **state)
{
	const char *known = NULL;

	(void)state;
	assert_null(chain_find("good"));
	assert_null(chain_variant(NULL, "good", &known));
	assert_memory_equal(known, "builtin\0\0", 9);
	const struct mg_module *m = open_named("good");
	if (!m)
		fail_msg("%s", why);
	assert_string_equal(m->name, "good");
	assert_ptr_equal(chain_find("good"), m);
	assert_ptr_equal(chain_variant(NULL, "good", &known), m->options);
	assert_ptr_equal(open_named("good"), m); /* the same file again */
	assert_null(chain_variant(NULL, "", &known));
	assert_memory_equal(known, "builtin\0good\0\0", 14);
	assert_non_null(chain_variant(NULL, "builtin", &known));
	assert_int_equal(chain_variant(NULL, "builtin", &known)->n, 0);
}

static void refused(void **state)
{
	static const struct {
		const char *object, *why;
		bool ran; /* some code of it */
	} rows[] = {
		{"older", "abi version 0, this is 1", false},
		{"newer", "abi version 2, this is 1", false},
		{"silent", "it has no symbol mg_module", false},
		{"lost", "undefined symbol: mg_nobody", false},
		{"nameless", "it has no name of 1 to 32 bytes of [a-z0-9_]", true},
		{"careless", "its options: ", true},
		{"clash", "there is a module builtin already", true},
		{"twin", "there is a module good already", true},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsetenv("TEST_OBJECT_RAN");
		why[0] = '\0';
		assert_null(open_named(rows[i].object));
		if (!strstr(why, rows[i].why))
			row_differs(&bad, rows[i].object, why, rows[i].why);
		if (!getenv("TEST_OBJECT_RAN") == rows[i].ran)
			row_differs(&bad, rows[i].object, "ran otherwise", "");
	}
	assert_int_equal(bad, 0);
	assert_null(chain_find("older"));
}

/* ---- files that are no module ---- */

static size_t size;
static char *bytes; /* of the good object */

static void read_good(void)
{
	FILE *file = fopen(TEST_OBJECTS "/chain_test_good.so", "rb");

	assert_non_null(file);
	bytes = malloc(8 << 20);
	assert_non_null(bytes);
	size = fread(bytes, 1, 8 << 20, file);
	assert_in_range(size, 1000, (8 << 20) - 1);
	fclose(file);
}

static int abi_of(const char *p, size_t n, uint32_t *abi, const char **text)
{
	int fd = memfd_create("object", MFD_CLOEXEC);
	int err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	err = chain_elf_abi(fd, abi, text);
	close(fd);
	return err;
}

static void not_an_object(void **state)
{
	static const struct {
		size_t at;
		unsigned char byte;
		const char *why;
	} rows[] = {
		{0, 'x', "it is no shared object"},
		{EI_CLASS, ELFCLASS32, "it is for another machine"},
		{EI_DATA, ELFDATA2MSB, "it is for another machine"},
		{offsetof(ElfW(Ehdr), e_machine), EM_M32, "it is for another machine"},
		{offsetof(ElfW(Ehdr), e_type), ET_EXEC, "it is no shared object"},
		{offsetof(ElfW(Ehdr), e_shentsize), 1, "it has no tables of sections and segments"},
		{offsetof(ElfW(Ehdr), e_phentsize), 1, "it has no tables of sections and segments"},
	};
	const char *text = NULL;
	uint32_t abi = 0;
	unsigned bad = 0;

	(void)state;
	read_good();
	assert_int_equal(abi_of(bytes, size, &abi, &text), 0);
	assert_int_equal(abi, MG_ABI_VERSION);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char was = bytes[rows[i].at];
		bytes[rows[i].at] = (char)rows[i].byte;
		text = "";
		if (abi_of(bytes, size, &abi, &text) == 0 || strcmp(text, rows[i].why) != 0)
			row_differs(&bad, rows[i].why, text, rows[i].why);
		bytes[rows[i].at] = was;
	}
	assert_int_equal(bad, 0);
	assert_int_equal(abi_of("#!/bin/sh", 9, &abi, &text), MG_EINVAL);
	assert_string_equal(text, "it is no shared object");
	assert_int_equal(abi_of(bytes, size / 2, &abi, &text), MG_EINVAL);
	free(bytes);
}

/* Any byte of its tables may be anything: it must be read or refused. Sanitizers watch. */
static void damaged(void **state)
{
	uint32_t abi, seed = 1;
	const char *text;

	(void)state;
	read_good();
	for (unsigned i = 0; i < 3000; i++) {
		size_t at = i < 128 ? i / 2 : 0;
		if (i >= 128) {
			const ElfW(Ehdr) *head = (const void *)bytes;
			seed = seed * 1664525u + 1013904223u;
			at = (i & 1) ? head->e_shoff +
					       (seed >> 8) % (head->e_shnum * sizeof(ElfW(Shdr)))
				     : head->e_phoff +
					       (seed >> 8) % (head->e_phnum * sizeof(ElfW(Phdr)));
		}
		char was = bytes[at];
		bytes[at] = (char)(i & 2 ? 0xff : was ^ 1 << i % 8);
		text = NULL;
		if (abi_of(bytes, size, &abi, &text))
			assert_non_null(text);
		bytes[at] = was;
	}
	free(bytes);
}

static void no_file(void **state)
{
	(void)state;
	assert_null(chain_open(-1, "/nowhere", why, sizeof(why)));
	assert_string_equal(why, "it is no shared object");
}

/* ---- descriptors ---- */

static void descriptors(void **state)
{
	static const struct stats_desc unnamed[] = {{.name = "With Space", .help = "x"}};
	static const struct stats_desc helpless[] = {{.name = "x_total"}};
	static const struct conf_option taken[] = {
		{.name = "file", .type = CONF_BOOL, .help = "x"}};
	static const struct conf_table table = {.name = "x", .size = 1, CONF_OPTIONS(taken)};
	static const struct {
		struct mg_module m;
		const char *why;
	} rows[] = {
		{{.abi = 1, .name = "x", .help = "x"}, NULL},
		{{.abi = 7, .name = "x", .help = "x"}, "abi version 7, this is 1"},
		{{.abi = 1, .help = "x"}, "it has no name of 1 to 32 bytes of [a-z0-9_]"},
		{{.abi = 1, .name = "", .help = "x"},
		 "it has no name of 1 to 32 bytes of [a-z0-9_]"},
		{{.abi = 1, .name = "x"}, "it has no help"},
		{{.abi = 1, .name = "x", .help = "x", .n_counters = 1},
		 "it counts its counters but has none"},
		{{.abi = 1, .name = "x", .help = "x", .n_counters = 1, .counters = unnamed},
		 "a counter has no name of [a-z0-9_] or no help"},
		{{.abi = 1, .name = "x", .help = "x", .n_counters = 1, .counters = helpless},
		 "a counter has no name of [a-z0-9_] or no help"},
		{{.abi = 1, .name = "x", .help = "x", .options = &table},
		 "it declares the option name or file, which every module has"},
	};
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = chain_descriptor_fault(&rows[i].m, why, sizeof(why));
		const char *want = rows[i].why ? rows[i].why : "fine";
		if (strcmp(got ? got : "fine", want) != 0)
			row_differs(&bad, want, got, want);
	}
	assert_int_equal(bad, 0);
}

/* ---- what it does ---- */

static void runs(void **state)
{
	static const struct mg_zone zone = {.name = "z"};
	const struct mg_source source = {.addr = test_addr("192.0.2.1:5060"), .zone = &zone};
	const struct mg_module *m = open_named("good");
	int64_t settings = 7;
	const struct chain_module_conf conf = {
		.name = "good", .at = "t.cfg:1", .options = &settings};
	const struct stats *counters;
	struct conf_faults faults;
	static struct fake f;
	static struct fake_request q;
	const char *name;

	(void)state;
	assert_non_null(m);
	conf_faults_init(&faults);
	fake_init(&f, 0, 1, 10);
	struct chain *chain = chain_new(&(struct chain_setup){.zones = &zone,
							      .n_zones = 1,
							      .workers = 1,
							      .modules = &conf,
							      .descriptors = &m,
							      .n = 1,
							      .faults = &faults});
	assert_non_null(chain);
	assert_int_equal(chain_worker_enter(&f.worker, chain), 0);
	fake_request(&q, &f, &source, FAKE_INVITE, false);
	assert_string_equal(refusal_text(&q.r, chain_request(&q.r)), "607 X-Module=good");
	assert_true(chain_counters(chain, 0, &name, &counters));
	assert_int_equal(stats_sum(counters, 0), 1);
	fake_request_done(&q);
	chain_worker_leave(&f.worker, chain);
	chain_free(chain);
	fake_done(&f);
	conf_faults_done(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),          cmocka_unit_test(refused),
		cmocka_unit_test(not_an_object), cmocka_unit_test(damaged),
		cmocka_unit_test(no_file),       cmocka_unit_test(descriptors),
		cmocka_unit_test(runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
