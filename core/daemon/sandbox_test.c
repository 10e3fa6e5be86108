/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of sandbox.c and landlock.c: a process inside tries what one that was taken over would try (THREATS O-9), each attempt in a process of its own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/sandbox.h"

static char folder[64];

static void hush(void *arg, enum log_level level, struct sv line)
{
	(void)arg, (void)level, (void)line;
}

static int setup(void **state)
{
	(void)state;
	log_to(hush, NULL);
	snprintf(folder, sizeof(folder), "/tmp/margrave-sandbox-XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0777) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Run `attempt` in a process inside the sandbox: its exit status, or 1000 and the signal that killed it. */
static int inside(int (*attempt)(void))
{
	struct sandbox sandbox = {.user = "nobody", .state = folder};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(&sandbox) < 0)
			_exit(99);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- what is tried; 0: refused as it should be ---- */

static int refused_with(long result, int expected)
{
	long last;

	if (result != -1 || errno != expected)
		return 1;
	return expected == ENOSYS && sandbox_refused(&last) != 1 ? 2 : 0;
}

static int try_execve(void)
{
	char *const argv[] = {"true", NULL};

	return execv("/bin/true", argv) == 0;
}
static int try_execveat(void)
{
	char *const argv[] = {"true", NULL};

	return syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0) == 0;
}
static int try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}
static int try_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}
static int try_packet(void)
{
	return refused_with(socket(AF_PACKET, SOCK_RAW, 0), ENOSYS);
}
static int try_fork(void)
{
	return refused_with(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), ENOSYS);
}
static int try_mount(void)
{
	return refused_with(syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL), ENOSYS);
}
static int try_kill(void)
{
	return refused_with(kill(1, 0), ENOSYS);
}
static int try_tgkill(void)
{
	return refused_with(syscall(SYS_tgkill, 1, 1, 0), ENOSYS);
}
static int try_new_code(void)
{
	return refused_with((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			    ENOSYS);
}
static int try_dumpable(void)
{
	return refused_with(prctl(PR_SET_DUMPABLE, 1), ENOSYS);
}
static int try_terminal(void)
{
	return refused_with(ioctl(0, TIOCSTI, "x"), ENOSYS);
}
static int try_setuid(void)
{
	return refused_with(syscall(SYS_setresuid, 0, 0, 0), ENOSYS);
}
static int try_bpf(void)
{
	return refused_with(syscall(SYS_bpf, 0, NULL, 0), ENOSYS);
}
static int try_io_uring(void)
{
	return refused_with(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
}
static int try_read_file(void)
{
	return refused_with(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EACCES);
}
static int try_read_proc(void)
{
	return refused_with(open("/proc/self/mem", O_RDONLY | O_CLOEXEC), EACCES);
}
static int try_write_file(void)
{
	return refused_with(
		open("/tmp/margrave-sandbox-outside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
		EACCES);
}
static int try_up(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/../passwd", folder);
	return refused_with(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES);
}

/* clang-format off */
static const struct {
	const char *name;
	int (*attempt)(void);
	int expected; /* 0: refused; 1000 + signal: killed */
} rows[] = {
	{"execve", try_execve, 1000 + SIGSYS},
	{"execveat", try_execveat, 1000 + SIGSYS},
	{"ptrace", try_ptrace, 1000 + SIGSYS},
	{"netlink", try_netlink, 1000 + SIGSYS},
	{"packet socket", try_packet, 0},
	{"fork", try_fork, 0},
	{"mount", try_mount, 0},
	{"kill", try_kill, 0},
	{"tgkill", try_tgkill, 0},
	{"new code", try_new_code, 0},
	{"dumpable", try_dumpable, 0},
	{"terminal", try_terminal, 0},
	{"setuid", try_setuid, 0},
	{"bpf", try_bpf, 0},
	{"io_uring", try_io_uring, 0},
	{"read a file", try_read_file, 0},
	{"read memory by its file", try_read_proc, 0},
	{"write a file", try_write_file, 0},
	{"out of the folder", try_up, 0},
};
/* clang-format on */

static void test_attempts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = inside(rows[i].attempt);

		if (got != rows[i].expected)
			fail_msg("%s: %d, expected %d", rows[i].name, got, rows[i].expected);
	}
}

/* ---- what must go on ---- */

static void *netlink_thread(void *arg)
{
	(void)arg;
	(void)socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	return NULL;
}

static void *idle_thread(void *arg)
{
	(void)prctl(PR_SET_NAME, "other");
	return arg;
}

static int thread_tries(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, netlink_thread, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}

static int works(void)
{
	char path[128];
	pthread_t thread;
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	long last;

	snprintf(path, sizeof(path), "%s/file", folder);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || pwrite(file, "x", 1, 0) != 1 || fsync(file) < 0 || ftruncate(file, 0) < 0 ||
	    unlink(path) < 0)
		return 1;
	int tcp = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (tcp < 0 || udp < 0 || getsockname(udp, (struct sockaddr *)&sa, &n) < 0)
		return 2;
	if (pthread_create(&thread, NULL, idle_thread, NULL) != 0)
		return 3;
	pthread_join(thread, NULL);
	void *big = malloc(1 << 22);
	if (!big || memfd_create("x", MFD_CLOEXEC) < 0)
		return 4;
	free(big);
	return sandbox_refused(&last) == 0 ? 0 : 5;
}

static void test_what_must_go_on(void **state)
{
	(void)state;
	assert_int_equal(inside(works), 0);
}

static void test_threads_are_inside(void **state)
{
	(void)state;
	assert_int_equal(inside(thread_tries), 1000 + SIGSYS);
}

static int aborts(void)
{
	abort();
}

static void test_abort_is_seen(void **state)
{
	(void)state;
	assert_int_equal(inside(aborts), 1000 + SIGABRT);
}

/* ---- what /proc says ---- */

static void test_status(void **state)
{
	struct sandbox sandbox = {.user = "nobody", .state = folder};
	char path[64], text[8192];
	int ready[2], hold[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(hold[1]);
		bool good = sandbox_enter(&sandbox) == 0 && write(ready[1], "x", 1) == 1;
		_exit(good && read(hold[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
	assert_non_null(strstr(text, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000\n"));
	assert_non_null(strstr(text, "CapPrm:\t0000000000000000\n"));
	assert_non_null(strstr(text, "Seccomp:\t2\n"));
	for (unsigned i = 0; i < 2; i++) {
		close(ready[i]);
		close(hold[i]);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_no_such_user_or_folder(void **state)
{
	struct sandbox no_folder = {.user = "nobody", .state = "/nowhere"};
	struct sandbox no_user = {.user = "no such user", .state = folder};

	(void)state;
	assert_true(sandbox_enter(&no_folder) < 0);
	if (geteuid() == 0)
		assert_true(sandbox_enter(&no_user) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_what_must_go_on),
		cmocka_unit_test(test_threads_are_inside),
		cmocka_unit_test(test_abort_is_seen),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_no_such_user_or_folder),
	};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("SKIP: the sandbox is off under sanitizers");
	return 77;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
	puts("SKIP: the sandbox is off under sanitizers");
	return 77;
#endif
#endif
	return cmocka_run_group_tests(tests, setup, teardown);
}
