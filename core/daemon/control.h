/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * control: the thread that serves the operator: margravectl's socket (JSON, one request a line) and Prometheus metrics. Workers never wait for it; it asks them by
 * letters and reads their counters.
 */
#ifndef MG_DAEMON_CONTROL_H
#define MG_DAEMON_CONTROL_H

#include "daemon/node.h"

struct control;

/* Begin to serve on a listening Unix socket, which becomes its own. Returns NULL without memory or thread. */
MG_MUST_CHECK struct control *control_start(struct node *node, int socket_fd);
/* Look at another configuration from now on. Any thread. */
void control_enter(struct control *control, struct running *running);
/* Serve metrics on another listening socket from now on (-1: none), closing the one before. Any thread. */
void control_metrics(struct control *control, int metrics_fd);
/* A reload that was asked for by the socket ended: `text` is what was wrong, empty when it went well. Any thread; the text is copied. */
void control_reloaded(struct control *control, uint64_t generation, const char *text);
/* End the thread and free everything; NULL is fine. */
void control_stop(struct control *control);

#endif
