/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tests of warden.c against a child that has been taken over: this program is its own child (see WARDEN_CHILD_ARG), which asks for reloads and reads nothing.
 */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/warden.h"
#include "daemon/warden_priv.h"

#define LISTENERS 32 /* a datagram socket a worker each: a socketpair takes few such texts */
#define WORKERS   "16"
#define WAIT_S    25

/* ---- the child ---- */

/* The first configuration. Returns its number; `n` is set to how many messages it is. */
static uint64_t read_first(int ipc, size_t *n)
{
	struct pollfd fd = {.fd = ipc, .events = POLLIN};
	struct ipc_msg msg = {0};
	int descriptor;

	for (*n = 0; msg.type != IPC_COMMIT; *n += msg.type == IPC_BEGIN || (*n && msg.type)) {
		poll(&fd, 1, -1);
		int err = ipc_receive(ipc, true, &msg, &descriptor);

		if (err && err != -EAGAIN)
			exit(1);
		if (err)
			msg.type = IPC_NONE;
		else if (descriptor >= 0)
			close(descriptor);
	}
	return msg.generation;
}

static size_t unread(int ipc)
{
	int bytes = 0;

	ioctl(ipc, FIONREAD, &bytes);
	return (size_t)bytes / sizeof(struct ipc_msg);
}

/* Says what a good one says, that it runs what came in whole included, but reads no more: sooner or later there is no room. */
static int hostile(int ipc)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_READY};
	size_t each, taken = 0;

	msg.generation = read_first(ipc, &each);
	while (ipc_send(ipc, &msg, -1) == 0) {
		usleep(50000);
		if (unread(ipc) == (taken + 1) * each) {
			taken++;
			msg.generation++;
			msg.type = IPC_READY;
		} else {
			msg.type = msg.type == IPC_RELOAD ? IPC_HEARTBEAT : IPC_RELOAD;
		}
	}
	return 1;
}

/* ---- the test ---- */

static char folder[40], config[64], log_path[64];

/* Addresses that no other test has: an own second byte. */
static int write_config(void)
{
	snprintf(config, sizeof(config), "%s/m.cfg", folder);
	FILE *f = fopen(config, "w");

	if (!f)
		return -1;
	fprintf(f,
		"workers = " WORKERS ";\nuser = \"nobody\";\nstate = \"%s/state\";\n"
		"modules = ( { name = \"sanity\"; } );\nzones = ( { name = \"lab\"; listen = ( ",
		folder);
	for (unsigned i = 1; i <= LISTENERS; i++)
		fprintf(f, "%s\"udp:127.%u.77.%u:5060\"", i > 1 ? ", " : "",
			(unsigned)(getpid() % 200 + 20), i);
	fprintf(f, " ); } );\n");
	return fclose(f);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/margrave-warden-%d", (int)getpid());
	if (mkdir(folder, 0700) < 0)
		return -1;
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	return write_config();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char text[1 << 20]; /* of the log */

static unsigned count(const char *what)
{
	FILE *f = fopen(log_path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	unsigned found = 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	for (char *at = text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static bool comes(const char *what, pid_t warden)
{
	siginfo_t gone = {0};

	for (unsigned ms = 0; ms < WAIT_S * 1000 && !gone.si_pid; ms += 20) {
		if (count(what))
			return true;
		usleep(20000);
		waitid(P_PID, (id_t)warden, &gone, WEXITED | WNOHANG | WNOWAIT);
	}
	return false;
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
			_exit(99);
		_exit(warden_run(config));
	}
	return pid;
}

/* It is told apart from a good one by what it leaves unread, and ended. */
static void test_asks_and_does_not_read(void **state)
{
	pid_t warden = start();
	int status;

	(void)state;
	assert_true(warden > 0);
	bool ended = comes("ev=sip_process_does_not_read", warden);
	bool again = comes("ev=sip_process_died signal=KILL", warden);
	kill(warden, SIGKILL); /* the child finds nobody to talk to */
	assert_int_equal(waitpid(warden, &status, 0), warden);
	if (!ended || !again)
		fail_msg("%s", text);
	assert_int_equal(count("sip_process_silent") + count("talks_nonsense"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asks_and_does_not_read),
	};

	if (argc == 3 && strcmp(argv[1], WARDEN_CHILD_ARG) == 0)
		return hostile((int)strtol(argv[2], NULL, 10));
	return cmocka_run_group_tests(tests, setup, teardown);
}
