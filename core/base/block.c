/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * block: the lists of the threads, and their end.
 */
#include "base/block.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* A sanitizer that watches memory sees the use of what was freed only if it is. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SPARE_MAX 0
#else
#define SPARE_MAX 512
#endif

struct spare {
	struct spare *next;
};

static _Thread_local struct {
	struct spare *first;
	unsigned n;
	bool known; /* to the key: freed when the thread ends */
} list;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_ok;

static void *take(void)
{
	struct spare *spare = list.first;

	list.first = spare->next;
	list.n--;
	return spare;
}

static void free_all(void *unused)
{
	(void)unused;
	while (list.first)
		free(take());
}

static void make_key(void)
{
	key_ok = pthread_key_create(&key, free_all) == 0;
}

/* Whether this thread's list will be freed with it. */
static bool keeps(void)
{
	if (list.known)
		return true;
	pthread_once(&once, make_key);
	list.known = key_ok && pthread_setspecific(key, &list) == 0;
	return list.known;
}

static bool is_usual(size_t n)
{
	return n > BLOCK_FROM && n <= BLOCK_SIZE;
}

void *block_new(size_t n)
{
	if (!is_usual(n))
		return malloc(n);
	return list.first ? take() : malloc(BLOCK_SIZE);
}

void block_free(void *p, size_t n)
{
	if (!p || !is_usual(n) || list.n + 1 > SPARE_MAX || !keeps()) {
		free(p);
		return;
	}
	struct spare *spare = p;

	spare->next = list.first;
	list.first = spare;
	list.n++;
}
