/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_child: starting the SIP process, and what is learned from its death.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/warden.h"
#include "daemon/warden_priv.h"

#define QUARANTINE_S 60

#define IPC_FD          3
#define BACK_OFF_MS     100
#define BACK_OFF_MAX_MS 10000
#define DEATHS_AT_ONCE  3

/* glibc makes a thread's heap larger by a page at a time, with a system call for each, and gives back at once what becomes free at its end, which the next calls
 * then fault in again. With this pad a heap (of 64 MiB at most) is opened whole, and stays so; only what has been used is ever backed by memory. Transactions end many
 * at a time: 7 freed pieces of a size, as many as a thread keeps at hand for itself by default, are few. */
#define MALLOC_TUNABLES "glibc.malloc.top_pad=58720256:glibc.malloc.tcache_count=256"

/* In the child, between fork and exec: nothing but system calls. Of descriptors it gets its socket and the standard ones only. */
static _Noreturn void become(int ipc)
{
	char *const argv[] = {"margrave: sip", WARDEN_CHILD_ARG, "3", NULL};
	sigset_t none;

	_Static_assert(IPC_FD == 3, "argv says so");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Not to be ended by the Ctrl-C that the warden ends it for. */
	setpgid(0, 0);
	if (ipc != IPC_FD && dup2(ipc, IPC_FD) < 0)
		_exit(127);
	(void)close_range(IPC_FD + 1, ~0U, 0);
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

	for (unsigned i = 0; !err && i < WARDEN_QUARANTINE_MAX; i++) {
		struct ipc_msg msg = {.magic = IPC_MAGIC,
				      .type = IPC_QUARANTINE,
				      .addr = w->quarantine[i].source,
				      .number = w->quarantine[i].hash,
				      .head = w->quarantine[i].head};

		if (w->quarantine[i].until_ms <= now_ms)
			continue;
		msg.seconds = (uint32_t)((w->quarantine[i].until_ms - now_ms + 999) / 1000);
		err = ipc_send(w->ipc, &msg, -1);
	}
	return err;
}

int child_send_keys(const struct warden *w)
{
	int fd = keys_memfd(w->keys);
	int err = fd < 0 ? fd : send_fd(w->ipc, IPC_KEYS, fd);

	if (fd >= 0)
		close(fd);
	return err;
}

static int send_gate(struct warden *w)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_GATE, .number = w->gate_secret};

	return ipc_send(w->ipc, &msg, w->gate_fd);
}

static int greet(struct warden *w)
{
	int err = child_send_keys(w);

	if (!err)
		err = send_fd(w->ipc, IPC_RING, w->ring_fd);
	if (!err && w->gate_fd >= 0)
		err = send_gate(w);
	if (!err)
		err = send_fd(w->ipc, IPC_CONTROL, w->control_fd);
	if (!err)
		err = send_quarantine(w, loop_now_ms(w->loop));
	return err ? err : send_begin(w, w->running);
}

/* Signals that are meant for us and reach the child too, as those to all processes of a service, must not be heard in it: not by our handlers before it is another
 * program, nor end it before it ignores them itself. */
static pid_t fork_deaf(void)
{
	static const int ours[] = {SIGHUP, SIGINT, SIGTERM};
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		return pid;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_IGN);
	return 0;
}

int child_start(struct warden *w)
{
	int pair[2], room = 4 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -errno;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	memset(w->ring, 0, sizeof(*w->ring));
	(void)setenv("GLIBC_TUNABLES", MALLOC_TUNABLES, 0); /* an operator's own stand */
	pid_t pid = fork_deaf();
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
	w->ready = w->killed = w->quiet = w->refused = false;
	w->stuck = 0;
	return greet(w);
}

/* ---- its death ---- */

static bool is_fault(int signo)
{
	return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE ||
	       signo == SIGABRT || signo == SIGSYS;
}

/* The place of the one whose time ends first; the same once more keeps its own. */
static struct suspect *place_for(struct warden *w, const struct addr *source, uint64_t hash,
				 uint32_t head)
{
	struct suspect *first = &w->quarantine[0];

	for (unsigned i = 0; i < WARDEN_QUARANTINE_MAX; i++) {
		struct suspect *s = &w->quarantine[i];

		if (s->hash == hash && s->head == head && addr_host_eq(&s->source, source))
			return s;
		if (s->until_ms < first->until_ms)
			first = s;
	}
	return first;
}

/* What a slot says was written by the process that died: it is believed only as far as it has the form of an address. Bytes are counted and
 * hashed, not read. */
static void quarantine(struct warden *w, const struct poison_slot *slot, uint64_t now_ms)
{
	struct addr source = slot->source;
	uint64_t hash = atomic_load(&slot->call_hash);
	uint32_t len = slot->len < POISON_HEAD ? slot->len : POISON_HEAD;
	uint32_t head = hash ? 0 : len; /* it died before it knew the Call-ID: in the parser */
	struct log_line l;

	if ((hash == 0 && head == 0) || (source.family != ADDR_V4 && source.family != ADDR_V6))
		return;
	if (head)
		hash = poison_hash(slot->head, head);
	*place_for(w, &source, hash, head) =
		(struct suspect){.source = source,
				 .hash = hash,
				 .head = head,
				 .until_ms = now_ms + QUARANTINE_S * 1000ULL};
	log_begin(&l, LOG_WARNING, "sec", "quarantine");
	log_addr(&l, "src", &source);
	log_str(&l, "by", head ? "bytes" : "call_id");
	log_u64(&l, "seconds", QUARANTINE_S);
	log_end(&l);
}

uint64_t child_back_off_ms(unsigned deaths)
{
	uint64_t ms = BACK_OFF_MS;

	if (deaths < DEATHS_AT_ONCE)
		return 0;
	for (unsigned i = DEATHS_AT_ONCE; i < deaths && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
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

		if (atomic_load(&slot->busy))
			quarantine(w, slot, loop_now_ms(w->loop));
	}
}
