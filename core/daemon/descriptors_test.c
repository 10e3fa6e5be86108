/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of descriptors.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/descriptors.h"

/* In a child without root's rights, because limits that were lowered stay so: 0 allowed with the soft limit raised, 1 refused as it should be. */
static int try_in_child(rlim_t hard, int64_t connections)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct rlimit limit = {.rlim_cur = 64, .rlim_max = hard};
		struct settings s = {.workers = 2, .transport = {.connections_max = connections}};
		struct conf_faults faults;

		conf_faults_init(&faults);
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || (geteuid() == 0 && setuid(65534) < 0))
			_exit(90);
		int err = descriptors_allow(&s, 6, &faults);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		if (err == 0)
			_exit(limit.rlim_cur >= (rlim_t)connections + 12 && faults.n == 0 ? 0 : 91);
		_exit(faults.n == 1 && strstr(faults.text[0], "need") &&
				      strstr(faults.text[0], "1000")
			      ? 1
			      : 92);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_raised(void **state)
{
	(void)state;
	assert_int_equal(try_in_child(4096, 1000), 0);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(try_in_child(1000, 1000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_raised),
					   cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
