/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden: its loop: signals, the child's words and its death, heartbeats, reloads.
 */
#include "daemon/warden.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/warden_priv.h"

#define CHECK_MS        1000
#define SILENCE_MS      6000  /* a heartbeat comes once a second */
#define START_MS        30000 /* until the first configuration runs */
#define STUCK_MS        5000  /* a callback that takes longer ends the process */
#define STOP_MS         35000
#define DEATHS_AT_ONCE  3
#define BACK_OFF_MS     100
#define BACK_OFF_MAX_MS 10000

void warden_say(enum log_level level, const char *event, const char *key, const char *value)
{
	struct log_line l;

	log_begin(&l, level, "warden", event);
	if (key)
		log_str(&l, key, value);
	log_end(&l);
}

/* ---- reloads ---- */

static void tell_faults(const struct conf_faults *faults, const char *event)
{
	for (size_t i = 0; i < faults->n; i++)
		warden_say(LOG_ERROR, event, "fault", faults->text[i]);
}

static void send_faults(struct warden *w, const struct conf_faults *faults)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_FAULTS};
	int fd = memfd_create("faults", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

	if (f) {
		conf_faults_print(faults, f);
		fclose(f);
		if (ipc_send(w->ipc, &msg, fd) < 0)
			warden_say(LOG_WARNING, "reload_answer_lost", NULL, NULL);
	}
	if (fd >= 0)
		close(fd);
}

static void reload(struct warden *w)
{
	struct conf_faults faults;

	if (w->offered || !w->ready) { /* after the one that runs */
		w->again = true;
		return;
	}
	conf_faults_init(&faults);
	struct holding *next = holding_new(w->path, ++w->generation, w->running, &faults);
	if (next && holding_send(next, w->ipc) < 0) {
		conf_faults_add(&faults, "the SIP process does not take it");
		holding_free(next);
		next = NULL;
	}
	w->offered = next;
	if (!next) {
		tell_faults(&faults, "reload_rejected");
		send_faults(w, &faults);
	}
	conf_faults_done(&faults);
}

static void reload_done(struct warden *w, bool taken)
{
	struct holding *gone = taken ? w->running : w->offered;
	struct log_line l;

	log_begin(&l, taken ? LOG_INFO : LOG_ERROR, "warden", taken ? "reloaded" : "reload_rejected");
	log_str(&l, "from", conf_text_hash(w->running->loaded->text));
	log_str(&l, "to", conf_text_hash(w->offered->loaded->text));
	log_end(&l);
	if (taken)
		w->running = w->offered;
	w->offered = NULL;
	holding_free(gone);
	if (w->again) {
		w->again = false;
		reload(w);
	}
}

/* ---- the child ---- */

static void start(struct warden *w);

static void stop(struct warden *w)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_STOP, .number = ++w->stops == 1};

	if (!w->child) {
		loop_stop(w->loop);
		return;
	}
	if (ipc_send(w->ipc, &msg, -1) < 0 || w->stops > 2)
		kill(w->child, SIGKILL);
	w->heard_ms = loop_now_ms(w->loop); /* from here on the end is waited for */
}

static void on_word(struct warden *w, const struct ipc_msg *msg)
{
	w->heard_ms = w->stops ? w->heard_ms : loop_now_ms(w->loop);
	switch ((int)msg->type) {
	case IPC_READY:
		w->ready = true;
		w->deaths = 0;
		if (w->offered && msg->generation == w->offered->generation)
			reload_done(w, true);
		break;
	case IPC_REFUSED:
		if (w->offered && msg->generation == w->offered->generation)
			reload_done(w, false);
		break;
	case IPC_HEARTBEAT:
		if (msg->number > STUCK_MS) {
			warden_say(LOG_ERROR, "sip_process_stuck", NULL, NULL);
			w->killed = true;
			kill(w->child, SIGABRT);
		}
		break;
	case IPC_RELOAD:
		reload(w);
		break;
	case IPC_STOPPING:
		stop(w);
		break;
	default:
		break;
	}
}

static void on_ipc(struct loop_watch *watch, unsigned events)
{
	struct warden *w = container_of(watch, struct warden, watch);
	struct ipc_msg msg;
	int fd, err;

	(void)events;
	while ((err = ipc_receive(w->ipc, false, &msg, &fd)) == 0) {
		if (fd >= 0) /* the text of faults, which the child has logged */
			close(fd);
		on_word(w, &msg);
	}
	if (err == -EAGAIN)
		return;
	loop_unwatch(&w->watch); /* gone, or speaking nonsense: its death, or ours, tells the rest */
	if (err == MG_EPARSE) {
		warden_say(LOG_ERROR, "sip_process_talks_nonsense", NULL, NULL);
		w->killed = true;
		kill(w->child, SIGKILL);
	}
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
	if (!err)
		err = loop_watch(w->loop, &w->watch, w->ipc, LOOP_READ, on_ipc, "warden child");
	if (err) {
		warden_say(LOG_ERROR, "start_failed", "err", mg_err_name(err));
		w->deaths++;
		if (w->child > 0) {
			w->killed = true;
			kill(w->child, SIGKILL);
		} else {
			wheel_add(loop_wheel(w->loop), &w->restart, loop_now_ms(w->loop) + BACK_OFF_MAX_MS);
		}
	}
}

static uint64_t back_off(unsigned deaths)
{
	uint64_t ms = BACK_OFF_MS;

	if (deaths < DEATHS_AT_ONCE)
		return 0;
	for (unsigned i = DEATHS_AT_ONCE; i < deaths && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
}

static void on_child(void *arg, int signo)
{
	struct warden *w = arg;
	int status;

	(void)signo;
	if (!w->child || waitpid(w->child, &status, WNOHANG) != w->child)
		return;
	loop_unwatch(&w->watch);
	close(w->ipc);
	w->ipc = -1;
	w->child = 0;
	holding_free(w->offered);
	w->offered = NULL;
	if (w->stops) {
		w->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		loop_stop(w->loop);
		return;
	}
	child_died(w, status);
	w->deaths = w->ready ? 0 : w->deaths + 1;
	if (w->generation == 1 && !w->ready && w->deaths >= DEATHS_AT_ONCE && WIFEXITED(status)) {
		/* It refuses the configuration it is to start with: nothing will change that. */
		w->status = 1;
		loop_stop(w->loop);
		return;
	}
	uint64_t wait = back_off(w->deaths);
	if (wait == 0)
		start(w);
	else
		wheel_add(loop_wheel(w->loop), &w->restart, loop_now_ms(w->loop) + wait);
}

static void on_check(struct wheel_timer *t, uint64_t now_ms)
{
	struct warden *w = container_of(t, struct warden, check);
	uint64_t patience = w->stops ? STOP_MS : w->ready ? SILENCE_MS : START_MS;

	if (w->child && now_ms - w->heard_ms > patience) {
		warden_say(LOG_ERROR, w->stops ? "stop_takes_too_long" : "sip_process_silent", NULL, NULL);
		kill(w->child, w->killed || w->stops ? SIGKILL : SIGABRT);
		w->killed = true;
		w->heard_ms = now_ms;
	}
	wheel_add(loop_wheel(w->loop), t, now_ms + CHECK_MS);
}

/* ---- begin and end ---- */

static void on_signal(void *arg, int signo)
{
	if (signo == SIGHUP)
		reload(arg);
	else
		stop(arg);
}

static int open_ring(struct warden *w)
{
	w->ring_fd = memfd_create("last input", MFD_CLOEXEC);
	if (w->ring_fd < 0 || ftruncate(w->ring_fd, sizeof(*w->ring)) < 0)
		return -errno;
	void *p = mmap(NULL, sizeof(*w->ring), PROT_READ | PROT_WRITE, MAP_SHARED, w->ring_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	w->ring = p;
	return 0;
}

/* What the SIP process may write lies in a folder of its own, out of which it can't see the keys. */
static int open_child_folder(const struct settings *s)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(s->user) : NULL;
	char path[128], why[256];

	snprintf(path, sizeof(path), "%s/sip", s->state);
	why[0] = '\0';
	if (geteuid() == 0 && !pw)
		snprintf(why, sizeof(why), "user \"%s\" does not exist (setting user)", s->user);
	else if ((mkdir(path, 0700) < 0 && errno != EEXIST) || (pw && chown(path, pw->pw_uid, pw->pw_gid) < 0))
		snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
	if (why[0])
		warden_say(LOG_ERROR, "state_folder", "fault", why);
	return why[0] ? MG_EINVAL : 0;
}

/* The state folder, its keys, the control socket. */
static int open_state(struct warden *w)
{
	const struct settings *s = &w->running->loaded->settings;
	char why[640];

	if (mkdir(s->state, 0711) < 0 && errno != EEXIST) {
		snprintf(why, sizeof(why), "%s: %s", s->state, strerror(errno));
		warden_say(LOG_ERROR, "state_folder", "fault", why);
		return -errno;
	}
	if (open_child_folder(s) < 0)
		return MG_EINVAL;
	w->keys = keys_open(s->state, why, sizeof(why));
	if (why[0])
		warden_say(w->keys ? LOG_WARNING : LOG_ERROR, "keys", "fault", why);
	if (!w->keys)
		return MG_EINVAL;
	if (s->control.socket)
		snprintf(w->control_path, sizeof(w->control_path), "%s", s->control.socket);
	else
		snprintf(w->control_path, sizeof(w->control_path), "%s/control.sock", s->state);
	w->control_fd = listen_unix(w->control_path);
	if (w->control_fd < 0) {
		snprintf(why, sizeof(why), "%s: %s", w->control_path, strerror(-w->control_fd));
		warden_say(LOG_ERROR, "control_socket", "fault", why);
	}
	return w->control_fd < 0 ? w->control_fd : 0;
}

static int open_all(struct warden *w)
{
	struct conf_faults faults;

	conf_faults_init(&faults);
	w->running = holding_new(w->path, w->generation = 1, NULL, &faults);
	if (!w->running)
		conf_faults_print(&faults, stderr);
	conf_faults_done(&faults);
	if (!w->running)
		return MG_EPARSE;
	int err = open_state(w);
	return err ? err : open_ring(w);
}

static int watch_signals(struct warden *w)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
	int err = loop_signal(w->loop, SIGCHLD, on_child, w);

	for (size_t i = 0; !err && i < 3; i++)
		err = loop_signal(w->loop, signals[i], on_signal, w);
	return err;
}

static void close_all(struct warden *w)
{
	if (w->control_fd >= 0) {
		close(w->control_fd);
		(void)unlink(w->control_path);
	}
	if (w->ring)
		munmap(w->ring, sizeof(*w->ring));
	if (w->ring_fd >= 0)
		close(w->ring_fd);
	keys_close(w->keys);
	holding_free(w->offered);
	holding_free(w->running);
	if (w->loop) {
		loop_unwatch(&w->watch);
		wheel_del(loop_wheel(w->loop), &w->check);
		wheel_del(loop_wheel(w->loop), &w->restart);
		loop_free(w->loop);
	}
}

int warden_run(const char *config_path)
{
	struct warden w = {.path = config_path, .ring_fd = -1, .control_fd = -1, .ipc = -1};
	struct loop_options o = {.name = "warden"};

	signal(SIGPIPE, SIG_IGN);
	wheel_timer_init(&w.check, on_check);
	wheel_timer_init(&w.restart, on_restart);
	w.loop = loop_new(&o);
	int err = w.loop ? open_all(&w) : MG_ENOMEM;
	if (!err)
		err = watch_signals(&w);
	if (!err) {
		wheel_add(loop_wheel(w.loop), &w.check, loop_now_ms(w.loop) + CHECK_MS);
		start(&w);
		err = loop_run(w.loop);
	}
	close_all(&w);
	return err ? 1 : w.status;
}
