/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_alloc: lets a chosen allocation fail. For one test program that is linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc; included once, in its one source file.
 */
#ifndef MG_BASE_TEST_ALLOC_H
#define MG_BASE_TEST_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

/* Allocations that still succeed before one fails; negative: none fails. */
static long alloc_until_failure = -1;
static size_t alloc_count; /* calls since the program began */

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static int alloc_fails_now(void)
{
	alloc_count++;
	return alloc_until_failure >= 0 && alloc_until_failure-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return alloc_fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return alloc_fails_now() ? NULL : __real_calloc(count, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return alloc_fails_now() ? NULL : __real_aligned_alloc(align, n);
}

#endif
