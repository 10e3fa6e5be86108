/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * test_loop: what the tests of this room share: a loop with plain options, and counting descriptors.
 * Included by tests only, behind cmocka.
 */
#ifndef MG_EVENT_TEST_LOOP_H
#define MG_EVENT_TEST_LOOP_H

#include <dirent.h>

#include "event/loop.h"

static inline struct loop *loop_plain(void)
{
	struct loop *loop = loop_new(&(struct loop_options){.name = "test"});

	assert_non_null(loop);
	return loop;
}

/* Descriptors that this process has open, and one. */
static inline unsigned descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
