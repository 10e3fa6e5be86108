/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_child: starting the SIP process, and what is learned from its death.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/warden.h"
#include "daemon/warden_priv.h"

#define QUARANTINE_S 60

/* In the child, between fork and exec: nothing but system calls. */
static _Noreturn void become(int ipc)
{
	char number[12];
	char *const argv[] = {"margrave: sip", WARDEN_CHILD_ARG, number, NULL};
	sigset_t none;

	snprintf(number, sizeof(number), "%d", ipc);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Not to be ended by the Ctrl-C that the warden ends it for. */
	setpgid(0, 0);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int send_fd(int ipc, enum ipc_type type, int fd)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = type};

	return ipc_send(ipc, &msg, fd);
}

static int send_quarantine(struct warden *w, uint64_t now_ms)
{
	int err = 0;

	for (unsigned i = 0; !err && i < w->quarantined; i++) {
		struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_QUARANTINE, .addr = w->quarantine[i].source,
				      .number = w->quarantine[i].call_hash};

		if (w->quarantine[i].until_ms <= now_ms)
			continue;
		msg.seconds = (uint32_t)((w->quarantine[i].until_ms - now_ms + 999) / 1000);
		err = ipc_send(w->ipc, &msg, -1);
	}
	return err;
}

static int greet(struct warden *w)
{
	int keys = keys_memfd(w->keys);
	int err = keys < 0 ? keys : send_fd(w->ipc, IPC_KEYS, keys);

	if (keys >= 0)
		close(keys);
	if (!err)
		err = send_fd(w->ipc, IPC_RING, w->ring_fd);
	if (!err)
		err = send_fd(w->ipc, IPC_CONTROL, w->control_fd);
	if (!err)
		err = send_quarantine(w, loop_now_ms(w->loop));
	return err ? err : holding_send(w->running, w->ipc);
}

int child_start(struct warden *w)
{
	int pair[2], room = 4 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -errno;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	memset(w->ring, 0, sizeof(*w->ring));
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		become(pair[1]);
	}
	int err = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (err) {
		close(pair[0]);
		return err;
	}
	w->child = pid;
	w->ipc = pair[0];
	w->ready = w->killed = false;
	return greet(w);
}

/* ---- its death ---- */

static bool is_fault(int signo)
{
	return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE || signo == SIGABRT || signo == SIGSYS;
}

static void quarantine(struct warden *w, const struct poison_slot *slot, uint64_t now_ms)
{
	unsigned n = w->quarantined < 16 ? w->quarantined++ : 0;
	struct log_line l;

	w->quarantine[n].source = slot->source;
	w->quarantine[n].call_hash = atomic_load(&slot->call_hash);
	w->quarantine[n].until_ms = now_ms + QUARANTINE_S * 1000ULL;
	log_begin(&l, LOG_WARNING, "sec", "quarantine");
	log_addr(&l, "src", &slot->source);
	log_u64(&l, "seconds", QUARANTINE_S);
	log_end(&l);
}

void child_died(struct warden *w, int status)
{
	int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	struct log_line l;

	log_begin(&l, LOG_ERROR, "warden", "sip_process_died");
	if (signo)
		log_str(&l, "signal", sigabbrev_np(signo));
	else
		log_u64(&l, "status", (uint64_t)WEXITSTATUS(status));
	log_end(&l);
	for (unsigned i = 0; is_fault(signo) && !w->killed && i < TP_WORKERS_MAX; i++) {
		const struct poison_slot *slot = &w->ring->worker[i];

		if (atomic_load(&slot->busy) && atomic_load(&slot->call_hash))
			quarantine(w, slot, loop_now_ms(w->loop));
	}
}
