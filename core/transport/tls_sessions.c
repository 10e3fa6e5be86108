/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_sessions: a map of sessions with the order they came in.
 */
#include "transport/tls_sessions.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

struct tls_sessions {
	struct map map;
	struct list order; /* oldest first */
};

struct entry {
	struct map_node node;
	struct list link;
	SSL_SESSION *session;
	char key[];
};

struct tls_sessions *tls_sessions_new(unsigned max)
{
	struct tls_sessions *sessions = calloc(1, sizeof(*sessions));

	if (!sessions || map_init(&sessions->map, max)) {
		free(sessions);
		return NULL;
	}
	list_init(&sessions->order);
	return sessions;
}

/* Take an entry out and free it, but for its session. */
static SSL_SESSION *drop(struct tls_sessions *sessions, struct entry *entry)
{
	SSL_SESSION *session = entry->session;

	map_remove(&sessions->map, &entry->node);
	list_remove(&entry->link);
	free(entry);
	return session;
}

static void drop_oldest(struct tls_sessions *sessions)
{
	SSL_SESSION_free(drop(sessions, container_of(sessions->order.next, struct entry, link)));
}

void tls_sessions_flush(struct tls_sessions *sessions)
{
	while (!list_empty(&sessions->order))
		drop_oldest(sessions);
}

void tls_sessions_free(struct tls_sessions *sessions)
{
	if (!sessions)
		return;
	tls_sessions_flush(sessions);
	map_done(&sessions->map);
	free(sessions);
}

void tls_sessions_put(struct tls_sessions *sessions, struct sv key, SSL_SESSION *session)
{
	SSL_SESSION_free(tls_sessions_take(sessions, key));
	struct entry *entry = calloc(1, sizeof(*entry) + key.n);
	if (!entry) {
		SSL_SESSION_free(session);
		return;
	}
	if (map_count(&sessions->map) >= sessions->map.max && !list_empty(&sessions->order))
		drop_oldest(sessions);
	memcpy(entry->key, key.p, key.n);
	entry->session = session;
	list_init(&entry->link);
	if (map_insert(&sessions->map, &entry->node, sv_of(entry->key, key.n))) {
		SSL_SESSION_free(session);
		free(entry);
		return;
	}
	list_append(&sessions->order, &entry->link);
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, struct sv key)
{
	struct map_node *node = map_find(&sessions->map, key);

	return node ? drop(sessions, container_of(node, struct entry, node)) : NULL;
}
