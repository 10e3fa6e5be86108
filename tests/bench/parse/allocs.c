/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * allocs: a library to preload that counts the allocations of a process and passes them on to glibc. The
 * driver of the parse benchmark asks it for the count; it is never present while time is taken.
 */
#include <stddef.h>
#include <stdint.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t align, size_t n);
uint64_t bench_alloc_count(void);

static uint64_t count; /* the benchmarks have one thread */

void *malloc(size_t n)
{
	count++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	count++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	count++;
	return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	count++;
	return __libc_memalign(align, n);
}

uint64_t bench_alloc_count(void)
{
	return count;
}
