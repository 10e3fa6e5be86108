/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * http: a small HTTP server for metrics and health, by libevent's evhttp, in one loop. What it says
 * is its caller's. Called by the thread that serves an operator.
 *
 * Bounds: a request's head is at most 8 KiB (400 beyond), a body none (413), 32 connections at a time
 * (more wait in the listener's queue), 5 s in all for a connection, which carries one request. While
 * others wait, the oldest of those that have not asked within 100 ms, or not taken their answer within
 * a second, are hung up, eight every 50 ms.
 * Methods other than GET and HEAD are answered 405.
 */
#ifndef MG_EVENT_HTTP_H
#define MG_EVENT_HTTP_H

#include "base/sv.h"
#include "event/loop.h"

struct http;
struct http_reply; /* being written */

/* Answer one request: set status and content through http_reply_*, at once. `path` is what was
 * asked, without its query and not decoded: "/metrics"; the peer chose it. What is not there is 404.
 */
typedef void http_fn(void *arg, struct sv path, struct http_reply *reply);

/* Serve on a listening stream socket, which becomes the server's, and non-blocking.
 *
 * Returns    NULL without memory; the socket stays the caller's then.
 */
MG_MUST_CHECK struct http *http_new(struct loop *loop, int listening_fd, http_fn *fn, void *arg);

/* End it and all its connections, not from within `fn`; NULL is fine. */
void http_free(struct http *http);

/* The status, 200 to 599; 200 when not called. */
void http_reply_status(struct http_reply *reply, unsigned status);

/* The media type, constant text; "text/plain; charset=utf-8" when not called. */
void http_reply_type(struct http_reply *reply, const char *content_type);

/* Add to the content. Without memory the answer becomes 503. */
void http_reply_add(struct http_reply *reply, struct sv text);
void http_reply_printf(struct http_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
