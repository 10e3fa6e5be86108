/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * container_of: from a node that is embedded in an object to the object.
 */
#ifndef MG_BASE_CONTAINER_OF_H
#define MG_BASE_CONTAINER_OF_H

#include <stddef.h>

/* The `type` whose field `member` is at `ptr`, which must not be NULL. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
