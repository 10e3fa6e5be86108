/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * control_priv: what control.c (the socket), control_show.c (what it answers) and metrics.c share.
 */
#ifndef MG_DAEMON_CONTROL_PRIV_H
#define MG_DAEMON_CONTROL_PRIV_H

#include <jansson.h>

#include "daemon/control.h"
#include "event/http.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_LINE_MAX    65536
#define CONTROL_RELOAD_MS   20000 /* who asked for a reload waits no longer for how it went */
#define CONTROL_ASK_MS      2000  /* nor for a worker */
#define CONTROL_IDLE_S      10    /* from one request to the next, with the way of its answer */

struct control_client {
	struct loop_watch watch;
	struct control *control;
	struct control_client *next;
	int fd;
	size_t in, out, sent; /* bytes of line and answer */
	unsigned idle_s;      /* since it came, asked or had all of its answer */
	char *answer;
	bool waits_reload; /* its answer comes with the end of the reload */
	json_t *id;
	char line[CONTROL_LINE_MAX];
};

struct control {
	struct node *node;
	struct running *running; /* what it looks at */
	struct loop *loop;
	struct loop_waker *waker;
	pthread_t thread;
	int fd;
	struct loop_watch accept;
	struct control_client *clients; /* whoever did something last first */
	unsigned n_clients;
	struct wheel_timer second; /* while there are clients */
	struct http *http;
	struct wheel_timer reload_timeout;
	/* said by other threads, under `lock` */
	pthread_mutex_t lock;
	struct running *next;
	bool stop, metrics_said, reload_said;
	int metrics_fd;
	uint64_t generation;
	char *text;
};

/* A command being answered. */
struct control_call {
	const json_t *params; /* NULL: none */
	const char *error;    /* set when it fails: constant text */
	bool wait;            /* set when the answer is the end of a reload */
};
/* Answer a command. Returns the result, the caller's, or NULL with call->error or call->wait set. */
json_t *control_command(struct control *c, const char *method, struct control_call *call);

/* The pages of the HTTP server. */
void metrics_page(void *arg, struct sv path, struct http_reply *reply);

/* Run `fn` in a worker's thread and wait for it, CONTROL_ASK_MS at most. Returns false when it did not come to it. */
bool control_ask_worker(struct control *c, unsigned worker,
			void (*fn)(struct worker *w, json_t *out), json_t *out);

#endif
