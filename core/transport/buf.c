/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * buf: the bytes of messages. Those of the usual size go round in a bounded list of each thread, because malloc takes the
 * long way for their size; a buffer may be freed by another thread than took it, and joins that thread's list. Called by
 * udp_receive.c, conn.c and keep.c.
 */
#include <pthread.h>
#include <stdlib.h>

#include "transport/tp_priv.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* A sanitizer that watches memory sees the use of what was freed only if it is. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SPARE_MAX 0
#else
#define SPARE_MAX 256
#endif

static _Thread_local struct {
	struct tp_buf *first; /* the next one stands in its data */
	unsigned n;
	bool known; /* to the key: freed when the thread ends */
} spare;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_ok;

static struct tp_buf *take_spare(void)
{
	struct tp_buf *buf = spare.first;

	memcpy((void *)&spare.first, buf->data, sizeof(void *));
	spare.n--;
	return buf;
}

static void free_spares(void *unused)
{
	(void)unused;
	while (spare.first)
		free(take_spare());
}

static void make_key(void)
{
	key_ok = pthread_key_create(&key, free_spares) == 0;
}

/* Whether this thread's list will be freed with it. */
static bool keeps_spares(void)
{
	if (spare.known)
		return true;
	pthread_once(&once, make_key);
	spare.known = key_ok && pthread_setspecific(key, &spare) == 0;
	return spare.known;
}

struct tp_buf *tp_buf_new(uint32_t cap)
{
	bool usual = cap <= TP_BUF_USUAL && cap > TP_BUF_USUAL / 2;
	struct tp_buf *buf;

	if (usual)
		cap = TP_BUF_USUAL;
	if (usual && spare.first)
		buf = take_spare();
	else
		buf = malloc(sizeof(*buf) + cap);
	if (!buf)
		return NULL;
	buf->refs = 1;
	buf->cap = cap;
	return buf;
}

void tp_buf_unref(struct tp_buf *buf)
{
	if (!buf || --buf->refs)
		return;
	if (buf->cap != TP_BUF_USUAL || spare.n + 1 > SPARE_MAX || !keeps_spares()) {
		free(buf);
		return;
	}
	memcpy(buf->data, (const void *)&spare.first, sizeof(void *));
	spare.first = buf;
	spare.n++;
}
