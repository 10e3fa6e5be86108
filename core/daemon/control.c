/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * control: the operator's socket: a JSON-RPC 2.0 request a line, an answer a line. Its thread is its own; commands are in control_show.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control_priv.h"

static void unlink_client(struct control_client *client)
{
	struct control_client **at = &client->control->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
}

/* It did something: it is the last to give way. */
static void touch(struct control_client *client)
{
	struct control *c = client->control;

	unlink_client(client);
	client->next = c->clients;
	c->clients = client;
	client->idle_s = 0;
}

static void client_free(struct control_client *client)
{
	struct control *c = client->control;

	unlink_client(client);
	c->n_clients--;
	loop_unwatch(&client->watch);
	close(client->fd);
	json_decref(client->id);
	free(client->answer);
	free(client);
}

/* Send what is left of the answer. Returns false when the client is gone. */
static bool flush(struct control_client *client)
{
	while (client->sent < client->out) {
		ssize_t n = send(client->fd, client->answer + client->sent,
				 client->out - client->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return loop_watch_set(&client->watch, LOOP_WRITE) == 0;
		if (n <= 0)
			return false;
		client->sent += (size_t)n;
	}
	free(client->answer);
	client->answer = NULL;
	client->out = client->sent = 0;
	touch(client);
	return loop_watch_set(&client->watch, client->waits_reload ? 0 : LOOP_READ) == 0;
}

/* Takes `result`. Returns false when the client is gone. */
static bool answer(struct control_client *client, json_t *result, const char *error)
{
	json_t *all = error ? json_pack("{s:s, s:O?, s:{s:i, s:s}}", "jsonrpc", "2.0", "id",
					client->id, "error", "code", -32000, "message", error)
			    : json_pack("{s:s, s:O?, s:O?}", "jsonrpc", "2.0", "id", client->id,
					"result", result);
	char *text = all ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(all);
	json_decref(result);
	json_decref(client->id);
	client->id = NULL;
	if (!text)
		return false;
	client->out = strlen(text);
	char *line = realloc(text, client->out + 2);
	if (!line) {
		free(text);
		client->out = 0;
		return false;
	}
	client->answer = line;
	client->answer[client->out++] = '\n';
	return flush(client);
}

static bool request(struct control_client *client, size_t n)
{
	json_error_t where;
	json_t *all = json_loadb(client->line, n, JSON_REJECT_DUPLICATES, &where);
	const char *method = json_string_value(json_object_get(all, "method"));
	struct control_call call = {.params = json_object_get(all, "params")};
	json_t *result = NULL;

	client->id = json_incref(json_object_get(all, "id"));
	if (!method)
		call.error = "a JSON-RPC 2.0 request is expected";
	else
		result = control_command(client->control, method, &call);
	json_decref(all);
	touch(client);
	client->waits_reload = call.wait;
	if (call.wait)
		return loop_watch_set(&client->watch, 0) == 0;
	return answer(client, result, call.error);
}

/* One request at a time: the rest of what came waits behind the newline. */
static bool read_line(struct control_client *client)
{
	char *newline = memchr(client->line, '\n', client->in);

	if (!newline)
		return client->in < sizeof(client->line) ||
		       answer(client, NULL, "the request is too long");
	size_t n = (size_t)(newline - client->line);
	bool alive = request(client, n);
	if (alive) {
		client->in -= n + 1;
		memmove(client->line, newline + 1, client->in);
	}
	return alive;
}

/* What has come in whole, until there is an answer to wait for. */
static bool serve_lines(struct control_client *client)
{
	bool alive = true;

	while (alive && !client->answer && !client->waits_reload &&
	       memchr(client->line, '\n', client->in))
		alive = read_line(client);
	return alive && client->in < sizeof(client->line); /* or a line has no end */
}

static void on_client(struct loop_watch *watch, unsigned events)
{
	struct control_client *client = container_of(watch, struct control_client, watch);
	bool alive = true;

	if (events & LOOP_WRITE)
		alive = flush(client);
	if (alive && (events & LOOP_READ)) {
		ssize_t n = recv(client->fd, client->line + client->in,
				 sizeof(client->line) - client->in, 0);

		alive = n > 0 || (n < 0 && errno == EAGAIN);
		client->in += n > 0 ? (size_t)n : 0;
	}
	if (!alive || !serve_lines(client))
		client_free(client);
}

/* A second has passed. It is counted, not looked up: while this thread waited for workers, nobody was idle. */
static void on_second(struct wheel_timer *t, uint64_t now_ms)
{
	struct control *c = container_of(t, struct control, second);
	struct control_client *next;

	for (struct control_client *client = c->clients; client; client = next) {
		next = client->next;
		if (!client->waits_reload && ++client->idle_s > CONTROL_IDLE_S)
			client_free(client);
	}
	if (c->clients)
		wheel_add(loop_wheel(c->loop), t, now_ms + 1000);
}

/* Who has been idle longest goes, before somebody who waits for a reload does: those are few, and hear of its end. */
static void make_room(struct control *c)
{
	struct control_client *goes = c->clients;

	for (struct control_client *client = c->clients; client; client = client->next) {
		if (!client->waits_reload || goes->waits_reload)
			goes = client;
	}
	client_free(goes);
}

static void on_accept(struct loop_watch *watch, unsigned events)
{
	struct control *c = container_of(watch, struct control, accept);
	int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct control_client *client = fd >= 0 ? calloc(1, sizeof(*client)) : NULL;

	(void)events;
	if (!client) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (c->n_clients == CONTROL_CLIENTS_MAX)
		make_room(c);
	if (c->n_clients == 0)
		wheel_add(loop_wheel(c->loop), &c->second, loop_now_ms(c->loop) + 1000);
	client->control = c;
	client->fd = fd;
	client->next = c->clients;
	c->clients = client;
	c->n_clients++;
	if (loop_watch(c->loop, &client->watch, fd, LOOP_READ, on_client, "control client") < 0)
		client_free(client);
}

/* ---- what other threads say ---- */

/* Everybody who waits for the reload hears how it went. */
static void tell_reload(struct control *c, uint64_t generation, const char *text)
{
	struct control_client *next;

	wheel_del(loop_wheel(c->loop), &c->reload_timeout); /* another may be asked for below */
	for (struct control_client *client = c->clients; client; client = next) {
		next = client->next;
		if (!client->waits_reload)
			continue;
		client->waits_reload = false;
		bool good = text[0] == '\0';
		json_t *result =
			good ? json_pack("{s:I}", "generation", (json_int_t)generation) : NULL;
		if (!answer(client, result, good ? NULL : text) || !serve_lines(client))
			client_free(client);
	}
}

static void on_reload_timeout(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	tell_reload(container_of(t, struct control, reload_timeout), 0, "no answer of the warden");
}

static void take_metrics(struct control *c, int fd)
{
	http_free(c->http);
	c->http = fd >= 0 ? http_new(c->loop, fd, metrics_page, c) : NULL;
	if (fd >= 0 && !c->http) {
		struct log_line l;

		close(fd);
		log_begin(&l, LOG_ERROR, "control", "metrics_failed");
		log_end(&l);
	}
}

static void on_wake(void *arg)
{
	struct control *c = arg;

	pthread_mutex_lock(&c->lock);
	struct running *next = c->next;
	bool stop = c->stop, metrics = c->metrics_said, reload = c->reload_said;
	int fd = c->metrics_fd;
	uint64_t generation = c->generation;
	char *text = c->text;
	c->metrics_said = c->reload_said = false;
	c->metrics_fd = -1;
	c->next = NULL;
	c->text = NULL;
	pthread_mutex_unlock(&c->lock);
	if (next) {
		generation_enter(&next->generation, &c->running->generation,
				 THREAD_CONTROL(c->node));
		c->running = next;
	}
	if (metrics)
		take_metrics(c, fd);
	if (reload)
		tell_reload(c, generation, text ? text : "");
	free(text);
	if (stop)
		loop_stop(c->loop);
}

void control_enter(struct control *c, struct running *running)
{
	pthread_mutex_lock(&c->lock);
	c->next = running;
	pthread_mutex_unlock(&c->lock);
	loop_wake(c->waker);
}

void control_metrics(struct control *c, int metrics_fd)
{
	pthread_mutex_lock(&c->lock);
	if (c->metrics_fd >= 0)
		close(c->metrics_fd);
	c->metrics_fd = metrics_fd;
	c->metrics_said = true;
	pthread_mutex_unlock(&c->lock);
	loop_wake(c->waker);
}

void control_reloaded(struct control *c, uint64_t generation, const char *text)
{
	pthread_mutex_lock(&c->lock);
	free(c->text);
	c->text = strdup(text);
	c->generation = generation;
	c->reload_said = true;
	pthread_mutex_unlock(&c->lock);
	loop_wake(c->waker);
}

/* ---- begin and end ---- */

static void *run(void *arg)
{
	struct control *c = arg;

	pthread_setname_np(pthread_self(), "control");
	if (loop_run(c->loop) < 0) {
		struct log_line l;

		log_begin(&l, LOG_ERROR, "control", "ended");
		log_end(&l);
	}
	return NULL;
}

static void release(struct control *c)
{
	generation_enter(NULL, &c->running->generation, THREAD_CONTROL(c->node));
	while (c->clients)
		client_free(c->clients);
	http_free(c->http);
	loop_unwatch(&c->accept);
	if (c->loop) {
		wheel_del(loop_wheel(c->loop), &c->reload_timeout);
		wheel_del(loop_wheel(c->loop), &c->second);
	}
	loop_waker_free(c->waker);
	loop_free(c->loop);
	if (c->fd >= 0)
		close(c->fd);
	if (c->metrics_fd >= 0)
		close(c->metrics_fd);
	free(c->text);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct control *control_start(struct node *node, int socket_fd)
{
	struct control *c = calloc(1, sizeof(*c));
	struct loop_options o = {.name = "control"};

	if (!c) {
		close(socket_fd);
		return NULL;
	}
	c->node = node;
	c->running = node->running;
	generation_enter(&c->running->generation, NULL, THREAD_CONTROL(node));
	c->fd = socket_fd;
	c->metrics_fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	wheel_timer_init(&c->reload_timeout, on_reload_timeout);
	wheel_timer_init(&c->second, on_second);
	c->loop = loop_new(&o);
	c->waker = c->loop ? loop_waker_new(c->loop, on_wake, c, "control wake") : NULL;
	if (!c->waker ||
	    (socket_fd >= 0 && loop_watch(c->loop, &c->accept, socket_fd, LOOP_READ, on_accept,
					  "control accept") < 0) ||
	    pthread_create(&c->thread, NULL, run, c) != 0) {
		release(c);
		return NULL;
	}
	return c;
}

void control_stop(struct control *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_mutex_unlock(&c->lock);
	loop_wake(c->waker);
	pthread_join(c->thread, NULL);
	release(c);
}
