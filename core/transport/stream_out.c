/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stream_out: what waits to be written: a chain of chunks of one size, so that many messages leave in one writev or TLS record, and an idle connection holds
 * nothing. How much may wait is conn_send.c's. Called by it and by conn_life.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "transport/conn.h"

#define CHUNK_BYTES  4096
#define IOV_MAX_HERE 16
#define SPARES_MAX   64

struct out_chunk {
	struct out_chunk *next;
	uint32_t from, to; /* of bytes[] */
	char bytes[CHUNK_BYTES - sizeof(struct out_chunk *) - 2 * sizeof(uint32_t)];
};

#define ROOM sizeof(((struct out_chunk *)NULL)->bytes)

/* ---- chunks ---- */

static struct out_chunk *chunk_new(struct conns *conns)
{
	struct out_chunk *chunk = conns->spare_chunks;

	if (chunk) {
		conns->spare_chunks = chunk->next;
		conns->spare_chunks_n--;
	} else {
		chunk = malloc(sizeof(*chunk));
	}
	if (chunk) {
		chunk->next = NULL;
		chunk->from = chunk->to = 0;
	}
	return chunk;
}

static void chunk_free(struct conns *conns, struct out_chunk *chunk)
{
	if (conns->spare_chunks_n >= SPARES_MAX) {
		free(chunk);
		return;
	}
	chunk->next = conns->spare_chunks;
	conns->spare_chunks = chunk;
	conns->spare_chunks_n++;
}

void out_spares_free(struct conns *conns)
{
	while (conns->spare_chunks) {
		struct out_chunk *chunk = conns->spare_chunks;
		conns->spare_chunks = chunk->next;
		free(chunk);
	}
}

/* A chain with room for n bytes; NULL without memory. */
static struct out_chunk *chain_new(struct conns *conns, size_t n, struct out_chunk **last)
{
	struct out_chunk *first = NULL, *chunk;

	for (size_t got = 0; got < n; got += ROOM) {
		chunk = chunk_new(conns);
		if (!chunk) {
			while ((chunk = first)) {
				first = chunk->next;
				chunk_free(conns, chunk);
			}
			return NULL;
		}
		chunk->next = first;
		if (!first)
			*last = chunk;
		first = chunk;
	}
	return first;
}

/* ---- in ---- */

static size_t copy_in(struct out_chunk *chunk, struct sv bytes)
{
	size_t n = ROOM - chunk->to;

	if (n > bytes.n)
		n = bytes.n;
	memcpy(chunk->bytes + chunk->to, bytes.p, n);
	chunk->to += (uint32_t)n;
	return n;
}

/* All or nothing: half a message would spoil the stream. */
int out_put(struct conn *conn, struct sv bytes)
{
	size_t here = conn->out_last ? ROOM - conn->out_last->to : 0, done = 0;
	struct out_chunk *more = NULL, *last = NULL;

	if (bytes.n > here) {
		more = chain_new(conn->conns, bytes.n - here, &last);
		if (!more)
			return MG_ENOMEM;
	}
	if (here)
		done = copy_in(conn->out_last, bytes);
	for (struct out_chunk *chunk = more; chunk; chunk = chunk->next)
		done += copy_in(chunk, sv_of(bytes.p + done, bytes.n - done));
	if (more) {
		if (conn->out_last)
			conn->out_last->next = more;
		else
			conn->out_first = more;
		conn->out_last = last;
	}
	conn->out_n += (uint32_t)bytes.n;
	return 0;
}

/* ---- out ---- */

static void written(struct conn *conn, size_t n)
{
	conn->out_n -= (uint32_t)n;
	while (conn->out_first) {
		struct out_chunk *chunk = conn->out_first;
		size_t here = chunk->to - chunk->from;
		if (here > n) {
			chunk->from += (uint32_t)n;
			return;
		}
		n -= here;
		conn->out_first = chunk->next;
		chunk_free(conn->conns, chunk);
	}
	conn->out_last = NULL;
}

void out_drop(struct conn *conn)
{
	written(conn, conn->out_n);
}

static ssize_t write_tcp(struct conn *conn)
{
	struct iovec iov[IOV_MAX_HERE];
	struct msghdr msg = {.msg_iov = iov};
	struct out_chunk *chunk = conn->out_first;
	ssize_t n;

	for (; chunk && msg.msg_iovlen < IOV_MAX_HERE; chunk = chunk->next)
		iov[msg.msg_iovlen++] =
			(struct iovec){chunk->bytes + chunk->from, chunk->to - chunk->from};
	n = sendmsg(conn->watch.fd, &msg, MSG_NOSIGNAL);
	return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

/* Gathered, so that small messages share a record. What is tried again begins with the same bytes, as OpenSSL demands. */
static ssize_t write_tls(struct conn *conn)
{
	char *record = conn->conns->record;
	size_t n = 0;

	for (struct out_chunk *chunk = conn->out_first; chunk && n < TLS_RECORD;
	     chunk = chunk->next) {
		size_t here = chunk->to - chunk->from;
		if (here > TLS_RECORD - n)
			here = TLS_RECORD - n;
		memcpy(record + n, chunk->bytes + chunk->from, here);
		n += here;
	}
	return tls_write(conn->tls, record, n);
}

void out_flush(struct conn *conn)
{
	ssize_t n = 0;

	list_remove(&conn->flush);
	if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
		return;
	while (conn->out_n && (n = conn->tls ? write_tls(conn) : write_tcp(conn)) > 0)
		written(conn, (size_t)n);
	if (conn->out_n && n != -EAGAIN) {
		conn_kill(conn, n ? (int)n : -EPIPE);
		return;
	}
	conn->blocked = conn->out_n > 0;
	conn_watch(conn);
	if (conn->state == CONN_CLOSING && !conn->out_n)
		conn_finish(conn);
}
