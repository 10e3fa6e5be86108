/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ask: one request to the control socket and its answer, a line of JSON-RPC 2.0 each.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define ANSWER_MAX (64U << 20)
#define PATIENCE_S 30

static int reach(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(sa.sun_path)) {
		fprintf(stderr, "margravectl: %s: %s\n", path,
			fd < 0 ? strerror(errno) : "the path is too long");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		fprintf(stderr, "margravectl: no daemon at %s: %s\n", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, text, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		text += k;
		n -= (size_t)k;
	}
	return true;
}

/* The answer without its newline, NULL when there is none; the caller's. */
static char *receive(int fd)
{
	size_t n = 0, room = 65536;
	char *text = malloc(room);

	while (text) {
		ssize_t k = recv(fd, text + n, room - n, 0);
		char *newline = k > 0 ? memchr(text + n, '\n', (size_t)k) : NULL;

		if (newline) {
			*newline = '\0';
			return text;
		}
		n += k > 0 ? (size_t)k : 0;
		char *more =
			k > 0 && n == room && room < ANSWER_MAX ? realloc(text, room *= 2) : NULL;
		if (k <= 0 || (n == room && !more))
			break;
		text = more ? more : text;
	}
	free(text);
	return NULL;
}

static int read_answer(const char *text, json_t **result)
{
	json_error_t where;
	json_t *all = json_loads(text, 0, &where);
	const char *error =
		json_string_value(json_object_get(json_object_get(all, "error"), "message"));
	int status = CTL_FAILED;

	if (!all)
		fputs("margravectl: the daemon's answer is not JSON\n", stderr);
	else if (error)
		fprintf(stderr, "margravectl: %s%s", error,
			error[0] && error[strlen(error) - 1] == '\n' ? "" : "\n");
	else
		status = CTL_OK;
	if (status == CTL_OK)
		*result = json_incref(json_object_get(all, "result"));
	json_decref(all);
	return status;
}

int ctl_ask(const char *socket_path, const char *method, json_t *params, json_t **result)
{
	json_t *all = json_pack("{s:s, s:i, s:s, s:o*}", "jsonrpc", "2.0", "id", 1, "method",
				method, "params", params);
	char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	int fd = text ? reach(socket_path) : -1;
	int status = CTL_NO_DAEMON;

	json_decref(all);
	if (fd >= 0) {
		bool sent = send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1);
		char *answer = sent ? receive(fd) : NULL;

		if (answer)
			status = read_answer(answer, result);
		else
			fputs("margravectl: the daemon gave no answer\n", stderr);
		free(answer);
		close(fd);
	}
	free(text);
	return status;
}
