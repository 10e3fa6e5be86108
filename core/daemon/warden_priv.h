/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * warden_priv: what the files of the warden share.
 */
#ifndef MG_DAEMON_WARDEN_PRIV_H
#define MG_DAEMON_WARDEN_PRIV_H

#include <sys/types.h>

#include "base/limit.h"
#include "base/log.h"
#include "daemon/ipc.h"
#include "daemon/keys.h"
#include "daemon/listen.h"
#include "daemon/poison.h"
#include "daemon/settings.h"
#include "event/loop.h"

#define WARDEN_FILES_MAX      1024
#define WARDEN_QUARANTINE_MAX 16

/* A file that the configuration names, open for reading. */
struct warden_file {
	char *path;
	int fd;
};

/* A configuration as the warden holds it: text, what it names, all open. */
struct holding {
	uint64_t generation;
	bool again; /* the text of the one before */
	struct loaded *loaded;
	struct listen_set listeners;
	struct addr *local;
	size_t locals;
	struct warden_file *file;
	size_t files;
	int text_fd, metrics_fd;
};

/* What may have killed a process. */
struct suspect {
	struct addr source;
	uint64_t hash, until_ms; /* of the Call-ID, or of the first bytes */
	uint32_t head;           /* how many of these; 0: it is the Call-ID's */
};

struct warden {
	const char *path;
	struct loop *loop;
	struct holding *running; /* what the child was told last and took, or will be told */
	struct holding *offered; /* sent by a reload, not answered yet; NULL: none */
	bool again;              /* another reload was asked for meanwhile */
	bool renew;              /* the same text anew: keys or addresses have changed */
	unsigned failures;       /* of the same text anew, in a row; tried again until it works */
	bool keys_new;           /* not for addresses alone */
	uint64_t generation;
	struct key_store *keys;
	uint64_t keys_ms; /* when those of tickets change */
	struct poison_ring *ring;
	int ring_fd, state_fd, control_fd;
	int gate_fd; /* the gate's own; negative: there is none, and why */
	uint64_t gate_secret;
	char control_path[128];
	/* addresses of this machine */
	int address_fd;
	struct loop_watch addresses;
	struct wheel_timer settle;
	/* the child */
	pid_t child;
	int ipc;
	struct loop_watch watch;
	struct limit words; /* how much it may say */
	struct limit asked; /* how often it may ask for a reload */
	bool asks;          /* more often than that: one more is done a bit later */
	struct wheel_timer asked_later;
	bool quiet;      /* it has said too much: not read for a while */
	bool ready;      /* it said so */
	bool lived;      /* one was ready once */
	bool refused;    /* it refuses what it is to start with */
	bool killed;     /* we did */
	unsigned stuck;  /* heartbeats in a row that tell of a callback without end */
	unsigned deaths; /* before it was ready, one after the other */
	uint64_t heard_ms, checked_ms;
	struct wheel_timer check, restart;
	/* what it has not taken yet */
	const struct holding *sending; /* NULL: nothing of one */
	size_t sent;                   /* messages of it */
	bool stop_unsaid, stop_gracefully;
	uint64_t unread_ms; /* since when */
	struct wheel_timer sender;
	struct suspect quarantine[WARDEN_QUARANTINE_MAX]; /* told to the next children too */
	unsigned stops;                                   /* times we were told to end */
	int status;
};

/* ---- warden_load.c ---- */

/* Load a configuration and open what it names; what `old` has open already is shared by duplicates.
 *
 * path       NULL: the text and the files of `old` once more, with the addresses of now.
 * Returns    NULL with faults added.
 */
MG_MUST_CHECK struct holding *holding_new(const char *path, uint64_t generation,
					  const struct holding *old, struct conf_faults *faults);
void holding_free(struct holding *h); /* NULL is fine */
/* Whether a child would run by both in the same way: listeners and addresses. */
bool holding_same(const struct holding *a, const struct holding *b);

/* ---- warden_send.c ---- */

/* Before the first child. */
void send_init(struct warden *w);
/* Send a configuration to the child: what it takes now, the rest as it reads. `h` stays where it is until the child has answered or died. Returns 0, or -EPIPE: it has
 * died. */
MG_MUST_CHECK int send_begin(struct warden *w, const struct holding *h);
/* Tell it to end, in the place of what is on its way. Returns as send_begin. */
MG_MUST_CHECK int send_stop(struct warden *w, bool graceful);
/* It has died. */
void send_forget(struct warden *w);
/* Whether it has had time enough to read what it was sent. */
bool send_is_late(const struct warden *w, uint64_t now_ms);

/* ---- warden_child.c ---- */

/* Start the child: its socket in w->ipc. Returns 0 or a negative error. */
MG_MUST_CHECK int child_start(struct warden *w);
/* Give it the keys. Returns 0 or a negative error. */
MG_MUST_CHECK int child_send_keys(const struct warden *w);
/* What it died of: a line, and quarantine after a fault signal that was not ours. */
void child_died(struct warden *w, int status);
/* How long to wait before the next one, after so many deaths before it was ready. */
uint64_t child_back_off_ms(unsigned deaths);

/* ---- warden_reload.c ---- */

/* Load the file and offer it to the child; after the one that is under way, if one is. */
void reload_begin(struct warden *w);
/* Offer the text that runs once more, if addresses have changed or `always`. What fails is told once and tried again. */
void reload_same(struct warden *w, bool always);
/* The child took what was offered, or did not. */
void reload_done(struct warden *w, bool taken);
/* The child died before it had taken what was offered: by itself, which speaks against what was offered, or not. */
void reload_lost(struct warden *w, bool by_itself);
/* What had to wait. */
void reload_waiting(struct warden *w);

/* ---- warden_state.c ---- */

/* The state folder, the keys in it, the socket of margravectl, the ring. Says what is wrong.
 * Returns 0 or a negative error. */
MG_MUST_CHECK int state_open(struct warden *w);
void state_close(struct warden *w);

/* ---- warden_rights.c ---- */

/* Of root's capabilities keep those that are used from here on. Returns 0 or a negative error. */
MG_MUST_CHECK int rights_reduce(void);
/* Make sure of descriptors for `s` and `sockets` listening ones: before the first child the limit is raised.
 * Returns 0 or MG_ELIMIT with a fault that names what is needed and what is there. */
MG_MUST_CHECK int rights_descriptors(const struct settings *s, size_t sockets, bool first,
				     struct conf_faults *faults);

/* ---- warden_address.c ---- */

/* Follow the addresses of this machine; without it, one line says so. */
void addresses_follow(struct warden *w);
void addresses_leave(struct warden *w);
/* Look again, later with each failure. */
void addresses_look_again(struct warden *w, unsigned failures);

void warden_say(enum log_level level, const char *event, const char *key, const char *value);

#endif
