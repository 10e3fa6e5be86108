/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Standard error that nobody reads: lines are lost and counted, nothing waits. The lines themselves are
 * tested with log.c. A write that blocks is ended by an alarm, which fails the test.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log_sink.h"

#define BLOCKED_S 10
#define LINES     3000 /* of some 1 KiB: more than any of them takes */

static void say(unsigned n)
{
	static const char filler[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct log_line l;

	log_begin(&l, LOG_INFO, "base", "filler");
	log_u64(&l, "n", n);
	for (int i = 0; i < 7; i++)
		log_str(&l, "v", filler);
	log_end(&l);
}

static char got[LINES * 1200];

/* Append all that is there now to the `n` bytes of text. Returns how many they are then. */
static size_t drain(int fd, size_t n)
{
	ssize_t k;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (n < sizeof(got) - 1 && (k = read(fd, got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)k;
	got[n] = '\0';
	return n;
}

enum kind { PIPE, SMALL_PIPE, STREAM, SEQPACKET, TERMINAL };

/* `*to` is written to, as standard error is. */
static void make(enum kind kind, int *from, int *to)
{
	int fd[2] = {-1, -1};

	switch (kind) {
	case PIPE:
	case SMALL_PIPE:
		assert_int_equal(pipe(fd), 0);
		if (kind == SMALL_PIPE)
			assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
		break;
	case STREAM: assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0); break;
	case SEQPACKET: assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0); break;
	case TERMINAL: {
		struct termios t;

		fd[0] = posix_openpt(O_RDWR | O_NOCTTY);
		assert_true(fd[0] >= 0 && grantpt(fd[0]) == 0 && unlockpt(fd[0]) == 0);
		fd[1] = open(ptsname(fd[0]), O_RDWR | O_NOCTTY);
		assert_true(fd[1] >= 0 && tcgetattr(fd[1], &t) == 0);
		cfmakeraw(&t);
		assert_int_equal(tcsetattr(fd[1], TCSANOW, &t), 0);
		break;
	}
	}
	*from = fd[0];
	*to = fd[1];
}

/* The number behind `head`, if the line begins so. */
static bool number_behind(const char *line, const char *head, unsigned *n)
{
	if (strncmp(line, head, strlen(head)) != 0)
		return false;
	*n = (unsigned)strtoul(line + strlen(head), NULL, 10);
	return true;
}

/* Whole lines that arrived, in order, and the losses that were told. Returns how many are missing. */
static unsigned check_lines(unsigned *whole, unsigned *told)
{
	unsigned expected = 0, n, missing = 0;

	*whole = *told = 0;
	for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n")) {
		if (number_behind(line, "info base ev=filler n=", &n)) {
			if (strlen(line) < 900) /* torn, which only streams of bytes do */
				continue;
			assert_true(n >= expected);
			missing += n - expected;
			expected = n + 1;
			++*whole;
		} else if (number_behind(line, "warning log ev=log_lost n=", &n)) {
			*told += n;
		} else {
			fail_msg("%s", line);
		}
	}
	return missing;
}

static void stand_still(enum kind kind, bool open)
{
	int from, to, kept = dup(STDERR_FILENO);
	uint64_t before = log_sink_lost();
	unsigned whole, told, missing;

	make(kind, &from, &to);
	assert_int_equal(dup2(to, STDERR_FILENO), STDERR_FILENO);
	if (open)
		log_sink_open();
	alarm(BLOCKED_S);
	for (unsigned i = 0; i < LINES; i++)
		say(i);
	uint64_t lost = log_sink_lost() - before;
	log_sink_flush(); /* no room yet */
	/* the description that we were given is as it was */
	assert_false(fcntl(to, F_GETFL) & O_NONBLOCK);
	size_t n = drain(from, 0);
	log_sink_flush();
	log_sink_flush(); /* said once */
	n = drain(from, n);
	say(LINES);
	drain(from, n);
	alarm(0);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(to);
	close(from);
	if (open)
		log_sink_open();
	missing = check_lines(&whole, &told);
	assert_true(lost > 0 && lost < LINES);
	assert_int_equal(log_sink_lost() - before, lost);
	assert_int_equal(told, lost);
	assert_int_equal(missing, lost);
	assert_int_equal(whole, LINES + 1 - lost);
}

#define STANDS_STILL(name, kind, open)   \
	static void name(void **state)   \
	{                                \
		(void)state;             \
		stand_still(kind, open); \
	}
STANDS_STILL(a_pipe, PIPE, true)
STANDS_STILL(a_pipe_of_one_page, SMALL_PIPE, true)
STANDS_STILL(a_stream, STREAM, true)
STANDS_STILL(a_socket_of_messages, SEQPACKET, true)
STANDS_STILL(a_terminal, TERMINAL, true)
STANDS_STILL(a_pipe_that_may_block, PIPE, false)
STANDS_STILL(a_page_that_may_block, SMALL_PIPE, false)

/* A child that may not open it itself, as one that is another user by now, gets it from its parent. */
static void handed_on(void **state)
{
	int from, to, status;
	pid_t pid;

	(void)state;
	make(PIPE, &from, &to);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(to, STDERR_FILENO);
		log_sink_open();
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		log_sink_open();
		alarm(BLOCKED_S);
		for (unsigned i = 0; i < LINES; i++)
			say(i);
		_exit(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK && log_sink_lost() > 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(from);
	close(to);
}

/* A file takes all; where there is no standard error all is lost. */
static void files_and_nothing(void **state)
{
	int kept = dup(STDERR_FILENO), fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	uint64_t before = log_sink_lost();

	(void)state;
	assert_true(fd >= 0);
	dup2(fd, STDERR_FILENO);
	log_sink_open();
	for (unsigned i = 0; i < LINES; i++)
		say(i);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(STDERR_FILENO);
	log_sink_open();
	say(0);
	uint64_t lost = log_sink_lost() - before;
	dup2(fd, STDERR_FILENO);
	log_sink_flush(); /* so that the next one finds nothing untold */
	dup2(kept, STDERR_FILENO);
	close(kept);
	log_sink_open();
	assert_int_equal(lost, 1);
	assert_true(lseek(fd, 0, SEEK_END) > (off_t)LINES * 900);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_that_may_block), /* first: before log_sink_open */
		cmocka_unit_test(a_page_that_may_block),
		cmocka_unit_test(a_pipe),
		cmocka_unit_test(a_pipe_of_one_page),
		cmocka_unit_test(a_stream),
		cmocka_unit_test(a_socket_of_messages),
		cmocka_unit_test(a_terminal),
		cmocka_unit_test(handed_on),
		cmocka_unit_test(files_and_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
