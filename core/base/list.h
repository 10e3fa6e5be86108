/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * list: a doubly linked list through a field of the objects, so that linking never allocates and an
 * object leaves its list without knowing which one it is in. Owns nothing.
 */
#ifndef MG_BASE_LIST_H
#define MG_BASE_LIST_H

#include <stdbool.h>

#include "base/container_of.h"

/* A list, and a link in one. Both begin with list_init. */
struct list {
	struct list *next, *prev;
};

/* An empty list, or a link that is in none. */
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* No link in the list; said of a link: it is in no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Put `item`, which is in no list, right behind `at`. */
static inline void list_insert(struct list *at, struct list *item)
{
	item->prev = at;
	item->next = at->next;
	at->next->prev = item;
	at->next = item;
}

/* Put `item`, which is in no list, at the front. */
static inline void list_push(struct list *l, struct list *item)
{
	list_insert(l, item);
}

/* Put `item`, which is in no list, at the end. */
static inline void list_append(struct list *l, struct list *item)
{
	list_insert(l->prev, item);
}

/* Take `item` out of its list. May be called again: it is in no list then. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Take out the first link; NULL when there is none. */
static inline struct list *list_shift(struct list *l)
{
	struct list *item = l->next;

	if (item == l)
		return NULL;
	list_remove(item);
	return item;
}

/* Move all links of `from` to the end of `to`, in order. */
static inline void list_take_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* Go through the links from first to last: `it` is a struct list *, container_of gives the object.
 * The list must not change meanwhile.
 */
#define list_for_each(it, list) for ((it) = (list)->next; (it) != (list); (it) = (it)->next)

/* The same where the body may take `it` out of the list, or free it. `after` is a struct list * that
 * belongs to the loop.
 */
#define list_for_each_safe(it, after, list)                             \
	for ((it) = (list)->next, (after) = (it)->next; (it) != (list); \
	     (it) = (after), (after) = (it)->next)

#endif
