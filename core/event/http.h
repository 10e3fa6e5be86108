/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * http: a small HTTP server for metrics and health, by libevent's evhttp, in one loop. GET and HEAD only; bounded header and body
 * sizes, connections and time; no keep-alive beyond a few seconds.
 */
#ifndef MG_EVENT_HTTP_H
#define MG_EVENT_HTTP_H

#include "base/sv.h"
#include "event/loop.h"

struct http;
struct http_reply; /* being written */

/* Answer one request: set status and content through http_reply_*, at once. `path` is without its query. */
typedef void http_fn(void *arg, struct sv path, struct http_reply *reply);

/* Serve on a listening socket, which becomes the server's. Returns NULL without memory. */
MG_MUST_CHECK struct http *http_new(struct loop *loop, int listening_fd, http_fn *fn, void *arg);
void http_free(struct http *http);

void http_reply_status(struct http_reply *reply, unsigned status);
void http_reply_type(struct http_reply *reply, const char *content_type);
void http_reply_add(struct http_reply *reply, struct sv text);
void http_reply_printf(struct http_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
