/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * number: spelling, and a tree with a branch for each of thirteen signs.
 */
#include "number.h"

#include <stdlib.h>

#define SIGNS 13

/* The place of a sign in a node, -1 for what is none. */
static int sign_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	switch (c) {
	case '+': return 10;
	case '*': return 11;
	case '#': return 12;
	default: return -1;
	}
}

bool number_is_plain(struct sv text)
{
	for (size_t i = 0; i < text.n; i++)
		if (sign_of(text.p[i]) < 0 || (text.p[i] == '+' && i > 0))
			return false;
	return text.n <= NUMBER_MAX;
}

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

size_t number_of(const struct sip_uri *uri, char out[NUMBER_MAX])
{
	char user[SIP_URI_MAX];
	size_t n, digits = 0;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS &&
	    uri->scheme != SIP_SCHEME_TEL)
		return 0;
	if (uri->user.n > sizeof(user))
		return 0;
	n = sip_uri_unescape(user, uri->user);
	n = sv_find(sv_of(user, n),
		    ';'); /* parameters of a tel URI that became a user (RFC 3261 §19.1.6) */
	for (size_t i = 0; i < n; i++) {
		if (is_separator(user[i]))
			continue;
		if (digits == NUMBER_MAX)
			return 0;
		out[digits++] = user[i];
	}
	return number_is_plain(sv_of(out, digits)) ? digits : 0;
}

/* ---- the tree ---- */

struct node {
	uint32_t child[SIGNS]; /* 0: none; the root is nobody's child */
	void *value;
};

struct number_tree {
	struct node *node;
	uint32_t n, room;
};

struct number_tree *number_tree_new(void)
{
	struct number_tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->node = calloc(16, sizeof(*t->node));
	if (!t->node) {
		free(t);
		return NULL;
	}
	t->room = 16;
	t->n = 1;
	return t;
}

void number_tree_free(struct number_tree *t)
{
	if (t)
		free(t->node);
	free(t);
}

/* A new node; 0 without memory. */
static uint32_t add_node(struct number_tree *t)
{
	if (t->n == t->room) {
		struct node *more = t->room < UINT32_MAX / 2
					    ? realloc(t->node, 2 * (size_t)t->room * sizeof(*more))
					    : NULL;
		if (!more)
			return 0;
		t->node = more;
		t->room *= 2;
	}
	t->node[t->n] = (struct node){0};
	return t->n++;
}

void **number_tree_slot(struct number_tree *t, struct sv prefix)
{
	uint32_t at = 0;

	for (size_t i = 0; i < prefix.n; i++) {
		int sign = sign_of(prefix.p[i]);
		uint32_t next = t->node[at].child[sign];

		if (!next) {
			next = add_node(t);
			if (!next)
				return NULL;
			t->node[at].child[sign] = next;
		}
		at = next;
	}
	return &t->node[at].value;
}

size_t number_tree_find(const struct number_tree *t, struct sv number, void **found, size_t max)
{
	void *way[NUMBER_MAX + 1];
	size_t n = 0, given = 0;
	uint32_t at = 0;

	for (size_t i = 0;; i++) {
		if (t->node[at].value)
			way[n++] = t->node[at].value;
		at = i < number.n && i < NUMBER_MAX ? t->node[at].child[sign_of(number.p[i])] : 0;
		if (!at)
			break;
	}
	while (n && given < max)
		found[given++] = way[--n];
	return given;
}
