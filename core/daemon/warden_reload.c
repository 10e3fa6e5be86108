/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_reload: from one configuration to the next: loaded and opened aside, offered to the SIP process, kept when it takes it, thrown away when not. One at a time; what is
 * asked for meanwhile is done once afterwards.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/warden_priv.h"

static void tell_faults(const struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->n; i++)
		warden_say(LOG_ERROR, "reload_rejected", "fault", faults->text[i]);
}

/* Who asked by margravectl hears of them. */
static void send_faults(const struct warden *w, const struct conf_faults *faults)
{
	struct ipc_msg msg = {.magic = IPC_MAGIC, .type = IPC_FAULTS};
	int fd = memfd_create("faults", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

	if (f) {
		conf_faults_print(faults, f);
		fclose(f);
		if (ipc_send(w->ipc, &msg, fd) < 0)
			warden_say(LOG_WARNING, "reload_answer_lost", NULL, NULL);
	} else if (copy >= 0) {
		close(copy);
	}
	if (fd >= 0)
		close(fd);
}

/* Returns whether the child was there: one that has just died is followed by another, to be asked then. */
static bool offer(struct warden *w, struct holding *next)
{
	bool there = !next || send_begin(w, next) == 0;

	if (!there) {
		holding_free(next);
		next = NULL;
	}
	w->offered = next;
	return there;
}

void reload_begin(struct warden *w)
{
	struct conf_faults faults;

	if (w->offered || !w->ready) { /* after the one that is under way */
		w->again = true;
		return;
	}
	conf_faults_init(&faults);
	w->again = !offer(w, holding_new(w->path, ++w->generation, w->running, &faults));
	if (faults.n) {
		tell_faults(&faults);
		send_faults(w, &faults);
	}
	conf_faults_done(&faults);
}

/* An address that somebody holds yet, or no descriptors: nobody would ask again. */
static void same_failed(struct warden *w, bool always, const struct conf_faults *faults)
{
	if (w->failures++ == 0)
		tell_faults(faults);
	w->keys_new = always;
	addresses_look_again(w, w->failures);
}

void reload_same(struct warden *w, bool always)
{
	struct conf_faults faults;

	if (w->offered || !w->ready) {
		w->renew = true;
		return;
	}
	always = always || w->keys_new;
	conf_faults_init(&faults);
	struct holding *next = holding_new(NULL, ++w->generation, w->running, &faults);
	if (next && !always && holding_same(next, w->running)) {
		holding_free(next);
		next = NULL;
	}
	w->renew = !offer(w, next);
	if (faults.n) {
		same_failed(w, always, &faults);
	} else {
		w->failures = 0;
		w->keys_new = false;
	}
	conf_faults_done(&faults);
}

void reload_waiting(struct warden *w)
{
	if (!w->ready || w->offered)
		return;
	if (w->again) {
		w->again = false;
		reload_begin(w);
	} else if (w->renew) {
		w->renew = false;
		reload_same(w, true);
	}
}

void reload_done(struct warden *w, bool taken)
{
	struct holding *gone = taken ? w->running : w->offered;
	struct log_line l;

	log_begin(&l, taken ? LOG_INFO : LOG_ERROR, "warden",
		  taken ? "reloaded" : "reload_rejected");
	log_str(&l, "from", conf_text_hash(w->running->loaded->text));
	log_str(&l, "to", conf_text_hash(w->offered->loaded->text));
	log_end(&l);
	if (taken)
		w->running = w->offered;
	w->offered = NULL;
	holding_free(gone);
	reload_waiting(w);
}

void reload_lost(struct warden *w, bool by_itself)
{
	if (!w->offered)
		return;
	if (by_itself)
		warden_say(LOG_ERROR, "reload_rejected", "fault",
			   "the SIP process died before it had taken it");
	else
		w->again = true;
	holding_free(w->offered);
	w->offered = NULL;
}
