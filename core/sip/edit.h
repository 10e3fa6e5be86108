/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * edit: a message with changes on top of it. The bytes received never change; a view holds the order of the header
 * lines and the lines that were written anew, and says how the message looks by now: every read through a view sees
 * what was edited before. A request's view is frozen when its first branch is made; each branch stacks a view of its
 * own on it.
 *
 * Header instances are addressed by handles. A handle stays the same when its value is replaced and is dead when the
 * instance is removed; handles of a frozen view hold in the views on top of it.
 */
#ifndef MG_SIP_EDIT_H
#define MG_SIP_EDIT_H

#include "base/arena.h"
#include "base/err.h"
#include "sip/message.h"
#include "sip/out.h"

#define SIP_EDIT_LINES_MAX \
	64 /* lines written anew in a view and those below it, the replaced ones too */
#define SIP_NO_INST 0xffff

typedef uint16_t sip_inst;

struct sip_entry {
	const char *text; /* a line written anew, with its CRLF; NULL: msg->line[inst] */
	void *typed;      /* its first value, once somebody asked */
	uint16_t name_n, value, value_n;
	sip_inst inst;
	uint8_t id;
};

struct sip_view {
	struct sip_msg *msg;
	struct arena *arena;
	struct sip_entry *entry; /* all lines in order; NULL as long as they are those of msg */
	uint16_t n, room;        /* of entry */
	uint16_t written;        /* lines written anew so far */
	uint16_t status;         /* of a response, as it is by now */
	bool frozen;
	bool body_set;
	bool length_edited; /* a Content-Length was written anew or removed */
	struct sv start;    /* start line with its CRLF, p NULL when it is as received */
	struct sv ruri;     /* inside start, p NULL likewise */
	struct sv body;     /* when body_set */
	struct sip_uri *uri;
};

/* Begin a view of `msg` without changes. What edits write is taken from `arena`, which must live as long as the view
 * and whatever was sent from it. */
void sip_view_init(struct sip_view *view, struct sip_msg *msg, struct arena *arena);

/* Begin a view on top of `under`, which no longer changes from here on; several may be made. `arena` as above; `under`
 * itself need not stay, its arena must. Returns 0 or MG_ENOMEM. */
MG_MUST_CHECK int sip_view_branch(struct sip_view *view, struct sip_view *under,
				  struct arena *arena);

/* ---- reads ---- */

/* The first instance of a header, SIP_NO_INST when there is none. Of SIP_H_OTHER, here and in sip_view_next and
 * sip_view_remove_all, every line is an instance whose name the table does not hold. */
sip_inst sip_view_first(const struct sip_view *view, enum sip_hid id);

/* The instance of the same header that follows `inst`, SIP_NO_INST at the last. */
sip_inst sip_view_next(const struct sip_view *view, sip_inst inst);

/* The first instance (after `inst`, from the top when that is SIP_NO_INST) of a name, any case, long or compact: for
 * headers that the table does not hold. */
sip_inst sip_view_find(const struct sip_view *view, struct sv name, sip_inst inst);

/* Value and name of an instance; empty when the handle is dead. */
struct sv sip_view_value(const struct sip_view *view, sip_inst inst);
struct sv sip_view_name(const struct sip_view *view, sip_inst inst);

/* As sip_typed and sip_request_uri. Offsets in `at` count from the begin of the value when it was edited, of the
 * message otherwise. SIP_FAULT_MISSING also when the arena has no room left: of an edited value only, and nothing is
 * taken for a value that is malformed. */
const void *sip_view_typed(struct sip_view *view, enum sip_hid id, struct sip_where *at);
const struct sip_uri *sip_view_uri(struct sip_view *view, struct sip_where *at);

/* Start a walk over all values of a header as they are by now; go on with sip_each_via and so on. The view must not be
 * edited during the walk. */
void sip_view_each(struct sip_each *each, struct sip_view *view, enum sip_hid id);

/* Request-URI of a request, as it is by now. */
static inline struct sv sip_view_ruri(const struct sip_view *view)
{
	return view->ruri.p ? view->ruri : sip_ruri_text(view->msg);
}

static inline struct sv sip_view_body(const struct sip_view *view)
{
	return view->body_set ? view->body : sip_body(view->msg);
}

/* ---- edits ----
 *
 * They return, the first that holds, MG_EFROZEN when a branch was made of the view, MG_ENOENT for a dead handle,
 * MG_EINVAL for text that would break out of its line (control bytes but HTAB) or a name that is no token, MG_ELIMIT
 * beyond SIP_EDIT_LINES_MAX or the size of a header line, MG_ENOMEM, or 0; on failure nothing has changed. Texts are
 * copied, but for the body, and lose the white space around them. A header is named by id; those not in the table by
 * `SIP_H_OTHER` and their name, which is ignored otherwise.
 */

/* Insert a line before the first instance of the header, in front of all lines when there is none. */
MG_MUST_CHECK int sip_view_prepend(struct sip_view *view, enum sip_hid id, struct sv name,
				   struct sv value);

/* Insert a line behind the last instance of the header, behind all lines when there is none. */
MG_MUST_CHECK int sip_view_append(struct sip_view *view, enum sip_hid id, struct sv name,
				  struct sv value);

/* Insert a line right before an instance of any header. */
MG_MUST_CHECK int sip_view_insert(struct sip_view *view, sip_inst before, enum sip_hid id,
				  struct sv name, struct sv value);

/* Replace the value of an instance; its name stays as written. */
MG_MUST_CHECK int sip_view_replace(struct sip_view *view, sip_inst inst, struct sv value);

MG_MUST_CHECK int sip_view_remove(struct sip_view *view, sip_inst inst);

/* Remove every instance of a header; 0 also when there is none. */
MG_MUST_CHECK int sip_view_remove_all(struct sip_view *view, enum sip_hid id);

/* Remove the first value of a list header (§16.7 step 3: the topmost Via; §16.4: the first Route): its line too, when
 * it was the only one there. MG_ENOENT when the header is absent, MG_EPARSE when the value is malformed. */
MG_MUST_CHECK int sip_view_pop(struct sip_view *view, enum sip_hid id);

/* Replace the first value of a list header, leaving the others as written. Errors as sip_view_pop. */
MG_MUST_CHECK int sip_view_replace_top(struct sip_view *view, enum sip_hid id, struct sv value);

/* Set the Request-URI of a request; method and version stay. MG_EINVAL for a response, and for what is not one word of
 * visible bytes; MG_ELIMIT beyond SIP_URI_MAX. Whether it is a URI is told by sip_view_uri. */
MG_MUST_CHECK int sip_view_set_uri(struct sip_view *view, struct sv uri);

/* Set status and reason phrase of a response. MG_EINVAL for a request, and for a status that is none. */
MG_MUST_CHECK int sip_view_set_status(struct sip_view *view, unsigned status, struct sv reason);

/* Set the body, which is not copied and must live as long as the view. Content-Length follows by itself. */
MG_MUST_CHECK int sip_view_set_body(struct sip_view *view, struct sv body);

/* ---- the way out ---- */

/* Write the message as it is by now. What was not edited is the bytes received, neighbours in one piece; exactly one
 * Content-Length leaves: as written when it is the only one and right, else one of our own in the place of the first,
 * or last of all. A keepalive is no message: out->err is MG_EINVAL. */
void sip_view_write(struct sip_view *view, struct sip_out *out);

/* The line of an instance with its CRLF, for builders. */
struct sv sip_view_raw(const struct sip_view *view, sip_inst inst);

/* Write every line of a header as it is by now, for builders. */
void sip_view_take(const struct sip_view *view, enum sip_hid id, struct sip_out *out);

#endif
