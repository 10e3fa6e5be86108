/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden: its loop: signals, the child's words and its death, heartbeats, the end.
 */
#include "daemon/warden.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "daemon/warden_priv.h"
#include "gate/gate.h"

#define CHECK_MS       1000
#define SILENCE_MS     5500  /* a heartbeat comes once a second */
#define START_MS       30000 /* until the first configuration runs */
#define STUCK_MS       5000  /* a callback that takes longer ends the process */
#define ABORT_MS       2000  /* how long it may take to die of it */
#define STOP_MS        35000
#define STOP_NOW_MS    10000
#define DEATHS_AT_ONCE 3
#define NO_PROCESS_MS  10000
#define TICKETS_MS     86400000 /* a day */
#define WORDS_A_TURN   64
#define ASKED_MS       200

/* What a child may say: heartbeats and answers to reloads are a few a second. */
static const struct limit_rule words_rule = {.tokens = 50, .per_ms = 1000, .burst = 200};
/* Loading is work. */
static const struct limit_rule asked_rule = {.tokens = 1, .per_ms = ASKED_MS, .burst = 20};

void warden_say(enum log_level level, const char *event, const char *key, const char *value)
{
	struct log_line l;

	log_begin(&l, level, "warden", event);
	if (key)
		log_str(&l, key, value);
	log_end(&l);
}

/* ---- the child ---- */

static void start(struct warden *w);

static void end_child(struct warden *w, int signo, const char *why)
{
	warden_say(LOG_ERROR, why, NULL, NULL);
	w->killed = true;
	kill(w->child, signo);
	w->heard_ms = loop_now_ms(w->loop);
}

static void stop(struct warden *w, bool graceful)
{
	graceful = ++w->stops == 1 && graceful;
	if (!w->child) {
		loop_stop(w->loop);
		return;
	}
	if (send_stop(w, graceful) < 0 || w->stops > 2)
		kill(w->child, SIGKILL);
	w->heard_ms = loop_now_ms(w->loop); /* from here on the end is waited for */
}

static void on_ready(struct warden *w)
{
	w->ready = w->lived = true;
	w->deaths = 0;
	reload_waiting(w);
}

/* Twice in a row: once may be a machine that stood still, which shows as a callback that took as long. */
static void on_heartbeat(struct warden *w, uint64_t busy_ms)
{
	w->stuck = busy_ms > STUCK_MS ? w->stuck + 1 : 0;
	if (w->stuck >= 2 && !w->killed)
		end_child(w, SIGABRT, "sip_process_stuck");
}

static void on_asked(struct warden *w)
{
	uint64_t now_ms = loop_now_ms(w->loop);

	if (w->asks)
		return;
	if (limit_take(&w->asked, &asked_rule, now_ms, 1)) {
		reload_begin(w);
		return;
	}
	w->asks = true;
	wheel_add(loop_wheel(w->loop), &w->asked_later, now_ms + ASKED_MS);
}

static void on_asked_later(struct wheel_timer *t, uint64_t now_ms)
{
	struct warden *w = container_of(t, struct warden, asked_later);

	(void)now_ms;
	w->asks = false;
	reload_begin(w);
}

/* Returns whether it makes sense. Nothing can be said of a configuration that it has not got yet. */
static bool on_word(struct warden *w, const struct ipc_msg *msg)
{
	bool of_running = !w->ready && !w->sending && msg->generation == w->running->generation;
	bool of_offered = w->offered && !w->sending && msg->generation == w->offered->generation;

	switch ((int)msg->type) {
	case IPC_READY:
		if (of_offered)
			reload_done(w, true);
		else if (of_running)
			on_ready(w);
		return of_offered || of_running;
	case IPC_REFUSED:
		if (of_offered)
			reload_done(w, false);
		else
			w->refused = of_running;
		return of_offered || of_running;
	case IPC_HEARTBEAT: on_heartbeat(w, msg->number); return true;
	case IPC_RELOAD: on_asked(w); return true;
	case IPC_STOPPING: stop(w, msg->number == 1); return true;
	default: return false;
	}
}

static void on_ipc(struct loop_watch *watch, unsigned events)
{
	struct warden *w = container_of(watch, struct warden, watch);
	struct ipc_msg msg;
	int fd, err = -EAGAIN;

	(void)events;
	for (unsigned i = 0; i < WORDS_A_TURN; i++) {
		if (!limit_take(&w->words, &words_rule, loop_now_ms(w->loop), 1)) {
			w->quiet = true; /* on_check listens again */
			loop_unwatch(&w->watch);
			return;
		}
		err = ipc_receive(w->ipc, false, &msg, &fd);
		if (err)
			break;
		if (fd >= 0) /* the text of faults, which the child has logged */
			close(fd);
		w->heard_ms = w->stops || w->killed ? w->heard_ms : loop_now_ms(w->loop);
		if (!on_word(w, &msg)) {
			err = MG_EPARSE;
			break;
		}
	}
	if (!err || err == -EAGAIN)
		return;
	/* gone, or speaking nonsense: its death, or ours, tells the rest */
	loop_unwatch(&w->watch);
	if (err == MG_EPARSE)
		end_child(w, SIGKILL, "sip_process_talks_nonsense");
}

static void on_restart(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	start(container_of(t, struct warden, restart));
}

static void start(struct warden *w)
{
	int err = child_start(w);

	w->heard_ms = loop_now_ms(w->loop);
	limit_init(&w->words, &words_rule, w->heard_ms);
	if (!err)
		err = loop_watch(w->loop, &w->watch, w->ipc, LOOP_READ, on_ipc, "warden child");
	if (!err)
		return;
	warden_say(LOG_ERROR, "start_failed", "err", mg_err_name(err));
	if (w->child > 0)
		end_child(w, SIGKILL, "sip_process_not_started");
	else
		wheel_add(loop_wheel(w->loop), &w->restart, w->heard_ms + NO_PROCESS_MS);
}

/* Whether what it is to start with will never do: it said so, or died of it again and again. */
static bool hopeless(const struct warden *w, int status)
{
	return !w->lived && WIFEXITED(status) && (w->refused || w->deaths >= DEATHS_AT_ONCE);
}

static void on_child(void *arg, int signo)
{
	struct warden *w = arg;
	int status;

	(void)signo;
	if (!w->child || waitpid(w->child, &status, WNOHANG) != w->child)
		return;
	loop_unwatch(&w->watch);
	send_forget(w);
	close(w->ipc);
	w->ipc = -1;
	w->child = 0;
	if (w->stops) {
		w->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		loop_stop(w->loop);
		return;
	}
	child_died(w, status);
	bool ended =
		WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
	reload_lost(w, !ended);
	w->deaths = w->ready ? 0 : w->deaths + 1;
	if (hopeless(w, status)) {
		w->status = 1;
		loop_stop(w->loop);
		return;
	}
	uint64_t wait = child_back_off_ms(w->deaths);
	if (wait == 0)
		start(w);
	else
		wheel_add(loop_wheel(w->loop), &w->restart, loop_now_ms(w->loop) + wait);
}

/* ---- once a second ---- */

static void check_child(struct warden *w, uint64_t now_ms)
{
	uint64_t patience = w->killed       ? ABORT_MS
			    : w->stops > 1  ? STOP_NOW_MS
			    : w->stops == 1 ? STOP_MS
			    : w->ready      ? SILENCE_MS
					    : START_MS;

	if (w->quiet) {
		w->quiet = false;
		if (loop_watch(w->loop, &w->watch, w->ipc, LOOP_READ, on_ipc, "warden child") < 0)
			end_child(w, SIGKILL, "start_failed");
	}
	if (!w->killed && send_is_late(w, now_ms)) {
		end_child(w, SIGKILL, "sip_process_does_not_read");
		return;
	}
	if (now_ms - w->heard_ms <= patience)
		return;
	if (w->stops == 1 && !w->killed) { /* a call may ring for minutes */
		warden_say(LOG_WARNING, "stop_does_not_wait", NULL, NULL);
		stop(w, false);
		return;
	}
	end_child(w, w->killed || w->stops ? SIGKILL : SIGABRT,
		  w->stops ? "stop_takes_too_long" : "sip_process_silent");
}

static void rotate_keys(struct warden *w, uint64_t now_ms)
{
	w->keys_ms = now_ms + TICKETS_MS;
	int err = keys_rotate(w->keys);
	if (!err)
		err = child_send_keys(w);
	if (err)
		warden_say(LOG_WARNING, "ticket_keys", "err", mg_err_name(err));
	else
		reload_same(w, true);
}

static void on_check(struct wheel_timer *t, uint64_t now_ms)
{
	struct warden *w = container_of(t, struct warden, check);

	/* We did not run ourselves (the machine was paused): what was not heard meanwhile is nobody's fault. */
	if (now_ms - w->checked_ms > 2ULL * CHECK_MS && !w->stops)
		w->heard_ms = w->unread_ms = now_ms;
	w->checked_ms = now_ms;
	log_sink_flush();
	if (w->child)
		check_child(w, now_ms);
	if (w->child && w->ready && now_ms >= w->keys_ms)
		rotate_keys(w, now_ms);
	wheel_add(loop_wheel(w->loop), t, now_ms + CHECK_MS);
}

/* ---- begin and end ---- */

static void on_signal(void *arg, int signo)
{
	if (signo == SIGHUP)
		reload_begin(arg);
	else
		stop(arg, true);
}

static int open_all(struct warden *w)
{
	struct conf_faults faults;

	conf_faults_init(&faults);
	w->gate_fd = gate_make(&w->gate_secret); /* before there are sockets to put it on */
	w->running = holding_new(w->path, w->generation = 1, NULL, &faults);
	if (!w->running)
		conf_faults_print(&faults, stderr);
	conf_faults_done(&faults);
	if (!w->running)
		return MG_EPARSE;
	log_sink_open();                      /* while we may open what another user has */
	if (w->gate_fd < 0 && geteuid() == 0) /* else one line says all that is off */
		warden_say(LOG_WARNING, "gate_off", "err", mg_err_name(w->gate_fd));
	int err = state_open(w);
	if (err)
		return err;
	err = rights_reduce();
	if (err)
		warden_say(LOG_ERROR, "capabilities", "err", mg_err_name(err));
	return err;
}

static int watch_signals(struct warden *w)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
	int err = loop_signal(w->loop, SIGCHLD, on_child, w);

	for (size_t i = 0; !err && i < 3; i++)
		err = loop_signal(w->loop, signals[i], on_signal, w);
	return err;
}

static int run(struct warden *w)
{
	uint64_t now_ms = loop_now_ms(w->loop);
	int err = watch_signals(w);

	if (err)
		return err;
	limit_init(&w->asked, &asked_rule, now_ms);
	w->checked_ms = now_ms;
	w->keys_ms = now_ms + TICKETS_MS;
	wheel_add(loop_wheel(w->loop), &w->check, now_ms + CHECK_MS);
	addresses_follow(w);
	start(w);
	err = loop_run(w->loop);
	addresses_leave(w);
	return err;
}

static void close_all(struct warden *w)
{
	state_close(w);
	holding_free(w->offered);
	holding_free(w->running);
	if (w->loop) {
		loop_unwatch(&w->watch);
		wheel_del(loop_wheel(w->loop), &w->check);
		wheel_del(loop_wheel(w->loop), &w->restart);
		wheel_del(loop_wheel(w->loop), &w->asked_later);
		send_forget(w);
		loop_free(w->loop);
	}
}

int warden_run(const char *config_path)
{
	struct warden w = {.path = config_path,
			   .ring_fd = -1,
			   .gate_fd = -1,
			   .state_fd = -1,
			   .control_fd = -1,
			   .ipc = -1,
			   .address_fd = -1};
	struct loop_options o = {.name = "warden"};

	signal(SIGPIPE, SIG_IGN);
	wheel_timer_init(&w.check, on_check);
	wheel_timer_init(&w.restart, on_restart);
	wheel_timer_init(&w.asked_later, on_asked_later);
	send_init(&w);
	w.loop = loop_new(&o);
	int err = w.loop ? open_all(&w) : MG_ENOMEM;
	if (!err)
		err = run(&w);
	close_all(&w);
	return err ? 1 : w.status;
}
