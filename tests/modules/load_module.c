/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * load_module CONFIG USER-AGENT...: loads a configuration's third-party modules as the daemon does, sends a request with each User-Agent through
 * MESSAGE, and prints what came of it. Exits with 1, and the faults, when it does not load. Called by run.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>

#include "chain/test_module.h"

const struct mg_module *const chain_builtin[] = {NULL};

/* First load: learn which files there are, and open them. */
static bool open_files(const char *path)
{
	struct conf_env env = {.pass_unknown_variants = true};
	struct test_root root;
	struct conf_faults faults;
	struct conf_text *text = NULL;
	struct arena arena;
	int err;

	arena_init(&arena, 4096, 1 << 20);
	conf_faults_init(&faults);
	err = conf_text_read(&text, path, &faults);
	if (!err)
		err = conf_load(text, &test_root_table, &root, &arena, &env, NULL, &faults);
	if (!err) {
		err = chain_open_all(&root.modules, &faults);
		conf_close_files(&test_root_table, &root);
	}
	conf_faults_print(&faults, stdout);
	conf_faults_done(&faults);
	conf_text_free(text);
	arena_done(&arena);
	return err == 0;
}

static void send_request(const char *agent)
{
	struct mg_source source = test_source("192.0.2.7:5060", INTERNET);
	char message[4000];

	snprintf(message, sizeof(message), M_START M_ALL "User-Agent: %s\r\n", agent);
	fake_request(&q, &f, &source, message, true);
	printf("%s: %s\n", agent, refusal_text(&q.r, chain_message(&q.r)));
	fake_request_done(&q);
}

static void print_counters(void)
{
	const struct stats *counters;
	const char *name;

	for (unsigned i = 0; chain_counters(now.chain, i, &name, &counters); i++)
		for (size_t j = 0; counters && j < counters->n; j++)
			printf("%s %s %llu\n", name, counters->desc[j].name,
			       (unsigned long long)stats_sum(counters, j));
}

static char *read_file(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return text;
}

int main(int argc, char **argv)
{
	const char *fault;

	if (argc < 2 || !open_files(argv[1]))
		return 1;
	fake_init(&f, 0, 1, 16);
	fault = test_conf_load(&now, read_file(argv[1])); /* the second load */
	if (fault) {
		puts(fault);
		return 1;
	}
	assert_int_equal(chain_worker_enter(&f.worker, now.chain), 0);
	for (int i = 2; i < argc; i++)
		send_request(argv[i]);
	print_counters();
	fputs(fake_logged(&f), stdout);
	test_end();
	return 0;
}
