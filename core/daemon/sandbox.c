/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sandbox: user and capabilities, core dumps, Landlock, seccomp, in this order, because each takes away what the one before needs. Under sanitizers, which need more of
 * the kernel than we do, files and system calls stay open.
 */
#include "daemon/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/landlock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static atomic_uint_fast64_t refused;
static atomic_long refused_last;

uint64_t sandbox_refused(long *last)
{
	*last = atomic_load(&refused_last);
	return atomic_load(&refused);
}

static void say(enum log_level level, const char *event, const char *key, const char *value)
{
	struct log_line l;

	log_begin(&l, level, "sandbox", event);
	log_str(&l, key, value);
	log_end(&l);
}

/* ---- user and capabilities ---- */

static int become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw) {
		say(LOG_ERROR, "no_such_user", "user", user);
		return MG_ENOENT;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -errno;
	return 0;
}

static int drop_rights(const struct sandbox *sandbox)
{
	struct rlimit none = {0, 0};
	int err = 0;

	if (geteuid() == 0)
		err = become(sandbox->user);
	else
		say(LOG_INFO, "unprivileged", "off",
		    sandbox->gate ? "user,socket_buffers,low_ports"
				  : "user,socket_buffers,low_ports,kernel_gate");
	if (err)
		return err;
	/* setresuid took them from all sets but the bounding one, which needs CAP_SETPCAP; without new privileges nothing comes back. */
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return MG_EINVAL;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* ---- system calls ---- */

/* Whatever the arguments. Those of SQLite in the state folder are among them. */
/* clang-format off */
static const int allowed[] = {
	SCMP_SYS(accept4), SCMP_SYS(access), SCMP_SYS(bind), SCMP_SYS(brk), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close), SCMP_SYS(connect), SCMP_SYS(dup),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fcntl), SCMP_SYS(fdatasync),
	SCMP_SYS(fstat), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(futex), SCMP_SYS(getegid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpeername), SCMP_SYS(getpid), SCMP_SYS(getrandom),
	SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(gettid), SCMP_SYS(gettimeofday), SCMP_SYS(getuid),
	SCMP_SYS(listen), SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(memfd_create), SCMP_SYS(mremap),
	SCMP_SYS(munmap), SCMP_SYS(nanosleep), SCMP_SYS(newfstatat), SCMP_SYS(openat), SCMP_SYS(pipe2),
	SCMP_SYS(poll), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(read), SCMP_SYS(readv),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(set_robust_list),
	SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(sigaltstack), SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
};

/* For some uses only: when this argument, under the mask, has the value. */
static const struct {
	int call;
	unsigned arg;
	uint64_t mask, value;
} conditions[] = {
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX},
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_INET},
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_INET6},
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0}, /* nothing new is run */
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	{SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},
	{SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_TIMERSLACK},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD},
	{SCMP_SYS(clone), 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM}, /* threads, not processes */
};
/* clang-format on */

/* What ends the process: nothing in it has a use for them. */
static const int deadly[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace)};

/* What is on no list: counted, and refused as a kernel without it would. */
static void on_sigsys(int signo, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)signo;
	atomic_fetch_add(&refused, 1);
	atomic_store(&refused_last, info->si_syscall);
#if defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
	u->uc_mcontext.regs[0] = (unsigned long long)-ENOSYS;
#else
#error "how a system call returns on this machine"
#endif
}

static int allow_when(scmp_filter_ctx ctx, int call, unsigned arg, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp when = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &when);
}

static int add_allowed(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !err && i < sizeof(conditions) / sizeof(conditions[0]); i++)
		err = allow_when(ctx, conditions[i].call, conditions[i].arg, conditions[i].mask,
				 conditions[i].value);
	/* signals to ourselves: abort(3) */
	return err ? err : allow_when(ctx, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint64_t)getpid());
}

static int add_refused(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp netlink = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK};
	int err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 1, netlink);

	for (size_t i = 0; !err && i < sizeof(deadly) / sizeof(deadly[0]); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	/* Its flags lie in memory, where a filter can't look: libc takes clone(2) then. */
	return err ? err : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int limit_calls(void)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);

	if (!ctx)
		return MG_ENOMEM;
	int err = sigaction(SIGSYS, &action, NULL) < 0 ? -errno : add_allowed(ctx);
	if (!err)
		err = add_refused(ctx);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* a tree instead of a list: every datagram goes through it */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

/* After the rights are gone: files and system calls. */
static int limit(int folder)
{
	if (SANITIZED) {
		say(LOG_WARNING, "partly_off", "why", "sanitizers");
		return 0;
	}
	int err = landlock_enter(folder);
	if (err == -ENOSYS || err == -EOPNOTSUPP)
		say(LOG_WARNING, "landlock_off", "why", "this kernel has none");
	else if (err)
		say(LOG_ERROR, "failed", "at", "landlock");
	if (err && err != -ENOSYS && err != -EOPNOTSUPP)
		return err;
	err = limit_calls();
	if (err)
		say(LOG_ERROR, "failed", "at", "seccomp");
	return err;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	/* Opened while we may: the way to it can be closed to the user. */
	int folder = open(sandbox->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = folder < 0 ? -errno : 0;

	if (err)
		say(LOG_ERROR, "failed", "at", "state_folder");
	if (!err) {
		err = drop_rights(sandbox);
		if (err)
			say(LOG_ERROR, "failed", "at", "rights");
	}
	if (!err)
		err = limit(folder);
	if (folder >= 0)
		close(folder);
	return err;
}
