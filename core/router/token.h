/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * token: the user part of every Record-Route of ours: zone, flow and a keyed MAC that binds them to one dialog (Call-ID and the tag of who began it). It proves
 * that a request is in a dialog that passed here, says which side it comes from and where to it goes, and is kept by the peers, so that a restart or another
 * node with the same keys decides the same. It also says, in 48 bits of a keyed hash, which remote target one of the sides named: what strangers send in the dialog
 * may go there and nowhere else (remote.c). Pure.
 *
 *	key id (1) | flags (1) | zone (2) | flow of the one who began it (8, if said) | flow of the other side (8, if said) | remote target (6, if said) | MAC (8)
 *
 * in the 64 characters A-Z a-z 0-9 "-" "_", behind a leading "m".
 */
#ifndef MG_ROUTER_TOKEN_H
#define MG_ROUTER_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/siphash.h"
#include "base/sv.h"

/* Keys that outlive restarts and are shared by nodes. The first mints, all open. */
#define TOKEN_KEYS_MAX 4
struct token_keys {
	struct {
		uint8_t id;
		struct siphash_key key;
	} key[TOKEN_KEYS_MAX];
	unsigned n;
};

enum token_remote {
	TOKEN_NO_REMOTE,
	TOKEN_CALLER, /* of the side that began the dialog: where the other's requests go */
	TOKEN_CALLEE, /* of the other side */
};

struct token {
	uint16_t zone;        /* token_zone of the zone on the side that this Record-Route faces */
	bool two;             /* the other of the pair that RFC 5658 asks for lies beside it */
	uint64_t caller_flow; /* connection of the side that began the dialog, 0: none */
	uint64_t callee_flow; /* of the other side */
	uint8_t remote_of;    /* enum token_remote: whose target `remote` is */
	uint8_t key;          /* by which key it was opened: its place in token_keys */
	uint64_t remote;      /* TOKEN_REMOTE_BITS of token_place hashes, added up */
};

#define TOKEN_REMOTE_BITS 48
#define TOKEN_REMOTE_MASK (((uint64_t)1 << TOKEN_REMOTE_BITS) - 1)

#define TOKEN_MAX 48 /* characters at most */

/* A zone's name in 16 bits. */
uint16_t token_zone(const char *name);

/* Write a token for the dialog that `call_id` and `tag`, the From tag of the request that begins it, name. Returns characters written. */
size_t token_mint(const struct token_keys *keys, const struct token *token, struct sv call_id,
		  struct sv tag, char out[TOKEN_MAX]);

/* A text of the kind `what` under the key at this place: what peers cannot compute, and every node with the keys can. */
uint64_t token_place(const struct token_keys *keys, unsigned key, char what, struct sv text);

/* Whether a user part has the form of a token. */
bool token_like(struct sv user);

/* Open a token in a request with these tags.
 *
 * from_caller  Set: the sender is the side that began the dialog.
 * Returns      0, MG_EPARSE when it has not the form, MG_EAUTH when it was not minted by these keys for this dialog.
 */
MG_MUST_CHECK int token_open(const struct token_keys *keys, struct sv user, struct sv call_id,
			     struct sv from_tag, struct sv to_tag, struct token *out,
			     bool *from_caller);

#endif
